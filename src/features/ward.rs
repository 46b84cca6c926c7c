//! Ward's hierarchical clustering on a sample: the tree, its cuts, and the rest by nearest centre.

use promopt_envs::SeedTree;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::cluster_error::{ClusterError, check, in_range, same_length};
use super::kmeans::nearest;
use super::matrix::{Matrix, compare_rows, squared_distance};
use super::sample::ordered_sample;

/// Rows a tree is customarily built on; more make a dendrogram nobody can read.
pub const TREE_ROWS: usize = 2_000;
/// Most rows a tree may have: their distances take 400 MB.
pub const MAX_TREE_ROWS: usize = 10_000;

/// Two clusters that become one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Merge {
    /// The cluster of the smaller number: a row below n, or n + i for the result of merge i.
    pub left: usize,
    /// The other cluster.
    pub right: usize,
    /// Ward distance √(2 |A||B| / (|A| + |B|)) ‖ā − b̄‖ of the two.
    pub height: f64,
    /// Rows of the result.
    pub size: usize,
}

/// Ward linkage of the rows, lowest merge first, n − 1 merges.
///
/// Merges, their order and heights are those of scipy's
/// `scipy.cluster.hierarchy.linkage(points, method="ward")`: nearest-neighbour chain (Murtagh and
/// Contreras 2012) with the Lance–Williams update, O(n²) time and memory. Equal distances are
/// settled by the position of the rows.
///
/// # Errors
///
/// When there are fewer than two rows, more than [`MAX_TREE_ROWS`], or a value is not finite.
pub fn linkage(points: &Matrix) -> Result<Vec<Merge>, ClusterError> {
    check(points, 2)?;
    in_range("a number of rows to link", points.n_rows(), 2, MAX_TREE_ROWS)?;
    let mut chain = Chain::new(points);
    let mut merges: Vec<Merge> = (1..points.n_rows()).map(|_| chain.next_merge()).collect();
    merges.sort_by(|a, b| a.height.total_cmp(&b.height));
    number(&mut merges);
    Ok(merges)
}

/// The state of a nearest-neighbour chain.
struct Chain {
    /// Distances of pairs, lower triangle row by row.
    distances: Vec<f64>,
    /// Rows of each cluster, at the larger position of the pair it came from; 0 when merged away.
    sizes: Vec<usize>,
    /// Each entry is the nearest cluster of the one before it.
    chain: Vec<usize>,
}

/// Position of a pair in the lower triangle.
fn pair(a: usize, b: usize) -> usize {
    let (low, high) = if a < b { (a, b) } else { (b, a) };
    high * (high - 1) / 2 + low
}

impl Chain {
    fn new(points: &Matrix) -> Self {
        let n = points.n_rows();
        let to_earlier = |row: usize| {
            let distance = |other| squared_distance(points.row(row), points.row(other)).sqrt();
            (0..row).map(distance).collect::<Vec<f64>>()
        };
        let rows: Vec<Vec<f64>> = (0..n).into_par_iter().map(to_earlier).collect();
        Self { distances: rows.concat(), sizes: vec![1; n], chain: Vec::new() }
    }

    /// Follows the chain to two clusters that are each other's nearest, and merges them.
    fn next_merge(&mut self) -> Merge {
        if self.chain.is_empty() {
            self.chain.extend(self.sizes.iter().position(|&size| size > 0));
        }
        let (x, y, height) = loop {
            let x = *self.chain.last().expect("the chain starts with a cluster that is left");
            let previous = self.chain.len().checked_sub(2).map(|at| self.chain[at]);
            let (y, height) = self.nearest_to(x, previous);
            if previous == Some(y) {
                break (x.min(y), x.max(y), height);
            }
            self.chain.push(y);
        };
        self.chain.truncate(self.chain.len() - 2);
        let (n_x, n_y) = (self.sizes[x], self.sizes[y]);
        self.sizes[x] = 0;
        self.sizes[y] = n_x + n_y;
        for other in (0..self.sizes.len()).filter(|&other| other != y) {
            let n_other = self.sizes[other];
            if n_other > 0 {
                let to = [self.distances[pair(other, x)], self.distances[pair(other, y)], height];
                self.distances[pair(other, y)] = ward_distance(to, [n_x, n_y, n_other]);
            }
        }
        Merge { left: x, right: y, height, size: n_x + n_y }
    }

