//! The page on the fitted world from what the fit stage found.

use super::evidence::check;
use crate::demand::card::{CardLine, CardVerdict, CardWeek, RealismCard, Spread};
use crate::demand::choice::ChoiceReport;
use crate::demand::coefficients::Evidence as Basis;
use crate::demand::curves::ResponseSummary;
use crate::demand::{FittedDemand, Ground};
use crate::report as input;
use crate::report::world_page::{
    Ablation, AblationRow, CardGroup, CardRow, CoefficientRow, DistanceCell, DistributionRow,
    Distributions, Evidence, FitMethod, FitPart, HeldOutBand, HeldOutSeries, PersonaDistanceRow,
    PersonaDistances, PooledCategory, ReferenceBand, ResponseGroup, ResponseRow, Unit, WorldPage,
    render,
};
use crate::run::error::RunError;
use crate::run::lift::LiftResult;
use std::path::Path;

mod promotions;

/// What the page is made from.
pub(crate) struct ReadOuts<'a> {
    pub(crate) fitted: &'a FittedDemand,
    pub(crate) card: &'a RealismCard,
    pub(crate) response: &'a ResponseSummary,
    pub(crate) lift: &'a LiftResult,
    pub(crate) choice: Option<&'a ChoiceReport>,
}

/// Writes `world.html` and its plots into `dir`.
pub(crate) fn write(
    dir: &Path,
    ground: &Ground<'_>,
    found: &ReadOuts<'_>,
    currency: &str,
) -> Result<(), RunError> {
    let history = ground.history;
    let (train_end, n_weeks) = (found.fitted.train_end, history.n_weeks);
    let week = |w: u32| history.week_start(w).to_string();
    let last = history.week_start(n_weeks) - chrono::Days::new(1);
    let (verdict, sentence) = verdict(found.card);
    let page = WorldPage {
        data_window: format!("{} to {last}", week(0)),
        held_out_window: format!("{} to {last} ({} weeks)", week(train_end), n_weeks - train_end),
        currency: currency.to_owned(),
        interval_level: 0.95,
        verdict: Some(verdict),
        sentence,
        card: card_groups(found.card),
        held_out: held_out(&found.card.weeks),
        distributions: distributions(found.card),
        persona_distances: persona_distances(ground, found),
        responses: responses(ground, found),
        coefficients: found.fitted.coefficients.iter().map(coefficient).collect(),
        pooled: pooled(found.fitted),
        ablation: ablation(found.fitted),
        promotions: promotions::past(ground, found.lift, found.fitted.offer_evidence),
        method: method(ground, found),
        warnings: warnings(found.fitted),
        ..WorldPage::default()
    };
    Ok(render(&page, dir)?)
}

/// The verdict on the world as a whole, and why.
pub(super) fn verdict(card: &RealismCard) -> (input::Check, String) {
    let count = |v: CardVerdict| card.lines.iter().filter(|line| line.verdict == v).count();
    let (pass, warn, fail) =
        (count(CardVerdict::Pass), count(CardVerdict::Warn), count(CardVerdict::Fail));
    let verdict = match (warn, fail) {
        (0, 0) => input::Check::Pass,
        (_, 0) => input::Check::Warn,
        _ => input::Check::Fail,
    };
    let worst: Vec<&str> = card
        .lines
        .iter()
        .filter(|line| line.verdict == CardVerdict::Fail)
        .map(|line| line.line.as_str())
        .collect();
    let lines = format!("{pass} lines pass, {warn} warn, {fail} fail");
    let sentence = match worst.as_slice() {
        [] if warn == 0 => format!("{lines}: the world behaves like the held-out weeks."),
        [] => format!("{lines}: usable, with the warned lines in mind."),
        worst => format!("{lines}: not like the held-out weeks in {}.", worst.join(", ")),
    };
    (verdict, sentence)
}

fn spread(spread: &Spread) -> input::Estimate {
    if spread.lower == spread.upper {
        return input::Estimate::without_interval(spread.mean);
    }
    input::Estimate::new(spread.mean, spread.lower, spread.upper)
}

