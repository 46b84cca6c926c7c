//! What the shelf says of every product in some weeks, and the tables that draw from it.

use super::{ChoiceModel, NOWHERE};

/// Depth up to which a cut is taken at its word; nobody gives goods away for nothing.
const DEPTH_MAX: f64 = 0.95;
/// Depth from which a product counts as promoted.
const PROMOTED: f64 = 0.05;

/// One product on the shelf in one week. All zero: nothing special.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ShelfProduct {
    /// Share taken off the regular price for everybody, in [0, 1].
    pub depth: f64,
    /// Log of the regular price over the product's usual one.
    pub log_price: f64,
    /// Share of sales under a display, in [0, 1].
    pub display: f64,
    /// Share of sales while in a mailer, in [0, 1].
    pub mailer: f64,
    /// Whether nobody bought it in the week, so that the shelf is guessed from when it was last
    /// bought. A guess says what a buyer would pay; it moves nobody's choice.
    pub guessed: bool,
}

impl ShelfProduct {
    /// Features of the response, in the order of [`super::ChoiceResponse`]: `−ln(1 − depth)`,
    /// `−log_price`, display, mailer.
    #[must_use]
    pub fn features(&self) -> [f64; 4] {
        let depth = self.depth.clamp(0.0, DEPTH_MAX);
        [-(-depth).ln_1p(), -self.log_price, self.display, self.mailer]
    }

    /// Whether it is cheaper than usual for everybody.
    #[must_use]
    pub fn is_promoted(&self) -> bool {
        self.depth >= PROMOTED
    }
}

/// One fine category in one week.
#[derive(Debug, Clone)]
struct ShelfTable {
    /// `exp(utility)` by position, `[products]`.
    lift: Vec<f64>,
    /// Cumulative `share · lift` by persona, `[n_personas * products]`.
    cumulative: Vec<f64>,
}

/// The choice model made ready for some weeks: every draw is one or two binary searches.
#[derive(Debug, Clone)]
pub struct ChoiceWeeks<'a> {
    pub(super) model: &'a ChoiceModel,
    /// By product, the position in its fine category.
    pub(super) position: Vec<u32>,
    /// By category: cumulative shares of fine categories, `[n_personas * fine]`.
    pub(super) categories: Vec<Vec<f64>>,
    /// `[n_weeks * n_fine]`.
    tables: Vec<ShelfTable>,
    /// `[n_weeks * n_products]`.
    shelf: Vec<ShelfProduct>,
}

/// Running sums within rows of `width`.
fn cumulate(values: impl Iterator<Item = f64>, width: usize) -> Vec<f64> {
    let mut sum = 0.0;
    let running = values.enumerate().map(|(index, value)| {
        sum = if index % width == 0 { value } else { sum + value };
        sum
    });
    running.collect()
}

impl<'a> ChoiceWeeks<'a> {
    /// Tables of consecutive weeks; shape of `shelf`: `[n_weeks * n_products]`, one row per week.
    ///
    /// Memory: `n_weeks · n_products · (n_personas + 5)` numbers.
    #[must_use]
    pub fn new(model: &'a ChoiceModel, shelf: Vec<ShelfProduct>) -> Self {
        let n_products = model.prices.len().max(1);
        let table = |fine: &super::FineCategory, week: &[ShelfProduct]| {
            let lift = fine.products.iter().map(|product| {
                let utility = fine.response.utility(&week[*product as usize]);
                utility.exp()
            });
            let lift: Vec<f64> = lift.collect();
            let weighted = fine.share.iter().zip(lift.iter().cycle());
            let width = lift.len();
            let cumulative = cumulate(weighted.map(|(share, lift)| share * lift), width);
            ShelfTable { cumulative, lift }
        };
        let tables = shelf
            .chunks_exact(n_products)
            .flat_map(|week| model.fine.iter().map(move |fine| table(fine, week)));
        let categories = model
            .categories
            .iter()
            .map(|category| cumulate(category.share.iter().copied(), category.fine.len().max(1)));
        Self {
            position: model.positions(),
            categories: categories.collect(),
            tables: tables.collect(),
            shelf,
            model,
        }
    }

    /// The choice model.
    #[must_use]
    pub fn model(&self) -> &'a ChoiceModel {
        self.model
    }

    /// The shelf of a product in a week.
    #[must_use]
    pub fn shelf(&self, week: usize, product: u32) -> &ShelfProduct {
        &self.shelf[week * self.model.prices.len() + product as usize]
    }

    fn table(&self, week: usize, fine: u32) -> &ShelfTable {
        &self.tables[week * self.model.fine.len() + fine as usize]
    }

    /// Cumulative weights of a persona over the products of a fine category.
    pub(super) fn cumulative(&self, week: usize, fine: u32, persona: usize) -> &[f64] {
        let table = self.table(week, fine);
        let width = table.lift.len();
        &table.cumulative[persona * width..(persona + 1) * width]
    }

    /// `exp(utility)` of a product, by its position in the fine category.
    pub(super) fn lift(&self, week: usize, fine: u32, position: u32) -> f64 {
        self.table(week, fine).lift[position as usize]
    }

    /// Whether a product is on sale in the model.
    #[must_use]
    pub fn is_sold(&self, product: u32) -> bool {
        self.position[product as usize] != NOWHERE
    }

    /// Probability of each product of a fine category for a persona without a past, in the order of
    /// [`super::FineCategory::products`].
    #[must_use]
    pub fn probabilities(&self, week: usize, fine: u32, persona: usize) -> Vec<f64> {
        let cumulative = self.cumulative(week, fine, persona);
        let total = cumulative.last().copied().unwrap_or(1.0);
        let mut before = 0.0;
        let step = |value: &f64| {
            let own = value - before;
            before = *value;
            own / total
        };
        cumulative.iter().map(step).collect()
    }
}
