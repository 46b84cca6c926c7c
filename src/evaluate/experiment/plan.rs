//! An experiment before it starts: how many units each arm needs, for how long, and what it could find.

use super::always_valid::{self, DEFAULT_TUNING};
use super::contrast::Metric;
use super::group_sequential::{Boundaries, Spending};
use crate::distributions::normal;
use crate::error::EvaluateError;
use serde::Serialize;

/// How the experiment will be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Looks {
    /// Once, at its end.
    Once,
    /// This many times, evenly, with O'Brien–Fleming boundaries.
    Planned(usize),
    /// At any time.
    Always,
}

/// What is planned.
#[derive(Debug, Clone, PartialEq)]
pub struct PlanQuestion {
    /// Mean, share or ratio in control.
    pub baseline: f64,
    /// Variance of one unit's part in it in control, and in treatment when it differs.
    pub variances: [f64; 2],
    /// Share of the variance that what is known before explains.
    pub explained: f64,
    /// Share of the units of each arm, control first; they sum to 1.
    pub allocation: Vec<f64>,
    /// Level of the interval of each arm against control, before arms are counted.
    pub level: f64,
    /// Chance of finding the effect.
    pub power: f64,
    /// Correlation within a cluster and units in one.
    pub clusters: Option<(f64, f64)>,
    /// How often it is looked at.
    pub looks: Looks,
}

/// The plan.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plan {
    /// Effect in units of the metric.
    pub effect: f64,
    /// The same as a share of the baseline.
    pub relative_effect: f64,
    /// Units of each arm, control first.
    pub units: Vec<f64>,
    /// Units of all arms.
    pub total: f64,
    /// Clusters of all arms, where clusters are dealt.
    pub clusters: Option<f64>,
    /// Chance of finding it in any one arm.
    pub power: f64,
    /// Level of each interval after arms were counted (Bonferroni).
    pub level: f64,
    /// Factor on the units for clusters, `1 + (m − 1)·ICC`.
    pub design_effect: f64,
    /// Factor on the units for looking more than once.
    pub looks_factor: f64,
    /// Share of the units that adjusting for what is known before saves.
    pub saved: f64,
    /// z at each planned look beyond which it stops; empty otherwise.
    pub boundaries: Vec<f64>,
}

impl PlanQuestion {
    /// A question about the mean, or with a denominator the ratio, of units like these, adjusted for
    /// what is known before.
    #[must_use]
    pub fn of_history(metric: &Metric) -> Self {
        let explained = metric.before.map_or(0.0, |before| {
            let product = before.variance * metric.variance;
            if product > 0.0 { before.covariance * before.covariance / product } else { 0.0 }
        });
        Self { explained, ..Self::new(metric.estimate, metric.variance) }
    }

    /// A question about a mean with this variance: two even arms, 95 %, power 80 %, one look.
    #[must_use]
    pub fn new(baseline: f64, variance: f64) -> Self {
        Self {
            baseline,
            variances: [variance; 2],
            explained: 0.0,
            allocation: vec![0.5, 0.5],
            level: 0.95,
            power: 0.8,
            clusters: None,
            looks: Looks::Once,
        }
    }

    /// The units that find this effect.
    ///
    /// # Errors
    /// [`EvaluateError::InvalidSetting`] for settings outside their range, or an effect of 0.
    pub fn for_effect(&self, effect: f64) -> Result<Plan, EvaluateError> {
        self.check()?;
        setting(effect != 0.0 && effect.is_finite(), "effect", "an effect other than 0", effect)?;
        let total = self.total(effect)?;
        self.plan(effect, total)
    }

