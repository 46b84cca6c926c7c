//! Policies in the arena: the same worlds, customers and luck for each, beside published results.
//!
//! The read-outs are those of AgentSim (arXiv 2405.10469) as ratios to the uniformly random policy,
//! and contribution margin, which is what a retailer keeps.

pub mod arms;
pub mod handover;
pub mod learned;
pub mod learners;
pub mod log;
pub mod oracle;
pub mod published;
pub mod verdicts;

use super::error::EvaluateError;
use super::interval::{DEFAULT_LEVEL, Interval, mean};
use arms::{Arm, NONE, RANDOM, Situation};
use promopt_envs::arena::{ArenaConfig, ArenaPopulation, ArenaWorld, WeekNoise};
use promopt_envs::{EnvError, SeedTree};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Gross margin rates at which margins are read out.
pub const MARGIN_RATES: [f64; 3] = [0.3, 0.5, 0.65];
/// A customer with a purchase in the last so many weeks counts as retained.
const RETAINED_WITHIN: u32 = 3;

/// What is played.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ArenaProtocol {
    /// Worlds, at least 2.
    pub n_worlds: usize,
    /// Weeks at the end that count; those before warm up.
    pub scored_weeks: u32,
    /// Weeks at the start in which everybody gets random coupons, whatever the arm: the history
    /// that a policy finds when it takes over from the logging one.
    pub history_weeks: u32,
    /// Sizes and parameters; `n_weeks` is the length of a play.
    pub config: ArenaConfig,
}

impl Default for ArenaProtocol {
    /// 20 worlds of 100 customers, 70 weeks of which the last 20 count.
    fn default() -> Self {
        Self { n_worlds: 20, scored_weeks: 20, history_weeks: 0, config: ArenaConfig::default() }
    }
}

/// A world about to be played, for arms that have to be made for it.
#[derive(Debug, Clone, Copy)]
pub struct Stage<'a> {
    /// What will be played.
    pub protocol: &'a ArenaProtocol,
    /// The world of the comparison.
    pub world: &'a ArenaWorld,
    /// The node everything of this world grows from; the luck of the comparison is its child `luck`.
    pub tree: SeedTree,
}

/// Makes the arms of a world, always the same names in the same order.
pub type Cast<'a> = dyn Fn(&Stage<'_>) -> Result<Vec<Arm<'static>>, EvaluateError> + Sync + 'a;

/// What one policy brought in one world.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Totals {
    /// Money paid per customer-week.
    pub revenue: f64,
    /// Base prices of the units bought, per customer-week.
    pub base_value: f64,
    /// Units per customer-week.
    pub units: f64,
    /// Share of customers with a purchase in the last three weeks.
    pub retention: f64,
    /// Mean coupon given.
    pub coupon: f64,
}

impl Totals {
    /// Contribution margin per customer-week at a gross margin rate on base prices.
    #[must_use]
    pub fn margin(&self, rate: f64) -> f64 {
        self.revenue - (1.0 - rate) * self.base_value
    }
}

/// One policy over all worlds; intervals are Student's over worlds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ArenaRow {
    /// Name of the policy.
    pub arm: String,
    /// The coupon of a fixed arm.
    pub fixed_coupon: Option<f64>,
    /// Money paid per customer-week.
    pub revenue: Interval,
    /// Revenue over the random policy's, paired by world.
    pub revenue_ratio: Interval,
    /// Units over the random policy's.
    pub units_ratio: Interval,
    /// Share of customers with a purchase in the last three weeks.
    pub retention: Interval,
    /// Mean coupon given.
    pub coupon: f64,
    /// Contribution margin per customer-week at each of [`MARGIN_RATES`].
    pub margins: Vec<Interval>,
    /// The same less the margin without coupons, paired by world.
    pub margins_over_none: Vec<Interval>,
}

/// The outcome of a comparison.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ArenaComparison {
    /// What was played.
    pub protocol: ArenaProtocol,
    /// One row per arm, in the order they were given.
    pub rows: Vec<ArenaRow>,
    /// The totals behind the rows: `totals[world][arm]`.
    pub totals: Vec<Vec<Totals>>,
}

