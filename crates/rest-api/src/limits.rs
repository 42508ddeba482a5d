//! The limits of the management API, with reasons.

use std::time::Duration;

/// Open connections from other machines per listener. A dashboard uses six; each may take about 100 KiB.
pub(crate) const CONNECTIONS_MAX: usize = 256;

/// Connections per source (IPv4 address or IPv6 /64): a quarter of [`CONNECTIONS_MAX`].
pub(crate) const CONNECTIONS_PER_SOURCE_MAX: usize = 64;

/// Connections from loopback addresses, counted separately: a local proxy may serve many clients.
pub(crate) const LOOPBACK_CONNECTIONS_MAX: usize = 128;

/// How long a connection may be open, including the TLS handshake, without a request with a valid token.
pub(crate) const UNPROVED_TIME_MAX: Duration = Duration::from_secs(10);

/// Bytes of a request head: about 1,200 info hashes in a query.
pub(crate) const HEAD_BYTES_MAX: usize = 64 << 10;

/// Header fields of a request.
pub(crate) const HEADERS_MAX: usize = 64;

/// How long a request head may take to arrive. Idle connections are closed after the same time.
pub(crate) const HEAD_TIME_MAX: Duration = Duration::from_secs(30);

/// How long a client may read nothing of its response before the connection is closed. This frees what the response
/// holds, such as the permit of a bulk request.
pub(crate) const WRITE_PAUSE_MAX: Duration = Duration::from_secs(30);

/// How long a body may stall before its request fails.
pub(crate) const BODY_PAUSE_MAX: Duration = Duration::from_secs(30);

/// Pause after a failed accept: the process may be out of file descriptors.
pub(crate) const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long requests in progress may take at shutdown.
pub(crate) const GRACE_TIME_MAX: Duration = Duration::from_secs(5);

/// Bytes of a JSON body. The largest is a ban with its reason.
pub(crate) const JSON_BYTES_MAX: usize = 16 << 10;

/// Bytes of a body of lines: 26 million info hashes. The body is never in memory as a whole.
pub(crate) const LINES_BYTES_MAX: u64 = 1 << 30;

/// Bytes of one line. The longest useful one is a key object with spaces.
pub(crate) const LINE_BYTES_MAX: usize = 1024;

/// Info hashes passed to the tracker in one batch: 80 KiB.
pub(crate) const LIST_BATCH: usize = 4096;

/// Keys per request. All are read before the first is made, at about 60 bytes each.
pub(crate) const BULK_KEYS_MAX: usize = 1_000_000;

/// Requests with bodies of lines and scans for a search served at once; others wait.
pub(crate) const BULK_REQUESTS_MAX: usize = 4;

/// Numbers of invalid lines listed in a response.
pub(crate) const INVALID_LINES_NAMED_MAX: usize = 10;

/// List entries or keys per chunk of a streamed response.
pub(crate) const STREAM_PAGE: usize = 2048;

/// Default number of torrents in a response.
pub(crate) const TORRENTS_DEFAULT: usize = 4000;

/// Torrents in a response: about 11 MB of JSON.
pub(crate) const TORRENTS_MAX: usize = 100_000;

/// Default number of torrents in a sorted response: a page for people to read.
pub(crate) const SORTED_TORRENTS_DEFAULT: usize = 100;

/// Default number of torrents or list entries in the response to a search: as many as people look through.
pub(crate) const SEARCH_DEFAULT: usize = 50;

/// Torrents or list entries in the response to a search, which is not for downloads.
pub(crate) const SEARCH_MAX: usize = 1000;

/// Peers in the response for one torrent: about 3 MB of JSON.
pub(crate) const PEERS_MAX: usize = 10_000;

/// Validity of a key in seconds: about 6,300 years, so that the expiry date has a four-digit year.
pub(crate) const KEY_SECONDS_MAX: u64 = 200_000_000_000;

/// Characters of a ban's reason.
pub(crate) const BAN_REASON_CHARACTERS_MAX: usize = 1000;

