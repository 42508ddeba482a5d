//! The limits of the link, each with its reason.

/// Commands that may wait for a core, which takes them ten times per second.
pub(crate) const COMMANDS_MAX: usize = 16;

/// Tasks that may wait for a core. Beyond that, requests of the management API wait and try again.
pub(crate) const TASKS_MAX: usize = 64;

/// Events of each core that may wait for the control plane, which takes them several times a second.
pub(crate) const EVENTS_PER_CORE_MAX: usize = 8;
