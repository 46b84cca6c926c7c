//! Product lines of the held-out weeks: those of the history, and those that simulated weeks are
//! made of.

use super::distributions::TenDistributions;
use super::replication::Subject;
use crate::data::ProductCell;
use crate::demand::panel::{Panel, PanelLine};
use promopt_envs::SeedTree;
use promopt_envs::retail::WeekRecord;
use promopt_envs::retail::choice::{ChoiceWeeks, CustomerChoices, ProductLine};

/// What turns customer-weeks into product lines.
pub struct Products<'a> {
    /// The fitted choice over the held-out weeks, the first of them week 0.
    pub choice: &'a ChoiceWeeks<'a>,
    /// The fine category of each product, `[n_products]`.
    pub group_of: &'a [u32],
    /// What sampled customers bought over the whole history, sorted by customer, week and product.
    pub lines: &'a [ProductCell],
}

/// The sampled customers of the held-out weeks, as they stood before them.
pub(super) struct Shoppers<'a> {
    products: &'a Products<'a>,
    n_weeks: u32,
    persona: Vec<usize>,
    /// By subject: the position among the sampled customers and what was bought before.
    past: Vec<Option<(u32, CustomerChoices)>>,
}

impl<'a> Shoppers<'a> {
    /// Splits the lines of the subjects at the first held-out week: their past, and the real
    /// distributions.
    pub(super) fn new(
        products: &'a Products<'a>,
        subjects: &[Subject],
        train_end: u32,
        n_weeks: u32,
    ) -> (Self, TenDistributions) {
        let (mut persona, mut lines) = (Vec::new(), Vec::new());
        let mut past = Vec::with_capacity(subjects.len());
        for subject in subjects {
            let own = lines_of(products.lines, subject.customer);
            let customer = persona.len() as u32;
            if own.is_empty() {
                past.push(None);
                continue;
            }
            persona.push(subject.persona);
            let mut choices = CustomerChoices::default();
            for cell in own {
                match cell.week.checked_sub(train_end) {
                    None => choices.record(products.choice, cell.product),
                    Some(week) => lines.push(PanelLine {
                        customer,
                        week,
                        product: cell.product,
                        units: cell.units,
                        price: (cell.gross - cell.shelf_discount) / cell.units,
                    }),
                }
            }
            past.push(Some((customer, choices)));
        }
        let shoppers = Self { products, n_weeks, persona, past };
        let real = shoppers.read(lines);
        (shoppers, real)
    }

    /// The distributions of these lines.
    fn read(&self, lines: Vec<PanelLine>) -> TenDistributions {
        TenDistributions::read(&Panel {
            n_customers: self.persona.len(),
            n_weeks: self.n_weeks,
            persona: self.persona.clone(),
            group_of: self.products.group_of.to_vec(),
            lines,
        })
    }

    /// A replication that has not begun.
    pub(super) fn trip(&self) -> Trip<'_> {
        Trip { shoppers: self, lines: Vec::new(), bought: Vec::new() }
    }
}

/// The lines of one customer.
fn lines_of(lines: &[ProductCell], customer: u32) -> &[ProductCell] {
    let start = lines.partition_point(|l| l.customer < customer);
    &lines[start..start + lines[start..].partition_point(|l| l.customer == customer)]
}

/// One replication in product lines.
pub(super) struct Trip<'a> {
    shoppers: &'a Shoppers<'a>,
    lines: Vec<PanelLine>,
    bought: Vec<ProductLine>,
}

impl Trip<'_> {
    /// What subject `i` had bought before, when they are sampled.
    pub(super) fn past(&self, i: usize) -> Option<(u32, CustomerChoices)> {
        self.shoppers.past[i].clone()
    }

    /// Adds the lines of a simulated week of a sampled customer.
    pub(super) fn add(
        &mut self,
        (customer, past): &mut (u32, CustomerChoices),
        week: usize,
        record: &WeekRecord,
        seed: SeedTree,
    ) {
        let (choice, persona) =
            (self.shoppers.products.choice, self.shoppers.persona[*customer as usize]);
        choice.expand(week, persona, past, record, &mut seed.stream(), &mut self.bought);
        self.bought.sort_unstable_by_key(|line| line.product);
        let customer = *customer;
        self.lines.extend(self.bought.iter().map(|line| PanelLine {
            customer,
            week: week as u32,
            product: line.product,
            units: line.units,
            price: line.price,
        }));
    }

    /// The distributions of the replication.
    pub(super) fn finish(self) -> TenDistributions {
        self.shoppers.read(self.lines)
    }
}
