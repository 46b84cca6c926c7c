//! Experiment cases about the mix of units, many hypotheses, ranks, groups, clusters and plans.

use crate::arms::{Arms, file, level, reason, shown, with, word};
use crate::fixtures::{Answer, Case, Table};
use promopt_evaluate::distributions::{chi_squared_upper_tail, normal};
use promopt_evaluate::experiment::clusters::{RandomLevels, gather, per_cluster, per_row};
use promopt_evaluate::experiment::mix::{SampleRatio, exact_two_arms};
use promopt_evaluate::experiment::multiplicity::{Adjustment, adjust};
use promopt_evaluate::experiment::power::{
    MeanDesign, ProportionDesign, Sides, further_units, power_now, units_by_variance,
};
use promopt_evaluate::experiment::regression::{Covariance, Regression};
use promopt_evaluate::experiment::trend::{Heterogeneity, Part};
use promopt_evaluate::experiment::{JointMoments, Metric, always_valid, contrast, ranks};
use serde_json::{Value, json};

/// The figures of a case, when its kind is one of these.
pub(crate) fn answer(case: &Case) -> Option<Answer> {
    Some(match &*case.kind {
        "srm" => sample_ratio(case),
        "srm_exact" => Ok(exact(case)),
        "srm_by_segment" => by_segment(case),
        "multiple_testing" => Ok(many(case)),
        "many_arms_adjusted" => Ok(many_arms(case)),
        "mann_whitney" => mann_whitney(case),
        "permutation" => permutation(case),
        "ks_2samp" => kolmogorov(case),
        "segment_effects" | "hillstrom_segments" => segments(case),
        "cluster_robust" => cluster_robust(case),
        "cluster_delta" | "cluster_means" | "icc" => clusters(case),
        "power_mean" => power_mean(case),
        "power_proportion" => Ok(power_proportion(case)),
        "power_spotify" => Ok(power_spotify(case)),
        "power_mid_experiment" => power_mid(case),
        _ => return None,
    })
}

fn value(case: &Case) -> &str {
    word(&case.input["value"], "spend")
}

/// Planned weights where only the code has them: `w={'control':.25,…} if True else {…}`.
fn weights_in_code(case: &Case) -> Vec<(String, f64)> {
    let Some((_, text)) = case.code.split_once("w={") else { return Vec::new() };
    let (first, rest) = text.split_once('}').unwrap_or((text, ""));
    let second = rest.split_once('{').and_then(|(_, text)| text.split_once('}'));
    let chosen = if rest.starts_with(" if False") { second.map_or("", |(t, _)| t) } else { first };
    let pair = |part: &str| {
        let (name, weight) = part.split_once(':')?;
        Some((name.trim().trim_matches('\'').to_owned(), weight.trim().parse().ok()?))
    };
    chosen.split(',').filter_map(pair).collect()
}

