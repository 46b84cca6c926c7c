//! Minimum of a smooth function of a few variables: BFGS with a Nelder-Mead fallback, finished by
//! Newton steps.
//!
//! Made for mean negative log-likelihoods by the logarithms of their parameters: values near 1,
//! minima within [`BOUND`] of 0.

use crate::evaluate::cholesky;

/// Size of a variable beyond which it counts as run off; the function is raised there by the
/// square of the excess, so that a minimum exists.
pub(super) const BOUND: f64 = 10.0;
/// Largest derivative at which the search has converged.
const FLAT: f64 = 1e-9;
/// Longest step of a variable: a factor of 7 of the parameter.
const LONGEST_STEP: f64 = 2.0;

/// The function: from a point to the value, writing the gradient.
pub(super) type Objective<'a> = dyn Fn(&[f64], &mut [f64]) -> f64 + 'a;

/// What the search found.
pub(super) struct Minimum {
    pub(super) point: Vec<f64>,
    pub(super) converged: bool,
    pub(super) gradient: f64,
    pub(super) evaluations: usize,
    pub(super) used_fallback: bool,
    pub(super) at_bound: bool,
    /// Row-major inverse of the Hessian, if that is positive definite.
    pub(super) inverse_hessian: Option<Vec<f64>>,
}

#[derive(Clone)]
struct Place {
    point: Vec<f64>,
    value: f64,
    gradient: Vec<f64>,
}

impl Place {
    fn slope(&self) -> f64 {
        self.gradient.iter().fold(0.0, |most, d| most.max(d.abs()))
    }
}

struct Search<'a> {
    objective: &'a Objective<'a>,
    evaluations: usize,
}

/// Searches from `start`.
pub(super) fn minimise(objective: &Objective<'_>, start: &[f64]) -> Minimum {
    let mut search = Search { objective, evaluations: 0 };
    let first = search.at(start.to_vec());
    let mut place = search.bfgs(first.clone());
    // Newton steps close what is left when the function is too flat for its values to tell.
    let used_fallback = !place.value.is_finite() || place.slope() > 1e-5;
    if used_fallback {
        let from = if place.value.is_finite() { place } else { first };
        let rough = search.nelder_mead(&from);
        place = search.bfgs(rough);
    }
    let inverse_hessian = search.polish(&mut place);
    let gradient = place.slope();
    Minimum {
        converged: gradient <= 10.0 * FLAT && inverse_hessian.is_some(),
        gradient,
        evaluations: search.evaluations,
        used_fallback,
        at_bound: place.point.iter().any(|x| x.abs() > BOUND),
        inverse_hessian,
        point: place.point,
    }
}

