//! Every kind of bad input ends in a message that says what to do, and in the right exit code.

use crate::shop::{Ended, Shop, finished};
use promopt::config::Config;
use std::fmt::Write;
use std::fs;

const SALES_HEADER: &str = "customer_id,date,product_id,quantity,sales_value\n";
const SALES: &str = "c1,2024-01-02,milk,1,2.00\n";
const PRODUCTS: &str = "product_id,category\nmilk,DAIRY\n";
const CONFIG: &str = "name = \"own\"\n[data]\n[data.transactions]\npath = \"sales.csv\"\n\
                      [data.products]\npath = \"products.csv\"\n";

/// A shop with one good line of sales and a config for it, followed by `more`.
fn shop_with(more: &str) -> Shop {
    let shop = Shop::new();
    shop.write("own.toml", format!("{CONFIG}{more}"));
    shop.write("sales.csv", format!("{SALES_HEADER}{SALES}"));
    shop.write("products.csv", PRODUCTS);
    shop
}

/// How ingestion ends with this table of sales.
fn with_sales(sales: impl AsRef<[u8]>) -> Ended {
    let shop = shop_with("");
    shop.write("sales.csv", sales);
    let ended = shop.promopt("ingest -c own.toml --run run");
    assert!(!shop.path("run/history").exists(), "a failed stage leaves nothing");
    ended
}

/// How ingestion ends with one more table.
fn with_table(table: &str, content: &str) -> Ended {
    let shop = shop_with(&format!("[data.{table}]\npath = \"{table}.csv\"\n"));
    shop.write(&format!("{table}.csv"), content);
    shop.promopt("ingest -c own.toml --run run")
}

#[test]
fn the_good_files_of_these_tests_are_good() {
    shop_with("").promopt("ingest -c own.toml --run run").succeeds();
    with_table("exposures", "customer_id,date,offer_id\nc1,2024-01-02,o1\n").succeeds();
}

#[test]
fn a_missing_file_is_named_with_where_to_set_it() {
    let shop = shop_with("");
    fs::remove_file(shop.path("sales.csv")).expect("it was written");
    for command in ["ingest", "check", "run"] {
        let ended = shop.promopt(&format!("{command} -c own.toml --run run"));
        ended.fails(4, &["sales.csv", "check `path` in [data.transactions]"]);
    }
}

#[test]
fn a_file_that_is_a_folder_or_not_parquet_is_refused() {
    let shop = shop_with("");
    fs::remove_file(shop.path("sales.csv")).expect("it was written");
    fs::create_dir(shop.path("sales.csv")).expect("it is free");
    shop.promopt("ingest -c own.toml --run run").fails(4, &["sales.csv", "check `path`"]);
    let shop = shop_with("");
    shop.write("sales.parquet", "not parquet");
    shop.write("own.toml", CONFIG.replace("sales.csv", "sales.parquet"));
    shop.promopt("ingest -c own.toml --run run").fails(4, &["cannot read", "sales.parquet"]);
}

#[test]
fn a_missing_column_suggests_the_nearest_one() {
    let sales = format!("{SALES_HEADER}{SALES}").replace("customer_id", "custmer_id");
    let words = [
        "expected column `customer_id`",
        "sales.csv",
        "did you mean `custmer_id`?",
        "[data.transactions] columns",
        "promopt check",
    ];
    with_sales(&sales).fails(4, &words);
    let shop = shop_with("");
    shop.write("sales.csv", &sales);
    shop.promopt("check -c own.toml").fails(4, &words);
}

#[test]
fn a_value_of_the_wrong_type_is_named_by_file_row_and_column() {
    let bad = |row: &str| format!("{SALES_HEADER}{SALES}{SALES}{row}\n");
    for (row, words) in [
        (
            "c1,2024-01-02,milk,two,2.00",
            ["expected a number", "`two`", "`quantity`", "correct the"],
        ),
        ("c1,2024-01-02,milk,1,2 or 3", ["expected a number", "`2 or 3`", "`sales_value`", "row"]),
        ("c1,Tuesday,milk,1,2.00", ["expected an ISO date", "`Tuesday`", "column `date`", "row"]),
        (
            "c1,02.01.2024,milk,1,2.00",
            [
                "expected an ISO date",
                "`02.01.2024`",
                "column `date`",
                "date_format = \"dd.mm.yyyy\"",
            ],
        ),
    ] {
        let ended = with_sales(bad(row));
        ended.fails(4, &words);
        ended.fails(4, &["sales.csv row 4"]);
    }
    // One row of three is more than clean.max_impossible_dates allows.
    for date in ["2024-02-30", "1970-01-01", "2190-01-01"] {
        let words = ["from 1990 to 2100", "1 of 3 rows", "sales.csv row 4", "max_impossible_dates"];
        with_sales(bad(&format!("c1,{date},milk,1,2.00"))).fails(4, &words);
    }
}

