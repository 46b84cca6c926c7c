//! Two shares of successes: difference and ratio with the intervals that hold for few successes too.

use crate::distributions::normal;

/// Successes among trials in two arms, control first.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TwoProportions {
    /// Number of successes.
    pub hits: [f64; 2],
    /// Number of trials.
    pub trials: [f64; 2],
}

impl TwoProportions {
    /// The share of each arm.
    #[must_use]
    pub fn shares(&self) -> [f64; 2] {
        std::array::from_fn(|i| self.hits[i] / self.trials[i])
    }

    /// Share of treatment less that of control.
    #[must_use]
    pub fn difference(&self) -> f64 {
        let [c, t] = self.shares();
        t - c
    }

    /// Both arms' trials as if from one share: `p(1−p)`.
    #[must_use]
    pub fn pooled_variance(&self) -> f64 {
        let p = (self.hits[0] + self.hits[1]) / (self.trials[0] + self.trials[1]);
        p * (1.0 - p)
    }

    /// z of "the shares are equal", with the variance under that hypothesis.
    #[must_use]
    pub fn z_pooled(&self) -> f64 {
        let [c, t] = self.trials;
        self.difference() / (self.pooled_variance() * (1.0 / c + 1.0 / t)).sqrt()
    }

    /// `p ± z √(p(1−p)/n + …)`: too narrow near 0 and 1. Source: Wald.
    #[must_use]
    pub fn wald(&self, level: f64) -> [f64; 2] {
        let variance = |i: usize| self.shares()[i] * (1.0 - self.shares()[i]) / self.trials[i];
        around(self.difference(), variance(0) + variance(1), level)
    }

    /// From each arm's Wilson interval. Source: Newcombe 1998, method 10.
    #[must_use]
    pub fn newcombe(&self, level: f64) -> [f64; 2] {
        let [c, t] = self.shares();
        let [control, treatment] = [0, 1].map(|i| wilson(self.hits[i], self.trials[i], level));
        let d = self.difference();
        let down = (t - treatment[0]).hypot(control[1] - c);
        let up = (treatment[1] - t).hypot(c - control[0]);
        [d - down, d + up]
    }

    /// Wald's interval with one success and one failure added to each arm. Source: Agresti and Caffo
    /// 2000.
    #[must_use]
    pub fn agresti_caffo(&self, level: f64) -> [f64; 2] {
        Self { hits: self.hits.map(|x| x + 1.0), trials: self.trials.map(|n| n + 2.0) }.wald(level)
    }

    /// Every difference that a score test does not reject. Source: Miettinen and Nurminen 1985.
    #[must_use]
    pub fn score(&self, level: f64) -> [f64; 2] {
        self.score_with(level, |d| self.likeliest_control(d))
    }

    /// The same with control's share under a difference found in another way: some libraries solve for
    /// it with a wrong coefficient, and their figures can be reproduced here.
    #[must_use]
    pub fn score_with(&self, level: f64, control: impl Fn(f64) -> f64) -> [f64; 2] {
        let z = normal::two_sided(level);
        let n = self.trials[0] + self.trials[1];
        let middle = self.difference();
        let statistic = |d: f64| {
            let c = control(d);
            let variance = |p: f64, n: f64| (p * (1.0 - p)).max(0.0) / n;
            let sum = variance(c, self.trials[0]) + variance(c + d, self.trials[1]);
            (middle - d) / (sum * n / (n - 1.0)).sqrt()
        };
        let edge = 1.0 - 1e-12;
        [root(|d| statistic(d) - z, middle, -edge), root(|d| statistic(d) + z, middle, edge)]
    }

    /// Control's share at which the data are likeliest when treatment's is greater by `d`.
    #[must_use]
    pub fn likeliest_control(&self, d: f64) -> f64 {
        let slope = |p: f64| {
            let arm = |x: f64, n: f64, p: f64| x / p - (n - x) / (1.0 - p);
            arm(self.hits[0], self.trials[0], p) + arm(self.hits[1], self.trials[1], p + d)
        };
        falling_root(slope, (-d).max(0.0), (1.0 - d).min(1.0))
    }

