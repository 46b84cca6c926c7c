//! The whole fit on generated choices, of which the truth is known.

use super::*;
use crate::data::{Ledger, ProductCell, ProductRow, ProductTable, ProductWeek};
use crate::demand::DemandError;
use promopt_envs::SeedTree;
use promopt_envs::retail::{
    CategoryChoice, ChoiceModel, ChoiceResponse, ChoiceWeeks, CustomerChoices, FineCategory,
    LineUnits, ProductPrice, ShelfProduct, WeekRecord,
};
use rand::Rng;

const FINES: usize = 3;
const PER_FINE: usize = 10;
const PRODUCTS: usize = FINES * PER_FINE;
const CUSTOMERS: usize = 500;
const WEEKS: u32 = 60;
const TRUTH: ChoiceResponse = ChoiceResponse { depth: 4.0, price: 2.0, display: 0.7, mailer: 0.5 };

/// A generated retailer: one category of one fine category, and "other" of two.
struct Shop {
    categories: Vec<String>,
    products: ProductTable,
    lines: Vec<ProductCell>,
    ledger: Ledger,
    persona: Vec<usize>,
}

impl Shop {
    fn data(&self) -> ChoiceData<'_> {
        ChoiceData {
            categories: &self.categories,
            products: &self.products,
            lines: &self.lines,
            ledger: &self.ledger,
            persona: &self.persona,
            n_personas: 2,
            train_end: WEEKS,
            left_out: &[],
        }
    }
}

fn truth(prior_lines: f64) -> ChoiceModel {
    let units = [LineUnits::of(&[(1.0, 1.0)], 4), LineUnits::of(&[(1.0, 1.0)], 4)];
    let total: f64 = (1..=PER_FINE).map(|rank| rank as f64).sum();
    let share: Vec<f64> = (1..=PER_FINE).map(|rank| rank as f64 / total).collect();
    let fine = |fine: usize| FineCategory {
        category: u16::from(fine > 0),
        products: (0..PER_FINE).map(|own| (fine * PER_FINE + own) as u32).collect(),
        share: [share.clone(), share.clone()].concat(),
        prior_lines,
        response: TRUTH,
        units: units.clone(),
    };
    let category = |fine: &[u32], share: &[f64]| CategoryChoice {
        fine: fine.to_vec(),
        share: share.to_vec(),
        prior_lines: 5.0,
    };
    let price =
        |own: usize| ProductPrice { fine: (own / PER_FINE) as u32, regular: regular(own), tier: 1 };
    ChoiceModel {
        n_personas: 2,
        categories: vec![category(&[0], &[1.0, 1.0]), category(&[1, 2], &[0.7, 0.3, 0.4, 0.6])],
        fine: (0..FINES).map(fine).collect(),
        prices: (0..PRODUCTS).map(price).collect(),
        own_units: Vec::new(),
    }
}

fn regular(product: usize) -> f64 {
    1.0 + (product * 7 % PER_FINE) as f64
}

/// Cuts, displays and mailers for a fifth of the products each week, and prices that move a little.
fn shelf(seed: SeedTree) -> Vec<ShelfProduct> {
    let mut rng = seed.stream();
    let mut one = |_| {
        let promoted = rng.random_bool(0.2);
        ShelfProduct {
            depth: if promoted { rng.random_range(0.05..0.2) } else { 0.0 },
            log_price: rng.random_range(-0.08..0.08),
            display: f64::from(u8::from(rng.random_bool(0.1))),
            mailer: f64::from(u8::from(rng.random_bool(0.1))),
            guessed: false,
        }
    };
    (0..WEEKS as usize * PRODUCTS).map(&mut one).collect()
}

fn shop(seed: u64, prior_lines: f64) -> Shop {
    let seed = SeedTree::new(seed);
    let (model, shelf) = (truth(prior_lines), shelf(seed.child("shelf")));
    let weeks = ChoiceWeeks::new(&model, shelf.clone());
    let persona: Vec<usize> = (0..CUSTOMERS).map(|customer| customer % 2).collect();
    let (mut lines, mut dealt) = (Vec::new(), Vec::new());
    for (customer, persona) in persona.iter().enumerate() {
        let mut rng = seed.child("customers").index(customer as u64).stream();
        let mut past = CustomerChoices::default();
        for week in 0..WEEKS {
            let mut record = WeekRecord::empty(2);
            for slot in &mut record.categories {
                slot.units = f64::from(u8::from(rng.random_bool(0.6)));
                slot.gross = slot.units;
            }
            weeks.expand(week as usize, *persona, &mut past, &record, &mut rng, &mut dealt);
            lines.extend(dealt.iter().map(|line| {
                let shelf = &shelf[week as usize * PRODUCTS + line.product as usize];
                let gross = line.units * regular(line.product as usize) * shelf.log_price.exp();
                ProductCell {
                    customer: customer as u32,
                    week,
                    product: line.product,
                    units: line.units,
                    gross,
                    shelf_discount: gross * shelf.depth,
                    offer_discount: 0.0,
                }
            }));
        }
    }
    let ledger = ledger(&lines, &shelf);
    let categories = vec!["drinks".to_owned(), "other".to_owned()];
    Shop { categories, products: products(), lines, ledger, persona }
}

