//! Rewards that come late, in batches, or never.

use crate::agent::{Agent, Snapshot, Transition};
use crate::checkpoint::Archive;
use crate::error::{AgentError, require};
use promopt_envs::{ActionId, ActionMask};
use promopt_policies::Decision;
use rand::RngCore;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a reward that never came stands for.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Lost {
    /// Nothing: right when rewards are lost at random.
    Ignore,
    /// This reward: right when silence means that nothing happened, as with purchases.
    Assume {
        /// Finite.
        reward: f64,
    },
}

/// Settings of [`Delayed`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DelayedConfig {
    /// Known outcomes that wait until there are so many, at least 1.
    pub batch: usize,
    /// Time after which an outcome is not waited for any more; `None` waits for ever.
    pub timeout: Option<u64>,
    /// What it then stands for.
    pub lost: Lost,
}

impl Default for DelayedConfig {
    fn default() -> Self {
        Self { batch: 1, timeout: None, lost: Lost::Ignore }
    }
}

impl DelayedConfig {
    /// Checks every range.
    ///
    /// # Errors
    /// [`AgentError::InvalidConfig`] names the first field that is outside its range.
    pub fn validate(&self) -> Result<(), AgentError> {
        require(self.batch > 0, "batch", "at least 1", self.batch)?;
        require(self.timeout != Some(0), "timeout", "at least 1 or none", 0)?;
        match self.lost {
            Lost::Ignore => Ok(()),
            Lost::Assume { reward } => {
                require(reward.is_finite(), "reward", "a finite number", reward)
            }
        }
    }
}

/// Name of a decision whose outcome is awaited; later decisions have larger ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Ticket(pub u64);

/// Whether a reported outcome was awaited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// It will be learned from.
    Noted,
    /// It was reported before or given up; nothing changes.
    NotAwaited,
}

/// What became of the decisions so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DelayCounts {
    /// Outcomes learned from, assumed ones included.
    pub learned: u64,
    /// Outcomes that were given up.
    pub lost: u64,
    /// Reports of outcomes that were not awaited any more.
    pub not_awaited: u64,
}

/// A decision with all that is needed to learn from it later.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Pending {
    observation: Vec<f32>,
    mask: ActionMask,
    action: ActionId,
    decided_at: u64,
    /// Bits of the reward, once it is known.
    reward: Option<u64>,
}

/// An agent for one-step decisions whose outcomes come late.
///
/// `decide` hands out a [`Ticket`]; `report` notes an outcome; `learn` gives the agent what is known
/// and nothing else. Within one call of `learn` outcomes are taken in the order of their decisions,
/// so the order of reports is irrelevant. Time is whatever the caller counts: decisions, weeks.
///
/// In a bandit that works without delay, waiting costs at most the gaps of the decisions that are
/// awaited at once (Joulani, György and Szepesvári 2013).
#[derive(Debug, Clone)]
pub struct Delayed<A> {
    agent: A,
    config: DelayedConfig,
    pending: BTreeMap<Ticket, Pending>,
    next: Ticket,
    counts: DelayCounts,
}

impl<A: Agent> Delayed<A> {
    /// The agent, with nothing pending.
    ///
    /// # Errors
    /// [`AgentError::InvalidConfig`] names the field that is outside its range.
    pub fn new(agent: A, config: DelayedConfig) -> Result<Self, AgentError> {
        config.validate()?;
        let counts = DelayCounts::default();
        Ok(Self { agent, config, pending: BTreeMap::new(), next: Ticket(0), counts })
    }

    /// The agent as it is now, with what it was shown.
    #[must_use]
    pub fn agent(&self) -> &A {
        &self.agent
    }

    /// What became of the decisions so far.
    #[must_use]
    pub fn counts(&self) -> DelayCounts {
        self.counts
    }

    /// Decisions that wait for their outcome or for their batch.
    #[must_use]
    pub fn n_pending(&self) -> usize {
        self.pending.len()
    }

    /// Decides at time `now`, with what is known now.
    ///
    /// # Errors
    /// Whatever the agent refuses.
    pub fn decide(
        &mut self,
        observation: &[f32],
        mask: &ActionMask,
        now: u64,
        rng: &mut dyn RngCore,
    ) -> Result<(Ticket, Decision), AgentError> {
        let decision = self.agent.act(observation, mask, rng)?;
        let (observation, mask) = (observation.to_vec(), mask.clone());
        let action = decision.action;
        let pending = Pending { observation, mask, action, decided_at: now, reward: None };
        let ticket = self.next;
        self.pending.insert(ticket, pending);
        self.next = Ticket(ticket.0 + 1);
        Ok((ticket, decision))
    }

