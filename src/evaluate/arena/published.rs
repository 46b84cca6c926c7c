//! What others found in this world, figure by figure with its source.

use super::arms::{NONE, RANDOM};
use serde::Serialize;

/// Where a figure comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Xia et al. 2024, arXiv 2405.10469: the table in `examples/paper_result_analysis.ipynb` of
    /// RetailMarketingAI/retailsynth-agentsim.
    Table,
    /// A plot of the same notebook, read off to within 1 %, revenue divided by the random policy's
    /// (5,080 without a coupon over the table's 1.118).
    Plot,
    /// An earlier re-write of the weekly dynamics in numpy with independent random streams: 10
    /// worlds of 100 customers, 70 weeks, the last 20 scored.
    Replication,
}

/// One published figure: revenue over the random policy's.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Published {
    /// The arm, named as in [`super::arms::standard`], or a trained agent.
    pub arm: &'static str,
    /// Revenue over the random policy's.
    pub revenue_ratio: f64,
    /// Its standard error, where one was given.
    pub standard_error: Option<f64>,
    /// Share of customers with a purchase in the last three weeks, where it was given.
    pub retention: Option<f64>,
    /// Where it comes from.
    pub source: Source,
}

/// Revenue and retention of the fixed arms, from no coupon to 50 %, as read off the plot.
const FIXED: [(&str, f64, f64); 11] = [
    (NONE, 5_080.0, 0.806),
    ("5 %", 4_905.0, 0.817),
    ("10 %", 4_740.0, 0.831),
    ("15 %", 4_575.0, 0.847),
    ("20 %", 4_425.0, 0.865),
    ("25 %", 4_295.0, 0.884),
    ("30 %", 4_195.0, 0.902),
    ("35 %", 4_140.0, 0.918),
    ("40 %", 4_140.0, 0.933),
    ("45 %", 4_210.0, 0.945),
    ("50 %", 4_350.0, 0.955),
];
/// No coupon over random, exact, with its standard error.
const NONE_OVER_RANDOM: (f64, f64) = (1.118, 0.059);

/// The trained agents of the table: name, ratio, standard error.
pub const AGENTS: [(&str, f64, f64); 5] = [
    ("LinTS", 1.259, 0.062),
    ("LinUCB", 1.259, 0.062),
    ("PPO", 1.255, 0.062),
    ("NeuralBoltzmann", 1.068, 0.056),
    ("DQN", 0.956, 0.045),
];

/// The replication: name, ratio, standard error, retention.
const REPLICATED: [(&str, f64, f64, Option<f64>); 6] = [
    (RANDOM, 1.0, 0.0, Some(0.831)),
    (NONE, 1.154, 0.041, Some(0.734)),
    ("10 %", 1.057, 0.025, Some(0.780)),
    ("25 %", 0.986, 0.016, Some(0.849)),
    ("segment 50 %", 1.262, 0.041, Some(0.882)),
    ("segment 20 %", 1.105, 0.026, Some(0.812)),
];

/// The figures of the paper for a fixed arm.
#[must_use]
pub fn paper(arm: &str) -> Option<Published> {
    let &(name, revenue, retention) = FIXED.iter().find(|(name, ..)| *name == arm)?;
    let none = FIXED[0].1;
    let exact = name == NONE;
    Some(Published {
        arm: name,
        revenue_ratio: NONE_OVER_RANDOM.0 * revenue / none,
        standard_error: exact.then_some(NONE_OVER_RANDOM.1),
        retention: Some(retention),
        source: if exact { Source::Table } else { Source::Plot },
    })
}

/// The figures of the replication for an arm.
#[must_use]
pub fn replication(arm: &str) -> Option<Published> {
    let &(name, ratio, error, retention) = REPLICATED.iter().find(|row| row.0 == arm)?;
    Some(Published {
        arm: name,
        revenue_ratio: ratio,
        standard_error: Some(error),
        retention,
        source: Source::Replication,
    })
}

/// The figures of the paper for an arm that learned: `LinUCB`, `LinTS`, or `DQN` with its γ.
#[must_use]
pub fn agent(arm: &str) -> Option<Published> {
    let is_dqn = arm.strip_prefix("DQN γ ").is_some_and(|gamma| gamma.parse::<f64>().is_ok());
    let name = if is_dqn { "DQN" } else { arm };
    agents().into_iter().find(|published| published.arm == name)
}

/// The trained agents of the paper.
#[must_use]
pub fn agents() -> Vec<Published> {
    let row = |&(arm, revenue_ratio, error): &(&'static str, f64, f64)| Published {
        arm,
        revenue_ratio,
        standard_error: Some(error),
        retention: None,
        source: Source::Table,
    };
    AGENTS.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arena::arms::standard;
    use promopt_envs::arena::ArenaConfig;

    #[test]
    fn every_published_arm_is_one_that_is_played() {
        let arms = standard(&ArenaConfig::default());
        let is_played = |name: &str| arms.iter().any(|arm| arm.name == name);
        assert!(FIXED.iter().all(|row| is_played(row.0)));
        assert!(REPLICATED.iter().all(|row| is_played(row.0)));
    }

    #[test]
    fn learners_are_found_by_their_published_names() {
        let dqn = agent("DQN γ 0.5").expect("published");
        assert_eq!((dqn.arm, dqn.revenue_ratio), ("DQN", 0.956));
        assert_eq!(agent("LinUCB").map(|row| row.arm), Some("LinUCB"));
        assert!(agent("LinUCB, own response").is_none());
        assert!(agent("DQN γ 0.5 for margin at 30 %").is_none());
    }

    #[test]
    fn the_curve_is_anchored_at_the_exact_figure() {
        let none = paper(NONE).expect("published");
        assert!((none.revenue_ratio - 1.118).abs() < 1e-12);
        let half = paper("50 %").expect("published");
        assert!((half.revenue_ratio - 0.957_3).abs() < 1e-3 && half.standard_error.is_none());
        assert!(paper(RANDOM).is_none());
    }
}
