//! Sums over all customers of a stretch of weeks, and what they say about levels.

use super::judge::{CardLine, CardVerdict, judge_coverage, judge_error};
use super::spread::Spread;
use promopt_envs::retail::WeekRecord;
use serde::{Deserialize, Serialize};

/// What a stretch of weeks looked like, over all customers.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Tally {
    /// Revenue by week, money, shape `[n_weeks]`.
    pub(super) revenue: Vec<f64>,
    /// Units by week, shape `[n_weeks]`.
    pub(super) units: Vec<f64>,
    /// Revenue by persona, money, shape `[n_personas]`.
    persona_revenue: Vec<f64>,
    /// Visit weeks with a purchase by category, shape `[n_categories]`.
    purchases: Vec<f64>,
    customer_weeks: f64,
    visits: f64,
    gross: f64,
    discount: f64,
    margin: f64,
}

impl Tally {
    pub(super) fn new(n_weeks: usize, n_personas: usize, n_categories: usize) -> Self {
        Self {
            revenue: vec![0.0; n_weeks],
            units: vec![0.0; n_weeks],
            persona_revenue: vec![0.0; n_personas],
            purchases: vec![0.0; n_categories],
            ..Self::default()
        }
    }

    pub(super) fn add(&mut self, week: usize, persona: usize, record: &WeekRecord) {
        let revenue = record.revenue();
        self.revenue[week] += revenue;
        self.persona_revenue[persona] += revenue;
        self.margin += record.contribution();
        self.customer_weeks += 1.0;
        self.visits += f64::from(u8::from(record.visited()));
        for (count, c) in self.purchases.iter_mut().zip(&record.categories) {
            *count += f64::from(u8::from(c.units > 0.0));
            self.units[week] += c.units;
            self.gross += c.gross;
            self.discount += c.shelf_discount + c.offer_discount;
        }
    }

    fn all_purchases(&self) -> f64 {
        self.purchases.iter().sum()
    }

    fn all_units(&self) -> f64 {
        self.units.iter().sum()
    }

    fn all_revenue(&self) -> f64 {
        self.revenue.iter().sum()
    }
}

/// One weekly figure: what happened, and what the replications say.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Banded {
    /// In the history.
    pub actual: f64,
    /// Mean over the replications.
    pub simulated: f64,
    /// Band that a new replication lies in with probability 80 %.
    pub band_80: (f64, f64),
    /// Band that a new replication lies in with probability 95 %.
    pub band_95: (f64, f64),
}

impl Banded {
    /// The bands run between order statistics: of R exchangeable values, a further one lies between
    /// the k-th from either end with probability `1 − 2k/(R + 1)`; k is rounded down.
    pub(super) fn new(actual: f64, mut replications: Vec<f64>) -> Self {
        replications.sort_unstable_by(f64::total_cmp);
        let n = replications.len();
        let band = |level: f64| {
            let k = ((1.0 - level) / 2.0 * (n as f64 + 1.0) + 1e-9).floor().max(1.0) as usize;
            (replications[k - 1], replications[n - k])
        };
        let simulated = replications.iter().sum::<f64>() / n as f64;
        Self { actual, simulated, band_80: band(0.8), band_95: band(0.95) }
    }

    fn error(&self) -> f64 {
        ((self.simulated - self.actual) / self.actual).abs()
    }
}

/// One held-out week.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CardWeek {
    /// First day, ISO.
    pub week: String,
    /// Revenue, money.
    pub revenue: Banded,
    /// Units.
    pub units: Banded,
}

