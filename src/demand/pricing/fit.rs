//! The pricing fit from store-weeks to what is saved.

use super::card;
use super::cost::{Cost, cost, lowest_ratio, regular_prices};
use super::design::Role;
use super::estimate::{Estimate, ProductEstimate, Strengths, estimate};
use super::fitted::{
    Coefficient, Evidence, FittedPricing, PlainElasticity, PricedProduct, ProductDraw, Range,
};
use super::held_out::{choose, judge};
use super::panel::Panel;
use super::readout::{Readout, ladder, range};
use super::settings::PricingConfig;
use crate::data::StoreWeekTable;
use crate::demand::DemandError;
use promopt_envs::SeedTree;
use promopt_envs::pricing::{PricingModel, ProductModel};
use rand::Rng;
use rand_distr::StandardNormal;
use statrs::distribution::{ContinuousCDF, Normal};

/// Weeks into the future that the level's uncertainty is taken at: half an episode of half a year.
const LEVEL_AHEAD: i64 = 13;
/// Share of carried prices from which a note warns.
const CARRIED_NOTE: f64 = 0.02;

/// Fits the demand of a product group on weekly sales of stores.
///
/// `level` is that of every interval. The same table, config and seed give the same result on any
/// number of threads.
///
/// # Errors
/// [`DemandError::StoreWeeks`] when there are too few weeks or no product's price ever moves.
pub fn fit_pricing(
    table: &StoreWeekTable,
    config: &PricingConfig,
    level: f64,
    seed: SeedTree,
) -> Result<FittedPricing, DemandError> {
    let panel = Panel::new(table, config)?;
    let harmonics = config.harmonics as usize;
    let (strengths, trials) = choose(&panel, config.holdout_weeks, harmonics)?;
    let from = panel.last_weeks(config.holdout_weeks);
    let before = estimate(&panel, from, strengths)?;
    let held_out = judge(&panel, &before, from, (config.draws, trials), seed.child("held-out"));
    let all = estimate(&panel, i64::MAX, strengths)?;
    let plain = Strengths { stock_decay: None, harmonics: 0, ..strengths };
    let plain = estimate(&panel, i64::MAX, plain)?;
    let costs: Vec<Cost> =
        (0..panel.n_products()).map(|p| cost(&panel, p, config.assumed_margin)).collect();
    let quantile = normal_quantile(level);
    let products = (0..panel.n_products())
        .map(|index| priced(&panel, index, (&all, &plain), &costs[index], quantile))
        .collect();
    let mut fitted = FittedPricing {
        interval_level: level,
        stores: panel.stores.clone(),
        weeks: (panel.weeks[0], panel.weeks[panel.weeks.len() - 1]),
        columns: all.columns,
        stock_decay: strengths.stock_decay.unwrap_or(0.0),
        cross_strength: strengths.cross_strength,
        own_spread: (all.own_spread.mean, all.own_spread.variance.sqrt()),
        cross_spread: (all.cross_spread.mean, all.cross_spread.variance.sqrt()),
        products,
        held_out,
        lines: Vec::new(),
        notes: Vec::new(),
        model: model(&panel, &all, &costs),
        draws: draws(&all, &costs, config.draws, seed.child("draws")),
        column_means: all.products.iter().map(|one| one.x_means.clone()).collect(),
    };
    read_out(&mut fitted, config);
    fitted.notes = notes(&panel, &fitted, &costs);
    Ok(fitted)
}

/// Two-sided quantile of the normal distribution.
pub(super) fn normal_quantile(level: f64) -> f64 {
    Normal::standard().inverse_cdf(0.5 + level / 2.0)
}

/// Fills in what follows from the model and its draws.
fn read_out(fitted: &mut FittedPricing, config: &PricingConfig) {
    let level = fitted.interval_level;
    let models: Vec<PricingModel> = fitted.draws.iter().map(|draw| fitted.model_of(draw)).collect();
    let best_model = fitted.model.clone();
    let best = Readout::new(&best_model);
    let draws: Vec<Readout<'_>> = models.iter().map(Readout::new).collect();
    for (index, product) in fitted.products.iter_mut().enumerate() {
        product.cannibalised = range(&best, &draws, level, |at| at.cannibalised(index));
        product.dip = range(&best, &draws, level, |at| at.dip(index));
        product.ladder = ladder(index, (&best, &draws), &config.environment, level);
    }
    fitted.lines = card::lines(fitted, (&best, &draws));
}

fn coefficient(one: &ProductEstimate, column: usize, quantile: f64, role: Role) -> Coefficient {
    let (value, reach) = (one.beta[column], quantile * one.sd[column]);
    let at = one.alone.kept.iter().position(|kept| *kept == column);
    let evidence = match role {
        _ if one.is_pooled[column] => Evidence::Pooled,
        Role::Season(_) => Evidence::Observational,
        _ => Evidence::Quasi,
    };
    let alone = at.map(|at| one.alone.beta[at]);
    Coefficient { value, lower: value - reach, upper: value + reach, alone, evidence }
}

