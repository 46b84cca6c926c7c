//! The pricing page: elasticities beside what is known, price points, and the error on unseen weeks.
//!
//! Everything shown comes from one [`PricingPage`]. Amounts are in whole currency units, shares are
//! fractions, and a number that is not finite means "unknown" and is shown as a dash.

use std::path::Path;

use minijinja::{Value, context};
use serde::Serialize;

use super::error::ReportError;
use super::input::{Estimate, Fact};
use super::supplement::Supplement;
use super::{page, pricing_plots};

const TEMPLATE: &str = include_str!("templates/pricing.html");

/// Everything the pricing page shows.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct PricingPage {
    /// Stores, weeks and rows in words.
    pub source: String,
    /// Currency symbol put before every amount.
    pub currency: String,
    /// Coverage of every interval as a fraction.
    pub interval_level: f64,
    /// One sentence that says what was found.
    pub headline: String,
    /// What the reader must know first; may be empty.
    pub warnings: Vec<String>,
    /// Key figures, ready to read.
    pub facts: Vec<Fact>,
    /// The products in their order.
    pub products: Vec<PricingRow>,
    /// Range of own-price elasticities that the literature found for such goods.
    pub known_range: (f64, f64),
    /// The fit beside what is known.
    pub card: Vec<PricingCardRow>,
    /// Weeks that the fit has not seen.
    pub held_out: Vec<HeldOutRow>,
    /// How it was done: whole sentences.
    pub method: Vec<String>,
}

/// One product.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PricingRow {
    /// Name.
    pub name: String,
    /// Own-price elasticity.
    pub own: Estimate,
    /// The same by the plain specification of the literature.
    pub plain: f64,
    /// Its standard error clustered by store.
    pub plain_error: f64,
    /// Its standard error clustered by store and by week.
    pub plain_error_wide: f64,
    /// Units multiple of a feature ad; unknown without ads in the data.
    pub feature: Estimate,
    /// Units multiple of an in-store coupon.
    pub deal: Estimate,
    /// Where the own-price elasticity comes from, in words.
    pub evidence: String,
    /// Mean regular price.
    pub regular_price: f64,
    /// Margin at the regular price, a fraction.
    pub margin_rate: f64,
    /// Part of a price cut that the supplier bears, a fraction.
    pub funding: Estimate,
    /// Share of the units gained in a 20 % cut that other products lose.
    pub cannibalised: Estimate,
    /// Share of the units gained in a 20 % cut that the next two weeks lose.
    pub dip: Estimate,
    /// Elasticities with the price of every product, in their order.
    pub prices: Vec<Estimate>,
    /// Price points without a feature ad.
    pub plain_ladder: Vec<LadderPoint>,
    /// Price points with one; empty without ads.
    pub featured_ladder: Vec<LadderPoint>,
}

/// One price point.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LadderPoint {
    /// Fraction off the regular price.
    pub depth: f64,
    /// Units multiple.
    pub multiple: Estimate,
    /// Units multiple at which the product's own margin breaks even; unknown at or below cost.
    pub needed: f64,
    /// Change of the group's margin per store, money.
    pub gain: Estimate,
    /// Whether the data hold prices this low.
    pub is_supported: bool,
}

/// One line of the card.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PricingCardRow {
    /// What is compared.
    pub line: String,
    /// Ours, ready to read.
    pub found: String,
    /// Its interval, ready to read; may be empty.
    pub range: String,
    /// What is known, with its source.
    pub known: String,
    /// The band in words.
    pub band: String,
    /// `pass`, `warn` or `fail`.
    pub verdict: &'static str,
}

/// Held-out weeks of one product, over all stores.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HeldOutRow {
    /// Name.
    pub name: String,
    /// Mean absolute percentage error of weekly units, a fraction.
    pub units_mape: f64,
    /// The same for revenue.
    pub revenue_mape: f64,
    /// The same for units when each store sells its mean.
    pub naive_mape: f64,
    /// Expected over actual units, minus one.
    pub bias: f64,
    /// Share of the weeks inside the 80 % band.
    pub coverage80: f64,
    /// Share of the weeks inside the 95 % band.
    pub coverage95: f64,
    /// Week numbers.
    pub weeks: Vec<String>,
    /// Units sold.
    pub actual: Vec<f64>,
    /// Units expected, with the 95 % band.
    pub expected: Vec<Estimate>,
}

