use super::ROOM;
use super::client::address_of_peer;
use super::failure::{Failed, Failure};
use super::full_scrape::{FullScrape, FullScrapeGate, Gate};
use super::policy::HttpPolicy;
use super::routed::{Found, Question, RoutedRequest, RoutedStep, WHOLE};
use crate::Now;
use crate::engine::Engine;
use crate::limits::routed_requests_per_owner;
use crate::refusal::Refusal;
use core::net::IpAddr;
use core::ops::Range;
use http_protocol::{
    Announce, AnnounceResponse, Framing, FullScrapeResponse, ListedPeer, OutOfRoom, PEERS_MAX, PeerForm,
    Peers, QueryError, Request, Route, Scrape, ScrapeResponse, Status, write_health, write_status,
};
use primitives::{
    AddressFamily, CompactAddress, CompactIpv4, CompactIpv6, HttpOutcome, KeyId, KeyInPath, PeerAddress,
    PeerDetails, ShardId,
};
use swarm::{Listing, PeerChange};
use zerocopy::FromBytes;

/// What becomes of HTTP requests on one core.
#[derive(Debug)]
pub struct HttpService {
    policy: HttpPolicy,
    /// Errands that are at home and not in use.
    idle: Vec<Box<RoutedRequest>>,
    /// How many errands are at each owner, at most [`routed_requests_per_owner`].
    underway: Vec<usize>,
    full_scrapes: FullScrapeGate,
    /// Peers for an answer that lists them one by one.
    listed: Vec<ListedPeer>,
}

/// What became of a request.
#[derive(Debug)]
pub enum Served {
    /// The answer lies in this part of the buffer.
    Written(Range<usize>),
    /// It goes to the owner of its torrent, and [`HttpService::finish`] writes the answer when it is back.
    RoutedRequest(ShardId, Box<RoutedRequest>),
    /// It would, but the owner has as many of this core's routed requests as it may.
    OwnerBusy(ShardId, Box<RoutedRequest>),
    /// The head of the answer lies in this part of the buffer. Its pieces are asked for with
    /// [`HttpService::next_page`].
    Stream(Range<usize>, Box<FullScrape>),
}

/// The next piece of a scrape of all torrents.
#[derive(Debug)]
pub enum Page {
    /// So many bytes of the buffer.
    Written(usize),
    /// It goes to another core, and [`HttpService::finish_page`] writes the piece when it is back.
    RoutedRequest(ShardId, Box<RoutedRequest>),
    /// There are no more.
    Over,
    /// Its owner has as many of this core's routed requests as it may.
    OwnerBusy(ShardId),
}

/// Who asks, once it is known that he may.
#[derive(Debug, Clone, Copy)]
struct Visitor {
    client: IpAddr,
    /// The key that he came with, where keys are asked for.
    key: Option<KeyId>,
}

/// What a client that found no place is told.
const NOT_LISTED: &str = "the tracker is full: other clients are not told of this one";

impl HttpService {
    /// A service without routed requests on their way.
    #[must_use]
    pub fn new(policy: HttpPolicy) -> Self {
        let full_scrapes = FullScrapeGate::new(policy.full_scrapes);
        Self {
            policy,
            idle: Vec::new(),
            underway: Vec::new(),
            full_scrapes,
            listed: Vec::with_capacity(PEERS_MAX),
        }
    }

    /// How clients are served.
    #[must_use]
    pub const fn policy(&self) -> &HttpPolicy {
        &self.policy
    }

    /// Answers a request or begins its routed request.
    pub(super) fn serve(
        &mut self,
        engine: &mut Engine,
        now: Now,
        (client, family): (Option<IpAddr>, AddressFamily),
        request: &Request<'_>,
        out: &mut [u8],
    ) -> Served {
        let framing = request.framing;
        let (written, outcome) = match request.route {
            Route::Announce(key) => match admit(engine, now, client, key) {
                Ok(visitor) => return self.announce(engine, now, visitor, request, out),
                Err(failure) => {
                    let failed = Failed { family, outcome: HttpOutcome::AnnounceRefused, framing };
                    return Served::Written(failed.because(engine, &failure, out));
                }
            },
            Route::Scrape(key) => match admit(engine, now, client, key) {
                Ok(visitor) => return self.scrape(engine, now, visitor, request, out),
                Err(failure) => {
                    let failed = Failed { family, outcome: HttpOutcome::ScrapeRefused, framing };
                    return Served::Written(failed.because(engine, &failure, out));
                }
            },
            Route::HealthCheck => (write_health(out, framing), HttpOutcome::HealthChecked),
            Route::Options => (write_status(out, framing, Status::NoContent), HttpOutcome::Elsewhere),
            Route::NotFound => (write_status(out, framing, Status::NotFound), HttpOutcome::Elsewhere),
        };
        engine.statistics_mut().count_http(family, outcome);
        Served::Written(written.expect(ROOM))
    }