#[test]
fn broken_csv_is_named_by_row_with_the_way_out() {
    let ragged = format!("{SALES_HEADER}{SALES}c1,2024-01-02,milk,1,2,00\n");
    with_sales(ragged)
        .fails(4, &["expected 5 fields, found 6", "sales.csv row 3", "quote fields", "delimiter"]);
    let mut latin = SALES_HEADER.as_bytes().to_vec();
    latin.extend(b"c1,2024-01-02,cr\xe8me,1,2.00\n");
    with_sales(latin).fails(4, &["expected UTF-8", "sales.csv row 2", "iconv"]);
    with_sales(format!("{SALES_HEADER}{SALES}").replace(',', ";"))
        .fails(4, &["sales.csv", "set `delimiter = \";\"`"]);
}

#[test]
fn files_without_rows_and_rows_that_are_all_cleaned_away_are_refused() {
    for empty in ["", SALES_HEADER] {
        with_sales(empty).fails(4, &["at least one data row", "sales.csv", "check `path`"]);
    }
    with_sales(format!("{SALES_HEADER}c1,2024-01-02,milk,-1,2.00\n"))
        .fails(4, &["none of 1", "`non_positive_quantity`", "[data.clean]"]);
}

#[test]
fn numbers_outside_their_range_are_refused() {
    let exposures = "customer_id,date,offer_id,propensity\nc1,2024-01-02,o1,";
    for propensity in ["0", "-0.1", "1.5"] {
        with_table("exposures", &format!("{exposures}{propensity}\n"))
            .fails(4, &["propensity in (0, 1]", "exposures.csv row 2", "correct the row"]);
    }
    with_table("offers", "offer_id,mechanic,depth\no1,coupon,20\n")
        .fails(4, &["(0.2 for 20 % off), found 20", "offers.csv row 2 column `depth`"]);
}

#[test]
fn a_product_that_stands_twice_is_refused() {
    let shop = shop_with("");
    shop.write("products.csv", format!("{PRODUCTS}bread,BREAD\nmilk,CREAM\n"));
    shop.promopt("ingest -c own.toml --run run")
        .fails(4, &["each product_id once", "`milk`", "products.csv row 4", "remove one"]);
}

/// Sales of one product to `n_customers` over `n_weeks`, no two customers quite alike.
fn sales(n_customers: u64, n_weeks: u64) -> String {
    let first = chrono::NaiveDate::from_ymd_opt(2024, 1, 1).expect("a date");
    let mut text = SALES_HEADER.to_owned();
    for customer in 0..n_customers {
        for week in (0..n_weeks).filter(|w| w % (1 + customer % 4) == 0) {
            let date = first + chrono::Days::new(7 * week + customer % 5);
            let units = 1 + (customer + week) % 3;
            let _ = writeln!(text, "c{customer},{date},milk,{units},{}.0", 2 * units);
        }
    }
    text
}

#[test]
fn too_little_history_and_too_few_customers_are_data_errors() {
    for (n_customers, n_weeks) in [(40, 5), (40, 12), (2, 60), (1, 1)] {
        let shop = shop_with("");
        shop.write("sales.csv", sales(n_customers, n_weeks));
        let ended = shop.promopt("run -c own.toml --run run");
        ended.fails(4, &["expected at least", "more"]);
        assert!(!shop.path("run/policy").exists());
    }
}

