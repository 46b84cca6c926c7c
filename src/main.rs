//! The promopt command.

fn main() {}
