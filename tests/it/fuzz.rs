//! A deterministic fuzzer of what a team hands in: broken tables and configs end in a result or in
//! an error with words, never in a panic, a hang or much memory.
//!
//! A case is a function of its number. `PROMOPT_FUZZ_CASES` says how many are run, `RUN_SLOW=1` asks
//! for about ten minutes of them. A case that fails stays in a temporary folder, whose path is said.

mod corpus;
mod mutate;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use promopt::data::propose::{propose_dialect, propose_mapping, sample_from_text, write_config};
use promopt::data::{DataConfig, check_files, ingest};
use promopt_envs::SeedTree;

use corpus::Case;

const FAST_CASES: u64 = 400;
/// Ten minutes at 40 cases a second, the speed of a development build on two busy cores.
const SLOW_CASES: u64 = 24_000;
/// Far beyond what any case takes: one that is not done by then hangs.
const LONGEST_CASE: Duration = Duration::from_secs(300);
/// Bound on the memory of the whole test process at its largest.
const MOST_MEMORY_KIB: u64 = 2 << 20;

/// Panics inside the Parquet decoder, none of which came out.
static DECODER_PANICS: AtomicU64 = AtomicU64::new(0);

fn n_cases() -> u64 {
    let asked = std::env::var_os("PROMOPT_FUZZ_CASES").and_then(|text| text.into_string().ok());
    let default = if std::env::var_os("RUN_SLOW").is_some() { SLOW_CASES } else { FAST_CASES };
    asked.map_or(default, |text| text.parse().expect("PROMOPT_FUZZ_CASES is a number"))
}

/// What a case came to: how often each outcome must be seen for the fuzzer to mean something.
#[derive(Debug, Default)]
struct Outcomes {
    refused_configs: u64,
    refused_files: u64,
    histories: u64,
}

#[test]
#[allow(clippy::print_stderr, reason = "a count says how far the fuzzer reached")]
fn no_input_panics_hangs_or_takes_much_memory() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        // Decoders may panic on broken files; what counts is that nothing of it comes out.
        let file = panic.location().map_or("", |location| location.file());
        match file.contains("polars") {
            true => drop(DECODER_PANICS.fetch_add(1, Ordering::Relaxed)),
            false => before(panic),
        }
    }));
    let (sender, receiver) = mpsc::channel();
    let worker = std::thread::spawn(move || {
        let mut outcomes = Outcomes::default();
        for index in 0..n_cases() {
            let folder = tempfile::Builder::new().prefix("promopt-fuzz-").tempdir();
            let folder = folder.expect("a temporary folder");
            let case = corpus::case(SeedTree::new(3).child("fuzz").index(index));
            case.save(folder.path());
            // Nobody listens any more once a case has failed.
            let _ = sender.send((index, folder.path().to_owned()));
            match catch_unwind(AssertUnwindSafe(|| run(&case, folder.path(), &mut outcomes))) {
                Ok(()) => drop(folder),
                Err(_) => panic!("case {index} panicked; see {}", folder.keep().display()),
            }
        }
        outcomes
    });
    let mut last: (u64, PathBuf) = Default::default();
    loop {
        match receiver.recv_timeout(LONGEST_CASE) {
            Ok(started) => last = started,
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                panic!("case {} hangs; see {}", last.0, last.1.display())
            }
        }
    }
    let outcomes = worker.join().expect("no case panics");
    let panics = DECODER_PANICS.load(Ordering::Relaxed);
    let (cases, memory) = (n_cases(), largest_memory_kib());
    eprintln!("fuzzed {cases} cases: {outcomes:?}, {panics} decoder panics, {memory:?} KiB");
    if n_cases() >= FAST_CASES {
        let Outcomes { refused_configs, refused_files, histories } = outcomes;
        // The rarest, a refused config, is one in ten.
        assert!(refused_configs.min(refused_files).min(histories) >= n_cases() / 50);
    }
    if let Some(largest) = memory {
        assert!(largest < MOST_MEMORY_KIB, "the process took up to {largest} KiB");
    }
}

#[test]
fn what_the_fuzzer_breaks_is_good_before() {
    for case in corpus::unbroken() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        case.save(folder.path());
        let mut outcomes = Outcomes::default();
        run(&case, folder.path(), &mut outcomes);
        assert_eq!(outcomes.histories, 1, "{}: {}", case.file, case.config);
    }
}

/// The largest resident memory of this process so far; `None` where the system does not say.
fn largest_memory_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

fn run(case: &Case, dir: &Path, outcomes: &mut Outcomes) {
    if case.is_text {
        propose(&case.lines, dir);
    }
    let config = match DataConfig::from_toml(&case.config) {
        Ok(config) => config.with_dir(dir),
        Err(error) => {
            assert!(error.is_config() && !error.to_string().is_empty());
            outcomes.refused_configs += 1;
            return;
        }
    };
    // A path that leaves the folder would fuzz the machine.
    if case.config.contains(['/', '~']) || case.config.contains("..") {
        return;
    }
    let checked = check_files(&config, Path::new(""));
    match ingest(&config, Path::new(""), "salt") {
        Ok(history) => {
            assert!(checked.is_ok(), "what can be read passes the check: {checked:?}");
            let quality = &history.quality;
            let removed: u64 = quality.rules.iter().map(|rule| rule.rows).sum();
            assert_eq!(quality.rows_in, quality.rows_kept + removed);
            assert!(history.cells.iter().all(|cell| cell.gross.is_finite() && cell.units > 0.0));
            outcomes.histories += 1;
        }
        Err(error) => {
            assert!(!error.to_string().is_empty());
            outcomes.refused_files += 1;
        }
    }
}

/// The way of `promopt init`: whatever the bytes are, the config it writes is TOML.
fn propose(head: &[u8], dir: &Path) {
    let dialect = propose_dialect(head);
    assert!((0.0..=1.0).contains(&dialect.delimiter.confidence));
    let sample = sample_from_text(dir.join("lines.csv"), head);
    let proposal = propose_mapping(&sample);
    let text = write_config(&[proposal], dir, "fuzzed");
    text.parse::<toml::Table>().expect("the written config is TOML");
}
