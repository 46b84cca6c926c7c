//! The memory returns what was put in, as often as it says, with the weights it says.

use super::*;
use crate::agent::Transition;
use crate::checkpoint::Archive;
use crate::nstep::NStep;
use crate::schedule::Linear;
use promopt_envs::{ActionMask, SeedTree};
use proptest::prelude::{ProptestConfig, any, prop, prop_assert, prop_assert_eq, proptest};
use std::collections::BTreeMap;

type Outcome = Result<(), AgentError>;

fn uniform(capacity: usize) -> Replay {
    let config = ReplayConfig { capacity, ..Default::default() };
    Replay::new(config, 2, 3).expect("a valid configuration")
}

fn prioritised(capacity: usize, alpha: f64, beta: f64) -> Replay {
    let beta = Linear::constant(beta);
    let priorities = Some(Priorities { alpha, beta, epsilon: 0.01 });
    let config = ReplayConfig { capacity, priorities, ..Default::default() };
    Replay::new(config, 2, 3).expect("a valid configuration")
}

fn fill(replay: &mut Replay, values: std::ops::Range<usize>) -> Vec<u32> {
    let push = |value: usize| {
        replay.push(&Stretch {
            lane: 0,
            observation: &[value as f32, 0.0],
            action: value % 3,
            reward_sum: value as f32,
            bootstrap_discount: 0.9,
            next_observation: &[value as f32 + 1.0, 0.0],
            next_mask: &ActionMask::all(3),
        })
    };
    values.map(push).collect()
}

#[test]
fn the_oldest_entry_is_overwritten() {
    let mut replay = uniform(4);
    assert_eq!(fill(&mut replay, 0..6), [0, 1, 2, 3, 0, 1]);
    assert_eq!(replay.len(), 4);
    let sums: Vec<f32> = replay.entries.iter().map(|entry| entry.reward_sum).collect();
    assert_eq!(sums, [4.0, 5.0, 2.0, 3.0]);
}

#[test]
fn uniform_sampling_is_uniform_and_keeps_rows_together() {
    let mut replay = uniform(8);
    fill(&mut replay, 0..4);
    let mut batch = Batch::default();
    replay.sample(8_000, &mut SeedTree::new(1).stream(), &mut batch);
    for i in 0..batch.len() {
        let value = batch.reward_sums[i];
        assert_eq!(batch.observations[2 * i], value);
        assert_eq!(batch.next_observations[2 * i], value + 1.0);
        assert_eq!(batch.actions[i], value as u32 % 3);
        assert_eq!((batch.slots[i], batch.weights[i]), (value as u32, 1.0));
    }
    // Each of 4 entries: 2000 expected, standard deviation √(8000 · 1/4 · 3/4) = 38.7.
    for value in 0..4 {
        let count = batch.slots.iter().filter(|&&slot| slot == value).count();
        assert!((count as f64 - 2_000.0).abs() < 4.0 * 38.8);
    }
}

#[test]
fn an_empty_memory_gives_an_empty_batch() {
    for mut replay in [uniform(4), prioritised(4, 0.6, 0.4)] {
        let mut batch = Batch::default();
        replay.sample(5, &mut SeedTree::new(1).stream(), &mut batch);
        assert!(batch.is_empty());
    }
}

#[test]
fn entries_are_drawn_in_proportion_to_their_priority() -> Outcome {
    let (alpha, n) = (0.7, 40_000);
    let mut replay = prioritised(8, alpha, 0.4);
    fill(&mut replay, 0..5);
    let errors = [0.0, -0.5, 1.0, 2.0, -4.0];
    replay.set_priorities(&[0, 1, 2, 3, 4], &errors)?;
    let priorities = errors.map(|error| (f64::from(error.abs()) + 0.01).powf(alpha));
    let total: f64 = priorities.iter().sum();
    let mut batch = Batch::default();
    let mut rng = SeedTree::new(2).stream();
    let mut counts = [0_u32; 5];
    for _ in 0..n / 8 {
        replay.sample(8, &mut rng, &mut batch);
        batch.slots.iter().for_each(|&slot| counts[slot as usize] += 1);
    }
    for (count, priority) in counts.iter().zip(priorities) {
        // Independent draws would have this deviation; strata can only make it smaller.
        let (n, p) = (f64::from(n), priority / total);
        let deviation = (n * p * (1.0 - p)).sqrt();
        assert!((f64::from(*count) - n * p).abs() < 4.0 * deviation, "{counts:?}");
    }
    Ok(())
}

