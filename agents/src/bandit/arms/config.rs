//! Settings of the bandits without a context, with their sources.

use crate::error::{AgentError, require};
use serde::{Deserialize, Serialize};

/// How an arm is chosen. Below, `N` is the weight of an arm's remembered rewards, `μ` their mean and
/// `t` the weight of all that is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Rule {
    /// The largest `μ`; an arm without rewards comes first. With an [`Epsilon`] it is ε-greedy.
    Greedy,
    /// The largest `μ + √(exploration · ln t / N)`. UCB1 of Auer, Cesa-Bianchi and Fischer (2002)
    /// has `exploration = 2`; with a window it is SW-UCB with `ξ = exploration`, with a discount
    /// D-UCB with `ξ = exploration / 4` (Garivier and Moulines 2011). Rewards count in units of the
    /// reward range.
    Ucb {
        /// Width of the bound, not negative.
        exploration: f64,
    },
    /// The largest `q` with `N · kl(μ, q) ≤ ln t + c ln ln t` (Garivier and Cappé 2011, who analyse
    /// `c = 3` and advise `c = 0`).
    KlUcb {
        /// Weight of the iterated logarithm, not negative.
        c: f64,
    },
    /// Thompson sampling for rewards that are 0 or 1 (Thompson 1933; Agrawal and Goyal 2012): an
    /// arm's probability has the posterior `Beta(successes + N μ, failures + N (1 − μ))`. A reward
    /// between the ends of the range counts as a part of a success.
    ThompsonBeta {
        /// First parameter of the prior, above 0.
        successes: f64,
        /// Second parameter of the prior, above 0.
        failures: f64,
    },
    /// Thompson sampling for normal rewards of known noise: the mean has the normal posterior of
    /// precision `1 / deviation² + N / noise²`.
    ThompsonGaussian {
        /// Mean of the prior.
        mean: f64,
        /// Standard deviation of the prior, above 0.
        deviation: f64,
        /// Standard deviation of a reward, above 0.
        noise: f64,
    },
    /// Thompson sampling for normal rewards of unknown noise, with the normal-inverse-gamma prior
    /// `NIG(mean, strength, shape, scale)`: the mean has a Student posterior with
    /// `2 shape + N` degrees of freedom (Murphy 2007, section 6).
    ThompsonStudent {
        /// Mean of the prior.
        mean: f64,
        /// Rewards that the prior mean is worth, above 0.
        strength: f64,
        /// Shape of the variance's prior, above 0.
        shape: f64,
        /// Scale of the variance's prior, above 0.
        scale: f64,
    },
}

/// What of the past counts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Memory {
    /// Everything: for worlds that stay as they are.
    Forever,
    /// With every reward, all older ones lose this factor (Garivier and Moulines 2011; Raj and
    /// Kalyani 2017): about `1 / (1 − factor)` rewards count.
    Discounted {
        /// In `(0, 1)`.
        factor: f64,
    },
    /// The latest rewards, over all arms (Garivier and Moulines 2011; Trovò et al. 2020).
    Window {
        /// Number of rewards, at least 1.
        length: usize,
    },
}

/// Share of uniform decisions, mixed into whatever the rule says.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Epsilon {
    /// Always the same.
    Constant {
        /// In `[0, 1]`.
        share: f64,
    },
    /// `min(1, scale / t)` at decision `t`, but at least `floor`. Auer, Cesa-Bianchi and Fischer
    /// (2002) take `scale = c K / d²` for `K` arms with gaps of at least `d`.
    Decaying {
        /// Above 0.
        scale: f64,
        /// In `[0, 1]`.
        floor: f64,
    },
}

impl Epsilon {
    /// No uniform decisions.
    pub const ZERO: Self = Self::Constant { share: 0.0 };

    /// Share at the decision after `decisions` earlier ones.
    #[must_use]
    pub fn at(&self, decisions: u64) -> f64 {
        match *self {
            Self::Constant { share } => share,
            Self::Decaying { scale, floor } => (scale / (decisions + 1) as f64).clamp(floor, 1.0),
        }
    }
}

/// Settings of an [`ArmBandit`](super::ArmBandit).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ArmBanditConfig {
    /// How an arm is chosen.
    pub rule: Rule,
    /// What of the past counts.
    pub memory: Memory,
    /// Share of uniform decisions. Greedy and optimistic rules are deterministic given the past:
    /// without it their log supports no other policy.
    pub epsilon: Epsilon,
    /// Lowest and highest possible reward. [`Rule::Ucb`], [`Rule::KlUcb`] and [`Rule::ThompsonBeta`]
    /// learn on this scale and refuse a reward outside; the other rules do not use it.
    pub reward_range: (f64, f64),
    /// Cells of the grid on which a Thompson rule integrates the chance that an arm is best, at
    /// least 8.
    pub grid_cells: usize,
}

impl Default for ArmBanditConfig {
    fn default() -> Self {
        Self {
            rule: Rule::ThompsonBeta { successes: 1.0, failures: 1.0 },
            memory: Memory::Forever,
            epsilon: Epsilon::ZERO,
            reward_range: (0.0, 1.0),
            grid_cells: 48,
        }
    }
}

