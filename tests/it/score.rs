//! Scoring with an exported policy sees customers as the simulator does, and says so in a CSV.

use crate::fitted_world::Pieces;
use crate::shop::{SMALL_WEEKS, Shop, finished};
use chrono::{Days, NaiveDate};
use promopt::data::hash_customer;
use promopt::run::score::{CustomerDecision, ScoreRequest, decide_all};
use promopt_envs::retail::{ObservationContext, PromotionConfig, PromotionEnv, Scenario};
use promopt_envs::{Env, SeedTree};
use promopt_policies::{Policy, Scorer, load_bundle};
use std::fs;
use std::path::Path;
use std::sync::Arc;

const HEADER: &str = "customer_id,offer_id,propensity,expected_margin,reason,offer";

/// The first day after `weeks` weeks of the synthetic history.
fn day_after(weeks: u64) -> String {
    let first = NaiveDate::from_ymd_opt(2024, 9, 2).expect("a date");
    (first + Days::new(7 * weeks)).to_string()
}

fn decide(history: &Path, as_of: &str) -> Vec<CustomerDecision> {
    decide_with(history, as_of, None).expect("the shared run can be scored")
}

fn decide_with(
    history: &Path,
    as_of: &str,
    shelf: Option<&Path>,
) -> Result<Vec<CustomerDecision>, String> {
    finished().ended.succeeds();
    let policy = finished().run.join("policy");
    let out = Path::new("unused.csv");
    let (policy, budget_price) = (policy.as_path(), 0.0);
    let data = None;
    let request = ScoreRequest { policy, history, as_of, out, data, budget_price, shelf, seed: 7 };
    decide_all(&request).map_err(|error| error.to_string())
}

#[test]
fn scores_are_what_the_policy_does_in_the_simulator() {
    let pieces = Pieces::of_shared_run();
    let decisions = decide(&finished().run.join("world"), &day_after(SMALL_WEEKS));
    let bundle = load_bundle(&finished().run.join("policy")).expect("the bundle loads");
    let scorer = Scorer::new(bundle.clone());
    let (mut world, who) = pieces.world_after_history();
    // The plan of the week is not given, so it counts as a usual one.
    world.shelf.clone_from(&world.schema.usual_shelf);
    let (world, luck) = (Arc::new(world), SeedTree::new(7).child("score"));
    let config = PromotionConfig::default();
    let mut env = PromotionEnv::new(Arc::clone(&world), config).expect("a valid world");
    assert_eq!(decisions.len(), who.len());
    for decision in &decisions {
        let hash = hash_customer("synthetic", &decision.customer_id);
        let customer = pieces.history.customers.iter().position(|c| *c == hash);
        let start = who.iter().position(|i| Some(*i) == customer).expect("a known customer");
        let (draw, shelf_week, budget_price, seed) = (0, 0, 0.0, 0);
        env.reset_to(Scenario { start, draw, shelf_week, budget_price, seed });
        assert_eq!(decision.history, world.starts[start].history, "{}", decision.customer_id);
        let context = ObservationContext {
            persona: world.starts[start].persona,
            season: world.schema.season(world.first_day),
            budget_price,
            shelf: &[],
        };
        let served = scorer.observe(&decision.history, &context).expect("it fits the bundle");
        let bits = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&served), bits(env.observation()), "{}", decision.customer_id);
        assert_eq!(&scorer.mask(&decision.history), env.action_mask());
        let mut rng = luck.child(&decision.customer_id).stream();
        let simulated = bundle.policy().decide(env.observation(), env.action_mask(), &mut rng);
        assert_eq!(decision.scored.action, simulated.action, "{}", decision.customer_id);
        assert_eq!(decision.scored.propensity.to_bits(), simulated.propensity.to_bits());
    }
}

#[test]
fn a_plan_of_a_usual_week_changes_nothing_and_a_wrong_one_is_refused() {
    let shop = Shop::with_finished_run();
    let (world, as_of) = (finished().run.join("world"), day_after(SMALL_WEEKS));
    let plan = shop.path("plan.csv");
    let with = |text: &str| {
        fs::write(&plan, text).expect("it can be written");
        decide_with(&world, &as_of, Some(&plan))
    };
    let schema = Pieces::of_shared_run().schema;
    let values = |decisions: &[CustomerDecision]| -> Vec<Option<f64>> {
        decisions.iter().map(|one| one.scored.expected_value).collect()
    };
    let usual = decide(&world, &as_of);
    let rows = |depths: &[f64]| -> String {
        let pairs = schema.categories.iter().zip(depths);
        pairs.map(|(name, depth)| format!("{name}, {depth}\n")).collect()
    };
    let same = with(&format!("category,depth\n{}", rows(&schema.usual_shelf)));
    assert_eq!(values(&same.expect("a plan")), values(&usual));
    for (text, told) in [
        ("category,depth\nwhine,0.2\n", "line 2: expected one of"),
        ("category,depth\nother,20\n", "expected a depth in [0, 1), got 20"),
        ("category,depth\nother\n", "a plan has the header"),
    ] {
        let error = with(text).expect_err("a plan that is wrong");
        assert!(error.contains(told), "{error}");
    }
}

