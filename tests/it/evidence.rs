//! Can logged decisions speak of another policy at all? The verdict on two real data sets: campaigns
//! that were targeted, and an experiment that was dealt by chance.

use crate::real_data;
use crate::shop::Shop;
use promopt::data::any_table::{AnyColumn as Column, AnyTable, ColumnKind, Labels};
use promopt::data::decision_tables::{DecisionLog, LogColumns};
use promopt::evaluate::OverlapVerdict;
use promopt::evaluate::off_policy::propensity::{
    Assignments, EstimatedPropensities, PropensitySettings,
};
use std::path::Path;

type Outcome = Result<(), Box<dyn std::error::Error>>;

/// Weeks before a campaign that a household must have been seen for.
const SEEN: usize = 4;

/// The columns of a file of the Complete Journey.
fn columns<const K: usize>(
    file: &Path,
    wanted: [(&str, ColumnKind); K],
) -> Result<[Column; K], Box<dyn std::error::Error>> {
    let read = AnyTable::open(file)?.read(&wanted)?;
    <[Column; K]>::try_from(read).map_err(|_| "as many columns as asked for".into())
}

/// What each household spent in each week since the first day.
struct Spending {
    households: Labels,
    spent: Vec<Vec<f64>>,
    first: i32,
}

fn weekly_spending(folder: &Path) -> Result<Spending, Box<dyn std::error::Error>> {
    let [households, days, sales] = columns(
        &folder.join("transactions.parquet"),
        [
            ("household_id", ColumnKind::Label),
            ("transaction_timestamp", ColumnKind::Day),
            ("sales_value", ColumnKind::Number),
        ],
    )?;
    let (households, days, sales) =
        (households.into_labels(), days.into_days(), sales.into_numbers());
    let first = days.iter().copied().min().ok_or("no lines")?;
    let n_weeks = 1 + ((days.iter().copied().max().ok_or("no lines")? - first) / 7) as usize;
    let mut spent = vec![vec![0.0; n_weeks]; households.names.len()];
    for ((household, day), value) in households.codes.iter().zip(&days).zip(&sales) {
        spent[*household as usize][((day - first) / 7) as usize] += value;
    }
    Ok(Spending { households, spent, first })
}

/// What was known of a household from the weeks before a campaign; `None` when it was hardly seen.
fn known_before(past: &[f64]) -> Option<[f32; 4]> {
    let begun = past.iter().position(|money| *money > 0.0)?;
    let seen = Some(&past[begun..]).filter(|seen| seen.len() >= SEEN)?;
    let visits = seen.iter().filter(|money| **money > 0.0).count() as f64;
    let quiet = seen.iter().rev().take_while(|money| **money == 0.0).count() as f64;
    let weekly = seen.iter().sum::<f64>() / seen.len() as f64;
    let lately = seen.iter().rev().take(SEEN).sum::<f64>() / SEEN as f64;
    let known = [visits / seen.len() as f64, quiet.ln_1p(), weekly.ln_1p(), lately.ln_1p()];
    Some(known.map(|x| x as f32))
}

/// Who was sent each personalised campaign, with what was known of the household when it began.
struct Targeted {
    features: Vec<f32>,
    actions: Vec<usize>,
    clusters: Vec<usize>,
}

