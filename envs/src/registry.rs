//! Every built-in environment by its id, on a small built-in world.
//!
//! For benches, checks and `promopt envs`; work on real data builds its environments from a fitted
//! world instead. A new environment gets one entry in [`entries`].

use crate::arena::{ArenaConfig, ArenaEnv, ArenaReward, ArenaWorld};
use crate::check::{CheckReport, report_on};
use crate::classic::{Acrobot, CartPole, MountainCar};
use crate::diagnostic::{
    BernoulliBandit, BudgetedBandit, Chain, DeepSea, Identity, KnownBandit, LinearBandit,
    LinearBanditConfig, PricedArm, SmallPromotion, SwitchingBandit, TimeoutTrap,
};
use crate::env::Env;
use crate::error::EnvError;
use crate::exact::ExactError;
use crate::pricing::sample::sample_pricing_world;
use crate::pricing::{PricingEnv, PricingRules};
use crate::retail::sample::sample_world;
use crate::retail::{CatalogueError, PromotionConfig, PromotionEnv};
use crate::seed::SeedTree;
use std::sync::Arc;
use thiserror::Error;

/// Discount factor of the small promotion world's optimum.
const DISCOUNT_FACTOR: f64 = 0.97;
/// Largest error of values from value iteration.
const TOLERANCE: f64 = 1e-6;

/// Why an environment could not be made.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// No entry has this id.
    #[error("expected the id of a built-in environment, got `{id}`; these exist: {known}")]
    Unknown {
        /// What was asked for.
        id: String,
        /// Every id.
        known: String,
    },
    /// The environment refused its parameters.
    #[error(transparent)]
    Env(#[from] EnvError),
    /// Its catalogue is not valid.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    /// Its optimum could not be computed.
    #[error(transparent)]
    Exact(#[from] ExactError),
}

/// The best that can be done, exactly.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Optimum {
    /// Its value.
    pub value: f64,
    /// What it is the value of.
    pub of: &'static str,
}

type Make = fn() -> Result<Box<dyn Env>, RegistryError>;
type Solve = fn() -> Result<Optimum, RegistryError>;

/// One built-in environment.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// Name with version, that of the environment's spec.
    pub id: &'static str,
    /// What it asks of a learner.
    pub about: &'static str,
    /// What is observed.
    pub observation: &'static str,
    /// What can be done.
    pub actions: &'static str,
    make: Make,
    optimum: Option<Solve>,
}

impl Entry {
    /// A fresh environment.
    ///
    /// # Errors
    /// None in practice: the built-in parameters are valid, as the tests hold.
    pub fn make(&self) -> Result<Box<dyn Env>, RegistryError> {
        (self.make)()
    }

    /// The known optimum; `None` when nobody knows it.
    ///
    /// # Errors
    /// As [`make`](Self::make).
    pub fn optimum(&self) -> Result<Option<Optimum>, RegistryError> {
        self.optimum.map(|solve| solve()).transpose()
    }

    /// Every rule of the contract with its verdict; see [`report_on`].
    ///
    /// # Errors
    /// As [`make`](Self::make).
    pub fn check(&self, seed: u64) -> Result<CheckReport, RegistryError> {
        self.make()?;
        let mut make = || self.make().expect("it was made just now, from the same constants");
        Ok(report_on(&mut make, seed))
    }
}

/// Every built-in environment.
#[must_use]
pub fn entries() -> Vec<Entry> {
    let mut entries = learning_worlds();
    entries.extend(bandits());
    entries.extend(classic_control());
    entries.extend(retail_worlds());
    entries
}

fn learning_worlds() -> Vec<Entry> {
    vec![
        Entry {
            id: "Identity-v0",
            about: "say what you see",
            observation: "symbol, one-hot",
            actions: "4 names",
            make: || Ok(Box::new(identity())),
            optimum: Some(|| of_episode(identity().optimal_return())),
        },
        Entry {
            id: "Chain-v0",
            about: "a reward at the far end",
            observation: "cell, one-hot",
            actions: "left, right",
            make: || Ok(Box::new(chain())),
            optimum: Some(|| of_episode(chain().optimal_return())),
        },
        Entry {
            id: "DeepSea-v0",
            about: "a treasure that luck does not find",
            observation: "cell, one-hot",
            actions: "left, right, scrambled",
            make: || Ok(Box::new(deep_sea())),
            optimum: Some(|| of_episode(deep_sea().optimal_return())),
        },
        Entry {
            id: "TimeoutTrap-v0",
            about: "a limit that is no ending",
            observation: "a constant",
            actions: "stay, leave",
            make: || Ok(Box::new(TimeoutTrap::new())),
            optimum: Some(|| {
                let (value, of) = (TimeoutTrap::new().optimal_value(0.9), "value at discount 0.9");
                Ok(Optimum { value, of })
            }),
        },
    ]
}

