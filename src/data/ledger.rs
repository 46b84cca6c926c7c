//! The price ledger: per product and week the regular price, the shelf price and the lowest price
//! of the 30 days before the running price cut, all read from what people paid.
//!
//! **Prices.** A point's regular price is `gross / quantity`, its shelf price
//! `(gross - shelf_discount) / quantity`, both rounded to a hundredth of a cent. A week's price is
//! the quantity-weighted median over its points, a day's price the same over the day. Where half
//! of the quantity went at a lower price and half at a higher one, the lower counts: it is a price
//! that somebody paid, and the stricter one to compare with.
//!
//! **Price cuts.** A day is reduced when its shelf price is at least [`SMALLEST_CUT`] below its
//! regular price. A cut is a run of reduced selling days; a selling day at the full price ends it,
//! and so do more than [`LOOK_BACK_DAYS`] days without a sale. A cut that deepens without a break is
//! one cut (the progressive reductions of directive 98/6/EC, article 6a(5), which member states may
//! allow); a price that went back up and is cut again is a new cut, whose 30 days hold the first.
//!
//! **Prior price.** Article 6a of directive 98/6/EC (in force since 28 May 2022) asks that an
//! announced reduction show the lowest price of at least the 30 days before it, and the Court of
//! Justice (C-330/23, 26 September 2024) that the announced percentage be computed from that price.
//! [`LedgerRow::lowest_30_days`] is the lowest daily shelf price on the 30 days before the first day
//! of the cut, and [`legal_depth`] the reduction that may be announced from it. Exceptions that
//! member states may make (perishables, goods on sale for less than 30 days) are not made here.
//!
//! **What an observed price can and cannot prove.** A price shows only on a day when somebody
//! bought, so the lowest price seen is never below the lowest price asked, apart from the minority
//! prices that a median leaves out. The ledger can therefore show that an announced reduction is
//! *too large*; it cannot prove that one is lawful: for that, use the retailer's own price file.
//! `None` means that nothing was sold in those days, not that no price applied. The first 30 days of
//! the data are looked back on in part only. If the shelf discount holds money off for members only,
//! the shelf price is the members' price, and where products of several stores are put together the
//! median is the price of no store in particular: keep one ledger per store where prices differ.

use std::collections::VecDeque;

/// Days before a price cut whose lowest price counts.
pub const LOOK_BACK_DAYS: i64 = 30;
/// Smallest reduction, as a share of the regular price, that is not taken for rounding.
pub const SMALLEST_CUT: f64 = 0.01;

/// Steps of a price per unit of money: hundredths of a cent.
const PRICE_STEPS: f64 = 1e4;
/// Steps of quantities and sums of money. Whole numbers, so that no sum depends on the order.
const SUM_STEPS: f64 = 1e6;

/// What was sold of one product on one day: one line, or several lines added up at one price.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PricePoint {
    /// Days since 1970-01-01.
    pub day: i32,
    /// Units or weight, positive.
    pub quantity: f64,
    /// Value at the regular price, money, positive.
    pub gross: f64,
    /// Money off for everybody, between 0 and `gross`.
    pub shelf_discount: f64,
}

/// The prices of one product in one week with sales.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LedgerRow {
    /// Week, 0 for the first.
    pub week: u32,
    /// Price per unit before any discount: the week's quantity-weighted median, money.
    pub regular_price: f64,
    /// Price per unit after the discount for everybody: the week's quantity-weighted median, money.
    pub shelf_price: f64,
    /// Lowest daily shelf price on the 30 days before the first day of the cut that runs in the
    /// week (of the one that began last, when there are several), or before the week's first sale
    /// when none runs. `None` when nothing was sold in those days.
    pub lowest_30_days: Option<f64>,
    /// Quantity sold.
    pub units: f64,
    /// Value at the regular price, money.
    pub gross: f64,
    /// Money off for everybody.
    pub shelf_discount: f64,
    /// Whether a price cut ran on at least one selling day of the week.
    pub on_promotion: bool,
}

/// Depth of the week's price against its regular price: `1 - shelf / regular`, within [0, 1].
#[must_use]
pub fn depth(row: &LedgerRow) -> f64 {
    below(row.shelf_price, row.regular_price).unwrap_or(0.0)
}

/// The reduction that may be announced: `1 - shelf / lowest_30_days`, within [0, 1]. `None` when
/// the prior price is not known or 0.
#[must_use]
pub fn legal_depth(row: &LedgerRow) -> Option<f64> {
    below(row.shelf_price, row.lowest_30_days?)
}

