//! Silhouettes of sampled customers, sorted within each persona.

use super::canvas::{
    Anchor, GRID, INK, MUTED, Plot, Scale, TEXT, distinct, draw, fitted, is_plottable, label_room,
};
use super::error::ReportError;
use super::format::{number, shortened};
use super::persona_page::SilhouetteGroup;

const WIDTH: f64 = 860.0;
/// Height of all personas together, pixels; each takes its share by size, but never less than a
/// label needs.
const HEIGHT: f64 = 340.0;
const LEAST: f64 = 22.0;
const GAP: f64 = 8.0;

/// One area per persona and the mean over all as a dashed line; nothing without a known value.
pub(super) fn silhouettes(
    groups: &[SilhouetteGroup],
    mean: f64,
    names: &[&str],
) -> Result<Option<Plot>, ReportError> {
    let sorted: Vec<(&SilhouetteGroup, Vec<f64>)> = groups
        .iter()
        .map(|group| {
            let known = group.values.iter().copied().filter(|v| is_plottable(*v));
            let mut values: Vec<f64> = known.map(|value| value.clamp(-1.0, 1.0)).collect();
            values.sort_by(|a, b| b.total_cmp(a));
            (group, values)
        })
        .filter(|(_, values)| !values.is_empty())
        .collect();
    let all = || sorted.iter().flat_map(|(_, values)| values).copied();
    let Some(scale) = Scale::covering(all().chain([0.0, 0.5])) else {
        return Ok(None);
    };
    if sorted.is_empty() {
        return Ok(None);
    }
    let total = all().count() as f64;
    let heights: Vec<f64> =
        sorted.iter().map(|(_, v)| (HEIGHT * v.len() as f64 / total).max(LEAST)).collect();
    let left = label_room(names.iter().copied(), 220.0) + 64.0;
    let scale = scale.onto(left + 8.0, WIDTH - 16.0);
    let top = 24.0;
    let bottom = top + heights.iter().sum::<f64>() + GAP * sorted.len() as f64;
    let description = "Silhouette of each sampled customer, sorted within each persona";
    draw("personas-silhouettes", description, (WIDTH, bottom + 44.0), |canvas| {
        for tick in scale.ticks(6).0 {
            let x = scale.at(tick);
            canvas.line((x, top), (x, bottom), GRID, 1.0);
            canvas.text(&number(tick, 1), (x, bottom + 12.0), Anchor::Middle, MUTED, TEXT);
        }
        let mut y = top;
        for ((group, values), height) in sorted.iter().zip(&heights) {
            let step = height / values.len() as f64;
            let edge = values.iter().enumerate().flat_map(|(index, value)| {
                let (x, from) = (scale.at(*value), y + index as f64 * step);
                [(x, from), (x, from + step)]
            });
            let ends = [(scale.at(0.0), y + height), (scale.at(0.0), y)];
            canvas.area(&edge.chain(ends).collect::<Vec<_>>(), distinct(group.persona), 1.0);
            let name = names.get(group.persona).copied().unwrap_or_default();
            let name = fitted(&shortened(name, 60), TEXT, left - 52.0);
            let middle = y + height / 2.0;
            canvas.text(&name, (left - 46.0, middle), Anchor::End, INK, TEXT);
            canvas.text(&number(group.mean, 2), (left - 6.0, middle), Anchor::End, MUTED, TEXT);
            y += height + GAP;
        }
        canvas.line((scale.at(0.0), top), (scale.at(0.0), bottom), INK, 1.0);
        if is_plottable(mean) && scale.contains(mean) {
            let x = scale.at(mean);
            canvas.dashed((x, top), (x, bottom), INK, 1.5);
            let words = format!("mean {}", number(mean, 2));
            canvas.text(&words, (x, top - 10.0), Anchor::Middle, INK, TEXT);
        }
        canvas.text("mean", (left - 6.0, top - 10.0), Anchor::End, MUTED, 11.0);
        let title = "Silhouette; below zero a customer lies nearer to another persona";
        let place = ((left + WIDTH) / 2.0, bottom + 34.0);
        canvas.text(title, place, Anchor::Middle, MUTED, TEXT);
    })
    .map(Some)
}
