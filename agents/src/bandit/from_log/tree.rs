//! A readable policy from a log: the small tree with the largest doubly robust value.

use super::scores::{RewardModel, doubly_robust_scores};
use super::tree_search::{Split, Table};
use crate::error::{AgentError, require, same_length};
use promopt_envs::ActionMask;
use promopt_policies::log::LoggedDecisions;
use promopt_policies::{PolicyTree, TreeNode};
use serde::{Deserialize, Serialize};

/// Settings of [`tree_from_log`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TreeConfig {
    /// Questions from root to leaf, 1 to 4. Up to 2 the search is exact over the thresholds; deeper
    /// trees are two exact levels, and again two or one below each of their leaves.
    pub depth: usize,
    /// Thresholds tried per feature, at its quantiles; 1 to 256.
    pub thresholds: usize,
    /// Decisions that a leaf holds at least, at least 1.
    pub smallest_leaf: usize,
    /// Share of clusters kept from the search to judge the tree on, in `(0, 1)`.
    pub held_out: f64,
    /// The model inside the doubly robust scores.
    pub reward_model: RewardModel,
}

impl Default for TreeConfig {
    fn default() -> Self {
        let reward_model = RewardModel::default();
        Self { depth: 2, thresholds: 32, smallest_leaf: 50, held_out: 0.3, reward_model }
    }
}

impl TreeConfig {
    /// Checks every range.
    ///
    /// # Errors
    /// [`AgentError::InvalidConfig`] names the first field that is outside its range.
    pub fn validate(&self) -> Result<(), AgentError> {
        self.reward_model.validate()?;
        require((1..=4).contains(&self.depth), "depth", "1 to 4", self.depth)?;
        let fits = (1..=256).contains(&self.thresholds);
        require(fits, "thresholds", "1 to 256", self.thresholds)?;
        require(self.smallest_leaf > 0, "smallest_leaf", "at least 1", self.smallest_leaf)?;
        let inside = self.held_out > 0.0 && self.held_out < 1.0;
        require(inside, "held_out", "a number in (0, 1)", self.held_out)
    }
}

/// A tree and what it is worth.
#[derive(Debug, Clone, PartialEq)]
pub struct GrownTree {
    /// The policy.
    pub policy: PolicyTree,
    /// Mean doubly robust score of its decisions for clusters whom the search did not see, in the
    /// rewards' unit per decision.
    pub value: f64,
    /// Standard error of [`GrownTree::value`], between clusters.
    pub standard_error: f64,
}

/// The tree of the given depth that maximises `Σ Γ_π(x)` (Athey and Wager 2021; Zhou, Athey and
/// Wager 2023) over the clusters that are not held out, with `Γ` of [`doubly_robust_scores`].
///
/// # Errors
/// [`AgentError::InvalidConfig`]; [`AgentError::Shape`] unless there is one name per feature; a
/// reward that the reward model cannot express.
pub fn tree_from_log(
    config: &TreeConfig,
    log: &LoggedDecisions,
    features: &[String],
) -> Result<GrownTree, AgentError> {
    config.validate()?;
    same_length("feature names", log.n_features(), features.len())?;
    let scores = doubly_robust_scores(log, &config.reward_model)?;
    // Clusters are spread evenly: one in every 1 / held_out of them is kept.
    let kept = |row: &usize| {
        let share = log.cluster_ranks()[*row] as f64 * config.held_out;
        (share + config.held_out).floor() > share.floor()
    };
    let (judging, growing): (Vec<usize>, Vec<usize>) = (0..log.len()).partition(kept);
    require(!growing.is_empty(), "held_out", "a share that leaves clusters", config.held_out)?;
    require(!judging.is_empty(), "held_out", "a share that keeps clusters", config.held_out)?;
    let table = cut(config, log, &scores, &growing);
    let mut nodes = Vec::new();
    grow(&table, &growing, config.depth, &mut nodes);
    let policy = PolicyTree { name: "policy-tree".into(), features: features.to_vec(), nodes };
    let (value, standard_error) = judge(&policy, log, &scores, &judging);
    Ok(GrownTree { policy, value, standard_error })
}

