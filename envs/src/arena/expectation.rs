//! What a coupon brings on average over the dice of a week: for oracles, never for learners.

use super::fast::{exp, ln, logistic};
use super::noise::WeekNoise;
use super::week::{CustomerState, LANES, log_sum_exp, shift, visit_probability};
use super::world::ArenaWorld;
use crate::space::ActionId;

/// Expectations of a week given that the customer comes and given the week's utilities; only the
/// dice of category, product and quantity are averaged over.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ExpectedWeek {
    /// Money paid.
    pub revenue: f64,
    /// Base prices of the units bought.
    pub base_value: f64,
    /// ln Σ_j exp(CV_j), which draws the customer to next week's visit.
    pub store_value: f32,
}

impl ExpectedWeek {
    /// Contribution margin at a gross margin rate on base prices.
    #[must_use]
    pub fn margin(&self, gross_margin_rate: f64) -> f64 {
        self.revenue - (1.0 - gross_margin_rate) * self.base_value
    }
}

impl ArenaWorld {
    /// `Σ_j P(j) Σ_i p_i (1 + λ_i) price_i` of the customer in `row` of `noise`, whose number in the
    /// world is `customer`. Utilities are clipped at the world's reference cap, because what a week's
    /// population does is not known beforehand.
    ///
    /// # Panics
    /// When `noise` is empty or holds no such row, or the world has no such customer or coupon.
    #[must_use]
    pub fn expected_week(
        &self,
        noise: &WeekNoise,
        row: usize,
        customer: usize,
        action: ActionId,
    ) -> ExpectedWeek {
        let (luck, shift) = (noise.row(row), shift(self, customer, action));
        let shelf = self.shelf(noise.week().unwrap_or(0));
        let slopes = self.quantity_slope(customer);
        let mut values = Vec::with_capacity(self.categories.len());
        let mut expected = ExpectedWeek::default();
        for (category, &(start, size)) in self.categories.iter().enumerate() {
            let slots = start..start + size.next_multiple_of(LANES);
            let clipped = |slot: usize| {
                let u = luck.utility[slot] + shift * self.product_effect[slot];
                if u < self.cap { u } else { self.cap }
            };
            let top = slots.clone().map(clipped).fold(f32::NEG_INFINITY, f32::max);
            let mut sums = [[0.0_f32; LANES]; 3];
            for chunk in slots.step_by(LANES) {
                for (lane, slot) in (chunk..chunk + LANES).enumerate() {
                    let u = clipped(slot);
                    let weight = exp(u - top);
                    let log_mean = self.quantity_intercept[slot] + slopes[slot] * u;
                    let units = 1.0 + exp(log_mean.min(6.0));
                    sums[0][lane] += weight;
                    sums[1][lane] += weight * units * shelf[slot];
                    sums[2][lane] += weight * units * self.base_price[slot];
                }
            }
            let [total, paid, base] = sums.map(|lanes| lanes.into_iter().sum::<f32>());
            let value = top + ln(total);
            let score = self.category_intercept[category] + self.category_slope[category] * value;
            let bought = f64::from(logistic(score) / total);
            expected.revenue += bought * f64::from(paid) * (1.0 - self.config().coupon(action));
            expected.base_value += bought * f64::from(base);
            values.push(value);
        }
        expected.store_value = log_sum_exp(&values);
        expected
    }

    /// Probability of the visit in the week of `noise`, of the customer in its `row`.
    ///
    /// # Panics
    /// As [`ArenaWorld::expected_week`].
    #[must_use]
    pub fn visit_probability(
        &self,
        noise: &WeekNoise,
        row: usize,
        customer: usize,
        state: &CustomerState,
    ) -> f32 {
        visit_probability(self, customer, noise.row(row).marketing, state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SeedTree;
    use crate::arena::{ArenaConfig, ArenaPopulation, Draw};

    #[test]
    fn expectations_are_the_means_of_played_first_weeks() {
        // The first visit is certain. Many customers with luck of their own stand for many draws.
        let config = ArenaConfig {
            n_customers: 4_000,
            category_sizes: vec![9, 4, 17],
            n_weeks: 1,
            category_intercept: Draw::Normal { mean: -1.0, sd: 0.5 },
            ..ArenaConfig::default()
        };
        let world = ArenaWorld::new(config, SeedTree::new(8)).expect("valid");
        let mut noise = WeekNoise::new(&world, 4_000);
        noise.fill(&world, SeedTree::new(9), 0, 0);
        for action in [0, 10] {
            let mut population = ArenaPopulation::new(&world);
            let played = population.play(&world, &noise, &[action; 4_000]).expect("played");
            let differences = played.iter().enumerate().map(|(customer, outcome)| {
                let expected = world.expected_week(&noise, customer, customer, action);
                [outcome.revenue - expected.revenue, outcome.base_value - expected.base_value]
            });
            let differences: Vec<_> = differences.collect();
            for part in 0..2 {
                let n = differences.len() as f64;
                let mean = differences.iter().map(|d| d[part]).sum::<f64>() / n;
                let squares = differences.iter().map(|d| d[part] * d[part]).sum::<f64>() / n;
                // 4 standard errors, estimated from the same differences.
                assert!(mean.abs() < 4.0 * (squares / n).sqrt(), "{action} {part} {mean}");
            }
        }
    }
}
