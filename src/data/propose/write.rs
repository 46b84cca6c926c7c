//! A commented config out of the proposals for a team's files.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use super::join;
use super::names;
use super::preset::{self, recognised_preset};
use super::table::TABLES;
use super::{Candidate, ColumnProposal, Judged, Proposal, SURE_ENOUGH};

/// The parts behind `[data]` are those of the plain template.
const TEMPLATE: &str = include_str!("../../cli/template.toml");

/// First words of the part of the template that follows the tables.
const AFTER_TABLES: &str = "# Without logged offers";

/// Column at which comments behind values begin.
const COMMENT_AT: usize = 33;

/// The files chosen for one table.
struct Chosen<'a> {
    main: &'a Proposal,
    parts: Vec<&'a Proposal>,
    others: Vec<&'a Proposal>,
}

/// Writes a config over all proposals, one a file. Paths are relative to `dir` where they lie in
/// it. What is not sure is a comment that begins with `# check:`. The text always parses as a
/// config; it passes `check` only when all needed columns were found.
pub fn write_config(proposals: &[Proposal], dir: &Path, name: &str) -> String {
    if let Some(found) = preset::without_sales(proposals) {
        return preset_only(&found, proposals, dir, name);
    }
    let chosen: Vec<(&'static str, Option<Chosen>)> =
        TABLES.iter().map(|schema| (schema.table, choose(proposals, schema.table))).collect();
    let mut text = head(name, currency(proposals));
    text.push_str(&data_part(proposals, &chosen, dir));
    for (table, chosen) in &chosen {
        match chosen {
            Some(chosen) => text.push_str(&section(table, chosen, proposals, dir)),
            None => text.push_str(&absent(table, proposals)),
        }
    }
    let joined: BTreeSet<&Path> = chosen
        .iter()
        .filter_map(|(_, chosen)| join::find(chosen.as_ref()?.main, proposals))
        .map(|join| join.other.file.as_path())
        .collect();
    let unused = proposals.iter().filter(|p| p.table.is_none() && !joined.contains(&*p.file));
    for proposal in unused {
        let _ = writeln!(text, "# Not used: {}", comment(&path_in(&proposal.file, dir)));
        for warning in &proposal.warnings {
            let _ = writeln!(text, "#   {}", comment(warning));
        }
        text.push('\n');
    }
    let tail = TEMPLATE.find(AFTER_TABLES).map_or("", |at| &TEMPLATE[at..]);
    text + tail
}

fn head(name: &str, currency: &str) -> String {
    format!(
        "# A promopt config, proposed after a look at the files. Every mapped line says how sure \
         it is;\n# lines that begin with `# check:` are guesses to be confirmed by hand.\n\
         # Check it without running:  promopt check -c promopt.toml\n\
         # Run the whole job:         promopt run -c promopt.toml\n\n\
         name = {}\nseed = 7                  # the same config and seed give the same bytes\n\
         currency = {}\n\n",
        quoted(name),
        quoted(currency)
    )
}

/// A config that leaves all to a preset for files which are no sales histories.
fn preset_only(
    found: &preset::Found<'_>,
    proposals: &[Proposal],
    dir: &Path,
    name: &str,
) -> String {
    let shown = dir.to_string_lossy().replace('\\', "/");
    let mut text = head(name, "$");
    text.push_str("[data]\n# The shipped preset says what the columns are.\n");
    let _ = writeln!(text, "preset = {}", quoted(found.preset));
    let _ = writeln!(text, "dir = {}", quoted(&shown));
    let _ = writeln!(text, "[data.{}]", found.table);
    let _ = writeln!(text, "path = {}", quoted(&path_in(&found.file.file, dir)));
    for other in proposals.iter().filter(|one| one.file != found.file.file) {
        let words = if other.header == found.file.header { "the same columns" } else { "not used" };
        let path = comment(&path_in(&other.file, dir));
        let _ = writeln!(text, "# {path}: {words}");
    }
    text
}

fn currency(proposals: &[Proposal]) -> &'static str {
    let words: BTreeSet<String> =
        proposals.iter().flat_map(|one| &one.header).flat_map(|name| names::words(name)).collect();
    let signs = [("eur", "€"), ("euro", "€"), ("gbp", "£"), ("chf", "CHF ")];
    signs.iter().find(|(word, _)| words.contains(*word)).map_or("$", |(_, sign)| sign)
}