    /// The nearest other cluster, the previous one of the chain when equal, and its distance.
    fn nearest_to(&self, x: usize, previous: Option<usize>) -> (usize, f64) {
        let mut best = previous.map_or((x, f64::INFINITY), |y| (y, self.distances[pair(x, y)]));
        for other in 0..self.sizes.len() {
            if self.sizes[other] > 0 && other != x {
                let distance = self.distances[pair(x, other)];
                if distance < best.1 {
                    best = (other, distance);
                }
            }
        }
        best
    }
}

/// Lance–Williams update: distance from a third cluster to the union of x and y, from its distances
/// to x and y and theirs to each other.
fn ward_distance([to_x, to_y, between]: [f64; 3], [n_x, n_y, n_other]: [usize; 3]) -> f64 {
    let share = 1.0 / (n_x + n_y + n_other) as f64;
    let weighted = |n: usize, distance: f64| n as f64 * share * distance * distance;
    let squared =
        weighted(n_other + n_x, to_x) + weighted(n_other + n_y, to_y) - weighted(n_other, between);
    squared.max(0.0).sqrt()
}

/// Replaces the positions of the chain by the numbers of the clusters as they stand at each merge.
fn number(merges: &mut [Merge]) {
    let n = merges.len() + 1;
    let mut parents: Vec<usize> = (0..2 * n - 1).collect();
    for (index, merge) in merges.iter_mut().enumerate() {
        let [a, b] = [merge.left, merge.right].map(|leaf| root(&mut parents, leaf));
        (merge.left, merge.right) = (a.min(b), a.max(b));
        (parents[a], parents[b]) = (n + index, n + index);
    }
}

/// The cluster a node is in by now; shortens the way for the next question.
fn root(parents: &mut [usize], mut node: usize) -> usize {
    while parents[node] != node {
        parents[node] = parents[parents[node]];
        node = parents[node];
    }
    node
}

/// A Ward tree over all rows or a sample of them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WardTree {
    /// Position in the data of each leaf; leaves stand in lexicographic order of their rows.
    pub rows: Vec<usize>,
    /// The merges, lowest first, leaves numbered 0..n.
    pub merges: Vec<Merge>,
    leaves: Matrix,
}

/// A cut through a tree, carried over to all rows.
#[derive(Debug, Clone, PartialEq)]
pub struct WardClusters {
    /// Means of the clusters' leaves in lexicographic order, shape `[n_clusters, n_columns]`.
    pub centres: Matrix,
    /// Cluster of every row, shape `[n_rows]`.
    pub labels: Vec<usize>,
}

impl WardTree {
    /// Links the rows, or a sample of `max_rows` ([`TREE_ROWS`] is customary) when there are more.
    ///
    /// # Errors
    ///
    /// When there are fewer than two rows, `max_rows` is not in `2..=`[`MAX_TREE_ROWS`], or a value
    /// is not finite.
    pub fn fit(points: &Matrix, max_rows: usize, seeds: SeedTree) -> Result<Self, ClusterError> {
        in_range("max_rows", max_rows, 2, MAX_TREE_ROWS)?;
        check(points, 2)?;
        let rows = ordered_sample(points, max_rows, seeds);
        let leaves = points.select(&rows);
        Ok(Self { rows, merges: linkage(&leaves)?, leaves })
    }

    /// Cluster of each leaf when the tree is cut into k, shape `[n_leaves]`; clusters are numbered
    /// by their mean in lexicographic order.
    ///
    /// # Errors
    ///
    /// When k is 0 or beyond the number of different leaves.
    pub fn cut(&self, n_clusters: usize) -> Result<Vec<usize>, ClusterError> {
        Ok(self.cut_with_centres(n_clusters)?.labels)
    }

    /// Cuts the tree into k and assigns all rows: a row equal to a leaf goes with it, another to
    /// the nearest mean of a cluster's leaves.
    ///
    /// # Errors
    ///
    /// As [`cut`](Self::cut), and when the rows do not have the width of the leaves or a value is
    /// not finite.
    pub fn assign(&self, points: &Matrix, n_clusters: usize) -> Result<WardClusters, ClusterError> {
        check(points, 0)?;
        same_length("rows of features", self.leaves.n_columns(), points.n_columns())?;
        let cut = self.cut_with_centres(n_clusters)?;
        let order: Vec<usize> = (0..self.rows.len()).collect();
        let label = |row: usize| {
            let point = points.row(row);
            let leaf = order.binary_search_by(|&leaf| compare_rows(self.leaves.row(leaf), point));
            leaf.map_or_else(|_| nearest(&cut.centres, point), |leaf| cut.labels[leaf])
        };
        let labels = (0..points.n_rows()).into_par_iter().map(label).collect();
        Ok(WardClusters { centres: cut.centres, labels })
    }

