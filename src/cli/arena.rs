//! `promopt arena`: coupon policies in a published synthetic retailer, beside published results.

use super::exit::Failure;
use super::flags::{Arena, Shared};
use crate::evaluate::arena::learned::{BoundShare, bound_shares, learned_verdicts};
use crate::evaluate::arena::learners::{self, Lessons};
use crate::evaluate::arena::published::{self, Published};
use crate::evaluate::arena::verdicts::{Verdict, verdicts};
use crate::evaluate::arena::{
    ArenaComparison, ArenaProtocol, ArenaRow, MARGIN_RATES, Stage, arms, compare_cast, oracle,
};
use crate::evaluate::{EvaluateError, Interval};
use crate::report::Estimate;
use crate::report::arena_page::{
    self, ArenaAgent, ArenaArm, ArenaBoundShare, ArenaPage, ArenaVerdict,
};
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
    /// Shares of the upper bound; empty without learners.
    bound_shares: Vec<BoundShare>,
    comparison: ArenaComparison,
}

/// Plays, prints and writes.
pub(super) fn arena(shared: &Shared, args: &Arena) -> Result<(), Failure> {
    let config =
        ArenaConfig { n_customers: args.customers, n_weeks: args.weeks, ..ArenaConfig::default() };
    let scored_weeks = SCORED_WEEKS.min(args.weeks);
    let history_weeks = if args.learners { args.weeks - scored_weeks } else { 0 };
    let protocol = ArenaProtocol { n_worlds: args.worlds, scored_weeks, history_weeks, config };
    let seed = shared.seed.unwrap_or(SEED);
    let bar = progress(shared, args.worlds);
    let arms = arms::standard(&protocol.config);
    let tree = SeedTree::new(seed).child("arena");
    let cast = |stage: &Stage<'_>| cast(args.learners, stage);
    let comparison = compare_cast(&protocol, &arms, &cast, tree, &|| bar.inc(1))
        .map_err(|error| refused(&error))?;
    let bound_shares = match args.learners {
        true => oracle::bounds(&protocol, tree)
            .and_then(|bounds| bound_shares(&comparison, &bounds))
            .map_err(|error| refused(&error))?,
        false => Vec::new(),
    };
    bar.finish_and_clear();
    let mut verdicts = verdicts(&comparison).map_err(|error| refused(&error))?;
    verdicts.extend(learned_verdicts(&comparison).map_err(|error| refused(&error))?);
    let published = all_published(&comparison);
    let outcome = Outcome { seed, verdicts, published, bound_shares, comparison };
    write(&outcome, &args.out)?;
    if shared.json {
        let text = serde_json::to_string_pretty(&outcome);
        println!("{}", text.map_err(|e| Failure::other(&e.to_string()))?);
    } else {
        print(&outcome, &args.out);
    }
    Ok(())
}

/// Arms made world by world: the oracle and everything that learns.
fn cast(wanted: bool, stage: &Stage<'_>) -> Result<Vec<arms::Arm<'static>>, EvaluateError> {
    if !wanted {
        return Ok(Vec::new());
    }
    let mut made = learners::cast(&Lessons::default(), stage)?;
    made.extend(oracle::oracle(stage));
    Ok(made)
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
    let absent = |agent: &Published| {
        let is_agent = |row: &ArenaRow| published::agent(&row.arm).as_ref() == Some(agent);
        !rows.iter().any(is_agent)
    };
    ArenaPage {
        protocol: protocol_words(&outcome.comparison.protocol, outcome.seed),
        bound_shares: outcome.bound_shares.iter().map(bound_share).collect(),
        interval_level: rows.first().map_or(f64::NAN, |row| row.revenue.level),
        verdicts: outcome.verdicts.iter().map(verdict).collect(),
        arms: rows.iter().map(arm).collect(),
        agents: published::agents().into_iter().filter(absent).map(agent).collect(),
        margin_rates: MARGIN_RATES.to_vec(),
        method: METHOD
            .iter()
            .chain(if outcome.bound_shares.is_empty() { &[][..] } else { &LEARNED[..] })
            .map(|&sentence| sentence.to_owned())
            .collect(),
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

const LEARNED: [&str; 4] = [
    "Agents learn in each world from 1,000 further customers of 50 weeks under uniformly random \
     coupons and are then frozen. The customers compared have had random coupons until the weeks that \
     count, in which the agents take over.",
    "Agents see the nine published features; with own response also what the customer bought and paid \
     under low and high coupons.",
    "Judged agents learned from four fifths of the logged customers and take over only where the others \
     prove them better than the best fixed coupon of the log (doubly robust, one-sided 95 %).",
    "The oracle gives each customer the constant coupon that is best by true parameters. The upper \
     bound knows every utility of the week before it decides and never loses a later visit by it.",
];

fn bound_share(share: &BoundShare) -> ArenaBoundShare {
    ArenaBoundShare {
        arm: share.arm.clone(),
        of: goal_words(share.margin_rate),
        share: estimate(&share.share),
        of_oracle: estimate(&share.of_oracle),
    }
}

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
    let paper = published::paper(&row.arm).or_else(|| published::agent(&row.arm));
    let replication = published::replication(&row.arm);
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
        "{:<35} {:>6} {:>8} {:>16} {:>9} {:>10} {:>8} {:>9}   margin at 30 / 50 / 65 %",
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
            "{:<35} {:>4.1} % {:>8.3} {:>16} {:>9} {:>10} {:>8.3} {:>9.3}   {}",
            row.arm,
            row.coupon * 100.0,
            row.revenue.estimate,
            format!("{:.3} ({:.3})", ratio.estimate, ratio.standard_error),
            known(published::paper(&row.arm).or_else(|| published::agent(&row.arm))),
            known(published::replication(&row.arm)),
            row.units_ratio.estimate,
            row.retention.estimate,
            margins.join(" ")
        );
    }
    println!("(revenue and margin per customer-week, errors over worlds)\n");
    print_shares(&outcome.bound_shares);
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

fn goal_words(margin_rate: Option<f64>) -> String {
    let margin = |rate: f64| format!("margin at {:.0} %", rate * 100.0);
    margin_rate.map_or_else(|| "revenue".to_owned(), margin)
}

fn print_shares(shares: &[BoundShare]) {
    if shares.is_empty() {
        return;
    }
    println!("{:<35} {:<16} {:>16} {:>16}", "share (se)", "of", "upper bound", "oracle");
    for BoundShare { arm, margin_rate, share, of_oracle } in shares {
        let what = goal_words(*margin_rate);
        let words =
            |share: &Interval| format!("{:.3} ({:.3})", share.estimate, share.standard_error);
        println!("{arm:<35} {what:<16} {:>16} {:>16}", words(share), words(of_oracle));
    }
    println!();
}
