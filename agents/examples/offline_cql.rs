//! Discrete CQL on one thread from a CartPole log, for `benches/peers/d3rlpy_cql.py` to time as a
//! whole process.
//!
//! `offline_cql LOG.csv UPDATES WIDTH BATCH`, with the log's columns episode, t, four features,
//! action, reward, terminated, truncated, propensity.

use promopt_agents::offline::{ConservativeQ, CqlConfig, NetworkConfig, fit};
use promopt_envs::SeedTree;
use promopt_policies::log::SequenceColumns;
use promopt_policies::{LoggedDecisions, LoggedTable};
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [path, updates, width, batch] = &words[..] else {
        return Err("expected LOG.csv UPDATES WIDTH BATCH".into());
    };
    let log = load(path)?;
    let network = NetworkConfig {
        hidden: vec![width.parse()?; 2],
        batch_size: batch.parse()?,
        normalise: false,
        ..NetworkConfig::default()
    };
    let mut learner =
        ConservativeQ::new(CqlConfig { network, alpha: 1.0 }, &log, SeedTree::new(1))?;
    fit(&mut learner, &log, updates.parse()?, SeedTree::new(1), &mut |_, _| {})?;
    learner.q_policy()?;
    Ok(())
}

fn load(path: &str) -> Result<LoggedDecisions, Box<dyn Error>> {
    let mut table = LoggedTable { n_features: 4, n_actions: 2, ..LoggedTable::default() };
    let mut sequence = SequenceColumns::default();
    for record in csv::Reader::from_path(path)?.deserialize() {
        let row: [f64; 11] = record?;
        sequence.trajectories.push(row[0] as u32);
        sequence.steps.push(row[1] as u32);
        table.observations.extend(row[2..6].iter().map(|&x| x as f32));
        table.actions.push(row[6] as usize);
        table.rewards.push(row[7]);
        sequence.terminated.push(row[8] == 1.0);
        sequence.truncated.push(row[9] == 1.0);
        table.propensities.push(row[10]);
        table.clusters.push(row[0] as u32);
    }
    table.sequence = Some(sequence);
    Ok(LoggedDecisions::new(table)?)
}
