//! What a customer has bought so far, product by product: the urn that repeat buying is drawn from.

use super::ChoiceWeeks;

/// Lines of one customer in one fine category.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Bought {
    pub(super) fine: u32,
    /// Lines of all its products.
    pub(super) lines: f64,
    /// Position of a product in the fine category and its lines, ascending.
    pub(super) products: Vec<(u32, f64)>,
}

/// A customer's own past lines. Products that are not on sale any more leave no trace.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CustomerChoices {
    /// Ascending by category and fine category.
    bought: Vec<(u16, Bought)>,
}

impl CustomerChoices {
    /// Adds a line of a product.
    pub fn record(&mut self, weeks: &ChoiceWeeks<'_>, product: u32) {
        if weeks.is_sold(product) {
            let fine = weeks.model.prices[product as usize].fine;
            let category = weeks.model.fine[fine as usize].category;
            self.add(category, fine, weeks.position[product as usize]);
        }
    }

    pub(super) fn add(&mut self, category: u16, fine: u32, position: u32) {
        let place = self.bought.binary_search_by_key(&(category, fine), |one| (one.0, one.1.fine));
        let at = place.unwrap_or_else(|at| {
            self.bought.insert(at, (category, Bought { fine, lines: 0.0, products: Vec::new() }));
            at
        });
        let own = &mut self.bought[at].1;
        own.lines += 1.0;
        match own.products.binary_search_by_key(&position, |one| one.0) {
            Ok(at) => own.products[at].1 += 1.0,
            Err(at) => own.products.insert(at, (position, 1.0)),
        }
    }

    /// What was bought in a category.
    pub(super) fn in_category(&self, category: u16) -> &[(u16, Bought)] {
        let start = self.bought.partition_point(|one| one.0 < category);
        let end = self.bought.partition_point(|one| one.0 <= category);
        &self.bought[start..end]
    }

    /// What was bought in a fine category.
    pub(super) fn in_fine(&self, category: u16, fine: u32) -> Option<&Bought> {
        let key = (category, fine);
        let place = self.bought.binary_search_by_key(&key, |one| (one.0, one.1.fine));
        place.ok().map(|at| &self.bought[at].1)
    }
}
