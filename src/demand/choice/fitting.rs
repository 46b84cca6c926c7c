//! The steps of the fit: responses by fine category, pooled; then shares, loyalty and units.

use super::lines::{Fine, Line};
use super::logit::{LogitFit, N_FEATURES};
use super::market::ChoiceMarket;
use super::pool::{Pooled, Pooling, pool};
use super::report::{self, ChoiceReport};
use super::urn::{Taken, Urns};
use crate::data::{Ledger, ProductCell, ProductTable};
use crate::demand::DemandError;
use promopt_envs::Stream;
use promopt_envs::retail::{
    CategoryChoice, ChoiceModel, ChoiceResponse, FineCategory, ProductPrice,
};
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Lines needed to fit any choice at all.
const LINES_NEEDED: usize = 500;
/// Products that a logit needs.
const PRODUCTS_NEEDED: usize = 3;
/// Lines that a logit needs.
const LOGIT_LINES: f64 = 200.0;
/// Last weeks of the training that loyalty is judged on, as it is of use for weeks to come.
const LATE_WEEKS: u32 = 8;
/// Standard error of a coefficient from which it says nothing of its own.
const ERROR_MAX: f64 = 10.0;

/// What the choice of products is fitted to.
#[derive(Debug, Clone, Copy)]
pub struct ChoiceData<'a> {
    /// Names of the categories of the demand model, the last one "other".
    pub categories: &'a [String],
    /// The products.
    pub products: &'a ProductTable,
    /// What the sampled customers bought, sorted by customer, week, product.
    pub lines: &'a [ProductCell],
    /// The price ledger of the whole market.
    pub ledger: &'a Ledger,
    /// Persona of each sampled customer, `[customers]`; lines of customers beyond are not read.
    pub persona: &'a [usize],
    /// Number of personas.
    pub n_personas: usize,
    /// Only weeks before this one are read.
    pub train_end: u32,
    /// Weeks that are not read, ascending.
    pub left_out: &'a [u32],
}

/// The response of one fine category and where it comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FineResponse {
    /// Responses of the market's odds, in the order of [`ChoiceResponse`]: depth, price, display,
    /// mailer.
    pub coefficients: [Pooled; N_FEATURES],
    /// Whether it has estimates of its own; otherwise it is that of all fine categories.
    pub own: bool,
    /// Products sold in nearly every week, from which the response was learnt.
    pub steady: Vec<SteadyProduct>,
    /// What the market's response is of that of one customer: loyal customers have little left to
    /// switch. The model holds the coefficients divided by it.
    pub market_share_of_response: f64,
}

/// A product that was sold in nearly every training week.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SteadyProduct {
    /// The product.
    pub product: u32,
    /// Its lines in the training weeks.
    pub lines: f64,
    /// Its share of the lines of the fine category.
    pub share: f64,
}

/// A fitted choice of products with its uncertainty.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedChoice {
    /// The posterior mean.
    pub model: ChoiceModel,
    /// By fine category.
    pub responses: Vec<FineResponse>,
    /// What a reader should see of it.
    pub report: ChoiceReport,
}

/// Fits the choice of products.
///
/// # Errors
/// [`DemandError::TooFewRows`] when the sample has fewer than 500 lines in the training weeks.
pub fn fit_choice(data: &ChoiceData<'_>) -> Result<FittedChoice, DemandError> {
    let market = ChoiceMarket::new(data.products, data.ledger, data.train_end);
    let fines = gather(data, &market);
    let got: usize = fines.iter().map(|fine| fine.lines.len()).sum();
    if got < LINES_NEEDED {
        let what = "product lines in the training weeks";
        return Err(DemandError::TooFewRows { what, needed: LINES_NEEDED, got });
    }
    let logits: Vec<(Vec<usize>, Option<LogitFit>)> = fines.par_iter().map(logit).collect();
    let pooled: [Pooling; N_FEATURES] = std::array::from_fn(|k| {
        let own = |(_, fit): &(Vec<usize>, Option<LogitFit>)| {
            let fit = fit.as_ref().filter(|fit| says_something(fit, k))?;
            Some((fit.beta[k], fit.variance[k]))
        };
        pool(&logits.iter().map(own).collect::<Vec<_>>())
    });
    let mut responses: Vec<FineResponse> = logits
        .iter()
        .enumerate()
        .map(|(fine, (steady, fit))| FineResponse {
            coefficients: std::array::from_fn(|k| pooled[k].each[fine]),
            own: fit.is_some(),
            steady: fines[fine].describe(steady),
            market_share_of_response: 1.0,
        })
        .collect();
    let model = assemble(data, &market, &fines, &mut responses);
    let report = report::of(data, &fines, &logits, &pooled, &responses, &model);
    Ok(FittedChoice { model, responses, report })
}

