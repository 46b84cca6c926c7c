//! Experiment cases of many looks, days, posteriors, resamples and rankings.

use crate::arms::{Arms, level, number, reason, shown, with, word};
use crate::effects::shares;
use crate::fixtures::{Answer, Case, Table};
use promopt_envs::SeedTree;
use promopt_evaluate::experiment::always_valid::{self, DEFAULT_TUNING};
use promopt_evaluate::experiment::bayes::{BetaPair, Prior, normal_posterior};
use promopt_evaluate::experiment::group_sequential::{Boundaries, Spending};
use promopt_evaluate::experiment::resample::Resampled;
use promopt_evaluate::experiment::trend::{Heterogeneity, Part, slope};
use promopt_evaluate::experiment::uplift::{CurveKind, Ranked};
use promopt_evaluate::experiment::{Contrast, Metric, Moments, quantile_of_sorted};
use serde_json::{Value, json};

/// The figures of a case, when its kind is one of these.
pub(crate) fn answer(case: &Case) -> Option<Answer> {
    Some(match &*case.kind {
        "sequential_asymptotic_cs" => Ok(asymptotic(case)),
        "sequential_msprt" => Ok(mixture(case)),
        "sequential_one_sided" => Ok(one_sided(case)),
        "hillstrom_sequential" => Ok(hillstrom_sequential(case)),
        "group_sequential_spending" => spending(case),
        "group_sequential_classic" => classic(case),
        "novelty" => novelty(case),
        "bayesian_normal" => bayes(case),
        "hillstrom_bayes" => hillstrom_bayes(case),
        "bayesian_beta" | "bayesian_beta_mc" => Ok(beta(case)),
        "bootstrap" => Ok(bootstrap(case)),
        "bootstrap_quantile" => Ok(bootstrap_quantile(case)),
        "qini_normalised" => qini(case),
        "qini_causalml" => qini_mean(case),
        "hillstrom_qini" => hillstrom_qini(case),
        _ => return None,
    })
}

fn value(case: &Case) -> &str {
    word(&case.input["value"], "spend")
}

/// Moments by day and arm from counts, sums and sums of squares, days rising.
fn days(case: &Case) -> Vec<(u64, [Moments; 2])> {
    let table = Table::read(case, word(&case.input["file"], "daily.csv"));
    let [day, n, sum, squares] = ["day", "n", "sum", "sum_squares"].map(|name| table.numbers(name));
    let mut all: Vec<u64> = day.iter().map(|day| *day as u64).collect();
    all.sort_unstable();
    all.dedup();
    let arm = table.text("arm");
    let moments = |at: u64, name: &str| {
        let row = (0..day.len()).find(|row| day[*row] as u64 == at && arm[*row] == name);
        let row = row.expect("every day has both arms");
        let mean = sum[row] / n[row];
        Moments { n: n[row], mean, squares: squares[row] - sum[row] * mean }
    };
    all.into_iter().map(|at| (at, ["control", "treatment"].map(|arm| moments(at, arm)))).collect()
}

/// The contrast at the end of each day with the units so far.
fn so_far(case: &Case) -> Vec<(u64, f64, Contrast)> {
    let mut sums = [Moments::default(); 2];
    let step = |(day, arms): (u64, [Moments; 2])| {
        sums = [sums[0].merge(arms[0]), sums[1].merge(arms[1])];
        let [c, t] = sums.map(|arm| Metric::mean(&arm));
        (day, c.n + t.n, Contrast::new(c, t))
    };
    days(case).into_iter().map(step).collect()
}

