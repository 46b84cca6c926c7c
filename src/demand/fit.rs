//! Fits the response model by penalised likelihood, with partial pooling and posterior draws.
//!
//! Incidence and units are first fitted over all categories together; each category is then fitted
//! with that result as its prior mean, and personas deviate from their category with a prior mean of
//! zero. How strongly they are pooled is chosen on the last weeks before the held-out ones. A category
//! with too few purchases keeps the pooled response, and the report says so.

use super::ablation::{Ablation, ablate};
use super::actions::ActionMap;
use super::churn::weigh_silence;
use super::coefficients::Coefficient;
use super::design::{Encoder, Rows, Source};
use super::error::DemandError;
use super::replay::Replay;
use super::targeting::{Overlap, Weighing};
use super::world::day_number;
use crate::data::History;
use chrono::NaiveDate;
use parts::{Fitter, Part};
use promopt_envs::SeedTree;
use promopt_envs::retail::demand::features::Term;
use promopt_envs::retail::{DemandModel, Holidays};
use serde::{Deserialize, Serialize};

pub(super) mod parts;
mod posterior;
mod prices;
mod priors;
mod shock;

pub use posterior::{PartPosterior, Posterior};

/// Weeks before the held-out ones on which the strength of pooling is chosen.
const VALIDATION_WEEKS: u32 = 6;
/// Weeks that must be left to fit on.
const FIT_WEEKS_MIN: u32 = 8;
/// Most weeks at the start that give no rows, and the share of the training weeks that they may be:
/// in them the running summaries say more about when the log begins than about the customer.
const BURN_IN_WEEKS: u32 = 8;
const BURN_IN_SHARE: u32 = 6;
/// Training weeks below which season and holidays cannot be learnt: they would be read off phases of
/// the year that were never seen.
const SEASON_WEEKS: u32 = 52;

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
    /// Whether to fit again without each term and report what it adds on the held-out weeks.
    pub ablation: bool,
    /// Which terms the model has.
    pub terms: FitTerms,
    /// Whether coefficients whose sign theory gives are held to it: without, what only looks like
    /// an effect (good customers are contacted more) counts as one. Intervals of what offers leave
    /// behind are more exact without it where offers were drawn regardless of the customer.
    pub signs: bool,
    /// Days that shops prepare for: `"us"`, `"none"`, or a list of dates.
    pub holidays: HolidayChoice,
}

/// The public holidays behind the term `holidays`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "expected `\"us\"`, `\"none\"`, or a list of dates such as `[\"2026-12-25\"]`"
)]
pub enum HolidayChoice {
    /// A calendar by name.
    Named(HolidayCalendar),
    /// These days.
    Dates(Vec<NaiveDate>),
}

/// Calendars that are built in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HolidayCalendar {
    /// The United States.
    Us,
    /// No holidays.
    None,
}

impl HolidayChoice {
    /// The holidays as the observation schema holds them.
    #[must_use]
    pub fn days(&self) -> Holidays {
        match self {
            Self::Named(HolidayCalendar::Us) => Holidays::Us,
            Self::Named(HolidayCalendar::None) => Holidays::None,
            Self::Dates(dates) => {
                let mut days: Vec<i64> = dates.iter().map(|date| day_number(*date)).collect();
                days.sort_unstable();
                Holidays::Days(days)
            }
        }
    }
}

/// The terms of the model that can be switched off, `[fit.terms]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FitTerms {
    /// Two harmonics of the year.
    pub season: bool,
    /// Weeks before public holidays.
    pub holidays: bool,
    /// Recency of the visit and of the category.
    pub habit: bool,
    /// Household stock: forward buying and the dip after a promotion.
    pub stock: bool,
    /// Depth seen lately.
    pub reference_depth: bool,
    /// Contacts lately.
    pub fatigue: bool,
    /// Regular prices.
    pub price: bool,
    /// Shelf discounts and offers on other categories.
    pub halo: bool,
    /// Leaving for good.
    pub churn: bool,
}

impl Default for FitTerms {
    fn default() -> Self {
        Self {
            season: true,
            holidays: true,
            habit: true,
            stock: true,
            reference_depth: true,
            fatigue: true,
            price: true,
            halo: true,
            churn: true,
        }
    }
}

impl FitTerms {
    /// Whether the columns of a term are in the model.
    #[must_use]
    pub fn has(&self, term: Term) -> bool {
        match term {
            Term::Level | Term::Shelf | Term::Offer => true,
            Term::Season => self.season,
            Term::Holidays => self.holidays,
            Term::Habit => self.habit,
            Term::Stock => self.stock,
            Term::ReferenceDepth => self.reference_depth,
            Term::Fatigue => self.fatigue,
            Term::Price => self.price,
            Term::Halo => self.halo,
        }
    }
}

impl Default for FitConfig {
    /// Eight weeks held out, eight draws to train on, twenty to judge on, six to test the winner on.
    fn default() -> Self {
        Self {
            holdout_weeks: 8,
            train_draws: 8,
            judge_draws: 20,
            test_draws: 6,
            ablation: true,
            terms: FitTerms::default(),
            signs: true,
            holidays: HolidayChoice::Named(HolidayCalendar::Us),
        }
    }
}

