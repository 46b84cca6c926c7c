//! `forget`: rebuilds a run without a customer and says what it touched.

use super::exit::Failure;
use super::flags::{Forget, Shared};
use super::progress::Terminal;
use super::stages::resolve;
use crate::run::{Job, RunFolder};
use std::path::Path;

/// `promopt forget`.
pub(super) fn forget(shared: &Shared, args: &Forget) -> Result<(), Failure> {
    let resolved = resolve(shared)?;
    if !resolved.root.is_dir() {
        let root = resolved.root.display();
        let message = format!("expected a run folder {root}, found none; name it with `--run DIR`");
        return Err(Failure::config(&message));
    }
    let id = args.customer.trim();
    if id.is_empty() {
        return Err(Failure::config("expected an identifier for --customer, found an empty one"));
    }
    let folder = RunFolder::open(&resolved.root)?;
    let terminal = Terminal::new(shared);
    let job = Job {
        config: &resolved.config,
        config_dir: &resolved.config_dir,
        folder: &folder,
        observer: &terminal,
    };
    let done = job.forget(id)?;
    if shared.json {
        println!("{}", serde_json::json!(done));
    } else {
        print!("{}", told(&done, &resolved.root));
    }
    if done.with_hash + done.with_id > 0 {
        let root = resolved.root.display();
        let message = format!("files in {root} still hold the customer; see the search above");
        return Err(Failure::other(&message));
    }
    Ok(())
}

fn told(done: &crate::run::Forgetting, root: &Path) -> String {
    use std::fmt::Write;
    let mut out = String::new();
    let found = match (done.in_history, done.known) {
        (true, _) => "the customer is in the history",
        (false, true) => "the customer is not in the history, and was forgotten before",
        (false, false) => {
            "the customer is not in the history (check the identifier), and is left out of what \
             comes from now on"
        }
    };
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{found}");
    let _ = writeln!(out, "rebuilt: {}", done.rebuilt.join(", "));
    for (file, touch) in &done.touched {
        let _ = writeln!(out, "{:>9}  {file}", touch.name());
    }
    let _ = writeln!(
        out,
        "{} of {} files in {} hold the hash, {} the identifier",
        done.with_hash,
        done.searched,
        root.display(),
        done.with_id
    );
    let _ = writeln!(
        out,
        "not searched: the source files, CSV files that `promopt score` wrote elsewhere, other run \
         folders, and copies; `promopt score` reads the source files, so take the customer out of \
         those too"
    );
    out
}
