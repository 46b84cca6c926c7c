//! A calendar of the history: every day a cell, days without sales stand out.

use plotters::style::RGBColor;

use super::bars::{DEEP, SHALLOW, between};
use super::canvas::{Anchor, CURRENT, Canvas, INK, MUTED, Plot, TEXT, draw};
use super::error::ReportError;
use super::quality_page::Calendar;

const WIDTH: f64 = 860.0;
const LEFT: f64 = 44.0;
const CELL: (f64, f64) = (15.0, 11.0);
/// Weeks side by side: a year and the week it begins in.
const WEEKS: usize = 53;
const STRIP: f64 = 7.0 * CELL.1 + 26.0;
/// Strips drawn; a longer history loses its end, which the caption below the plot says.
const MOST_STRIPS: usize = 20;

/// All days, a column per week and a strip per year; nothing without days.
pub(super) fn strips(calendar: &Calendar) -> Result<Option<Plot>, ReportError> {
    if calendar.days.is_empty() {
        return Ok(None);
    }
    let offset = calendar.first_weekday % 7;
    let weeks = (calendar.days.len() + offset).div_ceil(7);
    let strips = weeks.div_ceil(WEEKS).min(MOST_STRIPS);
    let open = || calendar.days.iter().map(|day| day.lines).filter(|lines| *lines > 0);
    let range = (open().min().unwrap_or(0) as f64, open().max().unwrap_or(0) as f64);
    let height = strips as f64 * STRIP + 26.0;
    let description = "Transaction lines of every day; days without sales stand out";
    draw("quality-calendar", description, (WIDTH, height), |canvas| {
        for strip in 0..strips {
            for (weekday, name) in [(0, "Mon"), (3, "Thu"), (6, "Sun")] {
                let y = cell_top(strip, weekday) + CELL.1 / 2.0;
                canvas.text(name, (LEFT - 8.0, y), Anchor::End, MUTED, 10.5);
            }
        }
        let mut labelled = "";
        for (index, day) in calendar.days.iter().enumerate() {
            let (week, weekday) = ((index + offset) / 7, (index + offset) % 7);
            let (strip, column) = (week / WEEKS, week % WEEKS);
            if strip >= strips {
                break;
            }
            let corner = (LEFT + column as f64 * CELL.0, cell_top(strip, weekday));
            draw_day(canvas, corner, color(day.lines, range));
            let month = day.date.get(..7).unwrap_or_default();
            let begins_strip = index == 0 || (column == 0 && weekday == 0);
            let begins_month = day.date.ends_with("-01") && (3..WEEKS - 3).contains(&column);
            if (begins_strip || begins_month) && month != labelled {
                let place = (corner.0, cell_top(strip, 0) - 9.0);
                canvas.text(month, place, Anchor::Start, MUTED, 10.5);
                labelled = month;
            }
        }
        draw_key(canvas, height - 12.0);
    })
    .map(Some)
}

fn cell_top(strip: usize, weekday: usize) -> f64 {
    strip as f64 * STRIP + 20.0 + weekday as f64 * CELL.1
}

fn color(lines: u64, (least, most): (f64, f64)) -> RGBColor {
    let share = (lines as f64 - least) / (most - least).max(1.0);
    if lines == 0 { CURRENT } else { between(SHALLOW, DEEP, share) }
}

fn draw_day(canvas: &mut Canvas<'_>, (x, y): (f64, f64), color: RGBColor) {
    canvas.rectangle((x + 0.75, y + 0.75), (x + CELL.0 - 0.75, y + CELL.1 - 0.75), color);
}

fn draw_key(canvas: &mut Canvas<'_>, y: f64) {
    draw_day(canvas, (LEFT, y - CELL.1 / 2.0), CURRENT);
    canvas.text("No sales", (LEFT + 20.0, y), Anchor::Start, INK, TEXT);
    canvas.text("Fewest lines", (LEFT + 170.0, y), Anchor::End, MUTED, TEXT);
    for step in 0..5 {
        let corner = (LEFT + 178.0 + f64::from(step) * CELL.0, y - CELL.1 / 2.0);
        draw_day(canvas, corner, between(SHALLOW, DEEP, f64::from(step) / 4.0));
    }
    canvas.text("Most lines", (LEFT + 262.0, y), Anchor::Start, MUTED, TEXT);
}
