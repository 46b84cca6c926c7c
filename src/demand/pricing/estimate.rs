//! The fit of the whole group: regressions by product, pooled across products.
//!
//! Each product is first fitted alone. Its estimate `b̂` with covariance `V` (clustered by store and
//! week) then meets the spread of the same kind of coefficient over all products, `N(m, T)`:
//!
//! ```text
//! b | data ~ N( (V⁻¹ + T⁻¹)⁻¹ (V⁻¹ b̂ + T⁻¹ m), (V⁻¹ + T⁻¹)⁻¹ )
//! ```
//!
//! This is ridge regression towards the common mean, with a strength that follows from the data: a
//! product with wide errors moves far, one with narrow errors hardly at all. `T` of the cross
//! elasticities is divided by `cross_strength`, which held-out weeks choose. Using `V` rather than
//! the likelihood of independent rows makes the posterior as wide as clustered errors say (Müller 2013).

use super::design::{Columns, Lift, Role, stocks};
use super::level::Level;
use super::panel::Panel;
use super::pool::Spread;
use super::regress::{Regression, Rows};
use crate::demand::DemandError;
use crate::evaluate::cholesky;
use rayon::prelude::*;
use std::collections::BTreeMap;

/// Fits whose stock is made of the lifts of the fit before.
const STOCK_ROUNDS: usize = 2;
/// Largest precision a spread may have as a prior.
const PRECISION_MAX: f64 = 1e8;

/// What is fitted, and how strongly it is pooled.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Strengths {
    /// Share of the stock that is left after a week; `None` for a fit without stock.
    pub(super) stock_decay: Option<f64>,
    /// How many times the precision of the spread of cross elasticities counts.
    pub(super) cross_strength: f64,
    /// Harmonics of the year.
    pub(super) harmonics: usize,
}

/// One product.
#[derive(Debug, Clone)]
pub(super) struct ProductEstimate {
    /// The fit of the product alone.
    pub(super) alone: Regression,
    /// Pooled coefficients of all columns.
    pub(super) beta: Vec<f64>,
    /// Posterior standard deviations of all columns.
    pub(super) sd: Vec<f64>,
    /// Lower Cholesky factor of the posterior precision, `[p × p]`.
    pub(super) factor: Vec<f64>,
    /// Whether each coefficient leans on the other products: its own error is wider than the spread
    /// over products, or its rows could not tell it at all.
    pub(super) is_pooled: Vec<bool>,
    /// Store effects at the pooled coefficients.
    pub(super) intercepts: Vec<f64>,
    /// Column means by store, `[n_stores × p]`, those of an absent store set to the mean of the others.
    pub(super) x_means: Vec<f64>,
    /// Where the level of all stores stands at the end, on top of the store effects.
    pub(super) level: Level,
    /// Standard deviation of the shock that all stores share in a week.
    pub(super) sd_common: f64,
    /// Standard deviation of a store's own shock.
    pub(super) sd_store: f64,
    /// Stock at the start of every row of the panel, also those after the fit.
    pub(super) stocks: Vec<f64>,
}

/// The group.
#[derive(Debug, Clone)]
pub(super) struct Estimate {
    pub(super) columns: Columns,
    pub(super) strengths: Strengths,
    pub(super) products: Vec<ProductEstimate>,
    /// Spread of own-price elasticities over products.
    pub(super) own_spread: Spread,
    /// Spread of cross elasticities over pairs.
    pub(super) cross_spread: Spread,
}

impl ProductEstimate {
    /// Log units of a row at given coefficients, whose store effects follow from the means.
    pub(super) fn log_units(&self, x: &[f64], store: usize, beta: &[f64]) -> f64 {
        let means = &self.x_means[store * x.len()..(store + 1) * x.len()];
        let moved = x.iter().zip(means).zip(beta.iter().zip(&self.beta));
        self.intercepts[store]
            + self.level.mean
            + moved.map(|((x, mean), (b, best))| b * x - (b - best) * mean).sum::<f64>()
    }

    /// Posterior draw of the coefficients from standard normals, `[p]`.
    pub(super) fn draw(&self, normals: Vec<f64>) -> Vec<f64> {
        let noise = cholesky::back_substitute(&self.factor, normals);
        self.beta.iter().zip(noise).map(|(b, e)| b + e).collect()
    }
}

