//! `promopt arena`: coupon policies in a published synthetic retailer, beside published results.

use super::exit::Failure;
use super::flags::{Arena, Shared};
use crate::evaluate::arena::published::{self, Published};
use crate::evaluate::arena::verdicts::{Verdict, verdicts};
use crate::evaluate::arena::{
    ArenaComparison, ArenaProtocol, ArenaRow, MARGIN_RATES, arms, compare,
};
use crate::evaluate::{EvaluateError, Interval};
use crate::report::Estimate;
use crate::report::arena_page::{self, ArenaAgent, ArenaArm, ArenaPage, ArenaVerdict};
use crate::run::RunError;
use crate::run::folder::write_json;
use indicatif::{ProgressBar, ProgressStyle};
use promopt_envs::SeedTree;
use promopt_envs::arena::ArenaConfig;
use serde::Serialize;
use std::io::IsTerminal;
use std::path::Path;

/// The seed without `--seed`.
const SEED: u64 = 1;
/// Weeks at the end that count.
const SCORED_WEEKS: u32 = 20;

/// What `arena.json` holds.
#[derive(Debug, Serialize)]
struct Outcome {
    seed: u64,
    verdicts: Vec<Verdict>,
    published: Vec<Published>,
    comparison: ArenaComparison,
}

/// Plays, prints and writes.
pub(super) fn arena(shared: &Shared, args: &Arena) -> Result<(), Failure> {
    let config =
        ArenaConfig { n_customers: args.customers, n_weeks: args.weeks, ..ArenaConfig::default() };
    let scored_weeks = SCORED_WEEKS.min(args.weeks);
    let protocol = ArenaProtocol { n_worlds: args.worlds, scored_weeks, config };
    let seed = shared.seed.unwrap_or(SEED);
    let bar = progress(shared, args.worlds);
    let arms = arms::standard(&protocol.config);
    let tree = SeedTree::new(seed).child("arena");
    let comparison =
        compare(&protocol, &arms, tree, &|| bar.inc(1)).map_err(|error| refused(&error))?;
    bar.finish_and_clear();
    let verdicts = verdicts(&comparison).map_err(|error| refused(&error))?;
    let published = all_published(&comparison);
    let outcome = Outcome { seed, verdicts, published, comparison };
    write(&outcome, &args.out)?;
    if shared.json {
        let text = serde_json::to_string_pretty(&outcome);
        println!("{}", text.map_err(|e| Failure::other(&e.to_string()))?);
    } else {
        print(&outcome, &args.out);
    }
    Ok(())
}

/// The numbers that can be wrong all come from flags.
fn refused(error: &EvaluateError) -> Failure {
    Failure::config(&error.to_string())
}

fn progress(shared: &Shared, worlds: usize) -> ProgressBar {
    if shared.quiet || shared.json || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(worlds as u64);
    if let Ok(style) =
        ProgressStyle::with_template("{prefix:>10} {bar:28} {elapsed:>4} {pos}/{len}")
    {
        bar.set_style(style.progress_chars("━╸─"));
    }
    bar.set_prefix("arena");
    bar.enable_steady_tick(std::time::Duration::from_millis(200));
    bar
}

fn all_published(comparison: &ArenaComparison) -> Vec<Published> {
    let names = || comparison.rows.iter().map(|row| row.arm.as_str());
    let figures = names().filter_map(published::paper);
    figures.chain(names().filter_map(published::replication)).chain(published::agents()).collect()
}

fn write(outcome: &Outcome, out: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(out).map_err(RunError::io("create", out))?;
    write_json(&out.join("arena.json"), outcome)?;
    Ok(arena_page::render(&page(outcome), out).map_err(RunError::from)?)
}

fn page(outcome: &Outcome) -> ArenaPage {
    let verdict = |verdict: &Verdict| ArenaVerdict {
        claim: verdict.claim.clone(),
        found: verdict.found.replace('-', "−"),
        expected: verdict.expected.clone(),
        agrees: verdict.agrees,
    };
    let agent = |agent: Published| ArenaAgent {
        name: agent.arm.to_owned(),
        ratio: agent.revenue_ratio,
        standard_error: agent.standard_error.unwrap_or(f64::NAN),
    };
    let rows = &outcome.comparison.rows;
    ArenaPage {
        protocol: protocol_words(&outcome.comparison.protocol, outcome.seed),
        interval_level: rows.first().map_or(f64::NAN, |row| row.revenue.level),
        verdicts: outcome.verdicts.iter().map(verdict).collect(),
        arms: rows.iter().map(arm).collect(),
        agents: published::agents().into_iter().map(agent).collect(),
        margin_rates: MARGIN_RATES.to_vec(),
        method: METHOD.map(str::to_owned).to_vec(),
    }
}

