//! Features of one customer as of any date: one computation for training, scoring and serving.
//!
//! A customer is a log of purchases and contacts ([`CustomerLog`]); what is known about products is
//! in the [`FeatureContext`]. [`feature_specs`] names every feature with unit, formula, range and
//! meaning, [`features_as_of`] computes them, [`snapshots`] does so at many dates in one pass.
//!
//! **Time.** Features as of a day read rows of earlier days only, and the outcome of a contact only
//! once [`OUTCOME_DAYS`] have passed. Product facts are given from outside: whoever makes them
//! decides from which days, and must not use days that a model is judged on.
//!
//! **Order.** Logs are sorted by day, and the purchases of a day by basket. Nothing depends on the
//! order of rows inside a basket, nor on that of baskets inside a day: money, quantities and shares
//! are summed in whole millionths, and integers add up to the same total in any order. One line
//! counts at most 10⁹ (of money or units), one customer 9 · 10¹²; an amount that is not a number
//! counts 0.
//!
//! **Returns** (negative quantity or value) lower what was spent: in total, by category, brand and
//! label. They are no basket, no shopping day and no line, and say nothing about deals. Spend that
//! is negative in sum counts as 0.
//!
//! **Undefined** is NaN: everything before the first basket except counts, which are 0.

mod brands;
mod catalogue;
mod computer;
mod contacts;
mod fixed;
mod ledger;
mod lifecycle;
mod measures;
#[cfg(test)]
mod properties;
mod specs;
#[cfg(test)]
mod tests;

pub use computer::{FeatureComputer, features_as_of, snapshots};
pub use contacts::OUTCOME_DAYS;
pub use lifecycle::{Lifecycle, Standing, lifecycle};
pub use specs::{FeatureGroup, FeatureSpec, Transform, default_persona_features, feature_specs};

/// The hour of a purchase whose time of day is not known.
pub const UNKNOWN_HOUR: u8 = u8::MAX;
/// The brand of a product whose brand is not known.
pub const UNKNOWN_BRAND: u32 = u32::MAX;

/// One line of one customer's basket.
///
/// Its sales value, what it brought in, is `gross − shelf_discount − offer_discount`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Purchase {
    /// Days since 1970-01-01.
    pub day: i32,
    /// Hour of the day, 0 to 23; anything else, such as [`UNKNOWN_HOUR`], is unknown.
    pub hour: u8,
    /// Identifier of the basket within its day.
    pub basket: u64,
    /// Index into [`FeatureContext::products`]; a product beyond its end has no known facts.
    pub product: u32,
    /// Identifier of the store.
    pub store: u32,
    /// Units or weight; negative in a return.
    pub quantity: f64,
    /// Value at the regular shelf price, money; negative in a return.
    pub gross: f64,
    /// Money off for everybody.
    pub shelf_discount: f64,
    /// Money off through this customer's own offer or coupon.
    pub offer_discount: f64,
}

/// What is known about a product, from all customers together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ProductFacts {
    /// Index of its category; `n_categories` or more is a category outside the mix.
    pub category: u16,
    /// Identifier of its brand, or [`UNKNOWN_BRAND`].
    pub brand: u32,
    /// Whether it is the retailer's own label, where known.
    pub private_label: Option<bool>,
    /// Rank of its regular price within its category, 0 (cheapest) to 1; NaN where unknown.
    pub price_tier: f32,
    /// Share of its lines, over all customers, sold with a shelf discount; NaN where unknown.
    pub deal_share: f32,
}

/// One decision to tell a customer about an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contact {
    /// Days since 1970-01-01.
    pub day: i32,
    /// Index of the offer; 0 is `none`, so such a row is no contact and is skipped.
    pub offer: u16,
    /// Category the offer is for, where it is for one.
    pub category: Option<u16>,
    /// Whether the offer was used, where known.
    pub redeemed: Option<bool>,
}

/// What the features of every customer need besides the customer's own rows.
#[derive(Debug, Clone, Copy)]
pub struct FeatureContext<'a> {
    /// Facts by product index.
    pub products: &'a [ProductFacts],
    /// Number of categories in the mix.
    pub n_categories: usize,
    /// First day of the history: who bought in its first weeks may have been a customer for long.
    pub first_day: i32,
}

/// The rows of one customer.
#[derive(Debug, Clone, Copy)]
pub struct CustomerLog<'a> {
    /// Sorted by day, then basket.
    pub purchases: &'a [Purchase],
    /// Sorted by day.
    pub contacts: &'a [Contact],
}
