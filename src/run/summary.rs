//! What a finished run came to, in the few figures that are printed at the end.

use super::error::RunError;
use super::folder::RunFolder;
use super::judge::{Judged, Tested};
use super::truth::TruthResult;
use crate::demand::card::{CardVerdict, RealismCard};
use crate::evaluate::{Approval, Interval};
use serde::Serialize;

/// One policy of the leaderboard, per customer-week.
#[derive(Debug, Clone, Serialize)]
pub struct SummaryRow {
    /// Name.
    pub policy: String,
    /// Margin, money.
    pub margin: Interval,
    /// Margin above what is done today, paired, money; `None` for today's policy itself.
    pub over_current: Option<Interval>,
    /// Share of customer-weeks with an offer.
    pub contact_rate: f64,
    /// Promotion cost, money.
    pub promotion_cost: f64,
    /// Margin before promotion cost that a unit of that cost brings over no offer; 1 breaks even. `None`
    /// when the cost is not above zero beyond doubt.
    pub return_on_cost: Option<Interval>,
}

/// The closing figures of a run.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    /// All policies in the fitted worlds kept for judging.
    pub leaderboard: Vec<SummaryRow>,
    /// Who won, in words.
    pub conclusion: String,
    /// The policy that was exported.
    pub policy: String,
    /// Whether the gate approved it.
    pub approved: bool,
    /// Why, or why not.
    pub gate_reasons: Vec<String>,
    /// Simulated A/B: margin above no offers, money per customer-week.
    pub over_control: Interval,
    /// Simulated A/B: margin above what is done today, money per customer-week.
    pub over_current: Interval,
    /// Verdict of the off-policy evaluation, with its estimates.
    pub off_policy: Option<crate::evaluate::OpeReport>,
    /// Lines of the realism card that pass, warn and fail.
    pub realism: [usize; 3],
    /// The true world; synthetic runs only.
    pub truth: Option<TruthResult>,
}

/// Reads the closing figures from a run folder.
///
/// # Errors
/// [`RunError`] when a stage has not run.
pub fn read(folder: &RunFolder, synthetic: bool) -> Result<Summary, RunError> {
    let judged: Judged = folder.read("evaluation/judge/judge.json", "evaluate")?;
    let tested: Tested = folder.read("evaluation/abtest/abtest.json", "abtest simulate")?;
    let card: RealismCard = folder.read("demand/card.json", "fit")?;
    let truth =
        if synthetic { Some(folder.read("evaluation/truth/truth.json", "run")?) } else { None };
    let row = |r: &crate::evaluate::leaderboard::LeaderboardRow| SummaryRow {
        policy: r.policy.clone(),
        margin: r.level.margin,
        over_current: r.over_current,
        contact_rate: r.level.contacts.estimate,
        promotion_cost: r.level.promotion_cost.estimate,
        return_on_cost: r.promotion_return.as_ref().and_then(|b| b.return_on_cost.known()).copied(),
    };
    let count = |v: CardVerdict| card.lines.iter().filter(|l| l.verdict == v).count();
    Ok(Summary {
        leaderboard: judged.leaderboard.rows.iter().map(row).collect(),
        conclusion: judged.leaderboard.conclusion.clone(),
        policy: judged.chosen,
        approved: tested.gate.approval == Approval::Approved,
        gate_reasons: tested.gate.reasons,
        over_control: tested.over_control.margin.per_customer_week.interval,
        over_current: tested.over_current.margin.per_customer_week.interval,
        off_policy: judged.off_policy,
        realism: [CardVerdict::Pass, CardVerdict::Warn, CardVerdict::Fail].map(count),
        truth,
    })
}
