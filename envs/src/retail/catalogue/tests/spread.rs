//! Expected shares against random purchases that the same offer redeems.

use super::*;
use crate::retail::demand::units_quantile;
use crate::seed::SeedTree;
use rand::Rng;
use rand_distr::{Distribution, Gamma};

const N_PURCHASES: usize = 40_000;

/// Mean money off and its standard error, and the mean spend, over random purchases of category 0.
fn simulate(offer: &Offer, usual: &Purchase, seed: SeedTree) -> (f64, f64, f64) {
    let mut rng = seed.stream();
    let visit = Gamma::new(2.0, usual.basket / 2.0).expect("a positive mean");
    let mixing = Gamma::new(2.0, (usual.units - 1.0) / 2.0).expect("more than one unit");
    let (mut sum, mut squares, mut spend) = (0.0, 0.0, 0.0);
    for _ in 0..N_PURCHASES {
        let units = if offer.category.is_none() {
            visit.sample(&mut rng) / usual.unit_price
        } else {
            // A negative binomial of size 2 is a Poisson whose mean is gamma of shape 2.
            1.0 + units_quantile(mixing.sample(&mut rng), 0.0, rng.random())
        };
        let gross = units * usual.unit_price;
        let mut categories = [CategoryWeek { units, gross, ..CategoryWeek::default() }];
        offer.redeem(&mut categories);
        let off = categories[0].offer_discount;
        sum += off;
        squares += off * off;
        spend += gross;
    }
    let n = N_PURCHASES as f64;
    let mean = sum / n;
    (mean, ((squares / n - mean * mean) / n).sqrt(), spend / n)
}

#[test]
fn expected_cost_is_the_mean_of_what_random_purchases_redeem() {
    let category = [
        Mechanic::Amount { off: 4.0 },
        Mechanic::FixedPrice { price: 2.1 },
        Mechanic::SpendGet { min_spend: 7.0, off: 2.0 },
        Mechanic::BuyGet { buy: 2, free: 1, share: 1.0 },
        Mechanic::BuyGet { buy: 1, free: 3, share: 0.4 },
        Mechanic::Tiers {
            steps: vec![Tier { units: 2, share: 0.1 }, Tier { units: 5, share: 0.3 }],
        },
        Mechanic::Gift { min_spend: 5.0, cost: 7.5, value: 8.0 },
        Mechanic::Coupon { share: 0.2, redemption: 0.3 },
    ];
    let whole = [
        Mechanic::Amount { off: 10.0 },
        Mechanic::SpendGet { min_spend: 50.0, off: 8.0 },
        Mechanic::Gift { min_spend: 10.0, cost: 15.0, value: 20.0 },
        Mechanic::FreeShipping { min_spend: 30.0, cost: 4.0, value: 5.0 },
        Mechanic::Points { rate: 10.0, value_per_point: 0.005 },
    ];
    let category = category.into_iter().map(|mechanic| offer(mechanic, Some(0)));
    let offers: Vec<Offer> =
        category.chain(whole.into_iter().map(|mechanic| offer(mechanic, None))).collect();
    for units in [1.3, 3.4] {
        let usual = Purchase { units, ..USUAL };
        for (i, offer) in offers.iter().enumerate() {
            let seed = SeedTree::new(11).child("purchases").index(i as u64);
            let (mean, error, spend) = simulate(offer, &usual, seed);
            let expected_spend =
                if offer.category.is_none() { usual.basket } else { units * usual.unit_price };
            // The spend itself is random as well: its coefficient of variation is at most 1.
            assert!((spend / expected_spend - 1.0).abs() < 4.0 / (N_PURCHASES as f64).sqrt());
            let expected = offer.cost_share(&usual) * expected_spend;
            assert!(
                (mean - expected).abs() <= 4.0 * error + 1e-9,
                "{:?}: {mean} ± {error}, expected {expected}",
                offer.mechanic
            );
        }
    }
}
