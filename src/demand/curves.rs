//! Response curves by persona and own-price elasticities by category, with posterior intervals.

use super::fit::{FittedDemand, OfferEvidence};
use super::world::Ground;
use promopt_envs::retail::{
    CustomerHistory, DemandModel, ObservationSchema, Offer, Prepared, WeekInput, WeekPlan,
};
use serde::{Deserialize, Serialize};

/// Depths at which curves are drawn.
const DEPTHS: [f64; 7] = [0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3];
/// Customers over which responses are averaged, per persona.
const CUSTOMERS_MAX: usize = 200;
/// Mean shelf depth at which elasticities are taken.
const ELASTICITY_CUT: f64 = 0.1;

/// Weekly purchase probability of one persona in one category by offer depth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResponseCurve {
    /// Category index.
    pub category: usize,
    /// Persona index.
    pub persona: usize,
    /// `(depth, mean, lowest draw, highest draw)`.
    pub points: Vec<[f64; 4]>,
}

/// Own-price elasticity of a category: `ln(units at a 10 % mean shelf cut / units) / ln(price paid at
/// it / regular price)`, averaged over customers; within the week, visits included. The price paid
/// falls by more than 10 %, because buyers pick the deals.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CategoryElasticity {
    /// Category index.
    pub category: usize,
    /// At the posterior mode.
    pub estimate: f64,
    /// Lowest over the posterior draws.
    pub lower: f64,
    /// Highest over the posterior draws.
    pub upper: f64,
}

/// What the report shows of the fitted response.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResponseSummary {
    /// Curves by category, then persona; personas without customers are left out.
    pub curves: Vec<ResponseCurve>,
    /// By category, `other` left out.
    pub elasticities: Vec<CategoryElasticity>,
    /// Where the response to offers comes from.
    pub offer_evidence: OfferEvidence,
}

/// Averages the model over customers as they stand at the end of the history.
#[must_use]
pub fn summarise(
    ground: &Ground<'_>,
    fitted: &FittedDemand,
    summaries: &[CustomerHistory],
    who: &[usize],
) -> ResponseSummary {
    let schema = &ground.schema;
    let (encoder, n_weeks) = (ground.encoder(), ground.history.n_weeks);
    let mut by_persona: Vec<Vec<Vec<f32>>> = vec![Vec::new(); schema.n_personas];
    for &i in who {
        let persona = ground.timeline.at(i, n_weeks);
        if by_persona[persona].len() < CUSTOMERS_MAX {
            let mut observation = vec![0.0; schema.n_features()];
            encoder.encode(i as u32, n_weeks, &summaries[i], n_weeks, &mut observation);
            by_persona[persona].push(observation);
        }
    }
    let targetable = schema.n_categories() - 1;
    let mut curves = Vec::new();
    for category in 0..targetable {
        for (persona, observations) in by_persona.iter().enumerate() {
            if !observations.is_empty() {
                let points = DEPTHS
                    .map(|depth| point(schema, fitted, observations, category, depth))
                    .to_vec();
                curves.push(ResponseCurve { category, persona, points });
            }
        }
    }
    let everybody: Vec<&Vec<f32>> = by_persona.iter().flatten().collect();
    let elasticities = (0..targetable)
        .map(|category| {
            let of = |m: &DemandModel| elasticity(schema, m, &everybody, category);
            let draws: Vec<f64> = fitted.judge.iter().chain(&fitted.train).map(of).collect();
            let estimate = of(&fitted.mean);
            CategoryElasticity {
                category,
                estimate,
                lower: draws.iter().copied().fold(estimate, f64::min),
                upper: draws.iter().copied().fold(estimate, f64::max),
            }
        })
        .collect();
    ResponseSummary { curves, elasticities, offer_evidence: fitted.offer_evidence }
}

/// Evaluates weeks of one model with buffers that are kept.
struct Week<'a> {
    schema: &'a ObservationSchema,
    model: &'a DemandModel,
    prepared: Prepared,
    plan: WeekPlan,
}

impl<'a> Week<'a> {
    fn new(schema: &'a ObservationSchema, model: &'a DemandModel) -> Self {
        Self { schema, model, prepared: Prepared::default(), plan: WeekPlan::default() }
    }

    /// Probability of buying in the category in the week, and expected units.
    fn of(&mut self, o: &[f32], shelf: &[f64], offer: &Offer, category: usize) -> (f64, f64) {
        let view = self.schema.read(o);
        self.model.prepare(&view, &mut self.prepared);
        let week = WeekInput::of_shelf(shelf);
        self.model.evaluate(&self.prepared, &view, &week, offer, &mut self.plan);
        let (visits, slot) = (self.plan.expected_baskets(), &self.plan.categories[category]);
        (visits * slot.incidence, visits * slot.units())
    }
}

fn point(
    schema: &ObservationSchema,
    fitted: &FittedDemand,
    observations: &[Vec<f32>],
    category: usize,
    depth: f64,
) -> [f64; 4] {
    let offer = if depth > 0.0 {
        Offer::percent(String::new(), Some(category), depth, 0.0)
    } else {
        Offer::none()
    };
    let mean_of = |model: &DemandModel| {
        let shelf: Vec<f64> = model.categories.iter().map(|c| c.shelf_mean).collect();
        let mut week = Week::new(schema, model);
        let one = |o: &Vec<f32>| week.of(o, &shelf, &offer, category).0;
        observations.iter().map(one).sum::<f64>() / observations.len() as f64
    };
    let mean = mean_of(&fitted.mean);
    let draws: Vec<f64> = fitted.judge.iter().map(mean_of).collect();
    let lower = draws.iter().copied().fold(mean, f64::min);
    [depth, mean, lower, draws.iter().copied().fold(mean, f64::max)]
}

pub(super) fn elasticity(
    schema: &ObservationSchema,
    model: &DemandModel,
    observations: &[&Vec<f32>],
    category: usize,
) -> f64 {
    let none = Offer::none();
    let usual: Vec<f64> = model.categories.iter().map(|c| c.shelf_mean).collect();
    let mut week = Week::new(schema, model);
    let mut units = |depth: f64| -> f64 {
        let mut shelf = usual.clone();
        shelf[category] = depth;
        observations.iter().map(|o| week.of(o, &shelf, &none, category).1).sum::<f64>()
    };
    let (regular, cut) = (units(0.0), units(ELASTICITY_CUT));
    let own = |o: &&Vec<f32>| {
        let share = schema.read(o).discount_share();
        model.categories[category].realised_shelf(ELASTICITY_CUT, share)
    };
    let n = observations.len().max(1) as f64;
    let paid = 1.0 - observations.iter().map(own).sum::<f64>() / n;
    if regular > 0.0 && paid < 1.0 { (cut / regular).ln() / paid.ln() } else { 0.0 }
}
