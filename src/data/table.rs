//! One input table: finds its files, maps their columns to canonical names, and remembers where
//! each row came from.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::column::{Column, Identifiers, MISSING};
use super::config::{JoinConfig, TableConfig};
use super::error::DataError;
use super::file::{Pick, Source};
use super::schema::{Kind, TableSchema, did_you_mean};

/// A table with its canonical columns; those that no file has are `None`.
#[derive(Debug)]
pub(super) struct Table {
    schema: &'static TableSchema,
    columns: Vec<Option<Column>>,
    parts: Vec<Part>,
    /// Number of rows.
    pub(super) rows: usize,
}

#[derive(Debug)]
struct Part {
    file: PathBuf,
    start: usize,
    first_row: usize,
}

/// Where a canonical column stands.
#[derive(Debug, Clone)]
struct Place {
    joined: bool,
    position: usize,
    name: String,
}

/// Header of the joined file.
struct Joined {
    path: PathBuf,
    header: Vec<String>,
}

/// Reads the whole table.
pub(super) fn read(
    schema: &'static TableSchema,
    config: &TableConfig,
    dir: &Path,
) -> Result<Table, DataError> {
    let joined = joined_header(schema, config, dir)?;
    let n_columns = schema.columns.len();
    let mut columns: Vec<Column> =
        schema.columns.iter().map(|column| Column::new(column.kind)).collect();
    // The last column holds the join key.
    columns.push(Column::new(Kind::Identifier));
    let mut present = vec![false; n_columns];
    let mut lookups: Vec<Pick> = Vec::new();
    let (mut parts, mut rows): (Vec<Part>, usize) = (Vec::new(), 0);
    for file in files(schema, config, dir)? {
        let source = source(schema, config, &file);
        let header = source.header()?;
        let places = resolve(schema, config, &file, &header, joined.as_ref())?;
        let mut picks = Vec::new();
        lookups.clear();
        for (target, place) in places.into_iter().enumerate() {
            let Some(Place { joined, position, name }) = place else { continue };
            present[target] = true;
            let list = if joined { &mut lookups } else { &mut picks };
            list.push(Pick { target, position, name });
        }
        if let Some(join) = &config.join {
            picks.push(join_key(schema, &join.on, n_columns, &file, &header)?);
        }
        let added = source.read(&picks, &mut columns)?;
        for target in
            (0..n_columns).filter(|target| picks.iter().all(|pick| pick.target != *target))
        {
            columns[target].push_missing(added);
        }
        parts.push(Part { file: file.clone(), start: rows, first_row: source.first_row() });
        rows += added;
    }
    if let (0, Some(part)) = (rows, parts.first()) {
        return Err(DataError::EmptyFile { table: schema.table, file: part.file.clone() });
    }
    check_count("rows", rows, u32::MAX as usize - 1)?;
    if let (Some(join), Some(joined)) = (&config.join, &joined) {
        look_up(schema, config, join, joined, &lookups, &mut columns)?;
    }
    columns.truncate(n_columns);
    let columns =
        columns.into_iter().zip(present).map(|(column, present)| present.then_some(column));
    Ok(Table { schema, columns: columns.collect(), parts, rows })
}

/// Checks that every file opens and has the needed columns; returns one line per file.
pub(super) fn check(
    schema: &'static TableSchema,
    config: &TableConfig,
    dir: &Path,
) -> Result<Vec<String>, DataError> {
    let joined = joined_header(schema, config, dir)?;
    let mut lines = Vec::new();
    for file in files(schema, config, dir)? {
        let header = source(schema, config, &file).header()?;
        let places = resolve(schema, config, &file, &header, joined.as_ref())?;
        if let Some(join) = &config.join {
            join_key(schema, &join.on, 0, &file, &header)?;
        }
        let used: Vec<&str> = (schema.columns.iter().zip(&places))
            .filter_map(|(column, place)| place.as_ref().map(|_| column.name))
            .collect();
        lines.push(format!("{}: {} gives {}", schema.table, file.display(), used.join(", ")));
    }
    Ok(lines)
}

/// Refuses counts that index types cannot hold.
pub(super) fn check_count(what: &'static str, found: usize, limit: usize) -> Result<(), DataError> {
    if found <= limit { Ok(()) } else { Err(DataError::TooMany { what, limit, found }) }
}

