//! The kernels against candle, and the promises of the network type.

use super::*;
use promopt_envs::SeedTree;

fn network(shape: MlpShape, seed: u64) -> Result<Mlp, AgentError> {
    let n = shape.n_features;
    let constants = |at: f32| (0..n).map(|i| at + 0.1 * i as f32).collect();
    let normalisation = Normalisation { mean: constants(-0.2), scale: constants(0.5) };
    Mlp::new(shape, normalisation, &mut SeedTree::new(seed).stream())
}

fn numbers(n: usize, seed: u64) -> Vec<f32> {
    let mut rng = SeedTree::new(seed).stream();
    (0..n).map(|_| rng.random_range(-1.5..1.5)).collect()
}

/// Largest difference relative to the largest number.
fn distance(got: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(got.len(), expected.len());
    let largest = expected.iter().fold(1e-3_f32, |top, x| top.max(x.abs()));
    got.iter().zip(expected).fold(0.0, |worst, (a, b)| worst.max((a - b).abs() / largest))
}

#[test]
fn outputs_and_gradients_agree_with_candle_over_many_shapes() -> Result<(), AgentError> {
    let hidden: [&[usize]; 6] = [&[], &[1], &[7], &[16, 9], &[64, 64], &[128, 33, 20]];
    for (case, hidden) in hidden.into_iter().enumerate() {
        for (n_features, n_outputs) in [(1, 1), (4, 2), (17, 24), (40, 51)] {
            for n in [1, 2, 3, 5, 6, 13, 64] {
                for noisy in [None, Some(0.5)] {
                    let shape = MlpShape { noisy, ..MlpShape::new(n_features, hidden, n_outputs) };
                    let mut native = network(shape, case as u64)?;
                    native.draw_noise(&mut SeedTree::new(9).stream());
                    let candle = native.clone().with_backend(Backend::Candle);
                    let observations = numbers(n * n_features, n as u64);
                    let by_output = numbers(n * n_outputs, 5);
                    let run = |network: &Mlp| -> Result<_, AgentError> {
                        let mut memory = Activations::default();
                        let outputs = network.forward(&observations, &mut memory)?.to_vec();
                        let mut gradient = vec![0.25; network.parameters().len()];
                        network.backward(&mut memory, &by_output, &mut gradient)?;
                        Ok((outputs, gradient, network.last_hidden(&memory).to_vec()))
                    };
                    let (got, expected) = (run(&native)?, run(&candle)?);
                    let worst = distance(&got.0, &expected.0)
                        .max(distance(&got.1, &expected.1))
                        .max(distance(&got.2, &expected.2));
                    assert!(worst < 1e-5, "{hidden:?} {n_features} {n_outputs} {n}: {worst}");
                }
            }
        }
    }
    Ok(())
}

#[test]
fn a_batch_gives_the_bits_of_its_rows() -> Result<(), AgentError> {
    let network = network(MlpShape::new(5, &[70, 30], 11), 1)?;
    let observations = numbers(5 * 19, 2);
    let mut memory = Activations::default();
    let batch = network.forward(&observations, &mut memory)?.to_vec();
    for (row, outputs) in observations.chunks(5).zip(batch.chunks(11)) {
        assert_eq!(network.forward(row, &mut memory)?, outputs);
    }
    Ok(())
}

#[test]
fn the_gradient_agrees_with_finite_differences() -> Result<(), AgentError> {
    let shape = MlpShape { noisy: Some(0.5), ..MlpShape::new(3, &[16, 9], 4) };
    let mut network = network(shape, 2)?;
    network.draw_noise(&mut SeedTree::new(3).stream());
    let (observations, weights) = (numbers(6, 4), numbers(8, 5));
    let mut memory = Activations::default();
    let mut objective = |network: &Mlp| -> Result<f64, AgentError> {
        let outputs = network.forward(&observations, &mut memory)?;
        Ok(outputs.iter().zip(&weights).map(|(y, w)| f64::from(y * w)).sum())
    };
    let mut own = Activations::default();
    network.forward(&observations, &mut own)?;
    let mut gradient = vec![0.0; network.parameters().len()];
    network.backward(&mut own, &weights, &mut gradient)?;
    for at in (0..gradient.len()).step_by(7) {
        let mut at_shift = |shift: f32| {
            network.parameters_mut()[at] += shift;
            objective(&network)
        };
        let slope = (at_shift(1e-4)? - at_shift(-2e-4)?) / 2e-4;
        at_shift(1e-4)?;
        let found = f64::from(gradient[at]);
        // Small enough to stay on one side of every ReLU; `f32` leaves 1e-7 / 2e-4.
        assert!((slope - found).abs() < 1e-3, "{at}: {slope} {found}");
    }
    Ok(())
}

#[test]
fn a_wrong_number_of_values_is_refused() -> Result<(), AgentError> {
    let network = network(MlpShape::new(3, &[4], 2), 1)?;
    let mut memory = Activations::default();
    for n in [0, 2, 4] {
        assert!(network.forward(&vec![0.0; n], &mut memory).is_err(), "{n}");
    }
    network.forward(&[0.0; 6], &mut memory)?;
    let mut gradient = vec![0.0; network.parameters().len()];
    assert!(network.backward(&mut memory, &[0.0; 2], &mut gradient).is_err());
    assert!(network.backward(&mut memory, &[0.0; 4], &mut gradient[1..]).is_err());
    assert!(network.backward(&mut memory, &[0.0; 4], &mut gradient).is_ok());
    Ok(())
}

