//! Persona cards: a plain name, a profile and a sentence for each cluster.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::behaviour::Transform;
use super::matrix::Matrix;
use super::preparation::{MIX, Preparation, UNNAMED};

/// |z| of a cluster mean from which a trait is worth a word.
const NOTABLE: f64 = 0.5;
/// |z| of a cluster mean from which a trait leads the name.
const STRIKING: f64 = 0.8;

/// What one persona is like.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PersonaCard {
    /// A short name in plain words, unlike that of any other persona of the model.
    pub name: String,
    /// Number of training customers.
    pub size: usize,
    /// Share of the training customers.
    pub share: f64,
    /// Typical values in natural units, by label; the typical value of a skewed feature is
    /// `exp(mean ln(1 + x)) − 1`.
    pub profile: Vec<(String, f64)>,
    /// One or two sentences that set the persona against the average customer.
    pub description: String,
}

/// Means of the rows of each cluster, shape `[n_clusters, n_columns]`; 0 for an empty cluster.
#[must_use]
pub fn cluster_means(rows: &Matrix, labels: &[usize], n_clusters: usize) -> Matrix {
    let mut sums = vec![vec![0.0; rows.n_columns()]; n_clusters];
    let mut counts = vec![0.0_f64; n_clusters];
    for (row, &label) in rows.rows().zip(labels) {
        counts[label] += 1.0;
        sums[label].iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
    }
    for (sum, count) in sums.iter_mut().zip(counts) {
        sum.iter_mut().for_each(|value| *value /= count.max(1.0));
    }
    Matrix::from_rows(&sums).expect("every sum has the width of the rows")
}

/// What a profile is made of: a feature with the words for more and less of it.
const TRAITS: [(&str, &str, &str, &str); 13] = [
    ("recency", "days since the last basket", "away for longer", "seen lately"),
    ("frequency", "baskets per week", "more visits", "fewer visits"),
    ("monetary_per_basket", "money per basket", "larger baskets", "smaller baskets"),
    ("lines_per_basket", "lines per basket", "fuller baskets", "few items at a time"),
    ("discount_share", "share of value taken off", "more discounts", "fewer discounts"),
    ("deal_depth", "depth when on deal", "deeper deals", "shallower deals"),
    ("promotion_lift", "buys on deal, times expected", "drawn by deals", "unmoved by deals"),
    ("offer_line_share", "share of lines with a coupon", "uses coupons", "no coupons"),
    ("private_label_share", "share of own label", "own label", "national brands"),
    ("brand_loyalty", "loyalty to brands", "loyal to brands", "switches brands"),
    ("price_tier", "price tier bought", "dearer products", "cheaper products"),
    ("category_entropy", "breadth of the basket", "broad range", "few categories"),
    ("interval_variation", "irregularity of visits", "irregular", "regular rhythm"),
];

/// The cards of all personas, from prepared values, labels and mean z-scores.
pub(crate) fn describe(
    preparation: &Preparation,
    values: &Matrix,
    labels: &[usize],
    z_scores: &Matrix,
) -> Vec<PersonaCard> {
    let n_personas = z_scores.n_rows();
    let means = cluster_means(values, labels, n_personas);
    let whole = cluster_means(values, &vec![0; values.n_rows()], 1);
    let traits: Vec<Trait> = preparation.features.iter().map(Trait::of).collect();
    let view = |persona| Profile {
        mean: means.row(persona),
        z: z_scores.row(persona),
        population: whole.row(0),
        traits: &traits,
    };
    let views: Vec<Profile<'_>> = (0..n_personas).map(view).collect();
    let names = unique_names(&views);
    let size = |persona| labels.iter().filter(|&&label| label == persona).count();
    let card = |(persona, (view, name)): (usize, (&Profile<'_>, String))| PersonaCard {
        name,
        size: size(persona),
        share: size(persona) as f64 / labels.len().max(1) as f64,
        profile: view.values(),
        description: view.sentence(),
    };
    views.iter().zip(names).enumerate().map(card).collect()
}

/// A feature as people read it.
struct Trait {
    name: String,
    transform: Transform,
    /// Category of a category share, in words.
    category: Option<String>,
    label: String,
    more: String,
    less: String,
    /// What lies in no named category tells nobody apart.
    telling: bool,
}

impl Trait {
    fn of(feature: &super::preparation::PreparedFeature) -> Self {
        let name = feature.name.clone();
        let known = TRAITS.iter().find(|(known, ..)| *known == name);
        let category = name.strip_prefix(MIX).map(plain);
        let (label, more, less) = match (&category, known) {
            (Some(category), _) => (
                format!("share of spend in {category}"),
                format!("more {category}"),
                format!("less {category}"),
            ),
            (None, Some((_, label, more, less))) => {
                ((*label).to_owned(), (*more).to_owned(), (*less).to_owned())
            }
            (None, None) => {
                let words = plain(&name);
                (words.clone(), format!("high {words}"), format!("low {words}"))
            }
        };
        let telling = name != UNNAMED;
        Self { name, transform: feature.transform, category, label, more, less, telling }
    }
}

/// A category name as a word in a sentence.
fn plain(name: &str) -> String {
    let words = name.replace(['_', '-'], " ").trim().to_lowercase();
    if words.is_empty() { "unnamed category".to_owned() } else { words }
}

/// The means of one cluster beside those of the population.
struct Profile<'a> {
    mean: &'a [f64],
    z: &'a [f64],
    population: &'a [f64],
    traits: &'a [Trait],
}

