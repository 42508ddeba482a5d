//! Responses, each in one piece: the head is written directly before its body, so that nothing is moved or allocated.

#![expect(clippy::missing_errors_doc, reason = "OutOfRoom describes the error of all functions")]

mod announce;
mod failure;
mod frame;
mod full_scrape;
mod page;
mod scrape;
mod status;
mod upgrade;

pub use announce::{AnnounceResponse, ListedPeer, Peers};
pub use failure::{FailureResponse, Retry};
pub use frame::ContentType;
pub use full_scrape::FullScrapeResponse;
pub use page::PageResponse;
pub use scrape::{ScrapeFile, ScrapeResponse};
pub use status::{write_health, write_redirect, write_status};
pub use upgrade::write_upgrade;

use thiserror::Error;

/// Error for a buffer of fewer than [`RESPONSE_BYTES_MAX`] bytes that is too small for a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the buffer is too small for the response")]
pub struct OutOfRoom;

/// Size of the longest response: the longest head and the longest body, which is that of an announce with a list of
/// IPv6 peers.
pub const RESPONSE_BYTES_MAX: usize = frame::HEAD_BYTES_MAX + announce::BODY_BYTES_MAX;

const _: () = assert!(scrape::BODY_BYTES_MAX <= announce::BODY_BYTES_MAX);
const _: () = assert!(failure::BODY_BYTES_MAX <= announce::BODY_BYTES_MAX);
const _: () = assert!(status::BODY_BYTES_MAX <= announce::BODY_BYTES_MAX);

/// Size of the longest count of completed events.
const COUNT_BYTES_MAX: usize = "i18446744073709551615e".len();

/// Size of the longest other integer: a number of peers or of seconds.
const INTEGER_BYTES_MAX: usize = "i4294967295e".len();

#[cfg(test)]
mod testing {
    use crate::framing::{Connection, Content, Framing, Version};

    /// The framing of an HTTP/1.1 request without a `Connection` header.
    pub(super) const ORDINARY: Framing =
        Framing { version: Version::Http11, connection: Connection::KeepAlive, content: Content::Sent };

    /// Checks the head that `write` writes and returns the body.
    pub(super) fn body(
        write: impl FnOnce(&mut [u8]) -> Result<core::ops::Range<usize>, super::OutOfRoom>,
    ) -> Vec<u8> {
        let mut out = vec![0; super::RESPONSE_BYTES_MAX];
        let written = write(&mut out).expect("room for every response");
        let answer = &out[written];
        let end = answer.windows(4).position(|window| window == b"\r\n\r\n").expect("a head") + 4;
        let (head, body) = answer.split_at(end);
        let length =
            format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n", body.len());
        assert_eq!(head.escape_ascii().to_string(), length.as_bytes().escape_ascii().to_string());
        body.to_vec()
    }
}
