//! Experiment cases of two arms and one metric: plain, relative, adjusted, stratified, by ratio or
//! quantile, and shares.

use crate::arms::{Arms, level, reason, shown, with, word};
use crate::fixtures::{Answer, Case};
use promopt_evaluate::experiment::contrast::{Before, Side, theta};
use promopt_evaluate::experiment::proportions::TwoProportions;
use promopt_evaluate::experiment::returns::{if_shipped, ratio_of_differences};
use promopt_evaluate::experiment::stratified::{Stratified, Stratum};
use promopt_evaluate::experiment::{
    Condition, Contrast, Effect, JointMoments, Metric, quantile_of_sorted,
};
use serde_json::{Value, json};

/// The figures of a case, when its kind is one of these.
pub(crate) fn answer(case: &Case) -> Option<Answer> {
    Some(Ok(match &*case.kind {
        "welch_abs" | "hillstrom_welch" => welch(case),
        "welch_one_sided" => one_sided(case),
        "ztest_mean" => shown(&Arms::of(case).contrast(value(case)).absolute_normal(level(case))),
        "relative_lift_delta" | "relative_lift_log_delta" | "hillstrom_relative" => relative(case),
        "relative_lift_baseline_fixed" => baseline_fixed(case),
        "cuped" | "hillstrom_cuped" => cuped(case),
        "cuped_relative" => shown(&library_relative(case)),
        "cuped_z" => cuped_z(case),
        "degenerate" => degenerate(case),
        "ratio_delta" | "hillstrom_ratio" => ratio(case),
        "ratio_cuped" => ratio_cuped(case),
        "winsorised_welch" => winsorised(case),
        "quantile_effect" => quantiles(case),
        "proportion_ztest" => proportion_test(case),
        "proportion_ci" => proportion_interval(case),
        "proportion_ratio_ci" => proportion_ratio(case),
        "hillstrom_proportion" => hillstrom_proportion(case),
        "non_inferiority" => non_inferiority(case),
        "scaled_impact" => scaled(case),
        "roi" => returns(case),
        "post_stratification" | "post_stratification_cuped" | "hillstrom_poststrat" => {
            return Some(stratified(case));
        }
        _ => return None,
    }))
}

fn value(case: &Case) -> &str {
    word(&case.input["value"], "spend")
}

fn welch(case: &Case) -> Value {
    let arms = Arms::of(case);
    let [c, t] = arms.moments(value(case));
    let means = json!({
        "n_control": c.n as u64, "n_treatment": t.n as u64, "mean_control": c.mean,
        "mean_treatment": t.mean, "var_control": c.variance(), "var_treatment": t.variance(),
    });
    with(shown(&arms.contrast(value(case)).absolute(level(case))), means)
}

fn one_sided(case: &Case) -> Value {
    let side = match word(&case.params["alternative"], "greater") {
        "less" => Side::Less,
        _ => Side::Greater,
    };
    shown(&Arms::of(case).contrast(value(case)).one_sided(side, level(case)))
}

/// Both conventions at once: the absolute scale beside the log scale, or the delta method alone.
fn relative(case: &Case) -> Value {
    let arms = Arms::of(case);
    let contrast = if case.code.contains("gb_prop") {
        shares(&arms, value(case))
    } else {
        arms.contrast(value(case))
    };
    if case.expected.get("rel_effect").is_some() {
        both(&contrast, case)
    } else {
        shown(&contrast.relative(level(case)))
    }
}

/// Shares of successes: their variance is `p(1 − p)`, without a degree of freedom for the mean.
pub(crate) fn shares(arms: &Arms, column: &str) -> Contrast {
    let [c, t] = arms.moments(column).map(|arm| {
        let plain = Metric::mean(&arm);
        Metric { variance: plain.variance * (arm.n - 1.0) / arm.n, ..plain }
    });
    Contrast::new(c, t)
}

