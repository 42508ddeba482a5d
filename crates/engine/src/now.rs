use primitives::Second;

/// The time of a batch. It is read once for all of its datagrams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// For lifetimes.
    pub monotonic: Second,
    /// Seconds since the Unix epoch, for connection ids: nodes that share a key share this time too.
    pub unix_s: u64,
}
