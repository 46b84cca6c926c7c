//! The evidence that a column of the file is a certain canonical column.

use super::Candidate;
use super::content::{Content, Numbers};
use super::dates::DateFormat;
use super::lines::Lines;
use super::names::{self, Name};
use super::text::{confidence, percent};

/// A piece of evidence: log odds and words.
type Evidence = (f64, String);

/// Log odds that an unknown column is a certain canonical one.
const START: f64 = -3.0;

/// The same where no name can help.
const START_NAMELESS: f64 = -2.2;

/// A column of the file with all that is known about it.
#[derive(Debug)]
pub(super) struct FileColumn {
    pub(super) name: String,
    pub(super) prepared: Name,
    /// What the name means, decoys included.
    pub(super) meaning: Option<&'static str>,
    pub(super) content: Content,
}

/// All columns of a file, with what their rows show together.
#[derive(Debug)]
pub(super) struct FileColumns {
    pub(super) columns: Vec<FileColumn>,
    pub(super) rows: usize,
    pub(super) nameless: bool,
    pub(super) n_dates: usize,
    pub(super) lines: Lines,
}

/// How well one column of the file fits.
#[derive(Debug, Clone)]
pub(super) struct Fit {
    /// Position in the file.
    pub(super) column: usize,
    /// Sum of the evidence.
    pub(super) log_odds: f64,
    evidence: Vec<Evidence>,
}

impl Fit {
    pub(super) fn confidence(&self) -> f64 {
        confidence(self.log_odds)
    }

    pub(super) fn candidate(&self, file: &FileColumns) -> Candidate {
        let mut evidence = self.evidence.clone();
        evidence.sort_by(|a, b| b.0.abs().total_cmp(&a.0.abs()));
        Candidate {
            column: file.columns[self.column].name.clone(),
            confidence: self.confidence(),
            reasons: evidence.into_iter().map(|(_, words)| words).collect(),
        }
    }
}

/// Weighs all evidence for one column of the file being `concept` in `table`.
pub(super) fn weigh(file: &FileColumns, column: usize, concept: &str, table: &str) -> Fit {
    let one = &file.columns[column];
    let mut evidence: Vec<Evidence> = Vec::new();
    let likeness = names::likeness(&one.prepared, concept, table);
    let named = likeness.as_ref().map_or(0.0, |found| found.0);
    evidence.extend(likeness.filter(|_| !file.nameless));
    if named < 4.0
        && let Some(meaning) = one.meaning.filter(|meaning| *meaning != concept)
    {
        evidence.push((-4.0, format!("the name is a known word for {meaning}")));
    }
    if one.content.filled > 0 {
        evidence.extend(content_evidence(file, column, concept, table, named));
    } else if file.rows > 0 {
        evidence.push((-3.0, "the column is empty".to_owned()));
    }
    let start = if file.nameless { START_NAMELESS } else { START };
    let log_odds = start + evidence.iter().map(|(weight, _)| weight).sum::<f64>();
    Fit { column, log_odds, evidence }
}

fn content_evidence(
    file: &FileColumns,
    column: usize,
    concept: &str,
    table: &str,
    named: f64,
) -> Vec<Evidence> {
    let content = &file.columns[column].content;
    match concept {
        "date" => dates(content, named, file.n_dates),
        "customer_id" => customers(content, table, file.rows),
        "product_id" | "offer_id" => identifiers(content, table, concept, file.rows),
        "basket_id" => baskets(file, column),
        "store_id" => stores(content, file.rows),
        "private_label" if content.private_label => {
            vec![say(8.0, "the values tell private from other labels")]
        }
        "private_label" => labels(content, concept, file.rows),
        "brand" if content.private_label => {
            vec![say(-4.0, "the values are kinds of brands, not brands")]
        }
        "category" | "department" | "brand" | "mechanic" | "display" | "mailer" => {
            labels(content, concept, file.rows)
        }
        _ => match &content.numbers {
            Some(numbers) if !content.surely_dates() || concept == "week" => {
                measures(numbers, content, concept)
            }
            _ => vec![(-6.0, "the values are not numbers".to_owned())],
        },
    }
}