/// Lines and shelf by fine category.
fn gather(data: &ChoiceData<'_>, market: &ChoiceMarket<'_>) -> Vec<Fine> {
    let mut products: Vec<Vec<u32>> = vec![Vec::new(); data.products.groups.len()];
    let mut position = Vec::with_capacity(data.products.rows.len());
    for (product, row) in (0..).zip(&data.products.rows) {
        let own = &mut products[row.group as usize];
        position.push(own.len() as u32);
        own.push(product);
    }
    let mut fines: Vec<Fine> =
        products.into_par_iter().map(|products| Fine::new(data, market, products)).collect();
    for line in data.lines {
        let read = line.week < data.train_end && (line.customer as usize) < data.persona.len();
        if read && !data.left_out.contains(&line.week) {
            let fine = data.products.rows[line.product as usize].group as usize;
            fines[fine].lines.push(Line {
                customer: line.customer,
                week: line.week,
                position: position[line.product as usize],
                units: line.units,
            });
        }
    }
    fines
}

/// The steady products of a fine category, and its logit where they suffice.
fn logit(fine: &Fine) -> (Vec<usize>, Option<LogitFit>) {
    let steady = fine.steady();
    if steady.len() < PRODUCTS_NEEDED {
        return (steady, None);
    }
    let counts = fine.counts(&steady);
    let enough = counts.lines.iter().sum::<f64>() >= LOGIT_LINES;
    (steady, if enough { counts.fit() } else { None })
}

/// Whether a logit says anything of a coefficient: without a display, say, nothing of displays.
pub(super) fn says_something(fit: &LogitFit, k: usize) -> bool {
    fit.variance[k] < ERROR_MAX * ERROR_MAX
}

/// Puts the parts of the model together.
fn assemble(
    data: &ChoiceData<'_>,
    market: &ChoiceMarket<'_>,
    fines: &[Fine],
    responses: &mut [FineResponse],
) -> ChoiceModel {
    let of_group = category_of_groups(data);
    let fine: Vec<FineCategory> = fines
        .par_iter()
        .zip(responses.par_iter_mut())
        .zip(&of_group)
        .map(|((fine, response), category)| describe(data, fine, response, *category))
        .collect();
    let mut prices: Vec<ProductPrice> = data
        .products
        .rows
        .iter()
        .enumerate()
        .map(|(product, row)| ProductPrice {
            fine: row.group,
            regular: market.usual_price(product),
            tier: 1,
        })
        .collect();
    fine.iter().for_each(|own| set_tiers(&own.products, &mut prices));
    let categories = (0..data.categories.len())
        .map(|category| category_choice(data, fines, &fine, category as u16));
    let mut own_units: Vec<_> = fines.par_iter().flat_map(Fine::own_units).collect();
    own_units.sort_by_key(|own| own.0);
    ChoiceModel {
        n_personas: data.n_personas,
        categories: categories.collect(),
        fine,
        prices,
        own_units,
    }
}

/// The category of the demand model that holds each fine category.
fn category_of_groups(data: &ChoiceData<'_>) -> Vec<u16> {
    let mut of_group = vec![(data.categories.len() - 1) as u16; data.products.groups.len()];
    data.products.rows.iter().for_each(|row| of_group[row.group as usize] = row.category);
    of_group
}

/// Shares, loyalty and units of one fine category.
fn describe(
    data: &ChoiceData<'_>,
    fine: &Fine,
    own: &mut FineResponse,
    category: u16,
) -> FineCategory {
    let market = response(own.coefficients.map(|own| own.mean), 1.0);
    let on_sale = fine.on_sale(data.train_end);
    let base = fine.shares(|shelf| market.utility(shelf));
    let pick = |values: &[f64]| -> Vec<f64> {
        let own: Vec<f64> = on_sale.iter().map(|position| values[*position]).collect();
        let total: f64 = own.iter().sum();
        own.iter().map(|value| value / total).collect()
    };
    let share = pick(&base);
    let lines = fine.lines_by_product();
    let observed = pick(&lines.iter().map(|own| own + 0.5).collect::<Vec<_>>());
    let taken = fine.taken(&on_sale);
    let urns = Urns::of(taken.iter().copied(), late_from(data));
    let prior_lines = urns.strength(&observed);
    own.market_share_of_response = urns.market_share_of_response(prior_lines);
    let by_persona = persona_counts(data, &taken, on_sale.len());
    // Promotions move shares by the same factor for every persona.
    let factor: Vec<f64> = share.iter().zip(&observed).map(|(own, seen)| own / seen).collect();
    FineCategory {
        category,
        products: on_sale.iter().map(|position| fine.products[*position]).collect(),
        share: persona_shares(&by_persona, &observed, Some(&factor)),
        prior_lines,
        response: own.mean(),
        units: fine.units(),
    }
}