fn priced(
    panel: &Panel,
    index: usize,
    (all, plain): (&Estimate, &Estimate),
    cost: &Cost,
    quantile: f64,
) -> PricedProduct {
    let (one, columns) = (&all.products[index], &all.columns);
    let at = |column: usize| coefficient(one, column, quantile, columns.role(index, column));
    let by_role = |role| columns.position(role).map(at);
    let regular = regular_prices(panel, index);
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let funding = match cost.funding {
        Some((value, error)) => Coefficient {
            value,
            lower: value - quantile * error,
            upper: value + quantile * error,
            alone: Some(value),
            evidence: Evidence::Observational,
        },
        None => Coefficient {
            value: 0.0,
            lower: 0.0,
            upper: 0.0,
            alone: None,
            evidence: Evidence::Assumed,
        },
    };
    let empty = Range { value: 0.0, lower: 0.0, upper: 0.0 };
    PricedProduct {
        product: panel.products[index].clone(),
        rows: panel.rows[index].len(),
        own: at(index),
        plain: plain_elasticity(&plain.products[index], index),
        prices: (0..columns.n_products).map(at).collect(),
        feature: by_role(Role::Feature),
        deal: by_role(Role::Deal),
        stock: by_role(Role::Stock),
        season: (columns.len() - 2 * columns.harmonics..columns.len()).map(at).collect(),
        funding,
        margin_rate: 1.0 - mean(&cost.shares),
        regular_price: mean(&regular),
        level: one.level.mean,
        cannibalised: empty,
        dip: empty,
        ladder: Vec::new(),
    }
}

fn plain_elasticity(one: &ProductEstimate, product: usize) -> Option<PlainElasticity> {
    let alone = &one.alone;
    let at = alone.kept.iter().position(|kept| *kept == product)?;
    let place = at * alone.kept.len() + at;
    Some(PlainElasticity {
        value: alone.beta[at],
        error_by_store: alone.by_store[place].sqrt(),
        error: alone.covariance[place].sqrt(),
    })
}

fn model(panel: &Panel, all: &Estimate, costs: &[Cost]) -> PricingModel {
    let product = |(index, one): (usize, &ProductEstimate)| {
        let (regular, cost) = (regular_prices(panel, index), &costs[index]);
        let unit_costs = regular.iter().zip(&cost.shares).map(|(price, share)| price * share);
        let mut product = ProductModel {
            intercepts: one.intercepts.iter().map(|a| a + one.level.mean).collect(),
            elasticities: Vec::new(),
            feature: 0.0,
            deal: 0.0,
            season: Vec::new(),
            stock: 0.0,
            sd_common: one.sd_common,
            sd_store: one.sd_store,
            unit_costs: unit_costs.collect(),
            regular_prices: regular,
            funding: cost.funding.map_or(0.0, |(slope, _)| slope),
            lowest_ratio: lowest_ratio(panel, index),
        };
        all.columns.write_into(&one.beta, index, &mut product);
        product
    };
    PricingModel {
        products: all.products.iter().enumerate().map(product).collect(),
        stock_decay: all.strengths.stock_decay.unwrap_or(0.0),
    }
}

fn draws(all: &Estimate, costs: &[Cost], n: usize, seed: SeedTree) -> Vec<Vec<ProductDraw>> {
    (0..n)
        .map(|draw| {
            let products = all.products.iter().zip(costs).enumerate();
            let one = |(index, (one, cost)): (usize, (&ProductEstimate, &Cost))| {
                let mut rng = seed.index(draw as u64).index(index as u64).stream();
                let normals = (0..one.beta.len()).map(|_| rng.sample(StandardNormal)).collect();
                let beta = one.draw(normals);
                let spread = one.level.variance_after(LEVEL_AHEAD).sqrt();
                let level = one.level.mean + spread * rng.sample::<f64, _>(StandardNormal);
                let (slope, error) = cost.funding.unwrap_or((0.0, 0.0));
                let funding = slope + error * rng.sample::<f64, _>(StandardNormal);
                ProductDraw { beta, level, funding }
            };
            products.map(one).collect()
        })
        .collect()
}

/// What a reader must know before using the figures.
fn notes(panel: &Panel, fitted: &FittedPricing, costs: &[Cost]) -> Vec<String> {
    let mut notes = Vec::new();
    let mut note = |is_so: bool, text: String| {
        if is_so {
            notes.push(text);
        }
    };
    let named = |of: &dyn Fn(usize) -> bool| {
        let hit = (0..panel.n_products()).filter(|&p| of(p)).map(|p| panel.products[p].as_str());
        hit.collect::<Vec<_>>().join(", ")
    };
    let left_out = &panel.left_out;
    note(
        !left_out.is_empty(),
        format!(
            "{} products beyond the {} with the most revenue are not in the group: {}.",
            left_out.len(),
            panel.n_products(),
            left_out.join(", ")
        ),
    );
    note(
        panel.carried_prices > CARRIED_NOTE,
        format!(
            "{:.0} % of the prices of rivals were missing and carried over from the week before.",
            100.0 * panel.carried_prices
        ),
    );
    note(
        !panel.has_feature,
        "The data hold no feature ads that vary: a plan with an ad is worth no more than one \
         without."
            .to_owned(),
    );
    let pooled = named(&|p| fitted.products[p].own.evidence == Evidence::Pooled);
    note(
        !pooled.is_empty(),
        format!(
            "Prices of {pooled} moved too little: their elasticity leans on that of the group."
        ),
    );
    let rising = named(&|p| fitted.products[p].own.value > 0.0);
    note(
        !rising.is_empty(),
        format!(
            "Units of {rising} rise with their price in these data; the world takes 0 instead."
        ),
    );
    let assumed = named(&|p| costs[p].is_assumed);
    note(
        !assumed.is_empty(),
        format!("Margins of {assumed} are assumed, not recorded; money figures stand on that."),
    );
    notes
}
