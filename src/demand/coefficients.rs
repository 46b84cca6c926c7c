//! Every coefficient with its interval, and what it rests on.

use super::fit::OfferEvidence;
use super::fit::parts::Part;
use super::glm::PINNED;
use promopt_envs::retail::demand::features::Term;
use serde::{Deserialize, Serialize};

/// Standard normal quantile of a two-sided 95 % interval.
const Z95: f64 = 1.959_963_985;
/// Share of the prior's spread left beyond which a coefficient says what the prior says.
const PRIOR_LEFT: f64 = 0.7;
/// Share beyond which nothing was seen of a column.
const UNSEEN: f64 = 0.999;

/// What a figure rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// Offers drawn with known probabilities.
    Randomised,
    /// Prices that moved from week to week for everybody, with season and category held fixed.
    QuasiExperimental,
    /// Differences between customers or weeks that nobody arranged: a description, not a cause.
    Observational,
    /// Mostly the prior or what all categories share: the data of the part say little.
    Prior,
}

impl Evidence {
    /// In words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Randomised => "randomised",
            Self::QuasiExperimental => "quasi-experimental",
            Self::Observational => "observational",
            Self::Prior => "prior",
        }
    }
}

/// One coefficient.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Coefficient {
    /// Part of the model, such as `incidence:dairy`.
    pub part: String,
    /// Name of the column.
    pub name: String,
    /// Term of the column.
    pub term: Term,
    /// Posterior mode.
    pub estimate: f64,
    /// Lower bound of the 95 % interval.
    pub lower: f64,
    /// Upper bound of the 95 % interval.
    pub upper: f64,
    /// Posterior over prior standard deviation: 1 means that the data said nothing.
    pub prior_left: f64,
    /// What it rests on.
    pub evidence: Evidence,
}

/// The coefficients of a part; columns that are not in the model, or of which nothing was seen, are
/// left out.
pub(super) fn describe(part: &Part, offers: OfferEvidence) -> Vec<Coefficient> {
    let p = part.columns.len();
    let sd = |j: usize| part.standard_deviation(j);
    (0..p)
        .filter(|j| part.prior.precision[*j] < PINNED)
        .map(|j| (j, sd(j) * part.prior.precision[j].sqrt()))
        .filter(|(_, prior_left)| *prior_left < UNSEEN)
        .map(|(j, prior_left)| {
            let (column, estimate) = (&part.columns[j], part.fit.beta[j]);
            let half = Z95 * sd(j);
            let evidence = match prior_left > PRIOR_LEFT {
                true => Evidence::Prior,
                false => basis(column.term, offers),
            };
            Coefficient {
                part: part.report.part.clone(),
                name: column.name.clone(),
                term: column.term,
                estimate,
                lower: estimate - half,
                upper: estimate + half,
                prior_left,
                evidence,
            }
        })
        .collect()
}

fn basis(term: Term, offers: OfferEvidence) -> Evidence {
    match (term, offers) {
        (Term::Offer, OfferEvidence::Randomised) => Evidence::Randomised,
        (Term::Offer, OfferEvidence::AssumedFromShelf) => Evidence::Prior,
        (Term::Shelf | Term::Price, _) => Evidence::QuasiExperimental,
        _ => Evidence::Observational,
    }
}