fn both(contrast: &Contrast, case: &Case) -> Value {
    let log = contrast.relative_log(level(case));
    let rel = json!({
        "rel_effect": log.estimate, "rel_ci_lower": log.lower, "rel_ci_upper": log.upper,
    });
    with(shown(&contrast.absolute(level(case))), rel)
}

/// The convention that takes the baseline as known is reproduced here only, to show its error.
fn baseline_fixed(case: &Case) -> Value {
    let arms = Arms::of(case);
    let contrast = arms.contrast(value(case));
    let (absolute, ours) = (contrast.absolute(level(case)), contrast.relative(level(case)));
    let base = arms.moments(value(case))[0].mean;
    let bounds = [absolute.lower / base, absolute.upper / base];
    if ours.estimate > 0.0 {
        assert!(ours.upper - ours.lower > bounds[1] - bounds[0], "a known baseline is narrower");
    }
    json!({
        "rel_effect": absolute.estimate / base, "rel_ci_lower": bounds[0],
        "rel_ci_upper": bounds[1], "p_value": absolute.p_value,
    })
}

fn joint(case: &Case) -> [JointMoments<2>; 2] {
    let before = word(&case.input["covariate"], "pre_spend");
    Arms::of(case).joint([value(case), before])
}

fn adjusted(case: &Case) -> Contrast {
    let [c, t] = joint(case);
    let pooled = Metric::mean_with_before(&c.merge(t));
    let centre = pooled.before.map_or(0.0, |before| before.estimate);
    let [c, t] = [c, t].map(|arm| Metric::mean_with_before(&arm));
    Contrast::adjusted(c, t, theta(&pooled), centre)
}

/// The library takes the baseline's slope at the unadjusted difference.
fn library_relative(case: &Case) -> Effect {
    let plain = Arms::of(case).contrast(value(case)).absolute(level(case));
    adjusted(case).relative_at(plain.estimate, level(case))
}

fn cuped(case: &Case) -> Value {
    let contrast = adjusted(case);
    let plain = Arms::of(case).contrast(value(case)).absolute(level(case));
    let [c, t] = contrast.arms();
    let more = json!({
        "theta": contrast.theta(), "unadjusted_std_err": plain.standard_error,
        "variance_reduction": contrast.variance_reduction(), "unadjusted": shown(&plain),
        "control_adjusted": c.estimate, "treatment_adjusted": t.estimate,
        "absolute": shown(&contrast.absolute(level(case))),
        "relative": shown(&library_relative(case)),
    });
    with(both(&contrast, case), more)
}

/// One library divides the covariate's moments by n; the rest is ours.
fn cuped_z(case: &Case) -> Value {
    let [c, t] = joint(case);
    let slope = theta(&Metric::mean_with_before(&c.merge(t)));
    let metric = |arm: &JointMoments<2>| {
        let own = Metric::mean_with_before(arm);
        let scale = (arm.n - 1.0) / arm.n;
        let before = own.before.map(|b| Before {
            variance: b.variance * scale,
            covariance: b.covariance * scale,
            ..b
        });
        Metric { before, ..own }
    };
    let contrast = Contrast::adjusted(metric(&c), metric(&t), slope, 0.0);
    let more = json!({
        "theta": slope, "spotify_variance_reduction_rate": contrast.variance_reduction(),
    });
    with(shown(&contrast.absolute_normal(level(case))), more)
}

