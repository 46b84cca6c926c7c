//! Aggregates agree with the reference implementation.

use super::*;
use serde_json::Value;

type Figure = fn(&Scores) -> f64;
type Outcome = Result<(), Box<dyn std::error::Error>>;

/// Figures by rliable and scipy; the recipe lies beside the file.
fn reference() -> Result<Value, serde_json::Error> {
    serde_json::from_str(include_str!("../../tests/fixtures/aggregates.json"))
}

fn numbers(value: &Value) -> Vec<f64> {
    let list = value.as_array().into_iter().flatten();
    list.map(|number| number.as_f64().unwrap_or(f64::NAN)).collect()
}

fn scores(value: &Value) -> Result<Scores, AgentError> {
    Scores::new(value.as_array().into_iter().flatten().map(numbers).collect())
}

#[track_caller]
fn assert_close(got: f64, expected: f64, tolerance: f64) {
    assert!((got - expected).abs() <= tolerance, "{got} instead of {expected} ± {tolerance}");
}

#[test]
fn figures_and_intervals_agree_with_rliable() -> Outcome {
    let reference = reference()?;
    let ours = scores(&reference["ours"])?;
    let figures: [(&str, Figure); 3] = [
        ("mean", Scores::mean),
        ("median", Scores::median),
        ("interquartile_mean", Scores::interquartile_mean),
    ];
    for (name, figure) in figures {
        let expected = numbers(&reference[name]);
        let got = ours.estimate(figure, 50_000, SeedTree::new(1))?;
        assert_close(got.value, expected[0], 1e-12);
        // Quantiles of n draws at p have standard error √(p (1 − p) / n) / density: at p = 0.025
        // and n = 50,000 that is 0.0007 / density. A normal with the width w of the interval has
        // there the density 0.0584 · 3.92 / w, so 0.0031 w; two of them, and 4 of those: 0.0175 w.
        let tolerance = 0.0175 * (expected[2] - expected[1]);
        assert_close(got.low, expected[1], tolerance);
        assert_close(got.high, expected[2], tolerance);
    }
    Ok(())
}

#[test]
fn the_interquartile_mean_is_the_trimmed_mean_of_scipy() -> Outcome {
    let reference = reference()?;
    let ours = scores(&reference["ours"])?;
    let expected = reference["trim_mean"].as_f64().ok_or("a number")?;
    assert_close(ours.interquartile_mean(), expected, 1e-12);
    let one_task = &reference["one_task"];
    for n in 1..=7 {
        let some = Scores::of_one_task(ours.by_task()[0][..n].to_vec())?;
        let (trimmed, median) = (numbers(&one_task["trim_mean"]), numbers(&one_task["median"]));
        assert_close(some.interquartile_mean(), trimmed[n - 1], 1e-12);
        assert_close(some.median(), median[n - 1], 1e-12);
    }
    Ok(())
}

#[test]
fn performance_profiles_agree_with_rliable() -> Outcome {
    let reference = reference()?;
    let ours = scores(&reference["ours"])?;
    let got = ours.performance_profile(&numbers(&reference["thresholds"]));
    for (got, expected) in got.into_iter().zip(numbers(&reference["performance_profile"])) {
        assert_close(got, expected, 1e-12);
    }
    Ok(())
}

#[test]
fn the_probability_of_improvement_agrees_with_rliable() -> Outcome {
    let reference = reference()?;
    let (ours, theirs) = (scores(&reference["ours"])?, scores(&reference["theirs"])?);
    let expected = numbers(&reference["probability_of_improvement"]);
    let got = probability_of_improvement(&ours, &theirs, 5_000, SeedTree::new(1))?;
    assert_close(got.value, expected[0], 1e-12);
    // As above with n = 5,000: 0.055 w; and one step of 1 / (3 · 49 · 2), for wins are counted.
    let tolerance = 0.055 * (expected[2] - expected[1]) + 1.0 / 294.0;
    assert_close(got.low, expected[1], tolerance);
    assert_close(got.high, expected[2], tolerance);
    let same = probability_of_improvement(&ours, &ours, 10, SeedTree::new(1))?;
    assert_close(same.value, 0.5, 1e-12);
    let other = Scores::of_one_task(vec![1.0])?;
    assert!(probability_of_improvement(&ours, &other, 10, SeedTree::new(1)).is_err());
    Ok(())
}

#[test]
fn intervals_do_not_depend_on_the_number_of_threads() -> Outcome {
    let ours = Scores::new(vec![vec![1.0, 2.0, 5.0], vec![0.0, 1.0]])?;
    let with = |threads| -> Result<Estimate, Box<dyn std::error::Error>> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
        let run = || ours.estimate(Scores::mean, 500, SeedTree::new(1));
        Ok(pool.install(run)?)
    };
    assert_eq!(with(1)?, with(3)?);
    Ok(())
}

#[test]
fn nothing_and_what_is_no_number_are_refused() {
    assert!(Scores::new(vec![]).is_err());
    assert!(Scores::new(vec![vec![1.0], vec![]]).is_err());
    assert!(Scores::of_one_task(vec![f64::NAN]).is_err());
    let one = Scores::of_one_task(vec![2.0]).expect("a run");
    assert!(one.estimate(Scores::mean, 0, SeedTree::new(1)).is_err());
    assert_eq!((one.mean(), one.median(), one.interquartile_mean()), (2.0, 2.0, 2.0));
}