fn below(price: f64, base: f64) -> Option<f64> {
    (base > 0.0).then(|| (1.0 - price / base).clamp(0.0, 1.0))
}

/// Why no ledger could be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// The points do not come in the order of their days.
    #[error(
        "expected the points of a product in the order of their days, found day {found} after day \
         {before} at position {position}: sort them by day first"
    )]
    Unsorted {
        /// Position of the point that comes too late.
        position: usize,
        /// Its day.
        found: i32,
        /// The day before it.
        before: i32,
    },
}

/// Makes ledger rows for one product after the other, with the same buffers.
///
/// Time grows with the number of points, times the logarithm of the distinct prices of a week; give
/// every thread a builder of its own.
#[derive(Debug, Clone)]
pub struct LedgerBuilder {
    first_day: i64,
    n_weeks: u32,
    day: Sales,
    week: Sales,
    past: LowestPrice,
}

impl LedgerBuilder {
    /// A builder for weeks of seven days that begin with `first_day`, days since 1970-01-01.
    #[must_use]
    pub fn new(first_day: i32, n_weeks: u32) -> Self {
        let (day, week) = (Sales::default(), Sales::default());
        Self { first_day: i64::from(first_day), n_weeks, day, week, past: LowestPrice::default() }
    }

    /// Replaces `out` with one row per week with sales, in the order of weeks.
    ///
    /// Points before the first week are looked back on and make no row; points after the last week
    /// do nothing. The order of points of the same day and the splitting of a point do not matter.
    /// Returns how many points were left out because they show no price: a quantity or gross value
    /// that is not positive and finite, or a shelf price below 0 or above the regular price.
    ///
    /// # Errors
    /// When the days go back.
    pub fn rows(
        &mut self,
        points: &[PricePoint],
        out: &mut Vec<LedgerRow>,
    ) -> Result<usize, LedgerError> {
        out.clear();
        self.past.clear();
        check_order(points)?;
        let mut left_out = 0;
        let mut cut = Cut::default();
        let mut open: Option<OpenWeek> = None;
        for same_day in points.chunk_by(|a, b| a.day == b.day) {
            self.day.clear();
            for point in same_day {
                left_out += usize::from(!self.day.add(point));
            }
            let Some((regular, shelf)) = self.day.medians() else { continue };
            let day = i64::from(same_day[0].day);
            let lowest = self.past.before(day);
            cut.see(day, is_reduced(regular, shelf), lowest);
            self.past.push(day, shelf);
            let Some(week) = self.week_of(day) else { continue };
            if open.as_ref().is_none_or(|open| open.week != week) {
                self.close(open, out);
                open = Some(OpenWeek { week, lowest, on_promotion: false });
            }
            self.week.merge(&self.day);
            if let (Some(open), Some(reference)) = (&mut open, cut.running) {
                open.on_promotion = true;
                open.lowest = reference;
            }
        }
        self.close(open, out);
        Ok(left_out)
    }

    fn week_of(&self, day: i64) -> Option<u32> {
        let week = u32::try_from((day - self.first_day).div_euclid(7)).ok()?;
        (week < self.n_weeks).then_some(week)
    }

    fn close(&mut self, open: Option<OpenWeek>, out: &mut Vec<LedgerRow>) {
        if let (Some(open), Some((regular, shelf))) = (open, self.week.medians()) {
            out.push(LedgerRow {
                week: open.week,
                regular_price: money(regular),
                shelf_price: money(shelf),
                lowest_30_days: open.lowest.map(money),
                units: self.week.units as f64 / SUM_STEPS,
                gross: self.week.gross as f64 / SUM_STEPS,
                shelf_discount: self.week.discount as f64 / SUM_STEPS,
                on_promotion: open.on_promotion,
            });
        }
        self.week.clear();
    }
}

fn check_order(points: &[PricePoint]) -> Result<(), LedgerError> {
    match points.windows(2).position(|pair| pair[1].day < pair[0].day) {
        None => Ok(()),
        Some(i) => {
            let (before, found) = (points[i].day, points[i + 1].day);
            Err(LedgerError::Unsorted { position: i + 1, found, before })
        }
    }
}

fn money(price: i64) -> f64 {
    price as f64 / PRICE_STEPS
}

/// The nearest whole number of a number that is not negative, or is by rounding only. Not `round`,
/// which is a call into a library on plain x86-64, five times a point.
fn whole(value: f64) -> i64 {
    (value + 0.5) as i64
}

fn is_reduced(regular: i64, shelf: i64) -> bool {
    (regular - shelf) as f64 >= SMALLEST_CUT * regular as f64
}

