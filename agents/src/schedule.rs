//! Values that change in a straight line while training goes on.

use serde::{Deserialize, Serialize};

/// From `start` to `end` over `steps`, then constant.
///
/// ```
/// use promopt_agents::schedule::Linear;
/// let epsilon = Linear { start: 1.0, end: 0.1, steps: 100 };
/// assert_eq!(epsilon.at(0), 1.0);
/// assert!((epsilon.at(50) - 0.55).abs() < 1e-12);
/// assert_eq!(epsilon.at(1_000), 0.1);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Linear {
    /// Value at step 0.
    pub start: f64,
    /// Value from `steps` on.
    pub end: f64,
    /// Length of the way; 0 means `end` at once.
    pub steps: u64,
}

impl Linear {
    /// The same value at all times.
    #[must_use]
    pub fn constant(value: f64) -> Self {
        Self { start: value, end: value, steps: 0 }
    }

    /// Value at the given step.
    #[must_use]
    pub fn at(&self, step: u64) -> f64 {
        if step >= self.steps {
            return self.end;
        }
        self.start + (self.end - self.start) * (step as f64 / self.steps as f64)
    }
}
