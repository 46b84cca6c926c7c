//! How far personas can be trusted: every number of them scored in four ways, noise beside data, and
//! what pictures of the groups are drawn from.

use promopt_envs::SeedTree;
use serde::{Deserialize, Serialize};

use super::cluster_error::ClusterError;
use super::gap::{GapConfig, gap_statistic};
use super::gmm;
use super::matrix::Matrix;
use super::mixture::CovarianceKind;
use super::pca::Pca;
use super::personas::{PersonaConfig, PersonaError, PersonaModel};
use super::preparation::Preparation;
use super::silhouette::{sampled_rows, silhouettes};
use super::stability::{StabilityConfig, stability};
use super::ward::WardTree;

/// Customers on whom gap, stability, tree and pictures are made; of more, a sample.
const SAMPLE_ROWS: usize = 1_000;
/// Reference data sets of the gap statistic.
const GAP_REFERENCES: usize = 10;
/// Leaves of the tree that is drawn.
const TREE_LEAVES: usize = 31;

/// Scores of one number of personas.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KEvidence {
    /// Number of personas.
    pub n_clusters: usize,
    /// Mean silhouette.
    pub silhouette: f64,
    /// Customers in the smallest persona.
    pub smallest: usize,
    /// Gap and its s_k.
    pub gap: Option<[f64; 2]>,
    /// BIC of a Gaussian mixture with diagonal covariances; lower is better.
    pub bic: Option<f64>,
    /// Mean adjusted Rand index over bootstrap samples, and the ends of its interval.
    pub stability: Option<[f64; 3]>,
    /// The same mean on data sets of noise: mean, smallest, largest.
    pub noise: Option<[f64; 3]>,
    /// Whether the groups are steadier than groups in noise (5 % level).
    pub beats_noise: Option<bool>,
}

/// The customers on their first two principal components.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PcaEvidence {
    /// Share of the variance by component.
    pub explained: Vec<f64>,
    /// Feature with its loadings on the first components.
    pub loadings: Vec<(String, Vec<f64>)>,
    /// Sampled customers: x, y, persona.
    pub points: Vec<(f64, f64, usize)>,
    /// Components that hold 80 % of the variance.
    pub n_for_80_percent: usize,
}

/// The top of Ward's tree over a sample.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TreeEvidence {
    /// Customers and most frequent persona of each leaf, from left to right.
    pub leaves: Vec<(u64, usize)>,
    /// Merges, lowest first: two nodes (leaves first, then merges) and the height.
    pub merges: Vec<(usize, usize, f64)>,
    /// Height at which the tree falls into as many groups as there are personas.
    pub cut_height: f64,
    /// Customers in the tree.
    pub sample: u64,
}

/// Everything that speaks for or against the personas.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// One row per number of personas tried.
    pub by_k: Vec<KEvidence>,
    /// Whether the chosen personas are steadier than groups in noise; `None` when not tested.
    pub beats_noise: Option<bool>,
    /// Principal components.
    pub pca: Option<PcaEvidence>,
    /// Silhouettes of sampled customers by persona, descending.
    pub silhouettes: Vec<Vec<f64>>,
    /// Ward's tree.
    pub tree: Option<TreeEvidence>,
    /// Customers the pictures are made of.
    pub sample: usize,
}

/// Tests and describes the groups of these customers.
///
/// # Errors
/// When a clustering refuses; a picture that cannot be made of so few customers is left out.
pub fn collect(
    model: &PersonaModel,
    rows: &Matrix,
    labels: &[usize],
    config: &PersonaConfig,
    seeds: SeedTree,
) -> Result<Evidence, PersonaError> {
    let order = rows.sorted_order();
    let sorted = rows.select(&order);
    let points = model.preparation.map(&sorted, Preparation::point);
    let labels: Vec<usize> = order.iter().map(|&row| labels[row]).collect();
    let mut kept = sampled_rows(points.n_rows(), seeds.child("evidence-sample"));
    thin(&mut kept, SAMPLE_ROWS);
    let sample = points.select(&kept);
    let of_sample: Vec<usize> = kept.iter().map(|&row| labels[row]).collect();
    let by_k = by_k(model, &points, config, seeds)?;
    let chosen = by_k.iter().find(|one| one.n_clusters == model.n_personas());
    Ok(Evidence {
        beats_noise: chosen.and_then(|one| one.beats_noise),
        pca: pca(model, &points, &kept, &of_sample),
        silhouettes: silhouette_groups(&sample, &of_sample, model.n_personas()),
        tree: tree(&sample, &of_sample, model.n_personas(), seeds.child("tree")).ok(),
        sample: kept.len(),
        by_k,
    })
}

/// Evenly spread items, at most so many.
fn thin(items: &mut Vec<usize>, most: usize) {
    let n = items.len();
    if n > most {
        *items = (0..most).map(|i| items[i * n / most]).collect();
    }
}

