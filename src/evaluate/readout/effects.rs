//! The effect of each arm on each metric, by the method that its metric allows.

use super::sums::Sums;
use super::{Better, Codes, MetricSpec, Question, Role, Rows, Trial};
use crate::error::EvaluateError;
use crate::experiment::always_valid::{self, DEFAULT_TUNING};
use crate::experiment::bayes::{Posterior, Prior, normal_posterior};
use crate::experiment::contrast::theta;
use crate::experiment::multiplicity::{Adjustment, adjust};
use crate::experiment::stratified::{Stratified, Stratum};
use crate::experiment::trend::{Heterogeneity, Part};
use crate::experiment::{Contrast, Effect, JointMoments, Metric, Moments, quantile_of_sorted};
use serde::Serialize;

/// Prior of a relative effect: most promotions move a metric by less than a third.
const PRIOR: Prior = Prior { mean: 0.0, variance: 0.09 };
/// Level of the order statistics from which a quantile's variance is read.
const QUANTILE_LEVEL: f64 = 0.95;

/// What one arm did to one metric.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MetricReadout {
    /// The metric.
    pub metric: String,
    /// The arm.
    pub arm: String,
    /// What the metric is for.
    pub role: Role,
    /// Which direction is good.
    pub better: Better,
    /// How it was read, such as `mean adjusted for pre_spend`.
    pub method: String,
    /// The metric in control.
    pub control: f64,
    /// The metric in this arm.
    pub treatment: f64,
    /// Arm − control: the scale to decide on.
    pub absolute: Effect,
    /// The same as a share of control, with the interval of the log ratio where both are above 0.
    pub relative: Effect,
    /// The absolute effect with the interval and p value that hold at every look.
    pub always_valid: Effect,
    /// p value that may be held against 1 − level together with those of all goals and arms (Holm).
    pub p_holm: f64,
    /// The same for the share of false findings (Benjamini and Hochberg).
    pub p_bh: f64,
    /// The effect without what was known before; absent when nothing was.
    pub unadjusted: Option<Effect>,
    /// Share of the squared error that the adjustment takes away; negative when it adds.
    pub variance_reduction: Option<f64>,
    /// The effect with groups put together by their size.
    pub stratified: Option<Effect>,
    /// Chance to win and what is lost if not, prior N(0, 0.3²) on the relative effect.
    pub bayes: Option<Posterior>,
    /// The effect with values capped: the cap and the effect; absent when it caps nothing.
    pub capped: Option<(f64, Effect)>,
    /// Effects on quantiles that vary: which, control, arm, difference.
    pub quantiles: Vec<(f64, f64, f64, Effect)>,
    /// Effects by group.
    pub segments: Vec<SegmentReadout>,
    /// p value of "all groups have one effect".
    pub segments_differ: Option<f64>,
    /// For a guardrail: whether it held.
    pub guardrail: Option<GuardrailReadout>,
    /// Smallest relative effect that these units find with 80 % power.
    pub detectable: Option<f64>,
}

/// What one arm did to one metric in one group.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SegmentReadout {
    /// The group.
    pub segment: String,
    /// Units of control and of the arm.
    pub units: [u64; 2],
    /// The effect in the group alone.
    pub effect: Effect,
    /// p value together with the other groups (Holm).
    pub p_holm: f64,
    /// The effect drawn towards those of the other groups, with its standard deviation: what to expect.
    pub shrunk: Option<(f64, f64)>,
}

/// Whether a guardrail held.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct GuardrailReadout {
    /// The loss that is allowed, in units of the metric.
    pub margin: f64,
    /// p value of "the loss is the margin or more".
    pub p_value: f64,
    /// What follows.
    pub state: GuardrailState,
}

/// The state of a guardrail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GuardrailState {
    /// Shown to lose less than the margin.
    Safe,
    /// Shown to be worse than control, and not shown to lose less than the margin.
    Harmed,
    /// Neither.
    Unclear,
}

/// The first goal of one arm less that of another, neither being the control: without it no arm is
/// ahead of another.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Between {
    /// The metric.
    pub metric: String,
    /// Both arms, the one with the higher estimate first.
    pub arms: [String; 2],
    /// The first less the second.
    pub effect: Effect,
}

