//! Text that no message may show.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Text that is or contains a secret. A value of another type is not shown either, since it may be the secret.
pub(crate) struct SecretText(pub(crate) String);

/// A secret text, or a table of secret texts.
pub(crate) enum SecretValue {
    Text(String),
    Table(Vec<(String, String)>),
}

impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match SecretValue::deserialize(deserializer)? {
            SecretValue::Text(text) => Ok(Self(text)),
            SecretValue::Table(_) => no_text(),
        }
    }
}

impl<'de> Deserialize<'de> for SecretValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Secret)
    }
}

struct Secret;

/// Returns the error that a value is not text, without showing the value.
fn no_text<T, E: Error>() -> Result<T, E> {
    Err(E::custom("the value (not shown) is not text, expected text in quotes"))
}

impl<'de> Visitor<'de> for Secret {
    type Value = SecretValue;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("text in quotes")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<SecretValue, E> {
        Ok(SecretValue::Text(text.to_owned()))
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<SecretValue, E> {
        no_text()
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<SecretValue, E> {
        no_text()
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<SecretValue, E> {
        no_text()
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<SecretValue, E> {
        no_text()
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<SecretValue, A::Error> {
        while sequence.next_element::<IgnoredAny>()?.is_some() {}
        no_text()
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<SecretValue, A::Error> {
        let mut table = Vec::new();
        while let Some((name, SecretText(text))) = map.next_entry()? {
            table.push((name, text));
        }
        Ok(SecretValue::Table(table))
    }
}
