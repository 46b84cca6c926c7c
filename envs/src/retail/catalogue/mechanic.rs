//! The ways an offer can work: their terms, names and the checks on them.

use super::error::CatalogueError;
use serde::{Deserialize, Serialize};

/// How an offer works. Money is in the currency of the data; shares are fractions in `(0, 1]`.
///
/// Source of the list: the union of the mechanics that promotion engines execute.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Mechanic {
    /// No offer and no contact.
    None,
    /// A share of the price off: the depth of the offer.
    Percent,
    /// Money off the purchase, once.
    Amount {
        /// Money off.
        off: f64,
    },
    /// Every unit of the category at this price, unless the shelf is cheaper.
    FixedPrice {
        /// Price of a unit, money.
        price: f64,
    },
    /// Money off once the purchase reaches a threshold.
    SpendGet {
        /// Spend after shelf discounts from which the offer holds, money.
        min_spend: f64,
        /// Money off, once.
        off: f64,
    },
    /// After every `buy` units at full price, the next `free` units of the category are cheaper.
    BuyGet {
        /// Units at full price.
        buy: u32,
        /// Units that are cheaper.
        free: u32,
        /// Share off those units: 1 for free, 0.5 for "the second at half price".
        share: f64,
    },
    /// A share off the category when another category is bought on the same visit.
    Bundle {
        /// The other category.
        with: usize,
        /// Share off the offer's own category.
        share: f64,
        /// Share of the category's buyers who also buy the other one on the same visit.
        together: f64,
    },
    /// A share off the whole purchase that grows with the units bought.
    Tiers {
        /// Steps with ascending units and shares.
        steps: Vec<Tier>,
    },
    /// A present with the purchase.
    Gift {
        /// Spend from which it is given, money.
        min_spend: f64,
        /// What it costs us, money.
        cost: f64,
        /// What it is worth to the customer, money.
        value: f64,
    },
    /// No charge for delivery.
    FreeShipping {
        /// Spend from which it holds, money.
        min_spend: f64,
        /// What the delivery costs us, money.
        cost: f64,
        /// The charge that the customer saves, money.
        value: f64,
    },
    /// Loyalty points on what was paid; all of them are taken to be spent one day.
    Points {
        /// Points per unit of money paid.
        rate: f64,
        /// What a point is worth, money.
        value_per_point: f64,
    },
    /// A share off for those who bother to clip, load or type the coupon.
    Coupon {
        /// Share off.
        share: f64,
        /// Share of the buyers who bother.
        redemption: f64,
    },
}

/// One step of [`Mechanic::Tiers`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Tier {
    /// Units from which the share holds.
    pub units: u32,
    /// Share off all units.
    pub share: f64,
}

/// A mechanic without its terms: what guardrails list and files name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MechanicKind {
    /// [`Mechanic::None`].
    None,
    /// [`Mechanic::Percent`].
    Percent,
    /// [`Mechanic::Amount`].
    Amount,
    /// [`Mechanic::FixedPrice`].
    FixedPrice,
    /// [`Mechanic::SpendGet`].
    SpendGet,
    /// [`Mechanic::BuyGet`].
    BuyGet,
    /// [`Mechanic::Bundle`].
    Bundle,
    /// [`Mechanic::Tiers`].
    Tiers,
    /// [`Mechanic::Gift`].
    Gift,
    /// [`Mechanic::FreeShipping`].
    FreeShipping,
    /// [`Mechanic::Points`].
    Points,
    /// [`Mechanic::Coupon`].
    Coupon,
}

impl MechanicKind {
    /// Every kind but `none`, in the order of the documentation.
    pub const OFFERS: [Self; 11] = [
        Self::Percent,
        Self::Amount,
        Self::FixedPrice,
        Self::SpendGet,
        Self::BuyGet,
        Self::Bundle,
        Self::Tiers,
        Self::Gift,
        Self::FreeShipping,
        Self::Points,
        Self::Coupon,
    ];