const METHOD: [&str; 6] = [
    "The world is RetailSynth (arXiv 2312.14095) in the configuration of RetailSynth-AgentSim \
     (arXiv 2405.10469), written anew from its equations with a named random stream for everything \
     that is drawn.",
    "Spreads of the random features have the size of their means: the published implementation \
     draws both with one key, and its results depend on it.",
    "All policies meet the same parameters, shelf prices, features and dice; ratios and differences \
     are taken world by world. Levels of revenue vary between worlds and are not compared.",
    "Published ratios of fixed coupons are read off a plot to within 1 %; the one without a coupon \
     is exact. Replicated figures are an earlier re-write in numpy.",
    "The segment rules know the true price effect of every customer: nobody has that in life.",
    "Contribution margin is money paid less the cost of goods, which is the base price times one \
     minus the gross margin rate.",
];

fn protocol_words(protocol: &ArenaProtocol, seed: u64) -> String {
    format!(
        "{} worlds of {} customers and {} products; {} weeks, of which the last {} count; seed {seed}.",
        protocol.n_worlds,
        protocol.config.n_customers,
        protocol.config.n_products(),
        protocol.config.n_weeks,
        protocol.scored_weeks
    )
}

fn arm(row: &ArenaRow) -> ArenaArm {
    let (paper, replication) = (published::paper(&row.arm), published::replication(&row.arm));
    let ratio = |published: Option<Published>| published.map_or(f64::NAN, |p| p.revenue_ratio);
    ArenaArm {
        name: row.arm.clone(),
        fixed_coupon: row.fixed_coupon,
        coupon: row.coupon,
        revenue: estimate(&row.revenue),
        ratio: estimate(&row.revenue_ratio),
        published_ratio: ratio(paper),
        replicated_ratio: ratio(replication),
        units_ratio: estimate(&row.units_ratio),
        retention: estimate(&row.retention),
        published_retention: paper.and_then(|p| p.retention).unwrap_or(f64::NAN),
        margins: row.margins.iter().map(estimate).collect(),
        margins_over_none: row.margins_over_none.iter().map(estimate).collect(),
    }
}

fn estimate(interval: &Interval) -> Estimate {
    Estimate::new(interval.estimate, interval.lower, interval.upper)
}

fn print(outcome: &Outcome, out: &Path) {
    let comparison = &outcome.comparison;
    println!("{}\n", protocol_words(&comparison.protocol, outcome.seed));
    println!(
        "{:<15} {:>6} {:>8} {:>16} {:>9} {:>10} {:>8} {:>9}   margin at 30 / 50 / 65 %",
        "policy",
        "coupon",
        "revenue",
        "× random (se)",
        "published",
        "replicated",
        "units ×",
        "retention"
    );
    for row in &comparison.rows {
        let known = |published: Option<Published>| {
            published.map_or_else(String::new, |p| format!("{:.3}", p.revenue_ratio))
        };
        let ratio = row.revenue_ratio;
        let margins: Vec<String> =
            row.margins.iter().map(|margin| format!("{:+.3}", margin.estimate)).collect();
        println!(
            "{:<15} {:>4.1} % {:>8.3} {:>16} {:>9} {:>10} {:>8.3} {:>9.3}   {}",
            row.arm,
            row.coupon * 100.0,
            row.revenue.estimate,
            format!("{:.3} ({:.3})", ratio.estimate, ratio.standard_error),
            known(published::paper(&row.arm)),
            known(published::replication(&row.arm)),
            row.units_ratio.estimate,
            row.retention.estimate,
            margins.join(" ")
        );
    }
    println!("(revenue and margin per customer-week, errors over worlds)\n");
    let agents = published::agents();
    let agents = agents.iter().map(|agent| format!("{} {:.3}", agent.arm, agent.revenue_ratio));
    println!("published agents × random: {}\n", agents.collect::<Vec<_>>().join(", "));
    for verdict in &outcome.verdicts {
        println!(
            "{:<8} {}: {} (published: {})",
            if verdict.agrees { "agrees" } else { "differs" },
            verdict.claim,
            verdict.found,
            verdict.expected
        );
    }
    println!("\n{}", out.join("arena.html").display());
}
