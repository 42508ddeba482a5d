//! Merges the sources of values into a configuration.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use crate::declare::Key;
use crate::file::{Assignment, Origin};
use crate::limits::FILE_BYTES_MAX;
use crate::{ConfigError, Configuration, consistency, environment, file};

/// A configuration, and warnings for the operator.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// The merged and checked configuration.
    pub configuration: Configuration,
    /// A sentence for each setting or variable that is allowed but probably a mistake.
    pub warnings: Vec<String>,
}

/// Loads the configuration. The values of `file`, if there is one, override the built-in defaults, and the
/// `RINGTRACK_…` variables of `environment` (usually [`std::env::vars_os`]) override both.
///
/// # Errors
///
/// Returns the first error found: the file cannot be read or is not TOML, a key does not exist, a value has the wrong
/// type or is not allowed, or values contradict each other.
pub fn load(
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Loaded, ConfigError> {
    let Some(file) = file else { return load_text(Path::new(""), "", environment) };
    let text = file::read(file, FILE_BYTES_MAX, "a configuration file")
        .map_err(|reason| ConfigError::Unreadable { file: file.to_path_buf(), reason })?;
    load_text(file, &text, environment)
}

/// Loads the configuration from the text of a file, like [`load`]. Messages name it `file`.
///
/// # Errors
///
/// As [`load`], but nothing is read.
pub fn load_text(
    file: &Path,
    text: &str,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Loaded, ConfigError> {
    let mut merged = Merged::default();
    for assignment in file::assignments(file, text)? {
        merged.apply(assignment)?;
    }
    let variables = environment::variables(environment)?;
    for variable in &variables.known {
        merged.apply(variable.assignment())?;
    }
    let Merged { configuration, origins } = merged;
    consistency::check(&configuration, &origins)?;
    let mut warnings = variables.warnings;
    warnings.extend(consistency::warnings(&configuration));
    Ok(Loaded { configuration, warnings })
}

/// The result of the sources applied so far.
#[derive(Default)]
struct Merged {
    configuration: Configuration,
    origins: Origins,
}

impl Merged {
    fn apply(&mut self, assignment: Assignment<'_>) -> Result<(), ConfigError> {
        let Assignment { key, value, origin } = assignment;
        self.configuration.set(key, &value).map_err(|fault| ConfigError::Value {
            origin: origin.to_string(),
            key: key.to_string(),
            reason: fault.to_string(),
        })?;
        self.origins.0.insert(key, origin);
        Ok(())
    }
}

/// The origin of the value of each key that is set.
#[derive(Debug, Default)]
pub(crate) struct Origins(BTreeMap<Key, Origin>);

impl Origins {
    /// Returns the origin of the value of `key`.
    pub(crate) fn of(&self, key: Key) -> &Origin {
        self.0.get(&key).unwrap_or(&Origin::Default)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use super::*;
    use crate::testing::{assert_contains, assert_refused, environment, file_with, load_text};
    use crate::{Interval, LogLevel, ProxyHeader, ReplySource, Steering};

    #[test]
    fn without_sources_the_defaults_are_loaded() {
        let expected = Loaded { configuration: Configuration::default(), warnings: Vec::new() };
        assert_eq!(load(None, []).unwrap(), expected);
    }

    #[test]
    fn an_empty_file_loads_the_defaults() {
        assert_eq!(load_text("").unwrap(), Configuration::default());
    }

    #[test]
    fn the_environment_overrides_the_file_and_the_file_overrides_the_default() {
        let file = file_with("[udp]\nbatch_datagrams = 32\npath_mtu_bytes = 1400\n");
        let environment = environment(&[("RINGTRACK_UDP_BATCH_DATAGRAMS", "16"), ("PATH", "/bin")]);
        let udp = load(Some(file.path()), environment).unwrap().configuration.udp;
        assert_eq!(udp.batch_datagrams, 16);
        assert_eq!(udp.path_mtu_bytes, 1400);
        assert_eq!(udp.send_buffer_bytes, 4_194_304);
    }

    #[test]
    fn words_and_numbers_are_read_as_what_they_stand_for() {
        let text = r#"
            log = { level = "warn" }
            statistics.interval_s = 0
            [udp]
            steering = "off"
            reply_source = "kernel"
            [proxy]
            trusted = "10.0.0.0/8"
            header = "proxy-protocol"
            [limits]
            memory_max_mib = 512
        "#;
        let configuration = load_text(text).unwrap();
        assert_eq!(configuration.log.level, LogLevel::Warn);
        assert_eq!(configuration.statistics.interval_s, Interval::Off);
        assert_eq!(configuration.udp.steering, Steering::Off);
        assert_eq!(configuration.udp.reply_source, ReplySource::Kernel);
        assert_eq!(configuration.proxy.header, ProxyHeader::ProxyProtocol);
        assert_eq!(configuration.limits.memory_max_mib, Some(512.try_into().unwrap()));
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_line_and_the_keys_of_its_section() {
        let parts = ["log.levle", "no such key", "level, format"];
        assert_refused("# first\n[log]\nlevle = \"info\"\n", 3, &parts);
    }

    #[test]
    fn an_unknown_section_is_refused_with_its_line_and_the_sections() {
        assert_refused("\n[upd]\n", 2, &["upd", "no such key", "[workers], [udp]"]);
        assert_refused("interval_s = 1800\n", 1, &["interval_s", "[announce]"]);
    }

    #[test]
    fn a_value_in_place_of_a_section_is_refused() {
        assert_refused("udp = 6969\n", 1, &["udp", "integer", "under [udp]"]);
        assert_refused("[[udp]]\n", 1, &["udp", "array", "under [udp]"]);
    }

    #[test]
    fn text_that_is_not_toml_is_refused_with_its_line() {
        assert_refused("[udp]\nbatch_datagrams = \n", 2, &["not valid TOML"]);
        assert_refused(
            "[log]\nlevel = \"info\"\nlevel = \"warn\"\n",
            3,
            &["not valid TOML", "duplicate key"],
        );
    }

    #[test]
    fn a_missing_file_and_a_directory_are_refused_with_their_path() {
        let directory = tempfile::tempdir().unwrap();
        let missing = directory.path().join("missing.toml");
        for path in [missing.as_path(), directory.path()] {
            let message = load(Some(path), []).unwrap_err().to_string();
            assert_contains(&message, &[path.to_str().unwrap(), "cannot read", "os error"]);
        }
    }

    #[test]
    fn a_file_that_is_not_utf_8_is_refused_with_its_path() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("bytes.toml");
        std::fs::write(&path, [0xff, 0xfe]).unwrap();
        let message = load(Some(&path), []).unwrap_err().to_string();
        assert_contains(&message, &[path.to_str().unwrap(), "UTF-8"]);
    }

    #[test]
    fn a_file_of_a_mebibyte_is_read_and_a_longer_one_is_refused() {
        assert!(load_text(&"#".repeat(1_048_576)).is_ok());
        let file = file_with(&"#".repeat(1_048_577));
        let message = load(Some(file.path()), []).unwrap_err().to_string();
        assert_contains(&message, &[file.path().to_str().unwrap(), "longer than 1048576 bytes"]);
    }

    #[test]
    fn a_path_that_is_not_utf_8_is_printable() {
        let path = std::path::PathBuf::from(OsString::from_vec(vec![b'/', 0xff]));
        assert_contains(&load(Some(&path), []).unwrap_err().to_string(), &["cannot read"]);
    }

    #[test]
    fn an_error_is_one_line_without_a_further_source() {
        let error = load_text("[udp]\nlisten = 5\n").unwrap_err();
        assert!(!error.to_string().contains('\n'));
        assert!(std::error::Error::source(&error).is_none());
    }
}
