//! What past promotions brought: the waterfalls of a run, written to `demand/lift.json`.

use super::error::RunError;
use super::folder::{write_json, write_whole};
use super::stage::Job;
use crate::data::History;
use crate::demand::waterfall::{
    LiftConfig, Part, PastPromotion, PromotionFacts, PromotionKind, Waterfall, past_promotions,
    promotion_facts, waterfall,
};
use crate::demand::world::evenly;
use crate::demand::{FittedDemand, Ground, card};
use crate::evaluate::Interval;
use crate::report::{Estimate, WaterfallBar, WaterfallInput, waterfall_svg};
use promopt_envs::SeedTree;
use promopt_envs::retail::DemandModel;
use serde::{Deserialize, Serialize};

/// Promotions of each kind that the facts are taken from, and those listed on the page.
const SPREAD: usize = 20;
const LARGEST: usize = 6;
/// Promotions below which nothing is said about promotions in general.
const FACTS_MIN: usize = 10;
/// Where the waterfalls are kept.
pub const LIFT: &str = "demand/lift.json";

/// Waterfalls of past promotions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LiftResult {
    /// Promotions found in the history.
    pub found: usize,
    /// The waterfalls, those that gave most money away first.
    pub waterfalls: Vec<Waterfall>,
    /// What the shelf promotions among them have in common.
    pub shelf: Option<PromotionFacts>,
    /// What the offers among them have in common.
    pub offers: Option<PromotionFacts>,
}

impl Job<'_> {
    /// Splits past promotions of a run after `fit`: the one named, or the `top` that gave most money
    /// away, which are also written to [`LIFT`], with a plot of the first in `demand/lift.svg`.
    ///
    /// # Errors
    /// When the fit has not run, or no promotion has the name.
    pub fn lift(&self, named: Option<&str>, top: usize) -> Result<LiftResult, RunError> {
        let history = self.history()?;
        let actions = self.actions(&history)?;
        let (schema, timeline) = (self.schema(&history)?, self.persona_timeline()?);
        let fitted = self.fitted()?;
        let seed = SeedTree::new(self.config.seed).child("lift");
        let ground = Ground::new(&history, &actions, schema, &timeline, &self.config.guardrails);
        let config = LiftConfig::default();
        let past = Past::new(&ground, &fitted, &config, seed);
        let all = past_promotions(&history, &actions);
        let found = all.len();
        let chosen = match named {
            Some(name) => vec![by_name(all, name)?],
            None => most_given_away(&history, all, top),
        };
        let waterfalls = past.split(&chosen);
        let facts = |kind| promotion_facts(&waterfalls, kind, config.level);
        let (shelf, offers) = (facts(PromotionKind::Shelf), facts(PromotionKind::Offer));
        let result = LiftResult { found, waterfalls, shelf, offers };
        if named.is_none() {
            write_json(&self.folder.path(LIFT), &result)?;
        }
        if let Some(first) = result.waterfalls.first() {
            let input = margin_bars(first, &self.config.currency);
            if let Some(svg) = waterfall_svg(&input)? {
                write_whole(&self.folder.path("demand/lift.svg"), svg.as_bytes())?;
            }
        }
        Ok(result)
    }
}

/// What past promotions are split with.
struct Past<'a> {
    ground: &'a Ground<'a>,
    models: Vec<DemandModel>,
    config: &'a LiftConfig,
    seed: SeedTree,
}

impl<'a> Past<'a> {
    fn new(
        ground: &'a Ground<'a>,
        fitted: &FittedDemand,
        config: &'a LiftConfig,
        seed: SeedTree,
    ) -> Self {
        let draw = |i: usize| fitted.posterior.draw(seed.child("draws").index(i as u64));
        Self { ground, models: (0..config.draws).map(draw).collect(), config, seed }
    }

    fn split(&self, promotions: &[PastPromotion]) -> Vec<Waterfall> {
        let one = |promotion: &PastPromotion| {
            let luck = self.seed.child(&promotion.id);
            waterfall(self.ground, &self.models, promotion, None, self.config, luck)
        };
        promotions.iter().filter_map(one).collect()
    }
}

/// Splits the past promotions of a history while it is fitted, on fewer draws and customers than
/// `promopt lift` takes: the few that gave most away, and what promotions have in common over a sample
/// that is evenly spread over the history.
#[must_use]
pub(super) fn of_the_past(
    ground: &Ground<'_>,
    fitted: &FittedDemand,
    seed: SeedTree,
) -> LiftResult {
    let all = past_promotions(ground.history, ground.actions);
    let found = all.len();
    let config = LiftConfig { draws: 60, repeats: 15, customers: 200, ..LiftConfig::default() };
    if all.is_empty() {
        return LiftResult { found, waterfalls: Vec::new(), shelf: None, offers: None };
    }
    let past = Past::new(ground, fitted, &config, seed);
    let facts = |kind: PromotionKind| {
        let of_kind: Vec<&PastPromotion> = all.iter().filter(|p| p.kind == kind).collect();
        let positions: Vec<usize> = (0..of_kind.len()).collect();
        let spread = evenly(&positions, SPREAD).into_iter().map(|i| of_kind[i].clone());
        promotion_facts(&past.split(&spread.collect::<Vec<_>>()), kind, config.level)
    };
    let (shelf, offers) = (facts(PromotionKind::Shelf), facts(PromotionKind::Offer));
    let waterfalls = past.split(&most_given_away(ground.history, all, LARGEST));
    LiftResult { found, waterfalls, shelf, offers }
}

