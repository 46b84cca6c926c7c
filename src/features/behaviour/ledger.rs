//! Running summary of one customer's purchases: what every feature is computed from.

use super::brands::BrandLedger;
use super::fixed::Fixed;
use super::lifecycle::{lapsed_after, shrunk_interval};
use super::{ProductFacts, Purchase, UNKNOWN_BRAND};

/// Bands of the day: night, morning, midday, afternoon, evening.
pub(super) const N_HOUR_BANDS: usize = 5;

/// The basket whose lines are being read.
#[derive(Debug, Clone, Copy)]
struct OpenBasket {
    day: i32,
    id: u64,
    /// Earliest known hour of its lines.
    hour: Option<u8>,
    /// Lowest store of its lines; there should be one.
    store: u32,
}

/// Shopping days of a customer: days with at least one line that is no return.
#[derive(Debug, Clone, Copy)]
pub(super) struct ShoppingDays {
    pub(super) first: i32,
    pub(super) last: i32,
    /// Number of distinct days.
    pub(super) count: u32,
    /// Sum of the squared days between neighbours.
    pub(super) squared_gaps: f64,
    /// Last day that ended a silence after which the customer had counted as lapsed.
    pub(super) returned: Option<i32>,
}

impl ShoppingDays {
    fn start(day: i32) -> Self {
        Self { first: day, last: day, count: 1, squared_gaps: 0.0, returned: None }
    }

    fn add(&mut self, day: i32) {
        if day <= self.last {
            return;
        }
        let gap = f64::from(day) - f64::from(self.last);
        if gap >= lapsed_after(self.shrunk_interval()) {
            self.returned = Some(day);
        }
        self.squared_gaps += gap * gap;
        self.count += 1;
        self.last = day;
    }

    /// Days from the first to the last shopping day.
    pub(super) fn span(&self) -> f64 {
        f64::from(self.last) - f64::from(self.first)
    }

    /// Number of gaps between neighbouring shopping days.
    pub(super) fn gaps(&self) -> f64 {
        f64::from(self.count) - 1.0
    }

    pub(super) fn shrunk_interval(&self) -> f64 {
        shrunk_interval(self.span(), self.gaps())
    }
}

/// Sums over lines that are no returns, unless it says otherwise.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct LineSums {
    pub(super) lines: u64,
    pub(super) units: Fixed,
    /// Value at the regular shelf price.
    pub(super) gross: Fixed,
    /// Shelf and offer discounts.
    pub(super) discount: Fixed,
    /// Lines with a shelf discount, what they would have cost, and what was taken off.
    pub(super) deal_lines: u64,
    pub(super) deal_gross: Fixed,
    pub(super) deal_discount: Fixed,
    /// Lines of products with a known deal share, those of them on deal, and the sum of the shares.
    pub(super) judged_lines: u64,
    pub(super) judged_deals: u64,
    pub(super) expected_deals: Fixed,
    /// Lines with an offer discount.
    pub(super) offer_lines: u64,
    /// Sales value of lines with a known price tier, and its sum weighted by the tier.
    pub(super) tiered_value: Fixed,
    pub(super) tier_weighted: Fixed,
    /// Sales value less returns: of products with a known label, and of the retailer's own.
    pub(super) labelled_spend: Fixed,
    pub(super) private_spend: Fixed,
}

/// Running summary of one customer's purchases.
#[derive(Debug, Default)]
pub(super) struct PurchaseLedger {
    open: Option<OpenBasket>,
    pub(super) baskets: u64,
    pub(super) days: Option<ShoppingDays>,
    /// Baskets by day of the week, Monday first.
    pub(super) weekdays: [u64; 7],
    /// Baskets by band of the day, where the hour is known.
    pub(super) hours: [u64; N_HOUR_BANDS],
    /// Baskets by store, sorted by store.
    pub(super) stores: Vec<(u32, u64)>,
    pub(super) sums: LineSums,
    /// Spend less returns up to and including a day, for every day with rows.
    spend_by_day: Vec<(i32, Fixed)>,
    /// Spend less returns by category.
    pub(super) categories: Vec<Fixed>,
    pub(super) brands: BrandLedger,
}

impl PurchaseLedger {
    /// Forgets the customer and keeps the memory.
    pub(super) fn clear(&mut self, n_categories: usize) {
        self.open = None;
        self.baskets = 0;
        self.days = None;
        self.weekdays = [0; 7];
        self.hours = [0; N_HOUR_BANDS];
        self.stores.clear();
        self.sums = LineSums::default();
        self.spend_by_day.clear();
        self.categories.clear();
        self.categories.resize(n_categories, Fixed::ZERO);
        self.brands.clear();
    }

    /// Reads one line; `facts` are those of its product.
    pub(super) fn add(&mut self, row: &Purchase, facts: Option<&ProductFacts>) {
        let gross = Fixed::new(row.gross);
        let shelf = Fixed::new(row.shelf_discount);
        let offer = Fixed::new(row.offer_discount);
        let value = gross.minus(shelf).minus(offer);
        let is_sale = !(row.quantity < 0.0 || row.gross < 0.0);
        self.add_spend(row.day, value);
        if let Some(facts) = facts {
            self.add_product_spend(facts, value, is_sale);
        }
        if is_sale {
            self.add_to_basket(row);
            self.add_line(row.quantity, gross, shelf, offer);
            if let Some(facts) = facts {
                self.add_facts(facts, value, shelf.is_positive());
            }
        }
    }

