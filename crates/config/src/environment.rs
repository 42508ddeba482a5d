//! The environment: the values that `RINGTRACK_…` variables give to keys.

use std::borrow::Cow;
use std::ffi::OsString;

use toml::Spanned;
use toml::de::{DeArray, DeValue};

use crate::ConfigError;
use crate::assignment::{Assignment, Origin};
use crate::key::{Key, keys};

/// Variables that start with this are ours; all others are left alone.
const PREFIX: &str = "RINGTRACK_";

/// A variable that sets a key, with the text of its value.
#[derive(Debug)]
pub(crate) struct Variable {
    key: Key,
    name: String,
    text: String,
}

/// The variables that set keys. One that is set to nothing counts as not set, since that is all that
/// service managers and containers can do to take one away.
pub(crate) fn variables(
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Vec<Variable>, ConfigError> {
    let mut variables = Vec::new();
    for (name, value) in environment {
        let name = name.to_string_lossy().into_owned();
        if !name.starts_with(PREFIX) {
            continue;
        }
        let key = keys().find(|key| key.variable == Some(name.as_str())).ok_or_else(|| {
            ConfigError::UnknownVariable { known: known_near(&name), variable: name.clone() }
        })?;
        match value.into_string() {
            Ok(text) if text.is_empty() => {}
            Ok(text) => variables.push(Variable { key, name, text }),
            Err(_) => return Err(not_utf8(key, name)),
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

/// The variables of the section that `name` seems to mean; all of them where none is recognised.
fn known_near(name: &str) -> String {
    let section_of = |key: &Key| format!("{PREFIX}{}_", key.section.to_uppercase());
    let near: Vec<&str> =
        keys().filter(|key| name.starts_with(&section_of(key))).filter_map(|key| key.variable).collect();
    if near.is_empty() {
        keys().filter_map(|key| key.variable).collect::<Vec<_>>().join(", ")
    } else {
        near.join(", ")
    }
}

impl Variable {
    /// The value that this variable gives to its key.
    pub(crate) fn assignment(&self) -> Assignment<'_> {
        Assignment {
            key: self.key,
            value: Spanned::new(0..self.text.len(), value(&self.text)),
            origin: Origin::Environment { variable: self.name.clone() },
        }
    }
}

/// A value as it would stand in the file; what is none there is a list by its commas, or a bare word.
fn value(text: &str) -> DeValue<'_> {
    let text = text.trim();
    if let Ok(value) = DeValue::parse(text) {
        return value.into_inner();
    }
    if !text.contains(',') {
        return DeValue::String(Cow::Borrowed(text));
    }
    let mut items = DeArray::new();
    for item in text.split(',') {
        items.push(Spanned::new(0..item.len(), value(item)));
    }
    DeValue::Array(items)
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use super::*;
    use crate::testing::{assert_contains, assert_variable_refused, load_environment};
    use crate::{ConnectionIdKey, Cores, LogLevel, load};

    #[test]
    fn a_bare_word_needs_no_quotes() {
        for level in ["warn", "\"warn\"", " warn "] {
            let configuration = load_environment(&[("RINGTRACK_LOG_LEVEL", level)]).unwrap();
            assert_eq!(configuration.log.level, LogLevel::Warn, "{level:?}");
        }
        let path = load_environment(&[("RINGTRACK_CONNECTION_IDS_KEY_FILE", "/run/key")]).unwrap();
        assert_eq!(path.connection_ids.key_file, ConnectionIdKey::File("/run/key".into()));
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
    fn a_variable_set_to_nothing_counts_as_not_set() {
        assert_eq!(load_environment(&[("RINGTRACK_LOG_LEVEL", "")]).unwrap(), load(None, []).unwrap());
    }

    #[test]
    fn variables_without_the_prefix_are_left_alone() {
        let others =
            [("RINGTRACK", "1"), ("MY_RINGTRACK_LOG_LEVEL", "loud"), ("ringtrack_log_level", "loud")];
        assert!(load_environment(&others).is_ok());
    }

    #[test]
    fn an_unknown_variable_is_refused_with_the_variables_of_its_section() {
        let near = "expected one of RINGTRACK_LOG_LEVEL, RINGTRACK_LOG_FORMAT";
        assert_variable_refused("RINGTRACK_LOG_LEVLE", "info", &["no such key", near]);
        assert_variable_refused("RINGTRACK_UPD_LISTEN", "", &["no such key", "RINGTRACK_UDP_LISTEN"]);
    }

    #[test]
    fn a_value_that_is_not_utf_8_is_refused_with_its_variable() {
        let variable = ("RINGTRACK_LOG_LEVEL".into(), OsString::from_vec(vec![0xff]));
        let message = load(None, [variable]).unwrap_err().to_string();
        assert_contains(&message, &["RINGTRACK_LOG_LEVEL", "log.level", "UTF-8"]);
    }
}