fn targeted_campaigns(folder: &Path) -> Result<Targeted, Box<dyn std::error::Error>> {
    let Spending { households, spent, first } = weekly_spending(folder)?;
    let [campaigns, types, starts] = columns(
        &folder.join("campaign_descriptions.parquet"),
        [
            ("campaign_id", ColumnKind::Label),
            ("campaign_type", ColumnKind::Label),
            ("start_date", ColumnKind::Day),
        ],
    )?;
    let (campaigns, types, starts) =
        (campaigns.into_labels(), types.into_labels(), starts.into_days());
    let [which, to] = columns(
        &folder.join("campaigns.parquet"),
        [("campaign_id", ColumnKind::Label), ("household_id", ColumnKind::Label)],
    )?;
    let (which, to) = (which.into_labels(), to.into_labels());
    let (mut features, mut actions, mut clusters) = (Vec::new(), Vec::new(), Vec::new());
    let mut received = vec![0.0_f32; households.names.len()];
    let mut order: Vec<usize> = (0..starts.len()).collect();
    order.sort_by_key(|row| starts[*row]);
    for row in order {
        let week = ((starts[row] - first) / 7).max(0) as usize;
        let mut got = vec![false; households.names.len()];
        for at in (0..which.codes.len()).filter(|at| which.at(*at) == campaigns.at(row)) {
            if let Ok(household) = households.names.binary_search(&to.at(at).to_owned()) {
                got[household] = true;
            }
        }
        for household in 0..spent.len() {
            let past = &spent[household][..week.min(spent[household].len())];
            if let Some(known) = known_before(past).filter(|_| types.at(row) == "Type A") {
                features.extend(known);
                features.push(received[household]);
                actions.push(usize::from(got[household]));
                clusters.push(household);
            }
            received[household] += f32::from(u8::from(got[household]));
        }
    }
    Ok(Targeted { features, actions, clusters })
}

#[test]
fn campaigns_that_were_targeted_are_not_taken_for_an_experiment() -> Outcome {
    let Some(folder) = real_data("complete-journey") else { return Ok(()) };
    let Targeted { features, actions, clusters } = targeted_campaigns(&folder)?;
    let log = Assignments {
        features: &features,
        n_features: 5,
        actions: &actions,
        n_actions: 2,
        clusters: &clusters,
    };
    let found = EstimatedPropensities::cross_fit(&log, &PropensitySettings::default())?;
    let overlap = found.overlap();
    assert_ne!(overlap.verdict, OverlapVerdict::Ok, "{overlap:?}");
    assert!(overlap.actions[1].auc > 0.7 && !overlap.reasons.is_empty());
    Ok(())
}

#[test]
fn an_experiment_dealt_by_chance_is_ok() -> Outcome {
    let Some(folder) = real_data("hillstrom") else { return Ok(()) };
    let columns = LogColumns {
        action: "treatment".into(),
        reward: "spend".into(),
        features: ["recency", "history", "mens", "womens", "newbie", "channel", "zip_code"]
            .map(str::to_owned)
            .to_vec(),
        ..LogColumns::default()
    };
    let log = DecisionLog::read(&folder.join("hillstrom.csv"), &columns)?;
    assert_eq!(log.action_names, ["Mens E-Mail", "No E-Mail", "Womens E-Mail"]);
    let clusters: Vec<usize> = log.customers.iter().map(|c| *c as usize).collect();
    let log = Assignments {
        features: &log.features,
        n_features: log.feature_names.len(),
        actions: &log.actions,
        n_actions: 3,
        clusters: &clusters,
    };
    let found = EstimatedPropensities::cross_fit(&log, &PropensitySettings::default())?;
    assert_eq!(found.overlap().verdict, OverlapVerdict::Ok, "{:?}", found.overlap());
    // An area under the curve without skill has a standard error of √(1/(12·21k) + 1/(12·43k)),
    // 0.0024.
    for action in &found.overlap().actions {
        assert!(action.auc < 0.5 + 4.0 * 0.0024, "{action:?}");
    }
    Ok(())
}

/// A log in the dialect of a German spreadsheet: two actions at even odds, action B pays 1.
fn german_log(shop: &Shop) {
    let mut text = String::from("Kunde;Aktion;Erlös;Alter\n");
    for row in 0..800 {
        let action = if (row / 2) % 2 == 0 { "A" } else { "B" };
        let pays = if action == "B" { "1,25" } else { "0,25" };
        text += &format!("k{row};{action};{pays};{}\n", 20 + row % 50);
    }
    shop.write("log.csv", text);
}

