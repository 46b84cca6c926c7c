//! Experiments that are really run: read out of a table, and planned from one.

use super::error::RunError;
use crate::data::DataError;
use crate::data::any_table::{AnyColumn, AnyTable, ColumnKind, Piece, Ranked};
use crate::evaluate::EvaluateError;
use crate::evaluate::experiment::{JointMoments, Metric};
use crate::evaluate::readout::{
    Better, Codes, MetricSpec, Money, Question, Readout, Role, Rows, Sums, Trial, read_out,
};
use std::collections::BTreeMap;
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
    let read = Collected::read(request, wanted.numbers)?;
    question.planned = request.planned.as_ref().map(|shares| read.planned(shares)).transpose()?;
    Ok(read_out(&read.trial(request)?, &question)?)
}

/// Arms beyond which the column of the arm is taken for another one.
const MOST_ARMS: u32 = 64;

/// An experiment as it was read: sums as the rows went by, and the rows where a method needs them.
struct Collected {
    arms: Vec<String>,
    personas: Vec<String>,
    numbers: Vec<String>,
    sums: Sums,
    rows: Option<Kept>,
}

/// Rows that were kept.
#[derive(Default)]
struct Kept {
    arms: Vec<u32>,
    clusters: Option<(Vec<u32>, Vec<String>)>,
    days: Option<Vec<i32>>,
    columns: Vec<Vec<f64>>,
}

/// Numbers groups as they appear: arm and persona by code to a number without gaps.
#[derive(Default)]
struct Groups {
    numbers: BTreeMap<(u32, u32), u32>,
    /// Numbers of the first arms and personas, by place; `u32::MAX` stands for none yet.
    near: Vec<u32>,
}

impl Groups {
    const NEAR: u32 = 1024;

    #[inline]
    fn number(&mut self, arm: u32, persona: u32) -> u32 {
        let place = persona.saturating_mul(MOST_ARMS).saturating_add(arm) as usize;
        match self.near.get(place) {
            Some(number) if arm < MOST_ARMS && *number != u32::MAX => *number,
            _ => self.new_number(arm, persona, place),
        }
    }

    /// Where each number belongs once names have ranks: arm by arm, persona by persona. Without personas
    /// numbers are the codes of the arms.
    fn places(&self, arms: &[u32], personas: &[u32], n_personas: usize) -> Vec<usize> {
        if personas.is_empty() {
            return arms.iter().map(|rank| *rank as usize).collect();
        }
        let mut places = vec![0; self.numbers.len()];
        for ((arm, persona), number) in &self.numbers {
            let (arm, persona) = (arms[*arm as usize], personas[*persona as usize]);
            places[*number as usize] = arm as usize * n_personas + persona as usize;
        }
        places
    }

    #[cold]
    fn new_number(&mut self, arm: u32, persona: u32, place: usize) -> u32 {
        let next = self.numbers.len() as u32;
        let number = *self.numbers.entry((arm, persona)).or_insert(next);
        if persona < Self::NEAR && arm < MOST_ARMS {
            self.near.resize(self.near.len().max(place + 1), u32::MAX);
            self.near[place] = number;
        }
        number
    }
}

