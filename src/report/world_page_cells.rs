//! No figure about fewer than ten customers leaves the world page.

use super::input::Estimate;
use super::supplement::SMALLEST;
use super::world_page::{PromotionLift, WorldPage};

/// The page without any measured figure about fewer than ten customers.
///
/// Coefficients and responses stay: they are fitted jointly on all customers.
pub(super) fn suppressed(page: &WorldPage) -> WorldPage {
    let mut page = page.clone();
    for row in page.persona_distances.iter_mut().flat_map(|distances| &mut distances.rows) {
        row.customers = row.customers.filter(|customers| *customers >= SMALLEST);
        if row.customers.is_none() {
            row.cells.clear();
        }
    }
    for promotion in page.promotions.iter_mut().flat_map(|past| &mut past.top) {
        promotion.customers = promotion.customers.filter(|customers| *customers >= SMALLEST);
        if promotion.customers.is_none() {
            *promotion = without_figures(promotion);
        }
    }
    page
}

fn without_figures(promotion: &PromotionLift) -> PromotionLift {
    PromotionLift {
        name: promotion.name.clone(),
        period: promotion.period.clone(),
        evidence: promotion.evidence,
        break_even: f64::NAN,
        reached: Estimate::unknown(),
        ..PromotionLift::default()
    }
}

#[cfg(test)]
mod tests {
    use super::super::world_page_sample::realistic;
    use super::*;

    #[test]
    fn nine_customers_hide_a_promotion_and_a_persona_and_ten_do_not() {
        let mut page = realistic();
        let distances = page.persona_distances.as_mut().expect("the sample has distances");
        (distances.rows[0].customers, distances.rows[1].customers) = (Some(9), Some(10));
        let past = page.promotions.as_mut().expect("the sample has promotions");
        (past.top[0].customers, past.top[1].customers) = (Some(9), Some(10));
        let page = suppressed(&page);
        let rows = &page.persona_distances.as_ref().expect("still there").rows;
        assert!(rows[0].customers.is_none() && rows[0].cells.is_empty());
        assert!(rows[1].customers == Some(10) && !rows[1].cells.is_empty());
        let top = &page.promotions.as_ref().expect("still there").top;
        assert!(top[0].customers.is_none() && top[0].incremental.value.is_nan());
        assert!(top[0].break_even.is_nan() && !top[0].name.is_empty());
        assert!(top[1].incremental.value.is_finite());
    }
}
