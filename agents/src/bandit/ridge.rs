//! Ridge regressions side by side, each updated by one example at a time.

use super::kernel::{add_scaled, dot, multiply, padded, quadratic, subtract_outer};
use pulp::Arch;

/// `n_models` Gaussian beliefs `N(θ_m, A_m⁻¹)` over weights, in one stretch of memory.
///
/// With weighted examples `(x, y, w)`, `A = λI + Σ w x xᵀ` and `θ = A⁻¹ Σ w x y`. `A⁻¹` is kept by
/// the identity of Sherman and Morrison (1950), in `O(d²)` an example and without allocation:
/// `A⁻¹ ← A⁻¹ − g (A⁻¹x)(A⁻¹x)ᵀ` and `θ ← θ + g A⁻¹x (y − xᵀθ)` with `g = w / (1 + w xᵀA⁻¹x)`.
/// Vectors are padded: [`RidgeBank::width`] numbers, zeros beyond the dimension.
#[derive(Debug, Clone)]
pub(super) struct RidgeBank {
    dim: usize,
    width: usize,
    /// Shape `[n_models, dim, width]`.
    inverse: Vec<f64>,
    /// Shape `[n_models, width]`.
    theta: Vec<f64>,
    /// `A⁻¹x` of the latest example.
    projected: Vec<f64>,
    arch: Arch,
}

impl RidgeBank {
    /// The prior `N(0, I / ridge)` for each model.
    pub(super) fn new(n_models: usize, dim: usize, ridge: f64) -> Self {
        let width = padded(dim);
        let mut inverse = vec![0.0; n_models * dim * width];
        for block in inverse.chunks_exact_mut((dim * width).max(1)) {
            block.iter_mut().step_by(width + 1).for_each(|diagonal| *diagonal = 1.0 / ridge);
        }
        let (theta, projected) = (vec![0.0; n_models * width], vec![0.0; width]);
        Self { dim, width, inverse, theta, projected, arch: Arch::new() }
    }

    /// Numbers in a padded vector.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// Mean weights of a model, shape `[dim]`.
    pub(super) fn theta(&self, model: usize) -> &[f64] {
        &self.theta[model * self.width..][..self.dim]
    }

    /// Everything that was learned: `[inverse, theta]`.
    pub(super) fn state(&self) -> [&[f64]; 2] {
        [&self.inverse, &self.theta]
    }

    /// As [`RidgeBank::state`], to be overwritten by what was saved.
    pub(super) fn state_mut(&mut self) -> [&mut [f64]; 2] {
        [&mut self.inverse, &mut self.theta]
    }

    /// `xᵀθ_m` of every model for one vector.
    pub(super) fn means(&self, x: &[f64], means: &mut [f64]) {
        self.arch.dispatch(|| multiply(&self.theta, x, means));
    }

    /// `xᵀθ` of one model for each of the vectors in `x`, shape `[n, width]`.
    pub(super) fn means_of(&self, model: usize, x: &[f64], means: &mut [f64]) {
        let theta = self.parts(model).1;
        self.arch.dispatch(|| multiply(x, theta, means));
    }

    /// `xᵀA⁻¹x_b` under the first model for each vector `x_b` of `others`, shape `[n, width]`.
    pub(super) fn covariances(&mut self, x: &[f64], others: &[f64], out: &mut [f64]) {
        let inverse = &self.inverse[..self.dim * self.width];
        let projected = &mut self.projected;
        self.arch.dispatch(|| {
            multiply(inverse, x, projected);
            multiply(others, projected, out);
        });
    }

    /// `xᵀθ_m` and `xᵀA_m⁻¹x` of every model for one vector.
    pub(super) fn beliefs(&self, x: &[f64], means: &mut [f64], variances: &mut [f64]) {
        let block = self.dim * self.width;
        self.arch.dispatch(|| {
            multiply(&self.theta, x, means);
            for (inverse, variance) in self.inverse.chunks_exact(block).zip(variances) {
                *variance = quadratic(inverse, x).max(0.0);
            }
        });
    }

    /// `xᵀθ` and `xᵀA⁻¹x` of one model.
    pub(super) fn belief(&self, model: usize, x: &[f64]) -> (f64, f64) {
        let (inverse, theta) = self.parts(model);
        self.arch.dispatch(|| (dot(theta, x), quadratic(inverse, x).max(0.0)))
    }

