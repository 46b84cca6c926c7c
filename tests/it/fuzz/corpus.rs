//! Small valid inputs of every kind, and which of them a case breaks.

use std::io::Write;
use std::path::Path;

use promopt_envs::{SeedTree, Stream};
use rand::Rng;

use super::mutate::{Bias, mutate};

/// One input: a table of sales, its products and a config.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) file: String,
    pub(super) lines: Vec<u8>,
    pub(super) products: Vec<u8>,
    pub(super) config: String,
    /// Whether the lines are plain text rather than Parquet or compressed.
    pub(super) is_text: bool,
}

impl Case {
    /// Writes the case into a folder, the config only for people.
    pub(super) fn save(&self, dir: &Path) {
        let write = |name: &str, bytes: &[u8]| {
            std::fs::write(dir.join(name), bytes).expect("the folder is writable");
        };
        write(&self.file, &self.lines);
        write("products.csv", &self.products);
        write("config.toml", self.config.as_bytes());
    }
}

const PRODUCTS: &str = "product_id,category,department,list_price,unit_cost\n\
    milk,DAIRY,FOOD,2.5,1.2\nbread,BREAD,FOOD,,\n\"cheese\",\"DAIRY\",FOOD,5.5,\n";

const HEADER: &str = "customer_id,date,product_id,quantity,sales_value,basket_id,store_id,\
    shelf_discount";

fn canonical() -> String {
    let line = |n: usize| {
        let product = ["milk", "bread", "cheese"][n % 3];
        let (quantity, price) = (1 + n % 3, [2.0, 3.0, 4.75][n % 3]);
        let sales = quantity as f64 * price;
        let (customer, day, basket, store) = (n * 7 % 9, 1 + n * 2 % 28, n / 2, n % 4);
        format!(
            "c{customer},2024-02-{day:02},{product},{quantity},{sales:.2},b{basket},s{store},0\n"
        )
    };
    format!("{HEADER}\n{}", (0..60).map(line).collect::<String>())
}

fn german() -> String {
    let mut text = canonical().replace(',', ";").replace('.', ",");
    for day in 1..=28 {
        text = text.replace(&format!("2024-02-{day:02}"), &format!("{day:02}.02.2024"));
    }
    text
}

fn quoted() -> String {
    let quote = |cell: &str| format!("\"{}\"", cell.replace("milk", "mi\"\"lk,\n"));
    let line = |line: &str| line.split(',').map(quote).collect::<Vec<_>>().join(",") + "\r\n";
    let text = canonical();
    let (header, rest) = text.split_once('\n').expect("a header");
    format!("{header}\r\n{}", rest.lines().map(line).collect::<String>())
}

fn utf_16(text: &str) -> Vec<u8> {
    [0xfeff].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    out.write_all(bytes).expect("memory is writable");
    out.finish().expect("memory is writable")
}

fn config(file: &str, more: &str) -> String {
    format!(
        "n_categories = 2\ndefault_margin_rate = 0.3\nsnapshot_weeks = 4\n\
         first_date = \"2024-01-01\"\nlast_date = \"2024-12-31\"\nuntargeted_categories = []\n\
         [transactions]\npath = \"{file}\"\n{more}\n[products]\npath = \"products.csv\"\n\
         [clean]\nmax_quantity = 100.0\nmax_price_ratio = 20.0\nmax_depth = 0.95\n\
         match_returns = true\nmax_lines_per_week = 500\noutlier_z = 10.0\noutlier_ratio = 4.0\n\
         max_impossible_dates = 0.5\n"
    )
}

/// The input behind a seed.
pub(super) fn case(seed: SeedTree) -> Case {
    let mut stream = seed.stream();
    match stream.random_range(0..8) {
        0..3 => broken_parquet(&mut stream),
        3..6 => broken_text(&mut stream),
        6 => broken_archive(&mut stream),
        _ => broken_config(&mut stream),
    }
}

fn whole(file: &str, lines: Vec<u8>, more: &str) -> Case {
    Case {
        file: file.to_owned(),
        lines,
        products: PRODUCTS.into(),
        config: config(file, more),
        is_text: file.ends_with(".csv"),
    }
}

const PARQUET: [&[u8]; 3] = [
    include_bytes!("../../fixtures/data_fuzz/plain.parquet"),
    include_bytes!("../../fixtures/data_fuzz/snappy.parquet"),
    include_bytes!("../../fixtures/data_fuzz/zstd.parquet"),
];
const N_TEXTS: usize = 4;

fn parquet(number: usize, by_time: bool) -> Case {
    let date = if by_time { "columns = { date = \"time\" }" } else { "" };
    whole("lines.parquet", PARQUET[number].to_vec(), date)
}

fn text(number: usize) -> Case {
    let (lines, more) = match number {
        0 => (canonical().into_bytes(), ""),
        1 => (
            german().into_bytes(),
            "delimiter = \";\"\ndecimal_comma = true\ndate_format = \"dd.mm.yyyy\"",
        ),
        2 => (quoted().into_bytes(), ""),
        _ => (utf_16(&canonical()), ""),
    };
    whole("lines.csv", lines, more)
}

fn archive(lines: &[u8], is_gzip: bool) -> Case {
    match is_gzip {
        true => whole("lines.csv.gz", gzip(lines), ""),
        false => {
            let packed = zstd::encode_all(lines, 3).expect("memory is readable");
            whole("lines.csv.zst", packed, "")
        }
    }
}

/// Every input as it is before it is broken.
pub(super) fn unbroken() -> Vec<Case> {
    let parquet = (0..PARQUET.len()).flat_map(|n| [parquet(n, false), parquet(n, true)]);
    let archives = [true, false].map(|is_gzip| archive(canonical().as_bytes(), is_gzip));
    parquet.chain((0..N_TEXTS).map(text)).chain(archives).collect()
}

fn broken_parquet(stream: &mut Stream) -> Case {
    let mut case = parquet(stream.random_range(0..PARQUET.len()), stream.random());
    // The length of the footer stands before the last four bytes.
    let end = case.lines.len() - 8;
    let length = &case.lines[end..end + 4];
    let length = length.iter().rev().fold(0, |sum, byte| 256 * sum + usize::from(*byte));
    let bias = if stream.random() { Bias::From(end - length) } else { Bias::None };
    mutate(&mut case.lines, bias, stream);
    case
}

fn broken_text(stream: &mut Stream) -> Case {
    let mut case = text(stream.random_range(0..N_TEXTS));
    let of_products = stream.random_range(0..4) == 0;
    mutate(if of_products { &mut case.products } else { &mut case.lines }, Bias::None, stream);
    case
}

fn broken_archive(stream: &mut Stream) -> Case {
    let mut lines = canonical().into_bytes();
    if stream.random() {
        mutate(&mut lines, Bias::None, stream);
    }
    let mut case = archive(&lines, stream.random());
    mutate(&mut case.lines, Bias::None, stream);
    case
}

fn broken_config(stream: &mut Stream) -> Case {
    let mut case = whole("lines.csv", canonical().into_bytes(), "delimiter = \",\"");
    let mut text = case.config.into_bytes();
    mutate(&mut text, Bias::None, stream);
    case.config = String::from_utf8_lossy(&text).into_owned();
    case
}