/// The surest file of a table, those of the same shape, and the rest.
fn choose<'a>(proposals: &'a [Proposal], table: &str) -> Option<Chosen<'a>> {
    let sure = |one: &Proposal| one.table.as_ref().map_or(0.0, |guess| guess.confidence);
    let mapped = |one: &Proposal| -> f64 {
        one.columns.iter().filter_map(|c| c.candidate.as_ref()).map(|c| c.confidence).sum()
    };
    let mut claims: Vec<&Proposal> =
        proposals.iter().filter(|one| one.table_name() == Some(table)).collect();
    claims.sort_by(|a, b| {
        let rounded = |one: &Proposal| (sure(one) * 50.0).round();
        rounded(b).total_cmp(&rounded(a)).then(mapped(b).total_cmp(&mapped(a)))
    });
    let (&main, rest) = claims.split_first()?;
    let (mut parts, others): (Vec<&Proposal>, Vec<&Proposal>) =
        rest.iter().partition(|one| one.header == main.header && same_dialect(one, main));
    parts.push(main);
    parts.sort_by(|a, b| a.file.cmp(&b.file));
    Some(Chosen { main, parts, others })
}

/// Whether two files can be parts of one table, which has one dialect.
fn same_dialect(left: &Proposal, right: &Proposal) -> bool {
    let marks = |one: &Proposal| {
        let dialect = one.dialect.as_ref();
        dialect.map(|dialect| (dialect.delimiter.value, dialect.decimal_comma.value))
    };
    marks(left) == marks(right)
}

