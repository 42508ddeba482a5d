use super::client::address_of_peer;
use super::failure::{Failed, Failure};
use super::full_scrape::{FullScrape, FullScrapeGate, Gate};
use super::policy::HttpPolicy;
use super::routed::{Question, RoutedRequest, RoutedStep, WHOLE};
use super::routed_pool::RoutedPool;
use super::stream_body::StreamBody;
use crate::admission::{Admission, AdmittedSource, Credentials};
use crate::limits::ROOM;
use crate::now::Now;
use crate::refusal::Refusal;
use crate::shard::{AnnounceIn, Shard};
use access::UserAdmission;
use core::net::{IpAddr, Ipv4Addr};
use core::ops::Range;
use guard::{OverLimit, Source};
use http_protocol::{
    Announce, AnnounceResponse, Connection, Framing, FullScrapeResponse, ListedPeer, OutOfRoom, PEERS_MAX,
    PeerForm, Peers, QueryError, Request, Route, Scrape, ScrapeResponse, Status, write_health, write_status,
};
use metrics::HttpOutcome;
use primitives::{
    AddressFamily, CompactIpv4, CompactIpv6, KeyInPath, PeerDetails, PeerId, ShardId, StatisticsPages,
};
use std::sync::Arc;
use swarm::{Listing, PeerChange};
use zerocopy::FromBytes;

/// Answers the HTTP requests of one core.
#[derive(Debug)]
pub struct HttpService {
    pub(super) policy: HttpPolicy,
    persistence: Persistence,
    pub(super) pool: RoutedPool,
    full_scrapes: FullScrapeGate,
    /// `None` while the page is off.
    pub(super) statistics: Option<Arc<StatisticsPages>>,
    /// The peers of an answer that lists them one by one; kept for its memory.
    listed: Vec<ListedPeer>,
}

/// How long connections are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Persistence {
    /// As long as client and policy allow.
    AsRequested,
    /// Each answer that begins is the last one.
    UntilNextAnswer,
}

impl Persistence {
    /// Returns what happens to a connection after an answer that begins.
    #[must_use]
    pub const fn of(self, requested: Connection) -> Connection {
        match self {
            Self::AsRequested => requested,
            Self::UntilNextAnswer => Connection::Close,
        }
    }
}

/// The outcome of a request.
#[derive(Debug)]
pub(super) enum Served {
    /// The answer lies in this part of the buffer.
    Written(Range<usize>),
    /// The request goes to the owner of its torrent, and [`HttpService::finish`] writes the answer when it is back.
    Routed(ShardId, Box<RoutedRequest>),
    /// The request belongs to this owner, which has as many of this core's requests as it may.
    OwnerBusy(ShardId, Box<RoutedRequest>),
    /// The beginning of the answer lies in this part of the buffer. The rest follows in pieces.
    Stream(Range<usize>, StreamBody),
}

/// The next piece of a scrape of all torrents.
#[derive(Debug)]
pub enum Page {
    /// This many bytes of the buffer.
    Written(usize),
    /// The page is requested from another core, and [`HttpService::finish_page`] writes it when the request is back.
    Routed(ShardId, Box<RoutedRequest>),
    Over,
    /// The owner of the page has as many of this core's requests as it may.
    OwnerBusy(ShardId),
}

/// A request and its client.
#[derive(Debug, Clone, Copy)]
pub(super) struct ClientRequest<'a> {
    /// `None` where a trusted proxy does not report it.
    pub(super) client: Option<IpAddr>,
    /// The family of the connection.
    pub(super) family: AddressFamily,
    pub(super) admitted: Result<AdmittedSource, Failure<'static>>,
    pub(super) request: &'a Request<'a>,
}

/// The warning to a client for which there was no room in the swarm.
const NOT_LISTED: &str = "you were not added to the swarm: a limit is reached";

impl HttpService {
    /// Returns a service without routed requests.
    #[must_use]
    pub fn new(policy: HttpPolicy) -> Self {
        let full_scrapes = FullScrapeGate::new(policy.full_scrapes);
        let (pool, listed) = (RoutedPool::default(), Vec::with_capacity(PEERS_MAX));
        let persistence = Persistence::AsRequested;
        Self { policy, persistence, pool, full_scrapes, statistics: None, listed }
    }

