//! A finite-horizon world in tables, solved exactly by backward induction.

use crate::fixtures::{Case, Table};

/// Tables of one fixture.
pub(super) struct World {
    pub(super) n_states: usize,
    pub(super) n_actions: usize,
    pub(super) horizon: usize,
    pub(super) discount: f64,
    evaluated: Vec<f64>,
    behaviour: Vec<f64>,
    /// `P(s'|s, a)`, shape `[n_states, n_actions, n_states]`.
    transitions: Vec<f64>,
    /// Reward and probability by state and action.
    rewards: Vec<Vec<(f64, f64)>>,
    initial: Vec<f64>,
}

impl World {
    pub(super) fn read(case: &Case) -> Self {
        let number = |name: &str| case.expected[name].as_f64().expect("a number");
        let (n_states, n_actions) = (number("n_states") as usize, number("n_actions") as usize);
        let index = |table: &Table, name: &str| -> Vec<usize> {
            table.numbers(name).into_iter().map(|x| x as usize).collect()
        };
        let policies = Table::read(case, "policies.csv");
        let cells: Vec<usize> = index(&policies, "state")
            .into_iter()
            .zip(index(&policies, "action"))
            .map(|(s, a)| s * n_actions + a)
            .collect();
        let policy = |name: &str| {
            let mut values = vec![0.0; n_states * n_actions];
            let probabilities = policies.numbers(name);
            cells.iter().zip(probabilities).for_each(|(cell, p)| values[*cell] = p);
            values
        };
        let (evaluated, behaviour) = (policy("eval_prob"), policy("behaviour_prob"));
        let table = Table::read(case, "transitions.csv");
        let mut transitions = vec![0.0; n_states * n_actions * n_states];
        let (s, a, next) =
            (index(&table, "state"), index(&table, "action"), index(&table, "next_state"));
        for (row, p) in table.numbers("prob").into_iter().enumerate() {
            transitions[(s[row] * n_actions + a[row]) * n_states + next[row]] = p;
        }
        let table = Table::read(case, "rewards.csv");
        let mut rewards = vec![Vec::new(); n_states * n_actions];
        let (s, a, r) = (index(&table, "state"), index(&table, "action"), table.numbers("reward"));
        for (row, p) in table.numbers("prob").into_iter().enumerate() {
            rewards[s[row] * n_actions + a[row]].push((r[row], p));
        }
        let table = Table::read(case, "initial.csv");
        let mut initial = vec![0.0; n_states];
        index(&table, "state")
            .into_iter()
            .zip(table.numbers("prob"))
            .for_each(|(s, p)| initial[s] = p);
        let (horizon, discount) = (number("horizon") as usize, number("gamma"));
        Self {
            n_states,
            n_actions,
            horizon,
            discount,
            evaluated,
            behaviour,
            transitions,
            rewards,
            initial,
        }
    }

    /// Probabilities of a policy in a state.
    pub(super) fn policy(&self, name: &str, state: usize) -> &[f64] {
        let all = if name == "eval" { &self.evaluated } else { &self.behaviour };
        &all[state * self.n_actions..][..self.n_actions]
    }

    /// Expected discounted sum of rewards: `Q_t = r + γ P V_{t+1}`, `V_T = 0`.
    pub(super) fn value(&self, policy: &str) -> f64 {
        let mut values = vec![0.0; self.n_states];
        for _ in 0..self.horizon {
            let of = |state: usize| -> f64 {
                let q = |action: usize| {
                    let cell = state * self.n_actions + action;
                    let reward: f64 = self.rewards[cell].iter().map(|(r, p)| r * p).sum();
                    let next = &self.transitions[cell * self.n_states..][..self.n_states];
                    let later: f64 = next.iter().zip(&values).map(|(p, v)| p * v).sum();
                    reward + self.discount * later
                };
                self.policy(policy, state).iter().enumerate().map(|(a, p)| p * q(a)).sum()
            };
            values = (0..self.n_states).map(of).collect();
        }
        self.initial.iter().zip(&values).map(|(p, v)| p * v).sum()
    }

    /// Probability of every undiscounted sum of rewards from 0 on; rewards are whole numbers.
    pub(super) fn return_probabilities(&self, policy: &str, n: usize) -> Vec<f64> {
        let mut reached = vec![0.0; self.n_states * n];
        self.initial.iter().enumerate().for_each(|(state, p)| reached[state * n] = *p);
        for _ in 0..self.horizon {
            let mut after = vec![0.0; self.n_states * n];
            for (at, mass) in reached.iter().enumerate().filter(|(_, mass)| **mass > 0.0) {
                let (state, sum) = (at / n, at % n);
                for (action, p) in self.policy(policy, state).iter().enumerate() {
                    let cell = state * self.n_actions + action;
                    for (reward, chance) in &self.rewards[cell] {
                        let sum = sum + *reward as usize;
                        let next = &self.transitions[cell * self.n_states..][..self.n_states];
                        for (next, q) in next.iter().enumerate().filter(|_| sum < n) {
                            after[next * n + sum] += mass * p * chance * q;
                        }
                    }
                }
            }
            reached = after;
        }
        (0..n).map(|sum| (0..self.n_states).map(|s| reached[s * n + sum]).sum()).collect()
    }
}
