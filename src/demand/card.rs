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
mod product_panel;
mod replication;
mod spread;
mod tally;

pub use behaviour::BehaviourCompared;
pub use distance::{Distance, Sample};
pub use distributions::{Compared, Published, TenDistributions, compare_ten, ten_distributions};
pub use inputs::{Evidence, Measured, ProductEvidence, PromotionFacts, mean_own_price};
pub use judge::{CardLine, CardVerdict};
pub use product_panel::Products;
pub use spread::Spread;
pub use tally::{Banded, CardWeek};

use super::fit::FittedDemand;
use super::world::Ground;
use product_panel::Shoppers;
use promopt_envs::SeedTree;
use promopt_envs::retail::DemandModel;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use tally::Tally;

/// Replications of the held-out weeks: of 79 values, the 2nd and the 8th from either end are exact
/// 95 % and 80 % bands.
const REPLICATIONS: u64 = 79;
/// Replications of which whole distributions are kept.
const DISTRIBUTIONS: u64 = 20;

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

/// Replays the held-out weeks and fills the card; the ten distributions need `products`.
#[must_use]
pub fn realism_card(
    ground: &Ground<'_>,
    fitted: &FittedDemand,
    measured: &Measured,
    products: Option<&Products<'_>>,
    lapse_weeks: u32,
    seed: SeedTree,
) -> RealismCard {
    let train_end = fitted.train_end;
    let n_weeks = ground.history.n_weeks - train_end;
    let (subjects, actual) = replication::observe(ground, train_end, lapse_weeks);
    let shoppers = products.map(|p| Shoppers::new(p, &subjects, train_end, n_weeks));
    let draws: Vec<&DemandModel> = fitted.judge.iter().chain([&fitted.mean]).collect();
    let replicate = |r: u64| {
        let model = draws[r as usize % draws.len()];
        let keep = r < DISTRIBUTIONS;
        let trip = shoppers.as_ref().filter(|_| keep).map(|(shoppers, _)| shoppers.trip());
        let seed = seed.index(r);
        let (outcome, ten) =
            replication::replicate(ground, model, &subjects, train_end, trip, seed);
        (outcome.tally, (keep.then_some(outcome.behaviour), ten))
    };
    let (tallies, kept): (Vec<Tally>, Vec<_>) =
        (0..REPLICATIONS).into_par_iter().map(replicate).unzip();
    let (behaviours, ten): (Vec<_>, Vec<_>) = kept.into_iter().unzip();
    let behaviours: Vec<_> = behaviours.into_iter().flatten().collect();
    let ten: Vec<_> = ten.into_iter().flatten().collect();
    let weeks = held_out_weeks(ground, train_end, &actual.tally, &tallies);
    let behaviour = behaviour::compare_behaviour(&actual.behaviour, &behaviours);
    let ten = shoppers.map_or_else(Vec::new, |(_, real)| compare_ten(&real, &ten));
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