    /// Sets how long connections are kept.
    pub const fn set_persistence(&mut self, persistence: Persistence) {
        self.persistence = persistence;
    }

    /// Returns how long connections are kept.
    #[must_use]
    pub const fn persistence(&self) -> Persistence {
        self.persistence
    }

    /// Replaces the policy. Open connections keep what they have been granted as they began: whether their client is a
    /// proxy, and how many requests they may make.
    pub fn use_policy(&mut self, policy: HttpPolicy) {
        self.full_scrapes.use_policy(policy.full_scrapes);
        self.policy = policy;
    }

    /// Returns the policy for clients.
    #[must_use]
    pub const fn policy(&self) -> &HttpPolicy {
        &self.policy
    }

    /// Serves these statistics from now on, or none.
    pub fn set_statistics(&mut self, pages: Option<Arc<StatisticsPages>>) {
        self.statistics = pages;
    }

    /// Answers a request or routes it.
    pub(super) fn serve(
        &mut self,
        shard: &mut Shard,
        now: Now,
        asked: ClientRequest<'_>,
        out: &mut [u8],
    ) -> Served {
        let framing = asked.request.framing;
        let (written, outcome) = match (asked.request.route, asked.over_limit()) {
            (Route::Announce(key), _) => return self.announce(shard, now, asked, key, out),
            (Route::Scrape(key), _) => return self.scrape(shard, now, asked, key, out),
            (_, Some(OverLimit { retry_s, .. })) => {
                (write_status(out, framing, Status::TooManyRequests { retry_s }), HttpOutcome::OverLimit)
            }
            (Route::Site(path), None) => return self.site(shard, asked, path, out),
            (Route::HealthCheck, None) => (write_health(out, framing), HttpOutcome::HealthChecked),
            (Route::Options, None) => (write_status(out, framing, Status::NoContent), HttpOutcome::Elsewhere),
            (Route::NotFound, None) => (write_status(out, framing, Status::NotFound), HttpOutcome::NotFound),
        };
        shard.statistics.count_http(asked.family, outcome);
        Served::Written(written.expect(ROOM))
    }

    /// Returns the next owner of a request that is back, if there is one. Discards the request if it has no room.
    pub fn send_on(&mut self, shard: &Shard, routed: &mut RoutedRequest) -> Option<ShardId> {
        self.pool.note_home(routed);
        let owner = routed.next_owner(&shard.ownership)?;
        if self.pool.note_sent(shard.shards(), owner, routed) {
            return Some(owner);
        }
        routed.give_up();
        None
    }

    /// Writes the answer to a routed request that is complete.
    ///
    /// # Panics
    /// When `out` is shorter than [`http_protocol::RESPONSE_BYTES_MAX`].
    pub fn finish(
        &mut self,
        shard: &mut Shard,
        mut routed: Box<RoutedRequest>,
        out: &mut [u8],
    ) -> Range<usize> {
        let family = AddressFamily::of(routed.client);
        routed.framing.connection = self.persistence.of(routed.framing.connection);
        let (written, outcome) = match routed.question {
            Question::GivenUp(_) | Question::ScrapeAll | Question::WebRtc(_) => {
                return self.give_up(shard, routed, out);
            }
            _ if routed.found.refusal.is_some() => return self.refuse_torrent(shard, routed, out),
            Question::Announce(announce, form) => {
                let written = self.write_announce(&routed, announce.family(), form, out);
                (written, HttpOutcome::AnnounceAnswered)
            }
            Question::Scrape(_) | Question::Page(..) => {
                let framing = routed.framing;
                let mut response = ScrapeResponse { files: routed.files.files_mut() };
                (response.write(out, framing), HttpOutcome::ScrapeAnswered)
            }
        };
        shard.statistics.count_http(family, outcome);
        self.take_back(routed);
        written.expect(ROOM)
    }

