//! Does the arena repeat what was published? One line per claim.

use super::arms::NONE;
use super::published::{Published, paper, replication};
use super::{ArenaComparison, ArenaRow, MARGIN_RATES, Totals, over_worlds};
use crate::EvaluateError;
use serde::{Deserialize, Serialize};

/// Two figures agree within this many standard errors of their difference.
const ERRORS: f64 = 2.0;
/// The fixed-arm curve agrees when no point is farther away than this, relatively.
const CURVE: f64 = 0.1;
/// Where the paper's curve is lowest, and one coupon to either side.
const LOWEST: (f64, f64) = (0.30, 0.45);

/// One claim and whether it holds here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// What is claimed.
    pub claim: String,
    /// What was found here.
    pub found: String,
    /// What was published.
    pub expected: String,
    /// Whether both agree.
    pub agrees: bool,
}

/// All claims that the played arms allow to judge.
///
/// # Errors
/// [`EvaluateError::InvalidSetting`] when an interval cannot be computed, which two worlds rule out.
pub fn verdicts(comparison: &ArenaComparison) -> Result<Vec<Verdict>, EvaluateError> {
    let rows = &comparison.rows;
    let find = |name: &str| rows.iter().find(|row| row.arm == name);
    let mut verdicts = Vec::new();
    let mut ratio = |name: &str, whose: &str, published: Option<Published>| {
        if let (Some(row), Some(published)) = (find(name), published) {
            verdicts.extend(same_ratio(row, whose, &published));
        }
    };
    ratio(NONE, "published", paper(NONE));
    ratio(NONE, "replicated", replication(NONE));
    ratio("segment 50 %", "replicated", replication("segment 50 %"));
    verdicts.extend(curve(rows));
    verdicts.extend(shape(comparison)?);
    verdicts.extend(margin(rows));
    Ok(verdicts)
}

/// Two ratios agree within their common error.
fn same_ratio(row: &ArenaRow, whose: &str, published: &Published) -> Option<Verdict> {
    let error = published.standard_error?;
    let ours = row.revenue_ratio;
    let common = error.hypot(ours.standard_error);
    Some(Verdict {
        claim: format!("{} × random, as {whose}", row.arm),
        found: format!("{:.3} ± {:.3}", ours.estimate, ours.standard_error),
        expected: format!("{:.3} ± {error:.3}", published.revenue_ratio),
        agrees: (ours.estimate - published.revenue_ratio).abs() <= ERRORS * common,
    })
}

/// The fixed arms lie near the published curve.
fn curve(rows: &[ArenaRow]) -> Option<Verdict> {
    let distances = rows.iter().filter_map(|row| {
        let published = row.fixed_coupon.and_then(|_| paper(&row.arm))?.revenue_ratio;
        Some((row, row.revenue_ratio.estimate / published - 1.0))
    });
    let (row, farthest) = distances.max_by(|a, b| a.1.abs().total_cmp(&b.1.abs()))?;
    Some(Verdict {
        claim: "fixed-arm curve, farthest point".to_owned(),
        found: format!("{:+.1} % at {}", farthest * 100.0, row.arm),
        expected: format!("within {:.0} %", CURVE * 100.0),
        agrees: farthest.abs() <= CURVE,
    })
}

