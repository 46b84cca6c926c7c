//! Learned value on finite worlds: behaviour + 0.9 × (certainty equivalent − behaviour), or more.

use super::runs_slow;
use super::world::{World, worlds};
use promopt_agents::offline::pessimism::{Pessimism, plan};
use promopt_agents::offline::{
    BcqConfig, BehaviourCloning, CloningConfig, ConservativeQ, ConstrainedQ, CqlConfig, Horizon,
    ImplicitQ, IqlConfig, LinearFitted, LinearFittedConfig, NetworkConfig, OfflineLearner, Plan,
    TabularLog, fit,
};
use promopt_agents::schedule::Linear;
use promopt_envs::{ActionMask, SeedTree};
use promopt_policies::{LoggedDecisions, Policy};

/// Share of the way from behaviour to certainty equivalent that a learned policy must go.
const SHARE: f64 = 0.9;
/// Updates of a network learner, batch 64: some 24 times through the log.
const UPDATES: u64 = 6_000;

/// Behaviour and certainty equivalent, true values.
struct Bounds {
    behaviour: f64,
    certainty: f64,
}

impl Bounds {
    fn of(world: &World, table: &TabularLog) -> Self {
        let rows =
            |state: usize| world.behaviour[state * world.n_actions..][..world.n_actions].to_vec();
        let plan = table.maximum_likelihood().plan(world.gamma, steps(world)).expect("finite");
        Self {
            behaviour: world.value(|_, state| rows(state)),
            certainty: planned(world, table, &plan),
        }
    }

    fn share(&self, value: f64) -> f64 {
        (value - self.behaviour) / (self.certainty - self.behaviour)
    }
}

fn steps(world: &World) -> Horizon {
    Horizon::Steps(world.horizon as u32)
}

fn planned(world: &World, table: &TabularLog, plan: &Plan) -> f64 {
    world.value_of_actions(|step, state| {
        let mut observation = vec![0.0; world.n_states];
        observation[state] = 1.0;
        table.states().state(&observation).map_or(0, |number| plan.action(step, number))
    })
}

/// True value of a policy that sees `observe(step, state)`.
fn played(world: &World, policy: &dyn Policy, observe: impl Fn(usize, usize) -> Vec<f32>) -> f64 {
    let all = ActionMask::all(world.n_actions);
    world.value(|step, state| {
        policy.distribution(&observe(step, state), &all).probabilities().to_vec()
    })
}

#[test]
fn tables_and_pessimistic_plans_reach_what_the_log_allows() {
    for world in worlds() {
        let table = TabularLog::new(&world.stationary_log()).expect("the log has trajectories");
        let bounds = Bounds::of(&world, &table);
        let gamma = world.gamma;
        let draws = table.posterior_draws(50, 1.0, SeedTree::new(7).child("draws"));
        let under = |pessimism| {
            plan(draws.as_slice(), gamma, steps(&world), pessimism).expect("the horizon is finite")
        };
        let careful = table.penalised(1.0).plan(gamma, steps(&world)).expect("finite");
        let log = world.crossed_log();
        let fitted = LinearFitted::control(&LinearFittedConfig::tabular(gamma), &log);
        let fitted = fitted.expect("it converges").policy();
        let learned = [
            ("counts penalised", planned(&world, &table, &careful)),
            ("posterior 10 %", planned(&world, &table, &under(Pessimism::Percentile(0.1)))),
            ("posterior mean − sd", planned(&world, &table, &under(Pessimism::LowerBound(1.0)))),
            ("fitted Q (table)", played(&world, &fitted, |t, s| world.crossed(t, s))),
        ];
        for (name, value) in learned {
            let share = bounds.share(value);
            eprintln!(
                "{} {name}: value {value:.4} from {:.4} to {:.4}, {share:.3} of the way",
                world.name(),
                bounds.behaviour,
                bounds.certainty,
            );
            assert!(share >= SHARE, "{} {name}: {share}", world.name());
        }
    }
}

/// Defaults but for what the log itself says: rewards in units of their standard deviation; and a
/// step size that falls to nothing, so that the last batches do not decide.
fn network(world: &World, log: &LoggedDecisions) -> NetworkConfig {
    let n = log.len() as f64;
    let mean = log.rewards().iter().sum::<f64>() / n;
    let variance = log.rewards().iter().map(|r| (r - mean).powi(2)).sum::<f64>() / n;
    NetworkConfig {
        discount_factor: world.gamma,
        learning_rate: Linear { start: 1e-3, end: 0.0, steps: UPDATES },
        reward_scale: 1.0 / variance.sqrt(),
        normalise: false,
        ..NetworkConfig::default()
    }
}

type Build = fn(&World, &LoggedDecisions, SeedTree) -> Box<dyn OfflineLearner>;

/// Every network learner, and whether it must reach the share. A clone cannot; nor can CQL with
/// its default α = 1, as large as these rewards' spread.
const LEARNERS: [(&str, bool, Build); 6] = [
    ("behaviour cloning", false, |world, log, seed| {
        let config = CloningConfig { network: network(world, log) };
        Box::new(BehaviourCloning::new(config, log, seed).expect("valid"))
    }),
    ("fitted Q (network)", true, |world, log, seed| {
        let config = CqlConfig { network: network(world, log), alpha: 0.0 };
        Box::new(ConservativeQ::new(config, log, seed).expect("valid"))
    }),
    ("CQL 0.1", true, |world, log, seed| {
        let config = CqlConfig { network: network(world, log), alpha: 0.1 };
        Box::new(ConservativeQ::new(config, log, seed).expect("valid"))
    }),
    ("CQL 1", false, |world, log, seed| {
        let config = CqlConfig { network: network(world, log), alpha: 1.0 };
        Box::new(ConservativeQ::new(config, log, seed).expect("valid"))
    }),
    ("BCQ", true, |world, log, seed| {
        let config = BcqConfig { network: network(world, log), ..BcqConfig::default() };
        Box::new(ConstrainedQ::new(config, log, seed).expect("valid"))
    }),
    ("IQL", true, |world, log, seed| {
        let default = IqlConfig::default();
        let target_update = default.network.target_update;
        let network = NetworkConfig { target_update, ..network(world, log) };
        Box::new(ImplicitQ::new(IqlConfig { network, ..default }, log, seed).expect("valid"))
    }),
];

#[test]
fn network_learners_reach_what_the_log_allows() {
    if !runs_slow() {
        return;
    }
    let mut missed = Vec::new();
    for world in worlds() {
        let table = TabularLog::new(&world.stationary_log()).expect("the log has trajectories");
        let bounds = Bounds::of(&world, &table);
        let log = world.timed_log();
        for (name, claimed, build) in LEARNERS {
            let start = std::time::Instant::now();
            let mut shares: Vec<f64> = (1..=3)
                .map(|seed| {
                    let seed = SeedTree::new(seed);
                    let mut learner = build(&world, &log, seed);
                    fit(&mut *learner, &log, UPDATES, seed, &mut |_, _| {}).expect("it learns");
                    let policy = learner.policy().expect("weights are finite");
                    bounds.share(played(&world, &*policy, |t, s| world.timed(t, s)))
                })
                .collect();
            shares.sort_by(f64::total_cmp);
            let wall = start.elapsed().as_secs_f64();
            eprintln!("{} {name}: shares {shares:.3?} of 3 seeds, {wall:.1} s", world.name());
            if claimed && shares[1] < SHARE {
                missed.push(format!("{} {name} {shares:.3?}", world.name()));
            }
        }
    }
    assert!(missed.is_empty(), "median below {SHARE}: {missed:#?}");
}
