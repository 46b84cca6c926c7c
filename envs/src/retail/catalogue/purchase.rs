//! What a purchase is expected to be, and how far real ones spread around it.
//!
//! A threshold is reached by some purchases and not by others, so what an offer is worth depends on
//! the spread and not only on the mean. Two distributions with closed forms stand in for it; both
//! are mixtures over a gamma of shape 2, which is how weeks differ on the Complete Journey (within
//! households: dispersion of units 0.53, coefficient of variation of the spend 0.68):
//!
//! ```text
//! units in a category   U = 1 + X,  X negative binomial, mean m, size 2:
//!                       P(U > n) = r^n (1 + n q),  r = m / (m + 2), q = 1 − r
//! spend in a category   p · U
//! spend of a visit      gamma, mean μ, shape 2:  P(B ≥ t) = (1 + x) e^(−x),  x = 2 t / μ
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

    /// Distribution of the units.
    pub(super) fn spread(&self) -> Units {
        let extra = self.units() - 1.0;
        Units { ratio: extra / (extra + 2.0) }
    }

    /// Distribution of the spend that an offer counts.
    pub(super) fn spend(&self, whole_basket: bool) -> Spend {
        if whole_basket {
            return Spend::Basket { mean: self.basket };
        }
        Spend::Category { mean: self.units(), units: self.spread(), price: self.unit_price }
    }
}

/// Units of a purchase: 1 plus a negative binomial of size 2.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Units {
    ratio: f64,
}

impl Units {
    /// `P(U > n) = r^n (1 + n q)`.
    pub(super) fn beyond(self, n: f64) -> f64 {
        self.ratio.powf(n) * (1.0 + n * (1.0 - self.ratio))
    }

    /// `E[max(U − n, 0)] = Σ_{k ≥ n} P(U > k) = r^n (1 + n q + r) / q`.
    pub(super) fn excess(self, n: f64) -> f64 {
        let q = 1.0 - self.ratio;
        self.ratio.powf(n) * (1.0 + n * q + self.ratio) / q
    }

    /// `Σ_{k ≥ 0} excess(n + k g)`: with `R = r^g`,
    /// `r^n / q · ((1 + r + n q) / (1 − R) + g q R / (1 − R)²)`.
    pub(super) fn excess_every(self, n: f64, g: f64) -> f64 {
        let (q, jump) = (1.0 - self.ratio, self.ratio.powf(g));
        let stay = 1.0 - jump;
        let sum = (1.0 + self.ratio + n * q) / stay + g * q * jump / (stay * stay);
        self.ratio.powf(n) / q * sum
    }
}

/// Distribution of the spend that an offer counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Spend {
    Category { mean: f64, units: Units, price: f64 },
    Basket { mean: f64 },
}

impl Spend {
    /// Mean, money; 0 or less when there is no purchase to speak of.
    pub(super) fn mean(self) -> f64 {
        match self {
            Self::Category { mean, price, .. } => mean * price,
            Self::Basket { mean } => mean,
        }
    }

    /// `P(S ≥ t)`.
    pub(super) fn reaches(self, threshold: f64) -> f64 {
        match self {
            Self::Category { units, price, .. } => {
                let needed = (threshold / price - UNITS_SLACK).ceil().max(1.0);
                units.beyond(needed - 1.0)
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
            Self::Category { mean, units, price } => {
                let whole = (cap / price + UNITS_SLACK).floor();
                let rest = (cap - whole * price).max(0.0);
                price * (mean - units.excess(whole)) + rest * units.beyond(whole)
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
