//! Searches spend what they are given, keep the best, and give the same table every time.

use super::*;
use crate::DqnConfig;
use serde_json::json;

fn space() -> SearchSpace {
    BTreeMap::from([
        ("gradient_clip".to_owned(), Range::Uniform { low: -1.0, high: 3.0 }),
        ("learning_rate.start".to_owned(), Range::LogUniform { low: 1e-5, high: 1e-1 }),
        ("n_step".to_owned(), Range::Integer { low: 1, high: 5 }),
        ("hidden".to_owned(), Range::Choice(vec![json!([32]), json!([64, 64])])),
    ])
}

fn clip(settings: &Settings) -> f64 {
    settings.0["gradient_clip"].as_f64().unwrap_or(f64::NAN)
}

/// Best at 1, and worse by a noise that shrinks with the budget; some settings fail.
fn evaluate(settings: &Settings, budget: u64, seed: SeedTree) -> Result<f64, AgentError> {
    let x = clip(settings);
    if x < 0.0 {
        return Err(AgentError::NotFinite { what: "loss", got: f64::NAN });
    }
    Ok(-(x - 1.0).abs() - seed.stream().random::<f64>() / budget as f64)
}

#[test]
fn halving_keeps_the_best_and_spends_its_budget() -> Result<(), AgentError> {
    let config = SearchConfig { trials: 27, total_budget: 4 * 27 * 10, one_in: Some(3) };
    assert_eq!(config.rounds(), [27, 9, 3, 1]);
    assert_eq!(config.budgets(), [10, 30, 90, 270]);
    let table = search(&space(), &config, SeedTree::new(1), evaluate)?;
    assert_eq!(table.len(), 40);
    assert_eq!(table.iter().map(|trial| trial.budget).sum::<u64>(), config.total_budget);
    let round = |n| table.iter().filter(move |trial| trial.round == n);
    for n in 1..4 {
        let mut best: Vec<u32> = round(n - 1).take(round(n).count()).map(|t| t.index).collect();
        let mut gone_on: Vec<u32> = round(n).map(|trial| trial.index).collect();
        best.sort_unstable();
        gone_on.sort_unstable();
        assert_eq!(gone_on, best);
    }
    // Noise is below 1/10 in the first round, so the winner is within 1/10 of the closest draw.
    let closest = round(0).map(|t| (clip(&t.settings) - 1.0).abs()).fold(f64::INFINITY, f64::min);
    assert!((clip(&table[39].settings) - 1.0).abs() <= closest + 0.1);
    let failed = round(0).filter(|trial| trial.failure.is_some()).count();
    assert!(failed > 0 && round(0).rev().take(failed).all(|trial| trial.score.is_none()));
    Ok(())
}

#[test]
fn random_search_gives_every_setting_the_same() -> Result<(), AgentError> {
    let config = SearchConfig { trials: 10, total_budget: 1_000, one_in: None };
    let table = search(&space(), &config, SeedTree::new(2), evaluate)?;
    assert_eq!(table.len(), 10);
    assert!(table.iter().all(|trial| trial.budget == 100));
    assert!(table.is_sorted_by(|a, b| a.score.is_none_or(|a| b.score.is_none_or(|b| a >= b))));
    Ok(())
}

#[test]
fn the_table_does_not_depend_on_the_number_of_threads() -> Result<(), Box<dyn std::error::Error>> {
    let with = |threads| -> Result<Vec<Trial>, Box<dyn std::error::Error>> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
        let run = || search(&space(), &SearchConfig::default(), SeedTree::new(3), evaluate);
        Ok(pool.install(run)?)
    };
    assert_eq!(with(1)?, with(3)?);
    Ok(())
}

#[test]
fn draws_lie_in_their_ranges_and_fill_them() -> Result<(), AgentError> {
    let config = SearchConfig { trials: 4_000, total_budget: 4_000, one_in: None };
    let table = search(&space(), &config, SeedTree::new(4), |_, _, _| Ok(0.0))?;
    let number = |trial: &Trial, path: &str| trial.settings.0[path].as_f64().unwrap_or(f64::NAN);
    assert!(table.iter().all(|t| (1e-5..=1e-1).contains(&number(t, "learning_rate.start"))));
    // Half of the draws lie below the middle: 2000, standard deviation √(4000 / 4) = 31.6.
    let below = |path: &str, middle: f64| {
        table.iter().filter(|trial| number(trial, path) < middle).count() as f64
    };
    assert!((below("learning_rate.start", 1e-3) - 2_000.0).abs() < 4.0 * 31.7);
    assert!((below("gradient_clip", 1.0) - 2_000.0).abs() < 4.0 * 31.7);
    // Each of 5 whole numbers: 800, standard deviation √(4000 · 0.2 · 0.8) = 25.3.
    for n in 1..=5 {
        let count = table.iter().filter(|t| t.settings.0["n_step"] == json!(n)).count() as f64;
        assert!((count - 800.0).abs() < 4.0 * 25.3);
    }
    Ok(())
}

#[test]
fn settings_change_a_configuration_by_path() -> Result<(), AgentError> {
    let settings = Settings(BTreeMap::from([
        ("learning_rate.start".to_owned(), json!(0.25)),
        ("hidden".to_owned(), json!([7])),
    ]));
    let config = settings.apply(&DqnConfig::default())?;
    assert_eq!((config.learning_rate.start, config.hidden.as_slice()), (0.25, [7].as_slice()));
    assert_eq!(config.batch_size, DqnConfig::default().batch_size);
    let unknown = Settings(BTreeMap::from([("learning_rat".to_owned(), json!(1))]));
    let message = unknown.apply(&DqnConfig::default()).expect_err("no such field").to_string();
    assert!(message.contains("`learning_rat`"), "{message}");
    let wrong = Settings(BTreeMap::from([("n_step".to_owned(), json!("three"))]));
    assert!(wrong.apply(&DqnConfig::default()).is_err());
    Ok(())
}

#[test]
fn a_search_that_makes_no_sense_is_refused() {
    let wrong = [
        SearchConfig { trials: 0, ..Default::default() },
        SearchConfig { one_in: Some(1), ..Default::default() },
        SearchConfig { total_budget: 107, ..Default::default() },
    ];
    for config in wrong {
        assert!(search(&space(), &config, SeedTree::new(1), evaluate).is_err());
    }
    let ranges = [
        Range::Uniform { low: 1.0, high: 0.0 },
        Range::LogUniform { low: 0.0, high: 1.0 },
        Range::Integer { low: 2, high: 1 },
        Range::Choice(vec![]),
    ];
    for range in ranges {
        let space = BTreeMap::from([("x".to_owned(), range)]);
        assert!(search(&space, &SearchConfig::default(), SeedTree::new(1), evaluate).is_err());
    }
}
