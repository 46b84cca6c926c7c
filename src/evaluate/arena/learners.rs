//! Agents that learn in the arena from a log of random coupons, under the published protocol.
//!
//! Each world has a log of its own, of customers who are not among those that the comparison plays.
//! Agents are frozen afterwards: they see what happens to a customer and no longer learn from it.

use super::arms::Arm;
use super::handover::{best_fixed, proven_better};
use super::log::{ArenaLog, LoggedWeek, Observed};
use super::{MARGIN_RATES, Stage};
use crate::EvaluateError;
use promopt_agents::schedule::Linear;
use promopt_agents::{
    Agent, AgentError, DqnAgent, DqnConfig, LinUcb, LinUcbConfig, Normalisation, Snapshot,
    TargetUpdate, Thompson, ThompsonConfig, Transition,
};
use promopt_envs::arena::ArenaReward;
use promopt_envs::{ActionId, ActionMask, BoxSpace, EnvSpec, SeedTree, Stream};
use promopt_policies::{LinearScores, QNetwork};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

/// γ of the deep Q-network that is reported.
pub const DISCOUNT: f64 = 0.5;
/// The other γ, to see what looking ahead is worth.
pub const OTHER_DISCOUNTS: [f64; 2] = [0.0, 0.9];
/// Networks whose scores are added up: one network alone varies by more than γ matters.
const NETWORKS: u64 = 5;
/// Standard deviations of the estimate that LinUCB adds.
const ALPHA: f64 = 0.3;
/// Standard deviation of LinTS's noise, in those of the logged rewards.
const NOISE: f64 = 0.1;

/// How much is logged and learned.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lessons {
    /// Customers in the log.
    pub customers: usize,
    /// Weeks of each.
    pub weeks: u32,
    /// Share of the customers that the handover judges by and nobody learns from.
    pub held_out: f64,
    /// Updates of each network.
    pub updates: u64,
}

impl Default for Lessons {
    /// 1,000 customers of 50 weeks as published; a fifth held out for the handover.
    fn default() -> Self {
        Self { customers: 1_000, weeks: 50, held_out: 0.2, updates: 1_000 }
    }
}

/// What kind of agent.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    LinUcb,
    LinTs,
    Dqn { discount_factor: f64 },
}

impl Kind {
    fn name(self) -> String {
        match self {
            Self::LinUcb => "LinUCB".into(),
            Self::LinTs => "LinTS".into(),
            Self::Dqn { discount_factor } => format!("DQN γ {discount_factor}"),
        }
    }
}

/// What decides.
enum Mind {
    Agent(Mutex<Box<dyn Agent>>),
    Networks(Vec<QNetwork>),
}

/// A trained agent, frozen.
pub(super) struct Student {
    mind: Mind,
    mask: ActionMask,
    pub(super) observed: Observed,
    pub(super) reward: ArenaReward,
}

impl Student {
    /// The coupon for what is seen.
    pub(super) fn choose(
        &self,
        observation: &[f32],
        rng: &mut Stream,
    ) -> Result<ActionId, EvaluateError> {
        match &self.mind {
            Mind::Agent(agent) => {
                let mut agent = agent.lock().unwrap_or_else(PoisonError::into_inner);
                Ok(agent.act(observation, &self.mask, rng).map_err(|error| refused(&error))?.action)
            }
            Mind::Networks(networks) => {
                let mut sums = vec![0.0; self.mask.n_actions()];
                for network in networks {
                    for (sum, score) in sums.iter_mut().zip(network.scores(observation)) {
                        *sum += f64::from(score);
                    }
                }
                Ok(self.mask.argmax(&sums))
            }
        }
    }

    /// The student as an arm.
    fn arm(student: Arc<Self>, name: &str, tree: SeedTree) -> Arm<'static> {
        let tree = tree.child(name);
        Arm::new(name, move |situation| {
            let node = tree.index(situation.customer as u64).index(u64::from(situation.week));
            let (population, customer) = (situation.population, situation.customer);
            let seen = student.observed.of(population, situation.world, situation.noise, customer);
            student.choose(&seen, &mut node.stream()).expect("as wide as what was learned from")
        })
    }
}

fn refused(error: &AgentError) -> EvaluateError {
    EvaluateError::Agent(error.to_string())
}

