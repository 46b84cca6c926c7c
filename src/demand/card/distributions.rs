//! The ten distributions by which RetailSynth was validated, read from product lines.
//!
//! Definitions follow the code behind its published plots (`calib_utils/plot_purchases.py` and
//! `feature_eng/response_tracker.py` of RetailMarketingAI/retailsynth); `docs/METHODS-realism.md`
//! gives them one by one, with what differs here.

use super::distance::{Distance, Sample};
use super::spread::Spread;
use crate::demand::panel::{Panel, PanelLine};
use serde::{Deserialize, Serialize};

/// Weeks in which customers must have bought for the time since their last purchase to be known.
const ACQUISITION_WEEKS: u32 = 3;

/// One of the ten: its name, what one value of it is, and what RetailSynth reached.
struct Definition {
    name: &'static str,
    unit: &'static str,
    ks_complement: f64,
    range_coverage: f64,
}

/// What is compared, in the order of the published plots. The figures are the annotations of those
/// plots in `synthesizer_validation.ipynb` of RetailMarketingAI/retailsynth: 100 simulated customers
/// over 53 weeks, calibrated to and compared with the same 100 households of the Complete Journey.
const DEFINITIONS: [Definition; 10] = {
    const fn define(
        name: &'static str,
        unit: &'static str,
        ks_complement: f64,
        range_coverage: f64,
    ) -> Definition {
        Definition { name, unit, ks_complement, range_coverage }
    }
    [
        define("store visit probability", "week", 0.680, 0.696),
        define("category purchase probability", "category", 0.845, 0.999),
        define("product purchase probability", "product", 0.893, 1.000),
        define("item quantity", "customer, week and product bought", 0.944, 0.001),
        define("time since last purchase", "customer and week", 0.869, 0.220),
        define("categories per customer-week", "visit week", 0.692, 0.426),
        define("items per customer-week", "visit week", 0.486, 0.002),
        define("items per product-week", "product and week", 0.991, 0.000),
        define("product price", "product", 0.809, 0.035),
        define("category size", "category", 0.657, 0.448),
    ]
};

/// What RetailSynth published for one distribution.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Published {
    /// KS complement.
    pub ks_complement: f64,
    /// Range coverage.
    pub range_coverage: f64,
}

/// A distribution in the simulated world beside the real one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Compared {
    /// What is compared.
    pub name: String,
    /// What one value stands for.
    pub unit: String,
    /// Number of real values.
    pub n_real: usize,
    /// Mean of the real values, in their unit.
    pub real_mean: f64,
    /// Mean of the simulated values over replications.
    pub simulated_mean: Spread,
    /// KS complement over replications, 1 best.
    pub ks_complement: Spread,
    /// Range coverage over replications, 1 best; `None` when the real values are all equal.
    pub range_coverage: Option<Spread>,
    /// Wasserstein-1 distance over replications, in the unit of the values.
    pub wasserstein: Spread,
    /// The same over the standard deviation of the real values; `None` when that is 0.
    pub wasserstein_over_deviation: Option<Spread>,
    /// KS complement of one replication against the next: what a world that is exactly right would
    /// score with samples of this size; `None` with a single replication.
    pub against_itself: Option<Spread>,
    /// RetailSynth's figures, where it published any.
    pub published: Option<Published>,
}

impl Compared {
    /// Compares the replications of one distribution with the real one; `None` when there is nothing
    /// to compare.
    #[must_use]
    pub(super) fn new(
        name: &str,
        unit: &str,
        real: &Sample,
        simulated: &[&Sample],
    ) -> Option<Self> {
        let distances: Vec<Distance> =
            simulated.iter().filter_map(|s| Distance::between(real, s)).collect();
        let over = |of: fn(&Distance) -> Option<f64>| Spread::of(distances.iter().filter_map(of));
        let itself = simulated.windows(2).filter_map(|pair| Distance::between(pair[0], pair[1]));
        Some(Self {
            name: name.to_owned(),
            unit: unit.to_owned(),
            n_real: real.len(),
            real_mean: real.mean(),
            simulated_mean: Spread::of(simulated.iter().map(|s| s.mean()))?,
            ks_complement: over(|d| Some(d.ks_complement))?,
            range_coverage: over(|d| d.range_coverage),
            wasserstein: over(|d| Some(d.wasserstein))?,
            wasserstein_over_deviation: over(|d| d.wasserstein_over_deviation),
            against_itself: Spread::of(itself.map(|d| d.ks_complement)),
            published: None,
        })
    }
}