fn asymptotic(case: &Case) -> Value {
    let tuning = case.params["tuning"].as_f64().unwrap_or(DEFAULT_TUNING);
    let rho = always_valid::rho(1.0 - level(case), tuning);
    let looks = so_far(case);
    let fixed: Vec<_> = looks.iter().map(|(_, _, c)| c.absolute(level(case))).collect();
    let safe: Vec<_> = looks
        .iter()
        .zip(&fixed)
        .map(|((_, n, _), e)| always_valid::asymptotic(e, *n, rho))
        .collect();
    let p: Vec<f64> = safe.iter().map(|e| e.p_value).collect();
    json!({
        "day": looks.iter().map(|(day, _, _)| day).collect::<Vec<_>>(),
        "n": looks.iter().map(|(_, n, _)| n).collect::<Vec<_>>(), "rho": rho,
        "effect": fixed.iter().map(|e| e.estimate).collect::<Vec<_>>(),
        "cs_lower": safe.iter().map(|e| e.lower).collect::<Vec<_>>(),
        "cs_upper": safe.iter().map(|e| e.upper).collect::<Vec<_>>(), "p_always_valid": p,
        "ci_fixed_lower": fixed.iter().map(|e| e.lower).collect::<Vec<_>>(),
        "ci_fixed_upper": fixed.iter().map(|e| e.upper).collect::<Vec<_>>(),
    })
}

fn mixture(case: &Case) -> Value {
    let tau_squared = case.params["tau2"].as_f64().unwrap_or(1.0);
    let looks = so_far(case);
    let found: Vec<_> = looks
        .iter()
        .map(|(_, n, c)| always_valid::mixture(&c.absolute(level(case)), *n, tau_squared))
        .collect();
    let p: Vec<f64> = found.iter().map(|(_, e)| e.p_value).collect();
    json!({
        "day": looks.iter().map(|(day, _, _)| day).collect::<Vec<_>>(),
        "lambda_n": found.iter().map(|(lambda, _)| lambda).collect::<Vec<_>>(), "p_look": p,
        "p_always_valid": always_valid::running_minimum(&p),
        "ci_lower": found.iter().map(|(_, e)| e.lower).collect::<Vec<_>>(),
        "ci_upper": found.iter().map(|(_, e)| e.upper).collect::<Vec<_>>(),
    })
}

/// The last look; the library's boundary is tuned at twice the level.
fn one_sided(case: &Case) -> Value {
    let looks = so_far(case);
    let (_, n, contrast) = looks.last().expect("a day");
    let alpha = 1.0 - level(case);
    let fixed = contrast.absolute(level(case));
    let rho = always_valid::rho(2.0 * alpha, DEFAULT_TUNING);
    let (lower, p_value) = always_valid::lower_bound(&fixed, *n, rho, alpha);
    json!({"effect": fixed.estimate, "cs_lower": lower, "p_value": p_value})
}

fn hillstrom_sequential(case: &Case) -> Value {
    let arms = Arms::of(case);
    let n: usize = arms.rows().iter().map(Vec::len).sum();
    let tuning = case.params["tuning"].as_f64().unwrap_or(DEFAULT_TUNING);
    let rho = always_valid::rho(1.0 - level(case), tuning);
    let fixed = arms.contrast(value(case)).absolute(level(case));
    shown(&always_valid::asymptotic(&fixed, n as f64, rho))
}

fn spending(case: &Case) -> Answer {
    let shares: Vec<f64> =
        case.input["t"].as_array().into_iter().flatten().filter_map(Value::as_f64).collect();
    let alpha = case.params["alpha_two_sided"].as_f64().unwrap_or(0.05);
    let by = match word(&case.params["spending"], "obf") {
        "pocock" => Spending::Pocock,
        "rho3" => Spending::Power(3.0),
        "obf" => Spending::OBrienFleming,
        _ => Spending::Power(2.0),
    };
    let found = Boundaries::spending(&shares, alpha, by).map_err(reason)?;
    Ok(json!({"z": found.z, "cum_alpha": found.spent, "nominal_p": found.nominal()}))
}

fn classic(case: &Case) -> Answer {
    let looks = case.input["K"].as_u64().ok_or("no number of looks")? as usize;
    let alpha = case.params["alpha_two_sided"].as_f64().unwrap_or(0.05);
    let found = match word(&case.params["kind"], "obf") {
        "pocock" => Boundaries::pocock(looks, alpha),
        _ => Boundaries::o_brien_fleming(looks, alpha),
    };
    let found = found.map_err(reason)?;
    Ok(json!({"C": found.z.last(), "z": found.z, "nominal_p": found.nominal()}))
}