fn sample_ratio(case: &Case) -> Answer {
    let table = Table::read(case, file(case));
    if let Some(scenario) = case.input["scenario"].as_str() {
        let names = table.text("scenario");
        let own = (0..names.len()).filter(|row| names[*row] == scenario);
        let (users, weights) = (table.numbers("users"), table.numbers("weight"));
        let pairs: Vec<(u64, f64)> = own.map(|i| (users[i] as u64, weights[i])).collect();
        let counts: Vec<u64> = pairs.iter().map(|(users, _)| *users).collect();
        let weights: Vec<f64> = pairs.iter().map(|(_, weight)| *weight).collect();
        let found = SampleRatio::of(&counts, &weights).map_err(reason)?;
        let open = weights.iter().filter(|w| **w > 0.0).count();
        // The library counts arms without a plan among the degrees of freedom.
        let p_value = if open == counts.len() || case.id.ends_with("scipy") {
            found.p_value
        } else {
            chi_squared_upper_tail(found.chi_squared, counts.len() as f64 - 1.0)
        };
        return Ok(json!({
            "chi2": found.chi_squared, "p_value": p_value, "observed": counts,
            "df_gbstats": counts.len() - 1,
        }));
    }
    let hill = file(case) == "hillstrom.csv";
    let arm = table.text(word(&case.input["arm_col"], if hill { "treatment" } else { "arm" }));
    let mut planned = weights_in_code(case);
    if planned.is_empty() {
        let mut names = arm.to_vec();
        names.sort();
        names.dedup();
        planned = names.into_iter().map(|name| (name, 1.0)).collect();
    }
    let count = |name: &str| arm.iter().filter(|a| *a == name).count() as u64;
    let counts: Vec<u64> = planned.iter().map(|(name, _)| count(name)).collect();
    let weights: Vec<f64> = planned.iter().map(|(_, weight)| *weight).collect();
    let found = SampleRatio::of(&counts, &weights).map_err(reason)?;
    let named: serde_json::Map<String, Value> =
        planned.iter().zip(&counts).map(|((name, _), n)| (name.clone(), json!(n))).collect();
    Ok(json!({"chi2": found.chi_squared, "p_value": found.p_value, "counts": named}))
}

fn exact(case: &Case) -> Value {
    let at = |key: &str| case.input[key].as_f64().unwrap_or(f64::NAN);
    json!({"p_value": exact_two_arms(at("k") as u64, at("n") as u64, at("p"))})
}

fn by_segment(case: &Case) -> Answer {
    let arms = Arms::of(case);
    let planned = weights_in_code(case);
    let weight = |name: &str| planned.iter().find(|(n, _)| n == name).map_or(1.0, |(_, w)| *w);
    let by = word(&case.input["by"], "persona");
    let segments = arms.words(by);
    let mut p = Vec::new();
    for segment in &segments {
        let own = arms.within(by, segment);
        let counts = [0, 1].map(|arm| own.rows()[arm].len() as u64);
        let weights = [weight("control"), weight("treatment")];
        p.push(SampleRatio::of(&counts, &weights).map_err(reason)?.p_value);
    }
    Ok(json!({"personas": segments, "p_values": p, "holm": adjust(&p, Adjustment::Holm)}))
}

fn many(case: &Case) -> Value {
    let p = Table::read(case, file(case)).numbers("p");
    let limit = 1.0 - level(case);
    let one = |how: Adjustment| {
        let adjusted = adjust(&p, how);
        let reject: Vec<bool> = adjusted.iter().map(|p| *p <= limit).collect();
        json!({"adjusted": adjusted, "reject": reject})
    };
    json!({
        "bonferroni": one(Adjustment::Bonferroni), "sidak": one(Adjustment::Sidak),
        "holm": one(Adjustment::Holm), "holm-sidak": one(Adjustment::HolmSidak),
        "simes-hochberg": one(Adjustment::Hochberg), "hommel": one(Adjustment::Hommel),
        "fdr_bh": one(Adjustment::BenjaminiHochberg),
        "fdr_by": one(Adjustment::BenjaminiYekutieli),
    })
}

fn many_arms(case: &Case) -> Value {
    let (mut order, mut effects, mut p) = (Vec::new(), Vec::new(), Vec::new());
    let names = Arms::of(case).words("arm");
    for metric in ["converted", "orders", "spend", "margin"] {
        for arm in names.iter().filter(|name| *name != "control") {
            let found = Arms::named(case, Some(arm)).contrast(metric).absolute(level(case));
            order.push(format!("{metric}:{arm}"));
            effects.push(found.estimate);
            p.push(found.p_value);
        }
    }
    let (holm, bh) = (adjust(&p, Adjustment::Holm), adjust(&p, Adjustment::BenjaminiHochberg));
    json!({"order": order, "effect": effects, "p": p, "holm": holm, "bh": bh})
}

