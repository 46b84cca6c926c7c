//! Dense products in safe `f32`: register tiles over packed panels, with the fused ends of a layer.
//!
//! Every output element is one chain of fused multiply-adds in the order of the summed index,
//! whatever the vector width, the tile or the number of rows: a batch and its rows one by one give
//! the same bits. The widest instructions of the processor are chosen at run time.
#![allow(
    clippy::needless_range_loop,
    reason = "loops over a constant range are unrolled early, and then sums stay in registers"
)]

use pulp::{Arch, Simd, WithSimd};

/// Rows of a register tile: 6 × 2 vectors leave room for two loads and a broadcast in 16 registers.
const TILE_ROWS: usize = 6;

/// What the sums start from.
#[derive(Debug, Clone, Copy)]
pub(super) enum Start<'a> {
    /// Nothing.
    Zero,
    /// A row that is the same for all, shape `[columns]`.
    Bias(&'a [f32]),
    /// What is there already.
    Output,
}

/// What happens to the sums at the end.
#[derive(Debug, Clone, Copy)]
pub(super) enum Finish<'a> {
    /// Nothing.
    Keep,
    /// `max(0, ·)`.
    Relu,
    /// Zero where the given values, shape `[rows, columns]`, are not above zero.
    Gate(&'a [f32]),
}

/// A row-major matrix, or the transpose of one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Matrix<'a> {
    /// The stored numbers.
    pub(super) values: &'a [f32],
    /// Numbers per stored row.
    pub(super) width: usize,
    /// Whether the transpose is meant.
    pub(super) transposed: bool,
}

impl<'a> Matrix<'a> {
    /// The matrix as stored.
    pub(super) fn new(values: &'a [f32], width: usize) -> Self {
        Self { values, width, transposed: false }
    }

    /// The transpose of what is stored.
    pub(super) fn transpose(values: &'a [f32], width: usize) -> Self {
        Self { values, width, transposed: true }
    }
}

/// `output = finish(start + left · right)`, shapes `[rows, depth] · [depth, columns]`.
#[derive(Debug)]
pub(super) struct Product<'a> {
    pub(super) left: Matrix<'a>,
    pub(super) right: Matrix<'a>,
    pub(super) depth: usize,
    pub(super) columns: usize,
    pub(super) start: Start<'a>,
    pub(super) finish: Finish<'a>,
    /// Scratch memory.
    pub(super) panel: &'a mut Vec<f32>,
    pub(super) output: &'a mut [f32],
}

