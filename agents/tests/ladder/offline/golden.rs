//! Model-based value, fitted Q evaluation and certainty equivalence against exact references.

use super::json;
use super::world::{World, worlds};
use promopt_agents::offline::{Horizon, LinearFitted, LinearFittedConfig, Plan, TabularLog};
use promopt_envs::{ActionMask, SeedTree};
use promopt_policies::{ActionDistribution, Policy};

/// The policy to be judged, on the crossed observation of step and state.
struct Target<'a>(&'a World);

impl Policy for Target<'_> {
    fn name(&self) -> &str {
        "target"
    }

    fn distribution(&self, observation: &[f32], mask: &ActionMask) -> ActionDistribution {
        let place = observation.iter().position(|&x| x == 1.0).expect("it is one-hot");
        let state = place % self.0.n_states;
        let row = &self.0.target[state * self.0.n_actions..][..self.0.n_actions];
        ActionDistribution::from_weights(row, mask)
    }
}

#[track_caller]
fn assert_close(found: f64, expected: &serde_json::Value, place: &str) {
    let expected = expected.as_f64().expect("a number");
    assert!((found - expected).abs() <= 1e-9 * expected.abs(), "{place}: {found} {expected}");
}

#[test]
fn tabular_fitted_q_evaluation_agrees_with_the_reference() {
    for world in worlds() {
        let golden = json(&world.folder.join("expected_offline_rl.json"));
        let (log, config) = (world.crossed_log(), LinearFittedConfig::tabular(world.gamma));
        let target = Target(&world);
        let fitted = LinearFitted::evaluate(&config, &log, &target).expect("it converges");
        assert!(fitted.sweeps().1, "a story of {} steps needs no more sweeps", world.horizon);
        let value = fitted.value(&log, &target).expect("the log has trajectories").value;
        assert_close(value, &golden["tabular_fqe_eval"]["value"], &world.name());

        let seed = SeedTree::new(1);
        let interval = LinearFitted::evaluate_with_interval(&config, &log, &target, 40, seed);
        let interval = interval.expect("it converges");
        let truth = golden["exact_value_eval"].as_f64().expect("a number");
        let half = (interval.upper - interval.lower) / 2.0;
        // The half width is about two standard errors; four hold all but 1 in 16,000.
        assert!((interval.value - truth).abs() < 2.0 * half, "{}: {interval:?}", world.name());
    }
}

#[test]
fn the_model_of_the_log_and_its_best_plan_agree_with_the_reference() {
    for world in worlds() {
        let golden = json(&world.folder.join("expected_offline_rl.json"));
        let table = TabularLog::new(&world.stationary_log()).expect("the log has trajectories");
        let model = table.maximum_likelihood();
        // States are numbered by the bits of one-hot rows: find them by their observation.
        let number = |state: usize| {
            let mut observation = vec![0.0; world.n_states];
            observation[state] = 1.0;
            table.states().state(&observation).expect("every state was seen")
        };
        let mut target = vec![0.0; world.target.len()];
        for state in 0..world.n_states {
            let (from, to) = (state * world.n_actions, number(state) * world.n_actions);
            target[to..to + world.n_actions]
                .copy_from_slice(&world.target[from..from + world.n_actions]);
        }
        let n_steps = world.horizon as u32;
        let place = world.name();
        let value = model.evaluate(&target, table.initial(), world.gamma, n_steps);
        assert_close(value, &golden["model_based_dm_eval"]["value"], &place);

        let horizon = Horizon::Steps(n_steps);
        let plan = model.plan(world.gamma, horizon).expect("the horizon is finite");
        let golden_plan = &golden["certainty_equivalent_control"];
        for step in 0..world.horizon {
            for state in 0..world.n_states {
                let action = golden_plan["policy_by_t"][step][state].as_u64().expect("an action");
                assert_eq!(plan.action(step, number(state)), action as usize, "{place} {step}");
            }
        }
        let values = (0..world.n_states).map(|state| plan.value(state) * table.initial()[state]);
        assert_close(values.sum(), &golden_plan["model_value"], &place);
        let truth =
            |plan: &Plan| world.value_of_actions(|step, state| plan.action(step, number(state)));
        assert_close(truth(&plan), &golden_plan["true_value_of_policy"], &place);
        let careful = table.penalised(1.0).plan(world.gamma, horizon).expect("it is finite");
        let golden_careful = &golden["pessimistic_control"]["true_value_of_policy"];
        assert_close(truth(&careful), golden_careful, &place);
    }
}
