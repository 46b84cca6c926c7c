//! Known data sets by the columns that only they have.

use super::Proposal;

/// A data set that a preset reads.
struct Known {
    preset: &'static str,
    /// The table that the marked file is, when the data set is no sales history.
    table: Option<&'static str>,
    /// Columns of one of its files, enough to know it by.
    columns: &'static [&'static str],
}

const KNOWN: [Known; 4] = [
    Known {
        preset: "complete-journey",
        table: None,
        columns: &["household_id", "retail_disc", "coupon_match_disc", "basket_id"],
    },
    Known {
        preset: "dominicks",
        table: Some("store_weeks"),
        columns: &["store", "brand", "week", "logmove", "price1", "deal", "feat"],
    },
    Known {
        preset: "hillstrom",
        table: Some("decisions"),
        columns: &["history_segment", "newbie", "treatment", "visit", "conversion", "spend"],
    },
    Known {
        preset: "open-bandit",
        table: Some("decisions"),
        columns: &["item_id", "position", "click", "propensity_score"],
    },
];

/// A preset for files that are no sales history, with the file that it is known by.
pub(super) struct Found<'a> {
    pub(super) preset: &'static str,
    pub(super) table: &'static str,
    pub(super) file: &'a Proposal,
}

/// The shipped preset whose files these are, when there is one.
pub fn recognised_preset(proposals: &[Proposal]) -> Option<&'static str> {
    find(proposals).map(|(known, _)| known.preset)
}

pub(super) fn without_sales(proposals: &[Proposal]) -> Option<Found<'_>> {
    let (Known { preset, table, .. }, file) = find(proposals)?;
    let table = (*table)?;
    // Where several files have these columns, the one with random decisions is easiest to judge by.
    let random = |one: &&Proposal| {
        let name = one.file.file_name().unwrap_or_default().to_string_lossy();
        one.header == file.header && name.contains("random")
    };
    Some(Found { preset, table, file: proposals.iter().find(random).unwrap_or(file) })
}

fn find(proposals: &[Proposal]) -> Option<(&'static Known, &Proposal)> {
    let has_all = |one: &&Proposal, columns: &[&str]| {
        columns.iter().all(|wanted| one.header.iter().any(|name| name == wanted))
    };
    let file = |known: &Known| proposals.iter().find(|one| has_all(one, known.columns));
    KNOWN.iter().find_map(|known| Some((known, file(known)?)))
}
