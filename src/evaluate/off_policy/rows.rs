//! One row of numbers per decision, or one that many decisions share.

/// A table `[k, width]`, row-major, and which of its rows belongs to each decision.
///
/// Probabilities that depend on nothing but a segment or a position are stored once: a log of
/// millions of decisions over 80 actions and 3 positions then takes 240 numbers, not gigabytes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Rows {
    width: usize,
    values: Vec<f64>,
    /// Row of each decision; `None` when the table has one row per decision, in order.
    of_decision: Option<Vec<u32>>,
}

impl Rows {
    /// One row per decision. The caller has checked that `values` is a multiple of `width`.
    pub(super) fn own(width: usize, values: Vec<f64>) -> Self {
        Self { width, values, of_decision: None }
    }

    /// Shared rows. The caller has checked that every index is below the number of rows.
    pub(super) fn shared(width: usize, values: Vec<f64>, of_decision: Vec<u32>) -> Self {
        Self { width, values, of_decision: Some(of_decision) }
    }

    /// Numbers of one decision, shape `[width]`.
    pub(super) fn row(&self, decision: usize) -> &[f64] {
        let at = self.of_decision.as_ref().map_or(decision, |rows| rows[decision] as usize);
        &self.values[at * self.width..][..self.width]
    }

    /// Number of decisions.
    pub(super) fn len(&self) -> usize {
        self.of_decision.as_ref().map_or(self.values.len() / self.width, Vec::len)
    }

    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// The table itself, whoever shares its rows.
    pub(super) fn table(&self) -> &[f64] {
        &self.values
    }
}
