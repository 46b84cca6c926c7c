//! The first rows of a team's files, for a proposal of how to read them.

use std::fs::File;
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use polars::prelude::*;

use super::error::DataError;
use super::propose::{Sample, sample_from_text};
use super::source::parse::Encoding;
use super::source::{paths, text};

/// Bytes of a text file that are looked at, after decompression.
const HEAD: u64 = 256 * 1024;

/// Rows of a Parquet file that are looked at.
const HEAD_ROWS: u32 = 2000;

/// What messages call the place that the files were named in.
const TABLE: &str = "sample";

/// The data files that a list of files, folders and patterns stands for, each once.
///
/// # Errors
/// [`DataError::Unreadable`] naming the path that stands for no file.
pub fn data_files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, DataError> {
    paths::expand(TABLE, paths, Path::new(""))
}

/// The first rows of a CSV file (plain, gzip or Zstandard) or of a Parquet file, as text.
///
/// # Errors
/// [`DataError::Unreadable`] when the file cannot be opened, decompressed or decoded.
pub fn sample_file(file: &Path) -> Result<Sample, DataError> {
    let parquet = file.extension().is_some_and(|end| end == "parquet" || end == "pq");
    if parquet { parquet_head(file) } else { text_head(file) }
}

fn unreadable(file: &Path, reason: &dyn std::fmt::Display) -> DataError {
    DataError::Unreadable { table: TABLE, file: file.to_owned(), reason: reason.to_string() }
}

fn text_head(file: &Path) -> Result<Sample, DataError> {
    let mut head = Vec::new();
    text::open(file, Encoding::Utf8)
        .and_then(|text| text.take(HEAD).read_to_end(&mut head))
        .map_err(|reason| unreadable(file, &reason))?;
    Ok(sample_from_text(file.to_owned(), &head))
}

fn parquet_head(file: &Path) -> Result<Sample, DataError> {
    // Opening first gives the system's own words for a missing file.
    File::open(file).map_err(|reason| unreadable(file, &reason))?;
    let read = || -> PolarsResult<DataFrame> {
        let options = ScanArgsParquet { glob: false, ..Default::default() };
        let path = PlRefPath::try_from_path(file)?;
        LazyFrame::scan_parquet(path, options)?.limit(HEAD_ROWS).collect()
    };
    // A decoder may panic on a broken file.
    let frame = catch_unwind(AssertUnwindSafe(read))
        .map_err(|_| unreadable(file, &"the Parquet file is broken"))?
        .map_err(|reason| unreadable(file, &reason))?;
    let mut rows = vec![Vec::with_capacity(frame.width()); frame.height()];
    for column in frame.columns() {
        // What has no text, such as a list, is left empty.
        let texts = column.cast(&DataType::String).ok();
        let texts = texts.as_ref().and_then(|column| column.str().ok());
        for (row, cells) in rows.iter_mut().enumerate() {
            let cell = texts.and_then(|texts| texts.get(row)).unwrap_or_default();
            cells.push(cell.to_owned());
        }
    }
    Ok(Sample {
        file: file.to_owned(),
        header: frame.get_column_names().into_iter().map(|name| name.to_string()).collect(),
        types: frame.dtypes().iter().map(|dtype| Some(dtype.to_string())).collect(),
        rows,
        dialect: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    const TEXT: &str = "customer_id,date,product_id,quantity,sales_value\n\
                        1,2024-01-02,milk,1,2.5\n2,2024-01-03,bread,2,3.0\n";

    #[test]
    fn a_compressed_file_gives_the_sample_of_the_plain_one() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let plain = folder.path().join("sales.csv");
        std::fs::write(&plain, TEXT).expect("writable");
        let gz = folder.path().join("sales.csv.gz");
        let file = File::create(&gz).expect("writable");
        let mut encoder = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
        encoder.write_all(TEXT.as_bytes()).and_then(|()| encoder.finish().map(|_| ())).expect("ok");
        let plain = sample_file(&plain).expect("readable");
        let packed = sample_file(&gz).expect("readable");
        assert_eq!((plain.header.len(), plain.rows.len()), (5, 2));
        assert_eq!((&plain.header, &plain.rows), (&packed.header, &packed.rows));
    }

    #[test]
    fn a_parquet_file_gives_its_types_and_its_rows_as_text() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("sales.parquet");
        let day = Column::new("day".into(), [19_724_i32, 19_725]);
        let day = day.cast(&DataType::Date).expect("days since 1970");
        let columns = vec![
            Column::new("household".into(), [7_i64, 8]),
            day,
            Column::new("note".into(), [Some("a"), None]),
        ];
        let mut frame = DataFrame::new(2, columns).expect("columns of one height");
        let file = File::create(&path).expect("writable");
        ParquetWriter::new(file).finish(&mut frame).expect("writable");
        let sample = sample_file(&path).expect("readable");
        assert_eq!(sample.header, ["household", "day", "note"]);
        assert_eq!(sample.rows, [["7", "2024-01-02", "a"], ["8", "2024-01-03", ""]]);
        assert_eq!(sample.types[1].as_deref(), Some("date"));
        std::fs::write(&path, "PAR1 and then nothing").expect("writable");
        assert!(sample_file(&path).is_err());
    }

    #[test]
    fn a_folder_stands_for_its_data_files() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for name in ["b.csv", "a.parquet", "notes.md"] {
            std::fs::write(folder.path().join(name), "").expect("writable");
        }
        let files = data_files(&[folder.path().to_owned()]).expect("it holds files");
        let names: Vec<_> = files.iter().filter_map(|file| file.file_name()).collect();
        assert_eq!(names, ["a.parquet", "b.csv"]);
        assert!(data_files(&[folder.path().join("none.csv")]).is_err());
    }
}
