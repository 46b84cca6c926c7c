//! The synthetic retailer's truth: policies played with the real customers, beside the oracle.

use super::error::RunError;
use super::folder::write_json;
use super::learn::{CONTROL, CURRENT};
use super::stage::{Job, Stage};
use super::synthetic::{self, SALT};
use crate::data::hash_customer;
use crate::demand::Ground;
use crate::demand::world::week_season;
use crate::evaluate::interval::Interval;
use promopt_envs::retail::{CustomerHistory, ObservationContext};
use promopt_envs::worlds::{
    CurrentPolicy, CustomerOutcome, CustomerState, Moment, Oracle, Retailer, SimulatedHistory,
};
use promopt_envs::{ActionId, ActionMask, SeedTree};
use promopt_policies::Policy;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Name of the arm that knows the truth.
const ORACLE: &str = "oracle";

/// One policy in the true world.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrueArm {
    /// Name of the policy.
    pub policy: String,
    /// Margin per customer-week, money.
    pub margin: Interval,
    /// Margin per customer-week above the better of none and current, paired, money.
    pub uplift: Interval,
    /// Contacts per customer-week.
    pub contact_rate: f64,
    /// Share of the oracle's uplift; `None` when the oracle finds none.
    pub captured: Option<f64>,
}

/// What the true world says of every policy, `evaluation/truth/truth.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TruthResult {
    /// Which of none and current earned more.
    pub reference: String,
    /// All arms: none, current, every trained policy, the oracle.
    pub arms: Vec<TrueArm>,
    /// The policy that was chosen for export.
    pub chosen: String,
    /// `(policy − max(current, none)) / (oracle − max(current, none))`, with a delta-method interval;
    /// `None` when the oracle finds nothing to gain.
    pub captured_uplift: Option<Interval>,
    /// Margin of the chosen policy above current, paired, money per customer-week.
    pub over_current: Interval,
    /// Margin of the chosen policy above none, paired, money per customer-week.
    pub over_control: Interval,
    /// Customers played.
    pub n_customers: usize,
    /// Weeks played.
    pub n_weeks: u32,
}

/// Customers as the pipeline knows them, in the true world's terms.
struct Cast<'a> {
    ground: &'a Ground<'a>,
    retailer: &'a Retailer,
    /// `(customer of the world, start state, history in the world's category order)`.
    starts: Vec<(usize, &'a CustomerState, CustomerHistory)>,
    /// Persona by customer of the world, as of the start.
    personas: Vec<usize>,
    /// Category of the world for each category of the pipeline.
    to_pipeline: Vec<Option<usize>>,
    /// Action of the world for each action of the pipeline.
    world_action: Vec<ActionId>,
    first_week: u32,
    n_weeks: u32,
    /// Shelf depths of the weeks by category of the pipeline, as the retailer has planned them.
    shelf: Vec<Vec<f64>>,
    seed: SeedTree,
}

impl Cast<'_> {
    /// Plays every customer; `policy` makes a chooser per customer.
    fn play<F>(&self, policy: impl Fn() -> F + Sync) -> Vec<CustomerOutcome>
    where
        F: FnMut(&Moment<'_>) -> ActionId,
    {
        let rule = self.retailer.mask_rule(self.ground.guardrails);
        let weeks = self.first_week..self.first_week + self.n_weeks;
        self.starts
            .par_iter()
            .map(|(customer, state, history)| {
                let (weeks, start) = (weeks.clone(), (*state, history));
                let mut choose = policy();
                self.retailer.play_customer(*customer, start, weeks, self.seed, &rule, &mut choose)
            })
            .collect()
    }

    /// Lets a policy of the pipeline decide: it sees the customer through the one encoder.
    fn decide(&self, policy: &dyn Policy, at: &Moment<'_>) -> ActionId {
        let history = at.history.reordered(&self.to_pipeline);
        let context = ObservationContext {
            persona: self.personas[at.customer],
            season: week_season(&self.ground.schema, self.ground.history.first_week, at.week),
            budget_price: 0.0,
            shelf: &self.shelf[(at.week - self.first_week) as usize],
        };
        let mut observation = vec![0.0; self.ground.schema.n_features()];
        self.ground.schema.encode(&history, &context, &mut observation);
        let flags = self.world_action.iter().map(|&a| at.mask.allows(a)).collect();
        // `none` is allowed in every mask, and is action 0 on both sides.
        let mask = ActionMask::from_flags(flags).expect("none is always allowed");
        self.world_action[policy.distribution(&observation, &mask).quantile(at.luck)]
    }
}

