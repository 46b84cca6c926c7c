//! Offers as a team writes them in the config: a grid of depths, and offers of any mechanic.

use crate::data::{OfferContent, OfferRow};
use promopt_envs::retail::{Mechanic, MechanicKind, Tier};
use serde::{Deserialize, Serialize};

/// What may be offered besides the offers of the history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OffersConfig {
    /// Fractions off the price, in every targetable category; only used when the history has no
    /// offer that could be an action.
    pub depths: Vec<f64>,
    /// Cost of one contact of the grid, money.
    pub contact_cost: f64,
    /// Offers of any mechanic, beside those of the history or the grid.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub list: Vec<OfferEntry>,
}

impl Default for OffersConfig {
    fn default() -> Self {
        Self { depths: vec![0.1, 0.2, 0.3], contact_cost: 0.05, list: Vec::new() }
    }
}

/// One offer of `[[offers.list]]`; the fields are the columns of the offers table.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OfferEntry {
    /// Identifier, unique among all offers.
    pub offer_id: String,
    /// A mechanic, such as `percent`, `buy_get` or `spend_get`.
    pub mechanic: String,
    /// Category it is for; the whole basket when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// Share off.
    pub depth: f64,
    /// Money off; the price of `fixed_price`, the cost of a gift or delivery, points per money.
    pub amount: f64,
    /// Smallest spend for which it holds, money.
    pub min_spend: f64,
    /// Units at full price of `buy_get`; units from which `tiers` holds.
    pub buy_quantity: u32,
    /// Units that are cheaper then.
    pub free_quantity: u32,
    /// The other category of a bundle.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub with_category: Option<String>,
    /// Worth to the customer of a gift, a delivery or a point, money.
    pub value: f64,
    /// Share of buyers who bother with a coupon.
    pub redemption: f64,
    /// Steps of `tiers`, when there are several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Tier>,
    /// Cost of telling one customer, money.
    pub contact_cost: f64,
}

impl OfferEntry {
    /// The same offer as a row of the offers table.
    #[must_use]
    pub fn row(&self) -> OfferRow {
        OfferRow {
            offer_id: self.offer_id.clone(),
            mechanic: self.mechanic.clone(),
            category: self.category.clone(),
            depth: self.depth,
            amount: self.amount,
            min_spend: self.min_spend,
            buy_quantity: self.buy_quantity,
            free_quantity: self.free_quantity,
            with_category: self.with_category.clone(),
            value: self.value,
            redemption: self.redemption,
            contact_cost: self.contact_cost,
        }
    }

    /// The mechanic with its terms. `position` gives the index of a category by name.
    ///
    /// # Errors
    /// What is missing or wrong, in words.
    pub fn mechanic(&self, position: impl Fn(&str) -> Option<usize>) -> Result<Mechanic, String> {
        let Some(kind) = MechanicKind::from_name(&self.mechanic) else {
            let known: Vec<&str> = MechanicKind::OFFERS.iter().map(|kind| kind.name()).collect();
            return Err(format!("expected a mechanic of {known:?}, got `{}`", self.mechanic));
        };
        if kind == MechanicKind::Tiers && !self.steps.is_empty() {
            return match self.category {
                Some(_) => Ok(Mechanic::Tiers { steps: self.steps.clone() }),
                None => Err("`tiers` needs `category`".to_owned()),
            };
        }
        match self.row().content(position) {
            OfferContent::Known(mechanic) => Ok(mechanic),
            OfferContent::Unknown(why) => Err(why),
            OfferContent::None => {
                Err("expected an offer, got `none`, which is always there".into())
            }
        }
    }
}

impl OffersConfig {
    /// Checks everything that can be checked without the data.
    ///
    /// # Errors
    /// A message that names the key, what was expected and what was found.
    pub fn validate(&self) -> Result<(), String> {
        for depth in &self.depths {
            if !(*depth > 0.0 && *depth < 1.0) {
                return Err(format!(
                    "expected fractions in (0, 1), 0.2 for 20 % for `offers.depths`, got {depth}"
                ));
            }
        }
        at_least_zero(self.contact_cost)
            .map_err(|why| format!("expected {why} for `offers.contact_cost`"))?;
        for (index, entry) in self.list.iter().enumerate() {
            let at = |why: String| {
                format!("`offers.list`, entry {} (`{}`): {why}", index + 1, entry.offer_id)
            };
            check(entry).map_err(at)?;
            if self.list[..index].iter().any(|other| other.offer_id == entry.offer_id) {
                return Err(at("expected every `offer_id` once, got it twice".to_owned()));
            }
        }
        Ok(())
    }
}

fn at_least_zero(money: f64) -> Result<(), String> {
    let fits = money.is_finite() && money >= 0.0;
    if fits { Ok(()) } else { Err(format!("money of at least 0, got {money}")) }
}