impl Product<'_> {
    /// Computes it with the widest instructions there are.
    pub(super) fn run(self) {
        Arch::new().dispatch(self);
    }

    #[inline(always)]
    fn rows(&self) -> usize {
        self.output.len() / self.columns.max(1)
    }

    /// The columns of `right` from `first` on as `[depth, width]`, with zeros beyond the last one.
    #[inline(always)]
    fn pack(&mut self, first: usize, width: usize) {
        let used = width.min(self.columns - first);
        self.panel.clear();
        self.panel.resize(self.depth * width, 0.0);
        let right = self.right;
        if right.transposed {
            let rows = &right.values[first * right.width..];
            for (k, to) in self.panel.chunks_exact_mut(width).enumerate() {
                for (at, to) in to[..used].iter_mut().enumerate() {
                    *to = rows[at * right.width + k];
                }
            }
        } else {
            let rows = right.values.chunks_exact(right.width);
            for (to, from) in self.panel.chunks_exact_mut(width).zip(rows) {
                to[..used].copy_from_slice(&from[first..first + used]);
            }
        }
    }

    /// All tiles of the panel that is packed.
    #[inline(always)]
    fn sweep<S: Simd, const VECTORS: usize>(&mut self, simd: S, first_column: usize) {
        let rows = self.rows();
        let mut row = 0;
        while row < rows {
            let at = (row, first_column);
            row += match rows - row {
                1 => self.tile::<S, 1, VECTORS>(simd, at),
                2 => self.tile::<S, 2, VECTORS>(simd, at),
                3 => self.tile::<S, 3, VECTORS>(simd, at),
                4 => self.tile::<S, 4, VECTORS>(simd, at),
                5 => self.tile::<S, 5, VECTORS>(simd, at),
                _ => self.tile::<S, TILE_ROWS, VECTORS>(simd, at),
            };
        }
    }

    /// One tile of `ROWS × VECTORS` vectors; returns `ROWS`.
    #[inline(always)]
    fn tile<S: Simd, const ROWS: usize, const VECTORS: usize>(
        &mut self,
        simd: S,
        (first_row, first_column): (usize, usize),
    ) -> usize {
        let used = (VECTORS * S::F32_LANES).min(self.columns - first_column);
        let columns = self.columns;
        let span = |q: usize| {
            let from = (first_row + q) * columns + first_column;
            from..from + used
        };
        let mut sums = [[simd.splat_f32s(0.0); VECTORS]; ROWS];
        match self.start {
            Start::Zero => {}
            Start::Bias(bias) => {
                let bias = load::<S, VECTORS>(simd, &bias[first_column..first_column + used]);
                sums = [bias; ROWS];
            }
            Start::Output => {
                for (q, sum) in sums.iter_mut().enumerate() {
                    *sum = load::<S, VECTORS>(simd, &self.output[span(q)]);
                }
            }
        }
        let sums = self.accumulate::<S, ROWS, VECTORS>(simd, first_row, sums);
        for q in 0..ROWS {
            let span = span(q);
            let sum = self.finished::<S, VECTORS>(simd, span.clone(), sums[q]);
            store::<S, VECTORS>(simd, &mut self.output[span], &sum);
        }
        ROWS
    }

    /// What becomes of the sums of one row of a tile.
    #[inline(always)]
    fn finished<S: Simd, const VECTORS: usize>(
        &self,
        simd: S,
        span: std::ops::Range<usize>,
        mut sum: [S::f32s; VECTORS],
    ) -> [S::f32s; VECTORS] {
        let zero = simd.splat_f32s(0.0);
        match self.finish {
            Finish::Keep => {}
            Finish::Relu => relu(simd, &mut sum),
            Finish::Gate(gate) => {
                let gate = load::<S, VECTORS>(simd, &gate[span]);
                for v in 0..VECTORS {
                    let open = simd.greater_than_f32s(gate[v], zero);
                    sum[v] = simd.select_f32s(open, sum[v], zero);
                }
            }
        }
        sum
    }

    /// The sums of one tile. They go in and out by value: an array that is also indexed by a
    /// variable elsewhere would be kept in memory all along.
    #[inline(always)]
    fn accumulate<S: Simd, const ROWS: usize, const VECTORS: usize>(
        &self,
        simd: S,
        first_row: usize,
        mut sums: [[S::f32s; VECTORS]; ROWS],
    ) -> [[S::f32s; VECTORS]; ROWS] {
        let panel = S::as_simd_f32s(self.panel).0.as_chunks::<VECTORS>().0;
        if self.left.transposed {
            // By index: an iterator over both would be called, and the sums kept in memory for it.
            for (k, right) in panel.iter().enumerate() {
                let row = &self.left.values[k * self.left.width + first_row..][..ROWS];
                for q in 0..ROWS {
                    multiply_add(simd, row[q], right, &mut sums[q]);
                }
            }
        } else {
            let mut rows: [&[f32]; ROWS] = [&[]; ROWS];
            for (q, row) in rows.iter_mut().enumerate() {
                *row = &self.left.values[(first_row + q) * self.left.width..][..panel.len()];
            }
            for (k, right) in panel.iter().enumerate() {
                for q in 0..ROWS {
                    multiply_add(simd, rows[q][k], right, &mut sums[q]);
                }
            }
        }
        sums
    }

    /// A few rows against a matrix that is read where it lies.
    #[inline(always)]
    fn rows_in_place<S: Simd>(&mut self, simd: S) {
        let lanes = S::F32_LANES;
        for row in 0..self.rows() {
            let mut column = 0;
            while column < self.columns {
                let left = self.columns - column;
                let at = (row, column);
                column += if left >= 8 * lanes {
                    self.row_block::<S, 8>(simd, at)
                } else if left >= 4 * lanes {
                    self.row_block::<S, 4>(simd, at)
                } else if left >= 2 * lanes {
                    self.row_block::<S, 2>(simd, at)
                } else {
                    self.row_block::<S, 1>(simd, at)
                };
            }
        }
    }

    #[inline(always)]
    fn row_block<S: Simd, const VECTORS: usize>(
        &mut self,
        simd: S,
        (row, first): (usize, usize),
    ) -> usize {
        let used = (VECTORS * S::F32_LANES).min(self.columns - first);
        let span = row * self.columns + first..row * self.columns + first + used;
        let mut sum = match self.start {
            Start::Zero => [simd.splat_f32s(0.0); VECTORS],
            Start::Bias(bias) => load::<S, VECTORS>(simd, &bias[first..first + used]),
            Start::Output => load::<S, VECTORS>(simd, &self.output[span.clone()]),
        };
        let left = &self.left.values[row * self.left.width..][..self.depth];
        for (&value, right) in left.iter().zip(self.right.values.chunks_exact(self.right.width)) {
            let right = &right[first..first + used];
            match S::as_simd_f32s(right).0.first_chunk::<VECTORS>() {
                Some(right) => multiply_add(simd, value, right, &mut sum),
                None => {
                    let right = load::<S, VECTORS>(simd, right);
                    multiply_add(simd, value, &right, &mut sum);
                }
            }
        }
        if let Finish::Relu = self.finish {
            relu(simd, &mut sum);
        }
        store::<S, VECTORS>(simd, &mut self.output[span], &sum);
        used
    }

    /// Whether packing would cost more than it saves.
    #[inline(always)]
    fn reads_in_place(&self) -> bool {
        let plain = !self.left.transposed && !self.right.transposed;
        plain && self.rows() < 4 && !matches!(self.finish, Finish::Gate(_))
    }
}