fn mann_whitney(case: &Case) -> Answer {
    let [c, t] = Arms::of(case).column(value(case));
    let found = if case.code.contains("exact") {
        ranks::mann_whitney_exact(&t, &c)
    } else {
        ranks::mann_whitney(&t, &c)
    };
    let found = found.ok_or("no values, or ties")?;
    Ok(json!({"u": found.u, "p_value": found.p_value, "prob_superiority": found.superiority}))
}

fn permutation(case: &Case) -> Answer {
    let arms = Arms::of(case);
    let [c, t] = arms.column(value(case));
    let p_value = ranks::permutation(&t, &c).ok_or("too many splits")?;
    Ok(json!({"effect": arms.contrast(value(case)).absolute(0.95).estimate, "p_value": p_value}))
}

fn kolmogorov(case: &Case) -> Answer {
    let [c, t] = Arms::of(case).column(value(case));
    let (d, p_value) = ranks::kolmogorov_smirnov(&t, &c).ok_or("no values")?;
    Ok(json!({"d": d, "p_value": p_value}))
}

fn segments(case: &Case) -> Answer {
    let arms = Arms::of(case);
    let by = word(&case.input["by"], "persona");
    let names = arms.words(by);
    let own: Vec<Arms> = names.iter().map(|name| arms.within(by, name)).collect();
    let found: Vec<_> =
        own.iter().map(|arms| arms.contrast(value(case)).absolute(level(case))).collect();
    let each = |of: fn(&promopt_evaluate::experiment::Effect) -> f64| -> Vec<f64> {
        found.iter().map(of).collect()
    };
    let p = each(|effect| effect.p_value);
    let moments: Vec<_> = own.iter().map(|arms| arms.moments(value(case))).collect();
    let parts: Vec<Part> = moments.iter().map(|[c, t]| Part::of(c, t)).collect();
    let spread = Heterogeneity::of(&parts).map_err(reason)?;
    let n: Vec<[u64; 2]> = moments.iter().map(|arms| arms.map(|arm| arm.n as u64)).collect();
    let relative: Value = if case.kind == "hillstrom_segments" {
        moments.iter().map(|[c, t]| (t.mean - c.mean) / c.mean).collect::<Vec<f64>>().into()
    } else {
        let share = |arms: &Arms| {
            let found = arms.contrast(value(case)).relative(level(case));
            json!([found.estimate, found.lower, found.upper])
        };
        own.iter().map(share).collect()
    };
    let interaction = interaction(case, &arms, by, &names)?;
    let found = json!({
        "persona": names, "segments": names, "n": n, "effect": each(|e| e.estimate),
        "std_err": each(|e| e.standard_error), "ci_lower": each(|e| e.lower),
        "ci_upper": each(|e| e.upper), "p": p, "holm": adjust(&p, Adjustment::Holm),
        "bh": adjust(&p, Adjustment::BenjaminiHochberg), "relative": relative,
        "ivw_effect": spread.effect, "cochran_Q": spread.q, "Q_df": spread.degrees_of_freedom as u64,
        "Q_p": spread.p_value, "I2": spread.i_squared,
    });
    Ok(with(found, interaction))
}

/// Whether the effect differs between segments, by a regression with robust errors.
fn interaction(case: &Case, arms: &Arms, by: &str, names: &[String]) -> Answer {
    let (text, y) = (arms.table().text(by), arms.table().numbers(value(case)));
    let (mut design, mut outcomes) = (Vec::new(), Vec::new());
    for (arm, rows) in arms.rows().iter().enumerate() {
        for row in rows {
            let flags = names[1..].iter().map(|name| f64::from(u8::from(text[*row] == *name)));
            let flags: Vec<f64> = flags.collect();
            design.extend([1.0, arm as f64]);
            design.extend(&flags);
            design.extend(flags.iter().map(|flag| flag * arm as f64));
            outcomes.push(y[*row]);
        }
    }
    let (q, width) = (names.len() - 1, 2 * names.len());
    let fit = Regression::fit(&design, width, &outcomes).map_err(reason)?;
    let columns: Vec<usize> = (2 + q..width).collect();
    let found = fit.wald(&columns, Covariance::Hc1).ok_or("a singular covariance")?;
    Ok(json!({
        "interaction_F": found.f, "interaction_p": found.p_value, "df_num": found.numerator,
        "df_denom": found.denominator,
    }))
}

