//! A small decision tree: a policy that can be read aloud.

use crate::distribution::ActionDistribution;
use crate::mlp::ShapeError;
use crate::policy::Policy;
use promopt_envs::ActionMask;
use serde::{Deserialize, Serialize};
use std::fmt::Write;

/// One node of a [`PolicyTree`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TreeNode {
    /// Asks one question.
    Split {
        /// Index of the feature.
        feature: usize,
        /// Goes to `below` when the raw feature is at most this, else to `above`.
        threshold: f32,
        /// Index of a node behind this one.
        below: usize,
        /// Index of a node behind this one.
        above: usize,
    },
    /// Decides.
    Leaf {
        /// Expected value of each action for whoever ends here; shape `[n_actions]`.
        values: Vec<f64>,
    },
}

/// Greedy over the values of the leaf that a raw observation falls into.
///
/// A leaf holds a value for every action and not only the best one, so that the next best is taken
/// where the best is masked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyTree {
    /// Short name for tables.
    pub name: String,
    /// Name of each feature; shape `[n_features]`.
    pub features: Vec<String>,
    /// The root first, children behind their parents.
    pub nodes: Vec<TreeNode>,
}

impl PolicyTree {
    /// Number of features of an observation.
    #[must_use]
    pub fn n_features(&self) -> usize {
        self.features.len()
    }

    /// Number of actions; 0 for a tree without leaves, which is not valid.
    #[must_use]
    pub fn n_actions(&self) -> usize {
        let leaf = |node: &TreeNode| match node {
            TreeNode::Leaf { values } => Some(values.len()),
            TreeNode::Split { .. } => None,
        };
        self.nodes.iter().find_map(leaf).unwrap_or(0)
    }

    /// Checks that children lie behind their parents, that features exist, that leaves have one
    /// value per action and that numbers are finite; afterwards no call panics or loops.
    ///
    /// # Errors
    /// [`ShapeError`] names the first part that does not fit.
    pub fn validate(&self) -> Result<(), ShapeError> {
        let (n_nodes, n_actions) = (self.nodes.len(), self.n_actions());
        let least = |part, expected: usize, got: usize| {
            if got >= expected { Ok(()) } else { Err(ShapeError::Length { part, expected, got }) }
        };
        least("nodes", 1, n_nodes)?;
        least("values of a leaf", 1, n_actions)?;
        for (at, node) in self.nodes.iter().enumerate() {
            match node {
                TreeNode::Split { feature, threshold, below, above } => {
                    least("features", feature + 1, self.features.len())?;
                    for &child in [below, above] {
                        least("nodes", child + 1, n_nodes)?;
                        least("children (each behind its parent)", at + 1, child)?;
                    }
                    if !threshold.is_finite() {
                        return Err(ShapeError::NotFinite { part: "threshold" });
                    }
                }
                TreeNode::Leaf { values } => {
                    let (part, got) = ("values of a leaf", values.len());
                    if got != n_actions {
                        return Err(ShapeError::Length { part, expected: n_actions, got });
                    }
                    if values.iter().any(|value| !value.is_finite()) {
                        return Err(ShapeError::NotFinite { part });
                    }
                }
            }
        }
        Ok(())
    }

    /// Expected value of each action for a raw observation, masked actions included.
    #[must_use]
    pub fn scores(&self, observation: &[f32]) -> &[f64] {
        let mut at = 0;
        loop {
            match &self.nodes[at] {
                TreeNode::Leaf { values } => return values,
                TreeNode::Split { feature, threshold, below, above } => {
                    at = if observation[*feature] <= *threshold { *below } else { *above };
                }
            }
        }
    }

    /// The rules as indented text, given a name for each action:
    /// `if recency <= 3 then` … `else` ….
    #[must_use]
    pub fn rules(&self, actions: &[String]) -> String {
        let mut text = String::new();
        self.write_node(0, 0, actions, &mut text);
        text
    }

    fn write_node(&self, at: usize, depth: usize, actions: &[String], text: &mut String) {
        let indent = "  ".repeat(depth);
        // Writing to a string cannot fail.
        let _ = match &self.nodes[at] {
            TreeNode::Leaf { values } => {
                let best = ActionMask::all(values.len()).argmax(values);
                let unnamed = format!("action {best}");
                let name = actions.get(best).unwrap_or(&unnamed);
                writeln!(text, "{indent}{name} (expects {:.4})", values[best])
            }
            TreeNode::Split { feature, threshold, below, above } => {
                let _ =
                    writeln!(text, "{indent}if {} <= {threshold} then", self.features[*feature]);
                self.write_node(*below, depth + 1, actions, text);
                let _ = writeln!(text, "{indent}else");
                self.write_node(*above, depth + 1, actions, text);
                Ok(())
            }
        };
    }
}

impl Policy for PolicyTree {
    fn name(&self) -> &str {
        &self.name
    }

    fn distribution(&self, observation: &[f32], mask: &ActionMask) -> ActionDistribution {
        let best = mask.argmax(self.scores(observation));
        ActionDistribution::deterministic(best, mask.n_actions())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> PolicyTree {
        PolicyTree {
            name: "policy-tree".into(),
            features: vec!["recency".into(), "spend".into()],
            nodes: vec![
                TreeNode::Split { feature: 0, threshold: 3.0, below: 1, above: 2 },
                TreeNode::Leaf { values: vec![1.0, 0.5] },
                TreeNode::Leaf { values: vec![0.2, 0.7] },
            ],
        }
    }

    #[test]
    fn the_tree_reads_as_it_decides() {
        let (tree, mask) = (tree(), ActionMask::all(2));
        assert_eq!(tree.distribution(&[3.0, 9.0], &mask).probabilities(), [1.0, 0.0]);
        assert_eq!(tree.distribution(&[3.5, 9.0], &mask).probabilities(), [0.0, 1.0]);
        let only_first = ActionMask::from_flags(vec![true, false]).expect("one is allowed");
        assert_eq!(tree.distribution(&[3.5, 9.0], &only_first).probabilities(), [1.0, 0.0]);
        let expected =
            "if recency <= 3 then\n  none (expects 1.0000)\nelse\n  10 % (expects 0.7000)\n";
        assert_eq!(tree.rules(&["none".into(), "10 %".into()]), expected);
    }

    #[test]
    fn a_tree_that_loops_or_asks_for_an_unknown_feature_is_refused() {
        assert_eq!(tree().validate(), Ok(()));
        for (feature, below) in [(0, 0), (2, 1), (0, 7)] {
            let mut broken = tree();
            broken.nodes[0] = TreeNode::Split { feature, threshold: 3.0, below, above: 2 };
            assert!(broken.validate().is_err());
        }
        assert!(PolicyTree { nodes: Vec::new(), ..tree() }.validate().is_err());
    }
}
