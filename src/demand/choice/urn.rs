//! How loyal buyers are: the lines' worth that common shares weigh against one's own past.
//!
//! With shares `s` and strength `κ`, the next line of a customer with `n_h` lines is of thing `i`
//! with probability `(n_hi + κ s_i) / (n_h + κ)`, and counts are Dirichlet-multinomial (Goodhardt,
//! Ehrenberg and Chatfield 1984). `κ` is small when everybody keeps to their own and large when
//! nobody does. It is chosen where it best predicts late lines from early ones, as it is used: that
//! what people buy drifts makes their past worth less than the spread between them would say. Where
//! late lines are few, it is the maximum of the marginal likelihood of all.

/// Range in which the strength is looked for.
const STRENGTH: (f64, f64) = (0.05, 5000.0);
/// Golden-section steps; each shrinks the range of `ln κ` by 0.618, to 3e-5 in the end.
const STEPS: usize = 26;

/// Late lines from which they are predicted rather than explained.
const LATE_LINES: usize = 100;

/// One line: who took what when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Taken {
    /// Customer.
    pub(super) owner: u32,
    pub(super) thing: u32,
    pub(super) week: u32,
}

/// Counts by owner (a customer or a persona) over a fixed set of things.
#[derive(Debug, Clone, Default)]
pub(super) struct Urns {
    /// Counts of one owner after the other: thing and count, each thing once per owner.
    entries: Vec<(u32, u32)>,
    /// Where each owner's entries end.
    ends: Vec<usize>,
    /// Late lines: the thing, and its and all early lines of the owner.
    late: Vec<(u32, u32, u32)>,
}

impl Urns {
    /// What owners took, in the order of owners; lines from week `late_from` on are late.
    pub(super) fn of(taken: impl Iterator<Item = Taken>, late_from: u32) -> Self {
        let mut urns = Self::default();
        let mut own: Vec<Taken> = Vec::new();
        for one in taken {
            if own.first().is_some_and(|first| first.owner != one.owner) {
                urns.close(&mut own, late_from);
            }
            own.push(one);
        }
        urns.close(&mut own, late_from);
        urns
    }

    /// Counts over things by owner, none of them late; shape `[owners][things]`.
    pub(super) fn of_counts(counts: &[Vec<u32>]) -> Self {
        let mut urns = Self::default();
        for own in counts {
            let some = (0..).zip(own).filter(|(_, count)| **count > 0);
            urns.entries.extend(some.map(|(thing, count)| (thing, *count)));
            urns.ends.push(urns.entries.len());
        }
        urns
    }

    fn close(&mut self, own: &mut Vec<Taken>, late_from: u32) {
        let mut early: Vec<u32> =
            own.iter().filter(|one| one.week < late_from).map(|one| one.thing).collect();
        early.sort_unstable();
        for one in own.iter().filter(|one| one.week >= late_from) {
            let start = early.partition_point(|thing| *thing < one.thing);
            let end = early.partition_point(|thing| *thing <= one.thing);
            self.late.push((one.thing, (end - start) as u32, early.len() as u32));
        }
        own.sort_unstable_by_key(|one| one.thing);
        let counted = own.chunk_by(|a, b| a.thing == b.thing);
        self.entries.extend(counted.map(|same| (same[0].thing, same.len() as u32)));
        self.ends.push(self.entries.len());
        own.clear();
    }

    /// Log-likelihood of the late lines given the early ones; shape of `share`: `[things]`.
    fn predictive(&self, strength: f64, share: &[f64]) -> f64 {
        let term = |&(thing, own, all): &(u32, u32, u32)| {
            let odds = f64::from(own) + strength * share[thing as usize];
            (odds / (f64::from(all) + strength)).ln()
        };
        self.late.iter().map(term).sum()
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

    /// What a small change of log odds does to the market, as a share of what it does to shares
    /// that everybody has in common.
    ///
    /// The market moves by `E[p_h (1 − p_h)]`, common shares by `s (1 − s)`. A customer's `p_h`
    /// after
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

    /// The strength with which early lines best predict late ones.
    pub(super) fn strength(&self, share: &[f64]) -> f64 {
        if self.late.len() < LATE_LINES {
            return self.exchangeable_strength(share);
        }
        maximum(|strength| self.predictive(strength, share))
    }

    /// The strength at which the marginal likelihood of all lines is largest; the largest allowed
    /// one when nobody took two things.
    pub(super) fn exchangeable_strength(&self, share: &[f64]) -> f64 {
        maximum(|strength| self.log_likelihood(strength, share))
    }
}

/// Where a function of the strength is largest, by golden section over its logarithm.
fn maximum(value: impl Fn(f64) -> f64) -> f64 {
    const GOLDEN: f64 = 0.618_033_988_749_894_8;
    let (mut low, mut high) = (STRENGTH.0.ln(), STRENGTH.1.ln());
    let value = |at: f64| value(at.exp());
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
                    taken.push(Taken { owner: customer, thing: thing as u32, week: line });
                }
            }
            let urns = Urns::of(taken.into_iter(), 10);
            let all = |at: f64| urns.log_likelihood(at, &share);
            let late = |at: f64| urns.predictive(at, &share);
            let found = [urns.exchangeable_strength(&share), urns.strength(&share)];
            for (found, value) in found.into_iter().zip([&all as &dyn Fn(f64) -> f64, &late]) {
                // Standard error of ln κ from the curvature of the likelihood.
                let at = |shift: f64| value((found.ln() + shift).exp());
                let curvature = -(at(0.02) - 2.0 * at(0.0) + at(-0.02)) / 4e-4;
                let error = 1.0 / curvature.sqrt();
                assert!((found / truth).ln().abs() < 4.0 * error, "{truth}: {found}, {error}");
                assert!(error < 0.3, "{truth}: {error}");
            }
        }
    }
}
