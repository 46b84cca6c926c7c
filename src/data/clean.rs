//! Cleaning: named rules in a fixed order; a line is counted by the first rule that rejects it.

use super::column::{MISSING, MISSING_DAY};
use super::config::CleanConfig;
use super::line::Line;
use super::quality::RuleCount;

/// Why a transaction line is not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// Customer, date, product, quantity or sales value is missing.
    MissingKey,
    /// All mapped columns, basket included, repeat another line.
    DuplicateLine,
    /// Returns and corrections.
    NonPositiveQuantity,
    /// Free goods and refunds.
    NonPositiveSales,
    /// A discount that adds to the price.
    NegativeDiscount,
    /// More off than a price cut can take, or more than the list price.
    DiscountAboveShelfPrice,
    /// Not the demand that offers are about.
    ExcludedDepartment,
    /// Grams or litres, not units.
    WeightSoldQuantity,
    /// Outside `first_date` and `last_date`.
    OutsideDates,
    /// Far from what the product usually costs.
    ImplausibleUnitPrice,
}

impl Rule {
    /// Every rule in the order of application.
    pub const ALL: [Rule; 10] = [
        Rule::MissingKey,
        Rule::DuplicateLine,
        Rule::NonPositiveQuantity,
        Rule::NonPositiveSales,
        Rule::NegativeDiscount,
        Rule::DiscountAboveShelfPrice,
        Rule::ExcludedDepartment,
        Rule::WeightSoldQuantity,
        Rule::OutsideDates,
        Rule::ImplausibleUnitPrice,
    ];

    /// Name in reports and files.
    pub fn name(self) -> &'static str {
        match self {
            Rule::MissingKey => "missing_key",
            Rule::DuplicateLine => "duplicate_line",
            Rule::NonPositiveQuantity => "non_positive_quantity",
            Rule::NonPositiveSales => "non_positive_sales",
            Rule::NegativeDiscount => "negative_discount",
            Rule::DiscountAboveShelfPrice => "discount_above_shelf_price",
            Rule::ExcludedDepartment => "excluded_department",
            Rule::WeightSoldQuantity => "weight_sold_quantity",
            Rule::OutsideDates => "outside_dates",
            Rule::ImplausibleUnitPrice => "implausible_unit_price",
        }
    }

    /// Why such a line cannot be used.
    pub fn reason(self) -> &'static str {
        match self {
            Rule::MissingKey => "customer, date, product, quantity or sales value is missing",
            Rule::DuplicateLine => "every mapped column repeats another line of the basket",
            Rule::NonPositiveQuantity => "a return or correction says nothing about demand",
            Rule::NonPositiveSales => "without a price paid there is no price to learn from",
            Rule::NegativeDiscount => "a discount cannot add to the price",
            Rule::DiscountAboveShelfPrice => {
                "more was taken off than the list price or clean.max_depth allows"
            }
            Rule::ExcludedDepartment => "the department is listed in clean.exclude_departments",
            Rule::WeightSoldQuantity => "above clean.max_quantity it is a weight, not units",
            Rule::OutsideDates => "the date is before first_date or after last_date",
            Rule::ImplausibleUnitPrice => {
                "the unit price is further than clean.max_price_ratio from the product's median"
            }
        }
    }
}

/// What the rules compare with.
#[derive(Debug)]
pub(super) struct Limits<'a> {
    /// Thresholds.
    pub(super) config: &'a CleanConfig,
    /// Whether equal lines are copies of each other.
    pub(super) has_baskets: bool,
    /// First and last day allowed.
    pub(super) days: (i32, i32),
    /// By product: whether its department is excluded.
    pub(super) excluded: &'a [bool],
    /// By product: list price, NaN when unknown.
    pub(super) list_price: &'a [f64],
}

/// Lines that passed, in order, and an account of those that did not.
#[derive(Debug)]
pub(super) struct Cleaned {
    pub(super) kept: Vec<Line>,
    pub(super) rejected: Vec<(Line, Rule)>,
    pub(super) sales_in: f64,
    pub(super) sales_kept: f64,
    pub(super) rules: Vec<RuleCount>,
}

