//! The last line of defence for privacy: no figure about fewer than ten customers leaves this room.
//!
//! The caller hands such cells in as `None`; a count below ten that slipped through is treated the
//! same, and what the other parts say about a suppressed persona goes with it.

use std::collections::BTreeSet;

use super::input::ReportInput;

/// The smallest group that may be shown.
const SMALLEST: u64 = 10;

/// The input without any measured figure about fewer than ten customers.
///
/// Demand curves stay: they are fitted jointly on all customers.
pub(super) fn suppressed(input: &ReportInput) -> ReportInput {
    let mut input = input.clone();
    let mut hidden = BTreeSet::new();
    for card in &mut input.personas.cards {
        card.size = card.size.filter(|size| *size >= SMALLEST);
        if card.size.is_none() {
            card.share = None;
            card.profile.clear();
            hidden.insert(card.name.clone());
        }
    }
    let map = &mut input.personas.heat_map;
    for (column, _) in map.personas.iter().enumerate().filter(|(_, name)| hidden.contains(*name)) {
        for row in &mut map.z_scores {
            row.iter_mut().skip(column).take(1).for_each(|cell| *cell = f64::NAN);
        }
    }
    for row in input.action_mix.rows.iter_mut().filter(|row| hidden.contains(&row.persona)) {
        row.shares = None;
    }
    for row in &mut input.ab_test.personas {
        row.customers = row.customers.filter(|customers| *customers >= SMALLEST);
        if row.customers.is_none() {
            row.effect = None;
        }
    }
    input
}

#[cfg(test)]
mod tests {
    use super::super::sample::realistic;
    use super::*;

    #[test]
    fn a_small_cell_that_slipped_through_is_hidden_everywhere() {
        let mut input = realistic();
        input.personas.cards[1].size = Some(9);
        input.ab_test.personas[1].customers = Some(9);
        let input = suppressed(&input);
        assert_eq!(input.personas.cards[1].share, None);
        assert!(input.personas.cards[1].profile.is_empty());
        assert!(input.personas.heat_map.z_scores.iter().all(|row| row[1].is_nan()));
        assert_eq!(input.action_mix.rows[1].shares, None);
        assert_eq!(input.ab_test.personas[1].effect, None);
        assert!(input.ab_test.personas[0].effect.is_some());
    }

    #[test]
    fn ten_customers_are_enough() {
        let mut input = realistic();
        input.personas.cards[1].size = Some(10);
        assert_eq!(suppressed(&input).personas.cards[1].size, Some(10));
    }
}
