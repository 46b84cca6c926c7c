//! One input table: finds its files, maps their columns to canonical names, hands their rows on in
//! batches, and remembers where each row came from.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::batch::{Moment, Pick, Values};
use super::column::{Column, Identifiers};
use super::config::{JoinConfig, TableConfig};
use super::error::DataError;
use super::schema::{Kind, TableSchema, did_you_mean};
use super::source::parse::Dialect;
use super::source::{Source, paths};

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

/// Successive rows of a table.
pub(super) struct TableBatch {
    /// Index of the first row among the rows of the table.
    pub(super) first_row: usize,
    /// Number of rows.
    pub(super) rows: usize,
    /// By canonical column; `None` where the file has no such column.
    pub(super) columns: Vec<Option<Values>>,
}

/// Where the rows of a table came from.
#[derive(Debug, Default)]
pub(super) struct Origins {
    parts: Vec<Part>,
}

#[derive(Debug)]
struct Part {
    file: PathBuf,
    start: usize,
    first_row: usize,
}

impl Origins {
    /// File and row number, as messages give it, of a row of the table.
    pub(super) fn of(&self, row: usize) -> (&Path, usize) {
        let part = self.parts.partition_point(|part| part.start <= row).saturating_sub(1);
        let part = &self.parts[part];
        (&part.file, row - part.start + part.first_row)
    }
}

/// Hands all rows of a table on in batches, in the order of the files; returns where they came
/// from and how many there are.
pub(super) fn stream(
    schema: &'static TableSchema,
    config: &TableConfig,
    dir: &Path,
    sink: &mut dyn FnMut(TableBatch) -> Result<(), DataError>,
) -> Result<(Origins, usize), DataError> {
    let joined = joined_header(schema, config, dir)?;
    let dialect = config.dialect();
    let (mut origins, mut rows) = (Origins::default(), 0);
    let mut lookup: Option<Lookup> = None;
    for file in files(schema, config, dir)? {
        let source = Source { table: schema.table, file: &file, dialect: &dialect };
        let header = source.header()?;
        let places = resolve(schema, config, &file, &header, joined.as_ref())?;
        let (mut picks, mut targets, mut lookups) = (Vec::new(), Vec::new(), Vec::new());
        for (target, place) in places.into_iter().enumerate() {
            let Some(Place { joined, position, name }) = place else { continue };
            let pick = Pick { position, name, kind: schema.columns[target].kind };
            if joined {
                lookups.push((target, pick));
            } else {
                picks.push(pick);
                targets.push(target);
            }
        }
        if let (Some(join), Some(joined)) = (&config.join, &joined) {
            picks.push(join_key(schema, &join.on, &file, &header)?);
            if lookup.is_none() {
                lookup = Some(Lookup::read(schema, &dialect, join, joined, lookups)?);
            }
        }
        let start = rows;
        let added = source.read(&picks, &mut |mut batch| {
            let key = lookup.as_ref().and_then(|_| batch.columns.pop());
            let mut columns: Vec<Option<Values>> = vec![None; schema.columns.len()];
            for (target, values) in targets.iter().zip(batch.columns) {
                columns[*target] = Some(values);
            }
            if let (Some(lookup), Some(key)) = (&mut lookup, key) {
                lookup.fill(&key, &mut columns);
            }
            sink(TableBatch { first_row: start + batch.first_row, rows: batch.rows, columns })
        })?;
        origins.parts.push(Part { file: file.clone(), start, first_row: source.first_row() });
        rows += added;
    }
    if let (0, Some(part)) = (rows, origins.parts.first()) {
        return Err(DataError::EmptyFile { table: schema.table, file: part.file.clone() });
    }
    check_count("rows", rows, u32::MAX as usize - 1)?;
    Ok((origins, rows))
}

/// Columns of a joined file by its key.
struct Lookup {
    row_of: HashMap<String, usize>,
    columns: Vec<(usize, Column)>,
}

impl Lookup {
    fn read(
        schema: &'static TableSchema,
        dialect: &Dialect,
        join: &JoinConfig,
        joined: &Joined,
        lookups: Vec<(usize, Pick)>,
    ) -> Result<Self, DataError> {
        let source = Source { table: schema.table, file: &joined.path, dialect };
        let new = |(target, pick): &(usize, Pick)| (*target, Column::new(pick.kind));
        let mut columns: Vec<(usize, Column)> = lookups.iter().map(new).collect();
        let mut picks: Vec<Pick> = lookups.into_iter().map(|(_, pick)| pick).collect();
        picks.push(join_key(schema, &join.on, &joined.path, &joined.header)?);
        let mut keys = Column::new(Kind::Identifier);
        source.read(&picks, &mut |mut batch| {
            if let Some(key) = batch.columns.pop() {
                keys.append(&key);
            }
            for ((_, column), values) in columns.iter_mut().zip(&batch.columns) {
                column.append(values);
            }
            Ok(())
        })?;
        let Column::Identifiers(keys) = keys else { unreachable!("the key is an identifier") };
        let row_of = unique_rows(&keys, |row, name| DataError::Duplicate {
            table: schema.table,
            file: joined.path.clone(),
            row: row + source.first_row(),
            column: join.on.clone(),
            found: name.to_owned(),
        })?;
        let row_of = row_of.into_iter().map(|(name, row)| (name.to_owned(), row)).collect();
        Ok(Self { row_of, columns })
    }

