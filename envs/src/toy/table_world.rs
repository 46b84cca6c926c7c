//! An environment that draws its steps from a table, so that the two cannot disagree.

use crate::env::{Env, EnvSpec, Step};
use crate::episode::Episode;
use crate::error::EnvError;
use crate::exact::TabularMdp;
use crate::seed::{SeedTree, Stream};
use crate::space::{ActionId, ActionMask, BoxSpace};
use rand::Rng;

/// A finite Markov decision process to act in.
///
/// - **Action**: those of the table; what has no outcomes in a state is masked.
/// - **Observation**: the state as a one-hot vector, shape `[n_states]`.
/// - **Start**: one of the given states, each as likely.
/// - **End**: terminated where the table says so; truncated at the horizon.
#[derive(Debug, Clone)]
pub struct TableWorld {
    spec: EnvSpec,
    episode: Episode,
    stream: Stream,
    mdp: TabularMdp,
    starts: Vec<usize>,
    state: usize,
    observation: Vec<f32>,
    mask: ActionMask,
}

impl TableWorld {
    /// A world on this table; `starts` must name at least one of its states.
    ///
    /// # Errors
    /// [`EnvError::InvalidParameter`] when a start is missing or no state, or the horizon is 0.
    pub fn new(
        id: &str,
        mdp: TabularMdp,
        starts: Vec<usize>,
        horizon: u32,
    ) -> Result<Self, EnvError> {
        let n_states = mdp.n_states();
        let known = !starts.is_empty() && starts.iter().all(|&state| state < n_states);
        if !known || horizon == 0 {
            let got = starts.len() as f64;
            let expected = "start states of the table and at least one step";
            return Err(EnvError::InvalidParameter { name: "starts", expected, got });
        }
        let n_actions = mdp.n_actions();
        let mut world = Self {
            spec: EnvSpec {
                id: id.into(),
                observation_space: BoxSpace::new(vec![0.0; n_states], vec![1.0; n_states]),
                n_actions,
                horizon: Some(horizon),
            },
            episode: Episode::new(horizon),
            stream: SeedTree::new(0).stream(),
            state: starts[0],
            observation: vec![0.0; n_states],
            mask: ActionMask::all(n_actions),
            mdp,
            starts,
        };
        world.enter(world.state);
        Ok(world)
    }

    /// What it is drawn from.
    #[must_use]
    pub fn mdp(&self) -> &TabularMdp {
        &self.mdp
    }

    /// Where episodes begin, each as likely.
    #[must_use]
    pub fn starts(&self) -> &[usize] {
        &self.starts
    }

    /// The state now.
    #[must_use]
    pub fn state(&self) -> usize {
        self.state
    }

    /// Mean over the start states of these values, shape `[n_states]`.
    #[must_use]
    pub fn start_value(&self, values: &[f64]) -> f64 {
        let total: f64 = self.starts.iter().map(|&state| values[state]).sum();
        total / self.starts.len() as f64
    }

    fn enter(&mut self, state: usize) {
        self.observation[self.state] = 0.0;
        self.observation[state] = 1.0;
        self.state = state;
        let mdp = &self.mdp;
        self.mask.fill_with(|action| !mdp.outcomes(state, action).is_empty());
    }
}

impl Env for TableWorld {
    fn spec(&self) -> &EnvSpec {
        &self.spec
    }

    fn reset(&mut self, seed: Option<u64>) {
        if let Some(seed) = seed {
            self.stream = SeedTree::new(seed).stream();
        }
        self.episode.begin();
        let start = self.starts[self.stream.random_range(0..self.starts.len())];
        self.enter(start);
    }

    fn observation(&self) -> &[f32] {
        &self.observation
    }

    fn action_mask(&self) -> &ActionMask {
        &self.mask
    }

    fn step(&mut self, action: ActionId) -> Result<Step, EnvError> {
        self.episode.admit(action, &self.mask)?;
        let mut luck: f64 = self.stream.random();
        let outcomes = self.mdp.outcomes(self.state, action);
        let drawn = outcomes.iter().find(|outcome| {
            luck -= outcome.probability;
            luck < 0.0
        });
        // Rounding may leave a crumb of luck after the last outcome.
        let outcome = drawn.or(outcomes.last()).copied();
        let Some(outcome) = outcome else { return Err(EnvError::ResetNeeded) };
        self.enter(outcome.next);
        Ok(self.episode.advance(outcome.reward, outcome.terminated))
    }
}
