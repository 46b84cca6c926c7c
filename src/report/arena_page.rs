//! The arena page: policies in the published world beside what was published.
//!
//! Everything shown comes from one [`ArenaPage`]. Money has no currency in that world; a number that
//! is not finite means "unknown" and is shown as a dash.

use std::path::Path;

use minijinja::{Value, context};
use plotters::style::RGBColor;
use serde::Serialize;

use super::canvas::{
    Anchor, CHOSEN, CONTROL, CURRENT, Canvas, MUTED, Plot, Scale, TEXT, distinct, draw,
    is_plottable,
};
use super::error::ReportError;
use super::format::percent;
use super::input::{Estimate, Point};
use super::lines::{Axis, Frame, Series, draw_axes, draw_end_labels, draw_series, scales};
use super::page;
use super::supplement::Supplement;

const WIDTH: f64 = 860.0;
const TEMPLATE: &str = include_str!("templates/arena.html");
/// Plots of the page.
pub(super) const PLOT_NAMES: [&str; 2] = ["arena-curve", "arena-margins"];

/// Everything the arena page shows.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ArenaPage {
    /// What was played, in one sentence.
    pub protocol: String,
    /// Coverage of every interval as a fraction.
    pub interval_level: f64,
    /// One line per claim.
    pub verdicts: Vec<ArenaVerdict>,
    /// The policies played.
    pub arms: Vec<ArenaArm>,
    /// Trained agents of the paper that were not played, for orientation.
    pub agents: Vec<ArenaAgent>,
    /// What share of the upper bound policies get; empty when none was computed.
    pub bound_shares: Vec<ArenaBoundShare>,
    /// Gross margin rates of the margins.
    pub margin_rates: Vec<f64>,
    /// How it was done: whole sentences.
    pub method: Vec<String>,
}

/// One claim.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ArenaVerdict {
    /// What is claimed.
    pub claim: String,
    /// What was found here.
    pub found: String,
    /// What was published.
    pub expected: String,
    /// Whether both agree.
    pub agrees: bool,
}

/// One policy.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ArenaArm {
    /// Name.
    pub name: String,
    /// The coupon of a fixed arm; `None` for other policies, which the plots leave out.
    pub fixed_coupon: Option<f64>,
    /// Mean coupon given.
    pub coupon: f64,
    /// Revenue per customer-week.
    pub revenue: Estimate,
    /// Revenue over the random policy's.
    pub ratio: Estimate,
    /// The same as published, and as replicated by others.
    pub published_ratio: f64,
    /// The same as replicated independently before.
    pub replicated_ratio: f64,
    /// Units over the random policy's.
    pub units_ratio: Estimate,
    /// Share of customers with a purchase in the last three weeks.
    pub retention: Estimate,
    /// The same as published.
    pub published_retention: f64,
    /// Contribution margin per customer-week, by gross margin rate.
    pub margins: Vec<Estimate>,
    /// The same less the margin without coupons.
    pub margins_over_none: Vec<Estimate>,
}

/// A trained agent of the paper.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ArenaAgent {
    /// Name.
    pub name: String,
    /// Revenue over the random policy's.
    pub ratio: f64,
    /// Its standard error.
    pub standard_error: f64,
}

/// A policy's share of the upper bound.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ArenaBoundShare {
    /// Name of the policy.
    pub arm: String,
    /// What is shared, such as `revenue`.
    pub of: String,
    /// The share of the bound.
    pub share: Estimate,
    /// The share of what the oracle gets.
    pub of_oracle: Estimate,
}

/// Writes `arena.html` and `plots/*.svg` into `dir`.
///
/// The page holds its plots, style and text, needs no network and no script, and escapes all text
/// of the input. Equal inputs give equal bytes. Each file is written beside its place and renamed.
///
/// # Errors
///
/// [`ReportError::Write`] when a file or folder cannot be written; [`ReportError::Draw`] and
/// [`ReportError::Page`] only through a bug in this room.
pub fn render(page: &ArenaPage, dir: &Path) -> Result<(), ReportError> {
    let plots = [curve(page)?, margins(page)?];
    Supplement {
        file: "arena.html",
        template: TEMPLATE,
        currency: "",
        input: Value::from_serialize(page),
        words: context! { intervals => page::interval_words(page.interval_level) },
        plots: plots.into_iter().flatten().collect(),
        plot_names: &PLOT_NAMES,
    }
    .write(dir)
}

/// A line over the fixed coupons.
fn over_coupons(
    page: &ArenaPage,
    (label, color, hollow): (&str, RGBColor, bool),
    value: impl Fn(&ArenaArm) -> Estimate,
) -> Series {
    let point = |arm: &ArenaArm| {
        let y = value(arm);
        arm.fixed_coupon.filter(|_| is_plottable(y.value)).map(|x| Point { x, y })
    };
    Series {
        label: label.into(),
        color,
        hollow,
        points: page.arms.iter().filter_map(point).collect(),
    }
}

/// Revenue of the fixed coupons, here and elsewhere.
fn curve(page: &ArenaPage) -> Result<Option<Plot>, ReportError> {
    let series = vec![
        over_coupons(page, ("Published", CURRENT, true), |arm| {
            Estimate::without_interval(arm.published_ratio)
        }),
        over_coupons(page, ("Replicated", CONTROL, true), |arm| {
            Estimate::without_interval(arm.replicated_ratio)
        }),
        over_coupons(page, ("Here", CHOSEN, false), |arm| arm.ratio),
    ];
    let about = "Revenue of fixed coupons over that of random coupons, here and as published";
    coupon_plot(PLOT_NAMES[0], about, "Revenue, random = 1", &series)
}

