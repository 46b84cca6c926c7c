//! Weeks that are left out of the fit, on a history with one planted week in which everybody buys.

use super::actions::ActionMap;
use super::design::{Encoder, Rows, Source};
use super::fit::{FitConfig, FittedDemand, fit_demand};
use super::replay::Replay;
use super::targeting::Weighing;
use crate::data::{Category, Cell, History, QualityReport};
use promopt_envs::SeedTree;
use promopt_envs::retail::ObservationSchema;
use rand::Rng;

const CUSTOMERS: u32 = 80;
const WEEKS: u32 = 40;
const SPIKE: u32 = 20;

/// Two categories; a customer buys each in a third of the weeks, and both in the spike.
fn history(anomalous_weeks: Vec<u32>) -> History {
    let mut stream = SeedTree::new(7).stream();
    let mut cells = Vec::new();
    for customer in 0..CUSTOMERS {
        for week in 0..WEEKS {
            for category in 0..2 {
                let bought = stream.random::<f64>() < 1.0 / 3.0;
                let units = f64::from(stream.random_range(1..4));
                if bought || week == SPIKE {
                    let discount = if week % 3 == 0 { 0.2 } else { 0.0 };
                    cells.push(Cell {
                        customer,
                        week,
                        category,
                        baskets: 1,
                        units,
                        gross: 2.0 * units,
                        shelf_discount: 2.0 * units * discount,
                        offer_discount: 0.0,
                        cost: units,
                    });
                }
            }
        }
    }
    let category =
        |name: &str| Category { name: name.to_owned(), margin_rate: 0.5, mean_unit_price: 2.0 };
    let depth = |week: u32| if week.is_multiple_of(3) { 0.2 } else { 0.0 };
    History {
        first_week: chrono::NaiveDate::from_ymd_opt(2024, 1, 1).expect("a date"),
        n_weeks: WEEKS,
        customers: (0..CUSTOMERS).map(|customer| format!("{customer:016x}")).collect(),
        original_ids: None,
        categories: vec![category("dairy"), category("other")],
        cells,
        shelf_depth: (0..WEEKS).flat_map(|week| [depth(week), 0.0]).collect(),
        price_index: vec![0.0; 2 * WEEKS as usize],
        offers: Vec::new(),
        exposures: Vec::new(),
        anomalous_weeks,
        quality: QualityReport::default(),
        fingerprint: String::new(),
    }
}

fn with_encoder<T>(history: &History, then: impl FnOnce(&ActionMap, &Encoder<'_>) -> T) -> T {
    let actions = ActionMap::new(history, &[0.1, 0.3], 0.0).expect("a grid of offers");
    let schema = ObservationSchema::new(1, &["dairy".to_owned(), "other".to_owned()]);
    let timeline = crate::features::PersonaTimeline::default();
    then(&actions, &Encoder { schema: &schema, timeline: &timeline, history })
}

fn rows(history: &History, left_out: &[u32]) -> Rows {
    with_encoder(history, |actions, encoder| {
        let (replay, weighing) = (Replay::new(history, actions), Weighing::default());
        let catalogue = &actions.catalogue;
        let source = Source { history, replay, catalogue, encoder, weighing: &weighing };
        Rows::collect(&source, 0..WEEKS, left_out)
    })
}

fn fitted(history: &History) -> FittedDemand {
    let config = FitConfig { train_draws: 1, judge_draws: 1, test_draws: 1, ..Default::default() };
    with_encoder(history, |actions, encoder| {
        fit_demand(history, actions, encoder, &config, SeedTree::new(1)).expect("enough rows")
    })
}

#[test]
fn a_week_left_out_gives_no_rows_but_is_remembered() {
    let history = history(Vec::new());
    let (all, some) = (rows(&history, &[]), rows(&history, &[SPIKE]));
    let of_week = |rows: &Rows, week| rows.visit.week.iter().filter(|w| **w == week).count();
    assert_eq!(of_week(&all, SPIKE), CUSTOMERS as usize);
    assert_eq!(of_week(&some, SPIKE), 0);
    assert_eq!(all.visit.n() - some.visit.n(), CUSTOMERS as usize);
    // The week after sees the same customers: the summary was fed in both cases.
    let after = |rows: &Rows| -> Vec<Vec<f64>> {
        let p = rows.visit.p;
        let of_week = (0..rows.visit.n()).filter(|i| rows.visit.week[*i] == SPIKE + 1);
        of_week.map(|i| rows.visit.x[i * p..(i + 1) * p].to_vec()).collect()
    };
    assert_eq!(after(&all), after(&some));
    assert!(!after(&some).is_empty());
}

#[test]
fn silence_begins_after_a_visit_in_a_week_left_out() {
    let mut history = history(Vec::new());
    history.cells.retain(|cell| cell.week <= SPIKE);
    let rows = rows(&history, &[SPIKE]);
    for tail in &rows.tails {
        assert!(rows.visit.week[tail.clone()].iter().all(|week| *week > SPIKE));
    }
}

#[test]
fn the_fit_leaves_out_anomalous_weeks_before_the_held_out_ones_only() {
    let plain = fitted(&history(Vec::new()));
    // Week 38 is held out: it never gave rows to the fit, so it is not left out of it.
    let without = fitted(&history(vec![SPIKE, 38]));
    assert_eq!(plain.left_out, [] as [u32; 0]);
    assert_eq!(without.left_out, [SPIKE]);
    let rows = |fitted: &FittedDemand| fitted.parts[0].rows;
    assert_eq!(rows(&plain) - rows(&without), CUSTOMERS as usize);
    assert_ne!(plain.mean, without.mean);
}
