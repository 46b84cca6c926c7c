//! The parts of the world page about the fit: responses, ablation, past promotions and method.

use plotters::style::RGBColor;
use serde::Serialize;

use super::canvas::{CHOSEN, CONTROL, ORACLE, distinct};
use super::input::{Estimate, Fact, Term};

/// What stands behind a coefficient, strongest first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// Offers given by chance, with logged propensities.
    Randomised,
    /// Variation that customers do not choose, such as prices that change by week.
    QuasiExperimental,
    /// What customers chose themselves: read as association.
    Observational,
    /// The prior: the history says next to nothing.
    #[default]
    Prior,
}

/// Every kind of evidence, strongest first.
pub(super) const EVIDENCE: [Evidence; 4] =
    [Evidence::Randomised, Evidence::QuasiExperimental, Evidence::Observational, Evidence::Prior];

impl Evidence {
    /// The name in the template.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Randomised => "randomised",
            Self::QuasiExperimental => "quasi_experimental",
            Self::Observational => "observational",
            Self::Prior => "prior",
        }
    }

    /// The name a reader sees.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::QuasiExperimental => "quasi-experimental",
            other => other.key(),
        }
    }

    /// What it means.
    pub(super) fn meaning(self) -> &'static str {
        match self {
            Self::Randomised => "offers were given by chance: read it as cause and effect",
            Self::QuasiExperimental => {
                "prices moved for reasons customers do not choose: close to cause and effect"
            }
            Self::Observational => "who got it was chosen: read it as association",
            Self::Prior => "the history says next to nothing: an assumption",
        }
    }

    /// Its colour in plots and tables.
    pub(super) fn color(self) -> RGBColor {
        match self {
            Self::Randomised => ORACLE,
            Self::QuasiExperimental => CHOSEN,
            Self::Observational => distinct(1),
            Self::Prior => CONTROL,
        }
    }
}

/// One response, by category: a forest plot.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ResponseGroup {
    /// What responds to what, for example "Own-price elasticity".
    pub title: String,
    /// What the axis says, for example "Per cent change in units per per cent of price".
    pub axis: String,
    /// The band that published results lead to expect; `None` without one.
    pub reference: Option<ReferenceBand>,
    /// One row per category; a summary may come first.
    pub rows: Vec<ResponseRow>,
}

/// Where published results lie.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ReferenceBand {
    /// Lower end.
    pub lower: f64,
    /// Upper end.
    pub upper: f64,
    /// Where it comes from, for example "81 studies, Bijmolt et al. 2005".
    pub source: String,
}

/// The response of one category.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ResponseRow {
    /// Category, or what the summary is over.
    pub category: String,
    /// The response with its interval.
    pub estimate: Estimate,
    /// What stands behind it.
    pub evidence: Evidence,
    /// Whether this sums up the others.
    pub is_summary: bool,
}

/// One coefficient of the fit.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct CoefficientRow {
    /// Part of the model, for example "visit" or "units".
    pub part: String,
    /// Term, in plain words.
    pub term: String,
    /// Category, persona or both that it holds for; empty when for all.
    pub scope: String,
    /// The coefficient on the scale of its part, with its interval.
    pub estimate: Estimate,
    /// What stands behind it.
    pub evidence: Evidence,
    /// Share of the information that the prior gave, in \[0, 1\].
    pub prior_share: f64,
}

/// A category that took the pooled value.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct PooledCategory {
    /// Category.
    pub category: String,
    /// Why, for example "31 purchases in the training weeks; 200 are needed".
    pub reason: String,
}

/// What each term of the model adds.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Ablation {
    /// How it was measured, in a sentence: weeks, customers, what was refitted.
    pub how: String,
    /// One row per term, in the order to be shown.
    pub rows: Vec<AblationRow>,
}

/// One term of the ablation.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct AblationRow {
    /// Term, for example "Household stock".
    pub term: String,
    /// What it stands for, in a few words.
    pub meaning: String,
    /// Held-out log-likelihood per 1,000 customer-weeks with the term minus without it.
    pub change: Estimate,
    /// Whether the term is switched on in the world that was kept.
    pub is_on: bool,
}

impl AblationRow {
    /// What the interval says about the term.
    pub(super) fn verdict(&self) -> &'static str {
        match self.change {
            Estimate { lower, .. } if lower > 0.0 => "helps",
            Estimate { upper, .. } if upper < 0.0 => "hurts",
            Estimate { value, .. } if value.is_finite() => "no_evidence",
            _ => "unknown",
        }
    }
}

/// What the promotions of the past earned.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct PastPromotions {
    /// Promotions that were taken apart.
    pub judged: u64,
    /// Promotions that could not be, with the reason in `remarks`.
    pub not_judged: u64,
    /// Share of the judged ones that lost margin.
    pub share_losing: Estimate,
    /// What is known of other retailers, for example "59 % worldwide (Nielsen 2015)".
    pub reference: String,
    /// Incremental margin of all judged promotions together.
    pub total: Estimate,
    /// The promotions to be listed, largest first; the first one is drawn as a waterfall.
    pub top: Vec<PromotionLift>,
    /// What to keep in mind; whole sentences.
    pub remarks: Vec<String>,
}