    /// Adds the joined columns of a batch.
    fn fill(&self, key: &Values, columns: &mut [Option<Values>]) {
        let mut names = Identifiers::default();
        names.names.codes_into(key, &mut names.codes);
        let rows: Vec<Option<usize>> = (0..names.codes.len())
            .map(|row| names.name_at(row).and_then(|name| self.row_of.get(name).copied()))
            .collect();
        for (target, column) in &self.columns {
            columns[*target] = Some(column.gather(&rows));
        }
    }
}

/// A whole table with its canonical columns; those that no file has are `None`.
#[derive(Debug)]
pub(super) struct Table {
    schema: &'static TableSchema,
    columns: Vec<Option<Column>>,
    origins: Origins,
    /// Number of rows.
    pub(super) rows: usize,
}

/// Reads a whole table that fits into memory.
pub(super) fn read(
    schema: &'static TableSchema,
    config: &TableConfig,
    dir: &Path,
) -> Result<Table, DataError> {
    let mut columns: Vec<Option<Column>> = schema.columns.iter().map(|_| None).collect();
    let mut before = 0;
    let (origins, rows) = stream(schema, config, dir, &mut |batch| {
        for (index, values) in batch.columns.iter().enumerate() {
            if let Some(values) = values {
                let column = columns[index].get_or_insert_with(|| {
                    let mut column = Column::new(schema.columns[index].kind);
                    column.append_missing(before);
                    column
                });
                column.append(values);
            } else if let Some(column) = &mut columns[index] {
                column.append_missing(batch.rows);
            }
        }
        before += batch.rows;
        Ok(())
    })?;
    Ok(Table { schema, columns, origins, rows })
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
        let dialect = config.dialect();
        let header = Source { table: schema.table, file: &file, dialect: &dialect }.header()?;
        let places = resolve(schema, config, &file, &header, joined.as_ref())?;
        if let Some(join) = &config.join {
            join_key(schema, &join.on, &file, &header)?;
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

/// The files of a table, in ascending order.
pub(super) fn files(
    schema: &TableSchema,
    config: &TableConfig,
    dir: &Path,
) -> Result<Vec<PathBuf>, DataError> {
    paths::expand(schema.table, config.paths(), dir)
}

fn joined_header(
    schema: &TableSchema,
    config: &TableConfig,
    dir: &Path,
) -> Result<Option<Joined>, DataError> {
    let Some(join) = &config.join else { return Ok(None) };
    let path = dir.join(&join.path);
    let dialect = config.dialect();
    let header = Source { table: schema.table, file: &path, dialect: &dialect }.header()?;
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
        found: header.join(", ").into(),
        hint: hint.into(),
    }
}

fn join_key(
    schema: &TableSchema,
    on: &str,
    file: &Path,
    header: &[String],
) -> Result<Pick, DataError> {
    let Some(position) = header.iter().position(|name| name == on) else {
        let header: Vec<&str> = header.iter().map(String::as_str).collect();
        return Err(missing_column(schema, file, on, "join.on", &header));
    };
    Ok(Pick { position, name: on.to_owned(), kind: Kind::Identifier })
}

/// The row of each name, which must stand in one row only.
pub(super) fn unique_rows(
    identifiers: &Identifiers,
    duplicate: impl Fn(usize, &str) -> DataError,
) -> Result<HashMap<&str, usize>, DataError> {
    let mut row_of = HashMap::new();
    for (row, code) in identifiers.codes.iter().enumerate() {
        let Some(name) = identifiers.names.name(*code) else { continue };
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

    /// A column of dates, when present.
    pub(super) fn moments(&self, name: &str) -> Option<&[Moment]> {
        match &self.columns[self.schema.position(name)] {
            Some(Column::Moments(moments)) => Some(moments),
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

    /// The error for a number that is outside its range.
    pub(super) fn out_of_range(
        &self,
        name: &str,
        row: usize,
        found: f64,
        expected: &'static str,
    ) -> DataError {
        let (file, row) = self.origins.of(row);
        let (table, file, column) = (self.schema.table, file.to_owned(), name.to_owned());
        DataError::OutOfRange { table, file, row, column, found, expected }
    }

    /// The error for an identifier that stands in two rows.
    pub(super) fn duplicate(&self, name: &str, row: usize, found: &str) -> DataError {
        let (file, row) = self.origins.of(row);
        let (table, file, column) = (self.schema.table, file.to_owned(), name.to_owned());
        DataError::Duplicate { table, file, row, column, found: found.to_owned() }
    }
}
