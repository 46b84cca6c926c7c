//! The cleaning rules by name, and the account of what each of them removed.

use super::quality::RuleCount;

/// Why a transaction line is not used. A line is counted by the first rule that rejects it, in the
/// order of the variants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// The customer asked to be forgotten.
    ForgottenCustomer,
    /// Customer, date, product, quantity or sales value is missing.
    MissingKey,
    /// A date that no calendar has, or outside 1990 to 2100.
    ImpossibleDate,
    /// All mapped columns, basket included, repeat another line.
    DuplicateLine,
    /// A return that undoes a whole earlier sale.
    MatchedReturn,
    /// The sale that a return undoes.
    ReturnedSale,
    /// Other returns and corrections.
    NonPositiveQuantity,
    /// Free goods and refunds.
    NonPositiveSales,
    /// A discount that adds to the price.
    NegativeDiscount,
    /// More off than a price cut can take, or more than the list price.
    DiscountAboveShelfPrice,
    /// Not the demand that offers are about.
    ExcludedDepartment,
    /// Not in the products table, where `clean.unknown_products = "reject"`.
    UnknownProduct,
    /// Grams or litres, not units.
    WeightSoldQuantity,
    /// Outside `first_date` and `last_date`.
    OutsideDates,
    /// A till, staff or test account: more lines in one week than a household buys.
    ImplausibleCustomer,
    /// Far from what the product usually costs, as a ratio.
    ImplausibleUnitPrice,
    /// Far from what the product usually costs, by its own spread.
    PriceOutlier,
}

impl Rule {
    /// Every rule in the order of application.
    pub const ALL: [Rule; 17] = [
        Rule::ForgottenCustomer,
        Rule::MissingKey,
        Rule::ImpossibleDate,
        Rule::DuplicateLine,
        Rule::MatchedReturn,
        Rule::ReturnedSale,
        Rule::NonPositiveQuantity,
        Rule::NonPositiveSales,
        Rule::NegativeDiscount,
        Rule::DiscountAboveShelfPrice,
        Rule::ExcludedDepartment,
        Rule::UnknownProduct,
        Rule::WeightSoldQuantity,
        Rule::OutsideDates,
        Rule::ImplausibleCustomer,
        Rule::ImplausibleUnitPrice,
        Rule::PriceOutlier,
    ];

    /// Name in reports and files.
    pub fn name(self) -> &'static str {
        match self {
            Rule::ForgottenCustomer => "forgotten_customer",
            Rule::MissingKey => "missing_key",
            Rule::ImpossibleDate => "impossible_date",
            Rule::DuplicateLine => "duplicate_line",
            Rule::MatchedReturn => "matched_return",
            Rule::ReturnedSale => "returned_sale",
            Rule::NonPositiveQuantity => "non_positive_quantity",
            Rule::NonPositiveSales => "non_positive_sales",
            Rule::NegativeDiscount => "negative_discount",
            Rule::DiscountAboveShelfPrice => "discount_above_shelf_price",
            Rule::ExcludedDepartment => "excluded_department",
            Rule::UnknownProduct => "unknown_product",
            Rule::WeightSoldQuantity => "weight_sold_quantity",
            Rule::OutsideDates => "outside_dates",
            Rule::ImplausibleCustomer => "implausible_customer",
            Rule::ImplausibleUnitPrice => "implausible_unit_price",
            Rule::PriceOutlier => "price_outlier",
        }
    }

    /// Why such a line cannot be used.
    pub fn reason(self) -> &'static str {
        match self {
            Rule::ForgottenCustomer => "the customer is forgotten by `promopt forget`",
            Rule::MissingKey => "customer, date, product, quantity or sales value is missing",
            Rule::ImpossibleDate => "no calendar has the date, or it is not from 1990 to 2100",
            Rule::DuplicateLine => "every mapped column repeats another line of the basket",
            Rule::MatchedReturn => "the customer brought back all of an earlier line",
            Rule::ReturnedSale => "this line was brought back, so it was no demand",
            Rule::NonPositiveQuantity => "a return or correction says nothing about demand",
            Rule::NonPositiveSales => "without a price paid there is no price to learn from",
            Rule::NegativeDiscount => "a discount cannot add to the price",
            Rule::DiscountAboveShelfPrice => {
                "more was taken off than the list price or clean.max_depth allows"
            }
            Rule::ExcludedDepartment => "the department is listed in clean.exclude_departments",
            Rule::UnknownProduct => "the product is not in the products table",
            Rule::WeightSoldQuantity => "above clean.max_quantity it is a weight, not units",
            Rule::OutsideDates => "the date is before first_date or after last_date",
            Rule::ImplausibleCustomer => {
                "the customer has a week with more lines than a household buys (a till, staff or \
                 test account)"
            }
            Rule::ImplausibleUnitPrice => {
                "the unit price is further than clean.max_price_ratio from the product's median"
            }
            Rule::PriceOutlier => {
                "the unit price is an outlier among the product's prices by robust z"
            }
        }
    }
}

