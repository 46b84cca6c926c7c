//! The promopt command.

use std::process::ExitCode;

fn main() -> ExitCode {
    promopt::cli::main()
}
