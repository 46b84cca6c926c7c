//! Integrals by Gauss and Legendre: exact for polynomials of degree `2n − 1`, and for smooth densities
//! good to the last digits with some dozens of points.

/// Points and weights on `[from, to]`.
#[must_use]
pub fn gauss_legendre(n: usize, from: f64, to: f64) -> Vec<(f64, f64)> {
    let (middle, half) = ((from + to) / 2.0, (to - from) / 2.0);
    let point = |i: usize| {
        // Newton's method from the cosine that is close to the root (Tricomi).
        let mut x = (std::f64::consts::PI * (i as f64 + 0.75) / (n as f64 + 0.5)).cos();
        let mut slope = 1.0;
        for _ in 0..100 {
            let (value, derivative) = legendre(n, x);
            slope = derivative;
            let step = value / derivative;
            x -= step;
            if step.abs() < 1e-16 {
                break;
            }
        }
        (middle - half * x, half * 2.0 / ((1.0 - x * x) * slope * slope))
    };
    (0..n).map(point).collect()
}

/// The Legendre polynomial of this degree and its derivative.
fn legendre(n: usize, x: f64) -> (f64, f64) {
    let (mut before, mut value) = (1.0, x);
    for k in 2..=n {
        let k = k as f64;
        (before, value) = (value, ((2.0 * k - 1.0) * x * value - (k - 1.0) * before) / k);
    }
    (value, n as f64 * (x * value - before) / (x * x - 1.0))
}

#[cfg(test)]
mod tests {
    use super::gauss_legendre;

    #[test]
    fn polynomials_and_a_bell_are_integrated() {
        let sum = |n, from, to, f: fn(f64) -> f64| -> f64 {
            gauss_legendre(n, from, to).iter().map(|(x, w)| w * f(*x)).sum()
        };
        assert!((sum(5, 0.0, 2.0, |x| x.powi(9)) - 102.4).abs() < 1e-12);
        let bell = sum(60, -8.0, 8.0, |x| (-0.5 * x * x).exp());
        assert!((bell - (2.0 * std::f64::consts::PI).sqrt()).abs() < 1e-12, "{bell}");
    }
}