#[test]
fn weights_undo_the_bias_of_sampling() -> Outcome {
    // By hand: α = 1, ε = 0.01, priorities 0.51, 1.01, 2.01 sum to 3.53; with N = 3 and β = 1/2
    // w = (3 p / 3.53)^(−1/2), and the largest of the batch is divided out.
    let mut replay = prioritised(4, 1.0, 0.5);
    fill(&mut replay, 0..3);
    replay.set_priorities(&[0, 1, 2], &[0.5, -1.0, 2.0])?;
    let mut batch = Batch::default();
    replay.sample(300, &mut SeedTree::new(3).stream(), &mut batch);
    let raw = [0.51, 1.01, 2.01].map(|p: f64| (3.0 * p / 3.53).powf(-0.5));
    for (&slot, &weight) in batch.slots.iter().zip(&batch.weights) {
        let expected = raw[slot as usize] / raw[0];
        assert!((f64::from(weight) - expected).abs() < 1e-6, "{weight} {expected}");
    }
    // With full correction the weighted mean over the batch is the mean over the memory: of the
    // reward sums 0, 1, 2 it is 1, up to one draw per border of an entry's part among the strata.
    let mut replay = prioritised(4, 1.0, 1.0);
    fill(&mut replay, 0..3);
    replay.set_priorities(&[0, 1, 2], &[0.5, -1.0, 2.0])?;
    replay.sample(30_000, &mut SeedTree::new(3).stream(), &mut batch);
    let weights: f64 = batch.weights.iter().map(|&w| f64::from(w)).sum();
    let pairs = batch.weights.iter().zip(&batch.reward_sums);
    let mean = pairs.map(|(&w, &r)| f64::from(w * r)).sum::<f64>() / weights;
    assert!((mean - 1.0).abs() < 1e-3, "{mean}");
    Ok(())
}

#[test]
fn a_new_entry_has_the_largest_priority_ever_given() -> Outcome {
    let mut replay = prioritised(4, 1.0, 1.0);
    fill(&mut replay, 0..2);
    let weight = |replay: &Replay, slot| {
        replay.priorities.as_ref().map_or(0.0, |weighing| weighing.tree.weight(slot))
    };
    assert_eq!((weight(&replay, 0), weight(&replay, 1)), (1.0, 1.0));
    replay.set_priorities(&[0, 1], &[3.0, 0.0])?;
    replay.set_priorities(&[0], &[0.5])?;
    fill(&mut replay, 2..3);
    assert!((weight(&replay, 2) - 3.01).abs() < 1e-12);
    assert!((weight(&replay, 0) - 0.51).abs() < 1e-12);
    Ok(())
}

#[test]
fn beta_is_annealed_over_batches() -> Outcome {
    let beta = Linear { start: 0.0, end: 1.0, steps: 2 };
    let priorities = Some(Priorities { alpha: 1.0, beta, epsilon: 0.5 });
    let mut replay = Replay::new(ReplayConfig { priorities, ..Default::default() }, 2, 3)?;
    fill(&mut replay, 0..2);
    // Priorities 1/2 and 2: weights of 1 and (1/4)^β after division by the largest.
    replay.set_priorities(&[0, 1], &[0.0, 1.5])?;
    let (mut batch, mut rng) = (Batch::default(), SeedTree::new(4).stream());
    for expected in [1.0, 0.5, 0.25, 0.25] {
        replay.sample(20, &mut rng, &mut batch);
        let smallest = batch.weights.iter().copied().fold(f32::INFINITY, f32::min);
        assert!((smallest - expected).abs() < 1e-6, "{smallest} {expected}");
    }
    Ok(())
}

#[test]
fn errors_that_are_no_numbers_and_slots_that_are_not_filled_are_refused() {
    let mut replay = prioritised(4, 1.0, 1.0);
    fill(&mut replay, 0..2);
    assert!(replay.set_priorities(&[0], &[f32::NAN]).is_err());
    assert!(replay.set_priorities(&[2], &[1.0]).is_err());
    assert!(replay.set_priorities(&[0, 1], &[1.0]).is_err());
    assert!(replay.set_priorities(&[0, 1], &[1.0, f32::MAX]).is_ok());
}