/// The ten distributions of one panel.
#[derive(Debug, Clone, PartialEq)]
pub struct TenDistributions([Sample; 10]);

impl TenDistributions {
    /// Reads them from the lines of a panel; lines without units are passed over.
    #[must_use]
    pub fn read(panel: &Panel) -> Self {
        let mut counts = Counts::new(panel);
        for of_week in panel.lines.chunk_by(|a, b| (a.customer, a.week) == (b.customer, b.week)) {
            counts.add_visit(panel, of_week);
        }
        counts.finish(panel)
    }
}

/// Compares the ten distributions of a real panel with those of its simulated replications; one that
/// has no value on either side is left out.
#[must_use]
pub fn ten_distributions(real: &Panel, simulated: &[Panel]) -> Vec<Compared> {
    let simulated: Vec<TenDistributions> = simulated.iter().map(TenDistributions::read).collect();
    compare_ten(&TenDistributions::read(real), &simulated)
}

/// The same from distributions that were read before.
#[must_use]
pub fn compare_ten(real: &TenDistributions, simulated: &[TenDistributions]) -> Vec<Compared> {
    let compare = |(i, definition): (usize, &Definition)| {
        let samples: Vec<&Sample> = simulated.iter().map(|s| &s.0[i]).collect();
        let Definition { name, unit, ks_complement, range_coverage } = *definition;
        let published = Some(Published { ks_complement, range_coverage });
        let compared = Compared::new(name, unit, &real.0[i], &samples)?;
        Some(Compared { published, ..compared })
    };
    DEFINITIONS.iter().enumerate().filter_map(compare).collect()
}

/// Running counts of a panel, from which the distributions are read at the end.
struct Counts {
    /// Customers that bought, by week, `[n_weeks]`.
    visitors: Vec<f64>,
    /// Visit weeks with a purchase, by category.
    category_weeks: Vec<f64>,
    /// Lines and the sum of their prices, by product.
    product_lines: Vec<f64>,
    product_prices: Vec<f64>,
    /// Units by product and week, `[n_products, n_weeks]`.
    product_units: Vec<f64>,
    quantities: Vec<f64>,
    silences: Vec<f64>,
    baskets: Vec<f64>,
    breadths: Vec<f64>,
    /// Categories of the visit being read.
    groups: Vec<u32>,
    /// Customer and week of the last visit read, of customers bought from in the first weeks.
    last: Option<(u32, u32)>,
}

impl Counts {
    fn new(panel: &Panel) -> Self {
        let n_groups = panel.group_of.iter().map(|g| *g as usize + 1).max().unwrap_or(0);
        let (n_products, n_weeks) = (panel.group_of.len(), panel.n_weeks as usize);
        Self {
            visitors: vec![0.0; n_weeks],
            category_weeks: vec![0.0; n_groups],
            product_lines: vec![0.0; n_products],
            product_prices: vec![0.0; n_products],
            product_units: vec![0.0; n_products * n_weeks],
            quantities: Vec::with_capacity(panel.lines.len()),
            silences: Vec::new(),
            baskets: Vec::new(),
            breadths: Vec::new(),
            groups: Vec::new(),
            last: None,
        }
    }

