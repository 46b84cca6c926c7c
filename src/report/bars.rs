//! Bar plots: persona sizes and action mix, and the persona heat map.

use plotters::style::RGBColor;

use super::canvas::{
    Anchor, Canvas, GRID, INK, MUTED, Plot, TEXT, distinct, draw, fitted, in_two_lines,
    is_plottable, label_room, text_width,
};
use super::error::ReportError;
use super::format::{SUPPRESSED, UNKNOWN, number, percent, shortened};
use super::input::{ActionMix, HeatMap, PersonaCard};
use super::legend::{Key, Legend};

const WIDTH: f64 = 860.0;
const ROW: f64 = 30.0;
const LABEL_LIMIT: f64 = 220.0;
/// Dark text on pale cells and pale text on dark cells, the same by day and night.
const ON_PALE: RGBColor = RGBColor(0x11, 0x18, 0x22);
const ON_DARK: RGBColor = RGBColor(0xFA, 0xFA, 0xFA);
/// From "no offer" to the deepest: one hue that darkens, so that depth reads without a legend.
const NO_OFFER: RGBColor = RGBColor(0xD5, 0xD9, 0xDF);
pub(super) const SHALLOW: (f64, f64, f64) = (168.0, 212.0, 236.0);
/// See [`SHALLOW`].
pub(super) const DEEP: (f64, f64, f64) = (0.0, 84.0, 140.0);
const BELOW: (f64, f64, f64) = (33.0, 102.0, 172.0);
const ABOVE: (f64, f64, f64) = (179.0, 88.0, 6.0);
const NEUTRAL: (f64, f64, f64) = (247.0, 247.0, 247.0);
/// Standard deviations at which a heat-map cell has its full colour.
const FULL_COLOUR: f64 = 2.0;

/// The colour at `share` of the way.
pub(super) fn between(from: (f64, f64, f64), to: (f64, f64, f64), share: f64) -> RGBColor {
    let mix = |a: f64, b: f64| (a + (b - a) * share.clamp(0.0, 1.0)).round() as u8;
    RGBColor(mix(from.0, to.0), mix(from.1, to.1), mix(from.2, to.2))
}

/// The colour of text that reads on the given one.
pub(super) fn text_on(RGBColor(red, green, blue): RGBColor) -> RGBColor {
    let luminance = 0.299 * f64::from(red) + 0.587 * f64::from(green) + 0.114 * f64::from(blue);
    if luminance > 140.0 { ON_PALE } else { ON_DARK }
}

/// Customers by persona; nothing without personas.
pub(super) fn persona_sizes(cards: &[PersonaCard]) -> Result<Option<Plot>, ReportError> {
    if cards.is_empty() {
        return Ok(None);
    }
    let left = label_room(cards.iter().map(|card| card.name.as_str()), LABEL_LIMIT) + 16.0;
    let largest = cards.iter().filter_map(|card| card.size).max().unwrap_or(0).max(1) as f64;
    let height = cards.len() as f64 * ROW + 30.0;
    let room = WIDTH - left - 150.0;
    let plot = draw("persona-sizes", "Customers by persona", (WIDTH, height), |canvas| {
        for (index, card) in cards.iter().enumerate() {
            let y = index as f64 * ROW + ROW / 2.0 + 2.0;
            row_label(canvas, &card.name, left, y);
            let Some(size) = card.size else {
                canvas.text(SUPPRESSED, (left + 4.0, y), Anchor::Start, MUTED, TEXT);
                continue;
            };
            let end = left + room * size as f64 / largest;
            canvas.rectangle((left, y - 9.0), (end.max(left + 1.0), y + 9.0), distinct(index));
            let share = card.share.map_or(String::new(), |share| format!(" ({})", percent(share)));
            let label = format!("{}{share}", number(size as f64, 0));
            canvas.text(&label, (end + 8.0, y), Anchor::Start, INK, TEXT);
        }
        canvas.line((left, 2.0), (left, height - 26.0), MUTED, 1.0);
        let title = "Customers (share of all customers)";
        canvas.text(title, (left, height - 10.0), Anchor::Start, MUTED, TEXT);
    })?;
    Ok(Some(plot))
}

/// The name of a row, ending left of its bar.
pub(super) fn row_label(canvas: &mut Canvas<'_>, name: &str, left: f64, y: f64) {
    let label = fitted(&shortened(name, 80), TEXT, left - 14.0);
    canvas.text(&label, (left - 10.0, y), Anchor::End, INK, TEXT);
}

fn action_color(index: usize, actions: usize) -> RGBColor {
    if index == 0 {
        return NO_OFFER;
    }
    let steps = actions.saturating_sub(2).max(1) as f64;
    between(SHALLOW, DEEP, (index - 1) as f64 / steps)
}

/// Stacked shares of every action by persona; nothing without rows or actions.
pub(super) fn action_mix(mix: &ActionMix) -> Result<Option<Plot>, ReportError> {
    if mix.rows.is_empty() || mix.actions.is_empty() {
        return Ok(None);
    }
    let left = label_room(mix.rows.iter().map(|row| row.persona.as_str()), LABEL_LIMIT) + 16.0;
    let keys = mix.actions.iter().enumerate().map(|(index, action)| Key {
        label: action.clone(),
        color: action_color(index, mix.actions.len()),
        hollow: false,
    });
    let legend = Legend::new(keys.collect(), left, WIDTH);
    let height = legend.height + mix.rows.len() as f64 * ROW + 46.0;
    let room = WIDTH - left - 24.0;
    let description = "Share of customer-weeks by action and persona";
    let plot = draw("action-mix", description, (WIDTH, height), |canvas| {
        legend.draw(canvas, false);
        let bottom = height - 42.0;
        for tick in [0.0, 0.25, 0.5, 0.75, 1.0] {
            let x = left + room * tick;
            canvas.line((x, legend.height), (x, bottom), GRID, 1.0);
            canvas.text(&percent(tick), (x, bottom + 12.0), Anchor::Middle, MUTED, TEXT);
        }
        let title = "Share of customer-weeks";
        canvas.text(title, (left + room / 2.0, height - 10.0), Anchor::Middle, MUTED, TEXT);
        for (index, row) in mix.rows.iter().enumerate() {
            let y = legend.height + index as f64 * ROW + ROW / 2.0;
            row_label(canvas, &row.persona, left, y);
            match &row.shares {
                None => canvas.text(SUPPRESSED, (left + 4.0, y), Anchor::Start, MUTED, TEXT),
                Some(shares) => stack(canvas, shares, mix.actions.len(), (left, y), room),
            }
        }
    })?;
    Ok(Some(plot))
}

