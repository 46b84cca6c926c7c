//! How loyal buyers are: the lines' worth that common shares weigh against one's own past.
//!
//! With shares `s` and strength `κ`, counts of a customer over what there is to choose are
//! Dirichlet-multinomial with parameters `κ s` (Goodhardt, Ehrenberg and Chatfield 1984). `κ` is
//! where the marginal likelihood of all customers is largest: small when everybody keeps to their
//! own, large when nobody does.

/// Range in which the strength is looked for.
const STRENGTH: (f64, f64) = (0.05, 5000.0);
/// Golden-section steps; each shrinks the range of `ln κ` by 0.618, to 3e-5 in the end.
const STEPS: usize = 26;

/// Counts by customer (or persona) over a fixed set of things.
#[derive(Debug, Clone, Default)]
pub(super) struct Urns {
    /// Counts of one customer after the other: thing and count, each thing once per customer.
    entries: Vec<(u32, u32)>,
    /// Where each customer's entries end.
    ends: Vec<usize>,
}

impl Urns {
    /// The counts of the things that customers took, given in the order of customers.
    pub(super) fn of(taken: impl Iterator<Item = (u32, u32)>) -> Self {
        let mut urns = Self::default();
        let mut own: Vec<u32> = Vec::new();
        let mut last = None;
        for (customer, thing) in taken {
            if last != Some(customer) {
                urns.close(&mut own);
                last = Some(customer);
            }
            own.push(thing);
        }
        urns.close(&mut own);
        urns
    }

    fn close(&mut self, own: &mut Vec<u32>) {
        if own.is_empty() {
            return;
        }
        own.sort_unstable();
        let counted = own.chunk_by(|a, b| a == b).map(|same| (same[0], same.len() as u32));
        self.entries.extend(counted);
        self.ends.push(self.entries.len());
        own.clear();
    }

    /// Log marginal likelihood, up to terms without κ; shape of `share`: `[things]`.
    fn log_likelihood(&self, strength: f64, share: &[f64]) -> f64 {
        let (mut sum, mut start) = (0.0, 0);
        for &end in &self.ends {
            let mut lines = 0;
            for (thing, count) in &self.entries[start..end] {
                sum += log_rising(strength * share[*thing as usize], *count);
                lines += count;
            }
            sum -= log_rising(strength, lines);
            start = end;
        }
        sum
    }

    /// What a small change of log odds does to the market, as a share of what it does to shares that
    /// everybody has in common.
    ///
    /// The market moves by `E[p_h (1 − p_h)]`, common shares by `s (1 − s)`. A customer's `p_h` after
    /// `n_h` lines is a posterior mean with variance `s (1 − s) n_h / ((n_h + κ)(κ + 1))` over
    /// customers, so the ratio is one less `n_h / ((n_h + κ)(κ + 1))`, here averaged over lines.
    pub(super) fn market_share_of_response(&self, strength: f64) -> f64 {
        let (mut sum, mut lines, mut start) = (0.0, 0.0, 0);
        for &end in &self.ends {
            let own = self.entries[start..end].iter().map(|entry| f64::from(entry.1)).sum::<f64>();
            sum += own * (1.0 - own / ((own + strength) * (strength + 1.0)));
            lines += own;
            start = end;
        }
        if lines > 0.0 { sum / lines } else { 1.0 }
    }

    /// The strength at which the marginal likelihood is largest; the largest allowed one when nobody
    /// took two things.
    pub(super) fn strength(&self, share: &[f64]) -> f64 {
        const GOLDEN: f64 = 0.618_033_988_749_894_8;
        let (mut low, mut high) = (STRENGTH.0.ln(), STRENGTH.1.ln());
        let value = |at: f64| self.log_likelihood(at.exp(), share);
        let mut left = high - GOLDEN * (high - low);
        let mut right = low + GOLDEN * (high - low);
        let (mut at_left, mut at_right) = (value(left), value(right));
        for _ in 0..STEPS {
            if at_left > at_right {
                (high, right, at_right) = (right, left, at_left);
                left = high - GOLDEN * (high - low);
                at_left = value(left);
            } else {
                (low, left, at_left) = (left, right, at_right);
                right = low + GOLDEN * (high - low);
                at_right = value(right);
            }
        }
        (0.5 * (low + high)).exp()
    }
}

/// `ln(a (a + 1) … (a + n − 1))`, with products taken before logarithms.
fn log_rising(a: f64, n: u32) -> f64 {
    let (mut product, mut sum) = (1.0_f64, 0.0);
    for j in 0..n {
        product *= a + f64::from(j);
        if !(1e-100..1e100).contains(&product) {
            sum += product.ln();
            product = 1.0;
        }
    }
    sum + product.ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use promopt_envs::SeedTree;
    use rand::Rng;

    #[test]
    fn rising_factorials_are_those_of_small_numbers() {
        assert!((log_rising(0.5, 3) - (0.5_f64 * 1.5 * 2.5).ln()).abs() < 1e-12);
        assert_eq!(log_rising(3.0, 0), 0.0);
        let long: f64 = (0..500).map(|j| (2.0 + f64::from(j)).ln()).sum();
        assert!((log_rising(2.0, 500) - long).abs() < 1e-8);
    }

    #[test]
    fn the_strength_of_generated_urns_is_recovered() {
        let share = [0.4, 0.3, 0.2, 0.1];
        for truth in [0.5_f64, 3.0, 20.0] {
            let mut rng = SeedTree::new(8).stream();
            let mut taken = Vec::new();
            for customer in 0..2000_u32 {
                let mut own = [0.0; 4];
                for line in 0..15 {
                    let mut luck = rng.random::<f64>() * (truth + f64::from(line));
                    let thing = (0..4).find(|thing| {
                        luck -= truth * share[*thing] + own[*thing];
                        luck < 0.0
                    });
                    let thing = thing.unwrap_or(3);
                    own[thing] += 1.0;
                    taken.push((customer, thing as u32));
                }
            }
            let urns = Urns::of(taken.into_iter());
            let found = urns.strength(&share);
            // Standard error of ln κ from the curvature of the likelihood.
            let at = |shift: f64| urns.log_likelihood((found.ln() + shift).exp(), &share);
            let curvature = -(at(0.01) - 2.0 * at(0.0) + at(-0.01)) / 1e-4;
            let error = 1.0 / curvature.sqrt();
            assert!((found / truth).ln().abs() < 4.0 * error, "{truth}: {found}, {error}");
            assert!(error < 0.1, "{truth}: {error}");
        }
    }
}
