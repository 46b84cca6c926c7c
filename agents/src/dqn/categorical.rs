//! Returns as probabilities of fixed atoms: the loss of C51 (Bellemare, Dabney and Munos 2017).

use promopt_policies::categorical::softmax;

/// `n` returns evenly spaced over `[low, high]`.
pub(crate) fn atoms(n: usize, low: f32, high: f32) -> Vec<f32> {
    let step = (high - low) / (n - 1) as f32;
    (0..n).map(|j| if j + 1 == n { high } else { low + step * j as f32 }).collect()
}

/// `Σ_j z_j softmax_j(l)` without changing or copying the logits.
#[inline(always)]
pub(crate) fn mean(atoms: &[f32], logits: &[f32]) -> f32 {
    const CHUNK: usize = 64;
    if logits.len() <= CHUNK {
        let mut p = [0.0_f32; CHUNK];
        let p = &mut p[..logits.len()];
        p.copy_from_slice(logits);
        softmax(p);
        return atoms.iter().zip(p).map(|(atom, p)| atom * *p).sum();
    }
    let mut p = logits.to_vec();
    softmax(&mut p);
    atoms.iter().zip(p).map(|(atom, p)| atom * p).sum()
}

/// The distribution of `reward_sum + discount · Z` put back on the atoms: each moved atom's mass is
/// divided between its two neighbours in proportion to nearness, and what falls outside goes to the
/// end (algorithm 1 of the paper). `next` are the logits of `Z`; `target` is overwritten.
pub(crate) fn project(
    atoms: &[f32],
    reward_sum: f32,
    discount: f32,
    next: &mut [f32],
    target: &mut [f32],
) {
    let (low, high) = (atoms[0], atoms[atoms.len() - 1]);
    let step = (high - low) / (atoms.len() - 1) as f32;
    softmax(next);
    target.fill(0.0);
    for (atom, p) in atoms.iter().zip(next) {
        let moved = (reward_sum + discount * atom).clamp(low, high);
        let place = ((moved - low) / step).min((atoms.len() - 1) as f32);
        let below = place.floor();
        let share_above = place - below;
        let below = below as usize;
        target[below] += *p * (1.0 - share_above);
        if share_above > 0.0 {
            target[below + 1] += *p * share_above;
        }
    }
}

/// `H(m, p) = −Σ m_j ln p_j` of the target `m` and `p = softmax(logits)`; the logits become the
/// gradient `p − m`. Returns the cross-entropy and the divergence `Σ m_j ln (m_j / p_j)`, which is
/// what priorities are made of (Hessel et al. 2018).
pub(crate) fn cross_entropy(target: &[f32], logits: &mut [f32]) -> (f32, f32) {
    let dot: f32 = target.iter().zip(logits.iter()).map(|(m, logit)| m * logit).sum();
    let log_sum = softmax(logits);
    let mut divergence = 0.0;
    for (m, p) in target.iter().zip(logits) {
        if *m > 0.0 {
            divergence += m * m.ln();
        }
        *p -= m;
    }
    // The target's mass is 1, so −Σ m (l − ln Σ e^l) = ln Σ e^l − Σ m l.
    let entropy = log_sum - dot;
    (entropy, (divergence + entropy).max(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ATOMS: [f32; 3] = [-1.0, 0.0, 1.0];

    fn projected(reward: f32, discount: f32) -> [f32; 3] {
        // Masses 1/8, 2/8, 5/8.
        let mut next = [0.0, 2.0_f32.ln(), 5.0_f32.ln()];
        let mut target = [7.0; 3];
        project(&ATOMS, reward, discount, &mut next, &mut target);
        target
    }

    fn assert_close(got: &[f32], expected: &[f32]) {
        for (got, expected) in got.iter().zip(expected) {
            assert!((got - expected).abs() < 1e-6, "{got} {expected}");
        }
    }

    #[test]
    fn a_projection_is_worked_by_hand() {
        assert_close(&projected(0.0, 1.0), &[0.125, 0.25, 0.625]);
        // Half a step up: −1 → −0.5, 0 → 0.5, 1 → 1.5, which is cut to 1.
        assert_close(&projected(0.5, 1.0), &[0.0625, 0.0625 + 0.125, 0.125 + 0.625]);
        // A termination leaves the reward alone: 0.25 lies a quarter above 0.
        assert_close(&projected(0.25, 0.0), &[0.0, 0.75, 0.25]);
        assert_close(&projected(-9.0, 0.5), &[1.0, 0.0, 0.0]);
    }

    #[test]
    fn a_projection_keeps_mass_and_mean() {
        let target = projected(0.1, 0.7);
        assert!((target.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        // 0.1 + 0.7 · (5/8 − 1/8) = 0.45, nothing outside the ends.
        assert!((target[2] - target[0] - 0.45).abs() < 1e-6);
    }

    #[test]
    fn the_cross_entropy_is_worked_by_hand() {
        // p = (1/4, 3/4), m = (1/2, 1/2): H = (ln 4 + ln 4/3) / 2; KL = H − ln 2; g = p − m.
        let mut logits = [5.0, 5.0 + 3.0_f32.ln()];
        let (entropy, divergence) = cross_entropy(&[0.5, 0.5], &mut logits);
        let expected = (4.0_f32.ln() + (4.0_f32 / 3.0).ln()) / 2.0;
        assert!((entropy - expected).abs() < 1e-6);
        assert!((divergence - (expected - 2.0_f32.ln())).abs() < 1e-6);
        assert_close(&logits, &[-0.25, 0.25]);
    }

    #[test]
    fn means_of_many_and_of_few_atoms_agree() {
        for n in [2, 51, 64, 65, 200] {
            let atoms = atoms(n, -2.0, 2.0);
            assert_eq!((atoms[0], atoms[n - 1]), (-2.0, 2.0));
            assert!(mean(&atoms, &vec![3.0; n]).abs() < 1e-5);
        }
    }
}
