use crate::settings::{AnnouncePolicy, EngineSettings};
use core::net::IpAddr;
use primitives::{AddressFamily, CompactIpv4, CompactIpv6, PeerAddress, Second};
use swarm::{AddressOfSwarm, Announce, Listing, PeerChange, SwarmSlot, Swarms};
use udp_protocol::{AnnounceRequest, AnnounceResponse, TransactionId};
use zerocopy::IntoBytes;

/// An announce that has been decoded and may be applied by the owner of its info hash.
#[derive(Debug, Clone, Copy)]
pub struct PendingAnnounce<A> {
    transaction_id: TransactionId,
    announce: Announce<A>,
}

/// An announce on its way to the owner of its info hash. Plain values: it crosses threads.
#[derive(Debug, Clone, Copy)]
pub enum RoutedAnnounce {
    /// Of an IPv4 client.
    V4(PendingAnnounce<CompactIpv4>),
    /// Of an IPv6 client.
    V6(PendingAnnounce<CompactIpv6>),
}

impl RoutedAnnounce {
    /// The family of the client.
    #[must_use]
    pub const fn family(&self) -> AddressFamily {
        match self {
            Self::V4(_) => AddressFamily::V4,
            Self::V6(_) => AddressFamily::V6,
        }
    }

    /// What the client at `ip` announces, and what it is granted.
    pub(crate) fn new(ip: IpAddr, request: &AnnounceRequest, policy: &AnnouncePolicy) -> Self {
        match PeerAddress::new(ip, request.port.get()) {
            PeerAddress::V4(address) => Self::V4(PendingAnnounce::new(address, request, policy)),
            PeerAddress::V6(address) => Self::V6(PendingAnnounce::new(address, request, policy)),
        }
    }
}

impl<A: AddressOfSwarm> PendingAnnounce<A> {
    pub(crate) fn new(address: A, request: &AnnounceRequest, policy: &AnnouncePolicy) -> Self {
        // Port 0 is how a client says that it does not listen.
        let listing = if request.port.get() == 0 { Listing::Unlisted } else { Listing::Listed };
        let announce = Announce {
            info_hash: request.info_hash,
            address,
            status: request.status(),
            event: request.event(),
            listing,
            peers_wanted: usize::from(policy.peers_wanted(request.numwant())),
        };
        Self { transaction_id: request.transaction_id, announce }
    }

    /// Applies the announce and writes the answer into `out`; gives its length and what became of the peer.
    pub(crate) fn answer(
        &self,
        now: Second,
        swarms: &mut Swarms,
        hint: Option<SwarmSlot<A>>,
        interval_s: u32,
        out: &mut [u8],
    ) -> (usize, PeerChange) {
        let (head, peers) = out.split_at_mut(AnnounceResponse::BYTES);
        let announced = swarms.announce(now, hint, &self.announce, peers);
        let counts = announced.counts;
        let response =
            AnnounceResponse::new(self.transaction_id, interval_s, counts.leechers, counts.seeders);
        head.copy_from_slice(response.as_bytes());
        (AnnounceResponse::BYTES + announced.peers * A::BYTES, announced.change)
    }
}

/// The part of `out` that a client of `A`'s family may be sent.
pub(crate) fn within_mtu<'a, A: AddressOfSwarm>(
    settings: &EngineSettings,
    out: &'a mut [u8],
) -> &'a mut [u8] {
    let bytes = settings.reply_bytes_max(A::FAMILY).min(out.len());
    &mut out[..bytes]
}
