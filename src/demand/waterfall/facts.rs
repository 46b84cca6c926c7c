//! What the promotions of a history have in common: figures to hold against published ones.

use super::past::{PastPromotion, PromotionKind, past_promotions};
use super::tally::{Part, Tally};
use super::{LiftConfig, Waterfall, spread, waterfall};
use crate::demand::world::{Ground, evenly};
use crate::evaluate::Interval;
use promopt_envs::SeedTree;
use promopt_envs::retail::DemandModel;
use serde::{Deserialize, Serialize};

/// Figures over all promotions of a history, each with its interval.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PromotionFacts {
    /// Promotions behind them.
    pub promotions: usize,
    /// Units of the promoted category that were only bought earlier, as a share of the lift.
    pub dip_share: Interval,
    /// Net units of other categories in the promotion weeks for every unit of lift.
    pub halo_per_unit: Interval,
    /// Share of the promotions that lost margin.
    pub losing_share: Interval,
}

/// Facts over at most `most` promotions of one kind, evenly spread over the history.
#[must_use]
pub fn facts_of_history(
    ground: &Ground<'_>,
    models: &[DemandModel],
    (kind, most): (PromotionKind, usize),
    config: &LiftConfig,
    seed: SeedTree,
) -> Option<PromotionFacts> {
    let past = past_promotions(ground.history, ground.actions);
    let of_kind: Vec<&PastPromotion> = past.iter().filter(|p| p.kind == kind).collect();
    let positions: Vec<usize> = (0..of_kind.len()).collect();
    let split = |position: usize| {
        let promotion = of_kind[position];
        waterfall(ground, models, promotion, None, config, seed.child(&promotion.id))
    };
    let found: Vec<Waterfall> = evenly(&positions, most).into_iter().filter_map(split).collect();
    promotion_facts(&found, kind, config.level)
}

/// Facts over the promotions of one kind; `None` without any.
///
/// All waterfalls must come from the same draws, in the same order: figures are computed draw by
/// draw.
#[must_use]
pub fn promotion_facts(
    waterfalls: &[Waterfall],
    kind: PromotionKind,
    level: f64,
) -> Option<PromotionFacts> {
    let of_kind: Vec<&Waterfall> = waterfalls.iter().filter(|w| w.promotion.kind == kind).collect();
    let first = of_kind.first()?;
    let rounds = [first.plays.draws.len(), first.plays.repeats.len()];
    let at = |w: &Waterfall, round: usize, d: usize| -> Tally {
        if round == 0 { w.plays.draws[d] } else { w.plays.repeats[d] }
    };
    let over_draws = |figure: &dyn Fn(&[Tally]) -> f64| -> Interval {
        let [draws, repeats] = [0, 1].map(|round| -> Vec<f64> {
            let tallies = |d: usize| of_kind.iter().map(move |w| at(w, round, d));
            (0..rounds[round]).map(|d| figure(&tallies(d).collect::<Vec<Tally>>())).collect()
        });
        spread::interval(&draws, &repeats, level)
    };
    let units = |tallies: &[Tally], part: Part| -> f64 {
        tallies.iter().map(|t| t.units[part as usize]).sum()
    };
    let lift = |tallies: &[Tally]| {
        (units(tallies, Part::OwnLift) + units(tallies, Part::WithinCategory)).max(1e-9)
    };
    let halo = |t: &[Tally]| (units(t, Part::Halo) + units(t, Part::Switched)) / lift(t);
    let losing = |tallies: &[Tally]| {
        let lost = tallies.iter().filter(|t| t.incremental_margin() < 0.0).count();
        lost as f64 / tallies.len() as f64
    };
    Some(PromotionFacts {
        promotions: of_kind.len(),
        dip_share: over_draws(&|t| -units(t, Part::PulledForward) / lift(t)),
        halo_per_unit: over_draws(&halo),
        losing_share: over_draws(&losing),
    })
}