/// Rank of each row's cluster and their number.
fn cluster_ranks(case: &Case, table: &Table) -> (Vec<usize>, usize) {
    let text = table.text(word(&case.input["cluster"], "store_id"));
    let mut names = text.to_vec();
    names.sort();
    names.dedup();
    let rank = |name: &String| names.binary_search(name).expect("it is one of them");
    (text.iter().map(rank).collect(), names.len())
}

fn cluster_robust(case: &Case) -> Answer {
    let table = Table::read(case, file(case));
    let (ranks, n_clusters) = cluster_ranks(case, &table);
    let y = table.numbers(word(&case.input["value"], "sales"));
    let treated = table.text("arm").iter().map(|arm| f64::from(u8::from(arm == "treatment")));
    let treated: Vec<f64> = treated.collect();
    let before = table.numbers("pre_sales");
    let one = |design: Vec<f64>, width: usize| -> Answer {
        let fit = Regression::fit(&design, width, &y).map_err(reason)?;
        let found = fit.effect(1, Covariance::Clustered(&ranks, n_clusters), level(case));
        let naive = fit.effect(1, Covariance::Hc1, level(case)).standard_error;
        let more = json!({
            "df": n_clusters - 1, "naive_hc1_se": naive,
            "design_effect": (found.standard_error / naive).powi(2),
        });
        Ok(with(shown(&found), more))
    };
    let plain = treated.iter().flat_map(|t| [1.0, *t]).collect();
    let wide = treated.iter().zip(&before).flat_map(|(t, x)| [1.0, *t, *x]).collect();
    Ok(json!({"plain": one(plain, 2)?, "with_pre_sales": one(wide, 3)?}))
}

fn clusters(case: &Case) -> Answer {
    let table = Table::read(case, file(case));
    let (ranks, n_clusters) = cluster_ranks(case, &table);
    let y = table.numbers(word(&case.input["value"], "sales"));
    let treated: Vec<bool> = table.text("arm").iter().map(|arm| arm == "treatment").collect();
    let all = gather(&ranks, n_clusters, &treated, &y);
    Ok(match &*case.kind {
        "cluster_delta" => shown(&per_row(&all).absolute(level(case))),
        "cluster_means" => shown(&per_cluster(&all).absolute(level(case))),
        _ => {
            let fit = RandomLevels::fit(&all).ok_or("too few clusters")?;
            json!({
                "effect": fit.effect, "std_err": fit.standard_error, "var_between": fit.between,
                "var_within": fit.within, "icc": fit.intraclass_correlation(),
            })
        }
    })
}

const TWO: MeanDesign = MeanDesign { ratio: 1.0, alpha: 0.05, sides: Sides::Two };

fn power_mean(case: &Case) -> Answer {
    let at = |key: &str| case.input[key].as_f64();
    let (Some(mu), Some(sd), Some(rel)) = (at("mu"), at("sd"), at("rel")) else {
        return tea_tasting_power(case);
    };
    let design = MeanDesign { ratio: at("ratio").unwrap_or(1.0), ..TWO };
    let one = MeanDesign { sides: Sides::One, ..design };
    let size = mu * rel / sd;
    let n = |design: &MeanDesign, of: fn(&MeanDesign, f64, f64) -> f64| {
        design.units(size, 0.8, of).ok_or("no number of units")
    };
    let mde = design.effect_size(20_000.0, 0.8, MeanDesign::power).ok_or("no effect")? * sd;
    Ok(json!({
        "effect_size": size, "n_control_t": n(&design, MeanDesign::power)?,
        "n_control_z": n(&design, MeanDesign::power_normal)?,
        "power_at_20000": design.power(size, 20_000.0),
        "power_z_at_20000": design.power_normal(size, 20_000.0), "mde_at_20000": mde,
        "mde_rel_at_20000": mde / mu, "n_control_onesided": n(&one, MeanDesign::power)?,
    }))
}

