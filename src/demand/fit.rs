//! Fits the response model by penalised likelihood, with partial pooling and Laplace draws.
//!
//! Incidence and quantity are first fitted over all categories together; each category is then
//! fitted with that result as its prior mean, and personas deviate from their category with a prior
//! mean of zero. How strongly they are pooled is chosen on the last weeks before the held-out ones.

use super::actions::ActionMap;
use super::churn::weigh_silence;
use super::design::{Encoder, INCIDENCE_SHARED, Rows, VISIT_SHARED};
use super::error::DemandError;
use super::glm::{Design, Family, GlmFit, Prior, fit, mean_log_likelihood};
use super::replay::Replay;
use crate::data::History;
use promopt_envs::SeedTree;
use promopt_envs::retail::demand::{
    INCIDENCE_CONTACTS, INCIDENCE_ELSEWHERE, INCIDENCE_OFFER, INCIDENCE_OFFER_DEPTH,
    INCIDENCE_SHELF, INCIDENCE_STATE, INCIDENCE_STOCK, QUANTITY, VISIT_CONTACTS, VISIT_OFFER,
    VISIT_OFFER_DEPTH, VISIT_STATE, felt_depth,
};
use promopt_envs::retail::{CategoryModel, DemandModel, VisitModel};
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};

mod prices;

/// Weeks before the held-out ones on which the strength of pooling is chosen.
const VALIDATION_WEEKS: u32 = 6;
/// Weeks that must be left to fit on.
const FIT_WEEKS_MIN: u32 = 8;
/// Strengths of pooling that are tried.
const STRENGTHS: [f64; 4] = [1.0, 4.0, 16.0, 64.0];
/// Prior standard deviation of coefficients on state features, in logits.
const STATE_SD: f64 = 2.0;
/// Prior standard deviation of coefficients on depths: 5 means that 20 % off moves a logit by 1.
const DEPTH_SD: f64 = 5.0;
/// Prior standard deviation of a category around all categories, and of a persona around its
/// category, at pooling strength 1.
const POOL_STATE_SD: f64 = 1.0;
const POOL_DEPTH_SD: f64 = 3.0;
/// Pooling of personas while the hazard of leaving is learnt.
const CHURN_POOLING: f64 = 16.0;
/// Rows that a fit of one part needs.
const ROWS_MIN: usize = 50;
/// Rows used for the fit over all categories.
const POOLED_ROWS_MAX: usize = 400_000;

/// Settings of the fit, `[fit]` in the config.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FitConfig {
    /// Weeks at the end of the history that the fit never sees.
    pub holdout_weeks: u32,
    /// Posterior draws that agents train on.
    pub train_draws: usize,
    /// Posterior draws kept apart for the leaderboard.
    pub judge_draws: usize,
    /// Posterior draws kept apart for the A/B test and the gate.
    pub test_draws: usize,
}

impl Default for FitConfig {
    /// Eight weeks held out, eight draws to train on, six to judge on, six to test the winner on.
    fn default() -> Self {
        Self { holdout_weeks: 8, train_draws: 8, judge_draws: 6, test_draws: 6 }
    }
}

/// Where the response to offers was learnt from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OfferEvidence {
    /// Logged offers with propensities.
    Randomised,
    /// Logged offers without propensities.
    Observational,
    /// No usable offers: assumed to act like a shelf discount of the same depth, without drawing
    /// any visit.
    AssumedFromShelf,
}

/// How one part of the model was fitted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PartReport {
    /// Name of the part, such as `visit` or `incidence:dairy`.
    pub part: String,
    /// Rows it was fitted on.
    pub rows: usize,
    /// Pooling strength chosen.
    pub pooling: f64,
    /// Mean log-likelihood of the held-out weeks.
    pub held_out: f64,
    /// The same for a constant prediction at the training mean.
    pub held_out_constant: f64,
    /// Newton iterations.
    pub iterations: usize,
    /// Whether they ended at the maximum.
    pub converged: bool,
}

