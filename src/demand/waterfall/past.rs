//! Which promotions a history holds: runs of deep shelf weeks, and offers over the weeks they were
//! out.

use crate::data::History;
use crate::demand::actions::ActionMap;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// A shelf depth counts as promoted when it is this far above the usual level…
const RISE_MIN: f64 = 0.03;
/// …and this many standard deviations of the usual weeks.
const RISE_DEVIATIONS: f64 = 3.0;
/// Half the width of the shortest interval that holds half of a normal distribution, in standard
/// deviations.
const HALF_SHORTH: f64 = 0.6745;
/// Weeks before a promotion in which customers are got to know.
const WEEKS_BEFORE: u32 = 8;
/// Longest stretch of weeks that is judged as one promotion.
const WEEKS_MAX: u32 = 8;

/// What kind of promotion it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PromotionKind {
    /// A lower price on the shelf, for everybody.
    Shelf,
    /// An offer to chosen customers.
    Offer,
}

/// A promotion of the past.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PastPromotion {
    /// Name on the command line: kind, what was promoted, first day.
    pub id: String,
    /// Shelf or offer.
    pub kind: PromotionKind,
    /// Promoted category; `None` when an offer holds for the whole basket.
    pub category: Option<usize>,
    /// Weeks in which it ran.
    pub weeks: Range<u32>,
    /// Mean market shelf depth of the weeks, or depth of the offer.
    pub depth: f64,
    /// Shelf depth in the category's usual weeks; 0 for offers.
    pub usual_depth: f64,
    /// Position of the offer in the history's catalogue.
    pub offer: Option<u16>,
}

/// How deep a category usually is on promotion, and from where on a week stands out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct UsualDepth {
    /// Middle of the usual weeks.
    pub level: f64,
    /// Depth above which a week counts as promoted.
    pub threshold: f64,
}

impl UsualDepth {
    /// The usual weeks are those of the shorth: the shortest interval of depths that holds half of
    /// the weeks, which no minority of promoted weeks can move (Andrews et al. 1972). The level is
    /// their median; their width gives the standard deviation of unpromoted weeks as a normal
    /// distribution would have it. A category on promotion in more than half of its weeks has the
    /// promotion as its usual state.
    #[must_use]
    pub fn of(depths: &[f64]) -> Self {
        let mut sorted = depths.to_vec();
        sorted.sort_by(f64::total_cmp);
        let half = sorted.len() / 2 + 1;
        let width = |window: &&[f64]| window[window.len() - 1] - window[0];
        let shortest = sorted.windows(half).min_by(|a, b| width(a).total_cmp(&width(b)));
        let Some(usual) = shortest else { return Self { level: 0.0, threshold: RISE_MIN } };
        let level = usual[usual.len() / 2];
        let deviation = width(&usual) / 2.0 / HALF_SHORTH;
        Self { level, threshold: level + RISE_MIN.max(RISE_DEVIATIONS * deviation) }
    }

    /// That of a category of a history.
    #[must_use]
    pub fn of_category(history: &History, category: usize) -> Self {
        let depths = history.shelf_depth.iter().skip(category).step_by(history.n_categories());
        Self::of(&depths.copied().collect::<Vec<f64>>())
    }
}

