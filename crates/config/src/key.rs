//! All keys, as declared by the section structs.

use std::fmt;

use confique::Config;
use confique::meta::{Field, FieldKind};

use crate::Configuration;

/// A key of the configuration, with its names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) section: &'static str,
    pub(crate) name: &'static str,
    /// The environment variable that sets the key.
    pub(crate) variable: Option<&'static str>,
}

impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.section, self.name)
    }
}

/// Returns the names of the sections, in the order of the configuration file.
pub(crate) fn sections() -> impl Iterator<Item = &'static str> {
    Configuration::META.fields.iter().map(|section| section.name)
}

/// Returns every key, in the order of the configuration file.
pub(crate) fn keys() -> impl Iterator<Item = Key> {
    Configuration::META.fields.iter().flat_map(keys_of)
}

fn keys_of(section: &'static Field) -> impl Iterator<Item = Key> {
    let fields = match section.kind {
        FieldKind::Nested { meta } => meta.fields,
        FieldKind::Leaf { .. } => &[],
    };
    fields.iter().filter_map(|field| match field.kind {
        FieldKind::Leaf { env, .. } => Some(Key { section: section.name, name: field.name, variable: env }),
        FieldKind::Nested { .. } => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_the_environment_variable_of_its_section_and_name() {
        for key in keys() {
            let expected = format!("RINGTRACK_{}_{}", key.section, key.name).to_uppercase();
            assert_eq!(key.variable, Some(expected.as_str()), "{key}");
        }
    }

    #[test]
    fn every_field_of_the_root_is_a_section_with_keys() {
        for section in sections() {
            assert!(keys().any(|key| key.section == section), "{section}");
        }
    }

    #[test]
    fn every_key_documents_what_is_allowed() {
        for section in Configuration::META.fields {
            let FieldKind::Nested { meta } = section.kind else { panic!("{} has no keys", section.name) };
            for field in meta.fields {
                let allowed = field.doc.iter().filter(|line| line.starts_with(" Allowed: ")).count();
                assert_eq!(allowed, 1, "{}.{}", section.name, field.name);
            }
        }
    }
}
