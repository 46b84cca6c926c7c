//! Which products a category purchase is made of: fine category, then product, then units per line.
//!
//! ```text
//! P(fine category f | category, customer h)  = (n_hf + κ_c · s_fk) / (n_h· + κ_c)
//! P(product i | f, h, week w)                ∝ (n_hi + κ_f · s_ik) · exp(response_f · x_iw)
//! ```
//!
//! `n_h` counts the customer's own past lines, `s_k` are the shares of the customer's persona `k`,
//! and `x_iw` is what the shelf says of the product in the week ([`ShelfProduct`]). Without
//! promotions this is a Pólya urn, whose counts over a panel are Dirichlet-multinomial: the choice
//! part of the NBD-Dirichlet (Goodhardt, Ehrenberg and Chatfield 1984), which gives brand shares
//! and repeat buying at once. `exp(response · x)` is the conditional logit of McFadden (1974) with
//! loyalty as a log share (Guadagni and Little 1983).
//!
//! *Fails* where products complement each other within a category, where a product is sold out, and
//! for products that were new after the fit: they are never chosen.

use serde::{Deserialize, Serialize};

mod expand;
mod loyalty;
mod shelf;
#[cfg(test)]
mod tests;

pub use expand::ProductLine;
pub use loyalty::CustomerChoices;
pub use shelf::{ChoiceWeeks, ShelfProduct};

/// Stands for "not offered" where a position is asked for.
const NOWHERE: u32 = u32::MAX;

/// How the odds of a product answer to its shelf; every coefficient is a change of log odds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct ChoiceResponse {
    /// Per unit of `−ln(1 − depth)`, the log price cut of a promotion.
    pub depth: f64,
    /// Per unit of the log regular price below the product's usual one.
    pub price: f64,
    /// Of a display in all stores against none.
    pub display: f64,
    /// Of a place in the mailer in all stores against none.
    pub mailer: f64,
}

impl ChoiceResponse {
    /// Change of the log odds, 0 where the shelf is guessed. A deeper cut or a lower price never
    /// lowers them.
    #[must_use]
    pub fn utility(&self, shelf: &ShelfProduct) -> f64 {
        if shelf.guessed {
            return 0.0;
        }
        let features = shelf.features();
        let monotone = self.depth.max(0.0) * features[0] + self.price.max(0.0) * features[1];
        monotone + self.display * features[2] + self.mailer * features[3]
    }
}

/// Units of one line: a discrete distribution.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LineUnits {
    /// Units, ascending.
    pub units: Vec<f64>,
    /// Probability of so many units or fewer, the last one 1; shape as `units`.
    pub cumulative: Vec<f64>,
}

impl LineUnits {
    /// The distribution of observed units: their values and how often each occurs.
    ///
    /// Values beyond the `most` commonest are put to the next lower value that is kept, the lowest
    /// to the lowest kept.
    #[must_use]
    pub fn of(counts: &[(f64, f64)], most: usize) -> Self {
        let mut kept: Vec<(f64, f64)> = counts.to_vec();
        kept.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.total_cmp(&b.0)));
        kept.truncate(most);
        kept.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut weight = vec![0.0; kept.len()];
        for (units, count) in counts {
            let above = kept.partition_point(|(value, _)| value <= units);
            if let Some(own) = weight.get_mut(above.saturating_sub(1)) {
                *own += count;
            }
        }
        let total: f64 = weight.iter().sum();
        let mut sum = 0.0;
        let cumulative = weight.iter().map(|own| {
            sum += own;
            sum / total
        });
        Self { cumulative: cumulative.collect(), units: kept.iter().map(|one| one.0).collect() }
    }

    /// Units at a uniform number in [0, 1); 1 when nothing was ever observed.
    #[must_use]
    pub fn at(&self, uniform: f64) -> f64 {
        let position = self.cumulative.partition_point(|p| *p <= uniform);
        self.units.get(position.min(self.units.len().saturating_sub(1))).copied().unwrap_or(1.0)
    }

    /// Mean units; 0 when nothing was ever observed.
    #[must_use]
    pub fn mean(&self) -> f64 {
        let mut before = 0.0;
        let term = |(units, cumulative): (&f64, &f64)| {
            let probability = cumulative - before;
            before = *cumulative;
            units * probability
        };
        self.units.iter().zip(&self.cumulative).map(term).sum()
    }
}

/// Products that stand in for each other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FineCategory {
    /// The model's category that holds it.
    pub category: u16,
    /// Products on sale, ascending.
    pub products: Vec<u32>,
    /// Shares without promotions, `[n_personas * products]`, one row per persona, each of sum 1.
    pub share: Vec<f64>,
    /// Lines' worth that the persona's shares weigh against the customer's own past, `κ_f > 0`.
    pub prior_lines: f64,
    /// How odds answer to the shelf.
    pub response: ChoiceResponse,
    /// Units of a line at the regular price, and on promotion.
    pub units: [LineUnits; 2],
}

/// One category of the demand model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CategoryChoice {
    /// Its fine categories with a product on sale, ascending.
    pub fine: Vec<u32>,
    /// Their shares of lines, `[n_personas * fine]`, one row per persona, each of sum 1.
    pub share: Vec<f64>,
    /// Lines' worth that the persona's shares weigh against the customer's own past, `κ_c > 0`.
    pub prior_lines: f64,
}

/// What a product usually costs, and where that stands among its rivals.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ProductPrice {
    /// Fine category.
    pub fine: u32,
    /// Regular price of a unit, money.
    pub regular: f64,
    /// Third of the fine category's products by regular price: 0 cheapest, 2 dearest.
    pub tier: u8,
}

/// The fitted choice of products.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChoiceModel {
    /// Number of personas.
    pub n_personas: usize,
    /// By category of the demand model.
    pub categories: Vec<CategoryChoice>,
    /// By fine category.
    pub fine: Vec<FineCategory>,
    /// By product.
    pub prices: Vec<ProductPrice>,
    /// Units of a line of products with enough lines of their own, `(product, regular, promotion)`,
    /// ascending by product; the others take those of their fine category.
    pub own_units: Vec<(u32, [LineUnits; 2])>,
}

impl ChoiceModel {
    /// Position of every product among those of its fine category; `NOWHERE` when not on sale.
    fn positions(&self) -> Vec<u32> {
        let mut positions = vec![NOWHERE; self.prices.len()];
        for fine in &self.fine {
            for (position, product) in (0..).zip(&fine.products) {
                positions[*product as usize] = position;
            }
        }
        positions
    }

    /// Units of a line of a product, on promotion or not.
    fn units_of(&self, product: u32, promoted: bool) -> &LineUnits {
        let fine = self.prices[product as usize].fine as usize;
        let own = self.own_units.binary_search_by_key(&product, |own| own.0);
        let units = own.map_or(&self.fine[fine].units, |at| &self.own_units[at].1);
        &units[usize::from(promoted)]
    }

    /// The same model with other responses, one per fine category, such as a posterior draw.
    #[must_use]
    pub fn with_responses(&self, responses: &[ChoiceResponse]) -> Self {
        let mut model = self.clone();
        for (fine, response) in model.fine.iter_mut().zip(responses) {
            fine.response = *response;
        }
        model
    }
}
