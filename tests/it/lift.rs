//! `promopt lift` on the shared run: a table, one promotion in full, and a name that is none.

use crate::shop::{Shop, snapshot};
use promopt::run::lift::LiftResult;

#[test]
fn past_promotions_are_listed_and_told_in_full() {
    let shop = Shop::with_finished_run();
    let listed = shop.promopt("lift --run run --top 4 --json --quiet");
    let found: LiftResult =
        serde_json::from_str(&listed.succeeds().stdout).expect("the output is JSON");
    assert!(found.found >= found.waterfalls.len() && found.waterfalls.len() == 4);
    for waterfall in &found.waterfalls {
        let parts: f64 = waterfall.parts[1..].iter().map(|line| line.margin.estimate).sum();
        let margin = waterfall.incremental_margin.estimate;
        assert!((parts - margin).abs() <= 1e-9 * margin.abs().max(1.0), "{waterfall:?}");
        assert!(waterfall.played <= waterfall.customers);
    }
    assert!(shop.path("run/demand/lift.json").is_file());
    assert!(shop.path("run/demand/lift.svg").is_file());
    let table = shop.promopt("lift --run run --top 4 --quiet");
    let name = &found.waterfalls[0].promotion.id;
    assert!(table.succeeds().stdout.contains(name.as_str()), "{table:?}");
    let told = shop.promopt(&format!("lift --run run --promotion {name} --quiet"));
    for words in ["would have sold anyway", "discount on sales we had anyway", "volume in these"] {
        assert!(told.succeeds().stdout.contains(words), "{told:?}");
    }
}

#[test]
fn the_same_run_gives_the_same_waterfalls_on_any_number_of_threads() {
    let shop = Shop::with_finished_run();
    let written = |threads: &str| {
        shop.promopt(&format!("lift --run run --top 2 --quiet --threads {threads}")).succeeds();
        snapshot(&shop.path("run/demand"))
    };
    assert_eq!(written("1"), written("3"));
}

#[test]
fn an_unknown_promotion_is_a_config_error_that_says_where_names_are() {
    let shop = Shop::with_finished_run();
    let ended = shop.promopt("lift --run run --promotion shelf:nothing:2024-01-01 --quiet");
    ended.fails(3, &["shelf:nothing:2024-01-01", "`promopt lift` lists them"]);
}
