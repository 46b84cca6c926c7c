//! A table whose columns stand in two files: the lines and the file they refer to.

use super::{Candidate, Proposal};

/// The second file of a table.
#[derive(Debug)]
pub(super) struct Join<'a> {
    /// The second file.
    pub(super) other: &'a Proposal,
    /// The column of both.
    pub(super) on: &'a str,
    /// Canonical columns that it brings.
    pub(super) brings: Vec<(&'static str, &'a Candidate)>,
}

/// The file that brings most of the required columns that `table` lacks. The shared column has the
/// same name in both and is unique in the second.
pub(super) fn find<'a>(table: &'a Proposal, all: &'a [Proposal]) -> Option<Join<'a>> {
    let lacking: Vec<&'static str> = table
        .columns
        .iter()
        .filter(|column| column.required)
        .filter(|column| {
            column.candidate.as_ref().is_none_or(|found| found.confidence < super::SURE_ENOUGH)
        })
        .map(|column| column.canonical)
        .collect();
    let others = all.iter().filter(|other| other.file != table.file);
    let joins = others.filter_map(|other| {
        let on = other
            .unique
            .iter()
            .find(|name| table.header.contains(name) && !table.unique.contains(name))?;
        let brings: Vec<(&'static str, &Candidate)> = lacking
            .iter()
            .filter_map(|canonical| {
                let found = other.elsewhere.iter().find(|one| one.canonical == *canonical)?;
                let candidate = found.candidate.as_ref()?;
                let shared = table.header.contains(&candidate.column);
                (!shared).then_some((*canonical, candidate))
            })
            .collect();
        (!brings.is_empty()).then_some(Join { other, on, brings })
    });
    joins.max_by_key(|join| join.brings.len())
}