fn stack(
    canvas: &mut Canvas<'_>,
    shares: &[f64],
    actions: usize,
    (left, y): (f64, f64),
    room: f64,
) {
    let known = |share: &f64| if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 };
    let mut done: f64 = 0.0;
    for (index, share) in shares.iter().take(actions).map(known).enumerate() {
        let next = (done + share).min(1.0);
        let color = action_color(index, actions);
        let (from, to) = (left + room * done, left + room * next);
        if to > from {
            canvas.rectangle((from, y - 10.0), (to, y + 10.0), color);
        }
        let label = percent((share * 100.0).round() / 100.0);
        if to - from > text_width(&label, 11.0) + 6.0 {
            let middle = (from + to) / 2.0;
            canvas.text(&label, (middle, y), Anchor::Middle, text_on(color), 11.0);
        }
        done = next;
    }
    if done == 0.0 {
        canvas.text(UNKNOWN, (left + 4.0, y), Anchor::Start, MUTED, TEXT);
    }
}

/// Standardised feature means, features down and personas across; nothing without cells.
pub(super) fn heat_map(map: &HeatMap) -> Result<Option<Plot>, ReportError> {
    if map.features.is_empty() || map.personas.is_empty() {
        return Ok(None);
    }
    let left = label_room(map.features.iter().map(String::as_str), LABEL_LIMIT) + 16.0;
    let cell = ((WIDTH - left - 8.0) / map.personas.len() as f64).min(150.0);
    let slanted = cell < 70.0;
    let top = 34.0;
    let bottom = top + map.features.len() as f64 * 26.0;
    let key_rows = if slanted { map.personas.len().div_ceil(3) as f64 * 18.0 + 8.0 } else { 0.0 };
    let size = (WIDTH, bottom + 46.0 + key_rows);
    let description = "Standardised feature means by persona";
    let plot = draw("persona-heat-map", description, size, |canvas| {
        for (column, persona) in map.personas.iter().enumerate() {
            let x = left + (column as f64 + 0.5) * cell;
            let number = (column + 1).to_string();
            let name = if slanted { &number } else { persona };
            for (line, part) in in_two_lines(name, TEXT, cell - 8.0).iter().enumerate() {
                let y = top - 23.0 + line as f64 * 14.0;
                canvas.text(part, (x, y), Anchor::Middle, INK, TEXT);
            }
        }
        for (row, feature) in map.features.iter().enumerate() {
            let y = top + row as f64 * 26.0;
            row_label(canvas, feature, left, y + 13.0);
            for column in 0..map.personas.len() {
                let value = map.z_scores.get(row).and_then(|cells| cells.get(column));
                let x = left + column as f64 * cell;
                heat_cell(canvas, value.copied().unwrap_or(f64::NAN), (x, y), cell);
            }
        }
        heat_key(canvas, left, bottom + 24.0);
        if slanted {
            numbered_names(canvas, &map.personas, left, bottom + 54.0);
        }
    })?;
    Ok(Some(plot))
}

fn heat_color(value: f64) -> RGBColor {
    let share = (value.abs() / FULL_COLOUR).min(1.0);
    between(NEUTRAL, if value < 0.0 { BELOW } else { ABOVE }, share)
}

fn heat_cell(canvas: &mut Canvas<'_>, value: f64, (x, y): (f64, f64), width: f64) {
    let middle = (x + width / 2.0, y + 13.0);
    if !is_plottable(value) {
        canvas.text(UNKNOWN, middle, Anchor::Middle, MUTED, 11.0);
        return;
    }
    let color = heat_color(value);
    canvas.rectangle((x + 1.0, y + 1.0), (x + width - 1.0, y + 25.0), color);
    let label = if value.abs() < 99.95 { number(value, 1) } else { format!("{value:.0e}") };
    canvas.text(&label, middle, Anchor::Middle, text_on(color), 11.0);
}

fn heat_key(canvas: &mut Canvas<'_>, left: f64, y: f64) {
    for step in -4..=4 {
        let x = left + f64::from(step + 4) * 22.0;
        canvas.rectangle((x, y - 6.0), (x + 21.0, y + 6.0), heat_color(f64::from(step) / 2.0));
    }
    let label = "−2 to +2 standard deviations from the mean customer";
    canvas.text(label, (left + 208.0, y), Anchor::Start, MUTED, TEXT);
}

fn numbered_names(canvas: &mut Canvas<'_>, names: &[String], left: f64, y: f64) {
    let column_width = (WIDTH - left) / 3.0;
    for (index, name) in names.iter().enumerate() {
        let position = (left + (index % 3) as f64 * column_width, y + (index / 3) as f64 * 18.0);
        let label = format!("{}  {}", index + 1, shortened(name, 60));
        canvas.text(&fitted(&label, TEXT, column_width - 12.0), position, Anchor::Start, INK, TEXT);
    }
}