/// Margin of the fixed coupons less that without one, by gross margin rate.
fn margins(page: &ArenaPage) -> Result<Option<Plot>, ReportError> {
    let series: Vec<Series> = page
        .margin_rates
        .iter()
        .enumerate()
        .map(|(index, rate)| {
            let label = format!("{} gross margin", percent(*rate));
            over_coupons(page, (&label, distinct(index), false), |arm| {
                arm.margins_over_none.get(index).copied().unwrap_or_default()
            })
        })
        .collect();
    let about = "Contribution margin of fixed coupons less that without a coupon";
    coupon_plot(PLOT_NAMES[1], about, "Margin over none, per customer-week", &series)
}

fn coupon_plot(
    name: &'static str,
    description: &str,
    y_title: &str,
    series: &[Series],
) -> Result<Option<Plot>, ReportError> {
    let Some((x, y)) = scales(series, false) else {
        return Ok(None);
    };
    let frame = Frame { left: 76.0, right: WIDTH - 150.0, top: 14.0, bottom: 274.0 };
    let (x, y) = (x.onto(frame.left, frame.right), y.onto(frame.bottom, frame.top));
    draw(name, description, (WIDTH, frame.bottom + 46.0), |canvas| {
        draw_axes(canvas, frame, (x, Axis::Percent), (y, Axis::Number));
        for line in series {
            draw_series(canvas, line, x, y);
            draw_error_bars(canvas, line, x, y);
        }
        draw_end_labels(canvas, series, frame, y);
        let below = ((frame.left + frame.right) / 2.0, frame.bottom + 36.0);
        canvas.text("Coupon for everybody", below, Anchor::Middle, MUTED, TEXT);
        canvas.upward_text(y_title, (12.0, (frame.top + frame.bottom) / 2.0));
    })
    .map(Some)
}

/// Intervals as vertical bars with short ends.
fn draw_error_bars(canvas: &mut Canvas<'_>, series: &Series, x: Scale, y: Scale) {
    let known = |point: &&Point| is_plottable(point.y.lower) && is_plottable(point.y.upper);
    for point in series.points.iter().filter(known) {
        let (place, ends) = (x.at(point.x), [y.at(point.y.lower), y.at(point.y.upper)]);
        canvas.line((place, ends[0]), (place, ends[1]), series.color, 1.5);
        for end in ends {
            canvas.line((place - 4.0, end), (place + 4.0, end), series.color, 1.5);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::{Folder, xml_fault};
    use std::fs;

    fn sample() -> ArenaPage {
        let arm = |name: &str, coupon: Option<f64>, ratio: f64| ArenaArm {
            name: name.into(),
            fixed_coupon: coupon,
            coupon: coupon.unwrap_or(0.25),
            revenue: Estimate::new(2.0 * ratio, 1.9 * ratio, 2.1 * ratio),
            ratio: Estimate::new(ratio, ratio - 0.02, ratio + 0.02),
            published_ratio: if coupon.is_some() { ratio + 0.01 } else { f64::NAN },
            replicated_ratio: f64::NAN,
            units_ratio: Estimate::new(0.7, 0.6, 0.8),
            retention: Estimate::new(0.78, 0.76, 0.8),
            published_retention: 0.806,
            margins: vec![Estimate::new(-0.6, -0.7, -0.5)],
            margins_over_none: vec![Estimate::new(-0.65, -0.7, -0.6)],
        };
        let verdict = |claim: &str, agrees| ArenaVerdict {
            claim: claim.into(),
            found: "1.144 ± 0.008".into(),
            expected: "1.118 ± 0.059".into(),
            agrees,
        };
        ArenaPage {
            protocol: "20 worlds of 100 customers.".into(),
            interval_level: 0.95,
            verdicts: vec![verdict("none × random", true), verdict("<b>curve</b>", false)],
            arms: vec![
                arm("random", None, 1.0),
                arm("none", Some(0.0), 1.144),
                arm("50 %", Some(0.5), 0.972),
            ],
            bound_shares: vec![ArenaBoundShare {
                arm: "LinUCB".into(),
                of: "revenue".into(),
                share: Estimate::new(0.97, 0.95, 0.99),
                of_oracle: Estimate::new(0.97, 0.96, 0.98),
            }],
            agents: vec![ArenaAgent { name: "LinTS".into(), ratio: 1.259, standard_error: 0.062 }],
            margin_rates: vec![0.3],
            method: vec!["All arms meet the same luck.".into()],
        }
    }

    fn rendered(page: &ArenaPage, test: &str) -> Vec<String> {
        let folder = Folder::new(&format!("arena-{test}"));
        render(page, &folder.0).expect("a page in a temporary folder renders");
        let files = ["arena.html", "plots/arena-curve.svg", "plots/arena-margins.svg"];
        files.iter().filter_map(|file| fs::read_to_string(folder.0.join(file)).ok()).collect()
    }

    #[test]
    fn the_page_inlines_both_plots_and_gives_the_same_bytes_twice() {
        let files = rendered(&sample(), "full");
        assert_eq!(files.len(), 3);
        assert!(files[1..].iter().all(|svg| files[0].contains(svg.trim_end())));
        assert!(files[1..].iter().all(|svg| xml_fault(svg).is_none()));
        assert_eq!(files, rendered(&sample(), "again"));
    }

    #[test]
    fn text_is_escaped_and_unknown_figures_are_dashes() {
        let page = rendered(&sample(), "text").swap_remove(0);
        assert!(page.contains("&lt;b&gt;curve") && !page.contains("<b>curve"));
        assert!(page.contains("agrees") && page.contains("differs"));
        assert!(page.contains("–"));
    }

    #[test]
    fn a_page_without_arms_has_no_plots() {
        let page = ArenaPage { arms: Vec::new(), ..sample() };
        assert_eq!(rendered(&page, "empty").len(), 1);
    }
}
