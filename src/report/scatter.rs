//! Customers on the first two principal components.

use super::canvas::{
    Anchor, Canvas, GRID, INK, MUTED, PAPER, Plot, Scale, TEXT, distinct, draw, fitted,
    is_plottable, is_repeated, text_width,
};
use super::error::ReportError;
use super::format::{axis_number, percent, shortened};
use super::legend::{Key, Legend};
use super::persona_page::{PcaMap, PcaPoint};

const WIDTH: f64 = 860.0;
/// Size of the names among the dots.
const NAME: f64 = 12.5;
/// Customers drawn.
pub(super) const MOST_POINTS: usize = 2_000;

fn axis_title(map: &PcaMap, index: usize) -> String {
    let name = format!("Component {}", index + 1);
    let share = map.explained_variance.get(index).filter(|share| share.is_finite());
    let share = share.map_or(String::new(), |s| format!(", {} of the variance", percent(*s)));
    let words = map.axis_titles.get(index).filter(|words| !words.is_empty());
    let words = words.map_or(String::new(), |words| format!(": {}", shortened(words, 60)));
    format!("{name}{share}{words}")
}

/// A dot per customer in the colour of the persona; nothing without a drawable point.
pub(super) fn map(map: &PcaMap, names: &[&str]) -> Result<Option<Plot>, ReportError> {
    let is_shown = |point: &&PcaPoint| is_plottable(point.x) && is_plottable(point.y);
    let points: Vec<&PcaPoint> = map.points.iter().filter(is_shown).take(MOST_POINTS).collect();
    let x = Scale::covering(points.iter().map(|point| point.x));
    let y = Scale::covering(points.iter().map(|point| point.y));
    let (Some(x), Some(y)) = (x, y) else {
        return Ok(None);
    };
    let keys = names.iter().enumerate().map(|(index, name)| Key {
        label: (*name).into(),
        color: distinct(index),
        hollow: is_repeated(index),
    });
    let legend = Legend::new(keys.collect(), 70.0, WIDTH);
    let (left, right, top) = (70.0, WIDTH - 14.0, legend.height + 8.0);
    let bottom = top + 420.0;
    let (x, y) = (x.onto(left, right), y.onto(bottom, top));
    let description = "Customers on the first two principal components, coloured by persona";
    draw("personas-pca", description, (WIDTH, bottom + 46.0), |canvas| {
        legend.draw(canvas, true);
        let (ticks, step) = y.ticks(5);
        for tick in ticks {
            canvas.line((left, y.at(tick)), (right, y.at(tick)), GRID, 1.0);
            let label = axis_number(tick, step);
            canvas.text(&label, (left - 8.0, y.at(tick)), Anchor::End, MUTED, TEXT);
        }
        let (ticks, step) = x.ticks(8);
        for tick in ticks {
            canvas.line((x.at(tick), top), (x.at(tick), bottom), GRID, 1.0);
            let label = axis_number(tick, step);
            canvas.text(&label, (x.at(tick), bottom + 13.0), Anchor::Middle, MUTED, TEXT);
        }
        for point in &points {
            let place = (x.at(point.x), y.at(point.y));
            let index = point.persona;
            canvas.dot(place, 2.6, distinct(index), is_repeated(index));
        }
        let place = |point: &PcaPoint| (x.at(point.x), y.at(point.y));
        draw_names(canvas, names, &points, place, (left, right));
        let below = ((left + right) / 2.0, bottom + 35.0);
        canvas.text(&axis_title(map, 0), below, Anchor::Middle, MUTED, TEXT);
        canvas.upward_text(&axis_title(map, 1), (12.0, (top + bottom) / 2.0));
    })
    .map(Some)
}

/// The name of each persona at the middle of its dots, on paper so that it reads; one that would
/// cover another moves down.
fn draw_names(
    canvas: &mut Canvas<'_>,
    names: &[&str],
    points: &[&PcaPoint],
    place: impl Fn(&PcaPoint) -> (f64, f64),
    (left, right): (f64, f64),
) {
    let mut done: Vec<(f64, f64, f64)> = Vec::new();
    for (index, name) in names.iter().enumerate() {
        let own = points.iter().filter(|point| point.persona == index);
        let places: Vec<_> = own.map(|point| place(point)).collect();
        let (Some(x), Some(y)) = (median(&places, |p| p.0), median(&places, |p| p.1)) else {
            continue;
        };
        let name = fitted(&shortened(name, 40), NAME, 180.0);
        let half = text_width(&name, NAME) / 2.0 + 3.0;
        let (x, mut y) = (x.clamp(left + half, right - half), y);
        let covers = |y: f64, other: &&(f64, f64, f64)| {
            (x - other.0).abs() < half + other.2 && (y - other.1).abs() < 18.0
        };
        while let Some(other) = done.iter().find(|other| covers(y, other)) {
            y = other.1 + 19.0;
        }
        done.push((x, y, half));
        canvas.rectangle((x - half, y - 9.0), (x + half, y + 9.0), PAPER);
        canvas.text(&name, (x, y), Anchor::Middle, INK, NAME);
    }
}

fn median(places: &[(f64, f64)], pick: fn(&(f64, f64)) -> f64) -> Option<f64> {
    let mut values: Vec<f64> = places.iter().map(pick).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}
