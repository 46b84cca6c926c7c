//! From the running summaries of a customer to the features, in the order of the specifications.

use super::contacts::ContactLedger;
use super::fixed::Fixed;
use super::ledger::{N_HOUR_BANDS, PurchaseLedger, ShoppingDays};
use super::lifecycle::{Lifecycle, Standing, WINDOW_WEEKS, lifecycle};

/// Weeks that a rate per week is taken over at least: a month in, one basket is not yet a habit.
const SHORTEST_TENURE: f64 = 4.0;
/// Lines that shares of lines are shrunk with.
const PRIOR_LINES: f64 = 5.0;
/// Expected lines on deal that the promotion lift is shrunk towards 1 with.
const PRIOR_DEALS: f64 = 5.0;

/// Baskets, days, hours and stores.
pub(super) fn rhythm(ledger: &PurchaseLedger, as_of: i32, out: &mut Vec<f64>) {
    let baskets = ledger.baskets as f64;
    match &ledger.days {
        Some(days) => {
            let tenure = tenure_weeks(days, as_of);
            out.push(f64::from(as_of) - f64::from(days.last));
            out.push(baskets / tenure.max(SHORTEST_TENURE));
            out.push(tenure);
            let (mean, variation) = interval(days);
            out.extend([mean, variation]);
        }
        None => out.extend([f64::NAN; 5]),
    }
    let weekdays: [f64; 7] = smoothed_shares(&ledger.weekdays);
    out.extend(weekdays);
    out.push(weekdays[5] + weekdays[6]);
    let hours: [f64; N_HOUR_BANDS] = smoothed_shares(&ledger.hours);
    out.extend(hours);
    out.push(ledger.stores.len() as f64);
    let main = ledger.stores.iter().map(|&(_, baskets)| baskets).max().unwrap_or(0);
    out.push(ratio(main as f64, baskets));
}

/// What a basket and a week are worth.
pub(super) fn value(ledger: &PurchaseLedger, as_of: i32, out: &mut Vec<f64>) {
    let baskets = ledger.baskets as f64;
    let spend = ledger.spend().or_zero_if_negative().to_f64();
    let weeks = ledger.days.map_or(0.0, |days| tenure_weeks(&days, as_of).max(SHORTEST_TENURE));
    out.push(ratio(spend, baskets));
    out.push(ratio(spend, weeks));
    out.push(ratio(ledger.sums.lines as f64, baskets));
    out.push(ratio(ledger.sums.units.to_f64(), baskets));
}

/// What is bought: breadth, brands, label, price tier.
pub(super) fn assortment(ledger: &mut PurchaseLedger, out: &mut Vec<f64>) {
    let (n_bought, entropy) = breadth(&ledger.categories);
    out.extend([n_bought, entropy, ledger.brands.loyalty(ledger.categories.len())]);
    let sums = &ledger.sums;
    out.push(sums.private_spend.share_of(sums.labelled_spend));
    out.push(sums.tier_weighted.share_of(sums.tiered_value));
}

/// Discounts: how much, how often, how deep, and against what the products let expect.
pub(super) fn deals(ledger: &PurchaseLedger, out: &mut Vec<f64>) {
    let sums = &ledger.sums;
    let lines = sums.lines as f64;
    out.push(sums.discount.share_of(sums.gross));
    out.push(deal_line_share(ledger));
    out.push(sums.deal_discount.share_of(sums.deal_gross));
    out.push(if sums.judged_lines == 0 {
        f64::NAN
    } else {
        (sums.judged_deals as f64 + PRIOR_DEALS) / (sums.expected_deals.to_f64() + PRIOR_DEALS)
    });
    out.push(if sums.lines == 0 {
        f64::NAN
    } else {
        sums.offer_lines as f64 / (lines + PRIOR_LINES)
    });
}

