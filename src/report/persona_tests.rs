//! Tests of the persona page.

use std::collections::BTreeMap;
use std::fs;

use super::input::HeatMap;
use super::persona_page::{PersonaPage, Selection, render};
use super::persona_plots::PLOT_NAMES;
use super::persona_sample::{nasty, realistic};
use super::tests::{Folder, xml_fault};

fn rendered(page: &PersonaPage, test: &str) -> BTreeMap<String, String> {
    let folder = Folder::new(&format!("personas-{test}"));
    render(page, &folder.0).expect("a page in a temporary folder renders");
    let read = |name: String| {
        let text = fs::read_to_string(folder.0.join(&name)).ok()?;
        Some((name, text))
    };
    let plots = PLOT_NAMES.iter().map(|name| format!("plots/{name}.svg"));
    plots.chain(["personas.html".to_owned()]).filter_map(read).collect()
}

#[test]
fn a_full_page_inlines_every_plot_and_gives_the_same_bytes_twice() {
    let files = rendered(&realistic(), "full");
    assert_eq!(files.len(), PLOT_NAMES.len() + 1);
    let page = &files["personas.html"];
    for name in PLOT_NAMES {
        assert!(page.contains(files[&format!("plots/{name}.svg")].trim_end()), "{name}");
    }
    assert_eq!(files, rendered(&realistic(), "again"));
}

#[test]
fn nasty_input_is_escaped_and_every_plot_is_well_formed() {
    let files = rendered(&nasty(), "nasty");
    assert!(!files.contains_key("plots/personas-dendrogram.svg"), "a broken tree is not drawn");
    for (name, text) in files {
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
    input.personas[4].size = Some(7);
    input.migrations[0].counts[0][1] = Some(3);
    let files = rendered(&input, "small");
    assert!(files["personas.html"].contains("&lt; 10 customers"));
    assert!(files["plots/personas-migration.svg"].contains("&lt; 10"));
    assert!(files["plots/personas-sizes.svg"].contains("fewer than 10 customers"));
}

#[test]
fn a_warning_comes_before_the_personas() {
    let mut input = realistic();
    input.warnings = vec!["No structure beats noise: read the groups as a convenience.".into()];
    let page = &rendered(&input, "warning")["personas.html"];
    let place = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text} is missing"));
    assert!(place("No structure beats noise") < place("Five kinds of customer"));
}

#[test]
fn one_persona_and_one_number_tried_still_give_a_page() {
    let mut input = realistic();
    input.personas.truncate(1);
    input.silhouettes.clear();
    input.heat_map = HeatMap::default();
    input.selection = Selection { rows: input.selection.rows[..1].to_vec(), ..input.selection };
    (input.pca, input.dendrogram, input.calibration) = (None, None, None);
    let files = rendered(&input, "one");
    let page = &files["personas.html"];
    for words in ["need at least two personas", "No value model", "No tree was grown", "No map"] {
        assert!(page.contains(words), "{words}");
    }
    assert!(files.contains_key("plots/personas-selection.svg"));
}

#[test]
fn an_empty_page_says_what_is_missing() {
    let files = rendered(&PersonaPage::default(), "empty");
    assert_eq!(files.len(), 1, "no plot has data");
    let page = &files["personas.html"];
    for words in ["No personas were found", "at least two quarters", "No features were recorded"] {
        assert!(page.contains(words), "{words}");
    }
    assert!(!page.contains("NaN"));
}

#[test]
fn the_page_needs_no_network_and_no_script() {
    let page = rendered(&realistic(), "offline")["personas.html"]
        .replace("http://www.w3.org/2000/svg", "");
    for word in ["http:", "https:", "<script", "<link", "url(", "@import", " src="] {
        assert!(!page.contains(word), "{word} found");
    }
}
