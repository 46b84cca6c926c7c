//! The synthetic retailer's truth: policies played with the real customers, beside the oracle.

use super::error::RunError;
use super::folder::write_json;
use super::learn::{CONTROL, CURRENT};
use super::stage::{Job, Stage};
use super::synthetic::{self, SALT};
use crate::data::hash_customer;
use crate::demand::Ground;
use crate::demand::world::year_phase;
use crate::evaluate::interval::Interval;
use promopt_envs::retail::{CustomerHistory, ObservationContext};
use promopt_envs::worlds::{CurrentPolicy, CustomerOutcome, CustomerState, Moment, Oracle, Retailer, SimulatedHistory};
use promopt_envs::{ActionId, ActionMask, SeedTree};
use promopt_policies::Policy;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Name of the arm that knows the truth.
const ORACLE: &str = "oracle";

/// One policy in the true world.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrueArm {
    /// Name of the policy.
    pub policy: String,
    /// Margin per customer-week, money.
    pub margin: Interval,
    /// Margin per customer-week above the better of none and current, paired, money.
    pub uplift: Interval,
    /// Contacts per customer-week.
    pub contact_rate: f64,
    /// Share of the oracle's uplift.
    pub captured: f64,
}

/// What the true world says of every policy, `evaluation/truth/truth.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TruthResult {
    /// Which of none and current earned more.
    pub reference: String,
    /// All arms: none, current, every trained policy, the oracle.
    pub arms: Vec<TrueArm>,
    /// The policy that was chosen for export.
    pub chosen: String,
    /// `(policy − max(current, none)) / (oracle − max(current, none))`, with a delta-method interval.
    pub captured_uplift: Interval,
    /// Margin of the chosen policy above current, paired, money per customer-week.
    pub over_current: Interval,
    /// Margin of the chosen policy above none, paired, money per customer-week.
    pub over_control: Interval,
    /// Customers played.
    pub n_customers: usize,
    /// Weeks played.
    pub n_weeks: u32,
}

/// Customers as the pipeline knows them, in the true world's terms.
struct Cast<'a> {
    ground: &'a Ground<'a>,
    retailer: &'a Retailer,
    /// `(customer of the world, start state, history in the world's category order)`.
    starts: Vec<(usize, &'a CustomerState, CustomerHistory)>,
    /// Category of the world for each category of the pipeline.
    to_pipeline: Vec<Option<usize>>,
    /// Action of the world for each action of the pipeline.
    world_action: Vec<ActionId>,
    first_week: u32,
    n_weeks: u32,
    seed: SeedTree,
}

impl Cast<'_> {
    /// Plays every customer; `policy` makes a chooser per customer.
    fn play<F>(&self, policy: impl Fn() -> F + Sync) -> Vec<CustomerOutcome>
    where
        F: FnMut(&Moment<'_>) -> ActionId,
    {
        let rule = self.retailer.mask_rule(self.ground.guardrails);
        let weeks = self.first_week..self.first_week + self.n_weeks;
        self.starts
            .par_iter()
            .map(|(customer, state, history)| {
                let (weeks, start) = (weeks.clone(), (*state, history));
                let mut choose = policy();
                self.retailer.play_customer(*customer, start, weeks, self.seed, &rule, &mut choose)
            })
            .collect()
    }

    /// Lets a policy of the pipeline decide: it sees the customer through the one encoder.
    fn decide(&self, policy: &dyn Policy, at: &Moment<'_>) -> ActionId {
        let history = at.history.reordered(&self.to_pipeline);
        let week = f64::from(at.week);
        let context = ObservationContext {
            persona: self.ground.personas.assign(&history),
            year_phase: year_phase(self.ground.history.first_week) + week * 7.0 / 365.25,
            budget_price: 0.0,
        };
        let mut observation = vec![0.0; self.ground.schema.n_features()];
        self.ground.schema.encode(&history, &context, &mut observation);
        let flags = self.world_action.iter().map(|&a| at.mask.allows(a)).collect();
        // `none` is allowed in every mask, and is action 0 on both sides.
        let mask = ActionMask::from_flags(flags).expect("none is always allowed");
        self.world_action[policy.distribution(&observation, &mask).quantile(at.luck)]
    }
}

