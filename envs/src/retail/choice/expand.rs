//! From a week's category purchases to the product lines they are made of.

use super::loyalty::CustomerChoices;
use super::shelf::ChoiceWeeks;
use crate::retail::history::{CategoryWeek, WeekRecord};
use rand::{Rng, RngCore};

/// Draws of a product that is already in the basket before its line grows instead.
const REDRAWS: usize = 4;

/// One product bought in one week.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ProductLine {
    /// Category of the demand model.
    pub category: u16,
    /// Product.
    pub product: u32,
    /// Units bought.
    pub units: f64,
    /// Value at the regular price, money; the lines of a category sum to the record's.
    pub gross: f64,
    /// Discount anyone got, money; the lines of a category sum to the record's.
    pub shelf_discount: f64,
    /// Discount from the customer's offer, money; the lines of a category sum to the record's.
    pub offer_discount: f64,
    /// What the shelf asks for a unit after its discount, money. Free of the scaling that makes the
    /// sums above exact, so it is the one to compare with prices of real lines.
    pub price: f64,
}

impl ChoiceWeeks<'_> {
    /// Replaces `out` by the product lines of a week's record, in the order of categories and
    /// products, and adds them to the customer's past.
    ///
    /// Units of a category are dealt to products one line after the other until none is left, so
    /// units and money of the lines sum to those of the record. A category in which nothing is on
    /// sale has no lines.
    pub fn expand(
        &self,
        week: usize,
        persona: usize,
        past: &mut CustomerChoices,
        record: &WeekRecord,
        rng: &mut dyn RngCore,
        out: &mut Vec<ProductLine>,
    ) {
        out.clear();
        let categories = record.categories.iter().zip(&self.model.categories);
        for (category, (bought, model)) in (0..).zip(categories) {
            if bought.units > 0.0 && !model.fine.is_empty() {
                let first = out.len();
                self.deal(week, persona, past, (category, bought.units), rng, out);
                out[first..].sort_unstable_by_key(|line| line.product);
                share_money(bought, &mut out[first..]);
            }
        }
        for line in out.iter() {
            past.record(self, line.product);
        }
    }

    /// Deals a category's units to lines.
    fn deal(
        &self,
        week: usize,
        persona: usize,
        past: &CustomerChoices,
        (category, units): (u16, f64),
        rng: &mut dyn RngCore,
        out: &mut Vec<ProductLine>,
    ) {
        let first = out.len();
        let mut left = units;
        while left > 0.0 {
            let mut product = self.draw(week, persona, past, category, rng);
            for _ in 0..REDRAWS {
                if out[first..].iter().all(|line| line.product != product) {
                    break;
                }
                product = self.draw(week, persona, past, category, rng);
            }
            let shelf = self.shelf(week, product);
            let wanted = self.model.units_of(product, shelf.is_promoted()).at(rng.random());
            // A rest smaller than rounding would make a line of nothing.
            let own = if left - wanted < 1e-9 * units { left } else { wanted };
            left = if own == left { 0.0 } else { left - own };
            match out[first..].iter_mut().find(|line| line.product == product) {
                Some(line) => line.units += own,
                None => out.push(self.line(category, product, own, week)),
            }
        }
    }

    fn line(&self, category: u16, product: u32, units: f64, week: usize) -> ProductLine {
        let shelf = self.shelf(week, product);
        let regular = self.model.prices[product as usize].regular * shelf.log_price.exp();
        // Sums of money are set when all lines of the category are known.
        ProductLine {
            category,
            product,
            units,
            gross: regular,
            shelf_discount: shelf.depth,
            offer_discount: 0.0,
            price: regular * (1.0 - shelf.depth),
        }
    }

    /// Draws a product: the fine category, then the product, each from the customer's own past or
    /// from the persona's shares.
    fn draw(
        &self,
        week: usize,
        persona: usize,
        past: &CustomerChoices,
        category: u16,
        rng: &mut dyn RngCore,
    ) -> u32 {
        let fine = self.draw_fine(persona, past, category, rng);
        let group = &self.model.fine[fine as usize];
        let cumulative = self.cumulative(week, fine, persona);
        let common = group.prior_lines * cumulative.last().copied().unwrap_or(0.0);
        let own = past.in_fine(category, fine).map_or(&[][..], |bought| &bought.products);
        let weight = |&(position, lines): &(u32, f64)| lines * self.lift(week, fine, position);
        let loyal: f64 = own.iter().map(weight).sum();
        let mut luck = rng.random::<f64>() * (loyal + common);
        for one in own {
            luck -= weight(one);
            if luck < 0.0 {
                return group.products[one.0 as usize];
            }
        }
        let luck = luck / group.prior_lines;
        let position = cumulative.partition_point(|sum| *sum <= luck);
        group.products[position.min(group.products.len() - 1)]
    }

    fn draw_fine(
        &self,
        persona: usize,
        past: &CustomerChoices,
        category: u16,
        rng: &mut dyn RngCore,
    ) -> u32 {
        let model = &self.model.categories[usize::from(category)];
        if let [only] = model.fine[..] {
            return only;
        }
        let own = past.in_category(category);
        let loyal: f64 = own.iter().map(|(_, bought)| bought.lines).sum();
        let mut luck = rng.random::<f64>() * (loyal + model.prior_lines);
        for (_, bought) in own {
            luck -= bought.lines;
            if luck < 0.0 {
                return bought.fine;
            }
        }
        let width = model.fine.len();
        let sums = &self.categories[usize::from(category)][persona * width..(persona + 1) * width];
        let position = sums.partition_point(|sum| *sum <= luck / model.prior_lines);
        model.fine[position.min(width - 1)]
    }
}

