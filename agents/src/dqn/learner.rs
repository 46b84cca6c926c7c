//! One step of learning from a batch: two networks, an optimiser, and no memory of the past.

use super::config::{DqnConfig, TargetUpdate};
use super::head::Head;
use super::loss::{self, Losses};
use crate::agent::Metrics;
use crate::error::{AgentError, same_length};
use crate::network::{Activations, Adam, Mlp, MlpShape};
use crate::normalisation::Normalisation;
use crate::replay::Batch;
use promopt_envs::{SeedTree, Stream};
use promopt_policies::QNetwork;

/// The learning half of [`DqnAgent`](super::DqnAgent), for experience that comes from elsewhere.
///
/// The same seed and the same batches give the same weights, bit for bit. Once the first batch has
/// been learned from, no further memory is taken for batches of its size.
#[derive(Debug)]
pub struct DqnLearner {
    pub(super) config: DqnConfig,
    pub(super) head: Head,
    pub(super) online: Mlp,
    pub(super) target: Mlp,
    pub(super) optimiser: Adam,
    /// Where the noise of noisy layers comes from.
    pub(super) noise: Stream,
    pub(super) updates: u64,
    gradient: Vec<f32>,
    work: Work,
}

/// Memory that is used again for every batch.
#[derive(Debug, Default)]
struct Work {
    memory: Activations,
    atoms: Vec<f32>,
    next_atoms: Vec<f32>,
    scores: Vec<f32>,
    best: Vec<u32>,
    targets: Vec<f32>,
    losses: Losses,
    by_output: Vec<f32>,
}

impl DqnLearner {
    /// Networks for observations and actions of these sizes; the seed decides their first weights.
    ///
    /// # Errors
    /// [`AgentError::InvalidConfig`], or [`AgentError::Shape`] when the normalisation does not fit.
    pub fn new(
        config: DqnConfig,
        n_features: usize,
        n_actions: usize,
        normalisation: Normalisation,
        seed: SeedTree,
    ) -> Result<Self, AgentError> {
        config.validate()?;
        let head = Head::new(&config, n_actions);
        let shape = MlpShape {
            noisy: config.noisy,
            ..MlpShape::new(n_features, &config.hidden, head.n_outputs())
        };
        let online = Mlp::new(shape, normalisation, &mut seed.child("weights").stream())?;
        let online = online.with_backend(config.backend);
        let n_parameters = online.parameters().len();
        Ok(Self {
            target: online.clone(),
            optimiser: Adam::new(n_parameters, config.adam_epsilon),
            noise: seed.child("noise").stream(),
            updates: 0,
            gradient: vec![0.0; n_parameters],
            work: Work::default(),
            config,
            head,
            online,
        })
    }

    /// The settings it was made with.
    #[must_use]
    pub fn config(&self) -> &DqnConfig {
        &self.config
    }

    /// The network that learns.
    #[must_use]
    pub fn online(&self) -> &Mlp {
        &self.online
    }

    /// The network that learns, to be changed.
    pub fn online_mut(&mut self) -> &mut Mlp {
        &mut self.online
    }

    /// The network that targets come from.
    #[must_use]
    pub fn target(&self) -> &Mlp {
        &self.target
    }

    /// The network that targets come from, to be changed.
    pub fn target_mut(&mut self) -> &mut Mlp {
        &mut self.target
    }

    /// Updates so far.
    #[must_use]
    pub fn updates(&self) -> u64 {
        self.updates
    }

    /// The gradient of the latest update before clipping, in the layout of the parameters.
    #[must_use]
    pub fn gradient(&self) -> &[f32] {
        &self.gradient
    }

    /// The sizes of the latest batch's errors, for its priorities, shape `[n]`.
    #[must_use]
    pub fn errors(&self) -> &[f32] {
        &self.work.losses.errors
    }

    /// The learned scores as a network in plain numbers, in the environment's reward unit.
    ///
    /// # Errors
    /// [`AgentError::NotFinite`] when the weights diverged.
    pub fn export(&self) -> Result<QNetwork, AgentError> {
        let head = self.head.export(&self.online, self.config.reward_scale as f32);
        self.online.export_with(head)
    }

