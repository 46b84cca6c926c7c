//! Who should be treated? How much of the effect is caught by treating first those whom a score ranks
//! highest.
//!
//! Units with equal scores enter together, as one point: a curve that splits them by row order reports
//! the order of the file. Sources: Radcliffe 2007 (Qini); Devriendt et al. 2020.

/// An uplift or Qini curve: units treated by descending score, and what that brought.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// Units taken so far, from 0 to all.
    pub units: Vec<f64>,
    /// Value at that point, from 0.
    pub values: Vec<f64>,
}

/// Running sums down the ranking: units and outcome of treatment and of control.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    n: [f64; 2],
    y: [f64; 2],
}

impl Sums {
    /// `y_t − y_c · n_t / n_c`: incremental outcome of the treated.
    fn qini(&self) -> f64 {
        let share = if self.n[0] > 0.0 { self.n[1] / self.n[0] } else { 0.0 };
        self.y[1] - self.y[0] * share
    }

    /// `(ȳ_t − ȳ_c) · n`: incremental outcome if all so far were treated.
    fn uplift(&self) -> f64 {
        let mean = |i: usize| if self.n[i] > 0.0 { self.y[i] / self.n[i] } else { 0.0 };
        (mean(1) - mean(0)) * (self.n[0] + self.n[1])
    }
}

/// Outcomes of a randomised experiment in the order of a score.
#[derive(Debug, Clone)]
pub struct Ranked {
    /// Outcome and whether treated, by descending score.
    rows: Vec<(f64, bool)>,
    /// Whether the score of a row is that of the next one.
    tied: Vec<bool>,
}

impl Ranked {
    /// Rows of equal length ranked by descending score; `None` when lengths differ, one is not a number
    /// or an arm is empty.
    #[must_use]
    pub fn new(y: &[f64], score: &[f64], treated: &[bool]) -> Option<Self> {
        let n = y.len();
        let known = y.iter().chain(score).all(|x| x.is_finite());
        let arms = treated.contains(&true) && treated.contains(&false);
        if score.len() != n || treated.len() != n || !known || !arms {
            return None;
        }
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by(|a, b| score[*b].total_cmp(&score[*a]));
        let tied = (0..n).map(|i| i + 1 < n && score[order[i]] == score[order[i + 1]]).collect();
        Some(Self { rows: order.into_iter().map(|at| (y[at], treated[at])).collect(), tied })
    }

    /// The curve of incremental outcome among the treated.
    #[must_use]
    pub fn qini(&self) -> Curve {
        self.curve(Sums::qini)
    }

    /// The curve of incremental outcome had all been treated.
    #[must_use]
    pub fn uplift(&self) -> Curve {
        self.curve(Sums::uplift)
    }

    fn curve(&self, of: impl Fn(&Sums) -> f64) -> Curve {
        let (mut units, mut values) = (vec![0.0], vec![0.0]);
        let mut sums = Sums::default();
        for (i, (y, treated)) in self.rows.iter().enumerate() {
            sums.n[usize::from(*treated)] += 1.0;
            sums.y[usize::from(*treated)] += y;
            if !self.tied[i] {
                units.push((i + 1) as f64);
                values.push(of(&sums));
            }
        }
        Curve { units, values }
    }

    /// Difference of the arms' means among the highest `share` of the ranking.
    #[must_use]
    pub fn top(&self, share: f64) -> f64 {
        let n = (self.rows.len() as f64 * share) as usize;
        effect(self.rows[..n].iter())
    }

    /// The same with the highest `share` taken within each arm.
    #[must_use]
    pub fn top_of_each(&self, share: f64) -> f64 {
        let arm = |which: bool| {
            let own = || self.rows.iter().filter(move |(_, treated)| *treated == which);
            let n = (own().count() as f64 * share) as usize;
            own().take(n).map(|(y, _)| y).sum::<f64>() / n as f64
        };
        arm(true) - arm(false)
    }

    /// Mean over `bins` equal parts of the ranking of the effect within, weighted by the treated there.
    #[must_use]
    pub fn weighted_average(&self, bins: usize) -> f64 {
        let n = self.rows.len();
        let (size, longer) = (n / bins, n % bins);
        let (mut from, mut sum, mut all) = (0, 0.0, 0.0);
        for bin in 0..bins {
            let to = from + size + usize::from(bin < longer);
            let part = &self.rows[from..to];
            let treated = part.iter().filter(|(_, treated)| *treated).count() as f64;
            sum += treated * effect(part.iter());
            all += treated;
            from = to;
        }
        sum / all
    }

    /// Area of the Qini curve above the straight line to its end, as a share of that of the best
    /// possible ranking of 0/1 outcomes. `harm` says whether the best ranking may know units that
    /// treatment harms.
    #[must_use]
    pub fn qini_coefficient(&self, harm: bool) -> f64 {
        let curve = self.qini();
        let all = self.rows.len() as f64;
        let end = curve.values.last().copied().unwrap_or(0.0);
        let perfect = if harm {
            self.reranked(|y, treated| if treated { y } else { -y }).qini()
        } else {
            Curve { units: vec![0.0, end, all], values: vec![0.0, end, end] }
        };
        (curve.area() - all * end / 2.0) / (perfect.area() - all * end / 2.0)
    }

