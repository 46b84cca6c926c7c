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
    /// Coverage of the intervals of this part as a fraction, for example 0.9.
    pub interval_level: f64,
    /// Promotions found in the history.
    pub found: u64,
    /// Promotions that were taken apart; `remarks` say which, when not all were.
    pub judged: u64,
    /// Incremental margin of the judged promotions together; unknown when it was not worked out.
    pub total: Estimate,
    /// What the judged promotions of each kind have in common.
    pub kinds: Vec<PromotionKindRow>,
    /// Share of promotions that lose margin elsewhere, for example "59 % worldwide (Nielsen 2015)".
    pub reference: String,
    /// The promotions to be listed, largest first; the first one is drawn as a waterfall.
    pub top: Vec<PromotionLift>,
    /// What to keep in mind; whole sentences.
    pub remarks: Vec<String>,
}

/// What promotions of one kind have in common.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct PromotionKindRow {
    /// Kind, for example "At the shelf" or "Offers to chosen customers".
    pub kind: String,
    /// Promotions of this kind that were taken apart.
    pub promotions: u64,
    /// Share of them that lost margin.
    pub share_losing: Estimate,
    /// Units that were only bought earlier, as a share of the lift.
    pub dip: Estimate,
    /// Net units of other categories for every unit of lift.
    pub halo: Estimate,
}

/// One promotion taken apart: `incremental` is the sum of all parts but the baseline.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct PromotionLift {
    /// Name of the promotion.
    pub name: String,
    /// When it ran, in words.
    pub period: String,
    /// Customers it could reach; `None` or below ten hides the figures.
    pub customers: Option<u64>,
    /// Its parts in the order of the waterfall, the baseline first.
    pub parts: Vec<LiftPart>,
    /// Margin that the promotion earned or lost.
    pub incremental: Estimate,
    /// Units needed to break even, as a multiple of the baseline's; NaN when no volume would do.
    pub break_even: f64,
    /// Units reached, as a multiple of the baseline's.
    pub reached: Estimate,
    /// What stands behind the response used.
    pub evidence: Evidence,
}

/// One part of a promotion.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct LiftPart {
    /// Words for a merchant, for example "sold less afterwards".
    pub name: String,
    /// Column of the table of promotions that it counts in.
    pub column: LiftColumn,
    /// Margin, money, with its sign: costs are negative.
    pub margin: Estimate,
}

/// A column of the table of promotions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LiftColumn {
    /// What would have been sold anyway; no part of the incremental margin.
    #[default]
    Baseline,
    /// What was promoted, sold more while the promotion ran.
    OwnLift,
    /// Taken from the rest of the category.
    Cannibalised,
    /// Other categories: bought along, or given up.
    Halo,
    /// Afterwards: what was only bought earlier, or a habit formed.
    PulledForward,
    /// Discount given.
    Discount,
    /// Cost of telling the customers.
    Contact,
}

/// The columns in their order, with what they are called.
pub(super) const LIFT_COLUMNS: [(LiftColumn, &str); 6] = [
    (LiftColumn::OwnLift, "Own lift"),
    (LiftColumn::Cannibalised, "Canni\u{ad}balised"),
    (LiftColumn::Halo, "Halo"),
    (LiftColumn::PulledForward, "Pulled forward"),
    (LiftColumn::Discount, "Discount"),
    (LiftColumn::Contact, "Contact"),
];

impl PromotionLift {
    /// The margin of each column; unknown where the promotion has no part in it.
    pub(super) fn columns(&self) -> [f64; 6] {
        LIFT_COLUMNS.map(|(column, _)| {
            let own = self.parts.iter().filter(|part| part.column == column);
            own.map(|part| part.margin.value).reduce(|sum, value| sum + value).unwrap_or(f64::NAN)
        })
    }

    /// The parts that the promotion caused: all but the baseline.
    pub(super) fn counted(&self) -> impl Iterator<Item = &LiftPart> {
        self.parts.iter().filter(|part| part.column != LiftColumn::Baseline)
    }

    /// What would have been earned anyway.
    pub(super) fn baseline(&self) -> Option<Estimate> {
        let baseline = self.parts.iter().find(|part| part.column == LiftColumn::Baseline);
        baseline.map(|part| part.margin)
    }

    /// Whether the parts sum to the incremental margin, to a cent or nine digits.
    fn sum_is_exact(&self) -> bool {
        let sum: f64 = self.counted().map(|part| part.margin.value).sum();
        let size: f64 = self.counted().map(|part| part.margin.value.abs()).sum();
        (sum - self.incremental.value).abs() <= 0.01 + 1e-9 * size
    }
}

impl PastPromotions {
    /// Size of the largest amount in the table.
    pub(super) fn largest(&self) -> f64 {
        let amounts = self.top.iter().flat_map(|promotion| {
            promotion.columns().into_iter().chain([promotion.incremental.value])
        });
        amounts.map(f64::abs).filter(|size| size.is_finite()).fold(0.0, f64::max)
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
        ("Wasserstein distance", "How far, on average, simulated values must be moved to give the actual ones; here in standard deviations of the actual values."),
        ("Own-price elasticity", "Per cent change in units bought when the price rises by one per cent."),
        ("Interval", "The range that holds the true value in most repetitions of the study."),
        ("Share of prior", "How much of a coefficient comes from the assumption made before seeing the data: 0 all data, 100 % all assumption."),
        ("Pooled value", "What similar categories and personas show together, used where one alone has too little data."),
        ("Log-likelihood", "How probable the model thought what really happened; higher is better."),
        ("Own lift", "Margin of what was promoted and sold more while the promotion ran, before the discount."),
        ("Cannibalised", "Margin that the rest of the category lost to what was promoted."),
        ("Halo", "Margin of other categories: bought along on the same or on additional visits, less what was given up for the promoted one."),
        ("Pulled forward", "Margin of the weeks after: lost because households had stocked up, or gained by a habit formed."),
        ("Break-even multiple", "Units needed, relative to units without the promotion, for it to earn nothing and lose nothing: margin ÷ (margin − discount)."),
    ]
    .map(|(word, meaning)| Term { word: word.into(), meaning: meaning.into() })
    .into()
}
