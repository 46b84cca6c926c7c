//! From cleaned lines to categories and cells.

use super::config::DataConfig;
use super::history::{Category, Cell, OTHER_CATEGORY};
use super::intern::NO_BASKET;
use super::line::Line;
use super::products::Products;

/// Names of the categories ("other" last) and the category of each product.
#[derive(Debug)]
pub(super) struct Grouping {
    pub(super) names: Vec<String>,
    pub(super) of_product: Vec<u16>,
}

/// Weeks of the history.
#[derive(Debug, Clone, Copy)]
pub(super) struct Weeks {
    /// First day of week 0.
    pub(super) first_day: i32,
    /// Number of weeks.
    pub(super) count: u32,
}

impl Weeks {
    /// Week index of a day, when inside the history.
    pub(super) fn index(self, day: i32) -> Option<u32> {
        let week = (i64::from(day) - i64::from(self.first_day)).div_euclid(7);
        u32::try_from(week).ok().filter(|week| *week < self.count)
    }
}

/// Picks the categories with the largest sales value; ties go by name.
///
/// `sales` is the kept sales value by product, in millionths.
pub(super) fn choose_categories(
    sales_of: &[i128],
    products: &Products,
    config: &DataConfig,
) -> Grouping {
    let mut sales = vec![0_i128; products.category_names.len()];
    for (product, own) in sales_of.iter().enumerate() {
        if let Some(category) = products.category[product] {
            sales[category as usize] += own;
        }
    }
    let mut order: Vec<usize> = (0..sales.len())
        .filter(|category| sales[*category] > 0)
        .filter(|category| {
            !config.untargeted_categories.contains(&products.category_names[*category])
        })
        .collect();
    // The sort is stable and names are ascending, so ties go by name.
    order.sort_by(|left, right| sales[*right].cmp(&sales[*left]));
    order.truncate(config.n_categories);
    let mut names: Vec<String> = config.categories.clone();
    if names.is_empty() {
        names = order.iter().map(|category| products.category_names[*category].clone()).collect();
    }
    let other = names.len() as u16;
    let position = |name: &String| names.iter().position(|chosen| chosen == name);
    let index: Vec<u16> = products
        .category_names
        .iter()
        .map(|name| position(name).map_or(other, |position| position as u16))
        .collect();
    let of_product = products.category.iter();
    let of_product = of_product.map(|category| category.map_or(other, |name| index[name as usize]));
    names.push(OTHER_CATEGORY.to_owned());
    Grouping { names, of_product: of_product.collect() }
}

/// Sums the lines of one customer, sorted by day, into cells sorted by week and category.
pub(super) fn cells(
    lines: &mut [Line],
    customer: u32,
    weeks: Weeks,
    grouping: &Grouping,
    products: &Products,
    out: &mut Vec<Cell>,
) {
    let category = |line: &Line| grouping.of_product[line.product as usize];
    let week = |line: &Line| weeks.index(line.day).expect("the weeks span every kept line");
    for days in lines.chunk_by_mut(|left, right| week(left) == week(right)) {
        days.sort_by_key(category);
        let week = week(&days[0]);
        for group in days.chunk_by_mut(|left, right| category(left) == category(right)) {
            let baskets =
                1 + group.windows(2).filter(|two| basket(&two[0]) != basket(&two[1])).count();
            // Sums of money depend on the order in their last bit, and must not on basket names.
            group.sort_unstable_by(Line::compare_contents);
            let mut cell = Cell {
                customer,
                week,
                category: category(&group[0]),
                baskets: u16::try_from(baskets).unwrap_or(u16::MAX),
                units: 0.0,
                gross: 0.0,
                shelf_discount: 0.0,
                offer_discount: 0.0,
                cost: 0.0,
            };
            for line in group {
                cell.units += line.quantity;
                cell.gross += line.gross();
                cell.shelf_discount += line.shelf_discount;
                cell.offer_discount += line.offer_discount;
                cell.cost += products.cost[line.product as usize].of(line.quantity, line.gross());
            }
            out.push(cell);
        }
    }
}

/// The basket of a line; without basket identifiers a day counts as one basket. A basket whose
/// lines carry two dates counts on each.
fn basket(line: &Line) -> (i32, u64) {
    (line.day, if line.basket == NO_BASKET { 0 } else { line.basket })
}

/// Units, gross and cost of each category.
#[derive(Debug, Clone)]
pub(super) struct CategoryTotals(Vec<[f64; 3]>);

impl CategoryTotals {
    /// Zero for so many categories.
    pub(super) fn new(n_categories: usize) -> Self {
        Self(vec![[0.0; 3]; n_categories])
    }

    /// Adds cells.
    pub(super) fn add(&mut self, cells: &[Cell]) {
        for cell in cells {
            let [units, gross, cost] = &mut self.0[usize::from(cell.category)];
            *units += cell.units;
            *gross += cell.gross;
            *cost += cell.cost;
        }
    }

    /// Margin and price of each category.
    pub(super) fn describe(self, names: Vec<String>, default_margin: f64) -> Vec<Category> {
        let describe = |(name, [units, gross, cost]): (String, [f64; 3])| match units > 0.0 {
            true => {
                Category { name, margin_rate: 1.0 - cost / gross, mean_unit_price: gross / units }
            }
            false => Category { name, margin_rate: default_margin, mean_unit_price: 0.0 },
        };
        names.into_iter().zip(self.0).map(describe).collect()
    }
}
