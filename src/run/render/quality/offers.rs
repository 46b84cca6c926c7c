//! Logged offers and the price ledger on the quality page.

use super::{SMALL_CELL, count, customers, fact, percent};
use crate::data::assess::ExposureGlance;
use crate::data::store::LedgerFacts;
use crate::report::quality_page as page;

/// Offers at once from which on they share a bar.
const MOST_AT_ONCE: usize = 5;

/// Logged offers; nothing when nothing was logged.
pub(super) fn exposure(found: &ExposureGlance) -> Option<page::ExposureOverlap> {
    let given: u64 = found.offers.iter().map(|(_, rows)| rows).sum();
    if given + found.none == 0 {
        return None;
    }
    let mut facts = vec![
        fact("Offers", count(found.offers.len() as u64)),
        fact("Times given", count(given)),
        fact("Customers reached", customers(found.customers)),
        fact("Weeks with offers", count(found.weeks)),
        fact("With a logged chance", percent(found.with_propensity)),
    ];
    if found.none > 0 {
        facts.push(fact("Decisions to make no offer", count(found.none)));
    }
    let remarks = vec![found.line.clone()];
    Some(page::ExposureOverlap { facts, offers_at_once: at_once(&found.at_once), remarks })
}

/// Customer-weeks by offers at once; the highest numbers share a bar, and so do those that fewer
/// than ten customer-weeks have.
fn at_once(found: &[(u64, u64)]) -> Vec<page::HistogramBin> {
    let mut weeks = [0_u64; MOST_AT_ONCE];
    for (offers, rows) in found {
        weeks[(*offers as usize).clamp(1, MOST_AT_ONCE) - 1] += rows;
    }
    let total: u64 = weeks.iter().sum();
    let Some(mut last) = weeks.iter().rposition(|rows| *rows > 0) else { return Vec::new() };
    let mut is_open = last + 1 == MOST_AT_ONCE;
    while last > 0 && weeks[last] < SMALL_CELL {
        weeks[last - 1] += weeks[last];
        last -= 1;
        is_open = true;
    }
    if total < SMALL_CELL {
        return Vec::new();
    }
    let bar = |(index, rows): (usize, &u64)| page::HistogramBin {
        label: match is_open && index == last {
            true => format!("{} or more", index + 1),
            false => (index + 1).to_string(),
        },
        share: *rows as f64 / total as f64,
    };
    weeks[..=last].iter().enumerate().map(bar).collect()
}

/// The ledger in a few figures; nothing without a price.
pub(super) fn price_ledger(found: &LedgerFacts, weeks: u64) -> Option<page::PriceLedger> {
    let share = |part: u64, of: u64| part as f64 / of as f64;
    (found.rows > 0).then(|| page::PriceLedger {
        products: found.products,
        weeks,
        entries: found.rows,
        share_on_promotion: share(found.on_promotion, found.rows),
        median_depth: median_depth(&found.depths),
        share_above_30_day_low: share(found.not_below_lowest, found.lowest_known),
        facts: vec![fact(
            "Reduced prices with a known price in the 30 days before",
            format!("{} of {}", count(found.lowest_known), count(found.on_promotion)),
        )],
    })
}

/// The median, interpolated within its bin of five points; NaN without a price cut.
fn median_depth(bins: &[u64]) -> f64 {
    let half = bins.iter().sum::<u64>() as f64 / 2.0;
    let mut below = 0.0;
    for (bin, rows) in bins.iter().enumerate() {
        let rows = *rows as f64;
        if rows > 0.0 && below + rows >= half {
            return (bin as f64 + (half - below) / rows) / bins.len() as f64;
        }
        below += rows;
    }
    f64::NAN
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_of_fewer_than_ten_customer_weeks_are_joined_to_the_one_before() {
        let bars = at_once(&[(1, 80), (2, 15), (3, 3), (7, 2)]);
        let told: Vec<(&str, f64)> = bars.iter().map(|b| (b.label.as_str(), b.share)).collect();
        assert_eq!(told, [("1", 0.8), ("2 or more", 0.2)]);
        assert!(at_once(&[(1, 9)]).is_empty());
        assert!(at_once(&[]).is_empty());
    }

    #[test]
    fn the_median_depth_is_that_worked_by_hand() {
        let mut bins = vec![0; 20];
        (bins[2], bins[4]) = (2, 6);
        // Four of eight rows: the two of bin 2 and a third of the six in [0.2, 0.25).
        assert!((median_depth(&bins) - (0.2 + 0.05 / 3.0)).abs() < 1e-12);
        assert!(median_depth(&[0; 20]).is_nan());
    }
}
