//! Returns as quantiles at fixed levels: the loss of QR-DQN (Dabney et al. 2018).

use pulp::Arch;

/// `τ̂_i = (i + 1/2) / n`.
pub(crate) fn midpoints(n: usize) -> Vec<f32> {
    (0..n).map(|i| (i as f32 + 0.5) / n as f32).collect()
}

/// `Σ_i mean_j |τ̂_i − 1[u < 0]| · L_δ(u)` with `u = y_j − θ_i` and Huber's `L_δ` (eq. 10 of the
/// paper), for quantiles `θ` and targets `y`. The gradient with respect to `θ` is overwritten.
pub(crate) fn huber(
    levels: &[f32],
    quantiles: &[f32],
    targets: &[f32],
    delta: f32,
    gradient: &mut [f32],
) -> f32 {
    let share = 1.0 / targets.len() as f32;
    let mut total = 0.0;
    Arch::new().dispatch(|| {
        let rows = levels.iter().zip(quantiles).zip(gradient);
        for ((&level, &quantile), gradient) in rows {
            // Eight running sums in a fixed order fit the vector registers.
            let (mut loss, mut slope) = ([0.0_f32; 8], [0.0_f32; 8]);
            let term = |target: f32| {
                let u = target - quantile;
                let clipped = u.clamp(-delta, delta);
                let weight = if u < 0.0 { 1.0 - level } else { level };
                (weight * clipped * (u - 0.5 * clipped), weight * clipped)
            };
            let (eights, rest) = targets.as_chunks::<8>();
            for eight in eights {
                for lane in 0..8 {
                    let (l, s) = term(eight[lane]);
                    loss[lane] += l;
                    slope[lane] += s;
                }
            }
            for (lane, &target) in rest.iter().enumerate() {
                let (l, s) = term(target);
                loss[lane] += l;
                slope[lane] += s;
            }
            total += loss.iter().sum::<f32>() * share;
            *gradient = -slope.iter().sum::<f32>() * share;
        }
    });
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loss_is_worked_by_hand() {
        // Levels 1/4, 3/4; θ = (0, 1); y = (2, −1); δ = 1.
        // θ_0: u = 2, −1: ¼·(2 − ½) + ¾·½ = 0.75, halved 0.375; slope ¼·1 − ¾·1 = −½, halved.
        // θ_1: u = 1, −2: ¾·½ + ¼·1.5 = 0.75, halved 0.375; slope ¾ − ¼ = ½, halved.
        let mut gradient = [9.0; 2];
        let loss = huber(&midpoints(2), &[0.0, 1.0], &[2.0, -1.0], 1.0, &mut gradient);
        assert!((loss - 0.75).abs() < 1e-6);
        assert_eq!(gradient, [0.25, -0.25]);
    }

    #[test]
    fn descent_finds_the_quantiles() {
        // Targets 0, …, 99: with a small δ the loss is flat at the level's quantile.
        let targets: Vec<f32> = (0..100).map(|i| i as f32).collect();
        let levels = midpoints(4);
        let (mut quantiles, mut gradient) = (vec![50.0; 4], vec![0.0; 4]);
        for _ in 0..4_000 {
            huber(&levels, &quantiles, &targets, 0.1, &mut gradient);
            quantiles.iter_mut().zip(&gradient).for_each(|(q, g)| *q -= 5.0 * g);
        }
        // 12.5, 37.5, 62.5 and 87.5 of a hundred lie below; between two targets any point will do.
        for (quantile, expected) in quantiles.iter().zip([12.0, 37.0, 62.0, 87.0]) {
            assert!((quantile - expected).abs() < 1.0, "{quantiles:?}");
        }
    }
}
