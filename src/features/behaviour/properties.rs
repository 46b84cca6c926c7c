//! What holds for every customer: time, order, memory and range.

use super::*;
use proptest::prelude::*;

const CATEGORIES: usize = 4;

fn products() -> Vec<ProductFacts> {
    (0..12_u16)
        .map(|index| ProductFacts {
            // Category 4 is outside the mix.
            category: index % 5,
            brand: if index % 4 == 3 { UNKNOWN_BRAND } else { u32::from(index % 7) },
            private_label: [None, Some(false), Some(true)][usize::from(index % 3)],
            price_tier: if index % 6 == 5 { f32::NAN } else { f32::from(index) / 11.0 },
            deal_share: if index % 5 == 4 { f32::NAN } else { f32::from(index % 4) / 3.0 },
        })
        .collect()
}

fn context(products: &[ProductFacts]) -> FeatureContext<'_> {
    FeatureContext { products, n_categories: CATEGORIES, first_day: 0 }
}

prop_compose! {
    fn purchase()(
        day in 0..400_i32, hour in 0..30_u8, basket in 0..3_u64, product in 0..14_u32,
        store in 0..4_u32, quantity in -2..6_i32, cents in 0..5000_i32,
        off in 0..4_i32, offer in 0..10_i32,
    ) -> Purchase {
        let gross = f64::from(quantity * cents) / 100.0;
        let shelf_discount = gross * f64::from(off) / 7.0;
        let offer_discount = if offer == 0 { gross / 9.0 } else { 0.0 };
        Purchase {
            day, hour, basket, product, store, quantity: f64::from(quantity), gross,
            shelf_discount, offer_discount,
        }
    }
}

prop_compose! {
    fn contact()(
        day in 0..400_i32, offer in 0..3_u16,
        redeemed in prop_oneof![Just(None), Just(Some(true)), Just(Some(false))],
    ) -> Contact {
        Contact { day, offer, category: None, redeemed }
    }
}

fn log() -> impl Strategy<Value = (Vec<Purchase>, Vec<Contact>)> {
    let rows = (prop::collection::vec(purchase(), 0..120), prop::collection::vec(contact(), 0..20));
    rows.prop_map(|(mut purchases, mut contacts)| {
        purchases.sort_by_key(|row| (row.day, row.basket));
        contacts.sort_by_key(|row| row.day);
        (purchases, contacts)
    })
}

/// Numbers as they come out of broken files.
fn wild() -> impl Strategy<Value = f64> {
    prop_oneof![
        Just(f64::NAN),
        Just(f64::INFINITY),
        Just(f64::NEG_INFINITY),
        Just(1e300),
        Just(-0.0),
        -1e12..1e12_f64,
    ]
}

fn wild_purchase() -> impl Strategy<Value = Purchase> {
    let keys = (any::<i32>(), any::<u8>(), any::<u64>(), 0..14_u32, any::<u32>());
    (keys, [wild(), wild(), wild(), wild()]).prop_map(|(keys, [quantity, gross, shelf, offer])| {
        let (day, hour, basket, product, store) = keys;
        let (shelf_discount, offer_discount) = (shelf, offer);
        Purchase {
            day,
            hour,
            basket,
            product,
            store,
            quantity,
            gross,
            shelf_discount,
            offer_discount,
        }
    })
}

fn bits(purchases: &[Purchase], contacts: &[Contact], as_of: i32) -> Vec<u64> {
    let products = products();
    let mut features = Vec::new();
    let log = CustomerLog { purchases, contacts };
    features_as_of(&log, &context(&products), as_of, &mut features);
    features.into_iter().map(f64::to_bits).collect()
}

fn assert_in_range(features: &[f64]) -> Result<(), TestCaseError> {
    let categories: Vec<String> = (0..CATEGORIES).map(|index| index.to_string()).collect();
    let specs = feature_specs(&categories);
    prop_assert_eq!(features.len(), specs.len());
    for (spec, &value) in specs.iter().zip(features) {
        let [low, high] = spec.range;
        prop_assert!(value.is_nan() || (low..=high).contains(&value), "{}: {value}", spec.name);
        prop_assert!(!value.is_infinite(), "{}: {value}", spec.name);
    }
    Ok(())
}

