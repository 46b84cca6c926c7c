//! Persona pages for the tests of this room: one as a real run gives, one as unkind as can be.

use super::input::{Estimate, Fact, HeatMap};
use super::persona_page::*;

const NAMES: [&str; 5] = [
    "Weekly family stock-up",
    "Deal-driven explorers",
    "Quick top-ups",
    "Fresh and premium",
    "Lapsing coupon users",
];
const SIZES: [u64; 5] = [612, 540, 701, 402, 244];
const FEATURES: [&str; 6] = [
    "Baskets per week",
    "Basket value",
    "Days since last visit",
    "Share bought on promotion",
    "Category breadth",
    "Private-label share",
];
const STAGES: [&str; 6] = ["new", "growing", "loyal", "slipping", "lapsed", "won back"];

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

fn persona(index: usize) -> PersonaSummary {
    let stage = |(at, stage): (usize, &&str)| StageShare {
        stage: (*stage).into(),
        share: [0.06, 0.17, 0.48, 0.16, 0.09, 0.04][(at + index * 5) % 6],
    };
    let level = 1.0 + 0.6 * noise(index + 40);
    PersonaSummary {
        name: NAMES[index].into(),
        size: Some(SIZES[index]),
        share: Some(SIZES[index] as f64 / 2_499.0),
        description: "Large baskets once a week, mostly at the weekend; buys what is on offer \
                      among things it buys anyway."
            .into(),
        profile: vec![
            fact("Baskets per week", "1.4"),
            fact("Basket value", "$38.20"),
            fact("Bought on promotion", "47 %"),
        ],
        stages: STAGES.iter().enumerate().map(stage).collect(),
        expected_purchases: Some(around(24.1 * level, 1.9)),
        lifetime_value: Some(around(412.0 * level, 38.0)),
        value_horizon: "next 26 weeks".into(),
    }
}

fn pca() -> PcaMap {
    let point = |index: usize| {
        let persona = index % 5;
        let center = [(-2.4, 0.8), (1.6, 1.9), (0.3, -1.7), (2.8, -0.6), (-1.5, -2.1)][persona];
        let spread = |offset: usize| (noise(index * 3 + offset) + noise(index * 7 + offset)) * 0.9;
        PcaPoint { x: center.0 + spread(1), y: center.1 + spread(2), persona }
    };
    let loading = |(index, feature): (usize, &&str)| Loading {
        feature: (*feature).into(),
        weights: (0..4).map(|component| 0.6 * noise(index * 4 + component)).collect(),
    };
    PcaMap {
        points: (0..1_500).map(point).collect(),
        explained_variance: vec![0.382, 0.214, 0.131, 0.094, 0.061, 0.042],
        loadings: FEATURES.iter().enumerate().map(loading).collect(),
        axis_titles: vec!["buys more often →".into(), "more on promotion →".into()],
    }
}

fn selection() -> Selection {
    let row = |k: usize| {
        let off = (k as f64 - 5.0).abs();
        SelectionRow {
            k,
            silhouette: 0.31 - 0.03 * off + 0.01 * noise(k),
            gap: around(0.92 - 0.08 * off, 0.03),
            bic: 42_100.0 + 610.0 * off * off,
            stability: around(0.84 - 0.07 * off, 0.05),
            noise_stability: around(0.31 - 0.01 * k as f64, 0.04),
        }
    };
    Selection {
        chosen: 5,
        reason: "Five personas: the largest number whose groupings agree on bootstrap samples \
                 clearly better than noise."
            .into(),
        rows: (2..=10).map(row).collect(),
    }
}

fn dendrogram() -> Dendrogram {
    let size = |index: usize| 60 + (noise(index) * 55.0) as u64;
    let leaf = |index: usize| DendrogramLeaf { size: size(index), persona: index / 6 };
    let mut merges = Vec::new();
    let mut tops: Vec<usize> = Vec::new();
    for persona in 0..5 {
        let mut node = persona * 6;
        for step in 1..6 {
            let height = 4.0 + 2.4 * step as f64 + persona as f64 * 0.3;
            merges.push(DendrogramMerge { left: node, right: persona * 6 + step, height });
            node = 30 + merges.len() - 1;
        }
        tops.push(node);
    }
    for (left, right, height) in [(0, 1, 31.0), (2, 3, 38.0)] {
        merges.push(DendrogramMerge { left: tops[left], right: tops[right], height });
        tops.push(30 + merges.len() - 1);
    }
    merges.push(DendrogramMerge { left: tops[5], right: tops[6], height: 52.0 });
    let top = 30 + merges.len() - 1;
    merges.push(DendrogramMerge { left: top, right: tops[4], height: 71.0 });
    Dendrogram { leaves: (0..30).map(leaf).collect(), merges, cut_height: 24.0, sample: 1_800 }
}

fn migration(from: &str, to: &str, seed: usize) -> Migration {
    let states: Vec<String> =
        NAMES.iter().copied().chain(["Not active"]).map(String::from).collect();
    let count = |row: usize, column: usize| {
        let stay = if row == column { 380.0 } else { 28.0 };
        Some((stay * (1.0 + 0.7 * noise(seed + row * 6 + column))) as u64)
    };
    let counts: Vec<Vec<Option<u64>>> =
        (0..6).map(|row| (0..6).map(|column| count(row, column)).collect()).collect();
    let shares = |row: &Vec<Option<u64>>| {
        let total: u64 = row.iter().flatten().sum();
        row.iter().map(|cell| cell.unwrap_or(0) as f64 / total as f64).collect()
    };
    let row_shares = counts.iter().map(shares).collect();
    Migration { from: from.into(), to: to.into(), states, counts, row_shares }
}

