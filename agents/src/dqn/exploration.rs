//! Actions at random now and then: how often, and which ones.

use promopt_envs::{ActionId, ActionMask};
use rand::{Rng, RngCore};

/// ε-greedy decisions with exact propensities: with probability `ε` the action is drawn from the
/// allowed ones in proportion to their weights, else it is the greedy one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Exploration<'a> {
    pub(super) epsilon: f64,
    /// Shape `[n_actions]`, above 0; empty for equal weights.
    pub(super) weights: &'a [f64],
}

impl Exploration<'_> {
    pub(super) fn draw(
        self,
        greedy: ActionId,
        mask: &ActionMask,
        rng: &mut dyn RngCore,
    ) -> ActionId {
        if rng.random::<f64>() >= self.epsilon {
            return greedy;
        }
        if self.weights.is_empty() {
            return mask.sample(rng);
        }
        let mut rest = rng.random::<f64>() * self.total(mask);
        let passes = |&action: &ActionId| {
            rest -= self.weights[action];
            rest < 0.0
        };
        // Rounding may leave a rest behind the last action, which is then the one.
        let drawn = mask.allowed().find(passes);
        drawn.or_else(|| mask.allowed().last()).unwrap_or(greedy)
    }

    /// Probability of taking an allowed action that is the greedy one with probability `greedy`.
    pub(super) fn propensity(self, action: ActionId, greedy: f64, mask: &ActionMask) -> f64 {
        let random = match self.weights.get(action) {
            Some(weight) => self.epsilon * weight / self.total(mask),
            None => self.epsilon / mask.n_allowed() as f64,
        };
        random + (1.0 - self.epsilon) * greedy
    }

    /// Weight of all allowed actions.
    fn total(self, mask: &ActionMask) -> f64 {
        mask.allowed().map(|action| self.weights[action]).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use promopt_envs::SeedTree;

    fn without(action: ActionId) -> ActionMask {
        let mut mask = ActionMask::all(4);
        mask.fill_with(|other| other != action);
        mask
    }

    #[test]
    fn weights_of_masked_actions_go_to_the_others() {
        let exploration = Exploration { epsilon: 0.5, weights: &[6.0, 1.0, 2.0, 8.0] };
        let propensity = |action| {
            let greedy = f64::from(u8::from(action == 2));
            exploration.propensity(action, greedy, &without(3))
        };
        assert_eq!([0, 1, 2].map(propensity), [6.0 / 18.0, 1.0 / 18.0, 0.5 + 2.0 / 18.0]);
    }

    #[test]
    fn actions_are_drawn_as_often_as_their_propensities_say() {
        let cases: [(f64, &[f64]); 4] = [
            (0.0, &[6.0, 1.0, 2.0, 8.0]),
            (0.4, &[]),
            (0.4, &[6.0, 1.0, 2.0, 8.0]),
            (1.0, &[1e-3, 1.0, 2.0, 1e3]),
        ];
        let n = 20_000;
        for (epsilon, weights) in cases {
            let exploration = Exploration { epsilon, weights };
            let (mask, mut rng) = (without(1), SeedTree::new(3).stream());
            let mut counts = [0_u32; 4];
            (0..n).for_each(|_| counts[exploration.draw(2, &mask, &mut rng)] += 1);
            assert_eq!(counts[1], 0, "a masked action");
            let mut total = 0.0;
            for action in [0, 2, 3] {
                let greedy = f64::from(u8::from(action == 2));
                let chance = exploration.propensity(action, greedy, &mask);
                let expected = f64::from(n) * chance;
                // Four standard errors of a binomial count.
                let slack = 4.0 * (expected * (1.0 - chance)).max(0.0).sqrt() + 1e-6;
                let miss = (f64::from(counts[action]) - expected).abs();
                assert!(miss <= slack, "{epsilon} {weights:?} {action}: {counts:?}, {expected}");
                total += chance;
            }
            assert!((total - 1.0).abs() < 1e-12, "{total}");
        }
    }
}
