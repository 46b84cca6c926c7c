//! What fit and waterfalls make of worlds whose truth is known: are elasticities recovered, and do
//! the intervals hold the truth as often as they say?
//!
//! A world is generated from a known model inside the fitted family ([`super::generate`]) and fitted;
//! elasticities, coefficients and waterfalls are then compared with those of the truth. Nothing here
//! says how well the family describes a real retailer.

#[cfg(test)]
mod retailer_tests;

use super::curves::elasticity;
use super::error::DemandError;
use super::fit::{FitConfig, FittedDemand, fit_demand};
use super::generate::{GeneratedWorld, GeneratorConfig, generate};
use super::waterfall::{
    LiftConfig, Part, PastPromotion, PromotionKind, Waterfall, interval, past_promotions, waterfall,
};
use super::world::{Ground, evenly};
use crate::evaluate::Interval;
use promopt_envs::SeedTree;
use promopt_envs::retail::{DemandModel, Guardrails};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Plays of the true model behind one true waterfall.
const TRUTH_PLAYS: usize = 60;

/// What is generated, fitted and judged.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RecoveryConfig {
    /// The history.
    pub generator: GeneratorConfig,
    /// The fit.
    pub fit: FitConfig,
    /// The waterfalls.
    pub lift: LiftConfig,
    /// Promotions of each kind that are judged in a world.
    pub promotions: usize,
}

/// How many intervals hold the truth.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Covered {
    /// Those that do.
    pub inside: usize,
    /// All.
    pub of: usize,
}

impl Covered {
    fn count(&mut self, interval: &Interval, truth: f64) {
        // What is 0 by construction on both sides is no test.
        if interval.standard_error > 0.0 || interval.estimate != truth {
            self.of += 1;
            self.inside += usize::from(interval.lower <= truth && truth <= interval.upper);
        }
    }

    fn add(&mut self, other: Self) {
        self.inside += other.inside;
        self.of += other.of;
    }

    /// Share that holds the truth.
    #[must_use]
    pub fn share(&self) -> f64 {
        self.inside as f64 / self.of.max(1) as f64
    }
}

/// True and estimated own-price elasticity of a category.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RecoveredElasticity {
    /// Category index.
    pub category: usize,
    /// Units sold in the history.
    pub units: f64,
    /// The truth.
    pub truth: f64,
    /// Posterior mean and interval.
    pub estimate: Interval,
}

/// A figure of the waterfalls and how often its interval holds the truth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CoveredFigure {
    /// Name of the figure.
    pub figure: String,
    /// Over shelf promotions.
    pub shelf: Covered,
    /// Over offers.
    pub offers: Covered,
}

/// What one or several worlds say.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Recovery {
    /// Worlds.
    pub worlds: usize,
    /// Elasticities of every category but `other`.
    pub elasticities: Vec<RecoveredElasticity>,
    /// Coefficients that the fit is uncertain about.
    pub coefficients: Covered,
    /// Promotions judged.
    pub promotions: usize,
    /// Figures of the waterfalls.
    pub figures: Vec<CoveredFigure>,
}

impl Recovery {
    /// Mean absolute error of the elasticities over their mean size, both weighed by units.
    #[must_use]
    pub fn elasticity_error(&self) -> f64 {
        let error = |e: &RecoveredElasticity| e.units * (e.estimate.estimate - e.truth).abs();
        let size = |e: &RecoveredElasticity| e.units * e.truth.abs();
        let total = self.elasticities.iter().map(size).sum::<f64>();
        self.elasticities.iter().map(error).sum::<f64>() / total.max(1e-12)
    }

    /// Intervals of elasticities that hold the truth.
    #[must_use]
    pub fn elasticity_coverage(&self) -> Covered {
        let mut covered = Covered::default();
        self.elasticities.iter().for_each(|e| covered.count(&e.estimate, e.truth));
        covered
    }