/// The curve falls, is lowest near 35–40 % and turns up again.
fn shape(comparison: &ArenaComparison) -> Result<Vec<Verdict>, EvaluateError> {
    let fixed = || comparison.rows.iter().enumerate().filter(|(_, row)| row.fixed_coupon.is_some());
    let by_ratio = |a: &(usize, &ArenaRow), b: &(usize, &ArenaRow)| {
        a.1.revenue_ratio.estimate.total_cmp(&b.1.revenue_ratio.estimate)
    };
    let (Some((lowest, row)), Some((deepest, last))) =
        (fixed().min_by(by_ratio), fixed().next_back())
    else {
        return Ok(Vec::new());
    };
    let coupon = row.fixed_coupon.unwrap_or(f64::NAN);
    let near = coupon > LOWEST.0 - 1e-9 && coupon < LOWEST.1 + 1e-9;
    let rise = |world: &Vec<Totals>| world[deepest].revenue / world[lowest].revenue - 1.0;
    let rise = over_worlds(&comparison.totals.iter().map(rise).collect::<Vec<_>>())?;
    Ok(vec![
        Verdict {
            claim: "lowest fixed coupon".to_owned(),
            found: row.arm.clone(),
            expected: "35–40 %, to within one step".to_owned(),
            agrees: near,
        },
        Verdict {
            claim: format!("upturn at {}", last.arm),
            found: format!("{:+.3} ± {:.3}", rise.estimate, rise.standard_error),
            expected: "+0.051, above 0".to_owned(),
            agrees: rise.lower > 0.0,
        },
    ])
}

/// At the lowest gross margin rate no arm keeps more than giving no coupon.
fn margin(rows: &[ArenaRow]) -> Option<Verdict> {
    let over = |row: &ArenaRow| row.margins_over_none.first().copied();
    let others = rows.iter().filter(|row| row.arm != NONE);
    let best = others.filter_map(|row| Some((row, over(row)?)));
    let (row, gain) = best.max_by(|a, b| a.1.estimate.total_cmp(&b.1.estimate))?;
    Some(Verdict {
        claim: format!("best coupon policy at {:.0} % gross margin", MARGIN_RATES[0] * 100.0),
        found: format!("{}: {:+.3} ± {:.3} a week", row.arm, gain.estimate, gain.standard_error),
        expected: "keeps less than no coupon".to_owned(),
        agrees: gain.upper < 0.0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Interval;

    fn interval(estimate: f64, error: f64) -> Interval {
        Interval::student(estimate, error, 9.0, 0.95).expect("valid")
    }

    fn row(arm: &str, coupon: f64, ratio: f64, over_none: f64) -> ArenaRow {
        ArenaRow {
            arm: arm.to_owned(),
            fixed_coupon: Some(coupon),
            revenue: interval(1.0, 0.1),
            revenue_ratio: interval(ratio, 0.01),
            units_ratio: interval(1.0, 0.0),
            retention: interval(0.8, 0.0),
            coupon,
            margins: vec![interval(0.0, 0.1)],
            margins_over_none: vec![interval(over_none, 0.01)],
        }
    }

    fn comparison(rows: Vec<ArenaRow>) -> ArenaComparison {
        let totals = |shift: f64| {
            let of = |row: &ArenaRow| Totals {
                revenue: row.revenue_ratio.estimate + shift,
                ..Totals::default()
            };
            rows.iter().map(of).collect()
        };
        let totals = vec![totals(0.0), totals(0.001)];
        ArenaComparison { protocol: Default::default(), rows, totals }
    }

    #[test]
    fn the_published_curve_agrees_with_itself() {
        let published = [(NONE, 0.0), ("20 %", 0.2), ("35 %", 0.35), ("50 %", 0.5)];
        let rows = published.map(|(arm, coupon)| {
            row(arm, coupon, paper(arm).expect("published").revenue_ratio, -coupon)
        });
        let verdicts = verdicts(&comparison(rows.to_vec())).expect("judged");
        assert_eq!(verdicts.len(), 6);
        assert!(verdicts.iter().all(|verdict| verdict.agrees), "{verdicts:?}");
    }

    #[test]
    fn a_curve_that_never_turns_or_pays_does_not_agree() {
        let rows = vec![row(NONE, 0.0, 1.4, 0.0), row("50 %", 0.5, 0.7, 0.4)];
        let verdicts = verdicts(&comparison(rows)).expect("judged");
        assert!(verdicts.iter().all(|verdict| !verdict.agrees), "{verdicts:?}");
    }
}