    /// Name in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Percent => "percent",
            Self::Amount => "amount",
            Self::FixedPrice => "fixed_price",
            Self::SpendGet => "spend_get",
            Self::BuyGet => "buy_get",
            Self::Bundle => "bundle",
            Self::Tiers => "tiers",
            Self::Gift => "gift",
            Self::FreeShipping => "free_shipping",
            Self::Points => "points",
            Self::Coupon => "coupon",
        }
    }

    /// The kind that a file means by this name; upper case, spaces and hyphens do not matter, and
    /// the usual words of the trade are known. `None` for any other word.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let plain = |c: char| if c == ' ' || c == '-' { '_' } else { c.to_ascii_lowercase() };
        let name: String = name.trim().chars().map(plain).collect();
        Some(match name.as_str() {
            "none" | "no_offer" | "no_promo" | "control" => Self::None,
            "percent" | "percentage" | "percent_off" | "discount" | "%" => Self::Percent,
            "amount" | "amount_off" | "money_off" | "cash_off" | "flat" => Self::Amount,
            "fixed_price" | "price_point" | "special_price" => Self::FixedPrice,
            "spend_get" | "spend_x_get_y" | "threshold" | "min_spend" => Self::SpendGet,
            "buy_get" | "bogo" | "bogof" | "bxgy" | "buy_x_get_y" | "buy_m_get_n" | "multibuy"
            | "multi_buy" => Self::BuyGet,
            "bundle" | "buy_together" | "combo" => Self::Bundle,
            "tiers" | "tiered" | "progressive" => Self::Tiers,
            "gift" | "free_gift" | "premium" => Self::Gift,
            "free_shipping" | "free_delivery" | "shipping" => Self::FreeShipping,
            "points" | "loyalty_points" | "bonus_points" => Self::Points,
            "coupon" | "voucher" | "digital_coupon" => Self::Coupon,
            _ => return None,
        })
    }

    /// Whether it can apply to the whole basket; the others count or price units of one category.
    #[must_use]
    pub const fn fits_whole_basket(self) -> bool {
        !matches!(self, Self::FixedPrice | Self::BuyGet | Self::Bundle | Self::Tiers)
    }
}

impl Mechanic {
    /// The mechanic without its terms.
    #[must_use]
    pub const fn kind(&self) -> MechanicKind {
        match self {
            Self::None => MechanicKind::None,
            Self::Percent => MechanicKind::Percent,
            Self::Amount { .. } => MechanicKind::Amount,
            Self::FixedPrice { .. } => MechanicKind::FixedPrice,
            Self::SpendGet { .. } => MechanicKind::SpendGet,
            Self::BuyGet { .. } => MechanicKind::BuyGet,
            Self::Bundle { .. } => MechanicKind::Bundle,
            Self::Tiers { .. } => MechanicKind::Tiers,
            Self::Gift { .. } => MechanicKind::Gift,
            Self::FreeShipping { .. } => MechanicKind::FreeShipping,
            Self::Points { .. } => MechanicKind::Points,
            Self::Coupon { .. } => MechanicKind::Coupon,
        }
    }

    /// Money that one use costs us, of the mechanics that name an amount; 0 for shares of the price.
    #[must_use]
    pub const fn money_at_stake(&self) -> f64 {
        match *self {
            Self::Amount { off } | Self::SpendGet { off, .. } => off,
            Self::Gift { cost, .. } | Self::FreeShipping { cost, .. } => cost,
            _ => 0.0,
        }
    }

    /// Whether every use shows as money off the purchase, so that uses can be counted in a sales
    /// history: thresholds may be missed, and gifts, deliveries and points are not on the receipt.
    #[must_use]
    pub const fn shows_every_use(&self) -> bool {
        matches!(self, Self::Percent | Self::Amount { .. } | Self::Coupon { .. })
    }

