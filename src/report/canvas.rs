//! A thin drawing surface over the plotters SVG backend: colours, text, lines and scales.
//!
//! Positions are in CSS pixels. The backend only knows whole pixels, so everything is drawn at
//! [`DETAIL`] times the size and the view box shrinks it again. The colours of ink, grid and paper
//! are exact hexadecimal values that the page's style sheet replaces in the dark.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::error::ReportError;

/// Device pixels per CSS pixel.
const DETAIL: f64 = 8.0;
/// The SVG backend divides font sizes by this.
const FONT_DIVISOR: f64 = 1.24;
/// Values beyond this size are treated as unknown, so that no scale overflows.
const LARGEST: f64 = 1e15;
/// Size of ordinary plot text.
pub(super) const TEXT: f64 = 12.0;

/// Text and data lines that stand for no arm.
pub(super) const INK: RGBColor = RGBColor(0x1F, 0x29, 0x37);
/// Axis titles and remarks.
pub(super) const MUTED: RGBColor = RGBColor(0x5B, 0x64, 0x72);
/// Grid lines and empty tracks.
pub(super) const GRID: RGBColor = RGBColor(0xE3, 0xE6, 0xEA);
/// Background.
pub(super) const PAPER: RGBColor = RGBColor(0xFF, 0xFF, 0xFF);
/// The chosen policy.
pub(super) const CHOSEN: RGBColor = RGBColor(0x00, 0x72, 0xB2);
/// Today's promotions.
pub(super) const CURRENT: RGBColor = RGBColor(0xD5, 0x5E, 0x00);
/// No offer.
pub(super) const CONTROL: RGBColor = RGBColor(0x7A, 0x82, 0x8E);
/// The best possible.
pub(super) const ORACLE: RGBColor = RGBColor(0x00, 0x9E, 0x73);
/// The remaining contenders.
pub(super) const CANDIDATE: RGBColor = RGBColor(0x9A, 0xA9, 0xBD);

/// Colours that stay apart for colour-blind readers (Okabe & Ito 2008, yellow replaced by olive
/// because it vanishes on white).
const DISTINCT: [RGBColor; 8] = [
    RGBColor(0x00, 0x72, 0xB2),
    RGBColor(0xE6, 0x9F, 0x00),
    RGBColor(0x00, 0x9E, 0x73),
    RGBColor(0xCC, 0x79, 0xA7),
    RGBColor(0x56, 0xB4, 0xE9),
    RGBColor(0xD5, 0x5E, 0x00),
    RGBColor(0x8A, 0x8A, 0x2B),
    RGBColor(0x6A, 0x51, 0xA3),
];

/// The colour of persona or agent `index`; after eight they repeat, told apart by hollow markers.
pub(super) fn distinct(index: usize) -> RGBColor {
    DISTINCT[index % DISTINCT.len()]
}

/// Whether `index` repeats a colour and needs a hollow marker.
pub(super) fn is_repeated(index: usize) -> bool {
    index >= DISTINCT.len()
}

/// Where a text touches its position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    /// The text begins here.
    Start,
    /// The text is centred here.
    Middle,
    /// The text ends here.
    End,
}

/// A finished plot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plot {
    /// File name without extension.
    pub(super) name: &'static str,
    /// A complete SVG document.
    pub(super) svg: String,
}

/// The surface handed to every plot.
pub(super) struct Canvas<'a> {
    backend: SVGBackend<'a>,
    failure: Option<String>,
}

/// Draws one plot of the given size; `description` is what a screen reader says.
pub(super) fn draw(
    name: &'static str,
    description: &str,
    (width, height): (f64, f64),
    paint: impl FnOnce(&mut Canvas<'_>),
) -> Result<Plot, ReportError> {
    let mut text = String::new();
    let mut canvas = Canvas {
        backend: SVGBackend::with_string(&mut text, (device(width) as u32, device(height) as u32)),
        failure: None,
    };
    canvas.rectangle((0.0, 0.0), (width, height), PAPER);
    paint(&mut canvas);
    let presented = canvas.backend.present().map_err(|error| error.to_string());
    let failure = canvas.failure.take().or(presented.err());
    drop(canvas);
    match failure {
        Some(reason) => Err(ReportError::Draw { name: name.into(), reason }),
        None => Ok(Plot { name, svg: with_root(&text, description, width, height) }),
    }
}

/// Replaces the root tag by one in CSS pixels that carries a description.
fn with_root(drawn: &str, description: &str, width: f64, height: f64) -> String {
    let body = drawn.split_once('>').map_or("", |(_, body)| body);
    let description = escaped(description);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{description}\">\n\
         <title>{description}</title>{body}",
        device(width),
        device(height),
    )
}

fn escaped(text: &str) -> String {
    let mut safe = String::new();
    for character in text.chars() {
        match character {
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '&' => safe.push_str("&amp;"),
            '"' => safe.push_str("&quot;"),
            other if is_drawable(other) => safe.push(other),
            _ => safe.push(' '),
        }
    }
    safe
}

/// XML 1.0 has no way to write control characters and the two non-characters.
fn is_drawable(character: char) -> bool {
    !character.is_control() && !matches!(character, '\u{FFFE}' | '\u{FFFF}')
}

