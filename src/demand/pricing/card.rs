//! The fit beside what is known of promotions: lines with pass, warn and fail bands.

use super::fit::normal_quantile;
use super::fitted::{FittedPricing, LineVerdict, PricingLine, Range};
use super::held_out::{HeldOut, HeldOutWeek};
use super::readout::{Readout, quantiles};

/// Bands of a line: pass inside the first, warn inside the second.
type Bands = [(f64, f64); 2];

fn verdict(value: f64, [pass, warn]: Bands) -> LineVerdict {
    let inside = |(low, high): (f64, f64)| low <= value && value <= high;
    if inside(pass) {
        LineVerdict::Pass
    } else if inside(warn) {
        LineVerdict::Warn
    } else {
        LineVerdict::Fail
    }
}

struct Line {
    name: &'static str,
    known: &'static str,
    bands: Bands,
    is_share: bool,
}

impl Line {
    fn against(&self, found: Range) -> PricingLine {
        let show = |x: f64| {
            if self.is_share { format!("{:.0} %", 100.0 * x) } else { format!("{x:.2}") }
        };
        let [(low, high), (least, most)] = self.bands;
        PricingLine {
            line: self.name.to_owned(),
            known: self.known.to_owned(),
            band: format!(
                "pass {} to {}, warn {} to {}",
                show(low),
                show(high),
                show(least),
                show(most)
            ),
            verdict: verdict(found.value, self.bands),
            is_share: self.is_share,
            found,
        }
    }
}

const OWN: Line = Line {
    name: "own-price elasticity, mean over products",
    known: "−2.62 over 1,851 estimates (Bijmolt, van Heerde and Pieters 2005); −2.86 for 11 orange \
            juices at Dominick's, −1.00 to −4.09",
    bands: [(-4.1, -1.0), (-6.0, -0.5)],
    is_share: false,
};
const FEATURE: Line = Line {
    name: "feature ad, units multiple, mean over products",
    known: "1.94 for orange juice at Dominick's, 1.21 to 2.87",
    bands: [(1.2, 2.9), (1.0, 4.0)],
    is_share: false,
};
const CROSS: Line = Line {
    name: "cross-price elasticity, median over pairs",
    known: "+0.13 for orange juice at Dominick's, half of the pairs 0.02 to 0.36",
    bands: [(0.0, 0.4), (-0.1, 0.8)],
    is_share: false,
};
const CANNIBALISED: Line = Line {
    name: "units gained in a 20 % cut that other products lose, median",
    known: "44 % for orange juice at Dominick's; about a third in store data (van Heerde, Leeflang \
            and Wittink 2004)",
    bands: [(0.15, 0.7), (0.0, 1.0)],
    is_share: true,
};
const DIP: Line = Line {
    name: "units gained in a 20 % cut that the next two weeks lose, mean",
    known: "4 to 25 % (van Heerde, Leeflang and Wittink 2000); 8 % for orange juice at Dominick's, \
            −3 to 22 % by brand",
    bands: [(0.02, 0.25), (-0.03, 0.4)],
    is_share: true,
};
const UNITS: Line = Line {
    name: "held-out weeks: error of weekly units over that of a store's mean",
    known: "1 is no better than the mean of each store",
    bands: [(0.0, 0.6), (0.0, 1.0)],
    is_share: false,
};
const COVERAGE80: Line = Line {
    name: "held-out weeks inside the 80 % band",
    known: "80 % by construction",
    bands: [(0.7, 0.9), (0.6, 1.0)],
    is_share: true,
};
const COVERAGE95: Line = Line {
    name: "held-out weeks inside the 95 % band",
    known: "95 % by construction",
    bands: [(0.88, 1.0), (0.8, 1.0)],
    is_share: true,
};

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let values: Vec<f64> = values.collect();
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        n => 0.5 * (values[(n - 1) / 2] + values[n / 2]),
    }
}

/// A figure over all product-weeks, with the normal interval of the jackknife that leaves out one week
/// (of all products) at a time: products share the weather of a week.
fn by_week(held: &HeldOut, level: f64, of: &dyn Fn(&[&HeldOutWeek]) -> f64) -> Range {
    let all: Vec<&HeldOutWeek> = held.products.iter().flat_map(|one| &one.weeks).collect();
    let mut numbers: Vec<i64> = all.iter().map(|week| week.week).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let without = numbers.iter().map(|number| {
        of(&all.iter().copied().filter(|week| week.week != *number).collect::<Vec<_>>())
    });
    let without: Vec<f64> = without.collect();
    let (n, middle) = (without.len() as f64, mean(without.iter().copied()));
    let squares: f64 = without.iter().map(|value| (value - middle).powi(2)).sum();
    let reach = normal_quantile(level) * ((n - 1.0) / n * squares).sqrt();
    let value = of(&all);
    Range { value, lower: (value - reach).max(0.0), upper: value + reach }
}

/// All lines: intervals over posterior draws, and over weeks for held-out errors.
pub(super) fn lines(
    fitted: &FittedPricing,
    (best, draws): (&Readout<'_>, &[Readout<'_>]),
) -> Vec<PricingLine> {
    let level = fitted.interval_level;
    let n = fitted.products.len();
    let over = |of: &dyn Fn(&Readout<'_>) -> f64| {
        quantiles(of(best), draws.iter().map(of).collect(), level)
    };
    let elasticity = |at: &Readout<'_>, i: usize, j: usize| at.elasticity(i, j);
    let mut lines = vec![OWN.against(over(&|at| mean((0..n).map(|i| elasticity(at, i, i)))))];
    if fitted.columns.feature {
        let multiple = |at: &Readout<'_>| mean((0..n).map(|i| at.multiple(i, 1.0, true)));
        lines.push(FEATURE.against(over(&multiple)));
    }
    if n > 1 {
        let pairs = || (0..n).flat_map(|i| (0..n).map(move |j| (i, j))).filter(|(i, j)| i != j);
        lines.push(CROSS.against(over(&|at| median(pairs().map(|(i, j)| elasticity(at, i, j))))));
        lines.push(CANNIBALISED.against(over(&|at| median((0..n).map(|i| at.cannibalised(i))))));
    }
    lines.push(DIP.against(over(&|at| mean((0..n).map(|i| at.dip(i))))));
    let held = |of: &dyn Fn(&[&HeldOutWeek]) -> f64| by_week(&fitted.held_out, level, of);
    let error = |of: &dyn Fn(&HeldOutWeek) -> f64, weeks: &[&HeldOutWeek]| {
        mean(weeks.iter().map(|week| (of(week) - week.actual).abs() / week.actual))
    };
    lines.push(UNITS.against(held(&|weeks| {
        error(&|week| week.expected, weeks) / error(&|week| week.naive, weeks)
    })));
    let inside = |week: &HeldOutWeek, (low, high): (f64, f64)| {
        f64::from(u8::from(low <= week.actual && week.actual <= high))
    };
    let share = |of: &dyn Fn(&HeldOutWeek) -> f64, weeks: &[&HeldOutWeek]| {
        mean(weeks.iter().map(|week| of(week)))
    };
    lines.push(COVERAGE80.against(held(&|weeks| share(&|week| inside(week, week.band80), weeks))));
    lines.push(COVERAGE95.against(held(&|weeks| share(&|week| inside(week, week.band95), weeks))));
    lines
}
