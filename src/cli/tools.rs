//! `score`, `init`, `check` and `--bad-rows`.

use super::exit::Failure;
use super::flags::{Init, Score, Shared};
use super::stages::{Resolved, resolve};
use crate::data;
use crate::run::score::{ScoreRequest, score as score_history};
use std::fs;
use std::path::Path;

/// The config that `init` writes.
const TEMPLATE: &str = include_str!("template.toml");

/// `promopt score`.
pub(super) fn score(shared: &Shared, args: &Score) -> Result<(), Failure> {
    let resolved = resolve(shared)?;
    let request = ScoreRequest {
        policy: &args.policy,
        history: &args.history,
        as_of: &args.as_of,
        out: &args.out,
        data: resolved.config.data.as_ref(),
        budget_price: args.budget_price,
        shelf: args.shelf.as_deref(),
        seed: resolved.config.seed,
    };
    let counts = score_history(&request)?;
    if shared.json {
        println!("{}", serde_json::json!(counts));
    } else if !shared.quiet {
        println!(
            "{}: {} customers, {} with an offer",
            args.out.display(),
            counts.customers,
            counts.offers
        );
    }
    Ok(())
}

/// `promopt init`.
pub(super) fn init(args: &Init) -> Result<(), Failure> {
    let shown = args.file.display();
    if args.file.exists() && !args.force {
        let message = format!(
            "{shown} exists already; give another name, `promopt init NAME`, or --force to \
             overwrite it"
        );
        return Err(Failure::other(&message));
    }
    let text = if args.from.is_empty() {
        TEMPLATE.to_owned()
    } else {
        let (text, table) = super::proposal::propose(args)?;
        print!("{table}");
        text
    };
    fs::write(&args.file, text)
        .map_err(|e| Failure::other(&format!("cannot write {shown}: {e}")))?;
    println!("{shown}: edit it, then `promopt check -c {shown}` and `promopt run -c {shown}`");
    Ok(())
}

/// `promopt check`.
pub(super) fn check(shared: &Shared) -> Result<(), Failure> {
    let resolved = resolve(shared)?;
    let Some(data) = &resolved.config.data else {
        println!("config is valid; no [data] part, so the synthetic retailer will be used");
        return Ok(());
    };
    for line in data::check_files(data, &resolved.config_dir)? {
        println!("{line}");
    }
    if !data.has_customers() {
        // Nothing is written, so no customer needs a hash.
        let report = data::kind::read_log(data, &resolved.config_dir, "", None)?;
        print!("\n{}", super::logs::told(&report));
        println!("\nonly `promopt ingest` can follow: the other commands need customer sales");
    }
    println!("config and files are valid");
    Ok(())
}

/// Writes every rejected row.
pub(super) fn bad_rows(resolved: &Resolved, out: &Path) -> Result<(), Failure> {
    let Some(data) = &resolved.config.data else {
        return Err(Failure::config("expected a config with a [data] part for --bad-rows"));
    };
    let shown = out.display();
    let failed = |e: csv::Error| Failure::other(&format!("cannot write {shown}: {e}"));
    let rows = data::rejected_rows(data, &resolved.config_dir)?;
    let mut writer = csv::Writer::from_path(out).map_err(failed)?;
    writer.write_record(["file", "row", "rule", "sales_value", "reason"]).map_err(failed)?;
    for row in &rows {
        let sales = row.sales_value.map(|v| v.to_string()).unwrap_or_default();
        let file = row.file.display().to_string();
        let number = row.row.to_string();
        let fields = [file.as_str(), &number, row.rule.name(), &sales, row.rule.reason()];
        writer.write_record(fields).map_err(failed)?;
    }
    writer.flush().map_err(|e| Failure::other(&format!("cannot write {shown}: {e}")))?;
    println!("{shown}: {} rejected rows", rows.len());
    Ok(())
}
