use crate::Now;
use crate::engine::Engine;
use crate::refusal::Refusal;
use crate::settings::InvalidConnectionId;
use access::UserAdmission;
use core::net::SocketAddr;
use primitives::{
    AddressFamily, CompactIpv4, CompactIpv6, Counter, DropReason, InfoHash, KeyId, Outcome, PeerAddress,
    RequestKind, ShardId,
};
use swarm::SwarmKey;
use udp_protocol::{Announce, ConnectionId, Request, RequestError, Scrape, TransactionId, decode_request};

/// What is to be done about a datagram after the first stage. It is small: what the later stages need of the datagram
/// they read again, from the cache.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Decision {
    /// Nothing: it was dropped and counted.
    Done,
    /// A connection id is issued.
    Connect,
    /// An error is sent.
    Error(TransactionId, Refusal),
    /// The announce is applied here, to the swarm of this key, to the account of this user.
    Announce(AddressFamily, SwarmKey, Option<KeyId>),
    /// The announce belongs to another shard.
    RouteAnnounce(ShardId, Option<KeyId>),
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
            Err(error) => return self.decide_no_request(now, source, error),
        };
        if source.port() == 0 {
            return self.drop_datagram(family, kind_of(&request), DropReason::SourcePortZero);
        }
        if self.access.network(source.ip()).is_err() {
            return self.drop_datagram(family, kind_of(&request), DropReason::Banned);
        }
        match request {
            Request::Connect(_) => Decision::Connect,
            Request::Announce(announce) => self.decide_announce(now, source, &announce),
            Request::Scrape(scrape) => self.decide_scrape(now, source, &scrape),
        }
    }

    /// Drops a datagram that is no request. A client that has proved its address is told that its action is unknown, so
    /// that it does not wait for a reply.
    fn decide_no_request(&mut self, now: Now, source: SocketAddr, error: RequestError) -> Decision {
        let family = AddressFamily::of(source.ip());
        if let RequestError::UnknownAction { connection_id, transaction_id } = error
            && source.port() != 0
            && self.access.network(source.ip()).is_ok()
            && self.connection_ids.check(now.unix_s, source.ip(), connection_id).is_ok()
        {
            return self.refuse(family, RequestKind::Unknown, transaction_id, Refusal::UnknownAction);
        }
        let (kind, reason) = why_dropped(error);
        self.drop_datagram(family, kind, reason)
    }

    fn decide_announce(&mut self, now: Now, source: SocketAddr, announce: &Announce<'_>) -> Decision {
        let request = announce.request;
        let proof = (request.connection_id, request.transaction_id);
        if let Err(refusal) = self.check_proof(now, source, RequestKind::Announce, proof) {
            return refusal;
        }
        let family = AddressFamily::of(source.ip());
        let key = match self.admit(now, source, announce) {
            Ok(key) => key,
            Err(refusal) => {
                return self.refuse(family, RequestKind::Announce, request.transaction_id, refusal);
            }
        };
        let owner = self.ownership().owner(&request.info_hash);
        if owner == self.settings.shard {
            self.begin_lookup(family, &request.info_hash, key)
        } else {
            self.statistics.add(Counter::AnnouncesOnWrongCore, 1);
            Decision::RouteAnnounce(owner, key)
        }
    }

    /// Whether the client and its user are let in and it can be a peer, and whose account it is.
    fn admit(&self, now: Now, source: SocketAddr, announce: &Announce<'_>) -> Result<Option<KeyId>, Refusal> {
        self.access.client(&announce.request.peer_id)?;
        let key = match self.access.policy().users {
            UserAdmission::Public => None,
            UserAdmission::Private => self.check_key(now, announce.options.key())?,
        };
        PeerAddress::new(source.ip(), announce.request.port.get())?;
        Ok(key)
    }

    /// Asks for the part of the directory that the second stage reads.
    fn begin_lookup(&self, family: AddressFamily, info_hash: &InfoHash, key: Option<KeyId>) -> Decision {
        let swarm = self.swarms.key(info_hash);
        match family {
            AddressFamily::V4 => self.swarms.prefetch_directory::<CompactIpv4>(swarm),
            AddressFamily::V6 => self.swarms.prefetch_directory::<CompactIpv6>(swarm),
        }
        Decision::Announce(family, swarm, key)
    }

    fn decide_scrape(&mut self, now: Now, source: SocketAddr, scrape: &Scrape<'_>) -> Decision {
        let (kind, transaction_id) = (RequestKind::Scrape, scrape.request.transaction_id);
        if let Err(refusal) =
            self.check_proof(now, source, kind, (scrape.request.connection_id, transaction_id))
        {
            return refusal;
        }
        match self.access.policy().users {
            UserAdmission::Public => Decision::Scrape,
            UserAdmission::Private => {
                let family = AddressFamily::of(source.ip());
                self.refuse(family, kind, transaction_id, Refusal::ScrapeWithoutKey)
            }
        }
    }

    /// Checks the connection id; the error is what is done about a wrong one.
    fn check_proof(
        &mut self,
        now: Now,
        source: SocketAddr,
        kind: RequestKind,
        (connection_id, transaction_id): (ConnectionId, TransactionId),
    ) -> Result<(), Decision> {
        let Err(error) = self.connection_ids.check(now.unix_s, source.ip(), connection_id) else {
            return Ok(());
        };
        let family = AddressFamily::of(source.ip());
        Err(match self.settings.invalid_connection_id {
            InvalidConnectionId::Error => self.refuse(family, kind, transaction_id, error.into()),
            InvalidConnectionId::Drop => self.drop_datagram(family, kind, DropReason::ConnectionIdSilenced),
        })
    }

    fn refuse(
        &mut self,
        family: AddressFamily,
        kind: RequestKind,
        transaction_id: TransactionId,
        refusal: Refusal,
    ) -> Decision {
        self.statistics.count(family, kind, Outcome::Error(refusal.reason()));
        refusal.count(&mut self.statistics);
        Decision::Error(transaction_id, refusal)
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
        RequestError::UnknownAction { .. } => (RequestKind::Unknown, DropReason::UnknownAction),
    }
}
