//! Everything that decides what the agent will do next, written down and taken over again.

use super::agent::DqnAgent;
use super::learner::DqnLearner;
use crate::checkpoint::Archive;
use crate::error::AgentError;

impl DqnLearner {
    pub(super) fn write_checkpoint(&self, archive: &mut Archive) -> Result<(), AgentError> {
        archive.put_json("dqn.config", &self.config)?;
        archive.put("dqn.online", self.online.parameters());
        archive.put("dqn.target", self.target.parameters());
        let (steps, first, second) = self.optimiser.state();
        archive.put("dqn.adam.steps", &[steps.unsigned_abs()]);
        archive.put("dqn.adam.first", first);
        archive.put("dqn.adam.second", second);
        archive.put("dqn.updates", &[self.updates]);
        archive.put_stream("dqn.noise", &self.noise)
    }

    /// Changes nothing unless every part fits.
    pub(super) fn read_checkpoint(&mut self, archive: &Archive) -> Result<(), AgentError> {
        archive.expect_json("dqn.config", &self.config)?;
        let n = self.online.parameters().len();
        let online: Vec<f32> = archive.get_n("dqn.online", n)?;
        let target: Vec<f32> = archive.get_n("dqn.target", n)?;
        let steps: u32 = archive.get_one("dqn.adam.steps")?;
        let first: Vec<f32> = archive.get_n("dqn.adam.first", n)?;
        let second: Vec<f32> = archive.get_n("dqn.adam.second", n)?;
        let updates = archive.get_one("dqn.updates")?;
        self.noise = archive.get_stream("dqn.noise")?;
        self.updates = updates;
        self.online.parameters_mut().copy_from_slice(&online);
        self.target.parameters_mut().copy_from_slice(&target);
        let steps = i32::try_from(steps).unwrap_or(i32::MAX);
        if self.optimiser.restore(steps, &first, &second) {
            return Ok(());
        }
        let problem = "found moments of another length".to_owned();
        Err(AgentError::Checkpoint { problem })
    }
}

impl DqnAgent {
    pub(super) fn write_checkpoint(&self, archive: &mut Archive) -> Result<(), AgentError> {
        self.learner.write_checkpoint(archive)?;
        self.replay.save(archive, "dqn.replay")?;
        self.n_step.save(archive, "dqn.n_step");
        archive.put("dqn.observed", &[self.observed]);
        archive.put_stream("dqn.sampler", &self.sampler)?;
        archive.put_stream("dqn.acting_noise", &self.noise)
    }

    pub(super) fn read_checkpoint(&mut self, archive: &Archive) -> Result<(), AgentError> {
        self.learner.read_checkpoint(archive)?;
        self.replay.load(archive, "dqn.replay")?;
        self.n_step.load(archive, "dqn.n_step", self.n_features)?;
        self.observed = archive.get_one("dqn.observed")?;
        self.sampler = archive.get_stream("dqn.sampler")?;
        self.noise = archive.get_stream("dqn.acting_noise")?;
        Ok(())
    }
}
