//! A tree of partial sums: draws an index in proportion to its weight in logarithmic time.

/// Children of a node: eight sums fill a line of the processor's cache.
const FAN_OUT: usize = 8;

/// Weights of `n` indices below nodes that hold the sums of their children (Schaul et al. 2016,
/// appendix B.2.1, with eight children instead of two).
///
/// A node is always summed up from its children and never corrected by a difference, so sums do
/// not drift, and the tree is a function of its weights, whatever the order they came in.
#[derive(Debug, Clone, PartialEq)]
pub struct SumTree {
    /// From the children of the root to the weights; the children of node `i` are `8i` to `8i + 7`
    /// of the next level.
    levels: Vec<Vec<f64>>,
}

impl SumTree {
    /// `n` indices (raised to at least 1) of weight 0.
    #[must_use]
    pub fn new(n: usize) -> Self {
        Self { levels: widths(n).into_iter().rev().map(|width| vec![0.0; width]).collect() }
    }

    /// Bytes that a tree over `n` indices takes.
    #[must_use]
    pub fn bytes(n: usize) -> u64 {
        8 * widths(n).into_iter().map(|width| width as u64).sum::<u64>()
    }

    /// Sum of all weights.
    #[must_use]
    pub fn total(&self) -> f64 {
        self.levels[0].iter().sum()
    }

    /// Weight of an index.
    ///
    /// # Panics
    /// When the index does not exist.
    #[must_use]
    pub fn weight(&self, index: usize) -> f64 {
        self.levels[self.levels.len() - 1][index]
    }

    /// Changes the weight of an index; it must be finite and not negative.
    ///
    /// # Panics
    /// When the index does not exist.
    pub fn set(&mut self, index: usize, weight: f64) {
        debug_assert!(weight.is_finite() && weight >= 0.0, "weights are finite and not negative");
        let (mut node, mut sum) = (index, weight);
        for level in self.levels.iter_mut().rev() {
            level[node] = sum;
            node /= FAN_OUT;
            sum = level[node * FAN_OUT..][..FAN_OUT].iter().sum();
        }
    }

    /// The first index at which the running sum of the weights exceeds `mass`, for `mass` in
    /// `[0, total)`. Rounding never leads to an index of weight 0 while another one has weight.
    #[must_use]
    pub fn find(&self, mass: f64) -> usize {
        let (mut node, mut mass) = (0, mass);
        for level in &self.levels {
            let children = &level[node * FAN_OUT..][..FAN_OUT];
            // The last child with weight that begins at or below the mass. Every child is looked
            // at: which one it is is random, and a wrong guess of a branch costs more.
            let (mut child, mut below, mut sum) = (0, 0.0, 0.0);
            for (at, &weight) in children.iter().enumerate() {
                let begins = (mass >= sum) & (weight > 0.0);
                child = if begins { at } else { child };
                below = if begins { sum } else { below };
                sum += weight;
            }
            mass -= below;
            node = node * FAN_OUT + child;
        }
        node
    }
}

/// Nodes of each level, whole groups of siblings, from the weights up to the children of the root.
fn widths(n: usize) -> Vec<usize> {
    let mut widths = vec![n.max(1).next_multiple_of(FAN_OUT)];
    while let Some(&width) = widths.last().filter(|&&width| width > FAN_OUT) {
        widths.push((width / FAN_OUT).next_multiple_of(FAN_OUT));
    }
    widths
}
