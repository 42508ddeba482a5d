//! Readers of individual values. The error of each states what is allowed.

mod addresses;
pub(crate) mod choice;
pub(crate) mod database_url;
pub(crate) mod integer;
pub(crate) mod list;
pub(crate) mod location;
pub(crate) mod networks;
pub(crate) mod origin;
pub(crate) mod path;
pub(crate) mod snapshot_directory;
pub(crate) mod tokens;

use serde::de::{Error, Unexpected};

pub(crate) use addresses::{clash, loopback, wildcards};
pub(crate) use serde::de::value::Error as Fault;
pub(crate) use serde_json::Value as Json;
pub(crate) use toml::de::DeValue as Value;

/// A value that can be written as in a file, without its secrets.
pub(crate) trait Written {
    fn written(&self) -> Json;
}

/// Returns the text of a value. `expected` states what is allowed.
pub(crate) fn text<'a>(value: &'a Value<'_>, expected: &str) -> Result<&'a str, Fault> {
    value.as_str().ok_or_else(|| wrong_type(value, expected))
}

/// Returns the fault of a value whose type is not allowed.
pub(crate) fn wrong_type(value: &Value<'_>, expected: &str) -> Fault {
    Fault::invalid_type(Unexpected::Other(&described(value)), &expected)
}

/// Returns the fault of a value whose type is allowed.
pub(crate) fn refused(value: &Value<'_>, expected: &str) -> Fault {
    Fault::invalid_value(Unexpected::Other(&described(value)), &expected)
}

fn described(value: &Value<'_>) -> String {
    let described = match value {
        Value::String(text) => Unexpected::Str(text),
        Value::Integer(digits) => return integer::described(digits),
        Value::Float(digits) => match digits.as_str().parse() {
            Ok(number) => Unexpected::Float(number),
            Err(_) => Unexpected::Other("floating point"),
        },
        Value::Boolean(is_true) => Unexpected::Bool(*is_true),
        Value::Array(_) => Unexpected::Seq,
        Value::Table(_) | Value::Datetime(_) => Unexpected::Map,
    };
    described.to_string()
}

/// Returns a written value as text of a configuration file.
pub(crate) fn as_toml(value: &Json) -> String {
    let list = |items: Vec<String>| items.join(", ");
    match value {
        Json::String(text) => format!("{text:?}"),
        Json::Array(items) => format!("[{}]", list(items.iter().map(as_toml).collect())),
        Json::Object(entries) => {
            let entry = |(name, value): (&String, &Json)| format!("{name} = {}", as_toml(value));
            format!("{{ {} }}", list(entries.iter().map(entry).collect()))
        }
        other => other.to_string(),
    }
}
