//! The persona page: who the customers are, how sure that is, and how it is drawn.
//!
//! Everything shown comes from one [`PersonaPage`]. Amounts are in whole currency units, shares are
//! fractions in \[0, 1\], and a number that is not finite means "unknown" and is shown as a dash.
//! Counts of customers below ten are replaced by "< 10" and all that is said of so few goes with
//! them. Personas are always named by their index into `personas`, which also fixes their colour.

use std::path::Path;

use minijinja::{Value, context};
use serde::Serialize;

use super::error::ReportError;
use super::input::{Estimate, Fact, HeatMap};
use super::scatter::MOST_POINTS;
use super::supplement::Supplement;
use super::{page, persona_cells, persona_plots};

/// Loadings of this many components are listed.
const MOST_COMPONENTS: usize = 6;
const TEMPLATE: &str = include_str!("templates/personas.html");

/// Everything the persona page shows.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct PersonaPage {
    /// Heading of the page; "Customer personas" when empty.
    pub title: String,
    /// First and last day of the history and the day the features are as of, in words.
    pub data_window: String,
    /// Currency symbol put before every amount, for example `$`.
    pub currency: String,
    /// Coverage of every interval as a fraction, for example 0.95.
    pub interval_level: f64,
    /// One sentence that says what was found.
    pub headline: String,
    /// What the reader must know first, above all that no structure beats noise; may be empty.
    pub warnings: Vec<String>,
    /// The personas in their fixed order.
    pub personas: Vec<PersonaSummary>,
    /// Standardised feature means: `z_scores[feature][persona]`.
    pub heat_map: HeatMap,
    /// Customers on the first two principal components; absent without at least two features.
    pub pca: Option<PcaMap>,
    /// Silhouettes of a sample; empty with one persona.
    pub silhouettes: Vec<SilhouetteGroup>,
    /// Mean silhouette of the chosen grouping.
    pub mean_silhouette: f64,
    /// How the number of personas was chosen.
    pub selection: Selection,
    /// Ward tree of a sample; absent when none was grown.
    pub dendrogram: Option<Dendrogram>,
    /// How customers move between personas from quarter to quarter.
    pub migrations: Vec<Migration>,
    /// Drift of the persona mix from quarter to quarter.
    pub stability: Vec<QuarterDrift>,
    /// Held-out check of expected purchases and value; absent without a value model.
    pub calibration: Option<Calibration>,
    /// Features considered, used or dropped.
    pub features: Vec<FeatureRow>,
    /// How it was done: whole sentences.
    pub method: Vec<String>,
}

/// One persona.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct PersonaSummary {
    /// Name made from its profile.
    pub name: String,
    /// Customers; `None` or below ten hides every figure of the card.
    pub size: Option<u64>,
    /// Share of all customers.
    pub share: Option<f64>,
    /// One sentence in plain words.
    pub description: String,
    /// Key figures, ready to read.
    pub profile: Vec<Fact>,
    /// Lifecycle stages and the share of the persona in each.
    pub stages: Vec<StageShare>,
    /// Expected purchases per customer over `value_horizon`; `None` without a value model.
    pub expected_purchases: Option<Estimate>,
    /// Expected lifetime value per customer, money; `None` without a value model.
    pub lifetime_value: Option<Estimate>,
    /// What the two figures above look ahead to, for example "next 26 weeks".
    pub value_horizon: String,
}

/// Share of a persona in one lifecycle stage.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct StageShare {
    /// Stage, for example `loyal`.
    pub stage: String,
    /// Share of the persona's customers.
    pub share: f64,
}

/// Customers on the first two principal components.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct PcaMap {
    /// A sample of customers; at most 2,000 are drawn.
    pub points: Vec<PcaPoint>,
    /// Share of the variance explained by each component, in order.
    pub explained_variance: Vec<f64>,
    /// One row per feature: its loading on each component.
    pub loadings: Vec<Loading>,
    /// Words for the ends of the first two axes, for example "buys more often →"; may be empty.
    pub axis_titles: Vec<String>,
}

/// One customer on the map.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct PcaPoint {
    /// First component.
    pub x: f64,
    /// Second component.
    pub y: f64,
    /// Index of the persona.
    pub persona: usize,
}

/// Weights of one feature on the components.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Loading {
    /// Feature in plain words.
    pub feature: String,
    /// Loading on each component, in order.
    pub weights: Vec<f64>,
}

/// Silhouettes of the sampled customers of one persona.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct SilhouetteGroup {
    /// Index of the persona.
    pub persona: usize,
    /// Silhouette of each sampled customer, in \[-1, 1\], any order.
    pub values: Vec<f64>,
    /// Mean silhouette of the persona.
    pub mean: f64,
}

/// How the number of personas was chosen.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Selection {
    /// The number chosen.
    pub chosen: usize,
    /// Why, in a sentence.
    pub reason: String,
    /// One row per number tried, ascending.
    pub rows: Vec<SelectionRow>,
}