/// All metrics and arms, and the first goal between arms.
pub(super) fn metrics(
    trial: &Trial<'_>,
    question: &Question,
) -> Result<(Vec<MetricReadout>, Vec<Between>), EvaluateError> {
    let by = match trial.clusters() {
        None => Arms::Units(trial),
        Some((rows, clusters)) => Arms::Clusters(ClusterSums::of(rows, clusters)),
    };
    let mut found = Vec::new();
    for spec in &question.metrics {
        for arm in trial.treatments() {
            found.push(one(trial, question, spec, arm, &by)?);
        }
    }
    let goals: Vec<usize> = (0..found.len()).filter(|i| found[*i].role == Role::Goal).collect();
    let p = |m: &MetricReadout| {
        if question.peeking { m.always_valid.p_value } else { m.absolute.p_value }
    };
    let all: Vec<f64> = goals.iter().map(|i| p(&found[*i])).collect();
    let holm = adjust(&all, Adjustment::Holm);
    let bh = adjust(&all, Adjustment::BenjaminiHochberg);
    for ((at, holm), bh) in goals.into_iter().zip(holm).zip(bh) {
        (found[at].p_holm, found[at].p_bh) = (holm, bh);
    }
    Ok((found, between(trial, question, &by)))
}

fn between(trial: &Trial<'_>, question: &Question, by: &Arms<'_>) -> Vec<Between> {
    let goal = question.metrics.iter().find(|metric| metric.role == Role::Goal);
    let others = || trial.treatments();
    let pairs = others().flat_map(|a| others().filter(move |b| *b > a).map(move |b| [a, b]));
    let one = |spec: &MetricSpec, [a, b]: [usize; 2]| {
        let (ahead, behind, effect) = match by.contrast(spec, a, b).0.absolute(question.level) {
            effect if effect.estimate >= 0.0 => (b, a, effect),
            _ => (a, b, by.contrast(spec, b, a).0.absolute(question.level)),
        };
        let arms = [ahead, behind].map(|arm| trial.arms[arm].clone());
        Between { metric: spec.name.clone(), arms, effect }
    };
    goal.map_or(Vec::new(), |spec| pairs.map(|pair| one(spec, pair)).collect())
}

/// Sums by arm, of units or of clusters.
enum Arms<'a> {
    Units(&'a Trial<'a>),
    Clusters(ClusterSums),
}

/// Totals of every cluster and the arm that it was dealt to.
struct ClusterSums {
    sums: Sums,
    arms: Vec<Option<usize>>,
}

impl ClusterSums {
    fn of(rows: Rows<'_>, clusters: Codes<'_>) -> Self {
        let columns: Vec<&[f64]> = rows.columns.iter().map(Vec::as_slice).collect();
        let sums = Sums::of(&columns, clusters.names.len(), |row| clusters.codes[row] as usize);
        let mut dealt = vec![None; clusters.names.len()];
        for (cluster, arm) in clusters.codes.iter().zip(rows.arms) {
            dealt[*cluster as usize].get_or_insert(*arm as usize);
        }
        Self { sums, arms: dealt }
    }

    /// Moments over clusters of totals; `None` stands for the number of rows.
    fn joint<const K: usize>(&self, arm: usize, of: [Option<usize>; K]) -> JointMoments<K> {
        let own = (0..self.arms.len()).filter(|cluster| self.arms[*cluster] == Some(arm));
        let total = |cluster: usize, column: Option<usize>| {
            column.map_or(self.sums.n(cluster), |column| self.sums.total(cluster, column))
        };
        JointMoments::of(own.map(|cluster| of.map(|column| total(cluster, column))))
    }
}

impl Arms<'_> {
    fn joint<const K: usize>(&self, arm: usize, columns: [Option<usize>; K]) -> JointMoments<K> {
        match self {
            Self::Clusters(clusters) => clusters.joint(arm, columns),
            Self::Units(trial) => trial.joint(arm, columns.map(|column| column.unwrap_or(0))),
        }
    }

    /// The metric of an arm, and the coefficient and centre of its adjustment from both arms.
    fn contrast(&self, spec: &MetricSpec, control: usize, arm: usize) -> (Contrast, Contrast) {
        let clustered = matches!(self, Self::Clusters(_));
        let (y, d) = (Some(spec.numerator), spec.denominator);
        let arms = [control, arm];
        // A mean per row over clusters is the ratio of their totals to their sizes.
        let ratio = clustered || d.is_some();
        let read = |columns: [Option<usize>; 4], before: bool| {
            let moments = arms.map(|arm| self.joint(arm, columns));
            let metric = |m: &JointMoments<4>| match (ratio, before) {
                (false, false) => Metric::mean(&m.only(0)),
                (true, false) => Metric::ratio(&pair(m, 0, 1)),
                (false, true) => Metric::mean_with_before(&pair(m, 0, 2)),
                (true, true) => Metric::ratio_with_before(m),
            };
            (metric(&moments[0]), metric(&moments[1]), metric(&moments[0].merge(moments[1])))
        };
        let (c, t, _) = read([y, d, y, d], false);
        let plain = Contrast::new(c, t);
        let Some((x, z)) = spec.before else { return (plain, plain) };
        let (c, t, pooled) = read([y, d, Some(x), z], true);
        let centre = pooled.before.map_or(0.0, |before| before.estimate);
        (Contrast::adjusted(c, t, theta(&pooled), centre), plain)
    }
}