    /// Has a routed request that is back go on to the next owner, where it has not been to all and there is room for it.
    pub fn send_on(&mut self, engine: &Engine, routed: &mut RoutedRequest) -> Option<ShardId> {
        self.note_home(routed);
        let owner = routed.next_owner(engine.ownership())?;
        if self.note_sent(engine, owner, routed) {
            return Some(owner);
        }
        routed.give_up();
        None
    }

    /// Writes the answer to a request whose routed request is done, and takes the routed request back.
    ///
    /// # Panics
    /// When `out` is shorter than [`http_protocol::RESPONSE_BYTES_MAX`].
    pub fn finish(
        &mut self,
        engine: &mut Engine,
        mut routed: Box<RoutedRequest>,
        out: &mut [u8],
    ) -> Range<usize> {
        let family = AddressFamily::of(routed.client);
        let (written, outcome) = match routed.question {
            Question::GivenUp => return self.give_up(engine, routed, out),
            _ if routed.found.refusal.is_some() => return self.refuse_torrent(engine, routed, out),
            Question::AnnounceV4(_, form) | Question::AnnounceV6(_, form) => {
                (self.write_announce(&routed, form, out), HttpOutcome::AnnounceAnswered)
            }
            Question::Scrape(_) | Question::Page(..) => {
                let framing = routed.framing;
                let mut response =
                    ScrapeResponse { files: routed.files.files_mut(), min_request_interval_s: None };
                (response.write(out, framing), HttpOutcome::ScrapeAnswered)
            }
        };
        engine.statistics_mut().count_http(family, outcome);
        self.take_back(routed);
        written.expect(ROOM)
    }

    /// Answers a request whose routed request found its way full, and takes the routed request back.
    ///
    /// # Panics
    /// When `out` is shorter than [`http_protocol::RESPONSE_BYTES_MAX`].
    pub fn give_up(
        &mut self,
        engine: &mut Engine,
        routed: Box<RoutedRequest>,
        out: &mut [u8],
    ) -> Range<usize> {
        let (family, framing) = (AddressFamily::of(routed.client), routed.framing);
        self.take_back(routed);
        Failed { family, outcome: HttpOutcome::Busy, framing }.because(engine, &Failure::Busy, out)
    }

    /// Answers an announce whose torrent is not served, and takes the routed request back.
    fn refuse_torrent(
        &mut self,
        engine: &mut Engine,
        routed: Box<RoutedRequest>,
        out: &mut [u8],
    ) -> Range<usize> {
        let family = AddressFamily::of(routed.client);
        let failed = Failed { family, outcome: HttpOutcome::AnnounceRefused, framing: routed.framing };
        let refusal = routed.found.refusal.map_or(Failure::Busy, Failure::from);
        self.take_back(routed);
        failed.because(engine, &refusal, out)
    }

    /// Takes a routed request back that has no answer to bring any more.
    pub fn take_back(&mut self, mut routed: Box<RoutedRequest>) {
        self.note_home(&mut routed);
        self.idle.push(routed);
    }

    /// Errands that are on their way.
    #[must_use]
    pub fn underway(&self) -> usize {
        self.underway.iter().sum()
    }

    /// Notes that a routed request goes to an owner; whether there is room for it.
    fn note_sent(&mut self, engine: &Engine, owner: ShardId, routed: &mut RoutedRequest) -> bool {
        if self.underway.len() <= owner.index() {
            self.underway.resize(usize::from(engine.shards().get()), 0);
        }
        let underway = &mut self.underway[owner.index()];
        if *underway >= routed_requests_per_owner(engine.shards()) {
            return false;
        }
        *underway += 1;
        routed.owner = Some(owner);
        true
    }

    fn note_home(&mut self, routed: &mut RoutedRequest) {
        if let Some(owner) = routed.owner.take() {
            self.underway[owner.index()] -= 1;
        }
    }

