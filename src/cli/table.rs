//! The closing table and what single stages print.

use super::exit::Failure;
use super::ingested::Ingested;
use super::stages::Resolved;
use crate::data::store;
use crate::evaluate::Interval;
use crate::run::summary::Summary;
use crate::run::{RunError, RunFolder, Stage};
use std::fmt::Write;
use std::path::Path;

pub(super) fn json(summary: &Summary) -> Result<String, Failure> {
    serde_json::to_string_pretty(summary).map_err(|e| Failure::other(&e.to_string()))
}

pub(super) fn approval(summary: &Summary) -> String {
    let verdict = if summary.approved { "approved" } else { "not_approved" };
    format!("{verdict} ({})", summary.policy)
}

pub(super) fn range(interval: &Interval) -> String {
    format!("{:+.3} [{:+.3}, {:+.3}]", interval.estimate, interval.lower, interval.upper)
}

fn bought(interval: &Interval) -> String {
    format!("{:.2} [{:.2}, {:.2}]", interval.estimate, interval.lower, interval.upper)
}

/// The table at the end of `run`.
pub(super) fn closing(summary: &Summary, root: &Path, seconds: f64) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(
        out,
        "\n{:<16} {:>10} {:>28} {:>9} {:>10} {:>22}",
        "policy", "margin", "over current (95 %)", "contacts", "promo cost", "brings per 1 of cost"
    );
    for row in &summary.leaderboard {
        let _ = writeln!(
            out,
            "{:<16} {:>10.3} {:>28} {:>7.1} % {:>10.3} {:>22}",
            row.policy,
            row.margin.estimate,
            row.over_current.as_ref().map_or_else(String::new, range),
            row.contact_rate * 100.0,
            row.promotion_cost,
            row.return_on_cost.as_ref().map_or_else(String::new, bought)
        );
    }
    let _ = writeln!(out, "(fitted worlds kept for judging; money per customer-week)\n");
    let _ = writeln!(out, "leaderboard      {}", summary.conclusion);
    let [pass, warn, fail] = summary.realism;
    let _ = writeln!(out, "realism card     {pass} pass, {warn} warn, {fail} fail");
    if let Some(ope) = &summary.off_policy {
        let _ = write!(out, "off-policy       {:?}", ope.verdict);
        for row in &ope.estimates {
            let _ = write!(out, "; {} {:.3}", row.estimator, row.value.estimate);
        }
        let _ = writeln!(out, " (logged {:.3})", ope.on_policy_value.estimate);
    } else {
        let _ = writeln!(out, "off-policy       refused: no offers of known content in the log");
    }
    let _ = writeln!(out, "A/B over none    {}", range(&summary.over_control));
    let _ = writeln!(out, "A/B over current {}", range(&summary.over_current));
    let _ = writeln!(out, "gate             {}", approval(summary));
    if !summary.approved {
        for reason in &summary.gate_reasons {
            let _ = writeln!(out, "                 {reason}");
        }
    }
    if let Some(truth) = &summary.truth {
        truth_lines(&mut out, truth);
    }
    let _ = writeln!(out, "\nreport           {}", root.join("report.html").display());
    let _ = writeln!(out, "policy bundle    {}", root.join("policy").display());
    let _ = writeln!(out, "finished in      {seconds:.1} s");
    out
}

fn truth_lines(out: &mut String, truth: &crate::run::TruthResult) {
    let _ = writeln!(
        out,
        "\ntrue world       {} customers, {} weeks; the reference is `{}`",
        truth.n_customers, truth.n_weeks, truth.reference
    );
    for arm in &truth.arms {
        let chosen = if arm.policy == truth.chosen { "*" } else { " " };
        let _ = writeln!(
            out,
            " {chosen} {:<14} {:>9.3} {:>28} {:>7.1} % {:>8}",
            arm.policy,
            arm.margin.estimate,
            range(&arm.uplift),
            arm.contact_rate * 100.0,
            arm.captured.map_or_else(|| "–".to_owned(), |c| format!("{c:.2}"))
        );
    }
    let _ = writeln!(out, "true over none    {}", range(&truth.over_control));
    let _ = writeln!(out, "true over current {}", range(&truth.over_current));
    let _ = writeln!(out, "captured uplift  {}", captured(truth));
}

/// What a single stage prints.
pub(super) fn stage(resolved: &Resolved, stage: Stage) -> Result<String, Failure> {
    let folder = RunFolder::open(&resolved.root)?;
    let mut out = String::new();
    match stage {
        Stage::Ingest => {
            let dir = folder.path("history");
            let (assessment, ledger) = store::load_assessment(&dir).map_err(RunError::from)?;
            let quality = store::load_quality(&dir).map_err(RunError::from)?;
            let currency = &resolved.config.currency;
            let (assessment, ledger, quality) = (&assessment, &ledger, &quality);
            let ingested = Ingested { assessment, ledger, quality, currency };
            out.push_str(&ingested.table(&resolved.root.join("history").join("quality.html")));
        }
        Stage::Personas => {
            let file: crate::run::load::PersonaFile =
                folder.read("personas/personas.json", "personas")?;
            for card in &file.model.cards {
                let _ = writeln!(
                    out,
                    "{:>6} {:>5.1} %  {}: {}",
                    card.size,
                    card.share * 100.0,
                    card.name,
                    card.description
                );
            }
            file.warning.iter().for_each(|w| {
                let _ = writeln!(out, "warning: {w}");
            });
        }
        Stage::Fit => {
            let card: crate::demand::RealismCard = folder.read("demand/card.json", "fit")?;
            for line in &card.lines {
                let figure = |f: Option<f64>| f.map_or("–".to_owned(), |f| format!("{f:.3}"));
                let (actual, simulated) = (figure(line.actual), line.simulated.map(|s| s.mean));
                let _ = writeln!(
                    out,
                    "{:<5} {:<56} {:>10}  held out {actual:>9}  ({}) {}",
                    line.verdict.word(),
                    line.line,
                    figure(simulated),
                    line.band,
                    line.note
                );
            }
        }
        _ => {
            let _ = writeln!(out, "{} is up to date in {}", stage.name(), resolved.root.display());
        }
    }
    Ok(out)
}

/// The captured uplift with its interval, or why there is none.
pub(super) fn captured(truth: &crate::run::TruthResult) -> String {
    let nothing = || "– (the oracle finds nothing to gain)".to_owned();
    truth.captured_uplift.as_ref().map_or_else(nothing, range)
}
