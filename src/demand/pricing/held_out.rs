//! Weeks that the fit has not seen: they choose its strengths and tell its error.
//!
//! The last `2 H` weeks are set aside. The first `H` of them choose how fast stock fades and how
//! strongly cross elasticities are pooled; the fit is then renewed with them, and the last `H` weeks,
//! which chose nothing, tell its error. Prices and features of those weeks are taken as planned (they
//! are: the retailer sets them); units are not.

use super::estimate::{Estimate, Strengths, estimate};
use super::panel::Panel;
use crate::demand::DemandError;
use promopt_envs::SeedTree;
use rand::Rng;
use rand_distr::StandardNormal;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Shares of the stock that may be left after a week.
const DECAYS: [f64; 3] = [0.2, 0.5, 0.8];
/// Strengths that may be tried on the spread of cross elasticities.
const CROSS_STRENGTHS: [f64; 4] = [0.0625, 0.25, 1.0, 4.0];
/// Shocks drawn with each posterior draw.
const SHOCKS_PER_DRAW: usize = 4;

/// One try of strengths.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// Share of the stock that is left after a week.
    pub stock_decay: f64,
    /// How many times the precision of the spread of cross elasticities counts.
    pub cross_strength: f64,
    /// Mean over products of the squared error of log units over their variance within stores.
    pub error: f64,
}

/// A held-out week of a product, summed over stores.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HeldOutWeek {
    /// Week, as numbered in the file.
    pub week: i64,
    /// Units sold.
    pub actual: f64,
    /// Units expected: the mean over draws and shocks.
    pub expected: f64,
    /// Units when each store sells its mean of the weeks before.
    pub naive: f64,
    /// 80 % prediction band.
    pub band80: (f64, f64),
    /// 95 % prediction band.
    pub band95: (f64, f64),
    /// Revenue, money.
    pub actual_revenue: f64,
    /// Revenue expected, money.
    pub expected_revenue: f64,
}

/// Error of one product on held-out weeks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HeldOutProduct {
    /// Name.
    pub product: String,
    /// Mean absolute percentage error of weekly units over all stores, as a fraction.
    pub units_mape: f64,
    /// The same for revenue.
    pub revenue_mape: f64,
    /// The same for units when each store is expected to sell its mean of the weeks before.
    pub naive_mape: f64,
    /// Expected over actual units of all weeks, minus one.
    pub bias: f64,
    /// Share of the weeks inside the 80 % band.
    pub coverage80: f64,
    /// Share of the weeks inside the 95 % band.
    pub coverage95: f64,
    /// The weeks.
    pub weeks: Vec<HeldOutWeek>,
}

/// Error on the held-out weeks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HeldOut {
    /// First and last held-out week.
    pub weeks: (i64, i64),
    /// Tries on the weeks before them, in the order they were made.
    pub trials: Vec<Trial>,
    /// Error by product; those without sales in these weeks are left out.
    pub products: Vec<HeldOutProduct>,
    /// Mean of `units_mape` over products.
    pub units_mape: f64,
    /// Mean of `revenue_mape` over products.
    pub revenue_mape: f64,
    /// Mean of `naive_mape` over products.
    pub naive_mape: f64,
    /// Mean of `coverage80` over products.
    pub coverage80: f64,
    /// Mean of `coverage95` over products.
    pub coverage95: f64,
}

/// The strengths with the least error on the weeks before the held-out ones.
pub(super) fn choose(
    panel: &Panel,
    holdout: u32,
    harmonics: usize,
) -> Result<(Strengths, Vec<Trial>), DemandError> {
    let (from, until) = (panel.last_weeks(2 * holdout), panel.last_weeks(holdout));
    let variances = variances(panel, from);
    let mut trials = Vec::new();
    for stock_decay in DECAYS {
        for cross_strength in CROSS_STRENGTHS {
            let strengths = Strengths { stock_decay: Some(stock_decay), cross_strength, harmonics };
            let fitted = estimate(panel, from, strengths)?;
            let error = squared_error(panel, &fitted, (from, until), &variances);
            trials.push(Trial { stock_decay, cross_strength, error });
        }
    }
    let best = trials.iter().copied().min_by(|a, b| a.error.total_cmp(&b.error));
    let best = best.unwrap_or(Trial { stock_decay: 0.5, cross_strength: 1.0, error: f64::NAN });
    let (stock_decay, cross_strength) = (Some(best.stock_decay), best.cross_strength);
    Ok((Strengths { stock_decay, cross_strength, harmonics }, trials))
}