fn products() -> ProductTable {
    let row = |product: usize| ProductRow {
        product_id: format!("p{product:02}"),
        category: u16::from(product >= PER_FINE),
        group: (product / PER_FINE) as u32,
        units: 1.0,
        gross: regular(product),
        mean_price: regular(product),
        brand: None,
        private_label: None,
    };
    let groups = ["drinks", "bread", "soap"].map(str::to_owned).to_vec();
    ProductTable { rows: (0..PRODUCTS).map(row).collect(), groups }
}

/// What the market saw: only products that somebody bought.
fn ledger(lines: &[ProductCell], shelf: &[ShelfProduct]) -> Ledger {
    let mut sorted: Vec<&ProductCell> = lines.iter().collect();
    sorted.sort_by_key(|line| (line.product, line.week));
    let same = |a: &&ProductCell, b: &&ProductCell| (a.product, a.week) == (b.product, b.week);
    let rows = sorted.chunk_by(same).map(|lines| {
        let (product, week) = (lines[0].product, lines[0].week);
        let own = &shelf[week as usize * PRODUCTS + product as usize];
        ProductWeek {
            product,
            week,
            units: lines.iter().map(|line| line.units).sum(),
            gross: lines.iter().map(|line| line.gross).sum(),
            shelf_discount: lines.iter().map(|line| line.shelf_discount).sum(),
            regular_price: regular(product as usize) * own.log_price.exp(),
            display: own.display,
            mailer: own.mailer,
        }
    });
    Ledger { rows: rows.collect(), has_promotions: true }
}

#[test]
fn responses_of_generated_choices_are_recovered_within_four_standard_errors() {
    // Where customers are loyal, what the market shows is less than what each of them does.
    for (seed, prior_lines) in [(1, 1000.0), (2, 6.0)] {
        let shop = shop(seed, prior_lines);
        let fit = fit_choice(&shop.data()).expect("enough lines");
        for (own, fine) in fit.responses.iter().zip(&fit.model.fine) {
            assert!(own.own && own.steady.len() >= 8, "{own:?}");
            let found = fine.response;
            let pairs = [
                (found.depth, TRUTH.depth),
                (found.price, TRUTH.price),
                (found.display, TRUTH.display),
                (found.mailer, TRUTH.mailer),
            ];
            for ((found, truth), own) in pairs.into_iter().zip(&own.coefficients) {
                let error = own.sd / fit.responses[0].market_share_of_response;
                assert!((found - truth).abs() < 4.0 * error, "{found} {truth} ± {error}");
            }
        }
        assert_eq!((fit.report.fitted, fit.report.not_converged), (FINES, 0));
    }
}

#[test]
fn shares_of_products_are_recovered_free_of_promotions() {
    let shop = shop(3, 1000.0);
    let fit = fit_choice(&shop.data()).expect("enough lines");
    let total: f64 = (1..=PER_FINE).map(|rank| rank as f64).sum();
    for (fine, response) in fit.model.fine.iter().zip(&fit.responses) {
        let lines: f64 = response.steady.iter().map(|own| own.lines).sum();
        for (position, found) in fine.share[..PER_FINE].iter().enumerate() {
            let truth = (position + 1) as f64 / total;
            // Persona shares rest on at least a quarter of the lines when nothing is pooled.
            let error = (truth * (1.0 - truth) / (lines / 4.0)).sqrt();
            assert!((found - truth).abs() < 4.0 * error, "{position}: {found} {truth} ± {error}");
        }
    }
}

