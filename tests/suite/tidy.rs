//! The words of the code base, and the documentation of its public items.

use std::path::{Path, PathBuf};

/// Words that a standard term has replaced, wherever they stand.
const REPLACED: &str = "caller callers conversation conversations desk desks errand errands farewell fleet hall inquire \
    inquiries inquiry journey journeys keeper surroundings survey surveys visitor visitors";

/// Words that are plain English in a sentence, but name nothing.
const REPLACED_IN_NAMES: &str = "announcer board fact facts fate mend mended pulse standing tell tells told";

/// Pairs of words that a standard term has replaced, in names and in comments.
const REPLACED_PAIRS: [&str; 10] = [
    "go on",
    "key book",
    "key ring",
    "let in",
    "so many",
    "take in",
    "taken in",
    "turn away",
    "turned away",
    "way down",
];

/// Names of others: of the compiler, of serde, and of a figure that monitoring systems know.
const NAMES_OF_OTHERS: [&str; 5] =
    ["track_caller", "CoresVisitor", "TokensVisitor", "Visitor", "http_errands"];

fn add_files(path: &Path, files: &mut Vec<PathBuf>) {
    let is_text = |end: &str| path.extension().is_some_and(|extension| extension == end);
    if path.is_dir() && !["corpus", "seeds", "target"].iter().any(|name| path.ends_with(name)) {
        for entry in std::fs::read_dir(path).expect("a folder can be read") {
            add_files(&entry.expect("an entry can be read").path(), files);
        }
    } else if ["md", "py", "rs", "service", "sh", "toml"].into_iter().any(is_text)
        && !path.ends_with("tidy.rs")
    {
        files.push(path.to_owned());
    }
}

/// Calls `visit` with each line of the texts below these folders, and with where it stands.
fn for_each_line(folders: &[&str], mut visit: impl FnMut(&str, &[&str], String)) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = Vec::new();
    folders.iter().for_each(|folder| add_files(&root.join(folder), &mut files));
    for path in files {
        let text = std::fs::read_to_string(&path).expect("a text can be read");
        let lines: Vec<&str> = text.lines().collect();
        for (index, line) in lines.iter().enumerate() {
            visit(line, &lines[..index], format!("{}:{}", path.display(), index + 1));
        }
    }
}

/// The words of a name, in lower case and separated by blanks: `CoreHandle` has two, `torrents_max` too.
fn words(name: &str) -> String {
    let mut words = String::new();
    for character in name.chars() {
        let is_capital = character.is_uppercase() && words.ends_with(char::is_lowercase);
        if character == '_' || is_capital {
            words.push(' ');
        }
        words.extend(character.to_lowercase().filter(|&character| character != '_'));
    }
    words
}

/// The replaced words in a line.
fn replaced(line: &str) -> Vec<String> {
    let names = |text: &str| -> Vec<String> {
        let names = text.split(|character: char| !character.is_alphanumeric() && character != '_');
        names.filter(|name| !NAMES_OF_OTHERS.contains(name)).map(str::to_owned).collect()
    };
    let is_one_of = |list: &str, word: &str| list.split_whitespace().any(|replaced| replaced == word);
    let mut found = Vec::new();
    for name in names(line) {
        let words = words(&name);
        let is_compound = name.contains('_') || name.contains(char::is_uppercase);
        found.extend(words.split(' ').filter(|word| is_one_of(REPLACED, word)).map(str::to_owned));
        if is_compound {
            found.extend(
                words.split(' ').filter(|word| is_one_of(REPLACED_IN_NAMES, word)).map(str::to_owned),
            );
        }
        found.extend(REPLACED_PAIRS.iter().filter(|&&pair| words == pair).map(ToString::to_string));
    }
    let comment =
        format!(" {} ", names(line.split_once("//").unwrap_or_default().1).join(" ").to_lowercase());
    let is_in_comment = |pair: &&&str| comment.contains(&format!(" {pair} "));
    found.extend(REPLACED_PAIRS.iter().filter(is_in_comment).map(ToString::to_string));
    found
}

#[test]
fn replaced_words_are_found_in_names_and_in_sentences() {
    assert_eq!(replaced("fn run_errand(hall: Hall)"), ["errand", "hall", "hall"]);
    assert_eq!(replaced("/// Turned away, so many of them."), ["so many", "turned away"]);
    assert_eq!(replaced("struct CoreFact; // a matter of fact"), ["fact"]);
    assert_eq!(replaced("#[track_caller] fn bulletin()"), Vec::<String>::new());
}

#[test]
fn no_replaced_word_comes_back() {
    let mut found = Vec::new();
    for_each_line(
        &["bench", "config", "crates", "docs", "systemd", "tests", "README.md"],
        |line, _, place| {
            found.extend(replaced(line).into_iter().map(|word| format!("{place}: {word}")));
        },
    );
    assert!(found.is_empty(), "the glossary has other words:\n{}", found.join("\n"));
}

#[test]
fn every_public_item_is_documented() {
    let keywords = ["async", "const", "enum", "fn", "static", "struct", "trait", "type"];
    let mut found = Vec::new();
    for_each_line(&["crates"], |line, before, place| {
        let item = line.trim_start().strip_prefix("pub ").and_then(|item| item.split(' ').next());
        if item.is_some_and(|item| keywords.contains(&item)) {
            let above =
                before.iter().rev().take_while(|line| !line.is_empty() && !line.ends_with(['{', '}', ';']));
            if !above.map(|line| line.trim_start()).any(|line| line.starts_with("///")) {
                found.push(format!("{place}: {}", line.trim_start()));
            }
        }
    });
    assert!(found.is_empty(), "these have no documentation:\n{}", found.join("\n"));
}
