//! Just enough of a Rust lexer to ask a file about its code, its comments and its functions.

use std::path::{Path, PathBuf};

/// One Rust file, split by what its characters are for. All three texts have the same lines.
pub(super) struct Source {
    /// Path from the workspace root, with `/` between the parts.
    pub(super) path: String,
    /// The file as it is.
    pub(super) text: String,
    /// Code alone: comments, strings and characters are blank.
    pub(super) code: String,
    /// Code that ships: additionally, everything under `#[cfg(test)]`, in `tests.rs`, `*_tests.rs`
    /// and the `tests` folder of a crate is blank.
    pub(super) shipped: String,
    /// Comments alone, doc comments included.
    pub(super) comments: String,
}

/// A function with a body: where it starts and how many lines it takes, braces included.
#[derive(Debug, PartialEq)]
pub(super) struct Function {
    pub(super) name: String,
    pub(super) line: usize,
    pub(super) n_lines: usize,
}

impl Source {
    pub(super) fn new(path: impl Into<String>, text: impl Into<String>) -> Self {
        let (path, text) = (path.into(), text.into());
        let kinds = classify(&text);
        let keep = |wanted: Kind| -> String {
            let pick = |(letter, &kind): (char, &Kind)| {
                if kind == wanted || letter == '\n' { letter } else { ' ' }
            };
            text.chars().zip(&kinds).map(pick).collect()
        };
        let (code, comments) = (keep(Kind::Code), keep(Kind::Comment));
        let shipped = if is_test_file(&path) {
            "\n".repeat(code.lines().count())
        } else {
            without_tests(&code)
        };
        Self { path, text, code, shipped, comments }
    }

    /// Whether the file lies in this folder or is this file.
    pub(super) fn is_in(&self, place: &str) -> bool {
        Path::new(&self.path).starts_with(place)
    }
}

/// Every Rust file below these folders of the workspace, in the order of their paths.
pub(super) fn read_all(root: &Path, folders: &[&str]) -> Vec<Source> {
    let mut paths = Vec::new();
    for folder in folders {
        walk(&root.join(folder), &mut paths);
    }
    let mut sources: Vec<Source> = paths
        .iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .map(|path| {
            let text = std::fs::read_to_string(path).expect("a source file is readable text");
            Source::new(relative(root, path), text)
        })
        .collect();
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    sources
}

/// Every file and folder below this one, but for hidden ones and what a build or a run leaves.
pub(super) fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') || ["target", "runs", "__pycache__"].contains(&name.as_str()) {
            continue;
        }
        found.push(entry.path());
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            walk(&entry.path(), found);
        }
    }
}

/// The path from the workspace root, with `/` between the parts.
pub(super) fn relative(root: &Path, path: &Path) -> String {
    let inner = path.strip_prefix(root).expect("the walk started at the root");
    inner.to_string_lossy().replace('\\', "/")
}

/// The names and words of a line: letters, digits and underscores.
pub(super) fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|letter: char| !is_word(letter)).filter(|word| !word.is_empty())
}

/// Every function with a body in text that is code alone.
pub(super) fn functions(code: &str) -> Vec<Function> {
    let letters: Vec<char> = code.chars().collect();
    let mut line = 1;
    let mut found = Vec::new();
    for (at, &letter) in letters.iter().enumerate() {
        line += usize::from(letter == '\n');
        let starts = letter == 'f'
            && letters.get(at + 1) == Some(&'n')
            && letters.get(at + 2).is_some_and(|next| next.is_whitespace())
            && (at == 0 || !is_word(letters[at - 1]));
        let Some(end) = starts.then(|| item_end(&letters, at)).flatten() else { continue };
        let name =
            words(&letters[at + 2..end].iter().collect::<String>()).next().map(str::to_owned);
        if letters[end] == '}' {
            let n_lines = 1 + letters[at..end].iter().filter(|&&letter| letter == '\n').count();
            found.push(Function { name: name.unwrap_or_default(), line, n_lines });
        }
    }
    found
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Code,
    Comment,
    Literal,
}

/// What each character of a file belongs to. Quotes count as part of their literal.
fn classify(text: &str) -> Vec<Kind> {
    let letters: Vec<char> = text.chars().collect();
    let mut kinds = Vec::with_capacity(letters.len());
    while kinds.len() < letters.len() {
        let at = kinds.len();
        let (kind, length) = token(&letters, at);
        kinds.resize((at + length.max(1)).min(letters.len()), kind);
    }
    kinds
}

/// The kind and length of the token at this place; code advances by one letter or one word.
fn token(letters: &[char], at: usize) -> (Kind, usize) {
    let rest = &letters[at..];
    match rest {
        ['/', '/', ..] => {
            (Kind::Comment, rest.iter().position(|&x| x == '\n').unwrap_or(rest.len()))
        }
        ['/', '*', ..] => (Kind::Comment, block_comment(rest)),
        ['"', ..] => (Kind::Literal, quoted(rest, '"')),
        ['\'', '\\', ..] | ['\'', _, '\'', ..] => (Kind::Literal, quoted(rest, '\'')),
        [first, ..] if is_word(*first) => {
            let n_word = rest.iter().take_while(|&&x| is_word(x)).count();
            let word: String = rest[..n_word].iter().collect();
            match raw_string(&rest[n_word..]) {
                Some(n_raw) if ["r", "br", "cr"].contains(&word.as_str()) => {
                    (Kind::Literal, n_word + n_raw)
                }
                _ => (Kind::Code, n_word),
            }
        }
        _ => (Kind::Code, 1),
    }
}