fn bandits() -> Vec<Entry> {
    vec![
        Entry {
            id: "BernoulliBandit-v0",
            about: "which arm pays most often",
            observation: "a constant",
            actions: "3 arms",
            make: || Ok(Box::new(bernoulli_bandit()?)),
            optimum: Some(|| of_episode(bernoulli_bandit()?.optimal_return())),
        },
        Entry {
            id: "LinearBandit-v0",
            about: "rewards linear in a context",
            observation: "one of 20 contexts",
            actions: "4 arms",
            make: || Ok(Box::new(linear_bandit()?)),
            optimum: Some(|| of_episode(linear_bandit()?.optimal_return())),
        },
        Entry {
            id: "KnownBandit-v0",
            about: "every arm shows its mean",
            observation: "the means",
            actions: "5 arms",
            make: || Ok(Box::new(known_bandit()?)),
            optimum: Some(|| of_episode(known_bandit()?.optimal_return())),
        },
        Entry {
            id: "SwitchingBandit-v0",
            about: "the best arm changes without notice",
            observation: "a constant",
            actions: "3 arms",
            make: || Ok(Box::new(switching_bandit()?)),
            optimum: Some(|| of_episode(switching_bandit()?.optimal_return())),
        },
        Entry {
            id: "BudgetedBandit-v0",
            about: "arms that spend from a budget",
            observation: "budget and time left",
            actions: "3 arms",
            make: || Ok(Box::new(budgeted_bandit()?)),
            optimum: Some(|| {
                let (value, of) = (budgeted_bandit()?.bound(), "bound of the return of an episode");
                Ok(Optimum { value, of })
            }),
        },
        Entry {
            id: "MaskedKnownBandit-v0",
            about: "the best arm is often masked",
            observation: "the means",
            actions: "5 arms",
            make: || Ok(Box::new(masked_bandit()?)),
            optimum: Some(|| of_episode(masked_bandit()?.optimal_return())),
        },
    ]
}

fn classic_control() -> Vec<Entry> {
    vec![
        Entry {
            id: "CartPole-v1",
            about: "balance a pole; Gymnasium's",
            observation: "position, angle, velocities",
            actions: "push left, push right",
            make: || Ok(Box::new(CartPole::new())),
            optimum: Some(|| of_episode(500.0)),
        },
        Entry {
            id: "Acrobot-v1",
            about: "swing up a double pendulum; Gymnasium's",
            observation: "angles as cosine and sine, velocities",
            actions: "torque -1, 0, 1",
            make: || Ok(Box::new(Acrobot::new())),
            optimum: None,
        },
        Entry {
            id: "MountainCar-v0",
            about: "climb with a weak engine; Gymnasium's",
            observation: "position, velocity",
            actions: "left, coast, right",
            make: || Ok(Box::new(MountainCar::new())),
            optimum: None,
        },
    ]
}

fn retail_worlds() -> Vec<Entry> {
    vec![
        Entry {
            id: "SmallPromotion-v0",
            about: "promotions that need a plan",
            observation: "recency, stock, contacts, depth, season",
            actions: "0, 10, 20, 30 % off",
            make: || Ok(Box::new(SmallPromotion::new(52))),
            optimum: Some(small_promotion_optimum),
        },
        Entry {
            id: "Promotion-v0",
            about: "one customer of a made-up shop",
            observation: "the schema of the retail worlds",
            actions: "none or one of 15 offers",
            make: || Ok(Box::new(promotion()?)),
            optimum: None,
        },
        Entry {
            id: "Pricing-v0",
            about: "prices of two made-up rivals in a store",
            observation: "season, prices, stock, features, units",
            actions: "plans on a price ladder, with and without feature",
            make: || Ok(Box::new(pricing()?)),
            optimum: None,
        },
        Entry {
            id: "Arena-v0",
            about: "coupons for a customer of RetailSynth",
            observation: "the nine published features",
            actions: "coupons of 0 to 50 %",
            make: || Ok(Box::new(arena()?)),
            optimum: None,
        },
    ]
}

/// The entry with this id.
///
/// # Errors
/// [`RegistryError::Unknown`] lists the ids that exist.
pub fn find(id: &str) -> Result<Entry, RegistryError> {
    let entries = entries();
    entries.iter().find(|entry| entry.id == id).copied().ok_or_else(|| {
        let known: Vec<&str> = entries.iter().map(|entry| entry.id).collect();
        RegistryError::Unknown { id: id.to_owned(), known: known.join(", ") }
    })
}

