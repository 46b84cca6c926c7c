//! Inputs for the tests of this room: one as a real run gives, one as unkind as can be.

use super::input::*;
use super::quality_page::{SalesSeries, SalesWeek};

const PERSONAS: [&str; 5] =
    ["Weekly families", "Bargain hunters", "Quick top-ups", "Fresh and organic", "Lapsing"];
const CATEGORIES: [&str; 4] = ["Soft drinks", "Cheese", "Laundry", "Frozen pizza"];
const ACTIONS: [&str; 4] = ["No offer", "10 % off", "20 % off", "30 % off"];

fn wave(index: usize, size: f64) -> f64 {
    size * (index as f64 * 0.7).sin()
}

fn around(value: f64, half: f64) -> Estimate {
    Estimate::new(value, value - half, value + half)
}

fn fact(label: &str, value: &str) -> Fact {
    Fact { label: label.into(), value: value.into() }
}

/// An input as a run on the built-in synthetic retailer gives.
pub(super) fn realistic() -> ReportInput {
    ReportInput {
        title: "Promotion policy for the spring season".into(),
        run_name: "synthetic-7".into(),
        seed: 7,
        currency: "$".into(),
        interval_level: 0.95,
        versions: vec![fact("promopt", "0.1.0"), fact("Bundle format", "1")],
        data_window: "2 January 2017 to 31 December 2017".into(),
        banners: vec!["Margin was assumed at 30 % of sales: the history has no unit cost.".into()],
        verdict: verdict(),
        quality: quality(),
        personas: personas(),
        demand: demand(),
        realism: realism(),
        learning: learning(),
        leaderboard: leaderboard(),
        off_policy: off_policy(),
        ab_test: ab_test(),
        action_mix: action_mix(),
        truth: Some(Truth {
            none: around(3.11, 0.05),
            current: around(3.24, 0.05),
            policy: around(3.61, 0.06),
            oracle: around(3.83, 0.05),
            captured_uplift: Some(0.694),
        }),
        policy_sentences: vec![
            "Weekly families get no offer in nine weeks out of ten: they buy anyway.".into(),
            "Bargain hunters get 20 % off when they have not bought for three weeks.".into(),
            "Nobody gets two offers in the same week.".into(),
        ],
        next_steps: vec![
            "Start the planned experiment on 5 % of customers for eight weeks.".into(),
            "Replace the assumed margin by unit costs before going further.".into(),
        ],
        gate: gate(),
        timings: vec![
            Timing { stage: "ingest".into(), seconds: 1.24 },
            Timing { stage: "train".into(), seconds: 68.9 },
        ],
        files: vec![
            FileEntry { path: "policy/".into(), what: "The bundle a server loads.".into() },
            FileEntry { path: "run.json".into(), what: "Configuration, seed, versions.".into() },
        ],
        glossary: Vec::new(),
    }
}

fn verdict() -> Verdict {
    Verdict {
        approved: true,
        policy: "Double DQN".into(),
        sentence: "Replace today's promotions by this policy: it earns more from every kind of \
                   customer that could be measured, at 18 % lower promotion cost."
            .into(),
        uplift_vs_control: around(0.50, 0.08),
        uplift_vs_current: around(0.37, 0.09),
        yearly: around(4_810_000.0, 1_170_000.0),
        captured_uplift: Some(0.694),
    }
}

fn quality() -> DataQuality {
    let rule = |name: &str, reason: &str, rows, sales_removed| QualityRule {
        name: name.into(),
        reason: reason.into(),
        rows,
        sales_removed,
    };
    DataQuality {
        rules: vec![
            rule("duplicate_row", "The same line was exported twice.", 1_204, 5_310.2),
            rule("negative_quantity", "Returns are netted, not sold.", 873, 2_044.0),
            rule("price_outlier", "More than 20 times the median price.", 12, 18_400.5),
        ],
        rows_in: 2_595_732,
        rows_kept: 2_593_643,
        sales_in: 8_057_463.1,
        sales_kept: 8_031_708.4,
        customers: 2_500,
        weeks: 52,
        margin_source: "assumed at 30 % of sales in every department".into(),
        weekly_sales: weekly_sales(),
        verdict: "The history (52 weeks and 2,500 customers) is ok.".into(),
        page: "history/quality.html".into(),
    }
}

