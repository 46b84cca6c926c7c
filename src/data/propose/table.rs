//! Which table a file is, and which of its columns is which.

use std::collections::BTreeSet;

use super::column::{FileColumn, FileColumns, Fit, weigh};
use super::content::Content;
use super::lines::Lines;
use super::names::{self, Name};
use super::text::missing;
use super::{ColumnProposal, Judged, PersonalColumn, Proposal, SURE_ENOUGH, Sample, TableGuess};
use super::{personal, warnings};
use crate::data::schema::{self, TableSchema};

pub(super) const TABLES: [&TableSchema; 6] = [
    &schema::TRANSACTIONS,
    &schema::PRODUCTS,
    &schema::CUSTOMERS,
    &schema::EXPOSURES,
    &schema::OFFERS,
    &schema::PROMOTIONS,
];

/// Words in the names of files.
const FILE_WORDS: [(&str, &[&str]); 6] = [
    (
        "transactions",
        &[
            "transaction",
            "sales",
            "orders",
            "order",
            "receipt",
            "bons",
            "verkauf",
            "umsatz",
            "ventes",
            "ventas",
            "tickets",
            "verkopen",
            "lines",
            "pos",
            "purchases",
        ],
    ),
    (
        "products",
        &[
            "product",
            "item",
            "article",
            "artikel",
            "produkt",
            "produit",
            "sku",
            "articulo",
            "catalog",
            "stamm",
            "articles",
            "assortment",
            "sortiment",
        ],
    ),
    (
        "customers",
        &[
            "customer",
            "client",
            "household",
            "demographic",
            "kunde",
            "klant",
            "member",
            "hhdemographic",
            "crm",
        ],
    ),
    (
        "exposures",
        &[
            "exposure",
            "contact",
            "impression",
            "sent",
            "mailings",
            "campaigns",
            "sends",
            "assignments",
            "kontakt",
            "treatments",
        ],
    ),
    (
        "offers",
        &[
            "offer",
            "campaigndescription",
            "campaigndesc",
            "coupons",
            "deals",
            "angebot",
            "offre",
            "oferta",
            "voucher",
        ],
    ),
    ("promotions", &["promotion", "promo", "display", "mailer", "feature", "causal", "aktion"]),
];

/// Columns beyond these are not looked at; a table of so many columns is a pivoted one.
const MOST_COLUMNS: usize = 600;

/// Cells that are looked at; wide files are judged by fewer rows.
const MOST_CELLS: usize = 400_000;

/// Less likely columns are not mentioned.
const WORTH_MENTIONING: f64 = -1.75;

/// The same for columns that a table can do without.
const WORTH_OPTIONAL: f64 = -0.85;

/// The columns chosen for one table.
pub(super) struct Mapping {
    pub(super) schema: &'static TableSchema,
    /// For each canonical column the best fit and the runner-up.
    pub(super) fits: Vec<(Option<Fit>, Option<Fit>)>,
}

impl Mapping {
    pub(super) fn fit(&self, canonical: &str) -> Option<&Fit> {
        let known = self.schema.columns.iter().position(|column| column.name == canonical)?;
        self.fits[known].0.as_ref()
    }

    fn sure(&self, canonical: &str) -> bool {
        self.fit(canonical).is_some_and(|fit| fit.confidence() >= SURE_ENOUGH)
    }
}

/// Proposes which table the sample is and which of its columns is which. Never fails: a sample
/// without meaning gives a proposal without a table, and warnings that say so.
pub fn propose_mapping(sample: &Sample) -> Proposal {
    let file = look_at(sample);
    let mappings: Vec<Mapping> = TABLES.into_iter().map(|schema| assign(&file, schema)).collect();
    let mut guesses = judge_tables(&file, &mappings, sample);
    guesses.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
    let nothing = guesses.iter().position(|guess| guess.name.is_empty());
    let chosen = guesses.first().filter(|guess| !guess.name.is_empty()).map(|first| {
        let second = guesses.get(1 + usize::from(nothing == Some(1)));
        let runner_up = second.map(|second| (second.name, second.confidence));
        TableGuess { runner_up, ..first.clone() }
    });
    let mapping = chosen
        .as_ref()
        .and_then(|guess| mappings.iter().find(|mapping| mapping.schema.table == guess.name));
    let columns = mapping.map_or_else(Vec::new, |mapping| proposals(&file, mapping));
    let date = mapping.and_then(|mapping| mapping.fit("date"));
    let date_format = date.and_then(|fit| file.columns[fit.column].content.dates.as_ref());
    let date_format = date_format.map(|fit| Judged {
        value: fit.format,
        confidence: fit.confidence,
        evidence: fit.evidence.clone(),
    });
    let declared = date.is_some_and(|fit| file.columns[fit.column].content.declared_date);
    let unique = file.columns.iter().filter(|column| column.content.unique());
    Proposal {
        file: sample.file.clone(),
        header: sample.header.clone(),
        unique: unique.map(|column| column.name.clone()).collect(),
        elsewhere: elsewhere(&file, &mappings),
        date_format: date_format.filter(|_| !declared),
        personal: personal_columns(&file, mapping),
        warnings: warnings::about(sample, &file, mapping, &guesses),
        table: chosen,
        columns,
        dialect: sample.dialect.clone(),
    }
}