/// What the realism card is told of past promotions: those on the shelf, else the offers.
#[must_use]
pub(super) fn facts_for_card(lift: &LiftResult) -> Option<card::PromotionFacts> {
    let facts = lift.shelf.as_ref().or(lift.offers.as_ref())?;
    let n = facts.promotions;
    let figure = |interval: &Interval| {
        let Interval { estimate: mean, lower, upper, .. } = *interval;
        if n < FACTS_MIN {
            let why = format!("only {n} past promotions stand out from the usual depth");
            return card::Evidence::NotIdentified(why);
        }
        card::Evidence::Estimated(card::Spread { mean, lower, upper })
    };
    Some(card::PromotionFacts {
        dip: figure(&facts.dip_share),
        halo: figure(&facts.halo_per_unit),
        share_losing: figure(&facts.losing_share),
        n_promotions: n,
    })
}

fn by_name(past: Vec<PastPromotion>, name: &str) -> Result<PastPromotion, RunError> {
    let found = past.len();
    past.into_iter().find(|promotion| promotion.id == name).ok_or_else(|| {
        RunError::Config(format!(
            "expected --promotion to name one of the {found} promotions of the history, got \
             `{name}`; `promopt lift` lists them"
        ))
    })
}

/// The `top` promotions by the discount they gave, largest first.
fn most_given_away(history: &History, past: Vec<PastPromotion>, top: usize) -> Vec<PastPromotion> {
    let n = history.n_categories();
    let mut gross = vec![0.0; history.n_weeks as usize * n];
    for cell in &history.cells {
        gross[cell.week as usize * n + usize::from(cell.category)] += cell.gross;
    }
    let mut contacts = vec![0.0; history.offers.len() * history.n_weeks as usize];
    for exposure in &history.exposures {
        let row = usize::from(exposure.offer) * history.n_weeks as usize;
        contacts[row + exposure.week as usize] += 1.0;
    }
    let customers = history.customers.len().max(1) as f64;
    let given = |promotion: &PastPromotion| -> f64 {
        let of_week = |week: u32| {
            let row = &gross[week as usize * n..(week as usize + 1) * n];
            let sold = promotion.category.map_or_else(|| row.iter().sum(), |c| row[c]);
            match promotion.offer {
                None => sold * (promotion.depth - promotion.usual_depth),
                Some(offer) => {
                    let at = usize::from(offer) * history.n_weeks as usize + week as usize;
                    sold * contacts[at] / customers * promotion.depth
                }
            }
        };
        promotion.weeks.clone().map(of_week).sum()
    };
    let mut ranked: Vec<(f64, PastPromotion)> = past.into_iter().map(|p| (given(&p), p)).collect();
    // A stable sort: promotions that gave the same stay in order of time.
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
    ranked.into_iter().take(top).map(|(_, promotion)| promotion).collect()
}

fn estimate(interval: &Interval) -> Estimate {
    Estimate::new(interval.estimate, interval.lower, interval.upper)
}

/// The margin of a waterfall as bars: its parts without the baseline, and what is left.
#[must_use]
pub fn margin_bars(found: &Waterfall, currency: &str) -> WaterfallInput {
    let parts = found.parts.iter().filter(|line| line.part != Part::Baseline);
    let mut bars: Vec<WaterfallBar> = parts
        .map(|line| WaterfallBar {
            label: line.part.label().to_owned(),
            value: estimate(&line.margin),
            is_level: false,
        })
        .collect();
    bars.push(WaterfallBar {
        label: "margin because of it".to_owned(),
        value: estimate(&found.incremental_margin),
        is_level: true,
    });
    WaterfallInput {
        title: format!("Margin that {} brought, part by part", found.promotion.id),
        axis: "Margin against no promotion".to_owned(),
        currency: Some(currency.to_owned()),
        bars,
    }
}

/// The units of a waterfall as bars, from what would have sold anyway.
#[must_use]
pub fn units_bars(found: &Waterfall) -> WaterfallInput {
    let bar = |part: Part, units: &Interval| WaterfallBar {
        label: part.label().to_owned(),
        value: estimate(units),
        is_level: part == Part::Baseline,
    };
    let lines = found.parts.iter();
    let mut bars: Vec<WaterfallBar> =
        lines.filter_map(|line| line.units.map(|units| bar(line.part, &units))).collect();
    bars.push(WaterfallBar {
        label: "units because of it".to_owned(),
        value: estimate(&found.incremental_units),
        is_level: true,
    });
    WaterfallInput {
        title: format!("Units that {} sold, part by part", found.promotion.id),
        axis: "Units".to_owned(),
        currency: None,
        bars,
    }
}
