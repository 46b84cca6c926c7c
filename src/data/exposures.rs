//! Who was given which offer.

use super::aggregate::Weeks;
use super::assess::Exposed;
use super::batch::{IMPOSSIBLE_DAY, MISSING_DAY, Moment};
use super::column::date_of;
use super::config::DataConfig;
use super::error::DataError;
use super::history::{Exposure, OfferRow};
use super::intern::Interner;
use super::offers;
use super::quality::{ExposureCounts, QualityReport};
use super::schema;
use super::table::{self, Table, check_count};
use crate::features::behaviour::Contact;

/// Mechanic of an offer that only the exposures know.
const UNDESCRIBED_MECHANIC: &str = "campaign";

/// Logged decisions before it is known which customers and weeks are kept.
#[derive(Debug, Default)]
pub(super) struct Logged {
    rows: Vec<LoggedRow>,
    undescribed: Vec<String>,
    missing_key: u64,
    unknown_customer: u64,
}

#[derive(Debug, Clone, Copy)]
struct LoggedRow {
    /// Code of the customer among those of the transactions.
    customer: u32,
    day: i32,
    offer: u16,
    propensity: Option<f64>,
}

/// Reads the exposures table; adds offers that nobody described.
pub(super) fn read_exposures(
    config: &DataConfig,
    dir: &std::path::Path,
    customers: &Interner,
    offers: &mut Vec<OfferRow>,
) -> Result<Logged, DataError> {
    let Some(exposures) = config.enabled_exposures() else { return Ok(Logged::default()) };
    let table = table::read(&schema::EXPOSURES, exposures, dir)?;
    check_propensities(&table)?;
    let undescribed = add_undescribed_offers(&table, offers);
    check_count("offers", offers.len(), usize::from(u16::MAX))?;
    let mut logged = Logged { undescribed, ..Logged::default() };
    let offer_of = |id: &str| offers.binary_search_by(|offer| offer.offer_id.as_str().cmp(id)).ok();
    for row in 0..table.rows {
        let moment = table.moments("date").map_or(Moment::MISSING, |moments| moments[row]);
        let is_date = ![MISSING_DAY, IMPOSSIBLE_DAY].contains(&moment.day);
        let offer = table.name("offer_id", row).and_then(offer_of);
        let (Some(id), Some(offer), true) = (table.name("customer_id", row), offer, is_date) else {
            logged.missing_key += 1;
            continue;
        };
        let Some(customer) = customers.code(id.as_bytes()) else {
            logged.unknown_customer += 1;
            continue;
        };
        let propensity = table.number("propensity", row);
        logged.rows.push(LoggedRow { customer, day: moment.day, offer: offer as u16, propensity });
    }
    Ok(logged)
}

impl Logged {
    /// Contacts by customer rank, sorted by customer and day, for the customer features.
    pub(super) fn contacts(&self, ranks: &[u32], category: &[Option<u16>]) -> Vec<(u32, Contact)> {
        let contact = |row: &LoggedRow| {
            // The features keep offer 0 for "none"; an exposure is never that.
            let contact = Contact {
                day: row.day,
                offer: row.offer.saturating_add(1),
                category: category[usize::from(row.offer)],
                redeemed: None,
            };
            (ranks[row.customer as usize], contact)
        };
        let mut contacts: Vec<(u32, Contact)> = self.rows.iter().map(contact).collect();
        contacts.sort_by_key(|(rank, contact)| (*rank, contact.day, contact.offer));
        contacts.dedup();
        contacts
    }

    /// The exposures of kept customers inside the weeks. `index` gives the kept customer of a code.
    pub(super) fn place(
        &self,
        index: impl Fn(u32) -> Option<u32>,
        weeks: Weeks,
        offers: &[OfferRow],
        quality: &mut QualityReport,
    ) -> Vec<Exposure> {
        quality.notes.extend(offers::unknown_content(offers, &self.undescribed));
        if !self.undescribed.is_empty() {
            quality.notes.push(format!(
                "{} offers occur in the exposures but not in the offers table; they are kept with \
                 mechanic \"{UNDESCRIBED_MECHANIC}\" and depth 0",
                self.undescribed.len()
            ));
        }
        let counts = &mut quality.exposures;
        *counts = ExposureCounts {
            rows_in: self.rows.len() as u64 + self.missing_key + self.unknown_customer,
            missing_key: self.missing_key,
            unknown_customer: self.unknown_customer,
            ..Default::default()
        };
        let mut kept = Vec::new();
        for row in &self.rows {
            match (index(row.customer), weeks.index(row.day)) {
                (None, _) => counts.unknown_customer += 1,
                (_, None) => counts.outside_dates += 1,
                (Some(customer), Some(week)) => kept.push(Exposure {
                    customer,
                    week,
                    offer: row.offer,
                    propensity: row.propensity,
                }),
            }
        }
        sort_and_deduplicate(&mut kept, counts);
        let unknown =
            |one: &&Exposure| self.undescribed.contains(&offers[usize::from(one.offer)].offer_id);
        counts.unknown_offer = kept.iter().filter(unknown).count() as u64;
        kept
    }
}

/// What the kept exposures, sorted by customer and week, say at a glance. A logged decision to make
/// no offer is no offer, but its propensity counts.
pub(super) fn exposed(kept: &[Exposure], offers: &[OfferRow], weeks: Weeks) -> Exposed {
    let mut exposed = Exposed::default();
    let is_offer = |one: &Exposure| !offers[usize::from(one.offer)].is_none();
    for one in kept {
        if is_offer(one) {
            let week = date_of(weeks.first_day + 7 * one.week as i32);
            exposed.add(&offers[usize::from(one.offer)].offer_id, week, one.propensity);
        } else {
            exposed.add_none(one.propensity);
        }
    }
    for customer in kept.chunk_by(|left, right| left.customer == right.customer) {
        exposed.customers += u64::from(customer.iter().any(is_offer));
        for week in customer.chunk_by(|left, right| left.week == right.week) {
            let at_once = week.iter().filter(|one| is_offer(one)).count();
            if at_once > 0 {
                *exposed.at_once.entry(at_once as u64).or_default() += 1;
            }
        }
    }
    exposed
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
    let (names, _) = column.names.ranked();
    let described = |id: &String| offers.iter().any(|offer| offer.offer_id == *id);
    let undescribed: Vec<String> = names.into_iter().filter(|id| !described(id)).collect();
    offers.extend(undescribed.iter().map(|id| OfferRow {
        offer_id: id.clone(),
        mechanic: UNDESCRIBED_MECHANIC.to_owned(),
        ..OfferRow::default()
    }));
    offers.sort_by(|left, right| left.offer_id.cmp(&right.offer_id));
    undescribed
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
