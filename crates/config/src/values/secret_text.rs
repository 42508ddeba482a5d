//! Text that no message may show.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Text that is or holds a secret. What stands in its place is never shown, since it may be the secret too.
pub(crate) struct SecretText(pub(crate) String);

impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Secret)
    }
}

struct Secret;

/// The error that a value is no text, without the value.
fn no_text<T, E: Error>() -> Result<T, E> {
    Err(E::custom("the value, which is not shown, is no text: expected text in quotes"))
}

impl<'de> Visitor<'de> for Secret {
    type Value = SecretText;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("text in quotes")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<SecretText, E> {
        Ok(SecretText(text.to_owned()))
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<SecretText, E> {
        no_text()
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<SecretText, E> {
        no_text()
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<SecretText, E> {
        no_text()
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<SecretText, E> {
        no_text()
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<SecretText, A::Error> {
        while sequence.next_element::<IgnoredAny>()?.is_some() {}
        no_text()
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<SecretText, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        no_text()
    }
}