fn optional(found: Option<&Spread>) -> input::Estimate {
    found.map_or_else(input::Estimate::unknown, spread)
}

/// Groups of the card, by what a line is about.
const GROUPS: [(&str, &[&str]); 4] = [
    ("Weekly totals", &["weekly"]),
    (
        "Prices and promotions",
        &["elasticity", "dip", "feature", "cannibal", "halo", "lose", "losing"],
    ),
    ("Distributions", &["distribution", "KS", "distributions"]),
    ("Customers", &[]),
];

fn card_groups(card: &RealismCard) -> Vec<CardGroup> {
    let group_of = |line: &CardLine| {
        let holds = |words: &[&str]| words.iter().any(|word| line.line.contains(word));
        GROUPS.iter().position(|(_, words)| words.is_empty() || holds(words)).unwrap_or(0)
    };
    let row = |line: &CardLine| CardRow {
        line: line.line.clone(),
        unit: Unit::Number,
        actual: line
            .actual
            .map_or_else(input::Estimate::unknown, input::Estimate::without_interval),
        simulated: optional(line.simulated.as_ref()),
        band: line.band.clone(),
        source: String::new(),
        verdict: check(line.verdict),
        note: line.note.clone(),
    };
    let group = |(at, (title, _)): (usize, &(&str, &[&str]))| CardGroup {
        title: (*title).to_owned(),
        rows: card.lines.iter().filter(|line| group_of(line) == at).map(row).collect(),
    };
    GROUPS.iter().enumerate().map(group).filter(|group| !group.rows.is_empty()).collect()
}

fn held_out(weeks: &[CardWeek]) -> Vec<HeldOutSeries> {
    let series = |name: &str, unit: Unit, of: fn(&CardWeek) -> &crate::demand::card::Banded| {
        let n = weeks.len().max(1) as f64;
        let mean = |value: &dyn Fn(&crate::demand::card::Banded) -> f64| {
            weeks.iter().map(|w| value(of(w))).sum::<f64>() / n
        };
        let inside = |(low, high): (f64, f64), actual: f64| {
            f64::from(u8::from(low <= actual && actual <= high))
        };
        let band = |w: &CardWeek| {
            let b = of(w);
            HeldOutBand {
                week: w.week.clone(),
                actual: b.actual,
                band_80: input::Estimate::new(b.simulated, b.band_80.0, b.band_80.1),
                band_95: input::Estimate::new(b.simulated, b.band_95.0, b.band_95.1),
            }
        };
        HeldOutSeries {
            name: name.to_owned(),
            unit,
            weeks: weeks.iter().map(band).collect(),
            mean_error: mean(&|b| ((b.simulated - b.actual) / b.actual).abs()),
            coverage_80: mean(&|b| inside(b.band_80, b.actual)),
            coverage_95: mean(&|b| inside(b.band_95, b.actual)),
            bias: mean(&|b| b.actual) / mean(&|b| b.simulated) - 1.0,
        }
    };
    vec![
        series("Revenue per week", Unit::Money, |w| &w.revenue),
        series("Units per week", Unit::Number, |w| &w.units),
    ]
}

fn distributions(card: &RealismCard) -> Option<Distributions> {
    if card.ten.is_empty() {
        return None;
    }
    let rows: Vec<DistributionRow> = card
        .ten
        .iter()
        .map(|one| DistributionRow {
            name: one.name.clone(),
            ks: spread(&one.ks_complement),
            range: optional(one.range_coverage.as_ref()),
            against_itself: one.against_itself.as_ref().map_or(f64::NAN, |s| s.mean),
            peer_ks: one.published.as_ref().map_or(f64::NAN, |p| p.ks_complement),
            peer_range: one.published.as_ref().map_or(f64::NAN, |p| p.range_coverage),
            note: format!("one value: {}", one.unit),
            ..DistributionRow::default()
        })
        .collect();
    let mean = |of: &dyn Fn(&DistributionRow) -> f64| {
        let known: Vec<f64> = rows.iter().map(of).filter(|v| v.is_finite()).collect();
        known.iter().sum::<f64>() / known.len().max(1) as f64
    };
    Some(Distributions {
        peer: "RetailSynth".to_owned(),
        how: "Held-out weeks of the sampled customers against replications of the same weeks; the \
              published figures are in-sample, on 100 customers over 53 weeks."
            .to_owned(),
        mean_ks: input::Estimate::without_interval(mean(&|r| r.ks.value)),
        mean_range: input::Estimate::without_interval(mean(&|r| r.range.value)),
        peer_mean_ks: mean(&|r| r.peer_ks),
        peer_mean_range: mean(&|r| r.peer_range),
        goal_mean: 0.90,
        goal_each: 0.75,
        rows,
    })
}