/// Bins of every feature at the quantiles of the growing rows.
fn cut<'a>(
    config: &TreeConfig,
    log: &LoggedDecisions,
    scores: &'a [f64],
    growing: &[usize],
) -> Table<'a> {
    let (mut thresholds, mut bins) = (Vec::new(), Vec::new());
    for feature in 0..log.n_features() {
        let mut values: Vec<f32> =
            growing.iter().map(|&row| log.observation(row)[feature]).collect();
        values.sort_by(f32::total_cmp);
        let n = values.len();
        let quantile = |i: usize| values[(i * n / (config.thresholds + 1)).min(n - 1)];
        let mut cuts: Vec<f32> = (1..=config.thresholds).map(quantile).collect();
        cuts.dedup();
        // Nothing lies above the largest value.
        cuts.retain(|cut| *cut < values[n - 1]);
        let bin = |row| cuts.partition_point(|cut| *cut < log.observation(row)[feature]) as u16;
        bins.push((0..log.len()).map(bin).collect());
        thresholds.push(cuts);
    }
    let (n_actions, smallest_leaf) = (log.n_actions(), config.smallest_leaf);
    Table { scores, n_actions, thresholds, bins, smallest_leaf }
}

/// Appends the best tree over the rows; its root comes first.
fn grow(table: &Table<'_>, rows: &[usize], depth: usize, nodes: &mut Vec<TreeNode>) {
    let leaf = |nodes: &mut Vec<TreeNode>| {
        let n = rows.len().max(1) as f64;
        let values = table.totals(rows).into_iter().map(|total| total / n).collect();
        nodes.push(TreeNode::Leaf { values });
    };
    match depth {
        0 => leaf(nodes),
        1 => match table.best_split(rows) {
            Some(split) => branch(table, rows, split, nodes, |rows, _, nodes| {
                grow(table, rows, 0, nodes);
            }),
            None => leaf(nodes),
        },
        _ => match table.best_two_levels(rows) {
            Some(levels) => branch(table, rows, levels.root, nodes, |rows, is_below, nodes| {
                match if is_below { levels.below } else { levels.above } {
                    Some(split) => branch(table, rows, split, nodes, |rows, _, nodes| {
                        grow(table, rows, depth - 2, nodes);
                    }),
                    None => grow(table, rows, depth - 2, nodes),
                }
            }),
            None => leaf(nodes),
        },
    }
}

/// Appends a question and what `side` appends for the rows below and above it.
fn branch(
    table: &Table<'_>,
    rows: &[usize],
    split: Split,
    nodes: &mut Vec<TreeNode>,
    side: impl Fn(&[usize], bool, &mut Vec<TreeNode>),
) {
    let at = nodes.len();
    nodes.push(TreeNode::Leaf { values: Vec::new() });
    let (below_rows, above_rows): (Vec<usize>, Vec<usize>) =
        rows.iter().partition(|&&row| table.is_below(row, split));
    let below = nodes.len();
    side(&below_rows, true, nodes);
    let above = nodes.len();
    side(&above_rows, false, nodes);
    let threshold = table.thresholds[split.feature][split.at];
    nodes[at] = TreeNode::Split { feature: split.feature, threshold, below, above };
}

/// Mean score of the tree's decisions and its standard error, with rows of one cluster together.
fn judge(policy: &PolicyTree, log: &LoggedDecisions, scores: &[f64], rows: &[usize]) -> (f64, f64) {
    let n_actions = log.n_actions();
    let worth = |row: usize| {
        let allowed = log.mask(row).map(<[bool]>::to_vec).and_then(ActionMask::from_flags);
        let mask = allowed.unwrap_or_else(|| ActionMask::all(n_actions));
        scores[row * n_actions + mask.argmax(policy.scores(log.observation(row)))]
    };
    let worths: Vec<f64> = rows.iter().map(|&row| worth(row)).collect();
    let n = worths.len() as f64;
    let mean = worths.iter().sum::<f64>() / n;
    let mut by_cluster = vec![0.0; log.n_clusters()];
    for (&row, worth) in rows.iter().zip(&worths) {
        by_cluster[log.cluster_ranks()[row]] += worth - mean;
    }
    let squares: f64 = by_cluster.iter().map(|sum| sum * sum).sum();
    (mean, squares.sqrt() / n)
}

#[cfg(test)]
mod tests {
    use super::*;
    use promopt_envs::SeedTree;
    use promopt_policies::Policy;
    use promopt_policies::log::LoggedTable;
    use rand::Rng;

