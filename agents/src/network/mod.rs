//! The one neural network of this crate: flat parameters, own kernels, Adam, and a candle twin.
//!
//! ```
//! use promopt_agents::Normalisation;
//! use promopt_agents::network::{Activations, Adam, Mlp, MlpShape};
//! use promopt_envs::SeedTree;
//!
//! let shape = MlpShape::new(3, &[16], 2);
//! let mut rng = SeedTree::new(1).stream();
//! let mut network = Mlp::new(shape, Normalisation::identity(3), &mut rng)?;
//! let mut adam = Adam::new(network.parameters().len(), 1e-8);
//! let mut memory = Activations::default();
//! let mut gradient = vec![0.0; network.parameters().len()];
//!
//! let outputs = network.forward(&[0.1, 0.2, 0.3], &mut memory)?;
//! let error: Vec<f32> = outputs.iter().map(|y| y - 1.0).collect();
//! network.backward(&mut memory, &error, &mut gradient)?;
//! adam.step(network.parameters_mut(), &gradient, 1e-3, f64::INFINITY);
//! # Ok::<(), promopt_agents::AgentError>(())
//! ```

mod adam;
mod candle;
mod inputs;
mod kernel;
mod mlp;
mod noise;
mod shape;
mod storage;

pub use adam::Adam;
pub use inputs::Inputs;
pub use mlp::{Activations, Backend, Mlp};
pub use shape::MlpShape;
