//! The first stage of a batch.

use super::decision::{AdmittedAnnounce, Decision, ErrorDecision};
use super::service::UdpService;
use crate::admission::{self, Credentials};
use crate::now::Now;
use crate::refusal::Refusal;
use crate::settings::InvalidConnectionId;
use crate::shard::{AdmittedClient, Shard};
use access::UserAdmission;
use core::net::SocketAddr;
use primitives::{
    AddressFamily, CompactIpv4, CompactIpv6, Counter, DropReason, KeyInPath, Outcome, PeerAddress,
    RequestKind,
};
use udp_protocol::{Announce, Request, RequestError, Scrape, TransactionId, decode_request};

/// The parts of a request that a refusal needs.
#[derive(Clone, Copy)]
struct Asked {
    source: SocketAddr,
    kind: RequestKind,
    transaction_id: TransactionId,
}

impl UdpService {
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
        if admission::check_source(shard, source.ip()).is_err() {
            return drop_datagram(shard, family, kind_of(&request), DropReason::Banned);
        }
        match request {
            Request::Connect(connect) => Decision::Connect(source.ip(), connect),
            Request::Announce(announce) => self.decide_announce(shard, now, source, announce),
            Request::Scrape(scrape) => self.decide_scrape(shard, now, source, scrape),
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
        if let RequestError::UnknownAction { connection_id, transaction_id } = error
            && source.port() != 0
            && admission::check_source(shard, source.ip()).is_ok()
            && self.connection_ids.check(now.unix_s, source.ip(), connection_id).is_ok()
        {
            let kind = RequestKind::Unknown;
            let asked = Asked { source, kind, transaction_id };
            return self.refuse(shard, asked, Refusal::UnknownAction, bytes);
        }
        let (kind, reason) = why_dropped(error);
        drop_datagram(shard, AddressFamily::of(source.ip()), kind, reason)
    }

    fn decide_announce<'a>(
        &self,
        shard: &mut Shard,
        now: Now,
        source: SocketAddr,
        announce: Announce<'a>,
    ) -> Decision<'a> {
        let request = announce.request;
        let asked = Asked { source, kind: RequestKind::Announce, transaction_id: request.transaction_id };
        let credentials = Credentials {
            proof: || self.connection_ids.check(now.unix_s, source.ip(), request.connection_id),
            peer_id: Some(&request.peer_id),
            key: |users| match users {
                UserAdmission::Public => Ok(KeyInPath::Absent),
                UserAdmission::Private => Ok(announce.options.key()),
            },
        };
        let client = admission::check(shard, now, credentials).and_then(|key| {
            let address = PeerAddress::new(source.ip(), request.port.get())?;
            Ok(AdmittedClient { address, key })
        });
        match client {
            Ok(client) => route(shard, AdmittedAnnounce { request, client }),
            Err(refusal) => self.refuse(shard, asked, refusal, usize::MAX),
        }
    }

    fn decide_scrape<'a>(
        &self,
        shard: &mut Shard,
        now: Now,
        source: SocketAddr,
        scrape: Scrape<'a>,
    ) -> Decision<'a> {
        let (connection_id, transaction_id) = (scrape.request.connection_id, scrape.request.transaction_id);
        let credentials = Credentials {
            proof: || self.connection_ids.check(now.unix_s, source.ip(), connection_id),
            peer_id: None,
            key: |users| match users {
                UserAdmission::Public => Ok(KeyInPath::Absent),
                UserAdmission::Private => Err(Refusal::ScrapeWithoutKey),
            },
        };
        match admission::check(shard, now, credentials) {
            Ok(_) => Decision::Scrape(AddressFamily::of(source.ip()), scrape),
            Err(refusal) => {
                let asked = Asked { source, kind: RequestKind::Scrape, transaction_id };
                self.refuse(shard, asked, refusal, usize::MAX)
            }
        }
    }

    /// Counts a refusal and decides whether its client receives an error.
    #[cold]
    fn refuse(
        &self,
        shard: &mut Shard,
        asked: Asked,
        refusal: Refusal,
        bytes_max: usize,
    ) -> Decision<'static> {
        let Asked { source, kind, transaction_id } = asked;
        let family = AddressFamily::of(source.ip());
        match (refusal, self.settings.invalid_connection_id) {
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
