//! Intervals of periodic work.

use serde::de::Deserializer;
use serde::{Serialize, Serializer};

use crate::values::integer::zero_or_between;

/// The interval of periodic work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interval {
    /// Never.
    Off,
    /// An interval in seconds, at least 1.
    Every(u32),
}

impl Serialize for Interval {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Off => serializer.serialize_u32(0),
            Self::Every(seconds) => serializer.serialize_u32(*seconds),
        }
    }
}

/// Reads 0 (never) or a number of seconds from `MIN` to `MAX`.
pub(crate) fn off_or_seconds<'de, const MIN: u64, const MAX: u64, D>(
    deserializer: D,
) -> Result<Interval, D::Error>
where
    D: Deserializer<'de>,
{
    Ok(match zero_or_between::<MIN, MAX, _, _>(deserializer)? {
        0 => Interval::Off,
        seconds => Interval::Every(seconds),
    })
}