fn novelty(case: &Case) -> Answer {
    let days = days(case);
    let parts: Vec<Part> = days.iter().map(|(_, [c, t])| Part::of(c, t)).collect();
    let times: Vec<f64> = days.iter().map(|(day, _)| *day as f64).collect();
    let trend = slope(&times, &parts, level(case)).map_err(reason)?;
    let spread = Heterogeneity::of(&parts).map_err(reason)?;
    Ok(json!({
        "daily_effect": parts.iter().map(|p| p.effect).collect::<Vec<_>>(),
        "daily_se": parts.iter().map(|p| p.standard_error).collect::<Vec<_>>(),
        "slope": trend.estimate, "slope_se": trend.standard_error, "slope_p": trend.p_value,
        "ivw_effect": spread.effect, "cochran_Q": spread.q, "Q_p": spread.p_value,
    }))
}

/// `GaussianPrior(0.02,0.05**2,True)`: mean, variance, whether it counts.
fn prior(case: &Case) -> Result<Prior, String> {
    let Some(text) = case.params["prior"].as_str() else { return Ok(Prior::FLAT) };
    let inner = text.split_once('(').and_then(|(_, rest)| rest.split_once(')'));
    let parts: Vec<&str> = inner.ok_or("no prior")?.0.split(',').map(str::trim).collect();
    let [mean, variance, proper] = parts[..] else { return Err("three parts of a prior".into()) };
    if proper != "True" {
        return Ok(Prior::FLAT);
    }
    let variance = match variance.split_once("**2") {
        Some((root, _)) => root.trim().parse::<f64>().map_err(reason)?.powi(2),
        None => variance.parse().map_err(reason)?,
    };
    Ok(Prior { mean: mean.parse().map_err(reason)?, variance })
}

fn bayes(case: &Case) -> Answer {
    let arms = Arms::of(case);
    let own = value(case);
    let contrast = if own == "converted" { shares(&arms, own) } else { arms.contrast(own) };
    let base = arms.moments(own)[0].mean.abs();
    let (effect, prior) = if case.id.ends_with("absolute") {
        (contrast.absolute(level(case)), prior(case)?.scaled(base))
    } else {
        (contrast.relative(level(case)), prior(case)?)
    };
    let found = normal_posterior(&effect, prior, level(case)).ok_or("no error")?;
    // Where less is better, the other arm is the better one.
    let inverse = case.params["inverse"] == true;
    let chance = if inverse { 1.0 - found.chance_above } else { found.chance_above };
    let [control, treatment] = if inverse {
        [found.expected_loss, found.expected_gain]
    } else {
        [found.expected_gain, found.expected_loss]
    };
    Ok(json!({
        "expected": found.mean, "chance_to_win": chance, "ci_lower": found.lower,
        "ci_upper": found.upper, "risk_control": control, "risk_treatment": treatment,
        "post_sd": found.standard_deviation,
    }))
}

fn hillstrom_bayes(case: &Case) -> Answer {
    let effect = Arms::of(case).contrast(value(case)).relative(0.95);
    let one = |prior: Prior| -> Answer {
        let found = normal_posterior(&effect, prior, 0.95).ok_or("no error")?;
        Ok(json!({
            "expected": found.mean, "chance_to_win": found.chance_above,
            "ci": [found.lower, found.upper], "risk_control": found.expected_gain,
            "risk_treatment": found.expected_loss,
        }))
    };
    let proper = Prior { mean: 0.0, variance: 0.09 };
    Ok(json!({"flat": one(Prior::FLAT)?, "proper": one(proper)?}))
}

