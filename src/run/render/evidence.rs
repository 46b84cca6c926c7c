//! Response, realism, learning, leaderboard, off-policy, A/B and truth for the report.

use super::super::error::RunError;
use super::super::judge::{Judged, Tested};
use super::super::learn::{CONTROL, CURRENT};
use super::super::stage::Job;
use super::super::truth::TruthResult;
use super::estimate;
use crate::data::History;
use crate::demand::card::{CardLine, CardVerdict, RealismCard};
use crate::demand::curves::ResponseSummary;
use crate::evaluate::{Approval, Interval, OverlapVerdict};
use crate::features::PersonaModel;
use crate::report as input;
use promopt_envs::retail::{MechanicKind, Offer, OfferCatalogue};

/// Categories whose response curves are drawn.
const PANELS: usize = 4;

pub(super) fn demand(
    history: &History,
    personas: &PersonaModel,
    response: &ResponseSummary,
) -> input::Demand {
    let names: Vec<&str> = personas.names().collect();
    let panel = |category: usize| {
        let lines = response
            .curves
            .iter()
            .filter(|c| c.category == category)
            .map(|c| input::Line {
                name: names[c.persona].to_owned(),
                points: c
                    .points
                    .iter()
                    .map(|p| input::Point { x: p[0], y: input::Estimate::new(p[1], p[2], p[3]) })
                    .collect(),
            })
            .collect();
        input::DemandPanel { category: history.categories[category].name.clone(), lines }
    };
    let elasticity = |e: &crate::demand::curves::CategoryElasticity| input::Elasticity {
        category: history.categories[e.category].name.clone(),
        estimate: input::Estimate::new(e.estimate, e.lower, e.upper),
        evidence: "shelf prices by week (quasi-experimental)".to_owned(),
    };
    input::Demand {
        response_label: "weekly purchase probability".to_owned(),
        panels: (0..(history.n_categories() - 1).min(PANELS)).map(panel).collect(),
        elasticities: response.elasticities.iter().map(elasticity).collect(),
    }
}

pub(super) fn check(verdict: CardVerdict) -> input::Check {
    match verdict {
        CardVerdict::Pass => input::Check::Pass,
        CardVerdict::Warn => input::Check::Warn,
        CardVerdict::Fail => input::Check::Fail,
        CardVerdict::NotApplicable => input::Check::NotApplicable,
    }
}

pub(super) fn realism(card: &RealismCard) -> input::Realism {
    let row = |l: &CardLine| input::RealismRow {
        line: l.line.clone(),
        value: l.simulated.map_or_else(|| "–".to_owned(), |s| format!("{:.3}", s.mean)),
        reference_band: l.band.clone(),
        verdict: check(l.verdict),
        note: match l.actual {
            Some(actual) if l.note.is_empty() => format!("held-out weeks: {actual:.3}"),
            Some(actual) => format!("held-out weeks: {actual:.3}; {}", l.note),
            None => l.note.clone(),
        },
    };
    let week = |w: &crate::demand::card::CardWeek| input::HeldOutWeek {
        week: w.week.clone(),
        actual: w.revenue.actual,
        simulated: {
            let (lower, upper) = w.revenue.band_95;
            input::Estimate::new(w.revenue.simulated, lower, upper)
        },
    };
    let (verdict, sentence) = super::world::verdict(card);
    input::Realism {
        rows: card.lines.iter().map(row).collect(),
        held_out: card.weeks.iter().map(week).collect(),
        verdict: Some(verdict),
        sentence,
        page: "demand/world.html".to_owned(),
    }
}

pub(super) fn learning(job: &Job<'_>) -> Result<Vec<input::LearningCurve>, RunError> {
    let mut curves = Vec::new();
    for agent in &job.config.train.agents {
        let path = job.folder.path(&format!("agents/{agent}/metrics.jsonl"));
        let text = std::fs::read_to_string(&path).map_err(RunError::io("read", &path))?;
        let point = |line: &str| -> Option<input::Point> {
            let value: serde_json::Value = serde_json::from_str(line).ok()?;
            let mean = value.get("mean_return")?.as_f64()?;
            let half = 1.96 * value.get("standard_error")?.as_f64()?;
            let y = input::Estimate::new(mean, mean - half, mean + half);
            Some(input::Point { x: value.get("step")?.as_f64()?, y })
        };
        let points = text.lines().filter_map(point).collect();
        curves.push(input::LearningCurve { agent: agent.clone(), points });
    }
    Ok(curves)
}

pub(super) fn leaderboard(judged: &Judged) -> input::Leaderboard {
    let paired = |i: Option<&Interval>| i.map_or_else(input::Estimate::unknown, estimate);
    let role = |name: &str| match name {
        _ if name == judged.chosen => input::PolicyRole::Chosen,
        CURRENT => input::PolicyRole::Current,
        CONTROL => input::PolicyRole::Control,
        _ => input::PolicyRole::Candidate,
    };
    let row = |r: &crate::evaluate::leaderboard::LeaderboardRow| input::LeaderboardRow {
        policy: r.policy.clone(),
        role: role(&r.policy),
        margin: estimate(&r.level.margin),
        uplift_vs_current: paired(r.over_current.as_ref()),
        uplift_vs_control: paired(r.over_control.as_ref()),
        contact_rate: r.level.contacts.estimate,
        promotion_cost: r.level.promotion_cost.estimate,
        return_on_cost: paired(
            r.promotion_return.as_ref().and_then(|bought| bought.return_on_cost.known()),
        ),
        note: if r.simple_rule { "rule".to_owned() } else { "learned".to_owned() },
    };
    input::Leaderboard {
        rows: judged.leaderboard.rows.iter().map(row).collect(),
        winner_sentence: judged.leaderboard.conclusion.clone(),
    }
}