impl WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        if self.reads_in_place() {
            return self.rows_in_place(simd);
        }
        let lanes = S::F32_LANES;
        let mut column = 0;
        while column < self.columns {
            if self.columns - column > lanes {
                self.pack(column, 2 * lanes);
                self.sweep::<S, 2>(simd, column);
                column += 2 * lanes;
            } else {
                self.pack(column, lanes);
                self.sweep::<S, 1>(simd, column);
                column += lanes;
            }
        }
    }
}

#[inline(always)]
fn multiply_add<S: Simd, const VECTORS: usize>(
    simd: S,
    value: f32,
    right: &[S::f32s; VECTORS],
    sum: &mut [S::f32s; VECTORS],
) {
    let value = simd.splat_f32s(value);
    for v in 0..VECTORS {
        sum[v] = simd.mul_add_f32s(value, right[v], sum[v]);
    }
}

/// `max(0, ·)`; a value that is not a number stays one, so that divergence is seen.
#[inline(always)]
fn relu<S: Simd, const VECTORS: usize>(simd: S, sum: &mut [S::f32s; VECTORS]) {
    let zero = simd.splat_f32s(0.0);
    for v in 0..VECTORS {
        let below = simd.less_than_f32s(sum[v], zero);
        sum[v] = simd.select_f32s(below, zero, sum[v]);
    }
}

/// Up to `VECTORS` vectors, zeros beyond the end.
#[inline(always)]
fn load<S: Simd, const VECTORS: usize>(simd: S, values: &[f32]) -> [S::f32s; VECTORS] {
    let mut out = [simd.splat_f32s(0.0); VECTORS];
    let (whole, rest) = S::as_simd_f32s(values);
    if let Some(whole) = whole.first_chunk::<VECTORS>() {
        return *whole;
    }
    out[..whole.len()].copy_from_slice(whole);
    out[whole.len()] = simd.partial_load_f32s(rest);
    out
}

/// The other way round.
#[inline(always)]
fn store<S: Simd, const VECTORS: usize>(simd: S, values: &mut [f32], vectors: &[S::f32s; VECTORS]) {
    let (whole, rest) = S::as_mut_simd_f32s(values);
    let n = whole.len();
    if let Some(whole) = whole.first_chunk_mut::<VECTORS>() {
        *whole = *vectors;
        return;
    }
    whole.copy_from_slice(&vectors[..n]);
    simd.partial_store_f32s(rest, vectors[n]);
}

/// Adds every row of `values`, shape `[n, columns]`, to `sums`.
pub(super) fn add_rows(values: &[f32], sums: &mut [f32]) {
    Arch::new().dispatch(|| {
        for row in values.chunks_exact(sums.len()) {
            sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
        }
    });
}
