//! What the personas stage found, put into the words and figures of the persona page.

use std::path::Path;

use crate::data::History;
use crate::features::behaviour::{Lifecycle, Transform, feature_specs};
use crate::features::drift::{label_counts, migration, population_stability};
use crate::features::evidence::{Evidence, KEvidence};
use crate::features::{Matrix, PersonaTimeline};
use crate::report::persona_page as page;
use crate::report::{Estimate, Fact, HeatMap};
use crate::run::error::RunError;
use crate::run::load::PersonaFile;
use crate::run::stage::Job;
use crate::run::value::{PersonaValue, Value};

/// Customers below which a persona's figures are not shown.
const SMALL_CELL: usize = 10;
/// Profile figures on a card.
const CARD_FACTS: usize = 10;

/// Everything the page is made from.
pub(in crate::run) struct People<'a> {
    pub(in crate::run) job: &'a Job<'a>,
    pub(in crate::run) history: &'a History,
    pub(in crate::run) file: &'a PersonaFile,
    /// Features of the customers grouped.
    pub(in crate::run) rows: &'a Matrix,
    pub(in crate::run) labels: &'a [usize],
    pub(in crate::run) evidence: &'a Evidence,
    pub(in crate::run) timeline: &'a PersonaTimeline,
    pub(in crate::run) value: &'a Option<Value>,
}

/// Writes `personas.html` and its plots into a folder.
pub(in crate::run) fn write(people: &People<'_>, folder: &Path) -> Result<(), RunError> {
    let history = people.history;
    let model = &people.file.model;
    let silhouette = model.silhouette();
    let (migrations, stability) = drift(people);
    let content = page::PersonaPage {
        title: "Customer personas".to_owned(),
        data_window: format!(
            "{} to {}; grouped as of the weeks before the held-out ones",
            history.first_week,
            history.week_start(history.n_weeks) - chrono::Days::new(1)
        ),
        currency: people.job.config.currency.clone(),
        interval_level: 0.95,
        headline: headline(people),
        warnings: people.file.warning.iter().cloned().collect(),
        personas: (0..model.n_personas()).map(|persona| summary(people, persona)).collect(),
        heat_map: heat_map(people),
        pca: people.evidence.pca.as_ref().map(pca),
        silhouettes: silhouettes(people.evidence),
        mean_silhouette: silhouette,
        selection: selection(people),
        dendrogram: people.evidence.tree.as_ref().map(dendrogram),
        migrations,
        stability,
        calibration: people.value.as_ref().and_then(|value| calibration(people, value)),
        features: features(people),
        method: method(people),
    };
    page::render(&content, folder)?;
    Ok(())
}

fn headline(people: &People<'_>) -> String {
    let model = &people.file.model;
    let largest = model.cards.iter().max_by(|a, b| a.share.total_cmp(&b.share));
    let largest = largest.map_or(String::new(), |card| {
        format!(" The largest, {}, holds {:.0} %.", card.name, 100.0 * card.share)
    });
    format!(
        "{} customers fall into {} personas (mean silhouette {:.2}).{largest}",
        people.labels.len(),
        model.n_personas(),
        model.silhouette()
    )
}

fn summary(people: &People<'_>, persona: usize) -> page::PersonaSummary {
    let card = &people.file.model.cards[persona];
    let shown = card.size >= SMALL_CELL;
    let fact = |(label, value): &(String, f64)| Fact {
        label: label.clone(),
        value: format!("{value:.2}"),
    };
    let value = people.value.as_ref();
    let own: Option<PersonaValue> = value.and_then(|value| value.personas[persona]);
    let estimate = |[estimate, lower, upper]: [f64; 3]| Estimate::new(estimate, lower, upper);
    page::PersonaSummary {
        name: card.name.clone(),
        size: shown.then_some(card.size as u64),
        share: shown.then_some(card.share),
        description: card.description.clone(),
        profile: card.profile.iter().take(CARD_FACTS).map(fact).collect(),
        stages: if shown { stages(people, persona) } else { Vec::new() },
        expected_purchases: own.map(|own| estimate(own.purchases)),
        lifetime_value: own.map(|own| estimate(own.lifetime_value)),
        value_horizon: value.map_or(String::new(), |value| {
            format!("weeks with a purchase, next {} weeks", value.horizon_weeks)
        }),
    }
}