fn look_at(sample: &Sample) -> FileColumns {
    let width = sample.header.len().min(MOST_COLUMNS);
    let rows = &sample.rows[..sample.rows.len().min((MOST_CELLS / width.max(1)).max(20))];
    let cell = |row: usize, column: usize| rows[row].get(column).map_or("", String::as_str);
    let decimal_comma = sample.dialect.as_ref().is_some_and(|dialect| dialect.decimal_comma.value);
    let columns: Vec<FileColumn> = (0..width)
        .map(|column| {
            let cells = (0..rows.len()).map(|row| cell(row, column));
            let type_name = sample.types.get(column).and_then(Option::as_deref);
            let prepared = Name::new(&sample.header[column]);
            FileColumn {
                name: sample.header[column].clone(),
                meaning: names::exact_concept(&prepared),
                prepared,
                content: Content::of(cells, type_name, decimal_comma),
            }
        })
        .collect();
    let nameless = sample.dialect.as_ref().is_some_and(|dialect| !dialect.header.value);
    let dated = |column: &FileColumn| column.content.surely_dates();
    let meaning = |word: &str| columns.iter().position(|column| column.meaning == Some(word));
    let date = columns
        .iter()
        .position(|column| dated(column) && column.meaning == Some("date"))
        .or_else(|| columns.iter().position(dated))
        .or_else(|| meaning("date"));
    let days = date.map(|date| (date, (0..rows.len()).map(|row| cell(row, date)).collect()));
    let contents: Vec<&Content> = columns.iter().map(|column| &column.content).collect();
    let lines = Lines::new(meaning("customer_id"), days, &contents);
    let n_dates = columns.iter().filter(|column| dated(column)).count();
    FileColumns { rows: rows.len(), nameless, n_dates, lines, columns }
}

/// Gives each canonical column the column of the file that fits best, the surest first.
fn assign(file: &FileColumns, schema: &'static TableSchema) -> Mapping {
    let mut all: Vec<(usize, Fit)> = Vec::new();
    for (index, canonical) in schema.columns.iter().enumerate() {
        let mut fits: Vec<Fit> = (0..file.columns.len())
            .map(|column| weigh(file, column, canonical.name, schema.table))
            .filter(|fit| {
                let least = if canonical.required { WORTH_MENTIONING } else { WORTH_OPTIONAL };
                fit.log_odds > least
            })
            .collect();
        fits.sort_by(|a, b| b.log_odds.total_cmp(&a.log_odds));
        all.extend(fits.into_iter().take(12).map(|fit| (index, fit)));
    }
    all.sort_by(|a, b| b.1.log_odds.total_cmp(&a.1.log_odds));
    let mut taken: BTreeSet<usize> = BTreeSet::new();
    let mut fits: Vec<(Option<Fit>, Option<Fit>)> = vec![(None, None); schema.columns.len()];
    for (index, fit) in &all {
        if fits[*index].0.is_none() && taken.insert(fit.column) {
            fits[*index].0 = Some(fit.clone());
        }
    }
    for (index, fit) in all {
        let (best, second) = &mut fits[index];
        let other = best.as_ref().is_some_and(|best| best.column != fit.column);
        if other && second.is_none() && !taken.contains(&fit.column) {
            *second = Some(fit);
        }
    }
    Mapping { schema, fits }
}

fn proposals(file: &FileColumns, mapping: &Mapping) -> Vec<ColumnProposal> {
    let columns = mapping.schema.columns.iter().zip(&mapping.fits);
    columns
        .map(|(column, (best, second))| ColumnProposal {
            canonical: column.name,
            required: column.required,
            candidate: best.as_ref().map(|fit| fit.candidate(file)),
            runner_up: second.as_ref().map(|fit| fit.candidate(file)),
        })
        .collect()
}

/// For each canonical column of any table the surest candidate, if it is sure enough.
fn elsewhere(file: &FileColumns, mappings: &[Mapping]) -> Vec<ColumnProposal> {
    let mut best: Vec<ColumnProposal> = Vec::new();
    for proposal in mappings.iter().flat_map(|mapping| proposals(file, mapping)) {
        let sure = |p: &ColumnProposal| p.candidate.as_ref().map_or(0.0, |c| c.confidence);
        if sure(&proposal) < SURE_ENOUGH {
            continue;
        }
        match best.iter_mut().find(|known| known.canonical == proposal.canonical) {
            Some(known) if sure(known) < sure(&proposal) => *known = proposal,
            Some(_) => {}
            None => best.push(proposal),
        }
    }
    best
}

