//! From scores to a drawn action and its exact propensity, without allocation.

use promopt_envs::{ActionId, ActionMask};
use promopt_policies::Decision;
use rand::{Rng, RngCore};

/// `best` with probability `1 − ε + ε / n_allowed`, every other allowed action with `ε / n_allowed`.
pub(super) fn mostly(
    best: ActionId,
    epsilon: f64,
    mask: &ActionMask,
    rng: &mut dyn RngCore,
) -> Decision {
    draw(|action| if action == best { 1.0 } else { 0.0 }, epsilon, mask, rng)
}

/// Draws from `probability`, which sums to 1 over the allowed actions, with `epsilon` of the uniform
/// distribution over them mixed in.
pub(super) fn draw(
    probability: impl Fn(ActionId) -> f64,
    epsilon: f64,
    mask: &ActionMask,
    rng: &mut dyn RngCore,
) -> Decision {
    let share = epsilon / mask.n_allowed() as f64;
    let u: f64 = rng.random();
    let mut cumulative = 0.0;
    let mut decision = Decision { action: 0, propensity: 0.0 };
    for action in mask.allowed() {
        let propensity = (1.0 - epsilon) * probability(action) + share;
        if propensity > 0.0 {
            cumulative += propensity;
            decision = Decision { action, propensity };
            if u < cumulative {
                break;
            }
        }
    }
    decision
}

/// Inverse gap weighting (Abe and Long 1999; Foster and Rakhlin 2020): with the best score `ŷ_b` of
/// `n` allowed actions, `p(a) = 1 / (n + γ (ŷ_b − ŷ_a))` for `a ≠ b`, and `b` gets the rest. With
/// `γ = 0` it is uniform, and it becomes greedy as `γ` grows. Writes zero where the mask forbids.
pub(super) fn inverse_gap(scores: &[f64], gamma: f64, mask: &ActionMask, out: &mut [f64]) {
    let (best, n) = (mask.argmax(scores), mask.n_allowed() as f64);
    out.fill(0.0);
    let mut rest = 1.0;
    for action in mask.allowed().filter(|&action| action != best) {
        out[action] = 1.0 / (n + gamma * (scores[best] - scores[action]).max(0.0));
        rest -= out[action];
    }
    out[best] = rest;
}

#[cfg(test)]
mod tests {
    use super::*;
    use promopt_envs::SeedTree;

    #[test]
    fn inverse_gaps_are_the_hand_worked_ones() {
        // n = 3, γ = 4, gaps 1 and 2 to the best: 1/7, 1/11 and what is left; action 1 is masked.
        let mask = ActionMask::from_flags(vec![true, false, true, true]).expect("some are allowed");
        let mut p = [9.0; 4];
        inverse_gap(&[1.0, 50.0, 2.0, 0.0], 4.0, &mask, &mut p);
        assert_eq!(p, [1.0 / 7.0, 0.0, 1.0 - 1.0 / 7.0 - 1.0 / 11.0, 1.0 / 11.0]);
        inverse_gap(&[1.0, 50.0, 2.0, 0.0], 0.0, &mask, &mut p);
        assert!(p.iter().zip([1.0, 0.0, 1.0, 1.0]).all(|(p, n)| (p - n / 3.0).abs() < 1e-12));
    }

    #[test]
    fn draws_come_as_often_as_their_propensity_says_and_never_where_masked() {
        let mask = ActionMask::from_flags(vec![true, false, true]).expect("some are allowed");
        let mut rng = SeedTree::new(4).stream();
        let (mut counts, n) = ([0_u32; 3], 20_000);
        for _ in 0..n {
            let decision = mostly(2, 0.3, &mask, &mut rng);
            let expected = [0.15, 0.0, 0.85][decision.action];
            assert!((decision.propensity - expected).abs() < 1e-12);
            counts[decision.action] += 1;
        }
        assert_eq!(counts[1], 0);
        // 4 standard errors of the share: 4 · √(0.15 · 0.85 / 20000) = 0.0101.
        assert!((f64::from(counts[0]) / f64::from(n) - 0.15).abs() < 0.0101);
    }
}