    /// Counts what one customer bought in one week.
    fn add_visit(&mut self, panel: &Panel, lines: &[PanelLine]) {
        self.groups.clear();
        let n_weeks = panel.n_weeks as usize;
        let mut basket = 0.0;
        for line in lines.iter().filter(|l| l.units > 0.0) {
            let (product, week) = (line.product as usize, line.week as usize);
            self.groups.push(panel.group_of[product]);
            self.product_lines[product] += 1.0;
            self.product_prices[product] += line.price;
            self.product_units[product * n_weeks + week] += line.units;
            self.quantities.push(line.units);
            basket += line.units;
        }
        if self.groups.is_empty() {
            return;
        }
        self.groups.sort_unstable();
        self.groups.dedup();
        self.groups.iter().for_each(|g| self.category_weeks[*g as usize] += 1.0);
        self.breadths.push(self.groups.len() as f64);
        self.baskets.push(basket);
        let PanelLine { customer, week, .. } = lines[0];
        self.visitors[week as usize] += 1.0;
        self.add_silence(customer, week, panel.n_weeks);
    }

    /// Weeks since the last purchase in every week after the last visit up to this one, and for a new
    /// customer in the weeks that were left to the one before.
    fn add_silence(&mut self, customer: u32, week: u32, n_weeks: u32) {
        let seen = self.last.filter(|(who, _)| *who == customer).map(|(_, at)| at);
        if seen.is_none() {
            self.close_silence(n_weeks);
        }
        if let Some(at) = seen {
            self.wait(at, week + 1);
        }
        if seen.is_some() || week < ACQUISITION_WEEKS {
            self.last = Some((customer, week));
        }
    }

    /// The weeks after the last visit of the customer before.
    fn close_silence(&mut self, n_weeks: u32) {
        if let Some((_, at)) = self.last.take() {
            self.wait(at, n_weeks);
        }
    }

    fn wait(&mut self, last: u32, until: u32) {
        let weeks = (last + 1).max(ACQUISITION_WEEKS)..until;
        self.silences.extend(weeks.map(|week| f64::from(week - last)));
    }

