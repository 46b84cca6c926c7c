//! Commands and flags of experiments.

use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Experiments.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum AbtestCommand {
    /// How many units an experiment needs, for how long, and what it could find
    Plan(Plan),
    /// Deal units to arms by a salted hash that never changes
    Assign(Assign),
    /// Control, current and policy in fitted worlds, same customers and luck; ends in the gate
    Simulate,
    /// Read an experiment out: what each arm did, whether to believe it, ship, hold or stop
    Analyze(Box<Analyze>),
}

/// Flags of `abtest plan`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Plan {
    /// Mean of the metric in control (with --sd)
    #[arg(long, value_name = "X", requires = "sd")]
    pub(in crate::cli) mean: Option<f64>,
    /// Standard deviation of the metric between units
    #[arg(long, value_name = "X", requires = "mean")]
    pub(in crate::cli) sd: Option<f64>,
    /// Share of units that convert in control, for a metric of 0 and 1
    #[arg(long, value_name = "SHARE", conflicts_with_all = ["mean", "history"])]
    pub(in crate::cli) share: Option<f64>,
    /// CSV or Parquet of past units, from which mean, spread and what --metric adjusts for are read
    #[arg(long, value_name = "FILE", requires = "metric", conflicts_with = "mean")]
    pub(in crate::cli) history: Option<PathBuf>,
    /// Metric in the history: Y, Y:BEFORE, Y/D or Y/D:BEFORE/BEFORE_D
    #[arg(long, value_name = "METRIC")]
    pub(in crate::cli) metric: Option<String>,
    /// Effect to be found, such as 5% of control or 0.7 in units of the metric
    #[arg(long, value_name = "EFFECT", required_unless_present = "units")]
    pub(in crate::cli) effect: Option<String>,
    /// Units of all arms: what could they find?
    #[arg(long, value_name = "N", conflicts_with = "effect")]
    pub(in crate::cli) units: Option<f64>,
    /// Shares of the arms, control first
    #[arg(long, value_name = "SHARES", default_value = "control=0.5,treatment=0.5")]
    pub(in crate::cli) arms: String,
    /// Chance of finding the effect
    #[arg(long, value_name = "SHARE", default_value_t = 0.8)]
    pub(in crate::cli) power: f64,
    /// Confidence level
    #[arg(long, value_name = "SHARE", default_value_t = 0.95)]
    pub(in crate::cli) level: f64,
    /// Looks: a number of evenly spaced ones, or `always` for any number at any time
    #[arg(long, value_name = "N", default_value = "1")]
    pub(in crate::cli) looks: String,
    /// Correlation of units within a cluster, when stores or regions are dealt
    #[arg(long, value_name = "ICC", requires = "cluster_size")]
    pub(in crate::cli) icc: Option<f64>,
    /// Units in a cluster
    #[arg(long, value_name = "N", requires = "icc")]
    pub(in crate::cli) cluster_size: Option<f64>,
    /// Units that enter per day, for the duration
    #[arg(long, value_name = "N")]
    pub(in crate::cli) per_day: Option<f64>,
}

/// Flags of `abtest assign`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Assign {
    /// CSV or Parquet, one row per unit
    pub(in crate::cli) file: PathBuf,
    /// Column of the unit
    #[arg(long, value_name = "COLUMN", default_value = "customer_id")]
    pub(in crate::cli) id: String,
    /// Shares of the arms
    #[arg(long, value_name = "SHARES", default_value = "control=0.5,treatment=0.5")]
    pub(in crate::cli) arms: String,
    /// Name of the experiment: units are dealt anew for each
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) salt: String,
    /// Column of a group known before; shares are exact within each
    #[arg(long, value_name = "COLUMN")]
    pub(in crate::cli) persona: Option<String>,
    /// Where to write unit and arm
    #[arg(long, value_name = "FILE", default_value = "assignment.csv")]
    pub(in crate::cli) out: PathBuf,
}

/// Flags of `abtest analyze`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Analyze {
    /// CSV or Parquet, one row per unit
    pub(in crate::cli) file: PathBuf,
    /// Column of the arm
    #[arg(long, value_name = "COLUMN", default_value = "arm")]
    pub(in crate::cli) arm: String,
    /// Name of the control arm
    #[arg(long, value_name = "NAME", default_value = "control")]
    pub(in crate::cli) control: String,
    /// Metric to be improved, the first one decides: Y (mean), Y:BEFORE (adjusted), Y/D (ratio) or
    /// Y/D:BEFORE/BEFORE_D
    #[arg(long, value_name = "METRIC", required = true)]
    pub(in crate::cli) metric: Vec<String>,
    /// Metric that must not get worse by a share of control or more, such as margin@2%
    #[arg(long, value_name = "METRIC@LOSS")]
    pub(in crate::cli) guardrail: Vec<String>,
    /// Metric of which less is better
    #[arg(long, value_name = "METRIC")]
    pub(in crate::cli) lower_is_better: Vec<String>,
    /// Shares that units were dealt by [default: equal]
    #[arg(long, value_name = "SHARES")]
    pub(in crate::cli) planned: Option<String>,
    /// Column of a group known before, such as the persona
    #[arg(long, value_name = "COLUMN")]
    pub(in crate::cli) persona: Option<String>,
    /// Column of the store or region, when those were dealt and not the rows
    #[arg(long, value_name = "COLUMN")]
    pub(in crate::cli) cluster: Option<String>,
    /// Column of the day on which a unit entered
    #[arg(long, value_name = "COLUMN")]
    pub(in crate::cli) day: Option<String>,
    /// Column known before whose mix is checked
    #[arg(long, value_name = "COLUMN")]
    pub(in crate::cli) balance: Vec<String>,
    /// Column of a score: would treating the highest first have been better?
    #[arg(long, value_name = "COLUMN")]
    pub(in crate::cli) score: Option<String>,
    /// Column of the margin after promotion cost (with --cost)
    #[arg(long, value_name = "COLUMN", requires = "cost")]
    pub(in crate::cli) margin: Option<String>,
    /// Column of the promotion cost
    #[arg(long, value_name = "COLUMN", requires = "margin")]
    pub(in crate::cli) cost: Option<String>,
    /// Column of units sold, for the cost of one more
    #[arg(long, value_name = "COLUMN", requires = "cost")]
    pub(in crate::cli) sold: Option<String>,
    /// Also read the goals with values above this quantile brought down to it, such as 0.99
    #[arg(long, value_name = "SHARE")]
    pub(in crate::cli) cap: Option<f64>,
    /// Quantiles of the goals to compare, such as 0.5,0.9
    #[arg(long, value_name = "SHARES", value_delimiter = ',')]
    pub(in crate::cli) quantiles: Vec<f64>,
    /// Confidence level
    #[arg(long, value_name = "SHARE", default_value_t = 0.95)]
    pub(in crate::cli) level: f64,
    /// It is looked at more than once: decide by intervals that hold at every look
    #[arg(long)]
    pub(in crate::cli) peeking: bool,
}
