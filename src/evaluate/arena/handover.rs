//! May a learned policy replace the best fixed coupon? Asked of customers it did not learn from.

use super::learners::Student;
use super::log::{ArenaLog, Observed};
use crate::EvaluateError;
use crate::interval::mean;
use promopt_envs::arena::ArenaReward;
use promopt_envs::{ActionId, SeedTree};
use promopt_policies::LinearScores;
use std::ops::Range;

/// One-sided 95 % of the standard normal distribution.
const CONFIDENCE: f64 = 1.645;

/// The fixed coupon with the highest mean reward among the customers of a log.
pub(super) fn best_fixed(log: &ArenaLog, customers: Range<usize>, reward: ArenaReward) -> ActionId {
    let mut sums = vec![(0.0, 0.0); log.n_actions()];
    for week in customers.flat_map(|customer| log.weeks(customer, Observed::Published, reward)) {
        sums[week.action].0 += week.reward;
        sums[week.action].1 += 1.0;
    }
    let means = sums.iter().map(|(sum, n)| if *n > 0.0 { sum / n } else { f64::NEG_INFINITY });
    let best = means.enumerate().reduce(|best, next| if next.1 > best.1 { next } else { best });
    best.map_or(0, |(action, _)| action)
}

/// Whether the log proves that `student` earns more than always `fixed`: the one-sided 95 % limit of
/// the doubly robust estimate (Dudík, Langford and Li 2011) of the difference per week lies above 0,
///
/// ```text
/// q(x, π) − q(x, f) + K (1[a = π] (r − q(x, π)) − 1[a = f] (r − q(x, f)))
/// ```
///
/// with K coupons of propensity 1/K, `model` for q, and errors over customers, who are independent.
/// This is high-confidence policy improvement (Thomas, Theocharous and Ghavamzadeh 2015) with a
/// normal limit. The judged customers must be none that `student` or `model` learned from.
///
/// # Errors
/// Those of the student's decisions.
pub(super) fn proven_better(
    student: &Student,
    model: &LinearScores,
    fixed: ActionId,
    (log, customers): (&ArenaLog, Range<usize>),
    tree: SeedTree,
) -> Result<bool, EvaluateError> {
    let n_actions = log.n_actions() as f64;
    let mut gains = Vec::new();
    for customer in customers {
        let mut rng = tree.index(customer as u64).stream();
        let mut weeks = Vec::new();
        for week in log.weeks(customer, student.observed, student.reward) {
            let chosen = student.choose(week.observation, &mut rng)?;
            let q = model.scores(week.observation);
            let surprise = |action: ActionId| {
                if week.action == action { n_actions * (week.reward - q[action]) } else { 0.0 }
            };
            weeks.push(q[chosen] - q[fixed] + surprise(chosen) - surprise(fixed));
        }
        gains.push(mean(&weeks));
    }
    let (n, centre) = (gains.len() as f64, mean(&gains));
    let variance = gains.iter().map(|gain| (gain - centre).powi(2)).sum::<f64>() / (n - 1.0);
    Ok(centre - CONFIDENCE * (variance / n).sqrt() > 0.0)
}
