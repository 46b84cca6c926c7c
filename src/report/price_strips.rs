//! Unit prices by category: middle half as a box, 5 to 95 per cent as a line, on a log scale.

use super::bars::row_label;
use super::canvas::{
    Anchor, CHOSEN, Canvas, GRID, INK, MUTED, PAPER, Plot, Scale, TEXT, draw, is_plottable,
    label_room,
};
use super::error::ReportError;
use super::format::{Sign, UNKNOWN, money};
use super::quality_page::PriceStrip;

const WIDTH: f64 = 860.0;
const ROW: f64 = 26.0;
/// Categories drawn.
const MOST_ROWS: usize = 20;

fn quantiles(strip: &PriceStrip) -> [f64; 5] {
    [strip.p05, strip.p25, strip.p50, strip.p75, strip.p95]
}

/// The place of a price on a log scale; prices of zero or less have none.
fn log_price(price: f64) -> f64 {
    if price > 0.0 { price.log10() } else { f64::NAN }
}

/// One strip per category; nothing without a positive price.
pub(super) fn strips(all: &[PriceStrip], currency: &str) -> Result<Option<Plot>, ReportError> {
    let rows = &all[..all.len().min(MOST_ROWS)];
    let Some(scale) = Scale::covering(rows.iter().flat_map(quantiles).map(log_price)) else {
        return Ok(None);
    };
    let left = label_room(rows.iter().map(|row| row.category.as_str()), 220.0) + 16.0;
    let right = WIDTH - 90.0;
    let scale = scale.onto(left + 6.0, right);
    let bottom = rows.len() as f64 * ROW + 6.0;
    let description = "Unit prices by category: 5th, 25th, 50th, 75th and 95th percentile";
    draw("quality-unit-prices", description, (WIDTH, bottom + 44.0), |canvas| {
        for power in -4..9 {
            for price in [1.0, 2.0, 5.0].map(|multiple| multiple * 10f64.powi(power)) {
                let place = log_price(price);
                if scale.contains(place) {
                    let x = scale.at(place);
                    canvas.line((x, 2.0), (x, bottom), GRID, 1.0);
                    let label = money(price, currency, Sign::Minus);
                    canvas.text(&label, (x, bottom + 12.0), Anchor::Middle, MUTED, 11.0);
                }
            }
        }
        for (index, row) in rows.iter().enumerate() {
            let y = (index as f64 + 0.5) * ROW + 2.0;
            row_label(canvas, &row.category, left, y);
            draw_strip(canvas, row, scale, y);
            let median = money(row.p50, currency, Sign::Minus);
            canvas.text(&median, (WIDTH - 6.0, y), Anchor::End, INK, TEXT);
        }
        let title = "Price per unit, log scale; on the right the median";
        canvas.text(title, ((left + right) / 2.0, bottom + 34.0), Anchor::Middle, MUTED, TEXT);
    })
    .map(Some)
}

fn draw_strip(canvas: &mut Canvas<'_>, row: &PriceStrip, scale: Scale, y: f64) {
    let places = quantiles(row).map(log_price);
    if !places.iter().all(|place| is_plottable(*place)) {
        canvas.text(UNKNOWN, (scale.at(f64::MIN_POSITIVE), y), Anchor::Start, MUTED, TEXT);
        return;
    }
    let [p05, p25, p50, p75, p95] = places.map(|place| scale.at(place));
    canvas.line((p05, y), (p95, y), CHOSEN, 2.0);
    canvas.rectangle((p25, y - 7.0), (p75.max(p25 + 1.0), y + 7.0), CHOSEN);
    canvas.line((p50, y - 9.0), (p50, y + 9.0), PAPER, 3.0);
    canvas.line((p50, y - 9.0), (p50, y + 9.0), INK, 1.5);
}
