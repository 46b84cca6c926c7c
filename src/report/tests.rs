//! Tests of the whole report.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use super::sample::{nasty, realistic};
use super::*;

/// A folder of its own for each test, removed when the test ends.
pub(super) struct Folder(pub(super) PathBuf);

impl Folder {
    pub(super) fn new(test: &str) -> Self {
        let name = format!("promopt-report-{test}-{}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A folder left behind must not hide the failure that left it.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn rendered(input: &ReportInput, test: &str) -> BTreeMap<String, String> {
    let folder = Folder::new(test);
    let paths = render(input, &folder.0).expect("a report in a temporary folder renders");
    let read = |path: PathBuf| {
        let name = path.strip_prefix(&folder.0).expect("every file lies in the folder");
        let text = fs::read_to_string(&path).expect("a written file can be read");
        (name.to_string_lossy().into_owned(), text)
    };
    paths.into_iter().map(read).collect()
}

/// Follows tags and attributes; says where the text stops being well-formed XML.
pub(super) fn xml_fault(text: &str) -> Option<String> {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find('<') {
        if rest[..start].contains('>') {
            return Some(format!("stray > in {:?}", &rest[..start]));
        }
        let end = start + rest[start..].find('>')?;
        let tag = &rest[start + 1..end];
        if let Some(name) = tag.strip_prefix('/') {
            if open.pop() != Some(name) {
                return Some(format!("unexpected closing tag {name}"));
            }
        } else {
            if tag.matches('"').count() % 2 == 1 {
                return Some(format!("odd quotes in {tag:?}"));
            }
            if !tag.ends_with('/') {
                open.push(tag.split_whitespace().next().unwrap_or_default());
            }
        }
        rest = &rest[end + 1..];
    }
    let entities = ["amp;", "lt;", "gt;", "quot;", "apos;"];
    let is_entity = |after: &str| entities.iter().any(|entity| after.starts_with(entity));
    if text.split('&').skip(1).any(|after| !is_entity(after)) {
        return Some("a bare ampersand".into());
    }
    (!open.is_empty()).then(|| format!("{open:?} never closed"))
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    assert_eq!(rendered(&realistic(), "same-a"), rendered(&realistic(), "same-b"));
}

#[test]
fn a_full_report_has_every_section_and_every_plot() {
    let files = rendered(&realistic(), "full");
    let page = &files["report.html"];
    let sections = [
        "verdict",
        "why",
        "policy",
        "customers",
        "leaderboard",
        "experiment",
        "off-policy",
        "truth",
        "demand",
        "realism",
        "learning",
        "data",
        "details",
        "glossary",
    ];
    let places: Vec<usize> = sections
        .iter()
        .map(|name| {
            page.find(&format!("<section id=\"{name}\"")).unwrap_or_else(|| panic!("no {name}"))
        })
        .collect();
    assert!(places.is_sorted(), "the verdict comes first and the glossary last");
    for name in PLOT_NAMES {
        let svg = files[&format!("plots/{name}.svg")].trim_end();
        assert!(page.contains(svg), "{name} is not inlined");
    }
    for text in ["+$0.37", "+$4.81\u{a0}million", "69\u{a0}%", "fewer than 10 customers"] {
        assert!(page.contains(text), "{text} is missing");
    }
}

#[test]
fn the_page_needs_no_network_and_no_script() {
    let page = &rendered(&realistic(), "offline")["report.html"];
    let elsewhere = page.replace("http://www.w3.org/2000/svg", "");
    for word in ["http:", "https:", "<script", "<link", "url(", "@import", " src="] {
        assert!(!elsewhere.contains(word), "{word} found");
    }
}

#[test]
fn text_of_the_input_is_never_markup() {
    for (name, text) in rendered(&nasty(), "escape") {
        assert!(!text.contains("<script>alert"), "script in {name}");
        assert!(!text.contains("<b>CHF"), "currency is markup in {name}");
    }
}

#[test]
fn every_plot_is_well_formed_even_for_nasty_input() {
    for (label, input) in [("kind", realistic()), ("nasty", nasty())] {
        for (name, text) in rendered(&input, &format!("xml-{label}")) {
            if name.ends_with(".svg") {
                assert_eq!(xml_fault(&text), None, "{label} {name}");
                assert!(!text.contains("NaN") && !text.contains("inf\""), "{label} {name}");
            }
        }
    }
    assert!(xml_fault("<a><b></a>").is_some() && xml_fault("<a>&x</a>").is_some());
}

#[test]
fn an_empty_input_gives_a_page_that_says_what_is_missing() {
    let files = rendered(&ReportInput::default(), "empty");
    assert_eq!(files.len(), 1, "no plot has data");
    let page = &files["report.html"];
    for sentence in ["Not approved", "nothing is approved", "No personas were found", "–"] {
        assert!(page.contains(sentence), "{sentence}");
    }
    assert!(!page.contains("NaN") && !page.contains("id=\"truth\""));
}

#[test]
fn a_refused_off_policy_evaluation_shows_reasons_and_no_numbers() {
    let mut input = realistic();
    input.off_policy.verdict = OffPolicyVerdict::Refuse;
    input.off_policy.reasons = vec!["the log never tried 30 % off".into()];
    let page = &rendered(&input, "refuse")["report.html"];
    assert!(page.contains("the log never tried 30 % off"));
    assert!(!page.contains("Doubly robust") && !page.contains("2,410"));
}

#[test]
fn the_report_lists_what_does_not_pass_and_leads_to_the_page_with_the_rest() {
    let mut input = realistic();
    let page = &rendered(&input, "world")["report.html"];
    assert!(page.contains("2 lines pass, 1 warn, 1 fail, 0 not applicable"));
    assert!(page.contains("Everything about the world</a>"));
    assert!(page.contains("Visits are too rare.") && !page.contains("Mean elasticity"));
    input.realism.page.clear();
    let page = &rendered(&input, "world-alone")["report.html"];
    assert!(page.contains("Mean elasticity") && !page.contains("Everything about the world</a>"));
}

#[test]
fn suppressed_personas_are_named_without_numbers() {
    let page = &rendered(&realistic(), "suppressed")["report.html"];
    let sentence = "Not shown, because the cell has fewer than 10 customers: Lapsing.";
    assert!(page.contains(sentence));
}

#[test]
fn a_plot_without_data_removes_the_file_of_an_earlier_report() {
    let folder = Folder::new("stale");
    let plot = folder.0.join("plots/truth.svg");
    render(&realistic(), &folder.0).expect("the first report renders");
    assert!(plot.exists());
    let input = ReportInput { truth: None, ..realistic() };
    render(&input, &folder.0).expect("the second report renders");
    assert!(!plot.exists());
    let left: Vec<_> = fs::read_dir(&folder.0).expect("the folder exists").flatten().collect();
    assert_eq!(left.len(), 2, "only the page and the plots stay: {left:?}");
}

#[test]
fn an_input_read_back_from_json_gives_the_same_report() {
    let mut input = nasty();
    // JSON has one null: a known-to-be-unknown share reads back as absent.
    input.verdict.captured_uplift = None;
    let text = serde_json::to_string(&input).expect("plain structs serialise");
    let back: ReportInput = serde_json::from_str(&text).expect("nulls read as unknown");
    assert!(back.leaderboard.rows[0].contact_rate.is_nan());
    let same = rendered(&back, "json-back") == rendered(&input, "json");
    assert!(same, "the two reports differ");
}

#[test]
fn a_folder_that_cannot_be_made_is_named_in_the_error() {
    let folder = Folder::new("blocked");
    fs::create_dir_all(&folder.0).expect("temporary folders can be made");
    fs::write(folder.0.join("plots"), "a file in the way").expect("files can be written");
    let error = render(&realistic(), &folder.0).expect_err("a file is in the way");
    assert!(error.to_string().contains("plots"), "{error}");
}
