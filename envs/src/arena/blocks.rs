//! Random numbers a block at a time: xoshiro128++ side by side, and the two noises of a utility.
//!
//! Every loop runs over a whole block without a branch, so that it becomes vector code.

use super::config::FeatureSpread;
use super::fast::{ln, sin_turns};
use crate::seed::SeedTree;

/// Numbers made at once.
pub(super) const BLOCK: usize = 64;

/// One number per generator.
pub(super) type Block = [f32; BLOCK];

/// Generators side by side, each xoshiro128++ (Blackman and Vigna 2021) with its own random start:
/// only additions, shifts and rotations, which every vector unit has.
#[derive(Debug, Clone)]
pub(super) struct BlockStream {
    state: [[u32; BLOCK]; 4],
}

impl BlockStream {
    /// The generators at the start of this node's stream.
    pub(super) fn new(seed: SeedTree) -> Self {
        let mut state = [[0; BLOCK]; 4];
        let [a, b, c, d] = &mut state;
        let root = seed.seed();
        for i in 0..BLOCK {
            let [first, second] = [2 * i as u64, 2 * i as u64 + 1]
                .map(|k| SeedTree::new(root.wrapping_add(k.wrapping_mul(GOLDEN))).seed());
            // The all-zero state is the only one that never moves.
            (a[i], b[i]) = (first as u32 | 1, (first >> 32) as u32);
            (c[i], d[i]) = (second as u32, (second >> 32) as u32);
        }
        Self { state }
    }

    /// Uniform numbers strictly between 0 and 1: the odd multiples of 2⁻²⁴, each exact.
    pub(super) fn uniform(&mut self, out: &mut Block) {
        let [a, b, c, d] = &mut self.state;
        for i in 0..BLOCK {
            let bits = a[i].wrapping_add(d[i]).rotate_left(7).wrapping_add(a[i]);
            let t = b[i] << 9;
            c[i] ^= a[i];
            d[i] ^= b[i];
            b[i] ^= c[i];
            a[i] ^= d[i];
            c[i] ^= t;
            d[i] = d[i].rotate_left(11);
            out[i] = ((bits >> 8) | 1).cast_signed() as f32 * (1.0 / 16_777_216.0);
        }
    }

    /// Draws of `N(m, s)` with `m ~ N(0, 1)` drawn anew for each, and s as `spread` says.
    ///
    /// With y and z standard normal the draw is `y (1 + z)` when `s = |m|`; when s is another
    /// half-normal, the sum of two normals given s is `N(0, 1 + s²)`, hence `z √(1 + y²)`. Both come
    /// from one Box-Muller pair, `r cos φ` and `r sin φ` with `r² = −2 ln u`. Exact but for the
    /// resolution of the uniforms (`r ≤ 5.8`) and the errors stated at [`ln`] and [`sin_turns`].
    /// Mean 0 and variance 2 either way; kurtosis 7.5 or 4.5.
    pub(super) fn feature(&mut self, spread: FeatureSpread, out: &mut Block) {
        let (mut u, mut v) = ([0.0; BLOCK], [0.0; BLOCK]);
        self.uniform(&mut u);
        self.uniform(&mut v);
        // cos 2πv = sin 2π(1/4 − |t|) with t = v − 1/2 and the sign turned, which is as likely.
        match spread {
            FeatureSpread::LikeMean => {
                for i in 0..BLOCK {
                    let radius = (-2.0 * ln(u[i])).sqrt();
                    let t = v[i] - 0.5;
                    let size = t.abs();
                    let folded = if size < 0.25 { size } else { 0.5 - size };
                    let (cosine, sine) = (sin_turns(0.25 - size), sin_turns(folded.copysign(t)));
                    out[i] = radius * cosine * (1.0 + radius * sine);
                }
            }
            FeatureSpread::Independent => {
                for i in 0..BLOCK {
                    let square_radius = -2.0 * ln(u[i]);
                    let cosine = sin_turns(0.25 - (v[i] - 0.5).abs());
                    let y_squared = square_radius * (1.0 - cosine * cosine);
                    out[i] = cosine * (square_radius * (1.0 + y_squared)).sqrt();
                }
            }
        }
    }

    /// Standard Gumbel draws, `−ln(−ln u)`; between −2.9 and 16.7 for the uniforms' resolution.
    pub(super) fn gumbel(&mut self, out: &mut Block) {
        let mut u = [0.0; BLOCK];
        self.uniform(&mut u);
        for i in 0..BLOCK {
            out[i] = -ln(-ln(u[i]));
        }
    }
}

