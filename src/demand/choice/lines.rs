//! The lines of the training weeks, by fine category.

use super::logit::{ChoiceCounts, N_FEATURES};
use super::market::ChoiceMarket;
use super::urn::Taken;
use super::{ChoiceData, SteadyProduct};
use promopt_envs::retail::{LineUnits, ShelfProduct};

/// Share of the training weeks in which a product must have been sold for its response to count.
const SOLD_SHARE: f64 = 0.9;
/// Lines below which a product says nothing of the response.
const LINES_MIN: f64 = 20.0;
/// Weeks without a sale after which a product counts as gone.
const GONE_WEEKS: u32 = 13;
/// Values told apart in a distribution of units.
const UNIT_VALUES: usize = 16;
/// Lines from which a product has a distribution of units of its own.
const OWN_UNITS_LINES: usize = 50;
/// Steps of the fit of shares; each shrinks what is left of an imbalance several times.
const SHARE_STEPS: usize = 25;
/// Lines added to every product, so that one that was sold is never impossible.
const PSEUDO_LINES: f64 = 0.5;

/// One line of the training weeks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line {
    pub(super) customer: u32,
    pub(super) week: u32,
    /// Position in the fine category.
    pub(super) position: u32,
    pub(super) units: f64,
}

/// Features for the logit. In the few weeks in which a steady product was not sold, it most likely
/// was not promoted.
fn features(shelf: &ShelfProduct) -> [f64; N_FEATURES] {
    let plain = ShelfProduct { log_price: shelf.log_price, ..ShelfProduct::default() };
    if shelf.guessed { plain.features() } else { shelf.features() }
}

/// Everything about one fine category that the fit reads.
pub(super) struct Fine {
    /// Products with a sale in the training weeks or after, ascending.
    pub(super) products: Vec<u32>,
    /// In the order of customers and weeks.
    pub(super) lines: Vec<Line>,
    /// Weeks of the training, without those left out, ascending.
    weeks: Vec<u32>,
    /// Shelf by product and training week, `[products][train_end]`.
    shelf: Vec<Vec<ShelfProduct>>,
    /// First and last training week with a sale anywhere; `None` when there is none.
    span: Vec<Option<(u32, u32)>>,
    /// Training weeks with a sale anywhere.
    sold_weeks: Vec<usize>,
}

impl Fine {
    /// Reads the shelf of the products; lines are added afterwards.
    pub(super) fn new(
        data: &ChoiceData<'_>,
        market: &ChoiceMarket<'_>,
        products: Vec<u32>,
    ) -> Self {
        let weeks: Vec<u32> =
            (0..data.train_end).filter(|week| !data.left_out.contains(week)).collect();
        let of = |product: &u32| *product as usize;
        let shelf = products.iter().map(of).map(|p| market.shelf_of(p, 0..data.train_end));
        let sold = |product: usize| -> Vec<u32> {
            let rows = market.of(product).iter().map(|row| row.week);
            rows.filter(|week| weeks.binary_search(week).is_ok()).collect()
        };
        let sold: Vec<Vec<u32>> = products.iter().map(of).map(sold).collect();
        let span = |weeks: &Vec<u32>| Some((*weeks.first()?, *weeks.last()?));
        Self {
            shelf: shelf.collect(),
            span: sold.iter().map(span).collect(),
            sold_weeks: sold.iter().map(Vec::len).collect(),
            lines: Vec::new(),
            weeks,
            products,
        }
    }

    fn shelf_at(&self, position: usize, week: u32) -> &ShelfProduct {
        &self.shelf[position][week as usize]
    }

    /// Lines by product.
    pub(super) fn lines_by_product(&self) -> Vec<f64> {
        let mut counts = vec![0.0; self.products.len()];
        self.lines.iter().for_each(|line| counts[line.position as usize] += 1.0);
        counts
    }

    /// Positions of the products whose response can be learnt.
    pub(super) fn steady(&self) -> Vec<usize> {
        let needed = SOLD_SHARE * self.weeks.len() as f64;
        let lines = self.lines_by_product();
        let enough = |position: &usize| {
            self.sold_weeks[*position] as f64 >= needed && lines[*position] >= LINES_MIN
        };
        (0..self.products.len()).filter(enough).collect()
    }

    /// Lines and shares of the products at these positions.
    pub(super) fn describe(&self, positions: &[usize]) -> Vec<SteadyProduct> {
        let counts = self.lines_by_product();
        let all = self.lines.len() as f64;
        let one = |position: &usize| SteadyProduct {
            product: self.products[*position],
            lines: counts[*position],
            share: counts[*position] / all,
        };
        positions.iter().map(one).collect()
    }

    /// Counts for the logit over the steady products.
    pub(super) fn counts(&self, steady: &[usize]) -> ChoiceCounts {
        let m = steady.len();
        let mut lines = vec![0.0; self.weeks.len() * m];
        for line in &self.lines {
            let column = steady.binary_search(&(line.position as usize));
            if let (Ok(column), Ok(row)) = (column, self.weeks.binary_search(&line.week)) {
                lines[row * m + column] += 1.0;
            }
        }
        let features: Vec<[f64; N_FEATURES]> = self
            .weeks
            .iter()
            .flat_map(|week| steady.iter().map(|own| features(self.shelf_at(*own, *week))))
            .collect();
        ChoiceCounts { n_products: m, lines, features }
    }

