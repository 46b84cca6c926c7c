//! Population stability indices as bars against the two usual thresholds.

use plotters::style::RGBColor;

use super::bars::row_label;
use super::canvas::{
    Anchor, CANDIDATE, CHOSEN, CURRENT, INK, MUTED, Plot, Scale, TEXT, draw, is_plottable,
    label_room,
};
use super::error::ReportError;
use super::format::{UNKNOWN, number};

const WIDTH: f64 = 860.0;
const ROW: f64 = 25.0;
/// Bars drawn.
const MOST_ROWS: usize = 30;
/// Below it a distribution is steady.
const STEADY: f64 = 0.1;
/// Above it a distribution has changed.
const CHANGED: f64 = 0.25;

fn color(psi: f64) -> RGBColor {
    match psi {
        psi if psi < STEADY => CANDIDATE,
        psi if psi <= CHANGED => CHOSEN,
        _ => CURRENT,
    }
}

/// One bar per row; nothing without a known index.
pub(super) fn bars(
    name: &'static str,
    description: &str,
    rows: &[(&str, f64)],
) -> Result<Option<Plot>, ReportError> {
    let rows = &rows[..rows.len().min(MOST_ROWS)];
    if !rows.iter().any(|(_, psi)| is_plottable(*psi)) {
        return Ok(None);
    }
    let known = rows.iter().map(|(_, psi)| psi.max(0.0));
    let Some(scale) = Scale::covering(known.chain([0.0, 0.32])) else {
        return Ok(None);
    };
    let left = label_room(rows.iter().map(|(label, _)| *label), 220.0) + 16.0;
    let scale = scale.onto(left, WIDTH - 70.0);
    let (top, bottom) = (24.0, 24.0 + rows.len() as f64 * ROW);
    draw(name, description, (WIDTH, bottom + 26.0), |canvas| {
        for (index, (label, psi)) in rows.iter().enumerate() {
            let y = top + (index as f64 + 0.5) * ROW;
            row_label(canvas, label, left, y);
            if !is_plottable(*psi) {
                canvas.text(UNKNOWN, (left + 6.0, y), Anchor::Start, MUTED, TEXT);
                continue;
            }
            let end = scale.at(psi.max(0.0)).max(left + 1.0);
            canvas.rectangle((left, y - 8.0), (end, y + 8.0), color(*psi));
            canvas.text(&number(*psi, 3), (WIDTH - 8.0, y), Anchor::End, INK, TEXT);
        }
        for (threshold, words) in [(STEADY, "0.1 steady below"), (CHANGED, "0.25 changed above")] {
            let x = scale.at(threshold);
            canvas.dashed((x, top - 4.0), (x, bottom), INK, 1.0);
            canvas.text(words, (x, top - 13.0), Anchor::Middle, MUTED, 11.0);
        }
        canvas.line((left, top - 4.0), (left, bottom), MUTED, 1.0);
        let title = "Population stability index";
        canvas.text(title, (left, bottom + 14.0), Anchor::Start, MUTED, TEXT);
    })
    .map(Some)
}
