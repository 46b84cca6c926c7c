//! The same lines as a team's own export gives them: another dialect, patterns, folders of formats.

use std::path::Path;

use super::made_shop::{Format, HEADER, Row, gzip, written};
use super::*;

fn run(config: &DataConfig) -> History {
    ingest(config, Path::new(""), "salt").expect("the files are usable")
}

const PRODUCTS: &str = "product_id,category,department,unit_cost\n\
    Käse,Molkerei,KÜHLUNG,1.25\nBrötchen,Bäckerei,BROT,0.1\n";

fn row(cells: &str) -> Row {
    let cells: Vec<String> = cells.split(',').map(str::to_owned).collect();
    cells.try_into().expect("nine cells")
}

fn rows() -> Vec<Row> {
    let lines = "Müller,2024-01-02,Käse,1,2.5,b1,s1,0,0\n\
        Müller,2024-01-03,Brötchen,12,1234.56,b2,s1,100.5,0\n\
        Özdemir,2024-01-12,Käse,2,4.75,b3,s2,0.25,0\n\
        Özdemir,2024-02-30,Käse,2,4.75,b3,s2,0.25,0\n\
        Özdemir,2024-01-31,Brötchen,3,333.99,b4,s2,0,0.3";
    lines.lines().map(|line| row(line.trim())).collect()
}

fn config(text: &str, dir: &Path) -> DataConfig {
    let text = format!("preset = \"canonical\"\n{text}\n[clean]\nmax_impossible_dates = 0.5\n");
    DataConfig::from_toml(&text).expect("a valid config").with_dir(dir)
}

fn canonical() -> History {
    let (dir, _) = written(&[(&rows(), Format::Csv)]);
    std::fs::write(dir.path().join("products.csv"), PRODUCTS).expect("writable");
    run(&config("[transactions]\npath = \"lines\"", dir.path()))
}

/// `2024-01-31` as `31.01.2024`.
fn german_date(date: &str) -> String {
    date.rsplit('-').collect::<Vec<_>>().join(".")
}

fn windows_1252(text: &str) -> Vec<u8> {
    let (bytes, _, unmappable) = encoding_rs::WINDOWS_1252.encode(text);
    assert!(!unmappable);
    bytes.into_owned()
}

#[test]
fn a_german_export_gives_the_history_of_the_canonical_files() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let mut text = "Kunde;Datum;Artikel;Menge;Umsatz;Bon;Filiale;Rabatt;Gutschein\r\n".to_owned();
    for mut row in rows() {
        row[1] = german_date(&row[1]);
        for cell in [4, 7, 8] {
            row[cell] = row[cell].replace('.', ",").replace("1234,56", "1.234,56 €");
        }
        text.push_str(&format!("{}\r\n", row.map(|cell| format!("\"{cell}\"")).join(";")));
    }
    std::fs::write(dir.path().join("kasse.csv.gz"), gzip(&windows_1252(&text))).expect("writable");
    let products = PRODUCTS.replace(',', ";").replace('.', ",");
    std::fs::write(dir.path().join("artikel.csv"), windows_1252(&products)).expect("writable");
    let german = "delimiter = \";\"\ndecimal_comma = true\nencoding = \"windows-1252\"\n";
    let names =
        ["Kunde", "Datum", "Artikel", "Menge", "Umsatz", "Bon", "Filiale", "Rabatt", "Gutschein"];
    let columns: String =
        HEADER.iter().zip(names).map(|(ours, theirs)| format!("{ours} = {theirs:?}\n")).collect();
    let text = format!(
        "[transactions]\npath = \"kasse.csv.gz\"\ndate_format = \"dd.mm.yyyy\"\n{german}\
         [transactions.columns]\n{columns}[products]\npath = \"artikel.csv\"\n{german}"
    );
    let german = run(&config(&text, dir.path()));
    assert_eq!(german, canonical());
    assert_eq!((german.quality.rows_in, german.quality.rows_kept), (5, 4));
}

#[test]
fn a_pattern_and_a_folder_of_mixed_formats_give_the_same_history() {
    let rows = rows();
    let parts = [
        (&rows[..1], Format::Parquet),
        (&rows[1..3], Format::Csv),
        (&rows[3..4], Format::Zstandard),
        (&rows[4..], Format::Gzip),
    ];
    let (dir, _) = written(&parts);
    std::fs::write(dir.path().join("products.csv"), PRODUCTS).expect("writable");
    for path in ["lines", "lines/[0-9].*", "lines/*"] {
        let history = run(&config(&format!("[transactions]\npath = {path:?}"), dir.path()));
        assert_eq!(history, canonical(), "{path}");
    }
    let some = run(&config("[transactions]\npath = \"lines/*.csv\"", dir.path()));
    assert_eq!(some.quality.rows_in, 2);
}
