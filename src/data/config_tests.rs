//! The config of the data: presets, overrides and what is refused.

use chrono::NaiveDate;

use super::config::*;

#[test]
fn every_preset_is_valid() {
    for name in DataConfig::preset_names() {
        DataConfig::from_toml(&format!("preset = {name:?}")).expect("a preset parses");
    }
}

#[test]
fn explicit_values_override_the_preset_key_by_key() {
    let text = "preset = \"complete-journey\"\nlast_date = 2017-06-30\n\
                [transactions.columns]\noffer_discount = \"\"";
    let config = DataConfig::from_toml(text).expect("valid");
    assert_eq!(config.last_date.as_deref(), Some("2017-06-30"));
    assert_eq!(config.transactions.columns["offer_discount"], "");
    assert_eq!(config.transactions.columns["customer_id"], "household_id");
}

#[test]
fn an_empty_path_switches_an_optional_table_off() {
    let text = "preset = \"complete-journey\"\n[exposures]\npath = \"\"";
    let config = DataConfig::from_toml(text).expect("valid");
    assert!(config.enabled_exposures().is_none());
    assert!(config.tables().iter().all(|(schema, _)| schema.table != "exposures"));
    let text = "preset = \"canonical\"\n[products]\npath = \"\"";
    assert!(DataConfig::from_toml(text).is_err());
}

#[test]
fn a_resolved_config_reads_back_as_itself() {
    let config = DataConfig::from_toml("preset = \"complete-journey\"").expect("valid");
    let text = toml::to_string(&config).expect("serialisable");
    assert_eq!(DataConfig::from_toml(&text).expect("valid"), config);
    let json = serde_json::to_string(&config).expect("serialisable");
    assert_eq!(serde_json::from_str::<DataConfig>(&json).expect("valid"), config);
}

#[test]
fn unknown_keys_are_refused_with_the_nearest_name() {
    let preset = DataConfig::from_toml("preset = \"complete_journey\"").expect_err("unknown");
    assert!(preset.to_string().contains("did you mean `complete-journey`"), "{preset}");
    let key = DataConfig::from_toml("preset = \"canonical\"\nn_category = 3").expect_err("unknown");
    assert!(key.to_string().contains("n_category"), "{key}");
    let text = "preset = \"canonical\"\n[transactions.columns]\ncustomer = \"x\"";
    let column = DataConfig::from_toml(text).expect_err("unknown column");
    assert!(column.to_string().contains("did you mean `customer_id`"), "{column}");
    assert!(column.is_config());
}

#[test]
fn a_week_starts_on_the_configured_day() {
    let sunday = NaiveDate::from_ymd_opt(2017, 1, 1).expect("a date");
    assert_eq!(WeekStart::Sunday.week_of(sunday), sunday);
    assert_eq!(WeekStart::Monday.week_of(sunday).to_string(), "2016-12-26");
    assert_eq!(WeekStart::Saturday.week_of(sunday).to_string(), "2016-12-31");
}

#[test]
fn a_column_of_the_deny_list_cannot_be_mapped_or_joined_on() {
    let refused = |text: &str, words: [&str; 2]| {
        let error = DataConfig::from_toml(text).expect_err("denied");
        let message = error.to_string();
        assert!(error.is_config() && words.iter().all(|word| message.contains(word)), "{message}");
    };
    let preset = "preset = \"complete-journey\"\n";
    let denied = |column: &str| format!("{preset}deny_columns = [{column:?}]\n");
    refused(&denied("household_id"), ["`transactions.columns.customer_id`", "\"household_id\""]);
    refused(&denied("campaign_id"), ["`exposures.columns.offer_id`", "deny_columns"]);
    let text = format!("{preset}deny_columns = [\"key\"]\n[exposures.join]\non = \"key\"");
    refused(&text, ["`exposures.join.on`", "\"key\""]);
    // What has the canonical name is read without a mapping.
    let text = "preset = \"canonical\"\ndeny_columns = [\"brand\"]\n";
    refused(text, ["`products.columns.brand`", "\"brand\""]);
    let unmapped = format!("{text}[products.columns]\nbrand = \"\"");
    DataConfig::from_toml(&unmapped).expect("an unmapped column is not read");
}

#[test]
fn decisions_and_store_weeks_need_their_table_and_possible_settings() {
    let refused = |text: &str, word: &str| {
        let message = DataConfig::from_toml(text).expect_err("impossible").to_string();
        assert!(message.contains(word), "{message}");
    };
    refused("kind = \"decisions\"", "`decisions.path`");
    refused("kind = \"store-weeks\"", "`store_weeks.path`");
    refused("preset = \"hillstrom\"\ndecision_propensity = 0", "`decision_propensity`");
    refused("preset = \"dominicks\"\nprice_columns = \"price\"", "`price_columns`");
    assert!(!DataConfig::from_toml("preset = \"hillstrom\"").expect("valid").has_customers());
    assert!(DataConfig::from_toml("preset = \"canonical\"").expect("valid").has_customers());
}