/// Ours says by name what is the matter; the library's own words for it are put beside.
fn degenerate(case: &Case) -> Value {
    let arms = Arms::of(case);
    let [c, t] = arms.moments(value(case));
    let contrast = arms.contrast(value(case));
    let (absolute, relative) = (contrast.absolute(level(case)), contrast.relative(level(case)));
    let still = c.variance() == 0.0 && t.variance() == 0.0;
    assert_eq!(absolute.condition == Some(Condition::ZeroVariance), still);
    assert_eq!(relative.condition.is_some(), still || c.mean == 0.0);
    assert!(absolute.p_value.is_finite() && relative.p_value.is_finite());
    // The library speaks of no variance as soon as one arm has none.
    let empty = json!({
        "effect": 0.0, "ci_lower": 0.0, "ci_upper": 0.0, "p_value": 1.0, "std_err": 0.0,
        "error": "ZERO_NEGATIVE_VARIANCE",
    });
    let library = |ours: &Effect| {
        if c.variance() == 0.0 || t.variance() == 0.0 { empty.clone() } else { shown(ours) }
    };
    // Where neither arm varies scipy divides by zero: its t and p are not asked for.
    let test = if still { json!({"t": "checked", "p_value": "checked"}) } else { shown(&absolute) };
    let means = json!({
        "gb_absolute": library(&absolute), "gb_relative": library(&relative),
        "mean_control": c.mean, "mean_treatment": t.mean,
        "var_control_two_pass": c.variance(), "var_treatment_two_pass": t.variance(),
        "effect": absolute.estimate,
    });
    with(test, means)
}

fn ratio(case: &Case) -> Value {
    let columns = [&case.input["numerator"], &case.input["denominator"]];
    let arms = Arms::of(case).joint([word(columns[0], "spend"), word(columns[1], "visit")]);
    let [c, t] = arms.map(|arm| Metric::ratio(&arm));
    let contrast = Contrast::new(c, t);
    let level = level(case);
    let own = if case.id.ends_with("relative") {
        contrast.relative(level)
    } else {
        contrast.absolute(level)
    };
    let more = json!({
        "ratio_control": c.estimate, "ratio_treatment": t.estimate, "var_control": c.variance,
        "var_treatment": t.variance, "absolute": shown(&contrast.absolute(level)),
        "relative": shown(&contrast.relative(level)),
    });
    with(shown(&own), more)
}

