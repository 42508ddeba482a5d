//! The first stage of a batch.

use super::decision::{AdmittedAnnounce, Decision, ErrorDecision};
use crate::admission::{Admission, Credentials};
use crate::connection_id::ConnectionIds;
use crate::now::Now;
use crate::refusal::Refusal;
use crate::settings::InvalidConnectionId;
use crate::shard::{AdmittedClient, Shard};
use access::UserAdmission;
use core::net::SocketAddr;
use metrics::{Counter, DropReason, Outcome};
use primitives::{AddressFamily, CompactIpv4, CompactIpv6, KeyInPath, PeerAddress, RequestKind};
use udp_protocol::{Announce, ConnectionId, Request, RequestError, Scrape, TransactionId, decode_request};

/// How clients prove their addresses, and what those receive that have not.
#[derive(Debug)]
pub(super) struct Proofs {
    pub(super) connection_ids: ConnectionIds,
    pub(super) invalid_connection_id: InvalidConnectionId,
}

/// The parts of a request that a refusal needs.
#[derive(Clone, Copy)]
struct Asked {
    family: AddressFamily,
    kind: RequestKind,
    transaction_id: TransactionId,
    /// Bytes that an error must not exceed.
    bytes_max: usize,
}

impl Proofs {
    /// Decodes a datagram, admits its client and finds the owner of its torrent.
    pub(super) fn decide<'a>(
        &self,
        shard: &mut Shard,
        now: Now,
        source: SocketAddr,
        datagram: &'a [u8],
    ) -> Decision<'a> {
        let family = AddressFamily::of(source.ip());
        shard.statistics.count_received(family, 1);
        shard.statistics.add(Counter::BytesReceived, datagram.len() as u64);
        let request = match decode_request(datagram) {
            Ok(request) => request,
            Err(error) => return self.decide_no_request(shard, now, source, datagram.len(), error),
        };
        if source.port() == 0 {
            return drop_datagram(shard, family, kind_of(&request), DropReason::SourcePortZero);
        }
        let Ok(admission) = Admission::of_source(shard, now, source.ip()) else {
            return drop_datagram(shard, family, kind_of(&request), DropReason::Banned);
        };
        let asked =
            |transaction_id| Asked { family, kind: kind_of(&request), transaction_id, bytes_max: usize::MAX };
        match request {
            Request::Connect(connect) => Decision::Connect(source.ip(), connect),
            Request::Announce(announce) => match self.admit_announce(&admission, now, source, announce) {
                Ok(client) => route(shard, AdmittedAnnounce { request: announce.request, client }),
                Err(refusal) => self.refuse(shard, asked(announce.request.transaction_id), refusal),
            },
            Request::Scrape(scrape) => match self.admit_scrape(&admission, now, source, scrape) {
                Ok(()) => Decision::Scrape(family, scrape),
                Err(refusal) => self.refuse(shard, asked(scrape.request.transaction_id), refusal),
            },
        }
    }

    /// Drops a datagram that is not a request. A client that has proved its address receives an error if the action is
    /// unknown, so that it does not wait for a reply.
    fn decide_no_request(
        &self,
        shard: &mut Shard,
        now: Now,
        source: SocketAddr,
        bytes: usize,
        error: RequestError,
    ) -> Decision<'static> {
        let family = AddressFamily::of(source.ip());
        if let RequestError::UnknownAction { connection_id, transaction_id } = error
            && source.port() != 0
            && Admission::of_source(shard, now, source.ip()).is_ok()
            && self.connection_ids.check(now.unix_s, source.ip(), connection_id).is_ok()
        {
            let asked = Asked { family, kind: RequestKind::Unknown, transaction_id, bytes_max: bytes };
            return self.refuse(shard, asked, Refusal::UnknownAction);
        }
        let (kind, reason) = why_dropped(error);
        drop_datagram(shard, family, kind, reason)
    }

    fn admit_announce(
        &self,
        admission: &Admission<'_>,
        now: Now,
        source: SocketAddr,
        announce: Announce<'_>,
    ) -> Result<AdmittedClient, Refusal> {
        let request = announce.request;
        let credentials = Credentials {
            proof: || self.connection_ids.check(now.unix_s, source.ip(), request.connection_id),
            peer_id: Some(&request.peer_id),
            key: |users| match users {
                UserAdmission::Public => Ok(KeyInPath::Absent),
                UserAdmission::Private => Ok(announce.options.key()),
            },
        };
        admission.check_announce(credentials, source.ip(), request.port.get())
    }

    fn admit_scrape(
        &self,
        admission: &Admission<'_>,
        now: Now,
        source: SocketAddr,
        scrape: Scrape<'_>,
    ) -> Result<(), Refusal> {
        let connection_id: ConnectionId = scrape.request.connection_id;
        let credentials = Credentials {
            proof: || self.connection_ids.check(now.unix_s, source.ip(), connection_id),
            peer_id: None,
            key: |users| match users {
                UserAdmission::Public => Ok(KeyInPath::Absent),
                UserAdmission::Private => Err(Refusal::ScrapeWithoutKey),
            },
        };
        admission.check(credentials).map(|_| ())
    }

    /// Counts a refusal and decides whether its client receives an error.
    #[cold]
    fn refuse(&self, shard: &mut Shard, asked: Asked, refusal: Refusal) -> Decision<'static> {
        let Asked { family, kind, transaction_id, bytes_max } = asked;
        match (refusal, self.invalid_connection_id) {
            (Refusal::ConnectionId(_), InvalidConnectionId::Drop) => {
                drop_datagram(shard, family, kind, DropReason::ConnectionIdSilenced)
            }
            _ => {
                shard.statistics.count(family, kind, Outcome::Error(refusal.reason()));
                refusal.count(&mut shard.statistics);
                Decision::Error(ErrorDecision { transaction_id, refusal, bytes_max })
            }
        }
    }
}

/// Finds the owner of an announce. If it is this shard, prefetches the part of the directory that the next stage reads.
fn route<'a>(shard: &mut Shard, announce: AdmittedAnnounce<'a>) -> Decision<'a> {
    let info_hash = &announce.request.info_hash;
    let owner = shard.ownership.owner(info_hash);
    if owner != shard.ownership.own {
        shard.statistics.add(Counter::AnnouncesOnWrongCore, 1);
        return Decision::RouteAnnounce(owner, announce);
    }
    let swarm = shard.swarms.key(info_hash);
    match announce.client.address {
        PeerAddress::V4(_) => shard.swarms.prefetch_directory::<CompactIpv4>(swarm),
        PeerAddress::V6(_) => shard.swarms.prefetch_directory::<CompactIpv6>(swarm),
    }
    Decision::Announce(swarm, announce)
}

fn drop_datagram(
    shard: &mut Shard,
    family: AddressFamily,
    kind: RequestKind,
    reason: DropReason,
) -> Decision<'static> {
    shard.statistics.count(family, kind, Outcome::Dropped(reason));
    Decision::Done
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
