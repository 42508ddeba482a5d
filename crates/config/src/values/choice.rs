//! Values that are one of a few words.

use std::fmt;
use std::marker::PhantomData;

use serde::Serializer;
use serde::de::{Deserializer, Error, Unexpected, Visitor};

/// A value that is written as one of a few words.
pub(crate) trait Choice: Copy + 'static {
    /// The words, each with its value.
    const CHOICES: &'static [(&'static str, Self)];
}

/// Reads one of the words of `T`.
pub(crate) fn of<'de, D: Deserializer<'de>, T: Choice>(deserializer: D) -> Result<T, D::Error> {
    deserializer.deserialize_any(Words(PhantomData))
}

/// Returns the word of `choice` as written in a file.
pub(crate) fn quoted<T: Choice + PartialEq>(choice: T) -> String {
    format!("{:?}", word(choice))
}

fn word<T: Choice + PartialEq>(choice: T) -> &'static str {
    let word = T::CHOICES.iter().find(|(_, other)| *other == choice).map(|(word, _)| *word);
    word.expect("every choice has a word")
}

/// Serializes the word of `choice`.
pub(crate) fn show<T: Choice + PartialEq, S: Serializer>(
    choice: &T,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(word(*choice))
}

struct Words<T>(PhantomData<T>);

impl<T: Choice> Visitor<'_> for Words<T> {
    type Value = T;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<String> = T::CHOICES.iter().map(|(word, _)| format!("\"{word}\"")).collect();
        write!(formatter, "one of {}", words.join(", "))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        T::CHOICES
            .iter()
            .find(|(word, _)| *word == text)
            .map(|(_, choice)| *choice)
            .ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{assert_refused, assert_variable_refused, load_text};

    /// Every key that takes a word, with its words.
    const CHOICES: &[(&str, &str, &[&str])] = &[
        ("udp", "steering", &["auto", "off"]),
        ("udp", "reply_source", &["destination", "kernel"]),
        ("proxy", "header", &["none", "x-forwarded-for", "x-real-ip", "proxy-protocol"]),
        ("access", "mode", &["public", "listed", "private", "private-listed"]),
        ("access", "peer_details", &["off", "on"]),
        ("database", "remember_completed", &["off", "on"]),
        ("connection_ids", "invalid", &["error", "drop"]),
        ("log", "level", &["error", "warn", "info", "debug", "trace"]),
        ("log", "format", &["text", "json"]),
    ];

    /// Values of other keys that the word requires, because their defaults contradict it.
    fn companions(name: &str, word: &str) -> &'static str {
        if name == "header" && word != "none" { "trusted = \"10.0.0.0/8\"" } else { "" }
    }

    fn allowed(words: &[&str]) -> String {
        let quoted: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
        format!("expected one of {}", quoted.join(", "))
    }

    #[test]
    fn every_word_is_accepted() {
        for (section, name, words) in CHOICES {
            for word in *words {
                let companions = companions(name, word);
                let text = format!("[{section}]\n{name} = \"{word}\"\n{companions}\n");
                assert!(load_text(&text).is_ok(), "{name} = {word}");
            }
        }
    }

    #[test]
    fn another_word_or_type_is_refused_with_the_allowed_words() {
        for (section, name, words) in CHOICES {
            let key = format!("{section}.{name}");
            for value in ["\"loud\"", "\"\"", "\"AUTO\"", "1", "true", "[\"info\"]"] {
                assert_refused(&format!("[{section}]\n{name} = {value}\n"), 2, &[&key, &allowed(words)]);
            }
            let variable = format!("RINGTRACK_{section}_{name}").to_uppercase();
            assert_variable_refused(&variable, "loud", &[&key, &allowed(words)]);
        }
    }
}
