//! Plots of the held-out weeks: weekly bands, distances beside published ones, distributions.

use super::canvas::{
    Anchor, CHOSEN, CURRENT, Canvas, GRID, INK, MUTED, Plot, Scale, TEXT, distinct, draw, fitted,
    is_plottable, label_room,
};
use super::error::ReportError;
use super::format::{number, shortened};
use super::input::Estimate;
use super::legend::{Key, Legend};
use super::lines::{Axis, Frame, Series, draw_axes, draw_band, draw_series, indexed, scales};
use super::world_page::{Distributions, HeldOutBand, HeldOutSeries};

const WIDTH: f64 = 860.0;
/// Weekly totals drawn.
const MOST_SERIES: usize = 4;
/// Distributions drawn.
const MOST_ROWS: usize = 16;

fn key(label: &str, color: plotters::style::RGBColor, hollow: bool) -> Key {
    Key { label: label.into(), color, hollow }
}

/// The weeks of a series as a line with one of its bands.
fn banded(series: &HeldOutSeries, pick: fn(&HeldOutBand) -> Estimate) -> Series {
    let points = indexed(series.weeks.iter().map(pick));
    Series { label: String::new(), color: CHOSEN, hollow: false, points }
}

/// Actual weekly totals over the bands of the replications, a panel for each total.
pub(super) fn weeks(
    name: &'static str,
    all: &[HeldOutSeries],
    currency: &str,
) -> Result<Option<Plot>, ReportError> {
    let panel = |series: &HeldOutSeries| {
        let actual = |week: &HeldOutBand| Estimate::without_interval(week.actual);
        let lines = [
            banded(series, |week| week.band_95),
            banded(series, |week| week.band_80),
            Series { color: INK, ..banded(series, actual) },
        ];
        let places = scales(&lines, false)?;
        Some((lines, places))
    };
    let drawn: Vec<_> = all.iter().filter_map(|s| Some((s, panel(s)?))).take(MOST_SERIES).collect();
    if drawn.is_empty() {
        return Ok(None);
    }
    let keys = vec![key("Actual", INK, false), key("Simulated, with its bands", CHOSEN, false)];
    let legend = Legend::new(keys, 84.0, WIDTH);
    let height = legend.height + drawn.len() as f64 * 236.0 + 18.0;
    let description = "Weekly totals of the held-out weeks, actual and simulated";
    draw(name, description, (WIDTH, height), |canvas| {
        legend.draw(canvas, true);
        for (index, (series, (lines, (x, y)))) in drawn.iter().enumerate() {
            let top = legend.height + index as f64 * 236.0 + 26.0;
            let frame = Frame { left: 84.0, right: WIDTH - 24.0, top, bottom: top + 174.0 };
            let (x, y) = (x.onto(frame.left, frame.right), y.onto(frame.bottom, frame.top));
            let title = fitted(&shortened(&series.name, 80), 13.0, frame.right - frame.left);
            canvas.text(&title, (frame.left, top - 14.0), Anchor::Start, INK, 13.0);
            let labels: Vec<&str> = series.weeks.iter().map(|week| week.week.as_str()).collect();
            let axes = (Axis::Labels(&labels), series.unit.axis(currency));
            draw_axes(canvas, frame, (x, axes.0), (y, axes.1));
            let [wide, narrow, actual] = lines;
            draw_band(canvas, wide, x, y);
            draw_band(canvas, narrow, x, y);
            draw_series(canvas, narrow, x, y);
            draw_series(canvas, actual, x, y);
            draw_misses(canvas, series, (x, y));
        }
        let below = (WIDTH / 2.0 + 30.0, height - 10.0);
        canvas.text("First day of the held-out week", below, Anchor::Middle, MUTED, TEXT);
    })
    .map(Some)
}

/// Rings around the weeks outside the wider band.
fn draw_misses(canvas: &mut Canvas<'_>, series: &HeldOutSeries, (x, y): (Scale, Scale)) {
    for (index, week) in series.weeks.iter().enumerate() {
        let band = week.band_95;
        let is_missed = week.actual < band.lower || week.actual > band.upper;
        if is_missed && is_plottable(week.actual) {
            canvas.dot((x.at(index as f64), y.at(week.actual)), 5.0, CURRENT, true);
        }
    }
}

/// One row of the comparison: a name, our figures and the published ones.
struct Compared<'a> {
    name: &'a str,
    ours: [Estimate; 2],
    published: [f64; 2],
    against_itself: f64,
}

