use std::io;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};

/// The number of the first descriptor that a service manager passes (`SD_LISTEN_FDS_START`).
const FIRST: RawFd = 3;

/// Whether they have been taken.
static ARE_TAKEN: AtomicBool = AtomicBool::new(false);

/// Takes the descriptors that the service manager has passed to this process: this many from number 3 on, as its variable
/// `LISTEN_FDS` says. Called before anything in this process opens a descriptor.
///
/// # Errors
/// When one of them is not open, or when they were taken before.
pub fn passed_descriptors(count: usize) -> io::Result<Vec<OwnedFd>> {
    if count > 0 && ARE_TAKEN.swap(true, Ordering::Relaxed) {
        return Err(io::Error::other("the descriptors that were passed have been taken before"));
    }
    (FIRST..).take(count).map(take).collect()
}

fn take(number: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: the call reads a flag of the process's table of descriptors, and no memory.
    if unsafe { libc::fcntl(number, libc::F_GETFD) } < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor is open, and nothing else in this process owns it: it was open before the process began, and each one
    // is taken once.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_is_not_open_is_no_descriptor() {
        assert!(passed_descriptors(0).unwrap().is_empty());
        assert_eq!(take(RawFd::MAX).unwrap_err().raw_os_error(), Some(libc::EBADF));
    }
}
