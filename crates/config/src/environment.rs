//! The environment: values set by `RINGTRACK_…` variables.

use std::borrow::Cow;
use std::ffi::OsString;

use toml::Spanned;
use toml::de::DeArray;

use crate::ConfigError;
use crate::declare::{Key, keys};
use crate::file::{Assignment, Origin};
use crate::values::Value;

/// The prefix of our variables; all others are ignored.
const PREFIX: &str = "RINGTRACK_";

/// A variable that sets a key, with the text of its value.
#[derive(Debug)]
pub(crate) struct Variable {
    key: Key,
    name: String,
    text: String,
}

/// The variables of an environment that start with our prefix.
#[derive(Debug, Default)]
pub(crate) struct Variables {
    /// Variables that set keys.
    pub(crate) known: Vec<Variable>,
    /// A warning for each other variable: container platforms set `RINGTRACK_PORT` and the like for a service named
    /// ringtrack.
    pub(crate) warnings: Vec<String>,
}

/// Sorts the variables of an environment. An empty variable counts as not set, since service managers and containers
/// have no other way to remove one.
pub(crate) fn variables(
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Variables, ConfigError> {
    let mut variables = Variables::default();
    for (name, value) in environment {
        let name = name.to_string_lossy().into_owned();
        if !name.starts_with(PREFIX) || value.is_empty() {
            continue;
        }
        match keys().find(|key| key.variable() == name) {
            None => variables.warnings.push(unknown(&name)),
            Some(key) => match value.into_string() {
                Ok(text) => variables.known.push(Variable { key, name, text }),
                Err(_) => return Err(not_utf8(key, name)),
            },
        }
    }
    Ok(variables)
}

fn not_utf8(key: Key, variable: String) -> ConfigError {
    ConfigError::Value {
        origin: Origin::Environment { variable }.to_string(),
        key: key.to_string(),
        reason: "the value is not valid UTF-8, expected text as in a configuration file".to_owned(),
    }
}

fn unknown(name: &str) -> String {
    let distance = |variable: &String| strsim::damerau_levenshtein(name, variable);
    let nearest = keys().map(Key::variable).min_by_key(distance).unwrap_or_default();
    format!("environment variable {name}: it sets no key and is ignored; the nearest that does is {nearest}")
}

impl Variable {
    /// Returns the assignment of this variable's value to its key.
    pub(crate) fn assignment(&self) -> Assignment<'_> {
        Assignment {
            key: self.key,
            value: value(&self.text),
            origin: Origin::Environment { variable: self.name.clone() },
        }
    }
}

/// Parses a value as in the file. Other text is a list if it contains commas, and otherwise a bare word.
fn value(text: &str) -> Value<'_> {
    let text = text.trim();
    if let Ok(value) = Value::parse(text) {
        return value.into_inner();
    }
    if !text.contains(',') {
        return Value::String(Cow::Borrowed(text));
    }
    let mut items = DeArray::new();
    for item in text.split(',') {
        items.push(Spanned::new(0..item.len(), value(item)));
    }
    Value::Array(items)
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use super::*;
    use crate::testing::{assert_contains, environment, load_environment};
    use crate::{Configuration, Cores, LogLevel, load};

    #[test]
    fn a_bare_word_needs_no_quotes() {
        for level in ["warn", "\"warn\"", " warn "] {
            let configuration = load_environment(&[("RINGTRACK_LOG_LEVEL", level)]).unwrap();
            assert_eq!(configuration.log.level, LogLevel::Warn, "{level:?}");
        }
        let path = load_environment(&[("RINGTRACK_CONNECTION_IDS_KEY_FILE", "/run/key")]).unwrap();
        assert_eq!(path.connection_ids.key_file, Some("/run/key".into()));
    }

    #[test]
    fn a_list_is_written_as_in_the_file_or_with_commas() {
        for cores in ["[0, 2]", "0,2", " 0 , 2 "] {
            let configuration = load_environment(&[("RINGTRACK_WORKERS_CORES", cores)]).unwrap();
            assert_eq!(configuration.workers.cores, Cores::List(vec![0, 2]), "{cores:?}");
        }
        for listen in ["[::]:80,0.0.0.0:80", "[\"[::]:80\", \"0.0.0.0:80\"]"] {
            let configuration = load_environment(&[("RINGTRACK_UDP_LISTEN", listen)]).unwrap();
            assert_eq!(configuration.udp.listen.len(), 2, "{listen:?}");
        }
        for single in ["[::]:80", "0.0.0.0:80"] {
            let configuration = load_environment(&[("RINGTRACK_UDP_LISTEN", single)]).unwrap();
            assert_eq!(configuration.udp.listen, [single.parse().unwrap()]);
        }
    }

    #[test]
    fn an_empty_variable_counts_as_not_set() {
        let nothing = environment(&[("RINGTRACK_LOG_LEVEL", ""), ("RINGTRACK_PORT", "")]);
        assert_eq!(load(None, nothing).unwrap(), load(None, []).unwrap());
    }

    #[test]
    fn variables_without_the_prefix_are_ignored() {
        let others =
            [("RINGTRACK", "1"), ("MY_RINGTRACK_LOG_LEVEL", "loud"), ("ringtrack_log_level", "loud")];
        assert!(load(None, environment(&others)).unwrap().warnings.is_empty());
    }

    #[test]
    fn an_unknown_variable_causes_a_warning_with_the_nearest_name_and_without_its_value() {
        for (name, nearest) in [
            ("RINGTRACK_LOG_LEVLE", "RINGTRACK_LOG_LEVEL"),
            ("RINGTRACK_UPD_LISTEN", "RINGTRACK_UDP_LISTEN"),
            ("RINGTRACK_API_TOKEN", "RINGTRACK_API_TOKENS"),
            ("RINGTRACK_ANNOUNCE_INTERVAL", "RINGTRACK_ANNOUNCE_INTERVAL_S"),
        ] {
            let loaded = load(None, environment(&[(name, "hunter2")])).unwrap();
            assert_eq!(loaded.configuration, Configuration::default());
            let expected = format!(
                "environment variable {name}: it sets no key and is ignored; the nearest that does is {nearest}"
            );
            assert_eq!(loaded.warnings, [expected]);
        }
    }

    #[test]
    fn variables_that_container_platforms_set_for_a_service_of_our_name_are_no_error() {
        let variables = [
            ("RINGTRACK_PORT", "tcp://10.0.0.1:6969"),
            ("RINGTRACK_SERVICE_HOST", "10.0.0.1"),
            ("RINGTRACK_PORT_6969_UDP_ADDR", "10.0.0.1"),
            ("RINGTRACK_LOG_LEVEL", "warn"),
        ];
        let loaded = load(None, environment(&variables)).unwrap();
        assert_eq!(loaded.configuration.log.level, LogLevel::Warn);
        assert_eq!(loaded.warnings.len(), 3, "{:?}", loaded.warnings);
        assert!(loaded.warnings.iter().all(|warning| warning.len() < 150), "{:?}", loaded.warnings);
    }

    #[test]
    fn a_value_that_is_not_utf_8_is_refused_and_its_variable_is_named() {
        let variable = ("RINGTRACK_LOG_LEVEL".into(), OsString::from_vec(vec![0xff]));
        let message = load(None, [variable]).unwrap_err().to_string();
        assert_contains(&message, &["RINGTRACK_LOG_LEVEL", "log.level", "UTF-8"]);
    }
}
