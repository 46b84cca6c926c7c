//! Which categories go into one basket: at least one, and each as often as the model says.
//!
//! A week counts as a visit when something was bought, so the incidences are probabilities given at
//! least one purchase. Purchases are drawn as independent ones under that condition.

/// Fewest categories that a basket holds in expectation. Below 1 no set of purchases has these
/// probabilities, and at 1 every basket would hold exactly one category.
const CATEGORIES_MIN: f64 = 1.05;
const BISECTIONS: usize = 40;

/// What every incidence of a visit is multiplied with, so that a basket of the given expected size
/// is possible; 1 for all but the smallest baskets.
pub(super) fn scale(expected_categories: f64) -> f64 {
    (CATEGORIES_MIN / expected_categories.max(1e-12)).max(1.0)
}

/// Draws the basket of a visit: `luck[c]` decides on category `c`, in order. Category `c` ends up in
/// it with probability `scale · incidence[c]`; `incidence` is overwritten.
///
/// Independent purchases with probabilities `q` have `P(c | any) = q_c / (1 − Π (1 − q))`, so
/// `q_c = p_c (1 − Q)` where `Q` solves `Q = Π (1 − p_c (1 − Q))`. They are then drawn one after the
/// other, given that some purchase is still to come as long as there is none.
pub(super) fn draw(incidence: &mut [f64], luck: &[f64], bought: &mut [bool]) {
    let scale = scale(incidence.iter().sum());
    incidence.iter_mut().for_each(|p| *p = (*p * scale).min(1.0));
    let empty = |q: f64| -> f64 { incidence.iter().map(|p| 1.0 - p * (1.0 - q)).product() };
    let (mut low, mut high) = (0.0, 1.0 - 1e-9);
    for _ in 0..BISECTIONS {
        let middle = 0.5 * (low + high);
        if middle < empty(middle) { low = middle } else { high = middle }
    }
    incidence.iter_mut().for_each(|p| *p *= 1.0 - low);
    let mut none_left: f64 = incidence.iter().map(|q| 1.0 - q).product();
    let mut any = false;
    for ((q, luck), bought) in incidence.iter().zip(luck).zip(bought) {
        let some_left = 1.0 - none_left;
        let probability = if any { *q } else { q / some_left.max(1e-12) };
        *bought = *luck < probability;
        any |= *bought;
        none_left /= (1.0 - q).max(1e-12);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::SeedTree;
    use rand::Rng;

    #[test]
    fn every_basket_holds_something_and_categories_are_as_frequent_as_said() {
        let p = [0.6, 0.3, 0.5, 0.05];
        let mut counts = [0.0; 4];
        let (n, mut rng) = (40_000, SeedTree::new(11).stream());
        for _ in 0..n {
            let luck: [f64; 4] = rng.random();
            let mut bought = [false; 4];
            draw(&mut p.clone(), &luck, &mut bought);
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
    fn baskets_too_small_to_exist_are_scaled_up() {
        assert_eq!(scale(2.0), 1.0);
        assert!((scale(0.5) - 2.1).abs() < 1e-12);
    }
}
