//! Weekly sales with what was expected, outliers and level shifts; alone or as small multiples.

use super::canvas::{
    Anchor, CHOSEN, CONTROL, CURRENT, Canvas, INK, MUTED, Plot, Scale, TEXT, draw, fitted,
    is_plottable, label_room,
};
use super::error::ReportError;
use super::format::{Sign, axis_money, change, shortened};
use super::input::{Estimate, Point};
use super::legend::{Key, Legend};
use super::lines::{
    Axis, Frame, Series, draw_axes, draw_band, draw_end_labels, draw_series, scales,
};
use super::quality_page::SalesSeries;

const WIDTH: f64 = 860.0;
const COLUMNS: usize = 3;
const ROW: f64 = 158.0;
/// Panels of small multiples.
const MOST_PANELS: usize = 12;

/// Both lines of a series, if anything can be drawn.
fn lines(series: &SalesSeries) -> Option<([Series; 2], Scale, Scale)> {
    let line = |color, value: &dyn Fn(usize) -> Estimate| Series {
        label: String::new(),
        color,
        hollow: false,
        points: (0..series.weeks.len()).map(|w| Point { x: w as f64, y: value(w) }).collect(),
    };
    let expected = line(CONTROL, &|week| series.weeks[week].expected);
    let sales = line(CHOSEN, &|week| Estimate::without_interval(series.weeks[week].sales));
    let both = [expected, sales];
    let (x, y) = scales(&both, true)?;
    Some((both, x, y))
}

fn keys() -> Legend {
    let key = |label: &str, color, hollow| Key { label: label.into(), color, hollow };
    let keys = vec![
        key("Sales", CHOSEN, false),
        key("Expected, with its band", CONTROL, false),
        key("Outlier", CURRENT, true),
        key("Level shift (dashed line)", INK, false),
    ];
    Legend::new(keys, 60.0, WIDTH)
}

fn draw_panel(
    canvas: &mut Canvas<'_>,
    series: &SalesSeries,
    (both, x, y): ([Series; 2], Scale, Scale),
    frame: Frame,
    currency: &str,
) {
    let (x, y) = (x.onto(frame.left, frame.right), y.onto(frame.bottom, frame.top));
    let weeks: Vec<&str> = series.weeks.iter().map(|week| week.week.as_str()).collect();
    draw_axes(canvas, frame, (x, Axis::Labels(&weeks)), (y, Axis::Money(currency)));
    let [expected, sales] = both;
    draw_band(canvas, &expected, x, y);
    draw_path(canvas, &expected, (x, y), 1.5);
    draw_path(canvas, &sales, (x, y), 1.75);
    for (index, week) in series.weeks.iter().enumerate() {
        if week.is_outlier && is_plottable(week.sales) {
            canvas.dot((x.at(index as f64), y.at(week.sales)), 4.5, CURRENT, true);
        }
    }
    for (index, shift) in series.level_shifts.iter().enumerate() {
        if shift.week >= series.weeks.len() {
            continue;
        }
        let place = x.at(shift.week as f64 - 0.5).max(frame.left);
        canvas.dashed((place, frame.top), (place, frame.bottom), INK, 1.25);
        let height = frame.top - 7.0 - (index % 2) as f64 * 13.0;
        let anchor = if place > frame.right - 30.0 { Anchor::End } else { Anchor::Middle };
        canvas.text(&change(shift.change), (place, height), anchor, INK, 11.0);
    }
}

/// A line without the dots that short series carry elsewhere: here a dot is a mark.
fn draw_path(canvas: &mut Canvas<'_>, series: &Series, (x, y): (Scale, Scale), width: f64) {
    let is_shown = |point: &Point| is_plottable(point.y.value);
    for run in series.points.split(|point| !is_shown(point)) {
        let places: Vec<_> = run.iter().map(|p| (x.at(p.x), y.at(p.y.value))).collect();
        canvas.path(&places, series.color, width);
        if let [alone] = places.as_slice() {
            canvas.dot(*alone, 2.0, series.color, false);
        }
    }
}

/// Room for the amounts left of an axis.
fn amount_room(y: Scale, currency: &str) -> f64 {
    let (ticks, step) = y.ticks(5);
    let labels = ticks.iter().map(|tick| axis_money(*tick, step, currency, Sign::Minus));
    label_room(labels.collect::<Vec<_>>().iter().map(String::as_str), 110.0)
}

