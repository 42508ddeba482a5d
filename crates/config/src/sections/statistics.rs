//! `[statistics]`: what the tracker says about its own work.

use confique::Config;
use serde::{Deserialize, Deserializer};

use crate::limits;
use crate::values::integer::zero_or_between;

/// Statistics.
#[derive(Debug, Clone, PartialEq, Eq, Config)]
pub struct Statistics {
    /// How often a line with statistics is logged, at level "info".
    ///
    /// Allowed: 0 (never) or 1 to 86400 seconds.
    ///
    /// A line costs next to nothing, since the workers count anyway; a shorter interval shows shorter peaks
    /// and fills the log faster.
    #[config(env = "RINGTRACK_STATISTICS_INTERVAL_S", default = 60)]
    pub interval_s: StatisticsInterval,
}

/// How often a line with statistics is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatisticsInterval {
    /// Never.
    Off,
    /// Once in this many seconds.
    Every(u32),
}

impl<'de> Deserialize<'de> for StatisticsInterval {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let interval_s = zero_or_between::<
            { limits::STATISTICS_INTERVAL_S_MIN },
            { limits::STATISTICS_INTERVAL_S_MAX },
            _,
            _,
        >(deserializer)?;
        Ok(match interval_s {
            0 => Self::Off,
            seconds => Self::Every(seconds),
        })
    }
}