    /// Notes the outcome of a decision. The first report counts.
    ///
    /// # Errors
    /// When the reward is not finite or the ticket was never handed out.
    pub fn report(&mut self, ticket: Ticket, reward: f64) -> Result<Arrival, AgentError> {
        if !reward.is_finite() {
            return Err(AgentError::NotFinite { what: "reward", got: reward });
        }
        let expected = "a ticket that `decide` handed out";
        require(ticket < self.next, "ticket", expected, ticket.0)?;
        match self.pending.get_mut(&ticket) {
            Some(pending @ Pending { reward: None, .. }) => {
                pending.reward = Some(reward.to_bits());
                Ok(Arrival::Noted)
            }
            _ => {
                self.counts.not_awaited += 1;
                Ok(Arrival::NotAwaited)
            }
        }
    }

    /// Gives up what has waited too long at time `now`; then, when a batch is complete or on
    /// `flush`, lets the agent learn from everything that is known. Says from how many outcomes.
    ///
    /// # Errors
    /// Whatever the agent refuses; the outcomes before the refused one are learned and gone.
    pub fn learn(&mut self, now: u64, flush: bool) -> Result<usize, AgentError> {
        self.give_up(now);
        let known = |(ticket, pending): (&Ticket, &Pending)| pending.reward.map(|_| *ticket);
        let known: Vec<Ticket> = self.pending.iter().filter_map(known).collect();
        if known.len() < self.config.batch && !flush {
            return Ok(0);
        }
        for ticket in &known {
            let Some(pending) = self.pending.remove(ticket) else { continue };
            let Some(reward) = pending.reward.map(f64::from_bits) else { continue };
            self.agent.observe(&Transition {
                lane: 0,
                observation: &pending.observation,
                action: pending.action,
                reward,
                next_observation: &pending.observation,
                next_mask: &pending.mask,
                terminated: true,
                truncated: false,
            })?;
            self.counts.learned += 1;
        }
        self.agent.update()?;
        Ok(known.len())
    }

    fn give_up(&mut self, now: u64) {
        let Some(timeout) = self.config.timeout else { return };
        let (lost, counts) = (self.config.lost, &mut self.counts);
        self.pending.retain(|_, pending| {
            let waited = now.saturating_sub(pending.decided_at);
            if pending.reward.is_some() || waited < timeout {
                return true;
            }
            counts.lost += 1;
            match lost {
                Lost::Ignore => false,
                Lost::Assume { reward } => {
                    pending.reward = Some(reward.to_bits());
                    true
                }
            }
        });
    }

    /// What has been learned so far.
    ///
    /// # Errors
    /// Whatever the agent refuses.
    pub fn policy(&self) -> Result<Snapshot, AgentError> {
        self.agent.policy()
    }

    /// Writes the agent, what is pending and what was counted.
    ///
    /// # Errors
    /// Whatever the agent refuses.
    pub fn save(&self, archive: &mut Archive) -> Result<(), AgentError> {
        let mut inner = Archive::default();
        self.agent.save(&mut inner)?;
        archive.put("agent", &inner.to_bytes()?);
        archive.put_json("delayed", &self.config)?;
        archive.put_json("counts", &self.counts)?;
        archive.put_json("next", &self.next)?;
        let pending: Vec<(&Ticket, &Pending)> = self.pending.iter().collect();
        archive.put_json("pending", &pending)
    }

