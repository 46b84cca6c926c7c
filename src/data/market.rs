//! The fourth pass: what the market saw of each product, whoever bought it: the price ledger, the
//! shelf depth of categories, and displays and mailers.

use std::path::Path;

use rayon::prelude::*;

use super::aggregate::{Grouping, Weeks};
use super::codec::Decoder;
use super::error::DataError;
use super::ledger::{LedgerBuilder, LedgerRow, PricePoint};
use super::line::Line;
use super::price_index::{PathBuilder, PricePath};
use super::product_lines::ProductTotal;
use super::promotions::{Featured, Promotions};
use super::spill::{N_PARTS, Spill};

/// Products that make up this share of a category's gross carry its shelf depth.
const COVERED_SHARE: f64 = 0.8;
/// Parts worked on between two deliveries of the ledger.
const PARTS_AT_ONCE: usize = 8;

/// The prices of one product, and store where asked for, in one week.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Priced {
    pub(super) product: u32,
    /// The store; `MISSING` when stores are taken together or unknown.
    pub(super) store: u32,
    pub(super) row: LedgerRow,
    /// Shares of the week's units sold under a display and in a mailer, where that is recorded.
    pub(super) featured: Option<Featured>,
}

/// How the market is summed up.
pub(super) struct Market<'a> {
    pub(super) weeks: Weeks,
    pub(super) grouping: &'a Grouping,
    pub(super) by_store: bool,
    pub(super) lines: &'a Spill,
    pub(super) promotions: Option<&'a Promotions>,
    pub(super) spill_dir: &'a Path,
}

/// One product's part in the shelf depth of its category.
struct Weight {
    category: u16,
    gross: f64,
    /// Share taken off by week, where anything was.
    off: Vec<(u32, f64)>,
    price: PricePath,
}

/// What one part gives.
#[derive(Default)]
struct PartMarket {
    ledger: Vec<Priced>,
    weights: Vec<Weight>,
    products: Vec<ProductTotal>,
}

/// What the market pass leaves behind besides the ledger.
pub(super) struct Summary {
    /// Shape `[n_weeks * n_categories]`, one row per week.
    pub(super) shelf_depth: Vec<f64>,
    /// The same shape; see [`super::price_index`].
    pub(super) price_index: Vec<f64>,
    /// In the order of product ranks.
    pub(super) products: Vec<ProductTotal>,
}

