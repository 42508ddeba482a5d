use crate::Now;
use crate::engine::Engine;
use crate::settings::InvalidConnectionId;
use core::net::SocketAddr;
use primitives::{
    AddressFamily, CompactIpv4, CompactIpv6, Counter, DropReason, ErrorReason, InfoHash, Outcome,
    RequestKind, ShardId,
};
use swarm::SwarmKey;
use udp_protocol::{
    AnnounceRequest, ConnectionId, Request, RequestError, Scrape, TransactionId, decode_request,
};

/// What is to be done about a datagram after the first stage. It is small: what the later stages need of the datagram
/// they read again, from the cache.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Decision {
    /// Nothing: it was dropped and counted.
    Done,
    /// A connection id is issued.
    Connect,
    /// An error is sent.
    Error(TransactionId, ErrorReason),
    /// The announce is applied here, to the swarm of this key.
    Announce(AddressFamily, SwarmKey),
    /// The announce belongs to another shard.
    RouteAnnounce(ShardId),
    /// The scrape is answered or begins its way here.
    Scrape,
}

impl Engine {
    /// The first stage: decodes, checks the connection id, finds the owner.
    pub(crate) fn decide(&mut self, now: Now, source: SocketAddr, datagram: &[u8]) -> Decision {
        let family = AddressFamily::of(source.ip());
        self.statistics.count_received(family, 1);
        self.statistics.add(Counter::BytesReceived, datagram.len() as u64);
        let request = match decode_request(datagram) {
            Ok(request) => request,
            Err(error) => {
                let (kind, reason) = why_dropped(error);
                return self.drop_datagram(family, kind, reason);
            }
        };
        if source.port() == 0 {
            return self.drop_datagram(family, kind_of(&request), DropReason::SourcePortZero);
        }
        match request {
            Request::Connect(_) => Decision::Connect,
            Request::Announce(announce) => self.decide_announce(now, source, announce.request),
            Request::Scrape(scrape) => self.decide_scrape(now, source, &scrape),
        }
    }

    fn decide_announce(&mut self, now: Now, source: SocketAddr, request: &AnnounceRequest) -> Decision {
        let proof = (request.connection_id, request.transaction_id);
        if let Err(refusal) = self.check_proof(now, source, RequestKind::Announce, proof) {
            return refusal;
        }
        let owner = self.ownership().owner(&request.info_hash);
        if owner == self.settings.shard {
            self.begin_lookup(AddressFamily::of(source.ip()), &request.info_hash)
        } else {
            self.statistics.add(Counter::AnnouncesOnWrongCore, 1);
            Decision::RouteAnnounce(owner)
        }
    }

    /// Asks for the part of the directory that the second stage reads.
    fn begin_lookup(&self, family: AddressFamily, info_hash: &InfoHash) -> Decision {
        let key = self.swarms.key(info_hash);
        match family {
            AddressFamily::V4 => self.swarms.prefetch_directory::<CompactIpv4>(key),
            AddressFamily::V6 => self.swarms.prefetch_directory::<CompactIpv6>(key),
        }
        Decision::Announce(family, key)
    }

    fn decide_scrape(&mut self, now: Now, source: SocketAddr, scrape: &Scrape<'_>) -> Decision {
        let proof = (scrape.request.connection_id, scrape.request.transaction_id);
        self.check_proof(now, source, RequestKind::Scrape, proof).err().unwrap_or(Decision::Scrape)
    }

    /// Checks the connection id; the error is what is done about a wrong one.
    fn check_proof(
        &mut self,
        now: Now,
        source: SocketAddr,
        kind: RequestKind,
        (connection_id, transaction_id): (ConnectionId, TransactionId),
    ) -> Result<(), Decision> {
        let Err(reason) = self.connection_ids.check(now.unix_s, source.ip(), connection_id) else {
            return Ok(());
        };
        let family = AddressFamily::of(source.ip());
        Err(match self.settings.invalid_connection_id {
            InvalidConnectionId::Error => {
                self.statistics.count(family, kind, Outcome::Error(reason));
                Decision::Error(transaction_id, reason)
            }
            InvalidConnectionId::Drop => self.drop_datagram(family, kind, DropReason::ConnectionIdSilenced),
        })
    }

    fn drop_datagram(&mut self, family: AddressFamily, kind: RequestKind, reason: DropReason) -> Decision {
        self.statistics.count(family, kind, Outcome::Dropped(reason));
        Decision::Done
    }
}

const fn kind_of(request: &Request<'_>) -> RequestKind {
    match request {
        Request::Connect(_) => RequestKind::Connect,
        Request::Announce(_) => RequestKind::Announce,
        Request::Scrape(_) => RequestKind::Scrape,
    }
}

const fn why_dropped(error: RequestError) -> (RequestKind, DropReason) {
    match error {
        RequestError::TooShort(kind) => (kind, DropReason::TooShort),
        RequestError::WrongProtocolId => (RequestKind::Connect, DropReason::WrongProtocolId),
        RequestError::UnknownAction => (RequestKind::Unknown, DropReason::UnknownAction),
    }
}
