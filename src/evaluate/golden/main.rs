//! Every figure of the golden fixtures, recomputed through the public API.
//!
//! The fixtures lie under `PROMOPT_GOLDEN`, else beside the workspace; without them the tests say
//! that they skip. Cases are found by what lies there and told apart by their `kind`; one that nobody
//! knows fails by name.
#![allow(clippy::print_stderr, reason = "a comparison shows its figures")]

mod contextual;
mod fixtures;
mod models;
mod sequential;

use fixtures::{Answer, Case, Tally};

/// Who answers the cases of an off-policy folder.
fn off_policy(case: &Case) -> Option<Answer> {
    contextual::answer(case).or_else(|| sequential::answer(case))
}

/// Who answers the cases of an experiment.
fn experiment(case: &Case) -> Option<Answer> {
    models::answer(case).or_else(|| contextual::answer(case))
}

#[test]
fn off_policy_figures_are_the_golden_ones() {
    let mut tally = Tally::default();
    fixtures::off_policy_cases().iter().for_each(|case| tally.judge(case, off_policy(case)));
    tally.finish();
}

/// Kinds of experiment cases whose methods are still to be built; any other unknown kind fails.
const TO_BE_BUILT: [&str; 62] = [
    "bayesian_beta",
    "bayesian_beta_mc",
    "bayesian_normal",
    "bootstrap",
    "bootstrap_quantile",
    "cluster_delta",
    "cluster_means",
    "cluster_robust",
    "cuped",
    "cuped_relative",
    "cuped_z",
    "degenerate",
    "group_sequential_classic",
    "group_sequential_spending",
    "hillstrom_bayes",
    "hillstrom_cuped",
    "hillstrom_poststrat",
    "hillstrom_proportion",
    "hillstrom_qini",
    "hillstrom_ratio",
    "hillstrom_relative",
    "hillstrom_segments",
    "hillstrom_sequential",
    "hillstrom_welch",
    "icc",
    "ks_2samp",
    "mann_whitney",
    "many_arms_adjusted",
    "multiple_testing",
    "non_inferiority",
    "novelty",
    "permutation",
    "post_stratification",
    "post_stratification_cuped",
    "power_mean",
    "power_mid_experiment",
    "power_proportion",
    "power_spotify",
    "proportion_ci",
    "proportion_ratio_ci",
    "proportion_ztest",
    "qini_causalml",
    "qini_normalised",
    "quantile_effect",
    "ratio_cuped",
    "ratio_delta",
    "relative_lift_baseline_fixed",
    "relative_lift_delta",
    "relative_lift_log_delta",
    "roi",
    "scaled_impact",
    "segment_effects",
    "sequential_asymptotic_cs",
    "sequential_msprt",
    "sequential_one_sided",
    "srm",
    "srm_by_segment",
    "srm_exact",
    "welch_abs",
    "welch_one_sided",
    "winsorised_welch",
    "ztest_mean",
];

#[test]
fn experiment_figures_are_the_golden_ones() {
    let mut tally = Tally::default();
    let all = fixtures::experiment_cases();
    let (later, now): (Vec<_>, Vec<_>) =
        all.iter().partition(|case| TO_BE_BUILT.contains(&&*case.kind));
    now.iter().for_each(|case| tally.judge(case, experiment(case)));
    eprintln!("{} cases of methods that are still to be built were not compared", later.len());
    tally.finish();
}
