use crate::shard::AnyAnnounce;
use primitives::AddressFamily;
use udp_protocol::TransactionId;

/// An announce on its way to the owner of its info hash. It holds plain values only, because it crosses threads.
#[derive(Debug, Clone, Copy)]
pub struct RoutedAnnounce {
    pub(super) transaction_id: TransactionId,
    pub(super) announce: AnyAnnounce,
}

impl RoutedAnnounce {
    /// Returns the family of the client.
    #[must_use]
    pub const fn family(&self) -> AddressFamily {
        self.announce.family()
    }
}
