//! Properties of every offer: money never flows backwards, more generous is never worth less, and
//! what is written is read back.

use super::*;
use proptest::prelude::*;

/// Any valid mechanic, with a more generous version of it.
fn mechanics() -> impl Strategy<Value = (Mechanic, Mechanic)> {
    let (money, share, more) = (0.1_f64..60.0, 0.01_f64..0.9, 1.0_f64..1.1);
    let units = 1_u32..6;
    (money.clone(), money, share.clone(), share, more, (units.clone(), units), 0_usize..13)
        .prop_map(|(a, b, share, other, more, (buy, free), which)| {
            let (min_spend, off) = (a.max(b) * 1.1, a.min(b));
            let up = |x: f64| x * more;
            let tiers = |scale: f64| Mechanic::Tiers {
                steps: vec![
                    Tier { units: buy, share: 0.5 * share * scale },
                    Tier { units: buy + free, share: share * scale },
                ],
            };
            let spend = |min_spend, off| Mechanic::SpendGet { min_spend, off };
            let sets = |buy, free, share| Mechanic::BuyGet { buy, free, share };
            let gift = |min_spend, value| Mechanic::Gift { min_spend, cost: off, value };
            let shipping = |value| Mechanic::FreeShipping { min_spend, cost: off, value };
            let bundle = |share| Mechanic::Bundle { with: 1, share, together: other };
            let points = |rate| Mechanic::Points { rate, value_per_point: share / 60.0 };
            let coupon = |share, redemption| Mechanic::Coupon { share, redemption };
            match which {
                0 => (Mechanic::Amount { off }, Mechanic::Amount { off: up(off) }),
                1 => (Mechanic::FixedPrice { price: up(a) }, Mechanic::FixedPrice { price: a }),
                2 => (spend(min_spend, off), spend(min_spend, up(off))),
                3 => (spend(up(min_spend), off), spend(min_spend, off)),
                4 => (sets(buy, free, share), sets(buy, free, up(share))),
                5 => (sets(buy, free, share), sets(buy, free + 1, share)),
                6 => (sets(buy + 1, free, share), sets(buy, free, share)),
                7 => (bundle(share), bundle(up(share))),
                8 => (tiers(1.0), tiers(more)),
                9 => (gift(up(min_spend), b), gift(min_spend, up(b))),
                10 => (shipping(b), shipping(up(b))),
                11 => (points(a / 1.2), points(up(a / 1.2))),
                _ => (coupon(share, other), coupon(up(share), other)),
            }
        })
}

fn targeted(mechanic: Mechanic, whole_basket: bool) -> Offer {
    let whole_basket = whole_basket && mechanic.kind().fits_whole_basket();
    offer(mechanic, (!whole_basket).then_some(0))
}

proptest! {
    #[test]
    fn shares_are_in_range_and_grow_with_generosity(
        (mechanic, generous) in mechanics(),
        whole in any::<bool>(),
        units in 1.0_f64..12.0,
        unit_price in 0.05_f64..40.0,
        basket in 0.5_f64..200.0,
    ) {
        let purchase = Purchase { units, unit_price, basket };
        let (less, more) = (targeted(mechanic, whole), targeted(generous, whole));
        for share in [less.felt_share(&purchase), less.cost_share(&purchase), less.depth] {
            prop_assert!((0.0..=SHARE_MAX).contains(&share), "{share}");
        }
        prop_assert!(less.felt_share(&purchase) <= more.felt_share(&purchase) + 1e-12);
        prop_assert!(less.cost_share(&purchase) <= more.cost_share(&purchase) + 1e-12);
        prop_assert!(less.depth <= more.depth + 1e-12);
    }

    #[test]
    fn nothing_is_taken_off_beyond_what_was_paid(
        (mechanic, generous) in mechanics(),
        whole in any::<bool>(),
        bought in prop::collection::vec((0_u32..9, 0.01_f64..50.0, 0.0_f64..1.0), 1..5),
    ) {
        let week = |&(units, price, shelf): &(u32, f64, f64)| {
            let (units, gross) = (f64::from(units), f64::from(units) * price);
            let shelf_discount = gross * shelf;
            CategoryWeek { units, gross, shelf_discount, ..CategoryWeek::default() }
        };
        let mut given = Vec::new();
        for mechanic in [mechanic, generous] {
            let mut categories: Vec<CategoryWeek> = bought.iter().map(week).collect();
            targeted(mechanic, whole).redeem(&mut categories);
            for category in &categories {
                prop_assert!(category.offer_discount >= 0.0 && category.revenue() >= -1e-12);
            }
            given.push(categories.iter().map(|c| c.offer_discount).sum::<f64>());
        }
        prop_assert!(given[0] <= given[1] + 1e-9, "{given:?}");
    }

    #[test]
    fn valid_terms_pass((mechanic, generous) in mechanics()) {
        let price = |m: &Mechanic| matches!(m, Mechanic::FixedPrice { .. });
        prop_assert!(mechanic.validate("x").is_ok());
        prop_assert!(price(&generous) || generous.validate("x").is_ok(), "{generous:?}");
    }
}
