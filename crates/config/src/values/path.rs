//! Optional paths.

use std::path::PathBuf;

use super::{Fault, Json, Value, Written, text};

/// The allowed values of a key for a file.
pub(crate) const FILE: &str = "the path of a file, or \"\" for none";
/// The allowed values of a key for a certificate or its private key.
pub(crate) const PEM_FILE: &str = "the path of a file in PEM, or \"\" for none";

/// Reads a path or "". `expected` states what is allowed.
pub(crate) fn path(expected: &str) -> impl FnOnce(&Value<'_>) -> Result<Option<PathBuf>, Fault> {
    move |value: &Value<'_>| {
        let path = text(value, expected)?;
        Ok((!path.is_empty()).then(|| path.into()))
    }
}

impl Written for Option<PathBuf> {
    fn written(&self) -> Json {
        self.as_ref().map(|path| path.display().to_string()).unwrap_or_default().into()
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{assert_refused, load_text};

    /// Every key that takes a path, with the expectation in its error.
    const PATHS: &[(&str, &str, &str)] = &[
        ("access", "allow_file", "the path of a file, or \"\" for none"),
        ("access", "deny_file", "the path of a file, or \"\" for none"),
        ("api", "tokens_file", "the path of a file, or \"\" for none"),
        ("api", "certificate_file", "the path of a file in PEM, or \"\" for none"),
        ("api", "key_file", "the path of a file in PEM, or \"\" for none"),
        ("connection_ids", "key_file", "the path of a file, or \"\" for a random key"),
        ("forwarding", "file", "the path of a file, or \"\" for none"),
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
        let (path, none) = (Some("/tmp/x".into()), None);
        assert_eq!(
            (named.connection_ids.key_file, unnamed.connection_ids.key_file),
            (path.clone(), none.clone())
        );
        assert_eq!((named.https.key_file, unnamed.https.key_file), (path.clone(), none.clone()));
        assert_eq!((named.latency.directory, unnamed.latency.directory), (path.clone(), none.clone()));
        assert_eq!((named.api.tokens_file, unnamed.api.tokens_file), (path, none));
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
