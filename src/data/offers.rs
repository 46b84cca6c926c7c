//! Past offers: the table that describes them, and what their terms amount to.

use super::config::DataConfig;
use super::error::DataError;
use super::history::OfferRow;
use super::schema;
use super::table::{self, Table, unique_rows};
use promopt_envs::retail::{Mechanic, MechanicKind, Tier};

/// Largest number of units that an offer counts.
const MOST_UNITS: f64 = 100.0;

/// What an offer is made of, as far as its row tells.
#[derive(Debug, Clone, PartialEq)]
pub enum OfferContent {
    /// The decision to make no offer.
    None,
    /// Terms that are known.
    Known(Mechanic),
    /// A contact of unknown content; why, in words.
    Unknown(String),
}

impl OfferRow {
    /// The kind that its mechanic names, if this version knows the word.
    #[must_use]
    pub fn kind(&self) -> Option<MechanicKind> {
        MechanicKind::from_name(&self.mechanic)
    }

    /// What its terms amount to. `position` gives the index of a category by name.
    ///
    /// A word that is not known counts as a share off where category and depth are given without a
    /// threshold. The share of buyers who buy both categories of a bundle is not in the row: 1.
    #[must_use]
    pub fn content(&self, position: impl Fn(&str) -> Option<usize>) -> OfferContent {
        if self.is_none() {
            return OfferContent::None;
        }
        let Some(kind) = self.kind() else {
            let plain = self.category.is_some() && self.depth > 0.0 && self.min_spend <= 0.0;
            return if plain {
                OfferContent::Known(Mechanic::Percent)
            } else {
                OfferContent::Unknown(format!("`{}` is not a known mechanic", self.mechanic))
            };
        };
        if self.category.is_none() && !kind.fits_whole_basket() {
            return OfferContent::Unknown(format!("`{}` needs `category`", kind.name()));
        }
        match self.terms(kind, position) {
            Ok(mechanic) => OfferContent::Known(mechanic),
            Err(column) => OfferContent::Unknown(format!("`{}` needs {column}", kind.name())),
        }
    }

    /// The mechanic with its terms, or what is missing.
    fn terms(
        &self,
        kind: MechanicKind,
        position: impl Fn(&str) -> Option<usize>,
    ) -> Result<Mechanic, &'static str> {
        let given = |value: f64, column: &'static str| {
            if value > 0.0 { Ok(value) } else { Err(column) }
        };
        let counted = |units: u32, column: &'static str| {
            if units > 0 { Ok(units) } else { Err(column) }
        };
        let depth = || given(self.depth, "`depth`");
        let amount = || given(self.amount, "`amount`");
        let or_one = |share: f64| if share > 0.0 { share } else { 1.0 };
        let min_spend = self.min_spend;
        Ok(match kind {
            MechanicKind::Percent => {
                depth()?;
                if min_spend > 0.0 {
                    return Err("no `min_spend`; give the money off as `spend_get`");
                }
                Mechanic::Percent
            }
            MechanicKind::Amount | MechanicKind::SpendGet if min_spend > 0.0 => {
                Mechanic::SpendGet { min_spend, off: amount()? }
            }
            MechanicKind::SpendGet => return Err("`min_spend` and `amount`"),
            MechanicKind::Amount => Mechanic::Amount { off: amount()? },
            MechanicKind::FixedPrice => {
                Mechanic::FixedPrice { price: given(self.amount, "the price as `amount`")? }
            }
            MechanicKind::BuyGet => Mechanic::BuyGet {
                buy: counted(self.buy_quantity, "`buy_quantity`")?,
                free: counted(self.free_quantity, "`free_quantity`")?,
                share: or_one(self.depth),
            },
            MechanicKind::Bundle => Mechanic::Bundle {
                with: self
                    .with_category
                    .as_deref()
                    .and_then(position)
                    .ok_or("`with_category`, one of the targetable categories")?,
                share: depth()?,
                together: 1.0,
            },
            MechanicKind::Tiers => {
                let units = counted(self.buy_quantity, "`buy_quantity`")?;
                Mechanic::Tiers { steps: vec![Tier { units, share: depth()? }] }
            }
            MechanicKind::Gift | MechanicKind::FreeShipping => {
                let value = given(self.value, "`value`")?;
                let cost = if self.amount > 0.0 { self.amount } else { value };
                if kind == MechanicKind::Gift {
                    Mechanic::Gift { min_spend, cost, value }
                } else {
                    Mechanic::FreeShipping { min_spend, cost, value }
                }
            }
            MechanicKind::Points => Mechanic::Points {
                rate: given(self.amount, "the points per money as `amount`")?,
                value_per_point: given(self.value, "the worth of a point as `value`")?,
            },
            MechanicKind::Coupon => {
                Mechanic::Coupon { share: depth()?, redemption: or_one(self.redemption) }
            }
            _ => return Err("a later version"),
        })
    }
}