fn check(entry: &OfferEntry) -> Result<(), String> {
    if entry.offer_id.is_empty() || entry.offer_id == "none" {
        return Err(format!("expected a name as `offer_id`, got `{}`", entry.offer_id));
    }
    for (field, money) in [
        ("amount", entry.amount),
        ("min_spend", entry.min_spend),
        ("value", entry.value),
        ("contact_cost", entry.contact_cost),
    ] {
        at_least_zero(money).map_err(|why| format!("expected `{field}` to be {why}"))?;
    }
    for (field, share) in [("depth", entry.depth), ("redemption", entry.redemption)] {
        if !(0.0..=1.0).contains(&share) {
            return Err(format!("expected `{field}` to be a share up to 1, got {share}"));
        }
    }
    let mechanic = entry.mechanic(|_| Some(0))?;
    if mechanic == Mechanic::Percent && entry.depth >= 1.0 {
        return Err(format!("expected `depth` to be below 1, got {}", entry.depth));
    }
    mechanic.validate(&entry.offer_id).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(list: &str) -> Result<OffersConfig, String> {
        let config: OffersConfig = toml::from_str(list).map_err(|error| error.to_string())?;
        config.validate().map(|()| config)
    }

    const EVERY_MECHANIC: &str = r#"
        depths = []
        [[list]]
        offer_id = "a"
        mechanic = "percent"
        depth = 0.1
        [[list]]
        offer_id = "b"
        mechanic = "amount"
        amount = 2.0
        [[list]]
        offer_id = "c"
        mechanic = "fixed_price"
        category = "w"
        amount = 4.99
        [[list]]
        offer_id = "d"
        mechanic = "spend_get"
        min_spend = 30.0
        amount = 3.0
        [[list]]
        offer_id = "e"
        mechanic = "bogo"
        category = "w"
        buy_quantity = 1
        free_quantity = 1
        [[list]]
        offer_id = "f"
        mechanic = "bundle"
        category = "w"
        with_category = "cheese"
        depth = 0.2
        [[list]]
        offer_id = "g"
        mechanic = "tiers"
        category = "w"
        steps = [{ units = 2, share = 0.1 }, { units = 6, share = 0.2 }]
        [[list]]
        offer_id = "h"
        mechanic = "gift"
        min_spend = 50.0
        amount = 1.5
        value = 4.0
        [[list]]
        offer_id = "i"
        mechanic = "free shipping"
        value = 4.9
        [[list]]
        offer_id = "j"
        mechanic = "points"
        amount = 10.0
        value = 0.01
        [[list]]
        offer_id = "k"
        mechanic = "coupon"
        depth = 0.25
        redemption = 0.1
    "#;

    #[test]
    fn an_entry_of_every_mechanic_is_understood() {
        let config = checked(EVERY_MECHANIC).expect("valid");
        let kinds: Vec<MechanicKind> = config
            .list
            .iter()
            .map(|entry| entry.mechanic(|_| Some(1)).expect("known").kind())
            .collect();
        assert_eq!(kinds, MechanicKind::OFFERS);
        let bogo = config.list[4].mechanic(|_| None).expect("known");
        assert_eq!(bogo, Mechanic::BuyGet { buy: 1, free: 1, share: 1.0 });
        let shipping = config.list[8].mechanic(|_| None).expect("known");
        assert_eq!(shipping, Mechanic::FreeShipping { min_spend: 0.0, cost: 4.9, value: 4.9 });
        let written = toml::to_string(&config).expect("plain data");
        assert_eq!(checked(&written), Ok(config));
    }

    #[test]
    fn a_wrong_entry_is_named_with_its_field() {
        let why = |entry: &str| checked(&format!("list = [{{ {entry} }}]")).expect_err("wrong");
        for (entry, words) in [
            ("offer_id = \"x\", mechanic = \"bogof2\"", "got `bogof2`"),
            (
                "offer_id = \"x\", mechanic = \"spend_get\", amount = 3.0",
                "`min_spend` and `amount`",
            ),
            (
                "offer_id = \"x\", mechanic = \"spend_get\", min_spend = 2.0, amount = 3.0",
                "no larger than `min_spend`",
            ),
            ("offer_id = \"x\", mechanic = \"bogo\", buy_quantity = 1", "needs `category`"),
            ("offer_id = \"x\", mechanic = \"percent\", depth = 20.0", "`depth`"),
            ("mechanic = \"percent\", depth = 0.2", "`offer_id`"),
            ("offer_id = \"x\", mechanic = \"gift\", value = -1.0", "`value`"),
            ("offer_id = \"x\", depht = 0.2", "`depht`"),
        ] {
            let error = why(entry);
            assert!(error.contains(words), "{entry}: {error}");
        }
    }
}
