//! The retailer's books as tables with the canonical column names, ready to be written as CSV.

use super::market::cents;
use super::retailer::Retailer;
use super::simulate::LoggedWeek;
use serde::Serialize;

/// One line of a receipt.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TransactionRow {
    /// Customer identifier.
    pub customer_id: String,
    /// ISO date of the purchase.
    pub date: String,
    /// Product identifier.
    pub product_id: String,
    /// Units.
    pub quantity: u32,
    /// What the line brought in, after all discounts; money.
    pub sales_value: f64,
    /// Identifier of the receipt.
    pub basket_id: String,
    /// Identifier of the store.
    pub store_id: String,
    /// Discount that everybody got, money.
    pub shelf_discount: f64,
    /// Discount from the customer's own offer, money.
    pub offer_discount: f64,
}

/// One product.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProductRow {
    /// Product identifier.
    pub product_id: String,
    /// Category name.
    pub category: String,
    /// Department name.
    pub department: String,
    /// Brand name.
    pub brand: String,
    /// Regular price, money.
    pub list_price: f64,
    /// Cost of one unit, money.
    pub unit_cost: f64,
}

/// One customer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CustomerRow {
    /// Customer identifier.
    pub customer_id: String,
    /// Age band.
    pub age_band: String,
    /// Region.
    pub region: String,
}

/// One decision of today's policy.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ExposureRow {
    /// Customer identifier.
    pub customer_id: String,
    /// ISO date of the first day of the week.
    pub date: String,
    /// Offer identifier, also `none`.
    pub offer_id: String,
    /// Probability with which the offer was drawn.
    pub propensity: f64,
}

/// One offer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OfferRow {
    /// Offer identifier.
    pub offer_id: String,
    /// `none` or `percent`.
    pub mechanic: String,
    /// Category name, empty for `none`.
    pub category: String,
    /// Fraction off the price.
    pub depth: f64,
    /// Smallest basket value, money.
    pub min_spend: f64,
    /// Cost of a contact, money.
    pub contact_cost: f64,
}

/// All tables of a retailer's history.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CanonicalTables {
    /// Lines of receipts, by customer and week.
    pub transactions: Vec<TransactionRow>,
    /// Products.
    pub products: Vec<ProductRow>,
    /// Customers.
    pub customers: Vec<CustomerRow>,
    /// Decisions, by customer and week.
    pub exposures: Vec<ExposureRow>,
    /// Offers, `none` first.
    pub offers: Vec<OfferRow>,
}

impl CanonicalTables {
    /// The tables before any week has passed.
    #[must_use]
    pub(crate) fn new(retailer: &Retailer) -> Self {
        let names = retailer.categories();
        let department = |category: usize| super::config::CATEGORIES[category].1.to_owned();
        let products = retailer.market().products().iter().enumerate().map(|(i, p)| ProductRow {
            product_id: product_id(i),
            category: names[p.category].clone(),
            department: department(p.category),
            brand: p.brand.clone(),
            list_price: p.price,
            unit_cost: p.unit_cost,
        });
        let customers = retailer.customers().iter().enumerate().map(|(i, c)| CustomerRow {
            customer_id: customer_id(i),
            age_band: c.age_band.to_owned(),
            region: c.region.to_owned(),
        });
        let offers = retailer.catalogue().offers().iter().map(|offer| OfferRow {
            offer_id: offer.id.clone(),
            mechanic: offer.mechanic.kind().name().to_owned(),
            category: offer.category.map_or_else(String::new, |c| names[c].clone()),
            depth: offer.depth,
            min_spend: 0.0,
            contact_cost: offer.contact_cost,
        });
        Self {
            products: products.collect(),
            customers: customers.collect(),
            offers: offers.collect(),
            ..Self::default()
        }
    }

    /// Adds one customer-week.
    pub(crate) fn enter(&mut self, retailer: &Retailer, week: &LoggedWeek<'_>) {
        let calendar = retailer.calendar();
        let customer = customer_id(week.customer);
        let region = retailer.customers()[week.customer].region;
        for line in week.lines {
            self.transactions.push(TransactionRow {
                customer_id: customer.clone(),
                date: calendar.date(week.week, line.day),
                product_id: product_id(line.product),
                quantity: line.quantity,
                sales_value: cents(line.gross - line.shelf_discount - line.offer_discount),
                basket_id: format!("B{:05}-{:03}", week.customer, week.week),
                store_id: format!("store-{region}"),
                shelf_discount: line.shelf_discount,
                offer_discount: line.offer_discount,
            });
        }
        self.exposures.push(ExposureRow {
            customer_id: customer,
            date: calendar.date(week.week, 0),
            offer_id: retailer.catalogue().offer(week.action).id.clone(),
            propensity: week.probabilities[week.action],
        });
    }
}

/// Identifier of a customer in the tables.
#[must_use]
pub fn customer_id(customer: usize) -> String {
    format!("C{customer:05}")
}

/// Identifier of a product in the tables.
#[must_use]
pub fn product_id(product: usize) -> String {
    format!("P{product:04}")
}
