//! The config of a run: what a team writes in TOML, with every default in one place.

use crate::data::DataConfig;
use crate::demand::{FitConfig, OffersConfig, PricingConfig};
use crate::features::PersonaConfig;
use promopt_agents::bandit::{
    FromLogConfig, NeuralLinearConfig, RegressorBanditConfig, TreeConfig,
};
use promopt_agents::offline::{CloningConfig, CqlConfig, IqlConfig};
use promopt_agents::schedule::Linear;
use promopt_agents::train::EvaluationConfig;
use promopt_agents::{DqnConfig, LinUcbConfig, ThompsonConfig};
use promopt_envs::retail::{Guardrails, PromotionConfig};
use promopt_envs::worlds::RetailerConfig;
use serde::{Deserialize, Serialize};

/// Everything that decides what a run computes. Unknown keys are errors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Name of the run; its folder is `runs/<name>` unless `--run` says otherwise.
    pub name: String,
    /// The one seed from which every random stream grows.
    pub seed: u64,
    /// Put before amounts of money.
    pub currency: String,
    /// The team's files; without them the built-in synthetic retailer is used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<DataConfig>,
    /// The synthetic retailer; only read without `[data]`.
    pub world: RetailerConfig,
    /// Personas.
    pub personas: PersonaConfig,
    /// The fit.
    pub fit: FitConfig,
    /// Offers besides those of the history.
    pub offers: OffersConfig,
    /// Limits that no policy may break.
    pub guardrails: Guardrails,
    /// Episodes.
    pub environment: PromotionConfig,
    /// Pricing; only read for weekly sales of stores.
    pub pricing: PricingConfig,
    /// Learning.
    pub train: TrainSettings,
    /// Judging.
    pub judge: JudgeConfig,
}

/// Agents that can be named in `train.agents`.
pub const AGENTS: [&str; 10] = [
    "dqn",
    "lin_ucb",
    "thompson",
    "bandit",
    "neural_linear",
    "cql",
    "iql",
    "cloning",
    "from_log",
    "policy_tree",
];

/// Those of them that learn from the log of past offers alone.
pub const LOG_AGENTS: [&str; 5] = ["cql", "iql", "cloning", "from_log", "policy_tree"];

/// Which agents learn, and for how long.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainSettings {
    /// Agents by name, out of [`AGENTS`].
    pub agents: Vec<String>,
    /// Customers that are played side by side.
    pub lanes: usize,
    /// Customer-weeks that the DQN plays.
    pub dqn_steps: u64,
    /// Customer-weeks between two updates of the DQN.
    pub dqn_update_every: u64,
    /// Customer-weeks that each bandit plays.
    pub bandit_steps: u64,
    /// The deep Q-network.
    pub dqn: DqnConfig,
    /// LinUCB.
    pub lin_ucb: LinUcbConfig,
    /// Linear Thompson sampling.
    pub thompson: ThompsonConfig,
    /// SquareCB, ε-greedy or a bootstrap over a regression.
    pub bandit: RegressorBanditConfig,
    /// Thompson sampling on features that a network learns.
    pub neural_linear: NeuralLinearConfig,
    /// Agents that learn from the log alone.
    pub offline: OfflineSettings,
    /// How the DQN is tried out while it learns, to keep its best weights; without, the last stay.
    pub dqn_evaluation: Option<EvaluationConfig>,
}

/// Agents that learn from the log of past offers alone: no world is played.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OfflineSettings {
    /// Updates of each network.
    pub updates: u64,
    /// Conservative Q-learning.
    pub cql: CqlConfig,
    /// Implicit Q-learning.
    pub iql: IqlConfig,
    /// Behaviour cloning: what is done today, as a network.
    pub cloning: CloningConfig,
    /// Linear scores by IPS, doubly robust or importance-weighted regression.
    pub from_log: FromLogConfig,
    /// A few questions that end in an offer.
    pub policy_tree: TreeConfig,
}

impl Default for OfflineSettings {
    fn default() -> Self {
        Self {
            updates: 5_000,
            cql: CqlConfig::default(),
            iql: IqlConfig::default(),
            cloning: CloningConfig::default(),
            from_log: FromLogConfig::default(),
            policy_tree: TreeConfig::default(),
        }
    }
}

/// How policies are judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct JudgeConfig {
    /// Customers on the leaderboard, drawn evenly from all that are still around.
    pub leaderboard_customers: usize,
    /// Customers of the simulated A/B test.
    pub abtest_customers: usize,
    /// Weeks played in the true world of the synthetic retailer.
    pub truth_weeks: u32,
    /// Confidence level of every interval.
    pub level: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            name: "synthetic".to_owned(),
            seed: 7,
            currency: "$".to_owned(),
            data: None,
            world: RetailerConfig::default(),
            personas: PersonaConfig::default(),
            fit: FitConfig::default(),
            offers: OffersConfig::default(),
            guardrails: Guardrails::default(),
            environment: PromotionConfig::default(),
            pricing: PricingConfig::default(),
            train: TrainSettings::default(),
            judge: JudgeConfig::default(),
        }
    }
}