/// What the customer was told, and what came of it.
pub(super) fn contacts(ledger: &ContactLedger, as_of: i32, out: &mut Vec<f64>) {
    out.push(ledger.redemption_rate());
    out.push(ledger.days_since_last(as_of));
    out.extend([ledger.within_weeks(as_of, 4), ledger.within_weeks(as_of, 13)]);
}

/// Stage of the customer; `None` before the first basket.
pub(super) fn stage(ledger: &PurchaseLedger, first_day: i32, as_of: i32) -> Option<Lifecycle> {
    let days = ledger.days.as_ref()?;
    let window = 7 * WINDOW_WEEKS as i64;
    let recent = ledger.spend_since(i64::from(as_of) - window);
    let both = ledger.spend_since(i64::from(as_of) - 2 * window);
    Some(lifecycle(&Standing {
        tenure_weeks: tenure_weeks(days, as_of),
        unseen_weeks: (f64::from(days.first) - f64::from(first_day)) / 7.0,
        recency_days: f64::from(as_of) - f64::from(days.last),
        interval_days: days.shrunk_interval(),
        days_since_return: days.returned.map(|day| f64::from(as_of) - f64::from(day)),
        recent_spend: recent.to_f64(),
        earlier_spend: both.minus(recent).to_f64(),
    }))
}

/// Share of spend by category; NaN without spend in any.
pub(super) fn mix(ledger: &PurchaseLedger, out: &mut Vec<f64>) {
    let total = positive_total(&ledger.categories);
    out.extend(ledger.categories.iter().map(|spend| spend.or_zero_if_negative().share_of(total)));
}

fn tenure_weeks(days: &ShoppingDays, as_of: i32) -> f64 {
    (f64::from(as_of) - f64::from(days.first)) / 7.0
}

/// Mean of the days between shopping days, and their sample deviation over the mean.
fn interval(days: &ShoppingDays) -> (f64, f64) {
    let gaps = days.gaps();
    let mean = ratio(days.span(), gaps);
    if gaps < 2.0 {
        return (mean, f64::NAN);
    }
    let variance = (days.squared_gaps - days.span() * days.span() / gaps) / (gaps - 1.0);
    (mean, variance.max(0.0).sqrt() / mean)
}

/// `(nᵢ + 1) / (Σ n + N)`; NaN when nothing was counted.
fn smoothed_shares<const N: usize>(counts: &[u64; N]) -> [f64; N] {
    let total: u64 = counts.iter().sum();
    if total == 0 {
        return [f64::NAN; N];
    }
    counts.map(|count| (count as f64 + 1.0) / (total as f64 + N as f64))
}

/// Number of categories with spend, and the entropy of their shares over its largest value.
fn breadth(categories: &[Fixed]) -> (f64, f64) {
    let total = positive_total(categories);
    let mut n_bought = 0;
    let mut entropy = 0.0;
    for share in categories.iter().filter(|spend| spend.is_positive()).map(|s| s.share_of(total)) {
        n_bought += 1;
        entropy -= share * share.ln();
    }
    let normalised = match n_bought {
        0 => f64::NAN,
        1 => 0.0,
        _ => (entropy / (categories.len() as f64).ln()).clamp(0.0, 1.0),
    };
    (f64::from(n_bought), normalised)
}

fn positive_total(categories: &[Fixed]) -> Fixed {
    let mut total = Fixed::ZERO;
    categories.iter().for_each(|spend| total.add(spend.or_zero_if_negative()));
    total
}

/// Share of lines on deal, shrunk to what the deal shares of the products let expect.
fn deal_line_share(ledger: &PurchaseLedger) -> f64 {
    let sums = &ledger.sums;
    let (lines, deals) = (sums.lines as f64, sums.deal_lines as f64);
    if sums.judged_lines == 0 {
        return ratio(deals, lines);
    }
    let expected = sums.expected_deals.to_f64() / sums.judged_lines as f64;
    (deals + PRIOR_LINES * expected) / (lines + PRIOR_LINES)
}

/// NaN over nothing.
fn ratio(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { f64::NAN }
}