/// Writes `pricing.html` and its `plots/*.svg` into `dir`.
///
/// The page holds its plots, style and text, needs no network and no script, and escapes all text
/// of the input. Equal inputs give equal bytes. Each file is written beside its place and renamed.
///
/// # Errors
///
/// [`ReportError::Write`] when a file or folder cannot be written; [`ReportError::Draw`] and
/// [`ReportError::Page`] only through a bug in this room.
pub fn render(page: &PricingPage, dir: &Path) -> Result<(), ReportError> {
    let plots = [
        pricing_plots::elasticities(page)?,
        pricing_plots::ladders(page)?,
        pricing_plots::held_out(page)?,
    ];
    Supplement {
        file: "pricing.html",
        template: TEMPLATE,
        currency: &page.currency,
        input: Value::from_serialize(page),
        words: context! {
            intervals => page::interval_words(page.interval_level),
            has_features => page.products.iter().any(|row| !row.featured_ladder.is_empty()),
        },
        plots: plots.into_iter().flatten().collect(),
        plot_names: &pricing_plots::PLOT_NAMES,
    }
    .write(dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> PricingPage {
        let point = |depth: f64, gain: f64| LadderPoint {
            depth,
            multiple: Estimate::new(1.5, 1.4, 1.6),
            needed: 1.7,
            gain: Estimate::new(gain, gain - 5.0, gain + 5.0),
            is_supported: depth < 0.3,
        };
        let ladder = vec![point(0.0, 0.0), point(0.1, -3.0), point(0.2, -8.0), point(0.3, -20.0)];
        let row = |name: &str, own: f64| PricingRow {
            name: name.to_owned(),
            own: Estimate::new(own, own - 0.4, own + 0.4),
            plain: own + 0.1,
            plain_error: 0.06,
            plain_error_wide: 0.2,
            feature: Estimate::new(1.9, 1.6, 2.2),
            deal: Estimate::unknown(),
            evidence: "quasi".to_owned(),
            regular_price: 3.2,
            margin_rate: 0.3,
            funding: Estimate::new(0.4, 0.3, 0.5),
            cannibalised: Estimate::new(0.4, 0.1, 0.7),
            dip: Estimate::new(0.05, 0.0, 0.1),
            prices: vec![Estimate::new(own, own - 0.4, own + 0.4), Estimate::new(0.2, 0.1, 0.3)],
            plain_ladder: ladder.clone(),
            featured_ladder: ladder.clone(),
        };
        PricingPage {
            source: "2 stores".to_owned(),
            currency: "$".to_owned(),
            interval_level: 0.95,
            headline: "Two products".to_owned(),
            products: vec![row("<b>Juice</b>", -2.5), row("Nectar", -3.1)],
            known_range: (-4.1, -1.0),
            held_out: vec![HeldOutRow {
                name: "Nectar".to_owned(),
                units_mape: 0.2,
                revenue_mape: 0.2,
                naive_mape: 0.5,
                bias: 0.01,
                coverage80: 0.8,
                coverage95: 0.95,
                weeks: vec!["1".to_owned(), "2".to_owned()],
                actual: vec![10.0, 12.0],
                expected: vec![Estimate::new(11.0, 8.0, 14.0); 2],
            }],
            ..PricingPage::default()
        }
    }

    #[test]
    fn the_page_escapes_its_input_and_is_the_same_each_time() {
        let (first, second) =
            (tempfile::tempdir().expect("made"), tempfile::tempdir().expect("made"));
        for dir in [&first, &second] {
            render(&sample(), dir.path()).expect("renders");
        }
        let read = |dir: &tempfile::TempDir| {
            std::fs::read_to_string(dir.path().join("pricing.html")).expect("written")
        };
        let page = read(&first);
        assert!(page.contains("&lt;b&gt;Juice") && !page.contains("<b>Juice"));
        assert_eq!(page, read(&second));
        for name in pricing_plots::PLOT_NAMES {
            assert!(first.path().join(format!("plots/{name}.svg")).exists(), "{name}");
        }
    }

    #[test]
    fn a_page_without_products_says_so() {
        let dir = tempfile::tempdir().expect("made");
        render(&PricingPage::default(), dir.path()).expect("renders");
        let page = std::fs::read_to_string(dir.path().join("pricing.html")).expect("written");
        assert!(page.contains("No product was fitted"));
    }
}