impl Profile<'_> {
    fn position(&self, name: &str) -> Option<usize> {
        self.traits.iter().position(|one| one.name == name)
    }

    /// Mean z-score of a feature; 0 when the personas were made without it.
    fn z(&self, name: &str) -> f64 {
        self.position(name).map_or(0.0, |at| self.z[at])
    }

    /// Typical value of a feature in its own unit.
    fn typical(&self, name: &str) -> Option<f64> {
        self.position(name).map(|at| self.traits[at].transform.undo(self.mean[at]))
    }

    /// Visit rhythm: absolute where the word claims a rate, relative otherwise.
    fn rhythm(&self) -> &'static str {
        let (recency, frequency) = (self.z("recency"), self.z("frequency"));
        let days_away = self.typical("recency").unwrap_or(0.0);
        let visits = self.typical("frequency").unwrap_or(0.0);
        if recency >= STRIKING && frequency <= NOTABLE && days_away >= 21.0 {
            "lapsing"
        } else if visits >= 2.5 {
            "several-times-a-week"
        } else if visits >= 0.75 {
            "weekly"
        } else if frequency >= NOTABLE {
            "frequent"
        } else if frequency <= -NOTABLE {
            "occasional"
        } else {
            "regular"
        }
    }

    /// Who they are: by basket size, or by the category that stands out more.
    fn kind(&self) -> String {
        let size = self.z("monetary_per_basket");
        let leads = |&(_, z): &(&str, f64)| z >= STRIKING && z > size.abs();
        if let Some((category, _)) = self.favourite().filter(leads) {
            return format!("{category} buyers");
        }
        let family = self.z("category_entropy") >= NOTABLE;
        match size {
            z if z >= NOTABLE && family => "family stock-up".to_owned(),
            z if z >= NOTABLE => "stock-up shoppers".to_owned(),
            z if z <= -NOTABLE => "top-up shoppers".to_owned(),
            _ => "shoppers".to_owned(),
        }
    }

    /// Attitude to discounts; "full-price" and "deal-driven" also need a share that bears them out.
    fn deals(&self) -> Option<&'static str> {
        let share = self.typical("discount_share").unwrap_or(0.0);
        match self.z("discount_share") {
            z if z >= NOTABLE && share >= 0.1 => Some("deal-driven"),
            z if z >= NOTABLE => Some("more deals than most"),
            z if z <= -NOTABLE && share <= 0.05 => Some("full-price"),
            z if z <= -NOTABLE => Some("fewer deals than most"),
            _ => None,
        }
    }

    /// The category shares with their z-scores, without the nameless one.
    fn mix(&self) -> impl Iterator<Item = (&str, f64)> {
        let named = self.traits.iter().zip(self.z).filter(|(one, _)| one.telling);
        named.filter_map(|(one, z)| Some((one.category.as_deref()?, *z)))
    }

    /// The category with the largest z-score.
    fn favourite(&self) -> Option<(&str, f64)> {
        self.mix().reduce(|best, next| if next.1 > best.1 { next } else { best })
    }

    fn name(&self) -> String {
        let deals = self.deals().map_or(String::new(), |words| format!(", {words}"));
        format!("{} {}{deals}", self.rhythm(), self.kind())
    }

    /// Further traits for telling personas of equal name apart, the most striking first.
    fn further_traits(&self) -> Vec<String> {
        let telling = |&j: &usize| self.traits[j].telling && self.z[j] != 0.0;
        let mut order: Vec<usize> = (0..self.z.len()).filter(telling).collect();
        order.sort_by(|&a, &b| self.z[b].abs().total_cmp(&self.z[a].abs()).then(a.cmp(&b)));
        let words = |j: usize| match self.z[j] > 0.0 {
            true => self.traits[j].more.clone(),
            false => self.traits[j].less.clone(),
        };
        order.into_iter().map(words).collect()
    }

    fn values(&self) -> Vec<(String, f64)> {
        let natural = self.traits.iter().zip(self.mean);
        natural.map(|(one, mean)| (one.label.clone(), one.transform.undo(*mean))).collect()
    }

    fn sentence(&self) -> String {
        let own = |name: &str| self.typical(name);
        let all = |name: &str| {
            self.position(name).map(|at| self.traits[at].transform.undo(self.population[at]))
        };
        let mut said: Vec<String> = Vec::new();
        if let (Some(own), Some(all)) = (own("frequency"), all("frequency")) {
            said.push(format!("{own:.1} baskets a week (all customers {all:.1})"));
        }
        if let (Some(own), Some(all)) = (own("monetary_per_basket"), all("monetary_per_basket")) {
            said.push(format!("{own:.2} a basket (all {all:.2})"));
        }
        if let (Some(own), Some(all)) = (own("discount_share"), all("discount_share")) {
            said.push(format!("{:.0}% of value taken off (all {:.0}%)", 100.0 * own, 100.0 * all));
        }
        if let (Some(own), Some(all)) = (own("recency"), all("recency")) {
            said.push(format!("last seen {own:.0} days ago (all {all:.0})"));
        }
        let mut text = match said.is_empty() {
            true => String::new(),
            false => format!("Typically {}.", said.join(", ")),
        };
        let listed = |keep: &dyn Fn(f64) -> bool| {
            let mut kept: Vec<(&str, f64)> = self.mix().filter(|(_, z)| keep(*z)).collect();
            kept.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
            let names: Vec<&str> = kept.iter().take(3).map(|(name, _)| *name).collect();
            names.join(", ")
        };
        let (more, less) = (listed(&|z| z >= NOTABLE), listed(&|z| z <= -NOTABLE));
        match (more.is_empty(), less.is_empty()) {
            (false, false) => text += &format!(" Buys more {more} and less {less} than others."),
            (false, true) => text += &format!(" Buys more {more} than others."),
            (true, false) => text += &format!(" Buys less {less} than others."),
            (true, true) => {}
        }
        text
    }
}

