//! Integers within limits.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserializer, Error, Unexpected, Visitor};

/// Reads an integer from `MIN` to `MAX`.
pub(crate) fn between<'de, const MIN: u64, const MAX: u64, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: TryFrom<u64>,
{
    deserializer.deserialize_any(Range { min: MIN, max: MAX, zero: Zero::Ordinary, target: PhantomData })
}

/// Reads an integer that is 0 or from `MIN` to `MAX`.
pub(crate) fn zero_or_between<'de, const MIN: u64, const MAX: u64, D, T>(
    deserializer: D,
) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: TryFrom<u64>,
{
    deserializer.deserialize_any(Range { min: MIN, max: MAX, zero: Zero::Special, target: PhantomData })
}

/// Whether 0 is allowed in addition to the range, with a special meaning.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Zero {
    Ordinary,
    Special,
}

struct Range<T> {
    min: u64,
    max: u64,
    zero: Zero,
    target: PhantomData<T>,
}

impl<T: TryFrom<u64>> Range<T> {
    fn accept(&self, value: u64) -> Option<T> {
        let allowed = (self.min..=self.max).contains(&value) || (self.zero == Zero::Special && value == 0);
        if allowed { T::try_from(value).ok() } else { None }
    }
}

impl<T: TryFrom<u64>> Visitor<'_> for Range<T> {
    type Value = T;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.zero {
            Zero::Ordinary => write!(formatter, "an integer from {} to {}", self.min, self.max),
            Zero::Special => write!(formatter, "0 or an integer from {} to {}", self.min, self.max),
        }
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<T, E> {
        self.accept(value).ok_or_else(|| E::invalid_value(Unexpected::Unsigned(value), &self))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<T, E> {
        u64::try_from(value)
            .ok()
            .and_then(|value| self.accept(value))
            .ok_or_else(|| E::invalid_value(Unexpected::Signed(value), &self))
    }
}
