//! Waterfalls of offers on the built-in retailer, whose customers are not of the fitted family, held
//! against what its own customers would have done without them.

use super::Covered;
use crate::data::{Category, Cell, Exposure, History, OTHER_CATEGORY, OfferRow, QualityReport};
use crate::demand::design::Encoder;
use crate::demand::fit::{FitConfig, fit_demand};
use crate::demand::waterfall::{
    LiftConfig, PastPromotion, PromotionKind, past_promotions, waterfall,
};
use crate::demand::world::evenly;
use crate::demand::{ActionMap, Ground};
use crate::features::PersonaTimeline;
use promopt_envs::retail::{CustomerHistory, Guardrails, ObservationSchema, WeekRecord};
use promopt_envs::worlds::{CurrentPolicy, CustomerState, Moment, Retailer, RetailerConfig};
use promopt_envs::{ActionId, SeedTree};
use rand::Rng;

/// Plays of the true customers behind one true figure.
const PLAYS: u64 = 60;

/// One customer of the retailer: the true state before every week since arrival, and what was done.
struct Life {
    arrival: u32,
    states: Vec<CustomerState>,
    actions: Vec<ActionId>,
}

/// The past of a retailer under today's policy, as a history and as the truth.
fn past_of(retailer: &Retailer, seed: SeedTree) -> (History, Vec<Life>) {
    let mut history = books(retailer);
    let rule = retailer.mask_rule(&Guardrails::default());
    let policy = CurrentPolicy::new(&retailer.config().structure, retailer.catalogue());
    let (n, mut mask) = (retailer.categories().len(), rule.blank());
    let mut lives = Vec::new();
    for (index, truth) in retailer.customers().iter().enumerate() {
        let (mut state, mut summary) = (truth.arrive(), CustomerHistory::new(n));
        let mut life = Life { arrival: truth.arrival_week, states: vec![], actions: vec![] };
        let mut record = WeekRecord::empty(n);
        let decisions = seed.child("decisions").index(index as u64);
        for week in truth.arrival_week..history.n_weeks {
            rule.write(&summary, &mut mask);
            let probabilities = policy.probabilities(&summary, &mask);
            let luck = decisions.index(u64::from(week)).stream().random();
            let action = CurrentPolicy::draw(&probabilities, luck);
            life.states.push(state.clone());
            life.actions.push(action);
            let (offer, weeks) = (retailer.catalogue().offer(action), seed.child("weeks"));
            retailer.step_record(index, &mut state, week, offer, weeks, &mut record);
            summary.record(&record);
            let customer = index as u32;
            let propensity = Some(probabilities[action]);
            history.exposures.push(Exposure { customer, week, offer: action as u16, propensity });
            let bought = record.categories.iter().enumerate().filter(|(_, c)| c.units > 0.0);
            history.cells.extend(bought.map(|(category, c)| Cell {
                customer,
                week,
                category: category as u16,
                baskets: 1,
                units: c.units,
                gross: c.gross,
                shelf_discount: c.shelf_discount,
                offer_discount: c.offer_discount,
                cost: c.cost,
            }));
        }
        lives.push(life);
    }
    (history, lives)
}

/// The retailer's history before anything happened, with an empty category `other`.
fn books(retailer: &Retailer) -> History {
    let (market, n_weeks) = (retailer.market(), retailer.config().n_weeks);
    let margins = market.margin_rates();
    let category = |(name, margin_rate): (&String, &f64)| Category {
        name: name.clone(),
        margin_rate: *margin_rate,
        mean_unit_price: 0.0,
    };
    let mut categories: Vec<Category> =
        retailer.categories().iter().zip(margins).map(category).collect();
    let other = OTHER_CATEGORY.to_owned();
    categories.push(Category { name: other, margin_rate: 0.4, mean_unit_price: 0.0 });
    let n = categories.len();
    let mean_depth = |week: u32, category: usize| -> f64 {
        if category + 1 == n {
            return 0.0;
        }
        let shelf = market.shelf(week, category);
        shelf.iter().map(|price| price.depth).sum::<f64>() / shelf.len() as f64
    };
    let offer = |offer: &promopt_envs::retail::Offer| OfferRow {
        offer_id: offer.id.clone(),
        mechanic: if offer.is_contact() { "percent" } else { "none" }.to_owned(),
        category: offer.category.map(|c| retailer.categories()[c].clone()),
        depth: offer.depth,
        contact_cost: offer.contact_cost,
        ..OfferRow::default()
    };
    History {
        first_week: chrono::NaiveDate::from_ymd_opt(2022, 1, 3).expect("a date"),
        n_weeks,
        customers: (0..retailer.customers().len()).map(|c| format!("{c:016x}")).collect(),
        original_ids: None,
        cells: Vec::new(),
        shelf_depth: (0..n_weeks)
            .flat_map(|week| (0..n).map(move |category| (week, category)))
            .map(|(week, category)| mean_depth(week, category))
            .collect(),
        price_index: vec![0.0; n_weeks as usize * n],
        categories,
        offers: retailer.catalogue().offers().iter().map(offer).collect(),
        exposures: Vec::new(),
        anomalous_weeks: Vec::new(),
        quality: QualityReport::default(),
        fingerprint: String::new(),
    }
}

