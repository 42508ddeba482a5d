use primitives::Second;

/// The time of a batch, read once for all of its datagrams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// For the lifetimes of peers and sessions.
    pub monotonic: Second,
    /// Milliseconds since the same start, for the limits by source.
    pub monotonic_ms: u64,
    /// Seconds since the Unix epoch, for connection ids, which nodes may share, and for the expiry of keys.
    pub unix_s: u64,
}
