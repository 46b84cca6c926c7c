//! Scoring: an exported policy decides for every customer of a history, as training would see them.

use super::error::RunError;
use crate::data::{self, DataConfig, OTHER_CATEGORY};
use crate::demand::world::week_season;
use crate::demand::{ActionMap, Replay};
use crate::features::PersonaModel;
use chrono::NaiveDate;
use promopt_envs::SeedTree;
use promopt_envs::retail::{CustomerHistory, ObservationContext, ObservationSchema, WeekRecord};
use promopt_policies::{Scored, Scorer, load_bundle};
use serde::Serialize;
use std::path::Path;

/// Tables that a folder of canonical files may hold besides transactions and products.
const OPTIONAL: [&str; 2] = ["exposures", "offers"];

/// What to score.
#[derive(Debug, Clone, Copy)]
pub struct ScoreRequest<'a> {
    /// Folder of the bundle.
    pub policy: &'a Path,
    /// Folder of the history's tables.
    pub history: &'a Path,
    /// ISO date of the decision.
    pub as_of: &'a str,
    /// File to write.
    pub out: &'a Path,
    /// Mapping of the tables; canonical names when absent.
    pub data: Option<&'a DataConfig>,
    /// Price λ of a unit of promotion cost; 0 without a budget.
    pub budget_price: f64,
    /// CSV of the shelf discounts planned for the week, `category, depth`; a usual week without one.
    pub shelf: Option<&'a Path>,
    /// Seed of policies that draw.
    pub seed: u64,
}

/// How many customers were scored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ScoreCounts {
    /// Customers that decisions were made for.
    pub customers: usize,
    /// Those who get an offer.
    pub offers: usize,
}

/// One decision with what it was made from.
#[derive(Debug, Clone)]
pub struct CustomerDecision {
    /// Identifier as in the files.
    pub customer_id: String,
    /// The customer's summary before the decision.
    pub history: CustomerHistory,
    /// The decision.
    pub scored: Scored,
}

/// Scores and writes the CSV.
///
/// # Errors
/// [`RunError`] when the bundle does not verify, the date is not one, or the history cannot be read.
pub fn score(request: &ScoreRequest<'_>) -> Result<ScoreCounts, RunError> {
    let decisions = decide_all(request)?;
    let failed = |e: csv::Error| RunError::io("write", request.out)(e.into());
    let pending = request.out.with_extension("pending");
    let mut writer = csv::Writer::from_path(&pending).map_err(failed)?;
    let header = ["customer_id", "offer_id", "propensity", "expected_margin", "reason", "offer"];
    writer.write_record(header).map_err(failed)?;
    for one in &decisions {
        let value = one.scored.expected_value.map(|v| format!("{v:.4}")).unwrap_or_default();
        let propensity = one.scored.propensity.to_string();
        let reason = one.scored.reason.code();
        let (id, offer) = (&one.scored.offer_id, &one.scored.offer);
        let fields = [&one.customer_id, id, &propensity, &value, &reason, offer];
        writer.write_record(fields).map_err(failed)?;
    }
    writer.flush().map_err(RunError::io("write", &pending))?;
    drop(writer);
    std::fs::rename(&pending, request.out).map_err(RunError::io("publish", request.out))?;
    let offers = decisions.iter().filter(|d| d.scored.action > 0).count();
    Ok(ScoreCounts { customers: decisions.len(), offers })
}

