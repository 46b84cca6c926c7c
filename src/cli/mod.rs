//! The command line: the only room that prints, reads flags and the clock, or picks exit codes.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this room talks to the user")]

mod abtest;
mod arena;
mod budget;
mod envs;
mod exit;
mod flags;
mod forget;
mod ingested;
mod lift;
mod logs;
mod ope;
mod priced;
mod progress;
mod proposal;
mod readout;
mod stages;
mod table;
mod tools;
mod worlds;

use clap::Parser;
use exit::Failure;
use flags::{AbtestCommand, Cli, Command};
use std::process::ExitCode;

/// Parses the command line, runs the command and reports how it went.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Some(code) = with_quiet_tensor_threads() {
        return code;
    }
    match set_threads(cli.shared.threads).and_then(|()| dispatch(&cli)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            failure.code()
        }
    }
}

fn dispatch(cli: &Cli) -> Result<(), Failure> {
    use crate::run::Stage;
    let shared = &cli.shared;
    match &cli.command {
        Command::Run(args) => stages::run(shared, args.require_approval),
        Command::Ingest(args) => stages::ingest(shared, args.bad_rows.as_deref()),
        Command::Personas => stages::until(shared, Stage::Personas),
        Command::Fit => stages::until(shared, Stage::Fit),
        Command::Train => stages::until(shared, Stage::Train),
        Command::Evaluate => stages::until(shared, Stage::Evaluate),
        Command::Ope(args) => ope::ope(shared, args),
        Command::OpeBench(args) => ope::bench(shared, args),
        Command::Abtest(AbtestCommand::Simulate) => stages::until(shared, Stage::AbTest),
        Command::Abtest(AbtestCommand::Plan(args)) => abtest::plan(shared, args),
        Command::Abtest(AbtestCommand::Assign(args)) => abtest::assign(shared, args),
        Command::Abtest(AbtestCommand::Analyze(args)) => readout::analyze(shared, args),
        Command::Export(args) => stages::export(shared, args.require_approval),
        Command::Report => stages::until(shared, Stage::Report),
        Command::Score(args) => tools::score(shared, args),
        Command::Budget(args) => budget::budget(shared, args),
        Command::Init(args) => tools::init(args),
        Command::Forget(args) => forget::forget(shared, args),
        Command::Check => tools::check(shared),
        Command::Worlds(args) => worlds::worlds(shared, args),
        Command::Envs(args) => envs::envs(shared, args),
        Command::Lift(args) => lift::lift(shared, args),
        Command::Arena(args) => arena::arena(shared, args),
    }
}

/// Fixes the size of the thread pool before anything starts it. Results do not depend on it.
fn set_threads(threads: Option<usize>) -> Result<(), Failure> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let n = threads.unwrap_or(cores).max(1);
    rayon::ThreadPoolBuilder::new()
        .num_threads(n)
        .build_global()
        .map_err(|e| Failure::other(&format!("cannot start {n} threads: {e}")))
}

/// Starts this program again with one tensor thread and an allocator that keeps what it was given, unless
/// that is how it was started.
///
/// candle looks up the number of physical cores in every matrix product when `RAYON_NUM_THREADS` is
/// unset, which costs more than the small products of a Q-network; our own thread pool does not
/// read the variable. glibc hands memory back to the system after every batch of a file and asks for it
/// again at the next, a third of the time of reading it; other allocators do not read the variable.
/// Setting them inside a running process is unsafe, so the process is replaced.
/// `None` when there is nothing to do, or when starting again is not possible (it is then slower).
fn with_quiet_tensor_threads() -> Option<ExitCode> {
    const VARIABLES: [(&str, &str); 3] = [
        ("RAYON_NUM_THREADS", "1"),
        ("MALLOC_TRIM_THRESHOLD_", "268435456"),
        ("MALLOC_MMAP_THRESHOLD_", "33554432"),
    ];
    let missing: Vec<_> =
        VARIABLES.into_iter().filter(|(name, _)| std::env::var_os(name).is_none()).collect();
    if missing.is_empty() {
        return None;
    }
    let mut again = std::process::Command::new(std::env::current_exe().ok()?);
    again.args(std::env::args_os().skip(1)).envs(missing);
    #[cfg(unix)]
    {
        // `exec` only returns when it failed.
        let _ = std::os::unix::process::CommandExt::exec(&mut again);
        None
    }
    #[cfg(not(unix))]
    {
        let status = again.status().ok()?;
        Some(ExitCode::from(status.code().and_then(|c| u8::try_from(c).ok()).unwrap_or(70)))
    }
}
