//! Prices, margins, realised shelf discounts and redemption: the figures that need no likelihood.

use super::super::actions::ActionMap;
use super::super::design::Encoder;
use super::super::replay::Replay;
use crate::data::History;
use serde::{Deserialize, Serialize};

/// Units of evidence with which a persona's price is pulled to its category's.
const PRICE_WEIGHT: f64 = 50.0;
/// Redeemed purchases counted before any are seen: almost every buyer uses an offer.
const REDEMPTION_PRIOR: (f64, f64) = (9.0, 10.0);

/// Learnt figures; outer index is the category.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Prices {
    pub(super) unit_price: Vec<Vec<f64>>,
    pub(super) margin_rate: Vec<f64>,
    pub(super) shelf_realised: Vec<[f64; 2]>,
    pub(super) shelf_mean: Vec<f64>,
    pub(super) redemption: f64,
}

#[derive(Default, Clone)]
struct Sums {
    gross: Vec<f64>,
    units: Vec<f64>,
    realised: Realised,
}

/// Sums of the weighted regression of the discount that buyers realise, over the market's depth, on
/// one and the customer's discount share; its fitted discounts sum to those given.
#[derive(Default, Clone, Copy)]
struct Realised {
    value: f64,
    value_share: f64,
    value_share2: f64,
    discount: f64,
    discount_share: f64,
}

/// Smallest variance of discount shares from which their effect is read.
const SHARE_VARIANCE_MIN: f64 = 1e-5;

impl Realised {
    fn add(&mut self, gross_at_depth: f64, discount: f64, share: f64) {
        self.value += gross_at_depth;
        self.value_share += gross_at_depth * share;
        self.value_share2 += gross_at_depth * share * share;
        self.discount += discount;
        self.discount_share += discount * share;
    }

    /// `[at discount share 0, per unit of it]`.
    fn solve(&self) -> [f64; 2] {
        if self.value <= 1e-9 {
            return [1.0, 0.0];
        }
        let (mean, share) = (self.discount / self.value, self.value_share / self.value);
        let variance = self.value_share2 / self.value - share * share;
        if variance < SHARE_VARIANCE_MIN {
            return [mean, 0.0];
        }
        let slope = ((self.discount_share / self.value - mean * share) / variance).max(0.0);
        [mean - slope * share, slope]
    }
}

/// Adds up purchases before the held-out weeks.
pub(super) fn learn(
    history: &History,
    actions: &ActionMap,
    encoder: &Encoder<'_>,
    train_end: u32,
) -> Prices {
    let (k, n_categories) = (encoder.schema.n_personas, history.n_categories());
    let empty = Sums { gross: vec![0.0; k], units: vec![0.0; k], ..Sums::default() };
    let mut sums = vec![empty; n_categories];
    let (mut redeemed, mut bought_under_offer) = REDEMPTION_PRIOR;
    let replay = Replay::new(history, actions);
    for customer in 0..history.customers.len() as u32 {
        replay.walk(customer, train_end, |week| {
            if !week.record.visited() {
                return;
            }
            let persona = encoder.timeline.at(customer as usize, week.week);
            let offer = week.logged.map(|l| actions.catalogue.offer(l.action));
            for (c, bought) in week.record.categories.iter().enumerate() {
                let sum = &mut sums[c];
                sum.gross[persona] += bought.gross;
                sum.units[persona] += bought.units;
                let depth = history.shelf_depth[week.week as usize * n_categories + c];
                let share = week.history.discount_share();
                sum.realised.add(bought.gross * depth, bought.shelf_discount, share);
                let usable = offer.filter(|o| o.depth_in(c) > 0.0 && o.mechanic.shows_every_use());
                if let Some(offer) = usable.filter(|_| bought.units > 0.0) {
                    // Of a coupon's buyers only those who bother can redeem.
                    bought_under_offer += offer.redemption();
                    redeemed += f64::from(u8::from(bought.offer_discount > 0.0));
                }
            }
        });
    }
    let price = |sum: &Sums| -> Vec<f64> {
        let units: f64 = sum.units.iter().sum();
        let mean = sum.gross.iter().sum::<f64>() / units.max(1e-9);
        let shrunk = |(g, u): (&f64, &f64)| (g + PRICE_WEIGHT * mean) / (u + PRICE_WEIGHT);
        sum.gross.iter().zip(&sum.units).map(shrunk).collect()
    };
    Prices {
        unit_price: sums.iter().map(price).collect(),
        margin_rate: history.categories.iter().map(|c| c.margin_rate).collect(),
        shelf_realised: sums.iter().map(|sum| sum.realised.solve()).collect(),
        shelf_mean: history.usual_shelf(train_end),
        redemption: redeemed / bought_under_offer,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deal_prone_customers_realise_more_of_the_depth() {
        // Shares 0 and 0.5 at a market depth worth 10 each: 8 and 14 are realised, so 0.8 + 1.2 share.
        let mut sums = Realised::default();
        sums.add(10.0, 8.0, 0.0);
        sums.add(10.0, 14.0, 0.5);
        let [plain, slope] = sums.solve();
        assert!((plain - 0.8).abs() < 1e-12 && (slope - 1.2).abs() < 1e-12);
        let mut alike = Realised::default();
        alike.add(10.0, 11.0, 0.2);
        assert_eq!(alike.solve(), [1.1, 0.0]);
        assert_eq!(Realised::default().solve(), [1.0, 0.0]);
    }
}