fn persona_distances(ground: &Ground<'_>, found: &ReadOuts<'_>) -> Option<PersonaDistances> {
    let card = found.card;
    // As of the first held-out week, like the comparison itself.
    let personas_then: Vec<usize> = (0..ground.history.customers.len())
        .map(|customer| ground.timeline.at(customer, found.fitted.train_end))
        .collect();
    let mut personas: Vec<usize> =
        card.behaviour.iter().flat_map(|b| b.personas.iter().map(|(k, _)| *k)).collect();
    personas.sort_unstable();
    personas.dedup();
    let unknown =
        || DistanceCell { ks: input::Estimate::unknown(), wasserstein: input::Estimate::unknown() };
    let row = |&persona: &usize| PersonaDistanceRow {
        persona: format!("persona {persona}"),
        customers: Some(personas_then.iter().filter(|p| **p == persona).count() as u64),
        cells: card
            .behaviour
            .iter()
            .map(|b| match b.personas.iter().find(|(k, _)| *k == persona) {
                Some((_, one)) => DistanceCell {
                    ks: spread(&one.ks_complement),
                    wasserstein: optional(one.wasserstein_over_deviation.as_ref()),
                },
                None => unknown(),
            })
            .collect(),
    };
    (!personas.is_empty()).then(|| PersonaDistances {
        quantities: card.behaviour.iter().map(|b| b.all.name.clone()).collect(),
        rows: personas.iter().map(row).collect(),
    })
}

fn responses(ground: &Ground<'_>, found: &ReadOuts<'_>) -> Vec<ResponseGroup> {
    let names = &ground.schema.categories;
    let own = |e: &crate::demand::curves::CategoryElasticity| ResponseRow {
        category: names[e.category].clone(),
        estimate: input::Estimate::new(e.estimate, e.lower, e.upper),
        evidence: Evidence::QuasiExperimental,
        is_summary: false,
    };
    let mut groups = vec![ResponseGroup {
        title: "How a whole category responds to its shelf price".to_owned(),
        axis: "Per cent change in units per per cent of the price paid".to_owned(),
        reference: None,
        rows: found.response.elasticities.iter().map(own).collect(),
    }];
    if let Some(choice) = found.choice {
        let product = |c: &crate::demand::choice::CategoryReadOut| ResponseRow {
            category: c.name.clone(),
            estimate: input::Estimate::new(
                c.promotion_elasticity.value,
                c.promotion_elasticity.low,
                c.promotion_elasticity.high,
            ),
            evidence: Evidence::QuasiExperimental,
            is_summary: false,
        };
        groups.push(ResponseGroup {
            title: "How one product responds to its own price cut, the category held fixed".to_owned(),
            axis: "Per cent change in units per per cent of the price paid".to_owned(),
            reference: Some(ReferenceBand {
                lower: -3.63,
                upper: -2.62,
                source: "promotion −3.63 (van Heerde and Neslin), all prices −2.62 (Bijmolt et al. 2005)"
                    .to_owned(),
            }),
            rows: choice.categories.iter().filter(|c| c.steady_products > 0).map(product).collect(),
        });
    }
    groups
}