    /// The leaves from left to right as a dendrogram draws them without crossings: those of the
    /// smaller number of each merge first.
    #[must_use]
    pub fn leaf_order(&self) -> Vec<usize> {
        let n = self.rows.len();
        let mut order = Vec::with_capacity(n);
        let mut ahead = vec![2 * n - 2];
        while let Some(node) = ahead.pop() {
            match node.checked_sub(n).map(|index| self.merges[index]) {
                Some(merge) => ahead.extend([merge.right, merge.left]),
                None => order.push(node),
            }
        }
        order
    }

    fn cut_with_centres(&self, n_clusters: usize) -> Result<WardClusters, ClusterError> {
        let n = self.rows.len();
        in_range("a number of clusters", n_clusters, 1, self.leaves.n_distinct_rows())?;
        // From the highest merge that is kept down, every node passes its cluster to its children.
        let mut clusters: Vec<usize> = (0..2 * n - 1).collect();
        for index in (0..n - n_clusters).rev() {
            let merge = self.merges[index];
            clusters[merge.left] = clusters[n + index];
            clusters[merge.right] = clusters[n + index];
        }
        clusters.truncate(n);
        let mut tops = clusters.clone();
        tops.sort_unstable();
        tops.dedup();
        let mut sums = vec![vec![0.0; self.leaves.n_columns()]; tops.len()];
        let mut counts = vec![0_usize; tops.len()];
        for (cluster, point) in clusters.iter_mut().zip(self.leaves.rows()) {
            *cluster = tops.partition_point(|&top| top < *cluster);
            counts[*cluster] += 1;
            sums[*cluster].iter_mut().zip(point).for_each(|(sum, x)| *sum += x);
        }
        for (sum, &count) in sums.iter_mut().zip(&counts) {
            sum.iter_mut().for_each(|sum| *sum /= count as f64);
        }
        let means = Matrix::from_rows(&sums).expect("the means were made of equal length");
        let by_centre = means.sorted_order();
        let mut numbers = vec![0; by_centre.len()];
        by_centre.iter().enumerate().for_each(|(number, &cluster)| numbers[cluster] = number);
        let labels = clusters.into_iter().map(|cluster| numbers[cluster]).collect();
        Ok(WardClusters { centres: means.select(&by_centre), labels })
    }
}

#[cfg(test)]
mod tests {
    use super::super::golden::{golden, in_any_order, largest_difference, matrix, points, read};
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    /// The tree of rows as they stand, for comparison with scipy.
    fn tree_as_given(points: &Matrix) -> WardTree {
        let merges = linkage(points).expect("valid input");
        WardTree { rows: (0..points.n_rows()).collect(), merges, leaves: points.clone() }
    }

    fn cases() -> Vec<(Matrix, Value)> {
        let read_points = |case: &Value| match case["points"].as_str() {
            Some(name) => points(name),
            None => matrix(&case["points"]),
        };
        read::<Vec<Value>>(&golden("ward")).into_iter().map(|c| (read_points(&c), c)).collect()
    }

    /// The first row of the cluster of each row: one name for a partition however it is numbered.
    fn firsts(labels: &[usize]) -> Vec<usize> {
        let first = |label| labels.iter().position(|other| other == label).expect("it is there");
        labels.iter().map(first).collect()
    }

    #[test]
    fn three_points_match_the_hand_calculation() {
        // 0 and 1 join at 1; {0, 1} with mean 0.5 and 9 join at √(2 · 2 · 1 / 3) · 8.5.
        let points = Matrix::from_rows(&[[9.0], [0.0], [1.0]]).expect("equal length");
        let merges = linkage(&points).expect("valid input");
        assert_eq!(merges[0], Merge { left: 1, right: 2, height: 1.0, size: 2 });
        assert_eq!((merges[1].left, merges[1].right, merges[1].size), (0, 3, 3));
        assert!((merges[1].height - (4.0_f64 / 3.0).sqrt() * 8.5).abs() < 1e-12);
    }

    #[test]
    fn merges_and_heights_equal_those_of_scipy() {
        for (points, case) in cases() {
            let merges = linkage(&points).expect("valid input");
            let found: Vec<[usize; 3]> =
                merges.iter().map(|merge| [merge.left, merge.right, merge.size]).collect();
            assert_eq!(found, read::<Vec<[usize; 3]>>(&case["merges"]));
            let heights: Vec<f64> = merges.iter().map(|merge| merge.height).collect();
            assert!(largest_difference(&heights, &read::<Vec<f64>>(&case["heights"])) < 1e-6);
        }
    }