fn compared(input: &Distributions) -> Vec<Compared<'_>> {
    let rows = input.rows.iter().take(MOST_ROWS).map(|row| Compared {
        name: &row.name,
        ours: [row.ks, row.range],
        published: [row.peer_ks, row.peer_range],
        against_itself: row.against_itself,
    });
    let mean = Compared {
        name: "Mean",
        ours: [input.mean_ks, input.mean_range],
        published: [input.peer_mean_ks, input.peer_mean_range],
        against_itself: f64::NAN,
    };
    rows.chain([mean]).collect()
}

/// KS complement and range coverage of every distribution, ours and the published one.
pub(super) fn beside_published(
    name: &'static str,
    input: &Distributions,
) -> Result<Option<Plot>, ReportError> {
    let rows = compared(input);
    let is_known = |row: &Compared<'_>| row.ours.iter().any(|ours| is_plottable(ours.value));
    let (true, Some(scale)) = (rows.iter().any(is_known), Scale::covering([0.0, 1.0].into_iter()))
    else {
        return Ok(None);
    };
    let left = label_room(rows.iter().map(|row| row.name), 240.0) + 20.0;
    let peer = if input.peer.is_empty() { "Published" } else { &input.peer };
    let keys = vec![key("This world", CHOSEN, false), key(peer, distinct(5), true)];
    let legend = Legend::new(keys, left, WIDTH);
    let (top, row_height) = (legend.height + 26.0, 25.0);
    let bottom = top + rows.len() as f64 * row_height + 4.0;
    let split = left + (WIDTH - left) * 0.56;
    let panels = [(left + 10.0, split - 24.0), (split + 14.0, WIDTH - 14.0)];
    let goals = [input.goal_each, input.goal_mean];
    let description = "KS complement and range coverage, this world and published";
    draw(name, description, (WIDTH, bottom + 22.0), |canvas| {
        legend.draw(canvas, true);
        for (panel, (from, to)) in panels.into_iter().enumerate() {
            let scale = scale.onto(from, to);
            let title = ["KS complement (1 is best)", "Range coverage (1 is best)"][panel];
            canvas.text(title, (from, top - 14.0), Anchor::Start, INK, TEXT);
            for tick in [0.0, 0.25, 0.5, 0.75, 1.0] {
                canvas.line((scale.at(tick), top), (scale.at(tick), bottom), GRID, 1.0);
                let place = (scale.at(tick), bottom + 12.0);
                canvas.text(&number(tick, 2), place, Anchor::Middle, MUTED, TEXT);
            }
            if panel == 0 && is_plottable(goals[0]) {
                let x = scale.at(goals[0]);
                canvas.dashed((x, top), (x, bottom - row_height - 4.0), INK, 1.0);
            }
            if panel == 0 && is_plottable(goals[1]) {
                let x = scale.at(goals[1]);
                canvas.dashed((x, bottom - row_height - 2.0), (x, bottom), INK, 1.5);
            }
            for (index, row) in rows.iter().enumerate() {
                let y = top + (index as f64 + 0.5) * row_height + 2.0;
                let figures = (row.ours[panel], row.published[panel]);
                draw_pair(canvas, figures, scale, y, index + 1 == rows.len());
                if panel == 0 && is_plottable(row.against_itself) {
                    let x = scale.at(row.against_itself);
                    canvas.line((x, y - 8.0), (x, y + 8.0), INK, 1.5);
                }
            }
        }
        for (index, row) in rows.iter().enumerate() {
            let y = top + (index as f64 + 0.5) * row_height + 2.0;
            let label = fitted(&shortened(row.name, 80), TEXT, left - 16.0);
            canvas.text(&label, (left - 8.0, y), Anchor::End, INK, TEXT);
        }
        let y = bottom - row_height - 3.0;
        canvas.line((8.0, y), (WIDTH - 8.0, y), MUTED, 1.0);
    })
    .map(Some)
}

fn draw_pair(
    canvas: &mut Canvas<'_>,
    (ours, published): (Estimate, f64),
    scale: Scale,
    y: f64,
    strong: bool,
) {
    let place = |value: f64| (scale.at(value), y);
    if is_plottable(published) {
        if is_plottable(ours.value) {
            canvas.line(place(published), place(ours.value), GRID, 3.0);
        }
        canvas.dot(place(published), 5.0, distinct(5), true);
    }
    if is_plottable(ours.lower) && is_plottable(ours.upper) {
        canvas.line(place(ours.lower), place(ours.upper), CHOSEN, 2.0);
    }
    if is_plottable(ours.value) {
        canvas.dot(place(ours.value), if strong { 6.5 } else { 5.0 }, CHOSEN, false);
    }
}
