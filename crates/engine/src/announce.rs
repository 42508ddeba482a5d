use crate::peer_report::PeerReport;
use crate::settings::{AnnouncePolicy, EngineSettings};
use primitives::{AddressFamily, CompactIpv4, CompactIpv6, PeerAddress};
use swarm::{AddressOfSwarm, Announce, Listing};
use udp_protocol::{AnnounceRequest, TransactionId};

/// An announce that has been decoded and may be applied by the owner of its info hash.
#[derive(Debug, Clone, Copy)]
pub struct PendingAnnounce<A> {
    pub(crate) transaction_id: TransactionId,
    pub(crate) announce: Announce<A>,
    pub(crate) peer_report: Option<PeerReport>,
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

    /// What the client at `address` announces, and what it is granted.
    pub(crate) fn new(
        address: PeerAddress,
        (request, peer_report): (&AnnounceRequest, Option<PeerReport>),
        policy: &AnnouncePolicy,
    ) -> Self {
        match address {
            PeerAddress::V4(address) => {
                Self::V4(PendingAnnounce::new(address, (request, peer_report), policy))
            }
            PeerAddress::V6(address) => {
                Self::V6(PendingAnnounce::new(address, (request, peer_report), policy))
            }
        }
    }
}

impl<A: AddressOfSwarm> PendingAnnounce<A> {
    pub(crate) fn new(
        address: A,
        (request, peer_report): (&AnnounceRequest, Option<PeerReport>),
        policy: &AnnouncePolicy,
    ) -> Self {
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
        Self { transaction_id: request.transaction_id, announce, peer_report }
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
