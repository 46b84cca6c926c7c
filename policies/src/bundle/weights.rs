//! A Q-network as tensors: names, shapes and the safetensors file.

use super::error::BundleError;
use crate::categorical::CategoricalHead;
use crate::mlp::{Dense, QHead, QNetwork};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

/// The file of weights in a bundle.
pub(super) const WEIGHTS_FILE: &str = "weights.safetensors";

/// The network as a safetensors file: `mean`, `scale`, `hidden.<i>.weight|bias`, and `head.…` or
/// `value.…` with `advantage.…`; `atoms` where returns are predicted as distributions. The same network gives the same bytes.
pub(super) fn encode(network: &QNetwork) -> Result<Vec<u8>, BundleError> {
    let mut tensors: Vec<(String, Vec<usize>, Vec<u8>)> = Vec::new();
    let mut push = |name: String, shape: Vec<usize>, values: &[f32]| {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        tensors.push((name, shape, bytes));
    };
    push("mean".to_owned(), vec![network.mean.len()], &network.mean);
    push("scale".to_owned(), vec![network.scale.len()], &network.scale);
    if let QHead::Categorical(head) = &network.head {
        push("atoms".to_owned(), vec![head.atoms.len()], &head.atoms);
    }
    for (name, dense) in layers(network) {
        push(format!("{name}.weight"), vec![dense.n_out, dense.n_in], &dense.weight);
        push(format!("{name}.bias"), vec![dense.n_out], &dense.bias);
    }
    let invalid =
        |error| BundleError::content(WEIGHTS_FILE, "tensors that fit their shapes", error);
    let views = tensors
        .iter()
        .map(|(name, shape, bytes)| {
            let view = TensorView::new(Dtype::F32, shape.clone(), bytes).map_err(invalid)?;
            Ok((name.as_str(), view))
        })
        .collect::<Result<Vec<_>, BundleError>>()?;
    safetensors::serialize(views, None).map_err(invalid)
}

/// The network in a safetensors file written by [`encode`].
pub(super) fn decode(bytes: &[u8]) -> Result<QNetwork, BundleError> {
    let tensors = SafeTensors::deserialize(bytes)
        .map_err(|error| BundleError::content(WEIGHTS_FILE, "a safetensors file", error))?;
    let n_hidden = (0..).take_while(|i| has(&tensors, &format!("hidden.{i}.weight"))).count();
    let hidden = (0..n_hidden)
        .map(|i| dense(&tensors, &format!("hidden.{i}")))
        .collect::<Result<Vec<_>, _>>()?;
    let head = if has(&tensors, "head.weight") {
        QHead::Plain(dense(&tensors, "head")?)
    } else if has(&tensors, "atoms") {
        let value = has(&tensors, "value.weight").then(|| dense(&tensors, "value")).transpose()?;
        let (advantage, atoms) = (dense(&tensors, "advantage")?, values(&tensors, "atoms")?.1);
        QHead::Categorical(CategoricalHead { value, advantage, atoms })
    } else {
        QHead::Dueling {
            value: dense(&tensors, "value")?,
            advantage: dense(&tensors, "advantage")?,
        }
    };
    let mean = values(&tensors, "mean")?.1;
    Ok(QNetwork { mean, scale: values(&tensors, "scale")?.1, hidden, head })
}

fn layers(network: &QNetwork) -> Vec<(String, &Dense)> {
    let hidden = network.hidden.iter().enumerate();
    let mut layers: Vec<(String, &Dense)> =
        hidden.map(|(i, dense)| (format!("hidden.{i}"), dense)).collect();
    match &network.head {
        QHead::Plain(dense) => layers.push(("head".to_owned(), dense)),
        QHead::Dueling { value, advantage } => {
            layers.push(("value".to_owned(), value));
            layers.push(("advantage".to_owned(), advantage));
        }
        QHead::Categorical(head) => {
            layers.extend(head.value.iter().map(|value| ("value".to_owned(), value)));
            layers.push(("advantage".to_owned(), &head.advantage));
        }
    }
    layers
}

fn has(tensors: &SafeTensors<'_>, name: &str) -> bool {
    tensors.tensor(name).is_ok()
}

fn dense(tensors: &SafeTensors<'_>, name: &str) -> Result<Dense, BundleError> {
    let (shape, weight) = values(tensors, &format!("{name}.weight"))?;
    let bias = values(tensors, &format!("{name}.bias"))?.1;
    match shape.as_slice() {
        &[n_out, n_in] => Ok(Dense { weight, bias, n_in, n_out }),
        _ => {
            let expected = format!("tensor `{name}.weight` of shape [n_out, n_in]");
            Err(BundleError::content(WEIGHTS_FILE, expected, format!("{shape:?}")))
        }
    }
}

fn values(tensors: &SafeTensors<'_>, name: &str) -> Result<(Vec<usize>, Vec<f32>), BundleError> {
    let expected = || format!("tensor `{name}` of f32");
    let tensor = tensors
        .tensor(name)
        .map_err(|error| BundleError::content(WEIGHTS_FILE, expected(), error))?;
    if tensor.dtype() != Dtype::F32 {
        let found = format!("{:?}", tensor.dtype());
        return Err(BundleError::content(WEIGHTS_FILE, expected(), found));
    }
    let (quads, _) = tensor.data().as_chunks::<4>();
    Ok((tensor.shape().to_vec(), quads.iter().map(|&quad| f32::from_le_bytes(quad)).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_categorical_head_survives_the_file() {
        let dense = |n_out: usize| Dense {
            weight: (0..2 * n_out).map(|i| i as f32).collect(),
            bias: vec![0.5; n_out],
            n_in: 2,
            n_out,
        };
        for value in [None, Some(dense(3))] {
            let atoms = vec![-1.0, 0.0, 1.0];
            let head = QHead::Categorical(CategoricalHead { value, advantage: dense(6), atoms });
            let network =
                QNetwork { mean: vec![0.0; 2], scale: vec![1.0; 2], hidden: vec![], head };
            assert_eq!(network.validate(), Ok(()));
            let bytes = encode(&network).expect("tensors that fit");
            assert_eq!(decode(&bytes).expect("what we wrote"), network);
        }
    }
}