/// Length of a block comment, which may hold others.
fn block_comment(rest: &[char]) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        match rest[at..] {
            ['/', '*', ..] => (depth, at) = (depth + 1, at + 2),
            ['*', '/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

/// Length of a literal that ends at the first quote without a backslash before it.
fn quoted(rest: &[char], quote: char) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != quote {
        at += if rest[at] == '\\' { 2 } else { 1 };
    }
    at + 1
}

/// Length of `#"…"#` after the `r` of a raw string, or `None` where there is no such thing.
fn raw_string(rest: &[char]) -> Option<usize> {
    let n_hashes = rest.iter().take_while(|&&x| x == '#').count();
    if rest.get(n_hashes) != Some(&'"') {
        return None;
    }
    let closes = |at: &usize| {
        rest[*at] == '"' && rest[at + 1..].iter().take_while(|&&x| x == '#').count() >= n_hashes
    };
    let end = (n_hashes + 1..rest.len()).find(closes).unwrap_or(rest.len());
    Some(end + 1 + n_hashes)
}

/// Where the item that starts here ends: at its `;`, or at the brace that closes its body.
fn item_end(letters: &[char], start: usize) -> Option<usize> {
    let (mut brackets, mut braces) = (0_usize, 0_usize);
    for (at, letter) in letters.iter().enumerate().skip(start) {
        match letter {
            '(' | '[' => brackets += 1,
            ')' | ']' => brackets = brackets.saturating_sub(1),
            '{' => braces += 1,
            '}' => {
                braces = braces.saturating_sub(1);
                if braces == 0 && brackets == 0 {
                    return Some(at);
                }
            }
            ';' if braces == 0 && brackets == 0 => return Some(at),
            _ => {}
        }
    }
    None
}

/// Blanks every item under `#[cfg(test)]`.
fn without_tests(code: &str) -> String {
    const ATTRIBUTE: &str = "#[cfg(test)]";
    let mut letters: Vec<char> = code.chars().collect();
    let attribute: Vec<char> = ATTRIBUTE.chars().collect();
    for at in 0..letters.len() {
        if !letters[at..].starts_with(&attribute) {
            continue;
        }
        let end = item_end(&letters, at + attribute.len()).unwrap_or(letters.len() - 1);
        letters[at..=end].iter_mut().filter(|x| **x != '\n').for_each(|x| *x = ' ');
    }
    letters.into_iter().collect()
}

fn is_test_file(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.ends_with("_tests.rs") || path.contains("/tests/")
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn squeezed(text: &str) -> String {
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    fn check_code(text: &str, expected: &str) {
        let code = Source::new("a.rs", text).code;
        assert_eq!(squeezed(&code), expected, "in {text}");
        assert_eq!(code.lines().count(), text.lines().count(), "lines of {text}");
    }

    fn check_functions(text: &str, expected: &[(&str, usize, usize)]) {
        let got = functions(&Source::new("a.rs", text).code);
        let want: Vec<Function> = expected
            .iter()
            .map(|&(name, line, n_lines)| Function { name: name.to_owned(), line, n_lines })
            .collect();
        assert_eq!(got, want, "in {text}");
    }

    #[test]
    fn comments_and_literals_are_not_code() {
        check_code("a // b\nc", "a c");
        check_code("a /* b /* c */ d */ e", "a e");
        check_code(r#"a("b // c \" d", e)"#, "a( , e)");
        check_code("a(r#\"b \" c\"#, br\"d\\\", e)", "a( , , e)");
        check_code("let r#fn = b\"x\" ;", "let r#fn = b ;");
    }

    #[test]
    fn a_lifetime_is_not_a_character() {
        check_code("fn f<'a>(x: &'a str) -> char { 'x' }", "fn f<'a>(x: &'a str) -> char { }");
        check_code(r"['{', '\'', '\u{7b}', '}']", "[ , , , ]");
    }

    #[test]
    fn a_file_that_ends_inside_a_literal_is_read_to_its_end() {
        for text in ["\"a\\", "'\\", "r#\"a", "/* a", "// a", "r", "'"] {
            assert_eq!(classify(text).len(), text.chars().count(), "in {text}");
        }
    }

    #[test]
    fn a_function_is_measured_from_fn_to_its_closing_brace() {
        check_functions("fn a() {\n    1;\n}\n", &[("a", 1, 3)]);
        check_functions("\npub fn a(\n    x: [u8; 2],\n) -> u8 { x[0] }", &[("a", 2, 3)]);
        check_functions("fn a() {\n    let s = \"}\";\n    // }\n}", &[("a", 1, 4)]);
        check_functions("fn a() {\n    fn b() {}\n}", &[("a", 1, 3), ("b", 2, 1)]);
    }

    #[test]
    fn a_function_type_or_a_trait_method_without_a_body_has_no_length() {
        check_functions("trait T { fn a(&self) -> u8; }\nstruct S(fn(u8) -> u8);", &[]);
        check_functions("fn a(f: fn(u8) -> u8) {}", &[("a", 1, 1)]);
    }

    #[test]
    fn test_code_does_not_ship() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\nfn c() {}\n";
        let source = Source::new("a.rs", text);
        assert_eq!(squeezed(&source.shipped), "fn a() {} fn c() {}");
        let elsewhere = Source::new("a.rs", "#[cfg(test)]\nmod tests;\nfn c() {}");
        assert_eq!(squeezed(&elsewhere.shipped), "fn c() {}");
        let apart = Source::new("a/gate_tests.rs", "fn b() {}\nfn c() {}");
        assert_eq!(apart.shipped, "\n\n");
    }

    #[test]
    fn a_comment_keeps_its_line() {
        let source = Source::new("a.rs", "let a = 1; // why\nlet b = \"// no\";");
        assert_eq!(source.comments.lines().map(squeezed).collect::<Vec<_>>(), ["// why", ""]);
    }
}
