//! Hints on what the operator can do about a failed start, added to its cause.

use anyhow::{Error, anyhow};
use worker::{BindError, Scheme, WorkerError};

/// Returns why an address could not be bound, with a hint.
pub(crate) fn bind_error(error: BindError) -> Error {
    let key = match error.listener().scheme {
        Scheme::Udp => "udp.listen",
        Scheme::Http => "http.listen",
        Scheme::Https => "https.listen",
    };
    let hints = match &error {
        BindError::InUse(_) => format!("end that program, or choose another port with the key {key}"),
        BindError::Forbidden(_) => {
            format!("choose a port from 1024 up with the key {key}, or grant CAP_NET_BIND_SERVICE")
        }
        BindError::NoSuchAddress(_) => format!("choose an address of this machine with the key {key}"),
        BindError::NoSuchFamily(_) => format!("leave addresses of this family out of the key {key}"),
        BindError::Other { source, .. } if source.raw_os_error() == Some(TOO_MANY_OPEN_FILES) => {
            OPEN_FILES_HINT.to_owned()
        }
        BindError::Inherited { .. } => {
            "stop the tracker and start it, so that it opens its own sockets, or correct its socket unit"
                .to_owned()
        }
        BindError::Other { .. } => format!("choose another address with the key {key}"),
    };
    with(error, &hints)
}

/// Returns why a worker did not start or exited, with a hint where there is one.
pub(crate) fn worker_error(error: WorkerError) -> Error {
    match error {
        WorkerError::IoUringUnavailable(_) => with(
            error,
            "ringtrack needs io_uring (Linux 5.8 or newer): set the sysctl kernel.io_uring_disabled to 0, and \
             in a container allow the io_uring system calls in its seccomp profile",
        ),
        WorkerError::Executor { .. } | WorkerError::Readiness(_) => with(error, OPEN_FILES_HINT),
        _ => error.into(),
    }
}

/// Linux's EMFILE, which has no `io::ErrorKind`.
const TOO_MANY_OPEN_FILES: i32 = 24;

const OPEN_FILES_HINT: &str = "if too many files are open, raise the limit: LimitNOFILE= in the systemd unit, or \
                               `ulimit -n`; a core needs about 30 and 2 for each listener";

fn with(cause: impl Into<Error>, hints: &str) -> Error {
    let cause: Error = cause.into();
    anyhow!("{cause:#}: {hints}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;
    use worker::Listener;

    #[test]
    fn the_hint_follows_the_cause() {
        let listener = Listener { scheme: Scheme::Udp, address: "192.0.2.1:6969".parse().unwrap() };
        let source = io::Error::from(io::ErrorKind::InvalidInput);
        let error = bind_error(BindError::Other { listener, source });
        assert_eq!(
            format!("{error:#}"),
            "udp://192.0.2.1:6969 cannot be bound: invalid input parameter: choose another address with the \
             key udp.listen"
        );
    }
}
