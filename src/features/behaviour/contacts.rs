//! What one customer was told and what came of it.

use super::Contact;

/// Days after which the outcome of a contact is read: a redemption takes time, and what is not yet
/// known on a date must not count on that date.
pub const OUTCOME_DAYS: i32 = 7;

/// Redemptions that the redemption rate is shrunk with.
const PRIOR_REDEMPTIONS: f64 = 0.8;
/// Contacts that the redemption rate is shrunk with: a prior mean of 0.2.
const PRIOR_CONTACTS: f64 = 4.0;

/// Running summary of one customer's contacts.
#[derive(Debug, Default)]
pub(super) struct ContactLedger {
    /// Days of the contacts so far, ascending.
    days: Vec<i32>,
    /// Rows read as contacts.
    read: usize,
    /// Rows whose outcome was read.
    settled: usize,
    known_outcomes: u32,
    redeemed: u32,
}

impl ContactLedger {
    pub(super) fn clear(&mut self) {
        self.days.clear();
        (self.read, self.settled, self.known_outcomes, self.redeemed) = (0, 0, 0, 0);
    }

    /// Reads on in the rows up to the day before `as_of`.
    pub(super) fn advance(&mut self, rows: &[Contact], as_of: i32) {
        while let Some(row) = rows.get(self.read).filter(|row| row.day < as_of) {
            self.read += 1;
            if row.offer != 0 {
                self.days.push(row.day);
            }
        }
        let settled =
            |row: &&Contact| i64::from(row.day) + i64::from(OUTCOME_DAYS) <= i64::from(as_of);
        while let Some(row) = rows.get(self.settled).filter(settled) {
            self.settled += 1;
            if row.offer != 0 && row.redeemed.is_some() {
                self.known_outcomes += 1;
                self.redeemed += u32::from(row.redeemed == Some(true));
            }
        }
    }

    /// `(redeemed + 0.8) / (contacts with a known outcome + 4)`; NaN without any.
    pub(super) fn redemption_rate(&self) -> f64 {
        if self.known_outcomes == 0 {
            return f64::NAN;
        }
        (f64::from(self.redeemed) + PRIOR_REDEMPTIONS)
            / (f64::from(self.known_outcomes) + PRIOR_CONTACTS)
    }

    /// Days since the last contact; NaN without one.
    pub(super) fn days_since_last(&self, as_of: i32) -> f64 {
        self.days.last().map_or(f64::NAN, |&day| f64::from(as_of) - f64::from(day))
    }

    /// Contacts in the given number of weeks before `as_of`.
    pub(super) fn within_weeks(&self, as_of: i32, weeks: i64) -> f64 {
        let start = i64::from(as_of) - 7 * weeks;
        let earlier = self.days.partition_point(|&day| i64::from(day) < start);
        (self.days.len() - earlier) as f64
    }
}