/// Mean margin and revenue that an offer really brought, from the true states in which it found its
/// customers.
fn truth(
    retailer: &Retailer,
    lives: &[Life],
    promotion: &PastPromotion,
    seed: SeedTree,
) -> [f64; 2] {
    let offer = promotion.offer.map_or(0, usize::from);
    let rule = retailer.mask_rule(&Guardrails::default());
    let blank = CustomerHistory::new(retailer.categories().len());
    let end = promotion.weeks.end + LiftConfig::default().after_weeks;
    let mut total = [0.0; 2];
    for (customer, life) in lives.iter().enumerate() {
        let action = |week: u32| {
            let at = week.checked_sub(life.arrival).and_then(|i| life.actions.get(i as usize));
            at.copied().unwrap_or(0)
        };
        let Some(first) = promotion.weeks.clone().find(|week| action(*week) == offer) else {
            continue;
        };
        let state = &life.states[(first - life.arrival) as usize];
        for play in 0..PLAYS {
            let arm = |promoted: bool| {
                let mut choose = |at: &Moment<'_>| {
                    let logged = action(at.week);
                    let replaced = logged == offer && promotion.weeks.contains(&at.week);
                    if replaced && !promoted { 0 } else { logged }
                };
                let luck = seed.index(play);
                let start = (state, &blank);
                retailer.play_customer(customer, start, first..end, luck, &rule, &mut choose)
            };
            let (with, without) = (arm(true), arm(false));
            total[0] += with.contribution - without.contribution;
            total[1] += with.revenue - without.revenue;
        }
    }
    total.map(|sum| sum / PLAYS as f64)
}

/// Measures, and demands no coverage: the response model is wrong here on purpose.
#[test]
fn offers_of_a_retailer_outside_the_family_are_judged() {
    [true, false].into_iter().for_each(judge);
}

#[allow(clippy::print_stdout, reason = "measured coverage is the point of the test")]
fn judge(signs: bool) {
    if std::env::var_os("RUN_SLOW").is_none() {
        println!("skipped: takes minutes; set RUN_SLOW=1");
        return;
    }
    let (mut margin, mut revenue) = (Covered::default(), Covered::default());
    let (mut same_sign, mut sums) = (0, [0.0; 2]);
    for world in 0..4 {
        let seed = SeedTree::new(77).index(world);
        let config = RetailerConfig { n_customers: 800, ..RetailerConfig::varied(seed) };
        let retailer = Retailer::generate(config, seed.child("structure")).expect("a retailer");
        let (history, lives) = past_of(&retailer, seed.child("history"));
        let actions = ActionMap::new(&history, &[], 0.0).expect("a catalogue");
        let names: Vec<String> = history.categories.iter().map(|c| c.name.clone()).collect();
        let schema = ObservationSchema::new(1, &names);
        let (timeline, guardrails) = (PersonaTimeline::default(), Guardrails::default());
        let encoder = Encoder { schema: &schema, timeline: &timeline, history: &history };
        let fit = FitConfig { ablation: false, signs, ..FitConfig::default() };
        let fitted =
            fit_demand(&history, &actions, &encoder, &fit, seed.child("fit")).expect("a fit");
        let lift = LiftConfig { draws: 60, repeats: 20, ..LiftConfig::default() };
        let models: Vec<_> = (0..60).map(|i| fitted.posterior.draw(seed.index(i))).collect();
        let ground = Ground::new(&history, &actions, schema.clone(), &timeline, &guardrails);
        let past = past_promotions(&history, &actions);
        let whole = |p: &&PastPromotion| {
            p.kind == PromotionKind::Offer && p.weeks.end + 8 <= history.n_weeks
        };
        let offers: Vec<&PastPromotion> = past.iter().filter(whole).collect();
        let positions: Vec<usize> = (0..offers.len()).collect();
        for position in evenly(&positions, 15) {
            let promotion = offers[position];
            let luck = seed.child(&promotion.id);
            let Some(found) = waterfall(&ground, &models, promotion, None, &lift, luck) else {
                continue;
            };
            let [true_margin, true_revenue] = truth(&retailer, &lives, promotion, luck);
            margin.count(&found.incremental_margin, true_margin);
            revenue.count(&found.incremental_revenue, true_revenue);
            same_sign += usize::from(found.incremental_margin.estimate * true_margin > 0.0);
            sums[0] += found.incremental_margin.estimate;
            sums[1] += true_margin;
        }
    }
    println!("offers outside the family, signs {signs}: {} judged", margin.of);
    println!("margin covered {:.3}, revenue covered {:.3}", margin.share(), revenue.share());
    println!("same sign {:.3}", same_sign as f64 / margin.of.max(1) as f64);
    println!("margin over all: estimated {:.1}, true {:.1}", sums[0], sums[1]);
    assert!(margin.of >= 40);
}
