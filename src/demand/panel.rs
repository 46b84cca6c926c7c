//! Product lines of some customers over some weeks, real or simulated: what distributions are read from.

/// One product that a customer bought in a week.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PanelLine {
    /// The customer, below [`Panel::n_customers`].
    pub customer: u32,
    /// The week, from 0 of the panel, below [`Panel::n_weeks`].
    pub week: u32,
    /// The product, an index into [`Panel::group_of`].
    pub product: u32,
    /// Units bought in the week; weighed goods have fractions.
    pub units: f64,
    /// Paid per unit after shelf discounts and before personal ones, money.
    pub price: f64,
}

/// What a fixed set of customers bought over consecutive weeks, product by product.
///
/// A real panel and a simulated one of the same customers and weeks are read by the same code, so a
/// difference between them is a difference of behaviour and not of counting.
#[derive(Debug, Clone, PartialEq)]
pub struct Panel {
    /// Number of customers watched, those that bought nothing included.
    pub n_customers: usize,
    /// Number of weeks watched.
    pub n_weeks: u32,
    /// The persona of each customer, `[n_customers]`.
    pub persona: Vec<usize>,
    /// The fine category of each product, `[products]`.
    pub group_of: Vec<u32>,
    /// The lines, sorted by customer, week and product, one per such triple.
    pub lines: Vec<PanelLine>,
}