/// Applies all rules to sorted lines.
///
/// Idempotent: cleaning what was kept rejects nothing. Unit prices are compared with the median of
/// what remains until nothing more is rejected, because each removal can move the median.
pub(super) fn clean(lines: &[Line], limits: &Limits<'_>) -> Cleaned {
    let mut verdicts: Vec<Option<Rule>> = (0..lines.len())
        .map(|index| {
            let previous = index.checked_sub(1).map(|before| &lines[before]);
            first_rule(&lines[index], previous, limits)
        })
        .collect();
    reject_implausible_prices(lines, limits, &mut verdicts);
    let mut rules: Vec<RuleCount> = Rule::ALL.into_iter().map(empty_count).collect();
    let (mut kept, mut rejected) = (Vec::new(), Vec::new());
    let (mut sales_in, mut sales_kept) = (0.0, 0.0);
    for (line, verdict) in lines.iter().zip(verdicts) {
        let sales = if line.sales.is_nan() { 0.0 } else { line.sales };
        sales_in += sales;
        match verdict {
            None => {
                kept.push(*line);
                sales_kept += sales;
            }
            Some(rule) => {
                rejected.push((*line, rule));
                rules[rule as usize].rows += 1;
                rules[rule as usize].sales_value += sales;
            }
        }
    }
    Cleaned { kept, rejected, sales_in, sales_kept, rules }
}

fn empty_count(rule: Rule) -> RuleCount {
    RuleCount {
        name: rule.name().to_owned(),
        reason: rule.reason().to_owned(),
        rows: 0,
        sales_value: 0.0,
    }
}

fn first_rule(line: &Line, previous: Option<&Line>, limits: &Limits<'_>) -> Option<Rule> {
    let missing = line.customer == MISSING
        || line.product == MISSING
        || line.day == MISSING_DAY
        || line.quantity.is_nan()
        || line.sales.is_nan();
    if missing {
        return Some(Rule::MissingKey);
    }
    let copied = limits.has_baskets
        && line.basket != MISSING
        && previous.is_some_and(|other| line.compare(other).is_eq());
    let product = line.product as usize;
    let discount = line.shelf_discount + line.offer_discount;
    // Half a cent of slack, because money in files is rounded.
    let above_depth = discount > limits.config.max_depth * line.gross() + 0.005;
    // A comparison with NaN is false, so an unknown list price rejects nothing.
    let above_list = discount > limits.list_price[product] * line.quantity + 0.005;
    let checks = [
        (Rule::DuplicateLine, copied),
        (Rule::NonPositiveQuantity, line.quantity <= 0.0),
        (Rule::NonPositiveSales, line.sales <= 0.0),
        (Rule::NegativeDiscount, line.shelf_discount < 0.0 || line.offer_discount < 0.0),
        (Rule::DiscountAboveShelfPrice, above_depth || above_list),
        (Rule::ExcludedDepartment, limits.excluded[product]),
        (Rule::WeightSoldQuantity, line.quantity > limits.config.max_quantity),
        (Rule::OutsideDates, line.day < limits.days.0 || line.day > limits.days.1),
    ];
    checks.into_iter().find(|(_, hit)| *hit).map(|(rule, _)| rule)
}

fn reject_implausible_prices(lines: &[Line], limits: &Limits<'_>, verdicts: &mut [Option<Rule>]) {
    let mut order: Vec<usize> =
        (0..lines.len()).filter(|index| verdicts[*index].is_none()).collect();
    order.sort_by_key(|index| lines[*index].product);
    let ratio = limits.config.max_price_ratio;
    for product in order.chunk_by(|left, right| lines[*left].product == lines[*right].product) {
        let mut prices: Vec<(f64, usize)> = product
            .iter()
            .map(|index| (lines[*index].gross() / lines[*index].quantity, *index))
            .collect();
        prices.sort_by(|left, right| left.0.total_cmp(&right.0));
        let mut plausible = &prices[..];
        // Prices are sorted, so what is rejected lies at the two ends.
        while let Some((median, _)) = plausible.get(plausible.len() / 2) {
            let start = plausible.partition_point(|(price, _)| *price < median / ratio);
            let end = plausible.partition_point(|(price, _)| *price <= median * ratio);
            if (start, end) == (0, plausible.len()) {
                break;
            }
            for (_, index) in plausible[..start].iter().chain(&plausible[end..]) {
                verdicts[*index] = Some(Rule::ImplausibleUnitPrice);
            }
            plausible = &plausible[start..end];
        }
    }
}
