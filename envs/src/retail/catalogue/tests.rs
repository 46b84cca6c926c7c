//! Tests of the catalogue: by hand for every mechanic, against random purchases, and properties.

use super::*;
use crate::retail::history::CategoryWeek;

mod properties;
mod spread;

const USUAL: Purchase = Purchase { units: 2.0, unit_price: 3.0, basket: 40.0 };

pub(super) fn offer(mechanic: Mechanic, category: Option<usize>) -> Offer {
    Offer::with_terms("x".to_owned(), mechanic, category, 0.05, &USUAL)
}

/// Categories with these units at 3.00 each, half a unit's price off at the shelf in the first.
fn basket(units: &[f64]) -> Vec<CategoryWeek> {
    let bought = |(i, &units): (usize, &f64)| CategoryWeek {
        units,
        gross: 3.0 * units,
        shelf_discount: if i == 0 { 0.5 * units } else { 0.0 },
        offer_discount: 9.0,
        cost: 2.0 * units,
    };
    units.iter().enumerate().map(bought).collect()
}

/// Money off each category, for an offer on category 0 or on the whole basket.
fn taken_off(mechanic: Mechanic, category: Option<usize>, units: &[f64]) -> Vec<f64> {
    let mut categories = basket(units);
    let offer = match mechanic {
        Mechanic::Percent => Offer::percent("x".to_owned(), category, 0.2, 0.0),
        other => offer(other, category),
    };
    offer.redeem(&mut categories);
    categories.iter().map(|c| (c.offer_discount * 1e9).round() / 1e9).collect()
}

#[test]
fn a_grid_starts_with_none_and_goes_category_by_category() {
    let names = ["bakery".to_owned(), "dairy".to_owned()];
    let grid = OfferCatalogue::grid(&names, &[0.1, 0.2], 0.05).expect("valid grid");
    let ids: Vec<&str> = grid.offers().iter().map(|o| o.id.as_str()).collect();
    assert_eq!(ids, ["none", "bakery-10%", "bakery-20%", "dairy-10%", "dairy-20%"]);
    assert_eq!(grid.offer(3).depth_in(1), 0.1);
    assert_eq!(grid.offer(3).depth_in(0), 0.0);
}

#[test]
fn depths_are_fractions_and_identifiers_are_unique() {
    let names = ["bakery".to_owned()];
    assert!(matches!(
        OfferCatalogue::grid(&names, &[20.0], 0.0),
        Err(CatalogueError::Depth { .. })
    ));
    assert!(matches!(
        OfferCatalogue::grid(&names, &[0.2, 0.2], 0.0),
        Err(CatalogueError::DuplicateId(_))
    ));
}

#[test]
fn money_and_shares_come_off_what_was_paid_at_the_shelf() {
    // Two units at 3.00 with 0.50 off each at the shelf: 5.00 paid; the other category 6.00.
    assert_eq!(taken_off(Mechanic::Percent, Some(0), &[2.0, 2.0]), [1.0, 0.0]);
    assert_eq!(taken_off(Mechanic::Percent, None, &[2.0, 2.0]), [1.0, 1.2]);
    assert_eq!(taken_off(Mechanic::Amount { off: 2.0 }, Some(0), &[2.0, 2.0]), [2.0, 0.0]);
    assert_eq!(taken_off(Mechanic::Amount { off: 2.2 }, None, &[2.0, 2.0]), [1.0, 1.2]);
    assert_eq!(taken_off(Mechanic::Amount { off: 20.0 }, Some(0), &[2.0, 2.0]), [5.0, 0.0]);
    let coupon = Mechanic::Coupon { share: 0.1, redemption: 0.4 };
    assert_eq!(taken_off(coupon, Some(0), &[2.0, 2.0]), [0.5, 0.0]);
    let points = Mechanic::Points { rate: 10.0, value_per_point: 0.01 };
    assert_eq!(taken_off(points, None, &[2.0, 2.0]), [0.5, 0.6]);
}

#[test]
fn a_fixed_price_never_raises_the_price() {
    assert_eq!(taken_off(Mechanic::FixedPrice { price: 2.0 }, Some(0), &[3.0]), [1.5]);
    assert_eq!(taken_off(Mechanic::FixedPrice { price: 2.8 }, Some(0), &[3.0]), [0.0]);
}

#[test]
fn a_threshold_holds_from_exactly_its_spend() {
    let spend = |min_spend: f64| Mechanic::SpendGet { min_spend, off: 1.0 };
    assert_eq!(taken_off(spend(5.0), Some(0), &[2.0, 0.0]), [1.0, 0.0]);
    assert_eq!(taken_off(spend(5.01), Some(0), &[2.0, 9.0]), [0.0, 0.0]);
    let share = 1.0 / 11.0;
    let spread = taken_off(spend(11.0), None, &[2.0, 2.0]);
    assert!((spread[0] - 5.0 * share).abs() < 1e-8 && (spread[1] - 6.0 * share).abs() < 1e-8);
    let gift = Mechanic::Gift { min_spend: 5.0, cost: 0.8, value: 2.0 };
    assert_eq!(taken_off(gift.clone(), Some(0), &[2.0]), [0.8]);
    assert_eq!(taken_off(gift, Some(0), &[1.0]), [0.0]);
    let delivery = Mechanic::FreeShipping { min_spend: 0.0, cost: 7.0, value: 5.0 };
    // Never more than the 2.50 that were paid.
    assert_eq!(taken_off(delivery, None, &[1.0]), [2.5]);
}

