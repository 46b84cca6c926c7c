//! Held-out check of the purchase model: fit on the first part of a history, predict the rest.
//!
//! A model of repeat buying is easily fitted and easily believed. The table says how many
//! purchases customers with 0, 1, .. 7 and more purchases really made afterwards, beside what was
//! predicted; the tracking says the same for all customers week by week; and the baseline, "the
//! same rate as before", says what could have been had for nothing.

use super::{BgNbd, FitReport, Purchase, RepeatSummary, ValueError};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Purchases in the calibration weeks from which on customers share a row.
const LAST_ROW: u32 = 7;
/// Standard errors on either side of an interval of 95 %.
const WIDTH: f64 = 1.959_963_984_540_054;

/// Longest history, weeks.
const LONGEST: f64 = 1e4;

/// Customers with the same number of repeat purchases in the calibration weeks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CalibrationRow {
    /// Repeat purchases in the calibration weeks; the last row also holds those with more.
    pub repeat_purchases: u32,
    /// Number of customers.
    pub n_customers: usize,
    /// Mean number of purchases in the held-out weeks.
    pub actual: f64,
    /// Its 95 % interval, mean ± 1.96 standard errors; `None` for fewer than 2 customers.
    pub interval: Option<(f64, f64)>,
    /// Mean prediction of the model.
    pub predicted: f64,
    /// Mean prediction of the baseline.
    pub baseline: f64,
}

/// Cumulative repeat purchases of all customers until the end of a week.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TrackingWeek {
    /// Weeks since the start of the history.
    pub week: u32,
    /// Purchases made.
    pub actual: u64,
    /// Purchases expected of new customers who arrived when these did.
    pub expected: f64,
}

/// How well held-out purchases were predicted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// The model that was judged: that of the calibration weeks.
    pub model: BgNbd,
    /// How its fit went.
    pub fit: FitReport,
    /// Weeks predicted.
    pub held_out_weeks: f64,
    /// By number of repeat purchases in the calibration weeks; rows without customers are left out.
    pub rows: Vec<CalibrationRow>,
    /// From week 1 to the last full week.
    pub tracking: Vec<TrackingWeek>,
    /// Mean over customers of |predicted - actual| purchases in the held-out weeks.
    pub mean_absolute_error: f64,
    /// The same of the baseline.
    pub baseline_mean_absolute_error: f64,
    /// Purchases predicted over purchases made, in the held-out weeks; `None` when none was made.
    pub total_ratio: Option<f64>,
    /// The same of the baseline.
    pub baseline_total_ratio: Option<f64>,
}

impl Calibration {
    /// Whether the model's predictions are closer to the truth than the baseline's.
    #[must_use]
    pub fn beats_baseline(&self) -> bool {
        self.mean_absolute_error < self.baseline_mean_absolute_error
    }
}

/// One customer's held-out weeks.
struct Outcome {
    count: u32,
    actual: f64,
    predicted: f64,
    baseline: f64,
}

