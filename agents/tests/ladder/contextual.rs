//! Rung 6, contextual: classification by trial, a linear world, and a log of 100,000 decisions.
//!
//! References: digits LinUCB(½) .9470 over five epochs and .9815 in the last; breast cancer LinUCB(½)
//! .9723, Vowpal Wabbit's SquareCB .9776; linear world regret 76.2 ± 1.2 for LinUCB(1) and
//! 219.5 ± 1.6 for Thompson(¼); log: Vowpal Wabbit's SquareCB .9947 online, MTR .9902, DR .9881, IPS
//! .9839 of the gain of the best policy over the uniform one.

use crate::contextual_worlds::{Figure, LinearWorld, LogWorld, Table, play_table, slow};
use promopt_agents::bandit::{
    Exploration, FromLogConfig, Objective, RegressorBandit, RegressorBanditConfig, RegressorConfig,
    RewardModel, policy_from_log,
};
use promopt_agents::{
    Agent, AgentError, LinUcb, LinUcbConfig, Normalisation, Thompson, ThompsonConfig,
};
use promopt_envs::{EnvSpec, SeedTree};

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn lin_ucb(alpha: f64) -> LinUcbConfig {
    LinUcbConfig { alpha, epsilon: 0.0, ..Default::default() }
}

fn thompson(noise: f64) -> ThompsonConfig {
    ThompsonConfig { noise, epsilon: 0.0, ..Default::default() }
}

fn explorer(
    regressor: RegressorConfig,
    exploration: Exploration,
    table: &Table,
    seed: u64,
) -> Result<RegressorBandit, AgentError> {
    let config = RegressorBanditConfig { regressor, exploration, epsilon: 0.0 };
    let seed = SeedTree::new(seed).child("agent");
    RegressorBandit::new(config, &table.spec, &table.normalisation, None, seed)
}

/// Five epochs for each of several seeds: progressive reward over all, and in the last epoch.
fn classify(
    name: &str,
    table: &Table,
    seeds: std::ops::Range<u64>,
    build: impl Fn(u64) -> Result<Box<dyn Agent>, AgentError>,
) -> Result<Figure, AgentError> {
    let (mut all, mut last) = (Vec::new(), Vec::new());
    for seed in seeds.clone() {
        let epochs = play_table(build(seed)?.as_mut(), table, 5, seed)?;
        all.push(epochs.iter().sum::<f64>() / 5.0);
        last.push(epochs[4]);
    }
    let figure = Figure::of(&all);
    eprintln!("{name}: {figure} all, {} last epoch, seeds {seeds:?}", Figure::of(&last));
    Ok(figure)
}

#[test]
fn digits_and_breast_cancer_are_learned_by_trial() -> Outcome {
    let digits = Table::digits()?;
    let (spec, scale) = (&digits.spec, &digits.normalisation);
    let ucb = |alpha| {
        move |spec: &EnvSpec, scale: &Normalisation| -> Result<Box<dyn Agent>, _> {
            Ok(Box::new(LinUcb::new(lin_ucb(alpha), spec, scale.clone())?))
        }
    };
    let n_seeds = if slow("digits with ten seeds") { 10 } else { 1 };
    let reward = classify("digits, LinUCB(0.5)", &digits, 0..n_seeds, |_| ucb(0.5)(spec, scale))?;
    assert!(reward.mean >= 0.945, "{reward}");
    let cancer = Table::breast_cancer()?;
    let (spec, scale) = (&cancer.spec, &cancer.normalisation);
    classify("breast cancer, LinUCB(0.5)", &cancer, 0..10, |_| ucb(0.5)(spec, scale))?;
    let reward = classify("breast cancer, logistic Thompson", &cancer, 0..10, |_| {
        let likelihood = promopt_agents::bandit::Likelihood::Logistic;
        let config = ThompsonConfig { likelihood, ridge: 1.0, ..thompson(0.5) };
        Ok(Box::new(Thompson::new(config, spec, scale.clone())?))
    })?;
    assert!(reward.mean >= 0.975, "{reward}");
    Ok(())
}

