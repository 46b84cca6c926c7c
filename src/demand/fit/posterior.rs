//! The posterior of all coefficients, from which models are assembled: the mode, and draws.

use super::super::design::{incidence_columns, units_columns, visit_columns};
use super::super::glm::Family;
use super::OfferEvidence;
use super::parts::Part;
use super::prices::Prices;
use promopt_envs::SeedTree;
use promopt_envs::retail::demand::features::{
    Column, INCIDENCE_COMMON, INCIDENCE_OWN, Sign, UNITS_MOVING, UNITS_RESPONSE, VISIT_MOVING,
    felt_depth,
};
use promopt_envs::retail::{CategoryModel, DemandModel, UnitsModel, VisitModel, WeekShock};
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};

/// Depth at which an offer without evidence of its own moves as much as a shelf discount does.
const ASSUMED_DEPTH: f64 = 0.2;

/// Coefficients of one part, normal around the mode.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PartPosterior {
    /// Name of the part; also of its stream of random numbers.
    pub part: String,
    /// The mode, shape `[p]`.
    pub mode: Vec<f64>,
    /// Lower factor of the covariance by rows, `[p (p + 1) / 2]`, given what all categories share.
    pub factor: Vec<f64>,
    /// How the coefficients move with standard normals that all categories share, `[p × s]`.
    pub lean: Vec<f64>,
    /// Dispersion of units, 0 for the other parts.
    pub dispersion: f64,
}

/// All parts, and the figures that need no likelihood.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Posterior {
    /// Visit, then incidence by category, then units by category.
    parts: Vec<PartPosterior>,
    prices: Prices,
    churn: f64,
    shock: WeekShock,
    n_personas: usize,
    offer_evidence: OfferEvidence,
    /// Whether draws keep the signs of theory.
    signs: bool,
}

impl PartPosterior {
    fn of(part: &Part) -> Self {
        let p = part.fit.beta.len();
        let rows = (0..p).flat_map(|i| part.spread[i * p..=i * p + i].iter().copied());
        let dispersion = match part.family {
            Family::Counts { dispersion } => dispersion,
            Family::Bernoulli => 0.0,
        };
        let (name, mode) = (part.report.part.clone(), part.fit.beta.clone());
        let (factor, lean) = (rows.collect(), part.lean.clone());
        Self { part: name, mode, factor, lean, dispersion }
    }

    fn draw(&self, tree: SeedTree) -> Vec<f64> {
        let normals = |name: &str, n: usize| -> Vec<f64> {
            let stream = tree.child(name).stream();
            StandardNormal.sample_iter(stream).take(n).collect()
        };
        let n_shared = self.lean.len() / self.mode.len().max(1);
        let kind = self.part.split(':').next().unwrap_or_default();
        let own = normals(&self.part, self.mode.len());
        let shared = normals(&format!("shared {kind}"), n_shared);
        let sum = |row: &[f64], z: &[f64]| row.iter().zip(z).map(|(l, z)| l * z).sum::<f64>();
        let mut at = 0;
        let moved = self.mode.iter().enumerate().map(|(i, mode)| {
            let row = &self.factor[at..=at + i];
            at += i + 1;
            let lean = &self.lean[i * n_shared..(i + 1) * n_shared];
            mode + sum(row, &own) + sum(lean, &shared)
        });
        moved.collect()
    }
}

impl Posterior {
    pub(super) fn new(
        parts: &[Part],
        prices: Prices,
        churn: f64,
        shock: WeekShock,
        n_personas: usize,
        offer_evidence: OfferEvidence,
        signs: bool,
    ) -> Self {
        let parts = parts.iter().map(PartPosterior::of).collect();
        Self { parts, prices, churn, shock, n_personas, offer_evidence, signs }
    }

    /// The posterior of every part: visit, then incidence by category, then units by category.
    #[must_use]
    pub fn parts(&self) -> &[PartPosterior] {
        &self.parts
    }

    /// The model at the posterior mode.
    #[must_use]
    pub fn mode(&self) -> DemandModel {
        self.assemble(|part| part.mode.clone())
    }

    /// One model from the posterior.
    #[must_use]
    pub fn draw(&self, tree: SeedTree) -> DemandModel {
        self.assemble(|part| part.draw(tree))
    }

