//! Frozen lakes and the cliff.

use super::table_world::TableWorld;
use crate::env::Env;
use crate::exact::{ExactError, TabularMdp, Transition};
use crate::registry::RegistryError;

/// Which of Gymnasium's two maps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LakeSize {
    /// 4×4, 100 steps.
    Small,
    /// 8×8, 200 steps.
    Large,
}

const SMALL: [&str; 4] = ["SFFF", "FHFH", "FFFH", "HFFG"];
const LARGE: [&str; 8] = [
    "SFFFFFFF", "FFFFFFFF", "FFFHFFFF", "FFFFFHFF", "FFFHFFFF", "FHHFFFHF", "FHFFHFHF", "FFFHFFFG",
];

/// Gymnasium's `FrozenLake-v1`: cross the ice to the goal for 1; a hole ends the story with 0.
///
/// Actions left, down, right, up; the ice is slippery, so that the move is the one chosen or one of
/// the two beside it, each with probability 1/3. States are cells, row by row.
///
/// # Errors
/// None in practice: the table is complete.
pub fn frozen_lake(size: LakeSize) -> Result<TableWorld, RegistryError> {
    let (id, map, horizon): (_, &[&str], _) = match size {
        LakeSize::Small => ("FrozenLake-v1", &SMALL, 100),
        LakeSize::Large => ("FrozenLake8x8-v1", &LARGE, 200),
    };
    let cells: Vec<u8> = map.iter().flat_map(|row| row.bytes()).collect();
    let n = map.len();
    let mdp = TabularMdp::new(n * n, 4, |cell, action, out| {
        if matches!(cells[cell], b'H' | b'G') {
            out.push(Transition { probability: 1.0, next: cell, reward: 0.0, terminated: true });
            return;
        }
        for direction in [(action + 3) % 4, action, (action + 1) % 4] {
            let next = moved(cell, direction, n, n);
            let reward = if cells[next] == b'G' { 1.0 } else { 0.0 };
            let terminated = matches!(cells[next], b'H' | b'G');
            out.push(Transition { probability: 1.0 / 3.0, next, reward, terminated });
        }
    })?;
    Ok(TableWorld::new(id, mdp, vec![0], horizon)?)
}

/// The cell one step left, down, right or up, or the same at a wall.
fn moved(cell: usize, direction: usize, height: usize, width: usize) -> usize {
    let (row, column) = (cell / width, cell % width);
    let (row, column) = match direction {
        0 => (row, column.saturating_sub(1)),
        1 => ((row + 1).min(height - 1), column),
        2 => (row, (column + 1).min(width - 1)),
        _ => (row.saturating_sub(1), column),
    };
    row * width + column
}

const CLIFF_HEIGHT: usize = 4;
const CLIFF_WIDTH: usize = 12;
const CLIFF_START: usize = (CLIFF_HEIGHT - 1) * CLIFF_WIDTH;

/// Gymnasium's `CliffWalking-v1` (Sutton and Barto 2018, example 6.6): 4×12 cells, −1 per step, −100
/// and back to the start for a fall; at most 200 steps. Actions up, right, down, left.
///
/// The best return is −13.
///
/// # Errors
/// None in practice: the table is complete.
pub fn cliff_walking() -> Result<TableWorld, RegistryError> {
    let goal = CLIFF_HEIGHT * CLIFF_WIDTH - 1;
    let mdp: Result<TabularMdp, ExactError> =
        TabularMdp::new(CLIFF_HEIGHT * CLIFF_WIDTH, 4, |cell, action, out| {
            let direction = [3, 2, 1, 0][action];
            let next = moved(cell, direction, CLIFF_HEIGHT, CLIFF_WIDTH);
            let fallen = next > CLIFF_START && next < goal;
            let (next, reward) = if fallen { (CLIFF_START, -100.0) } else { (next, -1.0) };
            out.push(Transition { probability: 1.0, next, reward, terminated: next == goal });
        });
    let world = TableWorld::new("CliffWalking-v1", mdp?, vec![CLIFF_START], 200)?;
    debug_assert_eq!(world.spec().n_actions, 4);
    Ok(world)
}
