//! Randomness as an argument: one seed grows a tree of named, independent streams.

use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;

/// The generator that every stream uses: PCG-64 (MCG XSL-RR), portable and fast to seed.
pub type Stream = Pcg64Mcg;

/// A node in the tree of seeds.
///
/// Children are found by name or index, not by order of creation, so a stream does not change when
/// another one is added, and work may be spread over any number of threads.
///
/// ```
/// use promopt_envs::SeedTree;
/// let root = SeedTree::new(7);
/// assert_eq!(root.child("demand"), SeedTree::new(7).child("demand"));
/// assert_ne!(root.child("demand"), root.child("explore"));
/// assert_ne!(root.index(0), root.index(1));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeedTree(u64);

impl SeedTree {
    /// The root of a run.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(mix(seed ^ 0x9e37_79b9_7f4a_7c15))
    }

    /// The child with this name.
    #[must_use]
    pub fn child(self, name: &str) -> Self {
        // FNV-1a over the name, then mixed with the parent.
        let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| {
            (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)
        });
        Self(mix(self.0 ^ mix(hash)))
    }

    /// The child with this number, such as a customer, a week or an episode.
    #[must_use]
    pub fn index(self, index: u64) -> Self {
        Self(mix(self.0.rotate_left(17) ^ mix(index.wrapping_add(0x2545_f491_4f6c_dd1d))))
    }

    /// The node as a plain seed, for interfaces that take one.
    #[must_use]
    pub fn seed(self) -> u64 {
        self.0
    }

    /// A fresh generator at the start of this node's stream.
    #[must_use]
    pub fn stream(self) -> Stream {
        Pcg64Mcg::seed_from_u64(self.0)
    }
}

/// The finaliser of SplitMix64 (Steele, Lea and Flood 2014): a bijection with full avalanche.
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::Rng;

    #[test]
    fn sibling_streams_are_uncorrelated() {
        // 20,000 pairs of uniforms from neighbouring nodes: the correlation has standard error
        // 1/sqrt(20000) = 0.0071, so 4 se = 0.028.
        let root = SeedTree::new(1);
        let n = 20_000;
        let sum: f64 = (0..n)
            .map(|i| {
                let a: f64 = root.index(i).stream().random();
                let b: f64 = root.index(i + 1).stream().random();
                (a - 0.5) * (b - 0.5) * 12.0
            })
            .sum();
        assert!((sum / n as f64).abs() < 0.028);
    }
}