#[test]
fn a_policy_is_judged_on_a_log_under_any_column_names() {
    let shop = Shop::new();
    german_log(&shop);
    let columns = "--action Aktion --reward Erlös --propensity 0.5 --features Alter";
    let line = format!("ope log.csv {columns} --customer Kunde --target always:B --json");
    let ended = shop.promopt(&line);
    ended.succeeds();
    let answer: serde_json::Value = serde_json::from_str(&ended.stdout).expect("it is JSON");
    assert_eq!(answer["verdict"], "ok");
    let ips = &answer["estimates"]["ips"];
    assert_eq!(
        (&ips["estimate"], &answer["logged_value"]["estimate"]),
        (&1.25.into(), &0.75.into())
    );
    assert!(ips["lower"].as_f64() < Some(1.25) && ips["upper"].as_f64() > Some(1.25));
    let chosen = answer["decide_on"].as_str().expect("an estimator");
    assert!(answer["estimates"][chosen]["estimate"].as_f64().is_some());
    assert_eq!(ended.stdout, shop.promopt(&format!("{line} --threads 1")).stdout);
}

#[test]
fn what_cannot_be_judged_is_said_with_the_way_on() {
    let shop = Shop::new();
    german_log(&shop);
    let log = "ope log.csv --action Aktion --reward Erlös";
    shop.promopt(&format!("{log} --target uniform")).fails(3, &["propensity", "--propensity 0.5"]);
    let odds = format!("{log} --propensity 0.5");
    shop.promopt(&format!("{odds} --target always:C")).fails(3, &["A", "B", "`C`"]);
    shop.promopt(&format!("{odds} --target nowhere.csv")).fails(4, &["nowhere.csv"]);
    let typo = "ope log.csv --action Action --reward Erlös --target uniform";
    shop.promopt(typo).fails(4, &["did you mean `Aktion`"]);
    let estimated = format!("{log} --propensity estimated --target uniform");
    shop.promopt(&estimated).fails(3, &["--features"]);
    shop.write("pi.csv", "A,B\n0.5,0.6\n");
    shop.promopt(&format!("{odds} --target pi.csv")).fails(4, &["expected 800 rows"]);
    // Always the same action was logged: nothing can be said of the other one.
    shop.write("log.csv", "action,reward,propensity\nA,1,1\nA,2,1\nA,0,1\n");
    shop.write("pi.csv", "A,B\n0,1\n0,1\n0,1\n");
    let refused = shop.promopt("ope log.csv --target pi.csv");
    refused.succeeds();
    assert!(
        refused.stdout.contains("refuse") && refused.stdout.contains("no estimates"),
        "{}",
        refused.stdout
    );
}

/// The golden trajectories through the compiled program: policy and model join on what the log has too.
#[test]
fn trajectories_are_judged_from_the_command_line() -> Outcome {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/golden");
    let root = std::env::var_os("PROMOPT_GOLDEN").map_or_else(beside, std::path::PathBuf::from);
    let folder = root.join("ope/s2_6s3a_h8_g095");
    let Ok(expected) = std::fs::read_to_string(folder.join("expected.json")) else { return Ok(()) };
    let expected: serde_json::Value = serde_json::from_str(&expected)?;
    let shop = Shop::new();
    let at = |name: &str| folder.join(name).display().to_string();
    let line = format!(
        "ope {} --trajectory trajectory --step t --discount {} --target {}:eval_prob --predictions \
         {}:q_hat --resamples 50 --despite-refusal --json",
        at("log.csv"),
        expected["gamma"],
        at("policies.csv"),
        at("q_and_ratios.csv")
    );
    let ended = shop.promopt(&line);
    ended.succeeds();
    let answer: serde_json::Value = serde_json::from_str(&ended.stdout)?;
    for name in ["dm", "tis", "pdis", "sntis", "snpdis", "dr", "sndr"] {
        let truth = &expected["estimates_literature_numpy"]["with_q_hat"][name]["value"];
        let (Some(found), Some(truth)) =
            (answer["estimates"][name]["estimate"].as_f64(), truth.as_f64())
        else {
            return Err(format!("{name} is missing: {answer:#}").into());
        };
        assert!((found - truth).abs() < 1e-8 * truth.abs(), "{name}: {truth}, found {found}");
    }
    let line =
        line.replace(" --json", "").replace("--trajectory", "--propensity estimated --trajectory");
    shop.promopt(&line).fails(3, &["logged propensities", "--propensity"]);
    Ok(())
}
