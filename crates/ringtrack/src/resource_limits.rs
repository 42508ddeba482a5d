//! The kernel's limits on locked memory and on open files, which also limits connections.

use anyhow::{bail, ensure};
use primitives::ShardCount;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::warn;

/// Bytes that the workers' executors (glommio) require for their rings. They check it themselves, but only after the
/// sockets are bound, and report it in their own words.
const LOCKED_BYTES_MIN: u64 = 512 * 1024;

/// Checks that the process may lock the memory that `io_uring` shares with the kernel.
pub(crate) fn check_locked_memory() -> anyhow::Result<()> {
    check(getrlimit(Resource::Memlock).current)
}

/// Checks a limit; `None` is no limit.
fn check(limit_bytes: Option<u64>) -> anyhow::Result<()> {
    match limit_bytes {
        Some(bytes) if bytes < LOCKED_BYTES_MIN => bail!(
            "the limit on locked memory (RLIMIT_MEMLOCK) is {bytes} bytes, and io_uring needs \
             {LOCKED_BYTES_MIN}: raise it with LimitMEMLOCK= in the systemd unit, or with `ulimit -l`"
        ),
        _ => Ok(()),
    }
}

/// Descriptors of one core besides its connections: its rings, two for each UDP listener and one for each other.
const CORE_DESCRIPTORS: u64 = 96;

/// Descriptors of the rest of the program.
const CONTROL_DESCRIPTORS: u64 = 64;

/// Raises the limit as far as possible, and returns how many of `connections_max` it has room for.
pub(crate) fn connections_with_descriptors(connections_max: u32, shards: ShardCount) -> anyhow::Result<u32> {
    let limit = raise_limit();
    let others = CONTROL_DESCRIPTORS + CORE_DESCRIPTORS * u64::from(shards.get());
    let room = u32::try_from(limit.saturating_sub(others)).unwrap_or(u32::MAX);
    let enough = others + u64::from(connections_max);
    ensure!(
        room > 0 || connections_max == 0,
        "the limit on open files (RLIMIT_NOFILE) is {limit}, which leaves none for HTTP connections besides the \
         {others} for everything else: raise it to {enough}, as http.connections_max requires, with LimitNOFILE= \
         in the systemd unit, or with `ulimit -n`"
    );
    if room < connections_max {
        warn!(
            open_files = limit,
            connections = room,
            "the limit on open files has no room for http.connections_max: raise it to {enough} with LimitNOFILE= in \
             the systemd unit, or with `ulimit -n`"
        );
    }
    Ok(room.min(connections_max))
}

/// Raises the soft limit on open files to the hard one and returns it; `u64::MAX` if there is no limit.
fn raise_limit() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let in_force = if setrlimit(Resource::Nofile, raised).is_ok() { raised } else { limit };
    in_force.current.unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_minimum_itself_and_no_limit_are_enough() {
        assert!(check(None).is_ok());
        assert!(check(Some(LOCKED_BYTES_MIN)).is_ok());
        let error = check(Some(LOCKED_BYTES_MIN - 1)).unwrap_err().to_string();
        assert!(error.contains("is 524287 bytes, and io_uring needs 524288"), "{error}");
    }
}