fn personas() -> Personas {
    let sizes = [Some(812), Some(640), Some(571), Some(470), None];
    let cards = PERSONAS.iter().zip(sizes).map(|(name, size)| PersonaCard {
        name: (*name).into(),
        size,
        share: size.map(|size| size as f64 / 2_500.0),
        description: "Large baskets every week, mostly at the weekend; little moved by price."
            .into(),
        profile: vec![
            fact("Visits per week", "1.8"),
            fact("Basket", "$42.10"),
            fact("Bought on offer", "23 %"),
        ],
    });
    let features = ["Recency", "Frequency", "Spend", "Share on offer", "Basket size", "Variety"];
    let rows = (0..features.len())
        .map(|row| (0..PERSONAS.len()).map(|column| wave(row * 5 + column * 3, 2.3)).collect());
    Personas {
        cards: cards.collect(),
        page: "personas/personas.html".into(),
        heat_map: HeatMap {
            features: features.map(String::from).into(),
            personas: PERSONAS.map(String::from).into(),
            z_scores: rows.collect(),
        },
    }
}

fn demand() -> Demand {
    let point =
        |slope: f64, depth: f64| Point { x: depth, y: around((slope * depth).exp(), 0.3 * depth) };
    let line = |(index, name): (usize, &&str)| Line {
        name: (*name).into(),
        points: (0..=8)
            .map(|step| point(0.6 + 0.55 * index as f64, 0.05 * f64::from(step)))
            .collect(),
    };
    Demand {
        response_label: "Expected weekly purchases relative to no offer".into(),
        panels: CATEGORIES
            .iter()
            .map(|category| DemandPanel {
                category: (*category).into(),
                lines: PERSONAS.iter().enumerate().map(line).collect(),
            })
            .collect(),
        elasticities: CATEGORIES
            .iter()
            .enumerate()
            .map(|(index, category)| Elasticity {
                category: (*category).into(),
                estimate: around(-1.4 - 0.4 * index as f64, 0.35),
                evidence: "212 price changes in 48 weeks".into(),
            })
            .collect(),
    }
}

fn realism() -> Realism {
    let row = |line: &str, value: &str, band: &str, verdict, note: &str| RealismRow {
        line: line.into(),
        value: value.into(),
        reference_band: band.into(),
        verdict,
        note: note.into(),
    };
    Realism {
        verdict: Some(Check::Warn),
        sentence: "Trust it to compare offers, not to forecast holiday weeks.".into(),
        page: "demand/world.html".into(),
        rows: vec![
            row("Weekly revenue error", "4.1 %", "below 10 %", Check::Pass, ""),
            row("Mean elasticity", "−1.9", "−3.5 to −1.2", Check::Pass, "Bijmolt et al. (2005)"),
            row("Post-promotion dip", "2 %", "3 % to 20 %", Check::Warn, "Weak stockpiling."),
            row("Days between visits", "9.1", "5 to 8", Check::Fail, "Visits are too rare."),
        ],
        held_out: (0..10)
            .map(|week| HeldOutWeek {
                week: format!("2017-W{}", 43 + week),
                actual: 165_000.0 + wave(week * 2, 9_000.0),
                simulated: around(163_000.0 + wave(week, 6_000.0), 11_000.0),
            })
            .collect(),
    }
}

fn learning() -> Vec<LearningCurve> {
    let curve = |(index, agent): (usize, &str)| LearningCurve {
        agent: agent.into(),
        points: (0..40)
            .map(|step| {
                let gain = 8.0 * (1.0 - (-f64::from(step) / (6.0 + 4.0 * index as f64)).exp());
                let mean = 36.0 + gain + wave(step as usize + index, 0.6);
                Point { x: f64::from(step) * 5_000.0, y: around(mean, 0.9) }
            })
            .collect(),
    };
    ["Double DQN", "Thompson sampling", "LinUCB"].into_iter().enumerate().map(curve).collect()
}