    /// Share of treatment over that of control.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        let [c, t] = self.shares();
        t / c
    }

    /// Interval of the ratio by the delta method on its logarithm. Source: Katz et al. 1978.
    #[must_use]
    pub fn ratio_log(&self, level: f64) -> [f64; 2] {
        let part = |i: usize| 1.0 / self.hits[i] - 1.0 / self.trials[i];
        around(self.ratio().ln(), part(0) + part(1), level).map(f64::exp)
    }

    /// Every ratio that a score test does not reject. Source: Miettinen and Nurminen 1985.
    #[must_use]
    pub fn ratio_score(&self, level: f64) -> [f64; 2] {
        let z = normal::two_sided(level);
        let statistic = |log: f64| self.ratio_score_statistic(log.exp());
        let middle = self.ratio().ln();
        let bounds =
            [root(|r| statistic(r) - z, middle, -30.0), root(|r| statistic(r) + z, middle, 30.0)];
        bounds.map(f64::exp)
    }

    /// z of "treatment is `r` times control".
    fn ratio_score_statistic(&self, r: f64) -> f64 {
        let ([x, y], [n, m]) = (self.hits, self.trials);
        // The likeliest control share solves a p² + b p + c = 0.
        let (a, b, c) = ((n + m) * r, -(m * r + y + n + x * r), x + y);
        let p = 2.0 * c / (-b + (b * b - 4.0 * a * c).max(0.0).sqrt());
        let variance = |p: f64, n: f64| (p * (1.0 - p)).max(0.0) / n;
        let sum = variance(p * r, m) + r * r * variance(p, n);
        let all = n + m;
        (y / m - r * x / n) / (sum * all / (all - 1.0)).sqrt()
    }
}

/// Wilson's interval of one share.
#[must_use]
pub fn wilson(hits: f64, trials: f64, level: f64) -> [f64; 2] {
    let z = normal::two_sided(level);
    let (p, square) = (hits / trials, z * z);
    let middle = (p + square / (2.0 * trials)) / (1.0 + square / trials);
    let reach = z / (1.0 + square / trials)
        * (p * (1.0 - p) / trials + square / (4.0 * trials * trials)).sqrt();
    [middle - reach, middle + reach]
}

fn around(middle: f64, variance: f64, level: f64) -> [f64; 2] {
    let reach = normal::two_sided(level) * variance.sqrt();
    [middle - reach, middle + reach]
}

/// Root of a falling function between two ends, where it is infinite.
fn falling_root(f: impl Fn(f64) -> f64, mut from: f64, mut to: f64) -> f64 {
    for _ in 0..200 {
        let middle = (from + to) / 2.0;
        if middle <= from || middle >= to {
            break;
        }
        if f(middle) > 0.0 { from = middle } else { to = middle }
    }
    (from + to) / 2.0
}

/// Root between `inner` and `outer` of a function that falls with its argument.
fn root(f: impl Fn(f64) -> f64, inner: f64, outer: f64) -> f64 {
    falling_root(f, inner.min(outer), inner.max(outer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_hold_the_estimate_and_agree_on_many_trials() {
        let many = TwoProportions { hits: [3e5, 3.1e5], trials: [1e6, 1e6] };
        let wald = many.wald(0.95);
        for other in [many.newcombe(0.95), many.agresti_caffo(0.95), many.score(0.95)] {
            (0..2).for_each(|i| assert!((other[i] - wald[i]).abs() < 1e-7, "{other:?} {wald:?}"));
        }
        let (log, score) = (many.ratio_log(0.95), many.ratio_score(0.95));
        (0..2).for_each(|i| assert!((log[i] - score[i]).abs() < 1e-6));
    }

    /// No success in one arm: Wald's interval has no width of its own there, the score one has.
    #[test]
    fn no_success_is_not_certainty() {
        let none = TwoProportions { hits: [0.0, 0.0], trials: [50.0, 60.0] };
        assert_eq!(none.wald(0.95), [0.0, 0.0]);
        let score = none.score(0.95);
        assert!(score[0] < -0.03 && score[1] > 0.03, "{score:?}");
    }

    /// A widely used closed form has successes where the trials belong in one coefficient of its cubic;
    /// its share is not the likeliest one, and its interval is off by 0.05 % here.
    #[test]
    fn the_share_under_a_difference_is_the_likeliest_one() {
        let counts = TwoProportions { hits: [999.0, 988.0], trials: [3156.0, 2844.0] };
        let log_likelihood = |p: f64| {
            let arm = |x: f64, n: f64, p: f64| x * p.ln() + (n - x) * (1.0 - p).ln();
            arm(999.0, 3156.0, p) + arm(988.0, 2844.0, p + 0.05)
        };
        let found = counts.likeliest_control(0.05);
        assert!((found - 0.307_826_277_600_999).abs() < 1e-12);
        let published = 0.306_585_349_561_898;
        assert!(log_likelihood(found) > log_likelihood(published));
        assert!((counts.score(0.95)[1] - 0.054_729_067_293).abs() < 1e-11);
    }

    /// Wilson 1927: 1 of 10 at 95 %: 0.0179 to 0.4042.
    #[test]
    fn wilson_by_hand() {
        let [low, high] = wilson(1.0, 10.0, 0.95);
        assert!((low - 0.017_876).abs() < 1e-5 && (high - 0.404_15).abs() < 1e-5, "{low} {high}");
    }
}
