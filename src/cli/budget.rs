//! `promopt budget`: the price at which a trained policy keeps to a promotion budget.

use super::exit::Failure;
use super::flags::{Budget, Shared};
use super::progress::Terminal;
use super::stages::{resolve, run_stages};
use crate::evaluate::Interval;
use crate::evaluate::budget::BudgetPrice;
use crate::run::judge::budget_price;
use crate::run::{Job, RunFolder, Stage};

/// Runs the stages up to the leaderboard, searches the price and prints.
pub(super) fn budget(shared: &Shared, args: &Budget) -> Result<(), Failure> {
    let resolved = resolve(shared)?;
    let terminal = Terminal::new(shared);
    run_stages(&resolved, &terminal, Stage::Evaluate)?;
    let folder = RunFolder::open(&resolved.root)?;
    let job = Job {
        config: &resolved.config,
        config_dir: &resolved.config_dir,
        folder: &folder,
        observer: &terminal,
    };
    let (policy, found) = budget_price(&job, args.policy.as_deref(), args.spend)?;
    if shared.json {
        println!(
            "{}",
            serde_json::json!({ "policy": policy, "budget": args.spend, "found": found })
        );
    } else {
        print!("{}", told(&policy, args.spend, &found));
    }
    Ok(())
}

fn told(policy: &str, budget: f64, found: &BudgetPrice) -> String {
    let around =
        |one: &Interval| format!("{:.3} [{:.3}, {:.3}]", one.estimate, one.lower, one.upper);
    let mut lines = vec![
        format!(
            "policy           {policy}, per customer-week in the fitted worlds kept for judging"
        ),
        format!("without budget   spends {}", around(&found.free_spend)),
    ];
    if found.price == 0.0 {
        lines.push(format!("budget           {budget:.3} does not bind: the price is 0"));
    } else {
        lines.push(format!("budget           {budget:.3}: the price is {:.4}", found.price));
        lines.push(format!("at that price    spends {}", around(&found.spend)));
        lines.push(format!("                 earns {}", around(&found.margin)));
        lines.push(format!("                 gives up {}", around(&found.margin_given_up)));
        lines.push(format!("next             promopt score ... --budget-price {:.4}", found.price));
    }
    lines.join("\n") + "\n"
}
