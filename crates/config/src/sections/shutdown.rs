//! `[shutdown]`: the way down.

use confique::Config;
use serde::Serialize;

use crate::limits;
use crate::values::integer::between;

/// The way down.
#[derive(Debug, Clone, PartialEq, Eq, Config, Serialize)]
pub struct Shutdown {
    /// How long the workers may take to finish what they have begun after a signal to stop. Then the
    /// program ends all the same.
    ///
    /// Allowed: 1 to 300 seconds.
    ///
    /// A longer deadline loses fewer replies on a busy host. Keep it below the service manager's own (with
    /// systemd, `TimeoutStopSec`, 90 seconds by default), which kills the program.
    #[config(
        env = "RINGTRACK_SHUTDOWN_DEADLINE_S",
        default = 10,
        deserialize_with = between::<
            { limits::SHUTDOWN_DEADLINE_S_MIN }, { limits::SHUTDOWN_DEADLINE_S_MAX }, _, _
        >
    )]
    pub deadline_s: u32,
}
