//! What the pricing fit saves: `demand/pricing.json`.

use super::design::Columns;
use super::held_out::HeldOut;
use promopt_envs::pricing::{PricingModel, PricingWorld};
use serde::{Deserialize, Serialize};

/// Where a coefficient comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// Prices and features that moved by store and week, with store and season effects taken out.
    Quasi,
    /// What went together in the data, with nothing to say that it is a cause.
    Observational,
    /// Mostly the other products, since this one's rows say little.
    Pooled,
    /// Assumed.
    Assumed,
}

/// A coefficient with its interval at the level of the fit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Coefficient {
    /// Posterior mean.
    pub value: f64,
    /// Lower bound.
    pub lower: f64,
    /// Upper bound.
    pub upper: f64,
    /// The product's own estimate before pooling; `None` where its rows could not tell.
    pub alone: Option<f64>,
    /// Where it comes from.
    pub evidence: Evidence,
}

/// An amount with its interval over posterior draws.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Range {
    /// At the posterior mean.
    pub value: f64,
    /// Lower bound.
    pub lower: f64,
    /// Upper bound.
    pub upper: f64,
}

/// The own-price elasticity of the plain specification: store effects, prices, feature and coupon;
/// no season, no stock, no pooling.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PlainElasticity {
    /// Elasticity.
    pub value: f64,
    /// Standard error clustered by store, as the literature prints it.
    pub error_by_store: f64,
    /// Standard error clustered by store and by week.
    pub error: f64,
}

/// One price point of one product, by itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rung {
    /// Price as a share of the regular price.
    pub ratio: f64,
    /// Whether with a feature ad.
    pub feature: bool,
    /// Units in the week over units without a promotion.
    pub multiple: Range,
    /// Units multiple at which the product's own margin breaks even; `None` at or below cost.
    pub needed_multiple: Option<f64>,
    /// Change of the group's margin per store, money: the week itself, with what rivals lose, and the
    /// dip of the product's own units after it, less the feature cost.
    pub margin_gain: Range,
    /// Whether the data hold prices this low.
    pub is_supported: bool,
}

/// One product.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PricedProduct {
    /// Name.
    pub product: String,
    /// Store-weeks.
    pub rows: usize,
    /// Own-price elasticity.
    pub own: Coefficient,
    /// The same by the plain specification; `None` when the product's price never moved.
    pub plain: Option<PlainElasticity>,
    /// Elasticities with the price of every product of the group; its own place repeats `own`.
    pub prices: Vec<Coefficient>,
    /// Log multiplier of a feature ad.
    pub feature: Option<Coefficient>,
    /// Log multiplier of an in-store coupon.
    pub deal: Option<Coefficient>,
    /// Change of log units by a log unit of stock.
    pub stock: Option<Coefficient>,
    /// Sine and cosine of each harmonic of the year.
    pub season: Vec<Coefficient>,
    /// Part of a price cut that the supplier bears, log cost by log price.
    pub funding: Coefficient,
    /// Mean margin at the regular price, a fraction of the price.
    pub margin_rate: f64,
    /// Mean regular price at the end of the data, money per unit.
    pub regular_price: f64,
    /// Shift of the level at the end of the data, log units.
    pub level: f64,
    /// Share of the units gained in a 20 % cut that the other products lose.
    pub cannibalised: Range,
    /// Share of the units gained in a 20 % cut that the two weeks after lose.
    pub dip: Range,
    /// Price points by themselves.
    pub ladder: Vec<Rung>,
}

/// Verdict on a line of the card.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineVerdict {
    /// Within its band.
    Pass,
    /// Within a wider band.
    Warn,
    /// Outside both.
    Fail,
}

/// One line that compares the fit with what is known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PricingLine {
    /// What is compared.
    pub line: String,
    /// Ours.
    pub found: Range,
    /// What the literature found, with its source.
    pub known: String,
    /// The band in words.
    pub band: String,
    /// Verdict.
    pub verdict: LineVerdict,
    /// Whether the figures are fractions to be read as per cent.
    pub is_share: bool,
}

/// Coefficients of one product in one posterior draw.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProductDraw {
    /// All columns.
    pub beta: Vec<f64>,
    /// Level at the end of the data, log units.
    pub level: f64,
    /// Part of a price cut that the supplier bears.
    pub funding: f64,
}

/// The fitted group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedPricing {
    /// Level of every interval.
    pub interval_level: f64,
    /// Names of the stores.
    pub stores: Vec<String>,
    /// First and last week.
    pub weeks: (i64, i64),
    /// Columns of the regressions.
    pub columns: Columns,
    /// Share of the stock that is left after a week, chosen on held-out weeks.
    pub stock_decay: f64,
    /// How many times the precision of the spread of cross elasticities counts, chosen likewise.
    pub cross_strength: f64,
    /// Mean and standard deviation of own-price elasticities over products.
    pub own_spread: (f64, f64),
    /// Mean and standard deviation of cross elasticities over pairs.
    pub cross_spread: (f64, f64),
    /// The products.
    pub products: Vec<PricedProduct>,
    /// Error on held-out weeks.
    pub held_out: HeldOut,
    /// The fit beside what is known.
    pub lines: Vec<PricingLine>,
    /// What a reader must know: whole sentences.
    pub notes: Vec<String>,
    /// The best model.
    pub model: PricingModel,
    /// Posterior draws by draw and product.
    pub draws: Vec<Vec<ProductDraw>>,
    /// Means of the columns by product and store, `[n_products][n_stores × n_columns]`: with a draw's
    /// coefficients they give its store effects.
    pub column_means: Vec<Vec<f64>>,
}

impl FittedPricing {
    /// The model of a draw: its coefficients, with store effects that keep the fitted means.
    #[must_use]
    pub fn model_of(&self, draw: &[ProductDraw]) -> PricingModel {
        let mut model = self.model.clone();
        let n = self.columns.len();
        let best = self.best();
        let parts = model.products.iter_mut().zip(draw.iter().zip(&best));
        for (index, (product, (draw, best))) in parts.enumerate() {
            self.columns.write_into(&draw.beta, index, product);
            product.funding = draw.funding;
            let means = self.column_means[index].chunks_exact(n);
            for (intercept, means) in product.intercepts.iter_mut().zip(means) {
                let moved = means.iter().zip(draw.beta.iter().zip(&best.beta));
                let moved: f64 = moved.map(|(mean, (b, best))| mean * (b - best)).sum();
                *intercept += draw.level - best.level - moved;
            }
        }
        model
    }

    /// The coefficients of the best model in the shape of a draw.
    fn best(&self) -> Vec<ProductDraw> {
        let of = |(product, model): (&PricedProduct, &promopt_envs::pricing::ProductModel)| {
            let value = |one: &Option<Coefficient>| one.as_ref().map(|one| one.value);
            let mut beta: Vec<f64> = product.prices.iter().map(|one| one.value).collect();
            beta.extend(
                [&product.feature, &product.deal, &product.stock].into_iter().filter_map(value),
            );
            beta.extend(product.season.iter().map(|one| one.value));
            ProductDraw { beta, level: product.level, funding: model.funding }
        };
        self.products.iter().zip(&self.model.products).map(of).collect()
    }

    /// The world of the fit, with all its draws.
    #[must_use]
    pub fn world(&self) -> PricingWorld {
        PricingWorld {
            model: self.model.clone(),
            draws: self.draws.iter().map(|draw| self.model_of(draw)).collect(),
            first_week: u32::try_from(self.weeks.1 + 1).unwrap_or(0),
        }
    }
}