/// Where the response to offers was learnt from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OfferEvidence {
    /// Logged offers with propensities.
    Randomised,
    /// Logged offers without propensities, weighed by estimated ones after the overlap check.
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
    /// Pooling strength chosen; infinite pooling is written as `null`.
    pub pooling: Option<f64>,
    /// Mean log-likelihood of the held-out weeks.
    pub held_out: f64,
    /// The same for a constant prediction at the training mean.
    pub held_out_constant: f64,
    /// Newton iterations.
    pub iterations: usize,
    /// Whether they ended at the maximum.
    pub converged: bool,
    /// Columns held at 0 because the data asked for the sign that theory rules out.
    pub pinned: Vec<String>,
    /// Why the pooled response was taken, where the part had too little data of its own.
    pub pooled_because: Option<String>,
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
    /// The posterior itself, for as many draws as a reader needs.
    pub posterior: Posterior,
    /// Where the offer response comes from.
    pub offer_evidence: OfferEvidence,
    /// What the overlap check found, where offers were logged without propensities.
    pub overlap: Option<Overlap>,
    /// One report per part.
    pub parts: Vec<PartReport>,
    /// Every coefficient with its interval and evidence.
    pub coefficients: Vec<Coefficient>,
    /// What each term adds on the held-out weeks; empty when not asked for.
    pub ablation: Vec<Ablation>,
    /// The terms in the model: those asked for, less what a history this short cannot show.
    pub terms: FitTerms,
    /// First held-out week.
    pub train_end: u32,
    /// Weeks before it that gave no rows because their total sales are outliers.
    #[serde(default)]
    pub left_out: Vec<u32>,
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
    let (offer_evidence, overlap, weighing) = weigh(history, actions, encoder, train_end);
    let catalogue = &actions.catalogue;
    let source = Source { history, replay, catalogue, encoder, weighing: &weighing };
    let from = BURN_IN_WEEKS.min(train_end / BURN_IN_SHARE);
    let mut rows = Rows::collect(&source, from..train_end, &left_out);
    let mut terms = config.terms;
    if train_end < SEASON_WEEKS {
        (terms.season, terms.holidays) = (false, false);
    }
    let n_personas = encoder.schema.n_personas;
    let names: Vec<&str> = history.categories.iter().map(|c| c.name.as_str()).collect();
    let fitter = Fitter::new(&names, n_personas, train_end, terms, config.signs);
    let plain_weights = rows.visit.weight.clone();
    let churn = match terms.churn {
        true => weigh_silence(&mut rows, train_end, &fitter.churn_prior())
            .ok_or_else(|| DemandError::NotConverged { what: "visit".to_owned(), iterations: 0 })?,
        false => 0.0,
    };
    let parts = fitter.fit_all(&rows)?;
    let prices = prices::learn(history, actions, encoder, train_end);
    let shock = shock::learn(&rows, &parts, train_end);
    let ablation = match config.ablation {
        true => ablate(&fitter, &mut rows, &parts, &plain_weights, churn)?,
        false => Vec::new(),
    };
    let signs = config.signs;
    let posterior = Posterior::new(&parts, prices, churn, shock, n_personas, offer_evidence, signs);
    let draws = |name: &str, n: usize| -> Vec<DemandModel> {
        (0..n).map(|i| posterior.draw(seed.child(name).index(i as u64))).collect()
    };
    Ok(FittedDemand {
        train: draws("train", config.train_draws),
        judge: draws("judge", config.judge_draws),
        test: draws("test", config.test_draws),
        mean: posterior.mode(),
        coefficients: parts.iter().flat_map(|part| part.coefficients(offer_evidence)).collect(),
        parts: parts.into_iter().map(|part: Part| part.report).collect(),
        posterior,
        offer_evidence,
        overlap,
        ablation,
        terms,
        train_end,
        left_out,
    })
}

/// Where the response to offers can be learnt from, and how much each row counts.
fn weigh(
    history: &History,
    actions: &ActionMap,
    encoder: &Encoder<'_>,
    train_end: u32,
) -> (OfferEvidence, Option<Overlap>, Weighing) {
    let replay = Replay::new(history, actions);
    let logged = Weighing::logged(history, &replay, actions.catalogue.n_actions());
    let mut usable =
        history.exposures.iter().filter(|e| actions.action_of(e.offer).is_some_and(|a| a > 0));
    if !actions.from_history || usable.clone().next().is_none() {
        return (OfferEvidence::AssumedFromShelf, None, logged);
    }
    if usable.all(|e| e.propensity.is_some()) {
        return (OfferEvidence::Randomised, None, logged);
    }
    let (weighing, overlap) = Weighing::estimated(history, &replay, encoder, train_end);
    let evidence = match overlap.usable {
        true => OfferEvidence::Observational,
        false => OfferEvidence::AssumedFromShelf,
    };
    (evidence, Some(overlap), weighing)
}
