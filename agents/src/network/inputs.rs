//! Observations brought to scale, and the numbers among them that are not zero.

use crate::error::{AgentError, same_length};
use crate::normalisation::Normalisation;
use promopt_policies::mlp::normalised;
use pulp::{Arch, Simd, WithSimd};

/// Narrower observations are not looked through for zeros.
const SPARSE_WIDTH: usize = 32;
/// At most one number in so many is not zero in a sparse batch.
const SPARSE_SHARE: usize = 16;

/// A batch of observations as it enters the first layer. Where nearly all numbers are zeros, as in
/// one-hot observations, only the others are gone through, forth and back. Several networks that
/// share a normalisation can share it: that work is then done once.
#[derive(Debug, Default)]
pub struct Inputs {
    /// Rows of the batch.
    pub(super) n: usize,
    /// Shape `[n, n_features]`.
    pub(super) values: Vec<f32>,
    /// Feature and value of what is not zero, row by row, when the batch is sparse.
    entries: Vec<(u32, f32)>,
    /// Where the entries of each row end, shape `[n]`; empty when the batch is not sparse.
    ends: Vec<u32>,
}

impl Inputs {
    /// Takes raw observations, shape `[n, n_features]`, row-major, in place of what was there.
    ///
    /// # Errors
    /// [`AgentError::Shape`] when the observations are no whole number of rows, or none, or the
    /// normalisation has no features.
    pub fn fill(
        &mut self,
        observations: &[f32],
        normalisation: &Normalisation,
    ) -> Result<(), AgentError> {
        let Normalisation { mean, scale } = normalisation;
        let n_features = mean.len();
        if n_features == 0 {
            return same_length("the normalisation", 1, n_features);
        }
        self.n = observations.len() / n_features;
        same_length("the observations", self.n.max(1) * n_features, observations.len())?;
        self.values.resize(observations.len(), 0.0);
        let rows =
            self.values.chunks_exact_mut(n_features).zip(observations.chunks_exact(n_features));
        for (to, from) in rows {
            to.iter_mut().zip(normalised(from, mean, scale)).for_each(|(to, x)| *to = x);
        }
        self.find_entries(n_features);
        Ok(())
    }

    fn find_entries(&mut self, n_features: usize) {
        self.entries.clear();
        self.ends.clear();
        if n_features < SPARSE_WIDTH {
            return;
        }
        let most = self.values.len() / SPARSE_SHARE;
        for row in self.values.chunks_exact(n_features) {
            for (at, chunk) in row.chunks(SPARSE_WIDTH).enumerate() {
                // All bits but the sign: one pass of wide instructions over what is mostly zeros.
                if chunk.iter().fold(0, |bits, value| bits | value.to_bits() << 1) == 0 {
                    continue;
                }
                let numbers = chunk.iter().enumerate().filter(|(_, value)| **value != 0.0);
                let feature = |k: usize| (at * SPARSE_WIDTH + k) as u32;
                self.entries.extend(numbers.map(|(k, &value)| (feature(k), value)));
            }
            if self.entries.len() >= most {
                return self.ends.clear();
            }
            self.ends.push(self.entries.len() as u32);
        }
    }

    /// Whether [`Inputs::multiply`] and [`Inputs::add_products`] may be used.
    pub(super) fn is_sparse(&self) -> bool {
        !self.ends.is_empty()
    }

    /// `max(0, bias + values · weight)` of sparse values, or without the maximum, shape
    /// `[n, columns]`. The bits are those of the dense product.
    pub(super) fn multiply(&self, weight: &[f32], bias: &[f32], relu: bool, output: &mut [f32]) {
        Arch::new().dispatch(Multiples { inputs: self, weight, bias, relu, output });
    }

    /// Adds `valuesᵀ · gradient` of sparse values to `sums`, shape `[n_features, columns]`, for a
    /// gradient of shape `[n, columns]`. The bits are those of the dense product.
    pub(super) fn add_products(&self, gradient: &[f32], columns: usize, sums: &mut [f32]) {
        Arch::new().dispatch(Products { inputs: self, gradient, columns, sums });
    }
}

/// [`Inputs::multiply`], compiled for the widest instructions there are.
struct Multiples<'a> {
    inputs: &'a Inputs,
    weight: &'a [f32],
    bias: &'a [f32],
    relu: bool,
    output: &'a mut [f32],
}

impl WithSimd for Multiples<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        let Self { inputs, weight, bias, relu, output } = self;
        let columns = bias.len();
        let mut start = 0;
        for (sums, &end) in output.chunks_exact_mut(columns).zip(&inputs.ends) {
            sums.copy_from_slice(bias);
            for &(feature, value) in &inputs.entries[start..end as usize] {
                add_multiple(value, &weight[feature as usize * columns..][..columns], sums);
            }
            start = end as usize;
            if relu {
                for sum in sums {
                    *sum = if *sum < 0.0 { 0.0 } else { *sum };
                }
            }
        }
    }
}

/// [`Inputs::add_products`], likewise.
struct Products<'a> {
    inputs: &'a Inputs,
    gradient: &'a [f32],
    columns: usize,
    sums: &'a mut [f32],
}

impl WithSimd for Products<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        let Self { inputs, gradient, columns, sums } = self;
        let mut start = 0;
        for (gradient, &end) in gradient.chunks_exact(columns).zip(&inputs.ends) {
            for &(feature, value) in &inputs.entries[start..end as usize] {
                add_multiple(value, gradient, &mut sums[feature as usize * columns..][..columns]);
            }
            start = end as usize;
        }
    }
}

#[inline(always)]
fn add_multiple(value: f32, row: &[f32], sums: &mut [f32]) {
    for (sum, number) in sums.iter_mut().zip(row) {
        *sum = value.mul_add(*number, *sum);
    }
}
