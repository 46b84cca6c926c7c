//! Small made-up shops with dirt of every kind, and ways to write the same lines as other files.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use polars::prelude::*;
use proptest::prelude::*;

use super::*;

/// The cells of one line, in the order of [`HEADER`].
pub(super) type Row = [String; 9];

pub(super) const HEADER: [&str; 9] = [
    "customer_id",
    "date",
    "product_id",
    "quantity",
    "sales_value",
    "basket_id",
    "store_id",
    "shelf_discount",
    "offer_discount",
];
pub(super) const CUSTOMER: usize = 0;
pub(super) const SALES: usize = 4;
pub(super) const BASKET: usize = 5;

const PRODUCTS: &str = "product_id,category,department,brand,unit_cost\n\
    p0,A,FOOD,x,0.5\np1,A,FOOD,y,\np2,B,FOOD,x,1.1\np3,B,FOOD,,\np4,C,FOOD,z,\np5,D,HOME,z,2.03\n\
    diesel,E,FUEL,,\n";
const EXPOSURES: &str = "customer_id,date,offer_id,propensity\n\
    c0,2024-01-10,o1,0.5\nc1,2024-01-20,o2,0.25\nc0,2024-02-10,o2,\nnobody,2024-01-10,o1,0.5\n";
const CONFIG: &str = "preset = \"canonical\"\nn_categories = 3\nkeep_ids = true\n\
    first_date = \"2024-01-01\"\nlast_date = \"2024-12-31\"\nledger_by_store = true\n\
    snapshot_weeks = 4\n[transactions]\npath = \"lines\"\n[exposures]\npath = \"exposures.csv\"\n\
    [clean]\nexclude_departments = [\"FUEL\"]\nunknown_products = \"reject\"\n\
    max_lines_per_week = 12\nmax_impossible_dates = 1.0\n";

/// Few days, so that customers have several baskets on one.
const DAYS: [u32; 10] = [0, 1, 8, 9, 22, 23, 40, 41, 55, 69];

fn date(day: u32) -> String {
    let first = chrono::NaiveDate::from_ymd_opt(2024, 1, 1).expect("a date");
    (first + chrono::Days::new(day.into())).to_string()
}

fn decimal(millis: i64) -> String {
    let sign = if millis < 0 { "-" } else { "" };
    format!("{sign}{}.{:03}", millis.abs() / 1000, millis.abs() % 1000)
}

/// What one generated line is made of.
#[derive(Debug, Clone)]
struct Seed {
    customer: u32,
    day: u32,
    product: i64,
    quantity: i64,
    basket: u32,
    /// Thousandths of the price taken off on the shelf and by an offer.
    off: [i64; 2],
    dirt: u8,
}

prop_compose! {
    fn seed()(
        customer in 0..4_u32, day in prop::sample::select(&DAYS[..]), product in 0..6_i64, quantity in 1..4_i64,
        basket in 0..3_u32, off in [0..4_i64, 0..4_i64], dirt in 0..48_u8,
    ) -> Seed {
        Seed { customer, day, product, quantity, basket, off, dirt }
    }
}

/// Lines of a shop, a third of them with some dirt, and ten that are clean.
pub(super) fn shop() -> impl Strategy<Value = Vec<Row>> {
    let clean = (0..10).map(|week| Seed {
        customer: week % 2,
        day: 7 * week,
        product: i64::from(week) % 6,
        quantity: 1,
        basket: 0,
        off: [0; 2],
        dirt: u8::MAX,
    });
    let clean: Vec<Seed> = clean.collect();
    prop::collection::vec(seed(), 20..100).prop_map(move |mut seeds| {
        seeds.extend(clean.iter().cloned());
        let mut rows = Vec::new();
        seeds.iter().enumerate().for_each(|(index, seed)| add(index as i64, seed, &mut rows));
        rows
    })
}

