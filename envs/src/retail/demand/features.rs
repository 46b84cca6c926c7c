//! What the response model reads: the feature rows of each stage, their names, and the term each
//! column belongs to.
//!
//! The fit builds its regression rows from the same functions that the simulator and every policy
//! evaluate, so a coefficient means one thing everywhere. `fixed` features say who a customer is and
//! are held over an episode; `moving` ones change from week to week.

use crate::retail::history::RECENCY_MAX;
use crate::retail::observation::ObservationView;
use serde::{Deserialize, Serialize};
use std::sync::LazyLock;

/// A group of columns that stands for one idea and can be switched off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Term {
    /// Levels and traits: who the customer is. Always on.
    Level,
    /// Two harmonics of the year.
    Season,
    /// Weeks before public holidays.
    Holidays,
    /// Recency of the visit and of the category.
    Habit,
    /// Units at home: forward buying and the dip after a promotion.
    Stock,
    /// Depth seen lately, in purchases and in offers.
    ReferenceDepth,
    /// Contacts lately.
    Fatigue,
    /// Response to the regular price.
    Price,
    /// Response to the shelf discount.
    Shelf,
    /// Response to the customer's own offer.
    Offer,
    /// Effect of what happens in other categories: their shelf discounts, an offer elsewhere.
    Halo,
}

/// Sign that theory gives a coefficient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// Any.
    Free,
    /// At least 0.
    Positive,
    /// At most 0.
    Negative,
}

/// Name, term and sign of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Name in tables.
    pub name: &'static str,
    /// What it stands for.
    pub term: Term,
    /// Sign from theory.
    pub sign: Sign,
}

const fn free(name: &'static str, term: Term) -> Column {
    Column { name, term, sign: Sign::Free }
}

const fn positive(name: &'static str, term: Term) -> Column {
    Column { name, term, sign: Sign::Positive }
}

const fn negative(name: &'static str, term: Term) -> Column {
    Column { name, term, sign: Sign::Negative }
}

/// Weeks over which the habit of visiting fades.
const HABIT_WEEKS: f64 = 4.0;

/// Columns of [`visit_fixed`].
pub const VISIT_FIXED: [Column; 4] = [
    free("level", Term::Level),
    free("logit frequency", Term::Level),
    free("discount share", Term::Level),
    free("redemption rate", Term::Level),
];

/// Columns of [`visit_moving`].
pub const VISIT_MOVING: [Column; 10] = [
    free("habit", Term::Habit),
    free("reference depth", Term::ReferenceDepth),
    positive("shelf depth, all categories", Term::Shelf),
    negative("contacts lately", Term::Fatigue),
    negative("offer depth lately", Term::ReferenceDepth),
    free("season sin", Term::Season),
    free("season cos", Term::Season),
    free("season sin 2", Term::Season),
    free("season cos 2", Term::Season),
    free("holiday", Term::Holidays),
];

/// Columns of [`visit_offer`].
pub const VISIT_OFFER: [Column; 11] = [
    free("offer", Term::Offer),
    free("offer × category share", Term::Offer),
    free("offer × discount share", Term::Offer),
    free("offer × response", Term::Offer),
    free("offer × response²", Term::Offer),
    free("offer × response × category share", Term::Offer),
    free("offer × recency", Term::Offer),
    free("offer × contacts lately", Term::Offer),
    free("offer × stock", Term::Offer),
    positive("offer × depth", Term::Offer),
    positive("offer × response × depth", Term::Offer),
];

/// Columns of [`incidence_fixed`].
pub const INCIDENCE_FIXED: [Column; 6] = [
    free("level", Term::Level),
    free("logit category share", Term::Level),
    free("discount share", Term::Level),
    free("redemption rate", Term::Level),
    free("log basket value", Term::Level),
    free("logit category share, long memory", Term::Level),
];

/// Columns of [`incidence_common`].
pub const INCIDENCE_COMMON: [Column; 9] = [
    free("recency", Term::Habit),
    free("reference depth", Term::ReferenceDepth),
    negative("contacts lately", Term::Fatigue),
    negative("offer depth lately", Term::ReferenceDepth),
    free("season sin", Term::Season),
    free("season cos", Term::Season),
    free("season sin 2", Term::Season),
    free("season cos 2", Term::Season),
    free("holiday", Term::Holidays),
];

