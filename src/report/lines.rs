//! Line plots: weekly sales, held-out weeks, learning curves and demand curves.

use plotters::style::RGBColor;

use super::canvas::{
    Anchor, CHOSEN, Canvas, GRID, INK, MUTED, Plot, Scale, TEXT, distinct, draw, fitted,
    is_plottable, is_repeated, label_room,
};
use super::error::ReportError;
use super::format::{Sign, axis_money, axis_number, percent, shortened};
use super::input::{Demand, Estimate, LearningCurve, Point, Realism};
use super::legend::{Key, Legend};

const WIDTH: f64 = 860.0;
const LABEL_LIMIT: f64 = 190.0;
/// Panels of the demand plot; the table below it has every category.
const MOST_PANELS: usize = 8;
/// Plots and panels with more lines than this show no bands: they would only hide each other.
const MOST_BANDS: usize = 6;
/// Series with at most this many points carry a dot at each of them.
const MOST_DOTS: usize = 30;

/// What the ticks of an axis say.
#[derive(Clone, Copy)]
pub(super) enum Axis<'a> {
    /// The labels of positions 0, 1, 2 ...
    Labels(&'a [&'a str]),
    /// Plain numbers.
    Number,
    /// Fractions as percentages.
    Percent,
    /// Amounts in this currency.
    Money(&'a str),
}

/// One line.
pub(super) struct Series {
    /// Name beside the end of the line.
    pub(super) label: String,
    /// Colour of line, band and dots.
    pub(super) color: RGBColor,
    /// Whether its dots are hollow.
    pub(super) hollow: bool,
    /// Points in the order of the line; one that is not plottable breaks it.
    pub(super) points: Vec<Point>,
}

struct LinePlot<'a> {
    name: &'static str,
    description: &'a str,
    x_title: &'a str,
    y_title: &'a str,
    x_axis: Axis<'a>,
    y_axis: Axis<'a>,
    from_zero: bool,
    series: Vec<Series>,
}

/// The rectangle inside the axes.
#[derive(Clone, Copy)]
pub(super) struct Frame {
    /// Left edge, pixels.
    pub(super) left: f64,
    /// Right edge, pixels.
    pub(super) right: f64,
    /// Upper edge, pixels.
    pub(super) top: f64,
    /// Lower edge, pixels.
    pub(super) bottom: f64,
}

/// Scales that hold every shown point with its interval; nothing without one.
pub(super) fn scales(series: &[Series], from_zero: bool) -> Option<(Scale, Scale)> {
    let shown = || series.iter().flat_map(|s| &s.points).filter(|p| is_shown(p));
    let x = Scale::covering(shown().map(|point| point.x))?;
    let values = shown().flat_map(|point| [point.y.value, point.y.lower, point.y.upper]);
    let y = Scale::covering(values.chain(from_zero.then_some(0.0)))?;
    Some((x, y))
}

fn is_shown(point: &Point) -> bool {
    is_plottable(point.x) && is_plottable(point.y.value)
}

