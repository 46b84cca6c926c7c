//! The features that personas are learned from, read from one customer's history as of any week.

use promopt_envs::retail::CustomerHistory;

/// Position of the recency feature: ln(1 + weeks since the last visit).
pub const RECENCY: usize = 0;
/// Position of the frequency feature: share of weeks with a visit.
pub const FREQUENCY: usize = 1;
/// Position of the monetary feature: ln(1 + money per visit week).
pub const MONETARY: usize = 2;
/// Position of the discount share: discounts over regular value.
pub const DISCOUNT_SHARE: usize = 3;
/// Number of features before the categories: how a customer buys, as opposed to what.
pub const N_HABITS: usize = 4;

/// Names of the persona features, length `N_HABITS + categories.len()`.
#[must_use]
pub fn feature_names(categories: &[String]) -> Vec<String> {
    let habits = ["recency", "frequency", "monetary", "discount_share"].map(str::to_owned);
    habits.into_iter().chain(categories.iter().map(|name| format!("mix:{name}"))).collect()
}

/// Units of the persona features, in the order of [`feature_names`].
#[must_use]
pub fn feature_units(n_categories: usize) -> Vec<&'static str> {
    let habits = ["ln(1 + weeks)", "share of weeks", "ln(1 + money per visit week)"];
    let shares = ["share of regular value"];
    let mix = std::iter::repeat_n("share of category purchases", n_categories);
    habits.into_iter().chain(shares).chain(mix).collect()
}

/// Writes the persona features of a customer, replacing what `out` held.
///
/// Recency and monetary are ln(1 + x), because both are skewed to the right. The category features
/// are `sᵢ / Σⱼ sⱼ` where `sᵢ` is [`CustomerHistory::category_share`]: the share of all category
/// purchases that went to category `i`. They sum to 1, so they say what a customer buys and leave
/// how much to the other features; the shrinkage inside `sᵢ` pulls customers with few visits to an
/// even mix. A spend that is negative (returns) counts as 0.
pub fn persona_features(history: &CustomerHistory, out: &mut Vec<f64>) {
    out.clear();
    out.push(f64::from(history.recency_weeks()).ln_1p());
    out.push(history.frequency());
    // Not `max`, which would turn NaN into 0 and hide it.
    let monetary = history.monetary();
    out.push(if monetary < 0.0 { 0.0 } else { monetary.ln_1p() });
    out.push(history.discount_share());
    let shares = (0..history.n_categories()).map(|category| history.category_share(category));
    out.extend(shares);
    let total: f64 = out[N_HABITS..].iter().sum();
    for share in &mut out[N_HABITS..] {
        *share /= total;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use promopt_envs::retail::{CategoryWeek, WeekRecord};

    #[test]
    fn features_of_one_visit_match_the_hand_calculation() {
        let mut history = CustomerHistory::new(2);
        let mut week = WeekRecord::empty(2);
        week.categories[0] =
            CategoryWeek { units: 2.0, gross: 10.0, shelf_discount: 1.0, ..Default::default() };
        history.record(&week);
        let mut features = vec![9.0; 3];
        persona_features(&history, &mut features);
        // Shares are (1 + 0.2) / 2 and 0.2 / 2, so the mix is 6/7 and 1/7.
        let expected = [0.0, 2.0 / 3.0, 10.0_f64.ln(), 0.1, 6.0 / 7.0, 1.0 / 7.0];
        assert_eq!(features.len(), expected.len());
        for (got, want) in features.iter().zip(expected) {
            assert!((got - want).abs() < 1e-12, "got {got}, expected {want}");
        }
    }

    #[test]
    fn names_units_and_features_have_one_length() {
        for n_categories in [0, 1, 5] {
            let categories: Vec<String> = (0..n_categories).map(|i| format!("c{i}")).collect();
            let mut features = Vec::new();
            persona_features(&CustomerHistory::new(n_categories), &mut features);
            assert_eq!(features.len(), N_HABITS + n_categories);
            assert_eq!(feature_names(&categories).len(), features.len());
            assert_eq!(feature_units(n_categories).len(), features.len());
            assert!(features.iter().all(|value| value.is_finite()));
        }
    }
}