/// Plays all arms and writes the result.
pub(super) fn play(job: &Job<'_>) -> Result<(), RunError> {
    let history = job.history()?;
    let actions = job.actions(&history)?;
    let (schema, timeline) = (job.schema(&history)?, job.persona_timeline()?);
    let ground = Ground::new(&history, &actions, schema, &timeline, &job.config.guardrails);
    let (retailer, past) = synthetic::generate(job)?;
    let summaries = ground.summaries(history.n_weeks);
    let alive = ground.alive(&summaries, job.config.environment.lapse_weeks);
    let categories: Vec<&str> = history.categories.iter().map(|c| c.name.as_str()).collect();
    let position = |name: &String| categories.iter().position(|c| c == name);
    let to_world: Vec<Option<usize>> = retailer.categories().iter().map(position).collect();
    let world_position = |name: &&str| retailer.categories().iter().position(|c| c == name);
    let to_pipeline: Vec<Option<usize>> = categories.iter().map(world_position).collect();
    let world_action = actions
        .catalogue
        .offers()
        .iter()
        .map(|offer| retailer.catalogue().find(&offer.id).unwrap_or(0))
        .collect();
    let ids: Vec<String> =
        past.tables.customers.iter().map(|row| hash_customer(SALT, &row.customer_id)).collect();
    let (mut starts, mut personas) = (Vec::new(), vec![0; ids.len()]);
    for (customer, hash) in ids.iter().enumerate() {
        let Ok(index) = history.customers.binary_search(hash) else { continue };
        personas[customer] = timeline.at(index, history.n_weeks);
        if alive.binary_search(&index).is_ok() {
            let known = summaries[index].reordered(&to_world);
            starts.push((customer, &past.states[customer], known));
        }
    }
    let seed = SeedTree::new(job.config.seed).child("truth");
    let first_week = job.config.world.n_weeks;
    let weeks = first_week..first_week + job.config.judge.truth_weeks;
    let shelf = weeks.map(|week| shelf_plan(&retailer, &past, &to_pipeline, week)).collect();
    let cast = Cast {
        ground: &ground,
        retailer: &retailer,
        starts,
        personas,
        to_pipeline,
        world_action,
        first_week,
        n_weeks: job.config.judge.truth_weeks,
        shelf,
        seed: seed.child("judge"),
    };
    let arms = play_arms(job, &cast, &past, seed.child("tune"))?;
    let result = read_out(job, &cast, &arms)?;
    job.folder.replace("evaluation/truth", |dir| write_json(&dir.join("truth.json"), &result))
}

/// Shelf depths that the retailer plans for a week, by category of the pipeline: means over the
/// products, weighed by what they sold over the whole history, as the market pass weighs them.
fn shelf_plan(
    retailer: &Retailer,
    past: &SimulatedHistory,
    to_pipeline: &[Option<usize>],
    week: u32,
) -> Vec<f64> {
    let market = retailer.market();
    let depth = |category: &Option<usize>| {
        let Some(category) = *category else { return 0.0 };
        let shelf = market.shelf(week, category);
        let sold = &past.gross_by_product[category * shelf.len()..][..shelf.len()];
        let off: f64 = shelf.iter().zip(sold).map(|(price, gross)| price.depth * gross).sum();
        off / sold.iter().sum::<f64>().max(1e-9)
    };
    to_pipeline.iter().map(depth).collect()
}

type Arm = (String, Vec<CustomerOutcome>);