fn calibration() -> Calibration {
    let row = |index: usize| CalibrationRow {
        past_purchases: if index == 7 { "7+".into() } else { index.to_string() },
        customers: Some(420 - 50 * index as u64),
        actual: 0.2 + 0.62 * index as f64 * (1.0 + 0.1 * noise(index)),
        predicted: 0.23 + 0.6 * index as f64,
    };
    let week = |index: usize| {
        let expected = 900.0 * (index as f64 + 1.0).powf(0.93);
        let actual = expected * (1.0 + 0.02 * noise(index / 3));
        TrackingWeek { week: format!("week {}", index + 1), actual, expected }
    };
    Calibration {
        window: "Fitted on the first 39 weeks, judged on the next 39.".into(),
        by_past_purchases: (0..8).map(row).collect(),
        tracking: (0..78).map(week).collect(),
        split: 39,
        facts: vec![fact("Mean absolute error per customer", "0.81 purchases")],
    }
}

fn feature(name: &str, dropped: Option<&str>) -> FeatureRow {
    FeatureRow {
        name: name.into(),
        unit: "per week".into(),
        meaning: "Mean over the weeks since the first purchase".into(),
        transform: "log, winsorised, robust scale".into(),
        dropped: dropped.map(String::from),
    }
}

/// A page as two years of a grocery chain give.
pub(super) fn realistic() -> PersonaPage {
    let silhouette = |persona: usize| {
        let value =
            |index: usize| 0.32 + 0.38 * noise(index * 11 + persona) - 0.03 * persona as f64;
        let values: Vec<f64> = (0..SIZES[persona] as usize / 3).map(value).collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        SilhouetteGroup { persona, values, mean }
    };
    let z_score = |row: usize| (0..5).map(|column| 1.8 * noise(row * 5 + column)).collect();
    let mut features: Vec<FeatureRow> = FEATURES.iter().map(|name| feature(name, None)).collect();
    features.push(feature("Items per basket", Some("correlated 0.97 with Basket value")));
    PersonaPage {
        title: String::new(),
        data_window: "2 January 2017 to 15 December 2018, features as of 16 December 2018".into(),
        currency: "$".into(),
        interval_level: 0.95,
        headline: "Five kinds of customer, found again in 84 % of bootstrap samples".into(),
        warnings: vec!["Expected purchases are for customers with at least one purchase.".into()],
        personas: (0..5).map(persona).collect(),
        heat_map: HeatMap {
            features: FEATURES.map(String::from).to_vec(),
            personas: NAMES.map(String::from).to_vec(),
            z_scores: (0..6).map(z_score).collect(),
        },
        pca: Some(pca()),
        silhouettes: (0..5).map(silhouette).collect(),
        mean_silhouette: 0.27,
        selection: selection(),
        dendrogram: Some(dendrogram()),
        migrations: vec![migration("2018 Q1", "2018 Q2", 0), migration("2018 Q2", "2018 Q3", 100)],
        stability: ["2017 Q4", "2018 Q1", "2018 Q2", "2018 Q3"]
            .into_iter()
            .zip([0.02, 0.06, 0.13, 0.28])
            .map(|(quarter, psi)| QuarterDrift { quarter: quarter.into(), psi })
            .collect(),
        calibration: Some(calibration()),
        features,
        method: vec!["k-means on robustly scaled features, 20 starts.".into()],
    }
}

/// Unknown numbers, markup in every text, indices out of range, a tree that is none.
pub(super) fn nasty() -> PersonaPage {
    let evil = "<script>alert(1)</script> & \"quoted\" \u{1}";
    let mut page = realistic();
    page.title = evil.into();
    page.headline = evil.into();
    page.warnings = vec![evil.into()];
    page.currency = "<b>CHF".into();
    page.interval_level = f64::NAN;
    page.personas[0].name = evil.into();
    page.personas[0].share = Some(f64::NAN);
    page.personas[0].stages[0].share = f64::INFINITY;
    page.personas[1].size = Some(3);
    page.personas[2].lifetime_value = Some(Estimate::unknown());
    page.personas[3].expected_purchases = None;
    page.heat_map.z_scores[0].truncate(1);
    page.heat_map.z_scores[1][0] = f64::NAN;
    if let Some(map) = &mut page.pca {
        map.points[0].x = f64::NAN;
        map.points[1].persona = 77;
        map.loadings[0].weights.clear();
        map.explained_variance[0] = f64::NAN;
        map.axis_titles[1] = evil.into();
    }
    page.silhouettes[0].values[0] = f64::NAN;
    page.silhouettes[2].persona = 99;
    page.mean_silhouette = 4.0;
    page.selection.rows[0].gap = Estimate::unknown();
    page.selection.rows[1].bic = f64::NEG_INFINITY;
    page.selection.chosen = 400;
    if let Some(tree) = &mut page.dendrogram {
        tree.merges[2].left = 5_000;
    }
    page.migrations[0].from = evil.into();
    page.migrations[0].counts.truncate(2);
    page.migrations[1].row_shares[0][0] = f64::NAN;
    page.stability[0].psi = f64::NAN;
    if let Some(check) = &mut page.calibration {
        check.split = 9_999;
        check.by_past_purchases[1].customers = Some(2);
        check.tracking[0].actual = f64::NAN;
        check.tracking[1].week = evil.into();
    }
    page.features[0].dropped = Some(evil.into());
    page
}
