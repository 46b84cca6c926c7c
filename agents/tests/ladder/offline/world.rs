//! Finite worlds with a log: what was logged, and what a policy is truly worth.

use super::{column, golden_folder, json, table};
use promopt_policies::log::SequenceColumns;
use promopt_policies::{LoggedDecisions, LoggedTable};
use std::path::{Path, PathBuf};

/// A finite-horizon world of the fixtures. Only [`World::value`] knows its true probabilities.
pub(super) struct World {
    pub(super) folder: PathBuf,
    pub(super) n_states: usize,
    pub(super) n_actions: usize,
    pub(super) horizon: usize,
    pub(super) gamma: f64,
    /// Logged policy and policy to be judged, shape `[n_states × n_actions]`.
    pub(super) behaviour: Vec<f64>,
    pub(super) target: Vec<f64>,
    log: (Vec<String>, Vec<Vec<f64>>),
    transitions: Vec<f64>,
    rewards: Vec<f64>,
    initial: Vec<f64>,
}

/// Every world of the form `sequential_tabular`, in ascending order of names.
pub(super) fn worlds() -> Vec<World> {
    let Some(root) = golden_folder() else { return Vec::new() };
    let entries = std::fs::read_dir(root).expect("the folder can be listed");
    let mut folders: Vec<PathBuf> = entries
        .map(|entry| entry.expect("the folder can be listed").path())
        .filter(|folder| folder.join("expected.json").exists())
        .filter(|folder| json(&folder.join("expected.json"))["kind"] == "sequential_tabular")
        .collect();
    folders.sort();
    assert!(folders.len() >= 3, "s1 to s3 are finite worlds");
    folders.iter().map(|folder| World::load(folder)).collect()
}

impl World {
    fn load(folder: &Path) -> Self {
        let expected = json(&folder.join("expected.json"));
        let number = |key: &str| expected[key].as_u64().expect("a count") as usize;
        let (n_states, n_actions) = (number("n_states"), number("n_actions"));
        let mut world = Self {
            folder: folder.to_owned(),
            n_states,
            n_actions,
            horizon: number("horizon"),
            gamma: expected["gamma"].as_f64().expect("a number"),
            behaviour: vec![0.0; n_states * n_actions],
            target: vec![0.0; n_states * n_actions],
            log: table(&folder.join("log.csv")),
            transitions: vec![0.0; n_states * n_actions * n_states],
            rewards: vec![0.0; n_states * n_actions],
            initial: vec![0.0; n_states],
        };
        let cell = |row: &[f64]| row[0] as usize * n_actions + row[1] as usize;
        for row in table(&folder.join("policies.csv")).1 {
            (world.target[cell(&row)], world.behaviour[cell(&row)]) = (row[2], row[3]);
        }
        for row in table(&folder.join("transitions.csv")).1 {
            world.transitions[cell(&row) * n_states + row[2] as usize] = row[3];
        }
        for row in table(&folder.join("rewards.csv")).1 {
            world.rewards[cell(&row)] += row[2] * row[3];
        }
        for row in table(&folder.join("initial.csv")).1 {
            world.initial[row[0] as usize] = row[1];
        }
        world
    }

    pub(super) fn name(&self) -> String {
        self.folder.file_name().expect("a folder has a name").to_string_lossy().into_owned()
    }

    /// True value of the probabilities `policy(step, state)`, by backward induction.
    pub(super) fn value(&self, policy: impl Fn(usize, usize) -> Vec<f64>) -> f64 {
        let mut values = vec![0.0; self.n_states];
        for step in (0..self.horizon).rev() {
            let action_value = |cell: usize| {
                let next = &self.transitions[cell * self.n_states..][..self.n_states];
                let future: f64 = next.iter().zip(&values).map(|(p, v)| p * v).sum();
                self.rewards[cell] + self.gamma * future
            };
            let state_value = |state: usize| {
                let probabilities = policy(step, state);
                let cells = probabilities.iter().enumerate();
                cells.map(|(action, p)| p * action_value(state * self.n_actions + action)).sum()
            };
            values = (0..self.n_states).map(state_value).collect();
        }
        values.iter().zip(&self.initial).map(|(value, share)| value * share).sum()
    }

    /// True value of always taking `action(step, state)`.
    pub(super) fn value_of_actions(&self, action: impl Fn(usize, usize) -> usize) -> f64 {
        self.value(|step, state| {
            let mut row = vec![0.0; self.n_actions];
            row[action(step, state)] = 1.0;
            row
        })
    }

    /// The log with the state alone as observation; watching stops at the horizon.
    pub(super) fn stationary_log(&self) -> LoggedDecisions {
        self.log(self.n_states, false, |_, state| one_hot(self.n_states, &[state]))
    }

    /// The log with state and step as observation; the story ends at the horizon.
    pub(super) fn timed_log(&self) -> LoggedDecisions {
        let n_features = self.n_states + self.horizon;
        self.log(n_features, true, |step, state| self.timed(step, state))
    }

    /// One feature for each state, then one for each step.
    pub(super) fn timed(&self, step: usize, state: usize) -> Vec<f32> {
        one_hot(self.n_states + self.horizon, &[state, self.n_states + step])
    }

    /// The log with one feature for each pair of step and state.
    pub(super) fn crossed_log(&self) -> LoggedDecisions {
        let n_features = self.n_states * self.horizon;
        self.log(n_features, true, |step, state| self.crossed(step, state))
    }

    /// One feature for each pair of step and state.
    pub(super) fn crossed(&self, step: usize, state: usize) -> Vec<f32> {
        one_hot(self.n_states * self.horizon, &[step * self.n_states + state])
    }

    fn log(
        &self,
        n_features: usize,
        ends: bool,
        observe: impl Fn(usize, usize) -> Vec<f32>,
    ) -> LoggedDecisions {
        let index = |name| column(&self.log, name).into_iter().map(|x| x as usize);
        let (states, steps): (Vec<_>, Vec<_>) = (index("state").collect(), index("t").collect());
        let last: Vec<bool> = steps.iter().map(|step| step + 1 == self.horizon).collect();
        let none = vec![false; last.len()];
        let (terminated, truncated) = if ends { (last, none) } else { (none, last) };
        let trajectories: Vec<u32> = index("trajectory").map(|i| i as u32).collect();
        LoggedDecisions::new(LoggedTable {
            n_features,
            n_actions: self.n_actions,
            observations: steps.iter().zip(&states).flat_map(|(&t, &s)| observe(t, s)).collect(),
            actions: index("action").collect(),
            propensities: column(&self.log, "propensity"),
            rewards: column(&self.log, "reward"),
            clusters: trajectories.clone(),
            masks: None,
            sequence: Some(SequenceColumns {
                trajectories,
                steps: steps.iter().map(|&step| step as u32).collect(),
                terminated,
                truncated,
                next_observations: None,
                next_masks: None,
            }),
        })
        .expect("the fixture is a valid log")
    }
}

fn one_hot(n: usize, places: &[usize]) -> Vec<f32> {
    let mut features = vec![0.0; n];
    places.iter().for_each(|&place| features[place] = 1.0);
    features
}