    /// Answers a routed request for which an owner or its ring had no room.
    ///
    /// # Panics
    /// When `out` is shorter than [`http_protocol::RESPONSE_BYTES_MAX`].
    pub fn give_up(&mut self, shard: &mut Shard, routed: Box<RoutedRequest>, out: &mut [u8]) -> Range<usize> {
        let (family, outcome) = (AddressFamily::of(routed.client), routed.busy_outcome());
        let connection = self.persistence.of(routed.framing.connection);
        let failed = Failed { family, outcome, framing: Framing { connection, ..routed.framing } };
        self.take_back(routed);
        failed.because(&mut shard.statistics, &Failure::Busy, out)
    }

    /// Answers an announce whose torrent is not served.
    fn refuse_torrent(
        &mut self,
        shard: &mut Shard,
        routed: Box<RoutedRequest>,
        out: &mut [u8],
    ) -> Range<usize> {
        let family = AddressFamily::of(routed.client);
        let failed = Failed { family, outcome: HttpOutcome::AnnounceRefused, framing: routed.framing };
        let refusal = routed.found.refusal.map_or(Failure::Busy, Failure::from);
        self.take_back(routed);
        failed.because(&mut shard.statistics, &refusal, out)
    }

    /// Takes back a routed request that no longer needs an answer.
    pub fn take_back(&mut self, routed: Box<RoutedRequest>) {
        self.pool.put_back(routed);
    }

    /// Returns how many requests are at other cores.
    #[must_use]
    pub fn underway(&self) -> usize {
        self.pool.underway()
    }

    fn announce(
        &mut self,
        shard: &mut Shard,
        now: Now,
        asked: ClientRequest<'_>,
        key: KeyInPath,
        out: &mut [u8],
    ) -> Served {
        let (client, framing) = (asked.client.unwrap_or(UNKNOWN_CLIENT), asked.request.framing);
        match self.read_announce(shard, now, asked, key) {
            Ok(question) => {
                let routed = self.pool.take(client, framing, question);
                self.begin(shard, now, routed, out)
            }
            Err(failure) => {
                let outcome = match asked.over_limit() {
                    Some(_) => HttpOutcome::AnnounceOverLimit,
                    None => HttpOutcome::AnnounceRefused,
                };
                Served::Written(asked.failed(outcome).because(&mut shard.statistics, &failure, out))
            }
        }
    }

