//! Contextual off-policy cases: one decision, one reward.

mod bandit;
mod figures;
mod hillstrom;
mod many;

use crate::fixtures::{Answer, Case};

/// The figures of a case, when its kind is one of these.
pub(crate) fn answer(case: &Case) -> Option<Answer> {
    match &*case.kind {
        "contextual_bandit" | "contextual_bandit_with_position" => Some(bandit::answer(case)),
        "mips" => Some(many::embeddings(case)),
        "continuous_action" => Some(many::continuous(case)),
        "multiple_loggers" => Some(many::loggers(case)),
        "hillstrom_ope" => Some(hillstrom::policy_value(case)),
        "hillstrom_ope_contrast" => Some(hillstrom::contrast(case)),
        _ => None,
    }
}