/// One promotion taken apart; every part in margin, money, with its sign.
///
/// `incremental = own_lift + cannibalised + pulled_forward + halo + discount_cost + contact_cost`.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct PromotionLift {
    /// Name of the promotion.
    pub name: String,
    /// When it ran, in words.
    pub period: String,
    /// Customers reached; `None` or below ten hides the figures.
    pub customers: Option<u64>,
    /// Margin without the promotion.
    pub baseline: Estimate,
    /// Margin of the extra units of what was promoted, before the discount.
    pub own_lift: Estimate,
    /// Margin lost on what was bought less instead; zero or negative.
    pub cannibalised: Estimate,
    /// Margin lost in later weeks, because households had stocked up; mostly negative.
    pub pulled_forward: Estimate,
    /// Margin gained on other categories bought along.
    pub halo: Estimate,
    /// Discount given, also on units that would have been bought anyway; zero or negative.
    pub discount_cost: Estimate,
    /// Cost of the contacts; zero or negative.
    pub contact_cost: Estimate,
    /// What the promotion earned or lost.
    pub incremental: Estimate,
    /// Units the promotion needed to break even, as a multiple of the baseline's units.
    pub break_even: f64,
    /// Units it reached, as a multiple of the baseline's units.
    pub reached: Estimate,
    /// What stands behind the response used.
    pub evidence: Evidence,
}

impl PromotionLift {
    /// The parts from baseline to contact cost, with their names.
    pub(super) fn parts(&self) -> [(&'static str, Estimate); 6] {
        [
            ("Own lift", self.own_lift),
            ("Cannibalised", self.cannibalised),
            ("Pulled forward", self.pulled_forward),
            ("Halo", self.halo),
            ("Discount cost", self.discount_cost),
            ("Contact cost", self.contact_cost),
        ]
    }

    /// Whether the parts sum to the incremental margin, to a cent or nine digits.
    fn sum_is_exact(&self) -> bool {
        let parts = self.parts();
        let sum: f64 = parts.iter().map(|(_, part)| part.value).sum();
        let size: f64 = parts.iter().map(|(_, part)| part.value.abs()).sum();
        (sum - self.incremental.value).abs() <= 0.01 + 1e-9 * size
    }
}

impl PastPromotions {
    /// Size of the largest part of any shown promotion.
    pub(super) fn largest(&self) -> f64 {
        let parts = self.top.iter().flat_map(|promotion| promotion.parts());
        let sizes = parts.map(|(_, part)| part.value.abs()).filter(|size| size.is_finite());
        sizes.fold(0.0, f64::max)
    }

    /// Whether the parts of every shown promotion sum to what it earned.
    pub(super) fn sums_are_exact(&self) -> bool {
        let shown = self.top.iter().filter(|promotion| promotion.incremental.value.is_finite());
        shown.clone().all(PromotionLift::sum_is_exact)
    }
}

/// How the world was fitted.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct FitMethod {
    /// Weeks, customers, posterior draws, seed ..., ready to read.
    pub facts: Vec<Fact>,
    /// The parts of the model.
    pub parts: Vec<FitPart>,
    /// Terms that were switched off, with the reason; whole phrases.
    pub switched_off: Vec<String>,
    /// What was assumed; whole sentences.
    pub assumptions: Vec<String>,
    /// Words explained at the end; a standard list is used when empty.
    pub definitions: Vec<Term>,
    /// Where the methods are described: a path relative to the page or an address; when empty the
    /// document is named and not linked.
    pub methods_link: String,
}

/// One part of the model.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct FitPart {
    /// Name, for example "Visit".
    pub name: String,
    /// What it predicts and how, for example "whether a customer shops this week (logit)".
    pub predicts: String,
    /// Rows it was fitted on.
    pub rows: u64,
    /// Coefficients.
    pub coefficients: u64,
    /// Strength of the pooling and how it was chosen, ready to read.
    pub pooling: String,
    /// Iterations to convergence.
    pub iterations: u64,
    /// Whether it converged.
    pub converged: bool,
}

/// The words the page explains when the caller gives no list.
pub(super) fn standard_definitions() -> Vec<Term> {
    [
        ("Held-out weeks", "The last weeks of the history, kept from the fit so that they can test it."),
        ("Replication", "One simulated run through the held-out weeks, with the prices and offers that really happened."),
        ("80 % band", "The range that holds four in five replications; four in five actual weeks should lie in it."),
        ("KS complement", "One minus the largest gap between two distribution functions: 1 when actual and simulated agree everywhere."),
        ("Range coverage", "Share of the span from the least to the greatest actual value that the simulated values reach."),
        ("Wasserstein distance", "How far, on average, simulated values must be moved to give the actual ones; in the unit of the quantity."),
        ("Own-price elasticity", "Per cent change in units bought when the price rises by one per cent."),
        ("Interval", "The range that holds the true value in most repetitions of the study."),
        ("Share of prior", "How much of a coefficient comes from the assumption made before seeing the data: 0 all data, 100 % all assumption."),
        ("Pooled value", "What similar categories and personas show together, used where one alone has too little data."),
        ("Log-likelihood", "How probable the model thought what really happened; higher is better."),
        ("Own lift", "Margin of the extra units of what was promoted, at the regular price."),
        ("Cannibalised", "Margin lost because something else was bought less instead."),
        ("Pulled forward", "Margin lost in later weeks because households had stocked up."),
        ("Halo", "Margin gained on other things bought on the same visits."),
        ("Break-even multiple", "Units needed, relative to units without the promotion, for it to earn nothing and lose nothing: margin ÷ (margin − discount)."),
    ]
    .map(|(word, meaning)| Term { word: word.into(), meaning: meaning.into() })
    .into()
}
