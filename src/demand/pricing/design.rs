//! Columns of the pricing regression and the stock that past promotions have built.

use super::panel::{Panel, ProductRows};
use promopt_envs::pricing::{ProductModel, WEEKS_PER_YEAR};
use serde::{Deserialize, Serialize};

/// What a coefficient is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Own log price.
    Own,
    /// Log price of another product.
    Cross,
    /// Feature ad.
    Feature,
    /// In-store coupon.
    Deal,
    /// Stock from earlier promotions.
    Stock,
    /// Sine or cosine of a harmonic of the year, numbered from 0.
    Season(usize),
}

/// The order of columns: log prices of all products, feature, deal, stock, season.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Columns {
    /// Products of the group.
    pub n_products: usize,
    /// Whether there is a column for feature ads.
    pub feature: bool,
    /// Whether there is one for in-store coupons.
    pub deal: bool,
    /// Whether there is one for the stock.
    pub stock: bool,
    /// Harmonics of the year.
    pub harmonics: usize,
}

impl Columns {
    /// Number of columns.
    #[must_use]
    pub fn len(&self) -> usize {
        let flags = [self.feature, self.deal, self.stock];
        self.n_products + flags.iter().filter(|flag| **flag).count() + 2 * self.harmonics
    }

    /// Whether there is no column; never, since a group has a product.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Position of the column with a role other than a price, if there is one.
    #[must_use]
    pub fn position(&self, role: Role) -> Option<usize> {
        (self.n_products..self.len()).find(|&column| self.role(0, column) == role)
    }

    /// Role of a column in the regression of a product.
    #[must_use]
    pub fn role(&self, product: usize, column: usize) -> Role {
        if column < self.n_products {
            return if column == product { Role::Own } else { Role::Cross };
        }
        let flags =
            [(self.feature, Role::Feature), (self.deal, Role::Deal), (self.stock, Role::Stock)];
        let mut present = flags.into_iter().filter(|(there, _)| *there).map(|(_, role)| role);
        let at = column - self.n_products;
        let n_present = flags.iter().filter(|(there, _)| *there).count();
        present.nth(at).unwrap_or(Role::Season(at.saturating_sub(n_present)))
    }

    /// Writes coefficients into a model of the product, whose own elasticity is held at 0 or below: a
    /// deeper cut never lowers expected units within the week.
    pub(super) fn write_into(&self, beta: &[f64], own: usize, product: &mut ProductModel) {
        let at = |role| self.position(role).map_or(0.0, |column| beta[column]);
        product.elasticities.clear();
        product.elasticities.extend_from_slice(&beta[..self.n_products]);
        product.elasticities[own] = product.elasticities[own].min(0.0);
        product.feature = at(Role::Feature);
        product.deal = at(Role::Deal);
        product.stock = at(Role::Stock);
        product.season.clear();
        product.season.extend_from_slice(&beta[self.len() - 2 * self.harmonics..]);
    }

    /// Columns of a product from the one to keep first to the last when they cannot be told apart.
    pub(super) fn order(&self, product: usize) -> Vec<usize> {
        let others = (0..self.n_products).filter(|&column| column != product);
        std::iter::once(product).chain(self.n_products..self.len()).chain(others).collect()
    }

    /// Writes the columns of a row.
    pub(super) fn write(&self, rows: &ProductRows, row: usize, stock: f64, out: &mut Vec<f64>) {
        out.clear();
        let n = self.n_products;
        out.extend_from_slice(&rows.log_prices[row * n..(row + 1) * n]);
        if self.feature {
            out.push(rows.feature[row]);
        }
        if self.deal {
            out.push(rows.deal[row]);
        }
        if self.stock {
            out.push(stock);
        }
        for harmonic in 1..=self.harmonics {
            let year = rows.week[row] as f64 / WEEKS_PER_YEAR;
            let angle = std::f64::consts::TAU * harmonic as f64 * year;
            out.extend([angle.sin(), angle.cos()]);
        }
    }
}

/// What a promotion of a product does to its log units within the week.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Lift {
    /// Own-price elasticity.
    pub(super) own: f64,
    /// Log multiplier of a feature ad.
    pub(super) feature: f64,
    /// Log multiplier of an in-store coupon.
    pub(super) deal: f64,
}

impl Lift {
    /// The lift among the coefficients of a product.
    pub(super) fn among(columns: &Columns, product: usize, beta: &[f64]) -> Self {
        let at = |role| columns.position(role).map_or(0.0, |column| beta[column]);
        Self { own: beta[product], feature: at(Role::Feature), deal: at(Role::Deal) }
    }
}

/// Stock at the start of each row's week, log units: the lifts of earlier weeks, each fading by
/// `decay` a week. A store starts empty; a week without a row adds nothing.
pub(super) fn stocks(panel: &Panel, product: usize, lift: Lift, decay: f64) -> Vec<f64> {
    let rows = &panel.rows[product];
    let mut stock = 0.0;
    let mut out = Vec::with_capacity(rows.len());
    for row in 0..rows.len() {
        if row > 0 && rows.store[row] == rows.store[row - 1] {
            let before = row - 1;
            let lifted = lift.own * rows.log_ratio(product, before)
                + lift.feature * rows.feature[before]
                + lift.deal * rows.deal[before];
            let silent = (rows.week[row] - rows.week[before] - 1).clamp(0, 1_000) as i32;
            stock = (decay * stock + (1.0 - decay) * lifted) * decay.powi(silent);
        } else {
            stock = 0.0;
        }
        out.push(stock);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_found_by_role() {
        let columns =
            Columns { n_products: 3, feature: true, deal: false, stock: true, harmonics: 1 };
        assert_eq!(columns.len(), 7);
        assert_eq!(columns.role(1, 1), Role::Own);
        assert_eq!(columns.role(1, 2), Role::Cross);
        assert_eq!(columns.position(Role::Feature), Some(3));
        assert_eq!(columns.position(Role::Deal), None);
        assert_eq!(columns.position(Role::Stock), Some(4));
        assert_eq!(columns.role(0, 6), Role::Season(1));
        assert_eq!(columns.order(1), [1, 3, 4, 5, 6, 0, 2]);
    }

    #[test]
    fn stock_follows_the_store_and_fades_over_missing_weeks() {
        let log_price = 0.5_f64.ln();
        let rows = ProductRows {
            store: vec![0, 0, 0, 1],
            week: vec![1, 2, 4, 5],
            log_units: vec![0.0; 4],
            log_prices: vec![log_price, 0.0, 0.0, 0.0],
            log_regular: vec![0.0; 4],
            feature: vec![1.0, 0.0, 0.0, 0.0],
            deal: vec![0.0; 4],
            log_cost: vec![f64::NAN; 4],
        };
        let panel = Panel {
            stores: vec!["a".into(), "b".into()],
            products: vec!["x".into()],
            left_out: Vec::new(),
            weeks: vec![1, 2, 4, 5],
            has_feature: true,
            has_deal: false,
            carried_prices: 0.0,
            rows: vec![rows],
        };
        let lift = Lift { own: -2.0, feature: 0.5, deal: 0.0 };
        let first = 0.4 * (-2.0 * log_price + 0.5);
        let found = stocks(&panel, 0, lift, 0.6);
        let expected = [0.0, first, first * 0.6 * 0.6, 0.0];
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{found:?}");
    }
}
