//! Timeout trap: a time limit that looks like an ending, for learners that merge the two flags.

use crate::env::{Env, EnvSpec, Step};
use crate::episode::Episode;
use crate::error::EnvError;
use crate::space::{ActionId, ActionMask, BoxSpace};

/// Reward of leaving.
const PAYOUT: f64 = 7.0;
/// Steps that are watched.
const HORIZON: u32 = 2;

/// A steady income that we watch for a short while only.
///
/// - **Action**: 0 stays, 1 leaves.
/// - **Observation**: the constant 1, shape `[1]`; time is not observed.
/// - **Start**: the only state.
/// - **Reward**: 1 for staying, 7 for leaving.
/// - **End**: terminated by leaving; truncated after 2 steps.
///
/// The objective is the discounted value of the untruncated story: staying for ever is worth
/// `1 / (1 − γ)`, which is 10 at `γ = 0.9`, so staying is optimal. A learner that takes the time
/// limit for an ending loses the future of a third of the stays under uniform play (of half of them
/// when it always stays), values staying at no more than `1 + 0.9 · 2/3 · 7 = 5.2`, and leaves.
#[derive(Debug, Clone)]
pub struct TimeoutTrap {
    spec: EnvSpec,
    episode: Episode,
    observation: [f32; 1],
    mask: ActionMask,
}

impl Default for TimeoutTrap {
    fn default() -> Self {
        Self::new()
    }
}

impl TimeoutTrap {
    /// The optimal action for any discount factor above `6 / 7`.
    pub const STAY: ActionId = 0;
    /// The action that a learner takes which is caught in the trap.
    pub const LEAVE: ActionId = 1;

    /// The trap.
    #[must_use]
    pub fn new() -> Self {
        Self {
            spec: EnvSpec {
                id: "TimeoutTrap-v0".into(),
                observation_space: BoxSpace::new(vec![1.0], vec![1.0]),
                n_actions: 2,
                horizon: Some(HORIZON),
            },
            episode: Episode::new(HORIZON),
            observation: [1.0],
            mask: ActionMask::all(2),
        }
    }

    /// The best possible discounted value, `max(7, 1 / (1 − γ))`.
    #[must_use]
    pub fn optimal_value(&self, discount_factor: f64) -> f64 {
        (1.0 / (1.0 - discount_factor)).max(PAYOUT)
    }
}

impl Env for TimeoutTrap {
    fn spec(&self) -> &EnvSpec {
        &self.spec
    }

    fn reset(&mut self, _seed: Option<u64>) {
        self.episode.begin();
    }

    fn observation(&self) -> &[f32] {
        &self.observation
    }

    fn action_mask(&self) -> &ActionMask {
        &self.mask
    }

    fn step(&mut self, action: ActionId) -> Result<Step, EnvError> {
        self.episode.admit(action, &self.mask)?;
        let leaves = action == Self::LEAVE;
        Ok(self.episode.advance(if leaves { PAYOUT } else { 1.0 }, leaves))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::check_env;

    #[test]
    fn it_keeps_the_contract() {
        assert_eq!(check_env(&mut || Box::new(TimeoutTrap::new()), 1), []);
    }

    #[test]
    fn staying_is_truncated_and_leaving_is_terminated() -> Result<(), EnvError> {
        let mut env = TimeoutTrap::new();
        env.reset(None);
        assert!(!env.step(TimeoutTrap::STAY)?.is_last());
        let step = env.step(TimeoutTrap::STAY)?;
        assert_eq!(step, Step { reward: 1.0, terminated: false, truncated: true });
        env.reset(None);
        let step = env.step(TimeoutTrap::LEAVE)?;
        assert_eq!(step, Step { reward: 7.0, terminated: true, truncated: false });
        assert!((env.optimal_value(0.9) - 10.0).abs() < 1e-12);
        Ok(())
    }
}