/// Reads the offers table, sorted by identifier.
pub(super) fn read(config: &DataConfig, dir: &std::path::Path) -> Result<Vec<OfferRow>, DataError> {
    let Some(offers) = config.enabled_offers() else { return Ok(Vec::new()) };
    let table = table::read(&schema::OFFERS, offers, dir)?;
    if let Some(ids) = table.identifiers("offer_id") {
        unique_rows(ids, |row, name| table.duplicate("offer_id", row, name))?;
    }
    let mut rows = Vec::new();
    for row in 0..table.rows {
        if let Some(offer) = read_row(&table, row)? {
            rows.push(offer);
        }
    }
    rows.sort_by(|left, right| left.offer_id.cmp(&right.offer_id));
    Ok(rows)
}

fn read_row(table: &Table, row: usize) -> Result<Option<OfferRow>, DataError> {
    let number =
        |name: &'static str, expected: &'static str, fits: &dyn Fn(f64) -> bool| match table
            .number(name, row)
        {
            Some(value) if !fits(value) => Err(table.out_of_range(name, row, value, expected)),
            value => Ok(value.unwrap_or(0.0)),
        };
    let money = |name| number(name, "an amount of at least 0", &|value| value >= 0.0);
    let units = |name| {
        let fits = |value: f64| (0.0..=MOST_UNITS).contains(&value) && value.fract() == 0.0;
        number(name, "a whole number of units up to 100", &fits).map(|value| value as u32)
    };
    let Some(offer_id) = table.name("offer_id", row) else { return Ok(None) };
    let redemption = "the share of buyers who use it, above 0 and at most 1";
    let mut offer = OfferRow {
        offer_id: offer_id.to_owned(),
        mechanic: table.name("mechanic", row).unwrap_or("unspecified").to_owned(),
        category: table.name("category", row).map(str::to_owned),
        depth: 0.0,
        amount: money("amount")?,
        min_spend: money("min_spend")?,
        buy_quantity: units("buy_quantity")?,
        free_quantity: units("free_quantity")?,
        with_category: table.name("with_category", row).map(str::to_owned),
        value: money("value")?,
        redemption: number("redemption", redemption, &|share| share > 0.0 && share <= 1.0)?,
        contact_cost: money("contact_cost")?,
    };
    offer.depth = depth(table, row, &offer)?;
    Ok(Some(offer))
}

/// Depth as given, else the money off as a fraction of the spend it needs, else unknown.
fn depth(table: &Table, row: usize, offer: &OfferRow) -> Result<f64, DataError> {
    if let Some(depth) = table.number("depth", row) {
        let expected = "a depth from 0 to 1 (0.2 for 20 % off)";
        let fits = (0.0..=1.0).contains(&depth);
        return if fits {
            Ok(depth)
        } else {
            Err(table.out_of_range("depth", row, depth, expected))
        };
    }
    let money_off = match offer.kind() {
        Some(MechanicKind::Amount) => offer.min_spend > 0.0,
        Some(MechanicKind::SpendGet) | None => true,
        Some(_) => false,
    };
    if !money_off || offer.amount == 0.0 {
        return Ok(0.0);
    }
    let depth = offer.amount / offer.min_spend;
    if depth <= 1.0 {
        return Ok(depth);
    }
    let expected = "an amount no larger than its `min_spend`, which turns it into a depth";
    Err(table.out_of_range("amount", row, offer.amount, expected))
}

/// A note on the described offers whose content is not known, if there are any.
pub(super) fn unknown_content(offers: &[OfferRow], undescribed: &[String]) -> Option<String> {
    let described = |offer: &&OfferRow| !undescribed.contains(&offer.offer_id);
    let why = |offer: &OfferRow| match offer.content(|_| Some(0)) {
        OfferContent::Unknown(why) => Some(format!("`{}`: {why}", offer.offer_id)),
        _ => None,
    };
    let unknown: Vec<String> = offers.iter().filter(described).filter_map(why).collect();
    let more = unknown.len().saturating_sub(3);
    let tail = if more > 0 { format!("; and {more} more") } else { String::new() };
    let known: Vec<&str> = MechanicKind::OFFERS.iter().map(|kind| kind.name()).collect();
    (!unknown.is_empty()).then(|| {
        format!(
            "{} of the offers count as contacts of unknown content ({}{tail}); known mechanics are \
             {}",
            unknown.len(),
            unknown[..unknown.len().min(3)].join("; "),
            known.join(", ")
        )
    })
}
