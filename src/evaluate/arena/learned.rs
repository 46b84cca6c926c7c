//! What the learners reached: against published figures, the best fixed rule and the upper bound.

use super::arms::{NONE, RANDOM};
use super::learners::{DISCOUNT, OTHER_DISCOUNTS, margin_name};
use super::oracle::{N_GOALS, names};
use super::verdicts::Verdict;
use super::{ArenaComparison, ArenaRow, MARGIN_RATES, Totals, over_worlds};
use crate::{EvaluateError, Interval};
use serde::{Deserialize, Serialize};

/// Revenue over random that each kind of agent has to reach; published were 1.259, 1.259 and 0.956.
const TARGETS: [(&str, f64); 3] = [("LinUCB", 1.24), ("LinTS", 1.24), ("DQN", 1.26)];

/// How much of the upper bound an arm gets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BoundShare {
    /// Name of the arm.
    pub arm: String,
    /// Gross margin rate, `None` for revenue.
    pub margin_rate: Option<f64>,
    /// The arm's total over all worlds over the bound's; the interval is over worlds. The bound is an
    /// expectation over the dice, so by luck of the dice a share can exceed 1.
    pub share: Interval,
    /// The same of the oracle's, who met the same dice.
    pub of_oracle: Interval,
}

/// The share of the upper bound ([`super::oracle::bounds`]) that every arm gets of revenue, and at
/// each margin rate no coupon, the learners for that margin and its oracle.
///
/// # Errors
/// [`EvaluateError::InvalidSetting`] when an interval cannot be computed.
pub fn bound_shares(
    comparison: &ArenaComparison,
    bounds: &[[f64; N_GOALS]],
) -> Result<Vec<BoundShare>, EvaluateError> {
    let mut shares = Vec::new();
    for (goal, oracle) in names().iter().enumerate() {
        let margin_rate = goal.checked_sub(1).map(|rate| MARGIN_RATES[rate]);
        let worth =
            |totals: &Totals| margin_rate.map_or(totals.revenue, |rate| totals.margin(rate));
        let Some(oracle) = comparison.rows.iter().position(|row| row.arm == *oracle) else {
            continue;
        };
        let of = |arm: usize| comparison.totals.iter().map(move |world| worth(&world[arm]));
        for (index, row) in comparison.rows.iter().enumerate() {
            let ours = match margin_rate {
                None => !row.arm.contains("for margin"),
                Some(rate) => row.arm == NONE || row.arm.contains(&margin_name("", rate, false)),
            };
            if ours {
                let share = ratio(of(index).zip(bounds.iter().map(|bound| bound[goal])))?;
                let of_oracle = ratio(of(index).zip(of(oracle)))?;
                shares.push(BoundShare { arm: row.arm.clone(), margin_rate, share, of_oracle });
            }
        }
    }
    Ok(shares)
}

/// Mean over mean, with the delta method's error over worlds.
fn ratio(worlds: impl Iterator<Item = (f64, f64)> + Clone) -> Result<Interval, EvaluateError> {
    let (mut n, mut ours, mut most) = (0.0, 0.0, 0.0);
    for (x, y) in worlds.clone() {
        (n, ours, most) = (n + 1.0, ours + x, most + y);
    }
    let ratio = ours / most;
    let linear = worlds.map(|(x, y)| ratio + (x - ratio * y) * n / most);
    over_worlds(&linear.collect::<Vec<_>>())
}

/// One verdict per target.
///
/// # Errors
/// [`EvaluateError::InvalidSetting`] when an interval cannot be computed.
pub fn learned_verdicts(comparison: &ArenaComparison) -> Result<Vec<Verdict>, EvaluateError> {
    let find = |name: &str| comparison.rows.iter().position(|row| row.arm == name);
    let mut verdicts = Vec::new();
    for (agent, target) in TARGETS {
        let name = reported(agent);
        if let Some(row) = find(&name).map(|arm| &comparison.rows[arm]) {
            verdicts.push(reaches(row, target));
        }
    }
    for rate in MARGIN_RATES {
        let Some(rule) = best_rule(comparison, rate) else { continue };
        for (agent, _) in TARGETS {
            let arm = find(&margin_name(&reported(agent), rate, true));
            verdicts.extend(arm.map(|arm| not_worse(comparison, arm, rule, rate)).transpose()?);
        }
    }
    verdicts.extend(looking_ahead(comparison)?);
    Ok(verdicts)
}

