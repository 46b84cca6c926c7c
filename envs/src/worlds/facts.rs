//! Facts about a synthetic retailer that can be held against what is known of real ones.

use super::customer::Customer;
use super::demand::Situation;
use super::retailer::Retailer;
use crate::seed::SeedTree;

/// Figures that a retailer would know about itself, and its true elasticity.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct MacroFacts {
    /// Share of customer-weeks with a purchase, among customers still with us.
    pub visit_rate: f64,
    /// Mean receipt after discounts, money.
    pub basket_value: f64,
    /// Margin over revenue, before contact costs.
    pub gross_margin: f64,
    /// Mean units of a line.
    pub units_per_line: f64,
    /// Mean lines of a receipt.
    pub lines_per_basket: f64,
    /// Share of lines with a shelf discount.
    pub deal_line_share: f64,
    /// Share of customer-weeks with a contact.
    pub contact_rate: f64,
    /// Share of contacts that were used.
    pub redemption_rate: f64,
    /// Share of customers that leave within 52 weeks.
    pub yearly_churn: f64,
    /// Elasticity of a category's units to its prices, visits and quantities included; negative.
    pub elasticity: f64,
}

impl MacroFacts {
    /// Simulates the history and measures it.
    #[must_use]
    pub fn measure(retailer: &Retailer, seed: SeedTree) -> Self {
        let (mut weeks, mut alive, mut left, mut visits) = (0.0, 0.0, 0.0, 0.0);
        let (mut revenue, mut margin, mut contacts, mut redemptions) = (0.0, 0.0, 0.0, 0.0);
        let (mut lines, mut on_deal, mut units) = (0.0, 0.0, 0.0);
        let one = |flag: bool| f64::from(u8::from(flag));
        retailer.log_weeks(seed, |week| {
            weeks += 1.0;
            alive += one(week.alive[0]);
            left += one(week.alive[0] && !week.alive[1]);
            visits += one(week.record.visited());
            revenue += week.record.revenue();
            margin += week.record.contribution() + week.record.contact_cost;
            contacts += one(week.record.contact_depth.is_some());
            redemptions += one(week.record.redeemed());
            for line in week.lines {
                lines += 1.0;
                on_deal += one(line.shelf_discount > 0.0);
                units += f64::from(line.quantity);
            }
        });
        Self {
            visit_rate: visits / alive,
            basket_value: revenue / visits,
            gross_margin: margin / revenue,
            units_per_line: units / lines,
            lines_per_basket: lines / visits,
            deal_line_share: on_deal / lines,
            contact_rate: contacts / weeks,
            redemption_rate: redemptions / contacts,
            yearly_churn: 1.0 - (1.0 - left / alive).powi(52),
            elasticity: elasticity(retailer),
        }
    }
}

/// Log change of expected category units over log change of all its prices, at a cut of 1 % that
/// everybody knows of, for rested customers in the first week; categories weigh by their units.
fn elasticity(retailer: &Retailer) -> f64 {
    const CUT: f64 = 0.01;
    let structure = super::Structure { offer_salience: 0.0, ..retailer.config().structure };
    let (mut before, mut after) = (0.0, 0.0);
    for truth in retailer.customers() {
        let customer = Customer { attention: 1.0, ..truth.clone() };
        let state = customer.arrive();
        let at = Situation::new(retailer.market(), &structure, &customer, &state, 0);
        let plain: Vec<_> = (0..retailer.categories().len()).map(|c| at.expect(c, 0.0)).collect();
        let surplus = plain.iter().map(|e| e.surplus).sum();
        for (category, usual) in plain.iter().enumerate() {
            let cut = at.expect(category, CUT);
            before += at.visit_probability(surplus, 0.0) * usual.units;
            after += at.visit_probability(surplus, cut.surplus - usual.surplus) * cut.units;
        }
    }
    f64::ln(after / before) / f64::ln(1.0 - CUT)
}