/// A fitted world.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedDemand {
    /// The posterior mode.
    pub mean: DemandModel,
    /// Draws for training.
    pub train: Vec<DemandModel>,
    /// Draws for the leaderboard, never trained on.
    pub judge: Vec<DemandModel>,
    /// Draws for the A/B test, on which nothing was trained or chosen.
    pub test: Vec<DemandModel>,
    /// Where the offer response comes from.
    pub offer_evidence: OfferEvidence,
    /// One report per part.
    pub parts: Vec<PartReport>,
    /// First held-out week.
    pub train_end: u32,
    /// Weeks before it that gave no rows because their total sales are outliers.
    #[serde(default)]
    pub left_out: Vec<u32>,
}

/// One part: its posterior, and how it went.
struct Part {
    fit: GlmFit,
    report: PartReport,
}

/// Rows of one part before the validation weeks, in them, and in the held-out weeks.
struct Split<'a> {
    early: &'a Design,
    late: &'a Design,
    all: &'a Design,
    held_out: &'a Design,
}

/// Prior of one part: columns grouped by what they multiply.
struct PriorShape {
    mean: Vec<f64>,
    /// Standard deviation of each column at pooling strength 1.
    sd: Vec<f64>,
    /// Whether the strength of pooling applies to the column.
    pooled: Vec<bool>,
}

impl PriorShape {
    fn at(&self, strength: f64) -> Prior {
        let precision = self
            .sd
            .iter()
            .zip(&self.pooled)
            .map(|(sd, &pooled)| if pooled { strength / (sd * sd) } else { 1.0 / (sd * sd) })
            .collect();
        Prior { mean: self.mean.clone(), precision }
    }
}

/// The first held-out week.
///
/// # Errors
/// [`DemandError::TooShort`] when too few weeks are left before it.
pub(crate) fn train_end(history: &History, config: &FitConfig) -> Result<u32, DemandError> {
    let held_out = config.holdout_weeks;
    let needed = VALIDATION_WEEKS + FIT_WEEKS_MIN + held_out;
    if history.n_weeks < needed {
        return Err(DemandError::TooShort { needed, held_out, got: history.n_weeks });
    }
    Ok(history.n_weeks - held_out)
}

/// Fits the world on the weeks before the held-out ones.
///
/// # Errors
/// [`DemandError`] when the history is too short or too thin.
pub(crate) fn fit_demand(
    history: &History,
    actions: &ActionMap,
    encoder: &Encoder<'_>,
    config: &FitConfig,
    seed: SeedTree,
) -> Result<FittedDemand, DemandError> {
    let train_end = train_end(history, config)?;
    let replay = Replay::new(history, actions);
    let left_out: Vec<u32> =
        history.anomalous_weeks.iter().copied().filter(|week| *week < train_end).collect();
    let collect =
        |weeks| Rows::collect(history, &replay, &actions.catalogue, encoder, weeks, &left_out);
    let n_personas = encoder.schema.n_personas;
    let mut all = collect(0..train_end);
    let visit_shape = visit_prior(n_personas);
    let failed = || DemandError::NotConverged { what: "visit".to_owned(), iterations: 0 };
    let churn = weigh_silence(&mut all, &visit_shape.at(CHURN_POOLING)).ok_or_else(failed)?;
    let (early, late) = all.split_at(train_end - VALIDATION_WEEKS);
    let held_out = collect(train_end..history.n_weeks);
    let split = |part: fn(&Rows) -> &Design| Split {
        early: part(&early),
        late: part(&late),
        all: part(&all),
        held_out: part(&held_out),
    };
    let visit =
        fit_part("visit".to_owned(), Family::Bernoulli, &split(|r| &r.visit), &visit_shape)?;
    let incidence_mean = pooled(Family::Bernoulli, &all.incidence, INCIDENCE_SHARED, "incidence")?;
    let quantity_mean = pooled(Family::Poisson, &all.quantity, QUANTITY, "quantity")?;
    let (mut incidence, mut quantity) = (Vec::new(), Vec::new());
    for (c, category) in history.categories.iter().enumerate() {
        let split_of = |part: fn(&Rows) -> &Vec<Design>| Split {
            early: &part(&early)[c],
            late: &part(&late)[c],
            all: &part(&all)[c],
            held_out: &part(&held_out)[c],
        };
        let prior = category_prior(&incidence_mean, incidence_columns(n_personas));
        let name = format!("incidence:{}", category.name);
        incidence.push(fit_part(name, Family::Bernoulli, &split_of(|r| &r.incidence), &prior)?);
        let prior = category_prior(&quantity_mean, quantity_columns(n_personas));
        let name = format!("quantity:{}", category.name);
        quantity.push(fit_part(name, Family::Poisson, &split_of(|r| &r.quantity), &prior)?);
    }
    let offer_evidence = evidence(history, actions);
    let prices = prices::learn(history, actions, encoder, train_end);
    let posterior =
        Posterior { visit, incidence, quantity, prices, churn, n_personas, offer_evidence };
    Ok(FittedDemand { left_out, ..posterior.into_fitted(config, seed, train_end) })
}