impl Search<'_> {
    fn at(&mut self, point: Vec<f64>) -> Place {
        self.evaluations += 1;
        let mut gradient = vec![0.0; point.len()];
        let mut value = (self.objective)(&point, &mut gradient);
        for (x, d) in point.iter().zip(&mut gradient) {
            let excess = (x.abs() - BOUND).max(0.0);
            value += excess * excess;
            *d += 2.0 * excess * x.signum();
        }
        if gradient.iter().any(|d| !d.is_finite()) || value.is_nan() {
            value = f64::INFINITY;
        }
        Place { point, value, gradient }
    }

    fn bfgs(&mut self, mut place: Place) -> Place {
        let n = place.point.len();
        let mut inverse = identity(n);
        for _ in 0..300 {
            if place.slope() <= FLAT || !place.value.is_finite() {
                break;
            }
            let mut direction = times(&inverse, &place.gradient, -1.0);
            if dot(&direction, &place.gradient) >= 0.0 {
                inverse = identity(n);
                direction = times(&inverse, &place.gradient, -1.0);
            }
            let Some(next) = self.step(&place, &direction) else { break };
            if next.value >= place.value && next.slope() >= place.slope() {
                break;
            }
            let moved = difference(&next.point, &place.point);
            let turned = difference(&next.gradient, &place.gradient);
            update(&mut inverse, &moved, &turned);
            place = next;
        }
        place
    }

    /// Backtracks along the direction until the value falls enough.
    fn step(&mut self, from: &Place, direction: &[f64]) -> Option<Place> {
        let longest = direction.iter().fold(0.0_f64, |most, d| most.max(d.abs()));
        let mut length = (LONGEST_STEP / longest).min(1.0);
        let slope = dot(direction, &from.gradient);
        // What rounding may do to a value: without it no step would be good enough near the end.
        let noise = 1e-14 * from.value.abs().max(1.0);
        for _ in 0..30 {
            let moved = from.point.iter().zip(direction).map(|(x, d)| x + length * d).collect();
            let next = self.at(moved);
            if next.value <= from.value + 1e-4 * length * slope + noise {
                return Some(next);
            }
            length *= 0.5;
        }
        None
    }

    /// Nelder and Mead (1965) with the usual coefficients 1, 2, 1/2, 1/2.
    fn nelder_mead(&mut self, start: &Place) -> Place {
        let n = start.point.len();
        let mut simplex = vec![start.clone()];
        for i in 0..n {
            let mut point = start.point.clone();
            point[i] += 1.0;
            simplex.push(self.at(point));
        }
        for _ in 0..400 * n {
            simplex.sort_by(|a, b| a.value.total_cmp(&b.value));
            if simplex[n].value - simplex[0].value <= 1e-12 {
                break;
            }
            let centre: Vec<f64> = (0..n)
                .map(|i| simplex[..n].iter().map(|place| place.point[i]).sum::<f64>() / n as f64)
                .collect();
            let worst = simplex[n].point.clone();
            let along = |t: f64| centre.iter().zip(&worst).map(|(c, w)| c + t * (w - c)).collect();
            let reflected = self.at(along(-1.0));
            simplex[n] = if reflected.value < simplex[0].value {
                let expanded = self.at(along(-2.0));
                if expanded.value < reflected.value { expanded } else { reflected }
            } else if reflected.value < simplex[n - 1].value {
                reflected
            } else {
                let outside = reflected.value < simplex[n].value;
                let contracted = self.at(along(if outside { -0.5 } else { 0.5 }));
                if contracted.value >= simplex[n].value.min(reflected.value) {
                    self.shrink(&mut simplex);
                    continue;
                }
                contracted
            };
        }
        simplex.sort_by(|a, b| a.value.total_cmp(&b.value));
        simplex.swap_remove(0)
    }

    fn shrink(&mut self, simplex: &mut [Place]) {
        let best = simplex[0].point.clone();
        for place in &mut simplex[1..] {
            let halfway = place.point.iter().zip(&best).map(|(x, b)| 0.5 * (x + b)).collect();
            *place = self.at(halfway);
        }
    }

    /// Newton steps while they flatten the gradient; the inverse Hessian at the last place.
    fn polish(&mut self, place: &mut Place) -> Option<Vec<f64>> {
        for _ in 0..8 {
            let inverse = self.inverse_hessian(place)?;
            let step = times(&inverse, &place.gradient, -1.0);
            if step.iter().all(|d| d.abs() < 1e-12) || step.iter().any(|d| d.abs() > LONGEST_STEP) {
                return Some(inverse);
            }
            let next = self.at(place.point.iter().zip(&step).map(|(x, d)| x + d).collect());
            if !(next.value.is_finite() && next.slope() < 0.5 * place.slope()) {
                return Some(inverse);
            }
            *place = next;
        }
        self.inverse_hessian(place)
    }

    /// From central differences of the gradient, symmetrised.
    fn inverse_hessian(&mut self, place: &Place) -> Option<Vec<f64>> {
        const WIDTH: f64 = 1e-4;
        let n = place.point.len();
        let mut hessian = vec![0.0; n * n];
        for i in 0..n {
            let mut moved = [place.point.clone(), place.point.clone()];
            moved[0][i] += WIDTH;
            moved[1][i] -= WIDTH;
            let [up, down] = moved.map(|point| self.at(point).gradient);
            for j in 0..n {
                let curve = (up[j] - down[j]) / (4.0 * WIDTH);
                hessian[i * n + j] += curve;
                hessian[j * n + i] += curve;
            }
        }
        let factor = cholesky::factor(hessian, n)?;
        let columns = (0..n).map(|i| cholesky::solve_factored(&factor, unit(i, n)));
        Some(columns.flatten().collect())
    }
}