/// Trains the agents of a world and makes arms of them, in this order: for revenue each agent on the
/// published features, then LinUCB and the deep Q-network with own-response features; for margin at
/// each of [`MARGIN_RATES`] each agent as it is and behind the handover, where the best fixed coupon
/// of the log stays in force unless customers held out prove the agent better (", judged").
///
/// # Errors
/// Those of drawing the log and of training.
pub fn cast(lessons: &Lessons, stage: &Stage<'_>) -> Result<Vec<Arm<'static>>, EvaluateError> {
    let size = (lessons.customers, lessons.weeks);
    let log = ArenaLog::random(&stage.protocol.config, size, stage.tree)?;
    let school = School { lessons, log: &log, tree: stage.tree.child("learners") };
    let dqn = |discount_factor| Kind::Dqn { discount_factor };
    let mut arms = Vec::new();
    let everybody = 0..log.n_customers();
    let published = [Kind::LinUcb, Kind::LinTs, dqn(DISCOUNT)].into_iter();
    let published = published.chain(OTHER_DISCOUNTS.map(dqn));
    let all = published.map(|kind| (kind, Observed::Published, ""));
    let own =
        [Kind::LinUcb, dqn(DISCOUNT)].map(|kind| (kind, Observed::OwnResponse, ", own response"));
    for (kind, observed, words) in all.chain(own) {
        let student = school.train(kind, observed, ArenaReward::Revenue, everybody.clone())?;
        let name = format!("{}{words}", kind.name());
        arms.push(Student::arm(Arc::new(student), &name, school.tree));
    }
    for rate in MARGIN_RATES {
        for kind in [Kind::LinUcb, Kind::LinTs, dqn(DISCOUNT)] {
            arms.extend(school.margin_arms(kind, rate)?);
        }
    }
    Ok(arms)
}

/// Name of a margin learner's arm.
#[must_use]
pub fn margin_name(agent: &str, rate: f64, judged: bool) -> String {
    let suffix = if judged { ", judged" } else { "" };
    format!("{agent} for margin at {:.0} %{suffix}", rate * 100.0)
}

/// Where agents are trained.
struct School<'a> {
    lessons: &'a Lessons,
    log: &'a ArenaLog,
    tree: SeedTree,
}

