//! A tree of partial sums: draws an index in proportion to its weight in logarithmic time.

/// Weights of `n` indices in the leaves of a binary tree whose nodes hold the sums of their
/// children (Schaul et al. 2016, appendix B.2.1).
///
/// A node is always recomputed from its children and never corrected by a difference, so sums do
/// not drift, and the tree is a function of its weights, whatever the order they came in.
#[derive(Debug, Clone, PartialEq)]
pub struct SumTree {
    n_leaves: usize,
    /// Node 1 is the root, the children of node `i` are `2i` and `2i + 1`, leaves come last.
    nodes: Vec<f64>,
}

impl SumTree {
    /// `n` indices (raised to at least 1) of weight 0.
    #[must_use]
    pub fn new(n: usize) -> Self {
        let n_leaves = n.max(1).next_power_of_two();
        Self { n_leaves, nodes: vec![0.0; 2 * n_leaves] }
    }

    /// Bytes that a tree over `n` indices takes.
    #[must_use]
    pub fn bytes(n: usize) -> u64 {
        16 * (n.max(1) as u64).next_power_of_two()
    }

    /// Sum of all weights.
    #[must_use]
    pub fn total(&self) -> f64 {
        self.nodes[1]
    }

    /// Weight of an index.
    ///
    /// # Panics
    /// When the index does not exist.
    #[must_use]
    pub fn weight(&self, index: usize) -> f64 {
        self.nodes[self.n_leaves + index]
    }

    /// Changes the weight of an index; it must be finite and not negative.
    ///
    /// # Panics
    /// When the index does not exist.
    pub fn set(&mut self, index: usize, weight: f64) {
        debug_assert!(weight.is_finite() && weight >= 0.0, "weights are finite and not negative");
        let mut node = self.n_leaves + index;
        self.nodes[node] = weight;
        while node > 1 {
            node /= 2;
            self.nodes[node] = self.nodes[2 * node] + self.nodes[2 * node + 1];
        }
    }

    /// The first index at which the running sum of the weights exceeds `mass`, for `mass` in
    /// `[0, total)`. Rounding never leads to an index of weight 0 while another one has weight.
    #[must_use]
    pub fn find(&self, mass: f64) -> usize {
        let (mut node, mut mass) = (1, mass);
        while node < self.n_leaves {
            let (left, right) = (self.nodes[2 * node], self.nodes[2 * node + 1]);
            let goes_right = mass >= left && right > 0.0;
            mass -= if goes_right { left } else { 0.0 };
            node = 2 * node + usize::from(goes_right);
        }
        node - self.n_leaves
    }
}
