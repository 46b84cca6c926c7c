//! Sums that do not depend on order: amounts as whole millionths in an integer.

// Inlined by hand: these run several times a line, and units of code generation part the files.

/// Millionths in one unit.
const SCALE: f64 = 1e6;
/// Largest size of one amount, in its own unit.
const LARGEST: f64 = 1e9;

/// A sum of amounts, exact in millionths up to 9 · 10¹² units and capped there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Fixed(i64);

impl Fixed {
    pub(super) const ZERO: Self = Self(0);
    pub(super) const ONE: Self = Self(SCALE as i64);

    /// The amount to the nearest millionth, capped at ±10⁹; NaN counts 0.
    #[inline]
    pub(super) fn new(amount: f64) -> Self {
        let scaled = amount.clamp(-LARGEST, LARGEST) * SCALE;
        // The cast cuts towards zero and turns NaN into 0.
        Self((scaled + 0.5_f64.copysign(scaled)) as i64)
    }

    #[inline]
    pub(super) fn add(&mut self, amount: Self) {
        self.0 = self.0.saturating_add(amount.0);
    }

    #[must_use]
    #[inline]
    pub(super) fn minus(self, amount: Self) -> Self {
        Self(self.0.saturating_sub(amount.0))
    }

    /// The amount where the condition holds, else 0: without a branch that nobody can predict.
    #[must_use]
    #[inline]
    pub(super) fn only_if(self, condition: bool) -> Self {
        Self(self.0 * i64::from(condition))
    }

    /// The amount times a share of 0 to 1, to the nearest millionth below.
    #[must_use]
    #[inline]
    pub(super) fn times(self, share: f64) -> Self {
        Self((self.0 as f64 * share) as i64)
    }

    #[must_use]
    #[inline]
    pub(super) fn or_zero_if_negative(self) -> Self {
        Self(self.0.max(0))
    }

    #[inline]
    pub(super) fn is_positive(self) -> bool {
        self.0 > 0
    }

    #[inline]
    pub(super) fn to_f64(self) -> f64 {
        self.0 as f64 / SCALE
    }

    /// `self / whole` within 0 to 1; NaN unless the whole is positive.
    #[inline]
    pub(super) fn share_of(self, whole: Self) -> f64 {
        if whole.is_positive() {
            (self.0 as f64 / whole.0 as f64).clamp(0.0, 1.0)
        } else {
            f64::NAN
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_of_cents_are_exact_in_any_order() {
        let amounts = [0.1, 0.2, 0.3, 1e9, -1e9];
        let (mut forwards, mut backwards) = (Fixed::ZERO, Fixed::ZERO);
        amounts.iter().for_each(|&amount| forwards.add(Fixed::new(amount)));
        amounts.iter().rev().for_each(|&amount| backwards.add(Fixed::new(amount)));
        assert_eq!(forwards, backwards);
        assert_eq!(forwards.to_f64(), 0.6);
        assert_eq!(Fixed::new(-0.25).to_f64(), -0.25);
    }

    #[test]
    fn amounts_that_are_no_numbers_or_too_large_are_tamed() {
        assert_eq!(Fixed::new(f64::NAN), Fixed::ZERO);
        assert_eq!(Fixed::new(f64::INFINITY).to_f64(), 1e9);
        assert_eq!(Fixed::new(-1e300).to_f64(), -1e9);
        let mut sum = Fixed(i64::MAX - 1);
        sum.add(Fixed::new(1e9));
        assert_eq!(sum, Fixed(i64::MAX));
    }

    #[test]
    fn a_share_of_nothing_is_undefined() {
        assert!(Fixed::new(1.0).share_of(Fixed::ZERO).is_nan());
        assert_eq!(Fixed::new(1.0).share_of(Fixed::new(4.0)), 0.25);
        assert_eq!(Fixed::new(5.0).share_of(Fixed::new(4.0)), 1.0);
        assert_eq!(Fixed::new(6.0).times(0.25), Fixed::new(1.5));
        assert_eq!(Fixed::ONE.only_if(true), Fixed::new(1.0));
        assert_eq!(Fixed::ONE.only_if(false), Fixed::ZERO);
    }
}
