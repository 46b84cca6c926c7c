//! A page beside the report: its template, its plots, and how both reach the disk.

use std::fs;
use std::path::Path;

use minijinja::{Environment, Value, context};

use super::canvas::{Plot, distinct};
use super::error::ReportError;
use super::format::{
    change, fine_percent, money_cents, number, number_range, percent, share_percent,
};
use super::input::Estimate;
use super::page::{STYLE, add_filters, estimate, float, hexadecimal};
use super::{remove_if_present, world_page_values, write_whole};

const MACROS: &str = include_str!("templates/macros.html");
const EXTRA_STYLE: &str = include_str!("templates/supplement.css");
/// Shown for a count of customers too small to publish.
pub(super) const FEW: &str = "< 10";
/// The smallest group of customers that may be shown.
pub(super) const SMALLEST: u64 = 10;

/// Loadings from here on are set in bold.
const STRONG: f64 = 0.3;

/// A page ready to be written.
pub(super) struct Supplement<'a> {
    /// File name of the page.
    pub(super) file: &'static str,
    /// Text of the template.
    pub(super) template: &'static str,
    /// Currency symbol.
    pub(super) currency: &'a str,
    /// The input, seen by the template as `input`.
    pub(super) input: Value,
    /// Anything else the template needs, seen as `words`.
    pub(super) words: Value,
    /// The plots that have data.
    pub(super) plots: Vec<Plot>,
    /// Every plot the page may hold; the file of one without data is removed.
    pub(super) plot_names: &'a [&'static str],
}

/// A count of customers that never tells of fewer than ten.
pub(super) fn customers(count: Option<u64>) -> String {
    count.filter(|count| *count >= SMALLEST).map_or(FEW.into(), |count| number(count as f64, 0))
}

/// The interval of a fraction as per cent; nothing without one.
fn percent_range(estimate: &Estimate) -> Option<String> {
    let is_known = estimate.lower.is_finite() && estimate.upper.is_finite();
    is_known.then(|| format!("{} to {}", percent(estimate.lower), percent(estimate.upper)))
}

/// The width of a meter in per cent, safe inside a style.
fn meter(share: f64) -> String {
    let share = if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 };
    format!("{:.1}", share * 100.0)
}

impl Supplement<'_> {
    /// Writes the plots, then the page with every plot inlined; each file whole or not at all.
    pub(super) fn write(&self, dir: &Path) -> Result<(), ReportError> {
        let page = self.page()?;
        let folder = dir.join("plots");
        fs::create_dir_all(&folder)
            .map_err(|source| ReportError::Write { path: folder.clone(), source })?;
        for name in self.plot_names {
            let path = folder.join(format!("{name}.svg"));
            match self.plots.iter().find(|plot| plot.name == *name) {
                Some(plot) => write_whole(&path, &plot.svg)?,
                None => remove_if_present(&path)?,
            }
        }
        write_whole(&dir.join(self.file), &page)
    }

    fn page(&self) -> Result<String, ReportError> {
        let template = format!("{MACROS}{}", self.template);
        let mut environment = Environment::new();
        add_filters(&mut environment, self.currency);
        world_page_values::add_filters(&mut environment, self.currency);
        let symbol = self.currency.to_owned();
        environment.add_filter("cents", move |cents: i64| money_cents(cents, &symbol));
        environment.add_filter("change", |value: &Value| change(float(value)));
        environment.add_filter("fine_percent", |value: &Value| fine_percent(float(value)));
        environment.add_filter("share_percent", |value: &Value| share_percent(float(value)));
        environment.add_filter("meter", |value: &Value| meter(float(value)));
        environment.add_filter("customers", |value: Option<u64>| customers(value));
        environment.add_filter("short_value", |value: &Value| number(estimate(value).value, 2));
        environment.add_filter("short_range", |value: &Value| number_range(&estimate(value), 2));
        environment.add_filter("fine_range", |value: &Value| number_range(&estimate(value), 3));
        environment.add_filter("percent_range", |value: &Value| percent_range(&estimate(value)));
        environment.add_filter("is_strong", |value: &Value| float(value).abs() >= STRONG);
        environment.add_filter("is_known", |value: &Value| float(value).is_finite());
        environment.add_filter("thousandths", |value: &Value| number(float(value), 3));
        environment.add_template(self.file, &template)?;
        let plots: Value = self.plots.iter().map(|plot| (plot.name, plot.svg.as_str())).collect();
        let colours: Vec<String> = (0..8).map(distinct).map(hexadecimal).collect();
        let mut page = environment.get_template(self.file)?.render(context! {
            input => self.input,
            words => self.words,
            css => format!("{STYLE}{EXTRA_STYLE}"),
            plots,
            colours,
        })?;
        page.retain(|character| !character.is_control() || character == '\n');
        Ok(page)
    }
}