/// 2⁶⁴ over the golden ratio: the step of a Weyl sequence.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests {
    use super::*;

    const ROUNDS: usize = 5_000;
    const N: f64 = (ROUNDS * BLOCK) as f64;

    /// Means of powers 1 to 4 about `centre`.
    fn moments(draw: fn(&mut BlockStream, &mut Block), centre: f64) -> [f64; 4] {
        let mut stream = BlockStream::new(SeedTree::new(11));
        let (mut sums, mut block) = ([0.0; 4], [0.0; BLOCK]);
        for _ in 0..ROUNDS {
            draw(&mut stream, &mut block);
            for x in block {
                let d = f64::from(x) - centre;
                for (power, sum) in (1..).zip(&mut sums) {
                    *sum += d.powi(power);
                }
            }
        }
        sums.map(|sum| sum / N)
    }

    #[test]
    fn uniforms_stay_inside_and_have_their_moments() {
        let [mean, variance, ..] = moments(BlockStream::uniform, 0.5);
        // Variance 1/12 and fourth moment 1/80: standard errors √(1/12 N) and √((1/80 − 1/144)/N).
        assert!(mean.abs() < 4.0 * (1.0 / 12.0 / N).sqrt(), "{mean}");
        let error = (1.0 / 80.0 - 1.0 / 144.0) / N;
        assert!((variance - 1.0 / 12.0).abs() < 4.0 * error.sqrt(), "{variance}");
        let (mut stream, mut block) = (BlockStream::new(SeedTree::new(5)), [0.0; BLOCK]);
        for _ in 0..2_000 {
            stream.uniform(&mut block);
            assert!(block.iter().all(|&u| 0.0 < u && u < 1.0));
        }
    }

    #[test]
    fn lanes_and_neighbouring_streams_are_uncorrelated() {
        let (mut one, mut two) =
            (BlockStream::new(SeedTree::new(1)), BlockStream::new(SeedTree::new(2)));
        let (mut lanes, mut streams) = (0.0, 0.0);
        let (mut a, mut b) = ([0.0; BLOCK], [0.0; BLOCK]);
        for _ in 0..ROUNDS {
            one.uniform(&mut a);
            two.uniform(&mut b);
            lanes += f64::from((a[0] - 0.5) * (a[1] - 0.5)) * 12.0;
            streams += f64::from((a[3] - 0.5) * (b[3] - 0.5)) * 12.0;
        }
        let bound = 4.0 / (ROUNDS as f64).sqrt();
        assert!((lanes / ROUNDS as f64).abs() < bound);
        assert!((streams / ROUNDS as f64).abs() < bound);
    }

    #[test]
    fn features_are_a_mixture_of_normals() {
        // Given y: N(0, v) with v = 1 + y². E v = 2; fourth moment 3 E v² = 3 (1 + 2 + 3) = 18;
        // sixth 15 E v³ = 15 (1 + 3 + 9 + 15) = 420; eighth 105 E v⁴ = 105 (1+4+18+60+105) = 19,740.
        let independent = |s: &mut BlockStream, out: &mut Block| {
            s.feature(FeatureSpread::Independent, out);
        };
        check_feature(moments(independent, 0.0), [18.0, 420.0, 19_740.0]);
        // y (1 + z): E (1 + z)^k = 2, 10, 76, 764 for k = 2, 4, 6, 8, times E y^k = 1, 3, 15, 105.
        let like_mean =
            |s: &mut BlockStream, out: &mut Block| s.feature(FeatureSpread::LikeMean, out);
        check_feature(moments(like_mean, 0.0), [30.0, 1_140.0, 80_220.0]);
    }

    /// Moments of a symmetric law with variance 2, given its moments 4, 6 and 8.
    fn check_feature(found: [f64; 4], [fourth, sixth, eighth]: [f64; 3]) {
        let truth = [0.0, 2.0, 0.0, fourth];
        let variances = [2.0, fourth - 4.0, sixth, eighth - fourth * fourth];
        for ((found, truth), variance) in found.into_iter().zip(truth).zip(variances) {
            assert!((found - truth).abs() < 4.0 * (variance / N).sqrt(), "{found} {truth}");
        }
    }

    #[test]
    fn gumbels_have_their_mean_variance_and_skewness() {
        // Mean γ, variance π²/6, third moment 2 ζ(3), fourth (12/5 + 3) variance².
        let [mean, variance, third, _] = moments(BlockStream::gumbel, 0.577_215_664_9);
        let sigma = std::f64::consts::PI.powi(2) / 6.0;
        assert!(mean.abs() < 4.0 * (sigma / N).sqrt(), "{mean}");
        assert!((variance - sigma).abs() < 4.0 * (4.4 * sigma * sigma / N).sqrt(), "{variance}");
        // Sixth central moment from the cumulants 1.645, 2.404, 6.494, 24.89, 122.1:
        // κ6 + 15 κ4 κ2 + 10 κ3² + 15 κ2³ = 122.1 + 160.2 + 57.8 + 66.8 = 406.9.
        assert!((third - 2.404_114).abs() < 4.0 * ((406.9 - 5.78) / N).sqrt(), "{third}");
    }
}
