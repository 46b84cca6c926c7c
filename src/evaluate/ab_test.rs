//! The simulated A/B test: the same customers, worlds and seeds under every arm, read in pairs.

use super::error::EvaluateError;
use super::interval::Interval;
use super::logged::at_least;
use super::paired::{PairedEstimate, paired};
use super::ratio::{Ratio, ratio_of_means};
use serde::{Deserialize, Serialize};

/// Figures about fewer customers than this are suppressed: they would speak about persons.
pub const SMALL_CELL: usize = 10;

/// What each customer did in one world over the whole horizon, each shape `[n_customers]`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CustomerTotals {
    /// Contribution margin after all promotion cost, money.
    pub margin: Vec<f64>,
    /// Revenue, money.
    pub revenue: Vec<f64>,
    /// Number of offers sent.
    pub contacts: Vec<f64>,
    /// Cost of the offers redeemed and of the contacts, money.
    pub promotion_cost: Vec<f64>,
}

/// The outcomes of one arm in every world.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ArmOutcomes {
    /// Name of the arm, such as `control`, `current` or `dqn`.
    pub arm: String,
    /// One entry per world (posterior draw), in the order of [`SimulatedOutcomes::worlds`].
    pub draws: Vec<CustomerTotals>,
}

/// Everything a simulated test yields, before any check.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SimulatedOutcomes {
    /// Weeks simulated per customer.
    pub n_weeks: u32,
    /// Identity of each world, such as its seed; shared by all arms.
    pub worlds: Vec<u64>,
    /// Names of the personas.
    pub persona_names: Vec<String>,
    /// Persona of each customer as an index into the names, shape `[n_customers]`.
    pub personas: Vec<usize>,
    /// The arms, each with the same customers in the same worlds under common random numbers.
    pub arms: Vec<ArmOutcomes>,
}

/// Validated outcomes of a simulated test with any number of arms.
#[derive(Debug, Clone, PartialEq)]
pub struct SimulatedTest {
    outcomes: SimulatedOutcomes,
    everyone: Vec<usize>,
}

/// A difference between two arms per customer-week, absolute and relative.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Uplift {
    /// Treatment minus reference, per customer-week.
    pub per_customer_week: PairedEstimate,
    /// The same as a fraction of the reference (0.05 is +5 %), the reference's own uncertainty
    /// included; `None` when the reference is not above zero.
    pub relative: Option<Interval>,
}

/// The margin uplift of one persona.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PersonaUplift {
    /// Name of the persona.
    pub persona: String,
    /// Its customers in the test; `None` when suppressed.
    pub n_customers: Option<usize>,
    /// Its margin uplift; `None` when suppressed.
    pub margin: Option<Uplift>,
    /// Why there is no figure.
    pub suppressed: Option<String>,
}

/// Two arms compared on the same customers in the same worlds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Arm that is judged.
    pub treatment: String,
    /// Arm that it is compared with.
    pub reference: String,
    /// Number of customers.
    pub n_customers: usize,
    /// Number of worlds; with one, intervals leave model uncertainty out.
    pub n_worlds: usize,
    /// Difference in margin after promotion cost.
    pub margin: Uplift,
    /// Difference in revenue.
    pub revenue: Uplift,
    /// Difference in offers sent.
    pub contacts: Uplift,
    /// Difference in promotion cost.
    pub promotion_cost: Uplift,
    /// Margin uplift of each persona, in the order of the names. No correction for looking at many.
    pub personas: Vec<PersonaUplift>,
}

/// What a unit of money spent on promotions brings, one arm against another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PromotionReturn {
    /// Incremental margin before promotion cost over incremental promotion cost; 1 breaks even.
    pub return_on_cost: Ratio,
    /// Incremental promotion cost over incremental margin after that cost.
    pub cost_per_margin: Ratio,
}

