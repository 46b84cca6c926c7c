//! Closed forms, bounds that hold, and tables that are refused.

use super::*;
use crate::diagnostic::{Chain, DeepSea};

fn sure(next: usize, reward: f64) -> Transition {
    Transition { probability: 1.0, next, reward, terminated: false }
}

/// A state that pays 1 for staying or 7 for leaving: the timeout trap without its limit.
fn trap() -> TabularMdp {
    TabularMdp::new(1, 2, |_, action, out| {
        out.push(Transition { terminated: action == 1, ..sure(0, [1.0, 7.0][action]) });
    })
    .expect("a complete table")
}

#[test]
fn the_chain_has_the_value_of_walking_right() -> Result<(), ExactError> {
    // From cell c of n it takes m = n − 1 − c steps: −0.01 (1 − γ^m) / (1 − γ) + γ^(m − 1).
    let (n, gamma) = (12_usize, 0.9_f64);
    let mdp = Chain::new(n, false).mdp()?;
    let solution = mdp.value_iteration(gamma, 1e-10)?;
    assert!(solution.bound <= 1e-10);
    for (cell, value) in solution.values.iter().enumerate() {
        let m = (n - 1 - cell) as i32;
        let expected = -0.01 * (1.0 - gamma.powi(m)) / (1.0 - gamma) + gamma.powi(m - 1);
        assert!((value - expected).abs() <= 1e-10 + 1e-13, "{cell} {value} {expected}");
    }
    assert!(solution.policy.iter().all(|&action| action == 1));
    Ok(())
}

#[test]
fn the_deep_sea_has_the_value_of_its_treasure() -> Result<(), ExactError> {
    for (n, scrambled) in [(6, None), (10, Some(3))] {
        let sea = DeepSea::new(n, scrambled);
        let mdp = sea.mdp()?;
        // Undiscounted over its n steps: 0.99.
        let whole = mdp.backward_induction(1.0, n as u32)?;
        assert!((whole.values[0] - sea.optimal_return()).abs() < 1e-12);
        assert_eq!(whole.policy[0], sea.optimal_action());
        // Discounted: −0.01 / n for every move, 1 with the last.
        let gamma = 0.99_f64;
        let cost = 0.01 / n as f64 * (1.0 - gamma.powi(n as i32)) / (1.0 - gamma);
        let expected = gamma.powi(n as i32 - 1) - cost;
        let discounted = mdp.value_iteration(gamma, 1e-10)?;
        assert!((discounted.values[0] - expected).abs() <= 1e-10 + 1e-13);
    }
    Ok(())
}

#[test]
fn the_bound_holds_at_every_tolerance() -> Result<(), ExactError> {
    let mdp = trap();
    for gamma in [0.0, 0.5, 0.9, 0.99] {
        let expected = (1.0 / (1.0_f64 - gamma)).max(7.0);
        for tolerance in [1.0, 1e-3, 1e-9] {
            let solution = mdp.value_iteration(gamma, tolerance)?;
            let error = (solution.values[0] - expected).abs();
            assert!(error <= solution.bound + 1e-12, "{gamma} {tolerance} {error}");
            assert!(solution.bound <= tolerance);
        }
    }
    Ok(())
}

#[test]
fn a_story_without_an_end_is_solved_in_one_sweep_when_all_states_gain_alike()
-> Result<(), ExactError> {
    // Two states that pay 1 each for ever: after one sweep the span is 0.
    let mdp = TabularMdp::new(2, 1, |state, _, out| out.push(sure(1 - state, 1.0)))?;
    let solution = mdp.value_iteration(0.95, 1e-9)?;
    assert_eq!(solution.sweeps, 1);
    assert!(solution.values.iter().all(|v| (v - 20.0).abs() < 1e-9));
    Ok(())
}

#[test]
fn policies_are_valued_as_by_hand() -> Result<(), ExactError> {
    let mdp = trap();
    let stay = mdp.evaluate(&[0], 0.9, 1e-9)?;
    let leave = mdp.evaluate(&[1], 0.9, 1e-9)?;
    // Staying half of the time: V = 0.5 (1 + 0.9 V) + 0.5 · 7, so V = 4 / 0.55.
    let half = mdp.evaluate_distribution(&[0.5, 0.5], 0.9, 1e-9)?;
    assert!((stay.values[0] - 10.0).abs() <= 1e-9);
    assert!((leave.values[0] - 7.0).abs() <= 1e-9);
    assert!((half.values[0] - 4.0 / 0.55).abs() <= 1e-9);
    assert_eq!(mdp.myopic_policy(), [1]);
    Ok(())
}

#[test]
fn a_short_story_is_not_worth_staying_for() -> Result<(), ExactError> {
    // Undiscounted with t steps left: stay until the last step, then leave with 7.
    let mdp = trap();
    for (steps, expected, first) in [(1, 7.0, 1), (2, 8.0, 0), (5, 11.0, 0)] {
        let solution = mdp.backward_induction(1.0, steps)?;
        assert!((solution.values[0] - expected).abs() < 1e-12);
        assert_eq!(solution.policy[0], first);
    }
    Ok(())
}

#[test]
fn actions_without_outcomes_are_not_allowed() -> Result<(), ExactError> {
    let mdp = TabularMdp::new(2, 2, |state, action, out| {
        if action == state {
            out.push(sure(1 - state, -1.0));
        }
    })?;
    assert_eq!(mdp.value_iteration(0.5, 1e-9)?.policy, [0, 1]);
    assert!(mdp.evaluate(&[1, 1], 0.5, 1e-9).is_err());
    assert!(mdp.evaluate_distribution(&[0.5, 0.5, 0.0, 1.0], 0.5, 1e-9).is_err());
    assert!(mdp.evaluate_distribution(&[0.9, 0.0, 0.0, 1.0], 0.5, 1e-9).is_err());
    let stuck = TabularMdp::new(2, 1, |state, _, out| {
        if state == 0 {
            out.push(sure(1, 0.0));
        }
    });
    assert_eq!(stuck, Err(ExactError::NoAction { state: 1 }));
    Ok(())
}

#[test]
fn impossible_tables_and_parameters_are_refused() {
    let with = |t: Transition| TabularMdp::new(1, 1, move |_, _, out| out.push(t));
    assert!(with(sure(0, f64::NAN)).is_err());
    assert!(with(sure(1, 0.0)).is_err());
    assert!(with(Transition { probability: 0.9, ..sure(0, 0.0) }).is_err());
    assert!(with(Transition { probability: -1.0, ..sure(0, 0.0) }).is_err());
    assert!(with(Transition { terminated: true, ..sure(9, 0.0) }).is_ok());
    assert!(TabularMdp::new(0, 1, |_, _, _| {}).is_err());
    let mdp = trap();
    for (gamma, tolerance) in [(1.0, 1e-9), (-0.1, 1e-9), (f64::NAN, 1e-9), (0.9, 0.0)] {
        assert!(mdp.value_iteration(gamma, tolerance).is_err());
    }
    assert!(mdp.evaluate(&[0, 0], 0.9, 1e-9).is_err());
    assert!(mdp.backward_induction(1.1, 3).is_err());
}