#[test]
fn other_explorers_classify_too() -> Outcome {
    if !slow("other explorers on digits and breast cancer") {
        return Ok(());
    }
    let square = Exploration::SquareCb { scale: 10.0, exponent: 0.5 };
    let ways = [
        ("ridge, square_cb", RegressorConfig::default(), square.clone()),
        ("logistic, square_cb", RegressorConfig::Logistic { ridge: 1.0 }, square),
        (
            "ridge, bootstrap 10",
            RegressorConfig::default(),
            Exploration::Bootstrap { replicas: 10 },
        ),
        ("ridge, greedy", RegressorConfig::default(), Exploration::EpsilonGreedy),
        ("sgd, greedy", RegressorConfig::Sgd { learning_rate: 0.1 }, Exploration::EpsilonGreedy),
    ];
    for table in [Table::digits()?, Table::breast_cancer()?] {
        let (spec, scale) = (&table.spec, &table.normalisation);
        classify(&format!("{}, Thompson(0.2)", spec.id), &table, 0..3, |_| {
            Ok(Box::new(Thompson::new(thompson(0.2), spec, scale.clone())?))
        })?;
        for (name, regressor, exploration) in &ways {
            let build = |seed| -> Result<Box<dyn Agent>, AgentError> {
                let (regressor, exploration) = (regressor.clone(), exploration.clone());
                Ok(Box::new(explorer(regressor, exploration, &table, seed)?))
            };
            let figure = classify(&format!("{}, {name}", spec.id), &table, 0..3, build)?;
            // Better than guessing among equally frequent classes, with a wide margin.
            assert!(figure.mean > 0.6, "{name} {figure}");
        }
    }
    Ok(())
}

#[test]
fn regret_in_the_linear_world_is_within_three_standard_errors_of_the_reference() -> Outcome {
    let n_seeds = if slow("linear world with ten seeds") { 10 } else { 3 };
    type Build = fn(&EnvSpec, Normalisation) -> Result<Box<dyn Agent>, AgentError>;
    let agents: [(&str, f64, f64, Build); 2] = [
        ("LinUCB(1)", 76.2, 1.2, |spec, scale| {
            Ok(Box::new(LinUcb::new(lin_ucb(1.0), spec, scale)?))
        }),
        ("Thompson(0.25)", 219.5, 1.6, |spec, scale| {
            Ok(Box::new(Thompson::new(thompson(0.25), spec, scale)?))
        }),
    ];
    for (name, reference, reference_error, build) in agents {
        let mut regrets = Vec::new();
        for seed in 0..n_seeds {
            let world = LinearWorld::new(SeedTree::new(seed));
            let mut agent = build(&world.spec, Normalisation::identity(20))?;
            regrets.push(world.regret(agent.as_mut(), 5_000)?);
        }
        let figure = Figure::of(&regrets);
        eprintln!(
            "linear world, {name}: regret {figure}, reference {reference}, seeds 0..{n_seeds}"
        );
        let error = figure.standard_error.hypot(reference_error);
        assert!(figure.mean <= reference + 3.0 * error, "{name}: {figure}");
    }
    Ok(())
}

#[test]
fn a_log_of_100_000_decisions_teaches_almost_all_there_is_to_gain() -> Outcome {
    if !slow("log of 100,000 decisions") {
        return Ok(());
    }
    let logistic = RegressorConfig::Logistic { ridge: 1.0 };
    let reward_model = RewardModel { regressor: logistic.clone(), folds: 5 };
    let ridge = RegressorConfig::default();
    let ways = [
        ("MTR, logistic", Objective::Mtr, logistic),
        ("MTR, ridge", Objective::Mtr, ridge.clone()),
        ("DR, ridge", Objective::Dr, ridge.clone()),
        ("IPS, ridge", Objective::Ips, ridge),
    ];
    let worlds: Vec<LogWorld> = (0..5).map(|seed| LogWorld::new(SeedTree::new(seed))).collect();
    let opening = |value: fn(&LogWorld) -> f64| worlds.iter().map(value).collect::<Vec<_>>();
    eprintln!("log worlds: optimum {}", Figure::of(&opening(|world| world.optimum)));
    eprintln!("log worlds: uniform {}", Figure::of(&opening(|world| world.uniform)));
    let mut shares = Vec::new();
    for (name, objective, regressor) in ways {
        let reward_model = reward_model.clone();
        let config = FromLogConfig { objective, regressor, reward_model };
        let mut by_world = Vec::new();
        for world in &worlds {
            by_world.push(world.share(&policy_from_log(&config, &world.log(100_000))?));
        }
        let figure = Figure::of(&by_world);
        eprintln!("log of 100,000, {name}: share {figure}, worlds 0..5");
        shares.push(figure);
    }
    assert!(shares[0].mean >= 0.995, "{}", shares[0]);
    Ok(())
}