/// The level of one arm, per customer-week.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ArmLevel {
    /// Name of the arm.
    pub arm: String,
    /// Margin after promotion cost.
    pub margin: Interval,
    /// Revenue.
    pub revenue: Interval,
    /// Offers sent.
    pub contacts: Interval,
    /// Promotion cost.
    pub promotion_cost: Interval,
}

type Metric = fn(&CustomerTotals) -> &Vec<f64>;

impl SimulatedTest {
    /// Checks that every arm has every customer in every world.
    ///
    /// # Errors
    /// [`EvaluateError`] for columns of the wrong length (naming the column), values that are not
    /// finite, unknown personas, arms named twice, no weeks, no worlds or fewer than
    /// [`SMALL_CELL`] customers.
    pub fn new(outcomes: SimulatedOutcomes) -> Result<Self, EvaluateError> {
        let n_customers = outcomes.personas.len();
        at_least("weeks", 1, outcomes.n_weeks as usize, "simulate a horizon of a week or more")?;
        at_least("worlds", 1, outcomes.worlds.len(), "simulate at least one world")?;
        at_least("customers", SMALL_CELL, n_customers, "simulate more customers")?;
        let n_personas = outcomes.persona_names.len();
        if let Some(row) = outcomes.personas.iter().position(|&persona| persona >= n_personas) {
            return Err(EvaluateError::InvalidValue {
                row,
                column: "persona".into(),
                expected: "an index into the persona names",
                found: outcomes.personas[row] as f64,
                advice: "assign every customer to a named persona",
            });
        }
        for (at, arm) in outcomes.arms.iter().enumerate() {
            if outcomes.arms[..at].iter().any(|earlier| earlier.arm == arm.arm) {
                let (expected, found) = ("arms with names of their own", arm.arm.clone());
                return Err(EvaluateError::Arm { expected, found, arms: names(&outcomes) });
            }
            check_arm(arm, outcomes.worlds.len(), n_customers)?;
        }
        Ok(Self { outcomes, everyone: (0..n_customers).collect() })
    }

    /// Names of the arms, in the order given.
    #[must_use]
    pub fn arm_names(&self) -> Vec<String> {
        names(&self.outcomes)
    }

    /// Identities of the worlds.
    #[must_use]
    pub fn worlds(&self) -> &[u64] {
        &self.outcomes.worlds
    }

    /// Compares two arms in total and per persona; see [`paired`] for the interval.
    ///
    /// # Errors
    /// [`EvaluateError::Arm`] for an unknown arm, [`EvaluateError::InvalidSetting`] for a level
    /// outside `(0, 1)`.
    pub fn compare(
        &self,
        treatment: &str,
        reference: &str,
        level: f64,
    ) -> Result<Comparison, EvaluateError> {
        let arms = (self.arm(treatment)?, self.arm(reference)?);
        let total = |metric: Metric| self.uplift(arms, metric, &self.everyone, level);
        Ok(Comparison {
            treatment: treatment.to_owned(),
            reference: reference.to_owned(),
            n_customers: self.everyone.len(),
            n_worlds: self.outcomes.worlds.len(),
            margin: total(|totals| &totals.margin)?,
            revenue: total(|totals| &totals.revenue)?,
            contacts: total(|totals| &totals.contacts)?,
            promotion_cost: total(|totals| &totals.promotion_cost)?,
            personas: self.persona_margins(treatment, reference, level)?,
        })
    }

    /// The paired margin difference of two arms alone, per customer-week.
    ///
    /// # Errors
    /// As [`SimulatedTest::compare`].
    pub fn margin_difference(
        &self,
        treatment: &str,
        reference: &str,
        level: f64,
    ) -> Result<PairedEstimate, EvaluateError> {
        let arms = (self.arm(treatment)?, self.arm(reference)?);
        self.difference(arms, |totals| &totals.margin, &self.everyone, level)
    }

