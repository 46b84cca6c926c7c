//! Four small panels on the number of personas: silhouette, gap, criterion and stability.

use super::canvas::{
    Anchor, CHOSEN, CONTROL, CURRENT, Canvas, GRID, INK, MUTED, Plot, Scale, TEXT, draw,
    is_plottable,
};
use super::error::ReportError;
use super::format::axis_number;
use super::input::{Estimate, Point};
use super::lines::{Series, draw_band, draw_series, scales};
use super::persona_page::{Selection, SelectionRow};

const WIDTH: f64 = 860.0;
const PANEL: (f64, f64) = (430.0, 196.0);

struct Panel {
    title: &'static str,
    lines: Vec<Series>,
}

fn line(
    label: &str,
    rows: &[SelectionRow],
    hollow: bool,
    value: impl Fn(&SelectionRow) -> Estimate,
) -> Series {
    let color = if hollow { CONTROL } else { CHOSEN };
    let points = rows.iter().map(|row| Point { x: row.k as f64, y: value(row) });
    Series { label: label.into(), color, hollow, points: points.collect() }
}

fn panels(rows: &[SelectionRow]) -> Vec<Panel> {
    let alone = |title, value: fn(&SelectionRow) -> Estimate| Panel {
        title,
        lines: vec![line("", rows, false, value)],
    };
    let all = [
        alone("Silhouette (higher is better)", |r| Estimate::without_interval(r.silhouette)),
        alone("Gap statistic ± its error (higher is better)", |row| row.gap),
        alone("BIC of the mixture (lower is better)", |r| Estimate::without_interval(r.bic)),
        Panel {
            title: "Stability: blue; grey is what noise reaches",
            lines: vec![
                line("noise", rows, true, |row| row.noise_stability),
                line("data", rows, false, |row| row.stability),
            ],
        },
    ];
    let is_known = |panel: &Panel| {
        panel.lines.iter().any(|l| scales(std::slice::from_ref(l), false).is_some())
    };
    all.into_iter().filter(is_known).collect()
}

/// A panel per figure that is known; nothing without a row.
pub(super) fn panels_plot(selection: &Selection) -> Result<Option<Plot>, ReportError> {
    let panels = panels(&selection.rows);
    if panels.is_empty() {
        return Ok(None);
    }
    let height = panels.len().div_ceil(2) as f64 * PANEL.1 + 22.0;
    let description = "Silhouette, gap, criterion and stability by number of personas";
    draw("personas-selection", description, (WIDTH, height), |canvas| {
        for (index, panel) in panels.iter().enumerate() {
            let corner = ((index % 2) as f64 * PANEL.0, (index / 2) as f64 * PANEL.1);
            draw_panel(canvas, panel, selection, corner);
        }
        let title = "Number of personas; the dashed line is the number chosen";
        canvas.text(title, (WIDTH / 2.0, height - 10.0), Anchor::Middle, MUTED, TEXT);
    })
    .map(Some)
}

fn draw_panel(canvas: &mut Canvas<'_>, panel: &Panel, selection: &Selection, corner: (f64, f64)) {
    let Some((x, y)) = scales(&panel.lines, false) else {
        return;
    };
    let (left, right) = (corner.0 + 70.0, corner.0 + PANEL.0 - 16.0);
    let (top, bottom) = (corner.1 + 32.0, corner.1 + PANEL.1 - 30.0);
    let (x, y) = (x.onto(left, right), y.onto(bottom, top));
    canvas.text(panel.title, (left, top - 18.0), Anchor::Start, INK, 13.0);
    let (ticks, step) = y.ticks(4);
    for tick in ticks {
        canvas.line((left, y.at(tick)), (right, y.at(tick)), GRID, 1.0);
        let label = axis_number(tick, step);
        canvas.text(&label, (left - 8.0, y.at(tick)), Anchor::End, MUTED, TEXT);
    }
    let every = selection.rows.len().div_ceil(14).max(1);
    for row in selection.rows.iter().step_by(every) {
        let place = (x.at(row.k as f64), bottom + 13.0);
        canvas.text(&row.k.to_string(), place, Anchor::Middle, MUTED, TEXT);
    }
    canvas.line((left, bottom), (right, bottom), MUTED, 1.0);
    if x.contains(selection.chosen as f64) {
        let place = x.at(selection.chosen as f64);
        canvas.dashed((place, top), (place, bottom), CURRENT, 1.5);
    }
    for series in &panel.lines {
        draw_band(canvas, series, x, y);
        draw_whiskers(canvas, series, (x, y));
        draw_series(canvas, series, x, y);
    }
}

fn draw_whiskers(canvas: &mut Canvas<'_>, series: &Series, (x, y): (Scale, Scale)) {
    for point in &series.points {
        if is_plottable(point.y.lower) && is_plottable(point.y.upper) {
            let place = x.at(point.x);
            let ends = ((place, y.at(point.y.lower)), (place, y.at(point.y.upper)));
            canvas.line(ends.0, ends.1, series.color, 1.5);
        }
    }
}
