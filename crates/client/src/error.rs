use crate::limits::TEXT_CHARS_MAX;
use std::io;
use std::time::Duration;

/// The errors of Linux if a computer cannot send to an address: EAFNOSUPPORT, EADDRNOTAVAIL and ENETUNREACH.
const NO_ROUTE: [i32; 3] = [97, 99, 101];

/// Why a request to a tracker has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrackerError {
    #[error("no answer in time")]
    Timeout,
    /// The name has no address, or could not be resolved.
    #[error("{0}")]
    Name(String),
    /// The connection failed: refused, reset, TLS.
    #[error("{0}")]
    Connection(String),
    #[error("status {0}")]
    Status(u16),
    /// Not an answer to the request, or longer than allowed.
    #[error("{0}")]
    Malformed(&'static str),
    /// The tracker refused the request with a reason (its text is short, in plain characters).
    #[error("refused: {reason}")]
    Refused { reason: String, retry: Option<Retry> },
    /// The tracker asks for fewer requests: status 429, or 503 with Retry-After.
    #[error("too many requests")]
    Overloaded { retry_after: Option<Duration> },
}

/// When a refused announce may be repeated (BEP 31).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    After(Duration),
    Never,
}

impl TrackerError {
    /// Returns the error as one short line: a reason of a tracker may be as long as its answer.
    #[must_use]
    pub fn line(&self) -> String {
        self.to_string().chars().take(TEXT_CHARS_MAX).collect()
    }

    /// Returns whether the fault is that of this computer: it cannot send to the address, mostly because it has no IPv6.
    #[must_use]
    pub fn is_no_route(&self) -> bool {
        let is_text =
            |text: &str| NO_ROUTE.iter().any(|&code| io::Error::from_raw_os_error(code).to_string() == text);
        matches!(self, Self::Connection(text) if is_text(text))
    }

    /// Returns the kind of failure in one word, for programs.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Name(_) => "name",
            Self::Connection(_) => "connection",
            Self::Status(_) => "status",
            Self::Malformed(_) => "malformed",
            Self::Refused { .. } => "refused",
            Self::Overloaded { .. } => "overloaded",
        }
    }
}