/// Shares of fine categories within a category, and how loyal customers are to them.
fn category_choice(
    data: &ChoiceData<'_>,
    fines: &[Fine],
    described: &[FineCategory],
    category: u16,
) -> CategoryChoice {
    let is_member = |fine: &usize| {
        described[*fine].category == category && !described[*fine].products.is_empty()
    };
    let members: Vec<usize> = (0..fines.len()).filter(is_member).collect();
    let fine: Vec<u32> = members.iter().map(|fine| *fine as u32).collect();
    if members.len() < 2 {
        let share = vec![1.0; data.n_personas * members.len()];
        return CategoryChoice { fine, share, prior_lines: 1.0 };
    }
    let mut taken: Vec<Taken> = Vec::new();
    for (thing, fine) in (0..).zip(&members) {
        let own = fines[*fine].lines.iter();
        taken.extend(own.map(|line| Taken { owner: line.customer, thing, week: line.week }));
    }
    taken.sort_by_key(|one| (one.owner, one.week));
    let by_persona = persona_counts(data, &taken, members.len());
    let counts = members.iter().map(|fine| fines[*fine].lines.len() as f64 + 0.5);
    let counts: Vec<f64> = counts.collect();
    let total: f64 = counts.iter().sum();
    let share: Vec<f64> = counts.iter().map(|own| own / total).collect();
    CategoryChoice {
        fine,
        share: persona_shares(&by_persona, &share, None),
        prior_lines: Urns::of(taken.into_iter(), late_from(data)).strength(&share),
    }
}

/// The first of the weeks that loyalty is judged on.
fn late_from(data: &ChoiceData<'_>) -> u32 {
    data.train_end - LATE_WEEKS.min(data.train_end / 2)
}

/// Counts over things by persona, `[n_personas][things]`.
fn persona_counts(data: &ChoiceData<'_>, taken: &[Taken], n_things: usize) -> Vec<Vec<u32>> {
    let mut counts = vec![vec![0; n_things]; data.n_personas];
    for one in taken {
        counts[data.persona[one.owner as usize]][one.thing as usize] += 1;
    }
    counts
}

/// Shares by persona, drawn to the common ones by as many lines as the marginal likelihood of the
/// personas' counts asks for; `factor` takes out what promotions did. One row per persona.
fn persona_shares(counts: &[Vec<u32>], common: &[f64], factor: Option<&[f64]>) -> Vec<f64> {
    let strength = Urns::of_counts(counts).exchangeable_strength(common);
    let mut shares = Vec::with_capacity(counts.len() * common.len());
    for own in counts {
        let weigh = |thing: usize| {
            let seen = f64::from(own[thing]) + strength * common[thing];
            seen * factor.map_or(1.0, |factor| factor[thing])
        };
        let row: Vec<f64> = (0..common.len()).map(weigh).collect();
        let total: f64 = row.iter().sum();
        shares.extend(row.iter().map(|value| value / total));
    }
    shares
}

/// Thirds of the products by regular price; ties go by product.
fn set_tiers(products: &[u32], prices: &mut [ProductPrice]) {
    let mut order: Vec<u32> = products.to_vec();
    let price = |product: &u32| prices[*product as usize].regular;
    order.sort_by(|a, b| price(a).total_cmp(&price(b)).then(a.cmp(b)));
    for (rank, product) in order.iter().enumerate() {
        prices[*product as usize].tier = (3 * rank / order.len()) as u8;
    }
}

/// The response of one customer from that of the market; a cut never lowers the odds.
fn response(coefficients: [f64; N_FEATURES], market_share: f64) -> ChoiceResponse {
    let [depth, price, display, mailer] = coefficients.map(|own| own / market_share);
    ChoiceResponse { depth: depth.max(0.0), price: price.max(0.0), display, mailer }
}

impl FineResponse {
    /// The response of one customer at the posterior mean.
    fn mean(&self) -> ChoiceResponse {
        response(self.coefficients.map(|own| own.mean), self.market_share_of_response)
    }
}

impl FittedChoice {
    /// One posterior draw of the responses, by fine category, for
    /// [`ChoiceModel::with_responses`]: normal, independent over fine categories and coefficients.
    #[must_use]
    pub fn draw(&self, rng: &mut Stream) -> Vec<ChoiceResponse> {
        let mut one = |own: &FineResponse| {
            let draw = own.coefficients.map(|own| {
                let noise: f64 = StandardNormal.sample(rng);
                own.mean + own.sd * noise
            });
            response(draw, own.market_share_of_response)
        };
        self.responses.iter().map(&mut one).collect()
    }
}
