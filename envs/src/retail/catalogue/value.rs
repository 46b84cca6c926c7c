//! What an offer is worth to the customer and what it costs us, expected before the purchase.

use super::Offer;
use super::mechanic::{Mechanic, Tier};
use super::purchase::Purchase;

/// Largest share that an offer is ever taken to be worth or to cost.
pub const SHARE_MAX: f64 = 0.95;

/// Side of the counter from which an offer is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Customer,
    Retailer,
}

impl Offer {
    /// Money value to a customer, as a share of what the purchase costs after shelf discounts; in
    /// `[0, 0.95]`, exactly the depth for percent.
    ///
    /// `E[value] / E[spend]`, with the spend of the category, or of the visit for an offer on the
    /// whole basket, spread around `purchase` as [`Purchase`] says. Nobody is taken to buy more in
    /// order to reach a threshold other than through the response to this share. A coupon counts
    /// for those who bother.
    #[must_use]
    pub fn felt_share(&self, purchase: &Purchase) -> f64 {
        let bothers = self.redemption();
        self.share(purchase, Side::Customer) * bothers
    }

    /// What a redeemed offer costs us, as a share of what the purchase costs after shelf discounts;
    /// in `[0, 0.95]`, exactly the depth for percent. Times the probability of redemption it is the
    /// expected cost.
    #[must_use]
    pub fn cost_share(&self, purchase: &Purchase) -> f64 {
        self.share(purchase, Side::Retailer)
    }

    /// Factor on the probability that a buyer uses the offer: 1 but for coupons.
    #[must_use]
    pub fn redemption(&self) -> f64 {
        match self.mechanic {
            Mechanic::Coupon { redemption, .. } => redemption,
            _ => 1.0,
        }
    }

    fn share(&self, purchase: &Purchase, side: Side) -> f64 {
        let spend = purchase.spend(self.category.is_none());
        let mean = spend.mean();
        let of_money = |money: f64| if mean > 0.0 { money / mean } else { 0.0 };
        let share = match self.mechanic {
            Mechanic::None => 0.0,
            Mechanic::Percent => self.depth,
            Mechanic::Amount { off } => of_money(spend.money_off(0.0, off)),
            Mechanic::FixedPrice { price } => saved_by_price(price, purchase.unit_price),
            Mechanic::SpendGet { min_spend, off } => of_money(spend.money_off(min_spend, off)),
            Mechanic::BuyGet { buy, free, share } => share * cheaper_units(purchase, buy, free),
            Mechanic::Bundle { share, together, .. } => share * together,
            Mechanic::Tiers { ref steps } => by_units(steps, purchase),
            Mechanic::Gift { min_spend, cost, value }
            | Mechanic::FreeShipping { min_spend, cost, value } => of_money(match side {
                Side::Customer => value * spend.reaches(min_spend),
                Side::Retailer => spend.money_off(min_spend, cost),
            }),
            Mechanic::Points { rate, value_per_point } => rate * value_per_point,
            Mechanic::Coupon { share, .. } => share,
        };
        // A share of nothing (no price, no basket) is no number.
        if share.is_finite() { share.clamp(0.0, SHARE_MAX) } else { 0.0 }
    }
}

/// Share that a fixed price saves; nothing when the shelf is cheaper.
fn saved_by_price(price: f64, shelf: f64) -> f64 {
    if shelf > price { 1.0 - price / shelf } else { 0.0 }
}

/// Expected share of cheaper units: `Σ_k E[min(max(U − k g − buy, 0), free)] / E[U]` with
/// `g = buy + free`, since every set of `g` units ends with `free` cheaper ones.
fn cheaper_units(purchase: &Purchase, buy: u32, free: u32) -> f64 {
    let (units, buy) = (purchase.spread(), f64::from(buy));
    let set = buy + f64::from(free);
    (units.excess_every(buy, set) - units.excess_every(set, set)) / purchase.units()
}

/// `E[share(U) U] / E[U]`, from `E[U; U > n] = E[max(U − n, 0)] + n P(U > n)`.
fn by_units(steps: &[Tier], purchase: &Purchase) -> f64 {
    let units = purchase.spread();
    let mut below = 0.0;
    let mut total = 0.0;
    for step in steps {
        let beyond = f64::from(step.units) - 1.0;
        let counted = units.excess(beyond) + beyond * units.beyond(beyond);
        total += (step.share - below) * counted;
        below = step.share;
    }
    total / purchase.units()
}

impl Mechanic {
    /// Nominal depth: the share off that a usual purchase gets once it qualifies, that is with its
    /// spend raised to the threshold and its units to the units needed; at most 0.95. For percent
    /// the depth of the offer decides, and this is 0.
    #[must_use]
    pub fn nominal_depth(&self, usual: &Purchase, whole_basket: bool) -> f64 {
        let spend = if whole_basket { usual.basket } else { usual.category_spend() };
        let of_money = |money: f64, min_spend: f64| money / spend.max(min_spend);
        let depth = match *self {
            Self::None | Self::Percent => 0.0,
            Self::Amount { off } => of_money(off, 0.0),
            Self::FixedPrice { price } => saved_by_price(price, usual.unit_price),
            Self::SpendGet { min_spend, off } => of_money(off, min_spend),
            Self::BuyGet { buy, free, share } => {
                share * f64::from(free) / (f64::from(buy) + f64::from(free))
            }
            Self::Bundle { share, .. } | Self::Coupon { share, .. } => share,
            Self::Tiers { ref steps } => steps.last().map_or(0.0, |step| step.share),
            Self::Gift { min_spend, value, .. } | Self::FreeShipping { min_spend, value, .. } => {
                of_money(value, min_spend)
            }
            Self::Points { rate, value_per_point } => rate * value_per_point,
        };
        if depth.is_nan() { 0.0 } else { depth.clamp(0.0, SHARE_MAX) }
    }
}
