//! What an offer takes off a realised basket.
//!
//! Thresholds, quantities and prices are exact. Gifts, deliveries and points are booked at what they
//! cost us, as offer discount in the categories that earned them, so that revenue less the cost of
//! goods stays the margin. Nothing is ever booked beyond what was paid: revenue stays at least 0.

use super::Offer;
use super::mechanic::{Mechanic, Tier};
use crate::retail::history::CategoryWeek;

/// Slack in comparing money and counting units, for numbers that are not exact in binary.
const SLACK: f64 = 1e-9;

/// What was paid at the shelf, before the offer.
fn paid(bought: &CategoryWeek) -> f64 {
    (bought.gross - bought.shelf_discount).max(0.0)
}

impl Offer {
    /// Writes the offer's discount into the basket of a customer who uses the offer. Shape of
    /// `categories`: `[n_categories]`; discounts of an earlier offer in them are lost.
    ///
    /// An offer on the whole basket is spread over the categories in proportion to what was paid.
    pub fn redeem(&self, categories: &mut [CategoryWeek]) {
        categories.iter_mut().for_each(|bought| bought.offer_discount = 0.0);
        let together = match self.mechanic {
            Mechanic::Bundle { with, .. } => {
                categories.get(with).is_some_and(|other| other.units > 0.0)
            }
            _ => true,
        };
        let targets = match self.category {
            Some(category) => categories.get_mut(category..=category).unwrap_or_default(),
            None => categories,
        };
        let spend: f64 = targets.iter().map(paid).sum();
        let units: f64 = targets.iter().map(|bought| bought.units).sum();
        let share = if spend > 0.0 && together { self.share_of(spend, units) } else { 0.0 };
        for bought in targets {
            bought.offer_discount = paid(bought) * share;
        }
    }

    /// Share off a purchase of this spend (above 0) and these units, in `[0, 1]`.
    fn share_of(&self, spend: f64, units: f64) -> f64 {
        let from = |min_spend: f64, money: f64| {
            if spend + SLACK >= min_spend { money / spend } else { 0.0 }
        };
        let share = match self.mechanic {
            Mechanic::None => 0.0,
            Mechanic::Percent => self.depth,
            Mechanic::Amount { off } => from(0.0, off),
            Mechanic::FixedPrice { price } => 1.0 - price * units / spend,
            Mechanic::SpendGet { min_spend, off } => from(min_spend, off),
            Mechanic::BuyGet { buy, free, share } => share * cheaper(units, buy, free) / units,
            Mechanic::Bundle { share, .. } | Mechanic::Coupon { share, .. } => share,
            Mechanic::Tiers { ref steps } => reached(steps, units),
            Mechanic::Gift { min_spend, cost, .. }
            | Mechanic::FreeShipping { min_spend, cost, .. } => from(min_spend, cost),
            Mechanic::Points { rate, value_per_point } => rate * value_per_point,
        };
        if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 }
    }
}

/// Units that are cheaper when after every `buy` units the next `free` are.
fn cheaper(units: f64, buy: u32, free: u32) -> f64 {
    let (whole, buy, free) = ((units + SLACK).floor(), f64::from(buy), f64::from(free));
    let sets = (whole / (buy + free)).floor();
    sets * free + (whole - sets * (buy + free) - buy).max(0.0)
}

/// Share of the highest step that the units reach.
fn reached(steps: &[Tier], units: f64) -> f64 {
    let step = steps.iter().rev().find(|step| units + SLACK >= f64::from(step.units));
    step.map_or(0.0, |step| step.share)
}
