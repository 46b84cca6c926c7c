//! Persona cards: a plain name, a profile and a sentence for each cluster.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::customer::{DISCOUNT_SHARE, FREQUENCY, MONETARY, N_HABITS, RECENCY};
use super::matrix::Matrix;

/// |z| of a cluster mean from which a trait is worth a word.
const NOTABLE: f64 = 0.5;
/// |z| of a cluster mean from which a trait leads the name.
const STRIKING: f64 = 0.8;

/// The category of everything that has no category of its own.
pub(super) const UNNAMED: &str = "other";

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

/// The z-scores that may give a persona its name: what lies in no named category says nothing.
fn telling(z_scores: &[f64], categories: &[String]) -> Vec<f64> {
    let unnamed = |j: usize| j >= N_HABITS && categories[j - N_HABITS] == UNNAMED;
    z_scores.iter().enumerate().map(|(j, &z)| if unnamed(j) { 0.0 } else { z }).collect()
}

/// The cards of all personas, from unscaled features, labels and mean z-scores.
pub(crate) fn describe(
    features: &Matrix,
    labels: &[usize],
    z_scores: &Matrix,
    categories: &[String],
) -> Vec<PersonaCard> {
    let n_personas = z_scores.n_rows();
    let means = cluster_means(features, labels, n_personas);
    let whole = cluster_means(features, &vec![0; features.n_rows()], 1);
    let words: Vec<String> = categories.iter().map(|name| plain(name)).collect();
    let telling: Vec<Vec<f64>> = z_scores.rows().map(|row| telling(row, categories)).collect();
    let views: Vec<Profile<'_>> = (0..n_personas)
        .map(|persona| Profile {
            mean: means.row(persona),
            z: &telling[persona],
            population: whole.row(0),
            categories: &words,
        })
        .collect();
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
    categories: &'a [String],
}

