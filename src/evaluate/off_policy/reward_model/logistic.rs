//! The reward as the probability of a 1: Newton's method on the penalised likelihood.

use super::{Design, cholesky};
use crate::error::EvaluateError;
use crate::logged::LoggedDecisions;

/// Steps after which the fit is given up; a penalised fit needs about ten.
const MOST_STEPS: usize = 50;
/// Halvings of a step that does not climb.
const MOST_HALVINGS: usize = 30;

/// `1 / (1 + e^(−x))`.
pub(super) fn probability(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// Every reward must be 0 or 1.
pub(super) fn check(log: &LoggedDecisions) -> Result<(), EvaluateError> {
    let wrong = log.rewards().iter().position(|r| *r != 0.0 && *r != 1.0);
    wrong.map_or(Ok(()), |row| {
        Err(EvaluateError::InvalidValue {
            row,
            column: "reward".into(),
            expected: "0 or 1 for a logistic reward model",
            found: log.rewards()[row],
            advice: "use the ridge model for rewards of other sizes",
        })
    })
}

/// Coefficients by column of the design; `None` when the equations cannot be solved.
pub(super) fn fit(design: &Design<'_>, rows: &[usize], penalty: f64) -> Option<Vec<f64>> {
    let width = design.width;
    let mut beta = vec![0.0; width];
    let mut now = likelihood(design, rows, penalty, &beta);
    for _ in 0..MOST_STEPS {
        let (gram, slope) = derivatives(design, rows, penalty, &beta);
        let step = cholesky::solve(gram, slope)?;
        let largest = step.iter().map(|x| x.abs()).fold(0.0, f64::max);
        let mut scale = 1.0;
        for _ in 0..MOST_HALVINGS {
            let moved: Vec<f64> = beta.iter().zip(&step).map(|(b, s)| b + scale * s).collect();
            let there = likelihood(design, rows, penalty, &moved);
            if there >= now {
                (beta, now) = (moved, there);
                break;
            }
            scale /= 2.0;
        }
        if scale * largest < 1e-9 {
            break;
        }
    }
    Some(beta)
}

/// `Σ importance · ln P(r) − penalty/2 · Σ b²`, the intercept free.
fn likelihood(design: &Design<'_>, rows: &[usize], penalty: f64, beta: &[f64]) -> f64 {
    let mut entries = Vec::new();
    let mut sum = 0.0;
    for &row in rows {
        design.entries(row, &mut entries);
        let x: f64 = entries.iter().map(|(i, z)| beta[*i] * z).sum();
        let signed = if design.log.rewards()[row] == 1.0 { x } else { -x };
        // ln(1/(1 + e^−s)) without overflow.
        let own = signed.min(0.0) - (-signed.abs()).exp().ln_1p();
        sum += design.importance.map_or(1.0, |all| all[row]) * own;
    }
    sum - penalty / 2.0 * beta[1..].iter().map(|b| b * b).sum::<f64>()
}

/// Minus the second derivatives (lower triangle) and the slope.
fn derivatives(
    design: &Design<'_>,
    rows: &[usize],
    penalty: f64,
    beta: &[f64],
) -> (Vec<f64>, Vec<f64>) {
    let width = design.width;
    let (mut gram, mut slope) = (vec![0.0; width * width], vec![0.0; width]);
    let mut entries = Vec::new();
    for &row in rows {
        design.entries(row, &mut entries);
        let p = probability(entries.iter().map(|(i, z)| beta[*i] * z).sum());
        let importance = design.importance.map_or(1.0, |all| all[row]);
        let (off, spread) = (design.log.rewards()[row] - p, importance * p * (1.0 - p));
        for (at, &(i, z)) in entries.iter().enumerate() {
            slope[i] += importance * off * z;
            for &(j, other) in &entries[..=at] {
                gram[i * width + j] += spread * z * other;
            }
        }
    }
    for i in 0..width {
        // A floor keeps an intercept of certain rewards solvable.
        gram[i * width + i] += if i == 0 { 1e-9 } else { penalty };
        if i > 0 {
            slope[i] -= penalty * beta[i];
        }
    }
    (gram, slope)
}

#[cfg(test)]
mod tests {
    use super::super::{RewardForm, RewardModelSettings, RewardPredictions};
    use crate::logged::{LoggedDecisions, LoggedTable};
    use promopt_envs::SeedTree;
    use rand::Rng;

    /// 20,000 decisions with P(1) = 1/(1 + e^−(−1 + x + 0.8 a)). Each coefficient has a standard error
    /// of about 1/√(20,000 · 0.2 · var), at most 0.035; a probability moves by a quarter of the sum of
    /// three of them: 4 standard errors are 0.105·0.25·4/√3 ≈ 0.06.
    #[test]
    fn probabilities_are_recovered_and_stay_between_zero_and_one() {
        let mut rng = SeedTree::new(3).child("logistic").stream();
        let n = 20_000;
        let truth = |x: f64, a: usize| 1.0 / (1.0 + (1.0 - x - 0.8 * a as f64).exp());
        let (mut xs, mut actions, mut rewards) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..n {
            let x = 2.0 * rng.random::<f64>() - 1.0;
            let action = usize::from(rng.random::<bool>());
            xs.push(x as f32);
            actions.push(action);
            rewards.push(f64::from(u8::from(rng.random::<f64>() < truth(x, action))));
        }
        let log = LoggedDecisions::new(LoggedTable {
            n_features: 1,
            n_actions: 2,
            observations: xs.clone(),
            actions,
            propensities: vec![0.5; n],
            rewards,
            clusters: (0..n as u32).collect(),
            masks: None,
            sequence: None,
        })
        .expect("the table is valid");
        let settings = RewardModelSettings { form: RewardForm::Logistic, ..Default::default() };
        let found = RewardPredictions::cross_fit(&log, &settings).expect("it can be fitted");
        for (row, x) in xs.iter().enumerate() {
            for (action, p) in found.row(row).iter().enumerate() {
                assert!((p - truth(f64::from(*x), action)).abs() < 0.06, "{x} {action} {p}");
            }
        }
    }

    /// Rewards that a feature decides have no finite likeliest slope; the penalty keeps one.
    #[test]
    fn a_certain_reward_is_fitted() {
        let n = 200;
        let log = LoggedDecisions::new(LoggedTable {
            n_features: 1,
            n_actions: 2,
            observations: (0..n).map(|row| if row % 2 == 0 { 1.0 } else { -1.0 }).collect(),
            actions: (0..n).map(|row| row / 2 % 2).collect(),
            propensities: vec![0.5; n],
            rewards: (0..n).map(|row| f64::from(row % 2 == 0)).collect(),
            clusters: (0..n as u32).collect(),
            masks: None,
            sequence: None,
        })
        .expect("the table is valid");
        let settings = RewardModelSettings { form: RewardForm::Logistic, ..Default::default() };
        let found = RewardPredictions::cross_fit(&log, &settings).expect("it can be fitted");
        assert!(found.row(0)[0] > 0.9 && found.row(1)[0] < 0.1, "{:?}", found.row(0));
    }
}