/// Fits on the weeks until `split` and predicts those until `end`, weeks since the start.
///
/// `customers` holds each customer's purchases in the order of their times. Who first bought after
/// `split` takes no part. The baseline predicts `x / T · (end - split)`: as many purchases a week as
/// before, and none for who has just arrived (`T = 0`).
///
/// # Errors
/// When not `0 < split < end <= 10,000`, when purchases are out of order, and as [`BgNbd::fit`].
pub fn calibrate(
    customers: &[Vec<Purchase>],
    split: f64,
    end: f64,
) -> Result<Calibration, ValueError> {
    if !(split > 0.0 && split < end && end <= LONGEST) {
        let range = "above 0 and before the end of the observation, that at most 10,000 weeks";
        return Err(ValueError::Range { name: "split", range, found: split });
    }
    check_times(customers)?;
    let known: Vec<(RepeatSummary, &[Purchase])> = customers
        .iter()
        .filter_map(|purchases| Some((RepeatSummary::of(purchases, split)?, &purchases[..])))
        .collect();
    let summaries: Vec<RepeatSummary> = known.iter().map(|(summary, _)| *summary).collect();
    let (model, fit) = BgNbd::fit(&summaries)?;
    let held_out_weeks = end - split;
    let outcomes: Vec<Outcome> = known
        .par_iter()
        .map(|(before, purchases)| {
            let count = before.repeat_purchases;
            let until_end = RepeatSummary::of(purchases, end).map_or(0, |all| all.repeat_purchases);
            let rate = if before.age > 0.0 { f64::from(count) / before.age } else { 0.0 };
            Outcome {
                count,
                actual: f64::from(until_end.saturating_sub(count)),
                predicted: model.expected_purchases(before, held_out_weeks),
                baseline: rate * held_out_weeks,
            }
        })
        .collect();
    let total = |of: fn(&Outcome) -> f64| outcomes.iter().map(of).sum::<f64>();
    let (n, made) = (outcomes.len() as f64, total(|one| one.actual));
    let ratio = |predicted: f64| (made > 0.0).then(|| predicted / made);
    Ok(Calibration {
        model,
        fit,
        held_out_weeks,
        rows: (0..=LAST_ROW).filter_map(|count| row(&outcomes, count)).collect(),
        tracking: track(&known, &model, end),
        mean_absolute_error: total(|one| (one.predicted - one.actual).abs()) / n,
        baseline_mean_absolute_error: total(|one| (one.baseline - one.actual).abs()) / n,
        total_ratio: ratio(total(|one| one.predicted)),
        baseline_total_ratio: ratio(total(|one| one.baseline)),
    })
}

fn check_times(customers: &[Vec<Purchase>]) -> Result<(), ValueError> {
    for (row, purchases) in customers.iter().enumerate() {
        let times = || purchases.iter().map(|purchase| purchase.time);
        let problem = if times().any(|time| !(time >= 0.0 && time.is_finite())) {
            "a purchase time that is negative or not finite"
        } else if !times().is_sorted() {
            "purchases that are not in the order of their times"
        } else {
            continue;
        };
        return Err(ValueError::Summary { row, problem });
    }
    Ok(())
}

fn row(outcomes: &[Outcome], repeat_purchases: u32) -> Option<CalibrationRow> {
    let here: Vec<&Outcome> =
        outcomes.iter().filter(|one| one.count.min(LAST_ROW) == repeat_purchases).collect();
    let n = here.len() as f64;
    let mean = |of: fn(&Outcome) -> f64| here.iter().map(|one| of(one)).sum::<f64>() / n;
    let actual = mean(|one| one.actual);
    let squares: f64 = here.iter().map(|one| (one.actual - actual).powi(2)).sum();
    let error = (squares / (n - 1.0) / n).sqrt();
    (!here.is_empty()).then(|| CalibrationRow {
        repeat_purchases,
        n_customers: here.len(),
        actual,
        interval: (here.len() > 1).then_some((actual - WIDTH * error, actual + WIDTH * error)),
        predicted: mean(|one| one.predicted),
        baseline: mean(|one| one.baseline),
    })
}

/// Expected purchases are looked up at whole days of age, on a line between two days.
fn track(known: &[(RepeatSummary, &[Purchase])], model: &BgNbd, end: f64) -> Vec<TrackingWeek> {
    let n_days = (end * 7.0).ceil() as u32 + 1;
    let by_day: Vec<f64> = (0..=n_days)
        .into_par_iter()
        .map(|day| model.expected_purchases_of_new(f64::from(day) / 7.0))
        .collect();
    let at_age = |age: f64| {
        let days = age.max(0.0) * 7.0;
        let day = days.floor() as usize;
        by_day[day] + days.fract() * (by_day[day + 1] - by_day[day])
    };
    let n_weeks = end.floor() as u32;
    let made = repeats_by_week(known, n_weeks as usize);
    (1..=n_weeks)
        .into_par_iter()
        .map(|week| {
            let ages = known.iter().map(|(_, purchases)| f64::from(week) - purchases[0].time);
            let actual = made[..=week as usize].iter().sum();
            TrackingWeek { week, actual, expected: ages.map(at_age).sum() }
        })
        .collect()
}

