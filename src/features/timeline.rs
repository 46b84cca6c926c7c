//! Which persona a customer had when: one assignment per snapshot of the features.

use serde::{Deserialize, Serialize};

/// Personas by snapshot and customer.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PersonaTimeline {
    /// Weeks before which each snapshot reads, ascending.
    pub weeks: Vec<u32>,
    /// By snapshot, the persona of every customer of the history.
    pub personas: Vec<Vec<u16>>,
}

impl PersonaTimeline {
    /// The persona of a customer before a week: that of the latest snapshot not after it.
    ///
    /// Weeks before the first snapshot take the first one, so that early weeks have a persona at
    /// all; nothing is ever decided there. 0 for a customer or timeline that is not known.
    #[must_use]
    pub fn at(&self, customer: usize, week: u32) -> usize {
        let snapshot = self.weeks.partition_point(|start| *start <= week).saturating_sub(1);
        let personas = self.personas.get(snapshot);
        personas.and_then(|personas| personas.get(customer)).map_or(0, |one| usize::from(*one))
    }

    /// Position of the snapshot of a week.
    #[must_use]
    pub fn position(&self, week: u32) -> Option<usize> {
        self.weeks.binary_search(&week).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_week_takes_the_latest_snapshot_that_is_not_after_it() {
        let timeline =
            PersonaTimeline { weeks: vec![13, 26], personas: vec![vec![1, 0], vec![2, 0]] };
        assert_eq!([0, 12, 13, 25, 26, 40].map(|week| timeline.at(0, week)), [1, 1, 1, 1, 2, 2]);
        assert_eq!(timeline.at(9, 26), 0);
        assert_eq!(PersonaTimeline::default().at(0, 3), 0);
        assert_eq!((timeline.position(26), timeline.position(27)), (Some(1), None));
    }
}