#[test]
fn a_memory_that_could_outgrow_its_limit_is_refused_with_the_number() {
    let config = ReplayConfig { capacity: 1_000_000, ..Default::default() };
    assert!(config.validate(4, 2).is_ok());
    let config = ReplayConfig { memory_limit_bytes: 50_000_000, ..config };
    let message = config.validate(4, 2).expect_err("54 MB are more than 50").to_string();
    // 1,000,000 · (20 + 2 · 17) + 2048 · 17
    assert!(message.contains("54034816") && message.contains("50000000"), "{message}");
    assert!(message.contains("1000000 entries"), "{message}");
    let refused = [
        ReplayConfig { capacity: 0, ..Default::default() },
        ReplayConfig { capacity: usize::MAX, ..Default::default() },
        ReplayConfig {
            priorities: Some(Priorities { alpha: f64::NAN, ..Default::default() }),
            ..Default::default()
        },
        ReplayConfig {
            priorities: Some(Priorities { epsilon: 0.0, ..Default::default() }),
            ..Default::default()
        },
    ];
    assert!(refused.iter().all(|config| config.validate(4, 2).is_err()));
    assert!(Replay::new(refused[0].clone(), 4, 2).is_err());
}

#[test]
fn memory_is_what_the_documentation_says() -> Outcome {
    let n = 100_000;
    let bytes = |n_features: usize, length: usize| -> Result<u64, AgentError> {
        let config = ReplayConfig { capacity: n, ..Default::default() };
        let mut replay = Replay::new(config, n_features, 2)?;
        let mask = ActionMask::all(2);
        for step in 0..2 * n {
            // An episode of this length has one more state than steps.
            let state = |at: usize| vec![at as f32; n_features];
            let at = step + step / length;
            replay.push(&Stretch {
                lane: 0,
                observation: &state(at),
                action: 0,
                reward_sum: 0.0,
                bootstrap_discount: 0.0,
                next_observation: &state(at + 1),
                next_mask: &mask,
            });
        }
        Ok(replay.memory_bytes())
    };
    // 37 MB and 54 MB a million, up to two chunks of 1024 frames.
    let slack = 2 * 1_024 * 17;
    let (long, short) = (bytes(4, 1_000)?, bytes(4, 1)?);
    assert!((3_700_000..=3_700_000 + slack + 17 * 100).contains(&long), "{long}");
    assert!((5_400_000..=5_400_000 + slack).contains(&short), "{short}");
    Ok(())
}

/// What a memory must hold: the stretches themselves, by slot.
type Plain = BTreeMap<u32, (Vec<f32>, u32, f32, f32, Vec<f32>, Vec<bool>)>;

/// Plays random lanes of random episodes into a memory and a plain map.
fn play(replay: &mut Replay, n: usize, steps: usize, seed: u64) -> Plain {
    let mut rng = SeedTree::new(seed).stream();
    let mut n_step = NStep::new(n, 0.9);
    let mut plain = Plain::new();
    let mut states = [[0.0_f32, 1.0], [0.0, 1.0], [0.0, 1.0]];
    for _ in 0..steps {
        let lane = rng.random_range(0..3);
        // Few states, so that some come again by chance.
        let next = [rng.random_range(0..4) as f32, rng.random_range(0..2) as f32];
        let flags = vec![true, rng.random(), rng.random()];
        let mask = ActionMask::from_flags(flags).expect("the first is allowed");
        let (terminated, truncated) = (rng.random_bool(0.2), rng.random_bool(0.1));
        let action = rng.random_range(0..3);
        let (reward, observation) = (rng.random::<f64>(), states[lane]);
        let transition = Transition {
            lane,
            observation: &observation,
            action,
            reward,
            next_observation: &next,
            next_mask: &mask,
            terminated,
            truncated,
        };
        n_step.push(&transition, |s| {
            let (start, end) = (s.observation.to_vec(), s.next_observation.to_vec());
            let flags = s.next_mask.flags().to_vec();
            let row = (start, s.action as u32, s.reward_sum, s.bootstrap_discount, end, flags);
            plain.insert(replay.push(s), row);
        });
        let fresh = [rng.random_range(0..4) as f32, 7.0];
        states[lane] = if terminated || truncated { fresh } else { next };
    }
    plain
}

