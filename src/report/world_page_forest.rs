//! Estimates below each other with their intervals, against zero and a band of published results.

use plotters::style::RGBColor;

use super::canvas::{
    Anchor, Canvas, GRID, INK, MUTED, Plot, Scale, TEXT, draw, fitted, is_plottable, label_room,
    text_width,
};
use super::error::ReportError;
use super::format::{Sign, axis_money, axis_number, percent, shortened, size_of};
use super::input::Estimate;
use super::legend::{Key, Legend};
use super::world_page::{ReferenceBand, Unit};

const WIDTH: f64 = 860.0;
const ROW: f64 = 24.0;
const LABEL_LIMIT: f64 = 250.0;
/// Rows drawn; the table beside the plot has all of them.
pub(super) const MOST_ROWS: usize = 30;
/// An interval this many times wider than the others' extent is cut at the edge of the plot.
const WIDEST: f64 = 2.0;

/// One estimate.
pub(super) struct ForestRow {
    /// Name left of the estimate.
    pub(super) label: String,
    /// The estimate.
    pub(super) estimate: Estimate,
    /// Its colour.
    pub(super) color: RGBColor,
    /// Whether its dot is hollow.
    pub(super) hollow: bool,
    /// Whether it stands out.
    pub(super) strong: bool,
}

/// A plot of estimates with intervals.
pub(super) struct Forest<'a> {
    /// File name of the plot.
    pub(super) name: &'static str,
    /// What a screen reader says.
    pub(super) description: &'a str,
    /// Title of the axis.
    pub(super) axis_title: &'a str,
    /// Unit of the estimates.
    pub(super) unit: Unit,
    /// Currency symbol.
    pub(super) currency: &'a str,
    /// Where published results lie.
    pub(super) reference: Option<&'a ReferenceBand>,
    /// What the colours stand for.
    pub(super) keys: Vec<Key>,
    /// The estimates; those beyond the first thirty are not drawn.
    pub(super) rows: Vec<ForestRow>,
}

impl Forest<'_> {
    /// The plot; nothing without a drawable estimate.
    pub(super) fn draw(mut self) -> Result<Option<Plot>, ReportError> {
        self.rows.truncate(MOST_ROWS);
        let reference = self.reference.filter(|band| is_plottable(band.lower + band.upper));
        let Some(scale) = scale(&self.rows, reference) else {
            return Ok(None);
        };
        let labels = self.rows.iter().map(|row| row.label.as_str());
        let left = label_room(labels, LABEL_LIMIT) + 20.0;
        let legend = Legend::new(std::mem::take(&mut self.keys), left, WIDTH);
        let top = legend.height + if reference.is_some() { 22.0 } else { 4.0 };
        let bottom = top + self.rows.len() as f64 * ROW + 4.0;
        let (from, to) = (left + 8.0, WIDTH - 84.0);
        let sizes = self.rows.iter().map(|row| size_of(&row.estimate));
        let size = sizes.filter(|size| is_plottable(*size)).fold(0.0, f64::max);
        let scale = scale.onto(from, to);
        draw(self.name, self.description, (WIDTH, bottom + 44.0), |canvas| {
            legend.draw(canvas, true);
            if let Some(band) = reference {
                draw_reference(canvas, band, scale, (top, bottom), (from, to));
            }
            self.draw_axis(canvas, scale, (top, bottom));
            for (index, row) in self.rows.iter().enumerate() {
                let y = top + 2.0 + (index as f64 + 0.5) * ROW;
                draw_row(canvas, row, scale, (from, to), y);
                let value = self.unit.beside(row.estimate.value, size, self.currency);
                let color = if row.strong { INK } else { MUTED };
                canvas.text(&value, (WIDTH - 8.0, y), Anchor::End, color, TEXT);
            }
            let middle = ((from + to) / 2.0, bottom + 33.0);
            canvas.text(self.axis_title, middle, Anchor::Middle, MUTED, TEXT);
        })
        .map(Some)
    }

    fn draw_axis(&self, canvas: &mut Canvas<'_>, scale: Scale, (top, bottom): (f64, f64)) {
        let (ticks, step) = scale.ticks(7);
        for tick in ticks {
            let x = scale.at(tick);
            canvas.line((x, top), (x, bottom), GRID, 1.0);
            let label = match self.unit {
                Unit::Money => axis_money(tick, step, self.currency, Sign::Minus),
                Unit::Share => percent((tick * 1e6).round() / 1e6),
                _ => axis_number(tick, step),
            };
            canvas.text(&label, (x, bottom + 12.0), Anchor::Middle, MUTED, TEXT);
        }
        if scale.contains(0.0) {
            canvas.line((scale.at(0.0), top), (scale.at(0.0), bottom), INK, 1.25);
        }
    }
}