    /// Two features in `[0, 1)`: action 1 is right in two opposite corners (an exclusive or), which no
    /// single question sees.
    fn corners(n: usize) -> LoggedDecisions {
        let mut rng = SeedTree::new(21).stream();
        let mut table = LoggedTable { n_features: 2, n_actions: 2, ..Default::default() };
        for row in 0..n {
            let x: [f32; 2] = [rng.random(), rng.random()];
            let right = usize::from((x[0] > 0.5) != (x[1] > 0.25));
            let action = rng.random_range(0..2);
            table.observations.extend(x);
            table.actions.push(action);
            table.propensities.push(0.5);
            table.rewards.push(if action == right { 1.0 } else { 0.0 });
            table.clusters.push(row as u32 / 2);
        }
        LoggedDecisions::new(table).expect("a valid log")
    }

    #[test]
    fn two_exact_levels_find_what_greedy_questions_cannot() -> Result<(), AgentError> {
        let names = ["width".to_owned(), "height".to_owned()];
        let config = TreeConfig { thresholds: 31, ..Default::default() };
        let grown = tree_from_log(&config, &corners(4_000), &names)?;
        assert_eq!(grown.policy.validate(), Ok(()));
        let mask = ActionMask::all(2);
        for (x, right) in [([0.2, 0.1], 0), ([0.2, 0.7], 1), ([0.8, 0.1], 1), ([0.8, 0.7], 0)] {
            assert_eq!(grown.policy.distribution(&x, &mask).probabilities()[right], 1.0);
        }
        // Thresholds lie within 1/32 of the corners, so at most 6 % of decisions are wrong.
        let lower = grown.value - 4.0 * grown.standard_error;
        assert!(lower > 0.85 && grown.standard_error > 0.0, "{grown:?}");
        assert!(grown.policy.rules(&[]).starts_with("if "));
        Ok(())
    }

    #[test]
    fn the_search_equals_trying_every_tree() {
        let mut rng = SeedTree::new(22).stream();
        for _ in 0..5 {
            let (n, n_bins, k) = (60, 4, 3);
            let scores: Vec<f64> = (0..n * k).map(|_| rng.random_range(-1.0..1.0)).collect();
            let mut bin = |_| (0..n).map(|_| rng.random_range(0..n_bins)).collect();
            let bins: Vec<Vec<u16>> = (0..3).map(&mut bin).collect();
            let thresholds = vec![vec![0.0, 1.0, 2.0]; 3];
            let table = Table { scores: &scores, n_actions: k, thresholds, bins, smallest_leaf: 1 };
            let rows: Vec<usize> = (0..n).collect();
            let value =
                |rows: &[usize]| table.totals(rows).into_iter().fold(f64::NEG_INFINITY, f64::max);
            let splits: Vec<Split> = (0..9).map(|i| Split { feature: i / 3, at: i % 3 }).collect();
            let apart = |rows: &[usize], split| -> (Vec<usize>, Vec<usize>) {
                rows.iter().partition(|&&row| table.is_below(row, split))
            };
            let one = |rows: &[usize]| {
                let best = splits.iter().map(|&split| apart(rows, split));
                let best = best.filter(|(b, a)| !b.is_empty() && !a.is_empty());
                best.map(|(b, a)| value(&b) + value(&a)).fold(value(rows), f64::max)
            };
            let exhaustive = splits.iter().map(|&split| apart(&rows, split));
            let exhaustive = exhaustive.map(|(b, a)| one(&b) + one(&a));
            let exhaustive = exhaustive.fold(f64::NEG_INFINITY, f64::max);
            let mut nodes = Vec::new();
            grow(&table, &rows, 2, &mut nodes);
            let found = table.best_two_levels(&rows).expect("some tree gains");
            let (below, above) = apart(&rows, found.root);
            let side = |rows: &[usize], split: Option<Split>| match split {
                None => value(rows),
                Some(split) => {
                    let (below, above) = apart(rows, split);
                    value(&below) + value(&above)
                }
            };
            let got = side(&below, found.below) + side(&above, found.above);
            assert!((got - exhaustive).abs() < 1e-9, "{got} {exhaustive}");
        }
    }
}