fn beta(case: &Case) -> Value {
    let columns = Arms::of(case).column(word(&case.input["value"], "converted"));
    let hits = [0, 1].map(|arm| columns[arm].iter().sum());
    let trials = [0, 1].map(|arm| columns[arm].len() as f64);
    let prior = |at: usize| case.params["prior"][at].as_f64().unwrap_or(0.5);
    let pair = BetaPair::new(hits, trials, (prior(0), prior(1)));
    let (gain, loss) = (pair.expected_gain(), pair.expected_loss());
    let [lower, upper] = pair.interval(0.95);
    json!({
        "prob_treatment_better": pair.chance_above(), "expected_gain": gain,
        "expected_loss_if_ship": loss, "effect": gain - loss, "ci_lower": lower, "ci_upper": upper,
        "control_loss": -gain, "treatment_loss": -loss,
    })
}

/// Bounds of random resamples, held to the case's own rule.
fn near(place: &str, found: f64, expected: &Value, tolerance: f64) {
    let expected = expected.as_f64().expect("a number");
    assert!((found - expected).abs() <= tolerance, "{place}: expected {expected}, found {found}");
}

fn bootstrap(case: &Case) -> Value {
    let draws = case.params["n_resamples"].as_u64().unwrap_or(9_999) as usize;
    let mean = |drawn: &Vec<f64>| drawn.iter().sum::<f64>() / drawn.len() as f64;
    let arms = Arms::of(case);
    if case.id.ends_with("bca") {
        let all = arms.column("y").concat();
        let found = Resampled::draw(&[&all], draws, SeedTree::new(7), |d| mean(&d[0]));
        let (sum, n) = (all.iter().sum::<f64>(), all.len() as f64);
        let without: Vec<f64> = all.iter().map(|x| (sum - x) / (n - 1.0)).collect();
        let pair = |[low, high]: [f64; 2]| json!({"ci_lower": low, "ci_upper": high});
        return json!({
            "percentile": pair(found.percentile(0.95)), "basic": pair(found.basic(0.95)),
            "BCa": pair(found.bias_corrected(&without, 0.95)),
        });
    }
    let [c, t] = arms.column(value(case));
    let seeds = SeedTree::new(7);
    let found = Resampled::draw(&[&c, &t], draws, seeds, |d| mean(&d[1]) - mean(&d[0]));
    let error = arms.contrast(value(case)).standard_error();
    for (name, bounds) in [("percentile", found.percentile(0.95)), ("basic", found.basic(0.95))] {
        let expected = &case.expected[name];
        near("lower", bounds[0], &expected["ci_lower"], 0.08 * error);
        near("upper", bounds[1], &expected["ci_upper"], 0.08 * error);
        near("error", found.standard_error(), &expected["std_err"], 0.08 * error);
    }
    json!({
        "percentile": "checked", "basic": "checked", "analytic_se": error,
        "suggested_abs_tol": 0.08 * error,
    })
}

fn bootstrap_quantile(case: &Case) -> Value {
    let q = case.params["q"].as_f64().unwrap_or(0.9);
    let [c, t] = Arms::of(case).column(value(case));
    let quantile = |values: &mut Vec<f64>| {
        values.sort_by(f64::total_cmp);
        quantile_of_sorted(values, q).expect("values")
    };
    let seeds = SeedTree::new(1);
    let found =
        Resampled::draw(&[&c, &t], 5_000, seeds, |d| quantile(&mut d[1]) - quantile(&mut d[0]));
    let [low, high] = found.percentile(0.95);
    let expected = &case.expected;
    let width = expected["ci_upper"].as_f64().expect("a number")
        - expected["ci_lower"].as_f64().expect("a number");
    near("lower", low, &expected["ci_lower"], 0.1 * width);
    near("upper", high, &expected["ci_upper"], 0.1 * width);
    let [control, treatment] = [quantile(&mut c.clone()), quantile(&mut t.clone())];
    near("control", control, &expected["control"], 1e-9);
    near("treatment", treatment, &expected["treatment"], 1e-9);
    json!({
        "control": control, "treatment": treatment, "effect": treatment - control,
        "ci_lower": "checked", "ci_upper": "checked",
    })
}

