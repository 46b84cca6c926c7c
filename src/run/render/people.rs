//! Data quality and personas for the report.

use crate::data::History;
use crate::data::assess::Assessment;
use crate::features::PersonaModel;
use crate::report as input;

/// Customers below which a persona's figures are not shown.
const SMALL_CELL: usize = 10;

pub(super) fn quality(history: &History, assessment: &Assessment) -> input::DataQuality {
    let q = &history.quality;
    let rule = |r: &crate::data::quality::RuleCount| input::QualityRule {
        name: r.name.clone(),
        reason: r.reason.clone(),
        rows: r.rows,
        sales_removed: r.sales_value,
    };
    let source = q.margin_source;
    let parts = [
        ("unit cost", source.unit_cost),
        ("product margin rate", source.margin_rate),
        ("assumed by department", source.department),
        ("assumed default", source.default),
    ];
    let named = |(name, share): (&str, f64)| {
        (share > 0.0005).then(|| format!("{name} ({:.0} % of sales)", share * 100.0))
    };
    input::DataQuality {
        rules: q.rules.iter().map(rule).collect(),
        rows_in: q.rows_in,
        rows_kept: q.rows_kept,
        sales_in: q.sales_in,
        sales_kept: q.sales_kept,
        customers: history.customers.len() as u64,
        weeks: u64::from(history.n_weeks),
        margin_source: parts.into_iter().filter_map(named).collect::<Vec<_>>().join(", "),
        weekly_sales: super::quality::total_sales(assessment),
        verdict: assessment.headline.clone(),
        page: "history/quality.html".to_owned(),
    }
}

pub(super) fn personas(model: &PersonaModel) -> input::Personas {
    let card = |c: &crate::features::PersonaCard| {
        let shown = c.size >= SMALL_CELL;
        let value = |(label, value): &(String, f64)| input::Fact {
            label: label.clone(),
            value: format!("{value:.2}"),
        };
        input::PersonaCard {
            name: c.name.clone(),
            size: shown.then_some(c.size as u64),
            share: shown.then_some(c.share),
            description: c.description.clone(),
            profile: if shown { c.profile.iter().map(value).collect() } else { Vec::new() },
        }
    };
    let n_personas = model.n_personas();
    let z = |feature: usize| {
        (0..n_personas)
            .map(|k| {
                if model.cards[k].size >= SMALL_CELL {
                    model.z_scores.row(k)[feature]
                } else {
                    f64::NAN
                }
            })
            .collect()
    };
    input::Personas {
        cards: model.cards.iter().map(card).collect(),
        heat_map: input::HeatMap {
            features: model.feature_names().map(str::to_owned).collect(),
            personas: model.names().map(str::to_owned).collect(),
            z_scores: (0..model.z_scores.n_columns()).map(z).collect(),
        },
        page: "personas/personas.html".to_owned(),
    }
}
