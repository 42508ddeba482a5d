//! Lists of different items.

use std::ops::RangeInclusive;

use primitives::PeerIdPrefix;
use serde::de::Error;

use super::{Fault, Json, Value, Written, refused, text, wrong_type};

/// An item of a list, written as text.
pub(crate) trait Item: Sized {
    /// What is allowed as an item.
    const EXPECTED: &'static str;
    /// What is allowed as a list, after the number of its items.
    const LIST: &'static str;

    /// Parses an item. Returns `Ok(None)` if the text is not one at all.
    fn parse(text: &str) -> Result<Option<Self>, Fault>;

    /// Returns the reason why an item cannot be in a list with this one, which is before it.
    fn conflict(&self, later: &Self) -> Option<String>;

    fn text(&self) -> String;
}

/// Reads a list with a number of items within the range; a single item needs no list.
pub(crate) fn list<T: Item>(
    count: RangeInclusive<usize>,
) -> impl FnOnce(&Value<'_>) -> Result<Vec<T>, Fault> {
    move |value: &Value<'_>| {
        let expected = format!("a list of {} to {} different {}", count.start(), count.end(), T::LIST);
        match value {
            Value::Array(values) => {
                let items =
                    values.iter().map(|value| item(value.get_ref())).collect::<Result<Vec<T>, _>>()?;
                if !count.contains(&items.len()) {
                    return Err(Fault::invalid_length(items.len(), &expected.as_str()));
                }
                without_conflict(items, &expected, T::conflict)
            }
            Value::String(_) => Ok(vec![item(value)?]),
            _ => Err(wrong_type(value, &expected)),
        }
    }
}

fn item<T: Item>(value: &Value<'_>) -> Result<T, Fault> {
    let text = text(value, T::EXPECTED)?;
    T::parse(text)?.ok_or_else(|| refused(value, T::EXPECTED))
}

/// Returns the items if no two are in conflict. `expected` states what is allowed as a list.
pub(crate) fn without_conflict<T>(
    items: Vec<T>,
    expected: &str,
    conflict: impl Fn(&T, &T) -> Option<String>,
) -> Result<Vec<T>, Fault> {
    for (index, later) in items.iter().enumerate() {
        if let Some(conflict) = items[..index].iter().find_map(|earlier| conflict(earlier, later)) {
            return Err(Fault::custom(format_args!("{conflict}, expected {expected}")));
        }
    }
    Ok(items)
}

impl<T: Item> Written for Vec<T> {
    fn written(&self) -> Json {
        self.iter().map(Item::text).collect()
    }
}

/// Client software, identified by the beginning of its peer ids.
impl Item for PeerIdPrefix {
    const EXPECTED: &'static str =
        "1 to 20 printable ASCII characters that begin peer ids, such as \"-qB46\"";
    const LIST: &'static str = "beginnings of peer ids such as [\"-qB46\", \"-TR\"]";

    fn parse(text: &str) -> Result<Option<Self>, Fault> {
        Ok(Self::parse(text))
    }

    fn conflict(&self, later: &Self) -> Option<String> {
        (self == later).then(|| format!("{:?} occurs twice", self.as_str()))
    }

    fn text(&self) -> String {
        self.as_str().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use primitives::PeerIdPrefix;

    use crate::testing::{assert_refused, load_environment, load_text};

    fn denied(clients: &str) -> Vec<PeerIdPrefix> {
        load_text(&format!("[access]\ndeny_clients = {clients}\n")).unwrap().access.deny_clients
    }

    #[track_caller]
    fn assert_clients_refused(clients: &str, parts: &[&str]) {
        let text = format!("[access]\ndeny_clients = {clients}\n");
        assert_refused(&text, 2, &[&["access.deny_clients"], parts].concat());
    }

    fn prefixes(texts: &[&str]) -> Vec<PeerIdPrefix> {
        texts.iter().map(|text| PeerIdPrefix::parse(text).unwrap()).collect()
    }

    #[test]
    fn a_list_a_single_prefix_and_a_variable_with_commas_are_read() {
        assert_eq!(denied("[\"-qB46\", \"M7-\"]"), prefixes(&["-qB46", "M7-"]));
        assert_eq!(denied("\"-qB46\""), prefixes(&["-qB46"]));
        assert_eq!(denied("[]"), prefixes(&[]));
        for value in ["-qB46,-TR30", "[\"-qB46\", \"-TR30\"]"] {
            let loaded = load_environment(&[("RINGTRACK_ACCESS_ALLOW_CLIENTS", value)]).unwrap();
            assert_eq!(loaded.access.allow_clients, prefixes(&["-qB46", "-TR30"]), "{value}");
        }
    }

    #[test]
    fn at_most_256_clients_are_accepted() {
        let many = |count| format!("{:?}", (0..count).map(|n| format!("-X{n}")).collect::<Vec<_>>());
        assert_eq!(denied(&many(256)).len(), 256);
        assert_clients_refused(&many(257), &["257", "a list of 0 to 256", "-qB46"]);
    }

    #[test]
    fn an_invalid_or_duplicate_prefix_is_refused_with_what_is_allowed() {
        for bad in ["\"\"", "\"-qB4650-abcdefghijklm\"", "\"a b\"", "46"] {
            assert_clients_refused(&format!("[{bad}]"), &["such as \"-qB46\""]);
            assert_clients_refused(bad, &["such as"]);
        }
        assert_clients_refused("[\"-A\", \"-A\"]", &["\"-A\" occurs twice", "different"]);
    }
}