/// Two coefficients are in use: from all units pooled, which is ours, and from the arms' sums.
fn ratio_cuped(case: &Case) -> Value {
    let before: Vec<&str> = case.input["covariate"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let [m, d] = before[..].try_into().unwrap_or(["pre_orders", "pre_sessions"]);
    let columns = [&case.input["numerator"], &case.input["denominator"]];
    let names = [word(columns[0], "orders"), word(columns[1], "sessions"), m, d];
    let arms = Arms::of(case).joint(names);
    let pooled = Metric::ratio_with_before(&arms[0].merge(arms[1]));
    let [c, t] = arms.map(|arm| Metric::ratio_with_before(&arm));
    let slope = if case.id.ends_with("tea_tasting") {
        theta(&pooled)
    } else {
        let sum = |of: fn(&Before) -> f64| -> f64 {
            [c, t].iter().filter_map(|arm| arm.before.as_ref()).map(of).sum()
        };
        sum(|b| b.covariance) / sum(|b| b.variance)
    };
    let centre = pooled.before.map_or(0.0, |before| before.estimate);
    let contrast = Contrast::adjusted(c, t, slope, centre);
    let more = json!({
        "absolute": shown(&contrast.absolute(level(case))),
        "relative": shown(&contrast.relative(level(case))), "theta": slope,
        "control_adjusted": contrast.arms()[0].estimate,
        "treatment_adjusted": contrast.arms()[1].estimate,
    });
    with(shown(&contrast.absolute(level(case))), more)
}

fn winsorised(case: &Case) -> Value {
    let mut columns = Arms::of(case).column(value(case));
    let mut all: Vec<f64> = columns.concat();
    all.sort_by(f64::total_cmp);
    let share = case.params["upper_quantile"].as_f64().unwrap_or(0.99);
    let cap = quantile_of_sorted(&all, share).expect("rows");
    let [c, t] = columns.each_mut().map(|own| {
        own.iter_mut().for_each(|x| *x = x.min(cap));
        promopt_evaluate::experiment::Moments::of(own)
    });
    let effect = Contrast::new(Metric::mean(&c), Metric::mean(&t)).absolute(level(case));
    let means = json!({"cap": cap, "mean_control": c.mean, "mean_treatment": t.mean});
    with(shown(&effect), means)
}

fn quantiles(case: &Case) -> Value {
    let q = case.params["nu"].as_f64().unwrap_or(0.5);
    let [c, t] = Arms::of(case).column(value(case)).map(|mut own| {
        own.sort_by(f64::total_cmp);
        Metric::quantile(&own, q, 0.95).expect("rows")
    });
    let contrast = Contrast::new(c.0, t.0);
    json!({
        "q_control": c.0.estimate, "q_treatment": t.0.estimate, "control_bounds": c.1,
        "treatment_bounds": t.1, "absolute": shown(&contrast.absolute(level(case))),
        "relative": shown(&contrast.relative(level(case))),
    })
}

fn counts(case: &Case, column: &str) -> TwoProportions {
    let columns = Arms::of(case).column(column);
    TwoProportions {
        hits: [0, 1].map(|arm| columns[arm].iter().sum()),
        trials: [0, 1].map(|arm| columns[arm].len() as f64),
    }
}

fn proportion_test(case: &Case) -> Value {
    let counts = counts(case, word(&case.input["value"], "converted"));
    let [x, y] = counts.hits.map(|x| x as u64);
    let [n, m] = counts.trials.map(|x| x as u64);
    // As means whose variance is that of the pooled share.
    let variance = counts.pooled_variance();
    let metric = |arm: usize| Metric {
        n: counts.trials[arm],
        estimate: counts.shares()[arm],
        variance,
        before: None,
    };
    let contrast = Contrast::new(metric(0), metric(1));
    let (test, log) = (contrast.absolute_normal(level(case)), contrast.relative_log(level(case)));
    // The library's relative interval takes the pooled share for both baselines.
    let z = promopt_evaluate::distributions::normal::two_sided(level(case));
    let pooled = counts.hits.iter().sum::<f64>() / counts.trials.iter().sum::<f64>();
    let reach = z * test.standard_error / pooled;
    let more = json!({
        "x_control": x, "x_treatment": y, "n_control": n, "n_treatment": m, "z": counts.z_pooled(),
        "rel_effect": log.estimate, "rel_ci_lower": (1.0 + log.estimate) * (-reach).exp() - 1.0,
        "rel_ci_upper": (1.0 + log.estimate) * reach.exp() - 1.0,
    });
    with(shown(&test), more)
}

fn proportion_interval(case: &Case) -> Value {
    let counts = counts(case, word(&case.input["value"], "converted"));
    let bounds = match word(&case.params["method"], "wald") {
        "newcomb" => counts.newcombe(level(case)),
        "agresti-caffo" => counts.agresti_caffo(level(case)),
        "score" => library_score(&counts, level(case)),
        _ => counts.wald(level(case)),
    };
    json!({"ci_lower": bounds[0], "ci_upper": bounds[1]})
}

/// The library's cubic for control's share has successes where trials belong in one coefficient, so
/// that it is not the likeliest one: reproduced here, and shown to be less likely than ours.
fn library_score(counts: &TwoProportions, level: f64) -> [f64; 2] {
    let ([x, y], [n, m]) = (counts.hits, counts.trials);
    let (hits, all) = (x + y, n + m);
    let control = |d: f64| {
        let square = (m + 2.0 * n) * d - all - hits;
        let line = (x * d - all - 2.0 * x) * d + hits;
        let constant = x * d * (1.0 - d);
        let third = square / (3.0 * all);
        let q = third.powi(3) - line * square / (6.0 * all * all) + constant / (2.0 * all);
        let p = q.signum() * (third * third - line / (3.0 * all)).sqrt();
        let angle = (std::f64::consts::PI + (q / p.powi(3)).acos()) / 3.0;
        2.0 * p * angle.cos() - third
    };
    let likelihood = |p: f64, d: f64| {
        let arm = |x: f64, n: f64, p: f64| x * p.ln() + (n - x) * (-p).ln_1p();
        arm(x, n, p) + arm(y, m, p + d)
    };
    let d = counts.score(level)[1];
    assert!(likelihood(counts.likeliest_control(d), d) >= likelihood(control(d), d));
    counts.score_with(level, control)
}

fn proportion_ratio(case: &Case) -> Value {
    let counts = counts(case, word(&case.input["value"], "converted"));
    let bounds = match word(&case.params["method"], "log") {
        "score" => counts.ratio_score(level(case)),
        _ => counts.ratio_log(level(case)),
    };
    json!({"ratio": counts.ratio(), "ci_lower": bounds[0], "ci_upper": bounds[1]})
}

fn hillstrom_proportion(case: &Case) -> Value {
    use promopt_evaluate::distributions::normal;
    let counts = counts(case, "visit");
    let z = counts.z_pooled();
    let log = (std::f64::consts::LN_2 + normal::ln_upper_tail(z.abs())) / std::f64::consts::LN_10;
    json!({
        "x": counts.hits.map(|x| x as u64), "n": counts.trials.map(|x| x as u64), "z": z,
        "p_value": 2.0 * normal::upper_tail(z.abs()), "log10_p": log,
        "newcombe": counts.newcombe(level(case)), "ratio_ci_log": counts.ratio_log(level(case)),
    })
}

fn non_inferiority(case: &Case) -> Value {
    let arms = Arms::of(case);
    let share = case.params["margin_rel"].as_f64().unwrap_or(0.05);
    let margin = share * arms.moments(value(case))[0].mean.abs();
    let contrast = arms.contrast(value(case));
    let test = contrast.non_inferiority(margin, level(case));
    let t = (test.estimate + margin) / test.standard_error;
    let more = json!({
        "margin_abs": margin, "t": t, "ci_lower_onesided": test.lower,
        "tost_p": contrast.equivalence(margin), "non_inferior": test.p_value < 1.0 - level(case),
        "null_hypothesis": -margin, "is_significant": test.p_value < 1.0 - level(case),
    });
    with(shown(&test), more)
}

fn scaled(case: &Case) -> Value {
    let arms = Arms::of(case);
    let units: usize = arms.rows().iter().map(Vec::len).sum();
    let at = |key: &str| case.params[key].as_f64().unwrap_or(1.0);
    let effect = arms.contrast(value(case)).absolute(level(case));
    shown(&if_shipped(&effect, units as f64, at("traffic"), at("days")))
}

fn returns(case: &Case) -> Value {
    let arms = Arms::of(case);
    let margin = arms.contrast("margin").absolute(level(case));
    let [c, t] = arms.joint(["spend", "promo_cost"]);
    let found = ratio_of_differences(&c, &t, level(case));
    json!({
        "incremental_margin": shown(&margin), "incremental_spend": t.means[0] - c.means[0],
        "incremental_cost": t.means[1] - c.means[1], "iroas": found.estimate,
        "iroas_se": found.standard_error, "margin_total_if_shipped_per_100k": margin.estimate * 1e5,
    })
}

fn stratified(case: &Case) -> Answer {
    let arms = Arms::of(case);
    let by = word(&case.input["strata"], "persona");
    let before = case.input["covariate"].as_str();
    let mut strata = Vec::new();
    for group in arms.words(by) {
        let own = arms.within(by, &group);
        strata.push(match before {
            None => {
                let [c, t] = own.moments(value(case));
                Stratum::of_means(&c, &t)
            }
            Some(before) => {
                let (y, x) = (own.column(value(case)), own.column(before));
                let rows = |arm: usize| {
                    let pairs = y[arm].iter().zip(&x[arm]);
                    pairs.map(move |(y, x)| [*y, *x, arm as f64]).collect::<Vec<_>>()
                };
                Stratum::adjusted(&[rows(0), rows(1)].concat()).map_err(reason)?
            }
        });
    }
    let plain = if before.is_some() { adjusted(case) } else { arms.contrast(value(case)) };
    let all = Stratified::new(&strata, plain.degrees_of_freedom()).map_err(reason)?;
    let (absolute, relative) = (all.absolute(level(case)), all.relative(level(case)));
    let own = if case.id.contains("relative") { &relative } else { &absolute };
    Ok(with(shown(own), json!({"absolute": shown(&absolute), "relative": shown(&relative)})))
}