fn device(position: f64) -> i32 {
    (position * DETAIL).round() as i32
}

fn at((x, y): (f64, f64)) -> (i32, i32) {
    (device(x), device(y))
}

impl Canvas<'_> {
    fn keep<E: std::fmt::Display>(&mut self, result: Result<(), E>) {
        if let (Err(error), None) = (result, &self.failure) {
            self.failure = Some(error.to_string());
        }
    }

    /// A straight line.
    pub(super) fn line(&mut self, from: (f64, f64), to: (f64, f64), color: RGBColor, width: f64) {
        let style = color.stroke_width(device(width) as u32);
        let result = self.backend.draw_line(at(from), at(to), &style);
        self.keep(result);
    }

    /// A straight line of dashes.
    pub(super) fn dashed(&mut self, from: (f64, f64), to: (f64, f64), color: RGBColor, width: f64) {
        let length = (to.0 - from.0).hypot(to.1 - from.1);
        let along = |done: f64| {
            let share = if length > 0.0 { (done / length).min(1.0) } else { 0.0 };
            (from.0 + (to.0 - from.0) * share, from.1 + (to.1 - from.1) * share)
        };
        for dash in 0..(length / 9.0).ceil().clamp(0.0, 500.0) as usize {
            let start = dash as f64 * 9.0;
            self.line(along(start), along(start + 5.0), color, width);
        }
    }

    /// A line through all points.
    pub(super) fn path(&mut self, points: &[(f64, f64)], color: RGBColor, width: f64) {
        if points.len() > 1 {
            let style = color.stroke_width(device(width) as u32);
            let result = self.backend.draw_path(points.iter().copied().map(at), &style);
            self.keep(result);
        }
    }

    /// A filled area with the given opacity.
    pub(super) fn area(&mut self, points: &[(f64, f64)], color: RGBColor, opacity: f64) {
        if points.len() > 2 {
            let style = color.mix(opacity).filled();
            let result = self.backend.fill_polygon(points.iter().copied().map(at), &style);
            self.keep(result);
        }
    }

    /// A filled rectangle.
    pub(super) fn rectangle(&mut self, from: (f64, f64), to: (f64, f64), color: RGBColor) {
        let result = self.backend.draw_rect(at(from), at(to), &color.filled(), true);
        self.keep(result);
    }

    /// A dot; a hollow one shows the paper inside.
    pub(super) fn dot(&mut self, center: (f64, f64), radius: f64, color: RGBColor, hollow: bool) {
        let outer =
            self.backend.draw_circle(at(center), device(radius) as u32, &color.filled(), true);
        self.keep(outer);
        if hollow {
            let radius = device((radius - 1.5).max(0.5)) as u32;
            let inner = self.backend.draw_circle(at(center), radius, &PAPER.filled(), true);
            self.keep(inner);
        }
    }

    /// A line of text, vertically centred on its position.
    pub(super) fn text(
        &mut self,
        text: &str,
        position: (f64, f64),
        anchor: Anchor,
        color: RGBColor,
        size: f64,
    ) {
        self.styled(text, position, anchor, color, size, FontTransform::None);
    }

    /// A line of text that reads upwards, centred on its position.
    pub(super) fn upward_text(&mut self, text: &str, position: (f64, f64)) {
        let rotation = FontTransform::Rotate270;
        self.styled(text, position, Anchor::Middle, MUTED, TEXT, rotation);
    }

    fn styled(
        &mut self,
        text: &str,
        position: (f64, f64),
        anchor: Anchor,
        color: RGBColor,
        size: f64,
        rotation: FontTransform,
    ) {
        let clean: String = text.chars().map(|c| if is_drawable(c) { c } else { ' ' }).collect();
        if clean.trim().is_empty() {
            return;
        }
        let horizontal = match anchor {
            Anchor::Start => HPos::Left,
            Anchor::Middle => HPos::Center,
            Anchor::End => HPos::Right,
        };
        let style = TextStyle::from(("sans-serif", size * DETAIL * FONT_DIVISOR).into_font())
            .color(&color)
            .transform(rotation)
            .pos(Pos::new(horizontal, VPos::Center));
        let result = self.backend.draw_text(&clean, &style, at(position));
        self.keep(result);
    }
}

/// A rough width of a text in a sans-serif face, on the generous side.
pub(super) fn text_width(text: &str, size: f64) -> f64 {
    let width = |character: char| match character {
        'i' | 'j' | 'l' | 't' | 'f' | 'r' | 'I' | ' ' | '.' | ',' | '\'' | '|' | ':' => 0.36,
        'm' | 'w' | 'M' | 'W' | '%' | '@' => 0.95,
        'A'..='Z' => 0.72,
        '\u{0300}'..='\u{036F}' => 0.0,
        character if character >= '\u{2E80}' => 1.1,
        _ => 0.6,
    };
    text.chars().map(width).sum::<f64>() * size
}