/// Fits all rows before a week.
///
/// # Errors
/// [`DemandError::StoreWeeks`] when no product's own price moves, or nothing of one varies.
pub(super) fn estimate(
    panel: &Panel,
    until: i64,
    strengths: Strengths,
) -> Result<Estimate, DemandError> {
    let columns = Columns {
        n_products: panel.n_products(),
        feature: panel.has_feature,
        deal: panel.has_deal,
        stock: strengths.stock_decay.is_some(),
        harmonics: strengths.harmonics,
    };
    let alone: Vec<(Rows, Regression, Vec<f64>)> = (0..columns.n_products)
        .into_par_iter()
        .map(|product| fit_alone(panel, product, until, columns, strengths.stock_decay))
        .collect::<Result<_, _>>()?;
    if alone.iter().enumerate().all(|(product, (_, fitted, _))| !fitted.kept.contains(&product)) {
        return Err(no_variation(panel, 0));
    }
    let spreads = spreads(&columns, &alone, strengths.cross_strength);
    let products = alone
        .into_par_iter()
        .enumerate()
        .map(|(product, (rows, alone, stocks))| {
            let prior: Vec<Spread> =
                (0..columns.len()).map(|column| spreads[&key(&columns, product, column)]).collect();
            pooled(&rows, alone, stocks, &prior).ok_or_else(|| no_variation(panel, product))
        })
        .collect::<Result<_, _>>()?;
    let spread_of = |key: &Key| spreads.get(key).copied();
    let none = Spread { mean: 0.0, mean_variance: 0.0, variance: 0.0 };
    Ok(Estimate {
        columns,
        strengths,
        products,
        own_spread: spread_of(&(0, 0)).unwrap_or(none),
        cross_spread: spread_of(&(1, 0)).unwrap_or(none),
    })
}

fn no_variation(panel: &Panel, product: usize) -> DemandError {
    DemandError::StoreWeeks {
        expected: format!("prices of product `{}` that change over time", panel.products[product]),
        got: "constant prices in every store".to_owned(),
        hint: "leave the product out or bring weeks with promotions",
    }
}

/// The regression of one product, with the stock at each row of the panel.
fn fit_alone(
    panel: &Panel,
    product: usize,
    until: i64,
    columns: Columns,
    stock_decay: Option<f64>,
) -> Result<(Rows, Regression, Vec<f64>), DemandError> {
    let order = columns.order(product);
    let refuse = || no_variation(panel, product);
    let empty = vec![0.0; panel.rows[product].len()];
    let mut rows = gather(panel, product, until, columns, &empty);
    let mut fitted = rows.fit(&order).ok_or_else(refuse)?;
    let mut stock = empty;
    if let Some(decay) = stock_decay {
        for _ in 0..STOCK_ROUNDS {
            let mut beta = vec![0.0; columns.len()];
            fitted.kept.iter().zip(&fitted.beta).for_each(|(&column, b)| beta[column] = *b);
            stock = stocks(panel, product, Lift::among(&columns, product, &beta), decay);
            rows = gather(panel, product, until, columns, &stock);
            fitted = rows.fit(&order).ok_or_else(refuse)?;
        }
    }
    Ok((rows, fitted, stock))
}

fn gather(panel: &Panel, product: usize, until: i64, columns: Columns, stocks: &[f64]) -> Rows {
    let from = &panel.rows[product];
    let mut rows = Rows {
        p: columns.len(),
        n_stores: panel.n_stores(),
        n_weeks: panel.weeks.len(),
        ..Rows::default()
    };
    let mut x = Vec::with_capacity(columns.len());
    for row in (0..from.len()).filter(|&row| from.week[row] < until) {
        columns.write(from, row, stocks[row], &mut x);
        let week = panel.weeks.partition_point(|week| *week < from.week[row]);
        rows.push(&x, from.log_units[row], from.store[row], week);
    }
    rows
}

/// Kind of a coefficient, and which of its kind.
type Key = (usize, usize);

fn key(columns: &Columns, product: usize, column: usize) -> Key {
    match columns.role(product, column) {
        Role::Own => (0, 0),
        Role::Cross => (1, 0),
        Role::Feature => (2, 0),
        Role::Deal => (3, 0),
        Role::Stock => (4, 0),
        Role::Season(at) => (5, at),
    }
}

fn spreads(
    columns: &Columns,
    alone: &[(Rows, Regression, Vec<f64>)],
    cross_strength: f64,
) -> BTreeMap<Key, Spread> {
    let mut estimates: BTreeMap<Key, Vec<(f64, f64)>> = BTreeMap::new();
    for (product, (_, fitted, _)) in alone.iter().enumerate() {
        for column in 0..columns.len() {
            estimates.entry(key(columns, product, column)).or_default();
        }
        let k = fitted.kept.len();
        for (at, &column) in fitted.kept.iter().enumerate() {
            let one = (fitted.beta[at], fitted.covariance[at * k + at]);
            estimates.entry(key(columns, product, column)).or_default().push(one);
        }
    }
    let spread = |(key, estimates): (Key, Vec<(f64, f64)>)| {
        let mut spread = Spread::of(&estimates);
        if key.0 == 1 {
            spread.variance /= cross_strength;
        }
        (key, spread)
    };
    estimates.into_iter().map(spread).collect()
}

