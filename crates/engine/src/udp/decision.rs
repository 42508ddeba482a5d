use crate::refusal::Refusal;
use crate::shard::{AdmittedClient, AnnounceIn};
use core::net::IpAddr;
use primitives::{AddressFamily, PeerDetails, ShardId};
use swarm::{Listing, SwarmKey};
use udp_protocol::{AnnounceRequest, ConnectRequest, Scrape, TransactionId};

/// The decision about a datagram, which borrows the decoded request.
#[derive(Debug, Clone, Copy)]
pub(super) enum Decision<'a> {
    /// Nothing: it was dropped and counted.
    Done,
    Connect(IpAddr, &'a ConnectRequest),
    Error(ErrorDecision),
    /// The announce is applied here, to the swarm of this key.
    Announce(SwarmKey, AdmittedAnnounce<'a>),
    /// The announce belongs to another shard.
    RouteAnnounce(ShardId, AdmittedAnnounce<'a>),
    /// The scrape is answered here, or by several shards in turn.
    Scrape(AddressFamily, Scrape<'a>),
}

/// An announce whose client is admitted.
#[derive(Debug, Clone, Copy)]
pub(super) struct AdmittedAnnounce<'a> {
    pub(super) request: &'a AnnounceRequest,
    pub(super) client: AdmittedClient,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct ErrorDecision {
    pub(super) transaction_id: TransactionId,
    pub(super) refusal: Refusal,
    /// Bytes that the error must not exceed.
    pub(super) bytes_max: usize,
}

impl AdmittedAnnounce<'_> {
    pub(super) fn announce_in(&self) -> AnnounceIn {
        let request = self.request;
        AnnounceIn {
            info_hash: request.info_hash,
            listing: Listing::at_port(request.port.get()),
            status: request.status(),
            numwant: request.numwant(),
            details: PeerDetails {
                peer_id: request.peer_id,
                uploaded: request.uploaded.get(),
                downloaded: request.downloaded.get(),
                left: request.left.get(),
                event: request.event(),
            },
        }
    }
}