    fn announce(
        &mut self,
        engine: &mut Engine,
        now: Now,
        visitor: Visitor,
        request: &Request<'_>,
        out: &mut [u8],
    ) -> Served {
        let (client, framing) = (visitor.client, request.framing);
        let family = AddressFamily::of(client);
        let failed = Failed { family, outcome: HttpOutcome::AnnounceRefused, framing };
        // While the rest of the query is read, the directory's part of the torrent is on its way to the cache.
        let prefetch = |info_hash: &_| engine.prefetch_directory(family, info_hash);
        let announce = match Announce::from_query_and(request.query, prefetch) {
            Ok(announce) => announce,
            Err(error) => return Served::Written(failed.because(engine, &Failure::Query(error), out)),
        };
        if let Err(refusal) = engine.access.client(&announce.peer_id) {
            return Served::Written(failed.because(engine, &Refusal::from(refusal).into(), out));
        }
        let address = address_of_peer(&self.policy, client, &announce);
        let question = match PeerAddress::new(address, announce.port) {
            Ok(address) => question(engine, address, &announce),
            Err(error) => return Served::Written(failed.because(engine, &Refusal::from(error).into(), out)),
        };
        let mut routed = self.routed(client, framing, question);
        routed.peer_report =
            engine.peer_report(visitor.key, announce.event.announce_event(), || details(&announce));
        self.begin(engine, now, routed, out)
    }

    fn scrape(
        &mut self,
        engine: &mut Engine,
        now: Now,
        Visitor { client, .. }: Visitor,
        request: &Request<'_>,
        out: &mut [u8],
    ) -> Served {
        let (family, framing) = (AddressFamily::of(client), request.framing);
        let failed = Failed { family, outcome: HttpOutcome::ScrapeRefused, framing };
        let scrape = match Scrape::from_query(request.query) {
            Ok(scrape) => scrape,
            Err(QueryError::Missing(_)) => return self.full_scrape(engine, now, family, request, out),
            Err(error) => return Served::Written(failed.because(engine, &Failure::Query(error), out)),
        };
        let mut routed = self.routed(client, framing, Question::Scrape(family));
        routed.files.fill(&scrape, self.policy.scrape_torrents_max);
        self.begin(engine, now, routed, out)
    }

    /// A scrape that names no torrent is one of all.
    fn full_scrape(
        &mut self,
        engine: &mut Engine,
        now: Now,
        family: AddressFamily,
        request: &Request<'_>,
        out: &mut [u8],
    ) -> Served {
        let framing = request.framing;
        let refused = match self.full_scrapes.ask(now.monotonic) {
            Gate::Open => None,
            Gate::Closed => Some(Failure::NoFullScrape),
            Gate::Busy(minutes) => Some(Failure::FullScrapeTooSoon { minutes }),
        };
        if let Some(failure) = refused {
            let failed = Failed { family, outcome: HttpOutcome::ScrapeRefused, framing };
            return Served::Written(failed.because(engine, &failure, out));
        }
        engine.statistics_mut().count_http(family, HttpOutcome::ScrapeAnswered);
        let response = FullScrapeResponse::new(framing, request.accepted_coding);
        let head = response.write_head(out).expect(ROOM);
        if !response.has_body() {
            return Served::Written(head);
        }
        let shards = engine.shards();
        Served::Stream(head, Box::new(self.full_scrapes.begin(now.monotonic, response, family, shards)))
    }

    /// Writes the next piece of a scrape of all torrents, without frame or coding.
    ///
    /// # Panics
    /// When `out` is shorter than [`http_protocol::RESPONSE_BYTES_MAX`].
    pub fn next_page(
        &mut self,
        engine: &mut Engine,
        now: Now,
        scrape: &mut FullScrape,
        out: &mut [u8],
    ) -> Page {
        let Some(question) = scrape.next_question() else { return Page::Over };
        let nobody = IpAddr::V4(core::net::Ipv4Addr::UNSPECIFIED);
        let mut routed = self.routed(nobody, scrape.response.framing, question);
        match engine.serve_routed(now, &mut routed) {
            RoutedStep::Done => Page::Written(self.finish_page(routed, scrape, out)),
            RoutedStep::Onward(owner) if self.note_sent(engine, owner, &mut routed) => {
                Page::RoutedRequest(owner, routed)
            }
            RoutedStep::Onward(owner) => {
                self.take_back(routed);
                Page::OwnerBusy(owner)
            }
        }
    }

