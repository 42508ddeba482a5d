//! The bounds of HTTP connections that no configuration sets, each with its reason.

use std::time::Duration;

/// How long a turn serves connections before the core's other tasks have theirs: about as long as two batches of
/// datagrams. One connection's share of it may begin just before its end.
pub(crate) const TURN: Duration = Duration::from_micros(200);

/// Events taken from the kernel in one turn. They are only noted, which takes a fraction of [`TURN`].
pub(super) const EVENTS_MAX: usize = 64;

/// Connections accepted in one turn from one listener, before the turn serves any: a fraction of [`TURN`], so that those
/// that are there are served however many come.
pub(super) const ACCEPTS_MAX: usize = 8;

/// Requests answered, and reads made for them, on one connection before the others have their share: clients that
/// pipeline wait for each other. About a third of [`TURN`].
pub(super) const STEPS_PER_SHARE_MAX: usize = 8;

/// Bytes read from a socket at once. Most requests have a few hundred.
pub(super) const READ_BYTES_MAX: usize = 16 << 10;

/// Bytes that a connection keeps of what it has received: the beginning of a request, or requests behind one that is
/// being answered. Nothing is read behind a whole request, and a read brings a TLS session's held bytes with it.
pub(super) const UNREAD_BYTES_MAX: usize = http_protocol::HEAD_BYTES_MAX + tls::PLAINTEXT_BYTES_MAX;

const _: () = assert!(READ_BYTES_MAX <= tls::READ_BYTES_MAX, "or more could come out of a session");

/// Bytes read and thrown away behind a request that was refused, so that its client can read why before the connection
/// is reset (RFC 9112, 9.6).
pub(super) const DRAIN_BYTES_MAX: u32 = 256 << 10;

/// Seconds for the same.
pub(super) const DRAIN_S: u32 = 2;

/// Seconds for which a request waits for an owner that has as many of this core's routed requests as it may, before it is
/// answered with a failure. A slow core has caught up by then or is not going to, and clients give up after ten or more.
pub(super) const OWNER_WAIT_S: u32 = 2;

/// Connections that the kernel holds for a listener until the core takes them: a fraction of a second of them.
pub(super) const BACKLOG: i32 = 4096;

/// Turns of the core's timer in which all connections are looked at once for their deadlines: within a second.
pub(super) const TIMER_TURNS_PER_ROUND: usize = 10;