fn source<'a>(schema: &TableSchema, config: &TableConfig, file: &'a Path) -> Source<'a> {
    Source { table: schema.table, file, delimiter: config.delimiter as u8 }
}

/// The files of a table; a folder stands for all CSV and Parquet files in it.
pub(super) fn files(
    schema: &TableSchema,
    config: &TableConfig,
    dir: &Path,
) -> Result<Vec<PathBuf>, DataError> {
    let mut files = Vec::new();
    for path in config.paths() {
        let path = dir.join(path);
        if !path.is_dir() {
            files.push(path);
            continue;
        }
        let unreadable = |reason: String| DataError::Unreadable {
            table: schema.table,
            file: path.clone(),
            reason,
        };
        let entries = std::fs::read_dir(&path).map_err(|reason| unreadable(reason.to_string()))?;
        let mut inside: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        inside.retain(|file| {
            let extension = file.extension().and_then(|extension| extension.to_str());
            matches!(extension, Some("csv" | "parquet" | "pq"))
        });
        if inside.is_empty() {
            return Err(unreadable("the folder holds no .csv or .parquet file".to_owned()));
        }
        inside.sort();
        files.append(&mut inside);
    }
    Ok(files)
}

fn joined_header(
    schema: &TableSchema,
    config: &TableConfig,
    dir: &Path,
) -> Result<Option<Joined>, DataError> {
    let Some(join) = &config.join else { return Ok(None) };
    let path = dir.join(&join.path);
    let header = source(schema, config, &path).header()?;
    Ok(Some(Joined { path, header }))
}

fn resolve(
    schema: &TableSchema,
    config: &TableConfig,
    file: &Path,
    header: &[String],
    joined: Option<&Joined>,
) -> Result<Vec<Option<Place>>, DataError> {
    let find = |name: &str| {
        let place = |joined: bool, header: &[String]| {
            let position = header.iter().position(|other| other == name)?;
            Some(Place { joined, position, name: name.to_owned() })
        };
        place(false, header).or_else(|| place(true, &joined?.header))
    };
    let mut places = Vec::new();
    for column in schema.columns {
        let mapped = config.columns.get(column.name);
        let mapped = mapped.or_else(|| config.columns.get(column.alias?)).map(String::as_str);
        let place = match mapped {
            Some("") => None,
            Some(name) => find(name),
            None => find(column.name).or_else(|| find(column.alias?)),
        };
        let explicit = mapped.is_some_and(|name| !name.is_empty());
        if place.is_none() && (column.required || explicit) {
            let name = mapped.unwrap_or(column.name);
            let all = header.iter().chain(joined.map_or(&[][..], |joined| &joined.header));
            let all: Vec<&str> = all.map(String::as_str).collect();
            return Err(missing_column(schema, file, name, column.name, &all));
        }
        places.push(place);
    }
    Ok(places)
}

fn missing_column(
    schema: &TableSchema,
    file: &Path,
    column: &str,
    canonical: &'static str,
    header: &[&str],
) -> DataError {
    let other_delimiter = [';', '\t', '|', ','].into_iter().find(|mark| header[0].contains(*mark));
    let hint = match other_delimiter {
        Some(mark) if header.len() == 1 => {
            format!("; set `delimiter = {:?}` in [data.{}]", mark.to_string(), schema.table)
        }
        _ => did_you_mean(column, header.iter().copied()),
    };
    DataError::MissingColumn {
        table: schema.table,
        file: file.to_owned(),
        column: column.to_owned(),
        canonical,
        found: header.join(", "),
        hint: hint.into(),
    }
}

fn join_key(
    schema: &TableSchema,
    on: &str,
    target: usize,
    file: &Path,
    header: &[String],
) -> Result<Pick, DataError> {
    let Some(position) = header.iter().position(|name| name == on) else {
        let header: Vec<&str> = header.iter().map(String::as_str).collect();
        return Err(missing_column(schema, file, on, "join.on", &header));
    };
    Ok(Pick { target, position, name: on.to_owned() })
}