fn say(weight: f64, words: &str) -> Evidence {
    (weight, words.to_owned())
}

fn dates(content: &Content, named: f64, n_dates: usize) -> Vec<Evidence> {
    let only = (n_dates == 1).then(|| say(1.2, "no other column holds dates"));
    if content.declared_date {
        return [Some(say(2.5, "the file declares dates")), only].into_iter().flatten().collect();
    }
    match &content.dates {
        Some(fit) if fit.format.bare_number() && named < 2.0 => {
            vec![say(-3.0, "bare numbers, and the name does not say that they are dates")]
        }
        Some(fit) if fit.format.bare_number() => {
            vec![(0.3, format!("all values are in the range of {} dates", fit.format.as_str()))]
        }
        Some(fit) => {
            let weight = if fit.format == DateFormat::Digits { 1.8 } else { 2.5 };
            let words = format!("all values are dates {}", fit.format.as_str());
            [Some((weight, words)), only].into_iter().flatten().collect()
        }
        None => match &content.unreadable_date {
            Some(example) => {
                vec![(0.5, format!("values such as {example:?} are dates that cannot be read yet"))]
            }
            None => vec![say(-6.0, "the values are not dates")],
        },
    }
}

/// What rules out or speaks for any identifier.
fn identifier(content: &Content) -> Vec<Evidence> {
    if content.surely_dates() {
        vec![say(-4.0, "the values are dates")]
    } else if content.fractions() {
        vec![say(-5.0, "the values are fractions")]
    } else if content.numbers.is_some_and(|numbers| numbers.negative > 0.0) {
        vec![say(-3.0, "some values are negative")]
    } else {
        vec![say(0.8, "the values can be identifiers")]
    }
}

fn customers(content: &Content, table: &str, rows: usize) -> Vec<Evidence> {
    let mut evidence = identifier(content);
    let people = content.emails > 0.8;
    if people {
        evidence.push(say(0.5, "the values are e-mail addresses"));
    }
    if table == "customers" && rows > 1 {
        evidence.push(match content.unique() {
            true => say(1.0, "every row has its own value"),
            false => say(-2.0, "values come again, but each customer should have one row"),
        });
    } else if rows > 20 {
        if content.distinct == 1 {
            evidence.push(say(-2.0, "all rows have the same value"));
        } else if !content.unique() && content.distinct * 50 > rows {
            evidence.push(say(0.6, "values come again, as customers do"));
        }
    }
    evidence
}

fn identifiers(content: &Content, table: &str, concept: &str, rows: usize) -> Vec<Evidence> {
    let mut evidence = identifier(content);
    let own = matches!((table, concept), ("products", "product_id") | ("offers", "offer_id"));
    if own && rows > 1 {
        evidence.push(match content.unique() {
            true => say(1.0, "every row has its own value"),
            false => say(-2.0, "values come again, but each should have one row"),
        });
    } else if rows > 20 && content.distinct == 1 {
        evidence.push(say(-1.0, "all rows have the same value"));
    } else if rows > 20 && !content.unique() {
        evidence.push(say(0.3, "values come again"));
    }
    evidence
}

fn baskets(file: &FileColumns, column: usize) -> Vec<Evidence> {
    let content = &file.columns[column].content;
    let mut evidence = identifier(content);
    if let Some(share) = file.lines.one_customer_and_day(column) {
        evidence.push(if share > 0.98 {
            (1.5, "each value belongs to one customer and one day".to_owned())
        } else if share < 0.8 {
            (-2.5, format!("only {} of the values belong to one customer and day", percent(share)))
        } else {
            (0.3, format!("{} of the values belong to one customer and day", percent(share)))
        });
    }
    evidence
}

fn stores(content: &Content, rows: usize) -> Vec<Evidence> {
    let mut evidence = identifier(content);
    if rows > 20 {
        evidence.push(match content.distinct {
            few if few * 4 <= rows => (1.0, format!("only {few} different values")),
            _ if content.unique() => say(-2.0, "every row has its own value"),
            _ => say(-0.3, "many different values for stores"),
        });
    }
    evidence
}

