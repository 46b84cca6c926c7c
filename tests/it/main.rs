//! Integration tests: mostly whole commands through the compiled program.

mod bad_input;
mod evidence;
mod experiments;
mod fitted_world;
mod forget;
mod fuzz;
mod init_from;
mod lift;
mod other_data;
mod own_data;
mod pipeline;
mod score;
mod shop;
mod tidy;
mod uplift;
mod worlds;

/// A folder of the real data that is not part of the repository; says so when it is not there.
#[allow(clippy::print_stdout, reason = "a skipped test says so")]
fn real_data(folder: &str) -> Option<std::path::PathBuf> {
    let root = std::env::var_os("PROMOPT_DATA").map_or_else(
        || std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"),
        std::path::PathBuf::from,
    );
    let path = root.join(folder);
    if path.is_dir() {
        return Some(path);
    }
    println!("skipped: no {folder} in {}; set PROMOPT_DATA", root.display());
    None
}