#[test]
fn quantities_are_counted_in_sets() {
    let three_for_two = Mechanic::BuyGet { buy: 2, free: 1, share: 1.0 };
    let free = |units: f64| taken_off(three_for_two.clone(), Some(0), &[units])[0] / 2.5;
    let found: Vec<f64> = [1.0, 2.0, 3.0, 5.0, 6.0, 7.0].map(free).to_vec();
    assert_eq!(found, [0.0, 0.0, 1.0, 1.0, 2.0, 2.0]);
    let second_half = Mechanic::BuyGet { buy: 1, free: 1, share: 0.5 };
    assert_eq!(taken_off(second_half, Some(0), &[3.0]), [1.25]);
    // Two of the three units that one earns are taken.
    let generous = Mechanic::BuyGet { buy: 1, free: 3, share: 1.0 };
    assert_eq!(taken_off(generous, Some(0), &[3.0]), [5.0]);
    let steps = vec![Tier { units: 2, share: 0.1 }, Tier { units: 4, share: 0.2 }];
    let tiers = Mechanic::Tiers { steps };
    let off = |units: f64| taken_off(tiers.clone(), Some(0), &[units])[0];
    assert_eq!([1.0, 2.0, 3.0, 4.0].map(off), [0.0, 0.5, 0.75, 2.0]);
}

#[test]
fn a_bundle_needs_the_other_category() {
    let bundle = Mechanic::Bundle { with: 1, share: 0.2, together: 0.5 };
    assert_eq!(taken_off(bundle.clone(), Some(0), &[2.0, 1.0]), [1.0, 0.0]);
    assert_eq!(taken_off(bundle, Some(0), &[2.0, 0.0]), [0.0, 0.0]);
}

#[test]
fn nominal_depths_by_hand() {
    // A usual purchase is 6.00 in the category and 40.00 in the visit.
    let depth = |mechanic, category| offer(mechanic, category).depth;
    let near = |got: f64, want: f64| assert!((got - want).abs() < 1e-12, "{got} is not {want}");
    near(depth(Mechanic::Amount { off: 1.5 }, Some(0)), 0.25);
    near(depth(Mechanic::Amount { off: 4.0 }, None), 0.1);
    near(depth(Mechanic::Amount { off: 9.0 }, Some(0)), SHARE_MAX);
    near(depth(Mechanic::FixedPrice { price: 2.4 }, Some(0)), 0.2);
    near(depth(Mechanic::SpendGet { min_spend: 10.0, off: 2.0 }, Some(0)), 0.2);
    near(depth(Mechanic::SpendGet { min_spend: 20.0, off: 2.0 }, None), 0.05);
    near(depth(Mechanic::BuyGet { buy: 2, free: 1, share: 1.0 }, Some(0)), 1.0 / 3.0);
    near(depth(Mechanic::BuyGet { buy: 1, free: 1, share: 0.5 }, Some(0)), 0.25);
    near(depth(Mechanic::Bundle { with: 1, share: 0.2, together: 0.1 }, Some(0)), 0.2);
    near(depth(Mechanic::Gift { min_spend: 50.0, cost: 2.0, value: 5.0 }, None), 0.1);
    near(depth(Mechanic::Points { rate: 5.0, value_per_point: 0.01 }, None), 0.05);
    near(depth(Mechanic::Coupon { share: 0.3, redemption: 0.1 }, None), 0.3);
}