#[test]
fn weights_survive_safetensors_and_foreign_ones_are_refused() -> Result<(), AgentError> {
    let noisy = MlpShape { noisy: Some(0.5), ..MlpShape::new(3, &[4, 5], 2) };
    for shape in [noisy, MlpShape::new(3, &[4, 5], 2)] {
        let (mut first, second) = (network(shape.clone(), 3)?, network(shape, 4)?);
        assert_ne!(first, second);
        first.load_safetensors(&second.to_safetensors()?)?;
        assert_eq!(first, second);
        let other = network(MlpShape::new(3, &[4, 6], 2), 4)?;
        assert!(first.load_safetensors(&other.to_safetensors()?).is_err());
        assert!(first.load_safetensors(b"nothing").is_err());
        assert_eq!(first, second);
    }
    Ok(())
}

#[test]
fn moving_towards_another_network_is_linear() -> Result<(), AgentError> {
    let shape = MlpShape::new(3, &[4], 2);
    let (mut first, second) = (network(shape.clone(), 5)?, network(shape, 6)?);
    let (a, b) = (first.parameters()[0], second.parameters()[0]);
    first.move_towards(&second, 0.25);
    assert!((first.parameters()[0] - (0.75 * a + 0.25 * b)).abs() < 1e-6);
    first.move_towards(&second, 1.0);
    assert_eq!(first, second);
    Ok(())
}

#[test]
fn the_export_is_the_network_without_noise() -> Result<(), AgentError> {
    let shape = MlpShape { noisy: Some(0.5), ..MlpShape::new(3, &[16, 9], 4) };
    let mut network = network(shape, 7)?;
    network.draw_noise(&mut SeedTree::new(3).stream());
    let exported = network.export(0.5)?;
    exported.validate().expect("an export fits together");
    let observation = [0.3, -1.0, 90.0];
    let mut memory = Activations::default();
    let noisy = network.forward(&observation, &mut memory)?.to_vec();
    network.silence();
    let expected = network.forward(&observation, &mut memory)?;
    assert_ne!(noisy, expected);
    for (got, expected) in exported.scores(&observation).iter().zip(expected) {
        assert!((got - expected / 0.5).abs() < 1e-5, "{got} {expected}");
    }
    network.parameters_mut()[0] = f32::NAN;
    assert!(matches!(network.export(1.0), Err(AgentError::NotFinite { .. })));
    Ok(())
}

#[test]
fn nearly_empty_observations_give_the_bits_of_the_dense_way() -> Result<(), AgentError> {
    // 70 features: below 5 of them the sparse way is taken, so one row of each kind is compared
    // alone (sparse) and in a batch that is dense on the whole.
    let shape = MlpShape::new(70, &[20, 9], 3);
    let network = Mlp::new(shape, Normalisation::identity(70), &mut SeedTree::new(1).stream())?;
    let mut observations = numbers(70 * 8, 2);
    for (row, observation) in observations.chunks_mut(70).enumerate().skip(3) {
        observation.fill(0.0);
        observation[13 * row % 70] = 1.5;
        observation[69] = -0.5;
    }
    let by_output = numbers(3 * 8, 3);
    let run = |rows: std::ops::Range<usize>| -> Result<_, AgentError> {
        let (mut memory, mut gradient) = (Activations::default(), vec![0.0; 20 * 70 + 20]);
        gradient.resize(network.parameters().len(), 0.0);
        let observations = &observations[70 * rows.start..70 * rows.end];
        let outputs = network.forward(observations, &mut memory)?.to_vec();
        network.backward(&mut memory, &by_output[3 * rows.start..3 * rows.end], &mut gradient)?;
        Ok((outputs, gradient))
    };
    let (outputs, _) = run(0..8)?;
    let (sparse, mut gradient) = run(3..8)?;
    assert_eq!(sparse, outputs[9..]);
    let candle = network.clone().with_backend(Backend::Candle);
    let mut memory = Activations::default();
    candle.forward(&observations[210..], &mut memory)?;
    gradient.iter_mut().for_each(|g| *g = -*g);
    candle.backward(&mut memory, &by_output[9..], &mut gradient)?;
    assert!(gradient.iter().all(|g| g.abs() < 1e-5));
    Ok(())
}

#[test]
fn networks_that_share_inputs_compute_what_they_would_alone() -> Result<(), AgentError> {
    let one_hot = |at: usize| (0..40).map(move |i| f32::from(u8::from(i == at)));
    let observations = [numbers(40 * 6, 1), [3, 3, 39, 0].into_iter().flat_map(one_hot).collect()];
    // A normalisation that keeps zeros, so that the one-hot rows are sparse.
    let normalisation = Normalisation { mean: vec![0.0; 40], scale: vec![0.5; 40] };
    let mut inputs = Inputs::default();
    for observations in observations {
        inputs.fill(&observations, &normalisation)?;
        for seed in 1..3 {
            let (shape, mut rng) = (MlpShape::new(40, &[9], 2), SeedTree::new(seed).stream());
            let network = Mlp::new(shape, normalisation.clone(), &mut rng)?;
            let by_output = numbers(observations.len() / 20, 5);
            let (mut alone, mut sharing) = (Activations::default(), Activations::default());
            let expected = network.forward(&observations, &mut alone)?.to_vec();
            assert_eq!(network.forward_from(&inputs, &mut sharing)?, expected);
            let mut gradients = [(); 2].map(|()| vec![0.0; network.parameters().len()]);
            let [of_alone, of_sharing] = &mut gradients;
            network.backward(&mut alone, &by_output, of_alone)?;
            network.backward_from(&inputs, &mut sharing, &by_output, of_sharing)?;
            assert_eq!(of_alone, of_sharing);
        }
    }
    let (wider, mut memory) = (network(MlpShape::new(41, &[9], 2), 1)?, Activations::default());
    assert!(matches!(wider.forward_from(&inputs, &mut memory), Err(AgentError::Shape { .. })));
    Ok(())
}