#[test]
fn rows_on_and_after_the_date_change_nothing() {
    let shop = Shop::with_finished_run();
    let as_of = day_after(SMALL_WEEKS - 10);
    let whole = decide(&shop.path("run/world"), &as_of);
    for table in ["transactions.csv", "exposures.csv"] {
        let path = shop.path("run/world").join(table);
        let text = fs::read_to_string(&path).expect("it was written");
        let earlier =
            |line: &&str| line.split(',').nth(1).is_some_and(|date| date < as_of.as_str());
        let header = text.lines().take(1);
        let kept: Vec<&str> = header.chain(text.lines().skip(1).filter(earlier)).collect();
        assert!(kept.len() < text.lines().count());
        fs::write(&path, kept.join("\n") + "\n").expect("it is writable");
    }
    let cut = decide(&shop.path("run/world"), &as_of);
    assert_eq!(whole.len(), cut.len());
    for (a, b) in whole.iter().zip(&cut) {
        assert_eq!((&a.customer_id, &a.history), (&b.customer_id, &b.history));
        assert_eq!(a.scored, b.scored);
    }
}

#[test]
fn the_csv_has_one_allowed_decision_for_every_customer() {
    let shop = Shop::new();
    let (run, as_of) = (finished().run.display(), day_after(SMALL_WEEKS));
    let line = format!("score --policy {run}/policy --history {run}/world --as-of {as_of}");
    let ended = shop.promopt(&line);
    ended.succeeds();
    let text = fs::read_to_string(shop.path("actions.csv")).expect("the default name");
    assert_eq!(text.lines().next(), Some(HEADER));
    let decisions = decide(&finished().run.join("world"), &as_of);
    assert_eq!(text.lines().count(), decisions.len() + 1);
    assert!(ended.stdout.contains(&format!("{} customers", decisions.len())), "{}", ended.stdout);
    let bundle = load_bundle(&finished().run.join("policy")).expect("the bundle loads");
    let scorer = Scorer::new(bundle);
    for (line, decision) in text.lines().skip(1).zip(&decisions) {
        let fields: Vec<&str> = line.splitn(6, ',').collect();
        assert!(fields.len() == 6 && !fields[5].is_empty(), "{line}");
        let scored = &decision.scored;
        assert_eq!((fields[0], fields[1]), (&*decision.customer_id, &*scored.offer_id));
        assert!(fields[2].parse::<f64>().is_ok_and(|p| p > 0.0 && p <= 1.0), "{line}");
        assert!(fields[3].is_empty() || fields[3].parse::<f64>().is_ok_and(f64::is_finite));
        assert_eq!(fields[4], scored.reason.code());
        assert!(scorer.mask(&decision.history).allows(scored.action), "{line}");
    }
    let again = shop.promopt(&format!("{line} --out again.csv --threads 2"));
    again.succeeds();
    assert_eq!(fs::read_to_string(shop.path("again.csv")).expect("it was written"), text);
}

#[test]
fn a_wrong_date_is_a_config_error() {
    let shop = Shop::new();
    let run = finished().run.display();
    for date in ["07.10.2024", "2024-13-01", "tomorrow"] {
        let line = format!("score --policy {run}/policy --history {run}/world --as-of {date}");
        shop.promopt(&line).fails(3, &["--as-of", date, "2026-03-02"]);
        assert!(!shop.path("actions.csv").exists());
    }
}

#[test]
fn a_missing_bundle_or_history_and_a_date_before_all_sales_are_told_apart() {
    let shop = Shop::new();
    let (run, as_of) = (finished().run.display(), day_after(SMALL_WEEKS));
    let line = format!("score --policy absent --history {run}/world --as-of {as_of}");
    shop.promopt(&line).fails(1, &["`manifest.json` in `absent`"]);
    let line = format!("score --policy {run}/policy --history absent --as-of {as_of}");
    shop.promopt(&line).fails(4, &["cannot read", "transactions.csv"]);
    let line = format!("score --policy {run}/policy --history {run}/world --as-of 2020-01-06");
    shop.promopt(&line).fails(4, &["expected transactions", "found none"]);
    assert!(!shop.path("actions.csv").exists());
}

#[test]
fn a_tampered_bundle_is_refused_by_the_name_of_the_file() {
    let as_of = day_after(SMALL_WEEKS);
    for file in ["policy.json", "personas.json", "golden.jsonl", "MODEL_CARD.md", "manifest.json"] {
        let shop = Shop::with_finished_run();
        let path = shop.path("run/policy").join(file);
        let text = fs::read_to_string(&path).expect("it was written");
        fs::write(&path, format!("{text} ")).expect("it is writable");
        let line = format!("score --policy run/policy --history run/world --as-of {as_of}");
        shop.promopt(&line).fails(1, &[file]);
        fs::remove_file(&path).expect("it is there");
        shop.promopt(&line).fails(1, &[file]);
        assert!(!shop.path("actions.csv").exists());
    }
}
