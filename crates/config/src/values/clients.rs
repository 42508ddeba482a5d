//! Lists of client software, identified by the beginning of its peer ids.

use std::fmt;

use primitives::PeerIdPrefix;
use serde::Serializer;
use serde::de::{Deserialize, Deserializer, Error, Expected, SeqAccess, Unexpected, Visitor};

/// Reads at most `MAX` prefixes; a single prefix needs no list.
pub(crate) fn up_to<'de, const MAX: usize, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<PeerIdPrefix>, D::Error> {
    deserializer.deserialize_any(Prefixes::<MAX>)
}

/// Serializes prefixes as text.
pub(crate) fn show<S: Serializer>(prefixes: &[PeerIdPrefix], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(prefixes.iter().map(PeerIdPrefix::as_str))
}

struct Prefixes<const MAX: usize>;

impl<'de, const MAX: usize> Visitor<'de> for Prefixes<MAX> {
    type Value = Vec<PeerIdPrefix>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "a list of 0 to {MAX} different beginnings of peer ids such as [\"-qB46\", \"-TR\"]"
        )
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(vec![OnePrefix.visit_str(text)?.0])
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Self::Value, A::Error> {
        let mut prefixes = Vec::new();
        while let Some(Prefix(prefix)) = sequence.next_element()? {
            if prefixes.len() == MAX {
                return Err(A::Error::invalid_length(MAX + 1, &self));
            }
            if prefixes.contains(&prefix) {
                let (text, expected): (_, &dyn Expected) = (prefix.as_str(), &self);
                return Err(A::Error::custom(format_args!("{text:?} occurs twice, expected {expected}")));
            }
            prefixes.push(prefix);
        }
        Ok(prefixes)
    }
}

struct Prefix(PeerIdPrefix);

impl<'de> Deserialize<'de> for Prefix {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OnePrefix)
    }
}

struct OnePrefix;

impl Visitor<'_> for OnePrefix {
    type Value = Prefix;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("1 to 20 printable ASCII characters that begin peer ids, such as \"-qB46\"")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Prefix, E> {
        let prefix = PeerIdPrefix::parse(text);
        prefix.map(Prefix).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
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