/// Decides for every customer who has bought before the week of the decision.
///
/// # Errors
/// As [`score`].
pub fn decide_all(request: &ScoreRequest<'_>) -> Result<Vec<CustomerDecision>, RunError> {
    let scorer = Scorer::new(load_bundle(request.policy)?);
    let manifest = scorer.bundle().manifest();
    let corrupt = |reason: String| RunError::Corrupt {
        path: request.policy.join(&manifest.personas_file),
        reason,
    };
    let personas: PersonaModel = serde_json::from_value(scorer.bundle().personas().clone())
        .map_err(|e| corrupt(e.to_string()))?;
    let categories = &manifest.observation_schema.categories;
    let features = crate::features::behaviour::feature_specs(categories);
    if !personas.preparation.inputs.iter().eq(features.iter().map(|spec| &spec.name)) {
        return Err(corrupt("its features are not those of the observation schema".to_owned()));
    }
    let as_of = NaiveDate::parse_from_str(request.as_of, "%Y-%m-%d").map_err(|_| {
        let got = request.as_of;
        RunError::Config(format!("expected a date like 2026-03-02 for --as-of, got `{got}`"))
    })?;
    let mut config = match request.data {
        Some(data) => data.clone(),
        None => canonical(request.history)?,
    };
    let folder =
        std::path::absolute(request.history).map_err(RunError::io("find", request.history))?;
    let week = config.week_starts.week_of(as_of);
    config = config.with_dir(&folder);
    config.keep_ids = true;
    config.categories = categories.iter().filter(|c| *c != OTHER_CATEGORY).cloned().collect();
    config.last_date = Some((week - chrono::Days::new(1)).to_string());
    let (history, features) = data::ingest_as_of(&config, &folder, "score", week)?;
    let actions = ActionMap::of_catalogue(&history, &manifest.catalogue);
    let replay = Replay::new(&history, &actions);
    let n_weeks = (week - history.first_week).num_days().max(0) as u32 / 7;
    let quiet = WeekRecord::empty(history.n_categories());
    let seed = SeedTree::new(request.seed).child("score");
    let ids = history.original_ids.as_deref().unwrap_or_default();
    let shelf = match request.shelf {
        Some(path) => read_plan(path, &manifest.observation_schema)?,
        None => Vec::new(),
    };
    let mut decisions = Vec::with_capacity(ids.len());
    for (customer, id) in ids.iter().enumerate() {
        let mut summary = replay.summary(customer as u32, n_weeks);
        // Weeks after the last row of the file count as weeks without a visit.
        (history.n_weeks..n_weeks).for_each(|_| summary.record(&quiet));
        if summary.tenure_weeks() == 0 {
            continue;
        }
        let context = ObservationContext {
            persona: personas.assign(features.row(customer)),
            season: week_season(&manifest.observation_schema, history.first_week, n_weeks),
            budget_price: request.budget_price,
            shelf: &shelf,
        };
        let mut rng = seed.child(id).stream();
        let scored = scorer
            .decide(&summary, &context, &mut rng)
            .map_err(|e| RunError::Config(e.to_string()))?;
        decisions.push(CustomerDecision { customer_id: id.clone(), history: summary, scored });
    }
    decisions.sort_by(|a, b| a.customer_id.cmp(&b.customer_id));
    Ok(decisions)
}

/// Planned shelf depths in the order of the schema; a category without a row has its usual depth.
fn read_plan(path: &Path, schema: &ObservationSchema) -> Result<Vec<f64>, RunError> {
    let wrong = |line: u64, what: String| {
        let shown = path.display();
        RunError::Config(format!(
            "{shown}, line {line}: {what}; a plan has the header `category,depth` and a share off \
             such as 0.2 for each category that is not as usual"
        ))
    };
    let bytes = std::fs::read(path).map_err(RunError::io("read", path))?;
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(bytes.as_slice());
    let mut plan = schema.usual_shelf.clone();
    for (row, record) in reader.deserialize::<(String, f64)>().enumerate() {
        let line = row as u64 + 2;
        let (category, depth) = record.map_err(|e| wrong(line, e.to_string()))?;
        let Some(at) = schema.categories.iter().position(|name| *name == category) else {
            let known = schema.categories.join("`, `");
            return Err(wrong(line, format!("expected one of `{known}`, got `{category}`")));
        };
        if !(0.0..1.0).contains(&depth) {
            return Err(wrong(line, format!("expected a depth in [0, 1), got {depth}")));
        }
        plan[at] = depth;
    }
    Ok(plan)
}

/// The mapping of a folder whose files carry the canonical names, as CSV or Parquet.
fn canonical(folder: &Path) -> Result<DataConfig, RunError> {
    let file = |table: &str| {
        let parquet = format!("{table}.parquet");
        if folder.join(&parquet).exists() { parquet } else { format!("{table}.csv") }
    };
    let mut text = String::from("preset = \"canonical\"\n");
    for table in ["transactions", "products"] {
        text.push_str(&format!("[{table}]\npath = \"{}\"\n", file(table)));
    }
    for table in OPTIONAL {
        let name = file(table);
        if folder.join(&name).exists() {
            text.push_str(&format!("[{table}]\npath = \"{name}\"\n"));
        }
    }
    Ok(DataConfig::from_toml(&text)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_fills_in_usual_depths() {
        let schema = ObservationSchema::new(1, &["tea".to_owned(), "other".to_owned()])
            .with_usual_shelf(vec![0.125, 0.25]);
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("plan.csv");
        std::fs::write(&path, "category, depth\ntea, 0.3\n").expect("it can be written");
        assert_eq!(read_plan(&path, &schema).expect("a plan"), [0.3, 0.25]);
    }
}