/// Variance of log units within stores before a week, by product.
fn variances(panel: &Panel, until: i64) -> Vec<f64> {
    let variance = |rows: &super::panel::ProductRows| {
        let mut sums = vec![(0.0, 0.0, 0.0); panel.n_stores()];
        for row in (0..rows.len()).filter(|&row| rows.week[row] < until) {
            let (count, sum, squares) = &mut sums[rows.store[row]];
            let y = rows.log_units[row];
            (*count, *sum, *squares) = (*count + 1.0, *sum + y, *squares + y * y);
        }
        let n: f64 = sums.iter().map(|(count, _, _)| count).sum();
        let inside = sums.iter().filter(|(count, _, _)| *count > 0.0);
        let inside: f64 = inside.map(|(count, sum, squares)| squares - sum * sum / count).sum();
        (inside / n.max(1.0)).max(1e-9)
    };
    panel.rows.iter().map(variance).collect()
}

fn squared_error(
    panel: &Panel,
    fitted: &Estimate,
    (from, until): (i64, i64),
    variances: &[f64],
) -> f64 {
    let mut x = Vec::new();
    let mut total = 0.0;
    for (product, one) in fitted.products.iter().enumerate() {
        let rows = &panel.rows[product];
        let (mut squares, mut n) = (0.0, 0.0);
        for row in (0..rows.len()).filter(|&row| (from..until).contains(&rows.week[row])) {
            fitted.columns.write(rows, row, one.stocks[row], &mut x);
            let error = rows.log_units[row] - one.log_units(&x, rows.store[row], &one.beta);
            squares += error * error;
            n += 1.0;
        }
        total += squares / f64::max(n, 1.0) / variances[product];
    }
    total / fitted.products.len() as f64
}

/// The error of a fit on the rows from a week on.
pub(super) fn judge(
    panel: &Panel,
    fitted: &Estimate,
    from: i64,
    (draws, trials): (usize, Vec<Trial>),
    seed: SeedTree,
) -> HeldOut {
    let products: Vec<HeldOutProduct> = (0..panel.n_products())
        .into_par_iter()
        .map(|product| {
            judge_product(panel, fitted, product, from, draws, seed.index(product as u64))
        })
        .filter(|product| !product.weeks.is_empty())
        .collect();
    let mean = |of: &dyn Fn(&HeldOutProduct) -> f64| {
        products.iter().map(of).sum::<f64>() / products.len() as f64
    };
    HeldOut {
        weeks: (from, panel.weeks[panel.weeks.len() - 1]),
        trials,
        units_mape: mean(&|product| product.units_mape),
        revenue_mape: mean(&|product| product.revenue_mape),
        naive_mape: mean(&|product| product.naive_mape),
        coverage80: mean(&|product| product.coverage80),
        coverage95: mean(&|product| product.coverage95),
        products,
    }
}

