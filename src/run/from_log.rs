//! Agents that learn from the log of past offers alone, without the fitted world.

use super::error::RunError;
use super::folder::{write_json, write_whole};
use super::stage::{Job, Stage};
use crate::config::OfflineSettings;
use promopt_agents::bandit::{policy_from_log, tree_from_log};
use promopt_agents::offline::{
    BehaviourCloning, CloningConfig, ConservativeQ, CqlConfig, ImplicitQ, IqlConfig, NetworkConfig,
    OfflineLearner, fit,
};
use promopt_envs::SeedTree;
use promopt_policies::{LoggedDecisions, PortablePolicy};
use std::fs;
use std::path::Path;

/// Updates per line of `metrics.jsonl`.
const REPORT_EVERY: u64 = 100;

/// What there is to learn from.
pub(super) struct Study<'a> {
    pub(super) job: &'a Job<'a>,
    /// Decisions of the training weeks.
    pub(super) log: &'a LoggedDecisions,
    /// Names of the features of an observation.
    pub(super) features: &'a [String],
}

impl Study<'_> {
    /// Learns by the agent of this name, writes curve and policy into `out`, and returns the policy.
    pub(super) fn learn(
        &self,
        name: &str,
        seed: SeedTree,
        out: &Path,
    ) -> Result<PortablePolicy, RunError> {
        fs::create_dir_all(out).map_err(RunError::io("create", out))?;
        let settings = &self.job.config.train.offline;
        let mut lines = String::new();
        let policy = match name {
            "from_log" => PortablePolicy::Linear(policy_from_log(&settings.from_log, self.log)?),
            "policy_tree" => {
                let tree = tree_from_log(&settings.policy_tree, self.log, self.features)?;
                PortablePolicy::PolicyTree(tree.policy)
            }
            _ => PortablePolicy::QNetwork(self.network(name, settings, seed, &mut lines)?),
        };
        write_whole(&out.join("metrics.jsonl"), lines.as_bytes())?;
        write_json(&out.join("policy.json"), &policy)?;
        Ok(policy)
    }

    fn network(
        &self,
        name: &str,
        settings: &OfflineSettings,
        seed: SeedTree,
        lines: &mut String,
    ) -> Result<promopt_policies::QPolicy, RunError> {
        let (log, weights) = (self.log, seed.child("agent"));
        let scaled = |network: &NetworkConfig| {
            let reward_scale = network.reward_scale / deviation(log.rewards());
            NetworkConfig { reward_scale, ..network.clone() }
        };
        let mut run = |learner: &mut dyn OfflineLearner| {
            let n_updates = settings.updates;
            fit(learner, log, n_updates, seed.child("loop"), &mut |update, loss| {
                if update.is_multiple_of(REPORT_EVERY) {
                    let line =
                        serde_json::json!({ "event": "update", "step": update, "loss": loss });
                    lines.push_str(&format!("{line}\n"));
                    self.job.observer.progress(Stage::Train, update, n_updates, name);
                }
            })
        };
        Ok(match name {
            "cql" => {
                let network = scaled(&settings.cql.network);
                let config = CqlConfig { network, ..settings.cql.clone() };
                let mut learner = ConservativeQ::new(config, log, weights)?;
                run(&mut learner)?;
                learner.q_policy()?
            }
            "iql" => {
                let network = scaled(&settings.iql.network);
                let config = IqlConfig { network, ..settings.iql.clone() };
                let mut learner = ImplicitQ::new(config, log, weights)?;
                run(&mut learner)?;
                learner.q_policy()?
            }
            "cloning" => {
                let config = CloningConfig { network: settings.cloning.network.clone() };
                let mut learner = BehaviourCloning::new(config, log, weights)?;
                run(&mut learner)?;
                learner.q_policy()?
            }
            _ => return Err(RunError::Config(format!("no agent is called `{name}`"))),
        })
    }
}

/// Standard deviation, or 1 when there is none.
fn deviation(values: &[f64]) -> f64 {
    let n = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
    if variance > 1e-18 { variance.sqrt() } else { 1.0 }
}

/// What to say when there is nothing to learn from.
pub(super) fn no_log(name: &str) -> RunError {
    RunError::Config(format!(
        "expected logged offers of the catalogue for the agent `{name}` in `train.agents`, found \
         none in the training weeks; take it out, or add an exposures table"
    ))
}
