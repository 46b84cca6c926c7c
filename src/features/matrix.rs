//! A flat row-major matrix: what clustering reads and what a heat map is drawn from.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

/// Numbers in rows of equal length, row-major, shape `[n_rows, n_columns]`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Matrix {
    n_columns: usize,
    values: Vec<f64>,
}

impl Matrix {
    /// An empty matrix of this width.
    #[must_use]
    pub fn new(n_columns: usize) -> Self {
        Self { n_columns, values: Vec::new() }
    }

    /// The matrix with these rows; `None` when they differ in length.
    #[must_use]
    pub fn from_rows<R: AsRef<[f64]>>(rows: &[R]) -> Option<Self> {
        let mut matrix = Self::new(rows.first().map_or(0, |row| row.as_ref().len()));
        rows.iter().all(|row| matrix.push(row.as_ref())).then_some(matrix)
    }

    /// Appends a row; false, and no change, when its length is not [`n_columns`](Self::n_columns).
    #[must_use]
    pub fn push(&mut self, row: &[f64]) -> bool {
        let fits = row.len() == self.n_columns;
        if fits {
            self.values.extend_from_slice(row);
        }
        fits
    }

    /// Number of rows; 0 for a matrix without columns.
    #[must_use]
    pub fn n_rows(&self) -> usize {
        self.values.len().checked_div(self.n_columns).unwrap_or(0)
    }

    /// Number of columns.
    #[must_use]
    pub fn n_columns(&self) -> usize {
        self.n_columns
    }

    /// Row `index`.
    #[must_use]
    pub fn row(&self, index: usize) -> &[f64] {
        &self.values[index * self.n_columns..(index + 1) * self.n_columns]
    }

    /// Row `index`, to write.
    pub(crate) fn row_mut(&mut self, index: usize) -> &mut [f64] {
        &mut self.values[index * self.n_columns..(index + 1) * self.n_columns]
    }

    /// All rows in order.
    pub fn rows(&self) -> std::slice::ChunksExact<'_, f64> {
        self.values.chunks_exact(self.n_columns.max(1))
    }

    /// Column `index`, copied.
    #[must_use]
    pub fn column(&self, index: usize) -> Vec<f64> {
        self.rows().map(|row| row[index]).collect()
    }

    /// The rows at these positions, in this order.
    #[must_use]
    pub fn select(&self, order: &[usize]) -> Self {
        let values = order.iter().flat_map(|&index| self.row(index).iter().copied()).collect();
        Self { n_columns: self.n_columns, values }
    }

    /// Positions of the rows in lexicographic order, equal rows in the order they stand.
    ///
    /// Working through rows in this order makes sums, and so results, independent of the order in
    /// which a file happened to list them.
    #[must_use]
    pub fn sorted_order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.n_rows()).collect();
        order.sort_by(|&a, &b| compare_rows(self.row(a), self.row(b)));
        order
    }

    /// Number of rows that differ from one another.
    #[must_use]
    pub fn n_distinct_rows(&self) -> usize {
        let mut rows: Vec<&[f64]> = self.rows().collect();
        rows.sort_by(|a, b| compare_rows(a, b));
        rows.dedup();
        rows.len()
    }

    /// Row and column of the first value that is not finite.
    #[must_use]
    pub fn first_not_finite(&self) -> Option<(usize, usize)> {
        let at = self.values.iter().position(|value| !value.is_finite())?;
        Some((at / self.n_columns, at % self.n_columns))
    }
}

/// Lexicographic order of two rows.
#[must_use]
pub fn compare_rows(a: &[f64], b: &[f64]) -> Ordering {
    let mut pairs = a.iter().zip(b).map(|(x, y)| x.total_cmp(y));
    pairs.find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

/// Squared Euclidean distance Σ (aⱼ − bⱼ)².
#[must_use]
pub fn squared_distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| (x - y) * (x - y)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_sorted_counted_and_selected() {
        let matrix = Matrix::from_rows(&[[2.0, 0.0], [1.0, 5.0], [1.0, 3.0], [1.0, 5.0]])
            .expect("rows of equal length");
        assert_eq!(matrix.sorted_order(), [2, 1, 3, 0]);
        assert_eq!(matrix.n_distinct_rows(), 3);
        assert_eq!(matrix.select(&[3, 0]).column(1), [5.0, 0.0]);
        assert_eq!(matrix.first_not_finite(), None);
    }

    #[test]
    fn ragged_rows_are_refused() {
        assert!(Matrix::from_rows(&[vec![1.0], vec![1.0, 2.0]]).is_none());
        assert_eq!(Matrix::new(0).n_rows(), 0);
    }

    #[test]
    fn the_first_value_that_is_not_finite_is_located() {
        let matrix = Matrix::from_rows(&[[0.0, 1.0], [2.0, f64::NAN]]).expect("equal length");
        assert_eq!(matrix.first_not_finite(), Some((1, 1)));
    }
}
