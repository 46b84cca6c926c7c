//! Small multiples of distribution functions, actual and simulated.

use super::canvas::{
    Anchor, CHOSEN, CURRENT, Canvas, GRID, INK, MUTED, Plot, Scale, draw, fitted, is_plottable,
};
use super::error::ReportError;
use super::format::{Sign, axis_money, axis_number, number, percent, shortened};
use super::legend::{Key, Legend};
use super::world_page::{CumulativePoint, DistributionRow, Unit};

const WIDTH: f64 = 860.0;
const COLUMNS: usize = 3;
const ROW: f64 = 196.0;
/// Distributions drawn.
const MOST_PANELS: usize = 15;

/// Both distribution functions of one row.
struct Curves<'a> {
    row: &'a DistributionRow,
    /// Place along the axis, and the actual and simulated share at or below it.
    points: Vec<(f64, [f64; 2])>,
    scale: Scale,
}

impl<'a> Curves<'a> {
    /// What can be drawn of a row; nothing without a point.
    fn of(row: &'a DistributionRow) -> Option<Self> {
        let place = |value: f64| match row.is_log {
            true if value > 0.0 => value.log10(),
            true => f64::NAN,
            false => value,
        };
        let point = |point: &CumulativePoint| {
            let (x, shares) = (place(point.value), [point.actual, point.simulated]);
            let is_known = is_plottable(x) && shares.into_iter().all(is_plottable);
            is_known.then(|| (x, shares.map(|share| share.clamp(0.0, 1.0))))
        };
        let points: Vec<_> = row.curve.iter().filter_map(point).collect();
        let scale = Scale::covering(points.iter().map(|(x, _)| *x))?;
        Some(Self { row, points, scale })
    }

    /// The steps of one of the two functions.
    fn steps(&self, which: usize, x: Scale, y: Scale) -> Vec<(f64, f64)> {
        let mut before = 0.0;
        let step = |(value, shares): &(f64, [f64; 2])| {
            let corner = (x.at(*value), y.at(before));
            before = shares[which];
            [corner, (x.at(*value), y.at(before))]
        };
        self.points.iter().flat_map(step).collect()
    }

    /// Where the two functions are farthest apart.
    fn largest_gap(&self) -> Option<(f64, [f64; 2])> {
        let gap = |shares: [f64; 2]| (shares[0] - shares[1]).abs();
        self.points.iter().copied().max_by(|a, b| gap(a.1).total_cmp(&gap(b.1)))
    }
}

/// A panel for each row that has a curve; nothing without one.
pub(super) fn curves(
    name: &'static str,
    rows: &[DistributionRow],
    currency: &str,
) -> Result<Option<Plot>, ReportError> {
    let panels: Vec<Curves<'_>> = rows.iter().filter_map(Curves::of).take(MOST_PANELS).collect();
    let Some(shares) = Scale::covering([0.0, 1.0].into_iter()) else {
        return Ok(None);
    };
    if panels.is_empty() {
        return Ok(None);
    }
    let key = |label: &str, color| Key { label: label.into(), color, hollow: false };
    let keys = vec![key("Actual", INK), key("Simulated", CHOSEN), key("Largest gap", CURRENT)];
    let legend = Legend::new(keys, 50.0, WIDTH);
    let height = legend.height + panels.len().div_ceil(COLUMNS) as f64 * ROW + 4.0;
    let description = "Distribution functions of the held-out weeks, actual and simulated";
    draw(name, description, (WIDTH, height), |canvas| {
        legend.draw(canvas, true);
        for (index, panel) in panels.iter().enumerate() {
            let width = WIDTH / COLUMNS as f64;
            let left = (index % COLUMNS) as f64 * width + 50.0;
            let top = legend.height + (index / COLUMNS) as f64 * ROW + 40.0;
            let x = panel.scale.onto(left, left + width - 66.0);
            let y = shares.onto(top + 116.0, top);
            draw_panel(canvas, panel, (x, y), (left, left + width - 66.0), currency);
        }
    })
    .map(Some)
}

fn draw_panel(
    canvas: &mut Canvas<'_>,
    panel: &Curves<'_>,
    (x, y): (Scale, Scale),
    (left, right): (f64, f64),
    currency: &str,
) {
    let (top, bottom) = (y.at(1.0), y.at(0.0));
    let title = fitted(&shortened(&panel.row.name, 60), 13.0, right - left);
    canvas.text(&title, (left, top - 30.0), Anchor::Start, INK, 13.0);
    let words = format!("KS complement {}", number(panel.row.ks.value, 2));
    canvas.text(&words, (left, top - 14.0), Anchor::Start, MUTED, 11.0);
    for share in [0.0, 0.5, 1.0] {
        canvas.line((left, y.at(share)), (right, y.at(share)), GRID, 1.0);
        canvas.text(&percent(share), (left - 8.0, y.at(share)), Anchor::End, MUTED, 11.0);
    }
    for (place, label) in ticks(panel, currency) {
        canvas.line((x.at(place), bottom), (x.at(place), bottom + 4.0), MUTED, 1.0);
        canvas.text(&label, (x.at(place), bottom + 14.0), Anchor::Middle, MUTED, 11.0);
    }
    canvas.line((left, bottom), (right, bottom), MUTED, 1.0);
    canvas.path(&panel.steps(0, x, y), INK, 2.5);
    canvas.path(&panel.steps(1, x, y), CHOSEN, 1.5);
    if let Some((place, [actual, simulated])) = panel.largest_gap() {
        canvas.line((x.at(place), y.at(actual)), (x.at(place), y.at(simulated)), CURRENT, 4.0);
    }
}

/// Places along the axis with their labels; on a log scale the powers of ten.
fn ticks(panel: &Curves<'_>, currency: &str) -> Vec<(f64, String)> {
    let label = |value: f64, step: f64| match panel.row.unit {
        Unit::Money => axis_money(value, step, currency, Sign::Minus),
        Unit::Share => percent((value * 1e6).round() / 1e6),
        Unit::Number | Unit::Multiple => axis_number(value, step),
    };
    if panel.row.is_log {
        let powers = (-6..=9).filter(|power| panel.scale.contains(f64::from(*power)));
        let at = |power: i32| (f64::from(power), 10f64.powi(power));
        return powers.map(at).map(|(place, value)| (place, label(value, value))).collect();
    }
    let (ticks, step) = panel.scale.ticks(4);
    ticks.into_iter().map(|tick| (tick, label(tick, step))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(is_log: bool) -> DistributionRow {
        let point = |(value, actual, simulated)| CumulativePoint { value, actual, simulated };
        let curve = [(0.0, 0.1, 0.1), (1.0, 0.5, 0.3), (10.0, 0.9, 0.8), (f64::NAN, 1.0, 1.0)];
        DistributionRow { curve: curve.map(point).into(), is_log, ..DistributionRow::default() }
    }

    #[test]
    fn the_largest_gap_is_found_and_what_is_unknown_is_left_out() {
        let row = row(false);
        let curves = Curves::of(&row).expect("three points can be drawn");
        assert_eq!(curves.points.len(), 3);
        assert_eq!(curves.largest_gap(), Some((1.0, [0.5, 0.3])));
    }

    #[test]
    fn a_log_scale_leaves_out_zero_and_is_labelled_at_powers_of_ten() {
        let row = row(true);
        let curves = Curves::of(&row).expect("two points can be drawn");
        assert_eq!(curves.points.len(), 2);
        let labels: Vec<String> = ticks(&curves, "$").into_iter().map(|tick| tick.1).collect();
        assert_eq!(labels, ["1", "10"]);
    }
}