fn data_part(
    proposals: &[Proposal],
    chosen: &[(&'static str, Option<Chosen>)],
    dir: &Path,
) -> String {
    let shown = dir.to_string_lossy().replace('\\', "/");
    let shown = if shown.is_empty() { "." } else { &shown };
    let mut text = String::from("[data]\n");
    let words = if dir.is_absolute() { "where the files are" } else { "relative to this file" };
    text.push_str(&line(&format!("dir = {}", quoted(shown)), words));
    if let Some(preset) = recognised_preset(proposals) {
        let words = "these look like its files: use this mapping instead of the one below";
        text.push_str(&line(&format!("# preset = {}", quoted(preset)), words));
    }
    text.push_str(&line("n_categories = 8", "targetable categories; the rest becomes \"other\""));
    let known = chosen.iter().any(|(table, one)| {
        let columns = ["unit_cost", "margin_rate"];
        let sure = |one: &Chosen| columns.iter().any(|name| is_sure(one.main.candidate(name)));
        *table == "products" && one.as_ref().is_some_and(sure)
    });
    let words = if known { "where no cost is known" } else { "check: no file holds costs" };
    text.push_str(&line("default_margin_rate = 0.3", words));
    let mapped: BTreeSet<&str> = chosen
        .iter()
        .filter_map(|(_, one)| one.as_ref())
        .flat_map(|one| &one.main.columns)
        .filter(|column| is_sure(column.candidate.as_ref()))
        .filter_map(|column| column.candidate.as_ref().map(|found| found.column.as_str()))
        .collect();
    let mut denied: BTreeSet<&str> = BTreeSet::new();
    let personal = proposals.iter().flat_map(|one| &one.personal);
    let lines: Vec<String> = personal
        .filter(|one| !mapped.contains(&*one.column) && denied.insert(&one.column))
        .map(|one| line(&format!("    {},", quoted(&one.column)), &one.reason))
        .collect();
    if !lines.is_empty() {
        text.push_str("# Columns that seem to say who a person is; they are never read.\n");
        let _ = writeln!(text, "deny_columns = [\n{}]", lines.concat());
    }
    text.push('\n');
    text
}

fn section(table: &str, chosen: &Chosen, all: &[Proposal], dir: &Path) -> String {
    let main = chosen.main;
    let guess = main.table.as_ref();
    let confidence = guess.map_or(0.0, |guess| guess.confidence);
    let mut text = String::new();
    if let Some(guess) = guess {
        let second = guess.runner_up.filter(|second| second.1 >= 0.05);
        let second =
            second.map_or(String::new(), |(name, sure)| format!("; or {name} ({sure:.2})"));
        let words = guess.reasons.iter().take(3).cloned().collect::<Vec<_>>().join("; ");
        let check = if confidence < SURE_ENOUGH { "check: " } else { "" };
        let words = comment(&format!("{check}confidence {confidence:.2}: {words}{second}"));
        let _ = writeln!(text, "# {words}");
    }
    for warning in &main.warnings {
        let _ = writeln!(text, "# note: {}", comment(warning));
    }
    for other in &chosen.others {
        let sure = other.table.as_ref().map_or(0.0, |guess| guess.confidence);
        let path = path_in(&other.file, dir);
        let _ = writeln!(text, "# note: also looks like {table} ({sure:.2}): {}", comment(&path));
    }
    let joined = join::find(main, all);
    let mut body = format!("[data.{table}]\n");
    let paths: Vec<String> =
        chosen.parts.iter().map(|one| quoted(&path_in(&one.file, dir))).collect();
    match &paths[..] {
        [one] => body.push_str(&format!("path = {one}\n")),
        many => body.push_str(&format!("path = [{}]\n", many.join(", "))),
    }
    body.push_str(&reading(main));
    let _ = writeln!(body, "[data.{table}.columns]");
    for column in &main.columns {
        let brought = joined.as_ref().and_then(|join| {
            let found = join.brings.iter().find(|(canonical, _)| *canonical == column.canonical);
            found.map(|(_, candidate)| (*candidate, path_in(&join.other.file, dir)))
        });
        body.push_str(&match brought {
            Some((candidate, file)) => mapped_line(column, candidate, &format!("in {file}; ")),
            None => column_line(column),
        });
    }
    if let Some(join) = &joined {
        let path = quoted(&path_in(&join.other.file, dir));
        let _ = writeln!(body, "[data.{table}.join]");
        let _ = writeln!(body, "path = {path}");
        let _ = writeln!(body, "on = {}", quoted(join.on));
    }
    let needed = matches!(table, "transactions" | "products");
    if confidence < SURE_ENOUGH && !needed {
        body = body.lines().map(|line| format!("# {line}\n")).collect();
    }
    text + &body + "\n"
}

/// The keys that say how to read the file.
fn reading(proposal: &Proposal) -> String {
    let mut text = String::new();
    let mut key = |key: &str, value: String, confidence: f64, evidence: &str, usual: bool| {
        let words = format!("confidence {confidence:.2}: {evidence}");
        if confidence < SURE_ENOUGH && !usual {
            text.push_str(&line(&format!("# check: {key} = {value}"), &words));
        } else if !usual {
            text.push_str(&line(&format!("{key} = {value}"), &words));
        }
    };
    if let Some(dialect) = proposal.dialect.as_ref().filter(|one| one.encoding.confidence > 0.0) {
        let Judged { value, confidence, evidence } = &dialect.delimiter;
        key("delimiter", quoted(&value.to_string()), *confidence, evidence, *value == ',');
        let Judged { value, confidence, evidence } = &dialect.quote;
        key("quote", quoted(&value.to_string()), *confidence, evidence, *value == '"');
        let Judged { value, confidence, evidence } = &dialect.encoding;
        let word = value.as_str();
        key("encoding", quoted(word), *confidence, evidence, word == "utf-8");
        let Judged { value, confidence, evidence } = &dialect.decimal_comma;
        key("decimal_comma", value.to_string(), *confidence, evidence, !*value);
    }
    if let Some(Judged { value, confidence, evidence }) = &proposal.date_format {
        let word = value.as_str();
        key("date_format", quoted(word), *confidence, evidence, word == "iso");
    }
    text
}

fn is_sure(candidate: Option<&Candidate>) -> bool {
    candidate.is_some_and(|candidate| candidate.confidence >= SURE_ENOUGH)
}

fn column_line(column: &ColumnProposal) -> String {
    match &column.candidate {
        Some(candidate) => mapped_line(column, candidate, ""),
        None if column.required => {
            line(&format!("# check: {} = \"\"", column.canonical), "needed, but not found")
        }
        None => line(&format!("# {} = \"\"", column.canonical), "optional, not found"),
    }
}

fn mapped_line(column: &ColumnProposal, candidate: &Candidate, origin: &str) -> String {
    let check = if candidate.confidence < SURE_ENOUGH { "# check: " } else { "" };
    let reasons = candidate.reasons.join("; ");
    let second = column.runner_up.as_ref().map_or(String::new(), |second| {
        format!("; or {} ({:.2})", quoted(&second.column), second.confidence)
    });
    let pair = format!("{check}{} = {}", column.canonical, quoted(&candidate.column));
    line(&pair, &format!("confidence {:.2}: {origin}{reasons}{second}", candidate.confidence))
}

/// A section for a table that no file seems to be.
fn absent(table: &str, proposals: &[Proposal]) -> String {
    let category = proposals.iter().find_map(|one| {
        let found = one.elsewhere.iter().find(|column| column.canonical == "category")?;
        let candidate = found.candidate.as_ref()?;
        (one.table_name() == Some("transactions")).then_some(&candidate.column)
    });
    match (table, category) {
        ("transactions", _) => "# check: no file looks like sales lines (customer_id, date, \
             product_id, quantity, sales_value).\n[data.transactions]\npath = \
             \"transactions.csv\"\n\n"
            .to_owned(),
        ("products", Some(category)) => format!(
            "# check: no file looks like products, but {} of the sales lines may hold categories:\n\
             # save one row a product with its category as this file.\n\
             [data.products]\npath = \"products.csv\"\n\n",
            comment(&quoted(category))
        ),
        ("products", None) => "# check: no file looks like products (product_id, category; \
             unit_cost is worth having).\n[data.products]\npath = \"products.csv\"\n\n"
            .to_owned(),
        ("offers", _) => {
            "# [data.offers]\n# path = \"offers.csv\"           # offer_id, mechanic, \
             category, depth, amount, min_spend, contact_cost, ...\n"
                .to_owned()
        }
        ("exposures", _) => "# Offers made in the past, if you logged them: the response to \
             offers is learnt from these.\n# [data.exposures]\n# path = \"exposures.csv\"        \
             # customer_id, date, offer_id, propensity\n"
            .to_owned(),
        ("promotions", _) => "\n".to_owned(),
        _ => String::new(),
    }
}

/// A value with a comment behind it.
fn line(value: &str, words: &str) -> String {
    format!("{value:<COMMENT_AT$} # {}\n", comment(words))
}

/// Text that can stand in a comment: control characters become spaces, and it is not endless.
fn comment(text: &str) -> String {
    let clean = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut short: String = clean.take(400).collect();
    if text.chars().count() > 400 {
        short.push('…');
    }
    short
}

/// A TOML string.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\t' => quoted.push_str("\\t"),
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// The path relative to `dir` where it lies inside, with forward slashes.
fn path_in(file: &Path, dir: &Path) -> String {
    let inside = file.strip_prefix(dir).unwrap_or(file);
    inside.to_string_lossy().replace('\\', "/")
}
