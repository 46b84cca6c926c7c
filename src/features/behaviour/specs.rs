//! What each feature is called, means and is measured in.

use serde::{Deserialize, Serialize};

use super::catalogue::{ASSORTMENT, CONTACT, DEALS, MIX, RHYTHM, Row, STAGE, VALUE};

/// What a feature is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FeatureGroup {
    /// When, how often and where.
    Rhythm,
    /// How much.
    Value,
    /// What.
    Mix,
    /// At which discounts.
    Deals,
    /// What the retailer told the customer, and what came of it.
    Contact,
    /// Where the customer stands.
    Stage,
}

/// What to do with a feature before it is clipped and standardised for clustering.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transform {
    /// Take it as it is.
    None,
    /// ln(1 + x), for amounts that are skewed to the right; such features are never negative.
    Log1p,
}

impl Transform {
    /// The transformed value.
    #[must_use]
    pub fn apply(self, value: f64) -> f64 {
        match self {
            Self::None => value,
            Self::Log1p => value.ln_1p(),
        }
    }

    /// The value whose transformed value this is.
    #[must_use]
    pub fn undo(self, transformed: f64) -> f64 {
        match self {
            Self::None => transformed,
            Self::Log1p => transformed.exp_m1(),
        }
    }
}

/// One feature.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FeatureSpec {
    /// Its name in files; `mix:<category>` for the share of a category.
    pub name: String,
    /// Unit of its value.
    pub unit: &'static str,
    /// What it says, in one sentence, and when it is NaN.
    pub meaning: &'static str,
    /// How it is computed.
    pub formula: &'static str,
    /// Smallest and largest value it can take, where defined; infinity is `null` in JSON.
    pub range: [f64; 2],
    /// What to do before clustering.
    pub transform: Transform,
    /// What it is about.
    pub group: FeatureGroup,
}

/// Every feature in the order of the vectors: 39 of behaviour, then the share of each category.
#[must_use]
pub fn feature_specs(categories: &[String]) -> Vec<FeatureSpec> {
    let groups = [
        (FeatureGroup::Rhythm, RHYTHM),
        (FeatureGroup::Value, VALUE),
        (FeatureGroup::Mix, ASSORTMENT),
        (FeatureGroup::Deals, DEALS),
        (FeatureGroup::Contact, CONTACT),
        (FeatureGroup::Stage, STAGE),
    ];
    let behaviour = groups
        .into_iter()
        .flat_map(|(group, rows)| rows.iter().map(move |row| spec(row.0.to_owned(), group, row)));
    let mix = categories.iter().map(|name| spec(category_feature(name), FeatureGroup::Mix, &MIX));
    behaviour.chain(mix).collect()
}

/// The features that personas are learned from unless the configuration names others.
///
/// Personas are to be traits that an offer can be planned on and that last for months, so the list
/// holds each trait once and leaves the rest out. In: recency and frequency (is the customer here,
/// and how often), regularity, value and size of the basket (a stock-up or a top-up), breadth,
/// brand loyalty, private label and price tier (what they insist on), discount share, depth and
/// lift (what they respond to; lift sets them apart from those who merely buy products that are
/// always on deal), coupons used, and the mix. Out: money per week, which is frequency times
/// basket; units, which mix pieces with kilograms; weekday and hour, which split alike customers by
/// their working hours and are noisy for rare shoppers; contacts and redemptions, which the
/// retailer's own targeting made; tenure, which the start of the history cuts off; stores, which
/// follow from where people live; and the stage, whose codes have no distances.
#[must_use]
pub fn default_persona_features(categories: &[String]) -> Vec<String> {
    let behaviour = [
        "recency",
        "frequency",
        "interval_variation",
        "monetary_per_basket",
        "lines_per_basket",
        "category_entropy",
        "brand_loyalty",
        "private_label_share",
        "price_tier",
        "discount_share",
        "deal_depth",
        "promotion_lift",
        "offer_line_share",
    ];
    let mix = categories.iter().map(|name| category_feature(name));
    behaviour.map(str::to_owned).into_iter().chain(mix).collect()
}

fn category_feature(category: &str) -> String {
    format!("mix:{category}")
}

fn spec(name: String, group: FeatureGroup, row: &Row) -> FeatureSpec {
    let &(_, unit, meaning, formula, range, transform) = row;
    FeatureSpec { name, unit, meaning, formula, range, transform, group }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn categories() -> Vec<String> {
        ["dairy", "wine"].map(str::to_owned).to_vec()
    }

    #[test]
    fn every_feature_has_a_name_of_its_own_and_is_explained() {
        let specs = feature_specs(&categories());
        let names: BTreeSet<&str> = specs.iter().map(|spec| spec.name.as_str()).collect();
        assert_eq!((specs.len(), names.len()), (41, 41));
        for spec in &specs {
            assert!(spec.meaning.ends_with('.') && !spec.formula.is_empty(), "{}", spec.name);
            assert!(spec.range[0] < spec.range[1], "{}", spec.name);
            // ln(1 + x) of what may be negative would be NaN.
            assert!(spec.transform == Transform::None || spec.range[0] >= 0.0, "{}", spec.name);
        }
        assert_eq!(specs[40].name, "mix:wine");
    }

    #[test]
    fn personas_cluster_on_features_that_exist() {
        let specs = feature_specs(&categories());
        let chosen = default_persona_features(&categories());
        assert_eq!(chosen.len(), 15);
        for name in &chosen {
            assert!(specs.iter().any(|spec| spec.name == *name), "{name}");
        }
    }
}
