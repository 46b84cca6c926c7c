//! `init --from`: looks at a team's files, says what they seem to be, and writes a config for them.

use super::exit::Failure;
use super::flags::Init;
use crate::data::propose::{
    ColumnProposal, Proposal, SURE_ENOUGH, propose_mapping, recognised_preset, write_config,
};
use crate::data::{DataError, sample};
use std::fmt::Write;
use std::path::{Component, Path, PathBuf};

/// Longest text of a column of the table.
const WIDEST: usize = 60;

/// The config for the files of `--from`, and the table that says how it came about.
pub(super) fn propose(args: &Init) -> Result<(String, String), Failure> {
    let files = sample::data_files(&args.from).map_err(|error| unreadable(&error))?;
    let out = args.file.parent().unwrap_or(Path::new(""));
    let relative = args.from.iter().all(|path| path.is_relative());
    let (dir, shown) = common_folder(&files, out, relative);
    let (mut proposals, mut failures) = (Vec::new(), Vec::new());
    for file in &files {
        match sample::sample_file(file) {
            Ok(mut sample) => {
                sample.file = shown.join(absolute(file).strip_prefix(&dir).unwrap_or(file));
                proposals.push(propose_mapping(&sample));
            }
            Err(error) => failures.push(unreadable(&error)),
        }
    }
    let mut table = table(&proposals);
    if proposals.is_empty()
        && let Some(failure) = failures.pop()
    {
        return Err(failure);
    }
    for failure in &failures {
        // Writing to a string cannot fail.
        let _ = writeln!(table, "left out: {failure}");
    }
    Ok((write_config(&proposals, &shown, &name_of(&dir)), table))
}

fn unreadable(error: &DataError) -> Failure {
    match error {
        DataError::Unreadable { file, reason, .. } => Failure::data(&format!(
            "cannot read {}: {reason}; give --from a CSV or Parquet file, or a folder of such files",
            file.display()
        )),
        other => Failure::data(&other.to_string()),
    }
}

/// The absolute path without `.` and `..`, which need not exist.
fn absolute(path: &Path) -> PathBuf {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    let full = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut clean = PathBuf::new();
    for part in full.components() {
        match part {
            Component::ParentDir => {
                clean.pop();
            }
            Component::CurDir => {}
            part => clean.push(part),
        }
    }
    clean
}

/// The deepest folder that holds all files, absolute and as the config in `out` should say it.
fn common_folder(files: &[PathBuf], out: &Path, relative: bool) -> (PathBuf, PathBuf) {
    let folders = files.iter().map(|file| absolute(file).parent().map(Path::to_owned));
    let dir = folders.flatten().reduce(|common, folder| {
        let same = common.components().zip(folder.components()).take_while(|(a, b)| a == b);
        same.map(|(part, _)| part).collect()
    });
    let (dir, out) = (dir.unwrap_or_default(), absolute(out));
    let shown = match dir.strip_prefix(&out) {
        Ok(inside) => inside.to_owned(),
        Err(_) if !relative => dir.clone(),
        Err(_) => {
            let same =
                dir.components().zip(out.components()).take_while(|(left, right)| left == right);
            let same = same.count();
            let up = out.components().skip(same).map(|_| Component::ParentDir);
            up.chain(dir.components().skip(same)).collect()
        }
    };
    let shown = if shown.as_os_str().is_empty() { PathBuf::from(".") } else { shown };
    (dir, shown)
}

/// A name for the run out of the name of the folder.
fn name_of(dir: &Path) -> String {
    let name = dir.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' };
    let name: String = name.chars().map(plain).collect();
    let name = name.trim_matches('-');
    if name.is_empty() { "my-retailer".to_owned() } else { name.to_owned() }
}

/// What each file seems to be, and which of its columns is which.
fn table(proposals: &[Proposal]) -> String {
    let mut out = String::new();
    for proposal in proposals {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{}", proposal.file.display());
        match &proposal.table {
            Some(guess) => {
                let _ = writeln!(out, "  -> {} ({:.2})", guess.name, guess.confidence);
            }
            None => {
                let _ = writeln!(out, "  -> none of the tables");
            }
        }
        for column in &proposal.columns {
            column_line(&mut out, column);
        }
        for warning in &proposal.warnings {
            let _ = writeln!(out, "  ! {warning}");
        }
        for personal in &proposal.personal {
            let _ = writeln!(out, "  personal: {} ({})", personal.column, personal.reason);
        }
    }
    if let Some(preset) = recognised_preset(proposals) {
        let _ = writeln!(out, "\nthese look like the files of preset = \"{preset}\"");
    }
    out
}

fn column_line(out: &mut String, column: &ColumnProposal) {
    let canonical = column.canonical;
    let line = match &column.candidate {
        Some(found) => {
            let doubt = if found.confidence < SURE_ENOUGH { "? " } else { "" };
            let reasons = shortened(&found.reasons.join("; "));
            format!("<- {doubt}{} ({:.2}) {reasons}", found.column, found.confidence)
        }
        None if column.required => "<- not found, but needed".to_owned(),
        None => return,
    };
    let _ = writeln!(out, "     {canonical:<15} {line}");
}

fn shortened(text: &str) -> String {
    if text.chars().count() <= WIDEST {
        return text.to_owned();
    }
    text.chars().take(WIDEST - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_of_the_files_is_said_relative_to_the_config() {
        let files = |names: &[&str]| names.iter().map(PathBuf::from).collect::<Vec<_>>();
        let shown = |names: &[&str], out: &str, relative: bool| {
            common_folder(&files(names), Path::new(out), relative).1
        };
        assert_eq!(shown(&["data/a.csv", "data/b/c.csv"], "", true), Path::new("data"));
        assert_eq!(shown(&["a.csv"], "", true), Path::new("."));
        assert_eq!(shown(&["data/a.csv"], "configs", true), Path::new("../data"));
        assert_eq!(shown(&["/x/y/a.csv", "/x/z/b.csv"], "", false), Path::new("/x"));
    }

    #[test]
    fn a_run_is_named_after_the_folder_of_its_files() {
        assert_eq!(name_of(Path::new("/data/Till Export 2024")), "till-export-2024");
        assert_eq!(name_of(Path::new("/")), "my-retailer");
    }
}