/// Money as a whole number of millionths, so that sums are exact in any order.
pub(super) fn micros(money: f64) -> i64 {
    nearest_whole(money * 1e6)
}

/// The nearest whole number, halves away from zero; saturates, and NaN gives 0. A conversion is
/// several times faster than the library's rounding, which is a call.
pub(super) fn nearest_whole(number: f64) -> i64 {
    (number + 0.5_f64.copysign(number)) as i64
}

/// Money of a sum of [`micros`].
pub(super) fn money(micros: i128) -> f64 {
    micros as f64 / 1e6
}

/// A transaction line that a rule rejected.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rejection {
    pub(super) row: u32,
    pub(super) rule: Rule,
    /// NaN when missing.
    pub(super) sales: f64,
}

/// What was read, what was kept, and what each rule removed.
#[derive(Debug, Clone, Default)]
pub(super) struct Account {
    pub(super) rows_in: u64,
    pub(super) sales_in: i128,
    rows: [u64; Rule::ALL.len()],
    sales: [i128; Rule::ALL.len()],
    /// The rejected lines, where somebody asked for them.
    pub(super) listed: Option<Vec<Rejection>>,
}

impl Account {
    /// An empty account that lists rejected lines or only counts them.
    pub(super) fn new(list: bool) -> Self {
        Self { listed: list.then(Vec::new), ..Self::default() }
    }

    /// Books a line that was read.
    pub(super) fn read(&mut self, sales: f64) {
        self.rows_in += 1;
        self.sales_in += i128::from(micros(sales));
    }

    /// Books a rejected line.
    pub(super) fn reject(&mut self, row: u32, rule: Rule, sales: f64) {
        self.rows[rule as usize] += 1;
        self.sales[rule as usize] += i128::from(micros(sales));
        if let Some(listed) = &mut self.listed {
            listed.push(Rejection { row, rule, sales });
        }
    }

    /// Adds another account.
    pub(super) fn merge(&mut self, other: Account) {
        self.rows_in += other.rows_in;
        self.sales_in += other.sales_in;
        for index in 0..Rule::ALL.len() {
            self.rows[index] += other.rows[index];
            self.sales[index] += other.sales[index];
        }
        if let (Some(listed), Some(more)) = (&mut self.listed, other.listed) {
            listed.extend(more);
        }
    }

    /// Lines that no rule rejected.
    pub(super) fn rows_kept(&self) -> u64 {
        self.rows_in - self.rows.iter().sum::<u64>()
    }

    /// Sales value of the lines that no rule rejected, in millionths.
    pub(super) fn sales_kept(&self) -> i128 {
        self.sales_in - self.sales.iter().sum::<i128>()
    }

    /// Every rule with what it removed, also those that hit nothing.
    pub(super) fn counts(&self, setting: impl Fn(Rule) -> String) -> Vec<RuleCount> {
        let count = |rule: Rule| RuleCount {
            name: rule.name().to_owned(),
            reason: rule.reason().to_owned(),
            setting: setting(rule),
            rows: self.rows[rule as usize],
            sales_value: money(self.sales[rule as usize]),
        };
        Rule::ALL.into_iter().map(count).collect()
    }
}