    /// Takes over what [`save`](Self::save) wrote.
    ///
    /// # Errors
    /// [`AgentError::Checkpoint`] when it was written by another configuration or is damaged.
    pub fn load(&mut self, archive: &Archive) -> Result<(), AgentError> {
        archive.expect_json("delayed", &self.config)?;
        self.agent.load(&Archive::from_bytes(&archive.get::<u8>("agent")?)?)?;
        self.counts = archive.get_json("counts")?;
        self.next = archive.get_json("next")?;
        let pending: Vec<(Ticket, Pending)> = archive.get_json("pending")?;
        self.pending = pending.into_iter().collect();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bandit::arms::{ArmBandit, ArmBanditConfig};
    use promopt_envs::diagnostic::BernoulliBandit;
    use promopt_envs::{Env, SeedTree};

    fn delayed(config: DelayedConfig) -> Delayed<ArmBandit> {
        let env = BernoulliBandit::new(vec![0.5; 3], 9).expect("valid probabilities");
        let agent = ArmBandit::new(ArmBanditConfig::default(), env.spec()).expect("a valid config");
        Delayed::new(agent, config).expect("a valid config")
    }

    fn decide(bandit: &mut Delayed<ArmBandit>, n: u64) -> Vec<Ticket> {
        let mut rng = SeedTree::new(4).stream();
        let one = |now| bandit.decide(&[1.0], &ActionMask::all(3), now, &mut rng);
        (0..n).map(one).map(|decided| decided.expect("three arms").0).collect()
    }

    #[test]
    fn nothing_is_learned_before_it_is_known_or_before_its_batch() -> Result<(), AgentError> {
        let mut bandit = delayed(DelayedConfig { batch: 3, ..Default::default() });
        let tickets = decide(&mut bandit, 5);
        assert_eq!(bandit.learn(5, true)?, 0);
        assert_eq!(bandit.agent().means(), [0.5; 3]);
        bandit.report(tickets[4], 1.0)?;
        bandit.report(tickets[1], 1.0)?;
        assert_eq!(bandit.learn(5, false)?, 0);
        assert_eq!(bandit.agent().means(), [0.5; 3]);
        bandit.report(tickets[0], 0.0)?;
        assert_eq!(bandit.learn(5, false)?, 3);
        assert_ne!(bandit.agent().means(), [0.5; 3]);
        assert_eq!((bandit.n_pending(), bandit.counts().learned), (2, 3));
        Ok(())
    }

    #[test]
    fn the_order_of_reports_is_irrelevant() -> Result<(), AgentError> {
        let play = |order: &[usize]| -> Result<Vec<f64>, AgentError> {
            let mut bandit = delayed(DelayedConfig::default());
            let tickets = decide(&mut bandit, 6);
            for &i in order {
                bandit.report(tickets[i], [0.0, 1.0, 0.3, 0.9, 0.0, 0.1][i])?;
            }
            bandit.learn(9, true)?;
            Ok(bandit.agent().means())
        };
        assert_eq!(play(&[0, 1, 2, 3, 4, 5])?, play(&[5, 2, 0, 4, 1, 3])?);
        Ok(())
    }

    #[test]
    fn lost_rewards_are_counted_and_stand_for_what_is_configured() -> Result<(), AgentError> {
        for (lost, learned) in [(Lost::Ignore, 1), (Lost::Assume { reward: 0.0 }, 4)] {
            let mut bandit = delayed(DelayedConfig { timeout: Some(3), lost, batch: 1 });
            let tickets = decide(&mut bandit, 4);
            bandit.report(tickets[2], 1.0)?;
            assert_eq!(bandit.learn(100, false)?, learned);
            assert_eq!(bandit.report(tickets[0], 1.0)?, Arrival::NotAwaited);
            let learned = learned as u64;
            let expected = DelayCounts { learned, lost: 3, not_awaited: 1 };
            assert_eq!((bandit.counts(), bandit.n_pending()), (expected, 0));
            assert!(bandit.report(Ticket(99), 1.0).is_err());
        }
        Ok(())
    }

    #[test]
    fn a_loaded_bandit_goes_on_as_the_saved_one() -> Result<(), AgentError> {
        let mut first = delayed(DelayedConfig::default());
        let tickets = decide(&mut first, 6);
        first.report(tickets[3], 1.0)?;
        first.learn(6, false)?;
        first.report(tickets[1], 0.1)?;
        let mut archive = Archive::default();
        first.save(&mut archive)?;
        let mut second = delayed(DelayedConfig::default());
        second.load(&archive)?;
        for bandit in [&mut first, &mut second] {
            bandit.report(tickets[5], 0.7)?;
            assert_eq!(bandit.learn(7, true)?, 2);
        }
        assert_eq!(first.agent().means(), second.agent().means());
        assert_eq!(first.counts(), second.counts());
        assert!(delayed(DelayedConfig { batch: 2, ..Default::default() }).load(&archive).is_err());
        Ok(())
    }
}
