//! What the products table says about the products that were sold: category, department, cost.

use super::column::MISSING;
use super::config::DataConfig;
use super::error::DataError;
use super::history::OTHER_CATEGORY;
use super::table::{Table, unique_rows};

/// Facts by product rank.
#[derive(Debug)]
pub(super) struct Products {
    /// Whether the products table has it.
    pub(super) known: Vec<bool>,
    /// Index into `category_names`; `None` is "other".
    pub(super) category: Vec<Option<u32>>,
    /// Whether its department is excluded.
    pub(super) excluded: Vec<bool>,
    /// List price, NaN when unknown.
    pub(super) list_price: Vec<f64>,
    /// Brand as a number of its own; `MISSING` when unknown.
    pub(super) brand: Vec<u32>,
    /// Whether it is the retailer's own label, where known.
    pub(super) private_label: Vec<Option<bool>>,
    /// What a unit costs.
    pub(super) cost: Vec<Cost>,
    /// Category names, ascending.
    pub(super) category_names: Vec<String>,
}

/// How the cost of a line is known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Cost {
    /// Money per unit, from the products table.
    PerUnit(f64),
    /// Margin of the regular price, from the products table.
    Rate(f64),
    /// The same, assumed for the department.
    DepartmentRate(f64),
    /// The same, assumed for everything.
    DefaultRate(f64),
}

impl Cost {
    /// Cost of a line, money.
    pub(super) fn of(self, quantity: f64, gross: f64) -> f64 {
        match self {
            Cost::PerUnit(cost) => quantity * cost,
            Cost::Rate(rate) | Cost::DepartmentRate(rate) | Cost::DefaultRate(rate) => {
                gross * (1.0 - rate)
            }
        }
    }
}

/// Looks every sold product up in the products table.
pub(super) fn describe(
    table: &Table,
    sold: &[String],
    config: &DataConfig,
) -> Result<Products, DataError> {
    check_values(table)?;
    let row_of = match table.identifiers("product_id") {
        Some(ids) => unique_rows(ids, |row, name| table.duplicate("product_id", row, name))?,
        None => Default::default(),
    };
    let (category_names, ranks) =
        table.identifiers("category").map(|column| column.names.ranked()).unwrap_or_default();
    let is_excluded = |department: &str| {
        let listed = &config.clean.exclude_departments;
        listed.iter().any(|excluded| excluded.eq_ignore_ascii_case(department))
    };
    let mut products = Products {
        known: Vec::new(),
        category: Vec::new(),
        excluded: Vec::new(),
        list_price: Vec::new(),
        brand: Vec::new(),
        private_label: Vec::new(),
        cost: Vec::new(),
        category_names,
    };
    let brands = table.identifiers("brand").map(|column| column.names.ranked().1);
    for id in sold {
        let row = row_of.get(id.as_str()).copied();
        let category = row.and_then(|row| {
            let code = table.identifiers("category")?.codes[row];
            let rank = *ranks.get(code as usize)?;
            let name = &products.category_names[rank as usize];
            (!name.eq_ignore_ascii_case(OTHER_CATEGORY)).then_some(rank)
        });
        let department = row.and_then(|row| table.name("department", row));
        let number = |name| row.and_then(|row| table.number(name, row));
        products.known.push(row.is_some());
        products.category.push(category);
        products.excluded.push(department.is_some_and(is_excluded));
        products.list_price.push(number("list_price").unwrap_or(f64::NAN));
        let brand = row.and_then(|row| {
            let code = table.identifiers("brand")?.codes[row];
            brands.as_ref()?.get(code as usize).copied()
        });
        products.brand.push(brand.unwrap_or(MISSING));
        let label = row.and_then(|row| table.name("private_label", row));
        products.private_label.push(label.map(is_private_label));
        products.cost.push(cost(number("unit_cost"), number("margin_rate"), department, config));
    }
    Ok(products)
}

/// Whether a cell of `private_label` says yes.
fn is_private_label(text: &str) -> bool {
    const YES: [&str; 8] =
        ["1", "true", "yes", "y", "private", "private label", "own", "store brand"];
    YES.iter().any(|yes| yes.eq_ignore_ascii_case(text))
}

fn cost(
    unit_cost: Option<f64>,
    margin_rate: Option<f64>,
    department: Option<&str>,
    config: &DataConfig,
) -> Cost {
    let assumed = department.and_then(|name| config.margin_by_department.get(name));
    match (unit_cost, margin_rate, assumed) {
        (Some(cost), _, _) => Cost::PerUnit(cost),
        (_, Some(rate), _) => Cost::Rate(rate),
        (_, _, Some(rate)) => Cost::DepartmentRate(*rate),
        _ => Cost::DefaultRate(config.default_margin_rate),
    }
}

fn check_values(table: &Table) -> Result<(), DataError> {
    for row in 0..table.rows {
        if let Some(cost) = table.number("unit_cost", row).filter(|cost| *cost < 0.0) {
            let expected = "a unit cost of at least 0";
            return Err(table.out_of_range("unit_cost", row, cost, expected));
        }
        let rate = table.number("margin_rate", row);
        if let Some(rate) = rate.filter(|rate| !(-1.0..1.0).contains(rate)) {
            let expected = "a margin rate from -1 to below 1 (0.3 for 30 %)";
            return Err(table.out_of_range("margin_rate", row, rate, expected));
        }
        if let Some(price) = table.number("list_price", row).filter(|price| *price < 0.0) {
            let expected = "a list price of at least 0";
            return Err(table.out_of_range("list_price", row, price, expected));
        }
    }
    Ok(())
}
