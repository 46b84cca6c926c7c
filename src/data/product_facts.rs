//! What the customer features need to know of each product, from all customers together.

use super::aggregate::Grouping;
use super::prices::{Plausible, PriceCounts};
use super::products::Products;
use crate::features::behaviour::ProductFacts;

/// Facts by product rank.
///
/// The price tier is the mid-rank of the product's median regular unit price among the sold products
/// of its category (of the products table, not the targeted ones): 0 for the cheapest, 1 for the
/// dearest, NaN where the category is unknown. The deal share is the share of kept lines with a shelf
/// discount.
pub(super) fn of(
    counts: &PriceCounts,
    plausible: &[Plausible],
    products: &Products,
    grouping: &Grouping,
) -> Vec<ProductFacts> {
    let mut facts: Vec<ProductFacts> = (0..plausible.len())
        .map(|product| ProductFacts {
            category: grouping.of_product[product],
            brand: products.brand[product],
            private_label: products.private_label[product],
            price_tier: f32::NAN,
            deal_share: deal_share(counts, plausible, product),
        })
        .collect();
    let mut by_category: Vec<Vec<(i16, usize)>> = vec![Vec::new(); products.category_names.len()];
    for (product, own) in plausible.iter().enumerate() {
        if let (Some(category), false) =
            (products.category[product], counts.products()[product].is_empty())
        {
            by_category[category as usize].push((own.median, product));
        }
    }
    for mut members in by_category {
        members.sort_unstable();
        let last = members.len().saturating_sub(1).max(1) as f32;
        let mut below = 0;
        for equal in members.chunk_by(|left, right| left.0 == right.0) {
            let middle = below as f32 + (equal.len() - 1) as f32 / 2.0;
            let tier = if members.len() == 1 { 0.5 } else { middle / last };
            equal.iter().for_each(|(_, product)| facts[*product].price_tier = tier);
            below += equal.len();
        }
    }
    facts
}

fn deal_share(counts: &PriceCounts, plausible: &[Plausible], product: usize) -> f32 {
    let kept = counts.products()[product].iter();
    let kept = kept.filter(|bin| plausible[product].rejects(bin.step).is_none());
    let (lines, on_deal) = kept.fold((0_u64, 0_u64), |(lines, on_deal), bin| {
        (lines + u64::from(bin.lines), on_deal + u64::from(bin.on_deal))
    });
    if lines == 0 { f32::NAN } else { on_deal as f32 / lines as f32 }
}