    /// The smallest effect that this many units of all arms find.
    ///
    /// # Errors
    /// [`EvaluateError::InvalidSetting`] for settings outside their range.
    pub fn for_units(&self, total: f64) -> Result<Plan, EvaluateError> {
        self.check()?;
        setting(total >= 4.0 && total.is_finite(), "units", "at least 4 units", total)?;
        let reach = match self.looks {
            Looks::Always => always_valid::reach(total, self.rho(), self.alpha()),
            _ => normal::upper_quantile(self.alpha() / 2.0),
        };
        let factor = self.planned_factor()?;
        let errors = reach + normal::upper_quantile(1.0 - self.power);
        self.plan(errors * (factor * self.spread() / total).sqrt(), total)
    }

    fn rho(&self) -> f64 {
        always_valid::rho(self.alpha(), DEFAULT_TUNING)
    }

    fn alpha(&self) -> f64 {
        (1.0 - self.level) / (self.allocation.len() as f64 - 1.0)
    }

    /// Variance of the difference for one unit of all arms, at the smallest treatment arm.
    fn spread(&self) -> f64 {
        let smallest = self.allocation[1..].iter().copied().fold(f64::INFINITY, f64::min);
        let kept = (1.0 - self.explained) * self.design_effect();
        kept * (self.variances[0] / self.allocation[0] + self.variances[1] / smallest)
    }

    fn design_effect(&self) -> f64 {
        self.clusters.map_or(1.0, |(correlation, size)| 1.0 + (size - 1.0) * correlation)
    }

    fn shares(looks: usize) -> Vec<f64> {
        (1..=looks).map(|k| k as f64 / looks as f64).collect()
    }

    /// Factor on the units of planned looks; 1 for others.
    fn planned_factor(&self) -> Result<f64, EvaluateError> {
        let Looks::Planned(looks) = self.looks else { return Ok(1.0) };
        let (shares, alpha) = (Self::shares(looks), self.alpha());
        let bounds = Boundaries::spending(&shares, alpha, Spending::OBrienFleming)?;
        Ok(bounds.inflation(&shares, alpha, self.power).powi(2))
    }

    /// Units of all arms.
    fn total(&self, effect: f64) -> Result<f64, EvaluateError> {
        let alpha = self.alpha();
        let beta = normal::upper_quantile(1.0 - self.power);
        let one = |reach: f64| (reach + beta).powi(2) * self.spread() / (effect * effect);
        let once = one(normal::upper_quantile(alpha / 2.0));
        if self.looks == Looks::Always {
            // The boundary widens with the units: a fixed point, contracting fast.
            let step = |n: f64| one(always_valid::reach(n, self.rho(), alpha));
            return Ok((0..100).fold(once, |n, _| step(n)));
        }
        Ok(once * self.planned_factor()?)
    }

    fn plan(&self, effect: f64, total: f64) -> Result<Plan, EvaluateError> {
        let once = Self { looks: Looks::Once, ..self.clone() };
        let looks_factor = match self.looks {
            Looks::Once => 1.0,
            Looks::Planned(_) => self.planned_factor()?,
            Looks::Always => total / once.total(effect)?,
        };
        let units: Vec<f64> = self.allocation.iter().map(|share| (share * total).ceil()).collect();
        let all = units.iter().sum::<f64>();
        let boundaries = match self.looks {
            Looks::Planned(looks) => {
                let shares = Self::shares(looks);
                Boundaries::spending(&shares, self.alpha(), Spending::OBrienFleming)?.z
            }
            _ => Vec::new(),
        };
        Ok(Plan {
            effect,
            relative_effect: effect / self.baseline.abs(),
            clusters: self.clusters.map(|(_, size)| (all / size).ceil()),
            total: all,
            units,
            power: self.power,
            level: 1.0 - self.alpha(),
            design_effect: self.design_effect(),
            looks_factor,
            saved: self.explained,
            boundaries,
        })
    }

