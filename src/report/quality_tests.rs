//! Tests of the quality page.

use std::collections::BTreeMap;
use std::fs;

use super::quality_page::{PLOT_NAMES, QualityPage, QualityVerdict, render};
use super::quality_sample::{nasty, realistic};
use super::tests::{Folder, xml_fault};

fn rendered(page: &QualityPage, test: &str) -> BTreeMap<String, String> {
    let folder = Folder::new(&format!("quality-{test}"));
    render(page, &folder.0).expect("a page in a temporary folder renders");
    let read = |name: String| {
        let text = fs::read_to_string(folder.0.join(&name)).ok()?;
        Some((name, text))
    };
    let plots = PLOT_NAMES.iter().map(|name| format!("plots/{name}.svg"));
    plots.chain(["quality.html".to_owned()]).filter_map(read).collect()
}

#[test]
fn a_full_page_inlines_every_plot_and_gives_the_same_bytes_twice() {
    let files = rendered(&realistic(), "full");
    assert_eq!(files.len(), PLOT_NAMES.len() + 1);
    let page = &files["quality.html"];
    for name in PLOT_NAMES {
        assert!(page.contains(files[&format!("plots/{name}.svg")].trim_end()), "{name}");
    }
    assert_eq!(files, rendered(&realistic(), "again"));
}

#[test]
fn the_reconciliation_is_exact_or_says_by_how_much_it_is_not() {
    let mut input = realistic();
    let page = &rendered(&input, "exact")["quality.html"];
    assert!(page.contains("add up to the cent") && page.contains("$8,055,403.12"));
    input.reconciliation.cents_unexplained = -1;
    let page = &rendered(&input, "inexact")["quality.html"];
    assert!(page.contains("−$0.01 of sales are unexplained"));
    assert!(!page.contains("add up to the cent"));
    input.reconciliation.cents_unexplained = 0;
    input.reconciliation.rows_kept -= 1;
    let page = &rendered(&input, "forgotten")["quality.html"];
    assert!(!page.contains("add up to the cent"), "a claim that the rows contradict");
}

#[test]
fn every_verdict_has_its_words() {
    for (verdict, words) in [
        (QualityVerdict::Ok, "✓ Ok"),
        (QualityVerdict::UsableWithCare, "! Usable with care"),
        (QualityVerdict::NotUsable, "✕ Not usable"),
    ] {
        let input = QualityPage { verdict, ..realistic() };
        assert!(rendered(&input, "verdict")["quality.html"].contains(words), "{words}");
    }
}

#[test]
fn nasty_input_is_escaped_and_every_plot_is_well_formed() {
    for (name, text) in rendered(&nasty(), "nasty") {
        assert!(!text.contains("<script>alert") && !text.contains("<b>CHF"), "{name}");
        assert!(!text.contains("NaN") && !text.contains("inf\""), "{name}");
        if name.ends_with(".svg") {
            assert_eq!(xml_fault(&text), None, "{name}");
        }
    }
}

#[test]
fn an_empty_page_says_what_is_missing() {
    let files = rendered(&QualityPage::default(), "empty");
    assert_eq!(files.len(), 1, "no plot has data");
    let page = &files["quality.html"];
    assert!(!page.contains("add up to the cent"), "nothing was read");
    for sentence in ["Not usable", "names no stores", "no exposures table", "No price ledger"] {
        assert!(page.contains(sentence), "{sentence}");
    }
    assert!(!page.contains("NaN"));
}

#[test]
fn a_plot_without_data_removes_the_file_of_an_earlier_page() {
    let folder = Folder::new("quality-stale");
    render(&realistic(), &folder.0).expect("the first page renders");
    let plot = folder.0.join("plots/quality-stores.svg");
    assert!(plot.exists());
    let page = QualityPage { stores: Vec::new(), ..realistic() };
    render(&page, &folder.0).expect("the second page renders");
    assert!(!plot.exists());
}

#[test]
fn the_page_needs_no_network_and_no_script() {
    let page =
        rendered(&realistic(), "offline")["quality.html"].replace("http://www.w3.org/2000/svg", "");
    for word in ["http:", "https:", "<script", "<link", "url(", "@import", " src="] {
        assert!(!page.contains(word), "{word} found");
    }
}