fn labels(content: &Content, concept: &str, rows: usize) -> Vec<Evidence> {
    if content.surely_dates() {
        return vec![say(-5.0, "the values are dates")];
    }
    if content.fractions() {
        return vec![say(-5.0, "the values are fractions")];
    }
    let mut evidence = Vec::new();
    let position = matches!(concept, "display" | "mailer");
    if content.letters > 0.8 {
        evidence.push(say(0.7, "the values are words"));
    } else if matches!(concept, "mechanic") {
        evidence.push(say(-1.0, "the values are not words"));
    } else if position {
        evidence.push(say(0.5, "the values can be codes of places"));
    }
    if rows > 20 {
        evidence.push(match content.distinct {
            _ if content.unique() => say(-3.0, "every row has its own value"),
            few if few * 2 <= rows => (0.8, format!("{few} different values")),
            many => (-0.5, format!("{many} different values are many")),
        });
    }
    evidence
}

fn measures(numbers: &Numbers, content: &Content, concept: &str) -> Vec<Evidence> {
    let Numbers { min, median, p99, max, whole, negative, zero } = *numbers;
    let within = |low: f64, high: f64| min >= low && max <= high;
    let some = |weight, words: String| vec![(weight, words)];
    match concept {
        "quantity" if p99 <= 100.0 && whole == 1.0 => {
            let many = content.filled > 20 && content.distinct * 2 > content.filled;
            let weight = if many { -0.5 } else { 1.5 };
            some(weight, "whole numbers, p99 at most 100".to_owned())
        }
        "quantity" if p99 <= 100.0 => {
            let words = format!("small numbers, {} of them whole", percent(whole));
            some(if whole > 0.5 { 0.8 } else { -0.5 }, words)
        }
        "quantity" => some(-0.5, format!("p99 is {p99}, large for units")),
        "sales_value" if negative > 0.5 => some(-3.0, "most values are negative".to_owned()),
        "sales_value" if whole < 1.0 => some(1.5, "amounts of money with fractions".to_owned()),
        "sales_value" if p99 <= 20.0 && content.filled > 20 => {
            some(-2.2, "small whole numbers, as for units rather than money".to_owned())
        }
        "sales_value" => some(0.2, "whole numbers, so amounts without cents".to_owned()),
        "shelf_discount" | "offer_discount" if zero == 1.0 => {
            some(0.5, "all values are 0".to_owned())
        }
        "shelf_discount" | "offer_discount" if zero > 0.2 => {
            some(1.3, format!("{} of the values are 0, as for discounts", percent(zero)))
        }
        "shelf_discount" | "offer_discount" if whole < 1.0 => {
            some(0.6, "amounts of money".to_owned())
        }
        "list_price" | "unit_cost" if negative > 0.0 => {
            some(-3.0, "some values are negative".to_owned())
        }
        "list_price" | "unit_cost" | "amount" | "min_spend" | "contact_cost" if whole < 1.0 => {
            some(1.3, "amounts of money with fractions".to_owned())
        }
        "propensity" if within(0.0, 1.0) && max > 0.0 && (whole < 1.0 || min == max) => {
            some(2.0, "all values lie between 0 and 1".to_owned())
        }
        "propensity" => some(-5.0, "the values are not probabilities".to_owned()),
        "margin_rate" | "depth" if within(-1.0, 1.0) && whole < 1.0 => {
            some(1.5, "fractions up to 1".to_owned())
        }
        "margin_rate" | "depth" if within(-100.0, 100.0) && max > 1.0 => {
            some(-1.0, "values above 1 look like percent, but fractions are wanted".to_owned())
        }
        "margin_rate" | "depth" if max > 1.0 => some(-3.0, "values above 100".to_owned()),
        "week" if whole == 1.0 && (within(0.0, 3000.0) || within(190_001.0, 220_053.0)) => {
            let few = content.variety() < 0.5 || content.filled <= 20;
            some(if few { 1.2 } else { 0.0 }, format!("whole numbers from {min} to {max}"))
        }
        "week" => some(-4.0, "the values are not numbers of weeks".to_owned()),
        _ => some(0.3, format!("numbers, median {median}")),
    }
}
