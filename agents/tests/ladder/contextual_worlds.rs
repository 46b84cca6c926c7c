//! The worlds of the contextual rung, and figures with their intervals.

use promopt_agents::{Agent, AgentError, Normalisation, Transition};
use promopt_envs::{ActionMask, BoxSpace, EnvSpec, SeedTree, Stream};
use promopt_policies::Policy;
use promopt_policies::log::{LoggedDecisions, LoggedTable};
use rand::Rng;
use rand::seq::SliceRandom;
use rand_distr::{Distribution, StandardNormal};
use std::fmt;

/// Whether slow parts run; says so when they do not.
pub(crate) fn slow(what: &str) -> bool {
    let runs = std::env::var_os("RUN_SLOW").is_some_and(|value| value == "1");
    if !runs {
        eprintln!("skipped: {what} (set RUN_SLOW=1)");
    }
    runs
}

/// Mean and standard error over seeds.
pub(crate) struct Figure {
    pub(crate) mean: f64,
    pub(crate) standard_error: f64,
    n: usize,
}

impl Figure {
    pub(crate) fn of(values: &[f64]) -> Self {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let variance = if n > 1.0 { squares / (n - 1.0) } else { 0.0 };
        Self { mean, standard_error: (variance / n).sqrt(), n: values.len() }
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.4} ± {:.4} (standard error, n = {})", self.mean, self.standard_error, self.n)
    }
}

fn spec(id: &str, n_features: usize, n_actions: usize) -> EnvSpec {
    let observation_space = BoxSpace::new(vec![f32::MIN; n_features], vec![f32::MAX; n_features]);
    EnvSpec { id: id.into(), observation_space, n_actions, horizon: Some(1) }
}

/// Acts once and shows the agent its reward; returns the action.
fn play(
    agent: &mut dyn Agent,
    observation: &[f32],
    mask: &ActionMask,
    rng: &mut Stream,
    mut reward_of: impl FnMut(usize) -> f64,
) -> Result<usize, AgentError> {
    let action = agent.act(observation, mask, rng)?.action;
    agent.observe(&Transition {
        lane: 0,
        observation,
        action,
        reward: reward_of(action),
        next_observation: observation,
        next_mask: mask,
        terminated: true,
        truncated: false,
    })?;
    Ok(action)
}

/// A classification data set: guessing the class earns 1, all else 0.
pub(crate) struct Table {
    pub(crate) spec: EnvSpec,
    pub(crate) normalisation: Normalisation,
    rows: Vec<Vec<f32>>,
    classes: Vec<usize>,
}

impl Table {
    /// Pixels are divided by 16, as for the reference.
    pub(crate) fn digits() -> Result<Self, Box<dyn std::error::Error>> {
        let scale = |n: usize| Normalisation { mean: vec![0.0; n], scale: vec![16.0; n] };
        Self::read("digits", 10, |rows| Ok(scale(rows[0].len())))
    }

    /// Features are centred and divided by their standard deviation, as for the reference.
    pub(crate) fn breast_cancer() -> Result<Self, Box<dyn std::error::Error>> {
        Self::read("breast_cancer", 2, |rows| Normalisation::fit(&rows.concat(), rows[0].len()))
    }

    fn read(
        name: &str,
        n_classes: usize,
        normalise: impl Fn(&[Vec<f32>]) -> Result<Normalisation, AgentError>,
    ) -> Result<Self, Box<dyn std::error::Error>> {
        let path = format!("{}/tests/fixtures/{name}.csv", env!("CARGO_MANIFEST_DIR"));
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_path(path)?;
        let (mut rows, mut classes) = (Vec::new(), Vec::new());
        for record in reader.deserialize::<Vec<f32>>() {
            let mut row = record?;
            classes.push(row.pop().ok_or("a row without columns")? as usize);
            rows.push(row);
        }
        let normalisation = normalise(&rows)?;
        let spec = spec(name, rows[0].len(), n_classes);
        Ok(Self { spec, normalisation, rows, classes })
    }
}

/// Mean reward of each epoch, while learning, over rows in an order drawn anew for each epoch.
pub(crate) fn play_table(
    agent: &mut dyn Agent,
    table: &Table,
    epochs: usize,
    seed: u64,
) -> Result<Vec<f64>, AgentError> {
    let mut rng = SeedTree::new(seed).child("classification").stream();
    let mask = ActionMask::all(table.spec.n_actions);
    let mut order: Vec<usize> = (0..table.rows.len()).collect();
    let mut rewards = Vec::new();
    for _ in 0..epochs {
        order.shuffle(&mut rng);
        let mut right = 0;
        for &row in &order {
            let class = table.classes[row];
            let pays = |action| if action == class { 1.0 } else { 0.0 };
            let action = play(agent, &table.rows[row], &mask, &mut rng, pays)?;
            right += usize::from(action == class);
        }
        rewards.push(f64::from(u32::try_from(right).unwrap_or(0)) / order.len() as f64);
    }
    Ok(rewards)
}

fn normal(rng: &mut Stream) -> f64 {
    StandardNormal.sample(rng)
}

fn dot(a: &[f64], x: &[f32]) -> f64 {
    a.iter().zip(x).map(|(a, x)| a * f64::from(*x)).sum()
}

