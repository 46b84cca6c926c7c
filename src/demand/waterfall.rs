//! The lift waterfall of a past promotion: what it sold in addition, from where, and what that cost.
//!
//! Every customer whom the promotion reached is played from the state in which it found them to
//! eight weeks after it, once as it was and once without it, under posterior draws of the response
//! model (`play`). The parts ([`Part`]) sum to the change by construction. Intervals hold what is
//! uncertain about the response, and about customers who were not played when only a sample was;
//! noise of the simulation is measured and taken out. See `docs/METHODS-lift.md`.

use super::replay::Replay;
use super::world::{Ground, evenly};
use crate::evaluate::Interval;
use promopt_envs::SeedTree;
use promopt_envs::retail::DemandModel;
use rand_distr::{Distribution, Exp1};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

mod facts;
mod past;
mod play;
mod spread;
mod tally;
#[cfg(test)]
mod tests;

pub use facts::{PromotionFacts, promotion_facts};
pub use past::{PastPromotion, PromotionKind, UsualDepth, past_promotions};
pub use tally::{Part, Tally};

use play::{Actor, Desk, Scene, play};
use spread::Plays;
pub(super) use spread::interval;

/// How waterfalls are computed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LiftConfig {
    /// Posterior draws.
    pub draws: usize,
    /// Draws that are played a second time on other luck, to measure the noise of the simulation.
    pub repeats: usize,
    /// Most customers played for one promotion.
    pub customers: usize,
    /// Weeks after the promotion that still count.
    pub after_weeks: u32,
    /// Level of the intervals.
    pub level: f64,
}

impl Default for LiftConfig {
    /// 100 draws, 25 of them twice, 400 customers, 8 weeks after, 90 % intervals.
    fn default() -> Self {
        Self { draws: 100, repeats: 25, customers: 400, after_weeks: 8, level: 0.9 }
    }
}

/// One part with its interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PartLine {
    /// Which part.
    pub part: Part,
    /// Units; `None` for parts that are money only.
    pub units: Option<Interval>,
    /// Contribution margin, money.
    pub margin: Interval,
}

/// The waterfall of one promotion, over all customers it reached.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Waterfall {
    /// The promotion.
    pub promotion: PastPromotion,
    /// Customers it could reach: everybody for a shelf promotion, those who got the offer.
    pub customers: usize,
    /// Customers played.
    pub played: usize,
    /// The parts in order; those that do not apply are left out.
    pub parts: Vec<PartLine>,
    /// Units of all categories because of it.
    pub incremental_units: Interval,
    /// Margin because of it, money.
    pub incremental_margin: Interval,
    /// Revenue because of it, money.
    pub incremental_revenue: Interval,
    /// What the volume of the promoted category had to be multiplied with for the discount to pay,
    /// `m / (m − d)` for a margin `m` and a further discount `d`; `None` when `d ≥ m`.
    pub break_even_multiple: Option<f64>,
    /// What it was multiplied with.
    pub expected_multiple: Interval,
    #[serde(skip)]
    plays: Plays,
}

/// The waterfall of one promotion under posterior draws of the model; `None` when none of the
/// customers it reached was known before.
///
/// `within_category` is the share of the lift of promoted products that came from other products of
/// the category, when a choice model knows it.
#[must_use]
pub fn waterfall(
    ground: &Ground<'_>,
    models: &[DemandModel],
    promotion: &PastPromotion,
    within_category: Option<f64>,
    config: &LiftConfig,
    seed: SeedTree,
) -> Option<Waterfall> {
    let history = ground.history;
    let encoder = ground.encoder();
    let scene = Scene::new(history, &encoder, ground.actions, promotion, config.after_weeks);
    let reached = reached(ground, promotion);
    let sample = evenly(&reached, config.customers);
    let replay = Replay::new(history, ground.actions);
    let actors: Vec<Option<Actor>> =
        sample.par_iter().map(|customer| scene.cast(&replay, *customer as u32)).collect();
    let played = actors.iter().flatten().count();
    if played == 0 || models.is_empty() {
        return None;
    }
    let troupe = Troupe { scene: &scene, actors: &actors, reached: reached.len(), seed };
    let shown = |tally: Tally| match within_category {
        Some(share) => tally.within_category(share.clamp(0.0, 0.95)),
        None => tally,
    };
    let draws: Vec<Tally> =
        models.par_iter().enumerate().map(|(d, m)| shown(troupe.play(m, d, 0))).collect();
    let repeats: Vec<Tally> = models[..config.repeats.min(models.len())]
        .par_iter()
        .enumerate()
        .map(|(d, m)| shown(troupe.play(m, d, 1)))
        .collect();
    let plays = Plays { draws, repeats };
    let (reached, switches) = (reached.len(), within_category.is_some());
    Some(summarise(promotion.clone(), (reached, played), switches, plays, config.level))
}

