//! The export stage: the winner as a bundle, approved or not.

use super::error::RunError;
use super::learn::observe;
use super::stage::{CODE_VERSION, Job};
use crate::demand::Ground;
use crate::demand::world::evenly;
use crate::evaluate;
use promopt_policies::bundle::{Approval, DataWindow};
use promopt_policies::{BundleParts, golden_rows, write_bundle};
use std::collections::BTreeMap;

/// Customers whose decisions are recorded in the bundle.
const GOLDEN_ROWS: usize = 64;

/// Writes `policy/`.
pub(super) fn export(job: &Job<'_>) -> Result<(), RunError> {
    let history = job.history()?;
    let actions = job.actions(&history)?;
    let persona_file = job.personas()?;
    let (schema, timeline) = (job.schema(&history)?, job.persona_timeline()?);
    let chosen = job.chosen()?;
    let tested = job.tested()?;
    let ground = Ground::new(&history, &actions, schema, &timeline, &job.config.guardrails);
    let (rule, summaries) = (ground.mask_rule(), ground.summaries(history.n_weeks));
    let alive = ground.alive(&summaries, job.config.environment.lapse_weeks);
    let (mut observations, mut masks) = (Vec::new(), Vec::new());
    for i in evenly(&alive, GOLDEN_ROWS) {
        observations.push(observe(&ground, i as u32, &summaries[i], history.n_weeks));
        let mut mask = rule.blank();
        rule.write(&summaries[i], &mut mask);
        masks.push(mask);
    }
    let approval = match tested.gate.approval {
        evaluate::Approval::Approved => Approval::Approved,
        evaluate::Approval::NotApproved => Approval::NotApproved,
    };
    let last_week = history.week_start(history.n_weeks.saturating_sub(1));
    let parts = BundleParts {
        golden: golden_rows(&chosen.policy, &observations, &masks),
        policy: chosen.policy,
        observation_schema: ground.schema.clone(),
        catalogue: actions.catalogue.clone(),
        margin_rates: history.categories.iter().map(|c| c.margin_rate).collect(),
        guardrails: job.config.guardrails.clone(),
        personas: json(&persona_file.model)?,
        model_card: model_card(job, &chosen.name, &tested.gate.reasons)?,
        approval,
        reasons: tested.gate.reasons.clone(),
        evidence: json(&tested.gate)?,
        seeds: BTreeMap::from([("run".to_owned(), job.config.seed)]),
        data_window: DataWindow {
            first: history.first_week.to_string(),
            last: (last_week + chrono::Days::new(6)).to_string(),
        },
        data_fingerprint: history.fingerprint.clone(),
        code_version: CODE_VERSION.to_owned(),
        attachments: BTreeMap::new(),
    };
    Ok(write_bundle(&job.folder.path("policy"), &parts)?)
}

fn json<T: serde::Serialize>(value: &T) -> Result<serde_json::Value, RunError> {
    serde_json::to_value(value)
        .map_err(|e| RunError::Config(format!("the bundle cannot be written: {e}")))
}

fn model_card(job: &Job<'_>, name: &str, reasons: &[String]) -> Result<String, RunError> {
    let fitted = job.fitted()?;
    let evidence = super::render::offer_evidence(fitted.offer_evidence);
    let mut card = format!(
        "# Policy `{name}` of run `{}`\n\n\
         Chooses an offer, or none, for one customer and one week, from the observation described \
         in `manifest.json`. It maximises expected contribution margin after discount and contact \
         cost, within the guardrails of the manifest, and only ever lowers the public price.\n\n\
         ## Where it comes from\n\n\
         Learned and judged in a world fitted to the sales history named in the manifest \
         (`data_window`, `data_fingerprint`). Response to offers: {evidence}.\n\n\
         ## Verdict\n\n",
        job.config.name
    );
    for reason in reasons {
        card.push_str(&format!("- {reason}\n"));
    }
    card.push_str(
        "\n## Limits\n\n\
         - The uplift is a simulation until an experiment with customers confirms it; begin with a \
         holdout.\n\
         - Do not use it for categories, prices or customers unlike those of the data window.\n\
         - Personas are clusters of buying behaviour; no demographic feature is used.\n",
    );
    Ok(card)
}
