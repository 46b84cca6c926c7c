//! Experiments that are really run: read out of a table, and planned from one.

use super::error::RunError;
use crate::data::DataError;
use crate::data::any_table::{AnyColumn, AnyTable, ColumnKind, Labels};
use crate::evaluate::EvaluateError;
use crate::evaluate::experiment::{JointMoments, Metric};
use crate::evaluate::readout::{
    Better, Codes, MetricSpec, Money, Question, Readout, Role, Trial, read_out,
};
use std::path::{Path, PathBuf};

/// Loss that a guardrail allows when it names none, as a share of control.
pub const ALLOWED_LOSS: f64 = 0.02;

/// A metric as it is written: `Y`, `Y/D`, with `:X` or `:X/Z` for the same before the experiment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricText {
    /// What is averaged, or the numerator.
    pub numerator: String,
    /// The denominator.
    pub denominator: Option<String>,
    /// The same before.
    pub before: Option<(String, Option<String>)>,
}

impl MetricText {
    /// Reads `spend`, `spend:pre_spend`, `spend/orders` or `spend/orders:pre_spend/pre_orders`.
    ///
    /// # Errors
    /// [`RunError::Config`] when a name is empty, or one side has a denominator and the other none.
    pub fn parse(text: &str) -> Result<Self, RunError> {
        let names = |text: &str| {
            let (numerator, denominator) = match text.split_once('/') {
                Some((n, d)) => (n.trim(), Some(d.trim().to_owned())),
                None => (text.trim(), None),
            };
            let empty = numerator.is_empty() || denominator.as_deref() == Some("");
            (!empty).then(|| (numerator.to_owned(), denominator))
        };
        let (now, before) = match text.split_once(':') {
            Some((now, before)) => (names(now), Some(names(before))),
            None => (names(text), None),
        };
        let wrong = || {
            let message = format!(
                "expected a metric such as spend, spend:pre_spend, spend/orders or \
                 spend/orders:pre_spend/pre_orders, got `{text}`"
            );
            RunError::Config(message)
        };
        let (numerator, denominator) = now.ok_or_else(wrong)?;
        let before = before.map(|names| names.ok_or_else(wrong)).transpose()?;
        if before.as_ref().is_some_and(|(_, z)| z.is_some() != denominator.is_some()) {
            return Err(wrong());
        }
        Ok(Self { numerator, denominator, before })
    }

    /// The metric without what was known before.
    #[must_use]
    pub fn name(&self) -> String {
        match &self.denominator {
            Some(denominator) => format!("{}/{denominator}", self.numerator),
            None => self.numerator.clone(),
        }
    }
}

/// A guardrail as it is written: `SPEC` or `SPEC@2%`.
///
/// # Errors
/// As [`MetricText::parse`], or for a loss that is not a share.
pub fn parse_guardrail(text: &str) -> Result<(MetricText, f64), RunError> {
    let Some((metric, loss)) = text.split_once('@') else {
        return Ok((MetricText::parse(text)?, ALLOWED_LOSS));
    };
    let (digits, scale) = match loss.trim().strip_suffix('%') {
        Some(digits) => (digits.trim(), 0.01),
        None => (loss.trim(), 1.0),
    };
    let share = digits.parse::<f64>().map(|x| x * scale).ok().filter(|x| (0.0..1.0).contains(x));
    let wrong = || format!("expected a loss such as 2% or 0.02 behind `@`, got `{loss}`");
    Ok((MetricText::parse(metric)?, share.ok_or_else(|| RunError::Config(wrong()))?))
}

/// Shares of arms as they are written: `control=0.5,treatment=0.5`.
///
/// # Errors
/// [`RunError::Config`] when it is written otherwise or a share is not above 0.
pub fn parse_shares(text: &str) -> Result<Vec<(String, f64)>, RunError> {
    let pair = |part: &str| {
        let (name, share) = part.split_once('=')?;
        let share = share.trim().parse::<f64>().ok().filter(|s| *s > 0.0 && s.is_finite())?;
        Some((name.trim().to_owned(), share)).filter(|(name, _)| !name.is_empty())
    };
    let pairs: Option<Vec<_>> = text.split(',').map(pair).collect();
    pairs.filter(|pairs| pairs.len() >= 2).ok_or_else(|| {
        let message = format!(
            "expected shares of at least two arms such as control=0.5,treatment=0.5, got `{text}`"
        );
        RunError::Config(message)
    })
}