fn judge_product(
    panel: &Panel,
    fitted: &Estimate,
    product: usize,
    from: i64,
    draws: usize,
    seed: SeedTree,
) -> HeldOutProduct {
    let (rows, one) = (&panel.rows[product], &fitted.products[product]);
    let mut rng = seed.child("coefficients").stream();
    let draws: Vec<Vec<f64>> = (0..draws)
        .map(|_| one.draw((0..one.beta.len()).map(|_| rng.sample(StandardNormal)).collect()))
        .collect();
    let held: Vec<usize> = (0..rows.len()).filter(|&row| rows.week[row] >= from).collect();
    let mut weeks: Vec<i64> = held.iter().map(|&row| rows.week[row]).collect();
    weeks.sort_unstable();
    weeks.dedup();
    let usual = store_means(panel, product, from);
    let weeks: Vec<HeldOutWeek> = weeks
        .into_iter()
        .map(|week| {
            let at: Vec<usize> =
                held.iter().copied().filter(|&row| rows.week[row] == week).collect();
            let luck = seed.child("shocks").index(week as u64);
            let naive = at.iter().map(|&row| usual[rows.store[row]]).sum();
            let moment = (product, week, week - from + 1);
            HeldOutWeek { naive, ..predict_week(panel, fitted, moment, &at, &draws, luck) }
        })
        .collect();
    let n = weeks.len() as f64;
    let share = |hit: &dyn Fn(&HeldOutWeek) -> bool| {
        weeks.iter().filter(|week| hit(week)).count() as f64 / n
    };
    let inside = |value: f64, (low, high): (f64, f64)| low <= value && value <= high;
    let mape = |of: &dyn Fn(&HeldOutWeek) -> (f64, f64)| {
        let errors = weeks.iter().map(|week| {
            let (expected, actual) = of(week);
            (expected - actual).abs() / actual
        });
        errors.sum::<f64>() / n
    };
    let total = |of: &dyn Fn(&HeldOutWeek) -> f64| weeks.iter().map(of).sum::<f64>();
    HeldOutProduct {
        product: panel.products[product].clone(),
        units_mape: mape(&|week| (week.expected, week.actual)),
        revenue_mape: mape(&|week| (week.expected_revenue, week.actual_revenue)),
        naive_mape: mape(&|week| (week.naive, week.actual)),
        bias: total(&|week| week.expected) / total(&|week| week.actual) - 1.0,
        coverage80: share(&|week| inside(week.actual, week.band80)),
        coverage95: share(&|week| inside(week.actual, week.band95)),
        weeks,
    }
}

/// Mean units by store before a week.
fn store_means(panel: &Panel, product: usize, until: i64) -> Vec<f64> {
    let rows = &panel.rows[product];
    let mut sums = vec![(0.0, 0.0); panel.n_stores()];
    for row in (0..rows.len()).filter(|&row| rows.week[row] < until) {
        let (count, sum) = &mut sums[rows.store[row]];
        (*count, *sum) = (*count + 1.0, *sum + rows.log_units[row].exp());
    }
    sums.into_iter().map(|(count, sum)| sum / f64::max(count, 1.0)).collect()
}

/// One week over all stores: draws × shocks, summed.
fn predict_week(
    panel: &Panel,
    fitted: &Estimate,
    (product, week, ahead): (usize, i64, i64),
    at: &[usize],
    draws: &[Vec<f64>],
    seed: SeedTree,
) -> HeldOutWeek {
    let (rows, one) = (&panel.rows[product], &fitted.products[product]);
    let mut rng = seed.stream();
    let mut x = Vec::new();
    let mut designs = Vec::with_capacity(at.len() * fitted.columns.len());
    for &row in at {
        fitted.columns.write(rows, row, one.stocks[row], &mut x);
        designs.extend_from_slice(&x);
    }
    let price = |row: usize| rows.log_prices[row * panel.n_products() + product].exp();
    let (mut totals, mut revenue) = (Vec::new(), 0.0);
    let wander = (one.sd_common * one.sd_common + one.level.variance_after(ahead)).sqrt();
    for beta in draws {
        let means: Vec<f64> = designs
            .chunks_exact(fitted.columns.len())
            .zip(at)
            .map(|(x, &row)| one.log_units(x, rows.store[row], beta))
            .collect();
        for _ in 0..SHOCKS_PER_DRAW {
            let common = wander * rng.sample::<f64, _>(StandardNormal);
            let mut total = 0.0;
            for (mean, &row) in means.iter().zip(at) {
                let own = one.sd_store * rng.sample::<f64, _>(StandardNormal);
                let units = (mean + common + own).exp();
                total += units;
                revenue += units * price(row);
            }
            totals.push(total);
        }
    }
    totals.sort_by(f64::total_cmp);
    let n = totals.len() as f64;
    let quantile = |share: f64| totals[((share * n) as usize).min(totals.len() - 1)];
    let units = |row: usize| rows.log_units[row].exp();
    HeldOutWeek {
        week,
        actual: at.iter().map(|&row| units(row)).sum(),
        expected: totals.iter().sum::<f64>() / n,
        naive: f64::NAN,
        band80: (quantile(0.1), quantile(0.9)),
        band95: (quantile(0.025), quantile(0.975)),
        actual_revenue: at.iter().map(|&row| units(row) * price(row)).sum(),
        expected_revenue: revenue / n,
    }
}