/// Plays all arms in all worlds. `played` is told after each world, from any thread.
///
/// In one world all arms meet the same draws of parameters, shelf prices, features and dice
/// (common random numbers); worlds are independent. The result does not depend on the number of
/// threads.
///
/// # Errors
/// [`EvaluateError::Arm`] without the arms `random` and `none`, [`EvaluateError::TooFew`] for fewer
/// than two worlds, [`EvaluateError::InvalidSetting`] for scored weeks outside the play,
/// [`EvaluateError::World`] when the config cannot be drawn or an arm gives a coupon that does not
/// exist.
pub fn compare(
    protocol: &ArenaProtocol,
    arms: &[Arm<'_>],
    tree: SeedTree,
    played: &(dyn Fn() + Sync),
) -> Result<ArenaComparison, EvaluateError> {
    compare_cast(protocol, arms, &|_| Ok(Vec::new()), tree, played)
}

/// [`compare`] with further arms that are made world by world, such as agents that learn from a log.
///
/// # Errors
/// Those of [`compare`] and of `cast`.
pub fn compare_cast(
    protocol: &ArenaProtocol,
    arms: &[Arm<'_>],
    cast: &Cast<'_>,
    tree: SeedTree,
    played: &(dyn Fn() + Sync),
) -> Result<ArenaComparison, EvaluateError> {
    let find = |name: &str| {
        arms.iter().position(|arm| arm.name == name).ok_or_else(|| EvaluateError::Arm {
            expected: "the arms `random` and `none` to compare with",
            found: name.to_owned(),
            arms: arms.iter().map(|arm| arm.name.clone()).collect(),
        })
    };
    let references = (find(RANDOM)?, find(NONE)?);
    check(protocol)?;
    let worlds = (0..protocol.n_worlds as u64)
        .into_par_iter()
        .map(|world| {
            let played_world = play_world(protocol, arms, cast, tree.child("worlds").index(world));
            played();
            played_world
        })
        .collect::<Result<Vec<_>, EvaluateError>>()?;
    let (mut labels, totals): (Vec<_>, Vec<_>) = worlds.into_iter().unzip();
    let labels = labels.swap_remove(0);
    let rows = labels.iter().enumerate().map(|(arm, label)| row(label, arm, references, &totals));
    Ok(ArenaComparison {
        protocol: protocol.clone(),
        rows: rows.collect::<Result<_, _>>()?,
        totals,
    })
}

fn check(protocol: &ArenaProtocol) -> Result<(), EvaluateError> {
    if protocol.n_worlds < 2 {
        let (what, advice) = ("worlds", "an interval over worlds needs two");
        return Err(EvaluateError::TooFew { what, expected: 2, found: protocol.n_worlds, advice });
    }
    let weeks = protocol.config.n_weeks;
    if protocol.scored_weeks < RETAINED_WITHIN || protocol.scored_weeks > weeks {
        return Err(EvaluateError::InvalidSetting {
            name: "scored_weeks",
            expected: "at least 3 weeks and at most those played",
            found: f64::from(protocol.scored_weeks),
        });
    }
    if protocol.history_weeks > weeks - protocol.scored_weeks {
        return Err(EvaluateError::InvalidSetting {
            name: "history_weeks",
            expected: "no more than the weeks that do not count",
            found: f64::from(protocol.history_weeks),
        });
    }
    Ok(())
}

/// Name and fixed coupon of an arm.
type Label = (String, Option<f64>);

/// Plays one world under every arm, week by week, so that each week's luck is drawn only once.
fn play_world(
    protocol: &ArenaProtocol,
    arms: &[Arm<'_>],
    cast: &Cast<'_>,
    tree: SeedTree,
) -> Result<(Vec<Label>, Vec<Totals>), EvaluateError> {
    let world = ArenaWorld::new(protocol.config.clone(), tree.child("parameters"))?;
    let (n, weeks) = (protocol.config.n_customers, protocol.config.n_weeks);
    let made = cast(&Stage { protocol, world: &world, tree })?;
    let arms: Vec<&Arm<'_>> = arms.iter().chain(&made).collect();
    let sensitive = world.sensitive_half();
    let (luck, choices) = (tree.child("luck"), tree.child("policies"));
    let mut noise = WeekNoise::new(&world, n);
    let history = with_history(protocol, &world, (luck, tree.child("history")), &mut noise)?;
    let mut plays: Vec<_> = arms.iter().map(|_| Play::new(history.clone())).collect();
    let mut coupons = vec![0; n];
    for week in protocol.history_weeks..weeks {
        noise.fill(&world, luck, week, 0);
        let scored = weeks - week <= protocol.scored_weeks;
        for (arm, play) in arms.iter().zip(&mut plays) {
            for (customer, coupon) in coupons.iter_mut().enumerate() {
                *coupon = arm.decide(&Situation {
                    world: &world,
                    population: &play.population,
                    noise: &noise,
                    customer,
                    week,
                    sensitive: sensitive[customer],
                    choices,
                });
            }
            play.week(&world, &noise, &coupons, scored.then_some(weeks - week))?;
        }
    }
    let customer_weeks = n as f64 * f64::from(protocol.scored_weeks);
    let labels = arms.iter().map(|arm| (arm.name.clone(), arm.fixed_coupon)).collect();
    Ok((labels, plays.iter().map(|play| play.per_customer_week(customer_weeks)).collect()))
}

/// The customers after the weeks of random coupons that all arms share.
fn with_history(
    protocol: &ArenaProtocol,
    world: &ArenaWorld,
    (luck, choices): (SeedTree, SeedTree),
    noise: &mut WeekNoise,
) -> Result<ArenaPopulation, EnvError> {
    let mut population = ArenaPopulation::new(world);
    for week in 0..protocol.history_weeks {
        noise.fill(world, luck, week, 0);
        population.play(world, noise, &log::random_coupons(world.config(), choices, week))?;
    }
    Ok(population)
}

/// One arm in one world, under way.
struct Play {
    population: ArenaPopulation,
    sums: Totals,
    /// Whether a customer bought in the last weeks.
    retained: Vec<bool>,
}

impl Play {
    fn new(population: ArenaPopulation) -> Self {
        let retained = vec![false; population.n_customers()];
        Self { population, sums: Totals::default(), retained }
    }

    /// Plays a week; `left` counts the weeks from it to the end when it is scored.
    fn week(
        &mut self,
        world: &ArenaWorld,
        noise: &WeekNoise,
        coupons: &[usize],
        left: Option<u32>,
    ) -> Result<(), EnvError> {
        let outcomes = self.population.play(world, noise, coupons)?;
        let Some(left) = left else { return Ok(()) };
        for ((outcome, &coupon), retained) in outcomes.iter().zip(coupons).zip(&mut self.retained) {
            self.sums.revenue += outcome.revenue;
            self.sums.base_value += outcome.base_value;
            self.sums.units += f64::from(outcome.units);
            self.sums.coupon += world.config().coupon(coupon);
            *retained |= left <= RETAINED_WITHIN && outcome.units > 0;
        }
        Ok(())
    }

    fn per_customer_week(&self, customer_weeks: f64) -> Totals {
        let retained = self.retained.iter().filter(|&&retained| retained).count();
        Totals {
            revenue: self.sums.revenue / customer_weeks,
            base_value: self.sums.base_value / customer_weeks,
            units: self.sums.units / customer_weeks,
            coupon: self.sums.coupon / customer_weeks,
            retention: retained as f64 / self.retained.len() as f64,
        }
    }
}

/// Means over worlds of one arm.
fn row(
    (name, fixed_coupon): &Label,
    index: usize,
    (random, none): (usize, usize),
    totals: &[Vec<Totals>],
) -> Result<ArenaRow, EvaluateError> {
    let over = |value: &dyn Fn(&[Totals]) -> f64| {
        over_worlds(&totals.iter().map(|world| value(world)).collect::<Vec<_>>())
    };
    let margin = |arm: usize, rate: f64| move |world: &[Totals]| world[arm].margin(rate);
    let margins = MARGIN_RATES.map(|rate| over(&margin(index, rate)));
    let margins_over_none = MARGIN_RATES.map(|rate| {
        over(&|world: &[Totals]| margin(index, rate)(world) - margin(none, rate)(world))
    });
    Ok(ArenaRow {
        arm: name.clone(),
        fixed_coupon: *fixed_coupon,
        revenue: over(&|world| world[index].revenue)?,
        revenue_ratio: over(&|world| world[index].revenue / world[random].revenue)?,
        units_ratio: over(&|world| world[index].units / world[random].units)?,
        retention: over(&|world| world[index].retention)?,
        coupon: over(&|world| world[index].coupon)?.estimate,
        margins: margins.into_iter().collect::<Result<_, _>>()?,
        margins_over_none: margins_over_none.into_iter().collect::<Result<_, _>>()?,
    })
}

/// The mean over worlds with its Student interval.
fn over_worlds(values: &[f64]) -> Result<Interval, EvaluateError> {
    let (n, centre) = (values.len() as f64, mean(values));
    let variance = values.iter().map(|x| (x - centre).powi(2)).sum::<f64>() / (n - 1.0);
    Interval::student(centre, (variance / n).sqrt(), n - 1.0, DEFAULT_LEVEL)
}

#[cfg(test)]
mod learner_tests;

#[cfg(test)]
mod tests {
    use super::*;

    fn small() -> ArenaProtocol {
        let config = ArenaConfig {
            n_customers: 12,
            category_sizes: vec![9, 30, 4],
            n_weeks: 12,
            category_intercept: promopt_envs::arena::Draw::Normal { mean: -1.0, sd: 0.5 },
            ..ArenaConfig::default()
        };
        ArenaProtocol { n_worlds: 4, scored_weeks: 5, history_weeks: 0, config }
    }

    fn played(threads: usize, protocol: &ArenaProtocol) -> ArenaComparison {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        let arms = arms::standard(&protocol.config);
        pool.expect("a pool")
            .install(|| compare(protocol, &arms, SeedTree::new(3), &|| {}))
            .expect("plays")
    }

    #[test]
    fn one_and_two_threads_give_the_same_bytes() {
        let [one, two] =
            [1, 2].map(|n| serde_json::to_string(&played(n, &small())).expect("writes"));
        assert_eq!(one, two);
    }

    #[test]
    fn the_reference_has_ratio_one_and_none_has_no_margin_over_itself() {
        let comparison = played(2, &small());
        let row = |name: &str| comparison.rows.iter().find(|row| row.arm == name).expect("there");
        let random = row(RANDOM);
        assert_eq!(
            (random.revenue_ratio.estimate, random.revenue_ratio.standard_error),
            (1.0, 0.0)
        );
        // 12 customers × 5 weeks × 4 worlds of coupons uniform on 0, .05, …, .5: mean .25, variance
        // .05² (11² − 1)/12 = .025, so 4 standard errors are 4 √(.025/240) = .041.
        assert!((random.coupon - 0.25).abs() < 0.041, "{}", random.coupon);
        let none = row(NONE);
        assert_eq!(none.coupon, 0.0);
        assert!(none.margins_over_none.iter().all(|m| (m.lower, m.upper) == (0.0, 0.0)));
        assert!((row("segment 50 %").coupon - 0.25).abs() < 1e-12);
    }

    #[test]
    fn an_arm_meets_the_same_luck_whoever_else_plays() {
        let protocol = small();
        let all = played(1, &protocol);
        let few: Vec<Arm<'_>> = arms::standard(&protocol.config)
            .into_iter()
            .filter(|arm| [RANDOM, NONE].contains(&arm.name.as_str()))
            .collect();
        let few = compare(&protocol, &few, SeedTree::new(3), &|| {}).expect("plays");
        for row in &few.rows {
            assert!(all.rows.contains(row), "{}", row.arm);
        }
    }

    #[test]
    fn what_cannot_be_compared_is_refused() {
        let arms = arms::standard(&small().config);
        let refused = |protocol: ArenaProtocol, arms: &[Arm<'_>]| {
            compare(&protocol, arms, SeedTree::new(1), &|| {}).is_err()
        };
        assert!(refused(ArenaProtocol { n_worlds: 1, ..small() }, &arms));
        assert!(refused(ArenaProtocol { scored_weeks: 13, ..small() }, &arms));
        assert!(refused(small(), &arms[..1]));
        assert!(refused(small(), &[Arm::new(RANDOM, |_| 0), Arm::new(NONE, |_| 11)]));
    }
}