impl School<'_> {
    /// An agent for margin, as it is and behind the handover.
    fn margin_arms(&self, kind: Kind, rate: f64) -> Result<[Arm<'static>; 2], EvaluateError> {
        let reward = ArenaReward::Margin(rate);
        let n = self.log.n_customers();
        let learned = 0..((1.0 - self.lessons.held_out) * n as f64).round() as usize;
        let judging = learned.end..n;
        let student = Arc::new(self.train(kind, Observed::Published, reward, learned.clone())?);
        let model = self.model(reward, learned.clone())?;
        let fixed = best_fixed(self.log, learned, reward);
        let tree = self.tree.child("handover");
        let better = proven_better(&student, &model, fixed, (self.log, judging), tree)?;
        let [plain, judged] = [false, true].map(|judged| margin_name(&kind.name(), rate, judged));
        let arm = |name: &str| Student::arm(Arc::clone(&student), name, self.tree);
        let behind = if better { arm(&judged) } else { Arm::new(&judged, move |_| fixed) };
        Ok([arm(&plain), behind])
    }

    /// Ridge regression of the reward on the features, coupon by coupon.
    fn model(
        &self,
        reward: ArenaReward,
        customers: Range<usize>,
    ) -> Result<LinearScores, EvaluateError> {
        let (spec, normalisation) = self.facts(Observed::Published, customers.clone())?;
        let config = LinUcbConfig { alpha: 0.0, epsilon: 0.0, ..LinUcbConfig::default() };
        let mut agent =
            LinUcb::new(config, &spec, normalisation).map_err(|error| refused(&error))?;
        self.show(&mut agent, (Observed::Published, reward, customers), (0.0, 1.0))?;
        match agent.policy().map_err(|error| refused(&error))? {
            Snapshot::Linear(policy) => Ok(policy.scores),
            _ => Err(EvaluateError::Agent("expected linear scores from LinUCB".into())),
        }
    }

    fn train(
        &self,
        kind: Kind,
        observed: Observed,
        reward: ArenaReward,
        customers: Range<usize>,
    ) -> Result<Student, EvaluateError> {
        let (spec, normalisation) = self.facts(observed, customers.clone())?;
        let (mean, sd) = self.spread(reward, customers.clone());
        let lesson = (observed, reward, customers);
        let scale = 1.0 / sd;
        let mind = match kind {
            Kind::LinUcb => {
                let config = LinUcbConfig { alpha: ALPHA, epsilon: 0.0, ..Default::default() };
                let mut agent =
                    LinUcb::new(config, &spec, normalisation).map_err(|error| refused(&error))?;
                self.show(&mut agent, lesson, (0.0, scale))?;
                Mind::Agent(Mutex::new(Box::new(agent)))
            }
            Kind::LinTs => {
                let config = ThompsonConfig { noise: NOISE, epsilon: 0.0, ..Default::default() };
                let mut agent =
                    Thompson::new(config, &spec, normalisation).map_err(|error| refused(&error))?;
                self.show(&mut agent, lesson, (0.0, scale))?;
                Mind::Agent(Mutex::new(Box::new(agent)))
            }
            Kind::Dqn { discount_factor } => {
                let config = self.dqn_config(discount_factor);
                let train = |network: u64| {
                    let (spec, normalisation) = (&spec, normalisation.clone());
                    let tree = self.tree.child("dqn").index(network);
                    let agent = DqnAgent::new(config.clone(), spec, normalisation, tree);
                    let mut agent = agent.map_err(|error| refused(&error))?;
                    self.show(&mut agent, lesson.clone(), (mean, scale))?;
                    for _ in 0..self.lessons.updates {
                        agent.update().map_err(|error| refused(&error))?;
                    }
                    match agent.policy().map_err(|error| refused(&error))? {
                        Snapshot::Network(policy) => Ok(policy.network),
                        _ => Err(EvaluateError::Agent("expected a network from the DQN".into())),
                    }
                };
                Mind::Networks((0..NETWORKS).map(train).collect::<Result<_, _>>()?)
            }
        };
        Ok(Student { mind, mask: ActionMask::all(self.log.n_actions()), observed, reward })
    }

    /// Small on purpose: rewards scatter so much that more units fit more noise.
    fn dqn_config(&self, discount_factor: f64) -> DqnConfig {
        let (start, steps) = (2e-3, self.lessons.updates);
        DqnConfig {
            hidden: vec![16],
            discount_factor,
            n_step: 1,
            dueling: false,
            batch_size: 256,
            warm_up: 1,
            replay_capacity: self.lessons.customers * self.lessons.weeks as usize,
            learning_rate: Linear { start, end: start / 50.0, steps },
            target_update: TargetUpdate::Soft { rate: 0.01 },
            epsilon: Linear::constant(0.0),
            ..DqnConfig::default()
        }
    }

    /// Shows the log to an agent, rewards less `shift` and times `scale`. No episode ends: the log
    /// only stops watching.
    fn show(
        &self,
        agent: &mut dyn Agent,
        (observed, reward, customers): (Observed, ArenaReward, Range<usize>),
        (shift, scale): (f64, f64),
    ) -> Result<(), EvaluateError> {
        let mask = ActionMask::all(self.log.n_actions());
        let weeks = customers.flat_map(|customer| self.log.weeks(customer, observed, reward));
        for LoggedWeek { observation, action, reward, next_observation, truncated } in weeks {
            let reward = (reward - shift) * scale;
            let (lane, terminated, next_mask) = (0, false, &mask);
            let transition = Transition {
                lane,
                observation,
                action,
                reward,
                next_observation,
                next_mask,
                terminated,
                truncated,
            };
            agent.observe(&transition).map_err(|error| refused(&error))?;
        }
        Ok(())
    }

    fn facts(
        &self,
        observed: Observed,
        customers: Range<usize>,
    ) -> Result<(EnvSpec, Normalisation), EvaluateError> {
        let n = observed.n_features();
        let spec = EnvSpec {
            id: "arena log".into(),
            observation_space: BoxSpace::new(vec![f32::MIN; n], vec![f32::MAX; n]),
            n_actions: self.log.n_actions(),
            horizon: None,
        };
        let weeks = customers.flat_map(|c| self.log.weeks(c, observed, ArenaReward::Revenue));
        let seen: Vec<f32> = weeks.flat_map(|week| week.observation.iter().copied()).collect();
        Ok((spec, Normalisation::fit(&seen, n).map_err(|error| refused(&error))?))
    }

    /// Mean and standard deviation of the logged rewards; a deviation of 0 counts as 1.
    fn spread(&self, reward: ArenaReward, customers: Range<usize>) -> (f64, f64) {
        let weeks = customers.flat_map(|c| self.log.weeks(c, Observed::Published, reward));
        let (mut n, mut sum, mut squares) = (0.0, 0.0, 0.0);
        for week in weeks {
            n += 1.0;
            sum += week.reward;
            squares += week.reward * week.reward;
        }
        let mean = sum / f64::max(n, 1.0);
        let variance = squares / f64::max(n, 1.0) - mean * mean;
        (mean, if variance > 0.0 { variance.sqrt() } else { 1.0 })
    }
}
