//! The personas stage: group customers by their features, follow them over time, value them, and
//! write down how far the groups can be trusted.

use promopt_envs::SeedTree;

use super::error::RunError;
use super::folder::{write_json, write_whole};
use super::load::PersonaFile;
use super::render;
use super::stage::{Job, Stage};
use crate::data::store::{Snapshot, load_snapshot, snapshot_weeks};
use crate::demand::fit;
use crate::demand::world::category_names;
use crate::features::evidence::{self, Evidence};
use crate::features::{Matrix, PersonaModel, PersonaTimeline};

/// Groups the customers as they stood before the held-out weeks.
pub(super) fn personas(job: &Job<'_>) -> Result<(), RunError> {
    let history = job.history()?;
    let train_end = fit::train_end(&history, &job.config.fit)?;
    let dir = job.folder.path("history");
    let snapshot = load_snapshot(&dir, train_end)?;
    let categories = category_names(&history);
    let seed = SeedTree::new(job.config.seed).child("personas");
    let known = known(&snapshot);
    let rows = snapshot.features.select(&known);
    let (model, labels) = PersonaModel::fit(&rows, &categories, &job.config.personas, seed)?;
    job.observer.progress(Stage::Personas, 1, 4, "customers grouped");
    let timeline = timeline(&dir, &model)?;
    let evidence = evidence::collect(&model, &rows, &labels, &job.config.personas, seed)?;
    job.observer.progress(Stage::Personas, 2, 4, "groups tested");
    let value = super::value::estimate(job, &history, &model, &labels, &known)?;
    job.observer.progress(Stage::Personas, 3, 4, "customers valued");
    let warning = warning(&model, &evidence);
    let members = members(&history.customers, &model, &snapshot, &known);
    job.folder.replace("personas", |folder| {
        write_whole(&folder.join("members.csv"), members.as_bytes())?;
        write_json(&folder.join("timeline.json"), &timeline)?;
        write_json(&folder.join("evidence.json"), &evidence)?;
        write_json(&folder.join("value.json"), &value)?;
        let file = PersonaFile {
            model: model.clone(),
            categories: categories.clone(),
            warning: warning.clone(),
        };
        write_json(&folder.join("personas.json"), &file)?;
        let people = render::persona_page::People {
            job,
            history: &history,
            file: &file,
            rows: &rows,
            labels: &labels,
            evidence: &evidence,
            timeline: &timeline,
            value: &value,
        };
        render::persona_page::write(&people, folder)
    })
}

/// Customers who have bought by the time of the snapshot.
fn known(snapshot: &Snapshot) -> Vec<usize> {
    let tenure = snapshot.names.iter().position(|name| name == "tenure");
    let tenure = tenure.expect("the feature list has the tenure");
    (0..snapshot.features.n_rows())
        .filter(|customer| snapshot.features.row(*customer)[tenure] > 0.0)
        .collect()
}

/// The persona of every customer at every snapshot.
fn timeline(dir: &std::path::Path, model: &PersonaModel) -> Result<PersonaTimeline, RunError> {
    let weeks = snapshot_weeks(dir)?;
    let mut personas = Vec::with_capacity(weeks.len());
    for week in &weeks {
        let features: Matrix = load_snapshot(dir, *week)?.features;
        personas.push(features.rows().map(|row| model.assign(row) as u16).collect());
    }
    Ok(PersonaTimeline { weeks, personas })
}

/// What to warn of: no clear groups, or groups that are no steadier than those in noise.
fn warning(model: &PersonaModel, evidence: &Evidence) -> Option<String> {
    let noise = (evidence.beats_noise == Some(false)).then(|| {
        "groups as steady as these are also found in noise of the same spread and correlation; \
         read the personas as a convenient partition, not as kinds of people"
            .to_owned()
    });
    noise.or_else(|| model.warning())
}

/// One line per known customer: persona, and the probability of belonging to it.
fn members(
    customers: &[String],
    model: &PersonaModel,
    snapshot: &Snapshot,
    known: &[usize],
) -> String {
    let mut text = String::from("customer,persona,membership\n");
    for &customer in known {
        let row = snapshot.features.row(customer);
        let persona = model.assign(row);
        let membership = model.membership(row)[persona];
        text.push_str(&format!("{},{persona},{membership:.4}\n", customers[customer]));
    }
    text
}