    /// Positions of the products that are still on sale at the end of the training weeks.
    pub(super) fn on_sale(&self, train_end: u32) -> Vec<usize> {
        let still = |position: &usize| {
            self.span[*position].is_some_and(|(_, last)| last + GONE_WEEKS >= train_end)
        };
        (0..self.products.len()).filter(still).collect()
    }

    /// Shares without promotions of all products: the `e` with `Σ_w n_w · e_i l_iw / Σ_j e_j l_jw`
    /// equal to the product's lines, where `l = exp(utility)` while the product was on sale and 0
    /// before and after. By iterative proportional fitting.
    pub(super) fn shares(&self, utility: impl Fn(&ShelfProduct) -> f64) -> Vec<f64> {
        let n = self.products.len();
        let last = self.weeks.last().copied().unwrap_or(0);
        let lift = |position: usize, week: u32| match self.span[position] {
            Some((first, until))
                if week >= first && (week <= until || until + GONE_WEEKS > last) =>
            {
                utility(self.shelf_at(position, week)).exp()
            }
            _ => 0.0,
        };
        let lifts: Vec<f64> = self
            .weeks
            .iter()
            .flat_map(|week| (0..n).map(move |p| (p, *week)))
            .map(|(p, week)| lift(p, week))
            .collect();
        let mut of_week = vec![0.0; self.weeks.len()];
        for line in &self.lines {
            if let Ok(row) = self.weeks.binary_search(&line.week) {
                of_week[row] += 1.0;
            }
        }
        let wanted: Vec<f64> =
            self.lines_by_product().iter().map(|own| own + PSEUDO_LINES).collect();
        let scale = wanted.iter().sum::<f64>() / of_week.iter().sum::<f64>().max(1.0);
        let mut share = wanted.clone();
        for _ in 0..SHARE_STEPS {
            let mut expected = vec![0.0; n];
            for (lifts, lines) in lifts.chunks_exact(n).zip(&of_week) {
                let total: f64 = share.iter().zip(lifts).map(|(own, lift)| own * lift).sum();
                if total > 0.0 {
                    let factor = scale * lines / total;
                    let terms = share.iter().zip(lifts);
                    expected
                        .iter_mut()
                        .zip(terms)
                        .for_each(|(sum, (own, lift))| *sum += factor * own * lift);
                }
            }
            for ((own, wanted), expected) in share.iter_mut().zip(&wanted).zip(&expected) {
                *own *= if *expected > 0.0 { wanted / expected } else { 1.0 };
            }
        }
        share
    }

    /// What customers took of the products at these positions, ascending: customer, thing, week.
    pub(super) fn taken(&self, on_sale: &[usize]) -> Vec<Taken> {
        let taken = self.lines.iter().filter_map(|line| {
            let thing = on_sale.binary_search(&(line.position as usize)).ok()? as u32;
            Some(Taken { owner: line.customer, thing, week: line.week })
        });
        taken.collect()
    }

    /// Units of a line of these products at the regular price, and on promotion. Without a promoted
    /// line, both are the same.
    fn units_among(&self, lines: &[&Line]) -> [LineUnits; 2] {
        let promoted =
            |line: &&&Line| self.shelf_at(line.position as usize, line.week).is_promoted();
        let of = |wanted: bool| {
            let own = lines.iter().filter(|line| promoted(line) == wanted).map(|line| line.units);
            let mut units: Vec<f64> = own.collect();
            units.sort_by(f64::total_cmp);
            let counted = units.chunk_by(|a, b| a == b).map(|same| (same[0], same.len() as f64));
            LineUnits::of(&counted.collect::<Vec<_>>(), UNIT_VALUES)
        };
        let [regular, promotion] = [of(false), of(true)];
        let either = |own: &LineUnits, other: &LineUnits| {
            if own.units.is_empty() { other.clone() } else { own.clone() }
        };
        [either(&regular, &promotion), either(&promotion, &regular)]
    }

    /// Units of a line of the fine category.
    pub(super) fn units(&self) -> [LineUnits; 2] {
        self.units_among(&self.lines.iter().collect::<Vec<_>>())
    }

    /// Units of a line of every product with enough lines both at the regular price and promoted,
    /// or with enough at the regular price and never promoted.
    pub(super) fn own_units(&self) -> Vec<(u32, [LineUnits; 2])> {
        let mut by_product: Vec<Vec<&Line>> = vec![Vec::new(); self.products.len()];
        self.lines.iter().for_each(|line| by_product[line.position as usize].push(line));
        let enough = |lines: &[&Line]| {
            let cut =
                |line: &&&Line| self.shelf_at(line.position as usize, line.week).is_promoted();
            let promoted = lines.iter().filter(cut).count();
            let regular = lines.len() - promoted;
            regular >= OWN_UNITS_LINES && (promoted == 0 || promoted >= OWN_UNITS_LINES)
        };
        let own = self.products.iter().zip(&by_product).filter(|(_, lines)| enough(lines));
        own.map(|(product, lines)| (*product, self.units_among(lines))).collect()
    }
}
