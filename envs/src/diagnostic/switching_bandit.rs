//! Switching bandit: Bernoulli arms whose probabilities change all at once, without notice.

use crate::env::{Env, EnvSpec, Step};
use crate::episode::Episode;
use crate::error::EnvError;
use crate::seed::{SeedTree, Stream};
use crate::space::{ActionId, ActionMask, BoxSpace};
use rand::Rng;

/// What was learned stops being true.
///
/// - **Action**: one of `k` arms.
/// - **Observation**: the constant 1, shape `[1]`.
/// - **Start**: the first phase.
/// - **Reward**: 1 with the arm's probability in the current phase, else 0.
/// - **End**: truncated after the last phase; never terminated.
/// - **Info**: `regret`, what the last action gave away in expectation.
///
/// All phases have one length. The optimal expected return is the sum of each phase's best arm.
#[derive(Debug, Clone)]
pub struct SwitchingBandit {
    spec: EnvSpec,
    episode: Episode,
    stream: Stream,
    observation: [f32; 1],
    mask: ActionMask,
    /// Shape `[n_phases][n_arms]`.
    phases: Vec<Vec<f64>>,
    phase_length: u32,
    elapsed: u32,
    regret: f64,
}

impl SwitchingBandit {
    /// A bandit with these probabilities by phase; `phase_length` is raised to at least 1.
    ///
    /// # Errors
    /// [`EnvError::InvalidParameter`] when there is no phase or arm, phases differ in their number
    /// of arms, or a probability is outside `[0, 1]`.
    pub fn new(phases: Vec<Vec<f64>>, phase_length: u32) -> Result<Self, EnvError> {
        let name = "phases";
        let n_arms = phases.first().map_or(0, Vec::len);
        if n_arms == 0 || phases.iter().any(|phase| phase.len() != n_arms) {
            let expected = "at least one phase, all of as many arms, at least one";
            return Err(EnvError::InvalidParameter { name, expected, got: n_arms as f64 });
        }
        if let Some(&got) = phases.iter().flatten().find(|p| !(0.0..=1.0).contains(*p)) {
            let expected = "probabilities in [0, 1]";
            return Err(EnvError::InvalidParameter { name, expected, got });
        }
        let phase_length = phase_length.max(1);
        let horizon = phase_length.saturating_mul(u32::try_from(phases.len()).unwrap_or(u32::MAX));
        Ok(Self {
            spec: EnvSpec {
                id: "SwitchingBandit-v0".into(),
                observation_space: BoxSpace::new(vec![1.0], vec![1.0]),
                n_actions: n_arms,
                horizon: Some(horizon),
            },
            episode: Episode::new(horizon),
            stream: SeedTree::new(0).stream(),
            observation: [1.0],
            mask: ActionMask::all(n_arms),
            phases,
            phase_length,
            elapsed: 0,
            regret: 0.0,
        })
    }

    /// The best possible expected undiscounted return of an episode.
    #[must_use]
    pub fn optimal_return(&self) -> f64 {
        let best = |phase: &Vec<f64>| phase.iter().copied().fold(0.0, f64::max);
        self.phases.iter().map(best).sum::<f64>() * f64::from(self.phase_length)
    }

    /// The arm with the largest probability now.
    #[must_use]
    pub fn optimal_action(&self) -> ActionId {
        self.mask.argmax(self.phase())
    }

    fn phase(&self) -> &[f64] {
        let phase = (self.elapsed / self.phase_length) as usize;
        &self.phases[phase.min(self.phases.len() - 1)]
    }
}

impl Env for SwitchingBandit {
    fn spec(&self) -> &EnvSpec {
        &self.spec
    }

    fn reset(&mut self, seed: Option<u64>) {
        if let Some(seed) = seed {
            self.stream = SeedTree::new(seed).stream();
        }
        self.episode.begin();
        (self.elapsed, self.regret) = (0, 0.0);
    }

    fn observation(&self) -> &[f32] {
        &self.observation
    }

    fn action_mask(&self) -> &ActionMask {
        &self.mask
    }

    fn step(&mut self, action: ActionId) -> Result<Step, EnvError> {
        self.episode.admit(action, &self.mask)?;
        let probability = self.phase()[action];
        self.regret = self.phase()[self.optimal_action()] - probability;
        self.elapsed += 1;
        let pays = self.stream.random::<f64>() < probability;
        Ok(self.episode.advance(f64::from(u8::from(pays)), false))
    }

    fn info(&self) -> Vec<(&'static str, f64)> {
        vec![("regret", self.regret)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::check_env;

    #[test]
    fn it_keeps_the_contract() -> Result<(), EnvError> {
        let env = SwitchingBandit::new(vec![vec![0.8, 0.1], vec![0.2, 0.6]], 15)?;
        assert_eq!(check_env(&mut || Box::new(env.clone()), 1), []);
        Ok(())
    }

    #[test]
    fn the_best_arm_changes_with_the_phase_and_earns_the_optimum() -> Result<(), EnvError> {
        // Two phases of 10,000 steps: the return has variance 10000 (.8 · .2 + .6 · .4) = 4,000, so
        // 4 standard errors are 253.
        let mut env = SwitchingBandit::new(vec![vec![0.8, 0.1], vec![0.2, 0.6]], 10_000)?;
        assert_eq!(env.optimal_return(), 14_000.0);
        env.reset(Some(4));
        let (mut total, mut second) = (0.0, 0);
        loop {
            let action = env.optimal_action();
            second += action;
            let step = env.step(action)?;
            total += step.reward;
            assert_eq!(env.info(), [("regret", 0.0)]);
            if step.is_last() {
                break;
            }
        }
        assert_eq!(second, 10_000);
        assert!((total - 14_000.0_f64).abs() < 253.0);
        Ok(())
    }

    #[test]
    fn phases_must_agree() {
        assert!(SwitchingBandit::new(vec![], 5).is_err());
        assert!(SwitchingBandit::new(vec![vec![0.5], vec![0.5, 0.5]], 5).is_err());
        assert!(SwitchingBandit::new(vec![vec![1.5]], 5).is_err());
    }
}