fn coefficient(c: &crate::demand::coefficients::Coefficient) -> CoefficientRow {
    let (part, scope) = c.part.split_once(':').unwrap_or((&c.part, ""));
    CoefficientRow {
        part: part.to_owned(),
        term: c.name.clone(),
        scope: scope.to_owned(),
        estimate: input::Estimate::new(c.estimate, c.lower, c.upper),
        evidence: match c.evidence {
            Basis::Randomised => Evidence::Randomised,
            Basis::QuasiExperimental => Evidence::QuasiExperimental,
            Basis::Observational => Evidence::Observational,
            Basis::Prior => Evidence::Prior,
        },
        prior_share: (c.prior_left * c.prior_left).min(1.0),
    }
}

fn pooled(fitted: &FittedDemand) -> Vec<PooledCategory> {
    let one = |part: &crate::demand::fit::PartReport| {
        let reason = part.pooled_because.clone()?;
        Some(PooledCategory { category: part.part.clone(), reason })
    };
    fitted.parts.iter().filter_map(one).collect()
}

fn ablation(fitted: &FittedDemand) -> Option<Ablation> {
    let row = |a: &crate::demand::Ablation| AblationRow {
        term: a.term.clone(),
        meaning: String::new(),
        change: input::Estimate::new(a.gain, a.lower, a.upper),
        is_on: true,
    };
    (!fitted.ablation.is_empty()).then(|| Ablation {
        how: "The model is fitted again without each term and both are held against weeks that \
              neither has seen; intervals are over customers."
            .to_owned(),
        rows: fitted.ablation.iter().map(row).collect(),
    })
}

fn warnings(fitted: &FittedDemand) -> Vec<String> {
    let mut warnings = Vec::new();
    if let Some(overlap) = &fitted.overlap {
        warnings.push(format!("Personal offers: {}.", overlap.finding));
    }
    if fitted.offer_evidence == crate::demand::fit::OfferEvidence::AssumedFromShelf {
        warnings.push(
            "The response to personal offers is an assumption: an offer is taken to act like a \
             shelf discount of its depth, and to draw no visit."
                .to_owned(),
        );
    }
    if !fitted.terms.season {
        warnings.push(
            "Season and holidays are not in the model: it was fitted on less than a year."
                .to_owned(),
        );
    }
    warnings
}

fn method(ground: &Ground<'_>, found: &ReadOuts<'_>) -> FitMethod {
    let fitted = found.fitted;
    let fact = |label: &str, value: String| input::Fact { label: label.to_owned(), value };
    let draws = fitted.train.len() + fitted.judge.len() + fitted.test.len();
    let part = |p: &crate::demand::fit::PartReport| FitPart {
        name: p.part.clone(),
        predicts: match p.part.split(':').next() {
            Some("visit") => "whether a customer shops this week (logit)",
            Some("incidence") => "whether a visit includes the category (logit)",
            _ => "units beyond the first (negative binomial)",
        }
        .to_owned(),
        rows: p.rows as u64,
        coefficients: fitted.coefficients.iter().filter(|c| c.part == p.part).count() as u64,
        pooling: p
            .pooling
            .map_or_else(|| "pooled entirely".to_owned(), |s| format!("strength {s}")),
        iterations: p.iterations as u64,
        converged: p.converged,
    };
    FitMethod {
        facts: vec![
            fact("customers", ground.history.customers.len().to_string()),
            fact("weeks fitted on", fitted.train_end.to_string()),
            fact("posterior draws kept", draws.to_string()),
        ],
        parts: fitted.parts.iter().map(part).collect(),
        switched_off: switched_off(fitted),
        ..FitMethod::default()
    }
}

fn switched_off(fitted: &FittedDemand) -> Vec<String> {
    let t = fitted.terms;
    let all = [
        ("season", t.season),
        ("holidays", t.holidays),
        ("habit", t.habit),
        ("household stock", t.stock),
        ("reference depth", t.reference_depth),
        ("contact fatigue", t.fatigue),
        ("regular price", t.price),
        ("halo", t.halo),
        ("leaving for good", t.churn),
    ];
    all.iter().filter(|(_, on)| !on).map(|(name, _)| (*name).to_owned()).collect()
}