#[test]
fn expected_shares_by_hand() {
    let near = |got: f64, want: f64| assert!((got - want).abs() < 1e-12, "{got} is not {want}");
    let percent = Offer::percent("x".to_owned(), Some(0), 0.2, 0.0);
    near(percent.felt_share(&USUAL), 0.2);
    near(percent.cost_share(&USUAL), 0.2);
    // Mean 2 units: m = 1, r = 1/3, q = 2/3, so P(U > 1) = r (1 + q) = 5/9: 1.50 × 5/9 of 6.00.
    let spend_get = offer(Mechanic::SpendGet { min_spend: 6.0, off: 1.5 }, Some(0));
    near(spend_get.felt_share(&USUAL), 5.0 / 36.0);
    // E[min(S, 4)] = 3 + 1 × P(U > 1).
    let amount = offer(Mechanic::Amount { off: 4.0 }, Some(0));
    near(amount.cost_share(&USUAL), (3.0 + 5.0 / 9.0) / 6.0);
    // The second of each pair: P(U > 1) + P(U > 3) + … = Σ r^n (1 + n q) over odd n
    // = r / (1 − r²) + q r (1 + r²) / (1 − r²)² = 3/8 + 5/16 of a mean of 2 units.
    let pairs = offer(Mechanic::BuyGet { buy: 1, free: 1, share: 0.5 }, Some(0));
    near(pairs.cost_share(&USUAL), 0.5 * (3.0 / 8.0 + 5.0 / 16.0) / 2.0);
    // E[U; U > 1] = E[U] − P(U = 1) = 2 − 4/9.
    let tiers = Mechanic::Tiers { steps: vec![Tier { units: 2, share: 0.2 }] };
    near(offer(tiers, Some(0)).felt_share(&USUAL), 0.2 * (2.0 - 4.0 / 9.0) / 2.0);
    let coupon = offer(Mechanic::Coupon { share: 0.3, redemption: 0.1 }, Some(0));
    near(coupon.felt_share(&USUAL), 0.03);
    near(coupon.cost_share(&USUAL), 0.3);
    assert_eq!(coupon.redemption(), 0.1);
    // Worth 5.00 and costing 2.00 to all who spend anything: shares of 40.00.
    let gift = offer(Mechanic::Gift { min_spend: 0.0, cost: 0.0, value: 5.0 }, None);
    near(gift.felt_share(&USUAL), 0.125);
    assert_eq!(gift.cost_share(&USUAL), 0.0);
    assert_eq!(Offer::none().felt_share(&USUAL), 0.0);
}

#[test]
fn what_cannot_be_offered_is_refused_in_words() {
    let why = |mechanic, category| offer(mechanic, category).validate(2).expect_err("is wrong");
    let threshold = why(Mechanic::SpendGet { min_spend: 5.0, off: 6.0 }, Some(0));
    assert_eq!(
        threshold.to_string(),
        "expected an amount no larger than `min_spend` for `amount` of offer `x`, got 6"
    );
    let whole = why(Mechanic::BuyGet { buy: 2, free: 1, share: 1.0 }, None);
    assert!(whole.to_string().contains("cannot apply to the whole basket"), "{whole}");
    let alone = why(Mechanic::Bundle { with: 0, share: 0.2, together: 0.5 }, Some(0));
    assert!(matches!(alone, CatalogueError::BundleWithItself { .. }));
    let beyond = why(Mechanic::Bundle { with: 2, share: 0.2, together: 0.5 }, Some(0));
    assert!(matches!(beyond, CatalogueError::Category { got: 2, .. }));
    let dear = why(Mechanic::FixedPrice { price: 3.5 }, Some(0));
    assert!(matches!(dear, CatalogueError::Worthless { .. }));
    let steps = vec![Tier { units: 3, share: 0.1 }, Tier { units: 2, share: 0.2 }];
    assert!(matches!(why(Mechanic::Tiers { steps }, Some(0)), CatalogueError::Terms { .. }));
    let nothing = Mechanic::BuyGet { buy: 0, free: 1, share: 1.0 };
    assert!(matches!(why(nothing, Some(0)), CatalogueError::Terms { term: "buy_quantity", .. }));
    assert!(matches!(why(Mechanic::None, None), CatalogueError::None { .. }));
    assert!(offer(Mechanic::Amount { off: 4.0 }, None).validate(2).is_ok());
}

#[test]
fn offers_read_like_a_leaflet() {
    let names = ["wine", "cheese"].map(str::to_owned);
    let words = |mechanic, category| offer(mechanic, category).words(&names);
    let percent = Offer::percent("x".to_owned(), Some(0), 0.125, 0.0);
    assert_eq!(percent.words(&names), "12.5 % off wine");
    assert_eq!(words(Mechanic::Amount { off: 2.0 }, None), "2.00 off the whole basket");
    let spend_get = Mechanic::SpendGet { min_spend: 30.0, off: 5.0 };
    assert_eq!(words(spend_get, None), "5.00 off the whole basket from 30.00");
    let half = Mechanic::BuyGet { buy: 1, free: 1, share: 0.5 };
    assert_eq!(words(half, Some(0)), "buy 1 get 1 at 50 % off of wine");
    let bundle = Mechanic::Bundle { with: 1, share: 0.2, together: 0.3 };
    assert_eq!(words(bundle, Some(0)), "20 % off wine together with cheese");
    let steps = vec![Tier { units: 2, share: 0.1 }, Tier { units: 6, share: 0.2 }];
    let tiers = words(Mechanic::Tiers { steps }, Some(0));
    assert_eq!(tiers, "10 % off from 2 units, 20 % off from 6 units of wine");
    assert_eq!(Offer::none().words(&names), "no offer");
}

#[test]
fn files_may_name_mechanics_in_the_words_of_the_trade() {
    assert_eq!(MechanicKind::from_name("BOGO"), Some(MechanicKind::BuyGet));
    assert_eq!(MechanicKind::from_name("Percent off"), Some(MechanicKind::Percent));
    assert_eq!(MechanicKind::from_name("free-shipping"), Some(MechanicKind::FreeShipping));
    assert_eq!(MechanicKind::from_name("campaign"), None);
    for kind in MechanicKind::OFFERS {
        assert_eq!(MechanicKind::from_name(kind.name()), Some(kind));
    }
}
