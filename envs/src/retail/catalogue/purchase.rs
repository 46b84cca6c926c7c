//! What a purchase is expected to be, and how far real ones spread around it.
//!
//! A threshold is reached by some purchases and not by others, so what an offer is worth depends on
//! the spread and not only on the mean. Two distributions with closed forms stand in for it:
//!
//! ```text
//! units in a category   U = 1 + G,  G geometric with mean m:  P(U ≥ k) = r^(k−1), r = m / (1 + m)
//! spend in a category   p · U
//! spend of a visit      gamma with shape 2 (CV 0.71):  P(B ≥ t) = (1 + x) e^(−x),  x = 2 t / μ
//! ```

/// Coefficient of variation of the spend of a visit around its mean, `1 / √2` (gamma, shape 2).
pub const BASKET_CV: f64 = std::f64::consts::FRAC_1_SQRT_2;
/// Slack in counting units, for money that is not exact in binary.
const UNITS_SLACK: f64 = 1e-9;

/// A purchase as expected before it happens, given that it happens.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Purchase {
    /// Mean units in the category, given that it is bought; below 1 counts as 1.
    pub units: f64,
    /// Price of a unit after shelf discounts, money.
    pub unit_price: f64,
    /// Mean spend of the whole visit after shelf discounts, money.
    pub basket: f64,
}

impl Purchase {
    /// Units, at least 1.
    pub(super) fn units(&self) -> f64 {
        self.units.max(1.0)
    }

    /// Spend in the category, money.
    pub(super) fn category_spend(&self) -> f64 {
        self.units() * self.unit_price
    }

    /// Ratio of the geometric distribution: `P(U ≥ k) = ratio^(k − 1)`.
    pub(super) fn units_ratio(&self) -> f64 {
        1.0 - 1.0 / self.units()
    }

    /// Distribution of the spend that an offer counts.
    pub(super) fn spend(&self, whole_basket: bool) -> Spend {
        if whole_basket {
            return Spend::Basket { mean: self.basket };
        }
        Spend::Units { mean: self.units(), ratio: self.units_ratio(), price: self.unit_price }
    }
}

/// Distribution of the spend that an offer counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Spend {
    Units { mean: f64, ratio: f64, price: f64 },
    Basket { mean: f64 },
}

impl Spend {
    /// Mean, money; 0 or less when there is no purchase to speak of.
    pub(super) fn mean(self) -> f64 {
        match self {
            Self::Units { mean, price, .. } => mean * price,
            Self::Basket { mean } => mean,
        }
    }

    /// `P(S ≥ t)`.
    pub(super) fn reaches(self, threshold: f64) -> f64 {
        match self {
            Self::Units { ratio, price, .. } => {
                let units = (threshold / price - UNITS_SLACK).ceil().max(1.0);
                ratio.powf(units - 1.0)
            }
            Self::Basket { mean } => {
                let x = 2.0 * threshold.max(0.0) / mean;
                (1.0 + x) * (-x).exp()
            }
        }
    }

    /// `E[min(S, t)] = ∫₀ᵗ P(S ≥ s) ds`.
    fn capped_mean(self, cap: f64) -> f64 {
        match self {
            Self::Units { mean, ratio, price } => {
                let whole = (cap / price + UNITS_SLACK).floor();
                let tail = ratio.powf(whole);
                price * mean * (1.0 - tail) + (cap - whole * price).max(0.0) * tail
            }
            Self::Basket { mean } => {
                let x = 2.0 * cap / mean;
                mean * (1.0 - (1.0 + 0.5 * x) * (-x).exp())
            }
        }
    }

    /// `E[min(S, off); S ≥ t]`: money off that never exceeds the spend, from a threshold on.
    pub(super) fn money_off(self, threshold: f64, off: f64) -> f64 {
        let beyond =
            if off > threshold { self.capped_mean(off) - self.capped_mean(threshold) } else { 0.0 };
        off.min(threshold) * self.reaches(threshold) + beyond
    }
}
