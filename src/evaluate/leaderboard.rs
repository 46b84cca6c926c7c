//! The leaderboard: learned policies beside simple rules, same customers, worlds and seeds.

use super::ab_test::{ArmLevel, PersonaUplift, PromotionReturn, SimulatedTest};
use super::error::EvaluateError;
use super::interval::Interval;
use serde::{Deserialize, Serialize};

/// Who stands for what on the leaderboard; all are names of arms of the test.
#[derive(Debug, Clone, Copy)]
pub struct Roles<'a> {
    /// The arm without offers.
    pub control: &'a str,
    /// The arm with what is done today.
    pub current: &'a str,
    /// Rules that nobody has to learn, control and current included or not.
    pub simple_rules: &'a [String],
}

/// One policy on the leaderboard; figures are per customer-week.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LeaderboardRow {
    /// Name of the policy.
    pub policy: String,
    /// Whether it is a simple rule rather than learned.
    pub simple_rule: bool,
    /// What it brings and costs.
    pub level: ArmLevel,
    /// Paired margin difference to control; `None` for control itself.
    pub over_control: Option<Interval>,
    /// What its promotion money brings over control; `None` for control itself.
    #[serde(default)]
    pub promotion_return: Option<PromotionReturn>,
    /// Paired margin difference to control by persona; empty for control itself.
    #[serde(default)]
    pub personas: Vec<PersonaUplift>,
    /// Paired margin difference to current; `None` for current itself.
    pub over_current: Option<Interval>,
    /// Paired margin difference of the best policy to this one, at the level corrected for the
    /// number of rivals; `None` for the best itself.
    pub behind_best: Option<Interval>,
}

/// Policies ranked by margin, and whether the first place is certain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Leaderboard {
    /// All policies, best estimate first; ties by name.
    pub rows: Vec<LeaderboardRow>,
    /// The policy with the highest estimate.
    pub best: String,
    /// The best policy, if its paired intervals against all others exclude zero.
    pub clear_winner: Option<String>,
    /// The best simple rule, if any was given.
    pub best_simple_rule: Option<String>,
    /// The outcome in one sentence.
    pub conclusion: String,
}

impl Leaderboard {
    /// Ranks all arms of the test by margin.
    ///
    /// The best policy was chosen after looking, so it is compared with its `k` rivals at level
    /// `1 − (1 − level)/k` (Bonferroni): jointly those intervals hold with at least `level`.
    ///
    /// # Errors
    /// [`EvaluateError::Arm`] when a role names no arm, [`EvaluateError::InvalidSetting`] for a
    /// level outside `(0, 1)`.
    pub fn new(test: &SimulatedTest, roles: Roles<'_>, level: f64) -> Result<Self, EvaluateError> {
        let mut levels = Vec::new();
        for arm in test.arm_names() {
            levels.push(test.level_of(&arm, level)?);
        }
        for name in roles.simple_rules {
            test.arm(name)?;
        }
        levels.sort_by(|a, b| {
            b.margin.estimate.total_cmp(&a.margin.estimate).then_with(|| a.arm.cmp(&b.arm))
        });
        let best = match levels.first() {
            Some(first) => first.arm.clone(),
            // No arms at all: the reference cannot be found either, which names the mistake.
            None => test.arm(roles.control)?.arm.clone(),
        };
        let rivals = (levels.len() - 1).max(1) as f64;
        let joint_level = 1.0 - (1.0 - level) / rivals;
        let difference = |treatment: &str, reference: &str, level| {
            let found = test.margin_difference(treatment, reference, level);
            found.map(|estimate| (treatment != reference).then_some(estimate.interval))
        };
        let mut rows = Vec::new();
        for arm_level in levels {
            let policy = arm_level.arm.clone();
            let treated = policy != roles.control;
            let bought = || test.promotion_return(&policy, roles.control, level);
            let by_persona = || test.persona_margins(&policy, roles.control, level);
            rows.push(LeaderboardRow {
                simple_rule: roles.simple_rules.contains(&policy)
                    || [roles.control, roles.current].contains(&policy.as_str()),
                over_control: difference(&policy, roles.control, level)?,
                promotion_return: treated.then(bought).transpose()?,
                personas: if treated { by_persona()? } else { Vec::new() },
                over_current: difference(&policy, roles.current, level)?,
                behind_best: difference(&best, &policy, joint_level)?,
                level: arm_level,
                policy,
            });
        }
        Ok(Self::conclude(rows, best))
    }

    fn conclude(rows: Vec<LeaderboardRow>, best: String) -> Self {
        let as_good = |row: &&LeaderboardRow| row.behind_best.is_none_or(|gap| gap.lower <= 0.0);
        let tied: Vec<&LeaderboardRow> = rows.iter().filter(as_good).collect();
        let clear_winner = (tied.len() == 1).then(|| best.clone());
        let simple = rows.iter().find(|row| row.simple_rule);
        let best_simple_rule = simple.map(|row| row.policy.clone());
        let mut conclusion = if clear_winner.is_some() {
            format!("{best} wins: its margin is above that of every other policy")
        } else {
            let names: Vec<&str> = tied.iter().map(|row| row.policy.as_str()).collect();
            format!("no clear winner among {}", names.join(", "))
        };
        if let Some(rule) = tied.iter().find(|row| row.simple_rule) {
            let remark = format!("; {} is a simple rule and no policy beats it", rule.policy);
            conclusion.push_str(&remark);
        }
        Self { rows, best, clear_winner, best_simple_rule, conclusion }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ab_test::tests::test_with;

    fn board(arms: &[(&str, f64)]) -> Leaderboard {
        let simple_rules = vec!["always".to_owned()];
        let roles = Roles { control: "none", current: "today", simple_rules: &simple_rules };
        Leaderboard::new(&test_with(arms), roles, 0.95).expect("all roles are arms")
    }

    #[test]
    fn a_policy_above_all_others_wins() {
        let board =
            board(&[("none", 0.0), ("today", 1.0), ("always", -1.0), ("dqn", 3.0), ("cql", 2.0)]);
        let order: Vec<&str> = board.rows.iter().map(|row| row.policy.as_str()).collect();
        assert_eq!(order, ["dqn", "cql", "today", "none", "always"]);
        assert_eq!(board.clear_winner.as_deref(), Some("dqn"));
        assert_eq!(board.best_simple_rule.as_deref(), Some("today"));
        assert_eq!(board.conclusion, "dqn wins: its margin is above that of every other policy");
        assert!(board.rows[0].over_control.expect("not control").lower > 0.0);
        assert_eq!(board.rows[0].behind_best, None);
        assert_eq!(board.rows[3].over_control, None);
        assert_eq!((&board.rows[3].promotion_return, board.rows[3].personas.len()), (&None, 0));
        assert_eq!(board.rows[0].personas.len(), 2);
    }

    #[test]
    fn equals_have_no_clear_winner_and_a_simple_rule_among_them_is_named() {
        let board = board(&[("none", 0.0), ("today", 1.0), ("always", 2.0), ("dqn", 2.0)]);
        assert_eq!(board.clear_winner, None);
        assert_eq!(
            board.conclusion,
            "no clear winner among always, dqn; always is a simple rule and no policy beats it"
        );
    }

    #[test]
    fn a_role_without_an_arm_is_an_error() {
        let roles = Roles { control: "none", current: "missing", simple_rules: &[] };
        assert!(Leaderboard::new(&test_with(&[("none", 0.0)]), roles, 0.95).is_err());
        assert!(Leaderboard::new(&test_with(&[]), roles, 0.95).is_err());
    }
}
