//! The table of features: name, unit, meaning, formula, range and transform of each, in order.

use super::specs::Transform;

/// Name, unit, meaning, formula, range, transform.
pub(super) type Row = (&'static str, &'static str, &'static str, &'static str, [f64; 2], Transform);

const SHARE: [f64; 2] = [0.0, 1.0];
const ANY: [f64; 2] = [0.0, f64::INFINITY];

const WEEKDAY: &str = "Share of baskets on this day of the week; NaN before the first.";
const WEEKDAY_FORMULA: &str = "(baskets on the day + 1) / (baskets + 7)";
const HOUR: &str = "Share of baskets at this time of day; NaN where no hour is known.";
const HOUR_FORMULA: &str = "(baskets in the band + 1) / (baskets with a known hour + 5)";

/// When, how often and where.
pub(super) const RHYTHM: &[Row] = &[
    (
        "recency",
        "days",
        "Days since the last basket; NaN before the first.",
        "as_of − day of the last basket",
        [1.0, f64::INFINITY],
        Transform::Log1p,
    ),
    (
        "frequency",
        "baskets per week",
        "How often the customer shops; NaN before the first basket.",
        "baskets / max(tenure, 4)",
        ANY,
        Transform::Log1p,
    ),
    (
        "tenure",
        "weeks",
        "Weeks since the first basket in the history; NaN before it.",
        "(as_of − day of the first basket) / 7",
        ANY,
        Transform::None,
    ),
    (
        "interval_mean",
        "days",
        "Usual time between shopping days; NaN under two of them.",
        "(last − first shopping day) / (shopping days − 1)",
        [1.0, f64::INFINITY],
        Transform::Log1p,
    ),
    (
        "interval_variation",
        "ratio",
        "Irregularity of that time, 0 like clockwork, 1 at random; NaN under three shopping days.",
        "sample deviation of the gaps between shopping days / their mean",
        ANY,
        Transform::None,
    ),
    ("weekday:mon", "share of baskets", WEEKDAY, WEEKDAY_FORMULA, SHARE, Transform::None),
    ("weekday:tue", "share of baskets", WEEKDAY, WEEKDAY_FORMULA, SHARE, Transform::None),
    ("weekday:wed", "share of baskets", WEEKDAY, WEEKDAY_FORMULA, SHARE, Transform::None),
    ("weekday:thu", "share of baskets", WEEKDAY, WEEKDAY_FORMULA, SHARE, Transform::None),
    ("weekday:fri", "share of baskets", WEEKDAY, WEEKDAY_FORMULA, SHARE, Transform::None),
    ("weekday:sat", "share of baskets", WEEKDAY, WEEKDAY_FORMULA, SHARE, Transform::None),
    ("weekday:sun", "share of baskets", WEEKDAY, WEEKDAY_FORMULA, SHARE, Transform::None),
    (
        "weekend_share",
        "share of baskets",
        "Share of baskets on Saturday and Sunday; NaN before the first.",
        "weekday:sat + weekday:sun",
        SHARE,
        Transform::None,
    ),
    ("hour:night", "share of baskets", HOUR, HOUR_FORMULA, SHARE, Transform::None),
    ("hour:morning", "share of baskets", HOUR, HOUR_FORMULA, SHARE, Transform::None),
    ("hour:midday", "share of baskets", HOUR, HOUR_FORMULA, SHARE, Transform::None),
    ("hour:afternoon", "share of baskets", HOUR, HOUR_FORMULA, SHARE, Transform::None),
    ("hour:evening", "share of baskets", HOUR, HOUR_FORMULA, SHARE, Transform::None),
    (
        "stores",
        "stores",
        "Number of stores shopped at.",
        "distinct stores over baskets",
        ANY,
        Transform::Log1p,
    ),
    (
        "main_store_share",
        "share of baskets",
        "Share of baskets at the most visited store; NaN before the first.",
        "baskets at that store / baskets",
        SHARE,
        Transform::None,
    ),
];

/// How much.
pub(super) const VALUE: &[Row] = &[
    (
        "monetary_per_basket",
        "money per basket",
        "Value of a basket, returns taken off; NaN before the first.",
        "max(Σ (gross − discounts), 0) / baskets",
        ANY,
        Transform::Log1p,
    ),
    (
        "monetary_per_week",
        "money per week",
        "What the customer spends a week, returns taken off; NaN before the first basket.",
        "max(Σ (gross − discounts), 0) / max(tenure, 4)",
        ANY,
        Transform::Log1p,
    ),
    (
        "lines_per_basket",
        "lines per basket",
        "Size of a basket in lines; NaN before the first.",
        "lines / baskets",
        [1.0, f64::INFINITY],
        Transform::Log1p,
    ),
    (
        "units_per_basket",
        "units per basket",
        "Size of a basket in units or weight; NaN before the first.",
        "Σ quantity / baskets",
        ANY,
        Transform::Log1p,
    ),
];