/// Prices differ by line, so that a return undoes one sale only, whatever baskets are called.
fn add(index: i64, seed: &Seed, rows: &mut Vec<Row>) {
    let price = seed.quantity * (1500 + 700 * seed.product + 7 * index);
    let [shelf, offer] = seed.off.map(|off| price * off / 20);
    let mut row = [
        format!("c{}", seed.customer),
        date(seed.day),
        format!("p{}", seed.product),
        seed.quantity.to_string(),
        decimal(price - shelf - offer),
        format!("b{}", (seed.customer * 70 + seed.day) * 3 + seed.basket),
        format!("s{}", seed.basket % 2),
        decimal(shelf),
        decimal(offer),
    ];
    match seed.dirt {
        0 => row[CUSTOMER] = String::new(),
        1 => row[SALES] = String::new(),
        2 => row[1] = "2024-02-30".to_owned(),
        3 => rows.push(row.clone()),
        4 => {
            let mut back = row.clone();
            back[1] = date(seed.day + 1);
            back[3] = format!("-{}", seed.quantity);
            back[SALES] = decimal(shelf + offer - price);
            rows.push(back);
        }
        5 => row[3] = "-1".to_owned(),
        6 => row[SALES] = "0".to_owned(),
        7 => row[7] = "-0.5".to_owned(),
        8 => row[7] = decimal(price * 40),
        9 => row[2] = "diesel".to_owned(),
        10 => row[2] = "mystery".to_owned(),
        11 => row[3] = "250".to_owned(),
        12 => row[1] = "2025-03-01".to_owned(),
        13 => row[SALES] = decimal(price * 9),
        14 => row[SALES] = decimal(price * 60),
        15 => {
            row[CUSTOMER] = "till".to_owned();
            rows.extend((0..12).map(|copy| {
                let mut row = row.clone();
                row[BASKET] = format!("t{index}-{copy}");
                row
            }));
        }
        _ => {}
    }
    rows.push(row);
}

/// How the lines of one file are written.
#[derive(Debug, Clone, Copy)]
pub(super) enum Format {
    Csv,
    Gzip,
    Zstandard,
    Parquet,
}

/// A folder with the tables of a shop, whose lines are split into these files.
pub(super) fn written(parts: &[(&[Row], Format)]) -> (tempfile::TempDir, DataConfig) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let write = |name: &str, bytes: &[u8]| {
        std::fs::write(dir.path().join(name), bytes).expect("writable");
    };
    std::fs::create_dir(dir.path().join("lines")).expect("writable");
    write("products.csv", PRODUCTS.as_bytes());
    write("exposures.csv", EXPOSURES.as_bytes());
    for (number, (rows, format)) in parts.iter().enumerate() {
        let text = csv(rows);
        match format {
            Format::Csv => write(&format!("lines/{number}.csv"), text.as_bytes()),
            Format::Gzip => write(&format!("lines/{number}.csv.gz"), &gzip(text.as_bytes())),
            Format::Zstandard => {
                let packed = zstd::encode_all(text.as_bytes(), 1).expect("memory is writable");
                write(&format!("lines/{number}.csv.zst"), &packed);
            }
            Format::Parquet => {
                write(&format!("lines/{number}.parquet"), &parquet(rows));
            }
        }
    }
    let config = DataConfig::from_toml(CONFIG).expect("a valid config");
    let config = config.with_dir(dir.path());
    (dir, config)
}

fn csv(rows: &[Row]) -> String {
    let lines = rows.iter().map(|row| row.join(","));
    [HEADER.join(",")].into_iter().chain(lines).map(|line| line + "\n").collect()
}

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(bytes).expect("memory is writable");
    out.finish().expect("memory is writable")
}

/// Numbers as doubles, dates as ISO strings, and null for an empty cell.
fn parquet(rows: &[Row]) -> Vec<u8> {
    let column = |(index, name): (usize, &&str)| {
        let cells =
            rows.iter().map(|row| Some(row[index].as_str()).filter(|cell| !cell.is_empty()));
        let is_number = matches!(index, 3 | SALES | 7 | 8);
        let number = |cell: &str| cell.parse::<f64>().expect("a number");
        match is_number {
            true => Column::new((*name).into(), cells.map(|x| x.map(number)).collect::<Vec<_>>()),
            false => Column::new((*name).into(), cells.collect::<Vec<_>>()),
        }
    };
    let columns: Vec<Column> = HEADER.iter().enumerate().map(column).collect();
    let mut frame = DataFrame::new(rows.len(), columns).expect("columns of one length");
    let mut bytes = Vec::new();
    ParquetWriter::new(&mut bytes).finish(&mut frame).expect("memory is writable");
    bytes
}

/// Every file that an ingest writes, by name, on so many threads.
pub(super) fn outputs(config: &DataConfig, threads: usize) -> BTreeMap<String, Vec<u8>> {
    let out = tempfile::tempdir().expect("a temporary folder");
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
    pool.install(|| ingest_into(config, Path::new(""), "salt", &[3], out.path()))
        .expect("ten lines are clean");
    files(out.path())
}

/// The content of every file of a folder by name.
pub(super) fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(dir).expect("readable");
    let entry = |entry: std::io::Result<std::fs::DirEntry>| {
        let entry = entry.expect("readable");
        let name = entry.file_name().to_string_lossy().into_owned();
        (name, std::fs::read(entry.path()).expect("readable"))
    };
    entries.map(entry).collect()
}
