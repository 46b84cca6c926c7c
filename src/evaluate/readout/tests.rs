//! The read-out on generated experiments whose truth is known.

use super::*;
use promopt_envs::SeedTree;
use rand::Rng;

/// Units with a level known before, an arm, a persona, and spending that the arm moves.
struct World {
    arms: Vec<u32>,
    names: Vec<String>,
    labels: Vec<String>,
    columns: Vec<Vec<f64>>,
    personas: (Vec<u32>, Vec<String>),
    days: Vec<i32>,
}

fn names(of: &[&str]) -> Vec<String> {
    of.iter().map(|name| (*name).to_owned()).collect()
}

/// `effect` is added to the spending of arm B; `shift` moves units from B to A.
fn world(n: usize, effect: f64, shift: f64, seed: u64) -> World {
    let mut rng = SeedTree::new(seed).child("readout").stream();
    let (mut arms, mut before, mut spend, mut orders) = (vec![], vec![], vec![], vec![]);
    let (mut margin, mut cost, mut personas, mut days) = (vec![], vec![], vec![], vec![]);
    for row in 0..n {
        let treated = rng.random::<f64>() < 0.5 - shift;
        let persona = rng.random_range(0..3_u32);
        let taste = f64::from(persona) * 4.0 + 10.0 * rng.random::<f64>();
        let bought = 1.0 + (3.0 * rng.random::<f64>()).floor();
        let money = taste + 6.0 * rng.random::<f64>() + effect * f64::from(u8::from(treated));
        arms.push(u32::from(treated));
        personas.push(persona);
        before.push(taste);
        orders.push(bought);
        spend.push(money);
        let promotion = if treated { 0.4 + 0.2 * rng.random::<f64>() } else { 0.0 };
        cost.push(promotion);
        margin.push(0.3 * money - promotion);
        days.push((row * 28 / n) as i32);
    }
    World {
        arms,
        names: names(&["A", "B"]),
        labels: names(&["spend", "before", "orders", "margin", "cost"]),
        columns: vec![spend, before, orders, margin, cost],
        personas: (personas, names(&["low", "middle", "high"])),
        days,
    }
}

impl World {
    fn trial(&self) -> Trial<'_> {
        let columns: Vec<&[f64]> = self.columns.iter().map(Vec::as_slice).collect();
        let group = |row: usize| self.arms[row] as usize * 3 + self.personas.0[row] as usize;
        Trial {
            arms: &self.names,
            control: 0,
            columns: &self.labels,
            strata: &self.personas.1,
            sums: Sums::of(&columns, 6, group),
            rows: Some(Rows {
                arms: &self.arms,
                columns: &self.columns,
                clusters: None,
                days: Some(&self.days),
            }),
        }
    }
}

fn metric(name: &str, numerator: usize, role: Role) -> MetricSpec {
    let (denominator, before, better) = (None, None, Better::More);
    MetricSpec { name: name.to_owned(), numerator, denominator, before, role, better }
}

fn question() -> Question {
    let goal = MetricSpec { before: Some((1, None)), ..metric("spend", 0, Role::Goal) };
    Question {
        metrics: vec![goal, metric("margin", 3, Role::Guardrail(0.05))],
        planned: None,
        level: 0.95,
        peeking: false,
        cap: Some(0.99),
        quantiles: vec![0.5],
        balance: vec![],
        score: Some(1),
        money: Some(Money { margin: 3, cost: 4, sold: Some(2) }),
    }
}

#[test]
fn a_gain_ships_a_loss_stops_and_nothing_holds() {
    // Without an effect the promotion's cost alone harms the margin: stopped while that is watched.
    let unguarded = Question { metrics: vec![question().metrics[0].clone()], ..question() };
    for (effect, asked, verdict) in [
        (2.5, question(), Verdict::Ship),
        (-1.0, question(), Verdict::Stop),
        (0.0, question(), Verdict::Stop),
        (0.0, unguarded, Verdict::Hold),
    ] {
        let world = world(4_000, effect, 0.0, 1);
        let found = read_out(&world.trial(), &asked).expect("two arms");
        let decision = &found.decisions[0];
        assert_eq!(decision.verdict, verdict, "{effect}: {:?}", decision.reasons);
        let spend = &found.metrics[0];
        // The truth within 4 standard errors.
        let off = (spend.absolute.estimate - effect).abs() / spend.absolute.standard_error;
        assert!(off < 4.0, "{off}");
        assert!(spend.variance_reduction.is_some_and(|share| share > 0.5), "{spend:?}");
        assert_eq!(spend.segments.len(), 3);
        // What is shown on one scale is not denied on the other.
        let zero = |e: &crate::experiment::Effect| e.lower <= 0.0 && e.upper >= 0.0;
        assert_eq!(zero(&spend.absolute), zero(&spend.relative), "{effect}");
        assert!(spend.always_valid.upper > spend.absolute.upper);
    }
}

#[test]
fn a_broken_assignment_is_never_read() {
    let world = world(20_000, 3.0, 0.03, 2);
    let found = read_out(&world.trial(), &question()).expect("two arms");
    assert!(found.mix.mismatch && found.decisions[0].verdict == Verdict::Hold);
    assert!(found.decisions[0].reasons[0].contains("not the planned one"));
    let planned = Question { planned: Some(vec![0.53, 0.47]), ..question() };
    let found = read_out(&world.trial(), &planned).expect("two arms");
    assert!(!found.mix.mismatch && found.decisions[0].verdict == Verdict::Ship);
}

