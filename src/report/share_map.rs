//! Tables of shares shaded by their size: migration between personas and lifecycle stages.

use super::bars::{DEEP, between, row_label, text_on};
use super::canvas::{
    Anchor, Canvas, INK, MUTED, Plot, TEXT, draw, fitted, in_two_lines, is_plottable, label_room,
};
use super::error::ReportError;
use super::format::UNKNOWN;

const WIDTH: f64 = 860.0;
const PALE: (f64, f64, f64) = (238.0, 244.0, 249.0);

/// Columns below this width carry numbers where they can.
const NARROW: f64 = 74.0;

/// One shaded table.
pub(super) struct ShareMap {
    /// Words above it; may be empty.
    pub(super) title: String,
    /// Names of the rows.
    pub(super) rows: Vec<String>,
    /// Names of the columns.
    pub(super) columns: Vec<String>,
    /// Each cell: its share, and what is written into it, line by line.
    pub(super) cells: Vec<Vec<(f64, String)>>,
}

impl ShareMap {
    fn has_cells(&self) -> bool {
        !self.columns.is_empty() && !self.rows.is_empty()
    }

    fn line_count(&self) -> usize {
        let texts = self.cells.iter().flatten().map(|(_, text)| text.lines().count());
        texts.max().unwrap_or(1).max(1)
    }

    fn row_height(&self) -> f64 {
        12.0 + 14.0 * self.line_count() as f64
    }

    fn height(&self) -> f64 {
        let title = if self.title.is_empty() { 0.0 } else { 26.0 };
        title + 34.0 + self.row_height() * self.rows.len() as f64 + 14.0
    }

    fn draw(&self, canvas: &mut Canvas<'_>, mut top: f64) {
        let left = label_room(self.rows.iter().map(String::as_str), 200.0) + 34.0;
        let cell = ((WIDTH - left - 4.0) / self.columns.len() as f64).min(132.0);
        // Names of narrow columns are unreadable; rows of the same names then carry the number.
        let is_numbered = cell < NARROW && self.rows == self.columns;
        if !self.title.is_empty() {
            canvas.text(&self.title, (left, top + 12.0), Anchor::Start, INK, 13.0);
            top += 26.0;
        }
        for (column, name) in self.columns.iter().enumerate() {
            let x = left + (column as f64 + 0.5) * cell;
            let number = (column + 1).to_string();
            let name = if is_numbered { &number } else { name };
            for (line, part) in in_two_lines(name, 11.0, cell - 6.0).iter().enumerate() {
                let y = top + 9.0 + line as f64 * 13.0;
                canvas.text(part, (x, y), Anchor::Middle, INK, 11.0);
            }
        }
        top += 34.0;
        let height = self.row_height();
        for (row, name) in self.rows.iter().enumerate() {
            let y = top + row as f64 * height;
            let numbered = format!("{}  {name}", row + 1);
            let name = if is_numbered { &numbered } else { name };
            row_label(canvas, name, left, y + height / 2.0);
            for column in 0..self.columns.len() {
                let found = self.cells.get(row).and_then(|cells| cells.get(column));
                let (share, text) =
                    found.map_or((f64::NAN, UNKNOWN), |(share, text)| (*share, text.as_str()));
                draw_cell(canvas, (share, text), (left + column as f64 * cell, y), (cell, height));
            }
        }
    }
}

fn draw_cell(
    canvas: &mut Canvas<'_>,
    (share, text): (f64, &str),
    (x, y): (f64, f64),
    (width, height): (f64, f64),
) {
    let ink = if is_plottable(share) {
        let color = between(PALE, DEEP, share);
        canvas.rectangle((x + 1.0, y + 1.0), (x + width - 1.0, y + height - 1.0), color);
        text_on(color)
    } else {
        MUTED
    };
    let lines: Vec<&str> = text.lines().collect();
    for (index, line) in lines.iter().enumerate() {
        let offset = (index as f64 - (lines.len() as f64 - 1.0) / 2.0) * 14.0;
        let size = if index == 0 { TEXT } else { 10.5 };
        let line = fitted(line, size, width - 4.0);
        canvas.text(&line, (x + width / 2.0, y + height / 2.0 + offset), Anchor::Middle, ink, size);
    }
}

/// The tables below each other; nothing without cells.
pub(super) fn maps(
    name: &'static str,
    description: &str,
    maps: &[ShareMap],
) -> Result<Option<Plot>, ReportError> {
    let maps: Vec<&ShareMap> = maps.iter().filter(|map| map.has_cells()).collect();
    if maps.is_empty() {
        return Ok(None);
    }
    let height = maps.iter().map(|map| map.height()).sum::<f64>();
    draw(name, description, (WIDTH, height), |canvas| {
        let mut top = 0.0;
        for map in maps {
            map.draw(canvas, top);
            top += map.height();
        }
    })
    .map(Some)
}