    /// A model from coefficients chosen per part. Signs that theory gives are kept in every
    /// draw, unless the fit was asked not to.
    fn assemble(&self, coefficients: impl Fn(&PartPosterior) -> Vec<f64>) -> DemandModel {
        let k = self.n_personas;
        let n_categories = (self.parts.len() - 1) / 2;
        let mut row = Row::new(coefficients(&self.parts[0]), visit_columns(k).len());
        let mut visit = VisitModel {
            fixed: row.take(),
            moving: row.take(),
            offer: row.take(),
            persona: row.take_many(k),
            persona_offer: row.take_many(k),
        };
        if self.signs {
            keep_signs(&VISIT_MOVING, &mut visit.moving);
        }
        let (incidence, units) = self.parts[1..].split_at(n_categories);
        let mut categories: Vec<CategoryModel> = incidence
            .iter()
            .zip(units)
            .enumerate()
            .map(|(c, (incidence, units))| {
                let row = Row::new(coefficients(incidence), incidence_columns(k).len());
                let dispersion = units.dispersion;
                let units = Row::new(coefficients(units), units_columns(k).len());
                self.category(c, row, units, dispersion)
            })
            .collect();
        if self.offer_evidence == OfferEvidence::AssumedFromShelf {
            forget_offers(&mut visit.moving, &VISIT_MOVING);
            visit.offer.fill(0.0);
            visit.persona_offer.fill(0.0);
            categories.iter_mut().for_each(assume_offers_act_like_shelf_discounts);
        }
        let (redemption, churn) = (self.prices.redemption, self.churn);
        DemandModel { visit, categories, redemption, churn, shock: self.shock }
    }

    fn category(&self, c: usize, mut row: Row, mut units: Row, dispersion: f64) -> CategoryModel {
        let (k, prices) = (self.n_personas, &self.prices);
        let mut category = CategoryModel {
            fixed: row.take(),
            common: row.take(),
            own: row.take(),
            shelf: row.take(),
            offer: row.take(),
            persona: row.take_many(k),
            persona_shelf: row.take_many(k),
            persona_offer: row.take_many(k),
            units: UnitsModel {
                fixed: units.take(),
                moving: units.take(),
                shelf: units.next(),
                offer: units.next(),
                persona: units.take_many(k),
                dispersion,
            },
            unit_price: prices.unit_price[c].clone(),
            margin_rate: prices.margin_rate[c],
            shelf_realised: prices.shelf_realised[c],
            shelf_mean: prices.shelf_mean[c],
        };
        if self.signs {
            keep_signs(&INCIDENCE_COMMON, &mut category.common);
            keep_signs(&INCIDENCE_OWN, &mut category.own);
            keep_signs(&UNITS_MOVING, &mut category.units.moving);
            let mut response = [category.units.shelf, category.units.offer];
            keep_signs(&UNITS_RESPONSE, &mut response);
            [category.units.shelf, category.units.offer] = response;
        }
        category
    }
}

/// Coefficients taken from the front.
struct Row(std::vec::IntoIter<f64>);

impl Row {
    /// # Panics
    /// When the number of coefficients is not what the columns say; both are ours.
    fn new(coefficients: Vec<f64>, n_columns: usize) -> Self {
        assert_eq!(coefficients.len(), n_columns, "one coefficient per column");
        Self(coefficients.into_iter())
    }

    fn next(&mut self) -> f64 {
        self.0.next().unwrap_or(0.0)
    }

    fn take<const N: usize>(&mut self) -> [f64; N] {
        std::array::from_fn(|_| self.next())
    }

    fn take_many(&mut self, n: usize) -> Vec<f64> {
        (0..n).map(|_| self.next()).collect()
    }
}

fn keep_signs(columns: &[Column], coefficients: &mut [f64]) {
    for (column, b) in columns.iter().zip(coefficients) {
        match column.sign {
            Sign::Free => {}
            Sign::Positive => *b = b.max(0.0),
            Sign::Negative => *b = b.min(0.0),
        }
    }
}

/// Terms that stand for what offers cost later mean nothing where no offers were seen.
fn forget_offers(coefficients: &mut [f64], columns: &[Column]) {
    let of_offers = ["contacts lately", "offer depth lately", "offer elsewhere"];
    for (column, b) in columns.iter().zip(coefficients) {
        if of_offers.contains(&column.name) {
            *b = 0.0;
        }
    }
}

/// Without usable offers, a 20 % offer moves incidence and units as a 20 % shelf discount does, others
/// in proportion to their felt depth (see [`OfferEvidence::AssumedFromShelf`]).
fn assume_offers_act_like_shelf_discounts(category: &mut CategoryModel) {
    forget_offers(&mut category.common, &INCIDENCE_COMMON);
    forget_offers(&mut category.own, &INCIDENCE_OWN);
    let scale = ASSUMED_DEPTH / felt_depth(ASSUMED_DEPTH);
    category.offer.fill(0.0);
    category.offer[0] = category.shelf[0] * scale;
    category.offer[2] = category.shelf[1] * scale;
    category.persona_offer = category.persona_shelf.iter().map(|b| b * scale).collect();
    category.units.offer = category.units.shelf * scale;
}
