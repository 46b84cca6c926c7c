//! Commands and flags.

use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

pub(super) use experiments::{AbtestCommand, Analyze, Assign, Plan};

mod experiments;

/// Learn, judge and export promotion policies for retail.
#[derive(Debug, Parser)]
#[command(name = "promopt", version, about, max_term_width = 100)]
pub(super) struct Cli {
    #[command(flatten)]
    pub(super) shared: Shared,
    #[command(subcommand)]
    pub(super) command: Command,
}

/// Flags that every command takes.
#[derive(Debug, Clone, Args)]
pub(super) struct Shared {
    /// Run folder [default: runs/<name of the config>]
    #[arg(long, global = true, value_name = "DIR")]
    pub(super) run: Option<PathBuf>,
    /// Config file; without it the built-in synthetic retailer is used
    #[arg(short, long, global = true, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Folder of the data files, instead of `data.dir` of the config
    #[arg(long, global = true, value_name = "DIR")]
    pub(super) data: Option<PathBuf>,
    /// Seed of every random stream, instead of the config's
    #[arg(long, global = true, value_name = "N")]
    pub(super) seed: Option<u64>,
    /// Threads [default: one per core]; results do not depend on it
    #[arg(long, global = true, value_name = "N")]
    pub(super) threads: Option<usize>,
    /// Print the closing summary as JSON
    #[arg(long, global = true)]
    pub(super) json: bool,
    /// Print nothing but errors and results
    #[arg(short, long, global = true)]
    pub(super) quiet: bool,
    /// Print every step
    #[arg(short, long, global = true, conflicts_with = "quiet")]
    pub(super) verbose: bool,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// The whole job: history → personas → fit → train → evaluate → A/B → export → report
    Run(Release),
    /// Read and clean the history
    Ingest(Ingest),
    /// Group the customers into personas
    Personas,
    /// Fit how they respond
    Fit,
    /// Train the agents in the fitted world
    Train,
    /// Leaderboard and off-policy evaluation
    Evaluate,
    /// Judge a policy on any log of decisions: verdict first, then estimates with intervals
    Ope(Ope),
    /// Score the off-policy estimators on generated logs whose truth is known
    OpeBench(OpeBench),
    /// Experiments: plan, deal, simulate, read out
    #[command(subcommand)]
    Abtest(AbtestCommand),
    /// Write the policy bundle
    Export(Release),
    /// Decide for every customer of a history with an exported policy
    Score(Score),
    /// Find the price at which a trained policy keeps to a promotion budget
    Budget(Budget),
    /// Write the report
    Report,
    /// Write a commented config to start from
    Init(Init),
    /// Check a config and the headers of its files without running
    Check,
    /// Rebuild a run without a customer, and say what was touched
    Forget(Forget),
    /// Split what past promotions brought: sold anyway, sold more, moved from elsewhere, cost
    Lift(Lift),
    /// Repeat the job on several generated retailers whose truth is known
    Worlds(Worlds),
    /// List the built-in environments and check that each keeps the contract
    Envs(Envs),
    /// Compare coupon policies in a published synthetic retailer, beside the published results
    Arena(Arena),
}

/// Flags of commands that write a bundle.
#[derive(Debug, Args)]
pub(super) struct Release {
    /// Exit with code 5 unless the gate approves the policy
    #[arg(long)]
    pub(super) require_approval: bool,
}

/// Flags of `ingest`.
#[derive(Debug, Args)]
pub(super) struct Ingest {
    /// Also write every rejected row with its file, row number and rule
    #[arg(long, value_name = "FILE")]
    pub(super) bad_rows: Option<PathBuf>,
}

/// Flags of `score`.
#[derive(Debug, Args)]
pub(super) struct Score {
    /// The exported policy
    #[arg(long, value_name = "DIR")]
    pub(super) policy: PathBuf,
    /// Folder with the history's tables, read with the config's mapping (canonical names without one)
    #[arg(long, value_name = "DIR")]
    pub(super) history: PathBuf,
    /// Decide for the week that holds this day: only the weeks before it are read
    #[arg(long, value_name = "DATE")]
    pub(super) as_of: String,
    /// Price of a unit of promotion cost that keeps to a budget, as `promopt budget` finds it
    #[arg(long, value_name = "PRICE", default_value_t = 0.0)]
    pub(super) budget_price: f64,
    /// Shelf discounts planned for that week: a CSV of `category,depth`. A usual week without it
    #[arg(long, value_name = "FILE")]
    pub(super) shelf: Option<PathBuf>,
    /// Where to write `customer_id, offer_id, propensity, expected_margin, reason, offer`
    #[arg(long, value_name = "FILE", default_value = "actions.csv")]
    pub(super) out: PathBuf,
}