fn leaderboard() -> Leaderboard {
    use PolicyRole::{Candidate, Chosen, Control, Current};
    let rows = [
        ("Double DQN", Chosen, 3.61, 0.31, 0.21),
        ("Uplift targeting", Candidate, 3.49, 0.34, 0.25),
        ("LinUCB", Candidate, 3.47, 0.41, 0.27),
        ("Thompson sampling", Candidate, 3.45, 0.40, 0.26),
        ("Greedy myopic", Candidate, 3.38, 0.52, 0.33),
        ("RFM rule", Candidate, 3.29, 0.28, 0.24),
        ("Today's promotions (replica)", Current, 3.24, 0.36, 0.26),
        ("No offer", Control, 3.11, 0.0, 0.0),
        ("Always 20 %", Candidate, 2.71, 1.0, 0.82),
    ];
    let row = |(policy, role, margin, contact_rate, promotion_cost): (&str, _, f64, _, _)| {
        LeaderboardRow {
            policy: policy.into(),
            role,
            margin: around(margin, 0.06),
            uplift_vs_current: around(margin - 3.24, 0.08),
            uplift_vs_control: around(margin - 3.11, 0.08),
            contact_rate,
            promotion_cost,
            return_on_cost: match promotion_cost > 0.0 {
                true => around(1.0 + (margin - 3.11) / promotion_cost, 0.2),
                false => Estimate::unknown(),
            },
            note: String::new(),
        }
    };
    Leaderboard {
        rows: rows.map(row).into(),
        winner_sentence: "Double DQN wins: it beats the next best, uplift targeting, by $0.12 per \
                          customer-week."
            .into(),
    }
}

fn off_policy() -> OffPolicy {
    let row = |name: &str, value, half, effective_sample_size| OffPolicyRow {
        estimator: name.into(),
        estimate: around(value, half),
        effective_sample_size,
    };
    OffPolicy {
        verdict: OffPolicyVerdict::Caution,
        reasons: vec!["Half of the weight rests on 3 % of the decisions.".into()],
        rows: vec![
            row("Self-normalised weighting", 3.55, 0.22, 2_410.0),
            row("Doubly robust", 3.58, 0.14, 2_410.0),
        ],
    }
}

fn ab_test() -> AbTest {
    let row = |(index, persona): (usize, &&str)| PersonaEffect {
        persona: (*persona).into(),
        customers: (index < 4).then_some(400 - 60 * index as u64),
        effect: (index < 4).then(|| around(0.62 - 0.21 * index as f64, 0.2)),
    };
    AbTest {
        design: "Simulated: 1,250 customers with the policy, 1,250 with today's promotions, 26 \
                 weeks."
            .into(),
        total: Some(around(0.37, 0.09)),
        personas: PERSONAS.iter().enumerate().map(row).collect(),
    }
}

fn action_mix() -> ActionMix {
    let shares = [
        Some(vec![0.90, 0.08, 0.02, 0.0]),
        Some(vec![0.41, 0.20, 0.30, 0.09]),
        Some(vec![0.72, 0.15, 0.10, 0.03]),
        Some(vec![0.81, 0.19, 0.0, 0.0]),
        None,
    ];
    ActionMix {
        actions: ACTIONS.map(String::from).into(),
        rows: PERSONAS
            .iter()
            .zip(shares)
            .map(|(persona, shares)| ActionMixRow { persona: (*persona).into(), shares })
            .collect(),
    }
}

fn gate() -> Vec<GateReason> {
    let reason = |condition: &str, verdict, reason: &str| GateReason {
        condition: condition.into(),
        verdict,
        reason: reason.into(),
    };
    vec![
        reason("Beats today's promotions", Check::Pass, "+$0.37, interval above zero"),
        reason("Off-policy evidence", Check::Warn, "Thin overlap; experiment still needed"),
        reason("Promotion budget", Check::Pass, "$0.21 of $0.30 per customer-week"),
    ]
}

const SCRIPT: &str = "<script>alert('x')</script> & \"quoted\" \u{1} \
                      Donaudampfschifffahrtsgesellschaft 漢字漢字漢字 without an end in sight";

