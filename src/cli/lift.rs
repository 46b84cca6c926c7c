//! `promopt lift`: what past promotions brought, as a table or part by part.

use super::exit::Failure;
use super::flags::{Lift, Shared};
use super::progress::Terminal;
use super::stages::{Resolved, resolve, run_stages};
use crate::demand::waterfall::{PromotionFacts, Waterfall};
use crate::evaluate::Interval;
use crate::run::lift::{LIFT, LiftResult};
use crate::run::{Job, RunFolder, Stage};
use std::fmt::Write;

/// Runs the stages up to the fit, splits the promotions and prints.
pub(super) fn lift(shared: &Shared, args: &Lift) -> Result<(), Failure> {
    let resolved = resolve(shared)?;
    let terminal = Terminal::new(shared);
    run_stages(&resolved, &terminal, Stage::Fit)?;
    let folder = RunFolder::open(&resolved.root)?;
    let job = Job {
        config: &resolved.config,
        config_dir: &resolved.config_dir,
        folder: &folder,
        observer: &terminal,
    };
    let found = job.lift(args.promotion.as_deref(), args.top)?;
    if shared.json {
        let text = serde_json::to_string_pretty(&found);
        println!("{}", text.map_err(|e| Failure::other(&e.to_string()))?);
    } else {
        print!("{}", told(&resolved, &found, args.promotion.is_some()));
    }
    Ok(())
}

fn told(resolved: &Resolved, found: &LiftResult, in_full: bool) -> String {
    let mut out = String::new();
    if found.waterfalls.is_empty() {
        out.push_str(
            "no promotion found: no category was deeper on the shelf than usual, and no \
                      offer of known content went to anybody who had bought before\n",
        );
        return out;
    }
    // Writing to a string cannot fail.
    if in_full {
        found.waterfalls.iter().for_each(|one| part_by_part(&mut out, one));
        return out;
    }
    table(&mut out, found);
    let _ = writeln!(out, "\nvolume: what the promoted category sold against its usual sales in");
    let _ = writeln!(out, "these weeks, and what it takes for the discount to pay, m / (m − d)");
    facts(&mut out, "shelf promotions", found.shelf.as_ref());
    facts(&mut out, "offers", found.offers.as_ref());
    let _ = writeln!(out, "\nwritten to {}", resolved.root.join(LIFT).display());
    out
}

fn table(out: &mut String, found: &LiftResult) {
    let shown = found.waterfalls.len();
    let _ = writeln!(out, "{shown} of {} promotions, by what they gave away\n", found.found);
    let _ = writeln!(
        out,
        "{:<40} {:>5} {:>6} {:>9} {:>26} {:>30}",
        "promotion", "weeks", "depth", "volume", "units because of it (90 %)", "margin (90 %)"
    );
    for one in &found.waterfalls {
        let promotion = &one.promotion;
        let needed = one.break_even_multiple.map_or_else(|| "–".to_owned(), |m| format!("{m:.1}"));
        let _ = writeln!(
            out,
            "{:<40} {:>5} {:>4.0} % {:>4.1}/{:<4} {:>26} {:>30}",
            promotion.id,
            promotion.weeks.end - promotion.weeks.start,
            promotion.depth * 100.0,
            one.expected_multiple.estimate,
            needed,
            range(&one.incremental_units, 0),
            range(&one.incremental_margin, 2),
        );
    }
}

fn part_by_part(out: &mut String, one: &Waterfall) {
    let promotion = &one.promotion;
    let depth = promotion.depth * 100.0;
    let usually = promotion.usual_depth * 100.0;
    let _ = writeln!(out, "{}: {depth:.0} % off, usually {usually:.0} %", promotion.id);
    let _ = writeln!(out, "{} customers could get it, {} played\n", one.customers, one.played);
    let _ = writeln!(out, "{:<40} {:>26} {:>32}", "", "units (90 %)", "margin (90 %)");
    for line in &one.parts {
        let units = line.units.map_or_else(String::new, |units| range(&units, 0));
        let margin = range(&line.margin, 2);
        let _ = writeln!(out, "{:<40} {units:>26} {margin:>32}", line.part.label());
    }
    let units = range(&one.incremental_units, 0);
    let margin = range(&one.incremental_margin, 2);
    let _ = writeln!(out, "{:<40} {units:>26} {margin:>32}", "because of the promotion");
    let expected = &one.expected_multiple;
    let (low, high) = (expected.lower, expected.upper);
    let _ = write!(
        out,
        "\nvolume in these weeks: {:.2} times [{low:.2}, {high:.2}]",
        expected.estimate
    );
    let _ = match one.break_even_multiple {
        Some(needed) => writeln!(out, "; the discount pays from {needed:.2} times"),
        None => writeln!(out, "; the discount is larger than the margin and cannot pay"),
    };
}

fn facts(out: &mut String, what: &str, facts: Option<&PromotionFacts>) {
    let Some(facts) = facts else { return };
    let _ = writeln!(out, "\n{} {what}:", facts.promotions);
    let _ = writeln!(
        out,
        "  share of the lift that was only bought earlier  {}",
        range(&facts.dip_share, 2)
    );
    let _ = writeln!(
        out,
        "  other categories, units per unit of lift        {}",
        range(&facts.halo_per_unit, 2)
    );
    let _ = writeln!(
        out,
        "  share that lost margin                          {}",
        range(&facts.losing_share, 2)
    );
}

fn range(interval: &Interval, decimals: usize) -> String {
    let Interval { estimate, lower, upper, .. } = interval;
    format!("{estimate:.decimals$} [{lower:.decimals$}, {upper:.decimals$}]")
}
