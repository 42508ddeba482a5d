//! The declaration of sections and keys, from which everything else is derived: the structs, the parser, the names of
//! the environment variables, the built-in defaults and the commented configuration file.

use std::fmt;

use crate::Configuration;
use crate::values::{Fault, Json, Value};

/// A section of the configuration.
pub(crate) trait Section {
    const KEYS: &'static [KeyText];
    /// The documentation of the struct, which is the heading in the configuration file.
    const HEADING: &'static str;

    /// Reads the value of a key.
    fn set(&mut self, key: &str, value: &Value<'_>) -> Result<(), Fault>;

    /// Returns an object of keys with their current values.
    fn written(&self) -> Json;

    /// Returns the names of the keys whose values differ.
    fn changed(&self, other: &Self) -> Vec<&'static str>;

    /// Takes the value of a key from another section.
    fn take_over(&mut self, key: &str, from: &Self);
}

/// The name of a key and the lines of its documentation.
pub(crate) struct KeyText {
    pub(crate) name: &'static str,
    pub(crate) documentation: &'static [&'static str],
}

/// The name of a section, its heading and its keys.
pub(crate) struct SectionText {
    pub(crate) name: &'static str,
    pub(crate) heading: &'static str,
    pub(crate) keys: &'static [KeyText],
}

impl SectionText {
    pub(crate) const fn of<S: Section>(name: &'static str) -> Self {
        Self { name, heading: S::HEADING, keys: S::KEYS }
    }
}

/// Declares a section. Each key has its documentation, its type, its default and the reader of its value.
macro_rules! section {
    (
        $(#[doc = $heading:literal])+
        $visibility:vis struct $Section:ident;
        $($(#[doc = $line:literal])+ $key:ident: $Type:ty = $default:expr, $read:expr;)+
    ) => {
        $(#[doc = $heading])+
        #[derive(Debug, Clone, PartialEq, Eq)]
        $visibility struct $Section {
            $($(#[doc = $line])+ $visibility $key: $Type,)+
        }

        impl Default for $Section {
            fn default() -> Self {
                Self { $($key: $default,)+ }
            }
        }

        impl $crate::declare::Section for $Section {
            const KEYS: &'static [$crate::declare::KeyText] =
                &[$($crate::declare::KeyText { name: stringify!($key), documentation: &[$($line),+] }),+];
            const HEADING: &'static str = concat!($($heading),+);

            fn set(
                &mut self,
                key: &str,
                value: &$crate::values::Value<'_>,
            ) -> Result<(), $crate::values::Fault> {
                match key {
                    $(stringify!($key) => self.$key = ($read)(value)?,)+
                    _ => unreachable!("a key is in the table of its section"),
                }
                Ok(())
            }

            fn written(&self) -> $crate::values::Json {
                [$((stringify!($key), $crate::values::Written::written(&self.$key))),+].into_iter().collect()
            }

            fn changed(&self, other: &Self) -> Vec<&'static str> {
                let keys = [$((stringify!($key), self.$key != other.$key)),+];
                keys.into_iter().filter(|(_, differs)| *differs).map(|(key, _)| key).collect()
            }

            fn take_over(&mut self, key: &str, from: &Self) {
                match key {
                    $(stringify!($key) => self.$key.clone_from(&from.$key),)+
                    _ => unreachable!("a key is in the table of its section"),
                }
            }
        }
    };
}

pub(crate) use section;

/// A key of the configuration, with its names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) section: &'static str,
    pub(crate) name: &'static str,
}

impl Key {
    /// Returns the environment variable that sets the key.
    pub(crate) fn variable(self) -> String {
        format!("RINGTRACK_{}_{}", self.section, self.name).to_uppercase()
    }
}

impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.section, self.name)
    }
}

/// Returns the names of the sections, in the order of the configuration file.
pub(crate) fn sections() -> impl Iterator<Item = &'static str> {
    Configuration::SECTIONS.iter().map(|section| section.name)
}

/// Returns every key, in the order of the configuration file.
pub(crate) fn keys() -> impl Iterator<Item = Key> {
    let of = |section: &'static SectionText| {
        section.keys.iter().map(|key| Key { section: section.name, name: key.name })
    };
    Configuration::SECTIONS.iter().flat_map(of)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_documents_what_is_allowed() {
        for section in Configuration::SECTIONS {
            for key in section.keys {
                let allowed = key.documentation.iter().filter(|line| line.starts_with(" Allowed: ")).count();
                assert_eq!(allowed, 1, "{}.{}", section.name, key.name);
            }
        }
    }
}
