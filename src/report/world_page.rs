//! The world page: whether the simulated world can be trusted, for what, and on what evidence.
//!
//! Everything shown comes from one [`WorldPage`]. Amounts are in whole currency units, shares are
//! fractions in \[0, 1\], a number that is not finite means "unknown" and is shown as a dash, and a
//! part that is missing is said to be missing. Figures about fewer than ten customers are hidden.

use std::path::Path;

use minijinja::{Value, context};
use serde::Serialize;

use super::error::ReportError;
use super::input::{Check, Estimate, Fact};
use super::page::{hexadecimal, interval_words};
use super::supplement::Supplement;
use super::{world_page_cells, world_page_plots};

pub use super::world_page_fit::*;
pub use super::world_page_values::Unit;

const TEMPLATE: &str = include_str!("templates/world.html");

/// Everything the world page shows.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct WorldPage {
    /// Heading of the page; "Can this simulated world be trusted?" when empty.
    pub title: String,
    /// First and last day of the history, in words.
    pub data_window: String,
    /// First and last day of the held-out weeks and their number, in words.
    pub held_out_window: String,
    /// Currency symbol put before every amount, for example `$`.
    pub currency: String,
    /// Coverage of every interval as a fraction, for example 0.95.
    pub interval_level: f64,
    /// The verdict on the world as a whole; `None` when nobody judged it.
    pub verdict: Option<Check>,
    /// The verdict in one sentence.
    pub sentence: String,
    /// What the world may be used for, one phrase each.
    pub trust_for: Vec<String>,
    /// What it must not be used for, one phrase each, with the reason.
    pub not_for: Vec<String>,
    /// Assumptions the reader must know before anything else; may be empty.
    pub warnings: Vec<String>,
    /// The few figures that carry the verdict, ready to read.
    pub facts: Vec<Fact>,
    /// The realism card, in groups.
    pub card: Vec<CardGroup>,
    /// Weekly totals of the held-out weeks, for example revenue and units; at most four are drawn.
    pub held_out: Vec<HeldOutSeries>,
    /// The ten distributions beside the published ones; `None` when they were not compared.
    pub distributions: Option<Distributions>,
    /// Distances by persona; `None` when they were not measured.
    pub persona_distances: Option<PersonaDistances>,
    /// Responses by category, a forest plot each (own price, offers ...); at most four are drawn.
    pub responses: Vec<ResponseGroup>,
    /// Every coefficient of the fit.
    pub coefficients: Vec<CoefficientRow>,
    /// Categories with too little data that took the pooled value.
    pub pooled: Vec<PooledCategory>,
    /// What each term adds; `None` when the ablation was not run.
    pub ablation: Option<Ablation>,
    /// What past promotions earned; `None` when none could be taken apart.
    pub promotions: Option<PastPromotions>,
    /// How the world was fitted.
    pub method: FitMethod,
}

/// Lines of the realism card that belong together.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct CardGroup {
    /// Heading, for example "Weekly totals".
    pub title: String,
    /// Lines in the order to be shown.
    pub rows: Vec<CardRow>,
}

/// One line of the realism card.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct CardRow {
    /// What is compared.
    pub line: String,
    /// Unit of `actual` and `simulated`.
    pub unit: Unit,
    /// Value in the held-out weeks; unknown where the history cannot tell.
    pub actual: Estimate,
    /// Value in the simulated world, with the interval over its replications.
    pub simulated: Estimate,
    /// The band the line must lie in, ready to read.
    pub band: String,
    /// Where the band comes from, for example "Bijmolt et al. 2005".
    pub source: String,
    /// Whether it does.
    pub verdict: Check,
    /// What to make of it; for a line that does not apply, the reason.
    pub note: String,
}

/// One weekly total of the held-out weeks.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct HeldOutSeries {
    /// What is counted, for example "Revenue per week".
    pub name: String,
    /// Its unit.
    pub unit: Unit,
    /// The held-out weeks in order.
    pub weeks: Vec<HeldOutBand>,
    /// Mean absolute error of a week as a share of its actual value.
    pub mean_error: f64,
    /// Share of the weeks inside the 80 % band.
    pub coverage_80: f64,
    /// Share of the weeks inside the 95 % band.
    pub coverage_95: f64,
    /// Actual total over simulated total, minus one.
    pub bias: f64,
}

/// One held-out week with the bands of its replications.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct HeldOutBand {
    /// First day of the week.
    pub week: String,
    /// Value in the history.
    pub actual: f64,
    /// Simulated value with its 80 % band.
    pub band_80: Estimate,
    /// Simulated value with its 95 % band.
    pub band_95: Estimate,
}

/// Distributions of the held-out weeks, actual against simulated, beside published results.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Distributions {
    /// Whose published results stand beside ours, for example "RetailSynth".
    pub peer: String,
    /// How the comparison was made, in a sentence or two: data, weeks, customers, replications.
    pub how: String,
    /// One row per distribution.
    pub rows: Vec<DistributionRow>,
    /// Mean KS complement of the rows.
    pub mean_ks: Estimate,
    /// Mean range coverage of the rows.
    pub mean_range: Estimate,
    /// Published mean KS complement.
    pub peer_mean_ks: f64,
    /// Published mean range coverage.
    pub peer_mean_range: f64,
    /// The mean KS complement aimed at; NaN without a goal.
    pub goal_mean: f64,
    /// The least KS complement any row should have; NaN without a goal.
    pub goal_each: f64,
}