    /// Adds another world.
    fn merge(&mut self, other: Self) {
        self.worlds += other.worlds;
        self.elasticities.extend(other.elasticities);
        self.coefficients.add(other.coefficients);
        self.promotions += other.promotions;
        if self.figures.is_empty() {
            self.figures = other.figures;
            return;
        }
        for (figure, more) in self.figures.iter_mut().zip(other.figures) {
            figure.shelf.add(more.shelf);
            figure.offers.add(more.offers);
        }
    }
}

/// Generates, fits and judges several worlds.
///
/// # Errors
/// [`DemandError`] when a world cannot be generated or fitted.
pub fn recover_worlds(
    config: &RecoveryConfig,
    n_worlds: usize,
    seed: SeedTree,
) -> Result<Recovery, DemandError> {
    let mut all = Recovery::default();
    for i in 0..n_worlds {
        all.merge(recover(config, seed.index(i as u64))?);
    }
    Ok(all)
}

/// Generates, fits and judges one world.
///
/// # Errors
/// As [`recover_worlds`].
pub fn recover(config: &RecoveryConfig, seed: SeedTree) -> Result<Recovery, DemandError> {
    let world = generate(&config.generator, seed.child("world"))?;
    let fit = FitConfig { ablation: false, ..config.fit.clone() };
    let (history, actions) = (&world.history, &world.actions);
    let fitted = fit_demand(history, actions, &world.encoder(), &fit, seed.child("fit"))?;
    let draws = |i: usize| fitted.posterior.draw(seed.child("draws").index(i as u64));
    let models: Vec<DemandModel> = (0..config.lift.draws).map(draws).collect();
    let guardrails = Guardrails::default();
    let schema = world.schema.clone();
    let ground = Ground::new(history, actions, schema, &world.timeline, &guardrails);
    let mut found = Recovery {
        worlds: 1,
        elasticities: elasticities(&ground, &world, &models, config.lift.level),
        coefficients: coefficients(&world.model, &fitted, &models, config.lift.level),
        ..Recovery::default()
    };
    for kind in [PromotionKind::Shelf, PromotionKind::Offer] {
        judge(&ground, &world, &models, (config, kind), seed, &mut found);
    }
    Ok(found)
}

fn elasticities(
    ground: &Ground<'_>,
    world: &GeneratedWorld,
    models: &[DemandModel],
    level: f64,
) -> Vec<RecoveredElasticity> {
    let (history, schema) = (&world.history, &world.schema);
    let (encoder, summaries) = (world.encoder(), ground.summaries(history.n_weeks));
    let observe = |(customer, summary): (usize, _)| {
        let mut observation = vec![0.0; schema.n_features()];
        let (customer, week) = (customer as u32, history.n_weeks);
        encoder.encode(customer, week, summary, week, &mut observation);
        observation
    };
    let observations: Vec<Vec<f32>> = summaries.iter().enumerate().map(observe).collect();
    let everybody: Vec<&Vec<f32>> = observations.iter().collect();
    let of_category = |category: usize| {
        let of = |model: &DemandModel| elasticity(schema, model, &everybody, category);
        let draws: Vec<f64> = models.par_iter().map(of).collect();
        let cells = history.cells.iter().filter(|cell| usize::from(cell.category) == category);
        RecoveredElasticity {
            category,
            units: cells.map(|cell| cell.units).sum(),
            truth: of(&world.model),
            estimate: interval(&draws, &[], level),
        }
    };
    (0..history.n_categories() - 1).map(of_category).collect()
}

/// Intervals of all figures of the model that differ between draws.
fn coefficients(
    truth: &DemandModel,
    fitted: &FittedDemand,
    models: &[DemandModel],
    level: f64,
) -> Covered {
    let truth = figures_of(truth);
    let mode = figures_of(&fitted.mean);
    let draws: Vec<Vec<f64>> = models.iter().map(figures_of).collect();
    let mut covered = Covered::default();
    for (i, truth) in truth.iter().enumerate() {
        let values: Vec<f64> = draws.iter().map(|draw| draw[i]).collect();
        if values.iter().any(|value| *value != mode[i]) {
            covered.count(&interval(&values, &[], level), *truth);
        }
    }
    covered
}

