//! The fit stage for weekly sales of stores: elasticities, a world to price in, and their page.

use super::error::RunError;
use super::folder::write_json;
use super::stage::Job;
use crate::data::store;
use crate::demand::pricing::{
    Coefficient, Evidence, FittedPricing, HeldOutProduct, LineVerdict, PlainElasticity,
    PricedProduct, Range, Rung, fit_pricing,
};
use crate::report::pricing_page::{
    HeldOutRow, LadderPoint, PricingCardRow, PricingPage, PricingRow, render,
};
use crate::report::{Estimate, Fact, number, percent};
use promopt_envs::SeedTree;

/// Range of own-price elasticities of eleven orange juices at Dominick's.
const KNOWN_RANGE: (f64, f64) = (-4.09, -1.0);

/// Fits the group and writes `demand/pricing.json` and `demand/pricing.html`.
pub(super) fn fit(job: &Job<'_>) -> Result<(), RunError> {
    let table = store::load_store_weeks(&job.folder.path("history"))?;
    let seed = SeedTree::new(job.config.seed).child("pricing");
    let fitted = fit_pricing(&table, &job.config.pricing, job.config.judge.level, seed)?;
    let page = page(&fitted, &job.config.currency);
    job.folder.replace("demand", |dir| {
        write_json(&dir.join("pricing.json"), &fitted)?;
        Ok(render(&page, dir)?)
    })
}

fn page(fitted: &FittedPricing, currency: &str) -> PricingPage {
    let rows: usize = fitted.products.iter().map(|product| product.rows).sum();
    let (first, last) = fitted.weeks;
    PricingPage {
        source: format!(
            "{} products in {} stores, weeks {first} to {last}, {} store-weeks of sales",
            fitted.products.len(),
            fitted.stores.len(),
            number(rows as f64, 0)
        ),
        currency: currency.to_owned(),
        interval_level: fitted.interval_level,
        headline: headline(fitted),
        warnings: fitted.notes.clone(),
        facts: facts(fitted),
        products: fitted.products.iter().map(row).collect(),
        known_range: KNOWN_RANGE,
        card: card(fitted),
        held_out: fitted.held_out.products.iter().map(held_out).collect(),
        method: method(fitted),
    }
}

/// How many price cuts of 20 % earn more than they cost, with the interval on one side of zero.
fn headline(fitted: &FittedPricing) -> String {
    let cut = |product: &PricedProduct, sure: &dyn Fn(&Range) -> bool| {
        let at = |rung: &&Rung| (rung.ratio - 0.8).abs() < 1e-9 && !rung.feature;
        product.ladder.iter().find(at).is_some_and(|rung| sure(&rung.margin_gain))
    };
    let count = |sure: &dyn Fn(&Range) -> bool| {
        fitted.products.iter().filter(|product| cut(product, sure)).count()
    };
    let (gains, losses) = (count(&|gain| gain.lower > 0.0), count(&|gain| gain.upper < 0.0));
    let n = fitted.products.len();
    let mean = fitted.products.iter().map(|product| product.own.value).sum::<f64>() / n as f64;
    format!(
        "One per cent off the price sells {} % more units on average; a 20 % cut without an ad \
         surely earns margin for {gains} of {n} products and surely loses it for {losses}",
        number(-mean, 1)
    )
}

fn facts(fitted: &FittedPricing) -> Vec<Fact> {
    let held = &fitted.held_out;
    let fact = |label: &str, value: String| Fact { label: label.to_owned(), value };
    let (mean, sd) = fitted.own_spread;
    vec![
        fact("Elasticity of the group (spread over products)", {
            format!("{} ± {}", number(mean, 2), number(sd, 2))
        }),
        fact("Error of weekly units on unseen weeks", percent(held.units_mape)),
        fact("The same from the mean of each store", percent(held.naive_mape)),
        fact("Unseen weeks inside the 95 % band", percent(held.coverage95)),
    ]
}

fn coefficient(one: &Coefficient) -> Estimate {
    Estimate::new(one.value, one.lower, one.upper)
}

/// A log multiplier as a multiplier.
fn multiplier(one: Option<&Coefficient>) -> Estimate {
    one.map_or_else(Estimate::unknown, |one| {
        Estimate::new(one.value.exp(), one.lower.exp(), one.upper.exp())
    })
}

fn estimate(range: &Range) -> Estimate {
    Estimate::new(range.value, range.lower, range.upper)
}