/// Shares of the lifecycle stages with enough customers to be shown.
fn stages(people: &People<'_>, persona: usize) -> Vec<page::StageShare> {
    let inputs = &people.file.model.preparation.inputs;
    let Some(column) = inputs.iter().position(|name| name == "lifecycle") else {
        return Vec::new();
    };
    let members = people.rows.rows().zip(people.labels).filter(|(_, label)| **label == persona);
    let codes: Vec<f64> = members.map(|(row, _)| row[column]).collect();
    let share = |stage: &Lifecycle| {
        let n = codes.iter().filter(|code| **code == stage.code()).count();
        // A stage of few people is left out: its share would tell how few they are.
        (n >= SMALL_CELL).then(|| page::StageShare {
            stage: stage.name().replace('_', " "),
            share: n as f64 / codes.len() as f64,
        })
    };
    Lifecycle::ALL.iter().filter_map(share).collect()
}

fn heat_map(people: &People<'_>) -> HeatMap {
    let model = &people.file.model;
    let z = |feature: usize| {
        (0..model.n_personas())
            .map(|persona| match model.cards[persona].size >= SMALL_CELL {
                true => model.z_scores.row(persona)[feature],
                false => f64::NAN,
            })
            .collect()
    };
    HeatMap {
        features: model.feature_names().map(plain).collect(),
        personas: model.names().map(str::to_owned).collect(),
        z_scores: (0..model.z_scores.n_columns()).map(z).collect(),
    }
}

/// A feature's name as people read it.
fn plain(name: &str) -> String {
    name.replace('_', " ").replace("mix:", "share of ")
}

fn pca(found: &crate::features::evidence::PcaEvidence) -> page::PcaMap {
    let point = |&(x, y, persona): &(f64, f64, usize)| page::PcaPoint { x, y, persona };
    let loading = |(feature, weights): &(String, Vec<f64>)| page::Loading {
        feature: plain(feature),
        weights: weights.clone(),
    };
    let ends = |axis: usize| -> String {
        let mut order: Vec<&(String, Vec<f64>)> = found.loadings.iter().collect();
        order.sort_by(|a, b| b.1[axis].abs().total_cmp(&a.1[axis].abs()));
        let word = |(name, weights): &(String, Vec<f64>)| {
            format!("{} {}", if weights[axis] > 0.0 { "more" } else { "less" }, plain(name))
        };
        let words: Vec<String> = order.iter().take(2).map(|one| word(one)).collect();
        format!("{} →", words.join(", "))
    };
    page::PcaMap {
        points: found.points.iter().map(point).collect(),
        explained_variance: found.explained.clone(),
        loadings: found.loadings.iter().map(loading).collect(),
        axis_titles: vec![ends(0), ends(1)],
    }
}

fn silhouettes(evidence: &Evidence) -> Vec<page::SilhouetteGroup> {
    let groups = evidence.silhouettes.iter().enumerate();
    let filled = groups.filter(|(_, values)| !values.is_empty());
    let group = |(persona, values): (usize, &Vec<f64>)| page::SilhouetteGroup {
        persona,
        values: values.clone(),
        mean: values.iter().sum::<f64>() / values.len() as f64,
    };
    filled.map(group).collect()
}

