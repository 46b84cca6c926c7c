//! Aggregates agree with the reference implementation.