    /// What promotion money brings under one arm against another, usually the arm without offers.
    ///
    /// # Errors
    /// As [`SimulatedTest::compare`].
    pub fn promotion_return(
        &self,
        treatment: &str,
        reference: &str,
        level: f64,
    ) -> Result<PromotionReturn, EvaluateError> {
        let arms = (self.arm(treatment)?, self.arm(reference)?);
        let weeks = f64::from(self.outcomes.n_weeks);
        let more = |metric: Metric, world: usize, customer: usize| {
            let treated = metric(&arms.0.draws[world])[customer];
            (treated - metric(&arms.1.draws[world])[customer]) / weeks
        };
        let margin = |w: usize, c: usize| more(|totals| &totals.margin, w, c);
        let cost = |w: usize, c: usize| more(|totals| &totals.promotion_cost, w, c);
        let gross = |w: usize, c: usize| margin(w, c) + cost(w, c);
        let people = (self.outcomes.worlds.len(), self.everyone.as_slice());
        Ok(PromotionReturn {
            return_on_cost: ratio_of_means(people, level, gross, ("promotion cost", cost))?,
            cost_per_margin: ratio_of_means(people, level, cost, ("incremental margin", margin))?,
        })
    }

    /// The margin uplift of each persona, in the order of the names.
    ///
    /// # Errors
    /// As [`SimulatedTest::compare`].
    pub fn persona_margins(
        &self,
        treatment: &str,
        reference: &str,
        level: f64,
    ) -> Result<Vec<PersonaUplift>, EvaluateError> {
        let arms = (self.arm(treatment)?, self.arm(reference)?);
        let personas = 0..self.outcomes.persona_names.len();
        personas.map(|persona| self.persona_uplift(arms, persona, level)).collect()
    }

    /// The level of one arm with intervals, per customer-week.
    ///
    /// # Errors
    /// As [`SimulatedTest::compare`].
    pub fn level_of(&self, arm: &str, level: f64) -> Result<ArmLevel, EvaluateError> {
        let draws = &self.arm(arm)?.draws;
        let weeks = f64::from(self.outcomes.n_weeks);
        let total = |metric: Metric| {
            paired(draws.len(), &self.everyone, level, |w, c| metric(&draws[w])[c] / weeks)
                .map(|found| found.interval)
        };
        Ok(ArmLevel {
            arm: arm.to_owned(),
            margin: total(|totals| &totals.margin)?,
            revenue: total(|totals| &totals.revenue)?,
            contacts: total(|totals| &totals.contacts)?,
            promotion_cost: total(|totals| &totals.promotion_cost)?,
        })
    }

    pub(super) fn arm(&self, name: &str) -> Result<&ArmOutcomes, EvaluateError> {
        let expected = "the name of an arm of the test";
        self.outcomes.arms.iter().find(|arm| arm.arm == name).ok_or_else(|| EvaluateError::Arm {
            expected,
            found: name.to_owned(),
            arms: self.arm_names(),
        })
    }

    fn difference(
        &self,
        (treatment, reference): (&ArmOutcomes, &ArmOutcomes),
        metric: Metric,
        customers: &[usize],
        level: f64,
    ) -> Result<PairedEstimate, EvaluateError> {
        let weeks = f64::from(self.outcomes.n_weeks);
        paired(self.outcomes.worlds.len(), customers, level, |world, customer| {
            let treated = metric(&treatment.draws[world])[customer];
            (treated - metric(&reference.draws[world])[customer]) / weeks
        })
    }

    /// Absolute uplift, and the ratio of means linearised so that its denominator is not fixed:
    /// with `R = T/C`, the deviation of a customer in a world is `(t − R·c) / C`.
    fn uplift(
        &self,
        (treatment, reference): (&ArmOutcomes, &ArmOutcomes),
        metric: Metric,
        customers: &[usize],
        level: f64,
    ) -> Result<Uplift, EvaluateError> {
        let per_customer_week =
            self.difference((treatment, reference), metric, customers, level)?;
        let n_worlds = self.outcomes.worlds.len();
        let average = |arm: &ArmOutcomes| {
            let sum_of = |draw| customers.iter().map(|&c| metric(draw)[c]).sum::<f64>();
            arm.draws.iter().map(sum_of).sum::<f64>() / (n_worlds * customers.len()) as f64
        };
        let base = average(reference);
        let relative = if base > 0.0 {
            let ratio = average(treatment) / base;
            let linear = paired(n_worlds, customers, level, |world, customer| {
                let treated = metric(&treatment.draws[world])[customer];
                ratio - 1.0 + (treated - ratio * metric(&reference.draws[world])[customer]) / base
            })?;
            Some(linear.interval)
        } else {
            None
        };
        Ok(Uplift { per_customer_week, relative })
    }

