//! The bounds of HTTP connections that no configuration sets, each with its reason.

/// Events taken from the kernel at once: a turn of connections takes about as long as a batch of datagrams and gives way
/// to the core's other tasks then.
pub(super) const EVENTS_MAX: usize = 64;

/// Connections accepted at once from one listener, for the same reason.
pub(super) const ACCEPTS_MAX: usize = 32;

/// Requests answered on one connection before the others have their turn: clients that pipeline wait for each other.
pub(super) const REQUESTS_PER_TURN_MAX: usize = 16;

/// Pieces of a streamed answer that are sent on one connection before the others have their turn.
pub(super) const PAGES_PER_TURN_MAX: usize = 4;

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

/// Connections that the kernel holds for a listener until the core takes them: a fraction of a second of them.
pub(super) const BACKLOG: i32 = 4096;

/// Turns of the core's timer in which all connections are looked at once for their deadlines: within a second.
pub(super) const TIMER_TURNS_PER_ROUND: usize = 10;