    /// Counts the basket being read, whose lines are all known once a day is over.
    pub(super) fn close_basket(&mut self) {
        let Some(basket) = self.open.take() else { return };
        self.weekdays[weekday(basket.day)] += 1;
        if let Some(hour) = basket.hour {
            self.hours[hour_band(hour)] += 1;
        }
        match self.stores.binary_search_by_key(&basket.store, |&(store, _)| store) {
            Ok(position) => self.stores[position].1 += 1,
            Err(position) => self.stores.insert(position, (basket.store, 1)),
        }
    }

    /// Spend less returns over all rows.
    pub(super) fn spend(&self) -> Fixed {
        self.spend_by_day.last().map_or(Fixed::ZERO, |&(_, spend)| spend)
    }

    /// Spend less returns from the day on.
    pub(super) fn spend_since(&self, day: i64) -> Fixed {
        let earlier = self.spend_by_day.partition_point(|&(other, _)| i64::from(other) < day);
        let before = match earlier.checked_sub(1) {
            Some(position) => self.spend_by_day[position].1,
            None => Fixed::ZERO,
        };
        self.spend().minus(before)
    }

    fn add_spend(&mut self, day: i32, value: Fixed) {
        match self.spend_by_day.last_mut() {
            Some((last, spend)) if *last >= day => spend.add(value),
            _ => {
                let mut spend = self.spend();
                spend.add(value);
                self.spend_by_day.push((day, spend));
            }
        }
    }

    fn add_product_spend(&mut self, facts: &ProductFacts, value: Fixed, is_sale: bool) {
        if let Some(spend) = self.categories.get_mut(usize::from(facts.category)) {
            spend.add(value);
            if facts.brand != UNKNOWN_BRAND {
                self.brands.add(facts.category, facts.brand, value, u32::from(is_sale));
            }
        }
        if let Some(private) = facts.private_label {
            self.sums.labelled_spend.add(value);
            self.sums.private_spend.add(value.only_if(private));
        }
    }

    fn add_to_basket(&mut self, row: &Purchase) {
        let hour = (row.hour < 24).then_some(row.hour);
        if let Some(basket) = &mut self.open
            && (basket.day, basket.id) == (row.day, row.basket)
        {
            basket.hour = match (basket.hour, hour) {
                (Some(known), Some(hour)) => Some(known.min(hour)),
                (known, hour) => known.or(hour),
            };
            basket.store = basket.store.min(row.store);
            return;
        }
        self.close_basket();
        self.open = Some(OpenBasket { day: row.day, id: row.basket, hour, store: row.store });
        self.baskets += 1;
        match &mut self.days {
            Some(days) => days.add(row.day),
            None => self.days = Some(ShoppingDays::start(row.day)),
        }
    }

    fn add_line(&mut self, quantity: f64, gross: Fixed, shelf: Fixed, offer: Fixed) {
        let sums = &mut self.sums;
        sums.lines += 1;
        sums.units.add(Fixed::new(quantity));
        sums.gross.add(gross);
        sums.discount.add(shelf);
        sums.discount.add(offer);
        let on_deal = shelf.is_positive();
        sums.deal_lines += u64::from(on_deal);
        sums.deal_gross.add(gross.only_if(on_deal));
        sums.deal_discount.add(shelf.only_if(on_deal));
        sums.offer_lines += u64::from(offer.is_positive());
    }

    fn add_facts(&mut self, facts: &ProductFacts, value: Fixed, on_deal: bool) {
        let sums = &mut self.sums;
        if facts.price_tier.is_finite() {
            let value = value.or_zero_if_negative();
            sums.tiered_value.add(value);
            let tier = f64::from(facts.price_tier.clamp(0.0, 1.0));
            sums.tier_weighted.add(value.times(tier));
        }
        if facts.deal_share.is_finite() {
            sums.judged_lines += 1;
            sums.judged_deals += u64::from(on_deal);
            let share = f64::from(facts.deal_share.clamp(0.0, 1.0));
            sums.expected_deals.add(Fixed::ONE.times(share));
        }
    }
}

/// Day of the week, 0 for Monday; 1970-01-01 was a Thursday.
fn weekday(day: i32) -> usize {
    (i64::from(day) + 3).rem_euclid(7) as usize
}

/// Night from 22, morning from 6, midday from 11, afternoon from 14, evening from 18.
fn hour_band(hour: u8) -> usize {
    match hour {
        6..=10 => 1,
        11..=13 => 2,
        14..=17 => 3,
        18..=21 => 4,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weeks_start_on_monday_also_before_1970() {
        // 2024-01-01 (19723) was a Monday, 1969-12-29 (-3) too.
        assert_eq!((weekday(19_723), weekday(19_729), weekday(-3), weekday(-4)), (0, 6, 0, 6));
        assert!(weekday(i32::MAX) < 7 && weekday(i32::MIN) < 7);
    }

    #[test]
    fn hours_fall_into_five_bands() {
        let bands: Vec<usize> =
            [0, 5, 6, 10, 11, 13, 14, 17, 18, 21, 22, 23].into_iter().map(hour_band).collect();
        assert_eq!(bands, [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 0, 0]);
    }
}
