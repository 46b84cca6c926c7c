//! Plays policies in fitted worlds: the same customers with the same luck under every policy.

use super::ab_test::{ArmOutcomes, CustomerTotals};
use promopt_envs::retail::{PromotionConfig, PromotionEnv, PromotionWorld, Scenario};
use promopt_envs::{Env, EnvError, SeedTree};
use promopt_policies::Policy;
use rand::Rng;
use rayon::prelude::*;
use std::sync::Arc;

/// What one customer brought over one episode.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EpisodeTotals {
    /// Contribution margin, money: realised, or expected week by week given the state.
    pub margin: f64,
    /// Revenue, money.
    pub revenue: f64,
    /// Number of contacts.
    pub contacts: f64,
    /// Offer discount and contact cost, money.
    pub promotion_cost: f64,
    /// How often each action was taken, shape `[n_actions]`.
    pub actions: Vec<u32>,
}

/// A set of episodes that every policy plays: `customers × draws`, with fixed luck.
#[derive(Debug, Clone)]
pub struct Stage {
    world: Arc<PromotionWorld>,
    config: PromotionConfig,
    seed: SeedTree,
    /// Budget price λ of every episode.
    budget_price: f64,
}

impl Stage {
    /// A stage over all starts and draws of a world.
    #[must_use]
    pub fn new(world: Arc<PromotionWorld>, config: PromotionConfig, seed: SeedTree) -> Self {
        Self { world, config, seed, budget_price: 0.0 }
    }

    /// The same stage at a budget price λ.
    #[must_use]
    pub fn at_price(&self, budget_price: f64) -> Self {
        Self { budget_price, ..self.clone() }
    }

    /// The world that is played.
    #[must_use]
    pub fn world(&self) -> &PromotionWorld {
        &self.world
    }

    /// Plays every customer in every draw; result shape `[n_draws][n_customers]`.
    ///
    /// The shelf weeks depend on the draw only (customers of a draw live in the same weeks), the
    /// luck on draw and customer, neither on the policy.
    ///
    /// # Errors
    /// [`EnvError`] when the world is empty or the policy takes a masked action.
    pub fn play(&self, policy: &dyn Policy) -> Result<Vec<Vec<EpisodeTotals>>, EnvError> {
        let n_shelf = self.world.shelf.len() / self.world.schema.n_categories().max(1);
        (0..self.world.draws.len())
            .map(|draw| {
                let tree = self.seed.index(draw as u64);
                let shelf_week = tree.child("shelf").stream().random_range(0..n_shelf.max(1));
                (0..self.world.starts.len())
                    .into_par_iter()
                    .map(|start| {
                        let seed = tree.child("luck").index(start as u64).seed();
                        let budget_price = self.budget_price;
                        let at = Scenario { start, draw, shelf_week, budget_price, seed };
                        self.episode(policy, at)
                    })
                    .collect()
            })
            .collect()
    }

    fn episode(&self, policy: &dyn Policy, at: Scenario) -> Result<EpisodeTotals, EnvError> {
        let mut env = PromotionEnv::new(Arc::clone(&self.world), self.config.clone())?;
        let mut choices = SeedTree::new(at.seed).child("choice").stream();
        let actions = vec![0; self.world.catalogue.n_actions()];
        let mut totals = EpisodeTotals { actions, ..EpisodeTotals::default() };
        env.reset_to(at);
        loop {
            let decision = policy.decide(env.observation(), env.action_mask(), &mut choices);
            let step = env.step(decision.action)?;
            let week = env.ledger();
            totals.margin += if self.config.expected_reward {
                week.expected_contribution
            } else {
                week.contribution
            };
            totals.revenue += week.revenue;
            totals.promotion_cost += week.promotion_cost;
            totals.contacts += f64::from(u8::from(week.contacted));
            totals.actions[decision.action] += 1;
            if step.is_last() {
                return Ok(totals);
            }
        }
    }

    /// Plays a policy as one arm of a simulated test.
    ///
    /// # Errors
    /// As [`play`](Self::play).
    pub fn arm(
        &self,
        name: &str,
        policy: &dyn Policy,
    ) -> Result<(ArmOutcomes, ActionMix), EnvError> {
        let played = self.play(policy)?;
        let mix = ActionMix::of(&played, &self.world);
        let column =
            |draw: &[EpisodeTotals], f: fn(&EpisodeTotals) -> f64| draw.iter().map(f).collect();
        let draws = played
            .iter()
            .map(|draw| CustomerTotals {
                margin: column(draw, |t| t.margin),
                revenue: column(draw, |t| t.revenue),
                contacts: column(draw, |t| t.contacts),
                promotion_cost: column(draw, |t| t.promotion_cost),
            })
            .collect();
        Ok((ArmOutcomes { arm: name.to_owned(), draws }, mix))
    }

    /// Mean margin per customer over the episode, money.
    ///
    /// # Errors
    /// As [`play`](Self::play).
    pub fn mean_margin(&self, policy: &dyn Policy) -> Result<f64, EnvError> {
        let played = self.play(policy)?;
        let n: usize = played.iter().map(Vec::len).sum();
        Ok(played.iter().flatten().map(|t| t.margin).sum::<f64>() / n.max(1) as f64)
    }
}

/// How often each action was taken by persona, as shares; shape `[n_personas][n_actions]`.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct ActionMix(pub Vec<Vec<f64>>);

impl ActionMix {
    fn of(played: &[Vec<EpisodeTotals>], world: &PromotionWorld) -> Self {
        let n_actions = world.catalogue.n_actions();
        let mut counts = vec![vec![0.0_f64; n_actions]; world.schema.n_personas];
        for (totals, start) in played.iter().flat_map(|d| d.iter().zip(&world.starts)) {
            for (count, &n) in counts[start.persona].iter_mut().zip(&totals.actions) {
                *count += f64::from(n);
            }
        }
        for row in &mut counts {
            let total: f64 = row.iter().sum();
            row.iter_mut().for_each(|x| *x /= total.max(1.0));
        }
        Self(counts)
    }
}
