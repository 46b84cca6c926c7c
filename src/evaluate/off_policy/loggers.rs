//! Several logging policies in one log: seasons, regions or servers that chose differently.
//!
//! *Naive*: each round by the propensity of its own logger, `w = target / p_k`. *Balanced*: all
//! rounds by the mixture `p̄(a|x) = Σ_k (n_k/n) p_k(a|x)`, the smallest variance where every
//! logger's policy is known; both are ordinary [`Rounds`]. *Weighted*: naive weights, with strata
//! counted by their precision. Sources: Agarwal et al. 2017; Kallus, Saito and Uehara 2021.

use super::estimator::Estimator;
use super::rounds::Rounds;
use super::summary::Summary;
use super::target::check_size;
use crate::error::EvaluateError;

/// Naive rounds with each stratum's weights scaled by its precision under this estimator:
/// `c_k = n / (V_k Σ_j n_j / V_j)`, `V_k` the variance of the contributions within stratum `k`.
///
/// Only the weighted correction is scaled, not the model term. `V_k` is estimated from the same
/// rounds: with heavy-tailed weights a stratum that has missed its tail looks precise and is
/// counted too much. `strata` is the logger of each round, shape `[n]`.
///
/// # Errors
/// [`EvaluateError::NoVariance`] for a stratum whose contributions are constant;
/// [`EvaluateError::WrongLength`] for another number of rounds.
pub fn weighted_by_precision<'a>(
    rounds: &Rounds<'a>,
    strata: &[usize],
    estimator: &Estimator,
) -> Result<Rounds<'a>, EvaluateError> {
    check_size("stratum", "decision", rounds.len(), strata.len())?;
    let contributions = estimator.contributions(rounds)?;
    let n_strata = strata.iter().max().map_or(0, |most| most + 1);
    let mut members: Vec<Vec<f64>> = vec![Vec::new(); n_strata];
    strata.iter().zip(contributions).for_each(|(&stratum, x)| members[stratum].push(x));
    let mut precisions = Vec::with_capacity(n_strata);
    let mut total = 0.0;
    for (stratum, members) in members.iter().enumerate() {
        let Summary { moments, least, most } = Summary::of(members);
        if least == most {
            return Err(EvaluateError::NoVariance { stratum });
        }
        // A number without rounds has no say; nobody asks for its precision.
        let precision = if members.is_empty() { 0.0 } else { moments.n / moments.squares };
        total += members.len() as f64 * precision;
        precisions.push(precision);
    }
    let n = rounds.len() as f64;
    let scaled = rounds.weights().iter().zip(strata);
    rounds.with_weights(scaled.map(|(w, &stratum)| w * n * precisions[stratum] / total).collect())
}

#[cfg(test)]
mod tests {
    use super::super::estimator::IPS;
    use super::*;

    #[test]
    fn strata_count_by_their_precision() {
        // w r: stratum 0 has 1, 3 (variance 1), stratum 2 has 0, 4 (variance 4); nobody is in 1.
        let rewards = [1.0, 3.0, 0.0, 4.0];
        let rounds = Rounds::new(&rewards, vec![1.0; 4]).expect("valid");
        let found = weighted_by_precision(&rounds, &[0, 0, 2, 2], &IPS).expect("they vary");
        // Σ n_j/V_j = 2 + 0.5 = 2.5: c_0 = 4/2.5 = 1.6 and c_2 = 4/(4·2.5) = 0.4.
        assert_eq!(found.weights(), [1.6, 1.6, 0.4, 0.4]);
    }

    #[test]
    fn a_constant_stratum_is_named() {
        let rewards = [1.0, 1.0, 0.0, 4.0];
        let rounds = Rounds::new(&rewards, vec![1.0; 4]).expect("valid");
        let refused = weighted_by_precision(&rounds, &[3, 3, 0, 0], &IPS).expect_err("constant");
        assert_eq!(refused, EvaluateError::NoVariance { stratum: 3 });
    }
}