/// Plays all arms and writes the result.
pub(super) fn play(job: &Job<'_>) -> Result<(), RunError> {
    let history = job.history()?;
    let actions = job.actions(&history)?;
    let personas = job.personas()?.model;
    let ground = Ground::new(&history, &actions, &personas, &job.config.guardrails);
    let (retailer, past) = synthetic::generate(job)?;
    let summaries = ground.summaries(history.n_weeks);
    let alive = ground.alive(&summaries, job.config.environment.lapse_weeks);
    let categories: Vec<&str> = history.categories.iter().map(|c| c.name.as_str()).collect();
    let position = |name: &String| categories.iter().position(|c| c == name);
    let to_world: Vec<Option<usize>> = retailer.categories().iter().map(position).collect();
    let world_position = |name: &&str| retailer.categories().iter().position(|c| c == name);
    let to_pipeline: Vec<Option<usize>> = categories.iter().map(world_position).collect();
    let world_action = actions
        .catalogue
        .offers()
        .iter()
        .map(|offer| retailer.catalogue().find(&offer.id).unwrap_or(0))
        .collect();
    let ids: Vec<String> =
        past.tables.customers.iter().map(|row| hash_customer(SALT, &row.customer_id)).collect();
    let mut starts = Vec::new();
    for (customer, hash) in ids.iter().enumerate() {
        let Ok(index) = history.customers.binary_search(hash) else { continue };
        if alive.binary_search(&index).is_ok() {
            let known = summaries[index].reordered(&to_world);
            starts.push((customer, &past.states[customer], known));
        }
    }
    let seed = SeedTree::new(job.config.seed).child("truth");
    let cast = Cast {
        ground: &ground,
        retailer: &retailer,
        starts,
        to_pipeline,
        world_action,
        first_week: job.config.world.n_weeks,
        n_weeks: job.config.judge.truth_weeks,
        seed: seed.child("judge"),
    };
    let arms = play_arms(job, &cast, &past, seed.child("tune"))?;
    let result = read_out(job, &cast, &arms)?;
    job.folder.replace("evaluation/truth", |dir| write_json(&dir.join("truth.json"), &result))
}

type Arm = (String, Vec<CustomerOutcome>);

fn play_arms(
    job: &Job<'_>,
    cast: &Cast<'_>,
    past: &SimulatedHistory,
    tune: SeedTree,
) -> Result<Vec<Arm>, RunError> {
    let retailer = cast.retailer;
    let policies = job.trained()?;
    let total = policies.len() as u64 + 1;
    let mut arms: Vec<Arm> = Vec::new();
    for policy in &policies {
        job.observer.progress(Stage::Truth, arms.len() as u64, total, &policy.name);
        let outcomes = if policy.name == CURRENT {
            let today = CurrentPolicy::new(&job.config.world.structure, retailer.catalogue());
            cast.play(|| {
                let today = today.clone();
                move |at: &Moment<'_>| {
                    CurrentPolicy::draw(&today.probabilities(at.history, at.mask), at.luck)
                }
            })
        } else {
            cast.play(|| |at: &Moment<'_>| cast.decide(&policy.policy, at))
        };
        arms.push((policy.name.clone(), outcomes));
    }
    job.observer.progress(Stage::Truth, total - 1, total, ORACLE);
    let weeks = cast.first_week..cast.first_week + cast.n_weeks;
    let rule = retailer.mask_rule(cast.ground.guardrails);
    // Tuned on other luck than it is judged on.
    let oracle = Oracle::tune(retailer, (&past.states, &past.histories), &weeks, &rule, tune);
    arms.push((ORACLE.to_owned(), cast.play(|| oracle.policy(retailer))));
    Ok(arms)
}

fn read_out(job: &Job<'_>, cast: &Cast<'_>, arms: &[Arm]) -> Result<TruthResult, RunError> {
    let weeks = f64::from(cast.n_weeks);
    let margins: Vec<Vec<f64>> = arms
        .iter()
        .map(|(_, outcomes)| outcomes.iter().map(|o| o.contribution / weeks).collect())
        .collect();
    let index = |name: &str| arms.iter().position(|(n, _)| n == name).unwrap_or(0);
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
    let (control, current) = (index(CONTROL), index(CURRENT));
    let reference =
        if mean(&margins[current]) > mean(&margins[control]) { current } else { control };
    let (oracle, chosen) = (arms.len() - 1, index(&job.chosen()?.name));
    let level = job.config.judge.level;
    let gap = |a: usize, b: usize| -> Vec<f64> {
        margins[a].iter().zip(&margins[b]).map(|(x, y)| x - y).collect()
    };
    let possible = gap(oracle, reference);
    let captured = |a: usize| mean(&gap(a, reference)) / mean(&possible);
    let rows = arms
        .iter()
        .enumerate()
        .map(|(a, (policy, outcomes))| Ok(TrueArm {
            policy: policy.clone(),
            margin: interval(&margins[a], level)?,
            uplift: interval(&gap(a, reference), level)?,
            contact_rate: outcomes.iter().map(|o| f64::from(o.contacts)).sum::<f64>()
                / (outcomes.len().max(1) as f64 * weeks),
            captured: captured(a),
        }))
        .collect::<Result<_, RunError>>()?;
    Ok(TruthResult {
        reference: arms[reference].0.clone(),
        arms: rows,
        chosen: arms[chosen].0.clone(),
        captured_uplift: ratio(&gap(chosen, reference), &possible, level)?,
        over_current: interval(&gap(chosen, current), level)?,
        over_control: interval(&gap(chosen, control), level)?,
        n_customers: cast.starts.len(),
        n_weeks: cast.n_weeks,
    })
}