fn play_arms(
    job: &Job<'_>,
    cast: &Cast<'_>,
    past: &SimulatedHistory,
    tune: SeedTree,
) -> Result<Vec<Arm>, RunError> {
    let retailer = cast.retailer;
    let policies = job.trained()?;
    let total = policies.len() as u64 + 1;
    let mut arms: Vec<Arm> = Vec::new();
    for policy in &policies {
        job.observer.progress(Stage::Truth, arms.len() as u64, total, &policy.name);
        let outcomes = if policy.name == CURRENT {
            let today = CurrentPolicy::new(&job.config.world.structure, retailer.catalogue());
            cast.play(|| {
                let today = today.clone();
                move |at: &Moment<'_>| {
                    CurrentPolicy::draw(&today.probabilities(at.history, at.mask), at.luck)
                }
            })
        } else {
            cast.play(|| |at: &Moment<'_>| cast.decide(&policy.policy, at))
        };
        arms.push((policy.name.clone(), outcomes));
    }
    job.observer.progress(Stage::Truth, total - 1, total, ORACLE);
    let weeks = cast.first_week..cast.first_week + cast.n_weeks;
    let rule = retailer.mask_rule(cast.ground.guardrails);
    // Tuned on other luck than it is judged on.
    let oracle = Oracle::tune(retailer, (&past.states, &past.histories), &weeks, &rule, tune);
    arms.push((ORACLE.to_owned(), cast.play(|| oracle.policy(retailer))));
    Ok(arms)
}

fn read_out(job: &Job<'_>, cast: &Cast<'_>, arms: &[Arm]) -> Result<TruthResult, RunError> {
    let weeks = f64::from(cast.n_weeks);
    let margins: Vec<Vec<f64>> = arms
        .iter()
        .map(|(_, outcomes)| outcomes.iter().map(|o| o.contribution / weeks).collect())
        .collect();
    let index = |name: &str| arms.iter().position(|(n, _)| n == name).unwrap_or(0);
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
    let (control, current) = (index(CONTROL), index(CURRENT));
    let reference =
        if mean(&margins[current]) > mean(&margins[control]) { current } else { control };
    let (oracle, chosen) = (arms.len() - 1, index(&job.chosen()?.name));
    let level = job.config.judge.level;
    let gap = |a: usize, b: usize| -> Vec<f64> {
        margins[a].iter().zip(&margins[b]).map(|(x, y)| x - y).collect()
    };
    let possible = gap(oracle, reference);
    let gains = mean(&possible) > 0.0;
    let captured = |a: usize| gains.then(|| mean(&gap(a, reference)) / mean(&possible));
    let rows = arms
        .iter()
        .enumerate()
        .map(|(a, (policy, outcomes))| {
            Ok(TrueArm {
                policy: policy.clone(),
                margin: interval(&margins[a], level)?,
                uplift: interval(&gap(a, reference), level)?,
                contact_rate: outcomes.iter().map(|o| f64::from(o.contacts)).sum::<f64>()
                    / (outcomes.len().max(1) as f64 * weeks),
                captured: captured(a),
            })
        })
        .collect::<Result<_, RunError>>()?;
    Ok(TruthResult {
        reference: arms[reference].0.clone(),
        arms: rows,
        chosen: arms[chosen].0.clone(),
        captured_uplift: if gains {
            Some(ratio(&gap(chosen, reference), &possible, level)?)
        } else {
            None
        },
        over_current: interval(&gap(chosen, current), level)?,
        over_control: interval(&gap(chosen, control), level)?,
        n_customers: cast.starts.len(),
        n_weeks: cast.n_weeks,
    })
}

/// Student interval of a mean over customers.
fn interval(values: &[f64], level: f64) -> Result<Interval, RunError> {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n.max(1.0);
    let variance = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
    Ok(Interval::student(mean, (variance / n.max(1.0)).sqrt(), (n - 1.0).max(1.0), level)?)
}

/// Ratio of two paired means with a delta-method interval: `Σx / Σy`, variance of `(x − r y) / ȳ`.
fn ratio(x: &[f64], y: &[f64], level: f64) -> Result<Interval, RunError> {
    let n = x.len().max(1) as f64;
    let (mean_x, mean_y) = (x.iter().sum::<f64>() / n, y.iter().sum::<f64>() / n);
    let r = mean_x / mean_y;
    let residuals: Vec<f64> = x.iter().zip(y).map(|(a, b)| (a - r * b) / mean_y).collect();
    let around = interval(&residuals, level)?;
    Ok(Interval::student(r, around.standard_error, (n - 1.0).max(1.0), level)?)
}

impl Job<'_> {
    /// The result in the true world of a synthetic run.
    ///
    /// # Errors
    /// When the stage has not run.
    pub fn truth(&self) -> Result<TruthResult, RunError> {
        self.folder.read("evaluation/truth/truth.json", "run")
    }
}