    fn check(&self) -> Result<(), EvaluateError> {
        let inside = |x: f64| x > 0.0 && x < 1.0;
        setting(inside(self.level), "level", "a number between 0 and 1", self.level)?;
        setting(inside(self.power), "power", "a number between 0 and 1", self.power)?;
        for variance in self.variances {
            let fine = variance > 0.0 && variance.is_finite();
            setting(fine, "variance", "a variance above 0", variance)?;
        }
        let sum: f64 = self.allocation.iter().sum();
        let shares = self.allocation.len() >= 2 && self.allocation.iter().all(|s| *s > 0.0);
        let expected = "shares above 0 of at least two arms that sum to 1";
        setting(shares && (sum - 1.0).abs() < 1e-9, "allocation", expected, sum)?;
        let explained = (0.0..1.0).contains(&self.explained);
        setting(explained, "explained", "a share from 0 to below 1", self.explained)?;
        if let Some((correlation, size)) = self.clusters {
            let expected = "a correlation from 0 to 1";
            setting((0.0..=1.0).contains(&correlation), "icc", expected, correlation)?;
            setting(size >= 1.0, "cluster size", "at least 1 unit in a cluster", size)?;
        }
        let looks = match self.looks {
            Looks::Planned(looks) => looks,
            _ => 1,
        };
        setting((1..=50).contains(&looks), "looks", "1 to 50 looks", looks as f64)
    }
}

fn setting(
    fine: bool,
    name: &'static str,
    expected: &'static str,
    found: f64,
) -> Result<(), EvaluateError> {
    if fine { Ok(()) } else { Err(EvaluateError::InvalidSetting { name, expected, found }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_textbook_number_and_what_changes_it() {
        // Half a standard deviation: 2·(1.96 + 0.84)²·2² = 62.8 per arm.
        let plain = PlanQuestion::new(10.0, 4.0);
        let plan = plain.for_effect(1.0).expect("an effect");
        assert_eq!((plan.units.as_slice(), plan.total), ([63.0, 63.0].as_slice(), 126.0));
        assert!((plan.relative_effect - 0.1).abs() < 1e-15);
        let total = |question: &PlanQuestion| question.for_effect(1.0).expect("an effect").total;
        let half = PlanQuestion { explained: 0.5, ..plain.clone() };
        assert_eq!(total(&half), 64.0);
        let stores = PlanQuestion { clusters: Some((0.05, 21.0)), ..plain.clone() };
        let plan = stores.for_effect(1.0).expect("an effect");
        assert_eq!((plan.design_effect, plan.clusters), (2.0, Some(12.0)));
        let thirds = vec![1.0 / 3.0; 3];
        let three = PlanQuestion { allocation: thirds, ..plain.clone() };
        let plan = three.for_effect(1.0).expect("an effect");
        assert!((plan.level - 0.975).abs() < 1e-12 && plan.units[0] > 63.0);
        let looks = |looks| PlanQuestion { looks, ..plain.clone() };
        let five = looks(Looks::Planned(5)).for_effect(0.1).expect("an effect");
        assert!((five.looks_factor - 1.025).abs() < 0.01 && five.boundaries.len() == 5);
        let always = looks(Looks::Always).for_effect(0.1).expect("an effect");
        assert!(always.looks_factor > 1.3 && always.looks_factor < 2.5, "{always:?}");
    }

    #[test]
    fn units_and_effects_undo_each_other() {
        for looks in [Looks::Once, Looks::Planned(3), Looks::Always] {
            let question = PlanQuestion { looks, ..PlanQuestion::new(5.0, 9.0) };
            let plan = question.for_effect(0.2).expect("an effect");
            let back = question.for_units(plan.total).expect("units");
            // Rounded up to whole units of each arm.
            assert!((back.effect / 0.2 - 1.0).abs() < 1e-3, "{looks:?} {}", back.effect);
        }
        let plain = PlanQuestion::new(5.0, 9.0);
        assert!(plain.for_effect(0.0).is_err() && plain.for_units(1.0).is_err());
        let one = PlanQuestion { allocation: vec![1.0], ..plain.clone() };
        assert!(one.for_effect(1.0).is_err());
        let looks = PlanQuestion { looks: Looks::Planned(0), ..plain };
        assert!(looks.for_effect(1.0).is_err());
    }
}
