//! Learners in the arena: a small world in every run, the published protocol when `RUN_SLOW` is set.

#![expect(
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a slow proof is asked for by the environment and prints its figures and its time"
)]

use super::learned::{bound_shares, learned_verdicts};
use super::learners::{Lessons, cast};
use super::{ArenaComparison, ArenaProtocol, Stage, arms, compare_cast, oracle};
use promopt_envs::SeedTree;
use promopt_envs::arena::{ArenaConfig, Draw};

fn play(protocol: &ArenaProtocol, lessons: Lessons, tree: SeedTree) -> ArenaComparison {
    let train = |stage: &Stage<'_>| {
        let mut made = cast(&lessons, stage)?;
        made.extend(oracle::oracle(stage));
        Ok(made)
    };
    let standard = arms::standard(&protocol.config);
    compare_cast(protocol, &standard, &train, tree, &|| {}).expect("plays")
}

#[test]
fn every_learner_plays_and_threads_do_not_matter() {
    let config = ArenaConfig {
        n_customers: 12,
        category_sizes: vec![9, 30, 4],
        n_weeks: 12,
        category_intercept: Draw::Normal { mean: -1.0, sd: 0.5 },
        ..ArenaConfig::default()
    };
    let protocol = ArenaProtocol { n_worlds: 2, scored_weeks: 4, history_weeks: 8, config };
    let lessons = Lessons { customers: 40, weeks: 6, updates: 5, ..Lessons::default() };
    let with_threads = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        pool.install(|| play(&protocol, lessons, SeedTree::new(3)))
    };
    let comparison = with_threads(1);
    assert_eq!(comparison, with_threads(2));
    // 14 rules, 7 for revenue, 2 × 3 for each of 3 margins, 4 oracles.
    assert_eq!(comparison.rows.len(), 14 + 7 + 18 + 4);
    let bounds = oracle::bounds(&protocol, SeedTree::new(3)).expect("bounds");
    assert!(bounds.iter().flatten().all(|bound| bound.is_finite() && *bound >= 0.0));
    // 3 published targets, 3 agents at 3 margins, γ.
    assert_eq!(learned_verdicts(&comparison).expect("judged").len(), 13);
    assert!(!bound_shares(&comparison, &bounds).expect("shared").is_empty());
}

/// The published protocol over 10 worlds: prints every figure; the targets of revenue and margin hold.
#[test]
fn published_protocol() {
    if std::env::var("RUN_SLOW").as_deref() != Ok("1") {
        eprintln!("skipped: set RUN_SLOW=1 for the arena's learners (about 10 minutes)");
        return;
    }
    let start = std::time::Instant::now();
    let protocol = ArenaProtocol { n_worlds: 10, history_weeks: 50, ..ArenaProtocol::default() };
    let tree = SeedTree::new(1).child("arena");
    let comparison = play(&protocol, Lessons::default(), tree);
    let bounds = oracle::bounds(&protocol, tree).expect("bounds");
    for row in &comparison.rows {
        let margins: Vec<String> = row
            .margins_over_none
            .iter()
            .map(|gain| format!("{:+.4} ({:.4})", gain.estimate, gain.standard_error))
            .collect();
        eprintln!(
            "{:<35} {:>4.1} % × random {:.3} ({:.3}) retention {:.3} margins over none {}",
            row.arm,
            row.coupon * 100.0,
            row.revenue_ratio.estimate,
            row.revenue_ratio.standard_error,
            row.retention.estimate,
            margins.join(" ")
        );
    }
    for share in bound_shares(&comparison, &bounds).expect("shared") {
        let what = share.margin_rate.map_or("revenue".to_owned(), |rate| format!("margin {rate}"));
        eprintln!(
            "{:<35} {what:<12} {:.3} ({:.3}) of the bound, {:.3} ({:.3}) of the oracle",
            share.arm,
            share.share.estimate,
            share.share.standard_error,
            share.of_oracle.estimate,
            share.of_oracle.standard_error
        );
    }
    let verdicts = learned_verdicts(&comparison).expect("judged");
    for verdict in &verdicts {
        eprintln!("{} {}: {}", verdict.agrees, verdict.claim, verdict.found);
    }
    eprintln!("{:.0} s", start.elapsed().as_secs_f64());
    // The last verdict is what γ buys, an open question and no target.
    let targets = &verdicts[..verdicts.len() - 1];
    assert!(targets.iter().all(|verdict| verdict.agrees), "{targets:?}");
}
