//! Logarithm, exponential and sine in plain `f32` arithmetic, so that loops over slices vectorise.
//!
//! The standard functions call a library per number. These are straight-line code: no branch, no
//! table, no fused multiply-add, hence the same bits on every machine. Coefficients are minimax
//! fits; each function states the error that its test measures.

/// Natural logarithm of a positive normal number.
///
/// Splits `x = m 2^e` with m in [2/3, 4/3) and takes a polynomial in `m − 1`. Relative error below
/// 2.5e-7 for x in (0, 1), also close to 1, where the logarithm itself vanishes. Zero, negative,
/// subnormal, infinite and undefined arguments give meaningless numbers.
#[inline(always)]
pub(super) fn ln(x: f32) -> f32 {
    const TWO_THIRDS: i32 = 0x3f2a_aaab;
    let bits = x.to_bits().cast_signed();
    let exponent = (bits - TWO_THIRDS) >> 23;
    let f = f32::from_bits((bits - (exponent << 23)).cast_unsigned()) - 1.0;
    let p = 0.142_271_86_f32;
    let p = p * f - 0.151_245_97;
    let p = p * f + 0.139_580_25;
    let p = p * f - 0.164_719_07;
    let p = p * f + 0.200_130_88;
    let p = p * f - 0.250_042_56;
    let p = p * f + 0.333_331_8;
    let square = f * f;
    let tail = (p * f - 0.5) * square;
    let e = exponent as f32;
    // ln 2 in two parts; the first has trailing zeros, so its product with `e` is exact.
    e * 0.693_145_75 + (f + (tail + e * 1.428_606_8e-6))
}

/// Exponential, of arguments up to 88; below −87 it stays at `exp(−87) = 1.6e-38`.
///
/// `e^x = 2^n e^r` with `|r| ≤ ln 2 / 2` and a polynomial in r. Relative error below 3e-7.
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    /// Adding it rounds to a whole number and leaves that number in the lowest bits.
    const ROUND: f32 = 12_582_912.0;
    let x = if x > -87.0 { x } else { -87.0 };
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = (x - n * 0.693_145_75) - n * 1.428_606_8e-6;
    let p = 0.001_381_461_f32;
    let p = p * r + 0.008_368_71;
    let p = p * r + 0.041_668_39;
    let p = p * r + 0.166_665_21;
    let p = p * r + 0.499_999_94;
    let fraction = (p * r * r + r) + 1.0;
    let scale = (shifted.to_bits() << 23).wrapping_add(1.0_f32.to_bits());
    fraction * f32::from_bits(scale)
}

/// `sin(2 π w)` for w in [−1/4, 1/4], a quarter turn either way. Absolute error below 2e-7.
#[inline(always)]
pub(super) fn sin_turns(w: f32) -> f32 {
    let t = w * w;
    let p = 39.536_705_f32;
    let p = p * t - 76.549_78;
    let p = p * t + 81.601_006;
    let p = p * t - 41.341_656;
    let p = p * t + 6.283_185;
    p * w
}

/// Logistic function `1/(1 + e^−x)`, clipped where a single precision number ends.
#[inline(always)]
pub(super) fn logistic(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x.clamp(-80.0, 80.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The largest error of `f` against `truth` over a grid from `low` to `high`.
    fn worst(
        (low, high): (f64, f64),
        relative: bool,
        f: impl Fn(f32) -> f32,
        truth: impl Fn(f64) -> f64,
    ) -> f64 {
        const STEPS: u32 = 200_000;
        let error = |i: u32| {
            let x = (low + (high - low) * f64::from(i) / f64::from(STEPS)) as f32;
            let (got, expected) = (f64::from(f(x)), truth(f64::from(x)));
            let scale = if relative { expected.abs().max(1e-300) } else { 1.0 };
            (got - expected).abs() / scale
        };
        (0..=STEPS).map(error).fold(0.0, f64::max)
    }

    #[test]
    fn the_logarithm_keeps_its_bound_over_every_size_of_argument() {
        assert!(worst((6e-8, 1e-3), true, ln, f64::ln) < 2.5e-7);
        assert!(worst((1e-3, 0.9999), true, ln, f64::ln) < 2.5e-7);
        assert!(worst((1.0001, 1e4), true, ln, f64::ln) < 2.5e-7);
        let closest = 1.0 - f32::EPSILON / 2.0;
        let truth = f64::from(closest).ln();
        assert!((f64::from(ln(closest)) / truth - 1.0).abs() < 2.5e-7);
        assert_eq!(ln(1.0), 0.0);
    }

    #[test]
    fn the_exponential_keeps_its_bound_and_never_underflows() {
        assert!(worst((-87.0, 0.0), true, exp, f64::exp) < 3e-7);
        assert!(worst((0.0, 88.0), true, exp, f64::exp) < 3e-7);
        assert_eq!(exp(0.0), 1.0);
        assert_eq!(exp(-1e9), exp(-87.0));
        assert_eq!(exp(f32::NEG_INFINITY), exp(-87.0));
    }

    #[test]
    fn the_sine_and_the_logistic_function_keep_their_bounds() {
        let sine = |w: f64| (std::f64::consts::TAU * w).sin();
        assert!(worst((-0.25, 0.25), false, sin_turns, sine) < 2e-7);
        assert!(worst((-90.0, 90.0), false, logistic, |x| 1.0 / (1.0 + (-x).exp())) < 2e-7);
        assert_eq!(logistic(0.0), 0.5);
    }
}
