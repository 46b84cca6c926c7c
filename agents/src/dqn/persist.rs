//! The agent in a checkpoint: all that affects what it will do.

use super::DqnAgent;
use crate::checkpoint::Archive;
use crate::error::AgentError;
use crate::network::Network;

impl DqnAgent {
    pub(super) fn save_to(&self, archive: &mut Archive) -> Result<(), AgentError> {
        archive.put_json("agent.config", &self.config)?;
        archive.put("agent.online", &parameters(&self.online));
        archive.put("agent.target", &parameters(&self.target));
        archive.put("agent.counters", &[self.observed, self.updates]);
        archive.put_stream("agent.sampler", &self.sampler)?;
        self.optimiser.save(archive, "agent.optimiser");
        self.n_step.save(archive, "agent.n_step");
        self.replay.save(archive, "agent.replay")
    }

    pub(super) fn load_from(&mut self, archive: &Archive) -> Result<(), AgentError> {
        archive.expect_json("agent.config", &self.config)?;
        set_parameters(&mut self.online, archive, "agent.online")?;
        set_parameters(&mut self.target, archive, "agent.target")?;
        let counters = archive.get_n("agent.counters", 2)?;
        (self.observed, self.updates) = (counters[0], counters[1]);
        self.sampler = archive.get_stream("agent.sampler")?;
        self.optimiser.load(archive, "agent.optimiser")?;
        self.n_step.load(archive, "agent.n_step", self.n_features)?;
        self.replay.load(archive, "agent.replay")
    }
}

fn parameters(network: &Network) -> Vec<f32> {
    network.parameters.iter().flat_map(|parameter| &parameter.values).copied().collect()
}

fn set_parameters(network: &mut Network, archive: &Archive, name: &str) -> Result<(), AgentError> {
    let n = network.parameters.iter().map(|parameter| parameter.values.len()).sum();
    let mut values = archive.get_n::<f32>(name, n)?.into_iter();
    for parameter in &mut network.parameters {
        parameter.values.iter_mut().zip(values.by_ref()).for_each(|(old, new)| *old = new);
    }
    network.publish()
}
