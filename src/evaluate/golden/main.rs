//! Every figure of the golden fixtures, recomputed through the public API.
//!
//! The fixtures lie under `PROMOPT_GOLDEN`, else beside the workspace; without them the tests say
//! that they skip. Cases are found by what lies there and told apart by their `kind`; one that nobody
//! knows fails by name.
#![allow(clippy::print_stderr, reason = "a comparison shows its figures")]

mod arms;
mod checks;
mod contextual;
mod effects;
mod fixtures;
mod looks;
mod models;
mod sequential;

use fixtures::{Answer, Case, Tally};

/// Who answers the cases of an off-policy folder.
fn off_policy(case: &Case) -> Option<Answer> {
    contextual::answer(case).or_else(|| sequential::answer(case))
}

/// Who answers the cases of an experiment.
fn experiment(case: &Case) -> Option<Answer> {
    effects::answer(case)
        .or_else(|| checks::answer(case))
        .or_else(|| looks::answer(case))
        .or_else(|| models::answer(case))
        .or_else(|| contextual::answer(case))
}

#[test]
fn off_policy_figures_are_the_golden_ones() {
    let mut tally = Tally::default();
    fixtures::off_policy_cases().iter().for_each(|case| tally.judge(case, off_policy(case)));
    tally.finish();
}

#[test]
fn experiment_figures_are_the_golden_ones() {
    let mut tally = Tally::default();
    fixtures::experiment_cases().iter().for_each(|case| tally.judge(case, experiment(case)));
    tally.finish();
}
