//! A waterfall: from what would have sold anyway, part by part, to what a promotion brought.

use plotters::style::RGBColor;

use super::canvas::{
    Anchor, CHOSEN, CONTROL, CURRENT, Canvas, GRID, INK, MUTED, ORACLE, Plot, Scale, TEXT, draw,
    fitted, is_plottable, label_room,
};
use super::error::ReportError;
use super::format::{Sign, UNKNOWN, axis_money, axis_number, money_value, number};
use super::input::Estimate;
use serde::{Deserialize, Serialize};

const WIDTH: f64 = 860.0;
const ROW: f64 = 28.0;
const LABEL_LIMIT: f64 = 300.0;
/// Room for the values on the right.
const VALUES: f64 = 110.0;

/// One bar.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WaterfallBar {
    /// What it stands for.
    pub label: String,
    /// Its length with the interval.
    pub value: Estimate,
    /// Whether it stands on zero, as the first bar and a sum do, rather than on the bar before.
    pub is_level: bool,
}

/// A waterfall in units or in money.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WaterfallInput {
    /// What a screen reader says.
    pub title: String,
    /// What is measured.
    pub axis: String,
    /// Currency symbol of amounts; `None` for units.
    pub currency: Option<String>,
    /// The bars from top to bottom.
    pub bars: Vec<WaterfallBar>,
}

/// The plot as an SVG document of its own; nothing without a value that can be drawn.
///
/// # Errors
/// [`ReportError::Draw`] only through a bug in this room.
pub fn waterfall_svg(input: &WaterfallInput) -> Result<Option<String>, ReportError> {
    Ok(waterfall("lift", input)?.map(|plot| plot.svg))
}

/// Where a bar begins and ends.
struct Span {
    from: f64,
    to: f64,
}

/// Steps begin where the bar before ended, levels at 0.
fn spans(bars: &[WaterfallBar]) -> Vec<Span> {
    let mut reached = 0.0;
    let span = |bar: &WaterfallBar| {
        let from = if bar.is_level { 0.0 } else { reached };
        reached = from + bar.value.value;
        Span { from, to: reached }
    };
    bars.iter().map(span).collect()
}

fn color(bar: &WaterfallBar, is_last: bool) -> RGBColor {
    match (bar.is_level, bar.value.value < 0.0) {
        (true, _) if is_last => CHOSEN,
        (true, _) => CONTROL,
        (false, true) => CURRENT,
        (false, false) => ORACLE,
    }
}

/// Draws the bars from top to bottom, with the interval of each at its end; nothing without a
/// plottable value.
pub(super) fn waterfall(
    name: &'static str,
    input: &WaterfallInput,
) -> Result<Option<Plot>, ReportError> {
    let bars: Vec<WaterfallBar> =
        input.bars.iter().filter(|bar| is_plottable(bar.value.value)).cloned().collect();
    let spans = spans(&bars);
    let ends = bars.iter().zip(&spans).flat_map(|(bar, span)| {
        let Estimate { value, lower, upper } = bar.value;
        [0.0, span.from, span.to, span.to - value + lower, span.to - value + upper]
    });
    let (Some(scale), false) = (Scale::covering(ends), bars.is_empty()) else { return Ok(None) };
    let left = label_room(bars.iter().map(|bar| bar.label.as_str()), LABEL_LIMIT) + 20.0;
    let bottom = bars.len() as f64 * ROW + 8.0;
    let scale = scale.onto(left + 8.0, WIDTH - VALUES);
    draw(name, &input.title, (WIDTH, bottom + 46.0), |canvas| {
        draw_axis(canvas, input, scale, (left, bottom));
        for (index, (bar, span)) in bars.iter().zip(&spans).enumerate() {
            let y = 4.0 + (index as f64 + 0.5) * ROW;
            let label = fitted(&bar.label, TEXT, left - 16.0);
            canvas.text(&label, (left - 8.0, y), Anchor::End, INK, TEXT);
            draw_bar(canvas, bar, span, (scale, y), color(bar, index + 1 == bars.len()));
            if spans.get(index + 1).is_some_and(|next| next.from == span.to) {
                let x = scale.at(span.to);
                canvas.line((x, y + ROW * 0.3), (x, y + ROW * 0.7), MUTED, 1.0);
            }
            let value = value_text(bar, input);
            canvas.text(&value, (WIDTH - 8.0, y), Anchor::End, INK, TEXT);
        }
    })
    .map(Some)
}

