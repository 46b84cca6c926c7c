//! One thread of off-policy estimates on arrays that `peers/obp.py` wrote, for it to compare.
//!
//! `off_policy_peer FOLDER RESAMPLES`: prints, as JSON by estimator, the estimate, CPU seconds of it on
//! rounds that were prepared once for all estimators, and CPU seconds of its bootstrap, grouped and by
//! every round; under `prepare`, CPU seconds of validating the tables and of making the rounds.
#![allow(clippy::print_stdout, reason = "it prints its figures for another program")]

use promopt_envs::SeedTree;
use promopt_evaluate::off_policy::bootstrap::{Bootstrap, Units};
use promopt_evaluate::off_policy::estimator::{DM, DR, Estimator, IPS, SNDR, SNIPS, Weighting};
use promopt_evaluate::off_policy::rounds::Rounds;
use promopt_evaluate::{LoggedDecisions, LoggedTable, RewardPredictions, TargetProbabilities};
use std::error::Error;
use std::path::Path;

/// Repeats of a point estimate; their mean is shown.
const REPEATS: u32 = 5;

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [folder, resamples] = &words[..] else { return Err("expected FOLDER RESAMPLES".into()) };
    let folder = Path::new(folder);
    let rewards = numbers(&folder.join("rewards.f64"))?;
    let n = rewards.len();
    let target = numbers(&folder.join("target.f64"))?;
    let actions = numbers(&folder.join("actions.f64"))?.iter().map(|a| *a as usize).collect();
    let (propensities, predictions) =
        (numbers(&folder.join("propensities.f64"))?, numbers(&folder.join("predictions.f64"))?);
    let start = cpu_seconds()?;
    let log = LoggedDecisions::new(LoggedTable {
        n_actions: target.len() / n,
        actions,
        propensities,
        rewards,
        clusters: (0..n as u32).collect(),
        ..LoggedTable::default()
    })?;
    let target = TargetProbabilities::new(target, &log)?;
    let model = RewardPredictions::new(predictions, &log)?;
    let validated = cpu_seconds()?;
    let rounds = Rounds::of_log(&log, &target, &model)?;
    let (validate, weigh) = (validated - start, cpu_seconds()? - validated);
    let of = Estimator::of;
    let estimators = [
        ("ipw", IPS),
        ("ipw_clip_10", of(Weighting::Clipped(10.0), false)),
        ("snipw", SNIPS),
        ("dm", DM),
        ("dr", DR),
        ("sndr", SNDR),
        ("switch_dr_10", of(Weighting::Switched(10.0), true)),
        ("dros_10", of(Weighting::Shrunk(10.0), true)),
        ("sg_ipw_0.1", of(Weighting::Smoothed(0.1), false)),
    ];
    let grouped = Bootstrap { n_resamples: resamples.parse()?, ..Bootstrap::default() };
    let plain = Bootstrap { max_units: usize::MAX, ..grouped };
    let mut lines = vec![format!("\"prepare\": {{\"validate\": {validate}, \"weigh\": {weigh}}}")];
    for (name, estimator) in estimators {
        let start = cpu_seconds()?;
        let mut value = 0.0;
        for _ in 0..REPEATS {
            value = std::hint::black_box(estimator.summary(&rounds)?).moments.mean;
        }
        let point = (cpu_seconds()? - start) / f64::from(REPEATS);
        let mut spent = [0.0; 2];
        let mut interval = None;
        for (spent, bootstrap) in spent.iter_mut().zip([&grouped, &plain]) {
            let start = cpu_seconds()?;
            let found = bootstrap.run(&estimator, &rounds, Units::Rounds, SeedTree::new(1))?;
            *spent = cpu_seconds()? - start;
            interval.get_or_insert(found.interval);
        }
        let found = interval.ok_or("two bootstraps ran")?;
        let ([resampled, every], (lower, upper)) = (spent, (found.lower, found.upper));
        lines.push(format!(
            "\"{name}\": {{\"value\": {value}, \"point\": {point}, \"bootstrap\": {resampled}, \
             \"every_round\": {every}, \"lower\": {lower}, \"upper\": {upper}}}"
        ));
    }
    println!("{{{}}}", lines.join(", "));
    Ok(())
}

fn numbers(file: &Path) -> Result<Vec<f64>, Box<dyn Error>> {
    let bytes = std::fs::read(file)?;
    let (chunks, _) = bytes.as_chunks::<8>();
    Ok(chunks.iter().map(|eight| f64::from_le_bytes(*eight)).collect())
}

/// CPU time of this process so far, all threads, as Linux counts it.
fn cpu_seconds() -> Result<f64, Box<dyn Error>> {
    let mut nanoseconds = 0.0;
    for task in std::fs::read_dir("/proc/self/task")? {
        let text = std::fs::read_to_string(task?.path().join("schedstat"))?;
        nanoseconds += text.split(' ').next().unwrap_or("0").parse::<f64>()?;
    }
    Ok(nanoseconds / 1e9)
}
