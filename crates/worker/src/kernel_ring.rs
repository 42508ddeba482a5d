use io_uring::{IoUring, Probe};
use std::io;

/// Any number will do for a ring that nothing goes through.
const ENTRIES: u32 = 2;

/// Makes the three system calls of `io_uring` once. glommio panics where the kernel refuses one of them.
///
/// # Errors
/// What the kernel answers: `EPERM` where a sysctl or a seccomp profile forbids, `ENOSYS` where there is no such
/// call.
pub(crate) fn check() -> io::Result<()> {
    let ring = IoUring::new(ENTRIES)?;
    ring.submitter().register_probe(&mut Probe::new())?;
    ring.submit()?;
    Ok(())
}
