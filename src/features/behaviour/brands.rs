//! Spend by brand within category, and the loyalty to brands that it shows.

use super::fixed::Fixed;

/// Lines that loyalty in a category is shrunk with.
const PRIOR_LINES: f64 = 2.0;
/// Share of the most bought brand that loyalty is shrunk towards.
const PRIOR_SHARE: f64 = 0.5;
/// Slots of an empty index; a power of two, as every size of it.
const FEWEST_SLOTS: usize = 256;

/// What was bought of one brand in one category.
#[derive(Debug, Clone, Copy)]
struct BrandSpend {
    category: u16,
    brand: u32,
    lines: u32,
    spend: Fixed,
}

/// What was bought of known brands in one category.
#[derive(Debug, Clone, Copy, Default)]
struct CategoryBrands {
    spend: Fixed,
    /// Spend on the most bought brand.
    top: Fixed,
    lines: u64,
}

/// Spend and lines by category and brand, for one customer.
///
/// The entries stand in the order of their first line and are found through an index with open
/// addressing, which a bisection of a few hundred sorted entries could not keep up with.
#[derive(Debug, Default)]
pub(super) struct BrandLedger {
    entries: Vec<BrandSpend>,
    /// One more than the position of an entry, or 0; at most half of them are taken.
    slots: Vec<u32>,
    /// Memory of [`Self::loyalty`].
    categories: Vec<CategoryBrands>,
}

impl BrandLedger {
    /// Forgets the customer and keeps the memory, in time that does not depend on its size.
    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.slots.clear();
    }

    pub(super) fn add(&mut self, category: u16, brand: u32, spend: Fixed, lines: u32) {
        if self.slots.len() < 2 * (self.entries.len() + 1) {
            self.grow();
        }
        let slot = self.slot_of(category, brand);
        if let Some(entry) = self.entries.get_mut((self.slots[slot] as usize).wrapping_sub(1)) {
            entry.spend.add(spend);
            entry.lines = entry.lines.saturating_add(lines);
        } else {
            self.entries.push(BrandSpend { category, brand, lines, spend });
            self.slots[slot] = self.entries.len() as u32;
        }
    }

    fn grow(&mut self) {
        let n_slots = (2 * self.slots.len()).max(FEWEST_SLOTS);
        self.slots.clear();
        self.slots.resize(n_slots, 0);
        for position in 0..self.entries.len() {
            let BrandSpend { category, brand, .. } = self.entries[position];
            let slot = self.slot_of(category, brand);
            self.slots[slot] = position as u32 + 1;
        }
    }

    /// The slot of the brand, or the empty one where it belongs: the first free one from its hash.
    fn slot_of(&self, category: u16, brand: u32) -> usize {
        let key = u64::from(category) << 32 | u64::from(brand);
        // Fibonacci hashing: the upper half of a product with 2⁶⁴ over the golden ratio.
        let hash = key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
        let last = self.slots.len() - 1;
        let mut slot = hash as usize & last;
        while let Some(position) = self.slots[slot].checked_sub(1) {
            let entry = &self.entries[position as usize];
            if (entry.category, entry.brand) == (category, brand) {
                break;
            }
            slot = (slot + 1) & last;
        }
        slot
    }

    /// `Σ_c v_c · (n_c · top_c / v_c + 1) / (n_c + 2) / Σ_c v_c` with `v_c` the spend on known
    /// brands in category c, `top_c` that on the most bought one and `n_c` the lines.
    ///
    /// One line is always of one brand: the share is shrunk towards ½ with the weight of two lines.
    /// NaN without spend on known brands. Every category is below `n_categories`.
    pub(super) fn loyalty(&mut self, n_categories: usize) -> f64 {
        self.categories.clear();
        self.categories.resize(n_categories, CategoryBrands::default());
        for entry in &self.entries {
            let category = &mut self.categories[usize::from(entry.category)];
            let spend = entry.spend.or_zero_if_negative();
            category.spend.add(spend);
            category.top = category.top.max(spend);
            category.lines += u64::from(entry.lines);
        }
        let (mut weighted, mut total) = (0.0, 0.0);
        for category in self.categories.iter().filter(|category| category.spend.is_positive()) {
            let (spend, lines) = (category.spend.to_f64(), category.lines as f64);
            let share = category.top.share_of(category.spend);
            weighted += spend * (lines * share + PRIOR_LINES * PRIOR_SHARE) / (lines + PRIOR_LINES);
            total += spend;
        }
        if total > 0.0 { weighted / total } else { f64::NAN }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loyalty_is_the_shrunk_share_of_the_top_brand_weighted_by_spend() {
        let mut brands = BrandLedger::default();
        assert!(brands.loyalty(3).is_nan());
        brands.add(0, 7, Fixed::new(6.0), 2);
        brands.add(0, 8, Fixed::new(2.0), 1);
        brands.add(1, 7, Fixed::new(2.0), 1);
        // Category 0: (3 · 6/8 + 1)/5 = 0.65; category 1: (1 + 1)/3 = 2/3; weights 8 and 2.
        let expected = (8.0 * 0.65 + 2.0 * (2.0 / 3.0)) / 10.0;
        assert!((brands.loyalty(3) - expected).abs() < 1e-12);
    }

    #[test]
    fn many_brands_in_any_order_give_the_same_loyalty() {
        let rows: Vec<(u16, u32)> = (0..5000_u32).map(|i| ((i % 3) as u16, i * i % 701)).collect();
        let (mut forwards, mut backwards) = (BrandLedger::default(), BrandLedger::default());
        for &(category, brand) in &rows {
            forwards.add(category, brand, Fixed::new(f64::from(brand)), 1);
            forwards.loyalty(3);
        }
        for &(category, brand) in rows.iter().rev() {
            backwards.add(category, brand, Fixed::new(f64::from(brand)), 1);
        }
        assert_eq!(forwards.loyalty(3).to_bits(), backwards.loyalty(3).to_bits());
    }
}
