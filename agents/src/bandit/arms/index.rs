//! Optimistic values of an arm: the largest mean that its rewards do not contradict.

/// `kl(p, q) = p ln(p/q) + (1 − p) ln((1 − p)/(1 − q))`, the divergence of two coins in nats;
/// infinite when `q` excludes what `p` allows.
#[must_use]
pub fn bernoulli_divergence(p: f64, q: f64) -> f64 {
    let part = |p: f64, q: f64| if p > 0.0 { p * (p / q).ln() } else { 0.0 };
    part(p, q) + part(1.0 - p, 1.0 - q)
}

/// The largest `q` in `[p, 1]` with `kl(p, q) ≤ level` (Garivier and Cappé 2011), within 1e-9.
///
/// `kl` is convex and increasing in `q` above `p`, so that Newton's method started above the root
/// falls towards it without ever crossing. It starts at the lower of two bounds that are above the
/// root: Pinsker's `p + √(level / 2)`, and `1 − exp(−(level + h(p)) / (1 − p))` with the entropy
/// `h`, from `kl(p, q) ≥ −h(p) − (1 − p) ln(1 − q)`. `p` outside `[0, 1]` is moved to its end;
/// nothing is known at an infinite level, and the answer is 1.
#[must_use]
pub fn kl_ucb(p: f64, level: f64) -> f64 {
    let p = p.clamp(0.0, 1.0);
    if p >= 1.0 || level.is_nan() || level == f64::INFINITY {
        return 1.0;
    }
    if level <= 0.0 {
        return p;
    }
    let part = |x: f64| if x > 0.0 { -x * x.ln() } else { 0.0 };
    let entropy = part(p) + part(1.0 - p);
    let steep = -(-(level + entropy) / (1.0 - p)).exp_m1();
    let mut q = steep.min(p + (level / 2.0).sqrt());
    if q >= 1.0 {
        return 1.0;
    }
    for _ in 0..60 {
        let excess = bernoulli_divergence(p, q) - level;
        let step = excess * q * (1.0 - q) / (q - p);
        // Also ends when rounding carried `q` below the root or `p`.
        if step.is_nan() || step <= 1e-10 {
            break;
        }
        q = (q - step).max(p);
    }
    q
}

/// Optimism for rewards in `[0, 1]`: `mean + √(exploration · ln total / weight)`.
pub(super) fn ucb(mean: f64, weight: f64, total: f64, exploration: f64) -> f64 {
    mean + (exploration * total.max(1.0).ln() / weight).sqrt()
}

/// `ln t + c ln ln t`, not negative.
pub(super) fn kl_budget(total: f64, c: f64) -> f64 {
    let log = total.max(1.0).ln();
    if c > 0.0 && log > 0.0 { (log + c * log.ln()).max(0.0) } else { log }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn hand_worked_bounds_are_found() {
        // kl(0, q) = −ln(1 − q); kl(1/2, q) = −ln(4 q (1 − q)) / 2, so at level ln(4/3)/2 q = 3/4.
        assert!((kl_ucb(0.0, 1.0) - (1.0 - (-1.0_f64).exp())).abs() < 1e-9);
        assert!((kl_ucb(0.5, (4.0_f64 / 3.0).ln() / 2.0) - 0.75).abs() < 1e-9);
        assert_eq!(kl_ucb(0.3, 0.0), 0.3);
        assert_eq!(kl_ucb(1.0, 0.1), 1.0);
        assert_eq!(kl_ucb(0.2, f64::INFINITY), 1.0);
    }

    proptest! {
        #[test]
        fn the_bound_is_the_last_one_within_the_level(p in 0.0_f64..1.0, log in -14.0_f64..4.0) {
            let level = log.exp();
            let q = kl_ucb(p, level);
            prop_assert!((p..=1.0).contains(&q));
            prop_assert!(q - p < 1e-8 || bernoulli_divergence(p, q - 1e-8) <= level * 1.000_001);
            prop_assert!(q > 1.0 - 1e-8 || bernoulli_divergence(p, q + 1e-8) >= level * 0.999_999);
        }
    }
}
