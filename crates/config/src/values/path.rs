//! Optional paths.

use std::fmt;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use serde::Serializer;
use serde::de::{Deserializer, Error, Visitor};

/// A value that is written as a path, or as "" with a special meaning.
pub(crate) trait PathOrNothing: Sized {
    /// The allowed values, as stated in errors.
    const EXPECTED: &'static str;
    /// The meaning of "".
    const NOTHING: Self;

    fn path(path: PathBuf) -> Self;

    /// Returns the path, unless the value is "".
    fn named(&self) -> Option<&Path>;
}

/// Reads a path or "".
pub(crate) fn or_nothing<'de, D: Deserializer<'de>, T: PathOrNothing>(
    deserializer: D,
) -> Result<T, D::Error> {
    deserializer.deserialize_any(Text(PhantomData))
}

/// Serializes the path, or "".
pub(crate) fn show<T: PathOrNothing, S: Serializer>(path: &T, serializer: S) -> Result<S::Ok, S::Error> {
    match path.named() {
        Some(path) => serializer.collect_str(&path.display()),
        None => serializer.serialize_str(""),
    }
}

struct Text<T>(PhantomData<T>);

impl<T: PathOrNothing> Visitor<'_> for Text<T> {
    type Value = T;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(T::EXPECTED)
    }

    fn visit_str<E: Error>(self, path: &str) -> Result<T, E> {
        Ok(if path.is_empty() { T::NOTHING } else { T::path(path.into()) })
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{assert_refused, load_text};
    use crate::{ConnectionIdKey, LatencyDirectory, NamedFile, PemFile};

    /// Every key that takes a path, with the expectation in its error.
    const PATHS: &[(&str, &str, &str)] = &[
        ("access", "allow_file", "the path of a file, or \"\" for none"),
        ("access", "deny_file", "the path of a file, or \"\" for none"),
        ("api", "tokens_file", "the path of a file, or \"\" for none"),
        ("api", "certificate_file", "the path of a file in PEM, or \"\" for none"),
        ("api", "key_file", "the path of a file in PEM, or \"\" for none"),
        ("connection_ids", "key_file", "the path of a file, or \"\" for a random key"),
        ("https", "certificate_file", "the path of a file in PEM, or \"\" for none"),
        ("https", "key_file", "the path of a file in PEM, or \"\" for none"),
        (
            "latency",
            "directory",
            "the path of a directory, or \"\" for the service manager's or the working directory",
        ),
    ];

    #[test]
    fn a_path_is_taken_verbatim_and_an_empty_one_has_a_special_meaning() {
        let load = |path: &str| {
            let keys = ["api.tokens_file", "connection_ids.key_file", "https.key_file", "latency.directory"];
            load_text(&keys.map(|key| format!("{key} = \"{path}\"\n")).concat()).unwrap()
        };
        let (named, unnamed) = (load("/tmp/x"), load(""));
        assert_eq!(named.connection_ids.key_file, ConnectionIdKey::File("/tmp/x".into()));
        assert_eq!(named.https.key_file, PemFile::Path("/tmp/x".into()));
        assert_eq!(named.latency.directory, LatencyDirectory::Path("/tmp/x".into()));
        assert_eq!(unnamed.connection_ids.key_file, ConnectionIdKey::Random);
        assert_eq!(named.api.tokens_file, NamedFile::Path("/tmp/x".into()));
        assert_eq!(unnamed.api.tokens_file, NamedFile::Unset);
        assert_eq!(unnamed.https.key_file, PemFile::Unset);
        assert_eq!(unnamed.latency.directory, LatencyDirectory::Automatic);
    }

    #[test]
    fn a_value_that_is_not_a_path_is_refused_with_what_is_expected() {
        for (section, name, expected) in PATHS {
            for bad in ["5", "true", "[\"a\"]"] {
                let text = format!("[{section}]\n{name} = {bad}\n");
                assert_refused(&text, 2, &[&format!("{section}.{name}"), expected]);
            }
        }
    }
}