    /// Writes the piece of a page that has come back, and takes the routed request back. One that was given up is asked for
    /// again.
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
        engine: &mut Engine,
        now: Now,
        mut routed: Box<RoutedRequest>,
        out: &mut [u8],
    ) -> Served {
        match engine.serve_routed(now, &mut routed) {
            RoutedStep::Done => Served::Written(self.finish(engine, routed, out)),
            RoutedStep::Onward(owner) if self.note_sent(engine, owner, &mut routed) => {
                Served::RoutedRequest(owner, routed)
            }
            RoutedStep::Onward(owner) => Served::OwnerBusy(owner, routed),
        }
    }

    /// A routed request that is at home, or a new one. There are as many as the owners may have together, and one more.
    fn routed(&mut self, client: IpAddr, framing: Framing, question: Question) -> Box<RoutedRequest> {
        let mut routed = self.idle.pop().unwrap_or_else(|| Box::new(RoutedRequest::new()));
        (routed.client, routed.framing, routed.question) = (client, framing, question);
        (routed.found, routed.peer_report) = (Found::NOTHING, None);
        routed.peer_ids.clear();
        routed
    }

    fn write_announce(
        &mut self,
        routed: &RoutedRequest,
        form: PeerForm,
        out: &mut [u8],
    ) -> Result<Range<usize>, OutOfRoom> {
        let family = match routed.question {
            Question::AnnounceV6(..) => AddressFamily::V6,
            _ => AddressFamily::V4,
        };
        let found = &routed.found;
        let response = AnnounceResponse {
            complete: found.counts.seeders,
            incomplete: found.counts.leechers,
            downloaded: found.counts.downloaded,
            interval_s: found.interval_s,
            min_interval_s: Some(found.interval_s / 2),
            external_ip: Some(routed.client),
            peers: peers(routed, (family, form), &mut self.listed),
            warning: matches!(found.change, PeerChange::Refused(_)).then_some(NOT_LISTED),
        };
        response.write(out, routed.framing)
    }
}

/// The peers in the form that the client asked for.
fn peers<'a>(
    routed: &'a RoutedRequest,
    (family, form): (AddressFamily, PeerForm),
    listed: &'a mut Vec<ListedPeer>,
) -> Peers<'a> {
    let bytes = routed.peers();
    let (v4, v6): (&[CompactIpv4], &[CompactIpv6]) = match family {
        AddressFamily::V4 => (FromBytes::ref_from_bytes(bytes).expect(WHOLE), &[]),
        AddressFamily::V6 => (&[], FromBytes::ref_from_bytes(bytes).expect(WHOLE)),
    };
    if form == PeerForm::Compact {
        return Peers::Compact { v4, v6 };
    }
    let addresses =
        v4.iter().map(|peer| peer.socket_address()).chain(v6.iter().map(|peer| peer.socket_address()));
    let peer_ids = routed.peer_ids.iter().copied().chain(core::iter::repeat(None));
    listed.clear();
    listed.extend(addresses.zip(peer_ids).map(|(address, peer_id)| ListedPeer { address, peer_id }));
    Peers::Dictionaries(listed)
}

fn question(engine: &Engine, address: PeerAddress, announce: &Announce<'_>) -> Question {
    match address {
        PeerAddress::V4(address) => Question::AnnounceV4(to_swarm(engine, address, announce), announce.form),
        PeerAddress::V6(address) => Question::AnnounceV6(to_swarm(engine, address, announce), announce.form),
    }
}

fn to_swarm<A: CompactAddress>(engine: &Engine, address: A, announce: &Announce<'_>) -> swarm::Announce<A> {
    swarm::Announce {
        info_hash: announce.info_hash,
        address,
        status: announce.status(),
        event: announce.event.announce_event(),
        // Port 0 is how a client says that it does not listen.
        listing: if announce.port == 0 { Listing::Unlisted } else { Listing::Listed },
        peers_wanted: engine.peers_wanted(announce.numwant),
    }
}

/// Lets a client in whose address, user and URL nothing speaks against.
fn admit(
    engine: &Engine,
    now: Now,
    client: Option<IpAddr>,
    key: KeyInPath,
) -> Result<Visitor, Failure<'static>> {
    let client = client.ok_or(Failure::UnknownClient)?;
    engine.access.network(client).map_err(Refusal::from)?;
    let key = engine.check_key(now, key)?;
    Ok(Visitor { client, key })
}

/// What the announce says of its client. Who does not tell what is left has everything left to download.
fn details(announce: &Announce<'_>) -> PeerDetails {
    PeerDetails {
        peer_id: announce.peer_id,
        uploaded: announce.uploaded.unwrap_or(0),
        downloaded: announce.downloaded.unwrap_or(0),
        left: announce.left.unwrap_or(u64::MAX),
        event: announce.event.announce_event(),
    }
}
