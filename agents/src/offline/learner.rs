//! What network learners share: one trained network, its target, and the loop over batches.

use super::batch::{LoggedBatch, Sampler};
use super::config::NetworkConfig;
use crate::dqn::TargetUpdate;
use crate::error::{AgentError, same_length};
use crate::network::{Activations, Adam, Mlp};
use promopt_envs::{SeedTree, Stream};
use promopt_policies::{LoggedDecisions, Policy};

/// Something that learns from batches of a log.
pub trait OfflineLearner: Send {
    /// Short name for tables, such as `"cql"`.
    fn name(&self) -> &'static str;

    /// Rows per update.
    fn batch_size(&self) -> usize;

    /// One gradient step on every network; returns the mean loss before it.
    ///
    /// # Errors
    /// [`AgentError::Shape`] for a batch of another log, [`AgentError::NotFinite`] on divergence.
    fn update(&mut self, batch: &LoggedBatch) -> Result<f64, AgentError>;

    /// What has been learned so far, without exploration.
    ///
    /// # Errors
    /// [`AgentError::NotFinite`] when the weights diverged.
    fn policy(&self) -> Result<Box<dyn Policy>, AgentError>;
}

/// Feeds a learner with so many batches of the log. `on_progress(updates, loss)` is called after
/// each. The batches depend on the seed only.
///
/// # Errors
/// Those of [`Sampler::new`] and [`OfflineLearner::update`].
pub fn fit(
    learner: &mut dyn OfflineLearner,
    log: &LoggedDecisions,
    n_updates: u64,
    seed: SeedTree,
    on_progress: &mut dyn FnMut(u64, f64),
) -> Result<(), AgentError> {
    let sampler = Sampler::new(log)?;
    let batch_size = learner.batch_size();
    let update = &mut |batch: &LoggedBatch| learner.update(batch);
    feed(&sampler, batch_size, n_updates, seed, update, on_progress)
}

/// Draws batches, updates with each, and stops with an error at a loss that is not finite.
pub(super) fn feed(
    sampler: &Sampler<'_>,
    batch_size: usize,
    n_updates: u64,
    seed: SeedTree,
    update: &mut dyn FnMut(&LoggedBatch) -> Result<f64, AgentError>,
    on_progress: &mut dyn FnMut(u64, f64),
) -> Result<(), AgentError> {
    let mut rng = seed.child("batches").stream();
    let mut batch = LoggedBatch::default();
    for at in 1..=n_updates {
        sampler.sample(batch_size, &mut rng, &mut batch);
        let loss = update(&batch)?;
        if !loss.is_finite() {
            return Err(AgentError::NotFinite { what: "loss", got: loss });
        }
        on_progress(at, loss);
    }
    Ok(())
}

/// A network with its optimiser and scratch memory.
#[derive(Debug)]
pub(super) struct Trained {
    pub(super) network: Mlp,
    pub(super) memory: Activations,
    optimiser: Adam,
    gradient: Vec<f32>,
    updates: u64,
}

impl Trained {
    pub(super) fn new(
        config: &NetworkConfig,
        log: &LoggedDecisions,
        n_outputs: usize,
        rng: &mut Stream,
    ) -> Result<Self, AgentError> {
        let shape = config.shape(log, n_outputs);
        let network = Mlp::new(shape, config.normalisation(log)?, rng)?;
        let n_parameters = network.parameters().len();
        Ok(Self {
            network,
            memory: Activations::default(),
            optimiser: Adam::new(n_parameters, config.adam_epsilon),
            gradient: vec![0.0; n_parameters],
            updates: 0,
        })
    }

    /// Outputs that [`Trained::learn`] can send a gradient back through.
    pub(super) fn forward(&mut self, observations: &[f32]) -> Result<&[f32], AgentError> {
        self.network.forward(observations, &mut self.memory)
    }

    /// One step of Adam against the gradient of the last forward pass.
    pub(super) fn learn(
        &mut self,
        output_gradient: &[f32],
        config: &NetworkConfig,
    ) -> Result<(), AgentError> {
        self.gradient.fill(0.0);
        self.network.backward(&mut self.memory, output_gradient, &mut self.gradient)?;
        let rate = config.learning_rate.at(self.updates);
        let parameters = self.network.parameters_mut();
        self.optimiser.step(parameters, &self.gradient, rate, config.gradient_clip);
        self.updates += 1;
        Ok(())
    }

    /// Number of steps so far.
    pub(super) fn updates(&self) -> u64 {
        self.updates
    }

    /// Replaces every weight; for tests that start from given ones.
    #[cfg(test)]
    pub(super) fn set_parameters(&mut self, parameters: &[f32]) {
        self.network.parameters_mut().copy_from_slice(parameters);
    }
}

/// A copy of a network that follows it slowly.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) network: Mlp,
    pub(super) memory: Activations,
}

impl Target {
    pub(super) fn new(network: &Mlp) -> Self {
        Self { network: network.clone(), memory: Activations::default() }
    }

    pub(super) fn forward(&mut self, observations: &[f32]) -> Result<&[f32], AgentError> {
        self.network.forward(observations, &mut self.memory)
    }

    /// Follows after `updates` updates of the trained network.
    pub(super) fn follow(&mut self, trained: &Mlp, updates: u64, rule: TargetUpdate) {
        match rule {
            TargetUpdate::Hard { every } if updates.is_multiple_of(every) => {
                self.network.move_towards(trained, 1.0);
            }
            TargetUpdate::Hard { .. } => {}
            TargetUpdate::Soft { rate } => self.network.move_towards(trained, rate as f32),
        }
    }
}

/// Errors unless the batch is of a log like the one that the learner was built for.
pub(super) fn check_batch(
    batch: &LoggedBatch,
    n_features: usize,
    n_actions: usize,
) -> Result<(), AgentError> {
    let n = batch.len();
    same_length("the batch's observations", n * n_features, batch.observations.len())?;
    same_length("the batch's next observations", n * n_features, batch.next_observations.len())?;
    same_length("the batch's masks", n * n_actions, batch.masks.len())?;
    same_length("the batch's next masks", n * n_actions, batch.next_masks.len())
}
