//! What a reader should see of the choice of products: elasticities, switching, features, counts.

use super::fitting::{ChoiceData, FineResponse, FittedChoice};
use super::lines::Fine;
use super::logit::{LogitFit, N_FEATURES};
use super::pool::{Pooled, Pooling};
use promopt_envs::retail::ChoiceModel;
use serde::{Deserialize, Serialize};

/// Standard errors on either side of an interval of 95 %.
const INTERVAL: f64 = 1.959_964;
/// Depth at which gains are read out.
const DEPTH: f64 = 0.2;
const NAMES: [&str; N_FEATURES] = ["promotional depth", "regular price", "display", "mailer"];

/// A figure with its interval of 95 %.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The figure.
    pub value: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// What all fine categories say together about one coefficient.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Shared {
    /// What it is the response to.
    pub name: String,
    /// Mean over fine categories, change of log odds.
    pub mean: Estimate,
    /// Standard deviation between fine categories.
    pub spread: f64,
    /// Fine categories with an estimate of their own.
    pub fine_categories: usize,
}

/// The choice of products within one category of the demand model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CategoryReadOut {
    /// Name of the category.
    pub name: String,
    /// Lines in the training weeks.
    pub lines: usize,
    /// Products still on sale at the end of the training weeks.
    pub products: usize,
    /// Products that were sold in nearly every week, from which the response is learnt.
    pub steady_products: usize,
    /// Fine categories; products stand in for each other within one.
    pub fine_categories: usize,
    /// Fine categories of which the data are too few: they have the response of all together.
    pub pooled_only: usize,
    /// Elasticity of a product's lines to the price paid in a promotion, category lines fixed.
    pub promotion_elasticity: Estimate,
    /// Elasticity of a product's lines to its regular price, category lines fixed.
    pub price_elasticity: Estimate,
    /// Relative change of a product's lines at 20 % off, category lines fixed.
    pub gain_at_20: Estimate,
    /// Factor on the odds of a product of a display in all stores.
    pub display: Estimate,
    /// Factor on the odds of a product of a place in the mailer in all stores.
    pub mailer: Estimate,
    /// Lines' worth that common shares weigh against a customer's own past, mean over lines.
    pub prior_lines: f64,
}

/// The read-outs of the fitted choice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChoiceReport {
    /// How far the response can be believed to be causal.
    pub evidence: String,
    /// Customers in the sample.
    pub customers: usize,
    /// Lines in the training weeks.
    pub lines: usize,
    /// Products ever sold.
    pub products: usize,
    /// Fine categories.
    pub fine_categories: usize,
    /// Fine categories with a logit of their own.
    pub fitted: usize,
    /// Logits that did not converge.
    pub not_converged: usize,
    /// Pearson's dispersion, median over the logits; 1 when lines are independent.
    pub dispersion: f64,
    /// Whether displays and mailers are recorded.
    pub has_promotions: bool,
    /// By coefficient.
    pub shared: Vec<Shared>,
    /// By category of the demand model.
    pub categories: Vec<CategoryReadOut>,
    /// What a reader should know before believing the figures.
    pub notes: Vec<String>,
}

impl Estimate {
    fn of(value: f64, error: f64) -> Self {
        Self { value, low: value - INTERVAL * error, high: value + INTERVAL * error }
    }
}

/// Makes the report.
pub(super) fn of(
    data: &ChoiceData<'_>,
    fines: &[Fine],
    logits: &[(Vec<usize>, Option<LogitFit>)],
    pooled: &[Pooling; N_FEATURES],
    responses: &[FineResponse],
    model: &ChoiceModel,
) -> ChoiceReport {
    let fits: Vec<&LogitFit> = logits.iter().filter_map(|(_, fit)| fit.as_ref()).collect();
    let mut dispersions: Vec<f64> = fits.iter().map(|fit| fit.dispersion).collect();
    dispersions.sort_by(f64::total_cmp);
    let shared = |k: usize| Shared {
        name: NAMES[k].to_owned(),
        mean: Estimate::of(pooled[k].mean.mean, pooled[k].mean.sd),
        spread: pooled[k].spread,
        fine_categories: fits.iter().filter(|fit| super::fitting::says_something(fit, k)).count(),
    };
    let lines: Vec<usize> = fines.iter().map(|fine| fine.lines.len()).collect();
    let category = |(category, name): (usize, &String)| {
        read_out(name, category as u16, &lines, responses, model)
    };
    ChoiceReport {
        evidence: "quasi".to_owned(),
        customers: data.persona.len(),
        lines: lines.iter().sum(),
        products: data.products.rows.len(),
        fine_categories: fines.len(),
        fitted: fits.len(),
        not_converged: fits.iter().filter(|fit| !fit.converged).count(),
        dispersion: dispersions.get(dispersions.len() / 2).copied().unwrap_or(1.0),
        has_promotions: data.ledger.has_promotions,
        shared: (0..N_FEATURES).map(shared).collect(),
        categories: data.categories.iter().enumerate().map(category).collect(),
        notes: notes(responses, lines.iter().sum()),
    }
}