    /// Checks every term. `id` names the offer in the message.
    ///
    /// # Errors
    /// [`CatalogueError::Terms`] that names the term, what was expected and what was found.
    pub fn validate(&self, id: &str) -> Result<(), CatalogueError> {
        let terms = Terms { id };
        match *self {
            Self::None | Self::Percent => Ok(()),
            Self::Amount { off } => terms.money("amount", off),
            Self::FixedPrice { price } => terms.money("price", price),
            Self::SpendGet { min_spend, off } => {
                terms.money("min_spend", min_spend)?;
                terms.money("amount", off)?;
                let expected = "an amount no larger than `min_spend`";
                terms.require(off <= min_spend, "amount", expected, off)
            }
            Self::BuyGet { buy, free, share } => {
                terms.units("buy_quantity", buy)?;
                terms.units("free_quantity", free)?;
                terms.share("share", share)
            }
            Self::Bundle { share, together, .. } => {
                terms.share("share", share)?;
                terms.share("together", together)
            }
            Self::Tiers { ref steps } => terms.steps(steps),
            Self::Gift { min_spend, cost, value }
            | Self::FreeShipping { min_spend, cost, value } => {
                terms.money_or_zero("min_spend", min_spend)?;
                terms.money_or_zero("cost", cost)?;
                terms.money("value", value)
            }
            Self::Points { rate, value_per_point } => {
                terms.money("rate", rate)?;
                terms.money("value_per_point", value_per_point)?;
                let share = rate * value_per_point;
                let expected = "points worth less than what was paid (rate × value_per_point < 1)";
                terms.require(share < 1.0, "rate", expected, rate)
            }
            Self::Coupon { share, redemption } => {
                terms.require(share < 1.0, "share", "a share in (0, 1), 0.2 for 20 %", share)?;
                terms.share("share", share)?;
                terms.share("redemption", redemption)
            }
        }
    }
}

/// Checks of the terms of one offer.
struct Terms<'a> {
    id: &'a str,
}

impl Terms<'_> {
    fn require(
        &self,
        holds: bool,
        term: &'static str,
        expected: &'static str,
        got: f64,
    ) -> Result<(), CatalogueError> {
        if holds {
            return Ok(());
        }
        Err(CatalogueError::Terms { id: self.id.to_owned(), term, expected, got })
    }

    fn money(&self, term: &'static str, got: f64) -> Result<(), CatalogueError> {
        self.require(got > 0.0 && got.is_finite(), term, "a number above 0", got)
    }

    fn money_or_zero(&self, term: &'static str, got: f64) -> Result<(), CatalogueError> {
        self.require(got >= 0.0 && got.is_finite(), term, "money of at least 0", got)
    }

    fn share(&self, term: &'static str, got: f64) -> Result<(), CatalogueError> {
        self.require(got > 0.0 && got <= 1.0, term, "a share in (0, 1], 0.5 for one half", got)
    }

    fn units(&self, term: &'static str, got: u32) -> Result<(), CatalogueError> {
        let fits = (1..=100).contains(&got);
        self.require(fits, term, "a number of units from 1 to 100", got.into())
    }

    fn steps(&self, steps: &[Tier]) -> Result<(), CatalogueError> {
        let some = !steps.is_empty();
        self.require(some, "steps", "at least one step of units and share", 0.0)?;
        for step in steps {
            self.units("units", step.units)?;
            self.require(step.share < 1.0, "share", "a share in (0, 1)", step.share)?;
            self.share("share", step.share)?;
        }
        for pair in steps.windows(2) {
            let grows = pair[0].units < pair[1].units;
            let units = f64::from(pair[1].units);
            self.require(grows, "units", "steps in ascending order of units", units)?;
            let grows = pair[0].share < pair[1].share;
            self.require(grows, "share", "more off at every step", pair[1].share)?;
        }
        Ok(())
    }
}