/// Student interval of a mean over customers.
fn interval(values: &[f64], level: f64) -> Result<Interval, RunError> {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n.max(1.0);
    let variance = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
    Ok(Interval::student(mean, (variance / n.max(1.0)).sqrt(), (n - 1.0).max(1.0), level)?)
}

/// Ratio of two paired means with a delta-method interval: `Σx / Σy`, variance of `(x − r y) / ȳ`.
fn ratio(x: &[f64], y: &[f64], level: f64) -> Result<Interval, RunError> {
    let n = x.len().max(1) as f64;
    let (mean_x, mean_y) = (x.iter().sum::<f64>() / n, y.iter().sum::<f64>() / n);
    let r = mean_x / mean_y;
    let residuals: Vec<f64> = x.iter().zip(y).map(|(a, b)| (a - r * b) / mean_y).collect();
    let around = interval(&residuals, level)?;
    Ok(Interval::student(r, around.standard_error, (n - 1.0).max(1.0), level)?)
}

impl Job<'_> {
    /// The result in the true world of a synthetic run.
    ///
    /// # Errors
    /// When the stage has not run.
    pub fn truth(&self) -> Result<TruthResult, RunError> {
        self.folder.read("evaluation/truth/truth.json", "run")
    }
}

#[cfg(test)]
mod probe {
    use super::*;
    use crate::run::RunFolder;

