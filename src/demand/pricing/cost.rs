//! Unit cost from recorded margins: its level, and how much of a price cut the supplier bears.
//!
//! Per product, with a fixed effect by store:
//! `ln cost = c_s + θ ln(price / regular) + φ ln regular + e`. `θ` is the funding: 0 when the retailer
//! bears every cut alone, 1 when the supplier bears it in proportion. Recorded costs are often averages
//! over stock bought at different times, which makes `θ` look smaller than what a deal really pays.

use super::panel::Panel;
use super::regress::Rows;

/// Weeks before the end over which the level of cost is taken.
const RECENT_WEEKS: u32 = 26;

/// Cost of one product.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cost {
    /// Unit cost at the regular price as a fraction of it, by store.
    pub(super) shares: Vec<f64>,
    /// `θ` and its standard error; `None` when the margins do not tell it, and it is 0.
    pub(super) funding: Option<(f64, f64)>,
    /// Whether the level was assumed for want of recorded margins.
    pub(super) is_assumed: bool,
}

/// Cost of a product by store, at the end of the data.
pub(super) fn cost(panel: &Panel, product: usize, assumed_margin: f64) -> Cost {
    let from = &panel.rows[product];
    let known: Vec<usize> = (0..from.len()).filter(|&r| from.log_cost[r].is_finite()).collect();
    let n_stores = panel.n_stores();
    let mut rows = Rows { p: 2, n_stores, n_weeks: panel.weeks.len(), ..Rows::default() };
    for &row in &known {
        let week = panel.weeks.partition_point(|week| *week < from.week[row]);
        let x = [from.log_ratio(product, row), from.log_regular[row]];
        rows.push(&x, from.log_cost[row], from.store[row], week);
    }
    let fitted = rows.fit(&[0, 1]).filter(|fitted| fitted.kept.first() == Some(&0));
    let funding = fitted.map(|fitted| (fitted.beta[0], fitted.covariance[0].sqrt()));
    let slope = funding.map_or(0.0, |(slope, _)| slope);
    let start = panel.last_weeks(RECENT_WEEKS.min(panel.weeks.len() as u32));
    let mut sums = vec![(0.0, 0.0); n_stores];
    let mut all = (0.0, 0.0);
    for &row in known.iter().filter(|&&row| from.week[row] >= start) {
        let at_regular = from.log_cost[row] - slope * from.log_ratio(product, row);
        let share = (at_regular - from.log_regular[row]).exp();
        for (count, sum) in [&mut sums[from.store[row]], &mut all] {
            (*count, *sum) = (*count + 1.0, *sum + share);
        }
    }
    let is_assumed = all.0 == 0.0;
    let mean = if is_assumed { 1.0 - assumed_margin } else { all.1 / all.0 };
    let share = |(count, sum): (f64, f64)| if count > 0.0 { sum / count } else { mean };
    Cost { shares: sums.into_iter().map(share).collect(), funding, is_assumed }
}

/// Regular price of a product by store in the last week it was sold there; a store that never sold it
/// takes the geometric mean of the others.
pub(super) fn regular_prices(panel: &Panel, product: usize) -> Vec<f64> {
    let rows = &panel.rows[product];
    let mut last = vec![f64::NAN; panel.n_stores()];
    for row in 0..rows.len() {
        last[rows.store[row]] = rows.log_regular[row];
    }
    let known: Vec<f64> = last.iter().copied().filter(|log| log.is_finite()).collect();
    let mean = known.iter().sum::<f64>() / known.len().max(1) as f64;
    last.iter().map(|log| if log.is_finite() { log.exp() } else { mean.exp() }).collect()
}

/// The share of the regular price that one row in a hundred lies below.
pub(super) fn lowest_ratio(panel: &Panel, product: usize) -> f64 {
    let rows = &panel.rows[product];
    let mut ratios: Vec<f64> = (0..rows.len()).map(|row| rows.log_ratio(product, row)).collect();
    ratios.sort_by(f64::total_cmp);
    ratios[ratios.len() / 100].exp().min(1.0)
}
