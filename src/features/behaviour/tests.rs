//! Customers whose features were worked out by hand.

use super::*;

/// 2024-01-01, a Monday, is the first day of the history.
const START: i32 = 19_723;

const PRODUCTS: [ProductFacts; 4] = [
    facts(0, 10, Some(false), 0.25, 0.25),
    facts(0, 11, Some(true), 0.75, 0.5),
    facts(1, UNKNOWN_BRAND, None, f32::NAN, f32::NAN),
    facts(2, 12, Some(false), 0.5, 0.25),
];

const CONTEXT: FeatureContext<'_> =
    FeatureContext { products: &PRODUCTS, n_categories: 3, first_day: START };

const fn facts(
    category: u16,
    brand: u32,
    private_label: Option<bool>,
    price_tier: f32,
    deal_share: f32,
) -> ProductFacts {
    ProductFacts { category, brand, private_label, price_tier, deal_share }
}

fn line(day: i32, basket: u64, product: u32, quantity: f64, money: [f64; 3]) -> Purchase {
    let [gross, shelf_discount, offer_discount] = money;
    let (hour, store) = (UNKNOWN_HOUR, 1);
    let day = START + day;
    Purchase { day, hour, basket, product, store, quantity, gross, shelf_discount, offer_discount }
}

fn contact(day: i32, offer: u16, redeemed: bool) -> Contact {
    Contact { day: START + day, offer, category: None, redeemed: Some(redeemed) }
}

fn categories() -> Vec<String> {
    ["dairy", "wine", "bakery"].map(str::to_owned).to_vec()
}

fn stage_as_of(purchases: &[Purchase], day: i32) -> Option<Lifecycle> {
    let mut features = Vec::new();
    let log = CustomerLog { purchases, contacts: &[] };
    features_as_of(&log, &CONTEXT, START + day, &mut features);
    let position = feature_specs(&categories()).iter().position(|spec| spec.name == "lifecycle");
    Lifecycle::from_code(features[position.expect("the stage is a feature")])
}

/// Four baskets on three days, one return, and rows on the day the features are as of, day 105.
fn purchases() -> Vec<Purchase> {
    vec![
        Purchase { hour: 9, ..line(70, 1, 0, 2.0, [10.0, 2.0, 0.0]) },
        Purchase { hour: 23, ..line(70, 1, 2, 1.0, [12.0, 0.0, 0.0]) },
        Purchase { hour: 15, ..line(75, 2, 1, 1.0, [6.0, 0.0, 1.0]) },
        Purchase { store: 2, ..line(75, 3, 3, 3.0, [9.0, 3.0, 0.0]) },
        Purchase { hour: 20, ..line(86, 4, 0, 1.0, [5.0, 0.0, 0.0]) },
        line(88, 5, 3, -1.0, [-3.0, -1.0, 0.0]),
        line(105, 6, 1, 9.0, [90.0, 9.0, 9.0]),
    ]
}

fn contacts() -> Vec<Contact> {
    vec![
        contact(72, 3, true),
        // Offer 0 is no contact; the outcome of day 99 is not known before day 106.
        contact(80, 0, false),
        contact(90, 2, false),
        contact(99, 2, true),
        contact(105, 2, true),
    ]
}

/// The share `part / 34` of the spend, as a term of the entropy.
fn entropy_term(part: f64) -> f64 {
    -(part / 34.0) * (part / 34.0).ln()
}

#[test]
fn features_of_four_baskets_match_the_hand_calculation() {
    // Spend by category: dairy 8 + 5 + 5, wine 12, bakery 6 less 2 returned; 34 in all, 5 weeks.
    let entropy = (entropy_term(18.0) + entropy_term(12.0) + entropy_term(4.0)) / 3.0_f64.ln();
    let expected = [
        ("recency", 19.0),
        ("frequency", 4.0 / 5.0),
        ("tenure", 5.0),
        // Gaps of 5 and 11 days: mean 8, sample variance 9 + 9.
        ("interval_mean", 8.0),
        ("interval_variation", 18.0_f64.sqrt() / 8.0),
        ("weekday:mon", 2.0 / 11.0),
        ("weekday:tue", 1.0 / 11.0),
        ("weekday:wed", 2.0 / 11.0),
        ("weekday:thu", 1.0 / 11.0),
        ("weekday:fri", 1.0 / 11.0),
        ("weekday:sat", 3.0 / 11.0),
        ("weekday:sun", 1.0 / 11.0),
        ("weekend_share", 4.0 / 11.0),
        // The first basket counts at 9, the earliest of its lines; basket 3 has no hour.
        ("hour:night", 1.0 / 8.0),
        ("hour:morning", 2.0 / 8.0),
        ("hour:midday", 1.0 / 8.0),
        ("hour:afternoon", 2.0 / 8.0),
        ("hour:evening", 2.0 / 8.0),
        ("stores", 2.0),
        ("main_store_share", 3.0 / 4.0),
        ("monetary_per_basket", 34.0 / 4.0),
        ("monetary_per_week", 34.0 / 5.0),
        ("lines_per_basket", 5.0 / 4.0),
        ("units_per_basket", 8.0 / 4.0),
        ("categories", 3.0),
        ("category_entropy", entropy),
        // Dairy: (3 · 13/18 + 1)/5 = 19/30, bakery: (1 + 1)/3; weights 18 and 4.
        ("brand_loyalty", (18.0 * 19.0 / 30.0 + 4.0 * 2.0 / 3.0) / 22.0),
        ("private_label_share", 5.0 / 22.0),
        // 8 · ¼ + 5 · ¾ + 6 · ½ + 5 · ¼ over 24.
        ("price_tier", 10.0 / 24.0),
        ("discount_share", 6.0 / 42.0),
        // Expected share: (¼ + ½ + ¼ + ¼)/4 = 0.3125.
        ("deal_line_share", (2.0 + 5.0 * 0.3125) / 10.0),
        ("deal_depth", 5.0 / 19.0),
        ("promotion_lift", 7.0 / 6.25),
        ("offer_line_share", 1.0 / 10.0),
        ("redemption_rate", 1.8 / 6.0),
        ("last_contact", 6.0),
        ("contacts_4w", 2.0),
        ("contacts_13w", 3.0),
        ("lifecycle", Lifecycle::New.code()),
        ("mix:dairy", 18.0 / 34.0),
        ("mix:wine", 12.0 / 34.0),
        ("mix:bakery", 4.0 / 34.0),
    ];
    let mut features = vec![7.0; 3];
    let (purchases, contacts) = (purchases(), contacts());
    let log = CustomerLog { purchases: &purchases, contacts: &contacts };
    features_as_of(&log, &CONTEXT, START + 105, &mut features);
    let specs = feature_specs(&categories());
    assert_eq!((specs.len(), features.len()), (expected.len(), expected.len()));
    for ((spec, got), (name, want)) in specs.iter().zip(&features).zip(expected) {
        assert_eq!(spec.name, name);
        assert!((got - want).abs() < 1e-12, "{name}: got {got}, expected {want}");
    }
}

