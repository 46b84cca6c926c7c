//! World pages for the tests of this room: one as a real run gives, one as unkind as can be.

use super::input::{Check, Estimate, Fact};
use super::world_page::*;

/// Name, KS complement and range coverage of RetailSynth on the Complete Journey as published
/// (its synthesizer_validation notebook), and ours as invented for the tests.
const DISTRIBUTIONS: [(&str, f64, f64, f64, f64); 10] = [
    ("Store visit probability", 0.680, 0.696, 0.931, 0.982),
    ("Category purchase probability", 0.845, 0.999, 0.952, 0.991),
    ("Product purchase probability", 0.893, 1.000, 0.961, 0.874),
    ("Item quantity", 0.944, 0.001, 0.978, 0.441),
    ("Time since last purchase", 0.869, 0.220, 0.944, 0.903),
    ("Categories per customer-week", 0.692, 0.426, 0.908, 0.866),
    ("Items per customer-week", 0.486, 0.002, 0.887, 0.712),
    ("Items per product-week", 0.991, 0.000, 0.972, 0.633),
    ("Product price", 0.809, 0.035, 0.958, 0.907),
    ("Category size", 0.657, 0.448, 0.741, 0.815),
];
const CATEGORIES: [&str; 9] = [
    "All categories, weighted by sales",
    "Soft drinks",
    "Cheese",
    "Laundry",
    "Frozen pizza",
    "Fluid milk products",
    "Baked bread and rolls",
    "Bag snacks",
    "Baby food",
];
const PERSONAS: [&str; 4] =
    ["Weekly family stock-up", "Deal-driven explorers", "Quick top-ups", "Fresh and premium"];

fn fact(label: &str, value: &str) -> Fact {
    Fact { label: label.into(), value: value.into() }
}

fn around(value: f64, half: f64) -> Estimate {
    Estimate::new(value, value - half, value + half)
}