/// The week that is being read.
struct OpenWeek {
    week: u32,
    lowest: Option<i64>,
    on_promotion: bool,
}

/// The price cut that runs, with the lowest price before it.
#[derive(Default)]
struct Cut {
    running: Option<Option<i64>>,
    last_day: i64,
}

impl Cut {
    fn see(&mut self, day: i64, reduced: bool, lowest: Option<i64>) {
        let goes_on = self.running.is_some() && day - self.last_day <= LOOK_BACK_DAYS;
        if !reduced {
            self.running = None;
        } else if !goes_on {
            self.running = Some(lowest);
        }
        self.last_day = day;
    }
}

/// Lowest daily price of the days looked back on: prices that rise from front to back, so that
/// every day enters and leaves once.
#[derive(Debug, Clone, Default)]
struct LowestPrice(VecDeque<(i64, i64)>);

impl LowestPrice {
    fn clear(&mut self) {
        self.0.clear();
    }

    fn before(&mut self, day: i64) -> Option<i64> {
        while self.0.front().is_some_and(|(seen, _)| *seen < day - LOOK_BACK_DAYS) {
            self.0.pop_front();
        }
        self.0.front().map(|(_, price)| *price)
    }

    fn push(&mut self, day: i64, price: i64) {
        while self.0.back().is_some_and(|(_, later)| *later >= price) {
            self.0.pop_back();
        }
        self.0.push_back((day, price));
    }
}

/// What was sold in a day or a week: quantity by price, and the sums, in whole steps.
#[derive(Debug, Clone, Default)]
struct Sales {
    regular: PriceWeights,
    shelf: PriceWeights,
    units: i64,
    gross: i64,
    discount: i64,
}

impl Sales {
    fn clear(&mut self) {
        self.regular.0.clear();
        self.shelf.0.clear();
        (self.units, self.gross, self.discount) = (0, 0, 0);
    }

    /// Whether the point shows a price. A float beyond what a whole number holds saturates.
    fn add(&mut self, point: &PricePoint) -> bool {
        let positive = |value: f64| value > 0.0 && value.is_finite();
        if !(positive(point.quantity) && positive(point.gross)) {
            return false;
        }
        let step = |value: f64| whole(value / point.quantity * PRICE_STEPS);
        let (regular, shelf) = (step(point.gross), step(point.gross - point.shelf_discount));
        let units = whole(point.quantity * SUM_STEPS);
        let priced = (0..=regular).contains(&shelf) && point.shelf_discount.is_finite();
        if !priced || units == 0 || regular == 0 {
            return false;
        }
        self.regular.add(regular, units);
        self.shelf.add(shelf, units);
        self.units = self.units.saturating_add(units);
        self.gross = self.gross.saturating_add(whole(point.gross * SUM_STEPS));
        let discount = whole(point.shelf_discount * SUM_STEPS);
        self.discount = self.discount.saturating_add(discount);
        true
    }

    fn merge(&mut self, other: &Self) {
        other.regular.0.iter().for_each(|&(price, weight)| self.regular.add(price, weight));
        other.shelf.0.iter().for_each(|&(price, weight)| self.shelf.add(price, weight));
        self.units = self.units.saturating_add(other.units);
        self.gross = self.gross.saturating_add(other.gross);
        self.discount = self.discount.saturating_add(other.discount);
    }

    /// Median regular and shelf price; `None` when nothing was sold.
    fn medians(&mut self) -> Option<(i64, i64)> {
        Some((self.regular.median()?, self.shelf.median()?))
    }
}

/// Quantity by price, not in order.
#[derive(Debug, Clone, Default)]
struct PriceWeights(Vec<(i64, i64)>);

impl PriceWeights {
    /// Entries looked through for an equal price; a product has few prices in a day.
    const LOOKED_AT: usize = 8;

    fn add(&mut self, price: i64, weight: i64) {
        let held = self.0.iter_mut().rev().take(Self::LOOKED_AT).find(|entry| entry.0 == price);
        match held {
            Some(entry) => entry.1 = entry.1.saturating_add(weight),
            None => self.0.push((price, weight)),
        }
    }

    /// The lowest price at or below which at least half of the weight lies.
    fn median(&mut self) -> Option<i64> {
        if self.0.len() > 1 {
            self.0.sort_unstable();
        }
        let total: i128 = self.0.iter().map(|entry| i128::from(entry.1)).sum();
        let mut seen = 0;
        let half = self.0.iter().find(|entry| {
            seen += i128::from(entry.1);
            2 * seen >= total
        })?;
        Some(half.0)
    }
}

#[cfg(test)]
#[path = "ledger_tests.rs"]
mod tests;
