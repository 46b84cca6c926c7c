//! What `fit` prints of prices: elasticities beside the plain specification, and the card.

use super::exit::Failure;
use super::stages::Resolved;
use crate::demand::FittedPricing;
use crate::demand::pricing::LineVerdict;
use crate::run::RunFolder;
use std::fmt::Write;

/// The fit in a few lines, or its card as JSON.
pub(super) fn fitted(resolved: &Resolved, json: bool) -> Result<String, Failure> {
    let folder = RunFolder::open(&resolved.root)?;
    let fitted: FittedPricing = folder.read("demand/pricing.json", "fit")?;
    if json {
        let text = serde_json::to_string_pretty(&serde_json::json!({
            "run": resolved.root,
            "products": fitted.products,
            "lines": fitted.lines,
            "notes": fitted.notes,
        }));
        return text.map(|text| text + "\n").map_err(|e| Failure::other(&e.to_string()));
    }
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = table(&mut out, &fitted);
    let _ = writeln!(out, "\npage  {}", folder.path("demand/pricing.html").display());
    Ok(out)
}

fn dash() -> String {
    "–".to_owned()
}

fn table(out: &mut String, fitted: &FittedPricing) -> std::fmt::Result {
    let level = 100.0 * fitted.interval_level;
    writeln!(
        out,
        "{:<20} {:>10}  {:<18} {:>7} {:>9} {:>10} {:>8}",
        "product",
        "elasticity",
        format!("[{level:.0} %]"),
        "plain",
        "feature ×",
        "held out",
        "margin"
    )?;
    for product in &fitted.products {
        let held = fitted.held_out.products.iter().find(|held| held.product == product.product);
        let held = held.map_or_else(dash, |held| format!("{:.0} %", 100.0 * held.units_mape));
        let plain = product.plain.map_or_else(dash, |plain| format!("{:.2}", plain.value));
        let own = &product.own;
        let feature = product.feature.map_or_else(dash, |f| format!("{:.2}", f.value.exp()));
        writeln!(
            out,
            "{:<20} {:>10.2}  {:<18} {plain:>7} {feature:>9} {held:>10} {:>6.0} %",
            product.product,
            own.value,
            format!("[{:.2}, {:.2}]", own.lower, own.upper),
            100.0 * product.margin_rate
        )?;
    }
    writeln!(out)?;
    for line in &fitted.lines {
        let verdict = match line.verdict {
            LineVerdict::Pass => "pass",
            LineVerdict::Warn => "warn",
            LineVerdict::Fail => "fail",
        };
        writeln!(out, "{verdict:<5} {:<68} {:>6.2}  ({})", line.line, line.found.value, line.band)?;
    }
    fitted.notes.iter().try_for_each(|note| writeln!(out, "note: {note}"))
}