    /// One step of Adam against the loss of a batch, then one of the target network. Rewards are
    /// taken as they are, already scaled. `epsilon` only goes into the figures.
    ///
    /// # Errors
    /// [`AgentError::Shape`] when the batch is empty or does not fit; [`AgentError::NotFinite`]
    /// when the loss diverged.
    pub fn learn(&mut self, batch: &Batch, epsilon: f64) -> Result<Metrics, AgentError> {
        self.check(batch)?;
        self.target.draw_noise(&mut self.noise);
        self.online.draw_noise(&mut self.noise);
        let (head, work) = (&self.head, &mut self.work);
        let outputs = self.target.forward(&batch.next_observations, &mut work.memory)?;
        head.combine(outputs, &mut work.next_atoms);
        if self.config.double {
            let outputs = self.online.forward(&batch.next_observations, &mut work.memory)?;
            head.combine(outputs, &mut work.atoms);
            head.scores(&work.atoms, &mut work.scores);
            self.online.draw_noise(&mut self.noise);
        } else {
            head.scores(&work.next_atoms, &mut work.scores);
        }
        loss::choose(&work.scores, &batch.next_masks, head.n_actions, &mut work.best);
        loss::targets(head, batch, &work.best, &mut work.next_atoms, &mut work.targets);

        let outputs = self.online.forward(&batch.observations, &mut work.memory)?;
        head.combine(outputs, &mut work.atoms);
        let loss = work.losses.fill(head, &self.config, batch, &work.atoms, &work.targets);
        if !loss.is_finite() {
            return Err(AgentError::NotFinite { what: "loss", got: loss });
        }
        head.spread(&batch.actions, &work.losses.taken, &mut work.by_output);
        self.gradient.fill(0.0);
        self.online.backward(&mut work.memory, &work.by_output, &mut self.gradient)?;
        let learning_rate = self.config.learning_rate.at(self.updates);
        let clip = self.config.gradient_clip;
        let parameters = self.online.parameters_mut();
        let gradient_norm = self.optimiser.step(parameters, &self.gradient, learning_rate, clip);
        self.updates += 1;
        self.follow();
        let mean_q = self.mean_score(batch);
        Ok(Metrics { loss, mean_q, epsilon, gradient_norm, learning_rate })
    }

    /// Mean score of the actions taken, before the update.
    fn mean_score(&mut self, batch: &Batch) -> f64 {
        let n_atoms = self.head.n_atoms();
        let Work { atoms, scores, by_output: taken, .. } = &mut self.work;
        taken.clear();
        for (row, &action) in atoms.chunks_exact(self.head.n_actions * n_atoms).zip(&batch.actions)
        {
            taken.extend_from_slice(&row[action as usize * n_atoms..][..n_atoms]);
        }
        self.head.scores(taken, scores);
        scores.iter().map(|&score| f64::from(score)).sum::<f64>() / batch.len() as f64
    }

    fn check(&self, batch: &Batch) -> Result<(), AgentError> {
        let (n, n_actions) = (batch.len(), self.head.n_actions);
        same_length("the next masks", n * n_actions, batch.next_masks.len())?;
        same_length("the reward sums", n, batch.reward_sums.len())?;
        same_length("the bootstrap discounts", n, batch.bootstrap_discounts.len())?;
        same_length("the weights", n, batch.weights.len())?;
        let n_features = self.online.shape().n_features;
        same_length("the observations", n.max(1) * n_features, batch.observations.len())?;
        same_length("the next observations", n * n_features, batch.next_observations.len())?;
        match batch.actions.iter().find(|&&action| action as usize >= n_actions) {
            Some(&action) => {
                let (expected, got) = (n_actions, action as usize);
                Err(AgentError::Shape { what: "actions above the one taken", expected, got })
            }
            None => Ok(()),
        }
    }

    fn follow(&mut self) {
        match self.config.target_update {
            TargetUpdate::Soft { rate } => self.target.move_towards(&self.online, rate as f32),
            TargetUpdate::Hard { every } if self.updates.is_multiple_of(every) => {
                self.target.move_towards(&self.online, 1.0);
            }
            TargetUpdate::Hard { .. } => {}
        }
    }
}