proptest! {
    #[test]
    fn rows_on_or_after_the_date_change_nothing((purchases, contacts) in log(), date in 0..420) {
        let past: Vec<Purchase> = purchases.iter().filter(|row| row.day < date).copied().collect();
        let told: Vec<Contact> = contacts.iter().filter(|row| row.day < date).copied().collect();
        prop_assert_eq!(bits(&purchases, &contacts, date), bits(&past, &told, date));
    }

    #[test]
    fn an_outcome_changes_nothing_before_it_is_due((purchases, mut contacts) in log()) {
        let date = 200;
        let before = bits(&purchases, &contacts, date);
        for contact in contacts.iter_mut().filter(|row| row.day + OUTCOME_DAYS > date) {
            contact.redeemed = Some(contact.redeemed != Some(true));
        }
        prop_assert_eq!(before, bits(&purchases, &contacts, date));
    }

    #[test]
    fn order_within_a_day_changes_nothing((purchases, contacts) in log()) {
        let mut reversed = purchases.clone();
        reversed.chunk_by_mut(|a, b| a.day == b.day).for_each(<[Purchase]>::reverse);
        let mut by_value = purchases.clone();
        by_value.sort_by(|a, b| {
            (a.day, a.basket).cmp(&(b.day, b.basket)).then(a.gross.total_cmp(&b.gross))
        });
        let expected = bits(&purchases, &contacts, 390);
        prop_assert_eq!(&expected, &bits(&reversed, &contacts, 390));
        prop_assert_eq!(&expected, &bits(&by_value, &contacts, 390));
    }

    #[test]
    fn snapshots_are_the_features_of_each_date_whoever_came_before(
        (purchases, contacts) in log(),
        (others, told) in log(),
        mut dates in prop::collection::vec(-10..420_i32, 1..12),
        ascending in any::<bool>(),
    ) {
        if ascending {
            dates.sort_unstable();
        }
        let products = products();
        let mut computer = FeatureComputer::new(context(&products));
        computer.features_as_of(&CustomerLog { purchases: &others, contacts: &told }, 300);
        let mut seen = 0;
        let log = CustomerLog { purchases: &purchases, contacts: &contacts };
        let mut rows = Vec::new();
        computer.snapshots(&log, &dates, |position, features| {
            assert_eq!(position, seen);
            seen += 1;
            rows.push(features.iter().map(|value| value.to_bits()).collect::<Vec<u64>>());
        });
        let expected: Vec<Vec<u64>> =
            dates.iter().map(|&date| bits(&purchases, &contacts, date)).collect();
        prop_assert_eq!(rows, expected);
    }

    #[test]
    fn features_lie_in_their_range((purchases, contacts) in log(), date in 0..420_i32) {
        let features: Vec<f64> =
            bits(&purchases, &contacts, date).into_iter().map(f64::from_bits).collect();
        assert_in_range(&features)?;
    }

    #[test]
    fn shares_add_up_to_one((purchases, contacts) in log(), date in 0..420_i32) {
        let features: Vec<f64> =
            bits(&purchases, &contacts, date).into_iter().map(f64::from_bits).collect();
        let behaviour = features.len() - CATEGORIES;
        for shares in [&features[5..12], &features[13..18], &features[behaviour..]] {
            let total: f64 = shares.iter().sum();
            prop_assert!(total.is_nan() || (total - 1.0).abs() < 1e-12, "{total}");
        }
    }

    #[test]
    fn broken_and_unsorted_rows_neither_panic_nor_leave_the_range(
        mut purchases in prop::collection::vec(wild_purchase(), 0..40),
        days in prop::collection::vec(any::<i32>(), 0..10),
        sorted in any::<bool>(),
        date in any::<i32>(),
    ) {
        if sorted {
            purchases.sort_by_key(|row| (row.day, row.basket));
        }
        let contacts: Vec<Contact> = days
            .into_iter()
            .map(|day| Contact { day, offer: 1, category: None, redeemed: Some(true) })
            .collect();
        let features: Vec<f64> = bits(&purchases, &contacts, date.max(i32::MIN + 1))
            .into_iter()
            .map(f64::from_bits)
            .collect();
        assert_in_range(&features)?;
    }
}