fn ranked(case: &Case) -> Result<Ranked, String> {
    let table = Table::read(case, word(&case.input["file"], "uplift.csv"));
    let y = table.numbers(word(&case.input["y"], "y"));
    let score = table.numbers(word(&case.input["score"], "score_good"));
    let treated = table.numbers(word(&case.input["w"], "w"));
    let treated: Vec<bool> = treated.iter().map(|w| *w == 1.0).collect();
    Ranked::new(&y, &score, &treated).ok_or_else(|| "an arm is empty".into())
}

fn heights(ranked: &Ranked, n: f64, shares: &[f64]) -> Value {
    let (qini, uplift) = (ranked.qini(), ranked.uplift());
    json!({
        "qini_auc": ranked.qini_coefficient(true), "uplift_auc": ranked.uplift_coefficient(),
        "qini_at": shares.iter().map(|f| qini.at(f * n)).collect::<Vec<_>>(),
        "uplift_at": shares.iter().map(|f| uplift.at(f * n)).collect::<Vec<_>>(),
        "curve_points": qini.units.len(),
    })
}

fn qini(case: &Case) -> Answer {
    let ranked = ranked(case)?;
    let n = ranked.qini().units.last().copied().unwrap_or(0.0);
    let more = json!({
        "qini_auc_no_negative": ranked.qini_coefficient(false),
        "uplift_at_30_overall": ranked.top(0.3),
        "uplift_at_30_by_group": number(ranked.top_of_each(0.3)),
        "wau_overall": ranked.weighted_average(10),
    });
    Ok(with(heights(&ranked, n, &[0.1, 0.2, 0.3, 0.5, 0.8, 1.0]), more))
}

fn qini_mean(case: &Case) -> Answer {
    let ranked = ranked(case)?;
    let one = |normalised: bool| {
        let (_, qini) = ranked.mean_height(CurveKind::Qini, normalised);
        let (auuc, _) = ranked.mean_height(CurveKind::Uplift, normalised);
        json!({"qini": qini, "auuc": auuc})
    };
    Ok(json!({"norm": one(true), "raw": one(false)}))
}

/// Scores of the public case, by name.
fn hillstrom_score(arms: &Arms, name: &str) -> Result<[Vec<f64>; 2], String> {
    let each = |of: &dyn Fn(usize, usize) -> f64| {
        [0, 1].map(|arm| (0..arms.rows()[arm].len()).map(|row| of(arm, row)).collect())
    };
    let column = |name: &str| arms.column(name);
    Ok(match name {
        "history" => column("history"),
        "neg_recency" => {
            let recency = column("recency");
            each(&|arm, row| -recency[arm][row])
        }
        "mens_minus_recency" => {
            let (mens, recency) = (column("mens"), column("recency"));
            each(&|arm, row| 3.0 * mens[arm][row] - recency[arm][row] / 4.0)
        }
        "history_segment_code" => {
            let text = arms.table().text("history_segment");
            let digit = |row: usize| f64::from(text[row].as_bytes()[0] - b'0');
            each(&|arm, row| digit(arms.rows()[arm][row]))
        }
        other => return Err(format!("unknown score `{other}`")),
    })
}

fn hillstrom_qini(case: &Case) -> Answer {
    let arms = Arms::of(case);
    let score = hillstrom_score(&arms, word(&case.input["score"], "history"))?.concat();
    let y = arms.column(word(&case.input["y"], "visit"));
    let treated: Vec<bool> =
        y.iter().enumerate().flat_map(|(arm, own)| vec![arm == 1; own.len()]).collect();
    let y = y.concat();
    let ranked = Ranked::new(&y, &score, &treated).ok_or("an arm is empty")?;
    let mut distinct = score.clone();
    distinct.sort_by(f64::total_cmp);
    distinct.dedup();
    let more = json!({"n": y.len(), "distinct_scores": distinct.len()});
    Ok(with(heights(&ranked, y.len() as f64, &[0.1, 0.3, 0.5, 0.7, 1.0]), more))
}
