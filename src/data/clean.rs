//! Cleaning one run of customers: the rules that need a line, its neighbours or its customer.
//!
//! The two price rules need all lines of a product and are applied later (`prices`).

use super::column::MISSING;
use super::config::{CleanConfig, UnknownProducts};
use super::intern::NO_BASKET;
use super::line::Line;
use super::products::Products;
use super::rules::{Account, Rule, micros};

/// What the rules compare with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits<'a> {
    /// Thresholds.
    pub(super) config: &'a CleanConfig,
    /// First and last day allowed.
    pub(super) days: (i32, i32),
    /// Facts by product rank.
    pub(super) products: &'a Products,
}

/// Applies the rules to the lines of whole customers, which it sorts; what is left was kept.
///
/// Idempotent: cleaning what was kept rejects nothing, because each rule looks at a line alone, at
/// equal lines of which one stays, at returns of which none stays, or at whole customers of whom
/// all or nothing stays.
pub(super) fn clean(lines: &mut Vec<Line>, limits: &Limits<'_>, account: &mut Account) {
    // Of equal lines the one that stands first in the files stays first.
    lines.sort_unstable_by(|left, right| left.compare(right).then(left.row.cmp(&right.row)));
    let mut verdicts: Vec<Option<Rule>> = vec![None; lines.len()];
    mark_duplicates(lines, &mut verdicts);
    if limits.config.match_returns {
        match_returns(lines, &mut verdicts);
    }
    for (line, verdict) in lines.iter().zip(&mut verdicts) {
        if verdict.is_none() {
            *verdict = line_rule(line, limits);
        }
    }
    mark_implausible_customers(lines, limits.config.max_lines_per_week, &mut verdicts);
    let mut verdicts = verdicts.into_iter();
    lines.retain(|line| {
        let verdict = verdicts.next().expect("one verdict per line");
        if let Some(rule) = verdict {
            account.reject(line.row, rule, line.sales);
        }
        verdict.is_none()
    });
}

fn mark_duplicates(lines: &[Line], verdicts: &mut [Option<Rule>]) {
    for (index, pair) in lines.windows(2).enumerate() {
        // Without a basket, equal lines may be two purchases.
        let copied = pair[1].basket != NO_BASKET && pair[0].compare(&pair[1]).is_eq();
        if copied {
            verdicts[index + 1] = Some(Rule::DuplicateLine);
        }
    }
}

/// Pairs each return with the latest earlier sale of the same customer and product, of the same
/// quantity and value.
fn match_returns(lines: &[Line], verdicts: &mut [Option<Rule>]) {
    for index in 0..lines.len() {
        let back = lines[index];
        if verdicts[index].is_some() || back.sales >= 0.0 {
            continue;
        }
        let is_sale = |sale: &Line| {
            sale.product == back.product
                && sale.quantity == back.quantity.abs()
                && micros(sale.sales) == -micros(back.sales)
        };
        // Lines of a day are ordered by basket, so a return may stand before its sale of that day.
        let later = lines[index..]
            .iter()
            .take_while(|line| (line.customer, line.day) == (back.customer, back.day));
        let end = index + later.count();
        let sale = (0..end)
            .rev()
            .take_while(|at| lines[*at].customer == back.customer)
            .find(|at| verdicts[*at].is_none() && is_sale(&lines[*at]));
        if let Some(sale) = sale {
            verdicts[sale] = Some(Rule::ReturnedSale);
            verdicts[index] = Some(Rule::MatchedReturn);
        }
    }
}

fn line_rule(line: &Line, limits: &Limits<'_>) -> Option<Rule> {
    let products = limits.products;
    let product = line.product as usize;
    let discount = line.shelf_discount + line.offer_discount;
    // Half a cent of slack, because money in files is rounded.
    let above_depth = discount > limits.config.max_depth * line.gross() + 0.005;
    // A comparison with NaN is false, so an unknown list price rejects nothing.
    let above_list = discount > products.list_price[product] * line.quantity + 0.005;
    let reject_unknown = limits.config.unknown_products == UnknownProducts::Reject;
    // Less than half a millionth of a unit or of money is nothing, and would make absurd prices.
    let checks = [
        (Rule::NonPositiveQuantity, micros(line.quantity) <= 0),
        (Rule::NonPositiveSales, micros(line.sales) <= 0),
        (Rule::NegativeDiscount, line.shelf_discount < 0.0 || line.offer_discount < 0.0),
        (Rule::DiscountAboveShelfPrice, above_depth || above_list),
        (Rule::ExcludedDepartment, products.excluded[product]),
        (Rule::UnknownProduct, reject_unknown && !products.known[product]),
        (Rule::WeightSoldQuantity, line.quantity > limits.config.max_quantity),
        (Rule::OutsideDates, line.day < limits.days.0 || line.day > limits.days.1),
    ];
    checks.into_iter().find(|(_, hit)| *hit).map(|(rule, _)| rule)
}

/// Rejects all lines of a customer with more than `limit` of them in one week (Monday to Sunday).
fn mark_implausible_customers(lines: &[Line], limit: u32, verdicts: &mut [Option<Rule>]) {
    if limit == 0 {
        return;
    }
    // Day 4 of 1970 was a Monday.
    let week = |line: &Line| (line.day - 4).div_euclid(7);
    let mut start = 0;
    for group in lines.chunk_by(|left, right| left.customer == right.customer) {
        let own = start..start + group.len();
        start = own.end;
        if group.len() <= limit as usize {
            continue;
        }
        let mut counted = own.clone();
        let mut too_many = false;
        for days in group.chunk_by(|left, right| week(left) == week(right)) {
            let at = counted.start;
            counted.start += days.len();
            let kept = verdicts[at..counted.start].iter().filter(|verdict| verdict.is_none());
            too_many |= kept.count() > limit as usize;
        }
        if too_many {
            for verdict in verdicts[own].iter_mut().filter(|verdict| verdict.is_none()) {
                *verdict = Some(Rule::ImplausibleCustomer);
            }
        }
    }
}

/// Whether a line that was read lacks something that no rule can do without.
pub(super) fn lacks_key(line: &Line, missing_day: bool) -> bool {
    line.customer == MISSING
        || line.product == MISSING
        || missing_day
        || line.quantity.is_nan()
        || line.sales.is_nan()
}
