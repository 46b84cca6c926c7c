//! The assessment of histories whose faults are known.

use std::collections::BTreeMap;

use chrono::{Datelike, Days, NaiveDate};
use promopt_envs::SeedTree;
use proptest::prelude::*;
use rand::Rng;
use serde_json::json;

use super::super::quality::{LineCount, RuleCount};
use super::by_line::LineFacts;
use super::*;

const DAYS: u64 = 60 * 7;

fn start() -> NaiveDate {
    NaiveDate::from_ymd_opt(2021, 1, 4).expect("a Monday")
}

fn day(offset: u64) -> NaiveDate {
    start() + Days::new(offset)
}

fn week_of(day: NaiveDate) -> NaiveDate {
    day - Days::new(u64::from(day.weekday().num_days_from_monday()))
}

fn line(offset: u64, category: Option<&'static str>, sales: f64) -> LineFacts<'static> {
    LineFacts {
        day: day(offset),
        week: week_of(day(offset)),
        store: Some(if category == Some("dairy") { "north" } else { "south" }),
        product: if sales > 11.0 { "coffee" } else { "milk" },
        category,
        sales,
        unit_price: sales / 2.0,
        shelf_depth: if offset.is_multiple_of(5) { 0.2 } else { 0.0 },
        cost_known: true,
    }
}

/// Sixty whole weeks without a fault; `keep` and `factor` plant one by day.
fn history(keep: impl Fn(u64) -> bool, factor: impl Fn(u64) -> f64) -> Observed {
    let mut observed = Observed::new(Compared::of(start(), day(DAYS - 1)));
    let wiggle = [0.0, 0.6, -0.4, 0.2, -0.6, 0.4, -0.2, 0.5, -0.5];
    for offset in (0..DAYS).filter(|offset| keep(*offset)) {
        for basket in 0..5 {
            let noise = wiggle[((offset + 2 * basket) % 9) as usize];
            let sales = (10.0 + noise + basket as f64 / 2.0) * factor(offset);
            observed.add_line(&line(offset, Some("dairy"), sales));
            observed.add_line(&line(offset, Some("drinks"), 2.0 * sales));
            observed.add_basket(day(offset), 3.0 * sales);
        }
        observed.customer_weeks.insert(week_of(day(offset)), 900);
    }
    let name = "transactions.product".to_owned();
    observed.completeness.insert(name, Completeness { rows: 5000, missing: 0, key: true });
    observed.customers =
        CustomerCounts { total: 2000, active_first: 1500, active_last: 1600, active_both: 1200 };
    observed
}

fn healthy() -> Observed {
    history(|_| true, |_| 1.0)
}

fn quality(removed: &[(&str, u64, f64)]) -> QualityReport {
    // Through JSON, so that a new field of the record with a default asks nothing of this test.
    let rule = |(name, rows, sales): &(&str, u64, f64)| -> RuleCount {
        let fields = json!({"name": name, "reason": "", "rows": rows, "sales_value": sales});
        serde_json::from_value(fields).expect("fields of a rule")
    };
    let rules: Vec<RuleCount> = removed.iter().map(rule).collect();
    QualityReport {
        rows_in: 4200 + rules.iter().map(|rule| rule.rows).sum::<u64>(),
        rows_kept: 4200,
        sales_in: 10_000.0 + rules.iter().map(|rule| rule.sales_value).sum::<f64>(),
        sales_kept: 10_000.0,
        rules,
        unknown_products: LineCount::default(),
        ..QualityReport::default()
    }
}

/// The reasons as pairs of check and verdict.
fn checks(observed: &Observed, quality: &QualityReport) -> Vec<(String, Verdict)> {
    let assessment = assess(observed, quality);
    for reason in &assessment.reasons {
        assert!(reason.sentence.ends_with('.') && reason.next.ends_with('.'), "{reason:?}");
    }
    assessment.reasons.into_iter().map(|reason| (reason.check, reason.verdict)).collect()
}

fn only(check: &str, verdict: Verdict) -> Vec<(String, Verdict)> {
    vec![(check.to_owned(), verdict)]
}

use Verdict::{NotUsable, UsableWithCare};

#[test]
fn a_history_without_a_fault_is_ok() {
    let assessment = assess(&healthy(), &quality(&[]));
    assert_eq!(assessment.reasons, vec![]);
    assert_eq!(assessment.verdict, Verdict::Ok);
    assert_eq!(
        assessment.headline,
        "The history (60 weeks and 2,000 customers) is ok: nothing found that would mislead."
    );
    assert_eq!(assessment.calendar.weeks, 60);
    assert_eq!(assessment.calendar.trading_days, DAYS);
    assert_eq!(assessment.calendar.missing_days, 0);
    assert_eq!(assessment.anomalies, vec![]);
    assert_eq!(assessment.coverage.customers_per_week, 900.0);
    // Total, two categories, two stores.
    assert_eq!(assessment.series.len(), 5);
}

#[test]
fn what_cleaning_removed_is_judged_unless_the_team_chose_it() {
    let with = |removed: &[(&str, u64, f64)]| checks(&healthy(), &quality(removed));
    assert_eq!(with(&[("outside_dates", 3000, 9000.0)]), vec![]);
    // 600 of 10,600 are 5.7 %; 4,000 of 14,000 are 29 %.
    let rule = "non_positive_quantity";
    assert_eq!(with(&[(rule, 10, -600.0)]), only("sales_removed", UsableWithCare));
    assert_eq!(with(&[(rule, 10, 4000.0)]), only("sales_removed", NotUsable));
    assert_eq!(with(&[(rule, 600, 0.0)]), only("rows_removed", UsableWithCare));
    assert_eq!(with(&[("duplicate_line", 100, 0.0)]), only("duplicate_rows", UsableWithCare));
}

#[test]
fn totals_that_do_not_add_up_and_histories_without_sales_are_not_usable() {
    let mut lost = quality(&[]);
    lost.rows_in += 1;
    assert_eq!(checks(&healthy(), &lost), only("adds_up", NotUsable));
    let nothing = Observed::new(Compared::of(start(), day(100)));
    assert_eq!(checks(&nothing, &QualityReport::default()), only("no_sales", NotUsable));
}

#[test]
fn gaps_in_the_calendar_are_named_with_their_dates() {
    let week_lost = history(|offset| !(140..147).contains(&offset), |_| 1.0);
    let assessment = assess(&week_lost, &quality(&[]));
    assert_eq!(assessment.verdict, UsableWithCare);
    assert_eq!(assessment.reasons.len(), 1, "{:?}", assessment.reasons);
    assert_eq!(
        assessment.reasons[0].sentence,
        "1 whole week has no sales at all, first 2021-05-24 (limit 0% of weeks)."
    );
    let calendar = &assessment.calendar;
    assert_eq!((calendar.missing_days, calendar.weeks), (7, 59));
    assert_eq!(calendar.longest_gap.map(|gap| gap.first), Some(day(140)));
    // One day a week lost for 30 weeks: 30 of 420 days are 7 %.
    let days_lost = history(|offset| offset % 7 != 2 || offset % 14 == 2, |_| 1.0);
    let found = checks(&days_lost, &quality(&[]));
    assert!(found.contains(&("missing_days".to_owned(), UsableWithCare)), "{found:?}");
}

#[test]
fn short_histories_are_judged_by_their_whole_weeks() {
    let weeks = |n: u64| checks(&history(|offset| offset < 7 * n, |_| 1.0), &quality(&[]));
    assert!(weeks(20).contains(&("weeks".to_owned(), UsableWithCare)));
    assert!(weeks(7).contains(&("weeks".to_owned(), NotUsable)));
    assert!(!weeks(26).iter().any(|(check, _)| check == "weeks"));
}

#[test]
fn a_lasting_change_of_sales_is_told_with_its_size() {
    let observed = history(|_| true, |offset| if offset < 210 { 1.0 } else { 1.5 });
    let assessment = assess(&observed, &quality(&[]));
    let reason = assessment.reasons.iter().find(|reason| reason.check == "level_shift");
    let reason = reason.expect("the shift is planted");
    assert!((reason.measured - 0.5).abs() < 0.05, "{reason:?}");
    assert!(
        reason.sentence.starts_with("From the week of 2021-08-02 on, sales run 50% higher"),
        "{}",
        reason.sentence
    );
    assert!(assessment.reasons.iter().any(|reason| reason.check == "drift"));
}

#[test]
fn coverage_columns_and_customers_have_limits() {
    let with = |plant: fn(&mut Observed)| {
        let mut observed = healthy();
        plant(&mut observed);
        checks(&observed, &quality(&[]))
    };
    let category = |o: &mut Observed| o.sales_with_category = (0.8 * o.sales.value()).into();
    assert_eq!(with(category), only("unknown_category", UsableWithCare));
    let cost = |o: &mut Observed| o.sales_with_cost = (0.4 * o.sales.value()).into();
    assert_eq!(with(cost), only("unknown_cost", UsableWithCare));
    assert_eq!(with(|o| o.customers.total = 99), only("customers", NotUsable));
    assert_eq!(with(|o| o.customers.total = 999), only("customers", UsableWithCare));
    assert_eq!(with(|o| o.customers.active_both = 9), only("customers_kept", UsableWithCare));
    let grown = |o: &mut Observed| o.customers.active_last = 1900;
    assert_eq!(with(grown), only("customers_changed", UsableWithCare));
    let column = |name: &str, missing: u64| {
        let mut observed = healthy();
        let column = Completeness { rows: 1000, missing, key: true };
        observed.completeness.insert(name.to_owned(), column);
        checks(&observed, &quality(&[]))
    };
    assert_eq!(column("transactions.date", 20), only("key_missing", UsableWithCare));
    assert_eq!(column("transactions.date", 300), only("key_missing", NotUsable));
    assert_eq!(column("transactions.customer_id", 300), only("customer_missing", UsableWithCare));
    assert_eq!(column("transactions.customer_id", 20), vec![]);
}

#[test]
fn the_stability_index_is_the_one_worked_by_hand() {
    // p = (50.5, 50.5) / 101, q = (80.5, 20.5) / 101:
    // 0.29703 · (ln 1.59406 − ln 0.40594) = 0.4063; χ²₁(0.99) = 6.635, so 0.02 · 6.635.
    let (psi, noise) = population_stability(&[50, 50], &[80, 20]);
    assert!((psi - 0.4063).abs() < 1e-4, "{psi}");
    assert!((noise - 0.1327).abs() < 1e-4, "{noise}");
    assert_eq!(population_stability(&[0, 0], &[5, 5]), (0.0, 0.0));
    assert_eq!(population_stability(&[9], &[5]), (0.0, 0.0));
}

#[test]
fn unchanged_distributions_pass_the_noise_limit_in_one_case_of_a_hundred() {
    let runs = 1000;
    let passed = (0..runs)
        .filter(|run| {
            let mut stream = SeedTree::new(23).child("stability").index(*run).stream();
            let mut draw = || {
                let mut bins = [0_u64; 10];
                (0..1000).for_each(|_| bins[stream.random_range(0..10)] += 1);
                bins
            };
            let (psi, noise) = population_stability(&draw(), &draw());
            psi > noise
        })
        .count() as f64;
    // Standard error √(0.01 · 0.99 / 1000) = 0.0031.
    assert!((passed / runs as f64 - 0.01).abs() < 4.0 * 0.0031, "{passed}");
}

#[test]
fn movers_are_listed_by_the_money_they_moved() {
    let mut observed = healthy();
    observed.products.clear();
    let rows = [("new", 0.0, 90.0), ("gone", 70.0, 0.0), ("same", 5.0, 5.0), ("up", 10.0, 30.0)];
    for (name, first, last) in rows {
        let (first, last) = (ExactSum::from(first), ExactSum::from(last));
        let row = ProductSales { category: "dairy".to_owned(), first, last };
        observed.products.insert(name.to_owned(), row);
    }
    let assessment = assess(&observed, &quality(&[]));
    let names = |movers: &[Mover]| -> Vec<(String, f64)> {
        movers.iter().map(|mover| (mover.product.clone(), mover.change)).collect()
    };
    let up = [("new".to_owned(), 90.0), ("up".to_owned(), 20.0)];
    assert_eq!(names(&assessment.movers_up), up);
    assert_eq!(names(&assessment.movers_down), [("gone".to_owned(), -70.0)]);
}

#[test]
fn an_assessment_survives_json() {
    let observed = history(|offset| offset % 60 != 3, |_| 1.0);
    let assessment = assess(&observed, &quality(&[("missing_key", 900, 2500.0)]));
    let json = serde_json::to_string(&assessment).expect("plain data");
    assert!(json.contains("\"verdict\":\"usable with care\""), "{json}");
    let back: Assessment = serde_json::from_str(&json).expect("what was written");
    assert_eq!(back.reasons.len(), assessment.reasons.len());
    assert_eq!(back.calendar.gaps, assessment.calendar.gaps);
}

#[test]
fn limits_have_different_names_and_care_comes_before_refusal() {
    let names: BTreeMap<&str, f64> =
        limits::LIMITS.iter().map(|limit| (limit.check, limit.care)).collect();
    assert_eq!(names.len(), limits::LIMITS.len());
    for limit in limits::LIMITS {
        let ordered =
            limit.refuse.is_none_or(|refuse| (refuse > limit.care) == limit.bad_when_above);
        assert!(ordered, "{}", limit.check);
    }
}

#[test]
fn quarters_of_a_short_history_do_not_overlap() {
    let compared = Compared::of(start(), day(20));
    let periods: Vec<Option<Period>> =
        [0, 9, 10, 11, 20, 21].map(|offset| compared.period_of(day(offset))).to_vec();
    let (first, last) = (Some(Period::First), Some(Period::Last));
    assert_eq!(periods, [first, first, None, last, last, None]);
}

fn lines() -> impl Strategy<Value = Vec<(u64, bool, f64)>> {
    prop::collection::vec((0..200_u64, any::<bool>(), -5.0..500.0), 0..60)
}

fn observe(lines: &[(u64, bool, f64)]) -> Observed {
    let mut observed = Observed::new(Compared::of(start(), day(199)));
    for (offset, known, sales) in lines {
        observed.add_line(&line(*offset, known.then_some("dairy"), *sales));
        observed.add_basket(day(*offset), *sales);
        let propensity = known.then_some(1.0 / (1 + offset) as f64);
        observed.exposures.add("ten off", week_of(day(*offset)), propensity);
        observed.customers.total += 1;
        *observed.customer_weeks.entry(week_of(day(*offset))).or_default() += 1;
        let column = observed.completeness.entry("category".to_owned()).or_default();
        column.rows += 1;
        column.missing += u64::from(!known);
    }
    observed
}

proptest! {
    #[test]
    fn no_history_makes_the_assessment_fail(lines in lines()) {
        let assessment = assess(&observe(&lines), &quality(&[]));
        prop_assert_eq!(assessment.reasons.is_empty(), assessment.verdict == Verdict::Ok);
        for reason in &assessment.reasons {
            prop_assert!(reason.measured.is_finite() && reason.threshold.is_finite());
        }
    }
}
