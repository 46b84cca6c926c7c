//! The taxi.

use super::table_world::TableWorld;
use crate::exact::{TabularMdp, Transition};
use crate::registry::RegistryError;

/// Streets with walls between columns; a `:` may be passed.
const MAP: [&[u8]; 5] =
    [b"|R: | : :G|", b"| : | : : |", b"| : : : : |", b"| | : | : |", b"|Y| : |B: |"];
/// Rows and columns of R, G, Y and B.
const STANDS: [(usize, usize); 4] = [(0, 0), (0, 4), (4, 0), (4, 3)];
/// Where a passenger is who sits in the taxi.
const ABOARD: usize = 4;

/// A situation: taxi, passenger, destination.
#[derive(Clone, Copy)]
struct Ride {
    row: usize,
    column: usize,
    passenger: usize,
    destination: usize,
}

impl Ride {
    fn of(state: usize) -> Self {
        let (rest, destination) = (state / 4, state % 4);
        let (rest, passenger) = (rest / 5, rest % 5);
        Self { row: rest / 5, column: rest % 5, passenger, destination }
    }

    fn index(self) -> usize {
        ((self.row * 5 + self.column) * 5 + self.passenger) * 4 + self.destination
    }

    /// Reward, and whether the passenger has arrived.
    fn drive(&mut self, action: usize) -> (f64, bool) {
        let here = (self.row, self.column);
        let street = MAP[self.row];
        match action {
            0 => self.row = (self.row + 1).min(4),
            1 => self.row = self.row.saturating_sub(1),
            2 if street[2 * self.column + 2] == b':' => self.column += 1,
            3 if street[2 * self.column] == b':' => self.column -= 1,
            4 if self.passenger < ABOARD && STANDS[self.passenger] == here => {
                self.passenger = ABOARD;
            }
            4 => return (-10.0, false),
            5 => return self.drop(here),
            _ => {}
        }
        (-1.0, false)
    }

    fn drop(&mut self, here: (usize, usize)) -> (f64, bool) {
        let stand = STANDS.iter().position(|&stand| stand == here);
        match stand {
            Some(stand) if self.passenger == ABOARD && stand == self.destination => {
                self.passenger = stand;
                (20.0, true)
            }
            Some(stand) if self.passenger == ABOARD => {
                self.passenger = stand;
                (-1.0, false)
            }
            _ => (-10.0, false),
        }
    }
}

/// Gymnasium's `Taxi` (Dietterich 2000) without rain: fetch a passenger at one of four stands and
/// set them down at another; at most 200 steps.
///
/// Actions south, north, east, west, pick up, set down; −1 per step, −10 for a pick-up or set-down
/// that cannot be, +20 for the arrival. 500 states, 300 of them starts.
///
/// # Errors
/// None in practice: the table is complete.
pub fn taxi() -> Result<TableWorld, RegistryError> {
    let mdp = TabularMdp::new(500, 6, |state, action, out| {
        let mut ride = Ride::of(state);
        let (reward, terminated) = ride.drive(action);
        out.push(Transition { probability: 1.0, next: ride.index(), reward, terminated });
    })?;
    let waits = |state: &usize| {
        let ride = Ride::of(*state);
        ride.passenger < ABOARD && ride.passenger != ride.destination
    };
    Ok(TableWorld::new("Taxi-v4", mdp, (0..500).filter(waits).collect(), 200)?)
}