/// Columns of [`incidence_own`].
pub const INCIDENCE_OWN: [Column; 5] = [
    free("category recency", Term::Habit),
    negative("stock at home", Term::Stock),
    free("offer elsewhere", Term::Halo),
    free("shelf depth elsewhere", Term::Halo),
    negative("log regular price", Term::Price),
];

/// Position of the offer elsewhere among [`INCIDENCE_OWN`].
pub(super) const OFFER_ELSEWHERE: usize = 2;

/// Columns of [`incidence_shelf`].
pub const INCIDENCE_SHELF: [Column; 2] =
    [positive("shelf depth", Term::Shelf), free("shelf depth × discount share", Term::Shelf)];

/// Columns of [`incidence_offer`].
pub const INCIDENCE_OFFER: [Column; 10] = [
    free("offer", Term::Offer),
    free("offer × category share", Term::Offer),
    free("offer × discount share", Term::Offer),
    free("offer × response", Term::Offer),
    free("offer × response²", Term::Offer),
    free("offer × contacts lately", Term::Offer),
    free("offer × stock", Term::Offer),
    free("offer × reference depth", Term::Offer),
    positive("offer × depth", Term::Offer),
    positive("offer × response × depth", Term::Offer),
];

/// Columns of [`units_fixed`].
pub const UNITS_FIXED: [Column; 4] = [
    free("level", Term::Level),
    free("log basket value", Term::Level),
    free("logit category share", Term::Level),
    free("log usual units", Term::Level),
];

/// Columns of [`units_moving`].
pub const UNITS_MOVING: [Column; 7] = [
    negative("stock at home", Term::Stock),
    free("season sin", Term::Season),
    free("season cos", Term::Season),
    free("season sin 2", Term::Season),
    free("season cos 2", Term::Season),
    free("holiday", Term::Holidays),
    negative("log regular price", Term::Price),
];

/// Columns of the response of units: shelf depth and felt depth of the offer.
pub const UNITS_RESPONSE: [Column; 2] =
    [positive("shelf depth", Term::Shelf), positive("offer", Term::Offer)];

pub(super) fn logit(p: f64) -> f64 {
    let p = p.clamp(0.01, 0.99);
    (p / (1.0 - p)).ln()
}

/// Felt depth at which the bent part of a response weighs as much as the straight one.
const CURVE_DEPTH: f64 = 0.1;

/// Depth of an offer as customers respond to it, `ln(1 + 5 d) / 5`: the second ten per cent move
/// less than the first.
#[must_use]
pub fn felt_depth(depth: f64) -> f64 {
    (5.0 * depth).ln_1p() / 5.0
}

/// What a category sees of the week besides the customer.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct CategoryInput {
    /// Shelf depth of the category.
    pub shelf: f64,
    /// Mean shelf depth of the other categories.
    pub shelf_elsewhere: f64,
    /// Log regular price over its mean; 0 when unknown.
    pub price: f64,
    /// Felt depth of an offer on another category.
    pub offer_elsewhere: f64,
}

/// Who the customer is, for the visit.
#[must_use]
pub fn visit_fixed(view: &ObservationView<'_>) -> [f64; VISIT_FIXED.len()] {
    [1.0, logit(view.frequency()), view.discount_share(), view.redemption_rate()]
}

/// The week, for the visit; `shelf_mean` is the mean shelf depth over categories.
#[must_use]
pub fn visit_moving(
    view: &ObservationView<'_>,
    recency: f64,
    shelf_mean: f64,
) -> [f64; VISIT_MOVING.len()] {
    let [sin, cos, sin2, cos2] = season(view);
    [
        (-recency / HABIT_WEEKS).exp(),
        view.reference_depth(),
        shelf_mean,
        view.contacts(),
        view.offer_depth(),
        sin,
        cos,
        sin2,
        cos2,
        view.holiday(),
    ]
}

