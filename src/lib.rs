//! promopt: learn, judge and export promotion policies for retail.
//!
//! From sales history to a promotion policy that is learned in a fitted world, judged on worlds it
//! never saw, and exported as a bundle that a serving system loads. The stages live in [`run`]; the
//! command line in [`cli`] is the only room that prints, reads flags or picks exit codes.

pub mod cli;
pub mod config;
pub mod data;
pub mod demand;
pub mod features;
pub mod report;
pub mod run;

pub use promopt_evaluate as evaluate;