impl Profile<'_> {
    /// Visit rhythm: absolute where the word claims a rate, relative otherwise.
    fn rhythm(&self) -> &'static str {
        let weeks_away = self.mean[RECENCY].exp_m1();
        if self.z[RECENCY] >= STRIKING && self.z[FREQUENCY] <= NOTABLE && weeks_away >= 3.0 {
            "lapsing"
        } else if self.mean[FREQUENCY] >= 0.75 {
            "weekly"
        } else if self.z[FREQUENCY] >= NOTABLE {
            "frequent"
        } else if self.z[FREQUENCY] <= -NOTABLE {
            "occasional"
        } else {
            "regular"
        }
    }

    /// Who they are: by basket size, or by the category that stands out more.
    fn kind(&self) -> String {
        let favourite = self.favourite();
        let leads = |&(_, z): &(usize, f64)| z >= STRIKING && z > self.z[MONETARY].abs();
        if let Some((category, _)) = favourite.filter(leads) {
            return format!("{} buyers", self.categories[category]);
        }
        match self.z[MONETARY] {
            z if z >= NOTABLE => "stock-up shoppers".to_owned(),
            z if z <= -NOTABLE => "top-up shoppers".to_owned(),
            _ => "shoppers".to_owned(),
        }
    }

    /// Attitude to discounts; "full-price" and "deal-driven" also need a share that bears them out.
    fn deals(&self) -> Option<&'static str> {
        let share = self.mean[DISCOUNT_SHARE];
        match self.z[DISCOUNT_SHARE] {
            z if z >= NOTABLE && share >= 0.1 => Some("deal-driven"),
            z if z >= NOTABLE => Some("more deals than most"),
            z if z <= -NOTABLE && share <= 0.05 => Some("full-price"),
            z if z <= -NOTABLE => Some("fewer deals than most"),
            _ => None,
        }
    }

    /// The category with the largest z-score.
    fn favourite(&self) -> Option<(usize, f64)> {
        let scores = self.z[N_HABITS..].iter().copied().enumerate();
        scores.reduce(|best, next| if next.1 > best.1 { next } else { best })
    }

    fn name(&self) -> String {
        let deals = self.deals().map_or(String::new(), |words| format!(", {words}"));
        format!("{} {}{deals}", self.rhythm(), self.kind())
    }

    /// Further traits for telling personas of equal name apart, the most striking first.
    fn further_traits(&self) -> Vec<String> {
        let mut order: Vec<usize> = (0..self.z.len()).filter(|&j| self.z[j] != 0.0).collect();
        order.sort_by(|&a, &b| self.z[b].abs().total_cmp(&self.z[a].abs()).then(a.cmp(&b)));
        let words = |j: usize| match (j, self.z[j] > 0.0) {
            (RECENCY, true) => "away for longer".to_owned(),
            (RECENCY, false) => "seen lately".to_owned(),
            (FREQUENCY, true) => "more visits".to_owned(),
            (FREQUENCY, false) => "fewer visits".to_owned(),
            (MONETARY, true) => "larger baskets".to_owned(),
            (MONETARY, false) => "smaller baskets".to_owned(),
            (DISCOUNT_SHARE, true) => "more discounts".to_owned(),
            (DISCOUNT_SHARE, false) => "fewer discounts".to_owned(),
            (_, true) => format!("more {}", self.categories[j - N_HABITS]),
            (_, false) => format!("less {}", self.categories[j - N_HABITS]),
        };
        order.into_iter().map(words).collect()
    }

    fn values(&self) -> Vec<(String, f64)> {
        let habits = [
            ("weeks since the last visit", self.mean[RECENCY].exp_m1()),
            ("share of weeks with a visit", self.mean[FREQUENCY]),
            ("money per visit week", self.mean[MONETARY].exp_m1()),
            ("discount share of value", self.mean[DISCOUNT_SHARE]),
        ];
        let mix = self.categories.iter().zip(&self.mean[N_HABITS..]);
        let mix = mix.map(|(name, &share)| (format!("share of purchases in {name}"), share));
        habits.into_iter().map(|(label, value)| (label.to_owned(), value)).chain(mix).collect()
    }

    fn sentence(&self) -> String {
        let (mean, all) = (self.mean, self.population);
        let mut text = format!(
            "Visits in {:.0}% of weeks (all customers {:.0}%), typically spends {:.2} a visit week \
             (all {:.2}), gets {:.0}% of value discounted (all {:.0}%), last seen {:.1} weeks ago \
             (all {:.1}).",
            100.0 * mean[FREQUENCY],
            100.0 * all[FREQUENCY],
            mean[MONETARY].exp_m1(),
            all[MONETARY].exp_m1(),
            100.0 * mean[DISCOUNT_SHARE],
            100.0 * all[DISCOUNT_SHARE],
            mean[RECENCY].exp_m1(),
            all[RECENCY].exp_m1(),
        );
        let listed = |keep: &dyn Fn(f64) -> bool| {
            let pairs = self.categories.iter().zip(&self.z[N_HABITS..]);
            let mut kept: Vec<_> = pairs.filter(|(_, z)| keep(**z)).collect();
            kept.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
            let names: Vec<&str> = kept.iter().take(3).map(|(name, _)| name.as_str()).collect();
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
mod tests {
    use super::*;

    const POPULATION: [f64; 6] = [1.5, 0.4, 3.0, 0.1, 0.5, 0.5];

    fn categories() -> Vec<String> {
        vec!["produce".to_owned(), "pantry".to_owned()]
    }

    fn profile<'a>(mean: &'a [f64], z: &'a [f64], categories: &'a [String]) -> Profile<'a> {
        Profile { mean, z, population: &POPULATION, categories }
    }

    #[test]
    fn names_say_what_the_profile_says() {
        let categories = categories();
        let cases = [
            (
                [0.2, 0.9, 4.5, 0.3, 0.5, 0.5],
                [-1.0, 1.5, 1.2, 1.1, 0.0, 0.0],
                "weekly stock-up shoppers, deal-driven",
            ),
            (
                [1.5, 0.1, 3.0, 0.0, 0.5, 0.5],
                [0.1, -1.0, 0.0, -0.9, 0.0, 0.0],
                "occasional shoppers, full-price",
            ),
            (
                [2.5, 0.3, 3.0, 0.1, 0.8, 0.2],
                [1.5, -0.4, 0.1, 0.0, 1.2, -1.2],
                "lapsing produce buyers",
            ),
            ([1.5, 0.4, 3.0, 0.1, 0.5, 0.5], [0.0; 6], "regular shoppers"),
        ];
        for (mean, z, name) in cases {
            assert_eq!(profile(&mean, &z, &categories).name(), name);
        }
    }

    #[test]
    fn words_that_claim_a_level_need_that_level() {
        let categories = categories();
        let few_deals = [1.5, 0.4, 3.0, 0.03, 0.5, 0.5];
        let z = [0.0, 0.0, 0.0, 1.0, 0.0, 0.0];
        assert_eq!(profile(&few_deals, &z, &categories).deals(), Some("more deals than most"));
        let seen_last_week = [1.0_f64.ln_1p(), 0.4, 3.0, 0.1, 0.5, 0.5];
        let z = [2.0, 0.0, 0.0, 0.0, 0.0, 0.0];
        assert_eq!(profile(&seen_last_week, &z, &categories).rhythm(), "regular");
    }

    #[test]
    fn equal_names_grow_until_they_differ() {
        let categories = categories();
        let (first, second) = ([0.0, 0.0, 0.3, 0.0, 0.0, 0.0], [0.0, 0.0, -0.3, 0.0, 0.1, 0.0]);
        let views = [&first, &second].map(|z| profile(&POPULATION, z, &categories));
        assert_eq!(
            unique_names(&views),
            ["regular shoppers, larger baskets", "regular shoppers, smaller baskets"]
        );
    }

    #[test]
    fn personas_alike_in_everything_are_numbered() {
        let categories = categories();
        let views = [0, 1, 2].map(|_| profile(&POPULATION, &[0.0; 6], &categories));
        let mut names = unique_names(&views);
        assert_eq!(names[0], "regular shoppers");
        names.sort();
        names.dedup();
        assert_eq!(names.len(), 3);
    }

    #[test]
    fn the_sentence_lists_what_is_bought_more_and_less() {
        let categories = categories();
        let z = [0.0, 0.0, 0.0, 0.0, 1.0, -1.0];
        let text = profile(&POPULATION, &z, &categories).sentence();
        assert!(text.ends_with("Buys more produce and less pantry than others."), "{text}");
        assert!(text.starts_with("Visits in 40% of weeks (all customers 40%)"), "{text}");
    }
}