fn row(product: &PricedProduct) -> PricingRow {
    let ladder = |feature: bool| {
        let points = product.ladder.iter().filter(|rung| rung.feature == feature);
        points.map(point).collect::<Vec<_>>()
    };
    let plain = |of: fn(&PlainElasticity) -> f64| product.plain.as_ref().map_or(f64::NAN, of);
    PricingRow {
        name: product.product.clone(),
        own: coefficient(&product.own),
        plain: plain(|one| one.value),
        plain_error: plain(|one| one.error_by_store),
        plain_error_wide: plain(|one| one.error),
        feature: multiplier(product.feature.as_ref()),
        deal: multiplier(product.deal.as_ref()),
        evidence: evidence(product.own.evidence).to_owned(),
        regular_price: product.regular_price,
        margin_rate: product.margin_rate,
        funding: coefficient(&product.funding),
        cannibalised: estimate(&product.cannibalised),
        dip: estimate(&product.dip),
        prices: product.prices.iter().map(coefficient).collect(),
        plain_ladder: ladder(false),
        featured_ladder: ladder(true),
    }
}

fn point(rung: &Rung) -> LadderPoint {
    LadderPoint {
        depth: 1.0 - rung.ratio,
        multiple: estimate(&rung.multiple),
        needed: rung.needed_multiple.unwrap_or(f64::NAN),
        gain: estimate(&rung.margin_gain),
        is_supported: rung.is_supported,
    }
}

fn evidence(evidence: Evidence) -> &'static str {
    match evidence {
        Evidence::Quasi => "quasi: prices that moved by store and week",
        Evidence::Observational => "observational",
        Evidence::Pooled => "leans on the other products",
        Evidence::Assumed => "assumed",
    }
}

fn card(fitted: &FittedPricing) -> Vec<PricingCardRow> {
    let lines = fitted.lines.iter().map(|line| {
        let show = |x: f64| if line.is_share { percent(x) } else { number(x, 2) };
        let found = &line.found;
        let range = if found.lower.is_finite() && found.upper.is_finite() {
            format!("{} to {}", show(found.lower), show(found.upper))
        } else {
            String::new()
        };
        PricingCardRow {
            line: line.line.clone(),
            found: show(found.value),
            range,
            known: line.known.clone(),
            band: line.band.clone(),
            verdict: match line.verdict {
                LineVerdict::Pass => "pass",
                LineVerdict::Warn => "warn",
                LineVerdict::Fail => "fail",
            },
        }
    });
    lines.collect()
}

fn held_out(product: &HeldOutProduct) -> HeldOutRow {
    let weeks = &product.weeks;
    HeldOutRow {
        name: product.product.clone(),
        units_mape: product.units_mape,
        revenue_mape: product.revenue_mape,
        naive_mape: product.naive_mape,
        bias: product.bias,
        coverage80: product.coverage80,
        coverage95: product.coverage95,
        weeks: weeks.iter().map(|week| week.week.to_string()).collect(),
        actual: weeks.iter().map(|week| week.actual).collect(),
        expected: weeks
            .iter()
            .map(|week| Estimate::new(week.expected, week.band95.0, week.band95.1))
            .collect(),
    }
}

fn method(fitted: &FittedPricing) -> Vec<String> {
    let (first, last) = fitted.held_out.weeks;
    let intervals = percent(fitted.interval_level);
    let fading = percent(1.0 - fitted.stock_decay);
    let mut method = vec![
        "Log units on log prices of all products of the group, feature ad, in-store coupon, season \
         and stock, by least squares with a fixed effect for each store."
            .to_owned(),
        format!(
            "Each coefficient is drawn towards its mean over products by as much as its own error \
             asks for (empirical Bayes). {intervals} intervals come from covariances clustered by \
             store and by week."
        ),
        format!(
            "Stock is what earlier promotions sold ahead of need: {fading} of it are gone after a \
             week. That share and the strength of pooling of cross elasticities were chosen on the \
             weeks before week {first}."
        ),
        format!(
            "Weeks {first} to {last} were kept out of the fit that is judged on them; the \
             coefficients above use all weeks."
        ),
        "Regular price: the highest price of the last weeks in the store. Money figures take the \
         recorded margins; where the supplier bears part of a cut, the unit cost falls with the \
         price."
            .to_owned(),
        "Prices were set by people who knew what was coming (holidays, rivals): an elasticity from \
         such data is quasi-experimental at best. Try a price in some stores before all of them."
            .to_owned(),
    ];
    if fitted.columns.feature {
        method.push(
            "The effect of an ad is taken to be the same at every depth; ads at the regular price \
             are the rarest in such data, so their figure is the least certain."
                .to_owned(),
        );
    }
    method
}
