//! `promopt worlds`: the whole job on several generated retailers, and the mean of what it captured.

use super::exit::Failure;
use super::flags::{Shared, Worlds};
use super::progress::Terminal;
use super::stages::{Resolved, read_summary, resolve, run_stages};
use super::table::{captured, range};
use crate::evaluate::Interval;
use crate::run::{Stage, TruthResult};
use promopt_envs::SeedTree;
use promopt_envs::worlds::RetailerConfig;
use serde::Serialize;

/// Means over worlds, with Student intervals over worlds.
#[derive(Debug, Serialize)]
struct Overall {
    captured_uplift: Interval,
    over_control: Interval,
    over_current: Interval,
    worlds: Vec<World>,
}

#[derive(Debug, Serialize)]
struct World {
    name: String,
    approved: bool,
    truth: TruthResult,
}

/// Runs and prints.
pub(super) fn worlds(shared: &Shared, args: &Worlds) -> Result<(), Failure> {
    if args.n < 2 {
        return Err(Failure::config("expected `--n` of at least 2 for an interval over worlds"));
    }
    let base = resolve(shared)?;
    if base.config.data.is_some() {
        let message = "expected a config without [data]: `worlds` generates its retailers; \
                       remove `-c` or the [data] part";
        return Err(Failure::config(message));
    }
    let tree = SeedTree::new(base.config.seed).child("worlds");
    let mut done = Vec::new();
    for i in 0..args.n {
        let mut config = base.config.clone();
        config.name = format!("world-{i}");
        // TOML and JSON integers are signed: keep the sign bit free.
        config.seed = tree.index(i).seed() >> 1;
        let varied = RetailerConfig::varied(tree.child("structure").index(i));
        config.world = RetailerConfig {
            n_customers: base.config.world.n_customers,
            n_weeks: base.config.world.n_weeks,
            ..varied
        };
        let root = base.root.join(&config.name);
        let resolved = Resolved { config, config_dir: base.config_dir.clone(), root };
        if !shared.quiet && !shared.json {
            eprintln!("world {} of {}", i + 1, args.n);
        }
        run_stages(&resolved, &Terminal::new(shared), Stage::Report)?;
        let summary = read_summary(&resolved)?;
        let Some(truth) = summary.truth else {
            return Err(Failure::other("bug: a synthetic run without its truth"));
        };
        done.push(World { name: resolved.config.name, approved: summary.approved, truth });
    }
    let overall = overall(done, base.config.judge.level)?;
    if shared.json {
        let text = serde_json::to_string_pretty(&overall);
        println!("{}", text.map_err(|e| Failure::other(&e.to_string()))?);
    } else {
        print_overall(&overall);
    }
    Ok(())
}

fn overall(worlds: Vec<World>, level: f64) -> Result<Overall, Failure> {
    let mean = |f: fn(&TruthResult) -> f64| -> Result<Interval, Failure> {
        let values: Vec<f64> = worlds.iter().map(|w| f(&w.truth)).collect();
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0);
        Interval::student(mean, (variance / n).sqrt(), n - 1.0, level)
            .map_err(|e| Failure::config(&e.to_string()))
    };
    Ok(Overall {
        captured_uplift: mean(|t| t.captured_uplift.map_or(0.0, |c| c.estimate))?,
        over_control: mean(|t| t.over_control.estimate)?,
        over_current: mean(|t| t.over_current.estimate)?,
        worlds,
    })
}

fn print_overall(overall: &Overall) {
    println!(
        "{:<10} {:<14} {:>14} {:>28} {:>28} {:>28}",
        "world", "policy", "gate", "true over none", "true over current", "captured"
    );
    for world in &overall.worlds {
        println!(
            "{:<10} {:<14} {:>14} {:>28} {:>28} {:>28}",
            world.name,
            world.truth.chosen,
            if world.approved { "approved" } else { "not_approved" },
            range(&world.truth.over_control),
            range(&world.truth.over_current),
            captured(&world.truth)
        );
    }
    println!("\ntrue over none    {}", range(&overall.over_control));
    println!("true over current {}", range(&overall.over_current));
    println!("captured uplift  {}", range(&overall.captured_uplift));
}