/// Flags of `ope`.
#[derive(Debug, Args)]
pub(super) struct Ope {
    /// CSV or Parquet, one row per decision
    pub(super) log: PathBuf,
    /// The policy to judge: a table of probabilities (one row per decision and one column per action,
    /// or the columns `action`, a probability, and any that the log has too, as FILE or FILE:COLUMN),
    /// `uniform`, or `always:ACTION`
    #[arg(long, value_name = "POLICY")]
    pub(super) target: String,
    /// Column of the action that was taken
    #[arg(long, value_name = "COLUMN", default_value = "action")]
    pub(super) action: String,
    /// Column of what followed
    #[arg(long, value_name = "COLUMN", default_value = "reward")]
    pub(super) reward: String,
    /// Column of its probability under the policy that made the log, one number for all rows, or
    /// `estimated`
    #[arg(long, value_name = "COLUMN", default_value = "propensity")]
    pub(super) propensity: String,
    /// Columns known before the decision, names or patterns with commas, such as 'age,context_*'
    #[arg(long, value_name = "COLUMNS")]
    pub(super) features: Vec<String>,
    /// Column of the customer; without it every row is one of its own
    #[arg(long, value_name = "COLUMN")]
    pub(super) customer: Option<String>,
    /// Predicted rewards, a table like that of --target; without it a model is cross-fitted
    #[arg(long, value_name = "TABLE")]
    pub(super) predictions: Option<String>,
    /// Form of that model; logistic is for rewards of 0 and 1
    #[arg(long, value_name = "FORM", value_enum, default_value_t = RewardModel::Ridge)]
    pub(super) reward_model: RewardModel,
    /// Column of the fold for cross-fitting; customers are dealt to five without it
    #[arg(long, value_name = "COLUMN")]
    pub(super) fold: Option<String>,
    /// Column of the trajectory, when a decision changes those after it (with --step)
    #[arg(long, value_name = "COLUMN", requires = "step")]
    pub(super) trajectory: Option<String>,
    /// Column of the time within it: whole numbers that follow each other
    #[arg(long, value_name = "COLUMN", requires = "trajectory")]
    pub(super) step: Option<String>,
    /// Worth of a reward one step later
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, requires = "trajectory")]
    pub(super) discount: f64,
    /// Resamples of the bootstrap
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    pub(super) resamples: usize,
    /// Confidence level of the intervals
    #[arg(long, value_name = "SHARE", default_value_t = 0.95)]
    pub(super) level: f64,
    /// Show estimates although the verdict is that they are no evidence
    #[arg(long)]
    pub(super) despite_refusal: bool,
}

/// Forms of a reward model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum RewardModel {
    /// Linear in the features
    Ridge,
    /// The probability of a reward of 1
    Logistic,
}

/// Flags of `ope-bench`.
#[derive(Debug, Args)]
pub(super) struct OpeBench {
    /// Decisions in a log
    #[arg(long, value_name = "N", default_value_t = 5_000)]
    pub(super) rounds: usize,
    /// Logs
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub(super) logs: usize,
    /// Actions
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(super) actions: usize,
    /// Candidate policies
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(super) policies: usize,
    /// Policies that would be tried out
    #[arg(long, value_name = "K", default_value_t = 3)]
    pub(super) top: usize,
}

/// Flags of `budget`.
#[derive(Debug, Args)]
pub(super) struct Budget {
    /// Promotion spend (discounts given through offers, and contacts) per customer-week, money
    #[arg(long, value_name = "MONEY")]
    pub(super) spend: f64,
    /// A trained policy by name; the leaderboard's winner without it
    #[arg(long, value_name = "NAME")]
    pub(super) policy: Option<String>,
}

/// Flags of `init`.
#[derive(Debug, Args)]
pub(super) struct Init {
    /// Where to write
    #[arg(default_value = "promopt.toml")]
    pub(super) file: PathBuf,
    /// Look at this file, or at the data files of this folder, and propose how to read them:
    /// CSV (also .gz and .zst) or Parquet; may be given several times. Only the first rows are read
    #[arg(long, value_name = "FILE|FOLDER")]
    pub(super) from: Vec<PathBuf>,
    /// Overwrite the config if it exists
    #[arg(long)]
    pub(super) force: bool,
}

/// Flags of `forget`.
#[derive(Debug, Args)]
pub(super) struct Forget {
    /// The customer, as the files name it; only a salted mark of it is kept, in forgotten.txt of
    /// the run folder
    #[arg(long, value_name = "ID")]
    pub(super) customer: String,
}

/// Flags of `worlds`.
#[derive(Debug, Args)]
pub(super) struct Worlds {
    /// Number of retailers
    #[arg(long, default_value_t = 5)]
    pub(super) n: u64,
}

/// Flags of `envs`.
#[derive(Debug, Args)]
pub(super) struct Envs {
    /// Only this environment, such as Chain-v0
    pub(super) id: Option<String>,
}

/// Flags of `lift`.
#[derive(Debug, Args)]
pub(super) struct Lift {
    /// One promotion by its name in the table, in full
    #[arg(long, value_name = "ID")]
    pub(super) promotion: Option<String>,
    /// Only the promotions that gave most money away
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(super) top: usize,
}

/// Flags of `arena`.
#[derive(Debug, Args)]
pub(super) struct Arena {
    /// Number of worlds
    #[arg(long, default_value_t = 20)]
    pub(super) worlds: usize,
    /// Customers of each world
    #[arg(long, default_value_t = 100)]
    pub(super) customers: usize,
    /// Weeks played; the last 20 count
    #[arg(long, default_value_t = 70)]
    pub(super) weeks: u32,
    /// Also train agents in each world from a log of random coupons and let them take over for the
    /// weeks that count, beside an oracle and an upper bound; takes minutes
    #[arg(long)]
    pub(super) learners: bool,
    /// Where to write arena.json, arena.html and its plots
    #[arg(long, value_name = "DIR", default_value = "runs/arena")]
    pub(super) out: PathBuf,
}
