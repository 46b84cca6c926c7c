//! Nothing that can be in a file makes the proposal panic.

use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::made_files::look;
use super::*;

/// Everything from bytes to config; the config must be TOML whatever the bytes were.
fn whole_way(head: &[u8]) -> Proposal {
    let proposal = propose_mapping(&sample_from_text(PathBuf::from("dir/file.csv"), head));
    let text = write_config(std::slice::from_ref(&proposal), Path::new("dir"), "x");
    let parsed = text.parse::<toml::Table>();
    assert!(parsed.is_ok(), "{parsed:?}\n{text}");
    proposal
}

#[test]
fn empty_files_have_no_table() {
    for head in [&b""[..], b"\n", b"\xef\xbb\xbf", b"\xff\xfe", b"\xff", b"\"", b"\0", b",,,\n,,,"]
    {
        let proposal = whole_way(head);
        assert_eq!(proposal.table, None, "{head:?}");
        assert!(!proposal.warnings.is_empty());
    }
    let sample = Sample::default();
    assert_eq!(propose_mapping(&sample).table, None);
}

#[test]
fn a_header_without_rows_is_mapped_by_name() {
    let proposal = whole_way(b"customer_id,date,product_id,quantity,sales_value\n");
    assert_eq!(proposal.table_name(), Some("transactions"));
    assert!(proposal.warnings.iter().any(|warning| warning.contains("no values")));
}

#[test]
fn one_column_has_no_table() {
    let proposal = whole_way(b"value\n1\n2\n3\n");
    assert_eq!(proposal.table, None);
    assert_eq!(proposal.header, ["value"]);
}

#[test]
fn binary_data_is_called_so() {
    let mut noise = 1_u32;
    let bytes: Vec<u8> = (0..20_000)
        .map(|_| {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            noise.to_be_bytes()[0]
        })
        .collect();
    for (head, words) in [
        (bytes, "control characters"),
        (b"PAR1\x15\x00\x15".to_vec(), "Parquet"),
        (b"PK\x03\x04abc".to_vec(), "spreadsheet"),
        (b"\x1f\x8b\x08\x00".to_vec(), "gzip"),
    ] {
        let proposal = whole_way(&head);
        assert_eq!(proposal.table, None);
        let said = proposal.warnings.iter().any(|warning| warning.contains(words));
        assert!(said, "{words}: {:?}", proposal.warnings);
    }
}

#[test]
fn ten_thousand_columns_are_too_many_to_look_at() {
    let header: Vec<String> = (0..10_000).map(|day| format!("sales_day_{day}")).collect();
    let row = vec!["1.5"; 10_000].join(",");
    let text = format!("{}\n{row}\n{row}\n", header.join(","));
    let proposal = whole_way(text.as_bytes());
    assert_eq!(proposal.header.len(), 10_000);
    assert!(proposal.warnings.iter().any(|warning| warning.contains("10000 columns")));
}

#[test]
fn ragged_rows_and_hostile_names_are_survived() {
    let text = "a\"b,\u{7},date,customer_id,customer_id\n1\n1,2,3,4,5,6,7\n,,2024-01-01,x\n";
    let proposal = whole_way(text.as_bytes());
    assert!(proposal.warnings.iter().any(|warning| warning.contains("are called")));
    let types = vec![Some("Date".to_owned())];
    let sample = Sample {
        header: vec!["x".to_owned(), "\n]".to_owned()],
        types,
        rows: vec![vec![], vec!["1".to_owned(); 9]],
        ..Sample::default()
    };
    let proposal = propose_mapping(&sample);
    let text = write_config(&[proposal], Path::new(""), "\"\n\\");
    assert!(text.parse::<toml::Table>().is_ok(), "{text}");
}

#[test]
fn without_header_nothing_is_sure_but_the_dates() {
    let proposal = look(
        "lines.csv",
        super::made_files::text("", |s| {
            format!(
                "{},2024-03-{:02},{},{},{}.50",
                s.customer,
                s.day + 1,
                s.product,
                s.units,
                s.units
            )
        })
        .trim_start(),
    );
    let dialect = proposal.dialect.clone().expect("text");
    assert!(!dialect.header.value, "{:?}", dialect.header);
    assert_eq!(proposal.header[0], "column_1");
    assert!(proposal.warnings.iter().any(|warning| warning.contains("no header")));
}

#[test]
fn names_alone_map_a_file_where_all_is_quoted_text() {
    let header = "\"cust_no\";\"order_date\";\"sku\";\"qty\";\"net_sales\"";
    let text = super::made_files::text(header, |s| {
        format!(
            "\"C{}\";\"2024-03-{:02}\";\"P-{}\";\"{}\";\"{}\"",
            s.customer,
            s.day + 1,
            s.product,
            s.units,
            super::made_files::euros(s.cents)
        )
    });
    let proposal = look("export.csv", &text);
    assert_eq!(proposal.table_name(), Some("transactions"));
    for (canonical, column) in [("quantity", "qty"), ("sales_value", "net_sales")] {
        let found = proposal.candidate(canonical).expect("found");
        assert!(found.column == column && found.confidence > 0.9, "{found:?}");
    }
    assert!(proposal.dialect.is_some_and(|dialect| dialect.decimal_comma.value));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn random_text_never_panics(text in "(?s).{0,400}") {
        whole_way(text.as_bytes());
    }

    #[test]
    fn random_bytes_never_panic(head in proptest::collection::vec(any::<u8>(), 0..600)) {
        whole_way(&head);
    }

    #[test]
    fn random_tables_never_panic(
        rows in proptest::collection::vec(
            proptest::collection::vec("[0-9a-zA-Zä€\"',.;:/|@ -]{0,12}", 0..9), 0..20),
        delimiter in prop::sample::select(vec![",", ";", "\t", "|"]),
    ) {
        let lines: Vec<String> = rows.iter().map(|row| row.join(delimiter)).collect();
        let names = ["date", "kunde", "qty", "umsatz", "sku", "bon"].join(delimiter);
        whole_way(format!("{names}\n{}", lines.join("\n")).as_bytes());
    }

    #[test]
    fn confidences_are_probabilities(text in "[a-e,;0-9\\n./-]{0,300}") {
        let proposal = whole_way(text.as_bytes());
        for column in &proposal.columns {
            for candidate in [&column.candidate, &column.runner_up].into_iter().flatten() {
                prop_assert!((0.0..=1.0).contains(&candidate.confidence));
            }
        }
        let dialect = proposal.dialect.expect("text");
        prop_assert!((0.0..=1.0).contains(&dialect.delimiter.confidence));
    }
}
