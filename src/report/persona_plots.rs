//! The plots of the persona page.

use super::bars;
use super::canvas::{CHOSEN, INK, Plot};
use super::drift_bars;
use super::error::ReportError;
use super::format::percent;
use super::histogram::Histogram;
use super::input::{Estimate, PersonaCard};
use super::lines::{Series, indexed};
use super::marked_lines::SplitLines;
use super::persona_cells::WITHHELD;
use super::persona_page::{Calibration, Migration, PersonaPage, PersonaSummary};
use super::quality_page::HistogramBin;
use super::share_map::{ShareMap, maps};
use super::supplement::customers;
use super::{scatter, selection_panels, silhouettes, tree};

/// Every plot the persona page may hold.
pub(super) const PLOT_NAMES: [&str; 12] = [
    "personas-sizes",
    "personas-stages",
    "personas-profile",
    "personas-pca",
    "personas-variance",
    "personas-silhouettes",
    "personas-selection",
    "personas-dendrogram",
    "personas-migration",
    "personas-drift",
    "personas-calibration",
    "personas-tracking",
];

/// Pairs of quarters drawn.
const MOST_MIGRATIONS: usize = 4;

const VARIANCE: Histogram<'static> = Histogram {
    name: "personas-variance",
    description: "Variance explained by each principal component",
    x_title: "Principal component",
    y_title: "Share of the variance",
};

/// Every plot that has data; `page` holds no small cell any more.
pub(super) fn plots(page: &PersonaPage) -> Result<Vec<Plot>, ReportError> {
    let names: Vec<&str> = page.personas.iter().map(|persona| persona.name.as_str()).collect();
    let (pca, variance) = match &page.pca {
        Some(map) => (scatter::map(map, &names)?, VARIANCE.draw(&bins(&map.explained_variance))?),
        None => (None, None),
    };
    let tree = page.dendrogram.as_ref().map(tree::dendrogram).transpose()?.flatten();
    let (calibration, tracking) = match &page.calibration {
        Some(check) => (by_past_purchases(check)?, tracking(check)?),
        None => (None, None),
    };
    let first = page.migrations.len().saturating_sub(MOST_MIGRATIONS);
    let migrations: Vec<ShareMap> = page.migrations[first..].iter().map(migration).collect();
    let movement = "Customers by persona in one quarter and the next";
    let drift: Vec<_> = page.stability.iter().map(|q| (q.quarter.as_str(), q.psi)).collect();
    let about = "Population stability index of the persona mix by quarter";
    let plots = [
        named("personas-sizes", bars::persona_sizes(&cards(&page.personas))?),
        maps("personas-stages", "Lifecycle stages by persona", &[stages(&page.personas)])?,
        named("personas-profile", bars::heat_map(&page.heat_map)?),
        pca,
        variance,
        silhouettes::silhouettes(&page.silhouettes, page.mean_silhouette, &names)?,
        selection_panels::panels_plot(&page.selection)?,
        tree,
        maps("personas-migration", movement, &migrations)?,
        drift_bars::bars("personas-drift", about, &drift)?,
        calibration,
        tracking,
    ];
    Ok(plots.into_iter().flatten().collect())
}

fn named(name: &'static str, plot: Option<Plot>) -> Option<Plot> {
    plot.map(|plot| Plot { name, ..plot })
}

fn cards(personas: &[PersonaSummary]) -> Vec<PersonaCard> {
    let card = |persona: &PersonaSummary| PersonaCard {
        name: persona.name.clone(),
        size: persona.size,
        share: persona.share,
        ..PersonaCard::default()
    };
    personas.iter().map(card).collect()
}

fn bins(shares: &[f64]) -> Vec<HistogramBin> {
    let bin = |(index, share): (usize, &f64)| HistogramBin {
        label: (index + 1).to_string(),
        share: *share,
    };
    shares.iter().enumerate().map(bin).collect()
}

/// Stages of every persona, in the order in which they first appear.
fn stages(personas: &[PersonaSummary]) -> ShareMap {
    let mut columns: Vec<String> = Vec::new();
    for stage in personas.iter().flat_map(|persona| &persona.stages) {
        if !columns.contains(&stage.stage) {
            columns.push(stage.stage.clone());
        }
    }
    let cells = |persona: &PersonaSummary| {
        let cell = |column: &String| {
            let found = persona.stages.iter().find(|stage| stage.stage == *column);
            let share = found.map_or(f64::NAN, |stage| stage.share);
            (share, percent(share))
        };
        columns.iter().map(cell).collect()
    };
    ShareMap {
        title: String::new(),
        rows: personas.iter().map(|persona| persona.name.clone()).collect(),
        cells: personas.iter().map(cells).collect(),
        columns,
    }
}

fn migration(migration: &Migration) -> ShareMap {
    let cell = |(count, share): (&Option<u64>, &f64)| match count {
        Some(WITHHELD) => (f64::NAN, "withheld".into()),
        Some(_) => (*share, format!("{}\n{}", percent(*share), customers(*count))),
        None => (f64::NAN, customers(None)),
    };
    let rows = migration.counts.iter().zip(&migration.row_shares);
    ShareMap {
        title: format!("{} to {}", migration.from, migration.to),
        rows: migration.states.clone(),
        columns: migration.states.clone(),
        cells: rows.map(|(counts, shares)| counts.iter().zip(shares).map(cell).collect()).collect(),
    }
}

fn both(actual: impl Iterator<Item = f64>, expected: impl Iterator<Item = f64>) -> Vec<Series> {
    let line = |label: &str, color, values: Vec<f64>| Series {
        label: label.into(),
        color,
        hollow: false,
        points: indexed(values.into_iter().map(Estimate::without_interval)),
    };
    let expected = line("Expected", CHOSEN, expected.collect());
    vec![expected, line("Actual", INK, actual.collect())]
}

fn by_past_purchases(check: &Calibration) -> Result<Option<Plot>, ReportError> {
    let rows = &check.by_past_purchases;
    SplitLines {
        name: "personas-calibration",
        description: "Held-out purchases by number of purchases before, actual and expected",
        x_title: "Purchases before the split",
        y_title: "Purchases held out",
        labels: rows.iter().map(|row| row.past_purchases.as_str()).collect(),
        split: None,
        series: both(rows.iter().map(|r| r.actual), rows.iter().map(|r| r.predicted)),
    }
    .draw()
}

fn tracking(check: &Calibration) -> Result<Option<Plot>, ReportError> {
    let weeks = &check.tracking;
    SplitLines {
        name: "personas-tracking",
        description: "Cumulative purchases by week, actual and expected",
        x_title: "First day of the week",
        y_title: "Purchases so far",
        labels: weeks.iter().map(|week| week.week.as_str()).collect(),
        split: Some((check.split, "held out from here")),
        series: both(weeks.iter().map(|w| w.actual), weeks.iter().map(|w| w.expected)),
    }
    .draw()
}
