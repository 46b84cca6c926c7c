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
    pub(super) shelf_realised: Vec<f64>,
    pub(super) shelf_mean: Vec<f64>,
    pub(super) redemption: f64,
}

#[derive(Default, Clone)]
struct Sums {
    gross: Vec<f64>,
    units: Vec<f64>,
    shelf_discount: f64,
    gross_at_depth: f64,
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
                sum.shelf_discount += bought.shelf_discount;
                let depth = history.shelf_depth[week.week as usize * n_categories + c];
                sum.gross_at_depth += bought.gross * depth;
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
    let weeks = f64::from(train_end.max(1));
    let shelf_mean = |c: usize| -> f64 {
        (0..train_end as usize).map(|w| history.shelf_depth[w * n_categories + c]).sum::<f64>()
            / weeks
    };
    let realised =
        |s: &Sums| if s.gross_at_depth > 1e-9 { s.shelf_discount / s.gross_at_depth } else { 1.0 };
    Prices {
        unit_price: sums.iter().map(price).collect(),
        margin_rate: history.categories.iter().map(|c| c.margin_rate).collect(),
        shelf_realised: sums.iter().map(realised).collect(),
        shelf_mean: (0..n_categories).map(shelf_mean).collect(),
        redemption: redeemed / bought_under_offer,
    }
}