/// Sales of the whole history by week; nothing without a week.
pub(super) fn weekly(
    name: &'static str,
    series: &SalesSeries,
    currency: &str,
) -> Result<Option<Plot>, ReportError> {
    let Some(drawn) = lines(series) else {
        return Ok(None);
    };
    let legend = keys();
    let top = legend.height + 34.0;
    let left = 40.0 + amount_room(drawn.2, currency);
    let frame = Frame { left, right: WIDTH - 20.0, top, bottom: top + 240.0 };
    let description = "Weekly sales with the expected line, outliers and level shifts";
    draw(name, description, (WIDTH, frame.bottom + 46.0), |canvas| {
        legend.draw(canvas, true);
        draw_panel(canvas, series, drawn, frame, currency);
        canvas.upward_text("Sales per week", (12.0, top + 120.0));
        let below = ((frame.left + frame.right) / 2.0, frame.bottom + 36.0);
        canvas.text("First day of the week", below, Anchor::Middle, MUTED, TEXT);
    })
    .map(Some)
}

/// Sales of several categories or stores by week, a panel and a scale of its own for each.
pub(super) fn small_multiples(
    name: &'static str,
    description: &str,
    all: &[SalesSeries],
    currency: &str,
) -> Result<Option<Plot>, ReportError> {
    let panels: Vec<_> =
        all.iter().filter_map(|s| Some((s, lines(s)?))).take(MOST_PANELS).collect();
    if panels.is_empty() {
        return Ok(None);
    }
    let rooms = panels.iter().map(|(_, drawn)| amount_room(drawn.2, currency));
    let room = rooms.fold(40.0, f64::max) + 14.0;
    let legend = keys();
    let column_width = WIDTH / COLUMNS as f64;
    let rows = panels.len().div_ceil(COLUMNS) as f64;
    let height = legend.height + rows * ROW + 4.0;
    draw(name, description, (WIDTH, height), |canvas| {
        legend.draw(canvas, true);
        for (index, (series, drawn)) in panels.into_iter().enumerate() {
            let left = (index % COLUMNS) as f64 * column_width + room;
            let top = legend.height + (index / COLUMNS) as f64 * ROW + 44.0;
            let right = left + column_width - room - 16.0;
            let title = fitted(&shortened(&series.name, 60), 13.0, right - left);
            canvas.text(&title, (left, top - 32.0), Anchor::Start, INK, 13.0);
            let frame = Frame { left, right, top, bottom: top + 80.0 };
            draw_panel(canvas, series, drawn, frame, currency);
        }
    })
    .map(Some)
}

/// Named lines over labelled positions, with a dashed line where something begins.
pub(super) struct SplitLines<'a> {
    /// File name of the plot.
    pub(super) name: &'static str,
    /// What a screen reader says.
    pub(super) description: &'a str,
    /// Title of the horizontal axis.
    pub(super) x_title: &'a str,
    /// Title of the vertical axis.
    pub(super) y_title: &'a str,
    /// Labels of the positions 0, 1, 2 ...
    pub(super) labels: Vec<&'a str>,
    /// The position that begins something, and the words for it.
    pub(super) split: Option<(usize, &'a str)>,
    /// The lines.
    pub(super) series: Vec<Series>,
}

impl SplitLines<'_> {
    /// The plot; nothing without a drawable point.
    pub(super) fn draw(&self) -> Result<Option<Plot>, ReportError> {
        let Some((x, y)) = scales(&self.series, true) else {
            return Ok(None);
        };
        let frame = Frame { left: 84.0, right: WIDTH - 120.0, top: 30.0, bottom: 250.0 };
        let (x, y) = (x.onto(frame.left, frame.right), y.onto(frame.bottom, frame.top));
        draw(self.name, self.description, (WIDTH, frame.bottom + 46.0), |canvas| {
            draw_axes(canvas, frame, (x, Axis::Labels(&self.labels)), (y, Axis::Number));
            if let Some((split, words)) = self.split.filter(|(at, _)| *at < self.labels.len()) {
                let place = x.at(split as f64 - 0.5);
                canvas.dashed((place, frame.top), (place, frame.bottom), INK, 1.25);
                canvas.text(words, (place, frame.top - 10.0), Anchor::Middle, INK, TEXT);
            }
            for line in &self.series {
                draw_series(canvas, line, x, y);
            }
            draw_end_labels(canvas, &self.series, frame, y);
            let below = ((frame.left + frame.right) / 2.0, frame.bottom + 36.0);
            canvas.text(self.x_title, below, Anchor::Middle, MUTED, TEXT);
            canvas.upward_text(self.y_title, (12.0, (frame.top + frame.bottom) / 2.0));
        })
        .map(Some)
    }
}
