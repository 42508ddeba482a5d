//! The limits of an import, each with its reason.

/// Bytes of a foreign configuration file. Real ones have a few kilobytes; the limit keeps a wrong path (a device, a log)
/// from filling the memory.
pub(crate) const CONFIGURATION_BYTES_MAX: u64 = 1024 * 1024;

/// Bytes of a line of a list or of a dump, with its line end: room for an info hash and a torrent's name as a comment.
pub(crate) const LINE_BYTES_MAX: usize = 1024;

/// Invalid rows of a source that are shown: enough to see the mistake, even with a million of them.
pub(crate) const INVALID_SHOWN_MAX: usize = 5;

/// Characters of a foreign text that are shown, and read from a column: an info hash and a little more.
pub(crate) const EXCERPT_CHARACTERS: usize = 48;

/// Seconds between two announces that a tracker may ask for: the range of `announce.interval_s`.
pub(crate) const INTERVAL_S: (u64, u64) = (60, 14_400);

/// Seconds for which a peer may be kept: the range of `announce.peer_lifetime_s`.
pub(crate) const LIFETIME_S: (u64, u64) = (120, 32_000);

/// Peers in a reply: the range of `announce.numwant_max`.
pub(crate) const NUMWANT: (u64, u64) = (1, 200);
