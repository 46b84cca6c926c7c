//! Column names: how near a name comes to the words that are known for a meaning.

use std::sync::LazyLock;

use super::synonyms::{CONCEPTS, Concept, IN_TABLE};

/// Words that number things: dropped from the ends of an identifier's name.
const NUMBERING: [&str; 19] = [
    "identifier",
    "nummer",
    "number",
    "numero",
    "codigo",
    "code",
    "key",
    "num",
    "nbr",
    "cod",
    "idx",
    "nro",
    "hash",
    "id",
    "no",
    "nr",
    "cd",
    "pk",
    "sk",
];

/// Words that say nothing about the meaning.
const NOISE: [&str; 30] = [
    "eur", "euro", "usd", "gbp", "chf", "dollar", "the", "of", "de", "la", "le", "du", "des",
    "del", "el", "der", "die", "das", "von", "van", "het", "in", "dim", "fact", "fct", "tbl",
    "col", "src", "pos", "sap",
];

/// A name as lower-case words without accents; camel case and digits behind letters stay together
/// as the writer meant them.
pub(super) fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before_lower = false;
    for c in name.chars().take(120) {
        let boundary = !c.is_alphanumeric() || (c.is_uppercase() && before_lower);
        if boundary && words.last().is_some_and(|word| !word.is_empty()) {
            words.push(String::new());
        }
        before_lower = c.is_lowercase();
        if c.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            c.to_lowercase().for_each(|lower| word.push_str(&unaccented(lower)));
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

fn unaccented(c: char) -> String {
    let plain = match c {
        'à' | 'á' | 'â' | 'ã' | 'ä' | 'å' | 'æ' => 'a',
        'ç' => 'c',
        'è' | 'é' | 'ê' | 'ë' => 'e',
        'ì' | 'í' | 'î' | 'ï' => 'i',
        'ñ' => 'n',
        'ò' | 'ó' | 'ô' | 'õ' | 'ö' | 'œ' | 'ø' => 'o',
        'ù' | 'ú' | 'û' | 'ü' => 'u',
        'ß' => return "ss".to_owned(),
        c if c.is_alphanumeric() => c,
        _ => return String::new(),
    };
    plain.to_string()
}

/// Words run together, with `ae`, `oe`, `ue` as the umlauts they may stand for.
pub(super) fn squash(words: &[String]) -> String {
    fold(&words.concat())
}

fn fold(word: &str) -> String {
    word.replace("ae", "a").replace("oe", "o").replace("ue", "u")
}

/// A meaning with its words folded once.
struct Entry {
    name: &'static str,
    identifier: bool,
    words: Vec<String>,
}

static LEXICON: LazyLock<Vec<Entry>> = LazyLock::new(|| {
    let entry = |concept: &Concept| Entry {
        name: concept.name,
        identifier: concept.identifier,
        words: concept.words().map(fold).collect(),
    };
    CONCEPTS.iter().map(entry).collect()
});

/// A name prepared for many comparisons.
#[derive(Debug)]
pub(super) struct Name {
    squashed: String,
    parts: Vec<String>,
    /// Without words that say nothing.
    core: String,
    /// The core without words that number things.
    bare: Vec<String>,
}

impl Name {
    pub(super) fn new(name: &str) -> Self {
        let parts: Vec<String> = words(name);
        let squashed = squash(&parts);
        let says = |word: &&String| !NOISE.contains(&word.as_str());
        let mut kept: Vec<String> = parts.iter().filter(says).cloned().collect();
        // The sign of "N° client" leaves an n.
        if kept.len() > 1 && kept[0] == "n" {
            kept.remove(0);
        }
        let core = squash(&kept);
        let ends = NUMBERING.iter().filter_map(|word| core.strip_suffix(word));
        let mut bare: Vec<String> = ends.chain([core.as_str()]).map(str::to_owned).collect();
        let starts: Vec<String> = bare
            .iter()
            .flat_map(|text| NUMBERING.iter().filter_map(|word| text.strip_prefix(word)))
            .map(str::to_owned)
            .collect();
        bare.extend(starts);
        bare.retain(|text| text.len() > 1);
        Self { squashed, parts: parts.iter().map(|part| fold(part)).collect(), core, bare }
    }
}

/// How near a name comes to a concept, in log odds, and why. `None`: not at all.
pub(super) fn likeness(name: &Name, concept: &str, table: &str) -> Option<(f64, String)> {
    if name.squashed.is_empty() {
        return None;
    }
    if name.squashed == fold(&concept.replace('_', "")) {
        return Some((5.0, "the name is the canonical one".to_owned()));
    }
    let special = IN_TABLE.iter().filter(|(in_table, of, _)| *in_table == table && *of == concept);
    for (_, _, known) in special {
        if known.split_whitespace().any(|word| fold(word) == name.core) {
            return Some((4.3, format!("in a file of {table} the name means {concept}")));
        }
    }
    let concept = LEXICON.iter().find(|known| known.name == concept)?;
    if concept.words.iter().any(|word| matches(name, word, concept.identifier)) {
        return Some((4.5, "the name is a known synonym".to_owned()));
    }
    concept.words.iter().filter_map(|word| partial(name, word)).max_by(|a, b| a.0.total_cmp(&b.0))
}

fn matches(name: &Name, word: &str, identifier: bool) -> bool {
    let same = |text: &str| text == word || text.strip_suffix('s') == Some(word);
    same(&name.squashed)
        || same(&name.core)
        || (identifier && name.bare.iter().any(|bare| same(bare)))
}

/// A known word inside the name, or one or two letters off it.
fn partial(name: &Name, word: &str) -> Option<(f64, String)> {
    let (long, short) = (name.core.len() as f64, word.len() as f64);
    let contained =
        name.parts.iter().any(|part| part == word) || (word.len() >= 5 && name.core.contains(word));
    if contained {
        let weight = 1.0 + 2.2 * short / long.max(short);
        return Some((weight, format!("the name contains \"{word}\"")));
    }
    let allowed = match word.len() {
        0..=4 => return None,
        5..=8 => 1,
        _ => 2,
    };
    let near = name.bare.iter().any(|text| {
        text.len().abs_diff(word.len()) <= allowed
            && text.chars().next() == word.chars().next()
            && edits(text, word) <= allowed
    });
    near.then(|| (2.8, format!("the name is a letter or two off \"{word}\"")))
}

/// Letters to change, add, remove or swap with their neighbour.
fn edits(left: &str, right: &str) -> usize {
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    let mut rows = vec![vec![0; right.len() + 1]; left.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    rows[0] = (0..=right.len()).collect();
    for i in 1..=left.len() {
        for j in 1..=right.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(left[i - 1] != right[j - 1]);
            let mut best = replaced.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
            let swapped =
                i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1];
            if swapped {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[left.len()][right.len()]
}

/// The concept, decoys included, of which the name is a synonym.
pub(super) fn exact_concept(name: &Name) -> Option<&'static str> {
    let exact = |concept: &&Entry| {
        concept.words.iter().any(|word| name.squashed == *word || name.core == *word)
    };
    let loose =
        |concept: &&Entry| concept.words.iter().any(|w| matches(name, w, concept.identifier));
    let found = LEXICON.iter().find(exact).or_else(|| LEXICON.iter().find(loose));
    found.map(|concept| concept.name)
}

/// Whether a cell looks like a column name that is known.
pub(super) fn is_known(cell: &str) -> bool {
    let name = Name::new(cell);
    cell.chars().count() <= 60 && !name.squashed.is_empty() && exact_concept(&name).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meaning(name: &str) -> Option<&'static str> {
        exact_concept(&Name::new(name))
    }

    #[test]
    fn names_in_five_languages_are_known() {
        for (name, concept) in [
            ("household_id", "customer_id"),
            ("cust_no", "customer_id"),
            ("KUNNR", "customer_id"),
            ("Kundennummer", "customer_id"),
            ("Kunden-Nr.", "customer_id"),
            ("ID Client", "customer_id"),
            ("Código Cliente", "customer_id"),
            ("klantnummer", "customer_id"),
            ("CustomerKey", "customer_id"),
            ("MATNR", "product_id"),
            ("Artikelnummer", "product_id"),
            ("EAN", "product_id"),
            ("upc_code", "product_id"),
            ("Référence", "product_id"),
            ("cod_articulo", "product_id"),
            ("Umsatz", "sales_value"),
            ("UMSATZ_EUR", "sales_value"),
            ("Erlös", "sales_value"),
            ("Erloes", "sales_value"),
            ("net_sales", "sales_value"),
            ("ExtendedPrice", "sales_value"),
            ("Montant TTC", "sales_value"),
            ("Importe", "sales_value"),
            ("omzet", "sales_value"),
            ("Menge", "quantity"),
            ("Stück", "quantity"),
            ("qté", "quantity"),
            ("aantal", "quantity"),
            ("Bon-Nr", "basket_id"),
            ("numero_ticket", "basket_id"),
            ("ticket", "basket_id"),
            ("Filiale", "store_id"),
            ("code_magasin", "store_id"),
            ("WERKS", "store_id"),
            ("caja", "till, clerk or terminal"),
            ("Einzelpreis", "unit price"),
            ("fecha", "date"),
        ] {
            assert_eq!(meaning(name), Some(concept), "{name}");
        }
        assert_eq!(meaning("zzz"), None);
        assert_eq!(meaning("…"), None);
    }

    #[test]
    fn misspelt_and_composed_names_come_near() {
        let near = |name: &str, concept| likeness(&Name::new(name), concept, "transactions");
        assert!(near("quantitiy", "quantity").is_some_and(|found| found.0 > 2.5));
        assert!(near("total_net_sales_gross", "sales_value").is_some());
        assert!(near("colour", "quantity").is_none());
        assert_eq!(edits("qunatity", "quantity"), 1);
    }
}
