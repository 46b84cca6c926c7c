//! promopt: learn, judge and export promotion policies for retail.
//!
//! From sales history to a promotion policy that is learned in a fitted world, judged on worlds it
//! never saw, and exported as a bundle that a serving system loads. The stages live in [`run`]; the
//! command line in [`cli`] is the only room that prints, reads flags or picks exit codes.

mod cholesky;
pub mod cli;
pub mod config;
pub mod data;
pub mod demand;
pub mod evaluate;
pub mod features;
pub mod report;
pub mod run;
