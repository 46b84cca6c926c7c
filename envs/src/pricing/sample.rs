//! A made-up pair of rival products in two stores, for the registry: nothing in it was fitted.

use super::environment::PricingWorld;
use super::model::{PricingModel, ProductModel};

/// Two products that take sales from each other, in a large and a small store; own-price
/// elasticities are −2.5 and −3.
#[must_use]
pub fn sample_pricing_world() -> PricingWorld {
    let first = ProductModel {
        intercepts: vec![5.0, 4.2],
        elasticities: vec![-2.5, 0.5],
        feature: 0.6,
        deal: 0.05,
        season: vec![0.1, 0.2],
        stock: -0.2,
        sd_common: 0.1,
        sd_store: 0.2,
        regular_prices: vec![2.0, 2.1],
        unit_costs: vec![1.2, 1.2],
        funding: 0.3,
        lowest_ratio: 0.7,
    };
    let rival = ProductModel {
        intercepts: vec![6.0, 5.3],
        elasticities: vec![0.4, -3.0],
        season: vec![0.0, -0.1],
        regular_prices: vec![3.0, 3.0],
        unit_costs: vec![1.9, 1.9],
        ..first.clone()
    };
    let model = PricingModel { products: vec![first, rival], stock_decay: 0.5 };
    let mut steeper = model.clone();
    for (own, product) in steeper.products.iter_mut().enumerate() {
        product.elasticities[own] *= 1.1;
    }
    PricingWorld { draws: vec![model.clone(), steeper], model, first_week: 0 }
}
