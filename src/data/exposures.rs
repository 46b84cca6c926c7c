//! Past offers and who was given them.

use super::aggregate::Weeks;
use super::column::MISSING_DAY;
use super::config::DataConfig;
use super::error::DataError;
use super::history::{Exposure, OfferRow, hash_customer};
use super::quality::{ExposureCounts, QualityReport};
use super::schema;
use super::table::{self, Table, check_count, unique_rows};

/// Mechanic of an offer that only the exposures know.
const UNDESCRIBED_MECHANIC: &str = "campaign";

/// Reads the offers table, sorted by identifier.
pub(super) fn read_offers(
    config: &DataConfig,
    dir: &std::path::Path,
) -> Result<Vec<OfferRow>, DataError> {
    let Some(offers) = config.enabled_offers() else { return Ok(Vec::new()) };
    let table = table::read(&schema::OFFERS, offers, dir)?;
    if let Some(ids) = table.identifiers("offer_id") {
        unique_rows(ids, |row, name| table.duplicate("offer_id", row, name))?;
    }
    let mut rows = Vec::new();
    for row in 0..table.rows {
        let money = |name: &'static str| match table.number(name, row).unwrap_or(0.0) {
            amount if amount < 0.0 => {
                Err(table.out_of_range(name, row, amount, "an amount of at least 0"))
            }
            amount => Ok(amount),
        };
        let Some(offer_id) = table.name("offer_id", row) else { continue };
        let min_spend = money("min_spend")?;
        rows.push(OfferRow {
            offer_id: offer_id.to_owned(),
            mechanic: table.name("mechanic", row).unwrap_or("unspecified").to_owned(),
            category: table.name("category", row).map(str::to_owned),
            depth: depth(&table, row, money("amount")?, min_spend)?,
            min_spend,
            contact_cost: money("contact_cost")?,
        });
    }
    rows.sort_by(|left, right| left.offer_id.cmp(&right.offer_id));
    Ok(rows)
}

/// Depth as given, else the amount off as a fraction of the spend it needs.
fn depth(table: &Table, row: usize, amount: f64, min_spend: f64) -> Result<f64, DataError> {
    let (name, depth) = match table.number("depth", row) {
        Some(depth) => ("depth", depth),
        None if amount == 0.0 => return Ok(0.0),
        None => ("amount", amount / min_spend),
    };
    if (0.0..=1.0).contains(&depth) {
        return Ok(depth);
    }
    let expected = match name {
        "depth" => "a depth from 0 to 1 (0.2 for 20 % off)",
        _ => "an amount no larger than its `min_spend`, which turns it into a depth",
    };
    Err(table.out_of_range(name, row, if name == "depth" { depth } else { amount }, expected))
}

/// Reads the exposures of known customers inside the weeks; adds offers that nobody described.
pub(super) fn read_exposures(
    config: &DataConfig,
    dir: &std::path::Path,
    salt: &str,
    customers: &[String],
    weeks: Weeks,
    offers: &mut Vec<OfferRow>,
    quality: &mut QualityReport,
) -> Result<Vec<Exposure>, DataError> {
    let Some(exposures) = config.enabled_exposures() else { return Ok(Vec::new()) };
    let table = table::read(&schema::EXPOSURES, exposures, dir)?;
    check_propensities(&table)?;
    let undescribed = add_undescribed_offers(&table, offers);
    check_count("offers", offers.len(), usize::from(u16::MAX))?;
    if !undescribed.is_empty() {
        quality.notes.push(format!(
            "{} offers occur in the exposures but not in the offers table; they are kept with \
             mechanic \"{UNDESCRIBED_MECHANIC}\" and depth 0",
            undescribed.len()
        ));
    }
    let customer_of =
        indices(&table, "customer_id", |id| customers.binary_search(&hash_customer(salt, id)).ok());
    let offer_of = indices(&table, "offer_id", |id| {
        offers.binary_search_by(|offer| offer.offer_id.as_str().cmp(id)).ok()
    });
    let counts = &mut quality.exposures;
    let mut kept = Vec::new();
    for row in 0..table.rows {
        counts.rows_in += 1;
        let day = table.days("date").map_or(MISSING_DAY, |days| days[row]);
        let customer = table.name("customer_id", row).map(|_| customer_of[row]);
        let (Some(customer), Some(offer), true) = (customer, offer_of[row], day != MISSING_DAY)
        else {
            counts.missing_key += 1;
            continue;
        };
        let (customer, offer) = match customer {
            Some(customer) => (customer as u32, offer as u16),
            None => {
                counts.unknown_customer += 1;
                continue;
            }
        };
        let Some(week) = weeks.index(day) else {
            counts.outside_dates += 1;
            continue;
        };
        kept.push(Exposure { customer, week, offer, propensity: table.number("propensity", row) });
    }
    sort_and_deduplicate(&mut kept, counts);
    let unknown = |one: &&Exposure| undescribed.contains(&offers[usize::from(one.offer)].offer_id);
    counts.unknown_offer = kept.iter().filter(unknown).count() as u64;
    Ok(kept)
}

fn check_propensities(table: &Table) -> Result<(), DataError> {
    for row in 0..table.rows {
        if let Some(value) = table.number("propensity", row)
            && !(value > 0.0 && value <= 1.0)
        {
            let expected = "a propensity in (0, 1], the probability of the action that was taken";
            return Err(table.out_of_range("propensity", row, value, expected));
        }
    }
    Ok(())
}

/// Adds the offers that only the exposures know, keeps the order, and returns their identifiers.
fn add_undescribed_offers(table: &Table, offers: &mut Vec<OfferRow>) -> Vec<String> {
    let Some(column) = table.identifiers("offer_id") else { return Vec::new() };
    let (names, _) = column.ranked();
    let described = |id: &String| offers.iter().any(|offer| offer.offer_id == *id);
    let undescribed: Vec<String> = names.into_iter().filter(|id| !described(id)).collect();
    offers.extend(undescribed.iter().map(|id| OfferRow {
        offer_id: id.clone(),
        mechanic: UNDESCRIBED_MECHANIC.to_owned(),
        category: None,
        depth: 0.0,
        min_spend: 0.0,
        contact_cost: 0.0,
    }));
    offers.sort_by(|left, right| left.offer_id.cmp(&right.offer_id));
    undescribed
}

/// By row, the index of the name in that row.
fn indices(table: &Table, name: &str, find: impl Fn(&str) -> Option<usize>) -> Vec<Option<usize>> {
    let Some(column) = table.identifiers(name) else { return vec![None; table.rows] };
    let found: Vec<Option<usize>> = column.names.iter().map(|id| find(id)).collect();
    column.codes.iter().map(|code| found.get(*code as usize).copied().flatten()).collect()
}

fn sort_and_deduplicate(kept: &mut Vec<Exposure>, counts: &mut ExposureCounts) {
    let key = |one: &Exposure| (one.customer, one.week, one.offer);
    let propensity = |one: &Exposure| one.propensity.unwrap_or(0.0);
    // Where copies disagree, the one with the largest propensity stays, whatever their order.
    kept.sort_by(|left, right| {
        key(left).cmp(&key(right)).then(propensity(right).total_cmp(&propensity(left)))
    });
    let before = kept.len();
    kept.dedup_by_key(|one| key(one));
    counts.duplicate = (before - kept.len()) as u64;
    counts.rows_kept = kept.len() as u64;
}
