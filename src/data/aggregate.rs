//! From cleaned lines to categories, cells and the market's shelf depth.

use super::column::MISSING;
use super::config::DataConfig;
use super::history::{Category, Cell, OTHER_CATEGORY};
use super::line::Line;
use super::products::Products;

/// Products that make up this share of a category's gross carry its shelf depth.
const COVERED_SHARE: f64 = 0.8;

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

/// A kept line with its place in the history.
#[derive(Debug, Clone, Copy)]
pub(super) struct PlacedLine {
    pub(super) line: Line,
    pub(super) week: u32,
    pub(super) category: u16,
    pub(super) cost: f64,
}

/// Picks the categories with the largest sales value; ties go by name.
pub(super) fn choose_categories(
    kept: &[Line],
    products: &Products,
    config: &DataConfig,
) -> Grouping {
    let mut sales = vec![0.0; products.category_names.len()];
    for line in kept {
        if let Some(category) = products.category[line.product as usize] {
            sales[category as usize] += line.sales;
        }
    }
    let mut order: Vec<usize> = (0..sales.len())
        .filter(|category| sales[*category] > 0.0)
        .filter(|category| {
            !config.untargeted_categories.contains(&products.category_names[*category])
        })
        .collect();
    // The sort is stable and names are ascending, so ties go by name.
    order.sort_by(|left, right| sales[*right].total_cmp(&sales[*left]));
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

/// Sums lines, which must be sorted by customer, into cells sorted by customer, week, category.
pub(super) fn cells(lines: &mut [PlacedLine]) -> Vec<Cell> {
    let key = |placed: &PlacedLine| (placed.line.customer, placed.week, placed.category);
    lines.sort_by_key(key);
    let mut baskets: Vec<u64> = Vec::new();
    let mut cells = Vec::new();
    for group in lines.chunk_by(|left, right| key(left) == key(right)) {
        let (customer, week, category) = key(&group[0]);
        baskets.clear();
        baskets.extend(group.iter().map(|placed| basket(&placed.line)));
        baskets.sort_unstable();
        baskets.dedup();
        let sum = |value: fn(&PlacedLine) -> f64| group.iter().map(value).sum::<f64>();
        cells.push(Cell {
            customer,
            week,
            category,
            baskets: u16::try_from(baskets.len()).unwrap_or(u16::MAX),
            units: sum(|placed| placed.line.quantity),
            gross: sum(|placed| placed.line.gross()),
            shelf_discount: sum(|placed| placed.line.shelf_discount),
            offer_discount: sum(|placed| placed.line.offer_discount),
            cost: sum(|placed| placed.cost),
        });
    }
    cells
}

/// The basket of a line; without basket identifiers a day counts as one basket.
fn basket(line: &Line) -> u64 {
    match line.basket {
        MISSING => 1 << 32 | u64::from(line.day as u32),
        basket => u64::from(basket),
    }
}

/// Margin and price of each category over all cells.
pub(super) fn describe_categories(
    names: Vec<String>,
    cells: &[Cell],
    default_margin: f64,
) -> Vec<Category> {
    let mut totals = vec![(0.0, 0.0, 0.0); names.len()];
    for cell in cells {
        let (units, gross, cost) = &mut totals[usize::from(cell.category)];
        *units += cell.units;
        *gross += cell.gross;
        *cost += cell.cost;
    }
    let describe = |(name, (units, gross, cost)): (String, (f64, f64, f64))| match units > 0.0 {
        true => Category { name, margin_rate: 1.0 - cost / gross, mean_unit_price: gross / units },
        false => Category { name, margin_rate: default_margin, mean_unit_price: 0.0 },
    };
    names.into_iter().zip(totals).map(describe).collect()
}

/// Fixed-weight index of shelf depth, `[n_weeks * n_categories]`, one row per week:
/// `depth[w, c] = Σ_p weight_p · shelf_discount[p, w] / gross[p, w]`, summed over the products
/// that cover 80 % of the category's gross, with weight the share of gross over the whole history.
///
/// The weights do not move with who buys in a week, so the index is the market's price, not the
/// customers' reaction to it. A product not sold in a week counts with depth 0.
pub(super) fn shelf_depth(lines: &[PlacedLine], grouping: &Grouping, weeks: Weeks) -> Vec<f64> {
    let n_categories = grouping.names.len();
    let mut order: Vec<&PlacedLine> = lines.iter().collect();
    order.sort_by_key(|placed| (placed.line.product, placed.week));
    let mut by_category: Vec<Vec<(f64, &[&PlacedLine])>> = vec![Vec::new(); n_categories];
    for product in order.chunk_by(|left, right| left.line.product == right.line.product) {
        let gross = product.iter().map(|placed| placed.line.gross()).sum();
        by_category[usize::from(product[0].category)].push((gross, product));
    }
    let mut depth = vec![0.0; weeks.count as usize * n_categories];
    for (category, mut products) in by_category.into_iter().enumerate() {
        products.sort_by(|left, right| right.0.total_cmp(&left.0));
        let total: f64 = products.iter().map(|(gross, _)| gross).sum();
        let mut covered = 0.0;
        let count = products.iter().take_while(|(gross, _)| {
            let open = covered < COVERED_SHARE * total;
            covered += if open { gross } else { &0.0 };
            open
        });
        let count = count.count();
        for (gross, product) in &products[..count] {
            for week in product.chunk_by(|left, right| left.week == right.week) {
                let off: f64 = week.iter().map(|placed| placed.line.shelf_discount).sum();
                let full: f64 = week.iter().map(|placed| placed.line.gross()).sum();
                depth[week[0].week as usize * n_categories + category] +=
                    gross / covered * (off / full);
            }
        }
    }
    depth.iter_mut().for_each(|value| *value = value.clamp(0.0, 1.0));
    depth
}