/// Two of four variables.
fn pair(moments: &JointMoments<4>, i: usize, j: usize) -> JointMoments<2> {
    let at = [i, j];
    JointMoments {
        n: moments.n,
        means: at.map(|i| moments.means[i]),
        products: at.map(|i| at.map(|j| moments.products[i][j])),
    }
}

fn one(
    trial: &Trial<'_>,
    question: &Question,
    spec: &MetricSpec,
    arm: usize,
    by: &Arms<'_>,
) -> Result<MetricReadout, EvaluateError> {
    let level = question.level;
    let (contrast, plain) = by.contrast(spec, trial.control, arm);
    let absolute = contrast.absolute(level);
    let [control, treatment] = plain.arms().map(|arm| arm.estimate);
    let relative = match control > 0.0 && treatment > 0.0 {
        true => contrast.relative_log(level),
        false => contrast.relative(level),
    };
    let units: f64 = contrast.arms().iter().map(|arm| arm.n).sum();
    let rho = always_valid::rho(1.0 - level, DEFAULT_TUNING);
    let adjusted = spec.before.is_some();
    let mean = spec.denominator.is_none() && matches!(by, Arms::Units(_));
    let goal = spec.role == Role::Goal && mean;
    let grouped = mean && trial.strata.len() > 1;
    let (segments, segments_differ) =
        if grouped { segments(trial, spec, arm, level) } else { (Vec::new(), None) };
    let stratified = if grouped { stratified(trial, spec, arm, level)? } else { None };
    Ok(MetricReadout {
        metric: spec.name.clone(),
        arm: trial.arms[arm].clone(),
        role: spec.role,
        better: spec.better,
        method: method(trial, spec),
        control,
        treatment,
        relative,
        always_valid: always_valid::asymptotic(&absolute, units, rho),
        p_holm: absolute.p_value,
        p_bh: absolute.p_value,
        unadjusted: adjusted.then(|| plain.absolute(level)),
        variance_reduction: adjusted.then(|| contrast.variance_reduction()),
        stratified,
        bayes: normal_posterior(&absolute, PRIOR.scaled(control.abs()), level),
        capped: question.cap.filter(|_| goal).and_then(|q| capped(trial, spec, arm, q, level)),
        quantiles: if goal { quantiles(trial, question, spec, arm) } else { Vec::new() },
        segments,
        segments_differ,
        guardrail: guardrail(&contrast, spec, control, level),
        detectable: detectable(&absolute, control),
        absolute,
    })
}

fn method(trial: &Trial<'_>, spec: &MetricSpec) -> String {
    let name = |column: usize| trial.columns[column].as_str();
    let mut words = String::from(if spec.denominator.is_some() { "ratio" } else { "mean" });
    if let Some((x, z)) = spec.before {
        words += &format!(" adjusted for {}", name(x));
        if let Some(z) = z {
            words += &format!("/{}", name(z));
        }
    }
    if trial.clusters().is_some() {
        words += ", clusters as units";
    }
    words
}

/// The guardrail's test on its good side.
fn guardrail(
    contrast: &Contrast,
    spec: &MetricSpec,
    control: f64,
    level: f64,
) -> Option<GuardrailReadout> {
    let Role::Guardrail(allowed) = spec.role else { return None };
    let margin = allowed * control.abs();
    let effect = contrast.absolute(level);
    let (test, worse) = match spec.better {
        Better::More => (contrast.non_inferiority(margin, level), effect.upper < 0.0),
        Better::Less => (contrast.turned().non_inferiority(margin, level), effect.lower > 0.0),
    };
    let state = match (test.p_value < 1.0 - level && test.condition.is_none(), worse) {
        (true, _) => GuardrailState::Safe,
        (false, true) => GuardrailState::Harmed,
        (false, false) => GuardrailState::Unclear,
    };
    Some(GuardrailReadout { margin, p_value: test.p_value, state })
}

/// `(z(α/2) + z(20 %))` standard errors as a share of control.
fn detectable(effect: &Effect, control: f64) -> Option<f64> {
    use crate::distributions::normal;
    let reach = normal::two_sided(effect.level) + normal::upper_quantile(0.2);
    let known = effect.condition.is_none() && control != 0.0;
    known.then(|| reach * effect.standard_error / control.abs())
}