/// What is asked of a finished or running experiment.
#[derive(Debug, Clone)]
pub struct AnalyzeRequest {
    /// CSV or Parquet, one row per unit.
    pub file: PathBuf,
    /// Column of the arm.
    pub arm: String,
    /// Name of the control arm.
    pub control: String,
    /// Metrics to be improved; the first decides.
    pub goals: Vec<MetricText>,
    /// Metrics that must not get worse, with the share of control they may lose.
    pub guardrails: Vec<(MetricText, f64)>,
    /// Names of metrics of which less is better.
    pub lower_is_better: Vec<String>,
    /// Planned shares by arm; equal without.
    pub planned: Option<Vec<(String, f64)>>,
    /// Column of the group known before.
    pub persona: Option<String>,
    /// Column of what was dealt, when it was not the row.
    pub cluster: Option<String>,
    /// Column of the day of entry.
    pub day: Option<String>,
    /// Columns whose mix is checked.
    pub balance: Vec<String>,
    /// Column by which units would be treated first.
    pub score: Option<String>,
    /// Columns of margin after promotion cost, of that cost, and of units sold.
    pub money: Option<(String, String, Option<String>)>,
    /// Quantile at which values are capped in a second read-out.
    pub cap: Option<f64>,
    /// Quantiles to compare.
    pub quantiles: Vec<f64>,
    /// Confidence level.
    pub level: f64,
    /// Whether it is looked at more than once.
    pub peeking: bool,
}

/// The columns that a request names: numbers by position, and the rest.
#[derive(Debug, Default)]
struct Wanted {
    numbers: Vec<String>,
}

impl Wanted {
    fn number(&mut self, name: &str) -> usize {
        let known = self.numbers.iter().position(|own| own == name);
        known.unwrap_or_else(|| {
            self.numbers.push(name.to_owned());
            self.numbers.len() - 1
        })
    }

    fn metric(&mut self, text: &MetricText, role: Role, less: &[String]) -> MetricSpec {
        let name = text.name();
        MetricSpec {
            numerator: self.number(&text.numerator),
            denominator: text.denominator.as_deref().map(|name| self.number(name)),
            before: text.before.as_ref().map(|(x, z)| {
                let x = self.number(x);
                (x, z.as_deref().map(|name| self.number(name)))
            }),
            role,
            better: if less.contains(&name) { Better::Less } else { Better::More },
            name,
        }
    }
}

/// Reads the table and the experiment out.
///
/// # Errors
/// [`RunError`] for files, columns, arms and settings that cannot be used.
pub fn analyze(request: &AnalyzeRequest) -> Result<Readout, RunError> {
    let mut wanted = Wanted::default();
    let less = &request.lower_is_better;
    let goals = request.goals.iter().map(|text| (text, Role::Goal));
    let guarded = request.guardrails.iter().map(|(text, loss)| (text, Role::Guardrail(*loss)));
    let metrics: Vec<MetricSpec> =
        goals.chain(guarded).map(|(text, role)| wanted.metric(text, role, less)).collect();
    if let Some(unknown) = less.iter().find(|name| metrics.iter().all(|m| m.name != **name)) {
        let known: Vec<&str> = metrics.iter().map(|metric| metric.name.as_str()).collect();
        return Err(RunError::Config(format!(
            "expected one of the metrics ({}) behind --lower-is-better, got `{unknown}`",
            known.join(", ")
        )));
    }
    let mut question = Question {
        metrics,
        planned: None,
        level: request.level,
        peeking: request.peeking,
        cap: request.cap,
        quantiles: request.quantiles.clone(),
        balance: request.balance.iter().map(|name| wanted.number(name)).collect(),
        score: request.score.as_deref().map(|name| wanted.number(name)),
        money: request.money.as_ref().map(|(margin, cost, sold)| Money {
            margin: wanted.number(margin),
            cost: wanted.number(cost),
            sold: sold.as_deref().map(|name| wanted.number(name)),
        }),
    };
    let read = Table::read(request, wanted.numbers)?;
    question.planned = request.planned.as_ref().map(|shares| read.planned(shares)).transpose()?;
    let trial = Trial {
        arms: as_codes(&read.arms),
        control: read.arm(&request.control, "--control")?,
        columns: &read.numbers,
        strata: read.persona.as_ref().map(as_codes),
        clusters: read.cluster.as_ref().map(as_codes),
        days: read.days.as_deref(),
    };
    Ok(read_out(&trial, &question)?)
}

fn as_codes(labels: &Labels) -> Codes<'_> {
    Codes { codes: &labels.codes, names: &labels.names }
}

/// The columns of an experiment.
struct Table {
    arms: Labels,
    persona: Option<Labels>,
    cluster: Option<Labels>,
    days: Option<Vec<i32>>,
    numbers: Vec<(String, Vec<f64>)>,
}

