//! The whole fit on generated choices.
