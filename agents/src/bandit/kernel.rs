//! Inner loops over rows of `f64`: one fixed order of sums, so that every machine computes the same
//! bytes, in a shape that the compiler turns into vector instructions.
//!
//! Rows are padded with zeros to a multiple of [`LANES`]. Callers run these functions inside
//! `pulp::Arch::dispatch`, which picks the widest instruction set at run time. Products are not
//! fused with sums: a fused result would differ between machines.

/// Numbers per vector register with AVX2.
pub(super) const LANES: usize = 4;

/// Length of a row of `n` numbers after padding.
pub(super) fn padded(n: usize) -> usize {
    n.next_multiple_of(LANES)
}

/// `Σ a_i b_i` of two padded rows, with one running sum per lane.
#[inline(always)]
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; LANES];
    for (a, b) in a.chunks_exact(LANES).zip(b.chunks_exact(LANES)) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    (sums[0] + sums[2]) + (sums[1] + sums[3])
}

/// `out = A x` for the rows of `A`, shape `[n, x.len()]`; what lies beyond `n` in `out` stays.
#[inline(always)]
pub(super) fn multiply(rows: &[f64], x: &[f64], out: &mut [f64]) {
    for (row, out) in rows.chunks_exact(x.len()).zip(out) {
        *out = dot(row, x);
    }
}

/// `xᵀ A x`.
#[inline(always)]
pub(super) fn quadratic(rows: &[f64], x: &[f64]) -> f64 {
    let weighted = rows.chunks_exact(x.len()).zip(x).map(|(row, x_i)| x_i * dot(row, x));
    weighted.sum::<f64>()
}

/// `A ← A − v vᵀ`, which keeps a symmetric matrix symmetric to the last bit.
#[inline(always)]
pub(super) fn subtract_outer(rows: &mut [f64], v: &[f64]) {
    for (row, v_i) in rows.chunks_exact_mut(v.len()).zip(v) {
        for (value, v_j) in row.iter_mut().zip(v) {
            *value -= v_i * v_j;
        }
    }
}

/// `a ← a + scale · b`.
#[inline(always)]
pub(super) fn add_scaled(a: &mut [f64], scale: f64, b: &[f64]) {
    for (a, b) in a.iter_mut().zip(b) {
        *a += scale * b;
    }
}
