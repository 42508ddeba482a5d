//! `[statistics]`: statistics in the log.

use confique::Config;
use serde::Serialize;

use crate::limits;
use crate::values::interval::{Interval, off_or_seconds};

/// Statistics in the log.
#[derive(Debug, Clone, PartialEq, Eq, Config, Serialize)]
pub struct Statistics {
    /// How often a line with statistics is logged, at level "info".
    ///
    /// Allowed: 0 (never) or 1 to 86400 seconds.
    ///
    /// A line costs next to nothing, since the workers count in any case; a shorter interval shows shorter peaks and
    /// fills the log faster.
    #[config(
        env = "RINGTRACK_STATISTICS_INTERVAL_S",
        default = 60,
        deserialize_with = off_or_seconds::<
            { limits::STATISTICS_INTERVAL_S_MIN }, { limits::STATISTICS_INTERVAL_S_MAX }, _
        >
    )]
    pub interval_s: Interval,
}