fn selection(people: &People<'_>) -> page::Selection {
    let unknown = || Estimate::new(f64::NAN, f64::NAN, f64::NAN);
    let row = |one: &KEvidence| page::SelectionRow {
        k: one.n_clusters,
        silhouette: one.silhouette,
        gap: one.gap.map_or_else(unknown, |[gap, s]| Estimate::new(gap, gap - s, gap + s)),
        bic: one.bic.unwrap_or(f64::NAN),
        stability: one.stability.map_or_else(unknown, |[m, l, u]| Estimate::new(m, l, u)),
        noise_stability: one.noise.map_or_else(unknown, |[m, l, u]| Estimate::new(m, l, u)),
    };
    let model = &people.file.model;
    let config = &people.job.config.personas;
    let by = match config.choose_by {
        crate::features::personas::ChooseBy::Silhouette => "the largest mean silhouette",
        crate::features::personas::ChooseBy::Gap => "the gap statistic",
        crate::features::personas::ChooseBy::Bic => "the lowest BIC",
    };
    let noise = match people.evidence.beats_noise {
        Some(true) => "; the groups return on bootstrap samples more than groups in noise do",
        Some(false) => "; noise groups return just as well",
        None => "",
    };
    page::Selection {
        chosen: model.n_personas(),
        reason: format!(
            "{} personas: {by} among {} to {}{noise}",
            model.n_personas(),
            config.k_min,
            config.k_max
        ),
        rows: people.evidence.by_k.iter().map(row).collect(),
    }
}

fn dendrogram(tree: &crate::features::evidence::TreeEvidence) -> page::Dendrogram {
    let leaf = |&(size, persona): &(u64, usize)| page::DendrogramLeaf { size, persona };
    let merge = |&(left, right, height): &(usize, usize, f64)| page::DendrogramMerge {
        left,
        right,
        height,
    };
    page::Dendrogram {
        leaves: tree.leaves.iter().map(leaf).collect(),
        merges: tree.merges.iter().map(merge).collect(),
        cut_height: tree.cut_height,
        sample: tree.sample,
    }
}

/// Moves between successive snapshots of customers who had bought by the earlier one.
fn drift(people: &People<'_>) -> (Vec<page::Migration>, Vec<page::QuarterDrift>) {
    let (timeline, history) = (people.timeline, people.history);
    let model = &people.file.model;
    let n = model.n_personas();
    let first_week = |customer: usize| {
        history.cells_of(customer as u32).first().map_or(u32::MAX, |cell| cell.week)
    };
    let starts: Vec<u32> = (0..history.customers.len()).map(first_week).collect();
    let (mut migrations, mut stability) = (Vec::new(), Vec::new());
    // Snapshots asked for besides the quarterly ones are too near to their neighbours.
    let step = people.job.data_config().map_or(13, |config| config.snapshot_weeks);
    let regular: Vec<usize> = (0..timeline.weeks.len())
        .filter(|at| (history.n_weeks - timeline.weeks[*at]).is_multiple_of(step))
        .collect();
    for pair in regular.windows(2) {
        let (before, after) = (pair[0], pair[1]);
        let known = |at: usize| -> Vec<usize> {
            let week = timeline.weeks[at];
            (0..starts.len()).filter(|customer| starts[*customer] < week).collect()
        };
        let label = |at: usize, who: &[usize]| -> Vec<usize> {
            who.iter().map(|customer| usize::from(timeline.personas[at][*customer])).collect()
        };
        let stayed = known(before);
        let (from, to) = (label(before, &stayed), label(after, &stayed));
        let Ok(moves) = migration(&from, &to, n) else { continue };
        let named = |at: usize| history.week_start(timeline.weeks[at]).to_string();
        let shown = |count: &u64| (*count == 0 || *count >= SMALL_CELL as u64).then_some(*count);
        migrations.push(page::Migration {
            from: named(before),
            to: named(after),
            states: model.names().map(str::to_owned).collect(),
            counts: moves.counts.iter().map(|row| row.iter().map(shown).collect()).collect(),
            row_shares: moves.shares.clone(),
        });
        let everyone = label(after, &known(after));
        let (Ok(old), Ok(new)) = (label_counts(&from, n), label_counts(&everyone, n)) else {
            continue;
        };
        if let Ok(found) = population_stability(&old, &new) {
            let quarter = format!("{} to {}", named(before), named(after));
            stability.push(page::QuarterDrift { quarter, psi: found.psi });
        }
    }
    (migrations, stability)
}