/// All promotions that begin late enough for customers to be known, by first week, then name.
///
/// Shelf promotions are runs of consecutive weeks above the usual depth of a category (`other` is
/// no category anybody promotes). An offer is out in the weeks in which anybody got it. Stretches of
/// more than eight weeks, as always-on offers have, are cut into equal pieces of at most eight.
#[must_use]
pub fn past_promotions(history: &History, actions: &ActionMap) -> Vec<PastPromotion> {
    let mut found = Vec::new();
    for category in 0..history.n_categories().saturating_sub(1) {
        let usual = UsualDepth::of_category(history, category);
        let depth = |week: u32| history.shelf_depth_at(week, category as u16);
        for weeks in runs(history.n_weeks, |week| depth(week) > usual.threshold) {
            let days = f64::from(weeks.end - weeks.start);
            found.push(PastPromotion {
                id: name(history, "shelf", &history.categories[category].name, weeks.start),
                kind: PromotionKind::Shelf,
                category: Some(category),
                depth: weeks.clone().map(depth).sum::<f64>() / days,
                weeks,
                usual_depth: usual.level,
                offer: None,
            });
        }
    }
    let n_weeks = history.n_weeks as usize;
    let mut out = vec![vec![false; n_weeks]; history.offers.len()];
    for exposure in &history.exposures {
        out[usize::from(exposure.offer)][exposure.week as usize] = true;
    }
    for (index, (row, out)) in history.offers.iter().zip(&out).enumerate() {
        let offer = index as u16;
        let Some(action) = actions.action_of(offer).filter(|action| *action > 0) else { continue };
        let content = actions.catalogue.offer(action);
        for weeks in runs(history.n_weeks, |week| out[week as usize]) {
            found.push(PastPromotion {
                id: name(history, "offer", &row.offer_id, weeks.start),
                kind: PromotionKind::Offer,
                category: content.category,
                weeks,
                depth: content.depth,
                usual_depth: 0.0,
                offer: Some(offer),
            });
        }
    }
    found.retain(|promotion| promotion.weeks.start >= WEEKS_BEFORE);
    found.sort_by(|a, b| (a.weeks.start, &a.id).cmp(&(b.weeks.start, &b.id)));
    found
}

fn name(history: &History, kind: &str, what: &str, week: u32) -> String {
    format!("{kind}:{what}:{}", history.week_start(week))
}

/// Runs of weeks for which `is` holds, none longer than [`WEEKS_MAX`].
fn runs(n_weeks: u32, is: impl Fn(u32) -> bool) -> Vec<Range<u32>> {
    let mut found = Vec::new();
    let mut week = 0;
    while week < n_weeks {
        let end = (week..n_weeks).find(|w| !is(*w)).unwrap_or(n_weeks);
        let pieces = (end - week).div_ceil(WEEKS_MAX);
        let cut = |piece: u32| week + (end - week) * piece / pieces.max(1);
        found.extend((0..pieces).map(|piece| cut(piece)..cut(piece + 1)));
        week = end.max(week + 1);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_depth_is_that_of_the_weeks_without_promotion() {
        // Eleven usual weeks around 0.05 and five promoted ones.
        let mut depths = vec![0.2, 0.25, 0.3, 0.3, 0.15];
        depths.extend((0..11).map(|i| 0.045 + 0.001 * f64::from(i)));
        let usual = UsualDepth::of(&depths);
        // Nine of sixteen weeks within 0.008: the first nine usual ones, with median 0.049.
        assert!((usual.level - 0.049).abs() < 1e-12, "{usual:?}");
        // The rise of 0.03 is more than 3 × 0.004 / 0.6745.
        assert!((usual.threshold - 0.079).abs() < 1e-12, "{usual:?}");
    }

    #[test]
    fn wide_noise_needs_a_higher_rise() {
        let depths: Vec<f64> = (0..101).map(|i| 0.2 + 0.001 * f64::from(i)).collect();
        let usual = UsualDepth::of(&depths);
        assert!((usual.threshold - usual.level - 3.0 * 0.025 / 0.6745).abs() < 1e-9, "{usual:?}");
        assert_eq!(UsualDepth::of(&[]).level, 0.0);
        assert_eq!(UsualDepth::of(&[0.1]).level, 0.1);
    }

    #[test]
    fn long_runs_are_cut_into_equal_pieces() {
        let marked = |weeks: &'static [u32]| move |week: u32| weeks.contains(&week);
        assert_eq!(runs(10, marked(&[1, 2, 5, 9])), [1..3, 5..6, 9..10]);
        assert_eq!(runs(20, |_| true), [0..6, 6..13, 13..20]);
        assert!(runs(5, |_| false).is_empty());
        assert!(runs(0, |_| true).is_empty());
    }
}