/// The update of Broyden, Fletcher, Goldfarb and Shanno, left out where the curvature is not
/// positive.
fn update(inverse: &mut [f64], moved: &[f64], turned: &[f64]) {
    let n = moved.len();
    let curve = dot(moved, turned);
    if curve <= 1e-12 * (dot(moved, moved) * dot(turned, turned)).sqrt() {
        return;
    }
    let image = times(inverse, turned, 1.0);
    let stretch = (1.0 + dot(turned, &image) / curve) / curve;
    for i in 0..n {
        for j in 0..n {
            let cross = image[i] * moved[j] + moved[i] * image[j];
            inverse[i * n + j] += stretch * moved[i] * moved[j] - cross / curve;
        }
    }
}

fn unit(i: usize, n: usize) -> Vec<f64> {
    (0..n).map(|j| f64::from(u8::from(i == j))).collect()
}

fn identity(n: usize) -> Vec<f64> {
    (0..n).flat_map(|i| unit(i, n)).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn difference(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

fn times(matrix: &[f64], vector: &[f64], scale: f64) -> Vec<f64> {
    matrix.chunks_exact(vector.len()).map(|row| scale * dot(row, vector)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// (1 - x)² + 100 (y - x²)², with its minimum at (1, 1).
    fn rosenbrock(at: &[f64], gradient: &mut [f64]) -> f64 {
        let (x, y) = (at[0], at[1]);
        let off = y - x * x;
        gradient[0] = -2.0 * (1.0 - x) - 400.0 * x * off;
        gradient[1] = 200.0 * off;
        (1.0 - x).powi(2) + 100.0 * off * off
    }

    #[test]
    fn the_valley_of_rosenbrock_is_followed_to_its_end() {
        let found = minimise(&rosenbrock, &[-1.2, 1.0]);
        assert!(found.converged && !found.used_fallback && !found.at_bound);
        assert!(found.point.iter().all(|x| (x - 1.0).abs() < 1e-9), "{:?}", found.point);
        // The Hessian at (1, 1) is [802 -400; -400 200], its inverse [0.5 1; 1 2.005].
        let inverse = found.inverse_hessian.expect("a minimum");
        for (got, expected) in inverse.iter().zip([0.5, 1.0, 1.0, 2.005]) {
            assert!((got - expected).abs() < 1e-4, "{got} {expected}");
        }
    }

    #[test]
    fn the_simplex_search_needs_no_gradient() {
        let blind = |at: &[f64], _: &mut [f64]| rosenbrock(at, &mut [0.0; 2]);
        let mut search = Search { objective: &blind, evaluations: 0 };
        let start = search.at(vec![-1.2, 1.0]);
        let end = search.nelder_mead(&start);
        assert!(end.point.iter().all(|x| (x - 1.0).abs() < 1e-4), "{:?}", end.point);
    }

    #[test]
    fn a_function_that_falls_for_ever_is_stopped_at_the_bound_and_says_so() {
        let falling = |at: &[f64], gradient: &mut [f64]| {
            gradient[0] = -1.0;
            -at[0]
        };
        let found = minimise(&falling, &[0.0]);
        // The derivative -1 + 2 (x - 10) vanishes at 10.5.
        assert!(found.at_bound && (found.point[0] - 10.5).abs() < 1e-9);
    }

    #[test]
    fn a_function_without_values_does_not_converge() {
        let broken = |_: &[f64], _: &mut [f64]| f64::NAN;
        assert!(!minimise(&broken, &[0.0, 0.0]).converged);
    }
}
