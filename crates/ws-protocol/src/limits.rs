//! The limits of the protocol, each with its reason.

/// Maximum size of a message after its fragments have been put together, in bytes. An announce with offers takes 5,000
/// to 30,000.
pub const MESSAGE_BYTES_MAX: usize = 64 << 10;

/// Maximum size of a frame that is read, in bytes: a whole message after 2 bytes, a length of 8 bytes and a mask.
pub const FRAME_BYTES_MAX: usize = MESSAGE_BYTES_MAX + FRAME_HEAD_BYTES_MAX;

const FRAME_HEAD_BYTES_MAX: usize = 14;

/// Maximum size of the payload of a control frame, in bytes (RFC 6455, 5.5).
pub(crate) const CONTROL_BYTES_MAX: u8 = 125;

/// Maximum number of arrays and objects inside each other. Announces have four. It limits the stack that a message
/// takes, and what the clients to which a description is passed on have to parse.
pub const DEPTH_MAX: usize = 32;

/// Size of the longest known name of a member in bytes: `downloaded` and `to_peer_id`.
pub(crate) const NAME_BYTES_MAX: usize = 10;

/// The seconds that clients are asked to wait between two scrapes.
pub(crate) const SCRAPE_INTERVAL_S: u32 = 600;
