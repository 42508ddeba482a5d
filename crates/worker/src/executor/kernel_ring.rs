use io_uring::{IoUring, Probe};
use std::io;

/// Any number will do for a ring that is not used.
const ENTRIES: u32 = 2;

/// Makes each of the three `io_uring` system calls once. glommio would panic if the kernel refused one.
///
/// # Errors
/// The kernel's error: `EPERM` if a sysctl or a seccomp profile forbids a call, `ENOSYS` if there is no such call.
pub(crate) fn check() -> io::Result<()> {
    let ring = IoUring::new(ENTRIES)?;
    ring.submitter().register_probe(&mut Probe::new())?;
    ring.submit()?;
    Ok(())
}