/// One distribution.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct DistributionRow {
    /// What is distributed, for example "Items per customer-week".
    pub name: String,
    /// Unit of the values.
    pub unit: Unit,
    /// One minus the Kolmogorov–Smirnov distance; 1 is best.
    pub ks: Estimate,
    /// Share of the actual range that the simulated values cover; 1 is best.
    pub range: Estimate,
    /// KS complement of one replication against another: what a world that is exactly right would
    /// score; NaN when unknown.
    pub against_itself: f64,
    /// Published KS complement.
    pub peer_ks: f64,
    /// Published range coverage.
    pub peer_range: f64,
    /// Both distribution functions, ascending in `value`; some 50 to 200 points draw well.
    pub curve: Vec<CumulativePoint>,
    /// Whether the values are drawn on a log scale; values of zero or less are then left out.
    pub is_log: bool,
    /// Remark, for example why the row is hard; may be empty.
    pub note: String,
}

/// Both distribution functions at one value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct CumulativePoint {
    /// The value.
    pub value: f64,
    /// Share of the actual values at or below it.
    pub actual: f64,
    /// Share of the simulated values at or below it.
    pub simulated: f64,
}

/// Distances between actual and simulated distributions by persona.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct PersonaDistances {
    /// What is compared, one column each, for example "Basket size".
    pub quantities: Vec<String>,
    /// One row per persona.
    pub rows: Vec<PersonaDistanceRow>,
}

/// Distances of one persona.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct PersonaDistanceRow {
    /// Persona name.
    pub persona: String,
    /// Customers compared; `None` or below ten hides the row's figures.
    pub customers: Option<u64>,
    /// One cell per quantity.
    pub cells: Vec<DistanceCell>,
}

/// Two distances between the same two distributions.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct DistanceCell {
    /// KS complement; 1 is best.
    pub ks: Estimate,
    /// Wasserstein distance in standard deviations of the actual values; 0 is best.
    pub wasserstein: Estimate,
}

/// Writes `world.html` and its `plots/*.svg` into `dir`.
///
/// The page holds its plots, style and text, needs no network and no script, escapes all text of
/// the input and shows no figure about fewer than ten customers. Equal inputs give equal bytes.
/// Each file is written beside its place and renamed.
///
/// # Errors
///
/// [`ReportError::Write`] when a file or folder cannot be written; [`ReportError::Draw`] and
/// [`ReportError::Page`] only through a bug in this room.
pub fn render(page: &WorldPage, dir: &Path) -> Result<(), ReportError> {
    let page = world_page_cells::suppressed(page);
    Supplement {
        file: "world.html",
        template: TEMPLATE,
        currency: &page.currency,
        input: Value::from_serialize(&page),
        words: words(&page),
        plots: world_page_plots::plots(&page)?,
        plot_names: &world_page_plots::PLOT_NAMES,
    }
    .write(dir)
}

/// What the template shows beside the input.
fn words(page: &WorldPage) -> Value {
    let definitions = match page.method.definitions.as_slice() {
        [] => standard_definitions(),
        terms => terms.to_vec(),
    };
    let mut distributions = page.distributions.iter().flat_map(|all| &all.rows);
    let terms = page.ablation.iter().flat_map(|ablation| &ablation.rows);
    context! {
        intervals => interval_words(page.interval_level),
        outcomes => outcomes(&page.card),
        has_ceiling => distributions.any(|row| row.against_itself.is_finite()),
        evidence => evidence(),
        response_plots => &world_page_plots::RESPONSE_NAMES[..],
        term_verdicts => terms.map(AblationRow::verdict).collect::<Vec<_>>(),
        lift => page.promotions.as_ref().map(lift),
        definitions => Value::from_serialize(&definitions),
    }
}

/// Name, colour and meaning of every kind of evidence.
fn evidence() -> Value {
    let words = |kind: Evidence| {
        context! {
            label => kind.label(),
            colour => hexadecimal(kind.color()),
            meaning => kind.meaning(),
        }
    };
    EVIDENCE.iter().map(|kind| (kind.key(), words(*kind))).collect()
}

/// What is worked out from the past promotions.
fn lift(past: &PastPromotions) -> Value {
    let baseline = past.top.first().and_then(PromotionLift::baseline);
    let amounts = past.top.iter().map(|promotion| promotion.columns().to_vec());
    context! {
        intervals => interval_words(past.interval_level),
        baseline => baseline.map(Value::from_serialize),
        columns => LIFT_COLUMNS.map(|(_, name)| name).to_vec(),
        amounts => amounts.collect::<Vec<_>>(),
        largest => past.largest(),
        is_exact => past.sums_are_exact(),
    }
}

/// The names of the lines of the card by their outcome.
fn outcomes(card: &[CardGroup]) -> Value {
    let lines = |verdict| -> Vec<&str> {
        let rows = card.iter().flat_map(|group| &group.rows);
        rows.filter(|row| row.verdict == verdict).map(|row| row.line.as_str()).collect()
    };
    context! {
        pass => lines(Check::Pass),
        warn => lines(Check::Warn),
        fail => lines(Check::Fail),
        not_applicable => lines(Check::NotApplicable),
    }
}
