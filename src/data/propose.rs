//! Looks at a sample of a team's file and proposes how to read it: the dialect, which table it is,
//! and which of its columns is which, each with a confidence and the evidence in words.
//!
//! Every judgement on a column is a sum of log odds: a column starts unlikely, each piece of
//! evidence adds or takes away, and the confidence is the logistic function of the sum. The weights
//! are set by hand, so a confidence ranks candidates; it is not a calibrated probability.

mod column;
mod content;
mod dates;
mod dialect;
mod join;
mod lines;
#[cfg(test)]
mod made_files;
mod names;
mod personal;
mod preset;
#[cfg(test)]
mod robust_tests;
mod sample;
mod synonyms;
mod table;
#[cfg(test)]
mod table_tests;
mod text;
mod warnings;
mod write;
#[cfg(test)]
mod write_tests;

pub use dates::DateFormat;
pub use dialect::{Encoding, propose_dialect};
pub use preset::recognised_preset;
pub use sample::sample_from_text;
pub use table::propose_mapping;
pub use write::write_config;

use std::path::PathBuf;

/// Below this confidence a line is written as a comment to be checked.
pub const SURE_ENOUGH: f64 = 0.6;

/// Something concluded, how sure it is, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged<T> {
    /// The conclusion.
    pub value: T,
    /// From 0 to 1.
    pub confidence: f64,
    /// The evidence in words.
    pub evidence: String,
}

/// How a text file is written.
#[derive(Debug, Clone, PartialEq)]
pub struct ProposedDialect {
    /// Separator of fields: comma, semicolon, tab or vertical bar.
    pub delimiter: Judged<char>,
    /// Mark around fields.
    pub quote: Judged<char>,
    /// Encoding of the characters.
    pub encoding: Judged<Encoding>,
    /// Whether `1,5` is one and a half.
    pub decimal_comma: Judged<bool>,
    /// Whether the first row holds the names of the columns.
    pub header: Judged<bool>,
}

/// The first rows of one file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sample {
    /// Where the file lies.
    pub file: PathBuf,
    /// Names of the columns; `column_1`, `column_2`, ... for a file without header.
    pub header: Vec<String>,
    /// Type names of a Parquet file; `None` for text.
    pub types: Vec<Option<String>>,
    /// Up to about two thousand rows, each value as text.
    pub rows: Vec<Vec<String>>,
    /// The dialect, when the file is text.
    pub dialect: Option<ProposedDialect>,
}

/// One column of the file that may be a canonical one.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// Name in the file.
    pub column: String,
    /// From 0 to 1.
    pub confidence: f64,
    /// The evidence, strongest first.
    pub reasons: Vec<String>,
}

/// What was found for one canonical column.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnProposal {
    /// Canonical name.
    pub canonical: &'static str,
    /// Whether the table cannot do without it.
    pub required: bool,
    /// The best candidate, if any is worth mentioning.
    pub candidate: Option<Candidate>,
    /// The second best.
    pub runner_up: Option<Candidate>,
}

/// Which table a file is.
#[derive(Debug, Clone, PartialEq)]
pub struct TableGuess {
    /// Name of the config section.
    pub name: &'static str,
    /// From 0 to 1; the confidences of all tables and of "none of them" add to 1.
    pub confidence: f64,
    /// The evidence, what speaks most for it first.
    pub reasons: Vec<String>,
    /// The second best, with its confidence.
    pub runner_up: Option<(&'static str, f64)>,
}

/// A column that seems to say who a person is.
#[derive(Debug, Clone, PartialEq)]
pub struct PersonalColumn {
    /// Name in the file.
    pub column: String,
    /// Why it is thought to.
    pub reason: String,
}

/// What a file seems to be.
#[derive(Debug, Clone, PartialEq)]
pub struct Proposal {
    /// Where the file lies.
    pub file: PathBuf,
    /// Names of all columns of the file.
    pub header: Vec<String>,
    /// Columns that hold a different value in every sampled row.
    pub unique: Vec<String>,
    /// The table; `None` when it is none of them.
    pub table: Option<TableGuess>,
    /// Every canonical column of the table, in the order of the documentation.
    pub columns: Vec<ColumnProposal>,
    /// The best column for each canonical column of any table, wanted when files are joined.
    pub elsewhere: Vec<ColumnProposal>,
    /// How the dates of the date column are written; `None` without one, or for a Parquet date.
    pub date_format: Option<Judged<DateFormat>>,
    /// Columns that should never be read.
    pub personal: Vec<PersonalColumn>,
    /// What to look at before relying on the file.
    pub warnings: Vec<String>,
    /// The dialect, when the file is text.
    pub dialect: Option<ProposedDialect>,
}

impl Proposal {
    /// The candidate for a canonical column of the proposed table.
    pub fn candidate(&self, canonical: &str) -> Option<&Candidate> {
        let found = self.columns.iter().find(|column| column.canonical == canonical);
        found.and_then(|column| column.candidate.as_ref())
    }

    /// Name of the proposed table.
    pub fn table_name(&self) -> Option<&'static str> {
        self.table.as_ref().map(|table| table.name)
    }
}