impl ArmBanditConfig {
    /// This rule with everything else at its default.
    #[must_use]
    pub fn of(rule: Rule) -> Self {
        Self { rule, ..Self::default() }
    }

    /// Checks every range.
    ///
    /// # Errors
    /// [`AgentError::InvalidConfig`] names the first field that is outside its range.
    pub fn validate(&self) -> Result<(), AgentError> {
        self.rule.validate()?;
        match self.memory {
            Memory::Forever => {}
            Memory::Discounted { factor } => {
                require(factor > 0.0 && factor < 1.0, "factor", "a number in (0, 1)", factor)?;
            }
            Memory::Window { length } => require(length > 0, "length", "at least 1", length)?,
        }
        match self.epsilon {
            Epsilon::Constant { share } => require_share("share", share)?,
            Epsilon::Decaying { scale, floor } => {
                require_positive("scale", scale)?;
                require_share("floor", floor)?;
            }
        }
        let (low, high) = self.reward_range;
        let fits = low < high && (high - low).is_finite();
        let found = format!("({low}, {high})");
        require(fits, "reward_range", "two finite numbers, the lower one first", found)?;
        require(self.grid_cells >= 8, "grid_cells", "at least 8", self.grid_cells)
    }
}

impl Rule {
    fn validate(&self) -> Result<(), AgentError> {
        let not_negative = |field, value: f64| {
            let fits = value.is_finite() && value >= 0.0;
            require(fits, field, "a finite number, not negative", value)
        };
        let finite = |field, value: f64| require(value.is_finite(), field, "finite", value);
        match *self {
            Self::Greedy => Ok(()),
            Self::Ucb { exploration } => not_negative("exploration", exploration),
            Self::KlUcb { c } => not_negative("c", c),
            Self::ThompsonBeta { successes, failures } => {
                require_positive("successes", successes)?;
                require_positive("failures", failures)
            }
            Self::ThompsonGaussian { mean, deviation, noise } => {
                finite("mean", mean)?;
                require_positive("deviation", deviation)?;
                require_positive("noise", noise)
            }
            Self::ThompsonStudent { mean, strength, shape, scale } => {
                finite("mean", mean)?;
                require_positive("strength", strength)?;
                require_positive("shape", shape)?;
                require_positive("scale", scale)
            }
        }
    }

    /// Whether rewards are put on the scale of the reward range.
    pub(super) fn is_bounded(&self) -> bool {
        matches!(self, Self::Ucb { .. } | Self::KlUcb { .. } | Self::ThompsonBeta { .. })
    }

    /// Short name for tables.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Greedy => "greedy",
            Self::Ucb { .. } => "ucb",
            Self::KlUcb { .. } => "kl_ucb",
            Self::ThompsonBeta { .. } => "thompson_beta",
            Self::ThompsonGaussian { .. } => "thompson_gaussian",
            Self::ThompsonStudent { .. } => "thompson_student",
        }
    }
}

fn require_positive(field: &'static str, value: f64) -> Result<(), AgentError> {
    require(value.is_finite() && value > 0.0, field, "a finite number above 0", value)
}

fn require_share(field: &'static str, value: f64) -> Result<(), AgentError> {
    require((0.0..=1.0).contains(&value), field, "a number in [0, 1]", value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_checked_and_unknown_fields_refused() {
        assert!(ArmBanditConfig::default().validate().is_ok());
        let wrong = [
            ArmBanditConfig::of(Rule::Ucb { exploration: -1.0 }),
            ArmBanditConfig::of(Rule::KlUcb { c: f64::NAN }),
            ArmBanditConfig::of(Rule::ThompsonBeta { successes: 0.0, failures: 1.0 }),
            ArmBanditConfig::of(Rule::ThompsonGaussian { mean: 0.0, deviation: 1.0, noise: 0.0 }),
            ArmBanditConfig { memory: Memory::Discounted { factor: 1.0 }, ..Default::default() },
            ArmBanditConfig { memory: Memory::Window { length: 0 }, ..Default::default() },
            ArmBanditConfig { epsilon: Epsilon::Constant { share: 1.5 }, ..Default::default() },
            ArmBanditConfig { reward_range: (1.0, 1.0), ..Default::default() },
            ArmBanditConfig { grid_cells: 1, ..Default::default() },
        ];
        for config in wrong {
            assert!(config.validate().is_err(), "{config:?}");
        }
        assert!(serde_json::from_str::<ArmBanditConfig>(r#"{"alpha": 1.0}"#).is_err());
        let json = r#"{"rule": {"kind": "kl_ucb", "c": 0.0}}"#;
        let config: ArmBanditConfig = serde_json::from_str(json).expect("a valid config");
        assert_eq!(config.rule, Rule::KlUcb { c: 0.0 });
    }

    #[test]
    fn a_decaying_share_falls_to_its_floor() {
        let epsilon = Epsilon::Decaying { scale: 20.0, floor: 0.01 };
        assert_eq!(epsilon.at(0), 1.0);
        assert_eq!(epsilon.at(99), 0.2);
        assert_eq!(epsilon.at(1_000_000), 0.01);
    }
}
