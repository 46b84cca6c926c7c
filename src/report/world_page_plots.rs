//! The plots of the world page.

use super::canvas::{CANDIDATE, CHOSEN, CURRENT, ORACLE, Plot};
use super::error::ReportError;
use super::legend::Key;
use super::waterfall::{WaterfallBar, WaterfallInput, waterfall};
use super::world_page::{
    Ablation, Evidence, LiftPart, PastPromotions, PromotionLift, ResponseGroup, Unit, WorldPage,
};
use super::world_page_fit::EVIDENCE;
use super::world_page_forest::{Forest, ForestRow};
use super::{world_page_curves, world_page_fidelity as fidelity};

/// Every plot the world page may hold.
pub(super) const PLOT_NAMES: [&str; 10] = [
    "world-weeks",
    "world-published",
    "world-distributions",
    RESPONSE_NAMES[0],
    RESPONSE_NAMES[1],
    RESPONSE_NAMES[2],
    RESPONSE_NAMES[3],
    "world-terms",
    WATERFALL,
    "world-promotions",
];

const WATERFALL: &str = "world-waterfall";

/// The plots of the responses, in their order.
pub(super) const RESPONSE_NAMES: [&str; 4] =
    ["world-response-1", "world-response-2", "world-response-3", "world-response-4"];

/// Every plot that has data; `page` holds no small cell any more.
pub(super) fn plots(page: &WorldPage) -> Result<Vec<Plot>, ReportError> {
    let currency = page.currency.as_str();
    let (published, curves) = match &page.distributions {
        Some(input) => (
            fidelity::beside_published("world-published", input)?,
            world_page_curves::curves("world-distributions", &input.rows, currency)?,
        ),
        None => (None, None),
    };
    let mut plots = vec![
        fidelity::weeks("world-weeks", &page.held_out, currency)?,
        published,
        curves,
        page.ablation.as_ref().map(terms).transpose()?.flatten(),
        page.promotions.as_ref().map(|past| promotions(past, currency)).transpose()?.flatten(),
        match page.promotions.as_ref().and_then(|past| past.top.first()) {
            Some(largest) => waterfall(WATERFALL, &bars(largest, currency))?,
            None => None,
        },
    ];
    for (name, group) in RESPONSE_NAMES.into_iter().zip(&page.responses) {
        plots.push(response(name, group)?);
    }
    Ok(plots.into_iter().flatten().collect())
}

/// What the colours of the evidence in use stand for.
fn evidence_keys(used: &[Evidence]) -> Vec<Key> {
    let key = |kind: &Evidence| Key {
        label: kind.label().into(),
        color: kind.color(),
        hollow: *kind == Evidence::Prior,
    };
    EVIDENCE.iter().filter(|kind| used.contains(kind)).map(key).collect()
}

fn response(name: &'static str, group: &ResponseGroup) -> Result<Option<Plot>, ReportError> {
    let used: Vec<Evidence> = group.rows.iter().map(|row| row.evidence).collect();
    let rows = group.rows.iter().map(|row| ForestRow {
        label: row.category.clone(),
        estimate: row.estimate,
        color: row.evidence.color(),
        hollow: row.evidence == Evidence::Prior,
        strong: row.is_summary,
    });
    Forest {
        name,
        description: &format!("{} by category, with intervals", group.title),
        axis_title: &group.axis,
        unit: Unit::Number,
        currency: "",
        reference: group.reference.as_ref(),
        keys: evidence_keys(&used),
        rows: rows.collect(),
    }
    .draw()
}

fn terms(ablation: &Ablation) -> Result<Option<Plot>, ReportError> {
    let key = |label: &str, color| Key { label: label.into(), color, hollow: false };
    let rows = ablation.rows.iter().map(|row| ForestRow {
        label: row.term.clone(),
        estimate: row.change,
        color: match row.verdict() {
            "helps" => ORACLE,
            "hurts" => CURRENT,
            _ => CANDIDATE,
        },
        hollow: !row.is_on,
        strong: false,
    });
    Forest {
        name: "world-terms",
        description: "Change of the held-out log-likelihood that each term brings",
        axis_title: "Log-likelihood per 1,000 customer-weeks that the term adds (right: better)",
        unit: Unit::Number,
        currency: "",
        reference: None,
        keys: vec![key("helps", ORACLE), key("no evidence", CANDIDATE), key("hurts", CURRENT)],
        rows: rows.collect(),
    }
    .draw()
}

/// The parts of a promotion and what they sum to. What would have been earned anyway is left out: it
/// would dwarf the rest.
fn bars(promotion: &PromotionLift, currency: &str) -> WaterfallInput {
    let part = |part: &LiftPart| WaterfallBar {
        label: part.name.clone(),
        value: part.margin,
        is_level: false,
    };
    let earned = WaterfallBar {
        label: "incremental margin".into(),
        value: promotion.incremental,
        is_level: true,
    };
    WaterfallInput {
        title: format!("Margin that {} brought, part by part", promotion.name),
        axis: "Margin against no promotion".into(),
        currency: Some(currency.into()),
        bars: promotion.counted().map(part).chain([earned]).collect(),
    }
}

fn promotions(past: &PastPromotions, currency: &str) -> Result<Option<Plot>, ReportError> {
    let rows = past.top.iter().map(|row| ForestRow {
        label: row.name.clone(),
        estimate: row.incremental,
        color: if row.incremental.value < 0.0 { CURRENT } else { CHOSEN },
        hollow: false,
        strong: false,
    });
    Forest {
        name: "world-promotions",
        description: "Incremental margin of the largest past promotions, with intervals",
        axis_title: "Incremental margin (left of zero: the promotion lost money)",
        unit: Unit::Money,
        currency,
        reference: None,
        keys: Vec::new(),
        rows: rows.collect(),
    }
    .draw()
}
