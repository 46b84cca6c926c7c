//! What a team may set about the pricing fit.

use promopt_envs::pricing::PricingRules;
use serde::{Deserialize, Serialize};

/// The pricing fit and its world. Unknown keys are errors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PricingConfig {
    /// Last weeks that are kept out of the fit to judge it; as many before them choose its strengths.
    pub holdout_weeks: u32,
    /// Harmonics of the year in the season, 0 for none.
    pub harmonics: u32,
    /// Weeks over which the highest price of a product in a store counts as its regular price.
    pub regular_weeks: u32,
    /// Largest number of products in the group; those with the most revenue are kept.
    pub max_products: usize,
    /// Posterior draws that are saved.
    pub draws: usize,
    /// Margin as a fraction of the price where the data have none.
    pub assumed_margin: f64,
    /// The world: ladder, limits and episodes.
    pub environment: PricingRules,
}

impl Default for PricingConfig {
    /// A quarter held out, one harmonic, regular prices over eight weeks, twenty products.
    fn default() -> Self {
        Self {
            holdout_weeks: 13,
            harmonics: 1,
            regular_weeks: 8,
            max_products: 20,
            draws: 100,
            assumed_margin: 0.25,
            environment: PricingRules::default(),
        }
    }
}

impl PricingConfig {
    /// Checks ranges.
    ///
    /// # Errors
    /// A message that names the key, what was expected and what was found.
    pub fn validate(&self) -> Result<(), String> {
        let require = |ok: bool, key: &str, expected: &str, got: String| {
            if ok {
                Ok(())
            } else {
                Err(format!("expected {expected} for `pricing.{key}`, got {got}"))
            }
        };
        let weeks = self.holdout_weeks;
        require(weeks >= 2, "holdout_weeks", "at least 2", weeks.to_string())?;
        let harmonics = self.harmonics;
        require(harmonics <= 6, "harmonics", "at most 6", harmonics.to_string())?;
        let regular = self.regular_weeks;
        require(regular >= 1, "regular_weeks", "at least 1", regular.to_string())?;
        let products = self.max_products;
        let fits = (1..=60).contains(&products);
        require(fits, "max_products", "1 to 60", products.to_string())?;
        let draws = self.draws;
        require(draws >= 20, "draws", "at least 20", draws.to_string())?;
        let margin = self.assumed_margin;
        let fits = margin > 0.0 && margin < 1.0;
        require(fits, "assumed_margin", "a fraction in (0, 1)", margin.to_string())?;
        self.environment.validate().map_err(|e| format!("in [pricing.environment]: {e}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_valid_and_a_wrong_key_is_named() {
        assert_eq!(PricingConfig::default().validate(), Ok(()));
        let wrong = PricingConfig { assumed_margin: 25.0, ..PricingConfig::default() };
        let error = wrong.validate().expect_err("25 is no fraction");
        assert!(error.contains("`pricing.assumed_margin`") && error.contains("25"), "{error}");
        let mut wrong = PricingConfig::default();
        wrong.environment.ladder = vec![0.9];
        let error = wrong.validate().expect_err("no regular price");
        assert!(error.contains("`ladder`"), "{error}");
    }
}
