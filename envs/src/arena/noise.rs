//! The luck of a week: what would have happened to each customer whatever the coupon.

use super::blocks::{BLOCK, BlockStream};
use super::world::ArenaWorld;
use crate::seed::SeedTree;

/// What one customer's week depends on besides the coupon.
#[derive(Debug, Clone, Copy)]
pub(super) struct CustomerWeek<'a> {
    /// Utility of every slot without a coupon, unclipped.
    pub(super) utility: &'a [f32],
    /// Uniform numbers for the decisions: the visit, then three per category.
    pub(super) uniforms: &'a [f32],
    /// The marketing feature.
    pub(super) marketing: f32,
    /// Mean over products of the weekly feature X.
    pub(super) feature_mean: f32,
}

/// The luck of a group of customers in one week. Each customer and week has its own streams, so all
/// policies that are compared meet the same luck, in whatever order and number they play.
#[derive(Debug, Clone)]
pub struct WeekNoise {
    n_slots: usize,
    n_uniforms: usize,
    week: Option<u32>,
    utility: Vec<f32>,
    uniforms: Vec<f32>,
    marketing: Vec<f32>,
    feature_mean: Vec<f32>,
}

impl WeekNoise {
    /// Room for a number of customers; nothing is drawn yet.
    #[must_use]
    pub fn new(world: &ArenaWorld, n_customers: usize) -> Self {
        let n_uniforms = (1 + 3 * world.categories.len()).next_multiple_of(BLOCK);
        Self {
            n_slots: world.n_slots,
            n_uniforms,
            week: None,
            utility: vec![0.0; n_customers * world.n_slots],
            uniforms: vec![0.0; n_customers * n_uniforms],
            marketing: vec![0.0; n_customers],
            feature_mean: vec![0.0; n_customers],
        }
    }

    /// Draws a week for the customers from `first` on.
    ///
    /// # Panics
    /// When the world holds no such week or customers, or is not the one of [`WeekNoise::new`].
    pub fn fill(&mut self, world: &ArenaWorld, luck: SeedTree, week: u32, first: usize) {
        self.week = Some(week);
        let mut block = [0.0; BLOCK];
        for row in 0..self.marketing.len() {
            let customer = first + row;
            let node = luck.index(customer as u64).index(u64::from(week));
            let mut stream = BlockStream::new(node);
            stream.feature(world.config().feature_spread, &mut block);
            self.marketing[row] = block[0];
            let uniforms = &mut self.uniforms[row * self.n_uniforms..(row + 1) * self.n_uniforms];
            for chunk in uniforms.chunks_exact_mut(BLOCK) {
                stream.uniform(&mut block);
                chunk.copy_from_slice(&block);
            }
            let utility = &mut self.utility[row * self.n_slots..(row + 1) * self.n_slots];
            self.feature_mean[row] = fill_utility(world, customer, week, &mut stream, utility);
        }
    }

    /// The week drawn last.
    #[must_use]
    pub fn week(&self) -> Option<u32> {
        self.week
    }

    /// The luck of one row.
    pub(super) fn row(&self, row: usize) -> CustomerWeek<'_> {
        CustomerWeek {
            utility: &self.utility[row * self.n_slots..(row + 1) * self.n_slots],
            uniforms: &self.uniforms[row * self.n_uniforms..(row + 1) * self.n_uniforms],
            marketing: self.marketing[row],
            feature_mean: self.feature_mean[row],
        }
    }
}

/// Utilities without a coupon, `β^x X + β^z Z + β^w ln P + ε`, into `out`; returns the mean of X.
fn fill_utility(
    world: &ArenaWorld,
    customer: usize,
    week: u32,
    stream: &mut BlockStream,
    out: &mut [f32],
) -> f32 {
    let (mut feature, mut noise, mut sums) = ([0.0; BLOCK], [0.0; BLOCK], [0.0; BLOCK]);
    let (scale, spread) = (world.config().utility_noise as f32, world.config().feature_spread);
    let price_effect = world.customer_effect[customer];
    let tables = [
        world.quality(customer),
        world.feature_effect(customer),
        &world.product_effect,
        world.log_shelf(week),
        &world.is_product,
    ];
    for (start, out) in (0..).step_by(BLOCK).zip(out.chunks_exact_mut(BLOCK)) {
        stream.feature(spread, &mut feature);
        stream.gumbel(&mut noise);
        let [quality, effect, product, price, real] =
            tables.map(|table| &table[start..start + BLOCK]);
        for i in 0..BLOCK {
            let own = effect[i] * feature[i] + quality[i];
            out[i] = own + price_effect * product[i] * price[i] + scale * noise[i];
            sums[i] += real[i] * feature[i];
        }
    }
    sums.iter().sum::<f32>() / world.config().n_products() as f32
}
