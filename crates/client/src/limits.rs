//! The limits of the client, each with its reason.

use std::time::Duration;

/// Maximum size of the URL of a tracker, in bytes. Passkeys take some 40; a longer one would not fit the request line of many
/// trackers.
pub(crate) const URL_BYTES_MAX: usize = 2048;

/// Maximum size of a host with its port, in bytes: 253 of a name (RFC 1035, 3.1), `:` and 5 digits.
pub const HOST_BYTES_MAX: usize = 259;

/// Minimum length of a part of a URL that is taken for a passkey, in characters. Shorter ones are words such as `a` or `k`.
pub(crate) const SECRET_CHARS_MIN: usize = 8;

/// Maximum length of an error in a report, in characters: it is shown in one line.
pub(crate) const TEXT_CHARS_MAX: usize = 200;

/// Maximum size of the body of an HTTP response, in bytes. 10,000 peers as dictionaries with peer ids take 750,000.
pub const BODY_BYTES_MAX: usize = 1 << 20;

/// Maximum size of the head of an HTTP response, in bytes: far more than trackers and the proxies in front of them send.
pub(crate) const HEAD_BYTES_MAX: usize = 64 << 10;

/// Maximum number of redirects of a request. Moved trackers need one or two, for the host and for TLS.
pub const REDIRECTS_MAX: usize = 3;

/// How long the addresses of one family of a name may come after those of the other, where those of one suffice. Name servers
/// mostly answer both questions at once.
pub const FAMILY_PATIENCE: Duration = Duration::from_millis(500);

/// Addresses of a name that are tried at most: more than any tracker has, and few enough to open a socket for each.
pub(crate) const ADDRESSES_MAX: usize = 32;

/// Maximum size of a datagram that is read, in bytes: as long as one can be, because some trackers return more peers than
/// they are asked for.
pub(crate) const DATAGRAM_BYTES_MAX: usize = 65_535;

/// Maximum number of datagrams read at once, so that a flood does not keep other requests from their turn.
pub(crate) const DATAGRAMS_PER_TURN_MAX: usize = 64;

/// How long a UDP request waits for its response before it is sent again; each further time twice as long. BEP 15 starts with
/// 15 s, but then an announce that may take 15 s in all would never survive a lost datagram. A tracker that takes longer
/// than 3 s is overloaded, and the doubling takes the load off it as the BEP intends.
pub const RETRANSMIT_AFTER: Duration = Duration::from_secs(3);

/// Maximum number of times that the time to the next retransmission doubles (BEP 15).
pub(crate) const RETRANSMIT_DOUBLINGS_MAX: u32 = 8;

/// Transaction ids of earlier requests of a session that are remembered, to recognize a late or second response: more requests
/// than a check sends.
pub(crate) const SENT_IDS_MAX: usize = 64;

/// How long a connection id is used (BEP 15: "until one minute after they have received it").
pub(crate) const CONNECTION_ID_AGE_MAX: Duration = Duration::from_secs(60);

/// How many timeouts the whole check of an address may take: a tracker that is nearly too slow for each of its dozen requests
/// is cut off, one that answers within a third of the timeout is not. The peers of the check leave after that.
pub(crate) const CHECK_TIMEOUTS: u32 = 4;

/// How soon a plain HTTP port has to close a connection that begins with TLS, as newTrackon waits for it.
pub(crate) const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

/// Peers that a check asks for: the usual number of clients.
pub(crate) const NUMWANT: u32 = 50;

/// Intervals in seconds that newTrackon accepts.
pub(crate) const INTERVALS_S: std::ops::RangeInclusive<u32> = 300..=10_800;

/// A slower answer is worth a warning: most trackers take less than half a second from anywhere.
pub(crate) const SLOW_ANSWER: Duration = Duration::from_secs(1);

/// A certificate that ends sooner is worth a warning: automatic renewal happens a month before.
pub(crate) const CERTIFICATE_DAYS_MIN: u64 = 14;

/// Maximum size of a response of the management API, in bytes: a whitelist of 25 million torrents.
pub(crate) const API_BODY_BYTES_MAX: usize = 1 << 30;

/// Maximum size of one event of the management API, in bytes: its hundreds of figures take some 20,000.
pub(crate) const EVENT_BYTES_MAX: usize = 1 << 20;

/// How long the management API may take to answer, or to send more of an answer: it gives a core 30 s.
pub(crate) const API_TIMEOUT: Duration = Duration::from_secs(60);

/// How long the whole response of the management API may take: the longest one over a connection of 20 Mbit/s.
pub(crate) const API_BODY_TIMEOUT: Duration = Duration::from_secs(450);

/// Longest text of a refusal of the management API that an error has, in bytes: its own are one line.
pub(crate) const REFUSAL_BYTES_MAX: usize = 4096;
