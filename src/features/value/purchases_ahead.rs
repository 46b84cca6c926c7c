//! Expected number of purchases before dropping out: the one hard number of the BG/NBD model.
//!
//! Published as `C/(a-1) · [1 - (1-z)^A · ₂F₁(A, B; C; z)]` with `A = r+x`, `B = b+x`,
//! `C = a+b+x-1` and `z = t/(α+T+t)`, which overflows for large `x`, cancels for small `t` and
//! divides by 0 at `a = 1`. Both ways here add positive terms only.

use statrs::function::beta::ln_beta;

/// More terms of the series than this go to the quadrature.
const MOST_TERMS: f64 = 1e5;

/// Expected purchases of a customer that is alive, with purchase rate `λ ~ Gamma(shape, rate)` and
/// dropout probability after each purchase `p ~ Beta(a, b)`, over a time of `growth` = time / rate.
///
/// NaN unless the first three are positive and `growth` is at least 0.
pub(super) fn purchases_before_dropout(shape: f64, a: f64, b: f64, growth: f64) -> f64 {
    let valid = shape > 0.0 && a > 0.0 && b > 0.0 && growth >= 0.0;
    if !valid || !(shape + a + b + growth).is_finite() {
        return f64::NAN;
    }
    if growth == 0.0 {
        return 0.0;
    }
    let spread = (shape * growth * (1.0 + growth)).sqrt();
    let terms = shape * growth + 10.0 * spread + 40.0 * (1.0 + growth);
    if terms <= MOST_TERMS { series(shape, a, b, growth) } else { quadrature(shape, a, b, growth) }
}

/// `Σ_k P(K = k) · S_k`: without dropout the customer would make `K` purchases, negative binomial
/// with `P(K = k) = (A)_k / k! · (1-z)^A z^k`; the (j+1)-th is made if none of the first `j` was
/// the last one, so `S_k = Σ_{j<k} E[(1-p)^j]` are made, with `E[(1-p)^j] = (b)_j / (a+b)_j`.
fn series(shape: f64, a: f64, b: f64, growth: f64) -> f64 {
    let z = growth / (1.0 + growth);
    let (mut weight, mut weights, mut sum) = (1.0_f64, 1.0, 0.0);
    let (mut made, mut still) = (0.0, 1.0);
    let mut k = 0.0;
    loop {
        made += still;
        still *= (b + k) / (a + b + k);
        weight *= z * (shape + k) / (k + 1.0);
        weights += weight;
        sum += weight * made;
        k += 1.0;
        if weight > 1e250 {
            // Only ratios count; what came before underflows where it is too small to matter.
            [weight, weights, sum] = [weight, weights, sum].map(|value| value * 1e-250);
        }
        // The ratio of neighbouring weights moves to z from either side.
        let ratio = (z * (shape + k) / (k + 1.0)).max(z);
        if ratio < 1.0 {
            let tail = weight * ratio / (1.0 - ratio) * (made + 1.0 / (1.0 - ratio));
            if tail <= 1e-16 * f64::min(weights, sum) {
                return sum / weights;
            }
        }
    }
}

/// `∫ Beta(p; a, b) · [1 - (1 + p · growth)^-A] / p dp` by the trapezoidal rule on the logit of p,
/// where the integrand is smooth and falls off exponentially, so that the rule converges
/// exponentially.
fn quadrature(shape: f64, a: f64, b: f64, growth: f64) -> f64 {
    let mode = (a / b).ln();
    let width = f64::min(1.0, ((a + b) / (a * b)).sqrt());
    let left = f64::min(mode, -(shape * growth).ln_1p()) - 45.0 * width - 45.0 / a;
    let right = mode + 45.0 * width + 45.0 / b;
    let n = ((right - left) / (0.2 * width)).ceil().min(1e6);
    let step = (right - left) / n;
    let scale = -ln_beta(a, b);
    let term = |i: u32| {
        let logit = left + f64::from(i) * step;
        let small = (-logit.abs()).exp().ln_1p();
        let (ln_p, ln_q) = (logit.min(0.0) - small, -logit.max(0.0) - small);
        let p = ln_p.exp();
        let lost = -(-shape * (p * growth).ln_1p()).exp_m1();
        let made = if p > 0.0 { lost / p } else { shape * growth };
        (a * ln_p + b * ln_q + scale).exp() * made
    };
    (0..=n as u32).map(term).sum::<f64>() * step
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_customer_who_leaves_after_every_second_purchase_is_worked_by_hand() {
        // With p = 1/2 (a = b very large) and λ = 1 (shape = rate very large), the purchases until
        // time t follow a rate that is thinned by half: E = (1 - e^(-t/2)) / (1/2).
        let big = 1e7;
        let found = purchases_before_dropout(big, big, big, 3.0 / big);
        assert!((found - 2.0 * (1.0 - (-1.5_f64).exp())).abs() < 1e-6, "{found}");
    }

    #[test]
    fn nobody_drops_out_when_a_is_tiny() {
        // Then the expectation is that of the negative binomial, shape · growth.
        let found = purchases_before_dropout(3.0, 1e-12, 2.0, 1.5);
        assert!((found - 4.5).abs() < 1e-9, "{found}");
    }

    #[test]
    fn the_pole_of_the_published_formula_at_a_equal_to_1_is_none() {
        let at = |a: f64| purchases_before_dropout(2.5, a, 3.0, 0.8);
        assert!((at(1.0) - 0.5 * (at(1.0 - 1e-5) + at(1.0 + 1e-5))).abs() < 1e-9);
    }

    #[test]
    fn nonsense_gives_no_number() {
        for (shape, a, b, growth) in [
            (0.0, 1.0, 1.0, 1.0),
            (1.0, -1.0, 1.0, 1.0),
            (1.0, 1.0, f64::NAN, 1.0),
            (1.0, 1.0, 1.0, f64::INFINITY),
            (1.0, 1.0, 1.0, -0.5),
        ] {
            assert!(purchases_before_dropout(shape, a, b, growth).is_nan());
        }
    }

    #[test]
    fn shoppers_of_every_day_and_far_horizons_stay_finite() {
        for (shape, growth) in [(400.2, 52.0 / 54.0), (400.2, 1e4), (0.2, 1e7), (1e-4, 1e-9)] {
            let found = purchases_before_dropout(shape, 0.8, 402.4, growth);
            assert!(found > 0.0 && found <= shape * growth * (1.0 + 1e-12), "{found}");
        }
    }

    proptest! {
        #[test]
        fn series_and_quadrature_agree(
            shape in 0.05_f64..500.0, a in 0.05_f64..50.0, b in 0.05_f64..500.0,
            growth in 0.001_f64..20.0,
        ) {
            let (one, other) = (series(shape, a, b, growth), quadrature(shape, a, b, growth));
            prop_assert!((one - other).abs() <= 1e-10 * one, "{one} {other}");
        }
    }
}
