//! The compiled program, a small retailer to run it on, and one finished run that tests share.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use tempfile::TempDir;

/// A retailer and a job so small that a whole run takes seconds.
pub(crate) const SMALL: &str = r#"
name = "small"
[world]
n_customers = 120
n_weeks = 40
# The history crosses New Year, where the season features had a seam once.
first_date = "2024-09-02"
n_categories = 3
products_per_category = 4
depths = [0.1, 0.3]
[fit]
judge_draws = 2
test_draws = 2
train_draws = 2
[train]
lanes = 16
dqn_steps = 1000
bandit_steps = 1000
[judge]
leaderboard_customers = 60
abtest_customers = 80
truth_weeks = 8
"#;

/// Weeks in the history of [`SMALL`].
pub(crate) const SMALL_WEEKS: u64 = 40;

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    /// Demands an exit code and words on stderr, and that nothing panicked.
    #[track_caller]
    pub(crate) fn fails(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self.does_not_panic();
        assert!(self.stderr.contains("error: "), "{self:#?}");
        for word in words {
            assert!(self.stderr.contains(word), "expected `{word}` in {self:#?}");
        }
    }

    /// Demands exit code 0.
    #[track_caller]
    pub(crate) fn succeeds(&self) -> &Self {
        self.does_not_panic();
        assert_eq!(self.code, Some(0), "{self:#?}");
        self
    }

    #[track_caller]
    fn does_not_panic(&self) {
        assert!(!self.stderr.contains("panicked"), "{self:#?}");
    }
}

/// A folder of its own in which the program runs; removed when dropped.
pub(crate) struct Shop {
    folder: TempDir,
}

impl Shop {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder can be made") }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        let parent = path.parent().expect("the path has a parent");
        fs::create_dir_all(parent).expect("the folder is writable");
        fs::write(path, content).expect("the folder is writable");
    }

    /// A command line over this folder; words are separated by single spaces.
    pub(crate) fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_promopt"));
        command.args(line.split(' ')).current_dir(self.folder.path());
        command
    }

    /// Runs a command line over this folder.
    pub(crate) fn promopt(&self, line: &str) -> Ended {
        let output = self.command(line).output().expect("the compiled program starts");
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        let (stdout, stderr) = (text(output.stdout), text(output.stderr));
        Ended { code: output.status.code(), stdout, stderr }
    }

    /// A shop that holds a copy of the shared run as `run`.
    pub(crate) fn with_finished_run() -> Self {
        let shop = Self::new();
        copy(&finished().run, &shop.path("run"));
        shop
    }
}

/// The shared run.
pub(crate) struct Finished {
    /// Its config.
    pub(crate) config: PathBuf,
    /// Its folder.
    pub(crate) run: PathBuf,
    /// How `promopt run` ended.
    pub(crate) ended: Ended,
    _shop: Shop,
}

/// One run of [`SMALL`] on one thread, made by the first test that asks. Tests only read it.
pub(crate) fn finished() -> &'static Finished {
    static FINISHED: OnceLock<Finished> = OnceLock::new();
    FINISHED.get_or_init(|| {
        // A static is never dropped, so this folder lies below the target folder and goes with it.
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"));
        let shop = Shop { folder: folder.expect("a temporary folder can be made") };
        shop.write("small.toml", SMALL);
        let ended = shop.promopt("run -c small.toml --run run --threads 1");
        Finished { config: shop.path("small.toml"), run: shop.path("run"), ended, _shop: shop }
    })
}

/// Every file below a folder by relative path, with its bytes.
pub(crate) fn snapshot(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut waiting = vec![root.to_owned()];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(&folder).expect("the folder is readable") {
            let path = entry.expect("the entry is readable").path();
            if path.is_dir() {
                waiting.push(path);
            } else {
                let name = path.strip_prefix(root).expect("it lies below the root");
                let bytes = fs::read(&path).expect("the file is readable");
                files.insert(name.to_string_lossy().into_owned(), bytes);
            }
        }
    }
    files
}

/// A snapshot with the wall times of `run.json` left out, the only thing that may differ.
pub(crate) fn snapshot_without_times(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = snapshot(root);
    let record = files.get("run.json").expect("the run has a record");
    let mut record: serde_json::Value = serde_json::from_slice(record).expect("it is JSON");
    let times = record.as_object_mut().and_then(|fields| fields.remove("timings"));
    assert!(times.is_some(), "run.json has no `timings`");
    files.insert("run.json".to_owned(), record.to_string().into_bytes());
    files
}

/// Demands that two snapshots hold the same files with the same bytes.
#[track_caller]
pub(crate) fn assert_same(left: &BTreeMap<String, Vec<u8>>, right: &BTreeMap<String, Vec<u8>>) {
    let names = |files: &BTreeMap<String, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(left), names(right));
    let differ: Vec<&String> = left.keys().filter(|name| left[*name] != right[*name]).collect();
    assert!(differ.is_empty(), "expected the same bytes, but these files differ: {differ:?}");
}

fn copy(from: &Path, to: &Path) {
    for (name, bytes) in snapshot(from) {
        let path = to.join(name);
        fs::create_dir_all(path.parent().expect("it has a parent")).expect("it is writable");
        fs::write(path, bytes).expect("it is writable");
    }
}