impl Table {
    fn read(request: &AnalyzeRequest, numbers: Vec<String>) -> Result<Self, RunError> {
        let table = AnyTable::open(&request.file)?;
        let mut wanted: Vec<(&str, ColumnKind)> = vec![(&request.arm, ColumnKind::Label)];
        let labels = [&request.persona, &request.cluster];
        wanted.extend(labels.into_iter().flatten().map(|n| (n.as_str(), ColumnKind::Label)));
        wanted.extend(request.day.iter().map(|name| (name.as_str(), ColumnKind::Day)));
        wanted.extend(numbers.iter().map(|name| (name.as_str(), ColumnKind::Number)));
        let mut read = table.read(&wanted).map_err(|error| hinted(error, request))?.into_iter();
        let mut next = || read.next().unwrap_or(AnyColumn::Numbers(Vec::new()));
        Ok(Self {
            arms: next().into_labels(),
            persona: request.persona.as_ref().map(|_| next().into_labels()),
            cluster: request.cluster.as_ref().map(|_| next().into_labels()),
            days: request.day.as_ref().map(|_| next().into_days()),
            numbers: numbers.into_iter().map(|name| (name, next().into_numbers())).collect(),
        })
    }

    fn arm(&self, name: &str, flag: &str) -> Result<usize, RunError> {
        self.arms.names.iter().position(|arm| arm == name).ok_or_else(|| {
            RunError::Config(format!(
                "expected one of the arms ({}) behind {flag}, got `{name}`",
                self.arms.names.join(", ")
            ))
        })
    }

    /// Planned shares in the order of the arms; an arm without one was planned to have none.
    fn planned(&self, shares: &[(String, f64)]) -> Result<Vec<f64>, RunError> {
        let mut planned = vec![0.0; self.arms.names.len()];
        for (name, share) in shares {
            planned[self.arm(name, "--planned")?] = *share;
        }
        Ok(planned)
    }
}

/// Where the arm's column is missing, there is a flag.
fn hinted(error: DataError, request: &AnalyzeRequest) -> RunError {
    match &error {
        DataError::NoSuchColumn { column, .. } if *column == request.arm => {
            RunError::Config(format!("{error}; name the column of the arm with --arm"))
        }
        _ => error.into(),
    }
}

/// A metric of a history: the units that an experiment would deal.
///
/// # Errors
/// [`RunError`] for files and columns that cannot be used, or fewer than two rows.
pub fn history_metric(file: &Path, text: &MetricText) -> Result<Metric, RunError> {
    let mut wanted = Wanted::default();
    let spec = wanted.metric(text, Role::Goal, &[]);
    let table = AnyTable::open(file)?;
    let picks: Vec<(&str, ColumnKind)> =
        wanted.numbers.iter().map(|name| (name.as_str(), ColumnKind::Number)).collect();
    let columns: Vec<Vec<f64>> =
        table.read(&picks)?.into_iter().map(AnyColumn::into_numbers).collect();
    let rows = columns[0].len();
    if rows < 2 {
        let (what, expected, found) = ("rows of history", 2, rows);
        let advice = "pass a longer history";
        return Err(EvaluateError::TooFew { what, expected, found, advice }.into());
    }
    let column = |at: Option<usize>| &columns[at.unwrap_or(spec.numerator)];
    let (x, z) = spec.before.map_or((None, None), |(x, z)| (Some(x), z));
    let four = [column(None), column(spec.denominator), column(x), column(z)];
    let moments = JointMoments::of((0..rows).map(|row| four.map(|column| column[row])));
    let pair =
        |i: usize, j: usize| JointMoments::of((0..rows).map(|row| [four[i][row], four[j][row]]));
    Ok(match (spec.denominator.is_some(), spec.before.is_some()) {
        (false, false) => Metric::mean(&moments.only(0)),
        (true, false) => Metric::ratio(&pair(0, 1)),
        (false, true) => Metric::mean_with_before(&pair(0, 2)),
        (true, true) => Metric::ratio_with_before(&moments),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_written_in_four_ways() {
        let read = |text: &str| MetricText::parse(text).expect("it is a metric");
        assert_eq!(read("spend").name(), "spend");
        assert_eq!(read("spend:pre").before, Some(("pre".to_owned(), None)));
        let ratio = read("spend/orders:a/b");
        assert_eq!(ratio.name(), "spend/orders");
        assert_eq!(ratio.before, Some(("a".to_owned(), Some("b".to_owned()))));
        for wrong in ["", ":x", "a/", "a/b:c", "a:b/c", "a:"] {
            let error = MetricText::parse(wrong).expect_err(wrong).to_string();
            assert!(error.contains("spend:pre_spend"), "{error}");
        }
        assert_eq!(parse_guardrail("margin@2.5%").expect("a share").1, 0.025);
        assert_eq!(parse_guardrail("margin").expect("the usual").1, ALLOWED_LOSS);
        assert!(parse_guardrail("margin@lots").is_err() && parse_guardrail("margin@150%").is_err());
        let shares = parse_shares("a=1, b=3").expect("two arms");
        assert_eq!(shares, [("a".to_owned(), 1.0), ("b".to_owned(), 3.0)]);
        for wrong in ["a=1", "a,b", "a=0,b=1", "=1,b=1", "a=x,b=1"] {
            assert!(parse_shares(wrong).is_err(), "{wrong}");
        }
    }
}