/// Name, interval and dot of one estimate.
fn draw_row(
    canvas: &mut Canvas<'_>,
    row: &ForestRow,
    scale: Scale,
    (from, to): (f64, f64),
    y: f64,
) {
    let left = from - 16.0;
    let label = fitted(&shortened(&row.label, 80), TEXT, left - 8.0);
    canvas.text(&label, (left, y), Anchor::End, INK, TEXT);
    let estimate = row.estimate;
    if !is_plottable(estimate.value) {
        return;
    }
    if is_plottable(estimate.lower) && is_plottable(estimate.upper) {
        let width = if row.strong { 3.0 } else { 2.0 };
        let places = [scale.at(estimate.lower), scale.at(estimate.upper)];
        let [start, end] = places.map(|place| place.clamp(from, to));
        canvas.line((start, y), (end, y), row.color, width);
        for (place, shown) in places.into_iter().zip([start, end]) {
            draw_end(canvas, row.color, (shown, y), place - shown);
        }
    }
    let radius = if row.strong { 6.0 } else { 4.5 };
    canvas.dot((scale.at(estimate.value).clamp(from, to), y), radius, row.color, row.hollow);
}

/// A tick where an interval ends, an arrow where it goes on `beyond` the plot.
fn draw_end(canvas: &mut Canvas<'_>, color: RGBColor, (x, y): (f64, f64), beyond: f64) {
    if beyond == 0.0 {
        canvas.line((x, y - 4.0), (x, y + 4.0), color, 1.5);
        return;
    }
    let back = x - 6.0 * beyond.signum();
    canvas.area(&[(x, y), (back, y - 4.5), (back, y + 4.5)], color, 1.0);
}

/// A scale that holds every value and zero, and the intervals unless a few dwarf all the rest.
fn scale(rows: &[ForestRow], reference: Option<&ReferenceBand>) -> Option<Scale> {
    let known = || rows.iter().map(|row| row.estimate).filter(|e| is_plottable(e.value));
    let values = known().map(|e| e.value);
    let ends = reference.map_or([0.0, 0.0], |band| [band.lower, band.upper]);
    let core = || values.clone().chain(ends).chain([0.0]);
    known().next()?;
    let (low, high) = core().fold((0.0f64, 0.0f64), |(low, high), v| (low.min(v), high.max(v)));
    let room = (high - low) * WIDEST;
    let intervals = known().flat_map(|e| [e.lower, e.upper]).filter(|end| is_plottable(*end));
    Scale::covering(core().chain(intervals.map(|end| end.clamp(low - room, high + room))))
}

fn draw_reference(
    canvas: &mut Canvas<'_>,
    band: &ReferenceBand,
    scale: Scale,
    (top, bottom): (f64, f64),
    (from, to): (f64, f64),
) {
    let (start, end) = (scale.at(band.lower), scale.at(band.upper));
    let corners = [(start, top), (end, top), (end, bottom), (start, bottom)];
    canvas.area(&corners, MUTED, 0.12);
    let words = fitted(&shortened(&band.source, 90), 11.0, to - from);
    let half = text_width(&words, 11.0) / 2.0;
    let middle = ((start + end) / 2.0).clamp(from + half.min((to - from) / 2.0), to - half);
    canvas.text(&words, (middle, top - 10.0), Anchor::Middle, MUTED, 11.0);
}