#[test]
fn the_fit_is_the_same_on_any_number_of_threads_and_reads_no_later_week() {
    let shop = shop(4, 8.0);
    let data = ChoiceData { train_end: 40, left_out: &[7], ..shop.data() };
    let on = |threads: usize, data: &ChoiceData<'_>| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        pool.install(|| fit_choice(data)).expect("enough lines")
    };
    let fit = on(1, &data);
    assert_eq!(fit, on(4, &data));
    let keep = |week: u32| week < 40 && week != 7;
    let lines: Vec<ProductCell> =
        shop.lines.iter().filter(|line| keep(line.week)).copied().collect();
    let rows = shop.ledger.rows.iter().filter(|row| row.week < 40).copied().collect();
    let ledger = Ledger { rows, has_promotions: true };
    assert_eq!(fit, on(2, &ChoiceData { lines: &lines, ledger: &ledger, ..data }));
}

#[test]
fn few_lines_are_refused_with_what_is_needed() {
    let shop = shop(5, 8.0);
    let data = ChoiceData { lines: &shop.lines[..100], ..shop.data() };
    let refused = fit_choice(&data).expect_err("a hundred lines are too few");
    assert!(matches!(refused, DemandError::TooFewRows { needed: 500, got: 100, .. }));
}

#[test]
fn what_others_lose_is_all_of_the_gain_unless_the_category_grows() {
    let shop = shop(6, 50.0);
    let fit = fit_choice(&shop.data()).expect("enough lines");
    let share = |expansion: f64| fit.cannibalised(0, 0.2, expansion).expect("steady products");
    assert!((share(0.0).value - 1.0).abs() < 1e-9);
    let path: Vec<f64> = [0.0, 0.5, 1.0, 2.0].iter().map(|own| share(*own).value).collect();
    assert!(path.windows(2).all(|two| two[1] < two[0]), "{path:?}");
    let read_out = &fit.report.categories[0];
    assert!(read_out.promotion_elasticity.high < 0.0 && read_out.gain_at_20.low > 0.0);
    // Shares sum to one, so the mean of 1 − s over lines is 1 − Σ s².
    let own = &fit.responses[0];
    let left: f64 = 1.0 - own.steady.iter().map(|one| one.share * one.share).sum::<f64>();
    let expected = -own.coefficients[0].mean * left;
    assert!((read_out.promotion_elasticity.value - expected).abs() < 1e-6);
}

#[test]
fn a_simulated_panel_is_the_same_on_any_threads_and_starts_from_the_past() {
    let shop = shop(7, 4.0);
    let data = ChoiceData { train_end: 52, ..shop.data() };
    let fit = fit_choice(&data).expect("enough lines");
    let market = ChoiceMarket::new(&shop.products, &shop.ledger, 52);
    let weeks = ChoiceWeeks::new(&fit.model, market.shelf(52..WEEKS));
    let past = starting_choices(&data, &weeks, 52);
    let mut record = WeekRecord::empty(2);
    record.categories.iter_mut().for_each(|slot| (slot.units, slot.gross) = (1.0, 2.0));
    let records = vec![vec![record; 8]; CUSTOMERS];
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        let persona = &shop.persona;
        pool.install(|| {
            let seed = SeedTree::new(1);
            simulated_panel(&shop.products, &weeks, &past, persona, &records, seed)
        })
    };
    let panel = on(1);
    assert_eq!(panel, on(3));
    let units: f64 = panel.lines.iter().map(|line| line.units).sum();
    assert!((units - (2 * 8 * CUSTOMERS) as f64).abs() < 1e-6);
    let real = real_panel(&shop.products, &shop.lines, &shop.persona, 52..WEEKS);
    for panel in [&panel, &real] {
        let key = |line: &super::super::panel::PanelLine| (line.customer, line.week, line.product);
        assert!(panel.lines.is_sorted_by(|a, b| key(a) < key(b)));
        assert_eq!((panel.n_customers, panel.n_weeks), (CUSTOMERS, 8));
    }
    // A line repeats when the customer had bought the product before week 52.
    let had = |customer: u32, product: u32| {
        let own = shop.lines.iter().filter(|line| line.customer == customer && line.week < 52);
        own.into_iter().any(|line| line.product == product)
    };
    let repeats = |lines: &[super::super::panel::PanelLine]| {
        let drinks: Vec<_> = lines.iter().filter(|line| line.product < PER_FINE as u32).collect();
        let again = drinks.iter().filter(|line| had(line.customer, line.product)).count();
        (again as f64 / drinks.len() as f64, drinks.len() as f64)
    };
    let ((made, n), (seen, m)) = (repeats(&panel.lines), repeats(&real.lines));
    // Lines of one customer go together, so each counts for an eighth at worst.
    let error = (seen * (1.0 - seen) * (8.0 / n + 8.0 / m)).sqrt();
    assert!((made - seen).abs() < 4.0 * error, "{made} {seen} ± {error}");
}
