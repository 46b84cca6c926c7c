//! Customers whose true parameters are known, to check fits against.

use super::{BgNbd, CustomerValue, GammaGamma, Purchase, ValueError, check_positive};
use promopt_envs::{SeedTree, Stream};
use rand::Rng;
use rand_distr::{Beta, Distribution, Exp1, Gamma, Uniform};

/// Draws the purchases of `n` customers until week `end`, by the two models to the letter.
///
/// First purchases are spread evenly over the first `arrival_weeks`. Customer `i` draws from
/// `seed.index(i)`, so more customers or other threads do not change the ones there are.
///
/// # Errors
/// When a parameter is not positive and finite, or `arrival_weeks` does not lie within 0 to `end`.
pub fn simulate_customers(
    truth: &CustomerValue,
    n: u32,
    arrival_weeks: f64,
    end: f64,
    seed: SeedTree,
) -> Result<Vec<Vec<Purchase>>, ValueError> {
    let BgNbd { r, alpha, a, b } = truth.purchases;
    let GammaGamma { p, q, gamma } = truth.values;
    let parameters = [r, alpha, a, b, p, q, gamma];
    for (name, value) in ["r", "alpha", "a", "b", "p", "q", "gamma"].into_iter().zip(parameters) {
        check_positive(name, value)?;
    }
    let range = "between 0 and the end of the observation, finite";
    let outside = |found: f64| ValueError::Range { name: "arrival_weeks", range, found };
    if !(arrival_weeks <= end && end.is_finite()) {
        return Err(outside(arrival_weeks));
    }
    let arrivals =
        Uniform::new_inclusive(0.0, arrival_weeks).map_err(|_| outside(arrival_weeks))?;
    let refuse = |name| ValueError::Range { name, range: "usable as a shape", found: f64::NAN };
    let rates = Gamma::new(r, alpha.recip()).map_err(|_| refuse("r"))?;
    let dropouts = Beta::new(a, b).map_err(|_| refuse("a"))?;
    let spends = Gamma::new(q, gamma.recip()).map_err(|_| refuse("q"))?;
    let values = Gamma::new(p, 1.0).map_err(|_| refuse("p"))?;
    let draw = |stream: &mut Stream| {
        let (rate, dropout) = (rates.sample(stream), dropouts.sample(stream));
        let spend_rate = spends.sample(stream);
        let mut time = arrivals.sample(stream);
        let mut purchases = Vec::new();
        while time <= end {
            purchases.push(Purchase { time, value: values.sample(stream) / spend_rate });
            let gone = purchases.len() > 1 && stream.random::<f64>() < dropout;
            let wait: f64 = Exp1.sample(stream);
            time = if gone { f64::INFINITY } else { time + wait / rate };
        }
        purchases
    };
    Ok((0..u64::from(n)).map(|i| draw(&mut seed.index(i).stream())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn truth() -> CustomerValue {
        CustomerValue {
            purchases: BgNbd { r: 2.0, alpha: 4.0, a: 1.5, b: 4.0 },
            values: GammaGamma { p: 4.0, q: 6.0, gamma: 25.0 },
        }
    }

    #[test]
    fn the_mean_number_and_value_are_those_of_the_models() {
        let truth = truth();
        let logs = simulate_customers(&truth, 8000, 0.0, 20.0, SeedTree::new(1)).expect("valid");
        let repeats: Vec<f64> = logs.iter().map(|log| log.len() as f64 - 1.0).collect();
        within_four_errors(&repeats, truth.purchases.expected_purchases_of_new(20.0));
        // Values: p γ / (q - 1) = 4 · 25 / 5 = 20.
        let firsts: Vec<f64> = logs.iter().map(|log| log[0].value).collect();
        within_four_errors(&firsts, 20.0);
    }

    #[track_caller]
    fn within_four_errors(sample: &[f64], expected: f64) {
        let n = sample.len() as f64;
        let mean = sample.iter().sum::<f64>() / n;
        let variance = sample.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0);
        assert!((mean - expected).abs() <= 4.0 * (variance / n).sqrt(), "{mean} {expected}");
    }

    #[test]
    fn customers_stay_the_same_when_there_are_more_of_them() {
        let few = simulate_customers(&truth(), 5, 10.0, 52.0, SeedTree::new(2)).expect("valid");
        let many = simulate_customers(&truth(), 50, 10.0, 52.0, SeedTree::new(2)).expect("valid");
        assert_eq!(few, many[..5]);
        assert!(many.iter().flatten().all(|one| (0.0..=52.0).contains(&one.time)));
    }

    #[test]
    fn nonsense_is_refused() {
        for (arrival, end) in [(-1.0, 10.0), (11.0, 10.0), (f64::NAN, 10.0), (1.0, f64::INFINITY)] {
            assert!(simulate_customers(&truth(), 1, arrival, end, SeedTree::new(3)).is_err());
        }
        let mut broken = truth();
        broken.purchases.a = 0.0;
        assert!(simulate_customers(&broken, 1, 1.0, 10.0, SeedTree::new(3)).is_err());
    }
}
