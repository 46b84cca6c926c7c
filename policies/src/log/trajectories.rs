//! Decisions in sequence: which rows belong to one trajectory, in which order, and what followed.

use super::decisions::{LoggedDecisions, LoggedTable, check_features, same_length};
use super::error::LogError;

/// Columns that put decisions in order, one value per row of the log. The end of the story
/// (`terminated`) and that of watching (`truncated`) are two facts: only the first has no future.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SequenceColumns {
    /// Trajectory of each decision, such as one customer or one episode.
    pub trajectories: Vec<u32>,
    /// Time of the decision within its trajectory; consecutive, in any order of rows.
    pub steps: Vec<u32>,
    /// Whether the story ended with this decision.
    pub terminated: Vec<bool>,
    /// Whether watching ended with this decision.
    pub truncated: Vec<bool>,
    /// Observations after the decision, shape `[n, n_features]`; `None` takes those of the next row
    /// of the trajectory. With them given, steps may have gaps.
    pub next_observations: Option<Vec<f32>>,
    /// Allowed actions after the decision, shape `[n, n_actions]`; `None` takes those of the next
    /// row, so it must be given when next observations and masks are.
    pub next_masks: Option<Vec<bool>>,
}

/// What followed a decision.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Next<'a> {
    /// The story ended: nothing is earned afterwards.
    Ended,
    /// The story went on from here, watched or not.
    Observed {
        /// The observation, shape `[n_features]`.
        observation: &'a [f32],
        /// Allowed actions, shape `[n_actions]`; `None` when all were.
        mask: Option<&'a [bool]>,
    },
    /// The story went on, and the log does not say from where: nothing can be bootstrapped from, so
    /// the row cannot enter a target. It still counts as a decision.
    Unknown,
}

/// Rows in the order of their trajectories.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sequence {
    /// Rows sorted by (trajectory, step).
    order: Vec<usize>,
    /// Where each trajectory begins in `order`, and the end of the last one.
    starts: Vec<usize>,
    /// Row after each row within its trajectory.
    next_rows: Vec<Option<usize>>,
}

impl Sequence {
    pub(super) fn new(columns: &SequenceColumns, table: &LoggedTable) -> Result<Self, LogError> {
        check_columns(columns, table)?;
        let mut order: Vec<usize> = (0..table.actions.len()).collect();
        order.sort_by_key(|&row| (columns.trajectories[row], columns.steps[row]));
        let mut next_rows = vec![None; order.len()];
        let mut starts = vec![0];
        for (at, pair) in order.windows(2).enumerate() {
            let (row, after) = (pair[0], pair[1]);
            if columns.trajectories[row] == columns.trajectories[after] {
                check_follows(columns, row, after)?;
                next_rows[row] = Some(after);
            } else {
                starts.push(at + 1);
            }
        }
        starts.push(order.len());
        Ok(Self { order, starts, next_rows })
    }
}

fn check_columns(columns: &SequenceColumns, table: &LoggedTable) -> Result<(), LogError> {
    let n = table.actions.len();
    same_length("trajectory", n, columns.trajectories.len())?;
    same_length("step", n, columns.steps.len())?;
    same_length("terminated", n, columns.terminated.len())?;
    same_length("truncated", n, columns.truncated.len())?;
    if let Some(next) = &columns.next_observations {
        same_length("next_observation", n * table.n_features, next.len())?;
        check_features("next_observation", next, table.n_features)?;
        if table.masks.is_some() && columns.next_masks.is_none() {
            let (column, expected) = ("next_mask", n * table.n_actions);
            return Err(LogError::WrongLength { column, expected, found: 0 });
        }
    }
    let Some(masks) = &columns.next_masks else { return Ok(()) };
    same_length("next_mask", n * table.n_actions, masks.len())?;
    for (row, mask) in masks.chunks_exact(table.n_actions).enumerate() {
        if !columns.terminated[row] && !mask.contains(&true) {
            return Err(LogError::InvalidValue {
                row,
                column: "next_mask".into(),
                expected: "at least 1 allowed action where the story goes on",
                found: 0.0,
                advice: "set `terminated` or log the mask that is in force afterwards",
            });
        }
    }
    Ok(())
}