fn evidence(history: &History, actions: &ActionMap) -> OfferEvidence {
    let mut usable =
        history.exposures.iter().filter(|e| actions.action_of(e.offer).is_some_and(|a| a > 0));
    if !actions.from_history || usable.clone().next().is_none() {
        OfferEvidence::AssumedFromShelf
    } else if usable.all(|e| e.propensity.is_some()) {
        OfferEvidence::Randomised
    } else {
        OfferEvidence::Observational
    }
}

fn visit_prior(n_personas: usize) -> PriorShape {
    let mut sd = vec![STATE_SD; VISIT_STATE];
    sd.extend([DEPTH_SD; VISIT_OFFER]);
    sd.extend(vec![POOL_STATE_SD; n_personas]);
    sd.extend(vec![POOL_DEPTH_SD; n_personas]);
    let pooled = (0..sd.len()).map(|j| j >= VISIT_SHARED).collect();
    PriorShape { mean: vec![0.0; sd.len()], sd, pooled }
}

/// Standard deviations at strength 1 of the columns of one category.
fn incidence_columns(n_personas: usize) -> Vec<f64> {
    let mut sd = vec![POOL_STATE_SD; INCIDENCE_STATE];
    sd.extend([POOL_DEPTH_SD; INCIDENCE_SHELF + INCIDENCE_OFFER]);
    sd.extend(vec![POOL_STATE_SD; n_personas]);
    sd.extend(vec![POOL_DEPTH_SD; 2 * n_personas]);
    sd
}

fn quantity_columns(n_personas: usize) -> Vec<f64> {
    vec![POOL_STATE_SD; QUANTITY + n_personas]
}

/// Shared columns around the fit over all categories, persona columns around zero. The first
/// column, the category's own level, is free.
fn category_prior(pooled_mean: &[f64], sd: Vec<f64>) -> PriorShape {
    let mut mean = pooled_mean.to_vec();
    mean.resize(sd.len(), 0.0);
    let pooled = (0..sd.len()).map(|j| j > 0).collect();
    PriorShape { mean, sd, pooled }
}

