//! The report of a run: SVG plots and one self-contained HTML page.
//!
//! Everything shown comes from one [`ReportInput`]; this room computes nothing but layout, so the
//! same input gives the same bytes. Each file is written beside its place and then renamed, so a
//! reader never sees half a report. Pages stand beside it: [`quality_page`] on what was made of
//! the data, [`persona_page`] on who the customers are, [`world_page`] on whether the simulated world
//! can be trusted, and [`arena_page`] on the published world.

pub mod arena_page;
mod bars;
mod calendar;
mod canvas;
mod drift_bars;
mod error;
mod format;
mod histogram;
mod input;
mod intervals;
mod legend;
mod lines;
mod marked_lines;
mod outcome;
mod page;
mod persona_cells;
pub mod persona_page;
mod persona_plots;
#[cfg(test)]
mod persona_sample;
#[cfg(test)]
mod persona_tests;
mod price_strips;
pub mod pricing_page;
mod pricing_plots;
pub mod quality_page;
#[cfg(test)]
mod quality_sample;
#[cfg(test)]
mod quality_tests;
#[cfg(test)]
mod sample;
mod scatter;
mod selection_panels;
mod share_map;
mod silhouettes;
mod small_cells;
mod supplement;
#[cfg(test)]
mod tests;
mod tree;
mod waterfall;
pub mod world_page;
mod world_page_cells;
mod world_page_curves;
mod world_page_fidelity;
mod world_page_fit;
mod world_page_forest;
mod world_page_plots;
#[cfg(test)]
mod world_page_sample;
#[cfg(test)]
mod world_page_tests;
mod world_page_values;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

pub use error::ReportError;
pub(crate) use format::{Sign, money, money_cents, number, percent};
pub use input::*;
pub use outcome::standard_glossary;
pub use waterfall::{WaterfallBar, WaterfallInput, waterfall_svg};

use canvas::Plot;

/// Every plot a report may hold; a plot without data is left out and its old file removed.
const PLOT_NAMES: [&str; 11] = [
    "headline",
    "action-mix",
    "persona-sizes",
    "persona-heat-map",
    "leaderboard",
    "experiment",
    "truth",
    "demand",
    "held-out",
    "learning",
    "weekly-sales",
];

/// Writes `report.html` and `plots/*.svg` into `out_dir` and returns the paths written, page first.
///
/// The page holds its plots, style and text, needs no network and no script, and escapes all text
/// of the input. Nothing depends on the clock or on the place of `out_dir`: equal inputs give equal
/// bytes.
///
/// # Errors
///
/// [`ReportError::Write`] when a file or folder cannot be written; [`ReportError::Draw`] and
/// [`ReportError::Page`] only through a bug in this room.
pub fn render(input: &ReportInput, out_dir: &Path) -> Result<Vec<PathBuf>, ReportError> {
    let input = small_cells::suppressed(input);
    let plots = draw_plots(&input)?;
    let page = page::page(&input, &plots)?;
    let folder = out_dir.join("plots");
    fs::create_dir_all(&folder)
        .map_err(|source| ReportError::Write { path: folder.clone(), source })?;
    let mut written = vec![out_dir.join("report.html")];
    for plot in &plots {
        let path = folder.join(format!("{}.svg", plot.name));
        write_whole(&path, &plot.svg)?;
        written.push(path);
    }
    for name in PLOT_NAMES.iter().filter(|name| plots.iter().all(|plot| plot.name != **name)) {
        remove_if_present(&folder.join(format!("{name}.svg")))?;
    }
    write_whole(&written[0], &page)?;
    Ok(written)
}

fn draw_plots(input: &ReportInput) -> Result<Vec<Plot>, ReportError> {
    let cards = &input.personas.cards;
    let names: Vec<&str> = cards.iter().map(|card| card.name.as_str()).collect();
    let currency = &input.currency;
    let truth = match &input.truth {
        Some(truth) => intervals::truth(truth, currency)?,
        None => None,
    };
    let plots = [
        intervals::headline(input)?,
        bars::action_mix(&input.action_mix)?,
        bars::persona_sizes(cards)?,
        bars::heat_map(&input.personas.heat_map)?,
        intervals::leaderboard(input)?,
        intervals::experiment(&input.ab_test, currency)?,
        truth,
        lines::demand(&input.demand, &names)?,
        lines::held_out(&input.realism, currency)?,
        lines::learning(&input.learning, currency)?,
        marked_lines::weekly("weekly-sales", &input.quality.weekly_sales, currency)?,
    ];
    Ok(plots.into_iter().flatten().collect())
}

/// Writes beside `path`, then renames.
fn write_whole(path: &Path, text: &str) -> Result<(), ReportError> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".partial");
    let partial = path.with_file_name(name);
    fs::write(&partial, text)
        .and_then(|()| fs::rename(&partial, path))
        .map_err(|source| ReportError::Write { path: path.to_owned(), source })
}

fn remove_if_present(path: &Path) -> Result<(), ReportError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(ReportError::Write { path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}