/// The text, cut with an ellipsis where it would be wider than `limit` pixels.
pub(super) fn fitted(text: &str, size: f64, limit: f64) -> String {
    if text_width(text, size) <= limit {
        return text.into();
    }
    let mut kept = String::new();
    for character in text.chars() {
        kept.push(character);
        if text_width(&kept, size) + size > limit {
            kept.pop();
            break;
        }
    }
    format!("{}…", kept.trim_end())
}

/// The text on the second of two lines or, where it is too wide, on both, cut if need be.
pub(super) fn in_two_lines(text: &str, size: f64, limit: f64) -> [String; 2] {
    let text: String = text.chars().take(80).collect();
    let middle = text.len() / 2;
    let spaces = text.match_indices(' ').map(|(at, _)| at);
    match spaces.min_by_key(|at| at.abs_diff(middle)) {
        Some(at) if text_width(&text, size) > limit => {
            [fitted(&text[..at], size, limit), fitted(&text[at + 1..], size, limit)]
        }
        _ => [String::new(), fitted(&text, size, limit)],
    }
}

/// Room for the widest of some labels, at most `limit`.
pub(super) fn label_room<'t>(labels: impl Iterator<Item = &'t str>, limit: f64) -> f64 {
    labels.map(|label| text_width(label, TEXT)).fold(0.0, f64::max).min(limit)
}

/// Whether a value can be drawn.
pub(super) fn is_plottable(value: f64) -> bool {
    value.is_finite() && value.abs() <= LARGEST
}

/// A linear map from values to pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scale {
    low: f64,
    high: f64,
    start: f64,
    end: f64,
}

impl Scale {
    /// The scale that covers all plottable values with a little room, or nothing without any.
    pub(super) fn covering(values: impl Iterator<Item = f64>) -> Option<Self> {
        let (low, high) = values
            .filter(|value| is_plottable(*value))
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
        if low > high {
            return None;
        }
        let room = if high > low { (high - low) * 0.05 } else { (high.abs() * 0.1).max(1e-6) };
        let low = if low >= 0.0 && low - room < 0.0 { 0.0 } else { low - room };
        Some(Self { low, high: high + room, start: 0.0, end: 1.0 })
    }

    /// The same values on pixels `start` to `end`.
    pub(super) fn onto(self, start: f64, end: f64) -> Self {
        Self { start, end, ..self }
    }

    /// The pixel of a value.
    pub(super) fn at(&self, value: f64) -> f64 {
        let share = (value - self.low) / (self.high - self.low);
        self.start + share.clamp(-0.5, 1.5) * (self.end - self.start)
    }

    /// Whether the value lies on the scale.
    pub(super) fn contains(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }

    /// Around `wanted` round values on the scale, and the step between them.
    pub(super) fn ticks(&self, wanted: usize) -> (Vec<f64>, f64) {
        let rough = (self.high - self.low) / wanted.max(1) as f64;
        let power = 10f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0]
            .map(|multiple| multiple * power)
            .into_iter()
            .find(|step| *step >= rough * 0.999)
            .unwrap_or(10.0 * power);
        let first = (self.low / step).ceil();
        let last = (self.high / step + 1e-9).floor();
        let count = (last - first + 1.0).clamp(0.0, 50.0) as usize;
        ((0..count).map(|index| (first + index as f64) * step).collect(), step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn between(low: f64, high: f64) -> Scale {
        Scale { low, high, start: 0.0, end: 1.0 }
    }

    #[test]
    fn ticks_are_round_and_inside() {
        let (ticks, step) = between(0.0, 1.07).ticks(5);
        assert_eq!(step, 0.5);
        assert_eq!(ticks, [0.0, 0.5, 1.0]);
        let (ticks, _) = between(-3.0, 3.0).ticks(6);
        assert_eq!(ticks, [-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0]);
    }

    #[test]
    fn a_scale_without_values_does_not_exist_and_one_value_has_width() {
        assert_eq!(Scale::covering([f64::NAN, f64::INFINITY].into_iter()), None);
        let one = Scale::covering(std::iter::once(0.0)).map(|scale| scale.at(0.0));
        assert!(one.is_some_and(f64::is_finite));
    }

    #[test]
    fn a_fitted_text_is_never_wider_than_its_room() {
        let long = "An uncommonly long persona name, WWW 漢字漢字漢字";
        assert!(text_width(&fitted(long, TEXT, 120.0), TEXT) <= 120.0 + TEXT);
        assert_eq!(fitted("short", TEXT, 120.0), "short");
        assert_eq!(in_two_lines("Weekly family stock-up", TEXT, 100.0)[0], "Weekly family");
        assert_eq!(in_two_lines("short", TEXT, 100.0), ["", "short"]);
    }

    #[test]
    fn text_in_a_plot_is_escaped_and_control_characters_are_gone() {
        let plot = draw("test", "a <b> & \u{1}", (100.0, 50.0), |canvas| {
            canvas.text("<script>\u{7}", (10.0, 10.0), Anchor::Start, INK, TEXT);
        })
        .expect("drawing into a string cannot fail");
        assert!(plot.svg.contains("&lt;script&gt;"));
        assert!(!plot.svg.contains("<script>"));
        assert!(!plot.svg.contains('\u{1}') && !plot.svg.contains('\u{7}'));
    }
}