/// Every number of a model, in one fixed order.
fn figures_of(model: &DemandModel) -> Vec<f64> {
    let mut figures = Vec::new();
    let mut add = |list: &[f64]| figures.extend_from_slice(list);
    let visit = &model.visit;
    [&visit.fixed[..], &visit.moving, &visit.offer, &visit.persona, &visit.persona_offer]
        .into_iter()
        .for_each(&mut add);
    for c in &model.categories {
        let (personas, units) = ([&c.persona, &c.persona_shelf, &c.persona_offer], &c.units);
        [&c.fixed[..], &c.common, &c.own, &c.shelf, &c.offer].into_iter().for_each(&mut add);
        personas.into_iter().for_each(|list| add(list));
        [&units.fixed[..], &units.moving, &units.persona].into_iter().for_each(&mut add);
        add(&[units.shelf, units.offer]);
    }
    figures
}

/// Compares waterfalls of one kind of promotion with those of the truth.
fn judge(
    ground: &Ground<'_>,
    world: &GeneratedWorld,
    models: &[DemandModel],
    (config, kind): (&RecoveryConfig, PromotionKind),
    seed: SeedTree,
    found: &mut Recovery,
) {
    let past = past_promotions(&world.history, &world.actions);
    let of_kind: Vec<&PastPromotion> = past.iter().filter(|p| p.kind == kind).collect();
    let positions: Vec<usize> = (0..of_kind.len()).collect();
    let truth = vec![world.model.clone(); TRUTH_PLAYS];
    for position in evenly(&positions, config.promotions) {
        let promotion = of_kind[position];
        let seed = seed.child(&promotion.id);
        let of = |models: &[DemandModel], name: &str| {
            waterfall(ground, models, promotion, None, &config.lift, seed.child(name))
        };
        let (Some(estimate), Some(truth)) = (of(models, "estimate"), of(&truth, "truth")) else {
            continue;
        };
        found.promotions += 1;
        let pairs = figures(&estimate).into_iter().zip(figures(&truth));
        for (i, ((name, interval), (_, truth))) in pairs.enumerate() {
            if found.figures.len() == i {
                let (shelf, offers) = (Covered::default(), Covered::default());
                found.figures.push(CoveredFigure { figure: name, shelf, offers });
            }
            let figure = &mut found.figures[i];
            match kind {
                PromotionKind::Shelf => figure.shelf.count(&interval, truth.estimate),
                PromotionKind::Offer => figure.offers.count(&interval, truth.estimate),
            }
        }
    }
}