impl Collected {
    fn read(request: &AnalyzeRequest, numbers: Vec<String>) -> Result<Self, RunError> {
        let table = AnyTable::open(&request.file)?;
        let mut wanted: Vec<(&str, ColumnKind)> = vec![(&request.arm, ColumnKind::Label)];
        let labels = [&request.persona, &request.cluster];
        wanted.extend(labels.into_iter().flatten().map(|n| (n.as_str(), ColumnKind::Label)));
        wanted.extend(request.day.iter().map(|name| (name.as_str(), ColumnKind::Day)));
        let first_number = wanted.len();
        wanted.extend(numbers.iter().map(|name| (name.as_str(), ColumnKind::Number)));
        let by_row = request.cap.is_some() || !request.quantiles.is_empty();
        let by_row = by_row || request.score.is_some() || request.day.is_some();
        let mut rows = (by_row || request.cluster.is_some())
            .then(|| Kept { columns: vec![Vec::new(); numbers.len()], ..Kept::default() });
        let (mut sums, mut groups, mut numbered) =
            (Sums::new(numbers.len()), Groups::default(), Vec::new());
        let names = table.each_batch(&wanted, &mut |batch| {
            let (mut labels, mut days) = (Vec::new(), None);
            for piece in &batch[..first_number] {
                match piece {
                    Piece::Codes(codes) => labels.push(*codes),
                    Piece::Days(more) => days = Some(*more),
                    Piece::Numbers(_) => {}
                }
            }
            let columns: Vec<&[f64]> = batch[first_number..].iter().map(numbers_of).collect();
            let persona = request.persona.as_ref().map(|_| labels[1]);
            match persona {
                Some(codes) => {
                    let pairs = labels[0].iter().zip(codes);
                    numbered.clear();
                    numbered.extend(pairs.map(|(arm, persona)| groups.number(*arm, *persona)));
                    sums.add(&columns, &numbered);
                }
                // Without personas an arm's code is its group's number.
                None => sums.add(&columns, labels[0]),
            }
            if let Some(kept) = &mut rows {
                kept.take(&labels, request.cluster.is_some(), days, &columns);
            }
        });
        let mut names = names.map_err(|error| hinted(error, request))?.into_iter();
        let Ranked { names: arms, ranks: arm_ranks } = names.next().unwrap_or_default();
        if arms.len() > MOST_ARMS as usize {
            return Err(RunError::Config(format!(
                "expected at most {MOST_ARMS} arms in column `{}`, found {}; name the column of the \
                 arm with --arm",
                request.arm,
                arms.len()
            )));
        }
        let Ranked { names: personas, ranks } =
            request.persona.as_ref().and_then(|_| names.next()).unwrap_or_default();
        let n = personas.len().max(1);
        let place = groups.places(&arm_ranks, &ranks, n);
        let sums = sums.renumbered(arms.len() * n, |number| place[number]);
        if let Some(kept) = &mut rows {
            kept.arms.iter_mut().for_each(|arm| *arm = arm_ranks[*arm as usize]);
            let clusters = request.cluster.as_ref().and_then(|_| names.next());
            if let (Some(own), Some(Ranked { names, ranks })) = (&mut kept.clusters, clusters) {
                own.0.iter_mut().for_each(|code| *code = ranks[*code as usize]);
                own.1 = names;
            }
        }
        Ok(Self { arms, personas, numbers, sums, rows })
    }

    fn trial(&self, request: &AnalyzeRequest) -> Result<Trial<'_>, RunError> {
        Ok(Trial {
            arms: &self.arms,
            control: self.arm(&request.control, "--control")?,
            columns: &self.numbers,
            strata: &self.personas,
            sums: self.sums.clone(),
            rows: self.rows.as_ref().map(Kept::view),
        })
    }

    fn arm(&self, name: &str, flag: &str) -> Result<usize, RunError> {
        self.arms.iter().position(|arm| arm == name).ok_or_else(|| {
            RunError::Config(format!(
                "expected one of the arms ({}) behind {flag}, got `{name}`",
                self.arms.join(", ")
            ))
        })
    }

    /// Planned shares in the order of the arms; an arm without one was planned to have none.
    fn planned(&self, shares: &[(String, f64)]) -> Result<Vec<f64>, RunError> {
        let mut planned = vec![0.0; self.arms.len()];
        for (name, share) in shares {
            planned[self.arm(name, "--planned")?] = *share;
        }
        Ok(planned)
    }
}

fn numbers_of<'a>(piece: &Piece<'a>) -> &'a [f64] {
    if let Piece::Numbers(numbers) = piece { numbers } else { &[] }
}

impl Kept {
    /// Arms come first among the labels and clusters last.
    fn take(
        &mut self,
        labels: &[&[u32]],
        clustered: bool,
        days: Option<&[i32]>,
        columns: &[&[f64]],
    ) {
        self.arms.extend_from_slice(labels[0]);
        if let Some(codes) = labels.last().filter(|_| clustered) {
            self.clusters.get_or_insert_default().0.extend_from_slice(codes);
        }
        if let Some(days) = days {
            self.days.get_or_insert_default().extend_from_slice(days);
        }
        self.columns.iter_mut().zip(columns).for_each(|(all, more)| all.extend_from_slice(more));
    }

    fn view(&self) -> Rows<'_> {
        let clusters = self.clusters.as_ref();
        Rows {
            arms: &self.arms,
            columns: &self.columns,
            clusters: clusters.map(|(codes, names)| Codes { codes, names }),
            days: self.days.as_deref(),
        }
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