/// Seconds of a temporary ban: a year. Longer ones are stored.
pub(crate) const BAN_SECONDS_MAX: u32 = 31_536_000;

/// Concurrent event streams.
pub(crate) const EVENT_STREAMS_MAX: usize = 64;

/// Interval between the events of a stream.
pub(crate) const EVENT_INTERVAL: Duration = Duration::from_secs(1);

/// How long an answer to Prometheus is reused. To make one, each core exchanges a set of latencies of a megabyte, and a
/// thousand lines for each core are written.
pub(crate) const FIGURES_INTERVAL: Duration = Duration::from_secs(1);

/// Bytes of a token. There is no minimum except one byte: the length is the operator's choice.
pub const TOKEN_BYTES_MAX: usize = 256;

/// Wrong tokens per source in [`WRONG_TOKENS_WINDOW`] that get the normal error; further ones get status 429.
pub(crate) const WRONG_TOKENS_MAX: u32 = 10;

/// Requests that a wrong token counts for in the limit of its source, in addition to its own: by default 300 of them use up what
/// a source may send in a minute.
pub(crate) const WRONG_TOKEN_COST: u32 = 100;

/// Delay before a response that refuses a token, or a source over its limit, with status 429. All connections of a listener
/// together could try 512 tokens a second, of more than 10^28.
pub(crate) const REFUSAL_PAUSE: Duration = Duration::from_millis(500);

/// Window in which the wrong tokens of a source are counted.
pub(crate) const WRONG_TOKENS_WINDOW: Duration = Duration::from_secs(60);

/// Sources whose wrong tokens are counted separately, at about 50 bytes each. All others share one count.
pub(crate) const WRONG_TOKEN_SOURCES_MAX: usize = 10_000;

/// How long a listener may take to answer a probe.
pub(crate) const PROBE_TIME_MAX: Duration = Duration::from_secs(2);

/// How long a tracker may take to answer whether it is healthy: a check in progress, one more, and a second.
pub(crate) const HEALTH_TIME_MAX: Duration = Duration::from_secs(5);

/// Bytes of that answer: 64 listeners, at less than 1 KiB each.
pub(crate) const HEALTH_BYTES_MAX: usize = 64 << 10;

/// How long a core may take for a turn of its timer: five times as long as it should.
pub(crate) const CORE_TURN_TIME_MAX: Duration = Duration::from_millis(500);

/// How long the result of a health check is reused.
pub(crate) const PROBE_INTERVAL: Duration = Duration::from_secs(1);

/// Seconds after which a client may repeat a change that was refused because another process takes over: most handovers end within
/// them.
pub(crate) const HANDOVER_RETRY_S: u32 = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limits_are_those_in_the_documentation() {
        assert_eq!((CONNECTIONS_MAX, HEAD_BYTES_MAX, JSON_BYTES_MAX), (256, 65_536, 16_384));
        assert_eq!((CONNECTIONS_PER_SOURCE_MAX, LOOPBACK_CONNECTIONS_MAX), (64, 128));
        assert_eq!((UNPROVED_TIME_MAX.as_secs(), WRITE_PAUSE_MAX.as_secs()), (10, 30));
        assert_eq!((WRONG_TOKENS_MAX, WRONG_TOKENS_WINDOW.as_secs()), (10, 60));
        assert_eq!((BULK_KEYS_MAX, LINES_BYTES_MAX), (1_000_000, 1_073_741_824));
        assert_eq!((PROBE_TIME_MAX.as_secs(), PROBE_INTERVAL.as_secs()), (2, 1));
    }

    #[test]
    fn the_expiry_of_the_longest_key_has_a_four_digit_year() {
        const END_OF_9999_UNIX_S: u64 = 253_402_300_799;
        const YEAR_2100_UNIX_S: u64 = 4_102_444_800;
        const { assert!(YEAR_2100_UNIX_S + KEY_SECONDS_MAX < END_OF_9999_UNIX_S) };
    }
}