/// The fit over all categories on the shared columns, on evenly spaced rows when there are many.
fn pooled(
    family: Family,
    designs: &[Design],
    shared: usize,
    what: &'static str,
) -> Result<Vec<f64>, DemandError> {
    let total: usize = designs.iter().map(Design::n).sum();
    if total < ROWS_MIN {
        return Err(DemandError::TooFewRows { what, needed: ROWS_MIN, got: total });
    }
    let stride = total.div_ceil(POOLED_ROWS_MAX);
    let mut design = Design::new(shared);
    for part in designs {
        for i in (0..part.n()).step_by(stride) {
            let row = &part.x[i * part.p..i * part.p + shared];
            design.push(row.iter().copied(), part.y[i], part.week[i], part.weight[i]);
        }
    }
    let sd = |j: usize| {
        if (INCIDENCE_STATE..INCIDENCE_SHARED).contains(&j) { DEPTH_SD } else { STATE_SD }
    };
    let precision = (0..shared).map(|j| 1.0 / (sd(j) * sd(j))).collect();
    let prior = Prior { mean: vec![0.0; shared], precision };
    match fit(family, &design, &prior) {
        Some(done) if done.converged => Ok(done.beta),
        other => {
            let iterations = other.map_or(0, |f| f.iterations);
            Err(DemandError::NotConverged { what: what.to_owned(), iterations })
        }
    }
}

/// Chooses the strength of pooling on the late rows, then fits all of them.
fn fit_part(
    name: String,
    family: Family,
    rows: &Split<'_>,
    shape: &PriorShape,
) -> Result<Part, DemandError> {
    let failed = |iterations| DemandError::NotConverged { what: name.clone(), iterations };
    let mut pooling = STRENGTHS[STRENGTHS.len() - 1];
    if rows.early.n() >= ROWS_MIN && rows.late.n() >= ROWS_MIN {
        let mut best = f64::NEG_INFINITY;
        for strength in STRENGTHS {
            let trial = fit(family, rows.early, &shape.at(strength)).ok_or_else(|| failed(0))?;
            let score = mean_log_likelihood(family, rows.late, &trial.beta);
            if score > best {
                (best, pooling) = (score, strength);
            }
        }
    }
    let fit = fit(family, rows.all, &shape.at(pooling)).ok_or_else(|| failed(0))?;
    if !fit.converged {
        return Err(failed(fit.iterations));
    }
    let mean = rows.all.mean();
    let report = PartReport {
        part: name,
        rows: rows.all.n(),
        pooling,
        held_out: mean_log_likelihood(family, rows.held_out, &fit.beta),
        held_out_constant: constant_log_likelihood(family, rows.held_out, mean),
        iterations: fit.iterations,
        converged: fit.converged,
    };
    Ok(Part { fit, report })
}

fn constant_log_likelihood(family: Family, design: &Design, mean: f64) -> f64 {
    let mean = mean.clamp(1e-6, if family == Family::Bernoulli { 1.0 - 1e-6 } else { f64::MAX });
    let eta = match family {
        Family::Bernoulli => (mean / (1.0 - mean)).ln(),
        Family::Poisson => mean.ln(),
    };
    let constant = Design { p: 1, x: vec![1.0; design.n()], ..design.clone() };
    mean_log_likelihood(family, &constant, &[eta])
}

/// All parts with their posteriors.
struct Posterior {
    visit: Part,
    incidence: Vec<Part>,
    quantity: Vec<Part>,
    prices: prices::Prices,
    churn: f64,
    n_personas: usize,
    offer_evidence: OfferEvidence,
}

impl Posterior {
    fn into_fitted(self, config: &FitConfig, seed: SeedTree, train_end: u32) -> FittedDemand {
        let mean = self.assemble(|part, _| part.fit.beta.clone());
        let draw = |tree: SeedTree| {
            self.assemble(|part, name| {
                let mut stream = tree.child(name).stream();
                let normal = |_| StandardNormal.sample(&mut stream);
                part.fit.draw((0..part.fit.beta.len()).map(normal).collect())
            })
        };
        let draws =
            |name: &str, n: usize| (0..n).map(|i| draw(seed.child(name).index(i as u64))).collect();
        FittedDemand {
            train: draws("train", config.train_draws),
            judge: draws("judge", config.judge_draws),
            test: draws("test", config.test_draws),
            mean,
            offer_evidence: self.offer_evidence,
            parts: std::iter::once(&self.visit)
                .chain(&self.incidence)
                .chain(&self.quantity)
                .map(|p| p.report.clone())
                .collect(),
            train_end,
            left_out: Vec::new(),
        }
    }