    /// Reads the query of an announce and admits its client.
    fn read_announce<'a>(
        &self,
        shard: &Shard,
        now: Now,
        asked: ClientRequest<'a>,
        key: KeyInPath,
    ) -> Result<Question, Failure<'a>> {
        let source = asked.client.ok_or(Failure::UnknownClient)?;
        let admission = Admission::of(shard, now, asked.admitted?);
        // The torrent's part of the directory is prefetched while the rest of the query is read.
        let prefetch = |info_hash: &_| shard.prefetch_directory(AddressFamily::of(source), info_hash);
        let announce = Announce::from_query_and(asked.request.query, prefetch)
            .map_err(|error| query_failure(&admission, key, error))?;
        let ip = address_of_peer(&self.policy, source, &announce);
        let credentials = credentials(Some(&announce.peer_id), key);
        let client = admission.check_announce(credentials, ip, announce.port)?;
        let mut any = shard.any_announce(client, &announce_in(&announce));
        any.set_source(Source::of(source));
        Ok(Question::Announce(any, announce.form))
    }

    fn scrape(
        &mut self,
        shard: &mut Shard,
        now: Now,
        asked: ClientRequest<'_>,
        key: KeyInPath,
        out: &mut [u8],
    ) -> Served {
        let framing = asked.request.framing;
        let (client, failure) = match read_scrape(shard, now, asked, key) {
            Ok((client, Some(scrape))) => {
                let mut routed = self.pool.take(client, framing, Question::Scrape(AddressFamily::of(client)));
                routed.files.fill(scrape.info_hashes(), self.policy.scrape_torrents_max);
                return self.begin(shard, now, routed, out);
            }
            Ok((client, None)) => match self.full_scrapes.ask(now.monotonic) {
                Gate::Open => return self.full_scrape(shard, now, client, asked.request, out),
                Gate::Closed => (Some(client), Failure::NoFullScrape),
                Gate::Busy(minutes) => (Some(client), Failure::FullScrapeTooSoon { minutes }),
            },
            Err(failure) => (asked.client, failure),
        };
        let outcome = match asked.over_limit() {
            Some(_) => HttpOutcome::ScrapeOverLimit,
            None => HttpOutcome::ScrapeRefused,
        };
        let failed = ClientRequest { client, ..asked }.failed(outcome);
        Served::Written(failed.because(&mut shard.statistics, &failure, out))
    }

    /// Begins the answer to a scrape without info hashes, which is one of all torrents.
    fn full_scrape(
        &mut self,
        shard: &mut Shard,
        now: Now,
        client: IpAddr,
        request: &Request<'_>,
        out: &mut [u8],
    ) -> Served {
        let family = AddressFamily::of(client);
        shard.statistics.count_http(family, HttpOutcome::ScrapeAnswered);
        let response = FullScrapeResponse::new(request.framing, request.accepted_coding);
        let head = response.write_head(out).expect(ROOM);
        if !response.has_body() {
            return Served::Written(head);
        }
        let scrape = self.full_scrapes.begin(now.monotonic, response, family, shard.shards());
        Served::Stream(head, StreamBody::FullScrape(Box::new(scrape)))
    }

    /// Writes the next piece of a scrape of all torrents, before framing and content coding.
    ///
    /// # Panics
    /// When `out` is shorter than [`http_protocol::RESPONSE_BYTES_MAX`].
    pub fn next_page(
        &mut self,
        shard: &mut Shard,
        now: Now,
        scrape: &mut FullScrape,
        out: &mut [u8],
    ) -> Page {
        let Some(question) = scrape.next_question() else { return Page::Over };
        let mut routed = self.pool.take(UNKNOWN_CLIENT, scrape.response.framing, question);
        match routed.advance(shard, now) {
            RoutedStep::Done => Page::Written(self.finish_page(routed, scrape, out)),
            RoutedStep::Onward(owner) if self.pool.note_sent(shard.shards(), owner, &mut routed) => {
                Page::Routed(owner, routed)
            }
            RoutedStep::Onward(owner) => {
                self.take_back(routed);
                Page::OwnerBusy(owner)
            }
        }
    }

    /// Writes a page that has come back. One that was given up is requested again by the next call of
    /// [`Self::next_page`].
    ///
    /// # Panics
    /// When `out` is shorter than [`http_protocol::RESPONSE_BYTES_MAX`].
    pub fn finish_page(
        &mut self,
        routed: Box<RoutedRequest>,
        scrape: &mut FullScrape,
        out: &mut [u8],
    ) -> usize {
        scrape.note_page(&routed);
        let written = match routed.question {
            Question::Page(..) => FullScrapeResponse::write_files(routed.files.files(), out).expect(ROOM),
            _ => 0,
        };
        self.take_back(routed);
        written
    }

    fn begin(
        &mut self,
        shard: &mut Shard,
        now: Now,
        mut routed: Box<RoutedRequest>,
        out: &mut [u8],
    ) -> Served {
        match routed.advance(shard, now) {
            RoutedStep::Done => Served::Written(self.finish(shard, routed, out)),
            RoutedStep::Onward(owner) if self.pool.note_sent(shard.shards(), owner, &mut routed) => {
                Served::Routed(owner, routed)
            }
            RoutedStep::Onward(owner) => Served::OwnerBusy(owner, routed),
        }
    }

    fn write_announce(
        &mut self,
        routed: &RoutedRequest,
        family: AddressFamily,
        form: PeerForm,
        out: &mut [u8],
    ) -> Result<Range<usize>, OutOfRoom> {
        let found = &routed.found;
        let response = AnnounceResponse {
            complete: found.counts.seeders,
            incomplete: found.counts.leechers,
            downloaded: found.counts.downloaded,
            interval_s: found.interval_s,
            min_interval_s: Some(found.min_interval_s),
            external_ip: Some(routed.client),
            peers: peers(routed, family, form, &mut self.listed),
            warning: matches!(found.change, PeerChange::Refused(_)).then_some(NOT_LISTED),
        };
        response.write(out, routed.framing)
    }
}

