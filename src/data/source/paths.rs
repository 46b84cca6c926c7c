//! The files that a list of paths stands for: files, folders and patterns.

use std::path::{Path, PathBuf};

use super::super::error::DataError;
use super::super::schema::did_you_mean;

const FORMATS: [&str; 5] = ["csv", "tsv", "txt", "parquet", "pq"];
const COMPRESSIONS: [&str; 2] = ["gz", "zst"];
const FORMATS_SAID: &str = ".csv, .tsv, .txt, .parquet or .pq file (or one with .gz or .zst)";

/// The files of a table in ascending order, each once. A folder stands for the data files in it,
/// a pattern such as `2024-*.csv` for what it matches; both leave hidden files out.
///
/// # Errors
/// [`DataError::Unreadable`] naming the path that stands for no file, with the nearest name.
pub(in crate::data) fn expand(
    table: &'static str,
    paths: &[PathBuf],
    dir: &Path,
) -> Result<Vec<PathBuf>, DataError> {
    let mut files = Vec::new();
    for path in paths {
        let full = dir.join(path);
        let unreadable =
            |reason: String| DataError::Unreadable { table, file: full.clone(), reason };
        match std::fs::metadata(&full) {
            Ok(found) if found.is_dir() => {
                files.append(&mut inside(&full).map_err(unreadable)?);
            }
            Ok(_) => files.push(full.clone()),
            Err(_) if is_pattern(path) => {
                files.append(&mut matches(dir, path).map_err(unreadable)?);
            }
            Err(reason) => return Err(unreadable(format!("{reason}{}", nearest(&full)))),
        }
    }
    files.sort();
    files.dedup();
    Ok(files)
}

/// Whether a name says that a file holds a table; `sales.csv.gz` does.
fn is_table(file: &Path) -> bool {
    let Some(name) = file.file_name().and_then(|name| name.to_str()) else { return false };
    let name = name.to_ascii_lowercase();
    let plain = COMPRESSIONS
        .iter()
        .find_map(|end| name.strip_suffix(end)?.strip_suffix('.'))
        .unwrap_or(&name);
    let format = plain.rsplit_once('.').map(|(_, format)| format);
    !name.starts_with('.') && format.is_some_and(|format| FORMATS.contains(&format))
}

fn inside(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = std::fs::read_dir(folder).map_err(|reason| reason.to_string())?;
    let mut files = Vec::new();
    for entry in entries {
        let file = entry.map_err(|reason| reason.to_string())?.path();
        if is_table(&file) && !file.is_dir() {
            files.push(file);
        }
    }
    if files.is_empty() { Err(format!("the folder holds no {FORMATS_SAID}")) } else { Ok(files) }
}

fn is_pattern(path: &Path) -> bool {
    path.to_string_lossy().contains(['*', '?', '['])
}

fn matches(dir: &Path, pattern: &Path) -> Result<Vec<PathBuf>, String> {
    let not_text = || "the path is not Unicode text, which a pattern must be".to_owned();
    let folder = glob::Pattern::escape(dir.to_str().ok_or_else(not_text)?);
    let full = Path::new(&folder).join(pattern);
    let options = glob::MatchOptions {
        case_sensitive: true,
        require_literal_separator: true,
        require_literal_leading_dot: true,
    };
    let found = glob::glob_with(full.to_str().ok_or_else(not_text)?, options)
        .map_err(|reason| format!("the pattern is broken: {reason}"))?;
    let mut files = Vec::new();
    for path in found {
        let path = path.map_err(|reason| reason.to_string())?;
        match path.is_dir() {
            true => files.append(&mut inside(&path).unwrap_or_default()),
            false => files.push(path),
        }
    }
    if files.is_empty() {
        return Err(format!("no file matches the pattern{}", nearest(&dir.join(pattern))));
    }
    Ok(files)
}

/// `"; did you mean ...?"` for the nearest name in the folder of a path, or for the first part of
/// the path that is not there.
fn nearest(path: &Path) -> String {
    let (mut missing, mut folder) = (path, path.parent());
    while let Some(parent) = folder
        && !parent.as_os_str().is_empty()
        && !parent.is_dir()
    {
        (missing, folder) = (parent, parent.parent());
    }
    let folder = folder.filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let Ok(entries) = std::fs::read_dir(folder) else { return String::new() };
    let mut names: Vec<String> =
        entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    let wanted = missing.file_name().unwrap_or_default().to_string_lossy();
    did_you_mean(&wanted, names.iter().map(String::as_str))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for name in names {
            let file = folder.path().join(name);
            std::fs::create_dir_all(file.parent().expect("a folder")).expect("writable");
            std::fs::write(file, "").expect("writable");
        }
        folder
    }

    fn expanded(folder: &tempfile::TempDir, paths: &[&str]) -> Result<String, String> {
        let paths: Vec<PathBuf> = paths.iter().map(PathBuf::from).collect();
        let files = expand("transactions", &paths, folder.path()).map_err(|e| e.to_string())?;
        let names = files.iter().map(|file| {
            let name = file.strip_prefix(folder.path()).expect("inside");
            name.to_string_lossy().into_owned()
        });
        Ok(names.collect::<Vec<String>>().join(" "))
    }

    #[test]
    fn folders_and_patterns_give_sorted_files_once() {
        let all = ["a/2.csv.gz", "a/1.parquet", "a/3.TSV", "a/4.txt.zst", "a/5.pq"];
        let none = ["a/.hidden.csv", "a/notes.md", "a/6.csv.bak", "a/b/7.csv", "a/gz"];
        let folder = folder(&[&all[..], &none[..]].concat());
        let inside = "a/1.parquet a/2.csv.gz a/3.TSV a/4.txt.zst a/5.pq";
        assert_eq!(expanded(&folder, &["a"]).as_deref(), Ok(inside));
        assert_eq!(expanded(&folder, &["a/", "a/5.pq", "a/[12].*"]).as_deref(), Ok(inside));
        assert_eq!(
            expanded(&folder, &["a/?.p*", "a/b/7.csv"]).as_deref(),
            Ok("a/1.parquet a/5.pq a/b/7.csv")
        );
        assert_eq!(expanded(&folder, &["**/7.csv", "a/*b"]).as_deref(), Ok("a/b/7.csv"));
        assert!(expanded(&folder, &["a/*.csv"]).is_err());
    }

    #[test]
    fn a_file_whose_name_looks_like_a_pattern_is_a_file() {
        let folder = folder(&["sales[1].csv", "sales1.csv"]);
        assert_eq!(expanded(&folder, &["sales[1].csv"]).as_deref(), Ok("sales[1].csv"));
    }

    #[test]
    fn what_is_not_found_is_named_with_the_nearest_name() {
        let folder = folder(&["data/sales.csv", "empty/readme.md"]);
        let message = |path: &str| expanded(&folder, &[path]).expect_err("nothing there");
        let found = message("data/sale.csv");
        assert!(found.contains("data/sale.csv for table `transactions`"), "{found}");
        assert!(found.contains("(os error 2); did you mean `sales.csv`?; check `path`"), "{found}");
        let found = message("dta/sales.csv");
        assert!(found.contains("did you mean `data`?"), "{found}");
        let found = message("data/sals*.csv");
        assert!(
            found.contains("no file matches the pattern; did you mean `sales.csv`?"),
            "{found}"
        );
        assert!(message("data/[").contains("the pattern is broken"));
        assert!(message("empty").contains("the folder holds no .csv"));
    }
}