/// One guess a table and one without a name for "none of them"; the confidences add to 1.
fn judge_tables(file: &FileColumns, mappings: &[Mapping], sample: &Sample) -> Vec<TableGuess> {
    let scored: Vec<(&'static str, f64, Vec<String>)> = mappings
        .iter()
        .map(|mapping| {
            let mut evidence = table_evidence(file, mapping);
            evidence.extend(file_name_evidence(mapping.schema.table, sample));
            let sum = -1.0 + evidence.iter().map(|(weight, _)| weight).sum::<f64>();
            evidence.sort_by(|a, b| b.0.total_cmp(&a.0));
            (mapping.schema.table, sum, evidence.into_iter().map(|(_, words)| words).collect())
        })
        .chain(std::iter::once(("", 0.0, Vec::new())))
        .collect();
    let top = scored.iter().map(|(_, sum, _)| *sum).fold(0.0, f64::max);
    let total: f64 = scored.iter().map(|(_, sum, _)| (sum - top).exp()).sum();
    let guess = |(name, sum, reasons): (&'static str, f64, Vec<String>)| TableGuess {
        name,
        confidence: (sum - top).exp() / total,
        reasons,
        runner_up: None,
    };
    scored.into_iter().map(guess).collect()
}

fn file_name_evidence(table: &str, sample: &Sample) -> Option<(f64, String)> {
    let stem = sample.file.file_stem().unwrap_or_default().to_string_lossy();
    let words = names::words(&stem);
    let squashed = names::squash(&words);
    let (_, known) = FILE_WORDS.iter().find(|(name, _)| *name == table)?;
    let hit = |word: &&&str| {
        words.iter().any(|part| part == **word || part.strip_suffix('s') == Some(**word))
            || (word.len() > 5 && squashed.contains(**word))
    };
    let word = known.iter().filter(hit).max_by_key(|word| word.len())?;
    let weight = if word.len() > 10 { 2.5 } else { 1.5 };
    Some((weight, format!("the name of the file contains \"{word}\"")))
}

fn table_evidence(file: &FileColumns, mapping: &Mapping) -> Vec<(f64, String)> {
    let table = mapping.schema.table;
    let mut evidence: Vec<(f64, String)> = Vec::new();
    for (column, (best, _)) in mapping.schema.columns.iter().zip(&mapping.fits) {
        let name = column.name;
        match (best.as_ref().map(Fit::confidence), column.required) {
            (Some(sure), true) if sure >= SURE_ENOUGH => {
                evidence.push((2.5 * sure - 1.0, format!("has a column for {name}")));
            }
            (Some(sure), true) if sure >= 0.3 => {
                evidence.push((0.0, format!("perhaps has a column for {name}")));
            }
            // A date may be in the file of the campaigns or the receipts.
            (_, true) if name == "date" => evidence.push((-1.5, "has no date".to_owned())),
            (_, true) => evidence.push((-2.5, format!("has no column for {name}"))),
            (Some(sure), false) if sure >= SURE_ENOUGH => {
                evidence.push((0.5, format!("has a column for {name}")));
            }
            _ => {}
        }
    }
    let meaning = |word: &str| file.columns.iter().any(|column| column.meaning == Some(word));
    let foreign: &[&str] = match table {
        "transactions" => &[],
        "products" => &["customer_id", "quantity", "basket_id", "week"],
        "customers" => &["product_id", "offer_id", "basket_id", "quantity"],
        "exposures" => &["quantity", "sales_value", "basket_id", "response to an offer"],
        "offers" => &["customer_id", "quantity", "sales_value", "basket_id"],
        _ => &["customer_id", "quantity", "sales_value", "basket_id"],
    };
    for word in foreign.iter().filter(|word| meaning(word)) {
        evidence.push((-2.0, format!("has a column for {word}, which is foreign to {table}")));
    }
    if table == "promotions" && !mapping.sure("display") && !mapping.sure("mailer") {
        evidence.push((-2.5, "has neither display nor mailer".to_owned()));
    }
    let repeats = |canonical: &str| {
        let fit = mapping.fit(canonical).filter(|fit| fit.confidence() > 0.3);
        fit.is_some_and(|fit| file.rows > 20 && !file.columns[fit.column].content.unique())
    };
    let key = match table {
        "customers" => "customer_id",
        "products" => "product_id",
        "offers" => "offer_id",
        _ => return evidence,
    };
    if repeats(key) {
        evidence.push((-2.5, format!("{key} comes again, but should be in one row only")));
    }
    evidence
}

fn personal_columns(file: &FileColumns, mapping: Option<&Mapping>) -> Vec<PersonalColumn> {
    let table = mapping.map(|mapping| mapping.schema.table);
    let people = matches!(table, None | Some("customers" | "transactions" | "exposures"));
    let mapped = |index: usize| {
        let sure = |fit: &Fit| fit.column == index && fit.confidence() >= SURE_ENOUGH;
        mapping.is_some_and(|m| m.fits.iter().any(|(best, _)| best.as_ref().is_some_and(sure)))
    };
    let columns = file.columns.iter().enumerate().filter(|(index, _)| !mapped(*index));
    let found = columns.filter_map(|(_, column)| {
        let reason = personal::reason(&column.name, &column.content, people)?;
        Some(PersonalColumn { column: column.name.clone(), reason })
    });
    found.collect()
}

/// Whether a sample holds anything at all.
pub(super) fn is_empty(sample: &Sample) -> bool {
    sample.rows.iter().flatten().all(|cell| missing(cell))
}