#[test]
fn before_the_first_basket_counts_are_zero_and_the_rest_is_undefined() {
    let (purchases, contacts) = (purchases(), contacts());
    let some = CustomerLog { purchases: &purchases, contacts: &contacts };
    let empty = CustomerLog { purchases: &[], contacts: &[] };
    for (log, as_of) in [(some, START + 70), (some, i32::MIN), (empty, i32::MAX)] {
        let mut features = Vec::new();
        features_as_of(&log, &CONTEXT, as_of, &mut features);
        for (spec, value) in feature_specs(&categories()).iter().zip(&features) {
            let is_count =
                ["stores", "categories", "contacts_4w", "contacts_13w"].contains(&&*spec.name);
            assert!(if is_count { *value == 0.0 } else { value.is_nan() }, "{}", spec.name);
        }
    }
}

#[test]
fn a_customer_who_returned_everything_has_no_spend_but_keeps_the_rhythm() {
    let purchases = [line(0, 1, 0, 1.0, [8.0, 0.0, 0.0]), line(3, 2, 0, -1.0, [-8.5, 0.0, 0.0])];
    let log = CustomerLog { purchases: &purchases, contacts: &[] };
    let mut features = Vec::new();
    features_as_of(&log, &CONTEXT, START + 10, &mut features);
    let of = |name: &str| {
        let position = feature_specs(&categories()).iter().position(|spec| spec.name == name);
        features[position.expect("a known feature")]
    };
    assert_eq!((of("recency"), of("frequency"), of("lines_per_basket")), (10.0, 0.25, 1.0));
    assert_eq!((of("monetary_per_basket"), of("monetary_per_week")), (0.0, 0.0));
    assert_eq!((of("categories"), of("discount_share")), (0.0, 0.0));
    assert!(of("mix:dairy").is_nan() && of("brand_loyalty").is_nan());
}

#[test]
fn a_life_passes_through_its_stages() {
    // Weekly from day 70 to 210, double from day 154, then silent until day 280.
    let mut purchases: Vec<Purchase> = (10..=30)
        .map(|week| line(7 * week, 1, 0, 1.0, [if week < 22 { 10.0 } else { 20.0 }, 0.0, 0.0]))
        .collect();
    purchases.push(line(280, 1, 0, 1.0, [10.0, 0.0, 0.0]));
    let cases = [
        (70, None),
        (71, Some(Lifecycle::New)),
        (153, Some(Lifecycle::New)),
        (154, Some(Lifecycle::Loyal)),
        // Eight baskets of 20 from day 155, seven of 10 and one of 20 before: 160/90 = 1.8.
        (211, Some(Lifecycle::Growing)),
        // Interval: (140 + 28)/22 = 7.6 days, so silence tells from day 28 and day 56 on.
        (237, Some(Lifecycle::Loyal)),
        (238, Some(Lifecycle::Slipping)),
        (265, Some(Lifecycle::Slipping)),
        (266, Some(Lifecycle::Lapsed)),
        (280, Some(Lifecycle::Lapsed)),
        (281, Some(Lifecycle::WonBack)),
        (307, Some(Lifecycle::WonBack)),
        (337, Some(Lifecycle::Lapsed)),
    ];
    for (day, expected) in cases {
        assert_eq!(stage_as_of(&purchases, day), expected, "day {day}");
    }
}

#[test]
fn who_was_there_from_the_start_is_not_called_new() {
    let purchases = [line(3, 1, 0, 1.0, [8.0, 0.0, 0.0]), line(10, 1, 0, 1.0, [8.0, 0.0, 0.0])];
    assert_eq!(stage_as_of(&purchases, 14), Some(Lifecycle::Loyal));
}