/// The customer's offer, for the visit, per unit of felt depth. An offer on the whole basket
/// (`None`) counts as one on a category that is always bought and of which the usual stock is held.
/// The last two columns let the response bend upwards in the felt depth, which bends downwards: what
/// the curve is in between, the log says.
#[must_use]
pub fn visit_offer(
    view: &ObservationView<'_>,
    category: Option<usize>,
    felt_depth: f64,
) -> [f64; VISIT_OFFER.len()] {
    let response = view.offer_response();
    let share = category.map_or(1.0, |c| view.category_long_share(c));
    [
        1.0,
        share,
        view.discount_share(),
        response,
        response * response,
        response * share,
        log_weeks(view.recency()),
        view.contacts(),
        category.map_or(1.0, |c| view.category_stock(c)),
        felt_depth / CURVE_DEPTH,
        response * felt_depth / CURVE_DEPTH,
    ]
}

/// Who the customer is, for the incidence of a category.
#[must_use]
pub fn incidence_fixed(
    view: &ObservationView<'_>,
    category: usize,
) -> [f64; INCIDENCE_FIXED.len()] {
    [
        1.0,
        logit(view.category_share(category)),
        view.discount_share(),
        view.redemption_rate(),
        view.monetary().ln_1p(),
        logit(view.category_long_share(category)),
    ]
}

/// The week, as every category sees it.
#[must_use]
pub fn incidence_common(view: &ObservationView<'_>) -> [f64; INCIDENCE_COMMON.len()] {
    let [sin, cos, sin2, cos2] = season(view);
    [
        log_weeks(view.recency()),
        view.reference_depth(),
        view.contacts(),
        view.offer_depth(),
        sin,
        cos,
        sin2,
        cos2,
        view.holiday(),
    ]
}

/// The week, as one category sees it.
#[must_use]
pub fn incidence_own(
    view: &ObservationView<'_>,
    category: usize,
    input: &CategoryInput,
) -> [f64; INCIDENCE_OWN.len()] {
    [
        log_weeks(view.category_recency(category)),
        view.category_stock(category),
        input.offer_elsewhere,
        input.shelf_elsewhere,
        input.price,
    ]
}

/// The shelf discount, per unit of depth.
#[must_use]
pub fn incidence_shelf(view: &ObservationView<'_>) -> [f64; INCIDENCE_SHELF.len()] {
    [1.0, view.discount_share()]
}

/// The customer's offer on the category itself, per unit of felt depth.
#[must_use]
pub fn incidence_offer(
    view: &ObservationView<'_>,
    category: usize,
    felt_depth: f64,
) -> [f64; INCIDENCE_OFFER.len()] {
    let response = view.offer_response();
    [
        1.0,
        view.category_long_share(category),
        view.discount_share(),
        response,
        response * response,
        view.contacts(),
        view.category_stock(category),
        view.reference_depth(),
        felt_depth / CURVE_DEPTH,
        response * felt_depth / CURVE_DEPTH,
    ]
}

/// Who the customer is, for the units of a purchase.
#[must_use]
pub fn units_fixed(view: &ObservationView<'_>, category: usize) -> [f64; UNITS_FIXED.len()] {
    [
        1.0,
        view.monetary().ln_1p(),
        logit(view.category_share(category)),
        view.category_units(category).max(1.0).ln(),
    ]
}

/// The week, for the units of a purchase; `price` is the log regular price over its mean.
#[must_use]
pub fn units_moving(
    view: &ObservationView<'_>,
    category: usize,
    price: f64,
) -> [f64; UNITS_MOVING.len()] {
    let [sin, cos, sin2, cos2] = season(view);
    [view.category_stock(category), sin, cos, sin2, cos2, view.holiday(), price]
}

/// `ln(1 + weeks)` of every recency that is told apart.
static LOG_WEEKS: LazyLock<Vec<f64>> =
    LazyLock::new(|| (0..=RECENCY_MAX).map(|weeks| f64::from(weeks).ln_1p()).collect());

/// `ln(1 + weeks)`; recencies are whole weeks, so it is looked up.
fn log_weeks(weeks: f64) -> f64 {
    match LOG_WEEKS.get(weeks as usize) {
        Some(known) if weeks.fract() == 0.0 && weeks >= 0.0 => *known,
        _ => weeks.ln_1p(),
    }
}

/// Two harmonics of the year; the second follows from the first.
fn season(view: &ObservationView<'_>) -> [f64; 4] {
    let (sin, cos) = (view.season_sin(), view.season_cos());
    [sin, cos, 2.0 * sin * cos, 1.0 - 2.0 * sin * sin]
}
