//! Many actions that resemble each other: weights over what actions are made of.
//!
//! With hundreds of offers the weight of a single one explodes. Marginalised IPS (MIPS) weighs the
//! *embedding* `e` of the action instead, such as mechanic, category and depth:
//! `w(x, e) = Σ_a target(a|x) p(e|a) / Σ_a logging(a|x) p(e|a)`, `p(e|a) = Π_d p(e_d|a)`. Unbiased
//! when the action matters for the reward only through its embedding. The weights go into
//! [`Rounds`](super::Rounds): without a model that is MIPS and its self-normalised version;
//! clusters of actions (one certain dimension) with a model are OffCEM, where the model has to get
//! right only the differences within a cluster.
//! Sources: Saito and Joachims 2022; Saito, Ren and Joachims 2023.

use super::bounds::Bound;
use super::summary::Summary;
use super::target::{TargetProbabilities, check_size};
use super::tuning::{Candidate, agree};
use crate::error::EvaluateError;
use crate::logged::at_least;

/// One dimension of an embedding: what category an action has, possibly at random, and which one
/// was seen in each round.
#[derive(Debug, Clone, PartialEq)]
pub struct Dimension {
    n_categories: usize,
    /// `p(category | action)`, category by category: `[n_categories, n_actions]`.
    probabilities: Vec<f64>,
    seen: Vec<u32>,
}

impl Dimension {
    /// A dimension with `probabilities` row-major `[n_actions, n_categories]` and the category seen
    /// in each round.
    ///
    /// # Errors
    /// [`EvaluateError`] for probabilities that are not distributions, or categories out of range.
    pub fn new(
        n_categories: usize,
        probabilities: &[f64],
        seen: Vec<u32>,
    ) -> Result<Self, EvaluateError> {
        at_least("categories", 1, n_categories, "leave the dimension out")?;
        let n_actions = probabilities.len() / n_categories;
        check_size("embedding", "action", n_actions * n_categories, probabilities.len())?;
        for (row, of_action) in probabilities.chunks_exact(n_categories).enumerate() {
            let found: f64 = of_action.iter().sum();
            let in_range = of_action.iter().all(|p| (0.0..=1.0).contains(p));
            if !in_range || (found - 1.0).abs() > super::target::SUM_TOLERANCE {
                return Err(EvaluateError::NotADistribution { row, found });
            }
        }
        if let Some(row) = seen.iter().position(|&category| category as usize >= n_categories) {
            return Err(EvaluateError::InvalidValue {
                row,
                column: "embedding".into(),
                expected: "a category of the dimension",
                found: f64::from(seen[row]),
                advice: "add the category to the embedding of the actions",
            });
        }
        let transposed = (0..n_categories)
            .flat_map(|c| (0..n_actions).map(move |a| probabilities[a * n_categories + c]));
        Ok(Self { n_categories, probabilities: transposed.collect(), seen })
    }

    /// A dimension that the action decides, such as its cluster: the category of every action, and
    /// the actions that were taken.
    ///
    /// # Errors
    /// [`EvaluateError::InvalidValue`] for an action without a category.
    pub fn certain(of_action: &[u32], actions: &[usize]) -> Result<Self, EvaluateError> {
        let n_categories = of_action.iter().max().map_or(0, |most| *most as usize + 1);
        let mut probabilities = vec![0.0; of_action.len() * n_categories];
        for (action, &category) in of_action.iter().enumerate() {
            probabilities[action * n_categories + category as usize] = 1.0;
        }
        if let Some(row) = actions.iter().position(|&action| action >= of_action.len()) {
            return Err(EvaluateError::InvalidValue {
                row,
                column: "action".into(),
                expected: "an action with a category",
                found: actions[row] as f64,
                advice: "give every action a category",
            });
        }
        let seen = actions.iter().map(|&action| of_action[action]).collect();
        Self::new(n_categories, &probabilities, seen)
    }

    fn n_actions(&self) -> usize {
        self.probabilities.len() / self.n_categories
    }

    /// `p(seen category | a)` for all actions.
    fn likelihoods(&self, row: usize) -> &[f64] {
        let n = self.n_actions();
        &self.probabilities[self.seen[row] as usize * n..][..n]
    }
}

