//! How fast a log of a million rounds over ten actions is judged, on one core.
//!
//! `cargo bench -p promopt-evaluate --bench off_policy`. An item is one round; in the bootstraps it
//! is one round of one resample. `prepare` reads the probabilities and predictions of all actions
//! once, after which every estimator works on four numbers per round.

use divan::Bencher;
use divan::counter::ItemsCount;
use promopt_envs::SeedTree;
use promopt_evaluate::off_policy::tuning::{Family, Rule, tune};
use promopt_evaluate::off_policy::{
    Bootstrap, DM, DR, Estimator, IPS, Rounds, SNDR, SNIPS, Units, WeightProfile, Weighting,
};
use promopt_evaluate::{LoggedDecisions, LoggedTable, RewardPredictions, TargetProbabilities};
use rand::Rng;
use std::sync::OnceLock;

const ROUNDS: usize = 1_000_000;
const ACTIONS: usize = 10;

fn main() {
    divan::main();
}

struct Log {
    log: LoggedDecisions,
    target: TargetProbabilities,
    model: RewardPredictions,
}

/// Even logging, a target that follows the context, clicks.
fn log() -> &'static Log {
    static LOG: OnceLock<Log> = OnceLock::new();
    LOG.get_or_init(|| {
        let mut rng = SeedTree::new(1).stream();
        let mut table = LoggedTable { n_actions: ACTIONS, ..LoggedTable::default() };
        let (mut target, mut model) = (Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            let action = rng.random_range(0..ACTIONS);
            let scores: [f64; ACTIONS] = std::array::from_fn(|_| rng.random::<f64>().powi(4));
            let total: f64 = scores.iter().sum();
            target.extend(scores.map(|score| score / total));
            model.extend((0..ACTIONS).map(|_| 0.1 + 0.1 * rng.random::<f64>()));
            table.actions.push(action);
            table.propensities.push(1.0 / ACTIONS as f64);
            table.rewards.push(f64::from(u8::from(rng.random::<f64>() < 0.15)));
            table.clusters.push(round as u32);
        }
        let log = LoggedDecisions::new(table).expect("the log is valid");
        let target = TargetProbabilities::new(target, &log).expect("rows sum to one");
        let model = RewardPredictions::new(model, &log).expect("they are finite");
        Log { log, target, model }
    })
}

fn rounds() -> &'static Rounds<'static> {
    static ROUNDS: OnceLock<Rounds<'static>> = OnceLock::new();
    ROUNDS.get_or_init(prepared)
}

fn prepared() -> Rounds<'static> {
    let Log { log, target, model } = log();
    Rounds::of_log(log, target, model).expect("they belong together")
}

#[divan::bench(sample_count = 20)]
fn prepare(bencher: Bencher<'_, '_>) {
    log();
    bencher.counter(ItemsCount::new(ROUNDS)).bench(prepared);
}

const ESTIMATORS: [(&str, Estimator); 9] = [
    ("dm", DM),
    ("ips", IPS),
    ("snips", SNIPS),
    ("dr", DR),
    ("sndr", SNDR),
    ("dr_clip", Estimator::of(Weighting::Clipped(5.0), true)),
    ("switch_dr", Estimator::of(Weighting::Switched(5.0), true)),
    ("dros", Estimator::of(Weighting::Shrunk(10.0), true)),
    ("sg_dr", Estimator::of(Weighting::Smoothed(0.1), true)),
];

fn named(name: &str) -> Estimator {
    ESTIMATORS.iter().find(|(known, _)| *known == name).expect("it is in the list").1
}

/// The estimate.
#[divan::bench(args = ESTIMATORS.map(|(name, _)| name), sample_count = 30)]
fn point(bencher: Bencher<'_, '_>, name: &str) {
    let (rounds, estimator) = (rounds(), named(name));
    let run = || estimator.value(rounds).expect("there is weight");
    bencher.counter(ItemsCount::new(ROUNDS)).bench(run);
}

/// Estimate, variance and range, as bounds need.
#[divan::bench(args = ["ips", "snips", "dr", "sndr"], sample_count = 30)]
fn summary(bencher: Bencher<'_, '_>, name: &str) {
    let (rounds, estimator) = (rounds(), named(name));
    let run = || estimator.summary(rounds).expect("there is weight");
    bencher.counter(ItemsCount::new(ROUNDS)).bench(run);
}

/// Ten candidates.
#[divan::bench(sample_count = 10)]
fn tuning(bencher: Bencher<'_, '_>) {
    let rounds = rounds();
    let parameters = Family::Shrunk.usual_parameters();
    let run = || tune(Family::Shrunk, true, rounds, parameters, Rule::SlopePlusPlus, 0.1);
    bencher.counter(ItemsCount::new(ROUNDS * parameters.len())).bench(run);
}

#[divan::bench(sample_count = 10)]
fn weights(bencher: Bencher<'_, '_>) {
    let rounds = rounds();
    bencher.counter(ItemsCount::new(ROUNDS)).bench(|| WeightProfile::of(rounds));
}

fn bootstrap(bencher: Bencher<'_, '_>, name: &str, settings: Bootstrap) {
    let (rounds, estimator) = (rounds(), named(name));
    let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a pool");
    let run = || {
        let once = || settings.run(&estimator, rounds, Units::Rounds, SeedTree::new(2));
        alone.install(once).expect("there is weight")
    };
    bencher.counter(ItemsCount::new(ROUNDS * settings.n_resamples)).bench(run);
}

/// 1,000 resamples of groups of rounds, as by default.
#[divan::bench(args = ["ips", "snips", "dr", "sndr"], sample_count = 10)]
fn resamples(bencher: Bencher<'_, '_>, name: &str) {
    bootstrap(bencher, name, Bootstrap::default());
}

/// 20 resamples of single rounds.
#[divan::bench(args = ["dr", "snips"], sample_count = 3)]
fn resamples_of_single_rounds(bencher: Bencher<'_, '_>, name: &str) {
    let settings = Bootstrap { n_resamples: 20, max_units: usize::MAX, ..Bootstrap::default() };
    bootstrap(bencher, name, settings);
}
