//! What later stages read from earlier ones.

use super::error::RunError;
use super::stage::Job;
use crate::data::{self, History};
use crate::demand::card::RealismCard;
use crate::demand::fit::train_end;
use crate::demand::world::category_names;
use crate::demand::{ActionMap, FittedDemand, ResponseSummary};
use crate::features::{PersonaModel, PersonaTimeline};
use promopt_envs::retail::ObservationSchema;
use promopt_policies::PortablePolicy;
use serde::{Deserialize, Serialize};

/// What the personas stage writes to `personas/personas.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PersonaFile {
    /// Scales, centres, cards, scores by k.
    pub model: PersonaModel,
    /// Category names in the order of the features.
    pub categories: Vec<String>,
    /// A word of warning when there are no clear groups.
    pub warning: Option<String>,
}

/// A policy on its way from training to judging.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainedPolicy {
    /// Name in tables.
    pub name: String,
    /// The policy.
    pub policy: PortablePolicy,
    /// Whether it learned (rather than being a rule).
    pub learned: bool,
}

impl Job<'_> {
    pub(crate) fn history(&self) -> Result<History, RunError> {
        let dir = self.folder.path("history");
        if !dir.exists() {
            return Err(RunError::MissingStage { path: dir, command: "ingest" });
        }
        Ok(data::store::load(&dir)?)
    }

    pub(crate) fn actions(&self, history: &History) -> Result<ActionMap, RunError> {
        Ok(ActionMap::with_offers(history, &self.config.offers)?)
    }

    pub(crate) fn personas(&self) -> Result<PersonaFile, RunError> {
        self.folder.read("personas/personas.json", "personas")
    }

    /// Which persona a customer had when.
    pub(crate) fn persona_timeline(&self) -> Result<PersonaTimeline, RunError> {
        self.folder.read("personas/timeline.json", "personas")
    }

    /// What an observation holds.
    pub(crate) fn schema(&self, history: &History) -> Result<ObservationSchema, RunError> {
        let n_personas = self.personas()?.model.n_personas();
        let train_end = train_end(history, &self.config.fit)?;
        Ok(ObservationSchema::new(n_personas, &category_names(history))
            .with_holidays(self.config.fit.holidays.days())
            .with_usual_shelf(history.usual_shelf(train_end)))
    }

    pub(crate) fn fitted(&self) -> Result<FittedDemand, RunError> {
        self.folder.read("demand/model.json", "fit")
    }

    pub(crate) fn card(&self) -> Result<RealismCard, RunError> {
        self.folder.read("demand/card.json", "fit")
    }

    pub(crate) fn response(&self) -> Result<ResponseSummary, RunError> {
        self.folder.read("demand/response.json", "fit")
    }

    pub(crate) fn trained(&self) -> Result<Vec<TrainedPolicy>, RunError> {
        self.folder.read("agents/policies.json", "train")
    }
}