/// Fills the looked-up columns from the joined file by the key in the last column.
fn look_up(
    schema: &'static TableSchema,
    config: &TableConfig,
    join: &JoinConfig,
    joined: &Joined,
    lookups: &[Pick],
    columns: &mut [Column],
) -> Result<(), DataError> {
    let key = columns.len() - 1;
    let source = source(schema, config, &joined.path);
    let mut picks = lookups.to_vec();
    picks.push(join_key(schema, &join.on, key, &joined.path, &joined.header)?);
    let mut found: Vec<Column> =
        schema.columns.iter().map(|column| Column::new(column.kind)).collect();
    found.push(Column::new(Kind::Identifier));
    source.read(&picks, &mut found)?;
    let (Some(Column::Identifiers(there)), Column::Identifiers(here)) =
        (found.pop(), &columns[key])
    else {
        return Ok(());
    };
    let row_of = unique_rows(&there, |row, name| DataError::Duplicate {
        table: schema.table,
        file: joined.path.clone(),
        row: row + source.first_row(),
        column: join.on.clone(),
        found: name.to_owned(),
    })?;
    let rows: Vec<Option<usize>> = (0..here.codes.len())
        .map(|row| here.name_at(row).and_then(|name| row_of.get(name).copied()))
        .collect();
    for (target, column) in found.into_iter().enumerate() {
        if lookups.iter().any(|pick| pick.target == target) {
            columns[target] = column.gather(&rows);
        }
    }
    Ok(())
}

/// The row of each name, which must stand in one row only.
pub(super) fn unique_rows(
    identifiers: &Identifiers,
    duplicate: impl Fn(usize, &str) -> DataError,
) -> Result<HashMap<&str, usize>, DataError> {
    let mut row_of = HashMap::new();
    for (row, code) in identifiers.codes.iter().enumerate() {
        if *code == MISSING {
            continue;
        }
        let name = identifiers.names[*code as usize].as_str();
        if row_of.insert(name, row).is_some() {
            return Err(duplicate(row, name));
        }
    }
    Ok(row_of)
}

impl Table {
    /// An identifier column, when present.
    pub(super) fn identifiers(&self, name: &str) -> Option<&Identifiers> {
        match &self.columns[self.schema.position(name)] {
            Some(Column::Identifiers(identifiers)) => Some(identifiers),
            _ => None,
        }
    }

    /// A number column, when present.
    pub(super) fn numbers(&self, name: &str) -> Option<&[f64]> {
        match &self.columns[self.schema.position(name)] {
            Some(Column::Numbers(numbers)) => Some(numbers),
            _ => None,
        }
    }

    /// A column of days, when present.
    pub(super) fn days(&self, name: &str) -> Option<&[i32]> {
        match &self.columns[self.schema.position(name)] {
            Some(Column::Days(days)) => Some(days),
            _ => None,
        }
    }

    /// A number of a row; `None` when missing or when there is no such column.
    pub(super) fn number(&self, name: &str, row: usize) -> Option<f64> {
        self.numbers(name).map(|numbers| numbers[row]).filter(|number| !number.is_nan())
    }

    /// A name of a row; `None` when missing or when there is no such column.
    pub(super) fn name(&self, name: &str, row: usize) -> Option<&str> {
        self.identifiers(name).and_then(|identifiers| identifiers.name_at(row))
    }

    /// File and row number, as messages give it, of a row of the table.
    pub(super) fn origin(&self, row: usize) -> (&Path, usize) {
        let part = self.parts.partition_point(|part| part.start <= row) - 1;
        let part = &self.parts[part];
        (&part.file, row - part.start + part.first_row)
    }

    /// The error for a number that is outside its range.
    pub(super) fn out_of_range(
        &self,
        name: &str,
        row: usize,
        found: f64,
        expected: &'static str,
    ) -> DataError {
        let (file, row) = self.origin(row);
        let (table, file, column) = (self.schema.table, file.to_owned(), name.to_owned());
        DataError::OutOfRange { table, file, row, column, found, expected }
    }

    /// The error for an identifier that stands in two rows.
    pub(super) fn duplicate(&self, name: &str, row: usize, found: &str) -> DataError {
        let (file, row) = self.origin(row);
        let (table, file, column) = (self.schema.table, file.to_owned(), name.to_owned());
        DataError::Duplicate { table, file, row, column, found: found.to_owned() }
    }
}
