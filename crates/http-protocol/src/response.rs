//! Answers, each in one piece: the head is written right before its body, wherever it ends, so that nothing is moved
//! and nothing is allocated.

mod announce;
mod failure;
mod frame;
mod full_scrape;
mod scrape;
mod status;

pub use announce::{AnnounceResponse, ListedPeer, Peers};
pub use failure::{FailureResponse, Retry};
pub use full_scrape::FullScrapeResponse;
pub use scrape::{ScrapeFile, ScrapeResponse};
pub use status::{write_health, write_status};

use thiserror::Error;

/// A buffer of fewer than [`RESPONSE_BYTES_MAX`] bytes had no room for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the buffer has no room for the answer")]
pub struct OutOfRoom;

/// Bytes of a buffer that has room for every answer: the longest head, and the longest body, which is an announce's
/// with a list of IPv6 peers.
pub const RESPONSE_BYTES_MAX: usize = frame::HEAD_BYTES_MAX + announce::BODY_BYTES_MAX;

const _: () = assert!(scrape::BODY_BYTES_MAX <= announce::BODY_BYTES_MAX);
const _: () = assert!(failure::BODY_BYTES_MAX <= announce::BODY_BYTES_MAX);
const _: () = assert!(status::BODY_BYTES_MAX <= announce::BODY_BYTES_MAX);

/// Bytes of the longest count of completed events.
const COUNT_BYTES_MAX: usize = "i18446744073709551615e".len();

/// Bytes of the longest other integer: a number of peers or of seconds.
const INTEGER_BYTES_MAX: usize = "i4294967295e".len();

#[cfg(test)]
mod testing {
    use crate::framing::{Connection, Content, Framing, Version};

    /// A request of HTTP/1.1 that says nothing of its connection.
    pub(super) const ORDINARY: Framing =
        Framing { version: Version::Http11, connection: Connection::KeepAlive, content: Content::Sent };

    /// The body that `write` writes, after a look at the head.
    pub(super) fn body(
        write: impl FnOnce(&mut [u8]) -> Result<core::ops::Range<usize>, super::OutOfRoom>,
    ) -> Vec<u8> {
        let mut out = vec![0; super::RESPONSE_BYTES_MAX];
        let written = write(&mut out).expect("room for every answer");
        let answer = &out[written];
        let end = answer.windows(4).position(|window| window == b"\r\n\r\n").expect("a head") + 4;
        let (head, body) = answer.split_at(end);
        let length =
            format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n", body.len());
        assert_eq!(head.escape_ascii().to_string(), length.as_bytes().escape_ascii().to_string());
        body.to_vec()
    }
}
