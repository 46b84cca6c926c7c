//! Quality pages for the tests of this room: one as a real history gives, one as unkind as can be.

use super::input::{Estimate, Fact};
use super::quality_page::*;

const CATEGORIES: [(&str, f64); 7] = [
    ("Soft drinks", 0.55),
    ("Cheese", 2.6),
    ("Laundry detergents", 6.9),
    ("Frozen pizza", 3.2),
    ("Beef", 4.8),
    ("Fluid milk products", 1.4),
    ("Seasonal and a very long category name that never ends", 9.5),
];

fn fact(label: &str, value: &str) -> Fact {
    Fact { label: label.into(), value: value.into() }
}

/// Day `index` from 2 January 2017 in a calendar where that is enough: years of 365 days.
fn date(index: usize) -> String {
    const MONTHS: [usize; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let (year, mut day) = (2017 + (index + 1) / 365, (index + 1) % 365);
    let mut month = 0;
    while day >= MONTHS[month] {
        day -= MONTHS[month];
        month += 1;
    }
    format!("{year}-{:02}-{:02}", month + 1, day + 1)
}

fn wave(index: usize, size: f64) -> f64 {
    size * ((index as f64 * 0.7).sin() + (index as f64 * 2.3).sin() * 0.6)
}

fn series(name: &str, level: f64, outlier: usize, shifts: &[(usize, f64)]) -> SalesSeries {
    let week = |index: usize| {
        let shifted = shifts.iter().filter(|shift| shift.0 <= index).map(|shift| 1.0 + shift.1);
        let season = 1.0 + 0.12 * (index as f64 / 52.0 * std::f64::consts::TAU).cos();
        let expected = level * shifted.product::<f64>() * season;
        let is_outlier = index == outlier;
        let sales = expected * (1.0 + wave(index, 0.05)) * if is_outlier { 1.7 } else { 1.0 };
        let expected = Estimate::new(expected, expected * 0.82, expected * 1.18);
        SalesWeek { week: date(index * 7), sales, expected, is_outlier }
    };
    let shifts = shifts.iter().map(|(week, change)| LevelShift { week: *week, change: *change });
    SalesSeries {
        name: name.into(),
        weeks: (0..102).map(week).collect(),
        level_shifts: shifts.collect(),
    }
}

fn rule(name: &str, reason: &str, setting: &str, rows: u64, cents: i64) -> RuleRow {
    RuleRow {
        name: name.into(),
        reason: reason.into(),
        setting: setting.into(),
        rows,
        cents_removed: cents,
        share_of_sales: cents as f64 / 805_540_312.0,
    }
}

fn reconciliation() -> Reconciliation {
    Reconciliation {
        rows_in: 2_595_732,
        rows_kept: 2_575_311,
        cents_in: 805_540_312,
        cents_kept: 771_980_455,
        rules: vec![
            rule("duplicate", "the same line stands there twice", "on", 0, 0),
            rule(
                "non_positive_quantity",
                "nothing was bought, or the quantity is a correction",
                "quantity > 0",
                14_466,
                72_113,
            ),
            rule("non_positive_value", "nothing was paid", "sales > 0.00", 4_455, -1_240),
            rule(
                "non_merchandise",
                "fuel and services are not what a promotion moves",
                "departments: KIOSK-GAS, MISC SALES TRAN",
                1_497,
                33_488_984,
            ),
            rule("price_outlier", "robust z of the unit price above the limit", "|z| ≤ 8", 3, 0),
        ],
        rows_unexplained: 0,
        cents_unexplained: 0,
    }
}

fn bins(labels: &[&str], shares: &[f64]) -> Vec<HistogramBin> {
    let pairs = labels.iter().zip(shares);
    pairs.map(|(label, share)| HistogramBin { label: (*label).into(), share: *share }).collect()
}

fn column(
    table: &str,
    column: &str,
    read_from: &str,
    filled: f64,
    note: &str,
) -> ColumnCompleteness {
    ColumnCompleteness {
        table: table.into(),
        column: column.into(),
        read_from: read_from.into(),
        filled,
        note: note.into(),
    }
}

fn drift(name: &str, psi: f64, first: &str, last: &str) -> DriftRow {
    DriftRow { name: name.into(), psi, first: first.into(), last: last.into() }
}

fn mover(name: &str, first: f64, last: f64) -> Mover {
    Mover { name: name.into(), first, last, change: last / first - 1.0 }
}

fn anomaly(week: usize, series: &str, kind: &str, sales: f64, expected: f64) -> Anomaly {
    Anomaly {
        week: date(week * 7),
        series: series.into(),
        kind: kind.into(),
        sales,
        expected,
        robust_z: (sales - expected) / expected * 20.0,
        is_excluded: kind == "outlier",
    }
}

/// A page as two years of a grocery chain give.
pub(super) fn realistic() -> QualityPage {
    let categories = CATEGORIES.iter().enumerate();
    QualityPage {
        title: String::new(),
        source: "complete-journey".into(),
        data_window: "2 January 2017 to 15 December 2018".into(),
        currency: "$".into(),
        verdict: QualityVerdict::UsableWithCare,
        reasons: vec![
            "Sales rose by 38 % in the first 17 weeks while the panel was recruited: leave them \
             out of the fit."
                .into(),
            "Margin is assumed for all sales: the products table has no unit cost.".into(),
        ],
        facts: vec![
            fact("Rows kept", "2,575,311"),
            fact("Sales kept", "$7.72 million"),
            fact("Customers", "2,499"),
            fact("Products", "92,331"),
            fact("Stores", "582"),
            fact("Weeks", "102"),
        ],
        reconciliation: reconciliation(),
        weekly: series("", 76_000.0, 47, &[(17, 0.24), (83, -0.11)]),
        categories: categories
            .clone()
            .map(|(i, (name, price))| {
                series(name, 900.0 * price, 20 + 9 * i, &[(30 + 5 * i, -0.2)][..i % 2])
            })
            .collect(),
        stores: (0..4)
            .map(|i| series(&format!("Store {}", 300 + 17 * i), 4_000.0 / (1 + i) as f64, 60, &[]))
            .collect(),
        calendar: calendar(),
        completeness: vec![
            column("transactions", "customer_id", "household_key", 1.0, ""),
            column("transactions", "coupon_discount", "COUPON_DISC", 0.99997, "absent means none"),
            column("products", "category", "COMMODITY_DESC", 0.9987, "the rest counts as “other”"),
            column("products", "unit_cost", "", 0.0, "margin assumed by department"),
        ],
        depths: bins(
            &["none", "1–10 %", "10–20 %", "20–30 %", "30–40 %", "40–50 %", "over 50 %"],
            &[0.482, 0.061, 0.134, 0.158, 0.092, 0.051, 0.022],
        ),
        unit_prices: categories.map(|(i, (name, price))| strip(name, *price, i)).collect(),
        drift: vec![
            drift("Basket value", 0.031, "$28.10", "$30.42"),
            drift("Share on promotion", 0.142, "46 %", "55 %"),
            drift("Lines per customer", 0.388, "71", "118"),
            drift("Category mix", 0.018, "", ""),
        ],
        movers_up: vec![mover("Cheese", 1_980.0, 2_930.0), mover("Beef", 4_100.0, 5_120.0)],
        movers_down: vec![mover("Laundry detergents", 3_800.0, 2_240.0)],
        coverage: vec![
            share("Category", 0.9987, "counts as “other”"),
            share("Unit cost", 0.0, "margin assumed at 30 % of sales"),
            share("Regular price", 0.9412, "the shelf price stands in"),
        ],
        exposure: Some(exposure()),
        price_ledger: Some(price_ledger()),
        anomalies: vec![
            anomaly(47, "All sales", "outlier", 162_000.0, 95_300.0),
            anomaly(17, "All sales", "level shift", 94_240.0, 76_000.0),
        ],
        notes: vec!["Depth counts the loyalty and the shelf discount, not coupons.".into()],
    }
}

fn share(name: &str, share: f64, note: &str) -> CoverageShare {
    CoverageShare { name: name.into(), share, note: note.into() }
}

fn strip(name: &str, price: f64, index: usize) -> PriceStrip {
    PriceStrip {
        category: name.into(),
        lines: 90_000 - 9_000 * index as u64,
        p05: price * 0.45,
        p25: price * 0.8,
        p50: price,
        p75: price * 1.35,
        p95: price * 2.4,
    }
}

fn calendar() -> Calendar {
    let closed = [357, 356, 722 - 365];
    let lines = |index: usize| 3_000 + (index % 7) as u64 * 260 + (index as u64 * 37) % 500;
    let day = |index| CalendarDay {
        date: date(index),
        lines: if closed.contains(&index) { 0 } else { lines(index) },
    };
    Calendar {
        first_weekday: 0,
        days: (0..712).map(day).collect(),
        days_without_sales: 2,
        gaps: vec!["24 December 2017 to 25 December 2017 (2 days)".into()],
    }
}

fn price_ledger() -> PriceLedger {
    PriceLedger {
        products: 41_202,
        weeks: 102,
        entries: 1_920_412,
        share_on_promotion: 0.362,
        median_depth: 0.21,
        share_above_30_day_low: 0.174,
        facts: vec![fact("Products with one price only", "8,112")],
    }
}

fn exposure() -> ExposureOverlap {
    ExposureOverlap {
        facts: vec![
            fact("Exposures", "7,208"),
            fact("Offers", "30"),
            fact("Customers reached", "1,584"),
        ],
        offers_at_once: bins(
            &["none", "1", "2", "3", "4", "5 or more"],
            &[0.71, 0.13, 0.08, 0.05, 0.02, 0.01],
        ),
        remarks: vec!["16 % of customer-weeks see more than one offer at once.".into()],
    }
}

/// Unknown numbers, markup in every text, indices out of range, absurd sizes.
pub(super) fn nasty() -> QualityPage {
    let evil = "<script>alert(1)</script> & \"quoted\" \u{1}";
    let mut page = realistic();
    page.title = evil.into();
    page.source = evil.into();
    page.currency = "<b>CHF".into();
    page.reasons = vec![evil.into()];
    page.reconciliation.rules[0].setting = evil.into();
    page.reconciliation.cents_unexplained = -1;
    page.reconciliation.cents_in = 0;
    page.reconciliation.cents_kept = i64::MIN;
    page.weekly.weeks[3].sales = f64::NAN;
    page.weekly.weeks[4].expected = Estimate::unknown();
    page.weekly.weeks[5].week = evil.into();
    page.weekly.level_shifts.push(LevelShift { week: 9_999, change: f64::INFINITY });
    page.categories[0].weeks.clear();
    page.categories[1].weeks.truncate(1);
    page.categories[2].name = evil.into();
    page.calendar.first_weekday = 90;
    page.calendar.days[1].date = "é".into();
    page.completeness[0].filled = f64::NAN;
    page.depths[0].share = f64::NEG_INFINITY;
    page.depths[1].label = evil.into();
    page.unit_prices[0].p05 = -3.0;
    page.unit_prices[1].p50 = f64::NAN;
    page.drift[0].psi = f64::NAN;
    page.drift[1].psi = 1e300;
    page.movers_up[0].change = f64::NAN;
    page.anomalies[0].series = evil.into();
    page
}
