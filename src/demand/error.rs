//! Why a world could not be fitted.

use promopt_envs::retail::CatalogueError;
use thiserror::Error;

/// A fit that cannot be done; the message says what is needed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DemandError {
    /// The offers do not form a catalogue.
    #[error("the offers do not form a catalogue: {0}")]
    Catalogue(#[from] CatalogueError),
    /// No offer could be used as an action.
    #[error(
        "expected at least one offer whose content is known, found none; add an offers table, set \
         `depths` under [offers] or write offers into `offers.list`"
    )]
    NoOffers,
    /// An offer of the config does not fit the history.
    #[error("offer `{id}` of `offers.list`: {problem}")]
    Listed {
        /// The offer.
        id: String,
        /// What is wrong, in words.
        problem: String,
    },
    /// The history is too short to hold weeks out.
    #[error(
        "expected at least {needed} weeks of history to fit and hold out {held_out}, got {got}; \
         lower `holdout_weeks` under [fit] or bring more history"
    )]
    TooShort {
        /// Weeks needed.
        needed: u32,
        /// Weeks to be held out.
        held_out: u32,
        /// Weeks there are.
        got: u32,
    },
    /// Too few rows for a part of the model.
    #[error("expected at least {needed} {what} to fit, got {got}; bring more customers or weeks")]
    TooFewRows {
        /// What the rows are.
        what: &'static str,
        /// Rows needed.
        needed: usize,
        /// Rows there are.
        got: usize,
    },
    /// The weekly sales of stores do not allow the fit.
    #[error("expected {expected}, got {got}; {hint}")]
    StoreWeeks {
        /// What is needed.
        expected: String,
        /// What there is.
        got: String,
        /// What to do.
        hint: &'static str,
    },
    /// The penalised likelihood could not be maximised.
    #[error(
        "the {what} model did not converge in {iterations} iterations; look for constant or \
         non-finite columns in the history"
    )]
    NotConverged {
        /// Which model.
        what: String,
        /// Iterations spent.
        iterations: usize,
    },
}
