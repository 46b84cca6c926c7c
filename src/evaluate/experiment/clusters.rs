//! Experiments dealt by store or region: many customers, few independent units.

use super::contrast::{Contrast, Metric};
use super::moments::{JointMoments, Moments};

/// Sum and count of one cluster.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cluster {
    /// Whether the cluster was treated.
    pub treated: bool,
    /// Number of rows.
    pub n: f64,
    /// Sum of the outcome.
    pub sum: f64,
    /// Centred sum of squares within the cluster.
    pub squares: f64,
}

/// Clusters by rank with the arm of their first row.
#[must_use]
pub fn gather(ranks: &[usize], n_clusters: usize, treated: &[bool], y: &[f64]) -> Vec<Cluster> {
    let mut moments = vec![Moments::default(); n_clusters];
    let mut arms = vec![false; n_clusters];
    for ((rank, treated), y) in ranks.iter().zip(treated).zip(y) {
        if moments[*rank].n == 0.0 {
            arms[*rank] = *treated;
        }
        moments[*rank] = moments[*rank].merge(Moments { n: 1.0, mean: *y, squares: 0.0 });
    }
    let cluster = |(m, treated): (Moments, bool)| Cluster {
        treated,
        n: m.n,
        sum: m.mean * m.n,
        squares: m.squares,
    };
    moments.into_iter().zip(arms).map(cluster).filter(|c| c.n > 0.0).collect()
}

/// The mean per row with clusters as units: the ratio of cluster sums to cluster sizes by the delta
/// method. Source: Deng et al. 2018.
#[must_use]
pub fn per_row(clusters: &[Cluster]) -> Contrast {
    arms(clusters, |own| Metric::ratio(&JointMoments::of(own.iter().map(|c| [c.sum, c.n]))))
}

/// The mean of cluster means: every cluster counts alike, which is another question than the mean per
/// row when sizes differ.
#[must_use]
pub fn per_cluster(clusters: &[Cluster]) -> Contrast {
    let means = |own: &[Cluster]| own.iter().map(|c| [c.sum / c.n]).collect::<Vec<_>>();
    arms(clusters, |own| Metric::mean(&JointMoments::of(means(own)).only(0)))
}

fn arms(clusters: &[Cluster], metric: impl Fn(&[Cluster]) -> Metric) -> Contrast {
    let (treated, control): (Vec<Cluster>, Vec<Cluster>) = clusters.iter().partition(|c| c.treated);
    Contrast::new(metric(&control), metric(&treated))
}

/// A random level for each cluster, fitted by restricted maximum likelihood.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RandomLevels {
    /// Treatment − control.
    pub effect: f64,
    /// Its standard error.
    pub standard_error: f64,
    /// Variance between clusters.
    pub between: f64,
    /// Variance within.
    pub within: f64,
}

impl RandomLevels {
    /// Fits `y = level + effect·treated + cluster + noise`. `None` when an arm has fewer than two
    /// clusters or nothing varies within them.
    #[must_use]
    pub fn fit(clusters: &[Cluster]) -> Option<Self> {
        let of = |treated: bool| clusters.iter().filter(|c| c.treated == treated).count();
        let within: f64 = clusters.iter().map(|c| c.squares).sum();
        if of(true) < 2 || of(false) < 2 || within <= 0.0 {
            return None;
        }
        // The ratio λ of both variances, on its logarithm; a minimum at the edge is "no difference".
        let cost = |log: f64| Self::at(clusters, log.exp()).1;
        let grid: Vec<f64> = (-60..=40).map(|i| f64::from(i) / 4.0).collect();
        let best = grid.iter().copied().min_by(|a, b| cost(*a).total_cmp(&cost(*b)))?;
        let (mut low, mut high) = (best - 0.25, best + 0.25);
        for _ in 0..80 {
            let (a, b) = (low + (high - low) / 3.0, high - (high - low) / 3.0);
            if cost(a) < cost(b) { high = b } else { low = a }
        }
        Some(Self::at(clusters, ((low + high) / 2.0).exp()).0)
    }

    /// Share of the variance that lies between clusters.
    #[must_use]
    pub fn intraclass_correlation(&self) -> f64 {
        self.between / (self.between + self.within)
    }

    /// The fit at `λ = between / within` with twice its negative restricted log likelihood.
    fn at(clusters: &[Cluster], lambda: f64) -> (Self, f64) {
        let weight = |c: &Cluster| c.n / (1.0 + lambda * c.n);
        let level = |treated: bool| {
            let own = || clusters.iter().filter(|c| c.treated == treated);
            let all: f64 = own().map(weight).sum();
            (own().map(|c| weight(c) * c.sum / c.n).sum::<f64>() / all, all)
        };
        let (control, treatment) = (level(false), level(true));
        let rest = |c: &Cluster| {
            let fitted = if c.treated { treatment.0 } else { control.0 };
            c.squares + weight(c) * (c.sum / c.n - fitted).powi(2)
        };
        let n: f64 = clusters.iter().map(|c| c.n).sum();
        let within = clusters.iter().map(rest).sum::<f64>() / (n - 2.0);
        let logs: f64 = clusters.iter().map(|c| (lambda * c.n).ln_1p()).sum();
        let cost = (n - 2.0) * within.ln() + logs + (control.1 * treatment.1).ln();
        let fit = Self {
            effect: treatment.0 - control.0,
            standard_error: (within * (1.0 / control.1 + 1.0 / treatment.1)).sqrt(),
            between: lambda * within,
            within,
        };
        (fit, cost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Even clusters: the between variance is that of the means less within/n, as in the analysis of
    /// variance, and all three ways give one effect.
    #[test]
    fn even_clusters_by_hand() {
        let y = [1.0, 3.0, 5.0, 7.0, 4.0, 6.0, 10.0, 12.0];
        let ranks = [0, 0, 1, 1, 2, 2, 3, 3];
        let treated = [false, false, false, false, true, true, true, true];
        let clusters = gather(&ranks, 4, &treated, &y);
        // Means 2, 6 | 5, 11: effect 4, within 2, between (8 + 18)/2 − 2/2 = 12.
        let fit = RandomLevels::fit(&clusters).expect("two each");
        assert!((fit.effect - 4.0).abs() < 1e-9 && (fit.within - 2.0).abs() < 1e-6);
        assert!((fit.between - 12.0).abs() < 1e-5, "{fit:?}");
        assert!((fit.intraclass_correlation() - 12.0 / 14.0).abs() < 1e-6);
        for contrast in [per_row(&clusters), per_cluster(&clusters)] {
            let effect = contrast.absolute(0.95);
            // Variances of the means 8/2 and 18/2.
            assert!((effect.estimate - 4.0).abs() < 1e-12);
            assert!((effect.standard_error.powi(2) - 13.0).abs() < 1e-9);
        }
        assert_eq!(RandomLevels::fit(&clusters[..3]), None);
    }
}