    fn persona_uplift(
        &self,
        arms: (&ArmOutcomes, &ArmOutcomes),
        persona: usize,
        level: f64,
    ) -> Result<PersonaUplift, EvaluateError> {
        let name = self.outcomes.persona_names[persona].clone();
        let belongs = |customer: &usize| self.outcomes.personas[*customer] == persona;
        let customers: Vec<usize> = self.everyone.iter().copied().filter(belongs).collect();
        if customers.len() < SMALL_CELL {
            let reason = format!("fewer than {SMALL_CELL} customers in the test");
            return Ok(PersonaUplift {
                persona: name,
                n_customers: None,
                margin: None,
                suppressed: Some(reason),
            });
        }
        Ok(PersonaUplift {
            persona: name,
            n_customers: Some(customers.len()),
            margin: Some(self.uplift(arms, |totals| &totals.margin, &customers, level)?),
            suppressed: None,
        })
    }
}

fn names(outcomes: &SimulatedOutcomes) -> Vec<String> {
    outcomes.arms.iter().map(|arm| arm.arm.clone()).collect()
}

fn check_arm(arm: &ArmOutcomes, n_worlds: usize, n_customers: usize) -> Result<(), EvaluateError> {
    if arm.draws.len() != n_worlds {
        let (expected, found) = (n_worlds, arm.draws.len());
        return Err(EvaluateError::WrongLength { column: "draws", expected, found, unit: "world" });
    }
    for totals in &arm.draws {
        let columns = [
            ("margin", &totals.margin),
            ("revenue", &totals.revenue),
            ("contacts", &totals.contacts),
            ("promotion_cost", &totals.promotion_cost),
        ];
        for (column, values) in columns {
            if values.len() != n_customers {
                let (expected, found) = (n_customers, values.len());
                let unit = "customer";
                return Err(EvaluateError::WrongLength { column, expected, found, unit });
            }
            if let Some(row) = values.iter().position(|value| !value.is_finite()) {
                return Err(EvaluateError::InvalidValue {
                    row,
                    column: format!("{column} of arm {}", arm.arm),
                    expected: "a finite number",
                    found: values[row],
                    advice: "check the simulated world of that customer",
                });
            }
        }
    }
    Ok(())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A test with 25 customers, 4 worlds and 2 weeks; each arm adds its bonus (plus a little that
    /// varies by customer and world) to what everybody brings. Persona `rare` has 5 customers.
    pub(crate) fn test_with(arms: &[(&str, f64)]) -> SimulatedTest {
        SimulatedTest::new(outcomes(arms)).expect("the outcomes are valid")
    }

    fn outcomes(arms: &[(&str, f64)]) -> SimulatedOutcomes {
        let totals = |bonus: f64, world: usize| {
            let base = |customer: usize| 10.0 + customer as f64 + world as f64;
            let wobble = |c: usize| bonus * (1.0 + 0.1 * ((c * 7 + world * 3) % 5) as f64);
            CustomerTotals {
                margin: (0..25).map(|c| base(c) + wobble(c)).collect(),
                revenue: (0..25).map(|c| 3.0 * base(c)).collect(),
                contacts: vec![if bonus == 0.0 { 0.0 } else { 2.0 }; 25],
                promotion_cost: vec![bonus.abs(); 25],
            }
        };
        let arm = |&(name, bonus): &(&str, f64)| ArmOutcomes {
            arm: name.to_owned(),
            draws: (0..4).map(|world| totals(bonus, world)).collect(),
        };
        SimulatedOutcomes {
            n_weeks: 2,
            worlds: vec![101, 102, 103, 104],
            persona_names: vec!["regular".into(), "rare".into()],
            personas: (0..25).map(|customer| usize::from(customer >= 20)).collect(),
            arms: arms.iter().map(arm).collect(),
        }
    }

    #[test]
    fn uplift_is_per_customer_week_and_relative_to_the_reference() {
        let test = test_with(&[("control", 0.0), ("policy", 1.0)]);
        let found = test.compare("policy", "control", 0.95).expect("both arms exist");
        // The bonus of 1 grows by 0.1 times the mean of 0..5, to 1.2, over two weeks.
        let uplift = found.margin.per_customer_week.interval;
        assert!((uplift.estimate - 0.6).abs() < 1e-12, "{uplift:?}");
        assert!(uplift.lower > 0.5 && uplift.excludes_zero());
        // Control brings 10 + 12 + 1.5 = 23.5 per customer.
        let relative = found.margin.relative.expect("the reference is positive");
        assert!((relative.estimate - 1.2 / 23.5).abs() < 1e-12);
        assert_eq!(found.revenue.per_customer_week.interval.estimate, 0.0);
        let contacts = found.contacts.per_customer_week.interval;
        assert!((contacts.estimate - 1.0).abs() < 1e-12);
        assert!(found.contacts.relative.is_none(), "control sends no offer");
    }

    #[test]
    fn pairing_removes_what_customers_and_worlds_have_in_common() {
        let test = test_with(&[("control", 0.0), ("policy", 1.0)]);
        let paired = test.margin_difference("policy", "control", 0.95).expect("arms exist");
        let alone = test.level_of("policy", 0.95).expect("the arm exists").margin;
        assert!(paired.interval.standard_error < 0.1 * alone.standard_error);
    }

    #[test]
    fn small_personas_are_suppressed() {
        let test = test_with(&[("control", 0.0), ("policy", 1.0)]);
        let found = test.compare("policy", "control", 0.95).expect("both arms exist");
        assert_eq!(found.personas[0].n_customers, Some(20));
        assert!(found.personas[0].margin.is_some());
        let rare = &found.personas[1];
        assert_eq!((rare.n_customers, &rare.margin), (None, &None));
        let reason = rare.suppressed.as_deref().expect("a reason is given");
        assert_eq!(reason, "fewer than 10 customers in the test");
    }

    #[test]
    fn incomplete_outcomes_are_refused_by_name() {
        let message = |change: fn(&mut SimulatedOutcomes)| {
            let mut broken = outcomes(&[("control", 0.0), ("policy", 1.0)]);
            change(&mut broken);
            SimulatedTest::new(broken).expect_err("the outcomes are broken").to_string()
        };
        assert!(message(|o| o.n_weeks = 0).contains("at least 1 weeks, found 0"));
        assert!(message(|o| o.worlds.clear()).contains("worlds"));
        assert!(message(|o| o.personas[3] = 9).contains("found 9 in row 3 column `persona`"));
        assert!(message(|o| o.arms[1].arm = "control".into()).contains("found `control`"));
        assert!(message(|o| o.arms[1].draws.truncate(3)).contains("4 values in `draws`, found 3"));
        let nan = message(|o| o.arms[1].draws[2].margin[7] = f64::NAN);
        assert!(nan.contains("found NaN in row 7 column `margin of arm policy`"), "{nan}");
        assert!(message(|o| o.arms[0].draws[0].revenue.truncate(1)).contains("`revenue`"));
    }

    #[test]
    fn an_unknown_arm_is_answered_with_the_arms_there_are() {
        let test = test_with(&[("control", 0.0), ("policy", 1.0)]);
        let error = test.compare("dqn", "control", 0.95).expect_err("there is no such arm");
        assert!(error.to_string().ends_with("found `dqn`; the arms are control, policy"));
    }
}