/// Grid, ticks and labels of both axes.
pub(super) fn draw_axes(
    canvas: &mut Canvas<'_>,
    frame: Frame,
    (x_scale, x_axis): (Scale, Axis<'_>),
    (y_scale, y_axis): (Scale, Axis<'_>),
) {
    let (ticks, step) = y_scale.ticks(5);
    for tick in ticks {
        let y = y_scale.at(tick);
        canvas.line((frame.left, y), (frame.right, y), GRID, 1.0);
        let label = tick_label(y_axis, tick, step);
        canvas.text(&label, (frame.left - 8.0, y), Anchor::End, MUTED, TEXT);
    }
    let width = frame.right - frame.left;
    let wanted = (width / 100.0) as usize;
    let (ticks, step) = match x_axis {
        Axis::Labels(labels) => {
            let room = label_room(labels.iter().copied(), 96.0) + 20.0;
            let wanted = (width / room) as usize;
            let every = labels.len().div_ceil(wanted.max(1)).max(1);
            ((0..labels.len()).step_by(every).map(|index| index as f64).collect(), 1.0)
        }
        _ => x_scale.ticks(wanted),
    };
    for tick in ticks {
        let x = x_scale.at(tick);
        canvas.line((x, frame.bottom), (x, frame.bottom + 4.0), MUTED, 1.0);
        let label = tick_label(x_axis, tick, step);
        canvas.text(&label, (x, frame.bottom + 14.0), Anchor::Middle, MUTED, TEXT);
    }
    canvas.line((frame.left, frame.bottom), (frame.right, frame.bottom), MUTED, 1.0);
}

fn tick_label(axis: Axis<'_>, value: f64, step: f64) -> String {
    match axis {
        Axis::Labels(labels) => {
            let label = labels.get(value as usize).copied().unwrap_or_default();
            fitted(&shortened(label, 40), TEXT, 96.0)
        }
        Axis::Number => axis_number(value, step),
        Axis::Percent => percent((value * 1e6).round() / 1e6),
        Axis::Money(currency) => axis_money(value, step, currency, Sign::Minus),
    }
}

/// A line with its dots.
pub(super) fn draw_series(canvas: &mut Canvas<'_>, series: &Series, x: Scale, y: Scale) {
    let position = |point: &Point| (x.at(point.x), y.at(point.y.value));
    for run in series.points.split(|point| !is_shown(point)) {
        canvas.path(&run.iter().map(position).collect::<Vec<_>>(), series.color, 2.0);
    }
    if series.points.len() <= MOST_DOTS {
        for point in series.points.iter().filter(|point| is_shown(point)) {
            canvas.dot(position(point), 3.0, series.color, series.hollow);
        }
    }
}

fn draw_bands(canvas: &mut Canvas<'_>, series: &[Series], x: Scale, y: Scale) {
    if series.len() <= MOST_BANDS {
        series.iter().for_each(|line| draw_band(canvas, line, x, y));
    }
}

/// The intervals of a line as an area.
pub(super) fn draw_band(canvas: &mut Canvas<'_>, series: &Series, x: Scale, y: Scale) {
    let has_band = |point: &Point| {
        is_shown(point) && is_plottable(point.y.lower) && is_plottable(point.y.upper)
    };
    for run in series.points.split(|point| !has_band(point)) {
        let upper = run.iter().map(|point| (x.at(point.x), y.at(point.y.upper)));
        let lower = run.iter().rev().map(|point| (x.at(point.x), y.at(point.y.lower)));
        canvas.area(&upper.chain(lower).collect::<Vec<_>>(), series.color, 0.15);
    }
}

/// Names beside the ends of their lines, pushed apart where they would overlap.
pub(super) fn draw_end_labels(canvas: &mut Canvas<'_>, series: &[Series], frame: Frame, y: Scale) {
    let mut labels: Vec<(f64, &Series)> = series
        .iter()
        .filter_map(|line| {
            let last = line.points.iter().rev().find(|point| is_shown(point))?;
            Some((y.at(last.y.value), line))
        })
        .collect();
    labels.sort_by(|a, b| a.0.total_cmp(&b.0));
    let gap = ((frame.bottom - frame.top) / labels.len().max(1) as f64).min(15.0);
    let mut previous = frame.top - gap;
    for (place, _) in &mut labels {
        *place = place.max(previous + gap);
        previous = *place;
    }
    let mut next = frame.bottom + gap;
    for (place, _) in labels.iter_mut().rev() {
        *place = place.min(next - gap);
        next = *place;
    }
    for (place, line) in labels {
        let label = fitted(&shortened(&line.label, 60), TEXT, LABEL_LIMIT);
        canvas.dot((frame.right + 10.0, place), 4.0, line.color, line.hollow);
        canvas.text(&label, (frame.right + 19.0, place), Anchor::Start, INK, TEXT);
    }
}

impl LinePlot<'_> {
    fn draw(&self) -> Result<Option<Plot>, ReportError> {
        let Some((x, y)) = scales(&self.series, self.from_zero) else {
            return Ok(None);
        };
        let names = self.series.iter().map(|series| series.label.as_str());
        let label_width = label_room(names, LABEL_LIMIT);
        let right = WIDTH - if label_width > 0.0 { label_width + 30.0 } else { 40.0 };
        let plot_height = (self.series.len() as f64 * 15.0).clamp(230.0, 480.0);
        let (ticks, step) = y.ticks(5);
        let ticks: Vec<String> = ticks.iter().map(|v| tick_label(self.y_axis, *v, step)).collect();
        let left = 44.0 + label_room(ticks.iter().map(String::as_str), LABEL_LIMIT);
        let frame = Frame { left, right, top: 12.0, bottom: 12.0 + plot_height };
        let x = x.onto(frame.left, frame.right);
        let y = y.onto(frame.bottom, frame.top);
        draw(self.name, self.description, (WIDTH, frame.bottom + 48.0), |canvas| {
            draw_axes(canvas, frame, (x, self.x_axis), (y, self.y_axis));
            let middle = (frame.left + frame.right) / 2.0;
            let below = (middle, frame.bottom + 36.0);
            canvas.text(self.x_title, below, Anchor::Middle, MUTED, TEXT);
            canvas.upward_text(self.y_title, (14.0, (frame.top + frame.bottom) / 2.0));
            draw_bands(canvas, &self.series, x, y);
            for series in &self.series {
                draw_series(canvas, series, x, y);
            }
            if label_width > 0.0 {
                draw_end_labels(canvas, &self.series, frame, y);
            }
        })
        .map(Some)
    }
}

/// Points at 0, 1, 2 ...
pub(super) fn indexed(values: impl Iterator<Item = Estimate>) -> Vec<Point> {
    values.enumerate().map(|(index, y)| Point { x: index as f64, y }).collect()
}

/// Actual and simulated revenue of the held-out weeks.
pub(super) fn held_out(realism: &Realism, currency: &str) -> Result<Option<Plot>, ReportError> {
    let weeks: Vec<&str> = realism.held_out.iter().map(|week| week.week.as_str()).collect();
    let actual = realism.held_out.iter().map(|week| Estimate::without_interval(week.actual));
    let simulated = realism.held_out.iter().map(|week| week.simulated);
    let series =
        |label: &str, color, points| Series { label: label.into(), color, hollow: false, points };
    LinePlot {
        name: "held-out",
        description: "Weekly revenue of the held-out weeks, actual and simulated",
        x_title: "Held-out week",
        y_title: "Revenue per week",
        x_axis: Axis::Labels(&weeks),
        y_axis: Axis::Money(currency),
        from_zero: false,
        series: vec![
            series("Simulated", CHOSEN, indexed(simulated)),
            series("Actual", INK, indexed(actual)),
        ],
    }
    .draw()
}

/// Mean episode return of every agent while it learned.
pub(super) fn learning(
    curves: &[LearningCurve],
    currency: &str,
) -> Result<Option<Plot>, ReportError> {
    let series = curves.iter().enumerate().map(|(index, curve)| Series {
        label: curve.agent.clone(),
        color: distinct(index),
        hollow: is_repeated(index),
        points: curve.points.clone(),
    });
    LinePlot {
        name: "learning",
        description: "Mean episode return of each agent by training step",
        x_title: "Training step",
        y_title: "Mean return per episode",
        x_axis: Axis::Number,
        y_axis: Axis::Money(currency),
        from_zero: false,
        series: series.collect(),
    }
    .draw()
}

/// Response to depth by persona, one panel per category; `personas` fixes the colours.
pub(super) fn demand(demand: &Demand, personas: &[&str]) -> Result<Option<Plot>, ReportError> {
    let (panels, names) = demand_series(demand, personas);
    let all: Vec<&Series> = panels.iter().flat_map(|(_, lines)| lines).collect();
    let points = all.iter().flat_map(|series| &series.points).copied().collect();
    let everything = Series { label: String::new(), color: INK, hollow: false, points };
    let Some((x, y)) = scales(&[everything], false) else {
        return Ok(None);
    };
    let keys = names.iter().enumerate().map(|(index, name)| Key {
        label: (*name).into(),
        color: distinct(index),
        hollow: is_repeated(index),
    });
    let legend = Legend::new(keys.collect(), 60.0, WIDTH);
    let columns = panels.len().min(2);
    let (column_width, row_height) = ((WIDTH - 30.0) / columns as f64, 266.0);
    let rows = panels.len().div_ceil(columns) as f64;
    let size = (WIDTH, legend.height + rows * row_height + 22.0);
    let description = "Response to the depth of an offer, by category and persona";
    draw("demand", description, size, |canvas| {
        legend.draw(canvas, true);
        for (index, (category, lines)) in panels.iter().enumerate() {
            let corner = 30.0 + (index % columns) as f64 * column_width;
            let top = legend.height + (index / columns) as f64 * row_height + 30.0;
            let (left, right) = (corner + 36.0, corner + column_width - 16.0);
            let frame = Frame { left, right, top, bottom: top + 200.0 };
            let (x, y) = (x.onto(left, right), y.onto(frame.bottom, top));
            let title = fitted(&shortened(category, 80), 13.0, right - left);
            canvas.text(&title, (left, top - 16.0), Anchor::Start, INK, 13.0);
            draw_axes(canvas, frame, (x, Axis::Percent), (y, Axis::Number));
            draw_bands(canvas, lines, x, y);
            lines.iter().for_each(|line| draw_series(canvas, line, x, y));
        }
        let middle = legend.height + rows * row_height / 2.0;
        let title = "Depth of the offer (share of the regular price)";
        canvas.text(title, (WIDTH / 2.0, size.1 - 10.0), Anchor::Middle, MUTED, TEXT);
        let response = fitted(&shortened(&demand.response_label, 120), TEXT, rows * row_height);
        canvas.upward_text(&response, (12.0, middle));
    })
    .map(Some)
}

/// The drawable panels, and every persona name in the order of its colour.
fn demand_series<'a>(
    demand: &'a Demand,
    personas: &[&'a str],
) -> (Vec<(&'a str, Vec<Series>)>, Vec<&'a str>) {
    let mut names = personas.to_vec();
    let mut panels = Vec::new();
    for panel in
        demand.panels.iter().filter(|p| p.lines.iter().any(|l| l.points.iter().any(is_shown)))
    {
        if panels.len() == MOST_PANELS {
            break;
        }
        let mut lines = Vec::new();
        for line in &panel.lines {
            let known = names.iter().position(|name| *name == line.name);
            let index = known.unwrap_or(names.len());
            if known.is_none() {
                names.push(&line.name);
            }
            lines.push(Series {
                label: line.name.clone(),
                color: distinct(index),
                hollow: is_repeated(index),
                points: line.points.clone(),
            });
        }
        panels.push((panel.category.as_str(), lines));
    }
    (panels, names)
}
