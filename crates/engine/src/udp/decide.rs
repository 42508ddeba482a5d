//! The first stage of a batch.

use super::decision::{AdmittedAnnounce, Decision, ErrorDecision};
use crate::admission::{Admission, AdmittedSource, Credentials, admit_source};
use crate::connection_id::ConnectionIds;
use crate::now::Now;
use crate::refusal::Refusal;
use crate::settings::InvalidConnectionId;
use crate::shard::Shard;
use access::UserAdmission;
use core::net::SocketAddr;
use guard::{Source, UnprovedRequest};
use metrics::{Counter, DropReason, Outcome};
use primitives::{
    AddressFamily, CompactIpv4, CompactIpv6, InfoHash, KeyInPath, PeerAddress, RequestKind, torrent_of,
};
use udp_protocol::{
    Announce, ConnectRequest, ConnectionId, Request, RequestError, Scrape, TransactionId, decode_request,
};

/// How clients prove their addresses, and what those receive that have not.
#[derive(Debug)]
pub(super) struct Proofs {
    pub(super) connection_ids: ConnectionIds,
    pub(super) invalid_connection_id: InvalidConnectionId,
}

/// The parts of a request that a refusal needs.
#[derive(Clone, Copy)]
struct Asked {
    source: Source,
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
        address: SocketAddr,
        datagram: &'a [u8],
    ) -> Decision<'a> {
        let source = Source::of(address.ip());
        shard.statistics.count_received(source.family(), 1);
        shard.statistics.add(Counter::BytesReceived, datagram.len() as u64);
        let request = match decode_request(datagram) {
            Ok(request) => request,
            Err(error) => return self.decide_no_request(shard, now, address, datagram.len(), error),
        };
        let kind = kind_of(&request);
        if address.port() == 0 {
            return drop_datagram(shard, source.family(), kind, DropReason::SourcePortZero);
        }
        let (decided, transaction_id) = match request {
            Request::Connect(connect) => return decide_connect(shard, now, source, connect),
            Request::Announce(announce) => {
                (self.decide_announce(shard, now, source, announce), announce.request.transaction_id)
            }
            Request::Scrape(scrape) => {
                (self.decide_scrape(shard, now, source, scrape), scrape.request.transaction_id)
            }
        };
        decided.unwrap_or_else(|refusal| {
            let asked = Asked { source, kind, transaction_id, bytes_max: usize::MAX };
            self.refuse(shard, now, asked, refusal)
        })
    }

    /// Drops a datagram that is not a request. A client that has proved its address receives an error if the action is
    /// unknown, so that it does not wait for a reply.
    fn decide_no_request(
        &self,
        shard: &mut Shard,
        now: Now,
        address: SocketAddr,
        bytes: usize,
        error: RequestError,
    ) -> Decision<'static> {
        let source = Source::of(address.ip());
        if let RequestError::UnknownAction { connection_id, transaction_id } = error
            && address.port() != 0
        {
            let asked = Asked { source, kind: RequestKind::Unknown, transaction_id, bytes_max: bytes };
            let admitted = self.admit(shard, now, source, connection_id);
            match admitted.err().unwrap_or(Refusal::UnknownAction) {
                refusal @ Refusal::ConnectionId(_) => count_wrong_id(shard, refusal),
                refusal => return self.refuse(shard, now, asked, refusal),
            }
        }
        let (kind, reason) = why_dropped(error);
        drop_datagram(shard, source.family(), kind, reason)
    }

    fn decide_announce<'a>(
        &self,
        shard: &mut Shard,
        now: Now,
        source: Source,
        announce: Announce<'a>,
    ) -> Result<Decision<'a>, Refusal> {
        let request = announce.request;
        let admitted = self.admit(shard, now, source, request.connection_id)?;
        let credentials = Credentials {
            peer_id: Some(&request.peer_id),
            key: |users| match users {
                UserAdmission::Public => Ok(KeyInPath::Absent),
                UserAdmission::Private => Ok(announce.options.key()),
            },
        };
        let admission = Admission::of(shard, now, admitted);
        let client = admission.check_announce(credentials, source.ip(), request.port.get())?;
        Ok(route(shard, AdmittedAnnounce { request, client }))
    }

    fn decide_scrape<'a>(
        &self,
        shard: &mut Shard,
        now: Now,
        source: Source,
        scrape: Scrape<'a>,
    ) -> Result<Decision<'a>, Refusal> {
        let admitted = self.admit(shard, now, source, scrape.request.connection_id)?;
        let credentials = Credentials {
            peer_id: None,
            key: |users| match users {
                UserAdmission::Public => Ok(KeyInPath::Absent),
                UserAdmission::Private => Err(Refusal::ScrapeWithoutKey),
            },
        };
        Admission::of(shard, now, admitted).check(credentials)?;
        Ok(Decision::Scrape(source.family(), scrape))
    }

    /// Returns the torrent of a request whose connection id is accepted.
    pub(super) fn proved_torrent(&self, now: Now, source: SocketAddr, datagram: &[u8]) -> Option<InfoHash> {
        let torrent = torrent_of(datagram)?;
        let connection_id = ConnectionId(*datagram.first_chunk()?);
        self.connection_ids.check(now.unix_s, Source::of(source.ip()).ip(), connection_id).ok()?;
        Some(torrent)
    }

    fn admit(
        &self,
        shard: &mut Shard,
        now: Now,
        source: Source,
        connection_id: ConnectionId,
    ) -> Result<AdmittedSource, Refusal> {
        admit_source(shard, now, source, || self.connection_ids.check(now.unix_s, source.ip(), connection_id))
    }

    /// Counts a refusal and decides whether its client receives an error.
    #[cold]
    fn refuse(&self, shard: &mut Shard, now: Now, asked: Asked, refusal: Refusal) -> Decision<'static> {
        let Asked { source, kind, transaction_id, bytes_max } = asked;
        count_wrong_id(shard, refusal);
        let dropped = match (refusal, self.invalid_connection_id) {
            (Refusal::Network(_), _) => Some(DropReason::Banned),
            (Refusal::OverLimit(_), _) => Some(DropReason::OverLimit),
            (Refusal::ConnectionId(_), InvalidConnectionId::Drop) => Some(DropReason::ConnectionIdSilenced),
            (Refusal::ConnectionId(_), InvalidConnectionId::Error) => {
                let over =
                    shard.guard.admit_unproved(now.monotonic_ms, source, UnprovedRequest::WrongProof).err();
                over.map(|_| DropReason::UnprovedOverLimit)
            }
            _ => None,
        };
        if let Some(reason) = dropped {
            return drop_datagram(shard, source.family(), kind, reason);
        }
        shard.statistics.count(source.family(), kind, Outcome::Error(refusal.reason()));
        refusal.count(&mut shard.statistics);
        Decision::Error(ErrorDecision { transaction_id, refusal, bytes_max })
    }
}

fn count_wrong_id(shard: &mut Shard, refusal: Refusal) {
    if matches!(refusal, Refusal::ConnectionId(_)) {
        shard.statistics.add(Counter::WrongConnectionIds, 1);
    }
}

fn decide_connect<'a>(
    shard: &mut Shard,
    now: Now,
    source: Source,
    connect: &'a ConnectRequest,
) -> Decision<'a> {
    let (family, kind) = (source.family(), RequestKind::Connect);
    if shard.access.network(source.ip()).is_err() {
        return drop_datagram(shard, family, kind, DropReason::Banned);
    }
    if shard.guard.admit_unproved(now.monotonic_ms, source, UnprovedRequest::Connect).is_err() {
        return drop_datagram(shard, family, kind, DropReason::UnprovedOverLimit);
    }
    Decision::Connect(source.ip(), connect)
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
