//! The table of limits behind the verdict; every number has its reason beside it.

/// From where on a figure calls for care, and from where on it forbids use.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limit {
    /// Name in the assessment.
    pub check: &'static str,
    /// Whether large figures are bad, or small ones.
    pub bad_when_above: bool,
    /// Beyond this: usable with care.
    pub care: f64,
    /// Beyond this: not usable; `None` when it never forbids use.
    pub refuse: Option<f64>,
    /// Why these numbers.
    pub why: &'static str,
}

const fn above(check: &'static str, care: f64, refuse: Option<f64>, why: &'static str) -> Limit {
    Limit { check, bad_when_above: true, care, refuse, why }
}

const fn below(check: &'static str, care: f64, refuse: Option<f64>, why: &'static str) -> Limit {
    Limit { check, bad_when_above: false, care, refuse, why }
}

/// Share of sales removed because lines were faulty.
pub const SALES_REMOVED: Limit = above(
    "sales_removed",
    0.05,
    Some(0.25),
    "a twentieth is about what an offer moves; without a quarter, totals mean nothing",
);
/// Share of rows removed because they were faulty.
pub const ROWS_REMOVED: Limit = above(
    "rows_removed",
    0.1,
    Some(0.5),
    "many small faulty lines are a sign of a wrong column mapping",
);
/// Share of rows that repeat another.
pub const DUPLICATE_ROWS: Limit = above(
    "duplicate_rows",
    0.02,
    None,
    "true repeats in one basket are rare; more looks like files loaded twice",
);
/// Share of rows without a key column other than the customer.
pub const KEY_MISSING: Limit = above(
    "key_missing",
    0.01,
    Some(0.2),
    "tills record date, product, quantity and value on every line",
);
/// Share of rows without a customer.
pub const CUSTOMER_MISSING: Limit = above(
    "customer_missing",
    0.05,
    Some(0.8),
    "sales without a card are common; the rest must still stand for the trade",
);
/// Whole weeks with sales.
pub const WEEKS: Limit = below(
    "weeks",
    26.0,
    Some(8.0),
    "half a year shows a habit; in under eight weeks few customers come often enough to show one",
);
/// Share of whole weeks without sales.
pub const MISSING_WEEKS: Limit = above(
    "missing_weeks",
    0.0,
    Some(0.1),
    "a shop that trades has sales every week, and a missing week looks like lost customers",
);
/// Share of usual trading days without sales.
pub const MISSING_DAYS: Limit =
    above("missing_days", 0.05, Some(0.25), "public holidays close a shop on up to 4% of days");
/// Share of trading days with hardly any sales.
pub const THIN_DAYS: Limit = above(
    "thin_days",
    0.02,
    None,
    "about one day in fifty is shortened or snowed in; more is loss",
);
/// Share of sales without a category.
pub const UNKNOWN_CATEGORY: Limit = above(
    "unknown_category",
    0.1,
    Some(0.5),
    "offers are for categories: what has none can neither be offered nor learned from",
);
/// Share of sales whose cost is assumed.
pub const UNKNOWN_COST: Limit = above(
    "unknown_cost",
    0.5,
    None,
    "assumed margins move all profits alike but may rank categories wrongly",
);
/// Customers.
pub const CUSTOMERS: Limit = below(
    "customers",
    1000.0,
    Some(100.0),
    "a share of 5% is known to ± 1.4 points from 1,000 customers and to ± 4.3 from 100",
);
/// Share of the customers of the first quarter who also buy in the last.
pub const CUSTOMERS_KEPT: Limit = below(
    "customers_kept",
    0.1,
    None,
    "fewer than a tenth returning looks like customer numbers issued anew",
);
/// Change of the number of active customers between the quarters, either way.
pub const CUSTOMERS_CHANGED: Limit = above(
    "customers_changed",
    0.25,
    None,
    "a panel that grows or shrinks by a quarter mixes new customers with changed habits",
);
/// Lasting change of total sales, either way.
pub const LEVEL_SHIFT: Limit = above(
    "level_shift",
    0.0,
    None,
    "told only when beyond chance and 5%; the fit takes the level for constant",
);
/// Population stability index between first and last quarter.
pub const DRIFT: Limit =
    above("drift", super::drift::PSI_LARGE, None, "the usual limit for another distribution");

/// Every limit, in the order of the report.
pub const LIMITS: [Limit; 16] = [
    SALES_REMOVED,
    ROWS_REMOVED,
    DUPLICATE_ROWS,
    KEY_MISSING,
    CUSTOMER_MISSING,
    WEEKS,
    MISSING_WEEKS,
    MISSING_DAYS,
    THIN_DAYS,
    UNKNOWN_CATEGORY,
    UNKNOWN_COST,
    CUSTOMERS,
    CUSTOMERS_KEPT,
    CUSTOMERS_CHANGED,
    LEVEL_SHIFT,
    DRIFT,
];
