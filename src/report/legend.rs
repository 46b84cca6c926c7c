//! Keys above a plot, wrapped to its width.

use plotters::style::RGBColor;

use super::canvas::{Anchor, Canvas, INK, TEXT, fitted, text_width};
use super::format::shortened;

const ROW: f64 = 20.0;

/// One key: what a colour stands for.
pub(super) struct Key {
    /// Name, cut when long.
    pub(super) label: String,
    /// Colour of the mark.
    pub(super) color: RGBColor,
    /// Whether the mark is hollow.
    pub(super) hollow: bool,
}

/// Keys with their places.
pub(super) struct Legend {
    keys: Vec<(Key, (f64, f64))>,
    /// Height the keys take, in pixels.
    pub(super) height: f64,
}

impl Legend {
    /// Places the keys from `left` to `right`, row by row from the top.
    pub(super) fn new(keys: Vec<Key>, left: f64, right: f64) -> Self {
        let (mut x, mut y) = (left, 12.0);
        let mut placed = Vec::new();
        for mut key in keys {
            key.label = fitted(&shortened(&key.label, 60), TEXT, 200.0);
            let width = 32.0 + text_width(&key.label, TEXT);
            if x > left && x + width > right {
                (x, y) = (left, y + ROW);
            }
            placed.push((key, (x, y)));
            x += width;
        }
        let height = if placed.is_empty() { 0.0 } else { y + 18.0 };
        Self { keys: placed, height }
    }

    /// Draws keys as filled squares or, for lines, as the dots the lines carry.
    pub(super) fn draw(&self, canvas: &mut Canvas<'_>, as_dots: bool) {
        for (key, (x, y)) in &self.keys {
            if as_dots {
                canvas.dot((x + 6.0, *y), 5.0, key.color, key.hollow);
            } else {
                canvas.rectangle((*x, y - 6.0), (x + 12.0, y + 6.0), key.color);
            }
            canvas.text(&key.label, (x + 18.0, *y), Anchor::Start, INK, TEXT);
        }
    }
}
