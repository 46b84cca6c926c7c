//! Cholesky factors of symmetric positive definite matrices, as normal equations and Hessians are.
//!
//! Matrices are row-major `[n × n]`; only the lower triangle is read.

/// Lower factor `L` with `L Lᵀ = matrix`, its upper triangle zero. `None` when a pivot is not
/// positive, that is when the matrix is singular or indefinite at working precision.
pub fn factor(mut matrix: Vec<f64>, n: usize) -> Option<Vec<f64>> {
    for row in 0..n {
        for column in 0..=row {
            let (upper, lower) = matrix.split_at(row * n);
            let pivot_row = if column == row { lower } else { &upper[column * n..] };
            let known: f64 =
                lower[..column].iter().zip(&pivot_row[..column]).map(|(a, b)| a * b).sum();
            let rest = lower[column] - known;
            let value = if column == row {
                if !(rest.is_finite() && rest > 0.0) {
                    return None;
                }
                rest.sqrt()
            } else {
                rest / pivot_row[column]
            };
            matrix[row * n + column] = value;
        }
        matrix[row * n + row + 1..(row + 1) * n].fill(0.0);
    }
    Some(matrix)
}

/// Solves `L Lᵀ x = right` from the factor.
pub fn solve_factored(factor: &[f64], mut right: Vec<f64>) -> Vec<f64> {
    let n = right.len();
    for row in 0..n {
        let known: f64 = (0..row).map(|k| factor[row * n + k] * right[k]).sum();
        right[row] = (right[row] - known) / factor[row * n + row];
    }
    back_substitute(factor, right)
}

/// Solves `Lᵀ x = right`: turns standard normals into draws with covariance `(L Lᵀ)⁻¹`.
pub fn back_substitute(factor: &[f64], mut right: Vec<f64>) -> Vec<f64> {
    let n = right.len();
    for row in (0..n).rev() {
        let known: f64 = (row + 1..n).map(|k| factor[k * n + row] * right[k]).sum();
        right[row] = (right[row] - known) / factor[row * n + row];
    }
    right
}

/// Solves `matrix · x = right`; `None` as for [`factor`].
pub fn solve(matrix: Vec<f64>, right: Vec<f64>) -> Option<Vec<f64>> {
    Some(solve_factored(&factor(matrix, right.len())?, right))
}

#[cfg(test)]
mod tests {
    use super::solve;

    #[test]
    fn a_hand_worked_system_is_solved() {
        // [4 2; 2 3] x = [10, 8] has the solution x = [1.75, 1.5].
        let x = solve(vec![4.0, 0.0, 2.0, 3.0], vec![10.0, 8.0]).expect("positive definite");
        assert!((x[0] - 1.75).abs() < 1e-14 && (x[1] - 1.5).abs() < 1e-14);
    }

    #[test]
    fn singular_and_indefinite_matrices_are_refused() {
        assert!(solve(vec![1.0, 0.0, 1.0, 1.0], vec![1.0, 1.0]).is_none());
        assert!(solve(vec![-1.0], vec![1.0]).is_none());
        assert!(solve(vec![f64::NAN], vec![1.0]).is_none());
    }
}
