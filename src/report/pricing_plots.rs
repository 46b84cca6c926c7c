//! Plots of the pricing page: elasticities with intervals, margin by price point, held-out weeks.

use super::canvas::{
    Anchor, CHOSEN, CONTROL, CURRENT, Canvas, GRID, INK, MUTED, Plot, Scale, TEXT, draw, fitted,
    is_plottable, label_room,
};
use super::error::ReportError;
use super::format::{axis_number, number, shortened};
use super::input::{Estimate, Point};
use super::legend::{Key, Legend};
use super::lines::{Axis, Frame, Series, draw_axes, draw_band, draw_series, indexed, scales};
use super::pricing_page::{LadderPoint, PricingPage};

/// Every plot of the page.
pub(super) const PLOT_NAMES: [&str; 3] =
    ["pricing-elasticities", "pricing-ladders", "pricing-held-out"];

const WIDTH: f64 = 860.0;
const ROW: f64 = 26.0;
/// Panels of a plot; the tables have every product.
const MOST_PANELS: usize = 12;
const COLUMNS: usize = 3;
const PANEL_HEIGHT: f64 = 190.0;

/// Own-price elasticities: ours with intervals, the plain specification as a hollow dot, and the
/// range that the literature found as a strip.
pub(super) fn elasticities(page: &PricingPage) -> Result<Option<Plot>, ReportError> {
    let (low, high) = page.known_range;
    let ends = page
        .products
        .iter()
        .flat_map(|row| [row.own.value, row.own.lower, row.own.upper, row.plain]);
    let Some(scale) = Scale::covering(ends.chain([low, high])) else { return Ok(None) };
    if page.products.is_empty() {
        return Ok(None);
    }
    let names: Vec<String> = page.products.iter().map(|row| shortened(&row.name, 60)).collect();
    let left = label_room(names.iter().map(String::as_str), 220.0) + 24.0;
    let key = |label: &str, color, hollow| Key { label: label.into(), color, hollow };
    let keys = vec![key("This fit", CHOSEN, false), key("Plain specification", CURRENT, true)];
    let legend = Legend::new(keys, left, WIDTH);
    let top = legend.height + 6.0;
    let bottom = top + names.len() as f64 * ROW + 4.0;
    let scale = scale.onto(left + 8.0, WIDTH - 120.0);
    let description = "Own-price elasticity of each product with its interval";
    draw(PLOT_NAMES[0], description, (WIDTH, bottom + 46.0), |canvas| {
        legend.draw(canvas, true);
        canvas.area(
            &[
                (scale.at(low), top),
                (scale.at(high), top),
                (scale.at(high), bottom),
                (scale.at(low), bottom),
            ],
            CONTROL,
            0.12,
        );
        let (ticks, step) = scale.ticks(7);
        for tick in ticks {
            let x = scale.at(tick);
            canvas.line((x, top), (x, bottom), GRID, 1.0);
            canvas.text(&axis_number(tick, step), (x, bottom + 12.0), Anchor::Middle, MUTED, TEXT);
        }
        for (index, (row, name)) in page.products.iter().zip(&names).enumerate() {
            let y = top + (index as f64 + 0.5) * ROW;
            canvas.text(&fitted(name, TEXT, left - 16.0), (left - 8.0, y), Anchor::End, INK, TEXT);
            interval(canvas, &row.own, scale, y);
            if is_plottable(row.plain) {
                canvas.dot((scale.at(row.plain), y), 4.5, CURRENT, true);
            }
            let ours = &row.own;
            let value = format!("{} ± {}", number(ours.value, 2), number(reach(ours), 2));
            canvas.text(&value, (WIDTH - 8.0, y), Anchor::End, MUTED, TEXT);
        }
        let title = "Own-price elasticity (grey strip: range found in the literature)";
        let middle = (left + WIDTH - 120.0) / 2.0;
        canvas.text(title, (middle, bottom + 34.0), Anchor::Middle, MUTED, TEXT);
    })
    .map(Some)
}

fn reach(estimate: &Estimate) -> f64 {
    (estimate.upper - estimate.lower) / 2.0
}

fn interval(canvas: &mut Canvas<'_>, estimate: &Estimate, scale: Scale, y: f64) {
    if !is_plottable(estimate.value) {
        return;
    }
    if is_plottable(estimate.lower) && is_plottable(estimate.upper) {
        let ends = (scale.at(estimate.lower), scale.at(estimate.upper));
        canvas.line((ends.0, y), (ends.1, y), CHOSEN, 2.0);
        for end in [ends.0, ends.1] {
            canvas.line((end, y - 4.0), (end, y + 4.0), CHOSEN, 1.5);
        }
    }
    canvas.dot((scale.at(estimate.value), y), 4.5, CHOSEN, false);
}

/// One small plot with a title.
struct Panel {
    title: String,
    series: Vec<Series>,
}

/// What all panels of a plot share.
struct Panels<'a> {
    name: &'static str,
    description: &'a str,
    x_title: &'a str,
    y_title: &'a str,
    x_axis: Axis<'a>,
    y_axis: Axis<'a>,
    keys: Vec<Key>,
    /// Whether each panel has a vertical scale of its own.
    own_scale: bool,
    panels: Vec<Panel>,
}

