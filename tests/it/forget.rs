//! `promopt forget`: a run is rebuilt without a customer, and nothing of the customer is left in it.

use crate::shop::{SMALL, Shop, finished, snapshot};
use promopt::data::forget::look_for;
use promopt::data::{self, Cell, History};
use std::collections::BTreeMap;
use std::fs;

const CONFIG: &str = "name = \"own\"\n[data]\ndir = \"export\"\nn_categories = 3\n\
                      [data.transactions]\npath = \"transactions.csv\"\n\
                      [data.products]\npath = \"products.csv\"\n\
                      [data.customers]\npath = \"customers.csv\"\n\
                      [data.exposures]\npath = \"exposures.csv\"\n\
                      [data.offers]\npath = \"offers.csv\"\n";

/// A shop with the tables of the shared run and a config for them.
fn shop() -> Shop {
    finished().ended.succeeds();
    let shop = Shop::new();
    for table in ["transactions", "products", "customers", "exposures", "offers"] {
        let name = format!("{table}.csv");
        let content = fs::read(finished().run.join("world").join(&name));
        shop.write(&format!("export/{name}"), content.expect("the world was written"));
    }
    let settings = SMALL.find("[fit]").map_or("", |at| &SMALL[at..]);
    shop.write("own.toml", format!("{CONFIG}{settings}"));
    shop
}

fn history(shop: &Shop) -> History {
    data::load(&shop.path("run/history")).expect("a finished history")
}

/// The cells of each customer, by hash, without the index that shifts.
fn cells(history: &History) -> BTreeMap<&str, Vec<Cell>> {
    let mut cells: BTreeMap<&str, Vec<Cell>> = BTreeMap::new();
    for cell in &history.cells {
        let hash = history.customers[cell.customer as usize].as_str();
        cells.entry(hash).or_default().push(Cell { customer: 0, ..*cell });
    }
    cells
}

/// The first customer of the sales lines, and the number of the customer's lines.
fn somebody(shop: &Shop) -> (String, u64) {
    let sales = fs::read_to_string(shop.path("export/transactions.csv")).expect("it is there");
    let ids: Vec<&str> = sales.lines().skip(1).filter_map(|line| line.split(',').next()).collect();
    let lines = ids.iter().filter(|id| **id == ids[0]).count();
    (ids[0].to_owned(), lines as u64)
}

#[test]
fn after_forgetting_no_file_of_the_run_holds_the_customer() {
    let shop = shop();
    shop.promopt("run -c own.toml --run run").succeeds();
    let (id, lines) = somebody(&shop);
    shop.promopt(
        "score -c own.toml --policy run/policy --history export --as-of 2025-06-09 --out \
         run/actions.csv",
    )
    .succeeds();
    let before = history(&shop);
    let ended = shop.promopt(&format!("forget --customer {id} --run run"));
    let said = &ended.succeeds().stdout;
    for words in [
        "the customer is in the history",
        "rebuilt: ingest, personas, fit, train, evaluate, abtest, export, report",
        "rewritten  history/cells.parquet",
        "rewritten  personas/members.csv",
        "removed  actions.csv",
        "written  forgotten.txt",
    ] {
        assert!(said.contains(words), "expected {words:?} in\n{said}");
    }
    let after = history(&shop);
    let gone: Vec<&String> =
        before.customers.iter().filter(|hash| !after.customers.contains(hash)).collect();
    let [hash] = gone[..] else { panic!("one customer is gone, not {gone:?}") };
    let files = snapshot(&shop.path("run"));
    assert!(said.contains(&format!("0 of {} files", files.len())), "{said}");
    for name in files.keys() {
        let file = shop.path("run").join(name);
        let found = look_for(&file, hash, &id, &|_| true).expect("readable");
        assert!(!found.hash && !found.id, "{name} still holds the customer");
    }
    let (mut cells_before, cells_after) = (cells(&before), cells(&after));
    cells_before.remove(hash.as_str());
    assert_eq!(cells_before, cells_after);
    assert!(after.quality.reconciles());
    let first = &after.quality.rules[0];
    assert_eq!((first.name.as_str(), first.rows), ("forgotten_customer", lines));
    assert_eq!(after.quality.rows_in, before.quality.rows_in);
    let again = shop.promopt("run --run run");
    assert!(again.succeeds().stderr.contains("ingest up to date"), "{again:#?}");
}

#[test]
fn forgetting_says_when_the_customer_is_unknown_or_there_is_nobody() {
    let shop = shop();
    shop.promopt("forget --customer C1 -c own.toml --run run").fails(3, &["run folder run"]);
    shop.promopt("ingest -c own.toml --run run").succeeds();
    let ended = shop.promopt("forget --customer nobody --run run");
    assert!(ended.succeeds().stdout.contains("is not in the history (check the identifier)"));
    let ended = shop.promopt("forget --customer nobody --run run --json");
    assert!(ended.succeeds().stdout.contains("\"known\":true"), "{ended:#?}");
    let synthetic = Shop::with_finished_run();
    synthetic.promopt("forget --customer C1 --run run").fails(3, &["there is nobody to forget"]);
}

#[test]
fn a_list_under_another_salt_is_refused_rather_than_ignored() {
    let shop = shop();
    shop.promopt("ingest -c own.toml --run run").succeeds();
    let (id, _) = somebody(&shop);
    shop.promopt(&format!("forget --customer {id} --run run")).succeeds();
    let before = history(&shop).customers;
    // Without a salt in the config it grows from the seed.
    shop.promopt("ingest --run run --seed 8").fails(3, &["forgotten.txt", "another salt"]);
    assert_eq!(history(&shop).customers, before);
}
