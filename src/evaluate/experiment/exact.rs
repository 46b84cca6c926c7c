//! Exact tests of two shares, for counts too small for the normal distribution.

use crate::distributions::gamma::ln_gamma;

/// Values of the unknown common share that are tried before refining.
const GRID: usize = 512;
/// Tables whose statistic is within this share of the observed one count as equal.
const TIE: f64 = 1e-7;

/// Successes and trials of two arms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TwoCounts {
    /// Successes of each arm.
    pub hits: [u32; 2],
    /// Trials of each arm, at least as many.
    pub trials: [u32; 2],
}

impl TwoCounts {
    /// Two-sided p value given both margins: the probability of all tables no likelier than this one.
    /// Source: Fisher 1935.
    #[must_use]
    pub fn fisher(&self) -> f64 {
        let own = self.given_margins(self.hits[0]);
        let (from, to) = self.possible();
        let all = (from..=to).map(|hits| self.given_margins(hits));
        all.filter(|p| *p <= own * (1.0 + TIE)).sum::<f64>().min(1.0)
    }

    /// Two-sided p value without fixed margins, by Fisher's one-sided p value as the statistic; never
    /// larger than twice that. Source: Boschloo 1970.
    #[must_use]
    pub fn boschloo(&self) -> f64 {
        let side = |more: bool| {
            let own = self.one_sided(self.hits, more);
            self.worst(|hits| self.one_sided(hits, more) <= own * (1.0 + TIE))
        };
        (2.0 * side(true).min(side(false))).min(1.0)
    }

    /// Two-sided p value without fixed margins, by the z statistic with pooled variance. Source:
    /// Barnard 1945; Suissa and Shuster 1985.
    #[must_use]
    pub fn barnard(&self) -> f64 {
        let own = self.z(self.hits).abs();
        self.worst(|hits| self.z(hits).abs() >= own * (1.0 - TIE))
    }

    /// Hits of the first arm that the margins allow.
    fn possible(&self) -> (u32, u32) {
        let total = self.hits[0] + self.hits[1];
        (total.saturating_sub(self.trials[1]), total.min(self.trials[0]))
    }

    /// Probability of so many hits in the first arm given both margins (hypergeometric).
    fn given_margins(&self, hits: u32) -> f64 {
        let total = self.hits[0] + self.hits[1];
        (ln_choose(self.trials[0], hits) + ln_choose(self.trials[1], total - hits)
            - ln_choose(self.trials[0] + self.trials[1], total))
        .exp()
    }

    /// Fisher's p value of the first arm having as many hits or more (or fewer).
    fn one_sided(&self, hits: [u32; 2], more: bool) -> f64 {
        let table = Self { hits, ..*self };
        let (from, to) = table.possible();
        let side = if more { hits[0]..=to } else { from..=hits[0] };
        side.map(|hits| table.given_margins(hits)).sum()
    }

    fn z(&self, hits: [u32; 2]) -> f64 {
        let [n, m] = self.trials.map(f64::from);
        let [x, y] = hits.map(f64::from);
        let pooled = (x + y) / (n + m);
        let error = (pooled * (1.0 - pooled) * (1.0 / n + 1.0 / m)).sqrt();
        if error > 0.0 { (x / n - y / m) / error } else { 0.0 }
    }

    /// Largest probability of the tables that `counts`, over all common shares.
    fn worst(&self, counts: impl Fn([u32; 2]) -> bool) -> f64 {
        let [n, m] = self.trials;
        let tables: Vec<(f64, f64)> = (0..=n)
            .flat_map(|x| (0..=m).map(move |y| [x, y]))
            .filter(|hits| counts(*hits))
            .map(|[x, y]| (f64::from(x + y), ln_choose(n, x) + ln_choose(m, y)))
            .collect();
        let trials = f64::from(n + m);
        let chance = |share: f64| -> f64 {
            let (hit, miss) = (share.ln(), (-share).ln_1p());
            tables
                .iter()
                .map(|(hits, ways)| (ways + hits * hit + (trials - hits) * miss).exp())
                .sum()
        };
        let at = |i: usize| (i as f64 + 0.5) / GRID as f64;
        let best = (0..GRID).max_by(|a, b| chance(at(*a)).total_cmp(&chance(at(*b)))).unwrap_or(0);
        // Golden section around the best of the grid.
        let (mut low, mut high) = (at(best) - 1.0 / GRID as f64, at(best) + 1.0 / GRID as f64);
        let ratio = (5.0_f64.sqrt() - 1.0) / 2.0;
        for _ in 0..60 {
            let (a, b) = (high - ratio * (high - low), low + ratio * (high - low));
            if chance(a.clamp(1e-12, 1.0 - 1e-12)) > chance(b.clamp(1e-12, 1.0 - 1e-12)) {
                high = b
            } else {
                low = a
            }
        }
        chance(((low + high) / 2.0).clamp(1e-12, 1.0 - 1e-12)).min(1.0)
    }
}

fn ln_choose(n: u32, k: u32) -> f64 {
    let ln_factorial = |n: u32| ln_gamma(f64::from(n) + 1.0);
    ln_factorial(n) - ln_factorial(k) - ln_factorial(n - k)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lady_who_tastes_tea() {
        // All of four right out of eight cups: 2/70 two-sided.
        let tea = TwoCounts { hits: [4, 0], trials: [4, 4] };
        assert!((tea.fisher() - 2.0 / 70.0).abs() < 1e-12);
        // Unconditional tests are less conservative: sup of 2 π⁴(1−π)⁴ at a half.
        assert!((tea.barnard() - 2.0 * 0.5_f64.powi(8)).abs() < 1e-9);
        assert!(tea.boschloo() < tea.fisher());
    }

    #[test]
    fn equal_shares_are_no_evidence() {
        let even = TwoCounts { hits: [3, 3], trials: [10, 10] };
        assert!((even.fisher() - 1.0).abs() < 1e-12 && even.barnard() > 0.99);
    }
}