/// Errors unless `after` can be the decision after `row` in one trajectory.
fn check_follows(columns: &SequenceColumns, row: usize, after: usize) -> Result<(), LogError> {
    let trajectory = columns.trajectories[row];
    let wrong = |row, column, expected, found: String, advice| {
        Err(LogError::OutOfSequence { row, column, trajectory, expected, found, advice })
    };
    let (step, next_step) = (columns.steps[row], columns.steps[after]);
    if step == next_step {
        let advice = "drop the duplicate or split the trajectory";
        return wrong(after, "step", "one row per step", format!("step {step} again"), advice);
    }
    if columns.next_observations.is_none() && next_step != step + 1 {
        let advice = "split the trajectory at the gap or pass `next_observations`";
        let found = format!("step {next_step} after step {step}");
        return wrong(after, "step", "consecutive steps", found, advice);
    }
    for (column, ended) in [("terminated", &columns.terminated), ("truncated", &columns.truncated)]
    {
        if ended[row] {
            let advice = "start a new trajectory after an end";
            let found = format!("a row of step {next_step} after it");
            return wrong(row, column, "an end in the last row only", found, advice);
        }
    }
    Ok(())
}

/// The sequential view of a log.
#[derive(Debug, Clone, Copy)]
pub struct Trajectories<'a> {
    log: &'a LoggedDecisions,
    sequence: &'a Sequence,
    columns: &'a SequenceColumns,
}

impl<'a> Trajectories<'a> {
    pub(super) fn new(
        log: &'a LoggedDecisions,
        sequence: &'a Sequence,
        columns: &'a SequenceColumns,
    ) -> Self {
        Self { log, sequence, columns }
    }