/// Turns prices and depths into money that sums to the record's: gross in proportion to units times
/// the regular price, the shelf discount to that times the depth (to the gross when none of the
/// products is on promotion), the offer discount to what is left to pay.
fn share_money(bought: &CategoryWeek, lines: &mut [ProductLine]) {
    for line in lines.iter_mut() {
        line.gross *= line.units;
        line.shelf_discount *= line.gross;
    }
    scale(lines, bought.gross, |line| &mut line.gross);
    if lines.iter().all(|line| line.shelf_discount <= 0.0) {
        lines.iter_mut().for_each(|line| line.shelf_discount = line.gross);
    }
    scale(lines, bought.shelf_discount, |line| &mut line.shelf_discount);
    cap_discounts(lines);
    for line in lines.iter_mut() {
        line.offer_discount = (line.gross - line.shelf_discount).max(0.0);
    }
    scale(lines, bought.offer_discount, |line| &mut line.offer_discount);
}

/// Makes a column sum to `total`, in proportion to what it holds; evenly when it holds nothing.
fn scale(lines: &mut [ProductLine], total: f64, column: fn(&mut ProductLine) -> &mut f64) {
    let sum: f64 = lines.iter_mut().map(|line| *column(line)).sum();
    let even = total / lines.len().max(1) as f64;
    let mut rest = total;
    for line in lines.iter_mut() {
        let own = column(line);
        *own = if sum > 0.0 { total * *own / sum } else { even };
        rest -= *own;
    }
    // What rounding left goes where it is smallest in proportion.
    let largest = lines.iter_mut().map(column).max_by(|a, b| a.total_cmp(b));
    largest.into_iter().for_each(|own| *own += rest);
}

/// Moves what a line's discount exceeds its gross by to the other lines; the sum stays.
fn cap_discounts(lines: &mut [ProductLine]) {
    let mut excess = 0.0;
    for line in lines.iter_mut() {
        let over = (line.shelf_discount - line.gross).max(0.0);
        line.shelf_discount -= over;
        excess += over;
    }
    for line in lines.iter_mut() {
        let moved = excess.min(line.gross - line.shelf_discount).max(0.0);
        line.shelf_discount += moved;
        excess -= moved;
    }
}
