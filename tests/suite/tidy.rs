//! The words of the code base, and what every file has to have.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Words that a standard term has replaced, wherever they stand.
const REPLACED: &[&str] = &[
    "caller",
    "callers",
    "conversation",
    "conversations",
    "desk",
    "desks",
    "errand",
    "errands",
    "farewell",
    "fleet",
    "hall",
    "inquire",
    "inquiries",
    "inquiry",
    "journey",
    "journeys",
    "keeper",
    "nobody",
    "surroundings",
    "survey",
    "surveys",
    "visitor",
    "visitors",
];

/// Words that are plain English in a sentence, but name nothing.
const REPLACED_IN_NAMES: &[&str] = &[
    "announcer",
    "board",
    "fact",
    "facts",
    "fate",
    "mend",
    "mended",
    "pulse",
    "standing",
    "tell",
    "tells",
    "told",
];

/// Pairs of words that a standard term has replaced.
const REPLACED_PAIRS: &[(&str, &str)] = &[
    ("go", "on"),
    ("key", "book"),
    ("key", "ring"),
    ("let", "in"),
    ("so", "many"),
    ("take", "in"),
    ("taken", "in"),
    ("turn", "away"),
    ("turned", "away"),
    ("way", "down"),
];

/// Names of others: of the compiler, of crates, and of a figure that monitoring systems know.
const NAMES_OF_OTHERS: &[&str] =
    &["track_caller", "CoresVisitor", "TokensVisitor", "Visitor", "http_errands"];

/// Folders and files whose texts are ours.
const OURS: &[&str] = &["bench", "config", "crates", "docs", "systemd", "tests", "README.md"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn add_files(path: &Path, files: &mut Vec<PathBuf>) {
    let is_ours =
        |path: &Path| !["corpus", "seeds", "target", "node_modules"].iter().any(|name| path.ends_with(name));
    if path.is_dir() && is_ours(path) {
        for entry in std::fs::read_dir(path).expect("a folder can be read") {
            add_files(&entry.expect("an entry can be read").path(), files);
        }
    } else if ["md", "py", "rs", "service", "sh", "toml"]
        .iter()
        .any(|end| path.extension().is_some_and(|it| it == *end))
    {
        files.push(path.to_owned());
    }
}

/// The files of these folders with their texts.
fn texts(folders: &[&str]) -> BTreeMap<PathBuf, String> {
    let mut files = Vec::new();
    folders.iter().for_each(|folder| add_files(&root().join(folder), &mut files));
    let text = |path: PathBuf| (path.clone(), std::fs::read_to_string(path).expect("a text can be read"));
    files.into_iter().filter(|path| !path.ends_with(file!().rsplit('/').next().unwrap())).map(text).collect()
}

/// The names and words of a line.
fn names(line: &str) -> impl Iterator<Item = &str> {
    line.split(|character: char| !character.is_alphanumeric() && character != '_')
        .filter(|name| !name.is_empty())
}

/// The words of a name, in lower case: `TorrentScan` has two, `torrents_max` too.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    for character in name.chars() {
        if character == '_' || (character.is_uppercase() && before.is_lowercase()) {
            words.push(String::new());
        }
        if character != '_' {
            words.last_mut().expect("there is one").extend(character.to_lowercase());
        }
        before = character;
    }
    words
}

/// The replaced words in a line, and the pairs of them in a name or in a comment.
fn replaced(line: &str) -> Vec<String> {
    let is_name = |name: &str| name.contains('_') || name.contains(char::is_uppercase);
    let is_pair = |pair: &[String]| REPLACED_PAIRS.contains(&(pair[0].as_str(), pair[1].as_str()));
    let mut found = Vec::new();
    for name in names(line).filter(|name| !NAMES_OF_OTHERS.contains(name)) {
        let words = words(name);
        found.extend(words.windows(2).filter(|pair| is_pair(pair)).map(|pair| pair.join(" ")));
        found.extend(words.into_iter().filter(|word| {
            REPLACED.contains(&word.as_str()) || (is_name(name) && REPLACED_IN_NAMES.contains(&word.as_str()))
        }));
    }
    let comment = line.split_once("//").map_or("", |(_, comment)| comment);
    let words: Vec<String> = names(comment).map(str::to_lowercase).collect();
    found.extend(words.windows(2).filter(|pair| is_pair(pair)).map(|pair| pair.join(" ")));
    found
}

#[test]
fn replaced_words_are_found_in_names_and_in_sentences() {
    assert_eq!(replaced("fn run_errand(hall: Hall)"), ["errand", "hall", "hall"]);
    assert_eq!(replaced("/// Turned away, so many of them."), ["turned away", "so many"]);
    assert_eq!(replaced("struct CoreFact; // a matter of fact"), ["fact"]);
    assert_eq!(replaced("#[track_caller] fn bulletin()"), Vec::<String>::new());
}

#[test]
fn no_replaced_word_comes_back() {
    let mut found = BTreeSet::new();
    for (path, text) in texts(OURS) {
        for (number, line) in text.lines().enumerate() {
            for word in replaced(line) {
                found.insert(format!("{}:{}: {word}", path.display(), number + 1));
            }
        }
    }
    assert!(
        found.is_empty(),
        "the glossary has other words:\n{}",
        found.into_iter().collect::<Vec<_>>().join("\n")
    );
}

#[test]
fn every_public_item_is_documented() {
    let items = ["fn", "async fn", "const fn", "struct", "enum", "trait", "type", "const", "static"];
    for (path, text) in texts(&["crates"]) {
        let lines: Vec<&str> = text.lines().map(str::trim_start).collect();
        for (number, line) in lines.iter().enumerate() {
            let item = line.strip_prefix("pub ").unwrap_or_default();
            if items
                .iter()
                .any(|keyword| item.strip_prefix(keyword).is_some_and(|rest| rest.starts_with(' ')))
            {
                let above = lines[..number]
                    .iter()
                    .rev()
                    .find(|line| !line.starts_with("#[") && !line.ends_with(")]"));
                let is_documented = above.is_some_and(|line| line.starts_with("///"));
                assert!(is_documented, "{}:{}: {line}", path.display(), number + 1);
            }
        }
    }
}
