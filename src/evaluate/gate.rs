//! The gate: a policy ships as approved only when it surely beats control and what is done today.

use super::ab_test::SimulatedTest;
use super::error::EvaluateError;
use super::interval::Interval;
use serde::{Deserialize, Serialize};

/// Whether a policy may go live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Approval {
    /// Both lower bounds are above zero on worlds that training never saw.
    Approved,
    /// At least one reason stands against it.
    NotApproved,
}

/// What is asked of the gate. Policy, current and control are names of arms of the test.
#[derive(Debug, Clone, Copy)]
pub struct GateQuestion<'a> {
    /// The policy to ship.
    pub policy: &'a str,
    /// What is done today.
    pub current: &'a str,
    /// No offers.
    pub control: &'a str,
    /// Identities of the worlds used in training, as in the test.
    pub training_worlds: &'a [u64],
    /// Confidence level of the intervals.
    pub level: f64,
}

/// The margin uplift over one reference.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GateEvidence {
    /// The arm compared with.
    pub reference: String,
    /// Paired margin uplift per customer-week.
    pub margin_uplift: Interval,
    /// Whether the lower bound is above zero.
    pub passed: bool,
}

/// The decision with all that it rests on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GateDecision {
    /// The policy judged.
    pub policy: String,
    /// The decision.
    pub approval: Approval,
    /// Why: what failed, or that nothing did.
    pub reasons: Vec<String>,
    /// The uplift over current and over control.
    pub evidence: Vec<GateEvidence>,
    /// Number of evaluation worlds.
    pub n_worlds: usize,
}

impl GateDecision {
    /// Decides on the worlds of the test.
    ///
    /// Approved when the worlds are at least two and none was used in training, and when the lower
    /// bounds of the paired margin uplift over `current` and over `control` are both above zero.
    /// Both must hold, so no correction for two looks is needed (intersection-union test, Berger
    /// 1982). With a single world model uncertainty is unknown, which the gate does not accept.
    ///
    /// # Errors
    /// [`EvaluateError::Arm`] for an unknown arm, [`EvaluateError::InvalidSetting`] for a level
    /// outside `(0, 1)`.
    pub fn decide(test: &SimulatedTest, question: GateQuestion<'_>) -> Result<Self, EvaluateError> {
        let mut against = objections_to_worlds(test.worlds(), question.training_worlds);
        let mut evidence = Vec::new();
        for reference in [question.current, question.control] {
            let found = test.margin_difference(question.policy, reference, question.level)?;
            let uplift = found.interval;
            let passed = uplift.lower > 0.0;
            if !passed {
                against.push(format!(
                    "margin uplift over {reference} is {:.4} per customer-week with a {:.0}% \
                     interval from {:.4} to {:.4}: the lower bound is not above zero",
                    uplift.estimate,
                    100.0 * uplift.level,
                    uplift.lower,
                    uplift.upper,
                ));
            }
            let reference = reference.to_owned();
            evidence.push(GateEvidence { reference, margin_uplift: uplift, passed });
        }
        let approval = if against.is_empty() { Approval::Approved } else { Approval::NotApproved };
        if against.is_empty() {
            against.push(format!(
                "the lower bounds of the margin uplift over {} and over {} are above zero on {} \
                 worlds that training never saw",
                question.current,
                question.control,
                test.worlds().len(),
            ));
        }
        Ok(Self {
            policy: question.policy.to_owned(),
            approval,
            reasons: against,
            evidence,
            n_worlds: test.worlds().len(),
        })
    }
}

fn objections_to_worlds(evaluation: &[u64], training: &[u64]) -> Vec<String> {
    let mut objections = Vec::new();
    let seen = evaluation.iter().filter(|world| training.contains(world)).count();
    if seen > 0 {
        let total = evaluation.len();
        objections.push(format!("{seen} of {total} evaluation worlds were used in training"));
    }
    let mut distinct = evaluation.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    if distinct.len() < evaluation.len() {
        objections.push("an evaluation world was counted more than once".to_owned());
    }
    if distinct.len() < 2 {
        objections.push(
            "one evaluation world says nothing about model uncertainty; evaluate on at least two"
                .to_owned(),
        );
    }
    objections
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ab_test::tests::test_with;

    fn decide(arms: &[(&str, f64)], training_worlds: &[u64]) -> GateDecision {
        let (policy, current, control) = ("dqn", "today", "none");
        let question = GateQuestion { policy, current, control, training_worlds, level: 0.95 };
        GateDecision::decide(&test_with(arms), question).expect("all arms exist")
    }

    #[test]
    fn a_policy_above_both_references_on_fresh_worlds_is_approved() {
        let decision = decide(&[("none", 0.0), ("today", 1.0), ("dqn", 2.0)], &[1, 2, 3]);
        assert_eq!(decision.approval, Approval::Approved);
        assert_eq!(decision.evidence.len(), 2);
        assert!(decision.evidence.iter().all(|row| row.passed));
    }

    #[test]
    fn losing_to_either_reference_is_not_approved_and_named() {
        let below_today = decide(&[("none", 0.0), ("today", 3.0), ("dqn", 2.0)], &[]);
        assert_eq!(below_today.approval, Approval::NotApproved);
        assert_eq!(below_today.reasons.len(), 1);
        assert!(below_today.reasons[0].starts_with("margin uplift over today is -0.6"));
        let below_none = decide(&[("none", 0.0), ("today", -3.0), ("dqn", -1.0)], &[]);
        assert_eq!(below_none.approval, Approval::NotApproved);
        assert!(below_none.reasons[0].starts_with("margin uplift over none"));
    }

    #[test]
    fn doing_exactly_what_is_done_today_is_not_approved() {
        let same = decide(&[("none", 0.0), ("today", 2.0), ("dqn", 2.0)], &[]);
        assert_eq!(same.approval, Approval::NotApproved);
    }

    #[test]
    fn worlds_seen_in_training_do_not_count_as_evidence() {
        let seen = decide(&[("none", 0.0), ("today", 1.0), ("dqn", 2.0)], &[103, 9]);
        assert_eq!(seen.approval, Approval::NotApproved);
        assert_eq!(seen.reasons, ["1 of 4 evaluation worlds were used in training"]);
    }

    #[test]
    fn one_world_or_the_same_world_twice_is_not_enough() {
        assert_eq!(objections_to_worlds(&[5], &[]).len(), 1);
        assert_eq!(objections_to_worlds(&[5, 5], &[]).len(), 2);
        assert!(objections_to_worlds(&[5, 6], &[7]).is_empty());
    }

    #[test]
    fn the_decision_is_written_in_words() {
        let decision = decide(&[("none", 0.0), ("today", 1.0), ("dqn", 2.0)], &[]);
        let text = serde_json::to_string(&decision).expect("it can be written");
        assert!(text.contains("\"approval\":\"approved\""));
        let back: GateDecision = serde_json::from_str(&text).expect("it can be read");
        assert_eq!((back.policy, back.n_worlds), (decision.policy, 4));
    }
}