    #[test]
    fn leaf_order_and_cuts_equal_those_of_scipy() {
        for (points, case) in cases() {
            let tree = tree_as_given(&points);
            assert_eq!(tree.leaf_order(), read::<Vec<usize>>(&case["leaf_order"]));
            // scipy cuts at a height, so equal heights, as on the lattice, give fewer clusters.
            for n_clusters in [2, 3, 5, 8].into_iter().filter(|_| case["points"].is_string()) {
                let expected: Vec<usize> = read(&case["cuts"][n_clusters.to_string()]);
                let labels = tree.cut(n_clusters).expect("enough leaves");
                assert_eq!(firsts(&labels), firsts(&expected));
            }
        }
    }

    #[test]
    fn a_tree_of_all_rows_assigns_what_it_cuts() {
        let points = points("space");
        let tree = WardTree::fit(&points, TREE_ROWS, SeedTree::new(1)).expect("valid input");
        let (cut, clusters) = (tree.cut(4), tree.assign(&points, 4).expect("valid input"));
        for (leaf, label) in cut.expect("enough leaves").into_iter().enumerate() {
            assert_eq!(clusters.labels[tree.rows[leaf]], label);
        }
        assert!(clusters.centres.rows().is_sorted_by(|a, b| compare_rows(a, b).is_le()));
    }

    #[test]
    fn the_rest_of_the_rows_goes_to_the_nearest_cluster() {
        let row = |i: u32| [f64::from(i % 3) * 100.0 + f64::from(i * 37 % 101) / 10.0];
        let points = Matrix::from_rows(&(0..300).map(row).collect::<Vec<_>>());
        let points = points.expect("equal length");
        let tree = WardTree::fit(&points, 40, SeedTree::new(2)).expect("valid input");
        assert_eq!(tree.rows.len(), 40);
        let labels = tree.assign(&points, 3).expect("valid input").labels;
        assert!(labels.iter().enumerate().all(|(row, &label)| label == row % 3));
    }

    #[test]
    fn cuts_beyond_the_different_rows_and_bad_sizes_are_refused() {
        let points = Matrix::from_rows(&[[1.0], [1.0], [4.0]]).expect("equal length");
        let tree = WardTree::fit(&points, 10, SeedTree::new(1)).expect("valid input");
        assert_eq!(tree.cut(2).expect("two different rows"), [0, 0, 1]);
        assert_eq!(tree.cut(1).expect("one cluster"), [0, 0, 0]);
        assert!(tree.cut(0).is_err() && tree.cut(3).is_err());
        assert!(WardTree::fit(&points, MAX_TREE_ROWS + 1, SeedTree::new(1)).is_err());
        assert!(WardTree::fit(&points.select(&[0]), 10, SeedTree::new(1)).is_err());
        let wide = Matrix::from_rows(&[[1.0, 2.0]]).expect("one row");
        assert!(tree.assign(&wide, 2).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn permuting_rows_permutes_labels(
            order in in_any_order(200),
            seed: u64,
            max_rows in 20..250_usize,
        ) {
            let points = points("space");
            let labels = |points: &Matrix| {
                let tree = WardTree::fit(points, max_rows, SeedTree::new(seed));
                tree.expect("valid input").assign(points, 5).expect("enough leaves").labels
            };
            let (straight, shuffled) = (labels(&points), labels(&points.select(&order)));
            for (at, &row) in order.iter().enumerate() {
                prop_assert_eq!(shuffled[at], straight[row]);
            }
        }

        #[test]
        fn heights_never_fall_and_sizes_add_up(
            rows in prop::collection::vec([0..4_i8, 0..4_i8], 2..40),
        ) {
            let rows: Vec<[f64; 2]> = rows.iter().map(|row| row.map(f64::from)).collect();
            let points = Matrix::from_rows(&rows).expect("equal length");
            let merges = linkage(&points).expect("valid input");
            prop_assert!(merges.is_sorted_by(|a, b| a.height <= b.height));
            prop_assert_eq!(merges.last().map(|merge| merge.size), Some(rows.len()));
            let tree = tree_as_given(&points);
            let mut leaves = tree.leaf_order();
            leaves.sort_unstable();
            prop_assert_eq!(leaves, (0..rows.len()).collect::<Vec<_>>());
            // Equal rows are never told apart by a cut that is allowed.
            for k in 1..=points.n_distinct_rows() {
                let labels = tree.cut(k).expect("allowed");
                for (a, row) in rows.iter().enumerate() {
                    let twin = rows.iter().position(|other| other == row);
                    prop_assert_eq!(labels[a], labels[twin.expect("the row itself")]);
                }
            }
        }
    }
}
