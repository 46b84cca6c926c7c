//! The stage that fits the world: response, choice of products, past promotions, realism card, page.

use super::error::RunError;
use super::folder::write_json;
use super::lift;
use super::render::world;
use super::stage::{Job, Stage};
use crate::data::{Ledger, ProductCell, ProductTable, read_ledger, read_lines, read_products};
use crate::demand::card::{self, Evidence, Measured, ProductEvidence, Products, Spread};
use crate::demand::choice::{ChoiceData, ChoiceMarket, Estimate, FittedChoice, fit_choice};
use crate::demand::design::Encoder;
use crate::demand::{DemandError, FittedDemand, Ground, curves, fit};
use promopt_envs::SeedTree;
use promopt_envs::retail::ChoiceWeeks;

/// Steps that are shown while the stage runs.
const STEPS: u64 = 4;
/// Depth at which cannibalisation is read out.
const READ_OUT_DEPTH: f64 = 0.2;

/// Fits the response, replays the held-out weeks and summarises what it found.
pub(super) fn fit(job: &Job<'_>) -> Result<(), RunError> {
    let history = job.history()?;
    let actions = job.actions(&history)?;
    let (schema, timeline) = (job.schema(&history)?, job.persona_timeline()?);
    let encoder = Encoder { schema: &schema, timeline: &timeline, history: &history };
    let seed = SeedTree::new(job.config.seed).child("fit");
    let fitted = fit::fit_demand(&history, &actions, &encoder, &job.config.fit, seed)?;
    job.observer.progress(Stage::Fit, 1, STEPS, "response fitted");
    let ground = Ground::new(&history, &actions, schema.clone(), &timeline, &job.config.guardrails);
    let lapse_weeks = job.config.environment.lapse_weeks;
    let summaries = ground.summaries(history.n_weeks);
    let alive = ground.alive(&summaries, lapse_weeks);
    let response = curves::summarise(&ground, &fitted, &summaries, &alive);
    let shop = Shop::read(job)?;
    let choice = shop.as_ref().map(|shop| shop.fit(&ground, &fitted)).transpose()?.flatten();
    job.observer.progress(Stage::Fit, 2, STEPS, "choice of products fitted");
    let lift = lift::of_the_past(&ground, &fitted, seed.child("lift"));
    job.observer.progress(Stage::Fit, 3, STEPS, "past promotions split");
    let measured = Measured {
        category_own_price: card::mean_own_price(&response.elasticities, &history),
        products: choice.as_ref().map(|choice| evidence(choice, &ground, &fitted)),
        promotions: lift::facts_for_card(&lift),
    };
    let weeks = choice.as_ref().zip(shop.as_ref()).map(|(choice, shop)| {
        let market = ChoiceMarket::new(&shop.products, &shop.ledger, fitted.train_end);
        ChoiceWeeks::new(&choice.model, market.shelf(fitted.train_end..history.n_weeks))
    });
    let group_of: Vec<u32> =
        shop.iter().flat_map(|shop| shop.products.rows.iter().map(|row| row.group)).collect();
    let products = weeks.as_ref().zip(shop.as_ref()).map(|(weeks, shop)| Products {
        choice: weeks,
        group_of: &group_of,
        lines: &shop.lines,
    });
    let card_seed = seed.child("card");
    let card =
        card::realism_card(&ground, &fitted, &measured, products.as_ref(), lapse_weeks, card_seed);
    job.folder.replace("demand", |dir| {
        write_json(&dir.join("model.json"), &fitted)?;
        write_json(&dir.join("card.json"), &card)?;
        write_json(&dir.join("response.json"), &response)?;
        write_json(&dir.join("lift.json"), &lift)?;
        if let Some(choice) = &choice {
            write_json(&dir.join("choice.json"), &choice.report)?;
        }
        let read_outs = world::ReadOuts {
            fitted: &fitted,
            card: &card,
            response: &response,
            lift: &lift,
            choice: choice.as_ref().map(|choice| &choice.report),
        };
        world::write(dir, &ground, &read_outs, &job.config.currency)
    })
}

/// The product level of the history.
struct Shop {
    products: ProductTable,
    lines: Vec<ProductCell>,
    ledger: Ledger,
}

impl Shop {
    /// `None` where the history keeps no product lines.
    fn read(job: &Job<'_>) -> Result<Option<Self>, RunError> {
        let dir = job.folder.path("history");
        if !dir.join("lines.parquet").exists() {
            return Ok(None);
        }
        let products = read_products(&dir)?;
        let ledger = read_ledger(&dir, &products)?;
        Ok(Some(Self { lines: read_lines(&dir)?, ledger, products }))
    }

    /// The choice of products in the training weeks; `None` where there are too few lines.
    fn fit(
        &self,
        ground: &Ground<'_>,
        fitted: &FittedDemand,
    ) -> Result<Option<FittedChoice>, RunError> {
        let sampled = self.lines.last().map_or(0, |line| line.customer as usize + 1);
        let persona: Vec<usize> =
            (0..sampled).map(|c| ground.timeline.at(c, fitted.train_end)).collect();
        let found = fit_choice(&ChoiceData {
            categories: &ground.schema.categories,
            products: &self.products,
            lines: &self.lines,
            ledger: &self.ledger,
            persona: &persona,
            n_personas: ground.schema.n_personas,
            train_end: fitted.train_end,
            left_out: &fitted.left_out,
        });
        match found {
            Ok(choice) => Ok(Some(choice)),
            Err(DemandError::TooFewRows { .. }) => Ok(None),
            Err(other) => Err(other.into()),
        }
    }
}

/// What the choice of products says for the card: means over targetable categories by lines.
fn evidence(choice: &FittedChoice, ground: &Ground<'_>, fitted: &FittedDemand) -> ProductEvidence {
    let targetable = ground.schema.n_categories() - 1;
    let categories = &choice.report.categories[..targetable.min(choice.report.categories.len())];
    let mean = |of: &dyn Fn(usize) -> Option<Estimate>| -> Option<Spread> {
        let (mut weight, mut sums) = (0.0, [0.0; 3]);
        for (c, category) in categories.iter().enumerate() {
            if let Some(e) = of(c).filter(|_| category.steady_products > 0) {
                let lines = category.lines as f64;
                weight += lines;
                for (sum, value) in sums.iter_mut().zip([e.value, e.low, e.high]) {
                    *sum += lines * value;
                }
            }
        }
        let [mean, lower, upper] = sums.map(|sum| sum / weight);
        (weight > 0.0).then_some(Spread { mean, lower, upper })
    };
    let or = |found: Option<Spread>, why: &str| match found {
        Some(spread) => Evidence::Estimated(spread),
        None => Evidence::NotIdentified(why.to_owned()),
    };
    let steady = "no product was sold in nearly every week";
    let own_price = mean(&|c| Some(categories[c].promotion_elasticity));
    let display = mean(&|c| Some(categories[c].mailer));
    let recorded = choice.report.has_promotions;
    let cannibalised = mean(&|c| {
        let category = &fitted.mean.categories[c];
        let expansion = category.shelf[0].max(0.0) + category.units.shelf.max(0.0);
        choice.cannibalised(c as u16, READ_OUT_DEPTH, expansion)
    });
    ProductEvidence {
        own_price: or(own_price, steady),
        feature_multiplier: match recorded {
            true => or(display, steady),
            false => Evidence::NotIdentified("displays and mailers are not recorded".to_owned()),
        },
        cannibalised: or(cannibalised, steady),
    }
}