/// A number in \[−1, 1\] that looks random and is the same everywhere.
fn noise(index: usize) -> f64 {
    let mixed = (index as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    (mixed >> 11) as f64 / (1u64 << 52) as f64 - 1.0
}

fn words(all: &[&str]) -> Vec<String> {
    all.iter().map(|text| (*text).into()).collect()
}

/// A page as a run on a real history gives.
pub(super) fn realistic() -> WorldPage {
    WorldPage {
        title: String::new(),
        data_window: "2 January 2017 to 31 December 2017".into(),
        held_out_window: "9 October 2017 to 31 December 2017 (12 weeks)".into(),
        currency: "$".into(),
        interval_level: 0.95,
        verdict: Some(Check::Warn),
        sentence: "This world can be trusted to compare promotions, but not to forecast the weeks \
                   before Christmas."
            .into(),
        trust_for: words(&[
            "ranking policies on the same simulated customers",
            "the response to shelf discounts of 5 to 40 %",
        ]),
        not_for: words(&[
            "forecasts of holiday weeks: two of twelve held-out weeks lie outside the 95 % band",
            "personal offers deeper than 30 %: the history has none",
        ]),
        warnings: words(&["Margin was assumed at 30 % of sales: the history has no unit cost."]),
        facts: vec![
            fact("Mean KS complement (RetailSynth 0.787)", "0.923"),
            fact("Weekly revenue, mean error", "4.6 %"),
            fact("Weeks in the 80 % band", "10 of 12"),
            fact("Own-price elasticity", "−2.31"),
        ],
        card: card(),
        held_out: vec![
            held_out("Revenue per week", Unit::Money, 61_500.0),
            held_out("Units per week", Unit::Number, 27_300.0),
        ],
        distributions: Some(distributions()),
        persona_distances: Some(persona_distances()),
        responses: responses(),
        coefficients: coefficients(),
        pooled: vec![PooledCategory {
            category: "Baby food".into(),
            reason: "31 purchases at a discount in the training weeks; 200 are needed".into(),
        }],
        ablation: Some(ablation()),
        promotions: Some(promotions()),
        method: method(),
    }
}

fn line(name: &str, unit: Unit, figures: [Estimate; 2], band: [&str; 2]) -> CardRow {
    let [actual, simulated] = figures;
    let [band, source] = band.map(String::from);
    let verdict = Check::Pass;
    CardRow {
        line: name.into(),
        unit,
        actual,
        simulated,
        band,
        source,
        verdict,
        ..CardRow::default()
    }
}

fn card() -> Vec<CardGroup> {
    let known = Estimate::without_interval;
    let none = Estimate::unknown();
    let mut bands = line(
        "Weeks in the 80 % band, revenue",
        Unit::Share,
        [known(0.8), around(0.667, 0.02)],
        ["0.60 to 1", "binomial, 12 weeks"],
    );
    bands.verdict = Check::Warn;
    bands.note = "Both misses are the weeks before Christmas.".into();
    let mut halo = line(
        "Halo per unit of lift",
        Unit::Number,
        [none, none],
        ["0 to 0.4", "Ailawadi et al. 2007"],
    );
    halo.verdict = Check::NotApplicable;
    halo.note = "Too few baskets with a promoted product and another category.".into();
    let mut dip = line(
        "Post-promotion dip, share of the lift",
        Unit::Share,
        [none, around(0.31, 0.04)],
        ["4 to 25 %", "van Heerde, Leeflang, Wittink 2000"],
    );
    dip.verdict = Check::Fail;
    let group = |title: &str, rows| CardGroup { title: title.into(), rows };
    let error = ["at most 10 %", "goal of this project"];
    vec![
        group(
            "Weekly totals",
            vec![
                line("Weekly revenue, mean error", Unit::Share, [none, known(0.046)], error),
                bands,
            ],
        ),
        group(
            "Customers",
            vec![
                line(
                    "Visit rate",
                    Unit::Share,
                    [known(0.612), around(0.604, 0.006)],
                    ["± 5 %", "replications"],
                ),
                line(
                    "Basket value",
                    Unit::Money,
                    [known(38.21), around(37.4, 0.6)],
                    ["± 10 %", "replications"],
                ),
            ],
        ),
        group(
            "Price response",
            vec![line(
                "Own-price elasticity",
                Unit::Number,
                [none, around(-2.31, 0.22)],
                ["−4.1 to −1.0", "Bijmolt et al. 2005; Dominick's orange juice"],
            )],
        ),
        group("Promotions", vec![dip, halo]),
    ]
}

fn held_out(name: &str, unit: Unit, level: f64) -> HeldOutSeries {
    let week = |index: usize| {
        let season = 1.0 + 0.05 * (index as f64 * 0.8).sin() + if index > 9 { 0.06 } else { 0.0 };
        let value = level * season;
        HeldOutBand {
            week: format!("2017-{:02}-{:02}", 10 + index / 4, 2 + 7 * (index % 4)),
            actual: value * (1.0 + 0.05 * noise(index) + if index == 11 { 0.12 } else { 0.0 }),
            band_80: around(value, level * 0.045),
            band_95: around(value, level * 0.07),
        }
    };
    HeldOutSeries {
        name: name.into(),
        unit,
        weeks: (0..12).map(week).collect(),
        mean_error: 0.046,
        coverage_80: 10.0 / 12.0,
        coverage_95: 11.0 / 12.0,
        bias: 0.012,
    }
}

/// Two gamma-like distribution functions, the simulated one a little to the right.
fn curve(index: usize) -> Vec<CumulativePoint> {
    let top = [1.0, 1.0, 1.0, 12.0, 20.0, 40.0, 120.0, 30.0, 40.0, 900.0][index];
    let share = |x: f64, scale: f64| 1.0 - (1.0 + x / scale) * (-x / scale).exp();
    let point = |step: usize| {
        let value = top * step as f64 / 80.0;
        let scale = top * 0.16;
        let simulated = share(value, scale * (1.04 + 0.08 * noise(index + 70)));
        CumulativePoint { value, actual: share(value, scale), simulated }
    };
    (0..=80).map(point).collect()
}

fn distributions() -> Distributions {
    let row = |(index, row): (usize, &(&str, f64, f64, f64, f64))| DistributionRow {
        name: row.0.into(),
        unit: [Unit::Number, Unit::Share, Unit::Money][match index {
            0..=2 => 1,
            8 => 2,
            _ => 0,
        }],
        ks: around(row.3, 0.012),
        range: around(row.4, 0.03),
        against_itself: 0.985,
        peer_ks: row.1,
        peer_range: row.2,
        curve: curve(index),
        is_log: index == 9,
        note: if index == 9 {
            "Below the goal: few products, long tail.".into()
        } else {
            String::new()
        },
    };
    Distributions {
        peer: "RetailSynth".into(),
        how: "2,469 households over the 12 held-out weeks, 24 replications; RetailSynth's figures \
              are its own, on the weeks it was fitted to."
            .into(),
        rows: DISTRIBUTIONS.iter().enumerate().map(row).collect(),
        mean_ks: around(0.923, 0.006),
        mean_range: around(0.812, 0.01),
        peer_mean_ks: 0.787,
        peer_mean_range: 0.383,
        goal_mean: 0.9,
        goal_each: 0.75,
    }
}

fn persona_distances() -> PersonaDistances {
    let row = |(index, name): (usize, &&str)| PersonaDistanceRow {
        persona: (*name).into(),
        customers: Some(612 - 140 * index as u64),
        cells: (0..5)
            .map(|cell| DistanceCell {
                ks: around(0.91 + 0.06 * noise(index * 5 + cell), 0.015),
                wasserstein: around(0.12 + 0.08 * noise(index * 5 + cell + 50), 0.02),
            })
            .collect(),
    };
    PersonaDistances {
        quantities: words(&[
            "Weeks between visits",
            "Categories per week",
            "Items per week",
            "Quantity (units)",
            "Share bought on deal",
        ]),
        rows: PERSONAS.iter().enumerate().map(row).collect(),
    }
}

fn responses() -> Vec<ResponseGroup> {
    let row = |(index, name): (usize, &&str), level: f64, kind: Evidence| ResponseRow {
        category: (*name).into(),
        estimate: around(
            level * (1.0 + 0.4 * noise(index)),
            level.abs() * (0.1 + 0.03 * index as f64),
        ),
        evidence: if index == 8 { Evidence::Prior } else { kind },
        is_summary: index == 0,
    };
    let rows =
        |level, kind| CATEGORIES.iter().enumerate().map(move |at| row(at, level, kind)).collect();
    vec![
        ResponseGroup {
            title: "Own-price elasticity".into(),
            axis: "Per cent change in units when the price rises by one per cent".into(),
            reference: Some(ReferenceBand {
                lower: -4.09,
                upper: -1.0,
                source: "Dominick's orange juice, 11 brands; the mean of 81 studies is −2.62"
                    .into(),
            }),
            rows: rows(-2.3, Evidence::QuasiExperimental),
        },
        ResponseGroup {
            title: "Response to a personal offer".into(),
            axis: "Log odds of buying per 10 points of depth".into(),
            reference: None,
            rows: rows(0.21, Evidence::Observational),
        },
    ]
}

fn coefficients() -> Vec<CoefficientRow> {
    let row = |index: usize| CoefficientRow {
        part: ["visit", "incidence", "units"][index % 3].into(),
        term: ["Shelf depth", "Habit", "Household stock", "Season, first harmonic"][index % 4]
            .into(),
        scope: if index < 4 { String::new() } else { CATEGORIES[1 + index % 8].into() },
        estimate: around(noise(index), 0.1),
        evidence: [Evidence::QuasiExperimental, Evidence::Observational, Evidence::Prior]
            [index % 3],
        prior_share: 0.5 + 0.5 * noise(index + 9),
    };
    (0..24).map(row).collect()
}

fn ablation() -> Ablation {
    let row = |(index, term): (usize, &(&str, &str, f64))| AblationRow {
        term: term.0.into(),
        meaning: term.1.into(),
        change: around(term.2, 0.7),
        is_on: index != 5,
    };
    let terms = [
        ("Habit", "buys again what it bought lately", 9.4),
        ("Shelf depth", "this week's price cut", 4.1),
        ("Household stock", "what was bought lately is still at home", 1.9),
        ("Holidays", "weeks before a holiday", 0.9),
        ("Contact fatigue", "offers lose pull when they come often", 0.2),
        ("Halo", "price cuts elsewhere in the shop", -1.3),
    ];
    Ablation {
        how: "Each term was taken out and the world fitted again; 12 held-out weeks.".into(),
        rows: terms.iter().enumerate().map(row).collect(),
    }
}

fn promotion(index: usize) -> PromotionLift {
    let size = 1.0 / (1.0 + index as f64);
    let parts = [
        ("would have sold anyway", LiftColumn::Baseline, 14_200.0),
        ("sold more in these weeks", LiftColumn::OwnLift, 6_400.0),
        ("taken from the rest of the category", LiftColumn::Cannibalised, -1_700.0),
        ("other categories, same visits", LiftColumn::Halo, -400.0),
        ("other categories, more visits", LiftColumn::Halo, 850.0 + 700.0 * noise(index)),
        ("sold less afterwards", LiftColumn::PulledForward, -640.0),
        (
            "discount on sales we had anyway",
            LiftColumn::Discount,
            -3_300.0 - 900.0 * noise(index + 3),
        ),
        ("discount on the additional sales", LiftColumn::Discount, -1_400.0),
        ("telling the customers", LiftColumn::Contact, -250.0),
    ];
    let sum: f64 = parts[1..].iter().map(|part| part.2).sum();
    let part = |(name, column, margin): (&str, LiftColumn, f64)| LiftPart {
        name: name.into(),
        column,
        margin: around(margin * size, margin.abs() * size * 0.15),
    };
    PromotionLift {
        name: format!("Type{} campaign {}", ["A", "B", "C"][index % 3], 13 + index),
        period: "8 May to 25 June 2017".into(),
        customers: Some(1_077 / (1 + index as u64)),
        parts: parts.map(part).into(),
        incremental: around(sum * size, 900.0 * size),
        break_even: 3.56,
        reached: around(1.9 + 0.4 * noise(index), 0.3),
        evidence: Evidence::Observational,
    }
}

fn promotions() -> PastPromotions {
    let kind = |kind: &str, promotions, [share_losing, dip, halo]: [Estimate; 3]| {
        PromotionKindRow { kind: kind.into(), promotions, share_losing, dip, halo }
    };
    PastPromotions {
        interval_level: 0.9,
        found: 30,
        judged: 27,
        kinds: vec![
            kind("At the shelf", 19, [around(0.58, 0.12), around(0.11, 0.05), around(0.14, 0.06)]),
            kind(
                "Offers to chosen customers",
                8,
                [around(0.75, 0.2), around(0.06, 0.07), Estimate::unknown()],
            ),
        ],
        reference: "59 % worldwide (Nielsen 2015)".into(),
        total: around(-4_300.0, 2_900.0),
        top: (0..8).map(promotion).collect(),
        remarks: words(&[
            "Who got a TypeA coupon was chosen by what they bought: read their lift as an upper end.",
        ]),
    }
}

fn method() -> FitMethod {
    let part = |name: &str, predicts: &str, rows, coefficients| FitPart {
        name: name.into(),
        predicts: predicts.into(),
        rows,
        coefficients,
        pooling: "0.32 between personas, chosen on held-out weeks".into(),
        iterations: 11,
        converged: true,
    };
    FitMethod {
        facts: vec![
            fact("Customers", "2,469"),
            fact("Weeks fitted", "41"),
            fact("Weeks held out", "12"),
            fact("Posterior draws", "32"),
        ],
        parts: vec![
            part("Visit", "whether a customer shops this week (logit)", 98_133, 61),
            part("Category", "what is bought on a visit (logit per category)", 912_440, 540),
            part("Units", "how much is bought (negative binomial)", 241_209, 380),
        ],
        switched_off: words(&["Halo: it made held-out weeks less probable"]),
        assumptions: words(&[
            "Margin is 30 % of the regular price.",
            "Prices of a week are set before customers decide.",
        ]),
        definitions: Vec::new(),
        methods_link: String::new(),
    }
}

/// A page of unknown, huge and hostile values.
pub(super) fn nasty() -> WorldPage {
    let script = "<script>alert(\"x\")</script> & 'quotes' \u{7} — 漢字".repeat(4);
    let mut page = realistic();
    page.currency = "<b>CHF".into();
    page.sentence = script.clone();
    page.warnings = vec![script.clone()];
    page.interval_level = f64::NAN;
    page.verdict = None;
    for row in page.card.iter_mut().flat_map(|group| &mut group.rows) {
        row.line.clone_from(&script);
        row.actual = Estimate::new(f64::NAN, f64::NEG_INFINITY, 1e300);
        row.simulated = Estimate::without_interval(f64::INFINITY);
    }
    page.held_out[0].name.clone_from(&script);
    page.held_out[0].weeks[3].actual = f64::NAN;
    page.held_out[0].weeks[5].band_80 = Estimate::unknown();
    page.held_out[1].weeks.clear();
    let all = page.distributions.as_mut().expect("the sample has distributions");
    all.peer.clone_from(&script);
    all.rows[0].name.clone_from(&script);
    all.rows[0].curve[4].value = f64::NAN;
    all.rows[1].curve.clear();
    all.rows[2].ks = Estimate::unknown();
    all.rows[9].curve.iter_mut().for_each(|point| point.value = -point.value);
    all.goal_each = f64::NAN;
    for row in page.responses[0].rows.iter_mut().skip(1) {
        row.estimate = Estimate::unknown();
    }
    page.responses[0].rows[0].estimate = Estimate::new(-2.0, -1e200, 1e9);
    page.responses[0].reference =
        Some(ReferenceBand { lower: f64::NAN, upper: 1.0, source: script.clone() });
    page.responses[1].title.clone_from(&script);
    page.responses[1].rows.clear();
    page.coefficients[0].term.clone_from(&script);
    page.coefficients[0].prior_share = f64::NAN;
    let terms = page.ablation.as_mut().expect("the sample has an ablation");
    terms.rows[0].change = Estimate::new(f64::NAN, 1.0, 2.0);
    terms.rows[1].term.clone_from(&script);
    let past = page.promotions.as_mut().expect("the sample has promotions");
    past.top[0].name.clone_from(&script);
    past.top[0].parts[1].margin = Estimate::unknown();
    past.top[2].parts.clear();
    past.top[1].incremental = Estimate::new(1e300, 0.0, f64::INFINITY);
    past.remarks = vec![script.clone()];
    page.method.parts[0].pooling = script;
    page
}
