//! Many hypotheses at once: p values adjusted so that they may all be held against one limit.

/// What the adjustment keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adjustment {
    /// Chance of any false finding, whatever the dependence: times the number of hypotheses.
    Bonferroni,
    /// The same for independent hypotheses.
    Sidak,
    /// Bonferroni step by step, never worse. Source: Holm 1979.
    Holm,
    /// Šidák step by step.
    HolmSidak,
    /// Step up, for independent or positively dependent hypotheses. Source: Hochberg 1988.
    Hochberg,
    /// All subsets. Source: Hommel 1988; Wright 1992.
    Hommel,
    /// Share of false findings among the findings. Source: Benjamini and Hochberg 1995.
    BenjaminiHochberg,
    /// The same whatever the dependence. Source: Benjamini and Yekutieli 2001.
    BenjaminiYekutieli,
}

/// The adjusted p values in the order of the given ones, at most 1; equal ones stay equal.
///
/// ```
/// use promopt_evaluate::experiment::multiplicity::{Adjustment, adjust};
///
/// let holm = adjust(&[0.01, 0.04, 0.03], Adjustment::Holm);
/// assert_eq!(holm, [0.03, 0.06, 0.06]);
/// ```
#[must_use]
pub fn adjust(p: &[f64], how: Adjustment) -> Vec<f64> {
    let n = p.len();
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|a, b| p[*a].total_cmp(&p[*b]));
    let sorted: Vec<f64> = order.iter().map(|at| p[*at]).collect();
    let any = |p: f64, tests: usize| -((tests as f64) * (-p).ln_1p()).exp_m1();
    let each = |f: &dyn Fn(usize, f64) -> f64| -> Vec<f64> {
        sorted.iter().enumerate().map(|(i, p)| f(i, *p)).collect()
    };
    let all = n as f64;
    let adjusted = match how {
        Adjustment::Bonferroni => each(&|_, p| p * all),
        Adjustment::Sidak => each(&|_, p| any(p, n)),
        Adjustment::Holm => rising(each(&|i, p| p * (n - i) as f64)),
        Adjustment::HolmSidak => rising(each(&|i, p| any(p, n - i))),
        Adjustment::Hochberg => falling(each(&|i, p| p * (n - i) as f64)),
        Adjustment::Hommel => hommel(&sorted),
        Adjustment::BenjaminiHochberg => falling(each(&|i, p| p * all / (i + 1) as f64)),
        Adjustment::BenjaminiYekutieli => {
            let harmonic: f64 = (1..=n).map(|i| 1.0 / i as f64).sum();
            falling(each(&|i, p| p * harmonic * all / (i + 1) as f64))
        }
    };
    let mut found = vec![0.0; n];
    order.iter().zip(adjusted).for_each(|(at, p)| found[*at] = p.min(1.0));
    found
}

/// No later one below an earlier one.
fn rising(mut values: Vec<f64>) -> Vec<f64> {
    (1..values.len()).for_each(|i| values[i] = values[i].max(values[i - 1]));
    values
}

/// No earlier one above a later one.
fn falling(mut values: Vec<f64>) -> Vec<f64> {
    (1..values.len()).rev().for_each(|i| values[i - 1] = values[i - 1].min(values[i]));
    values
}

fn hommel(sorted: &[f64]) -> Vec<f64> {
    let n = sorted.len();
    let mut adjusted = sorted.to_vec();
    for m in (2..=n).rev() {
        let last = n - m;
        let simes = |i: usize| m as f64 * sorted[last + i] / (i + 1) as f64;
        let least = (0..m).map(simes).fold(f64::INFINITY, f64::min);
        for (i, value) in adjusted.iter_mut().enumerate() {
            let bound = if i >= last { least } else { least.min(m as f64 * sorted[i]) };
            *value = value.max(bound);
        }
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_stay_equal_and_nothing_exceeds_one() {
        use Adjustment as A;
        let p = [0.9, 0.02, 0.5, 0.02, 1e-320];
        for how in [
            A::Bonferroni,
            A::Sidak,
            A::Holm,
            A::HolmSidak,
            A::Hochberg,
            A::Hommel,
            A::BenjaminiHochberg,
            A::BenjaminiYekutieli,
        ] {
            let found = adjust(&p, how);
            assert_eq!(found[1], found[3], "{how:?}");
            assert!(found.iter().zip(&p).all(|(a, p)| a >= p && *a <= 1.0), "{how:?} {found:?}");
            assert!(found[4] > 0.0, "{how:?} keeps a tiny p value");
            assert!(adjust(&[], how).is_empty());
        }
    }
}