#[test]
fn a_typo_in_the_config_is_named_by_line_with_the_valid_keys() {
    for (more, words) in [
        ("[trian]\n", ["line 7", "`trian`", "`train`"]),
        ("[train]\nlane = 3\n", ["line 8", "`lane`", "`lanes`"]),
        ("[guardrails]\nmax_depht = 0.3\n", ["line 8", "`max_depht`", "`max_depth`"]),
        ("[judge]\nlevel = \"high\"\n", ["line 8", "level = \"high\"", "expected f64"]),
        ("[judge\n", ["line 7", "[judge", "`]`"]),
    ] {
        for command in ["check", "run"] {
            let shop = shop_with(more);
            let ended = shop.promopt(&format!("{command} -c own.toml --run run"));
            ended.fails(3, &words);
            ended.fails(3, &["own.toml"]);
            assert!(!shop.path("run").exists());
        }
    }
    let shop = shop_with("[data.transactions.columns]\ncustomer = \"x\"\n");
    shop.promopt("check -c own.toml").fails(3, &["customer", "did you mean `customer_id`"]);
}

#[test]
fn values_that_cannot_be_are_config_errors() {
    for (more, words) in [
        ("[train]\nagents = [\"dnq\"]\n", ["`train.agents`", "`dnq`", "`dqn`"]),
        ("[offers]\ndepths = [0.1, 20]\n", ["`offers.depths`", "in (0, 1)", "got 20"]),
        ("[offers]\ncontact_cost = -1\n", ["contact_cost", "at least 0", "got -1"]),
        ("[judge]\nlevel = 95\n", ["`judge.level`", "between 0.5 and 1", "95"]),
        ("[guardrails]\nmax_depth = 20\n", ["`guardrails.max_depth`", "in [0, 1)", "got 20"]),
        ("[guardrails]\ncool_down_weeks = 90\n", ["cool_down_weeks", "at most 32", "got 90"]),
        ("[fit]\njudge_draws = 1\n", ["`fit.judge_draws`", "at least 2", "1"]),
    ] {
        shop_with(more).promopt("personas -c own.toml --run run").fails(3, &words);
    }
    let shop = Shop::new();
    shop.promopt("run -c absent.toml").fails(3, &["absent.toml", "promopt init absent.toml"]);
    shop.promopt("run --data somewhere").fails(3, &["[data]", "promopt init"]);
    shop.write("world.toml", "[world]\ndepths = [20]\n");
    shop.promopt("run -c world.toml --run run").fails(3, &["got 20", "0.2 means 20 % off"]);
    shop.write("world.toml", "[world]\ncontact_cost = -1\n");
    shop.promopt("run -c world.toml --run run").fails(3, &["`contact_cost`", "got -1"]);
}

#[test]
fn wrong_flags_are_usage_errors() {
    let shop = Shop::new();
    for line in ["run --foo", "rnu", "run --seed many", "run --quiet --verbose", "score", "abtest"]
    {
        let ended = shop.promopt(line);
        assert_eq!(ended.code, Some(2), "{line}: {ended:#?}");
        assert!(!ended.stderr.contains("panicked"));
    }
    assert!(shop.promopt("run --foo").stderr.contains("'--foo'"));
    assert!(shop.promopt("--help").succeeds().stdout.contains("Usage: promopt"));
    assert!(shop.promopt("--version").succeeds().stdout.starts_with("promopt "));
}

#[test]
fn a_valid_config_is_said_to_be_valid() {
    let shop = shop_with("");
    let ended = shop.promopt("check -c own.toml");
    let said = &ended.succeeds().stdout;
    assert!(said.contains("config and files are valid") && said.contains("sales.csv"), "{said}");
    assert!(!shop.path("runs").exists(), "a check writes nothing");
    let config = finished().config.display();
    assert!(shop.promopt(&format!("check -c {config}")).succeeds().stdout.contains("is valid"));
}

#[test]
fn init_writes_a_config_that_is_accepted_and_never_overwrites() {
    let shop = Shop::new();
    let ended = shop.promopt("init");
    assert!(ended.succeeds().stdout.contains("promopt.toml"));
    let text = fs::read_to_string(shop.path("promopt.toml")).expect("the default name");
    let config = Config::from_toml(&text).expect("the template is valid");
    assert!(config.data.is_some());
    shop.promopt("init").fails(1, &["promopt.toml exists already"]);
    shop.write("mine.toml", "mine");
    shop.promopt("init mine.toml").fails(1, &["mine.toml exists already"]);
    assert_eq!(fs::read_to_string(shop.path("mine.toml")).expect("it is there"), "mine");
    shop.promopt("check -c promopt.toml").fails(4, &["transactions.csv", "`dir` in [data]"]);
}