    #[test]
    fn probe() {
        struct Mute;
        impl crate::run::Observer for Mute {
            fn started(&self, _: Stage) {}
            fn progress(&self, _: Stage, _: u64, _: u64, _: &str) {}
            fn finished(&self, _: Stage, _: crate::run::Outcome) {}
            fn seconds(&self) -> f64 {
                0.0
            }
        }
        let folder = RunFolder::open(std::path::Path::new("/tmp/r2")).unwrap();
        let config = crate::config::Config::default();
        let job = Job { config: &config, config_dir: std::path::Path::new("."), folder: &folder, observer: &Mute };
        let history = job.history().unwrap();
        let actions = job.actions(&history).unwrap();
        let personas = job.personas().unwrap().model;
        let fitted = job.fitted().unwrap();
        let ground = Ground::new(&history, &actions, &personas, &config.guardrails);
        let (retailer, past) = synthetic::generate(&job).unwrap();
        let summaries = ground.summaries(history.n_weeks);
        let alive = ground.alive(&summaries, 20);
        let greedy = promopt_policies::GreedyMargin::myopic(ground.schema.clone(), actions.catalogue.clone(), fitted.mean.clone());
        let mut values = vec![0.0; retailer.catalogue().n_actions()];
        let mut units: std::collections::BTreeMap<u32, [f64; 7]> = Default::default();
        let (mut rows, mut dead) = (Vec::new(), 0);
        for (customer, row) in past.tables.customers.iter().enumerate() {
            let hash = hash_customer(SALT, &row.customer_id);
            let Ok(i) = history.customers.binary_search(&hash) else { continue };
            if alive.binary_search(&i).is_err() { continue; }
            if !past.states[customer].alive { dead += 1; continue; }
            let obs = crate::run::learn::observe(&ground, &summaries[i], history.n_weeks);
            let scores = greedy.scores(&obs);
            retailer.expected_contributions_into(customer, &past.states[customer], history.n_weeks, &mut values);
            let view = ground.schema.read(&obs);
            let shelf: Vec<f64> = fitted.mean.categories.iter().map(|c| c.shelf_mean).collect();
            for (a, offer) in actions.catalogue.offers().iter().enumerate() {
                let e = fitted.mean.expected_week(&view, &shelf, offer);
                let c = offer.category.unwrap_or(0);
                let (pt, ut) = fitted.mean.response_at(&view, c, shelf[c], offer);
                let all: f64 = (0..shelf.len()).map(|c| fitted.mean.response_at(&view, c, shelf[c], offer).1).sum();
                let w = retailer.catalogue().find(&offer.id).unwrap();
                let t = retailer.expected_units(customer, &past.states[customer], history.n_weeks, retailer.catalogue().offer(w));
                let k = units.entry((offer.depth * 100.0).round() as u32).or_insert([0.0; 7]);
                for (s, x) in k.iter_mut().zip([1.0, all, t, e.visit, pt, ut, e.revenue]) { *s += x; }
            }
            for (a, offer) in actions.catalogue.offers().iter().enumerate().skip(1) {
                let w = retailer.catalogue().find(&offer.id).unwrap();
                rows.push((scores[a] - scores[0], values[w] - values[0], offer.depth, scores[0], values[0], a, customer));
            }
        }
        for (d, s) in &units { println!("depth {d}: all units fitted {:.3} true {:.3}; visit {:.3} p(target) {:.3} units(target) {:.3} revenue {:.3}", s[1]/s[0], s[2]/s[0], s[3]/s[0], s[4]/s[0], s[5]/s[0], s[6]/s[0]); }
        let mut tab: std::collections::BTreeMap<(String, usize), [f64; 15]> = Default::default();
        for customer in 0..history.customers.len() as u32 {
            ground.replay().walk(customer, history.n_weeks, |w| {
                let Some(l) = w.logged else { return };
                if w.history.tenure_weeks() == 0 || w.history.recency_weeks() > 8 { return; }
                let offer = actions.catalogue.offer(l.action);
                let obs = crate::run::learn::observe(&ground, w.history, w.week);
                let view = ground.schema.read(&obs);
                let n = ground.schema.n_categories();
                let shelf = &history.shelf_depth[w.week as usize * n..(w.week as usize + 1) * n];
                let e = fitted.mean.expected_week(&view, shelf, offer);
                let alive = fitted.mean.alive(&view);
                let weight = if l.action > 0 { 1.0 / 18.0 / l.propensity.unwrap() } else { 1.0 };
                let c = offer.category.unwrap_or(0);
                let (pt, ut) = fitted.mean.response_at(&view, c, shelf[c], offer);
                let share = (view.category_share(c) * 10.0) as usize;
                let rec = (view.category_recency(c) as usize).min(8);
                for key in [("depth".to_owned(), (offer.depth * 100.0).round() as usize), (format!("cat{:.1}", offer.depth), c), (format!("share{:.1}", offer.depth), share), (format!("recc{:.1}", offer.depth), rec), (format!("red{:.1}", offer.depth), (view.redemption_rate() * 10.0) as usize), (format!("cont{:.1}", offer.depth), (view.contacts()) as usize)] {
                    let t = tab.entry(key).or_insert([0.0; 15]);
                    for (s, x) in t.iter_mut().zip([1.0, f64::from(u8::from(w.record.visited())), e.visit * alive, f64::from(u8::from(w.record.categories[c].units > 0.0)), pt * alive, w.record.contribution(), alive * (e.contribution + offer.contact_cost) - offer.contact_cost, w.record.revenue(), alive * e.revenue, w.record.categories[c].units, ut * alive, w.record.categories[c].gross, w.record.categories[c].shelf_discount, w.record.categories[c].offer_discount, w.record.categories.iter().map(|c| c.gross).sum::<f64>()]) { *s += weight * x; }
                }
            });
        }
        for (k, s) in &tab { println!("depth {k:?} n={:.0} visit {:.3}/{:.3} target {:.3}/{:.3} margin {:.3}/{:.3} revenue {:.3}/{:.3} units {:.3}/{:.3} target gross {:.3} shelf {:.3} offer {:.3} gross {:.3}", s[0], s[1]/s[0], s[2]/s[0], s[3]/s[0], s[4]/s[0], s[5]/s[0], s[6]/s[0], s[7]/s[0], s[8]/s[0], s[9]/s[0], s[10]/s[0], s[11]/s[0], s[12]/s[0], s[13]/s[0], s[14]/s[0]); }
        println!("dead {dead} of {}", alive.len());
        for depth in [0.1, 0.2, 0.3] {
            let r: Vec<_> = rows.iter().filter(|r| r.2 == depth).collect();
            let n = r.len() as f64;
            let m = |f: &dyn Fn(&&(f64,f64,f64,f64,f64,usize,usize)) -> f64| r.iter().map(|x| f(x)).sum::<f64>() / n;
            let (mx, my) = (m(&|x| x.0), m(&|x| x.1));
            let cov = m(&|x| (x.0 - mx) * (x.1 - my));
            let (vx, vy) = (m(&|x| (x.0 - mx).powi(2)), m(&|x| (x.1 - my).powi(2)));
            println!("depth {depth} fitted {mx:.3} true {my:.3} sd {:.3} {:.3} corr {:.3} slope {:.3}; base {:.3} {:.3}", vx.sqrt(), vy.sqrt(), cov / (vx * vy).sqrt(), cov / vx, m(&|x| x.3), m(&|x| x.4));
        }
        // Value of the action that the fitted model picks.
        let mut by_customer: std::collections::BTreeMap<usize, Vec<(f64, f64)>> = Default::default();
        for r in &rows { by_customer.entry(r.6).or_default().push((r.0, r.1)); }
        let (mut f, mut t, mut o) = (0.0, 0.0, 0.0);
        for v in by_customer.values() {
            let best = v.iter().copied().fold((0.0, 0.0), |b, x| if x.0 > b.0 { x } else { b });
            f += best.0; t += best.1;
            o += v.iter().map(|x| x.1).fold(0.0, f64::max);
        }
        let n = by_customer.len() as f64;
        let to_pos = |name: &String| history.categories.iter().position(|c| c.name == *name);
        let to_world: Vec<Option<usize>> = retailer.categories().iter().map(to_pos).collect();
        let world_pos = |c: &crate::data::Category| retailer.categories().iter().position(|x| *x == c.name);
        let to_pipeline: Vec<Option<usize>> = history.categories.iter().map(world_pos).collect();
        let world_action: Vec<usize> = actions.catalogue.offers().iter().map(|o| retailer.catalogue().find(&o.id).unwrap_or(0)).collect();
        let mut starts = Vec::new();
        let mut who = Vec::new();
        for (customer, row) in past.tables.customers.iter().enumerate() {
            let Ok(i) = history.customers.binary_search(&hash_customer(SALT, &row.customer_id)) else { continue };
            if alive.binary_search(&i).is_ok() { starts.push((customer, &past.states[customer], summaries[i].reordered(&to_world))); who.push(i); }
        }
        let none = promopt_policies::Fixed::none();
        let mut cast = Cast { ground: &ground, retailer: &retailer, starts, to_pipeline, world_action, first_week: history.n_weeks, n_weeks: 1, seed: SeedTree::new(99) };
        let world = std::sync::Arc::new(ground.world(vec![fitted.mean.clone()], &summaries, &who, history.n_weeks));
        let priced = greedy.with_prices(0.5, 2.0);
        for (label, policy) in [("myopic", &greedy as &dyn Policy), ("priced", &priced), ("always20", &job.trained().unwrap()[3].policy as &dyn Policy)] {
            let (mut before, mut before_f) = ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0));
            for n in [1u32, 26] {
                cast.n_weeks = n;
                let total = |o: &[CustomerOutcome]| (o.iter().map(|x| x.contribution).sum::<f64>() / o.len() as f64, o.iter().map(|x| f64::from(x.visits)).sum::<f64>() / o.len() as f64, o.iter().map(|x| f64::from(x.contacts)).sum::<f64>() / o.len() as f64);
                let a = total(&cast.play(|| |at: &Moment<'_>| cast.decide(policy, at)));
                let b = total(&cast.play(|| |at: &Moment<'_>| cast.decide(&none, at)));
                let config = promopt_envs::retail::PromotionConfig { horizon: n, ..Default::default() };
                let stage = crate::evaluate::rollout::Stage::new(std::sync::Arc::clone(&world), config, SeedTree::new(5));
                let f = |p: &dyn Policy| { let x = stage.play(p).unwrap(); let k = x[0].len() as f64; (x[0].iter().map(|t| t.margin).sum::<f64>() / k, x[0].iter().map(|t| t.revenue).sum::<f64>() / k, x[0].iter().map(|t| t.contacts).sum::<f64>() / k) };
                let (fa, fb) = (f(policy), f(&none));
                println!("{label} depth weeks to {n}: true none {:.2} uplift {:.2} (cum {:.2}) visits none {:.3} gain {:.3}; fitted none {:.2} uplift {:.2} (cum {:.2}) contacts {:.2} {:.2}", b.0 - before.0, a.0 - b.0 - before.1, a.0-b.0, (b.1-before.2)/f64::from(1), a.1-b.1, fb.0 - before_f.0, fa.0 - fb.0 - before_f.1, fa.0 - fb.0, a.2, fa.2);
                before = (b.0, a.0 - b.0, b.1);
                before_f = (fb.0, fa.0 - fb.0, 0.0);
            }
        }
        println!("greedy: fitted gain {:.3}, true gain {:.3}, oracle gain {:.3}", f / n, t / n, o / n);
    }
}