/// Ten actions whose weights, and contexts that, lie on the unit sphere in 20 dimensions; rewards
/// `xᵀθ_a + 0.1 N(0, 1)`.
pub(crate) struct LinearWorld {
    pub(crate) spec: EnvSpec,
    theta: Vec<Vec<f64>>,
    seed: SeedTree,
}

impl LinearWorld {
    pub(crate) fn new(seed: SeedTree) -> Self {
        let seed = seed.child("linear world");
        let mut rng = seed.child("theta").stream();
        let theta = (0..10).map(|_| on_sphere(20, &mut rng)).collect();
        Self { spec: spec("Linear-v0", 20, 10), theta, seed }
    }

    /// Sum of the expected rewards given away over `steps` decisions.
    pub(crate) fn regret(&self, agent: &mut dyn Agent, steps: usize) -> Result<f64, AgentError> {
        let mut rng = self.seed.child("play").stream();
        let mut contexts = self.seed.child("contexts").stream();
        let mask = ActionMask::all(10);
        let mut regret = 0.0;
        for _ in 0..steps {
            let x: Vec<f32> = on_sphere(20, &mut contexts).iter().map(|x| *x as f32).collect();
            let noise = 0.1 * normal(&mut contexts);
            let means: Vec<f64> = self.theta.iter().map(|theta| dot(theta, &x)).collect();
            let action = play(agent, &x, &mask, &mut rng, |action| means[action] + noise)?;
            regret += means.iter().copied().fold(f64::NEG_INFINITY, f64::max) - means[action];
        }
        Ok(regret)
    }
}

fn on_sphere(n: usize, rng: &mut Stream) -> Vec<f64> {
    let x: Vec<f64> = (0..n).map(|_| normal(rng)).collect();
    let length = x.iter().map(|x| x * x).sum::<f64>().sqrt();
    x.into_iter().map(|x| x / length).collect()
}

/// A world of the form of the reference's log: 10 actions, 20 standard normal features, a reward of 1
/// with the probability `σ(θ_aᵀx − 0.8)`, `θ_a ~ N(0, 0.2 I)`, so that scores have standard deviation
/// 2. The reference's own weights are not recorded; these constants bring optimum and uniform policy
/// near its .891 and .374.
pub(crate) struct LogWorld {
    theta: Vec<Vec<f64>>,
    contexts: Vec<Vec<f32>>,
    seed: SeedTree,
    pub(crate) optimum: f64,
    pub(crate) uniform: f64,
}

impl LogWorld {
    pub(crate) fn new(seed: SeedTree) -> Self {
        let seed = seed.child("log world");
        let mut rng = seed.child("theta").stream();
        let mut weights = || (0..20).map(|_| 0.2_f64.sqrt() * normal(&mut rng)).collect();
        let theta: Vec<Vec<f64>> = (0..10).map(|_| weights()).collect();
        let mut rng = seed.child("evaluation").stream();
        let contexts: Vec<Vec<f32>> = (0..50_000).map(|_| context(&mut rng)).collect();
        let mut world = Self { theta, contexts, seed, optimum: 0.0, uniform: 0.0 };
        let best = |p: &[f64]| p.iter().copied().fold(0.0, f64::max);
        world.optimum = world.mean(|x| best(&world.chances(x)));
        world.uniform = world.mean(|x| world.chances(x).iter().sum::<f64>() / 10.0);
        world
    }

    fn chances(&self, x: &[f32]) -> Vec<f64> {
        let chance = |theta: &Vec<f64>| 1.0 / (1.0 + (0.8 - dot(theta, x)).exp());
        self.theta.iter().map(chance).collect()
    }

    fn mean(&self, value: impl Fn(&[f32]) -> f64) -> f64 {
        self.contexts.iter().map(|x| value(x)).sum::<f64>() / self.contexts.len() as f64
    }

    /// A log of uniform decisions.
    pub(crate) fn log(&self, n: usize) -> LoggedDecisions {
        let mut rng = self.seed.child("log").stream();
        let mut table = LoggedTable { n_features: 20, n_actions: 10, ..Default::default() };
        for row in 0..n {
            let x = context(&mut rng);
            let action = rng.random_range(0..10);
            let paid = rng.random::<f64>() < self.chances(&x)[action];
            table.observations.extend(x);
            table.actions.push(action);
            table.propensities.push(0.1);
            table.rewards.push(f64::from(u8::from(paid)));
            table.clusters.push(row as u32);
        }
        LoggedDecisions::new(table).expect("a valid log")
    }

    /// Share of the gain of the best policy over the uniform one, on contexts of their own.
    pub(crate) fn share(&self, policy: &dyn Policy) -> f64 {
        let mask = ActionMask::all(10);
        let value = self.mean(|x| {
            let distribution = policy.distribution(x, &mask);
            let pairs = distribution.probabilities().iter().zip(self.chances(x));
            pairs.map(|(p, chance)| p * chance).sum()
        });
        (value - self.uniform) / (self.optimum - self.uniform)
    }
}

fn context(rng: &mut Stream) -> Vec<f32> {
    (0..20).map(|_| normal(rng) as f32).collect()
}