/// Lines about weekly totals: their mean absolute error, and how often the bands hold them.
pub(super) fn weekly_lines(weeks: &[CardWeek]) -> Vec<CardLine> {
    let mut lines = Vec::new();
    for (what, of) in
        [("revenue", (|w| w.revenue) as fn(&CardWeek) -> Banded), ("units", |w: &CardWeek| w.units)]
    {
        let error = weeks.iter().map(|w| of(w).error()).sum::<f64>() / weeks.len() as f64;
        lines.push(CardLine {
            line: format!("weekly {what}: mean absolute error"),
            actual: None,
            simulated: Some(Spread::exact(error)),
            band: "at most 5 % of the week".to_owned(),
            verdict: judge_error(error, 0.05),
            note: String::new(),
        });
        for (level, band) in
            [(0.8, (|b| b.band_80) as fn(Banded) -> (f64, f64)), (0.95, |b: Banded| b.band_95)]
        {
            let holds = |w: &&CardWeek| {
                let (low, high) = band(of(w));
                (low..=high).contains(&of(w).actual)
            };
            let (inside, n) = (weeks.iter().filter(holds).count(), weeks.len());
            lines.push(CardLine {
                line: format!("weekly {what}: weeks inside the {:.0} % band", level * 100.0),
                actual: Some(level),
                simulated: Some(Spread::exact(inside as f64 / n as f64)),
                band: "a count of weeks with a binomial tail of 10 % or more".to_owned(),
                verdict: judge_coverage(inside as u64, n as u64, level),
                note: format!("{inside} of {n} weeks"),
            });
        }
    }
    lines
}

