//! Our dynamics beside Gymnasium's, along trajectories that it played.

use super::{Acrobot, CartPole, MountainCar};
use crate::env::Env;
use crate::error::EnvError;

/// One line per step: task, episode, start state, action, reward, terminated, observation.
const TRAJECTORIES: &str = include_str!("fixtures/trajectories.csv");

/// A line of the fixture.
struct Line {
    task: String,
    episode: usize,
    start: Vec<f64>,
    action: usize,
    reward: f64,
    terminated: bool,
    observation: Vec<f64>,
}

fn numbers(field: &str) -> Vec<f64> {
    field.split(' ').map(|x| x.parse().expect("a number")).collect()
}

fn lines() -> Vec<Line> {
    let line = |text: &str| {
        let fields: Vec<&str> = text.split(',').collect();
        let [task, episode, start, action, reward, terminated, observation] = fields[..] else {
            panic!("seven fields in `{text}`");
        };
        Line {
            task: task.to_owned(),
            episode: episode.parse().expect("a number"),
            start: numbers(start),
            action: action.parse().expect("a number"),
            reward: reward.parse().expect("a number"),
            terminated: terminated == "1",
            observation: numbers(observation),
        }
    };
    TRAJECTORIES.lines().map(line).collect()
}

/// Plays the fixture's episodes of a task; `start` begins one in a given state.
fn replay<E: Env>(env: &mut E, start: impl Fn(&mut E, &[f64])) -> Result<(), EnvError> {
    let task = env.spec().id.clone();
    let mut episode = usize::MAX;
    let mut n_steps = 0;
    for line in lines().iter().filter(|line| line.task == task) {
        if line.episode != episode {
            episode = line.episode;
            start(env, &line.start);
        }
        let step = env.step(line.action)?;
        assert_eq!((step.reward, step.terminated), (line.reward, line.terminated));
        for (got, expected) in env.observation().iter().zip(&line.observation) {
            // Observations are f32: half a unit in the last place of 30 is 1e-6.
            let tolerance = 1e-6 * expected.abs().max(1.0);
            assert!((f64::from(*got) - expected).abs() <= tolerance, "{task} {got} {expected}");
        }
        n_steps += 1;
    }
    assert!(n_steps > 20, "{n_steps} steps of {task}");
    Ok(())
}

fn state<const N: usize>(values: &[f64]) -> [f64; N] {
    values.try_into().expect("a whole state")
}

#[test]
fn cart_pole_moves_as_gymnasiums() -> Result<(), EnvError> {
    replay(&mut CartPole::new(), |env, start| env.start_from(state(start)))
}

#[test]
fn mountain_car_moves_as_gymnasiums() -> Result<(), EnvError> {
    replay(&mut MountainCar::new(), |env, start| env.start_from(state(start)))
}

#[test]
fn acrobot_moves_as_gymnasiums() -> Result<(), EnvError> {
    replay(&mut Acrobot::new(), |env, start| env.start_from(state(start)))
}

#[test]
fn a_time_limit_truncates() -> Result<(), EnvError> {
    let mut car = MountainCar::new();
    car.reset(Some(1));
    for step in 1..=200 {
        let outcome = car.step(1)?;
        assert_eq!((outcome.terminated, outcome.truncated), (false, step == 200));
    }
    Ok(())
}