fn value_text(bar: &WaterfallBar, input: &WaterfallInput) -> String {
    let sign = if bar.is_level { Sign::Minus } else { Sign::Always };
    match &input.currency {
        Some(currency) => money_value(&bar.value, currency, sign),
        None if !bar.is_level && bar.value.value > 0.0 => {
            format!("+{}", number(bar.value.value, 0))
        }
        None if bar.value.value.is_finite() => number(bar.value.value, 0),
        None => UNKNOWN.to_owned(),
    }
}

fn draw_axis(
    canvas: &mut Canvas<'_>,
    input: &WaterfallInput,
    scale: Scale,
    (left, bottom): (f64, f64),
) {
    let (ticks, step) = scale.ticks(6);
    for tick in ticks {
        let x = scale.at(tick);
        canvas.line((x, 2.0), (x, bottom), GRID, 1.0);
        let label = match &input.currency {
            Some(currency) => axis_money(tick, step, currency, Sign::Minus),
            None => axis_number(tick, step),
        };
        canvas.text(&label, (x, bottom + 12.0), Anchor::Middle, MUTED, TEXT);
    }
    canvas.line((scale.at(0.0), 2.0), (scale.at(0.0), bottom), INK, 1.25);
    let middle = (left + WIDTH - VALUES) / 2.0;
    canvas.text(&input.axis, (middle, bottom + 34.0), Anchor::Middle, MUTED, TEXT);
}

fn draw_bar(
    canvas: &mut Canvas<'_>,
    bar: &WaterfallBar,
    span: &Span,
    (scale, y): (Scale, f64),
    color: RGBColor,
) {
    let (from, to) = (scale.at(span.from), scale.at(span.to));
    let (low, high) = (from.min(to), from.max(to));
    canvas.rectangle((low, y - ROW * 0.3), (high.max(low + 1.0), y + ROW * 0.3), color);
    let Estimate { value, lower, upper } = bar.value;
    if is_plottable(lower) && is_plottable(upper) && upper > lower {
        let ends = [lower, upper].map(|end| scale.at(span.to - value + end));
        canvas.line((ends[0], y), (ends[1], y), INK, 1.5);
        for end in ends {
            canvas.line((end, y - 4.0), (end, y + 4.0), INK, 1.5);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(label: &str, value: f64, is_level: bool) -> WaterfallBar {
        let value = Estimate::new(value, value - 5.0, value + 5.0);
        WaterfallBar { label: label.to_owned(), value, is_level }
    }

    fn input(bars: Vec<WaterfallBar>) -> WaterfallInput {
        let (title, axis) = ("A promotion".to_owned(), "Units".to_owned());
        WaterfallInput { title, axis, currency: None, bars }
    }

    #[test]
    fn steps_stand_on_each_other_and_levels_on_zero() {
        let bars = [bar("base", 100.0, true), bar("lift", 40.0, false), bar("dip", -10.0, false)];
        let found: Vec<(f64, f64)> = spans(&bars).iter().map(|s| (s.from, s.to)).collect();
        assert_eq!(found, [(0.0, 100.0), (100.0, 140.0), (140.0, 130.0)]);
        assert_eq!(spans(&[bars[1].clone(), bar("total", 30.0, true)])[1].from, 0.0);
    }

    #[test]
    fn a_plot_says_its_values_and_escapes_its_names() {
        let bars = vec![bar("<base>", 1234.0, true), bar("lift", 40.0, false)];
        let plot = waterfall("lift", &input(bars)).expect("draws").expect("has bars");
        assert!(plot.svg.contains("1,234") && plot.svg.contains("+40"));
        assert!(!plot.svg.contains("<base>"));
    }

    #[test]
    fn nothing_is_drawn_without_values() {
        assert_eq!(waterfall("lift", &input(Vec::new())).expect("draws"), None);
        let unknown = WaterfallBar { value: Estimate::unknown(), ..bar("x", 0.0, false) };
        assert_eq!(waterfall("lift", &input(vec![unknown])).expect("draws"), None);
    }
}