pub(super) fn off_policy(judged: &Judged) -> input::OffPolicy {
    let Some(report) = &judged.off_policy else {
        return input::OffPolicy {
            verdict: input::OffPolicyVerdict::Refuse,
            reasons: vec![
                "the log holds no offers of known content, so it cannot say what this policy \
                 would have earned; log offers with their propensities"
                    .to_owned(),
            ],
            rows: Vec::new(),
        };
    };
    let row = |r: &crate::evaluate::EstimateRow| input::OffPolicyRow {
        estimator: r.estimator.clone(),
        estimate: estimate(&r.value),
        effective_sample_size: report.diagnostics.effective_sample_size,
    };
    input::OffPolicy {
        verdict: match report.verdict {
            OverlapVerdict::Ok => input::OffPolicyVerdict::Ok,
            OverlapVerdict::Caution => input::OffPolicyVerdict::Caution,
            OverlapVerdict::Refuse => input::OffPolicyVerdict::Refuse,
        },
        reasons: report.reasons.clone(),
        rows: report.estimates.iter().map(row).collect(),
    }
}

pub(super) fn ab_test(tested: &Tested) -> input::AbTest {
    let effect = |p: &crate::evaluate::ab_test::PersonaUplift| input::PersonaEffect {
        persona: p.persona.clone(),
        customers: p.n_customers.map(|n| n as u64),
        effect: p.margin.as_ref().map(|m| estimate(&m.per_customer_week.interval)),
    };
    let over = &tested.over_current;
    input::AbTest {
        design: format!(
            "Simulated test of the policy against today's promotions: {} customers in {} posterior \
             draws never used in training, the same luck in every arm",
            over.n_customers, over.n_worlds
        ),
        total: Some(estimate(&over.margin.per_customer_week.interval)),
        personas: over.personas.iter().map(effect).collect(),
    }
}

/// The bar that an offer belongs to, and its place: whole percents off, then the other mechanics.
fn group(offer: &Offer) -> (f64, String) {
    let percent = (offer.depth * 100.0).round();
    match MechanicKind::OFFERS.iter().position(|kind| *kind == offer.mechanic.kind()) {
        Some(place) if place > 0 => {
            (100.0 + place as f64, MechanicKind::OFFERS[place].name().replace('_', " "))
        }
        _ => (percent, format!("{percent} % off")),
    }
}

/// Offers grouped by depth and mechanic, so that the bars stay readable.
pub(super) fn action_mix(
    personas: &PersonaModel,
    catalogue: &OfferCatalogue,
    tested: &Tested,
) -> input::ActionMix {
    let mut groups: Vec<(f64, String)> = catalogue.offers()[1..].iter().map(group).collect();
    groups.sort_by(|a, b| a.0.total_cmp(&b.0));
    groups.dedup();
    let mut actions = vec!["no offer".to_owned()];
    actions.extend(groups.iter().map(|(_, name)| name.clone()));
    let row = |(name, mix): (&str, &Vec<f64>)| {
        let of_group = |wanted: &(f64, String)| -> f64 {
            let same = |a: &usize| *a > 0 && group(catalogue.offer(*a)) == *wanted;
            (0..mix.len()).filter(same).map(|a| mix[a]).sum()
        };
        let shares = std::iter::once(mix[0]).chain(groups.iter().map(of_group));
        let known = mix.iter().sum::<f64>() > 0.0;
        input::ActionMixRow { persona: name.to_owned(), shares: known.then(|| shares.collect()) }
    };
    input::ActionMix {
        actions,
        rows: personas.names().zip(&tested.action_mix.0).map(row).collect(),
    }
}

pub(super) fn gate(tested: &Tested) -> Vec<input::GateReason> {
    let condition = |e: &crate::evaluate::gate::GateEvidence| {
        let interval = &e.margin_uplift;
        input::GateReason {
            condition: format!("margin uplift over `{}` above zero", e.reference),
            verdict: if e.passed { input::Check::Pass } else { input::Check::Fail },
            reason: format!(
                "{:.3} per customer-week, interval {:.3} to {:.3}",
                interval.estimate, interval.lower, interval.upper
            ),
        }
    };
    let mut rows: Vec<input::GateReason> = tested.gate.evidence.iter().map(condition).collect();
    rows.push(input::GateReason {
        condition: "judged on worlds never trained on".to_owned(),
        verdict: if tested.gate.n_worlds > 1 { input::Check::Pass } else { input::Check::Fail },
        reason: format!("{} posterior draws kept apart", tested.gate.n_worlds),
    });
    if tested.gate.approval == Approval::NotApproved
        && rows.iter().all(|r| r.verdict == input::Check::Pass)
    {
        rows.push(input::GateReason {
            condition: "approval".to_owned(),
            verdict: input::Check::Fail,
            reason: tested.gate.reasons.join("; "),
        });
    }
    rows
}

pub(super) fn truth(truth: &TruthResult) -> input::Truth {
    let arm = |name: &str| {
        let found = truth.arms.iter().find(|a| a.policy == name);
        found.map_or_else(input::Estimate::unknown, |a| estimate(&a.margin))
    };
    input::Truth {
        none: arm(CONTROL),
        current: arm(CURRENT),
        policy: arm(&truth.chosen),
        oracle: arm("oracle"),
        captured_uplift: truth.captured_uplift.map(|c| c.estimate),
    }
}