/// Name of the reported arm of a kind of agent.
fn reported(agent: &str) -> String {
    if agent == "DQN" { format!("DQN γ {DISCOUNT}") } else { agent.to_owned() }
}

fn reaches(row: &ArenaRow, target: f64) -> Verdict {
    let ratio = row.revenue_ratio;
    Verdict {
        claim: format!("{} × random on revenue", row.arm),
        found: format!("{:.3}, {:.3} to {:.3}", ratio.estimate, ratio.lower, ratio.upper),
        expected: format!("{target} at least, interval included"),
        agrees: ratio.lower >= target,
    }
}

/// The rule that keeps most at a margin rate among random, fixed coupons and segment rules.
fn best_rule(comparison: &ArenaComparison, rate: f64) -> Option<usize> {
    let is_rule = |row: &ArenaRow| row.fixed_coupon.is_some() || row.arm.starts_with("segment");
    let total = |arm: usize| comparison.totals.iter().map(|w| w[arm].margin(rate)).sum::<f64>();
    let rules = (0..comparison.rows.len()).filter(|&arm| is_rule(&comparison.rows[arm]));
    rules.max_by(|&a, &b| total(a).total_cmp(&total(b)))
}

/// At least the best rule, known only afterwards: the mean difference is not below 0 beyond chance.
fn not_worse(
    comparison: &ArenaComparison,
    arm: usize,
    rule: usize,
    rate: f64,
) -> Result<Verdict, EvaluateError> {
    let gain = |world: &Vec<Totals>| world[arm].margin(rate) - world[rule].margin(rate);
    let gain = over_worlds(&comparison.totals.iter().map(gain).collect::<Vec<_>>())?;
    Ok(Verdict {
        claim: format!("{} over `{}`", comparison.rows[arm].arm, comparison.rows[rule].arm),
        found: format!("{:+.4} ± {:.4} a week", gain.estimate, gain.standard_error),
        expected: "0 or more, to within the interval".to_owned(),
        agrees: gain.upper >= 0.0,
    })
}

/// Whether a positive γ earns more than none: published agents had none in effect.
fn looking_ahead(comparison: &ArenaComparison) -> Result<Option<Verdict>, EvaluateError> {
    let find = |gamma: f64| {
        let name = format!("DQN γ {gamma}");
        comparison.rows.iter().position(|row| row.arm == name)
    };
    let (Some(ahead), Some(blind)) = (find(DISCOUNT), find(OTHER_DISCOUNTS[0])) else {
        return Ok(None);
    };
    let random = comparison.rows.iter().position(|row| row.arm == RANDOM);
    let Some(random) = random else { return Ok(None) };
    let gain =
        |world: &Vec<Totals>| (world[ahead].revenue - world[blind].revenue) / world[random].revenue;
    let gain = over_worlds(&comparison.totals.iter().map(gain).collect::<Vec<_>>())?;
    Ok(Some(Verdict {
        claim: format!("γ {DISCOUNT} over γ 0, × random"),
        found: format!("{:+.3} ± {:.3}", gain.estimate, gain.standard_error),
        expected: "above 0".to_owned(),
        agrees: gain.lower > 0.0,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_of_means_has_the_hand_worked_error() {
        // (1 + 3) / (2 + 2) = 1; linear values 1 + (1 − 2) / 2 = 0.5 and 1.5: se √(0.5 / 2) = 0.5.
        let share = ratio([(1.0, 2.0), (3.0, 2.0)].into_iter()).expect("two worlds");
        assert!((share.estimate - 1.0).abs() < 1e-12);
        assert!((share.standard_error - 0.5).abs() < 1e-12);
    }
}