/// Money: margin rises by 0.3 · 2 − 0.5, so that a unit of cost brings 0.2.
#[test]
fn money_is_read_with_its_errors() {
    let world = world(40_000, 2.0, 0.0, 3);
    let found = read_out(&world.trial(), &question()).expect("two arms");
    let money = &found.money[0];
    let near = |effect: &crate::experiment::Effect, truth: f64| {
        (effect.estimate - truth).abs() < 4.0 * effect.standard_error
    };
    assert!(near(&money.incremental_margin, 0.1) && near(&money.incremental_cost, 0.5));
    assert!(near(&money.return_on_cost, 0.2));
    // Orders do not move: what a unit more costs is unknown, and said to be.
    let unknown = money.cost_per_unit.expect("units were given");
    assert!(unknown.condition.is_some() && unknown.upper.is_infinite());
}

/// Dealt by store: 40 stores with levels of their own. Rows as units call far too much significant;
/// clusters as units keep the level. 300 experiments without an effect: at most
/// 0.05 + 4·√(0.05·0.95/300) = 0.1 of them may be called.
#[test]
fn stores_as_units_keep_the_level() {
    let mut rng = SeedTree::new(4).child("stores").stream();
    let (mut naive, mut clustered) = (0, 0);
    for _ in 0..300 {
        let (mut arms, mut stores, mut y) = (vec![], vec![], vec![]);
        for store in 0..40_u32 {
            let level = 4.0 * rng.random::<f64>();
            for _ in 0..(10 + store % 7) {
                arms.push(store % 2);
                stores.push(store);
                y.push(level + rng.random::<f64>());
            }
        }
        let (columns, labels) = (vec![y], names(&["sales"]));
        let (names, shops) =
            (names(&["A", "B"]), (0..40).map(|s| s.to_string()).collect::<Vec<_>>());
        let rows = Rows { arms: &arms, columns: &columns, clusters: None, days: None };
        let trial = Trial {
            arms: &names,
            control: 0,
            columns: &labels,
            strata: &[],
            sums: Sums::of(&[&columns[0]], 2, |row| arms[row] as usize),
            rows: Some(rows),
        };
        let asked = Question {
            metrics: vec![metric("sales", 0, Role::Goal)],
            score: None,
            money: None,
            ..question()
        };
        let by_row = read_out(&trial, &asked).expect("two arms");
        let codes = Codes { codes: &stores, names: &shops };
        let rows = Some(Rows { clusters: Some(codes), ..rows });
        let by_store = read_out(&Trial { rows, ..trial }, &asked).expect("two arms");
        naive += u32::from(by_row.metrics[0].absolute.p_value < 0.05);
        clustered += u32::from(by_store.metrics[0].absolute.p_value < 0.05);
        assert_eq!(by_store.mix.units[0].1, 20);
    }
    assert!(naive > 100 && f64::from(clustered) / 300.0 < 0.1, "{naive} {clustered}");
}

/// 95 % intervals of a relative effect hold the truth in 95 % of 1,000 experiments, ± 2.8 % (4 standard
/// errors); those that take the baseline as known do not.
#[test]
fn relative_intervals_cover() {
    let mut rng = SeedTree::new(5).child("relative").stream();
    let (mut covered, mut known) = (0, 0);
    for _ in 0..1_000 {
        // A skewed metric: mean 0.5·10, a doubled rate in treatment, so a lift of 1.
        let mut draw = |rate: f64| {
            let one = || if rng.random::<f64>() < rate { 20.0 * rng.random::<f64>() } else { 0.0 };
            let values: Vec<f64> = std::iter::repeat_with(one).take(400).collect();
            crate::experiment::Metric::mean(&crate::experiment::Moments::of(&values))
        };
        let (c, t) = (draw(0.1), draw(0.2));
        let contrast = crate::experiment::Contrast::new(c, t);
        let (log, absolute) = (contrast.relative_log(0.95), contrast.absolute(0.95));
        covered += u32::from(log.lower <= 1.0 && log.upper >= 1.0);
        let bounds = [absolute.lower / c.estimate, absolute.upper / c.estimate];
        known += u32::from(bounds[0] <= 1.0 && bounds[1] >= 1.0);
    }
    assert!((f64::from(covered) / 1_000.0 - 0.95).abs() < 0.028, "{covered}");
    assert!(known < 880, "a known baseline covers only {known}");
}

#[test]
fn what_cannot_be_read_is_an_error() {
    let world = world(200, 0.0, 0.0, 6);
    let trial = world.trial();
    for wrong in [
        Question { level: 1.0, ..question() },
        Question { cap: Some(0.0), ..question() },
        Question { quantiles: vec![2.0], ..question() },
        Question { planned: Some(vec![1.0]), ..question() },
        Question { metrics: vec![], ..question() },
    ] {
        assert!(read_out(&trial, &wrong).is_err());
    }
    let alone = Trial { sums: trial.sums.clone().renumbered(6, |at| at % 3), ..trial.clone() };
    assert!(read_out(&alone, &question()).is_err());
    assert!(read_out(&Trial { rows: None, ..trial.clone() }, &question()).is_err());
    let rows = trial.rows.map(|rows| Rows { days: Some(&world.days[1..]), ..rows });
    assert!(read_out(&Trial { rows, ..trial }, &question()).is_err());
}