/// Repeat purchases by the week that they are made in; week `w` ends at time `w`.
fn repeats_by_week(known: &[(RepeatSummary, &[Purchase])], n_weeks: usize) -> Vec<u64> {
    let mut made = vec![0; n_weeks + 1];
    for (_, purchases) in known {
        for pair in purchases.windows(2).filter(|pair| pair[1].time > pair[0].time) {
            if let Some(week) = made.get_mut(pair[1].time.ceil() as usize) {
                *week += 1;
            }
        }
    }
    made
}

#[cfg(test)]
mod tests {
    use super::super::{CustomerValue, GammaGamma, simulate_customers};
    use super::*;
    use promopt_envs::SeedTree;

    fn generated() -> Vec<Vec<Purchase>> {
        let truth = CustomerValue {
            purchases: BgNbd { r: 0.6, alpha: 6.0, a: 0.8, b: 2.5 },
            values: GammaGamma { p: 4.0, q: 3.5, gamma: 20.0 },
        };
        simulate_customers(&truth, 5000, 13.0, 78.0, SeedTree::new(11)).expect("valid")
    }

    #[test]
    fn on_its_own_customers_the_model_predicts_what_is_held_out() {
        let found = calibrate(&generated(), 39.0, 78.0).expect("enough customers");
        assert!(found.fit.converged);
        assert_eq!(found.rows.len(), 8);
        assert_eq!(found.rows.iter().map(|row| row.n_customers).sum::<usize>(), 5000);
        for row in &found.rows {
            // An interval is 2 · 1.96 standard errors wide; 4.5 of them leave room for what the
            // estimated parameters are off by.
            let (low, high) = row.interval.expect("many customers");
            let error = (high - low) / (2.0 * WIDTH);
            assert!((row.predicted - row.actual).abs() <= 4.5 * error, "{row:?}");
        }
        // The baseline overlooks that customers drop out, and that the lively ones were lucky.
        assert!(found.beats_baseline());
        let (model, baseline) = (found.total_ratio, found.baseline_total_ratio);
        assert!((0.9..1.1).contains(&model.expect("purchases")), "{model:?}");
        assert!(baseline.expect("purchases") > 1.3, "{baseline:?}");
        let weeks: Vec<u32> = found.tracking.iter().map(|point| point.week).collect();
        assert_eq!(weeks, (1..=78).collect::<Vec<u32>>());
        for point in found.tracking.iter().filter(|point| point.week >= 26) {
            let ratio = point.expected / point.actual as f64;
            assert!((0.9..1.1).contains(&ratio), "{point:?}");
        }
    }

    #[test]
    fn tracking_counts_repeat_occasions_by_the_end_of_their_week() {
        let log = |times: &[f64]| -> Vec<Purchase> {
            times.iter().map(|&time| Purchase { time, value: 1.0 }).collect()
        };
        let customers = [log(&[0.0, 0.5, 0.5, 1.0, 2.5]), log(&[1.0, 3.0]), log(&[3.5])];
        let known: Vec<(RepeatSummary, &[Purchase])> = customers
            .iter()
            .filter_map(|one| Some((RepeatSummary::of(one, 3.0)?, &one[..])))
            .collect();
        let model = BgNbd { r: 0.6, alpha: 6.0, a: 0.8, b: 2.5 };
        let found = track(&known, &model, 4.0);
        let actual: Vec<u64> = found.iter().map(|point| point.actual).collect();
        assert_eq!(actual, [2, 2, 4, 4]);
        let expected = [1.0, 0.0].map(|age| model.expected_purchases_of_new(age));
        assert!((found[0].expected - expected.iter().sum::<f64>()).abs() < 1e-12);
    }

    #[test]
    fn what_cannot_be_split_or_is_out_of_order_is_refused() {
        let good = generated();
        for (split, end) in [(0.0, 78.0), (78.0, 78.0), (f64::NAN, 78.0), (39.0, 1e9)] {
            assert!(calibrate(&good, split, end).is_err());
        }
        for times in [[2.0, 1.0], [-1.0, 1.0], [1.0, f64::NAN]] {
            let mut bad = good[..40].to_vec();
            bad.push(times.map(|time| Purchase { time, value: 1.0 }).to_vec());
            let error = calibrate(&bad, 39.0, 78.0).expect_err("out of order");
            assert!(error.to_string().contains("row 40"), "{error}");
        }
    }
}