impl Market<'_> {
    /// Hands the ledger on, product by product, and returns what it says of products and
    /// categories.
    ///
    /// Shelf depth: `depth[w, c] = Σ_p weight_p · shelf_discount[p, w] / gross[p, w]`, summed over
    /// the products that cover 80 % of the category's gross, with weight the share of gross over
    /// the whole history. The weights do not move with who buys in a week, so the index is the
    /// market's price, not the customers' reaction to it. A product not sold in a week counts with
    /// depth 0.
    pub(super) fn sum_up(
        &self,
        sink: &mut dyn FnMut(&[Priced]) -> Result<(), DataError>,
    ) -> Result<Summary, DataError> {
        let n_categories = self.grouping.names.len();
        let mut by_category: Vec<Vec<Weight>> = Vec::new();
        by_category.resize_with(n_categories, Vec::new);
        let mut products = Vec::new();
        for start in (0..N_PARTS).step_by(PARTS_AT_ONCE) {
            let parts: Vec<Result<PartMarket, DataError>> = (start..start + PARTS_AT_ONCE)
                .into_par_iter()
                .map(|part| self.part(part))
                .collect();
            for part in parts {
                let part = part?;
                sink(&part.ledger)?;
                products.extend(part.products);
                for weight in part.weights {
                    by_category[usize::from(weight.category)].push(weight);
                }
            }
        }
        let mut depth = vec![0.0; self.weeks.count as usize * n_categories];
        let mut price_index = depth.clone();
        for (category, mut weights) in by_category.into_iter().enumerate() {
            weights.sort_by(|left, right| right.gross.total_cmp(&left.gross));
            let total: f64 = weights.iter().map(|weight| weight.gross).sum();
            let mut covered = 0.0;
            let count = weights.iter().take_while(|weight| {
                let open = covered < COVERED_SHARE * total;
                covered += if open { weight.gross } else { 0.0 };
                open
            });
            let count = count.count();
            for weight in &weights[..count] {
                let share = weight.gross / covered;
                weight.price.add_to(share, n_categories, &mut price_index[category..]);
                for (week, off) in &weight.off {
                    depth[*week as usize * n_categories + category] += share * off;
                }
            }
        }
        depth.iter_mut().for_each(|value| *value = value.clamp(0.0, 1.0));
        Ok(Summary { shelf_depth: depth, price_index, products })
    }

    fn part(&self, part: usize) -> Result<PartMarket, DataError> {
        let bytes = self.lines.take(part, self.spill_dir)?;
        let mut lines: Vec<Line> = Decoder::new(&bytes).collect();
        drop(bytes);
        let store = |line: &Line| if self.by_store { line.store } else { 0 };
        lines.sort_unstable_by(|left, right| {
            let key = |line: &Line| (line.product, store(line), line.day);
            key(left).cmp(&key(right)).then_with(|| left.compare(right))
        });
        let promotions = match self.promotions {
            Some(promotions) => Some(promotions.part(part, self.spill_dir)?),
            None => None,
        };
        let mut out = PartMarket::default();
        let mut builder = LedgerBuilder::new(self.weeks.first_day, self.weeks.count);
        let (mut points, mut rows) = (Vec::new(), Vec::new());
        let mut path = PathBuilder::new(self.weeks.count as usize);
        for product in lines.chunk_by(|left, right| left.product == right.product) {
            for group in product.chunk_by(|left, right| store(left) == store(right)) {
                points.clear();
                points.extend(group.iter().map(point));
                builder.rows(&points, &mut rows).expect("points were sorted by day");
                let priced = |row: &LedgerRow| Priced {
                    product: group[0].product,
                    store: if self.by_store { group[0].store } else { super::column::MISSING },
                    row: *row,
                    featured: promotions.as_ref().map(|promotions| {
                        let first = self.weeks.first_day + 7 * row.week as i32;
                        let start = group.partition_point(|line| line.day < first);
                        let end = group.partition_point(|line| line.day < first + 7);
                        promotions.featured(&group[start..end], row.week)
                    }),
                };
                // Without stores the points of a day are in order of values, not of stores.
                out.ledger.extend(rows.iter().map(priced));
                rows.iter().for_each(|row| path.see(row.week, row.regular_price, row.units));
            }
            let weight = self.weight(product, path.take());
            out.products.push(total(product, &weight));
            out.weights.push(weight);
        }
        Ok(out)
    }

    /// Gross and weekly share off of one product, whose lines may be in any order of stores.
    fn weight(&self, lines: &[Line], price: PricePath) -> Weight {
        let category = self.grouping.of_product[lines[0].product as usize];
        let mut weeks: Vec<(f64, f64)> = vec![(0.0, 0.0); self.weeks.count as usize];
        let mut gross = 0.0;
        for line in lines {
            let week = self.weeks.index(line.day).expect("the weeks span every kept line");
            let (off, full) = &mut weeks[week as usize];
            *off += line.shelf_discount;
            *full += line.gross();
            gross += line.gross();
        }
        let discounted = weeks.iter().enumerate().filter(|(_, (off, _))| *off > 0.0);
        let off = discounted.map(|(week, (off, full))| (week as u32, off / full)).collect();
        Weight { category, gross, off, price }
    }
}

fn total(lines: &[Line], weight: &Weight) -> ProductTotal {
    ProductTotal {
        product: lines[0].product,
        category: weight.category,
        units: lines.iter().map(|line| line.quantity).sum(),
        gross: weight.gross,
    }
}

fn point(line: &Line) -> PricePoint {
    PricePoint {
        day: line.day,
        quantity: line.quantity,
        gross: line.gross(),
        shelf_discount: line.shelf_discount,
    }
}