/// Names of all personas: equal ones grow by their most striking further traits until they differ,
/// and are numbered when even those are equal.
fn unique_names(views: &[Profile<'_>]) -> Vec<String> {
    let mut names: Vec<String> = views.iter().map(Profile::name).collect();
    let further: Vec<Vec<String>> = views.iter().map(Profile::further_traits).collect();
    let longest = further.iter().map(Vec::len).max().unwrap_or(0);
    for depth in 0..longest {
        let repeated = repeated(&names);
        if !repeated.contains(&true) {
            return names;
        }
        for (persona, traits) in further.iter().enumerate() {
            if let (true, Some(words)) = (repeated[persona], traits.get(depth)) {
                names[persona] += &format!(", {words}");
            }
        }
    }
    let mut number = 2;
    while let Some(later) = last_repeat(&names) {
        names[later] = format!("{} ({number})", views[later].name());
        number += 1;
    }
    names
}

/// For each name whether another is the same.
fn repeated(names: &[String]) -> Vec<bool> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    names.iter().for_each(|name| *counts.entry(name).or_default() += 1);
    names.iter().map(|name| counts[name.as_str()] > 1).collect()
}

/// The last name that stands earlier in the list as well.
fn last_repeat(names: &[String]) -> Option<usize> {
    (0..names.len()).rev().find(|&later| names[..later].contains(&names[later]))
}

#[cfg(test)]
#[path = "cards_tests.rs"]
mod tests;