    /// The log that this is a view of.
    #[must_use]
    pub fn log(&self) -> &'a LoggedDecisions {
        self.log
    }

    /// Number of trajectories, at least 1.
    #[must_use]
    pub fn len(&self) -> usize {
        self.sequence.starts.len() - 1
    }

    /// Never true: a log without decisions does not exist.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Rows of every trajectory in the order of their steps.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &'a [usize]> + use<'a> {
        let sequence = self.sequence;
        sequence.starts.windows(2).map(move |ends| &sequence.order[ends[0]..ends[1]])
    }

    /// Time of decision `row` within its trajectory.
    #[must_use]
    pub fn step(&self, row: usize) -> u32 {
        self.columns.steps[row]
    }

    /// Whether the story ended with decision `row`.
    #[must_use]
    pub fn terminated(&self, row: usize) -> bool {
        self.columns.terminated[row]
    }

    /// Whether watching ended with decision `row`: it says so, or the log simply stops there.
    #[must_use]
    pub fn truncated(&self, row: usize) -> bool {
        let stops = self.sequence.next_rows[row].is_none() && !self.columns.terminated[row];
        self.columns.truncated[row] || stops
    }

    /// What followed decision `row`. A row that is terminated and truncated has ended. A last row
    /// that did not terminate and has no next observation of its own leads to [`Next::Unknown`].
    #[must_use]
    pub fn next(&self, row: usize) -> Next<'a> {
        if self.columns.terminated[row] {
            return Next::Ended;
        }
        let (n_features, n_actions) = (self.log.n_features(), self.log.n_actions());
        let next_row = self.sequence.next_rows[row];
        let given = self.columns.next_observations.as_ref();
        let observation = match (given, next_row) {
            (Some(given), _) => &given[row * n_features..][..n_features],
            (None, Some(next_row)) => self.log.observation(next_row),
            (None, None) => return Next::Unknown,
        };
        let mask = match &self.columns.next_masks {
            Some(masks) => Some(&masks[row * n_actions..][..n_actions]),
            None => next_row.and_then(|next_row| self.log.mask(next_row)),
        };
        Next::Observed { observation, mask }
    }

    /// Number of decisions after which the story went on unseen ([`Next::Unknown`]).
    #[must_use]
    pub fn n_unknown(&self) -> usize {
        (0..self.log.len()).filter(|&row| self.next(row) == Next::Unknown).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two trajectories, rows out of order: 5 has steps 1, 0; 9 has steps 3, 4. One feature.
    fn table() -> LoggedTable {
        LoggedTable {
            n_features: 1,
            n_actions: 2,
            observations: vec![1.0, 0.0, 30.0, 40.0],
            actions: vec![0, 1, 0, 1],
            propensities: vec![0.5; 4],
            rewards: vec![1.0; 4],
            clusters: vec![5, 5, 9, 9],
            masks: Some(vec![true, false, true, true, true, true, false, true]),
            sequence: Some(SequenceColumns {
                trajectories: vec![5, 5, 9, 9],
                steps: vec![1, 0, 3, 4],
                terminated: vec![true, false, false, false],
                truncated: vec![false, false, false, true],
                ..SequenceColumns::default()
            }),
        }
    }

    fn message(change: impl FnOnce(&mut SequenceColumns)) -> String {
        let mut table = table();
        change(table.sequence.as_mut().expect("it is a sequence"));
        LoggedDecisions::new(table).expect_err("the sequence is broken").to_string()
    }

    #[test]
    fn rows_are_put_in_order_and_lead_to_the_next_one() {
        let log = LoggedDecisions::new(table()).expect("the table is valid");
        let view = log.trajectories().expect("it is a sequence");
        assert_eq!(view.iter().collect::<Vec<_>>(), [[1, 0].as_slice(), &[2, 3]]);
        let mask = Some([true, false].as_slice());
        assert_eq!(view.next(1), Next::Observed { observation: &[1.0], mask });
        assert_eq!(view.next(0), Next::Ended);
        assert_eq!(view.step(3), 4);
    }

    #[test]
    fn a_truncated_last_row_has_a_future_that_is_unknown_unless_it_is_given() {
        let mut table = table();
        let log = LoggedDecisions::new(table.clone()).expect("the table is valid");
        let view = log.trajectories().expect("it is a sequence");
        assert_eq!((view.next(3), view.n_unknown()), (Next::Unknown, 1));

        let columns = table.sequence.as_mut().expect("it is a sequence");
        columns.next_observations = Some(vec![-1.0, 1.0, 40.0, 50.0]);
        columns.next_masks = Some(vec![false, false, true, false, false, true, true, false]);
        let log = LoggedDecisions::new(table).expect("the table is valid");
        let view = log.trajectories().expect("it is a sequence");
        let mask = Some([true, false].as_slice());
        assert_eq!(view.next(3), Next::Observed { observation: &[50.0], mask });
        assert_eq!((view.next(0), view.n_unknown()), (Next::Ended, 0));
    }

    #[test]
    fn a_log_that_stops_is_truncated_and_an_end_is_not() {
        let mut table = table();
        table.sequence.as_mut().expect("it is a sequence").truncated[3] = false;
        let log = LoggedDecisions::new(table).expect("the table is valid");
        let view = log.trajectories().expect("it is a sequence");
        let flags: Vec<_> = (0..4).map(|row| (view.terminated(row), view.truncated(row))).collect();
        assert_eq!(flags, [(true, false), (false, false), (false, false), (false, true)]);
    }

    #[test]
    fn rows_that_do_not_follow_each_other_are_named() {
        let gap = message(|s| s.steps[3] = 5);
        assert!(
            gap.contains("step 5 after step 3 in row 3 column `step` of trajectory 9"),
            "{gap}"
        );
        assert!(message(|s| s.steps[0] = 0).contains("step 0 again in row 1 column `step`"));
        let early = message(|s| s.truncated[2] = true);
        assert!(early.contains("in row 2 column `truncated`"), "{early}");
        assert!(message(|s| s.terminated[1] = true).contains("in row 1 column `terminated`"));
        assert!(message(|s| s.truncated.truncate(3)).contains("4 values in `truncated`, found 3"));
        let next = |s: &mut SequenceColumns| s.next_observations = Some(vec![0.0; 4]);
        assert!(message(next).contains("expected 8 values in `next_mask`, found 0"));
        let nan = message(|s| s.next_observations = Some(vec![0.0, f32::NAN, 0.0, 0.0]));
        assert!(nan.contains("row 1 column `next_observation[0]`"), "{nan}");
        let nothing = message(|s| s.next_masks = Some(vec![false; 8]));
        assert!(nothing.contains("row 1 column `next_mask`"), "{nothing}");
    }

    #[test]
    fn a_log_without_trajectories_says_so() {
        let log = LoggedDecisions::new(LoggedTable { sequence: None, ..table() });
        let error = log.expect("the table is valid").trajectories().expect_err("rows stand alone");
        assert_eq!(error, LogError::NotSequential);
    }
}
