//! The report stage: what the run found, put into the words and figures of the report.

use super::error::RunError;
use super::judge::{Judged, Tested};
use super::learn::{CONTROL, CURRENT};
use super::stage::{CODE_VERSION, Job};
use crate::data::History;
use crate::data::assess::{Assessment, Verdict};
use crate::demand::fit::OfferEvidence;
use crate::evaluate::Interval;
use crate::report::{self as input};
use promopt_envs::retail::OfferCatalogue;

mod evidence;
mod people;
pub(super) mod persona_page;
pub(super) mod quality;

/// Weeks of a year, for the yearly figure.
const WEEKS_PER_YEAR: f64 = 52.0;

/// Where the offer response comes from, in words.
pub(super) fn offer_evidence(evidence: OfferEvidence) -> &'static str {
    match evidence {
        OfferEvidence::Randomised => "logged offers with known propensities (randomised)",
        OfferEvidence::Observational => {
            "logged offers without propensities (observational, not causal)"
        }
        OfferEvidence::AssumedFromShelf => {
            "nothing; assumed equal to that of a shelf discount of the same depth, drawing no extra \
             visits (the history holds no offers of known content)"
        }
    }
}

fn estimate(interval: &Interval) -> input::Estimate {
    input::Estimate::new(interval.estimate, interval.lower, interval.upper)
}

fn scaled(interval: &Interval, factor: f64) -> input::Estimate {
    let by = |x: f64| x * factor;
    input::Estimate::new(by(interval.estimate), by(interval.lower), by(interval.upper))
}

/// Writes `report.html` and `plots/`.
pub(super) fn report(job: &Job<'_>) -> Result<(), RunError> {
    let history = job.history()?;
    let actions = job.actions(&history)?;
    let (judged, tested) = (job.judged()?, job.tested()?);
    let persona_file = job.personas()?;
    let (assessment, _) = crate::data::store::load_assessment(&job.folder.path("history"))?;
    let truth = match job.config.data {
        None => Some(job.truth()?),
        Some(_) => None,
    };
    let verdict = verdict(
        &judged,
        &tested,
        truth.as_ref().and_then(|t| t.captured_uplift.map(|c| c.estimate)),
    );
    let catalogue = &actions.catalogue;
    let report = input::ReportInput {
        title: "Promotion policy report".to_owned(),
        run_name: job.config.name.clone(),
        seed: job.config.seed,
        currency: job.config.currency.clone(),
        interval_level: job.config.judge.level,
        versions: vec![
            fact("promopt", CODE_VERSION.to_owned()),
            fact("data fingerprint", history.fingerprint.chars().take(16).collect()),
        ],
        data_window: format!(
            "{} to {}",
            history.first_week,
            history.week_start(history.n_weeks) - chrono::Days::new(1)
        ),
        banners: banners(job, &history, &assessment, persona_file.warning.as_deref())?,
        quality: people::quality(&history, &assessment),
        personas: people::personas(&persona_file.model),
        demand: evidence::demand(&history, &persona_file.model, &job.response()?),
        realism: evidence::realism(&job.card()?),
        learning: evidence::learning(job)?,
        leaderboard: evidence::leaderboard(&judged),
        off_policy: evidence::off_policy(&judged),
        ab_test: evidence::ab_test(&tested),
        action_mix: evidence::action_mix(&persona_file.model, catalogue, &tested),
        policy_sentences: sentences(&persona_file.model, &history, catalogue, &tested),
        next_steps: next_steps(&verdict, &judged),
        gate: evidence::gate(&tested),
        truth: truth.as_ref().map(evidence::truth),
        files: files(job),
        verdict,
        timings: Vec::new(),
        glossary: Vec::new(),
    };
    input::render(&report, job.folder.root())?;
    Ok(())
}

fn fact(label: &str, value: String) -> input::Fact {
    input::Fact { label: label.to_owned(), value }
}

fn verdict(judged: &Judged, tested: &Tested, captured: Option<f64>) -> input::Verdict {
    let approved = tested.gate.approval == crate::evaluate::Approval::Approved;
    let over_current = &tested.over_current.margin.per_customer_week.interval;
    let over_control = &tested.over_control.margin.per_customer_week.interval;
    let per_year = tested.active_customers as f64 * WEEKS_PER_YEAR;
    let sentence = if approved {
        format!(
            "`{}` earns more margin than both today's promotions and no offers on worlds it never \
             trained on: ready for an experiment with customers",
            judged.chosen
        )
    } else if judged.chosen == CONTROL {
        "no policy can be told from making no offers on worlds it never trained on: make none"
            .to_owned()
    } else {
        format!("`{}` is not approved: {}", judged.chosen, tested.gate.reasons.join("; "))
    };
    input::Verdict {
        approved,
        policy: judged.chosen.clone(),
        sentence,
        uplift_vs_control: estimate(over_control),
        uplift_vs_current: estimate(over_current),
        yearly: scaled(over_current, per_year),
        captured_uplift: captured,
    }
}