/// A placeholder where the client is unknown, or there is none to answer.
pub(super) const UNKNOWN_CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

impl ClientRequest<'_> {
    /// Returns how far the source of the request is over its limit, if it is.
    pub(super) const fn over_limit(&self) -> Option<OverLimit> {
        match self.admitted {
            Err(Failure::Refused(Refusal::OverLimit(over))) => Some(over),
            _ => None,
        }
    }

    fn failed(&self, outcome: HttpOutcome) -> Failed {
        let family = self.client.map_or(self.family, AddressFamily::of);
        Failed { family, outcome, framing: self.request.framing }
    }
}

/// Reads the query of a scrape and admits its client. Returns no scrape if the query has no info hash.
fn read_scrape<'a>(
    shard: &Shard,
    now: Now,
    asked: ClientRequest<'a>,
    key: KeyInPath,
) -> Result<(IpAddr, Option<Scrape<'a>>), Failure<'a>> {
    let client = asked.client.ok_or(Failure::UnknownClient)?;
    let admission = Admission::of(shard, now, asked.admitted?);
    let scrape = match Scrape::from_query(asked.request.query) {
        Ok(scrape) => Some(scrape),
        Err(QueryError::Missing(_)) => None,
        Err(error) => return Err(query_failure(&admission, key, error)),
    };
    admission.check(credentials(None, key))?;
    Ok((client, scrape))
}

/// Returns the failure for a wrong query. A client without a valid key learns only that.
fn query_failure<'a>(admission: &Admission<'_>, key: KeyInPath, error: QueryError<'a>) -> Failure<'a> {
    admission.check(credentials(None, key)).err().map_or(Failure::Query(error), Failure::from)
}

/// Returns the credentials of a client.
fn credentials(
    peer_id: Option<&PeerId>,
    key: KeyInPath,
) -> Credentials<'_, impl FnOnce(UserAdmission) -> Result<KeyInPath, Refusal>> {
    Credentials { peer_id, key: move |_| Ok(key) }
}

/// Returns the peers in the form that the client asked for.
fn peers<'a>(
    routed: &'a RoutedRequest,
    family: AddressFamily,
    form: PeerForm,
    listed: &'a mut Vec<ListedPeer>,
) -> Peers<'a> {
    let bytes = routed.found.peers();
    let (v4, v6): (&[CompactIpv4], &[CompactIpv6]) = match family {
        AddressFamily::V4 => (FromBytes::ref_from_bytes(bytes).expect(WHOLE), &[]),
        AddressFamily::V6 => (&[], FromBytes::ref_from_bytes(bytes).expect(WHOLE)),
    };
    if form == PeerForm::Compact {
        return Peers::Compact { v4, v6 };
    }
    let addresses =
        v4.iter().map(|peer| peer.socket_address()).chain(v6.iter().map(|peer| peer.socket_address()));
    let peer_ids = routed.found.peer_ids.iter().copied().chain(core::iter::repeat(None));
    listed.clear();
    listed.extend(addresses.zip(peer_ids).map(|(address, peer_id)| ListedPeer { address, peer_id }));
    Peers::Dictionaries(listed)
}

/// A client that does not report the bytes left has everything left to download.
fn announce_in(announce: &Announce<'_>) -> AnnounceIn {
    AnnounceIn {
        info_hash: announce.info_hash,
        listing: Listing::at_port(announce.port),
        status: announce.status(),
        numwant: announce.numwant,
        details: PeerDetails {
            peer_id: announce.peer_id,
            uploaded: announce.uploaded.unwrap_or(0),
            downloaded: announce.downloaded.unwrap_or(0),
            left: announce.left.unwrap_or(u64::MAX),
            event: announce.event.announce_event(),
        },
    }
}
