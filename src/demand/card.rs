//! The realism card: the held-out weeks replayed in the fitted world, line by line.
//!
//! Customers start as they stood before the held-out weeks and live through the shelf depths and
//! offers that really happened; everything else is simulated, several times over posterior draws.
//! Beside it stand the figures of the literature for what was measured elsewhere. What the data does
//! not identify stays on the card, with the reason.

mod behaviour;
mod distance;
mod distributions;
mod inputs;
mod judge;
mod lines;
mod replication;
mod spread;
mod tally;

pub use behaviour::{BehaviourCompared, CUSTOMERS_MIN};
pub use distance::{Distance, Sample};
pub use distributions::{Compared, Published, TenDistributions, compare_ten, ten_distributions};
pub use inputs::{Evidence, Measured, ProductEvidence, PromotionFacts, mean_own_price};
pub use judge::{CardLine, CardVerdict};
pub use spread::Spread;
pub use tally::{Banded, CardWeek};

use super::fit::FittedDemand;
use super::world::Ground;
use promopt_envs::SeedTree;
use promopt_envs::retail::DemandModel;
use rayon::prelude::*;
use replication::Outcome;
use serde::{Deserialize, Serialize};
use tally::Tally;

/// Replications of the held-out weeks: of 79 values, the 2nd and the 8th from either end are exact
/// 95 % and 80 % bands.
const REPLICATIONS: u64 = 79;
/// Replications of which whole distributions are kept.
const DISTRIBUTIONS: usize = 20;

/// The card of a fitted world.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RealismCard {
    /// Lines in order.
    pub lines: Vec<CardLine>,
    /// Held-out weeks in order.
    pub weeks: Vec<CardWeek>,
    /// How customers behave, of all and by persona.
    #[serde(default)]
    pub behaviour: Vec<BehaviourCompared>,
    /// The ten distributions of RetailSynth; empty without product lines.
    #[serde(default)]
    pub ten: Vec<Compared>,
}

/// Replays the held-out weeks and fills the card.
#[must_use]
pub fn realism_card(
    ground: &Ground<'_>,
    fitted: &FittedDemand,
    measured: &Measured,
    lapse_weeks: u32,
    seed: SeedTree,
) -> RealismCard {
    let train_end = fitted.train_end;
    let (subjects, actual) = replication::observe(ground, train_end, lapse_weeks);
    let draws: Vec<&DemandModel> = fitted.judge.iter().chain([&fitted.mean]).collect();
    let replicate = |r: u64| {
        let model = draws[r as usize % draws.len()];
        let Outcome { tally, behaviour } =
            replication::replicate(ground, model, &subjects, train_end, seed.index(r));
        (tally, (r < DISTRIBUTIONS as u64).then_some(behaviour))
    };
    let (tallies, kept): (Vec<Tally>, Vec<_>) =
        (0..REPLICATIONS).into_par_iter().map(replicate).unzip();
    let behaviours: Vec<_> = kept.into_iter().flatten().collect();
    let weeks = held_out_weeks(ground, train_end, &actual.tally, &tallies);
    let behaviour = behaviour::compare_behaviour(&actual.behaviour, &behaviours);
    let ten = Vec::new();
    let lines = [
        tally::weekly_lines(&weeks),
        tally::level_lines(&actual.tally, &tallies, &ground.schema.categories),
        lines::behaviour_lines(&behaviour),
        lines::ten_lines(&ten),
        lines::known_lines(measured),
    ];
    RealismCard { lines: lines.concat(), weeks, behaviour, ten }
}

fn held_out_weeks(
    ground: &Ground<'_>,
    train_end: u32,
    actual: &Tally,
    simulated: &[Tally],
) -> Vec<CardWeek> {
    let banded = |at: usize, of: fn(&Tally) -> &Vec<f64>| {
        Banded::new(of(actual)[at], simulated.iter().map(|t| of(t)[at]).collect())
    };
    (0..actual.revenue.len())
        .map(|at| CardWeek {
            week: ground.history.week_start(train_end + at as u32).to_string(),
            revenue: banded(at, |t| &t.revenue),
            units: banded(at, |t| &t.units),
        })
        .collect()
}