    fn finish(mut self, panel: &Panel) -> TenDistributions {
        self.close_silence(panel.n_weeks);
        let customers = panel.n_customers as f64;
        let visits = self.baskets.len() as f64;
        let n_weeks = panel.n_weeks as usize;
        let bought: Vec<usize> =
            (0..self.product_lines.len()).filter(|p| self.product_lines[*p] > 0.0).collect();
        let mut sizes = vec![0.0; self.category_weeks.len()];
        bought.iter().for_each(|p| sizes[panel.group_of[*p] as usize] += 1.0);
        let share =
            |p: &usize| self.product_lines[*p] / self.category_weeks[panel.group_of[*p] as usize];
        let price = |p: &usize| self.product_prices[*p] / self.product_lines[*p];
        let units = |p: &usize| self.product_units[p * n_weeks..(p + 1) * n_weeks].iter().copied();
        let categories = self.category_weeks.iter().filter(|n| **n > 0.0);
        TenDistributions([
            Sample::new(self.visitors.iter().map(|n| n / customers)),
            Sample::new(categories.map(|n| n / visits)),
            Sample::new(bought.iter().map(share)),
            Sample::new(self.quantities),
            Sample::new(self.silences),
            Sample::new(self.breadths),
            Sample::new(self.baskets),
            Sample::new(bought.iter().flat_map(units)),
            Sample::new(bought.iter().map(price)),
            Sample::new(sizes.into_iter().filter(|n| *n > 0.0)),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(customer: u32, week: u32, product: u32, units: f64, price: f64) -> PanelLine {
        PanelLine { customer, week, product, units, price }
    }

    /// Three customers over five weeks; products 0 and 1 are of category 0, product 2 of category 1,
    /// product 3 of category 2 is never bought.
    fn panel() -> Panel {
        let lines = vec![
            line(0, 0, 0, 1.0, 2.0),
            line(0, 0, 2, 2.0, 5.0),
            line(0, 3, 0, 3.0, 1.0),
            line(0, 3, 1, 1.0, 4.0),
            line(1, 4, 2, 1.0, 6.0),
        ];
        let group_of = vec![0, 0, 1, 2];
        Panel { n_customers: 3, n_weeks: 5, persona: vec![0, 0, 1], group_of, lines }
    }

    fn read(panel: &Panel) -> Vec<Sample> {
        TenDistributions::read(panel).0.to_vec()
    }

    #[test]
    fn the_ten_are_those_counted_by_hand() {
        let sample = |values: &[f64]| Sample::new(values.iter().copied());
        let third = 1.0 / 3.0;
        let expected = [
            // One of three customers came in the weeks 0, 3 and 4.
            sample(&[third, 0.0, 0.0, third, third]),
            // Of three visits, two bought category 0 and two category 1.
            sample(&[2.0 * third, 2.0 * third]),
            // Of the two visits that bought category 0, both took product 0 and one product 1.
            sample(&[1.0, 0.5, 1.0]),
            sample(&[1.0, 2.0, 3.0, 1.0, 1.0]),
            // Only customer 0 bought in the first three weeks: 3 weeks ago in week 3, 1 in week 4.
            sample(&[3.0, 1.0]),
            sample(&[2.0, 1.0, 1.0]),
            sample(&[3.0, 4.0, 1.0]),
            // Products 0, 1 and 2 in five weeks each.
            sample(&[1., 0., 0., 3., 0., 0., 0., 0., 1., 0., 2., 0., 0., 0., 1.]),
            sample(&[1.5, 4.0, 5.5]),
            sample(&[2.0, 1.0]),
        ];
        assert_eq!(read(&panel()), expected);
    }

    #[test]
    fn a_silence_within_the_first_weeks_counts_only_from_the_fourth() {
        let mut panel = panel();
        panel.lines = vec![line(0, 0, 0, 1.0, 1.0), line(0, 2, 0, 1.0, 1.0)];
        assert_eq!(read(&panel)[4], Sample::new([1.0, 2.0]));
    }

    #[test]
    fn a_panel_agrees_with_itself_in_everything() {
        let compared = ten_distributions(&panel(), &[panel(), panel()]);
        assert_eq!(compared.len(), 10);
        for one in compared {
            assert_eq!(one.ks_complement, Spread::exact(1.0), "{}", one.name);
            assert_eq!(one.wasserstein, Spread::exact(0.0), "{}", one.name);
            assert_eq!(one.against_itself, Some(Spread::exact(1.0)), "{}", one.name);
            assert!(one.range_coverage.is_none_or(|c| c == Spread::exact(1.0)), "{}", one.name);
        }
    }

    #[test]
    fn names_of_customers_and_products_do_not_matter() {
        let (mut other, swap) = (panel(), [1_u32, 0, 3, 2]);
        other.group_of = vec![0, 0, 2, 1];
        for line in &mut other.lines {
            line.customer = 2 - line.customer;
            line.product = swap[line.product as usize];
        }
        other.lines.sort_by_key(|l| (l.customer, l.week, l.product));
        assert_eq!(read(&other), read(&panel()));
    }

    #[test]
    fn a_line_without_units_is_no_purchase() {
        let mut other = panel();
        other.lines.push(line(2, 1, 3, 0.0, 9.0));
        assert_eq!(read(&other), read(&panel()));
    }

    #[test]
    fn an_empty_panel_compares_with_nothing_but_its_visits() {
        let mut empty = panel();
        empty.lines.clear();
        let names: Vec<String> =
            ten_distributions(&panel(), &[empty]).into_iter().map(|c| c.name).collect();
        assert_eq!(names, ["store visit probability"]);
    }

    #[test]
    fn the_published_mean_is_that_of_the_paper_s_plots() {
        let mean = DEFINITIONS.iter().map(|d| d.ks_complement).sum::<f64>() / 10.0;
        assert!((mean - 0.787).abs() < 5e-4, "{mean}");
    }
}