/// Customers whom a promotion could reach.
fn reached(ground: &Ground<'_>, promotion: &PastPromotion) -> Vec<usize> {
    let Some(offer) = promotion.offer else { return (0..ground.history.customers.len()).collect() };
    let exposures = ground.history.exposures.iter();
    let got = exposures.filter(|e| e.offer == offer && promotion.weeks.contains(&e.week));
    let mut customers: Vec<usize> = got.map(|e| e.customer as usize).collect();
    customers.dedup();
    customers
}

/// All customers of a promotion.
struct Troupe<'a> {
    scene: &'a Scene<'a>,
    /// The sampled customers; `None` where the promotion reached nobody known.
    actors: &'a [Option<Actor>],
    /// Customers that the sample stands for.
    reached: usize,
    seed: SeedTree,
}

impl Troupe<'_> {
    /// Sums over customers under one draw, scaled to all customers reached.
    ///
    /// When only a sample is played, its customers are weighed at random for every draw (Rubin 1981),
    /// shrunk by the finite population factor, so that draws also differ by who was sampled.
    fn play(&self, model: &DemandModel, draw: usize, round: u64) -> Tally {
        let n = self.actors.len() as f64;
        let scale = self.reached as f64 / n;
        let reach = (1.0 - 1.0 / scale).max(0.0).sqrt();
        let seed = self.seed.index(draw as u64);
        let mut chance = seed.child("weights").stream();
        let raw: Vec<f64> = self.actors.iter().map(|_| Exp1.sample(&mut chance)).collect();
        let mean = raw.iter().sum::<f64>() / n;
        let luck = seed.child("luck").index(round);
        let (mut total, mut desk) = (Tally::default(), Desk::default());
        for (i, (actor, raw)) in self.actors.iter().zip(&raw).enumerate() {
            if let Some(actor) = actor {
                let own = play(model, self.scene, actor, luck.index(i as u64), &mut desk);
                total.add_weighed(&own, scale * (1.0 + reach * (raw / mean - 1.0)));
            }
        }
        total
    }
}

fn summarise(
    promotion: PastPromotion,
    (customers, played): (usize, usize),
    switches: bool,
    plays: Plays,
    level: f64,
) -> Waterfall {
    let applies = |part: &Part| match part {
        Part::WithinCategory => switches,
        Part::Switched | Part::Halo | Part::LaterElsewhere => promotion.category.is_some(),
        Part::ContactCost => promotion.kind == PromotionKind::Offer,
        _ => true,
    };
    let line = |part: Part| PartLine {
        part,
        units: part.has_units().then(|| plays.interval(|t| t.units[part as usize], level)),
        margin: plays.interval(|t| t.margin[part as usize], level),
    };
    let margin_of = |part: Part| plays.mean(|t| t.margin[part as usize]);
    let (baseline, subsidy) = (margin_of(Part::Baseline), margin_of(Part::SubsidisedBaseline));
    let multiple = |t: &Tally| {
        let [baseline, lift] = [Part::Baseline, Part::OwnLift].map(|p| t.units[p as usize]);
        if baseline > 0.0 { 1.0 + lift / baseline } else { 1.0 }
    };
    let needed = baseline / (baseline + subsidy);
    Waterfall {
        customers,
        played,
        parts: Part::ALL.into_iter().filter(applies).map(line).collect(),
        incremental_units: plays.interval(Tally::incremental_units, level),
        incremental_margin: plays.interval(Tally::incremental_margin, level),
        incremental_revenue: plays.interval(|t| t.revenue, level),
        break_even_multiple: (needed.is_finite() && needed >= 1.0).then_some(needed),
        expected_multiple: plays.interval(multiple, level),
        promotion,
        plays,
    }
}
