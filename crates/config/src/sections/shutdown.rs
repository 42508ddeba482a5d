//! `[shutdown]`: the time limit of a shutdown.

use confique::Config;
use serde::Serialize;

use crate::limits;
use crate::values::integer::between;

/// The time limit of a shutdown.
#[derive(Debug, Clone, PartialEq, Eq, Config, Serialize)]
pub struct Shutdown {
    /// How long the workers may take to finish pending work after a signal to stop. Then the program exits in any case.
    ///
    /// Allowed: 1 to 300 seconds.
    ///
    /// A longer deadline loses fewer replies on a busy host. The database gets the same time again for its last writes:
    /// keep twice the value below the timeout of the service manager (with systemd, `TimeoutStopSec=`, 90 seconds by
    /// default), which kills the program.
    #[config(
        env = "RINGTRACK_SHUTDOWN_DEADLINE_S",
        default = 10,
        deserialize_with = between::<
            { limits::SHUTDOWN_DEADLINE_S_MIN }, { limits::SHUTDOWN_DEADLINE_S_MAX }, _, _
        >
    )]
    pub deadline_s: u32,
}
