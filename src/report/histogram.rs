//! Columns side by side: histograms and explained variance.

use super::canvas::{
    Anchor, CHOSEN, GRID, INK, MUTED, Plot, Scale, TEXT, draw, fitted, is_plottable, text_width,
};
use super::error::ReportError;
use super::format::{UNKNOWN, percent, shortened};
use super::quality_page::HistogramBin;

const WIDTH: f64 = 860.0;
/// Columns drawn.
const MOST_BINS: usize = 60;

/// What a histogram is called.
pub(super) struct Histogram<'a> {
    /// File name of the plot.
    pub(super) name: &'static str,
    /// What a screen reader says.
    pub(super) description: &'a str,
    /// Title of the horizontal axis.
    pub(super) x_title: &'a str,
    /// Title of the vertical axis.
    pub(super) y_title: &'a str,
}

impl Histogram<'_> {
    /// One column per bin with its share on top; nothing without a known share.
    pub(super) fn draw(&self, bins: &[HistogramBin]) -> Result<Option<Plot>, ReportError> {
        let bins = &bins[..bins.len().min(MOST_BINS)];
        let shares = bins.iter().map(|bin| bin.share.max(0.0));
        if !bins.iter().any(|bin| is_plottable(bin.share)) {
            return Ok(None);
        }
        let Some(scale) = Scale::covering(shares.chain([0.0, 0.01])) else {
            return Ok(None);
        };
        let (left, right, top, bottom) = (78.0, WIDTH - 20.0, 24.0, 204.0);
        let scale = scale.onto(bottom, top);
        let column = ((right - left) / bins.len() as f64).min(110.0);
        draw(self.name, self.description, (WIDTH, bottom + 46.0), |canvas| {
            for tick in scale.ticks(4).0 {
                let y = scale.at(tick);
                canvas.line((left, y), (right, y), GRID, 1.0);
                let label = percent((tick * 1e6).round() / 1e6);
                canvas.text(&label, (left - 8.0, y), Anchor::End, MUTED, TEXT);
            }
            let widest = bins.iter().map(|bin| text_width(&bin.label, 11.0)).fold(0.0, f64::max);
            let every = ((widest.min(90.0) + 8.0) / column).ceil().max(1.0) as usize;
            for (index, bin) in bins.iter().enumerate() {
                let x = left + index as f64 * column;
                let middle = x + column / 2.0;
                if index % every == 0 {
                    let label = fitted(&shortened(&bin.label, 40), 11.0, 98.0);
                    canvas.text(&label, (middle, bottom + 13.0), Anchor::Middle, MUTED, 11.0);
                }
                let label = if is_plottable(bin.share) {
                    let height = scale.at(bin.share.max(0.0));
                    let gap = (column * 0.08).min(4.0);
                    canvas.rectangle((x + gap, height), (x + column - gap, bottom), CHOSEN);
                    (percent(bin.share), height)
                } else {
                    (UNKNOWN.into(), bottom)
                };
                if text_width(&label.0, 11.0) <= column + 4.0 {
                    canvas.text(&label.0, (middle, label.1 - 8.0), Anchor::Middle, INK, 11.0);
                }
            }
            canvas.line((left, bottom), (right, bottom), MUTED, 1.0);
            let below = (left + column * bins.len() as f64 / 2.0, bottom + 34.0);
            canvas.text(self.x_title, below, Anchor::Middle, MUTED, TEXT);
            canvas.upward_text(self.y_title, (12.0, (top + bottom) / 2.0));
        })
        .map(Some)
    }
}
