//! Which categories go into one basket: at least one, and each as often as the model says.
//!
//! A week counts as a visit when something was bought, so the incidences are probabilities given at
//! least one purchase. Purchases are drawn as independent ones under that condition.

use rand::{Rng, RngCore};

/// Fewest categories that a basket holds in expectation. Below 1 no set of purchases has these
/// probabilities, and at 1 every basket would hold exactly one category.
const CATEGORIES_MIN: f64 = 1.05;
const NEWTON_STEPS: usize = 60;
const TOLERANCE: f64 = 1e-13;

/// What every incidence of a visit is multiplied with, so that a basket of the given expected size
/// is possible; 1 for all but the smallest baskets.
pub(super) fn scale(expected_categories: f64) -> f64 {
    (CATEGORIES_MIN / expected_categories.max(1e-12)).max(1.0)
}

/// Draws the basket of a visit, one random number per category in order. Category `c` ends up in it
/// with probability `scale · incidence[c]`; `incidence` is overwritten.
///
/// Independent purchases with probabilities `q` have `P(c | any) = q_c / (1 − Π (1 − q))`, so
/// `q_c = p_c (1 − Q)` where `Q` solves `Q = Π (1 − p_c (1 − Q))`. They are then drawn one after the
/// other, given that some purchase is still to come as long as there is none.
pub(super) fn draw(incidence: &mut [f64], rng: &mut dyn RngCore, bought: &mut [bool]) {
    let scale = scale(incidence.iter().sum());
    incidence.iter_mut().for_each(|p| *p = (*p * scale).min(1.0));
    let empty = probability_of_nothing(incidence);
    incidence.iter_mut().for_each(|p| *p *= 1.0 - empty);
    let mut none_left: f64 = incidence.iter().map(|q| 1.0 - q).product();
    let mut any = false;
    for (q, bought) in incidence.iter().zip(bought) {
        let some_left = 1.0 - none_left;
        let probability = if any { *q } else { q / some_left.max(1e-12) };
        *bought = rng.random::<f64>() < probability;
        any |= *bought;
        none_left /= (1.0 - q).max(1e-12);
    }
}

/// The root below 1 of `Q = Π (1 − p_c (1 − Q))`. The difference of the two sides is convex and falls
/// from `Q = 0` to the root, so Newton's method from 0 approaches it from below.
fn probability_of_nothing(p: &[f64]) -> f64 {
    let mut q = 0.0;
    for _ in 0..NEWTON_STEPS {
        let (mut product, mut slope) = (1.0, 0.0);
        for p in p {
            let factor = 1.0 - p * (1.0 - q);
            product *= factor;
            slope += p / factor.max(1e-300);
        }
        let step = (product - q) / (1.0 - product * slope);
        if !(step > TOLERANCE && step < 1.0) {
            break;
        }
        q += step;
    }
    q
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::SeedTree;

    #[test]
    fn every_basket_holds_something_and_categories_are_as_frequent_as_said() {
        let p = [0.6, 0.3, 0.5, 0.05];
        let mut counts = [0.0; 4];
        let (n, mut rng) = (40_000, SeedTree::new(11).stream());
        for _ in 0..n {
            let mut bought = [false; 4];
            draw(&mut p.clone(), &mut rng, &mut bought);
            assert!(bought.iter().any(|&b| b));
            counts.iter_mut().zip(bought).for_each(|(c, b)| *c += f64::from(u8::from(b)));
        }
        for (p, count) in p.iter().zip(counts) {
            // Standard error of a share: sqrt(p (1 − p) / 40,000); four of them.
            let se = (p * (1.0 - p) / f64::from(n)).sqrt();
            assert!((count / f64::from(n) - p).abs() < 4.0 * se);
        }
    }

    #[test]
    fn the_probability_of_nothing_solves_its_equation() {
        for p in
            [&[0.6, 0.3, 0.5, 0.05][..], &[0.5, 0.55], &[0.98, 0.3], &[1.0, 0.2], &[1.05 / 3.0; 3]]
        {
            let q = probability_of_nothing(p);
            let product: f64 = p.iter().map(|p| 1.0 - p * (1.0 - q)).product();
            assert!((product - q).abs() < 1e-9, "{p:?}: {q} and {product}");
            assert!(q < 1.0 - 1e-6);
        }
    }

    #[test]
    fn baskets_too_small_to_exist_are_scaled_up() {
        assert_eq!(scale(2.0), 1.0);
        assert!((scale(0.5) - 2.1).abs() < 1e-12);
    }
}