fn notes(responses: &[FineResponse], lines: usize) -> Vec<String> {
    let steady: f64 = responses.iter().map(FineResponse::steady_lines).sum();
    let pooled = responses.iter().filter(|own| !own.own).count();
    vec![
        format!(
            "responses are learnt from products sold in nearly every week ({:.0} % of the lines): \
             what a shelf asked that nobody bought from is not known",
            100.0 * steady / lines.max(1) as f64
        ),
        format!(
            "{pooled} of {} fine categories have too few data and take the pooled response",
            responses.len()
        ),
    ]
}

fn read_out(
    name: &str,
    category: u16,
    lines: &[usize],
    responses: &[FineResponse],
    model: &ChoiceModel,
) -> CategoryReadOut {
    let members: Vec<usize> = (0..lines.len())
        .filter(|fine| model.fine[*fine].category == category && lines[*fine] > 0)
        .collect();
    let own: Vec<&FineResponse> = members.iter().map(|fine| &responses[*fine]).collect();
    let over = |k: usize, figure: &dyn Fn(&FineResponse, f64) -> f64| mean(&own, k, figure);
    let total: usize = members.iter().map(|fine| lines[*fine]).sum();
    let loyalty = members.iter().map(|fine| lines[*fine] as f64 * model.fine[*fine].prior_lines);
    CategoryReadOut {
        name: name.to_owned(),
        lines: total,
        products: members.iter().map(|fine| model.fine[*fine].products.len()).sum(),
        steady_products: own.iter().map(|own| own.steady.len()).sum(),
        fine_categories: members.len(),
        pooled_only: own.iter().filter(|own| !own.own).count(),
        promotion_elasticity: over(0, &|own, beta| -beta * own.average(|share| 1.0 - share)),
        price_elasticity: over(1, &|own, beta| -beta * own.average(|share| 1.0 - share)),
        gain_at_20: over(0, &|own, beta| {
            own.average(|share| moved(share, beta, DEPTH) / share - 1.0)
        }),
        display: over(2, &|_, beta| beta.exp()),
        mailer: over(3, &|_, beta| beta.exp()),
        prior_lines: loyalty.sum::<f64>() / total.max(1) as f64,
    }
}

/// Share of a product at a depth, given its usual share.
fn moved(share: f64, beta: f64, depth: f64) -> f64 {
    let odds = share * (beta.max(0.0) * -(-depth).ln_1p()).exp();
    odds / (1.0 - share + odds)
}

/// Mean of a figure over fine categories weighted by the lines of their steady products, with the
/// error from the posterior of the coefficient (delta method, fine categories independent).
fn mean(
    members: &[&FineResponse],
    k: usize,
    figure: &dyn Fn(&FineResponse, f64) -> f64,
) -> Estimate {
    let weights = members.iter().map(|own| own.steady_lines());
    let total: f64 = weights.sum();
    let (mut value, mut variance) = (0.0, 0.0);
    for own in members.iter().filter(|own| own.steady_lines() > 0.0) {
        let weight = own.steady_lines() / total;
        let Pooled { mean, sd } = own.coefficients[k];
        value += weight * figure(own, mean);
        let slope = 0.5 * (figure(own, mean + sd) - figure(own, mean - sd));
        variance += (weight * slope).powi(2);
    }
    Estimate::of(value, variance.sqrt())
}

impl FineResponse {
    /// Lines of the steady products.
    fn steady_lines(&self) -> f64 {
        self.steady.iter().map(|own| own.lines).sum()
    }

    /// Mean of a function of the share over the steady products, weighted by their lines.
    fn average(&self, figure: impl Fn(f64) -> f64) -> f64 {
        let sum: f64 = self.steady.iter().map(|own| own.lines * figure(own.share)).sum();
        sum / self.steady_lines().max(1e-12)
    }
}

impl FittedChoice {
    /// Of the lines that a product gains at `depth` off, the share that other products of its fine
    /// category lose: 1 when the promotion brings the fine category nothing.
    ///
    /// `expansion` is what the demand model says of the category: the change of its log units per
    /// unit of shelf depth. A product of share `s` moves the category's depth by `s · depth`, so
    /// the category's lines grow by `exp(expansion · s · depth)`. Negative when the other products
    /// gain, too. `None` where no product of the category was sold in nearly every week.
    #[must_use]
    pub fn cannibalised(&self, category: u16, depth: f64, expansion: f64) -> Option<Estimate> {
        let fine = self.model.fine.iter().zip(&self.responses);
        let own = fine.filter(|(fine, own)| fine.category == category && !own.steady.is_empty());
        let own: Vec<&FineResponse> = own.map(|(_, own)| own).collect();
        if own.is_empty() {
            return None;
        }
        let figure = |own: &FineResponse, beta: f64| {
            let (mut gained, mut lost) = (0.0, 0.0);
            for product in &own.steady {
                let grown = (expansion * product.share * depth).exp();
                let after = moved(product.share, beta, depth);
                gained += product.lines * (grown * after - product.share) / product.share;
                lost +=
                    product.lines * (1.0 - product.share - grown * (1.0 - after)) / product.share;
            }
            lost / gained.max(1e-12)
        };
        Some(mean(&own, 0, &figure))
    }
}