    /// One example of weight `w` above 0.
    pub(super) fn learn(&mut self, model: usize, x: &[f64], y: f64, w: f64) {
        self.shift(model, x, |mean, variance| {
            let gain = w / (1.0 + w * variance);
            (gain * (y - mean), gain)
        });
    }

    /// `θ ← θ + s A⁻¹x` and `A⁻¹ ← A⁻¹ − g (A⁻¹x)(A⁻¹x)ᵀ`, where `step` chooses `(s, g)`, `g` not
    /// negative, from the mean and the variance at `x`.
    pub(super) fn shift(&mut self, model: usize, x: &[f64], step: impl Fn(f64, f64) -> (f64, f64)) {
        let block = self.dim * self.width;
        let inverse = &mut self.inverse[model * block..][..block];
        let theta = &mut self.theta[model * self.width..][..self.width];
        let projected = &mut self.projected;
        self.arch.dispatch(|| {
            multiply(inverse, x, projected);
            let (scale, gain) = step(dot(theta, x), dot(projected, x));
            add_scaled(theta, scale, projected);
            let root = gain.sqrt();
            projected.iter_mut().for_each(|value| *value *= root);
            subtract_outer(inverse, projected);
        });
    }

    fn parts(&self, model: usize) -> (&[f64], &[f64]) {
        let block = self.dim * self.width;
        (&self.inverse[model * block..][..block], &self.theta[model * self.width..][..self.width])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use promopt_envs::SeedTree;
    use rand::Rng;

    fn padded_row(x: &[f64]) -> Vec<f64> {
        let mut row = x.to_vec();
        row.resize(padded(x.len()), 0.0);
        row
    }

    #[test]
    fn two_rewards_give_the_hand_worked_regression() {
        // λ = 1, x = (1, 1) then (1, −1), y = 2 then 0: A = 3I, Σ x y = (2, 2), θ = (2/3, 2/3).
        let mut ridge = RidgeBank::new(2, 2, 1.0);
        ridge.learn(1, &padded_row(&[1.0, 1.0]), 2.0, 1.0);
        ridge.learn(1, &padded_row(&[1.0, -1.0]), 0.0, 1.0);
        for theta in ridge.theta(1) {
            assert!((theta - 2.0 / 3.0).abs() < 1e-12);
        }
        assert_eq!(ridge.theta(0), [0.0, 0.0]);
        let (mean, variance) = ridge.belief(1, &padded_row(&[3.0, 0.0]));
        assert!((mean - 2.0).abs() < 1e-12 && (variance - 3.0).abs() < 1e-12);
    }

    #[test]
    fn a_weight_of_three_is_three_equal_examples() {
        let x = padded_row(&[0.5, -1.0, 2.0, 0.1, 1.0]);
        let (mut once, mut thrice) = (RidgeBank::new(1, 5, 0.7), RidgeBank::new(1, 5, 0.7));
        once.learn(0, &x, 1.5, 3.0);
        (0..3).for_each(|_| thrice.learn(0, &x, 1.5, 1.0));
        for (a, b) in once.state().iter().zip(thrice.state()) {
            a.iter().zip(b).for_each(|(a, b)| assert!((a - b).abs() < 1e-12));
        }
    }

    #[test]
    fn the_inverse_stays_an_inverse_and_symmetric_over_100_000_examples() {
        let (n, dim) = (100_000, 6);
        let mut ridge = RidgeBank::new(1, dim, 1.0);
        let mut rng = SeedTree::new(3).stream();
        let mut a = vec![0.0; dim * dim];
        (0..dim).for_each(|i| a[i * (dim + 1)] = 1.0);
        for _ in 0..n {
            let x: Vec<f64> = (0..dim).map(|_| rng.random_range(-1.0..1.0)).collect();
            for i in 0..dim {
                (0..dim).for_each(|j| a[i * dim + j] += x[i] * x[j]);
            }
            ridge.learn(0, &padded_row(&x), 0.0, 1.0);
        }
        let width = ridge.width();
        let inverse = ridge.state()[0];
        for i in 0..dim {
            for j in 0..dim {
                let product: f64 = (0..dim).map(|k| a[i * dim + k] * inverse[k * width + j]).sum();
                let identity = if i == j { 1.0 } else { 0.0 };
                assert!((product - identity).abs() < 1e-9, "{product}");
                assert_eq!(inverse[i * width + j], inverse[j * width + i]);
            }
        }
    }
}