impl Default for TrainSettings {
    fn default() -> Self {
        Self {
            agents: ["dqn", "lin_ucb", "thompson"].map(str::to_owned).to_vec(),
            lanes: 64,
            dqn_steps: 200_000,
            dqn_update_every: 8,
            bandit_steps: 60_000,
            dqn: retail_dqn(),
            lin_ucb: LinUcbConfig::default(),
            thompson: ThompsonConfig::default(),
            bandit: RegressorBanditConfig::default(),
            neural_linear: NeuralLinearConfig::default(),
            offline: OfflineSettings::default(),
            dqn_evaluation: None,
        }
    }
}

/// The DQN for customer-weeks. An offer's effect is small beside what customers differ in, so the
/// horizon is short (γ = 0.9: ten weeks, about as long as fatigue and stock last), targets are one
/// step (longer ones add the noise of shopping), and the step size falls to a twentieth over the
/// 25,000 updates. Found by trying four settings in the fitted synthetic world.
fn retail_dqn() -> DqnConfig {
    DqnConfig {
        discount_factor: 0.9,
        n_step: 1,
        learning_rate: Linear { start: 1e-3, end: 5e-5, steps: 25_000 },
        epsilon: Linear { start: 1.0, end: 0.2, steps: 60_000 },
        ..DqnConfig::default()
    }
}

impl Default for JudgeConfig {
    fn default() -> Self {
        Self { leaderboard_customers: 400, abtest_customers: 1500, truth_weeks: 26, level: 0.95 }
    }
}

impl Config {
    /// Reads a config.
    ///
    /// # Errors
    /// A message that names the line, the key and what was expected.
    pub fn from_toml(text: &str) -> Result<Self, String> {
        let config: Self = toml::from_str(text).map_err(|e| e.to_string())?;
        config.validate()?;
        Ok(config)
    }

    /// Checks what the types do not.
    ///
    /// # Errors
    /// A message that names the key, what was expected and what was found.
    pub fn validate(&self) -> Result<(), String> {
        let require = |ok: bool, key: &str, expected: &str, got: String| {
            if ok { Ok(()) } else { Err(format!("expected {expected} for `{key}`, got {got}")) }
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let named =
            !self.name.is_empty() && !self.name.starts_with('.') && self.name.chars().all(plain);
        require(named, "name", "letters, digits, `-`, `_` and `.`", format!("`{}`", self.name))?;
        // TOML integers end at i64::MAX, and the seed is written back into run.json.
        let seed_fits = i64::try_from(self.seed).is_ok();
        require(seed_fits, "seed", "a number below 2^63", self.seed.to_string())?;
        for agent in &self.train.agents {
            let known = AGENTS.contains(&agent.as_str());
            let expected = format!("names out of `{}`", AGENTS.join("`, `"));
            require(known, "train.agents", &expected, format!("`{agent}`"))?;
        }
        require(self.train.lanes > 0, "train.lanes", "at least 1", "0".to_owned())?;
        let at_least = |n: usize, key: &str| require(n >= 10, key, "at least 10", n.to_string());
        at_least(self.judge.leaderboard_customers, "judge.leaderboard_customers")?;
        at_least(self.judge.abtest_customers, "judge.abtest_customers")?;
        let level = self.judge.level;
        let fits = level > 0.5 && level < 1.0;
        require(fits, "judge.level", "a level between 0.5 and 1", level.to_string())?;
        let fit = &self.fit;
        require(
            fit.holdout_weeks >= 2,
            "fit.holdout_weeks",
            "at least 2",
            fit.holdout_weeks.to_string(),
        )?;
        require(
            fit.train_draws >= 1,
            "fit.train_draws",
            "at least 1",
            fit.train_draws.to_string(),
        )?;
        require(fit.test_draws >= 2, "fit.test_draws", "at least 2", fit.test_draws.to_string())?;
        require(
            fit.judge_draws >= 2,
            "fit.judge_draws",
            "at least 2",
            fit.judge_draws.to_string(),
        )?;
        require(self.environment.horizon > 0, "environment.horizon", "at least 1", "0".to_owned())?;
        self.offers.validate()?;
        self.guardrails.validate()?;
        self.pricing.validate()?;
        let prices = &self.environment.budget_prices;
        let fits = !prices.is_empty() && prices.iter().all(|p| p.is_finite() && *p >= 0.0);
        require(
            fits,
            "environment.budget_prices",
            "one or more prices ≥ 0",
            format!("{prices:?}"),
        )?;
        if let Some(data) = &self.data {
            data.validate().map_err(|e| e.to_string())?;
        } else {
            require(
                self.offers.list.is_empty(),
                "offers.list",
                "no offers without [data], since the built-in retailer makes its own",
                format!("{} offers", self.offers.list.len()),
            )?;
            self.world.validate().map_err(|e| e.to_string())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typo_is_named_with_its_line() {
        let error = Config::from_toml("name = \"x\"\n[train]\nlane = 3\n").expect_err("a typo");
        assert!(error.contains("line 3") && error.contains("`lane`") && error.contains("`lanes`"));
    }

    #[test]
    fn an_empty_config_is_the_synthetic_retailer() {
        assert_eq!(Config::from_toml("").expect("valid"), Config::default());
    }
}