fn of_episode(value: f64) -> Result<Optimum, RegistryError> {
    Ok(Optimum { value, of: "return of an episode" })
}

fn identity() -> Identity {
    Identity::new(4, 10)
}

fn chain() -> Chain {
    Chain::new(10, false)
}

fn deep_sea() -> DeepSea {
    DeepSea::new(10, Some(0))
}

fn bernoulli_bandit() -> Result<BernoulliBandit, EnvError> {
    BernoulliBandit::new(vec![0.1, 0.5, 0.6], 100)
}

fn switching_bandit() -> Result<SwitchingBandit, EnvError> {
    SwitchingBandit::new(vec![vec![0.8, 0.4, 0.1], vec![0.1, 0.4, 0.8]], 50)
}

fn budgeted_bandit() -> Result<BudgetedBandit, EnvError> {
    let arm = |probability, reward, cost| PricedArm { probability, reward, cost };
    let arms = vec![arm(0.2, 5.0, 0.0), arm(0.5, 4.0, 1.0), arm(0.8, 3.0, 2.0)];
    BudgetedBandit::new(arms, 30.0, 100)
}

fn linear_bandit() -> Result<LinearBandit, EnvError> {
    let (n_arms, n_features, n_contexts, horizon) = (4, 5, 20, 100);
    let config =
        LinearBanditConfig { n_arms, n_features, n_contexts, noise: 0.5, horizon, world_seed: 0 };
    LinearBandit::new(&config)
}

fn known_bandit() -> Result<KnownBandit, EnvError> {
    KnownBandit::new(5, 0.5, 50)
}

fn masked_bandit() -> Result<KnownBandit, EnvError> {
    KnownBandit::masked(5, 0.5, 50)
}

fn small_promotion_optimum() -> Result<Optimum, RegistryError> {
    let solution = SmallPromotion::mdp()?.value_iteration(DISCOUNT_FACTOR, TOLERANCE)?;
    let starts = SmallPromotion::starts();
    let total: f64 = starts.iter().map(|&state| solution.values[state]).sum();
    let of = "value at discount 0.97, without the limit";
    Ok(Optimum { value: total / starts.len() as f64, of })
}

fn promotion() -> Result<PromotionEnv, RegistryError> {
    let world = sample_world(3, 15, SeedTree::new(0))?;
    Ok(PromotionEnv::new(Arc::new(world), PromotionConfig::default())?)
}

fn pricing() -> Result<PricingEnv, EnvError> {
    PricingEnv::new(Arc::new(sample_pricing_world()), PricingRules::default())
}

fn arena() -> Result<ArenaEnv, EnvError> {
    let (n_customers, category_sizes) = (20, vec![5, 10, 20]);
    let config = ArenaConfig { n_customers, category_sizes, n_weeks: 27, ..ArenaConfig::default() };
    let world = ArenaWorld::new(config, SeedTree::new(0))?;
    ArenaEnv::new(Arc::new(world), ArenaReward::Margin(0.3), 26)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_entry_keeps_the_contract() -> Result<(), RegistryError> {
        for entry in entries() {
            for seed in 0..3 {
                let report = entry.check(seed)?;
                assert!(report.is_sound(), "{report}");
            }
        }
        Ok(())
    }

    #[test]
    fn ids_are_unique_and_those_of_the_environments() -> Result<(), RegistryError> {
        let entries = entries();
        let ids: BTreeSet<&str> = entries.iter().map(|entry| entry.id).collect();
        assert_eq!(ids.len(), entries.len());
        for entry in entries {
            assert_eq!(entry.make()?.spec().id, entry.id);
            assert_eq!(find(entry.id)?.about, entry.about);
        }
        Ok(())
    }

    #[test]
    fn worlds_for_learners_have_a_known_optimum() -> Result<(), RegistryError> {
        for entry in learning_worlds().into_iter().chain(bandits()) {
            let optimum = entry.optimum()?.expect("an optimum");
            assert!(optimum.value.is_finite() && optimum.value > 0.0, "{}", entry.id);
        }
        assert!(find("SmallPromotion-v0")?.optimum()?.is_some());
        Ok(())
    }

    #[test]
    fn an_unknown_id_is_answered_with_the_known_ones() {
        let message = find("Chain-v9").map(|entry| entry.id).expect_err("no such id").to_string();
        assert!(message.contains("`Chain-v9`") && message.contains("Chain-v0, DeepSea-v0"));
    }
}
