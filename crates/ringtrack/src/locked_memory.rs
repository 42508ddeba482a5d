use anyhow::bail;
use rustix::process::{Resource, getrlimit};

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