fn assert_holds(replay: &mut Replay, plain: &Plain) {
    let mut batch = Batch::default();
    replay.sample(400, &mut SeedTree::new(9).stream(), &mut batch);
    for at in 0..batch.len() {
        let (start, action, reward_sum, discount, end, flags) = &plain[&batch.slots[at]];
        assert_eq!(&batch.observations[2 * at..2 * at + 2], start);
        assert_eq!(&batch.next_observations[2 * at..2 * at + 2], end);
        assert_eq!(&batch.next_masks[3 * at..3 * at + 3], flags);
        assert_eq!((batch.actions[at], batch.reward_sums[at]), (*action, *reward_sum));
        assert_eq!(batch.bootstrap_discounts[at], *discount);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn a_sum_tree_agrees_with_plain_prefix_sums(
        weights in prop::collection::vec(0_u32..50, 1..40),
        changes in prop::collection::vec((any::<prop::sample::Index>(), 0_u32..50), 0..40),
    ) {
        let mut weights = weights;
        let mut tree = SumTree::new(weights.len());
        (0..weights.len()).for_each(|at| tree.set(at, f64::from(weights[at])));
        for (at, weight) in changes {
            let at = at.index(weights.len());
            weights[at] = weight;
            tree.set(at, f64::from(weight));
        }
        tree.settle();
        // Whole numbers: sums are exact and every unit of mass belongs to a known index.
        let total: u32 = weights.iter().sum();
        prop_assert_eq!(tree.total(), f64::from(total));
        let mut expected = weights.iter().enumerate()
            .flat_map(|(at, &weight)| (0..weight).map(move |_| at));
        for unit in 0..total {
            let found = tree.find(f64::from(unit) + 0.5);
            prop_assert_eq!(Some(found), expected.next());
            prop_assert_eq!(tree.find(f64::from(unit)), found);
        }
        if total > 0 {
            prop_assert!(weights[tree.find(f64::from(total))] > 0);
        }
    }

    #[test]
    fn shared_observations_come_back_as_they_were(
        n in 1_usize..5, steps in 0_usize..4_000, capacity in 1_usize..600, seed in any::<u64>(),
    ) {
        let mut replay = uniform(capacity);
        let plain = play(&mut replay, n, steps, seed);
        prop_assert_eq!(replay.len(), plain.len());
        assert_holds(&mut replay, &plain);
        prop_assert!(replay.memory_bytes() <= replay.config.largest_bytes(2, 3));
    }

    #[test]
    fn a_memory_goes_on_after_a_checkpoint_as_if_nothing_had_happened(
        n in 1_usize..4, before in 0_usize..3_000, seed in any::<u64>(),
    ) {
        let mut replay = prioritised(500, 0.6, 0.4);
        play(&mut replay, n, before, seed);
        let mut archive = Archive::default();
        replay.save(&mut archive, "replay")?;
        let mut again = prioritised(500, 0.6, 0.4);
        again.load(&archive, "replay")?;
        for replay in [&mut replay, &mut again] {
            play(replay, n, 300, seed ^ 1);
        }
        let saved = [&replay, &again].map(|replay| {
            let mut archive = Archive::default();
            replay.save(&mut archive, "replay").map(|()| archive)
        });
        let [one, two] = saved;
        prop_assert_eq!(one?.to_bytes()?, two?.to_bytes()?);
    }
}

#[test]
fn a_damaged_memory_is_refused_whole() -> Outcome {
    let mut replay = prioritised(50, 0.6, 0.4);
    play(&mut replay, 2, 200, 1);
    let mut archive = Archive::default();
    replay.save(&mut archive, "replay")?;
    let before = format!("{replay:?}");
    let damages: [fn(&mut Archive); 7] = [
        |archive| archive.put("replay.cursor", &[77_u64]),
        |archive| archive.put("replay.starts", &[u32::MAX; 50]),
        |archive| archive.put("replay.actions", &[9_u32; 50]),
        |archive| archive.put("replay.masks", &[0_u8; 3]),
        |archive| archive.put("replay.weights", &[f64::NAN; 50]),
        |archive| archive.put("replay.open_ends", &[u32::MAX, 0]),
        |archive| archive.put("replay.batches", &[] as &[u64]),
    ];
    for damage in damages {
        let mut damaged = archive.clone();
        damage(&mut damaged);
        assert!(matches!(replay.load(&damaged, "replay"), Err(AgentError::Checkpoint { .. })));
        assert_eq!(format!("{replay:?}"), before);
    }
    let message = prioritised(51, 0.6, 0.4).load(&archive, "replay").expect_err("another size");
    assert!(message.to_string().contains("capacity` was 50 and is 51 now"), "{message}");
    Ok(())
}
