//! The fitted world of the shared run, put together from its folder as training does.

use crate::shop::finished;
use promopt::data::{self, History};
use promopt::demand::world::category_names;
use promopt::demand::{ActionMap, FittedDemand, Ground};
use promopt::features::PersonaTimeline;
use promopt::run::load::PersonaFile;
use promopt::run::{RunFolder, RunRecord};
use promopt_envs::retail::{ObservationSchema, PromotionWorld};

/// What the stages before training left in the folder.
pub(crate) struct Pieces {
    pub(crate) record: RunRecord,
    pub(crate) history: History,
    actions: ActionMap,
    pub(crate) schema: ObservationSchema,
    timeline: PersonaTimeline,
    fitted: FittedDemand,
}

impl Pieces {
    pub(crate) fn of_shared_run() -> Self {
        finished().ended.succeeds();
        let folder = RunFolder::open(&finished().run).expect("the run is there");
        let record: RunRecord = folder.read("run.json", "run").expect("it was written");
        let history = data::load(&folder.path("history")).expect("it was written");
        let offers = &record.config.offers;
        let actions = ActionMap::with_offers(&history, offers);
        let personas: PersonaFile =
            folder.read("personas/personas.json", "personas").expect("it was written");
        let fitted: FittedDemand = folder.read("demand/model.json", "fit").expect("it was written");
        let names = category_names(&history);
        let schema = ObservationSchema::new(personas.model.n_personas(), &names)
            .with_usual_shelf(history.usual_shelf(fitted.train_end));
        Self {
            actions: actions.expect("the history has offers"),
            schema,
            timeline: folder.read("personas/timeline.json", "personas").expect("it was written"),
            fitted,
            history,
            record,
        }
    }

    pub(crate) fn ground(&self) -> Ground<'_> {
        let guardrails = &self.record.config.guardrails;
        Ground::new(&self.history, &self.actions, self.schema.clone(), &self.timeline, guardrails)
    }

    /// A world after the last week of the history, starting from the customers that are known
    /// then; with their customer indices and summaries.
    pub(crate) fn world_after_history(&self) -> (PromotionWorld, Vec<usize>) {
        let (ground, until) = (self.ground(), self.history.n_weeks);
        let summaries = ground.summaries(until);
        let known = |i: &usize| summaries[*i].tenure_weeks() > 0;
        let who: Vec<usize> = (0..summaries.len()).filter(known).collect();
        (ground.world(self.fitted.train.clone(), &summaries, &who, until), who)
    }
}
