//! An offer in plain words, for people who read decisions.

use super::{Mechanic, Offer, Tier};

impl Offer {
    /// What the customer gets, in words, such as `20 % off dairy`. Shape of `categories`:
    /// `[n_categories]`; money is in the currency of the data.
    #[must_use]
    pub fn words(&self, categories: &[String]) -> String {
        let name = |category: usize| categories.get(category).map_or("?", String::as_str);
        let target = self.category.map_or("the whole basket", name);
        let from = |min_spend: f64| {
            if min_spend > 0.0 { format!(" from {min_spend:.2}") } else { String::new() }
        };
        match self.mechanic {
            Mechanic::None => "no offer".to_owned(),
            Mechanic::Percent => format!("{} off {target}", percent(self.depth)),
            Mechanic::Amount { off } => format!("{off:.2} off {target}"),
            Mechanic::FixedPrice { price } => format!("{target} at {price:.2} each"),
            Mechanic::SpendGet { min_spend, off } => {
                format!("{off:.2} off {target}{}", from(min_spend))
            }
            Mechanic::BuyGet { buy, free, share } if share >= 1.0 => {
                format!("buy {buy} get {free} free of {target}")
            }
            Mechanic::BuyGet { buy, free, share } => {
                format!("buy {buy} get {free} at {} off of {target}", percent(share))
            }
            Mechanic::Bundle { with, share, .. } => {
                format!("{} off {target} together with {}", percent(share), name(with))
            }
            Mechanic::Tiers { ref steps } => format!("{} of {target}", ladder(steps)),
            Mechanic::Gift { min_spend, value, .. } => {
                format!("a gift worth {value:.2} with {target}{}", from(min_spend))
            }
            Mechanic::FreeShipping { min_spend, .. } => {
                format!("free delivery of {target}{}", from(min_spend))
            }
            Mechanic::Points { rate, value_per_point } => {
                format!("points worth {} of {target}", percent(rate * value_per_point))
            }
            Mechanic::Coupon { share, .. } => format!("coupon of {} off {target}", percent(share)),
        }
    }
}

/// At most one digit behind the point.
fn percent(share: f64) -> String {
    format!("{} %", (share * 1000.0).round() / 10.0)
}

fn ladder(steps: &[Tier]) -> String {
    let step = |tier: &Tier| format!("{} off from {} units", percent(tier.share), tier.units);
    steps.iter().map(step).collect::<Vec<_>>().join(", ")
}