/// Figures for one number of personas; NaN where not computed.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct SelectionRow {
    /// Number of personas.
    pub k: usize,
    /// Mean silhouette.
    pub silhouette: f64,
    /// Gap statistic, with the interval gap ± s_k.
    pub gap: Estimate,
    /// Bayesian information criterion of the Gaussian mixture; lower is better.
    pub bic: f64,
    /// Mean adjusted Rand index over bootstrap samples, with its interval.
    pub stability: Estimate,
    /// The same index on data without structure: what noise reaches, with its interval.
    pub noise_stability: Estimate,
}

/// The top of a Ward tree.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Dendrogram {
    /// Groups at the bottom of the shown part, from left to right as the tree orders them.
    pub leaves: Vec<DendrogramLeaf>,
    /// Merges, lowest first. Merge `m` makes node `leaves.len() + m`.
    pub merges: Vec<DendrogramMerge>,
    /// Height at which the tree is cut into personas.
    pub cut_height: f64,
    /// Customers in the sample the tree was grown on.
    pub sample: u64,
}

/// One group at the bottom of the shown part of the tree.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct DendrogramLeaf {
    /// Customers of the sample in the group.
    pub size: u64,
    /// Index of the persona most of them belong to.
    pub persona: usize,
}

/// Two nodes joined.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct DendrogramMerge {
    /// Node on one side: a leaf below `leaves.len()`, else an earlier merge.
    pub left: usize,
    /// Node on the other side.
    pub right: usize,
    /// Height of the merge.
    pub height: f64,
}

/// Customers of each persona in one quarter by their persona in the next.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Migration {
    /// Earlier quarter, for example `2017 Q1`.
    pub from: String,
    /// Later quarter.
    pub to: String,
    /// Names of the rows and columns: the personas, and any further state such as "not active".
    pub states: Vec<String>,
    /// `counts[from][to]`; `None` or below ten is shown as "< 10".
    pub counts: Vec<Vec<Option<u64>>>,
    /// The same as shares of the row; hidden where the count is.
    pub row_shares: Vec<Vec<f64>>,
}

/// Drift of the persona mix of one quarter.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct QuarterDrift {
    /// Quarter.
    pub quarter: String,
    /// Population stability index against the quarter before.
    pub psi: f64,
}

/// Held-out check of the value model.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Calibration {
    /// What was held out, in words.
    pub window: String,
    /// Held-out purchases by number of purchases before.
    pub by_past_purchases: Vec<CalibrationRow>,
    /// Cumulative purchases by week, before and after the split.
    pub tracking: Vec<TrackingWeek>,
    /// Index into `tracking` of the first held-out week.
    pub split: usize,
    /// Fitted parameters and errors, ready to read.
    pub facts: Vec<Fact>,
}

/// Customers with the same number of purchases before the split.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct CalibrationRow {
    /// Purchases before, for example `3` or `7+`.
    pub past_purchases: String,
    /// Customers; `None` or below ten hides the row's figures.
    pub customers: Option<u64>,
    /// Mean purchases in the held-out weeks.
    pub actual: f64,
    /// Mean purchases expected.
    pub predicted: f64,
}

/// Cumulative purchases up to one week.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct TrackingWeek {
    /// First day of the week.
    pub week: String,
    /// Purchases made so far.
    pub actual: f64,
    /// Purchases expected so far.
    pub expected: f64,
}

/// One feature that was considered.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct FeatureRow {
    /// Name in plain words.
    pub name: String,
    /// Unit, for example `days`.
    pub unit: String,
    /// What it measures.
    pub meaning: String,
    /// How it is prepared, for example "log, winsorised, robust scale".
    pub transform: String,
    /// Why it is not used, for example "correlated 0.97 with Basket value"; `None` when used.
    pub dropped: Option<String>,
}

/// Writes `personas.html` and its `plots/*.svg` into `dir`.
///
/// The page holds its plots, style and text, needs no network and no script, escapes all text of
/// the input and shows no figure about fewer than ten customers. Equal inputs give equal bytes.
/// Each file is written beside its place and renamed.
///
/// # Errors
///
/// [`ReportError::Write`] when a file or folder cannot be written; [`ReportError::Draw`] and
/// [`ReportError::Page`] only through a bug in this room.
pub fn render(page: &PersonaPage, dir: &Path) -> Result<(), ReportError> {
    let page = persona_cells::suppressed(page);
    let plots = persona_plots::plots(&page)?;
    let (points, components) = page.pca.as_ref().map_or((0, 0), |map| {
        let widest = map.loadings.iter().map(|row| row.weights.len()).max().unwrap_or(0);
        (map.points.len(), widest)
    });
    let dropped = page.features.iter().filter(|feature| feature.dropped.is_some()).count();
    Supplement {
        file: "personas.html",
        template: TEMPLATE,
        currency: &page.currency,
        input: Value::from_serialize(&page),
        words: context! {
            intervals => page::interval_words(page.interval_level),
            points => points.min(MOST_POINTS),
            components => components.min(MOST_COMPONENTS),
            more_components => components > MOST_COMPONENTS,
            used => page.features.len() - dropped,
            dropped,
        },
        plots,
        plot_names: &persona_plots::PLOT_NAMES,
    }
    .write(dir)
}