/// The figures of a waterfall that are judged, the same for both kinds of promotion.
fn figures(found: &Waterfall) -> Vec<(String, Interval)> {
    let parts = [
        Part::Baseline,
        Part::OwnLift,
        Part::Switched,
        Part::Halo,
        Part::PulledForward,
        Part::LaterElsewhere,
    ];
    let units = |part: Part| {
        let line = found.parts.iter().find(|line| line.part == part);
        line.and_then(|line| line.units).map(|units| (format!("{} (units)", part.label()), units))
    };
    let money = |part: Part| {
        let line = found.parts.iter().find(|line| line.part == part);
        line.map(|line| (format!("{} (margin)", part.label()), line.margin))
    };
    parts
        .into_iter()
        .filter_map(units)
        .chain([Part::SubsidisedBaseline, Part::DiscountOnLift].into_iter().filter_map(money))
        .chain([
            ("incremental units".to_owned(), found.incremental_units),
            ("incremental revenue".to_owned(), found.incremental_revenue),
            ("incremental margin".to_owned(), found.incremental_margin),
        ])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(promotions: usize, signs: bool) -> RecoveryConfig {
        let lift = LiftConfig { repeats: 10, ..LiftConfig::default() };
        let fit = FitConfig { signs, ..FitConfig::default() };
        RecoveryConfig { promotions, lift, fit, ..RecoveryConfig::default() }
    }

    /// Four standard errors of a share of `n` around `p`.
    fn reach(p: f64, n: f64) -> f64 {
        4.0 * (p * (1.0 - p) / n).sqrt()
    }

    #[test]
    fn a_world_is_recovered() {
        let generator = GeneratorConfig { n_customers: 250, n_weeks: 64, ..Default::default() };
        let lift = LiftConfig { customers: 60, repeats: 10, ..LiftConfig::default() };
        let config = RecoveryConfig { generator, lift, ..config(2, false) };
        let found = recover(&config, SeedTree::new(21)).expect("a world that can be fitted");
        assert_eq!(found.elasticities.len(), 3);
        assert_eq!(found.promotions, 4);
        let [mut all, offers] = [|f: &CoveredFigure| f.shelf, |f: &CoveredFigure| f.offers]
            .map(|of| pooled(&found, of));
        all.add(offers);
        // Intervals of one promotion move together: four promotions, four intervals.
        assert!(all.share() > 0.9 - reach(0.9, 4.0), "{all:?}");
        // A quarter of the data of the slow test: twice its error of 15 %.
        assert!(found.elasticity_error() < 0.3, "{:?}", found.elasticities);
        // Coefficients of one fit move together: about 20 of them are worth one of their own.
        let n = found.coefficients.of as f64 / 20.0;
        assert!(found.coefficients.share() > 0.9 - reach(0.9, n), "{:?}", found.coefficients);
    }

    /// All intervals of one kind of promotion.
    fn pooled(found: &Recovery, of: fn(&CoveredFigure) -> Covered) -> Covered {
        let mut all = Covered::default();
        found.figures.iter().for_each(|figure| all.add(of(figure)));
        all
    }

    #[allow(clippy::print_stdout, reason = "measured coverage is the point of the test")]
    fn tell(found: &Recovery) {
        println!("{} promotions of {} worlds", found.promotions, found.worlds);
        println!("elasticity error {:.3}", found.elasticity_error());
        println!("elasticities covered {:.3}", found.elasticity_coverage().share());
        println!("coefficients covered {:.3}", found.coefficients.share());
        for f in &found.figures {
            let (shelf, offers) = (f.shelf.share(), f.offers.share());
            println!("{:<45} shelf {shelf:.3}  offers {offers:.3}", f.figure);
        }
        let [shelf, offers] =
            [|f: &CoveredFigure| f.shelf, |f: &CoveredFigure| f.offers].map(|of| pooled(found, of));
        println!("{:<45} shelf {:.3}  offers {:.3}", "all", shelf.share(), offers.share());
    }

    #[allow(clippy::print_stdout, reason = "a skipped test says so")]
    fn is_slow_run() -> bool {
        let slow = std::env::var_os("RUN_SLOW").is_some();
        if !slow {
            println!("skipped: takes minutes; set RUN_SLOW=1");
        }
        slow
    }

    /// The acceptance test: 200 promotions over 25 worlds.
    #[test]
    fn intervals_of_waterfalls_cover_the_truth() {
        if !is_slow_run() {
            return;
        }
        let found = recover_worlds(&config(4, false), 25, SeedTree::new(5)).expect("worlds");
        tell(&found);
        assert_eq!(found.promotions, 200);
        assert!(found.elasticity_error() < 0.15);
        for of in [|f: &CoveredFigure| f.shelf, |f: &CoveredFigure| f.offers] {
            let share = pooled(&found, of).share();
            assert!((0.85..=0.95).contains(&share), "{share}");
            // The promotions of a world share one fit: 25 worlds count, not 100 promotions.
            let lowest = found.figures.iter().map(|f| of(f).share()).fold(1.0, f64::min);
            assert!(lowest > 0.9 - reach(0.9, 25.0), "{lowest}");
        }
    }

    /// What the signs of theory cost where nothing is confounded: measured, not demanded.
    #[test]
    fn signs_cost_coverage_where_offers_are_random() {
        if !is_slow_run() {
            return;
        }
        let found = recover_worlds(&config(4, true), 25, SeedTree::new(5)).expect("worlds");
        tell(&found);
        assert_eq!(found.promotions, 200);
        assert!(found.elasticity_error() < 0.15);
    }
}