    /// A model from coefficients chosen per part.
    ///
    /// Terms that stand for what offers cost later (contacts, reference depth, stock at home) keep
    /// their sign from theory: a positive estimate means that good customers are contacted more,
    /// not that contacts make them good, so it becomes 0.
    fn assemble(&self, mut coefficients: impl FnMut(&Part, &str) -> Vec<f64>) -> DemandModel {
        let k = self.n_personas;
        let take = |row: &mut Vec<f64>, n: usize| -> Vec<f64> { row.drain(..n).collect() };
        let mut row = coefficients(&self.visit, &self.visit.report.part);
        let mut visit = VisitModel {
            state: take(&mut row, VISIT_STATE),
            offer: take(&mut row, VISIT_OFFER),
            persona: take(&mut row, k),
            persona_offer: take(&mut row, k),
        };
        let mut categories = Vec::with_capacity(self.incidence.len());
        for (c, (incidence, quantity)) in self.incidence.iter().zip(&self.quantity).enumerate() {
            let mut row = coefficients(incidence, &incidence.report.part);
            let mut units = coefficients(quantity, &quantity.report.part);
            categories.push(CategoryModel {
                state: take(&mut row, INCIDENCE_STATE),
                shelf: take(&mut row, INCIDENCE_SHELF),
                offer: take(&mut row, INCIDENCE_OFFER),
                persona: take(&mut row, k),
                persona_shelf: take(&mut row, k),
                persona_offer: take(&mut row, k),
                quantity: take(&mut units, QUANTITY),
                persona_quantity: take(&mut units, k),
                unit_price: self.prices.unit_price[c].clone(),
                margin_rate: self.prices.margin_rate[c],
                shelf_realised: self.prices.shelf_realised[c],
                shelf_mean: self.prices.shelf_mean[c],
            });
        }
        visit.state[VISIT_CONTACTS] = visit.state[VISIT_CONTACTS].min(0.0);
        visit.state[VISIT_OFFER_DEPTH] = visit.state[VISIT_OFFER_DEPTH].min(0.0);
        for category in &mut categories {
            for j in [INCIDENCE_STOCK, INCIDENCE_OFFER_DEPTH, INCIDENCE_CONTACTS] {
                category.state[j] = category.state[j].min(0.0);
            }
        }
        if self.offer_evidence == OfferEvidence::AssumedFromShelf {
            visit.state[VISIT_CONTACTS] = 0.0;
            visit.state[VISIT_OFFER_DEPTH] = 0.0;
            for category in &mut categories {
                category.state[INCIDENCE_CONTACTS] = 0.0;
                category.state[INCIDENCE_OFFER_DEPTH] = 0.0;
                category.state[INCIDENCE_ELSEWHERE] = 0.0;
            }
            visit.offer.fill(0.0);
            visit.persona_offer.fill(0.0);
            categories.iter_mut().for_each(assume_offers_act_like_shelf_discounts);
        }
        DemandModel { visit, categories, redemption: self.prices.redemption, churn: self.churn }
    }
}

/// Depth at which an offer without evidence of its own moves as much as a shelf discount does.
const ASSUMED_DEPTH: f64 = 0.2;

/// Without usable offers, a 20 % offer moves incidence as a 20 % shelf discount does, others in
/// proportion to their felt depth, and quantity as a shelf discount of its depth does (see
/// [`OfferEvidence::AssumedFromShelf`]).
fn assume_offers_act_like_shelf_discounts(category: &mut CategoryModel) {
    let scale = ASSUMED_DEPTH / felt_depth(ASSUMED_DEPTH);
    category.offer.fill(0.0);
    category.offer[0] = category.shelf[0] * scale;
    category.offer[2] = category.shelf[1] * scale;
    category.persona_offer = category.persona_shelf.iter().map(|b| b * scale).collect();
    category.quantity[5] = category.quantity[4];
}