/// From the control arm's own history, with and without what was known before.
fn tea_tasting_power(case: &Case) -> Answer {
    let before = word(&case.input["covariate"], "pre_spend");
    let arm: JointMoments<2> = Arms::of(case).joint([value(case), before])[0];
    let metric = Metric::mean_with_before(&arm);
    let slope = contrast::theta(&metric);
    let adjusted = arm.covariance_of(&[1.0, -slope], &[1.0, -slope]);
    let ratio = case.params["ratio"].as_f64().unwrap_or(1.0);
    let design = MeanDesign { ratio, ..TWO };
    let one = |variance: f64| -> Answer {
        let (mean, sd) = (arm.means[0], variance.sqrt());
        let size = 0.1 * mean / sd;
        let control = 20_000.0 / (1.0 + ratio);
        let n = design.units(size, 0.8, MeanDesign::power_welch).ok_or("no number of units")?;
        let mde = design.effect_size(control, 0.8, MeanDesign::power_welch).ok_or("no effect")?;
        Ok(json!({
            "n_obs_total": (n * (1.0 + ratio)).ceil(), "mde_abs": mde * sd,
            "mde_rel": mde * sd / mean, "power": design.power_welch(size, control),
        }))
    };
    Ok(json!({"plain": one(arm.covariance(0, 0))?, "cuped": one(adjusted)?}))
}

fn power_proportion(case: &Case) -> Value {
    let at = |key: &str| case.input[key].as_f64().unwrap_or(f64::NAN);
    let shares = [at("p1"), at("p1") + at("d")];
    let design = ProportionDesign { shares, ratio: 1.0, alpha: 0.05 };
    let uneven = ProportionDesign { ratio: at("ratio"), ..design };
    json!({
        "cohens_h": design.cohens_h(), "n_control_arcsine": uneven.units_arcsine(0.8),
        "n_per_arm_equal": design.units(0.8), "power_at_10000": design.power(10_000.0),
    })
}

fn power_spotify(case: &Case) -> Value {
    let at = |key: &str| case.input[key].as_f64().unwrap_or(f64::NAN);
    let (p, q) = (at("p1"), at("p1") + at("d"));
    let (variance, ratio, alpha) = (at("sd").powi(2), at("ratio"), 0.05 / 2.0);
    let spend = at("mu") * at("rel");
    let shares = [p * (1.0 - p), q * (1.0 - q)];
    json!({
        "spend": units_by_variance(spend, [variance; 2], ratio, alpha, 0.8),
        "conv": units_by_variance(at("d"), shares, ratio, alpha, 0.8),
    })
}

fn power_mid(case: &Case) -> Answer {
    let arms = Arms::of(case);
    let now = arms.contrast(value(case)).relative(level(case));
    let n: usize = arms.rows().iter().map(Vec::len).sum();
    let at = |key: &str, usual: f64| case.params[key].as_f64().unwrap_or(usual);
    let (effect, power) = (at("target_mde", 0.05), at("target_power", 0.8));
    let alpha = 1.0 - level(case);
    let one = |width: &dyn Fn(f64) -> f64| -> Answer {
        let k = further_units(effect, now.standard_error, power, width).ok_or("out of reach")?;
        Ok(json!({
            "power_now": power_now(effect, now.standard_error, 0.0, width), "scaling_factor": k,
            "additional_users": k * n as f64,
        }))
    };
    let rho = always_valid::rho(alpha, always_valid::DEFAULT_TUNING);
    let sequence = |k: f64| always_valid::reach(n as f64 * (1.0 + k), rho, alpha);
    Ok(json!({
        "fixed": one(&|_| normal::two_sided(1.0 - alpha))?, "sequential": one(&sequence)?,
    }))
}