    /// The same for the uplift curve.
    #[must_use]
    pub fn uplift_coefficient(&self) -> f64 {
        let count = |hit: bool, which: bool| {
            self.rows.iter().filter(|(y, treated)| (*y > 0.0) == hit && *treated == which).count()
        };
        let by_outcome = count(true, false) > count(false, true);
        let perfect = self.reranked(|y, treated| {
            let hit = y > 0.0;
            let matched = 2.0 * f64::from(u8::from(hit == treated));
            matched + f64::from(u8::from(if by_outcome { hit } else { treated }))
        });
        let (curve, perfect) = (self.uplift(), perfect.uplift());
        let line = self.rows.len() as f64 * curve.values.last().copied().unwrap_or(0.0) / 2.0;
        (curve.area() - line) / (perfect.area() - line)
    }

    fn reranked(&self, score: impl Fn(f64, bool) -> f64) -> Self {
        let scores: Vec<f64> = self.rows.iter().map(|(y, treated)| score(*y, *treated)).collect();
        let (y, treated): (Vec<f64>, Vec<bool>) = self.rows.iter().copied().unzip();
        Self::new(&y, &scores, &treated).unwrap_or_else(|| self.clone())
    }

    /// Mean height of the curve over every unit from 0 to all, and its mean lead over the straight line
    /// to its end: for `qini` the Qini score, for the mean uplift times units the AUUC. Any outcome,
    /// spend included; `normalised` divides by the magnitude of the end.
    #[must_use]
    pub fn mean_height(&self, kind: CurveKind, normalised: bool) -> (f64, f64) {
        let mut values = vec![0.0];
        let mut sums = Sums::default();
        for (y, treated) in &self.rows {
            sums.n[usize::from(*treated)] += 1.0;
            sums.y[usize::from(*treated)] += y;
            let known = sums.n[0] > 0.0 && (kind == CurveKind::Qini || sums.n[1] > 0.0);
            let value = match kind {
                CurveKind::Qini => sums.qini(),
                CurveKind::Uplift => sums.uplift(),
            };
            values.push(if known { value } else { f64::NAN });
        }
        // Before an arm has its first unit, what is read off is the line from 0 to the first known point:
        // of the incremental outcome for Qini, of the mean uplift (times units) for uplift.
        if let Some(first) = (1..values.len()).find(|i| !values[*i].is_nan()) {
            let power = if kind == CurveKind::Qini { 1 } else { 2 };
            let to = values[first];
            (1..first).for_each(|i| values[i] = to * (i as f64 / first as f64).powi(power));
        }
        let end = values.last().copied().unwrap_or(0.0);
        let scale = if normalised { end.abs() } else { 1.0 };
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        (mean / scale, (mean - end / 2.0) / scale)
    }
}

/// Which curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CurveKind {
    /// [`Ranked::qini`].
    Qini,
    /// [`Ranked::uplift`].
    Uplift,
}

impl Curve {
    /// Area under the curve, straight between its points.
    #[must_use]
    pub fn area(&self) -> f64 {
        let step = |i: usize| {
            (self.units[i] - self.units[i - 1]) * (self.values[i] + self.values[i - 1]) / 2.0
        };
        (1..self.units.len()).map(step).sum()
    }

    /// Height after this many units, straight between the curve's points.
    #[must_use]
    pub fn at(&self, units: f64) -> f64 {
        let next = self.units.partition_point(|x| *x < units).min(self.units.len() - 1);
        if next == 0 || self.units[next] == units {
            return self.values[next];
        }
        let (from, to) = (self.units[next - 1], self.units[next]);
        let share = (units - from) / (to - from);
        self.values[next - 1] + share * (self.values[next] - self.values[next - 1])
    }
}

fn effect<'a>(rows: impl Iterator<Item = &'a (f64, bool)>) -> f64 {
    let mut sums = Sums::default();
    for (y, treated) in rows {
        sums.n[usize::from(*treated)] += 1.0;
        sums.y[usize::from(*treated)] += y;
    }
    sums.y[1] / sums.n[1] - sums.y[0] / sums.n[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever the order of rows with one score, the curve is one straight line.
    #[test]
    fn equal_scores_are_one_point() {
        let (y, treated) = ([1.0, 0.0, 1.0, 0.0], [true, false, true, false]);
        let flat = Ranked::new(&y, &[0.5; 4], &treated).expect("both arms");
        assert_eq!(flat.qini(), Curve { units: vec![0.0, 4.0], values: vec![0.0, 2.0] });
        assert_eq!(flat.qini_coefficient(true), 0.0);
        assert_eq!(flat.qini().at(1.0), 0.5);
        assert_eq!(Ranked::new(&y, &[0.5; 3], &treated).map(|r| r.rows.len()), None);
        assert_eq!(Ranked::new(&y, &[0.5; 4], &[true; 4]).map(|r| r.rows.len()), None);
    }

    #[test]
    fn a_perfect_ranking_has_all_of_the_area() {
        let y = [1.0, 0.0, 0.0, 0.0, 0.0, 1.0];
        let treated = [true, false, true, false, true, false];
        let score = [1.0, 0.5, 0.4, 0.3, 0.2, -1.0];
        let best = Ranked::new(&y, &score, &treated).expect("both arms");
        assert!((best.qini_coefficient(true) - 1.0).abs() < 1e-12);
        assert!(best.top(1.0 / 3.0) == 1.0);
    }
}