fn name(index: usize) -> String {
    format!("{index}{SCRIPT}")
}

/// Script in every name, twelve personas, forty policies, missing and absurd numbers.
pub(super) fn nasty() -> ReportInput {
    let mut input = realistic();
    input.title = SCRIPT.repeat(2);
    input.run_name = SCRIPT.into();
    input.currency = "<b>CHF</b> ".into();
    input.banners = vec![SCRIPT.into(); 3];
    input.verdict.approved = false;
    input.verdict.policy = SCRIPT.into();
    input.verdict.uplift_vs_control = Estimate::new(f64::NAN, f64::INFINITY, 1.0);
    input.verdict.yearly = around(-1e30, 1.0);
    input.verdict.captured_uplift = Some(f64::NAN);
    let card = input.personas.cards[0].clone();
    input.personas.cards = (0..12)
        .map(|index| PersonaCard {
            name: name(index),
            size: (index % 4 != 3).then_some(10_u64.pow(index as u32 % 9)),
            ..card.clone()
        })
        .collect();
    input.personas.heat_map = HeatMap {
        features: (0..14).map(name).collect(),
        personas: (0..12).map(name).collect(),
        z_scores: vec![vec![0.4, f64::NAN, 1e9, -70.0, 1.0], vec![f64::NEG_INFINITY; 40]],
    };
    let line = input.demand.panels[0].lines[4].clone();
    for panel in &mut input.demand.panels {
        panel.category = SCRIPT.into();
        panel.lines = (0..12).map(|index| Line { name: name(index), ..line.clone() }).collect();
        panel.lines[0].points[3].y.value = f64::NAN;
    }
    input.demand.panels.push(DemandPanel::default());
    make_results_nasty(&mut input);
    input
}

fn make_results_nasty(input: &mut ReportInput) {
    let row = input.leaderboard.rows[1].clone();
    input.leaderboard.rows = (0..40)
        .map(|index| LeaderboardRow {
            policy: name(index),
            margin: around(3.0 - 0.1 * index as f64, if index == 5 { f64::NAN } else { 0.4 }),
            contact_rate: f64::NAN,
            note: SCRIPT.into(),
            ..row.clone()
        })
        .collect();
    input.leaderboard.rows[7].margin = Estimate::unknown();
    let curve = input.learning[0].clone();
    input.learning = (0..15)
        .map(|index| LearningCurve { agent: name(index), points: curve.points[index..].to_vec() })
        .collect();
    input.off_policy.verdict = OffPolicyVerdict::Refuse;
    input.ab_test.personas = (0..12)
        .map(|index| PersonaEffect {
            persona: name(index),
            customers: (index > 2).then_some(index as u64 * 5_000),
            effect: (index > 2).then(|| around(wave(index, 3.0), index as f64 * 0.2)),
        })
        .collect();
    input.action_mix.actions = (0..9).map(name).collect();
    input.action_mix.rows = (0..12)
        .map(|index| ActionMixRow {
            persona: name(index),
            shares: Some(vec![1.0 / (index + 1) as f64, f64::NAN, 0.2, 7.0, -1.0]),
        })
        .collect();
    input.realism.rows[0].note = SCRIPT.repeat(3);
    input.realism.held_out[2].actual = f64::NAN;
    input.realism.held_out[6].simulated = Estimate::unknown();
    input.quality.weekly_sales.weeks.truncate(1);
    input.quality.rules[0].name = SCRIPT.replace(' ', "_");
    input.policy_sentences = vec![SCRIPT.into()];
    input.versions = vec![fact(SCRIPT, &"0123456789abcdef".repeat(8))];
}

fn weekly_sales() -> SalesSeries {
    let week = |week: usize| SalesWeek {
        week: format!("2017-W{:02}", week + 1),
        sales: 154_000.0 + wave(week, 16_000.0) + 350.0 * week as f64,
        expected: Estimate::new(160_000.0, 130_000.0, 190_000.0),
        is_outlier: week == 20,
    };
    SalesSeries { weeks: (0..52).map(week).collect(), ..SalesSeries::default() }
}