fn by_k(
    model: &PersonaModel,
    points: &Matrix,
    config: &PersonaConfig,
    seeds: SeedTree,
) -> Result<Vec<KEvidence>, PersonaError> {
    let (Some(first), Some(last)) = (model.k_scores.first(), model.k_scores.last()) else {
        return Ok(Vec::new());
    };
    let (k_min, k_max) = (first.n_clusters, last.n_clusters);
    let kind = CovarianceKind::Diagonal;
    let bics = gmm::choose_by_bic(points, k_min, k_max, kind, seeds.child("bic"));
    let bics = bics.map(|(_, scores)| scores).unwrap_or_default();
    let (mut gaps, mut stabilities) = (Vec::new(), Vec::new());
    if config.n_bootstrap > 0 {
        let gap = GapConfig {
            n_references: GAP_REFERENCES,
            max_rows: SAMPLE_ROWS,
            n_init: 2,
            ..GapConfig::new(k_max)
        };
        gaps = gap_statistic(points, &gap, seeds.child("gap"))?.scores;
        let settings = StabilityConfig {
            n_bootstrap: config.n_bootstrap,
            n_init: 2,
            n_noise_bootstrap: 3,
            max_rows: SAMPLE_ROWS,
            ..StabilityConfig::default()
        };
        stabilities = stability(points, k_min.max(2), k_max, &settings, seeds.child("stability"))
            .or_else(|error| if k_max < 2 { Ok(Vec::new()) } else { Err(error) })?;
    }
    let row = |score: &super::silhouette::KScore| {
        let k = score.n_clusters;
        let gap = gaps.iter().find(|one| one.n_clusters == k);
        let bic = bics.iter().find(|one| one.n_components == k);
        let steady = stabilities.iter().find(|one| one.n_clusters == k);
        KEvidence {
            n_clusters: k,
            silhouette: score.silhouette,
            smallest: score.smallest,
            gap: gap.map(|one| [one.gap, one.standard_error]),
            bic: bic.map(|one| one.bic),
            stability: steady
                .map(|one| [one.data.mean, one.data.interval[0], one.data.interval[1]]),
            noise: steady.map(|one| range(&one.noise)),
            beats_noise: steady.map(|one| one.beats_noise),
        }
    };
    Ok(model.k_scores.iter().map(row).collect())
}

/// Mean, smallest and largest.
fn range(values: &[f64]) -> [f64; 3] {
    let mean = values.iter().sum::<f64>() / values.len().max(1) as f64;
    let smallest = values.iter().copied().fold(f64::INFINITY, f64::min);
    let largest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    [mean, smallest, largest]
}

fn pca(
    model: &PersonaModel,
    points: &Matrix,
    kept: &[usize],
    labels: &[usize],
) -> Option<PcaEvidence> {
    let fitted = Pca::fit(points).ok()?;
    let n_shown = fitted.components.n_rows().min(3);
    if n_shown < 2 {
        return None;
    }
    let loadings = model.feature_names().enumerate().map(|(column, name)| {
        let weights = (0..n_shown).map(|component| fitted.components.row(component)[column]);
        (name.to_owned(), weights.collect())
    });
    let place = |(&row, &label): (&usize, &usize)| {
        let at = fitted.transform(points.row(row)).ok()?;
        Some((at[0], at[1], label))
    };
    Some(PcaEvidence {
        explained: fitted.explained_variance_ratio.clone(),
        loadings: loadings.collect(),
        points: kept.iter().zip(labels).filter_map(place).collect(),
        n_for_80_percent: fitted.n_for(0.8),
    })
}

fn silhouette_groups(sample: &Matrix, labels: &[usize], n_personas: usize) -> Vec<Vec<f64>> {
    let mut groups = vec![Vec::new(); n_personas];
    for (value, &label) in silhouettes(sample, labels).into_iter().zip(labels) {
        groups[label].push(value);
    }
    groups.iter_mut().for_each(|group| group.sort_by(|a, b| b.total_cmp(a)));
    groups
}

/// The last merges of the tree, with what lies below them taken together as leaves.
fn tree(
    sample: &Matrix,
    labels: &[usize],
    n_personas: usize,
    seeds: SeedTree,
) -> Result<TreeEvidence, ClusterError> {
    let tree = WardTree::fit(sample, SAMPLE_ROWS, seeds)?;
    let n = tree.rows.len();
    let n_leaves = TREE_LEAVES.min(n);
    let first_shown = 2 * n - 1 - (n_leaves - 1);
    let children = |node: usize| (node >= n).then(|| &tree.merges[node - n]);
    let mut leaf_nodes = Vec::new();
    let mut ahead = vec![2 * n - 2];
    while let Some(node) = ahead.pop() {
        match children(node).filter(|_| node >= first_shown) {
            Some(merge) => ahead.extend([merge.right, merge.left]),
            None => leaf_nodes.push(node),
        }
    }
    let leaves = leaf_nodes.iter().map(|&node| {
        let mut counts = vec![0_u64; n_personas];
        let mut below = vec![node];
        while let Some(node) = below.pop() {
            match children(node) {
                Some(merge) => below.extend([merge.right, merge.left]),
                None => counts[labels[tree.rows[node]]] += 1,
            }
        }
        let most = (0..n_personas).rev().max_by_key(|&persona| counts[persona]);
        (counts.iter().sum(), most.unwrap_or(0))
    });
    let number = |node: usize| match leaf_nodes.iter().position(|&leaf| leaf == node) {
        Some(leaf) => leaf,
        None => n_leaves + node - first_shown,
    };
    let shown = &tree.merges[first_shown - n..];
    let merges = shown.iter().map(|m| (number(m.left), number(m.right), m.height)).collect();
    // Cutting into k groups undoes the last k - 1 merges.
    let height =
        |back: usize| tree.merges.len().checked_sub(back).map_or(0.0, |at| tree.merges[at].height);
    let cut_height = match n_personas {
        0 | 1 => tree.merges.last().map_or(0.0, |merge| merge.height * 1.05),
        k => 0.5 * (height(k - 1) + height(k)),
    };
    Ok(TreeEvidence { leaves: leaves.collect(), merges, cut_height, sample: n as u64 })
}
