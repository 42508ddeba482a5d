//! The limits of HTTP connections that cannot be configured, each with its reason.

use std::time::Duration;

/// How long a turn serves connections before the core's other tasks run: about as long as two batches of datagrams. The
/// share of one connection may begin just before its end.
pub(crate) const TURN: Duration = Duration::from_micros(200);

/// Connections accepted in one turn from one listener, before the turn serves any: a fraction of [`TURN`], so that open
/// connections are served however many arrive.
pub(super) const ACCEPTS_MAX: usize = 8;

/// Requests answered, and reads made for them, on one connection before the others have their share, so that pipelining
/// clients wait for each other. About a third of [`TURN`].
pub(super) const STEPS_PER_SHARE_MAX: usize = 8;

/// Bytes read from a socket at once. Most requests have a few hundred.
pub(super) const READ_BYTES_MAX: usize = 16 << 10;

/// Received bytes that a connection keeps: the beginning of a request or of a frame, or requests after one that is being
/// answered. Nothing is read while a whole request or frame is there, and one read may release the bytes held in a TLS
/// session too.
pub(super) const UNREAD_BYTES_MAX: usize = ws_protocol::FRAME_BYTES_MAX + tls::PLAINTEXT_BYTES_MAX;

const _: () = assert!(http_protocol::HEAD_BYTES_MAX <= ws_protocol::FRAME_BYTES_MAX, "the longer of both");

/// Bytes of frames that wait until the client has read earlier ones: a hundred offers. Further ones are dropped, because a
/// client that is as far behind would not connect to their peers in time.
pub const FRAMES_UNSENT_BYTES_MAX: usize = 256 << 10;

const _: () = assert!(READ_BYTES_MAX <= tls::READ_BYTES_MAX, "or more could come out of a session");

/// Bytes of a page sent at once, of which a slow client's connection keeps those that it has no room for: a record of TLS.
pub(super) const PAGE_PIECE_BYTES_MAX: usize = 16 << 10;

/// Seconds for which a client may read nothing of its frames while more of them than may wait are dropped. Then it is cut off.
pub(super) const SLOW_S: u32 = 5;

/// Bytes read and discarded after a refused request, so that its client can read the reason before the connection is
/// reset (RFC 9112, 9.6).
pub(super) const DRAIN_BYTES_MAX: u32 = 256 << 10;

/// Seconds for which they are read.
pub(super) const DRAIN_S: u32 = 2;

/// Seconds for which a request waits for an owner that has as many of this core's routed requests as it may, before it
/// is answered with a failure. A slow core has caught up by then or will not, and clients give up after ten seconds.
pub(super) const OWNER_WAIT_S: u32 = 2;

/// Connections that are compared before one is closed for another. A source that has a tenth of all places is almost always
/// among them, and comparing them takes less than accepting the newcomer.
pub(super) const SAMPLE_MAX: usize = 32;

/// The step in which the numbers of connections of sources are compared before one is closed for a newcomer: sources with
/// fewer are alike, since a browser opens six, and the counts are estimates.
pub(super) const CROWD_STEP: u32 = 8;

/// Connections that are closed for the bytes that one connection has added in its share. Each was chosen because its source
/// holds more, by an estimate, so one or two are enough.
pub(super) const EVICTIONS_PER_SHARE_MAX: usize = 4;

/// Timer turns in which the deadlines of all connections are checked once: within a second.
pub(super) const TIMER_TURNS_PER_ROUND: usize = 10;

/// WebSockets that are closed in one turn of the timer, where all of them are: each close writes to its connection, over TLS in
/// a few microseconds. A hundred thousand are closed in ten seconds.
pub(super) const ENDED_PER_TURN_MAX: usize = 1_000;