fn banners(
    job: &Job<'_>,
    history: &History,
    assessment: &Assessment,
    persona_warning: Option<&str>,
) -> Result<Vec<String>, RunError> {
    let mut banners = Vec::new();
    if assessment.verdict != Verdict::Ok {
        let reasons = assessment.reasons.iter().map(|reason| reason.sentence.as_str());
        let reasons: Vec<&str> = reasons.collect();
        banners.push(format!("The history is {}: {}", assessment.verdict, reasons.join(" ")));
    }
    if history.quality.margin_assumed {
        let source = history.quality.margin_source;
        let assumed = (source.department + source.default) * 100.0;
        banners.push(format!(
            "Margin is assumed for {assumed:.0} % of sales (the data holds no cost); every margin \
             figure rests on it."
        ));
    }
    let fitted = job.fitted()?;
    if !fitted.left_out.is_empty() {
        let week = |week: &u32| history.week_start(*week).to_string();
        let weeks: Vec<String> = fitted.left_out.iter().map(week).collect();
        banners.push(format!(
            "Left out of the fit, because total sales are an outlier: the weeks of {}.",
            weeks.join(", ")
        ));
    }
    let evidence = fitted.offer_evidence;
    banners.push(format!("Response to personal offers learnt from: {}.", offer_evidence(evidence)));
    banners.extend(persona_warning.map(str::to_owned));
    banners.extend(history.quality.notes.iter().cloned());
    Ok(banners)
}

/// What the policy does, persona by persona.
fn sentences(
    personas: &crate::features::PersonaModel,
    history: &History,
    catalogue: &OfferCatalogue,
    tested: &Tested,
) -> Vec<String> {
    let mut sentences = Vec::new();
    for ((persona, card), mix) in personas.names().zip(&personas.cards).zip(&tested.action_mix.0) {
        if mix.iter().sum::<f64>() <= 0.0 || card.size < 10 {
            continue;
        }
        let silent = mix[0];
        let contacted = 1.0 - silent;
        if contacted < 0.005 {
            sentences.push(format!("{persona}: no offers."));
            continue;
        }
        let weighted = |f: &dyn Fn(usize) -> f64| -> f64 {
            (1..mix.len()).map(|a| mix[a] * f(a)).sum::<f64>() / contacted
        };
        let depth = weighted(&|a| catalogue.offer(a).depth) * 100.0;
        // The last place is the whole basket.
        let n_categories = history.n_categories();
        let mut by_category = vec![0.0; n_categories + 1];
        for (action, share) in mix.iter().enumerate().skip(1) {
            let place = catalogue.offer(action).category.unwrap_or(n_categories);
            by_category[place] += share / contacted;
        }
        let name =
            |c: usize| history.categories.get(c).map_or("the whole basket", |c| c.name.as_str());
        let mut order: Vec<usize> = (0..by_category.len()).collect();
        order.sort_by(|&a, &b| by_category[b].total_cmp(&by_category[a]));
        let top: Vec<String> = order
            .iter()
            .take(2)
            .filter(|&&c| by_category[c] > 0.05)
            .map(|&c| format!("{} ({:.0} %)", name(c), by_category[c] * 100.0))
            .collect();
        sentences.push(format!(
            "{persona}: an offer in {:.0} % of weeks, {depth:.0} % off on average, mostly in {}.",
            contacted * 100.0,
            top.join(" and ")
        ));
    }
    sentences
}

fn next_steps(verdict: &input::Verdict, judged: &Judged) -> Vec<String> {
    let mut steps = Vec::new();
    if verdict.approved {
        steps.push(
            "Run a three-arm experiment (no offers, today, policy) before a full roll-out; the \
             uplift above is simulated."
                .to_owned(),
        );
        steps.push(
            "Keep logging the propensity of every decision, so that the next policy can be judged \
             from the log."
                .to_owned(),
        );
    } else if judged.chosen == CONTROL || judged.chosen == CURRENT {
        steps.push(format!("No policy beat `{}`: keep to it.", judged.chosen));
        steps.push(
            "Log offers with randomised propensities for some weeks, then run again: that is what \
             can show an offer that pays."
                .to_owned(),
        );
    } else {
        steps.push(
            "Do not roll this policy out. Log offers with randomised propensities for some weeks, \
             then run again."
                .to_owned(),
        );
    }
    steps
}

fn files(job: &Job<'_>) -> Vec<input::FileEntry> {
    let mut entries = vec![
        ("policy/", "the bundle a serving system loads"),
        ("evaluation/", "leaderboard, off-policy estimates and A/B read-out as JSON"),
        ("personas/personas.html", "who the customers are, on a page of its own"),
        ("personas/", "persona model and members (hashed)"),
        ("demand/", "fitted response, realism card"),
        ("agents/", "learned policies, learning curves, checkpoints"),
        ("history/quality.html", "what was made of the data and whether it can be trusted"),
        ("history/", "cleaned history, price ledger, customer features and assessment"),
        ("run.json", "resolved config and timings"),
    ];
    if job.config.data.is_none() {
        entries.push(("world/", "the synthetic retailer's books"));
    }
    let entry = |(path, what): (&str, &str)| input::FileEntry {
        path: path.to_owned(),
        what: what.to_owned(),
    };
    entries.into_iter().map(entry).collect()
}
