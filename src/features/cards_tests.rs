//! Names and sentences of personas, from profiles worked out by hand.

use super::*;

const NAMES: [&str; 6] =
    ["recency", "frequency", "monetary_per_basket", "discount_share", "mix:produce", "mix:pantry"];
/// 9 days away, 0.4 baskets a week, money 20 a basket, a tenth off, an even mix.
const POPULATION: [f64; 6] = [std::f64::consts::LN_10, 0.4, 3.044522437723423, 0.1, 0.5, 0.5];

fn traits() -> Vec<Trait> {
    let transform = |name: &str| match name {
        "recency" | "monetary_per_basket" => Transform::Log1p,
        _ => Transform::None,
    };
    let of = |name: &&str| {
        Trait::of(&super::super::preparation::PreparedFeature {
            name: (*name).to_owned(),
            column: 0,
            transform: transform(name),
            fill: 0.0,
            scale: super::super::scale::FeatureScale {
                lower: 0.0,
                upper: 1.0,
                mean: 0.0,
                deviation: 1.0,
                weight: 1.0,
            },
        })
    };
    NAMES.iter().map(of).collect()
}

fn profile<'a>(mean: &'a [f64], z: &'a [f64], traits: &'a [Trait]) -> Profile<'a> {
    Profile { mean, z, population: &POPULATION, traits }
}

#[test]
fn names_say_what_the_profile_says() {
    let traits = traits();
    let cases = [
        (
            [1.0, 0.9, 4.5, 0.3, 0.5, 0.5],
            [-1.0, 1.5, 1.2, 1.1, 0.0, 0.0],
            "weekly stock-up shoppers, deal-driven",
        ),
        (
            [2.5, 0.1, 3.0, 0.0, 0.5, 0.5],
            [0.1, -1.0, 0.0, -0.9, 0.0, 0.0],
            "occasional shoppers, full-price",
        ),
        (
            [3.5, 0.3, 3.0, 0.1, 0.8, 0.2],
            [1.5, -0.4, 0.1, 0.0, 1.2, -1.2],
            "lapsing produce buyers",
        ),
        (POPULATION, [0.0; 6], "regular shoppers"),
    ];
    for (mean, z, name) in cases {
        assert_eq!(profile(&mean, &z, &traits).name(), name);
    }
}

#[test]
fn words_that_claim_a_level_need_that_level() {
    let traits = traits();
    let few_deals = [2.3, 0.4, 3.0, 0.03, 0.5, 0.5];
    let z = [0.0, 0.0, 0.0, 1.0, 0.0, 0.0];
    assert_eq!(profile(&few_deals, &z, &traits).deals(), Some("more deals than most"));
    let seen_last_week = [7.0_f64.ln_1p(), 0.4, 3.0, 0.1, 0.5, 0.5];
    let z = [2.0, 0.0, 0.0, 0.0, 0.0, 0.0];
    assert_eq!(profile(&seen_last_week, &z, &traits).rhythm(), "regular");
}

#[test]
fn equal_names_grow_until_they_differ() {
    let traits = traits();
    let (first, second) = ([0.0, 0.0, 0.3, 0.0, 0.0, 0.0], [0.0, 0.0, -0.3, 0.0, 0.1, 0.0]);
    let views = [&first, &second].map(|z| profile(&POPULATION, z, &traits));
    assert_eq!(
        unique_names(&views),
        ["regular shoppers, larger baskets", "regular shoppers, smaller baskets"]
    );
}

#[test]
fn personas_alike_in_everything_are_numbered() {
    let traits = traits();
    let views = [0, 1, 2].map(|_| profile(&POPULATION, &[0.0; 6], &traits));
    let mut names = unique_names(&views);
    assert_eq!(names[0], "regular shoppers");
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 3);
}

#[test]
fn the_sentence_lists_levels_and_what_is_bought_more_and_less() {
    let traits = traits();
    let z = [0.0, 0.0, 0.0, 0.0, 1.0, -1.0];
    let text = profile(&POPULATION, &z, &traits).sentence();
    assert!(text.ends_with("Buys more produce and less pantry than others."), "{text}");
    let start = "Typically 0.4 baskets a week (all customers 0.4), 20.00 a basket (all 20.00), \
                 10% of value taken off (all 10%), last seen 9 days ago (all 9).";
    assert!(text.starts_with(start), "{text}");
}
