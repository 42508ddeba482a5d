//! Values that are one of a few words.

use super::{Fault, Value, refused, text};

/// A value that is written as one of a few words.
pub(crate) trait Choice: Copy + PartialEq + 'static {
    /// The words, each with its value.
    const CHOICES: &'static [(&'static str, Self)];

    /// Returns the word of this value.
    fn word(self) -> &'static str {
        let word = Self::CHOICES.iter().find(|(_, other)| *other == self).map(|(word, _)| *word);
        word.expect("every choice has a word")
    }
}

/// Declares an enum of values with their words.
macro_rules! choice {
    ($(#[$meta:meta])+ $visibility:vis enum $Choice:ident { $($Value:ident = $word:literal,)+ }) => {
        $(#[$meta])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        $visibility enum $Choice {
            $($Value,)+
        }

        impl $crate::values::choice::Choice for $Choice {
            const CHOICES: &'static [(&'static str, Self)] = &[$(($word, Self::$Value)),+];
        }

        impl $crate::values::Written for $Choice {
            fn written(&self) -> $crate::values::Json {
                $crate::values::choice::Choice::word(*self).into()
            }
        }
    };
}

pub(crate) use choice;

/// Reads one of the words of `T`.
pub(crate) fn one_of<T: Choice>(value: &Value<'_>) -> Result<T, Fault> {
    let words: Vec<String> = T::CHOICES.iter().map(|(word, _)| format!("\"{word}\"")).collect();
    let expected = format!("one of {}", words.join(", "));
    let text = text(value, &expected)?;
    let choice = T::CHOICES.iter().find(|(word, _)| *word == text).map(|(_, choice)| *choice);
    choice.ok_or_else(|| refused(value, &expected))
}

choice! {
    /// Whether a function is active.
    pub enum Switch {
        Off = "off",
        On = "on",
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{assert_refused, assert_variable_refused, load_text};

    /// Every key that takes a word, with its words.
    const CHOICES: &[(&str, &str, &[&str])] = &[
        ("udp", "steering", &["auto", "off"]),
        ("udp", "filter", &["auto", "off"]),
        ("udp", "reply_source", &["auto", "destination", "kernel"]),
        ("proxy", "header", &["none", "x-forwarded-for", "x-real-ip", "proxy-protocol"]),
        ("websocket", "enabled", &["off", "on"]),
        ("access", "mode", &["public", "listed", "private", "private-listed"]),
        ("access", "peer_details", &["off", "on"]),
        ("forwarding", "private_peers", &["refuse", "accept"]),
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