/// Weights of the embeddings seen, from all these dimensions jointly, shape `[n]`.
///
/// The product of the dimensions is taken per action before summing over actions: a product of
/// per-dimension marginals is another number unless every dimension is certain.
///
/// # Errors
/// [`EvaluateError`] when sizes differ, or the logging policy could not have shown what was seen.
pub fn marginal_weights(
    target: &TargetProbabilities,
    logging: &TargetProbabilities,
    dimensions: &[&Dimension],
) -> Result<Vec<f64>, EvaluateError> {
    at_least("embedding dimensions", 1, dimensions.len(), "without any, every weight is 1")?;
    let (n, n_actions) = (target.len(), target.n_actions());
    check_size("logging_probability", "decision", n, logging.len())?;
    check_size("logging_probability", "action", n_actions, logging.n_actions())?;
    for dimension in dimensions {
        check_size("embedding", "decision", n, dimension.seen.len())?;
        check_size("embedding", "action", n_actions, dimension.n_actions())?;
    }
    let mut joint = vec![0.0; n_actions];
    let weigh = |row: usize| {
        joint.copy_from_slice(dimensions[0].likelihoods(row));
        for dimension in &dimensions[1..] {
            let likelihoods = dimension.likelihoods(row).iter();
            joint.iter_mut().zip(likelihoods).for_each(|(product, p)| *product *= p);
        }
        let (mut ours, mut theirs) = (0.0, 0.0);
        let policies = target.row(row).iter().zip(logging.row(row));
        for ((ours_a, theirs_a), p) in policies.zip(&joint) {
            ours += ours_a * p;
            theirs += theirs_a * p;
        }
        if theirs > 0.0 {
            return Ok(ours / theirs);
        }
        Err(EvaluateError::InvalidValue {
            row,
            column: "embedding".into(),
            expected: "an embedding that the logging policy could show",
            found: theirs,
            advice: "check the embedding of the action and the logging probabilities",
        })
    };
    (0..n).map(weigh).collect()
}

/// How to search for the dimensions to keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Search {
    /// All subsets, larger ones first: `2^D` estimates.
    Exact,
    /// Drop one dimension after the other: at most `D²/2` estimates.
    Greedy,
}

/// A subset of the dimensions and its estimate.
#[derive(Debug, Clone, PartialEq)]
pub struct Subset {
    /// Indices of the dimensions kept.
    pub dimensions: Vec<usize>,
    /// Mean of `w r`.
    pub value: f64,
    /// Its one-sided t reach at `delta`.
    pub reach: f64,
}

/// The path from all dimensions to fewer.
#[derive(Debug, Clone, PartialEq)]
pub struct Selection {
    /// Subsets accepted, in the order in which they were looked at. The last is the choice.
    pub path: Vec<Subset>,
    /// The subset that disagreed with an accepted one and ended the search; `None` when all agreed.
    pub stopped_by: Option<Subset>,
}

impl Selection {
    /// The choice.
    #[must_use]
    pub fn chosen(&self) -> &Subset {
        // The first subset is accepted without a question.
        &self.path[self.path.len() - 1]
    }
}

/// Drops dimensions of the embedding as long as the estimate agrees with all before it: fewer
/// dimensions are less variance and, when the dropped ones matter, more bias.
///
/// SLOPE in the order of ever fewer dimensions, and from wide to narrow among equally many. Where
/// nothing disagrees, the choice is the very last subset; Open Bandit Pipeline then returns the one
/// before it. Source: Saito and Joachims 2022, section 4.2.
///
/// # Errors
/// As [`marginal_weights`]; [`EvaluateError::InvalidSetting`] when `delta` is not in `(0, 1)`.
pub fn select_dimensions(
    rewards: &[f64],
    target: &TargetProbabilities,
    logging: &TargetProbabilities,
    dimensions: &[Dimension],
    search: Search,
    delta: f64,
) -> Result<Selection, EvaluateError> {
    check_size("reward", "decision", target.len(), rewards.len())?;
    let estimate = |kept: Vec<usize>| -> Result<Subset, EvaluateError> {
        let chosen: Vec<&Dimension> = kept.iter().map(|&d| &dimensions[d]).collect();
        let weights = marginal_weights(target, logging, &chosen)?;
        let terms: Vec<f64> = weights.iter().zip(rewards).map(|(w, r)| w * r).collect();
        let summary = Summary::of(&terms);
        let reach = summary.reach(Bound::Student, delta)?;
        Ok(Subset { dimensions: kept, value: summary.moments.mean, reach })
    };
    let all: Vec<usize> = (0..dimensions.len()).collect();
    let mut selection = Selection { path: vec![estimate(all.clone())?], stopped_by: None };
    let mut current = all.clone();
    while current.len() > 1 && selection.stopped_by.is_none() {
        let smaller = match search {
            Search::Exact => subsets(&all, current.len() - 1),
            Search::Greedy => subsets(&current, current.len() - 1),
        };
        let mut found = smaller.into_iter().map(estimate).collect::<Result<Vec<_>, _>>()?;
        found.sort_by(|a, b| b.reach.total_cmp(&a.reach));
        for subset in found {
            if !selection.path.iter().all(|wide| agree(&candidate(wide), &candidate(&subset))) {
                selection.stopped_by = Some(subset);
                break;
            }
            current.clone_from(&subset.dimensions);
            selection.path.push(subset);
        }
    }
    Ok(selection)
}

fn candidate(subset: &Subset) -> Candidate {
    Candidate { parameter: 0.0, value: subset.value, score: subset.reach }
}

/// All subsets of this size, in lexicographic order.
fn subsets(of: &[usize], size: usize) -> Vec<Vec<usize>> {
    if size == 0 {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for (at, &first) in of.iter().enumerate() {
        for mut rest in subsets(&of[at + 1..], size - 1) {
            rest.insert(0, first);
            all.push(rest);
        }
    }
    all
}

#[cfg(test)]
#[path = "embedding_tests.rs"]
mod tests;