/// Lines about levels over all held-out weeks: everybody, then the worst category and persona.
pub(super) fn level_lines(
    actual: &Tally,
    simulated: &[Tally],
    categories: &[String],
) -> Vec<CardLine> {
    type Figure = (&'static str, fn(&Tally) -> f64, f64);
    let figures: [Figure; 9] = [
        ("margin per customer-week", |t| t.margin / t.customer_weeks, 0.05),
        ("visit rate", |t| t.visits / t.customer_weeks, 0.05),
        ("interpurchase time: weeks per visit week", |t| t.customer_weeks / t.visits, 0.05),
        ("basket size: units per visit week", |t| t.all_units() / t.visits, 0.05),
        ("basket value: revenue per visit week", |t| t.all_revenue() / t.visits, 0.05),
        ("category incidence: categories per visit week", |t| t.all_purchases() / t.visits, 0.05),
        ("quantity: units per category purchase", |t| t.all_units() / t.all_purchases(), 0.05),
        ("price: regular value per unit", |t| t.gross / t.all_units(), 0.05),
        ("share bought on deal: discount over regular value", |t| t.discount / t.gross, 0.10),
    ];
    let level = |(line, figure, band): &Figure| {
        let real = figure(actual);
        let simulated = Spread::of(simulated.iter().map(figure));
        CardLine {
            line: (*line).to_owned(),
            actual: Some(real),
            simulated,
            band: format!("within {:.0} % of the held-out weeks", band * 100.0),
            verdict: simulated
                .map_or(CardVerdict::Fail, |s| judge_error(s.mean / real - 1.0, *band)),
            note: String::new(),
        }
    };
    let mut lines: Vec<CardLine> = figures.iter().map(level).collect();
    let name = |i: usize| categories.get(i).cloned().unwrap_or_default();
    let persona = |i: usize| format!("persona {i}");
    lines.extend([
        worst("category incidence: worst category", actual, simulated, |t| &t.purchases, name),
        worst("revenue: worst persona", actual, simulated, |t| &t.persona_revenue, persona),
    ]);
    lines
}

/// The part whose total is furthest off, relative to itself.
fn worst(
    line: &str,
    actual: &Tally,
    simulated: &[Tally],
    parts: fn(&Tally) -> &Vec<f64>,
    name: impl Fn(usize) -> String,
) -> CardLine {
    let error = |i: usize, real: f64| {
        Spread::of(simulated.iter().map(|t| parts(t)[i] / real - 1.0)).map(|s| (i, s))
    };
    let real = parts(actual).iter().copied().enumerate().filter(|(_, real)| *real > 0.0);
    let found = real
        .filter_map(|(i, real)| error(i, real))
        .max_by(|a, b| a.1.mean.abs().total_cmp(&b.1.mean.abs()));
    CardLine {
        line: line.to_owned(),
        actual: None,
        simulated: found.map(|(_, s)| s),
        band: "off by at most 10 %".to_owned(),
        verdict: found.map_or(CardVerdict::Fail, |(_, s)| judge_error(s.mean, 0.10)),
        note: found.map(|(i, _)| name(i)).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use promopt_envs::retail::CategoryWeek;

    fn tally(units: &[[f64; 2]]) -> Tally {
        let mut tally = Tally::new(units.len(), 1, 2);
        for (week, units) in units.iter().enumerate() {
            let mut record = WeekRecord::empty(2);
            for (c, units) in record.categories.iter_mut().zip(units) {
                let (gross, cost) = (2.0 * units, *units);
                *c = CategoryWeek { units: *units, gross, cost, ..CategoryWeek::default() };
            }
            tally.add(week, 0, &record);
        }
        tally
    }

    fn week(revenue: f64, band: (f64, f64)) -> CardWeek {
        let banded = Banded { actual: 100.0, simulated: revenue, band_80: band, band_95: band };
        CardWeek { week: "2017-01-02".to_owned(), revenue: banded, units: banded }
    }

    #[test]
    fn bands_of_seventy_nine_are_the_eighth_and_second_from_either_end() {
        // 1 - 2 * 8 / 80 = 0.8 and 1 - 2 * 2 / 80 = 0.95.
        let banded = Banded::new(40.0, (1..=79).rev().map(f64::from).collect());
        assert_eq!((banded.band_80, banded.band_95), ((8.0, 72.0), (2.0, 78.0)));
        assert_eq!(banded.simulated, 40.0);
    }

    #[test]
    fn a_band_of_too_few_is_their_range() {
        assert_eq!(Banded::new(0.0, vec![3.0, 1.0]).band_95, (1.0, 3.0));
    }

    #[test]
    fn weekly_lines_state_error_and_coverage() {
        let mut weeks = vec![week(104.0, (90.0, 110.0)); 8];
        weeks[0] = week(112.0, (101.0, 120.0));
        let lines = weekly_lines(&weeks);
        assert_eq!(lines.len(), 6);
        let value = |i: usize| lines[i].simulated.expect("there is one").mean;
        assert!((value(0) - 0.05).abs() < 1e-12);
        assert_eq!((value(1), value(2)), (0.875, 0.875));
        assert_eq!(lines[1].verdict, CardVerdict::Pass);
        // P(X <= 7) of eight at 95 % is 0.337.
        assert_eq!(lines[2].verdict, CardVerdict::Pass);
    }

    #[test]
    fn a_world_like_the_weeks_passes_every_level() {
        let real = tally(&[[2.0, 1.0], [0.0, 0.0], [4.0, 0.0]]);
        let names = ["dairy".to_owned(), "other".to_owned()];
        let lines = level_lines(&real, &[real.clone(), real.clone()], &names);
        assert_eq!(lines.len(), 11);
        let passes = |l: &&CardLine| l.verdict == CardVerdict::Pass;
        // Nothing was discounted: 0 / 0 of a relative error cannot pass.
        assert_eq!(lines.iter().filter(passes).count(), 10);
        assert_eq!(lines[1].actual, Some(2.0 / 3.0));
        assert_eq!(lines[3].actual, Some(3.5));
    }

    #[test]
    fn the_worst_category_is_named() {
        let real = tally(&[[2.0, 1.0], [2.0, 1.0]]);
        let fitted = tally(&[[2.0, 0.0], [2.0, 1.0]]);
        let names = ["dairy".to_owned(), "other".to_owned()];
        let lines = level_lines(&real, &[fitted], &names);
        let line = &lines[9];
        assert_eq!(line.note, "other");
        assert_eq!(line.simulated, Some(Spread::exact(-0.5)));
        assert_eq!(line.verdict, CardVerdict::Fail);
    }
}
