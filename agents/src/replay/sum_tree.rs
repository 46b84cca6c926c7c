//! A tree of partial sums: draws an index in proportion to its weight in logarithmic time.

/// Children of a node: eight sums fill a line of the processor's cache.
const FAN_OUT: usize = 8;

/// Changed groups of siblings that are remembered at most before their sums are made up for.
const MOST_STALE: usize = 4_096;

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
    /// Groups of sibling weights that changed since their sums were right.
    stale: Vec<u32>,
}

impl SumTree {
    /// `n` indices (raised to at least 1) of weight 0.
    #[must_use]
    pub fn new(n: usize) -> Self {
        let levels = widths(n).into_iter().rev().map(|width| vec![0.0; width]).collect();
        Self { levels, stale: Vec::new() }
    }

    /// Bytes that a tree over `n` indices takes.
    #[must_use]
    pub fn bytes(n: usize) -> u64 {
        8 * widths(n).into_iter().map(|width| width as u64).sum::<u64>()
    }

    /// Sum of all weights as of the last [`settle`](Self::settle).
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

    /// Changes the weight of an index; it must be finite and not negative. Sums follow at
    /// [`settle`](Self::settle).
    ///
    /// # Panics
    /// When the index does not exist.
    pub fn set(&mut self, index: usize, weight: f64) {
        debug_assert!(weight.is_finite() && weight >= 0.0, "weights are finite and not negative");
        let leaves = self.levels.len() - 1;
        self.levels[leaves][index] = weight;
        let group = (index / FAN_OUT) as u32;
        if self.stale.last() != Some(&group) {
            if self.stale.len() == MOST_STALE {
                self.settle();
            }
            self.stale.push(group);
        }
    }

    /// Sums up the nodes above every changed weight.
    pub fn settle(&mut self) {
        for at in (1..self.levels.len()).rev() {
            let (above, below) = self.levels.split_at_mut(at);
            let (parents, children) = (&mut above[at - 1], &below[0]);
            for node in &mut self.stale {
                let place = *node as usize;
                parents[place] = children[place * FAN_OUT..][..FAN_OUT].iter().sum();
                *node /= FAN_OUT as u32;
            }
            self.stale.dedup();
        }
        self.stale.clear();
    }

    /// The first index at which the running sum of the weights exceeds `mass`, for `mass` in
    /// `[0, total)`. Rounding never leads to an index of weight 0 while another one has weight.
    #[must_use]
    pub fn find(&self, mass: f64) -> usize {
        let mut found = [0];
        self.find_all(&mut [mass], &mut found);
        found[0] as usize
    }

    /// [`find`](Self::find) for each of the masses, which are used up.
    ///
    /// # Panics
    /// When there is not one place per mass in `found`.
    pub fn find_all(&self, masses: &mut [f64], found: &mut [u32]) {
        debug_assert!(self.stale.is_empty(), "changed weights are settled before a search");
        assert_eq!(masses.len(), found.len(), "one place per mass");
        found.fill(0);
        for level in &self.levels {
            for (mass, node) in masses.iter_mut().zip(&mut *found) {
                let first = *node as usize * FAN_OUT;
                let (child, below) = child_at(&level[first..][..FAN_OUT], *mass);
                *mass -= below;
                *node = (first + child) as u32;
            }
        }
    }
}

/// The last child with weight that begins at or below the mass, and where it begins.
fn child_at(children: &[f64], mass: f64) -> (usize, f64) {
    // Every child is looked at: which one it is is random, and a wrong guess of a branch costs more.
    let (mut child, mut below, mut sum) = (0, 0.0, 0.0);
    for (at, &weight) in children.iter().enumerate() {
        let begins = (mass >= sum) & (weight > 0.0);
        child = if begins { at } else { child };
        below = if begins { sum } else { below };
        sum += weight;
    }
    (child, below)
}

/// Nodes of each level, whole groups of siblings, from the weights up to the children of the root.
fn widths(n: usize) -> Vec<usize> {
    let mut widths = vec![n.max(1).next_multiple_of(FAN_OUT)];
    while let Some(&width) = widths.last().filter(|&&width| width > FAN_OUT) {
        widths.push((width / FAN_OUT).next_multiple_of(FAN_OUT));
    }
    widths
}
