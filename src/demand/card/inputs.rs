//! What the card is told by those who measured it elsewhere: product choice, past promotions.

use super::spread::Spread;
use crate::data::History;
use crate::demand::curves::CategoryElasticity;
use serde::{Deserialize, Serialize};

/// A figure that the data may be unable to identify.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// Estimated, with its 95 % interval.
    Estimated(Spread),
    /// Not identified by this history, and why.
    NotIdentified(String),
}

/// What the product stage found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProductEvidence {
    /// Own-price elasticity of a product at constant prices of the others, mean over products.
    pub own_price: Evidence,
    /// Units with a display or mailer over units without, at equal prices.
    pub feature_multiplier: Evidence,
    /// Share of a promoted product's unit gain that other products of its category lose.
    pub cannibalised: Evidence,
}

/// What past promotions did, from their lift waterfalls.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PromotionFacts {
    /// Share of the own lift that is missing in the weeks after.
    pub dip: Evidence,
    /// Units gained in other categories per unit of own lift.
    pub halo: Evidence,
    /// Share of promotions with a negative incremental margin.
    pub share_losing: Evidence,
    /// Number of promotions behind these.
    pub n_promotions: usize,
}

/// Everything about the world that was measured outside the held-out weeks.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Own-price elasticity of a category as a whole, mean over categories weighted by units.
    pub category_own_price: Option<Spread>,
    /// From the product stage, where there is one.
    pub products: Option<ProductEvidence>,
    /// From the lift waterfalls, where there are past promotions.
    pub promotions: Option<PromotionFacts>,
}

/// Mean of the categories' own-price elasticities, weighted by the units of the whole history; its
/// interval is the weighted mean of their ends, as if they erred together. `None` when nothing was
/// sold in any of them.
#[must_use]
pub fn mean_own_price(elasticities: &[CategoryElasticity], history: &History) -> Option<Spread> {
    let mut units = vec![0.0; history.n_categories()];
    history.cells.iter().for_each(|c| units[usize::from(c.category)] += c.units);
    let weighted = |of: fn(&CategoryElasticity) -> f64| {
        let of = |e: &CategoryElasticity| units[e.category] * of(e);
        elasticities.iter().map(of).sum::<f64>()
    };
    let all = weighted(|_| 1.0);
    (all > 0.0).then(|| Spread {
        mean: weighted(|e| e.estimate) / all,
        lower: weighted(|e| e.lower) / all,
        upper: weighted(|e| e.upper) / all,
    })
}
