//! Products below the categories: what was sold of each, and who of a sample bought what when.
//!
//! The cells of a history say what a customer bought of a category; these tables say which products
//! that was. The sample is the first customers in the order of their salted hashes, so it is a
//! random one and the same in every run.

use super::aggregate::Weeks;
use super::column::MISSING;
use super::line::Line;
use super::products::Products;

/// What one customer of the sample bought of one product in one week.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ProductCell {
    /// Customer index.
    pub customer: u32,
    /// Week index.
    pub week: u32,
    /// Index into [`ProductTable::rows`].
    pub product: u32,
    /// Units bought.
    pub units: f64,
    /// Value at the regular shelf price, money.
    pub gross: f64,
    /// Money taken off for everybody.
    pub shelf_discount: f64,
    /// Money taken off for this customer.
    pub offer_discount: f64,
}

/// Every product with a kept line, ascending by identifier.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ProductTable {
    /// One per product; the position is the product index.
    pub rows: Vec<ProductRow>,
    /// Names of the fine categories that [`ProductRow::group`] points into, ascending; the last one
    /// is empty and holds products of which no category is known, when there are any.
    pub groups: Vec<String>,
}

/// One product over the whole history.
#[derive(Debug, Clone, PartialEq)]
pub struct ProductRow {
    /// Identifier as in the files.
    pub product_id: String,
    /// Category index of the history, "other" included.
    pub category: u16,
    /// Fine category: the category of the products table before small ones become "other".
    pub group: u32,
    /// Units sold.
    pub units: f64,
    /// Value at the regular shelf price, money.
    pub gross: f64,
    /// Regular price of an average unit, `gross / units`, money.
    pub mean_price: f64,
    /// Number of the brand, where known; equal numbers are equal brands.
    pub brand: Option<u32>,
    /// Whether it is the retailer's own label, where known.
    pub private_label: Option<bool>,
}

/// What the market pass sums up of one product.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct ProductTotal {
    /// Product rank.
    pub(super) product: u32,
    pub(super) category: u16,
    pub(super) units: f64,
    pub(super) gross: f64,
}

/// Numbers the products with a kept line, given which have one; `MISSING` for the others.
pub(super) fn number(is_kept: &[bool]) -> Vec<u32> {
    let mut next = 0;
    let number = |kept: &bool| {
        let own = next;
        next += u32::from(*kept);
        if *kept { own } else { MISSING }
    };
    is_kept.iter().map(number).collect()
}

/// Puts names and groups to totals, which come in the order of product ranks.
pub(super) fn table(
    totals: &[ProductTotal],
    products: &Products,
    names: &[String],
) -> ProductTable {
    let category = |total: &ProductTotal| products.category[total.product as usize];
    let mut named = vec![false; products.category_names.len()];
    totals.iter().filter_map(category).for_each(|name| named[name as usize] = true);
    let group_of = number(&named);
    let known = products.category_names.iter().zip(&named).filter(|(_, named)| **named);
    let mut groups: Vec<String> = known.map(|(name, _)| name.clone()).collect();
    let unknown = groups.len() as u32;
    if totals.iter().any(|total| category(total).is_none()) {
        groups.push(String::new());
    }
    let row = |total: &ProductTotal| {
        let product = total.product as usize;
        ProductRow {
            product_id: names[product].clone(),
            category: total.category,
            group: category(total).map_or(unknown, |name| group_of[name as usize]),
            units: total.units,
            gross: total.gross,
            mean_price: total.gross / total.units,
            brand: Some(products.brand[product]).filter(|brand| *brand != MISSING),
            private_label: products.private_label[product],
        }
    };
    ProductTable { rows: totals.iter().map(row).collect(), groups }
}

/// Sums the lines of one customer, sorted by day, by week and product.
pub(super) fn cells(
    lines: &[Line],
    customer: u32,
    weeks: Weeks,
    index: &[u32],
    out: &mut Vec<ProductCell>,
) {
    let week = |line: &Line| weeks.index(line.day).expect("the weeks span every kept line");
    let mut sorted: Vec<&Line> = lines.iter().collect();
    // Sums of money depend on the order in their last bit, and must not on basket names.
    sorted.sort_unstable_by(|left, right| {
        let key = |line: &Line| (week(line), line.product);
        key(left).cmp(&key(right)).then_with(|| left.compare_contents(right))
    });
    let mut last = None;
    for line in sorted {
        let key = (week(line), line.product);
        if last != Some(key) {
            last = Some(key);
            out.push(ProductCell {
                customer,
                week: key.0,
                product: index[line.product as usize],
                units: 0.0,
                gross: 0.0,
                shelf_discount: 0.0,
                offer_discount: 0.0,
            });
        }
        let cell = out.last_mut().expect("one was pushed for the key");
        cell.units += line.quantity;
        cell.gross += line.gross();
        cell.shelf_discount += line.shelf_discount;
        cell.offer_discount += line.offer_discount;
    }
}
