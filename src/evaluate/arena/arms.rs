//! Policies that play in the arena: fixed coupons, random coupons, and a rule by segment.

use promopt_envs::ActionId;
use promopt_envs::SeedTree;
use promopt_envs::arena::{ArenaConfig, ArenaPopulation, ArenaWorld, N_FEATURES, WeekNoise};
use rand::Rng;
use std::fmt;

/// Name of the arm that every figure is divided by.
pub const RANDOM: &str = "random";
/// Name of the arm without coupons.
pub const NONE: &str = "none";

/// What a policy may look at.
#[derive(Clone, Copy)]
pub struct Situation<'a> {
    /// The world; learners must not read its parameters.
    pub world: &'a ArenaWorld,
    /// The customers so far under this policy.
    pub population: &'a ArenaPopulation,
    /// The week to come.
    pub noise: &'a WeekNoise,
    /// The customer.
    pub customer: usize,
    /// The week, from 0.
    pub week: u32,
    /// Whether the customer belongs to the half that minds prices more, by the true parameter.
    pub sensitive: bool,
    /// Where randomness of policies comes from; the same for all of a world.
    pub choices: SeedTree,
}

impl Situation<'_> {
    /// The nine published features of the customer.
    #[must_use]
    pub fn features(&self) -> [f32; N_FEATURES] {
        self.population.features(self.world, self.noise, self.customer)
    }
}

/// A named policy.
pub struct Arm<'a> {
    /// Name, unique in a comparison.
    pub name: String,
    /// The coupon, when it is always the same.
    pub fixed_coupon: Option<f64>,
    decide: Box<dyn Fn(&Situation<'_>) -> ActionId + Send + Sync + 'a>,
}

impl fmt::Debug for Arm<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arm").field("name", &self.name).finish_non_exhaustive()
    }
}

impl<'a> Arm<'a> {
    /// A policy from a function of the situation.
    pub fn new(name: &str, decide: impl Fn(&Situation<'_>) -> ActionId + Send + Sync + 'a) -> Self {
        Self { name: name.to_owned(), fixed_coupon: None, decide: Box::new(decide) }
    }

    /// The coupon for a customer.
    pub(super) fn decide(&self, situation: &Situation<'_>) -> ActionId {
        (self.decide)(situation)
    }

    /// The same coupon for everybody.
    fn fixed(config: &ArenaConfig, action: ActionId) -> Self {
        let coupon = config.coupon(action);
        let name = if action == 0 { NONE.to_owned() } else { format!("{:.0} %", coupon * 100.0) };
        Self { fixed_coupon: Some(coupon), ..Self::new(&name, move |_| action) }
    }

    /// A coupon for the half that minds prices more, nothing for the others.
    fn segment(config: &ArenaConfig, action: ActionId) -> Self {
        let name = format!("segment {:.0} %", config.coupon(action) * 100.0);
        Self::new(&name, move |situation| if situation.sensitive { action } else { 0 })
    }
}

/// The arms of the published comparison that nobody has to train: random, every fixed coupon, and
/// the segment rule with the deepest coupon and with the one nearest to 20 %.
#[must_use]
pub fn standard(config: &ArenaConfig) -> Vec<Arm<'static>> {
    let n = config.n_coupons;
    let random = Arm::new(RANDOM, move |situation| {
        let node = situation.choices.child(RANDOM).index(situation.customer as u64);
        node.index(u64::from(situation.week)).stream().random_range(0..n)
    });
    let twenty = ((0.2 / config.coupon_step).round() as usize).min(n - 1);
    let mut arms = vec![random];
    arms.extend((0..n).map(|action| Arm::fixed(config, action)));
    arms.push(Arm::segment(config, n - 1));
    if twenty != n - 1 {
        arms.push(Arm::segment(config, twenty));
    }
    arms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_arms_are_fourteen_with_names_of_their_own() {
        let arms = standard(&ArenaConfig::default());
        let names: Vec<&str> = arms.iter().map(|arm| arm.name.as_str()).collect();
        assert_eq!(names.len(), 14);
        assert_eq!(names[..3], [RANDOM, NONE, "5 %"]);
        assert_eq!(names[12..], ["segment 50 %", "segment 20 %"]);
        assert_eq!(arms[11].fixed_coupon, Some(0.5));
    }
}