impl Panels<'_> {
    fn draw(self) -> Result<Option<Plot>, ReportError> {
        let all: Vec<&Series> = self.panels.iter().flat_map(|panel| &panel.series).collect();
        let points = all.iter().flat_map(|series| &series.points).copied().collect();
        let everything = [Series { label: String::new(), color: INK, hollow: false, points }];
        let Some((x, shared)) = scales(&everything, true) else { return Ok(None) };
        let legend = Legend::new(self.keys, 40.0, WIDTH);
        let column = (WIDTH - 30.0) / COLUMNS as f64;
        let rows = self.panels.len().div_ceil(COLUMNS) as f64;
        let size = (WIDTH, legend.height + rows * PANEL_HEIGHT + 26.0);
        draw(self.name, self.description, size, |canvas| {
            legend.draw(canvas, true);
            for (index, panel) in self.panels.iter().enumerate() {
                let left = 30.0 + (index % COLUMNS) as f64 * column + 48.0;
                let top = legend.height + (index / COLUMNS) as f64 * PANEL_HEIGHT + 28.0;
                let right = left + column - 60.0;
                let frame = Frame { left, right, top, bottom: top + PANEL_HEIGHT - 66.0 };
                let y = match scales(&panel.series, true) {
                    Some((_, own)) if self.own_scale => own,
                    _ => shared,
                };
                let (x, y) = (x.onto(left, right), y.onto(frame.bottom, top));
                let title = fitted(&shortened(&panel.title, 60), 13.0, right - left);
                canvas.text(&title, (left, top - 14.0), Anchor::Start, INK, 13.0);
                draw_axes(canvas, frame, (x, self.x_axis), (y, self.y_axis));
                if y.contains(0.0) {
                    canvas.line((left, y.at(0.0)), (right, y.at(0.0)), MUTED, 1.0);
                }
                for series in &panel.series {
                    draw_band(canvas, series, x, y);
                }
                for series in &panel.series {
                    draw_series(canvas, series, x, y);
                }
            }
            let below = (WIDTH / 2.0, size.1 - 10.0);
            canvas.text(self.x_title, below, Anchor::Middle, MUTED, TEXT);
            canvas.upward_text(self.y_title, (10.0, legend.height + rows * PANEL_HEIGHT / 2.0));
        })
        .map(Some)
    }
}

/// Change of the group's margin by price point, without and with a feature ad.
pub(super) fn ladders(page: &PricingPage) -> Result<Option<Plot>, ReportError> {
    let series = |ladder: &[LadderPoint], color, hollow| Series {
        label: String::new(),
        color,
        hollow,
        points: ladder
            .iter()
            .filter(|point| point.is_supported)
            .map(|point| Point { x: point.depth, y: point.gain })
            .collect(),
    };
    let panels: Vec<Panel> = page
        .products
        .iter()
        .take(MOST_PANELS)
        .map(|row| Panel {
            title: row.name.clone(),
            series: vec![
                series(&row.featured_ladder, CURRENT, true),
                series(&row.plain_ladder, CHOSEN, false),
            ],
        })
        .collect();
    let mut keys = vec![Key { label: "Price cut alone".into(), color: CHOSEN, hollow: false }];
    if page.products.iter().any(|row| !row.featured_ladder.is_empty()) {
        keys.push(Key { label: "With a feature ad".into(), color: CURRENT, hollow: true });
    }
    Panels {
        name: PLOT_NAMES[1],
        description: "Change of the group's margin by depth of the cut, product by product",
        x_title: "Fraction off the regular price",
        y_title: "Change of the group's margin per store and promotion",
        x_axis: Axis::Percent,
        y_axis: Axis::Money(&page.currency),
        keys,
        own_scale: true,
        panels,
    }
    .draw()
}

/// Units of the held-out weeks, actual and expected with the 95 % band.
pub(super) fn held_out(page: &PricingPage) -> Result<Option<Plot>, ReportError> {
    let longest = page.held_out.iter().map(|row| &row.weeks).max_by_key(|weeks| weeks.len());
    let labels: Vec<&str> =
        longest.map_or_else(Vec::new, |weeks| weeks.iter().map(String::as_str).collect());
    let line = |color, points| Series { label: String::new(), color, hollow: false, points };
    let panels = page.held_out.iter().take(MOST_PANELS).map(|row| Panel {
        title: row.name.clone(),
        series: vec![
            line(CHOSEN, indexed(row.expected.iter().copied())),
            line(INK, indexed(row.actual.iter().map(|v| Estimate::without_interval(*v)))),
        ],
    });
    let key = |label: &str, color| Key { label: label.into(), color, hollow: false };
    Panels {
        name: PLOT_NAMES[2],
        description: "Weekly units of weeks that the fit has not seen, actual and expected",
        x_title: "Held-out week",
        y_title: "Units of all stores",
        x_axis: Axis::Labels(&labels),
        y_axis: Axis::Number,
        keys: vec![key("Expected, with the 95 % band", CHOSEN), key("Actual", INK)],
        own_scale: true,
        panels: panels.collect(),
    }
    .draw()
}
