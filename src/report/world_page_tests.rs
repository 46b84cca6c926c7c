//! Tests of the world page.

use std::collections::BTreeMap;
use std::fs;

use super::input::{Check, Estimate};
use super::tests::{Folder, xml_fault};
use super::world_page::{WorldPage, render};
use super::world_page_plots::PLOT_NAMES;
use super::world_page_sample::{nasty, realistic};

/// Plots that the sample leaves out: it has two responses of at most four.
const UNUSED: [&str; 2] = ["world-response-3", "world-response-4"];

fn rendered(page: &WorldPage, test: &str) -> BTreeMap<String, String> {
    let folder = Folder::new(&format!("world-{test}"));
    render(page, &folder.0).expect("a page in a temporary folder renders");
    let read = |name: String| {
        let text = fs::read_to_string(folder.0.join(&name)).ok()?;
        Some((name, text))
    };
    let plots = PLOT_NAMES.iter().map(|name| format!("plots/{name}.svg"));
    plots.chain(["world.html".to_owned()]).filter_map(read).collect()
}

#[test]
fn a_full_page_inlines_every_plot_and_gives_the_same_bytes_twice() {
    let files = rendered(&realistic(), "full");
    let page = &files["world.html"];
    for name in PLOT_NAMES.iter().filter(|name| !UNUSED.contains(name)) {
        assert!(page.contains(files[&format!("plots/{name}.svg")].trim_end()), "{name}");
    }
    assert_eq!(files, rendered(&realistic(), "again"));
}

#[test]
fn the_verdict_comes_first_and_the_words_last() {
    let page = &rendered(&realistic(), "order")["world.html"];
    let place = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text} is missing"));
    let sections = ["verdict", "card", "weeks", "distributions", "drivers", "terms", "promotions"];
    let places: Vec<usize> = sections
        .iter()
        .chain(&["method", "words"])
        .map(|name| place(&format!("<section id=\"{name}\"")))
        .collect();
    assert!(places.is_sorted());
    assert!(place("has no unit cost") < places[0], "assumptions come before the verdict");
    assert!(page.contains("4 pass, 1 warn, 1 fail, 1 not applicable"), "the card is counted");
}

#[test]
fn every_verdict_has_its_words() {
    for (verdict, words) in [
        (Some(Check::Pass), "✓ Can be trusted"),
        (Some(Check::Warn), "! Trust with care"),
        (Some(Check::Fail), "✕ Not to be trusted"),
        (None, "Not judged"),
    ] {
        let page = WorldPage { verdict, ..realistic() };
        assert!(rendered(&page, "verdict")["world.html"].contains(words), "{words}");
    }
}

#[test]
fn parts_that_do_not_sum_are_shown_as_a_failure() {
    let mut input = realistic();
    assert!(rendered(&input, "sum")["world.html"].contains("✓ The parts of every promotion sum"));
    let past = input.promotions.as_mut().expect("the sample has promotions");
    past.top[3].parts[3].margin.value += 0.02;
    let page = &rendered(&input, "no-sum")["world.html"];
    assert!(page.contains("do not sum") && !page.contains("✓ The parts of every promotion sum"));
}

#[test]
fn a_term_helps_or_hurts_only_when_its_interval_says_so() {
    let mut terms = realistic().ablation.expect("the sample has an ablation");
    let row = &mut terms.rows[0];
    for (interval, verdict) in [
        (Estimate::new(1.0, 0.1, 2.0), "helps"),
        (Estimate::new(1.0, -0.1, 2.0), "no_evidence"),
        (Estimate::new(-1.0, -2.0, -0.1), "hurts"),
        (Estimate::without_interval(1.0), "no_evidence"),
        (Estimate::unknown(), "unknown"),
    ] {
        row.change = interval;
        assert_eq!(row.verdict(), verdict, "{interval:?}");
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
fn cells_of_fewer_than_ten_customers_say_so_and_no_more() {
    let mut input = realistic();
    let past = input.promotions.as_mut().expect("the sample has promotions");
    past.top[0].customers = Some(9);
    let page = &rendered(&input, "small")["world.html"];
    assert!(page.contains("&lt; 10 customers") && !page.contains(">9 customers"));
}

#[test]
fn an_empty_page_says_what_is_missing() {
    let files = rendered(&WorldPage::default(), "empty");
    assert_eq!(files.len(), 1, "no plot has data");
    let page = &files["world.html"];
    for words in [
        "Not judged",
        "No realism card was made",
        "No weeks were held out",
        "No distributions were compared",
        "Nothing was compared by persona",
        "No responses were fitted",
        "No coefficients were recorded",
        "No term was switched off",
        "No past promotion could be taken apart",
        "The parts of the model were not recorded",
    ] {
        assert!(page.contains(words), "{words}");
    }
    assert!(!page.contains("NaN"));
}

#[test]
fn the_page_needs_no_network_and_no_script() {
    let page =
        rendered(&realistic(), "offline")["world.html"].replace("http://www.w3.org/2000/svg", "");
    for word in ["http:", "https:", "<script", "<link", "url(", "@import", " src="] {
        assert!(!page.contains(word), "{word} found");
    }
}