/// The posterior of one product; `None` when its covariance has no inverse.
fn pooled(
    rows: &Rows,
    alone: Regression,
    stocks: Vec<f64>,
    prior: &[Spread],
) -> Option<ProductEstimate> {
    let (p, k) = (rows.p, alone.kept.len());
    let inverse = inverse_of(&alone.covariance, k)?;
    let mut precision = vec![0.0; p * p];
    let mut right = vec![0.0; p];
    for (i, &a) in alone.kept.iter().enumerate() {
        for (j, &b) in alone.kept.iter().enumerate() {
            precision[a * p + b] = inverse[i * k + j];
            right[a] += inverse[i * k + j] * alone.beta[j];
        }
    }
    for (column, spread) in prior.iter().enumerate() {
        // A column that neither the rows nor other products tell is held at 0.
        let untold = precision[column * p + column] == 0.0;
        let weight = match (1.0 / spread.prior_variance()).min(PRECISION_MAX) {
            0.0 if untold => PRECISION_MAX,
            weight => weight,
        };
        precision[column * p + column] += weight;
        right[column] += weight * spread.mean;
    }
    let factor = cholesky::factor(precision, p)?;
    let beta = cholesky::solve_factored(&factor, right);
    let mut sd = Vec::with_capacity(p);
    let mut is_pooled = vec![true; p];
    for column in 0..p {
        let mut unit = vec![0.0; p];
        unit[column] = 1.0;
        let variance = cholesky::solve_factored(&factor, unit)[column];
        sd.push(variance.sqrt());
        if let Some(at) = alone.kept.iter().position(|kept| *kept == column) {
            is_pooled[column] = alone.covariance[at * k + at] > prior[column].prior_variance();
        }
    }
    let (intercepts, x_means) = store_effects(&alone, p, &beta);
    let (level, sd_common, sd_store) = shocks(rows, &beta, &intercepts);
    Some(ProductEstimate {
        alone,
        beta,
        sd,
        factor,
        is_pooled,
        intercepts,
        x_means,
        level,
        sd_common,
        sd_store,
        stocks,
    })
}

fn inverse_of(matrix: &[f64], k: usize) -> Option<Vec<f64>> {
    let factor = cholesky::factor(matrix.to_vec(), k)?;
    let mut inverse = vec![0.0; k * k];
    for column in 0..k {
        let mut unit = vec![0.0; k];
        unit[column] = 1.0;
        let solved = cholesky::solve_factored(&factor, unit);
        (0..k).for_each(|row| inverse[row * k + column] = solved[row]);
    }
    Some(inverse)
}

/// Intercepts and column means by store; a store without rows takes the mean of the others.
fn store_effects(alone: &Regression, p: usize, beta: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let present: Vec<usize> = (0..alone.counts.len()).filter(|&s| alone.counts[s] > 0).collect();
    let mut x_means = alone.x_means.clone();
    let mut intercepts: Vec<f64> = alone
        .y_means
        .iter()
        .zip(alone.x_means.chunks_exact(p))
        .map(|(y, x)| y - x.iter().zip(beta).map(|(x, b)| x * b).sum::<f64>())
        .collect();
    let n = present.len() as f64;
    let mean = present.iter().map(|&s| intercepts[s]).sum::<f64>() / n;
    let x_mean: Vec<f64> = (0..p)
        .map(|column| present.iter().map(|&s| alone.x_means[s * p + column]).sum::<f64>() / n)
        .collect();
    for store in (0..alone.counts.len()).filter(|&store| alone.counts[store] == 0) {
        intercepts[store] = mean;
        x_means[store * p..(store + 1) * p].copy_from_slice(&x_mean);
    }
    (intercepts, x_means)
}

/// The level after the last week, and the standard deviations of the shock common to a week and of
/// that of a store: `σ_s²` is the variance inside weeks, and `σ_c² = s² − σ_s² mean(1 / n_week)`.
fn shocks(rows: &Rows, beta: &[f64], intercepts: &[f64]) -> (Level, f64, f64) {
    let mut sums = vec![(0.0, 0.0, 0.0); rows.n_weeks];
    for (i, x) in rows.x.chunks_exact(rows.p).enumerate() {
        let fitted: f64 = x.iter().zip(beta).map(|(x, b)| x * b).sum();
        let residual = rows.y[i] - fitted - intercepts[rows.store[i]];
        let (count, sum, squares) = &mut sums[rows.week[i]];
        *count += 1.0;
        *sum += residual;
        *squares += residual * residual;
    }
    let seen = || sums.iter().enumerate().filter(|(_, (count, _, _))| *count > 0.0);
    let means: Vec<(i64, f64)> =
        seen().map(|(week, (count, sum, _))| (week as i64, sum / count)).collect();
    let n: f64 = seen().map(|(_, (count, _, _))| count).sum();
    let inside: f64 = seen().map(|(_, (count, sum, squares))| squares - sum * sum / count).sum();
    let n_weeks = means.len() as f64;
    let store = (inside / (n - n_weeks).max(1.0)).max(0.0);
    let noise = store * seen().map(|(_, (count, _, _))| 1.0 / count).sum::<f64>() / n_weeks;
    let level = Level::of(&means);
    (level, (level.shock - noise).max(0.0).sqrt(), store.sqrt())
}
