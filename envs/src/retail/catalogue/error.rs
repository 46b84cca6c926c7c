//! Why a list of offers is not a catalogue.

use thiserror::Error;

/// Why a list of offers is not a catalogue.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum CatalogueError {
    /// Two offers share an identifier.
    #[error("expected every offer_id once, got `{0}` twice; rename one of the offers")]
    DuplicateId(String),
    /// A depth outside `(0, 1)`.
    #[error("expected depth in (0, 1) for offer `{id}`, got {depth}; 0.2 means 20 % off")]
    Depth {
        /// The offer.
        id: String,
        /// Its depth.
        depth: f64,
    },
    /// An offer that gives a usual purchase nothing.
    #[error(
        "expected offer `{id}` to save a usual purchase something, got nothing; compare its terms \
         with what customers usually buy and pay"
    )]
    Worthless {
        /// The offer.
        id: String,
    },
    /// A term of the mechanic that cannot be.
    #[error("expected {expected} for `{term}` of offer `{id}`, got {got}")]
    Terms {
        /// The offer.
        id: String,
        /// The term as config and files name it.
        term: &'static str,
        /// What would be right.
        expected: &'static str,
        /// What was given.
        got: f64,
    },
    /// A contact cost below zero or not finite.
    #[error("expected a contact_cost of at least 0 for offer `{id}`, got {cost}")]
    ContactCost {
        /// The offer.
        id: String,
        /// Its cost.
        cost: f64,
    },
    /// A category that does not exist.
    #[error("expected a category below {n_categories} for offer `{id}`, got {got}")]
    Category {
        /// The offer.
        id: String,
        /// What was given.
        got: usize,
        /// How many categories there are.
        n_categories: usize,
    },
    /// A mechanic of one category without a category.
    #[error(
        "expected a category for offer `{id}`, got none; {mechanic} counts or prices the units of \
         one category and cannot apply to the whole basket"
    )]
    CategoryMissing {
        /// The offer.
        id: String,
        /// Name of its mechanic.
        mechanic: &'static str,
    },
    /// A bundle of a category with itself.
    #[error("expected another category for `with_category` of offer `{id}`, got its own")]
    BundleWithItself {
        /// The offer.
        id: String,
    },
    /// An offer that is no offer, beside the one that every catalogue starts with.
    #[error("expected a mechanic for offer `{id}`, got `none`, which every catalogue has already")]
    None {
        /// The offer.
        id: String,
    },
}