fn calibration(people: &People<'_>, value: &Value) -> Option<page::Calibration> {
    let found = value.calibration.as_ref()?;
    let last = found.rows.iter().map(|row| row.repeat_purchases).max().unwrap_or(0);
    let row = |row: &crate::features::value::CalibrationRow| page::CalibrationRow {
        past_purchases: match row.repeat_purchases == last {
            true => format!("{last}+"),
            false => row.repeat_purchases.to_string(),
        },
        customers: (row.n_customers >= SMALL_CELL).then_some(row.n_customers as u64),
        actual: row.actual,
        predicted: row.predicted,
    };
    let week = |week: &crate::features::value::TrackingWeek| page::TrackingWeek {
        week: people.history.week_start(week.week).to_string(),
        actual: week.actual as f64,
        expected: week.expected,
    };
    let fact = |label: &str, value: String| Fact { label: label.to_owned(), value };
    let ratio = |ratio: Option<f64>| ratio.map_or("–".to_owned(), |ratio| format!("{ratio:.2}"));
    let weeks = people.history.n_weeks;
    let split = weeks - (found.held_out_weeks.round() as u32).min(weeks);
    Some(page::Calibration {
        window: format!(
            "fitted on {split} weeks, checked on the {:.0} after",
            found.held_out_weeks
        ),
        by_past_purchases: found.rows.iter().map(row).collect(),
        tracking: found.tracking.iter().map(week).collect(),
        split: split as usize,
        facts: vec![
            fact(
                "mean absolute error, weeks with a purchase",
                format!(
                    "{:.2} (same rate as before: {:.2})",
                    found.mean_absolute_error, found.baseline_mean_absolute_error
                ),
            ),
            fact(
                "predicted over actual purchases",
                format!(
                    "{} (same rate as before: {})",
                    ratio(found.total_ratio),
                    ratio(found.baseline_total_ratio)
                ),
            ),
            fact(
                "better than the same rate as before",
                if found.beats_baseline() { "yes" } else { "no: trust the plain rate more" }.into(),
            ),
        ],
    })
}

fn features(people: &People<'_>) -> Vec<page::FeatureRow> {
    let preparation = &people.file.model.preparation;
    let specs = feature_specs(&people.file.categories);
    let row = |name: &str, dropped: Option<String>| {
        let spec = specs.iter().find(|spec| spec.name == name);
        page::FeatureRow {
            name: plain(name),
            unit: spec.map_or("", |spec| spec.unit).to_owned(),
            meaning: spec.map_or("", |spec| spec.meaning).to_owned(),
            transform: match spec.map(|spec| spec.transform) {
                Some(Transform::Log1p) => "ln(1 + x), clipped, standardised".to_owned(),
                _ => "clipped, standardised".to_owned(),
            },
            dropped,
        }
    };
    let used = preparation.features.iter().map(|feature| row(&feature.name, None));
    let dropped = preparation.dropped.iter();
    used.chain(dropped.map(|one| row(&one.name, Some(one.reason.clone())))).collect()
}

fn method(people: &People<'_>) -> Vec<String> {
    let model = &people.file.model;
    let grouping = match model.method {
        crate::features::personas::Method::KMeans => "k-means",
        crate::features::personas::Method::GaussianMixture => "a Gaussian mixture",
        crate::features::personas::Method::Ward => "Ward's tree",
    };
    let pca = people.evidence.pca.as_ref().map(|pca| {
        format!(
            "{} principal components hold 80 % of the variance; the map shows the first two.",
            pca.n_for_80_percent
        )
    });
    let mut sentences = vec![
        format!(
            "Features are clipped to their 1 % and 99 % quantiles and standardised; undefined ones \
             stand at the median. Customers are grouped by {grouping} on {} features.",
            model.preparation.n_features()
        ),
        "Personas are numbered by money per week, the largest first. A new customer goes to the \
         nearest persona without any refit; members.csv also holds the probability of belonging."
            .to_owned(),
        format!(
            "Stability is the mean adjusted Rand index between the groups of all customers and \
             those of {} bootstrap samples; noise is one cloud of the same spread, skewness and \
             correlation.",
            people.job.config.personas.n_bootstrap
        ),
        "Personas describe; nothing on this page is an effect of an offer.".to_owned(),
    ];
    sentences.extend(pca);
    sentences
}
