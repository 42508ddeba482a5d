//! The bounds of the management API, each with its reason.

use std::time::Duration;

/// Connections from other machines that are open at once to one of the listeners: a dashboard has six, and each may
/// take some 100 KiB.
pub(crate) const CONNECTIONS_MAX: usize = 256;

/// Connections of one address (IPv6: of one network of 64 bits) among them: nobody has more than a quarter.
pub(crate) const CONNECTIONS_PER_SOURCE_MAX: usize = 64;

/// Connections from this machine, which are counted apart: a proxy may stand here with many clients behind it.
pub(crate) const LOOPBACK_CONNECTIONS_MAX: usize = 128;

/// How long a connection may be open without a request that has a token, the TLS handshake included.
pub(crate) const UNPROVED_TIME_MAX: Duration = Duration::from_secs(10);

/// Bytes of a request's head: about 1,200 info hashes in a query.
pub(crate) const HEAD_BYTES_MAX: usize = 64 << 10;

/// Lines of a request's head.
pub(crate) const HEADERS_MAX: usize = 64;

/// How long the head of a request may take to come; an idle connection is closed after it, too.
pub(crate) const HEAD_TIME_MAX: Duration = Duration::from_secs(30);

/// How long a client may take nothing of its answer. What the answer holds, such as the turn of a bulk request, is free
/// after it.
pub(crate) const WRITE_PAUSE_MAX: Duration = Duration::from_secs(30);

/// How long a body may stand still before its request is given up.
pub(crate) const BODY_PAUSE_MAX: Duration = Duration::from_secs(30);

/// How long to wait where the process has no file descriptor left for a connection.
pub(crate) const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long requests that are being answered may take at the way down.
pub(crate) const GRACE_TIME_MAX: Duration = Duration::from_secs(5);

/// Bytes of a JSON body: a ban with its reason is the largest.
pub(crate) const JSON_BYTES_MAX: usize = 16 << 10;

/// Bytes of a body of lines: 26 million info hashes. It is never in memory as a whole.
pub(crate) const LINES_BYTES_MAX: u64 = 1 << 30;

/// Bytes of one line. The longest useful one is a key object with spaces and a comment.
pub(crate) const LINE_BYTES_MAX: usize = 1024;

/// Info hashes of a body that are handed to the tracker at once: 80 KiB.
pub(crate) const LIST_BATCH: usize = 4096;

/// Keys that one request may make: they are read as a whole before the first is made, at some 60 bytes each.
pub(crate) const BULK_KEYS_MAX: usize = 1_000_000;

/// Requests with bodies of lines that are served at once; others wait for their turn.
pub(crate) const BULK_REQUESTS_MAX: usize = 4;

/// Numbers of invalid lines that an answer names.
pub(crate) const INVALID_LINES_NAMED_MAX: usize = 10;

/// Entries of a list, or keys, that are held for one piece of a streamed answer.
pub(crate) const STREAM_PAGE: usize = 2048;

/// Torrents of an answer if nothing is said.
pub(crate) const TORRENTS_DEFAULT: usize = 4000;

/// Torrents of an answer: some 11 MB of JSON.
pub(crate) const TORRENTS_MAX: usize = 100_000;

/// Torrents of a sorted answer if nothing is said: a page to look at.
pub(crate) const SORTED_TORRENTS_DEFAULT: usize = 100;

/// Peers of a torrent's answer: some 3 MB of JSON.
pub(crate) const PEERS_MAX: usize = 10_000;

/// Seconds that a key may be valid for, about 6,300 years: its end has a date with a year of four digits.
pub(crate) const KEY_SECONDS_MAX: u64 = 200_000_000_000;

/// Characters of the reason of a ban.
pub(crate) const BAN_REASON_CHARACTERS_MAX: usize = 1000;

/// Streams of events at once.
pub(crate) const EVENT_STREAMS_MAX: usize = 64;

/// The time between two events of a stream.
pub(crate) const EVENT_INTERVAL: Duration = Duration::from_secs(1);

/// Characters of a token. Shorter ones are taken too, down to one: they are the operator's choice.
pub const TOKEN_BYTES_MAX: usize = 256;

/// Wrong tokens from an address in [`WRONG_TOKENS_WINDOW`] that are told so; those behind are told to wait.
pub(crate) const WRONG_TOKENS_MAX: u32 = 10;

/// What a wrong token beyond them takes to be answered. With all connections of the listener somebody could try 512 a
/// second, of more than 10^28.
pub(crate) const WRONG_TOKEN_PAUSE: Duration = Duration::from_millis(500);

/// The time in which the wrong tokens of an address are counted.
pub(crate) const WRONG_TOKENS_WINDOW: Duration = Duration::from_secs(60);

/// Addresses (IPv6: networks of 64 bits) whose wrong tokens are counted apart, at some 50 bytes. All others share a count.
pub(crate) const WRONG_TOKEN_SOURCES_MAX: usize = 10_000;

/// How long a listener may take to answer a health check.
pub(crate) const PROBE_TIME_MAX: Duration = Duration::from_secs(2);

/// How long the outcome of health checks is told without another look.
pub(crate) const PROBE_INTERVAL: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bounds_are_those_that_operators_are_told() {
        assert_eq!((CONNECTIONS_MAX, HEAD_BYTES_MAX, JSON_BYTES_MAX), (256, 65_536, 16_384));
        assert_eq!((CONNECTIONS_PER_SOURCE_MAX, LOOPBACK_CONNECTIONS_MAX), (64, 128));
        assert_eq!((UNPROVED_TIME_MAX.as_secs(), WRITE_PAUSE_MAX.as_secs()), (10, 30));
        assert_eq!((WRONG_TOKENS_MAX, WRONG_TOKENS_WINDOW.as_secs()), (10, 60));
        assert_eq!((BULK_KEYS_MAX, LINES_BYTES_MAX), (1_000_000, 1_073_741_824));
        assert_eq!((PROBE_TIME_MAX.as_secs(), PROBE_INTERVAL.as_secs()), (2, 1));
    }

    #[test]
    fn the_end_of_the_longest_key_has_a_year_of_four_digits() {
        const END_OF_9999_UNIX_S: u64 = 253_402_300_799;
        const YEAR_2100_UNIX_S: u64 = 4_102_444_800;
        const { assert!(YEAR_2100_UNIX_S + KEY_SECONDS_MAX < END_OF_9999_UNIX_S) };
    }
}
