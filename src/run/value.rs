//! What customers will buy and bring: purchase and value models on the weeks with a purchase, and how
//! well they predicted weeks they had not seen.

use serde::{Deserialize, Serialize};

use super::error::RunError;
use super::stage::Job;
use crate::data::History;
use crate::features::PersonaModel;
use crate::features::value::{
    Calibration, CustomerValue, Purchase, RepeatSummary, ValueFit, ValueTerms, calibrate,
};

/// Weeks in a year, for the discount rate.
const WEEKS_PER_YEAR: f64 = 52.0;
/// Share of the weeks that the calibration is fitted on.
const FITTED_SHARE: f64 = 2.0 / 3.0;
/// Customers below which a persona's value is not shown.
const SMALL_CELL: usize = 10;

/// Expected purchases and lifetime value of one persona's customers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct PersonaValue {
    /// Customers.
    pub customers: usize,
    /// Mean weeks with a purchase expected over the horizon, and the ends of its 95 % interval.
    pub purchases: [f64; 3],
    /// Mean margin expected over the horizon, discounted, money, and the ends of its interval.
    pub lifetime_value: [f64; 3],
    /// Mean probability of still being a customer.
    pub alive: f64,
}

/// Models of purchases and value, with their check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Value {
    /// Weeks looked ahead.
    pub horizon_weeks: u32,
    /// The fitted models.
    pub model: CustomerValue,
    /// How their fit went.
    pub fit: ValueFit,
    /// The check on held-out weeks; `None` when the history is too short for one.
    pub calibration: Option<Calibration>,
    /// By persona; `None` for fewer than ten customers.
    pub personas: Vec<Option<PersonaValue>>,
}

/// Fits on the whole history; `None` when there are too few repeat customers to fit anything.
///
/// A week with a purchase is one purchase of its value. The interval of a persona's mean covers the
/// spread between its customers, not the doubt about the model.
pub(super) fn estimate(
    job: &Job<'_>,
    history: &History,
    model: &PersonaModel,
    labels: &[usize],
    known: &[usize],
) -> Result<Option<Value>, RunError> {
    let customers: Vec<Vec<Purchase>> =
        known.iter().map(|&customer| purchases(history, customer as u32)).collect();
    let end = f64::from(history.n_weeks);
    let summaries: Vec<RepeatSummary> =
        customers.iter().filter_map(|own| RepeatSummary::of(own, end)).collect();
    let Ok((value, fit)) = CustomerValue::fit(&summaries) else { return Ok(None) };
    let split = (end * FITTED_SHARE).round();
    let calibration = calibrate(&customers, split, end).ok();
    let config = &job.config.personas;
    let terms = ValueTerms {
        horizon_weeks: config.value_weeks,
        weekly_discount_rate: (1.0 + config.yearly_discount_rate).powf(1.0 / WEEKS_PER_YEAR) - 1.0,
        margin_rate: margin_rate(history),
    };
    let Ok(values) = value.lifetime_values(&summaries, &terms) else { return Ok(None) };
    let horizon = f64::from(config.value_weeks);
    let persona = |persona: usize| {
        let own: Vec<usize> = (0..labels.len()).filter(|&i| labels[i] == persona).collect();
        let mean = |of: &dyn Fn(usize) -> f64| mean_with_interval(own.iter().map(|&i| of(i)));
        (own.len() >= SMALL_CELL).then(|| PersonaValue {
            customers: own.len(),
            purchases: mean(&|i| value.purchases.expected_purchases(&summaries[i], horizon)),
            lifetime_value: mean(&|i| values[i]),
            alive: mean(&|i| value.purchases.probability_alive(&summaries[i]))[0],
        })
    };
    // Every known customer has bought, so summaries and labels run in step.
    let personas = match summaries.len() == labels.len() {
        true => (0..model.n_personas()).map(persona).collect(),
        false => vec![None; model.n_personas()],
    };
    Ok(Some(Value { horizon_weeks: config.value_weeks, model: value, fit, calibration, personas }))
}

/// Weeks with a purchase, in order.
fn purchases(history: &History, customer: u32) -> Vec<Purchase> {
    let cells = history.cells_of(customer);
    let weeks = cells.chunk_by(|left, right| left.week == right.week);
    let purchase = |week: &[crate::data::Cell]| Purchase {
        time: f64::from(week[0].week),
        value: week.iter().map(|cell| cell.sales_value()).sum(),
    };
    weeks.map(purchase).collect()
}

/// Margin over sales value, of the whole history.
fn margin_rate(history: &History) -> f64 {
    let (sales, cost) = history
        .cells
        .iter()
        .fold((0.0, 0.0), |(sales, cost), cell| (sales + cell.sales_value(), cost + cell.cost));
    if sales > 0.0 { (1.0 - cost / sales).clamp(0.0, 1.0) } else { 0.0 }
}

/// Mean and mean ± 1.96 standard errors.
fn mean_with_interval(values: impl Iterator<Item = f64>) -> [f64; 3] {
    let values: Vec<f64> = values.collect();
    let n = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / (n - 1.0).max(1.0);
    let half = 1.96 * (variance / n).sqrt();
    [mean, mean - half, mean + half]
}