/// What, apart from the shares of the categories.
pub(super) const ASSORTMENT: &[Row] = &[
    (
        "categories",
        "categories",
        "Number of categories with spend.",
        "count of categories with spend above 0",
        ANY,
        Transform::Log1p,
    ),
    (
        "category_entropy",
        "ratio",
        "Evenness of the mix, 0 all in one category, 1 even over all; NaN without spend.",
        "−Σ_c s_c ln s_c / ln(number of categories)",
        SHARE,
        Transform::None,
    ),
    (
        "brand_loyalty",
        "share of spend",
        "Spend on the most bought brand of its category; NaN without spend on known ones.",
        "Σ_c v_c (n_c top_c/v_c + 1)/(n_c + 2) / Σ_c v_c: spend v_c, lines n_c",
        SHARE,
        Transform::None,
    ),
    (
        "private_label_share",
        "share of spend",
        "Spend on the retailer's own labels; NaN without spend on known labels.",
        "spend on own labels / spend on products with a known label",
        SHARE,
        Transform::None,
    ),
    (
        "price_tier",
        "rank in category",
        "Price tier within category, 0 cheapest, 1 dearest; NaN without known tiers.",
        "Σ sales value · tier / Σ sales value",
        SHARE,
        Transform::None,
    ),
];

/// At which discounts.
pub(super) const DEALS: &[Row] = &[
    (
        "discount_share",
        "share of gross",
        "Share of regular value taken off by shelf and offer; NaN without lines of value.",
        "Σ (shelf + offer discount) / Σ gross",
        SHARE,
        Transform::None,
    ),
    (
        "deal_line_share",
        "share of lines",
        "Share of lines bought with a shelf discount; NaN without lines.",
        "(deal lines + 5 e)/(lines + 5), e the mean deal share of the products",
        SHARE,
        Transform::None,
    ),
    (
        "deal_depth",
        "share of gross",
        "Depth of the shelf discounts bought; NaN without lines on deal.",
        "Σ shelf discount / Σ gross, over lines on deal",
        SHARE,
        Transform::None,
    ),
    (
        "promotion_lift",
        "ratio",
        "Lines on deal over those expected of the products, not causal; NaN without known ones.",
        "(deal lines + 5)/(Σ deal share of the products bought + 5)",
        ANY,
        Transform::Log1p,
    ),
    (
        "offer_line_share",
        "share of lines",
        "Share of lines bought with an own offer or coupon; NaN without lines.",
        "lines with an offer discount / (lines + 5)",
        SHARE,
        Transform::None,
    ),
];

/// What the retailer told the customer, and what came of it.
pub(super) const CONTACT: &[Row] = &[
    (
        "redemption_rate",
        "share of contacts",
        "Share of offers used; NaN without a known outcome.",
        "(redeemed + 0.8)/(contacts + 4), over outcomes known 7 days after",
        SHARE,
        Transform::None,
    ),
    (
        "last_contact",
        "days",
        "Days since the last contact with an offer; NaN before the first.",
        "as_of − day of the last contact",
        [1.0, f64::INFINITY],
        Transform::Log1p,
    ),
    (
        "contacts_4w",
        "contacts",
        "Contacts in the last four weeks.",
        "contacts on the 28 days before as_of",
        ANY,
        Transform::Log1p,
    ),
    (
        "contacts_13w",
        "contacts",
        "Contacts in the last thirteen weeks.",
        "contacts on the 91 days before as_of",
        ANY,
        Transform::Log1p,
    ),
];

/// Where the customer stands.
pub(super) const STAGE: &[Row] = &[(
    "lifecycle",
    "code",
    "0 new, 1 growing, 2 loyal, 3 slipping, 4 lapsed, 5 won back; NaN before the first basket.",
    "see `lifecycle`",
    [0.0, 5.0],
    Transform::None,
)];

/// The share of one category; its name comes from the category.
pub(super) const MIX: Row = (
    "mix",
    "share of spend",
    "Share of spend in this category; NaN without spend in any.",
    "max(spend, 0) / Σ_c max(spend_c, 0), returns taken off",
    SHARE,
    Transform::None,
);