/// Moments of one column in one group of one arm.
fn cell(trial: &Trial<'_>, arm: usize, stratum: usize, column: usize) -> Moments {
    trial.sums.joint(arm * trial.n_strata() + stratum, [column]).only(0)
}

/// Effects by group, those with two units in both arms only.
fn segments(
    trial: &Trial<'_>,
    spec: &MetricSpec,
    arm: usize,
    level: f64,
) -> (Vec<SegmentReadout>, Option<f64>) {
    let mut found = Vec::new();
    let mut parts = Vec::new();
    for (stratum, name) in trial.strata.iter().enumerate() {
        let cells = [trial.control, arm].map(|arm| cell(trial, arm, stratum, spec.numerator));
        let [c, t] = cells;
        let effect = Contrast::new(Metric::mean(&c), Metric::mean(&t)).absolute(level);
        if effect.condition.is_none() {
            parts.push(Part::of(&c, &t));
            let units = cells.map(|cell| cell.n as u64);
            let segment = name.clone();
            found.push(SegmentReadout { segment, units, effect, p_holm: 1.0, shrunk: None });
        }
    }
    let p: Vec<f64> = found.iter().map(|one| one.effect.p_value).collect();
    let holm = adjust(&p, Adjustment::Holm);
    found.iter_mut().zip(holm).for_each(|(one, p)| one.p_holm = p);
    let Ok(spread) = Heterogeneity::of(&parts) else { return (found, None) };
    for (one, part) in found.iter_mut().zip(spread.shrunk(&parts)) {
        one.shrunk = Some((part.effect, part.standard_error));
    }
    (found, Some(spread.p_value))
}

/// The groups put together by their size, without adjustment; `None` when a group lacks units.
fn stratified(
    trial: &Trial<'_>,
    spec: &MetricSpec,
    arm: usize,
    level: f64,
) -> Result<Option<Effect>, EvaluateError> {
    let mut strata = Vec::new();
    for stratum in 0..trial.n_strata() {
        let [c, t] = [trial.control, arm].map(|arm| cell(trial, arm, stratum, spec.numerator));
        if c.n < 2.0 || t.n < 2.0 {
            return Ok(None);
        }
        strata.push(Stratum::of_means(&c, &t));
    }
    let whole =
        [trial.control, arm].map(|arm| Metric::mean(&trial.joint(arm, [spec.numerator]).only(0)));
    let df = Contrast::new(whole[0], whole[1]).degrees_of_freedom();
    Ok(Some(Stratified::new(&strata, df)?.absolute(level)))
}

/// Values of a metric's column in control and in an arm.
fn values(trial: &Trial<'_>, spec: &MetricSpec, arm: usize) -> [Vec<f64>; 2] {
    let Some(rows) = trial.rows else { return [Vec::new(), Vec::new()] };
    let column = &rows.columns[spec.numerator];
    [trial.control, arm].map(|arm| {
        let own = rows.arms.iter().zip(column).filter(|(code, _)| **code as usize == arm);
        own.map(|(_, x)| *x).collect()
    })
}

/// Both arms with values above a quantile of all of them brought down to it.
fn capped(
    trial: &Trial<'_>,
    spec: &MetricSpec,
    arm: usize,
    q: f64,
    level: f64,
) -> Option<(f64, Effect)> {
    let own = values(trial, spec, arm);
    let mut all = own.concat();
    all.sort_by(f64::total_cmp);
    let cap = quantile_of_sorted(&all, q)?;
    if all.last() == Some(&cap) {
        return None;
    }
    let [c, t] = own.map(|mut own| {
        own.iter_mut().for_each(|x| *x = x.min(cap));
        Metric::mean(&Moments::of(&own))
    });
    Some((cap, Contrast::new(c, t).absolute(level)))
}

fn quantiles(
    trial: &Trial<'_>,
    question: &Question,
    spec: &MetricSpec,
    arm: usize,
) -> Vec<(f64, f64, f64, Effect)> {
    if question.quantiles.is_empty() {
        return Vec::new();
    }
    let [c, t] = values(trial, spec, arm).map(|mut own| {
        own.sort_by(f64::total_cmp);
        own
    });
    let one = |q: &f64| {
        let (c, t) = (
            Metric::quantile(&c, *q, QUANTILE_LEVEL)?.0,
            Metric::quantile(&t, *q, QUANTILE_LEVEL)?.0,
        );
        let effect = Contrast::new(c, t).absolute(question.level);
        effect.condition.is_none().then_some((*q, c.estimate, t.estimate, effect))
    };
    question.quantiles.iter().filter_map(one).collect()
}
