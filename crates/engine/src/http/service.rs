use super::ROOM;
use super::client::address_of_peer;
use super::errand::{Errand, ErrandStep, Found, Question, WHOLE};
use super::failure::{Failed, Failure};
use super::full_scrape::{FullScrape, FullScrapeGate, Gate};
use super::policy::HttpPolicy;
use crate::Now;
use crate::engine::Engine;
use crate::limits::errands_per_owner;
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
    idle: Vec<Box<Errand>>,
    /// How many errands are at each owner, at most [`errands_per_owner`].
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
    Errand(ShardId, Box<Errand>),
    /// It would, but the owner has as many of this core's errands as it may.
    OwnerBusy(ShardId, Box<Errand>),
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
    Errand(ShardId, Box<Errand>),
    /// There are no more.
    Over,
    /// Its owner has as many of this core's errands as it may.
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
    /// A service without errands on their way.
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

    /// Answers a request or begins its errand.
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

    /// Has an errand that is back go on to the next owner, where it has not been to all and there is room for it.
    pub fn send_on(&mut self, engine: &Engine, errand: &mut Errand) -> Option<ShardId> {
        self.note_home(errand);
        let owner = errand.next_owner(engine.ownership())?;
        if self.note_sent(engine, owner, errand) {
            return Some(owner);
        }
        errand.give_up();
        None
    }

    /// Writes the answer to a request whose errand is done, and takes the errand back.
    ///
    /// # Panics
    /// When `out` is shorter than [`http_protocol::RESPONSE_BYTES_MAX`].
    pub fn finish(&mut self, engine: &mut Engine, mut errand: Box<Errand>, out: &mut [u8]) -> Range<usize> {
        let family = AddressFamily::of(errand.client);
        let (written, outcome) = match errand.question {
            Question::GivenUp => return self.give_up(engine, errand, out),
            _ if errand.found.refusal.is_some() => return self.turn_away(engine, errand, out),
            Question::AnnounceV4(_, form) | Question::AnnounceV6(_, form) => {
                (self.write_announce(&errand, form, out), HttpOutcome::AnnounceAnswered)
            }
            Question::Scrape(_) | Question::Page(..) => {
                let framing = errand.framing;
                let mut response =
                    ScrapeResponse { files: errand.files.files_mut(), min_request_interval_s: None };
                (response.write(out, framing), HttpOutcome::ScrapeAnswered)
            }
        };
        engine.statistics_mut().count_http(family, outcome);
        self.take_back(errand);
        written.expect(ROOM)
    }

    /// Answers a request whose errand found its way full, and takes the errand back.
    ///
    /// # Panics
    /// When `out` is shorter than [`http_protocol::RESPONSE_BYTES_MAX`].
    pub fn give_up(&mut self, engine: &mut Engine, errand: Box<Errand>, out: &mut [u8]) -> Range<usize> {
        let (family, framing) = (AddressFamily::of(errand.client), errand.framing);
        self.take_back(errand);
        Failed { family, outcome: HttpOutcome::Busy, framing }.because(engine, &Failure::Busy, out)
    }

    /// Answers an announce whose torrent is not served, and takes the errand back.
    fn turn_away(&mut self, engine: &mut Engine, errand: Box<Errand>, out: &mut [u8]) -> Range<usize> {
        let family = AddressFamily::of(errand.client);
        let failed = Failed { family, outcome: HttpOutcome::AnnounceRefused, framing: errand.framing };
        let refusal = errand.found.refusal.map_or(Failure::Busy, Failure::from);
        self.take_back(errand);
        failed.because(engine, &refusal, out)
    }

    /// Takes an errand back that has no answer to bring any more.
    pub fn take_back(&mut self, mut errand: Box<Errand>) {
        self.note_home(&mut errand);
        self.idle.push(errand);
    }

    /// Errands that are on their way.
    #[must_use]
    pub fn underway(&self) -> usize {
        self.underway.iter().sum()
    }

    /// Notes that an errand goes to an owner; whether there is room for it.
    fn note_sent(&mut self, engine: &Engine, owner: ShardId, errand: &mut Errand) -> bool {
        if self.underway.len() <= owner.index() {
            self.underway.resize(usize::from(engine.shards().get()), 0);
        }
        let underway = &mut self.underway[owner.index()];
        if *underway >= errands_per_owner(engine.shards()) {
            return false;
        }
        *underway += 1;
        errand.owner = Some(owner);
        true
    }

    fn note_home(&mut self, errand: &mut Errand) {
        if let Some(owner) = errand.owner.take() {
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
        let mut errand = self.errand(client, framing, question);
        errand.caller = engine.caller(visitor.key, announce.event.announce_event(), || details(&announce));
        self.begin(engine, now, errand, out)
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
        let mut errand = self.errand(client, framing, Question::Scrape(family));
        errand.files.fill(&scrape, self.policy.scrape_torrents_max);
        self.begin(engine, now, errand, out)
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
        let mut errand = self.errand(nobody, scrape.response.framing, question);
        match engine.run_errand(now, &mut errand) {
            ErrandStep::Done => Page::Written(self.finish_page(errand, scrape, out)),
            ErrandStep::Onward(owner) if self.note_sent(engine, owner, &mut errand) => {
                Page::Errand(owner, errand)
            }
            ErrandStep::Onward(owner) => {
                self.take_back(errand);
                Page::OwnerBusy(owner)
            }
        }
    }

    /// Writes the piece of a page that has come back, and takes the errand back. One that was given up is asked for
    /// again.
    ///
    /// # Panics
    /// When `out` is shorter than [`http_protocol::RESPONSE_BYTES_MAX`].
    pub fn finish_page(&mut self, errand: Box<Errand>, scrape: &mut FullScrape, out: &mut [u8]) -> usize {
        scrape.note_page(&errand);
        let written = match errand.question {
            Question::Page(..) => FullScrapeResponse::write_files(errand.files.files(), out).expect(ROOM),
            _ => 0,
        };
        self.take_back(errand);
        written
    }

    fn begin(&mut self, engine: &mut Engine, now: Now, mut errand: Box<Errand>, out: &mut [u8]) -> Served {
        match engine.run_errand(now, &mut errand) {
            ErrandStep::Done => Served::Written(self.finish(engine, errand, out)),
            ErrandStep::Onward(owner) if self.note_sent(engine, owner, &mut errand) => {
                Served::Errand(owner, errand)
            }
            ErrandStep::Onward(owner) => Served::OwnerBusy(owner, errand),
        }
    }

    /// An errand that is at home, or a new one. There are as many as the owners may have together, and one more.
    fn errand(&mut self, client: IpAddr, framing: Framing, question: Question) -> Box<Errand> {
        let mut errand = self.idle.pop().unwrap_or_else(|| Box::new(Errand::new()));
        (errand.client, errand.framing, errand.question) = (client, framing, question);
        (errand.found, errand.caller) = (Found::NOTHING, None);
        errand.peer_ids.clear();
        errand
    }

    fn write_announce(
        &mut self,
        errand: &Errand,
        form: PeerForm,
        out: &mut [u8],
    ) -> Result<Range<usize>, OutOfRoom> {
        let family = match errand.question {
            Question::AnnounceV6(..) => AddressFamily::V6,
            _ => AddressFamily::V4,
        };
        let found = &errand.found;
        let response = AnnounceResponse {
            complete: found.counts.seeders,
            incomplete: found.counts.leechers,
            downloaded: found.counts.downloaded,
            interval_s: found.interval_s,
            min_interval_s: Some(found.interval_s / 2),
            external_ip: Some(errand.client),
            peers: peers(errand, (family, form), &mut self.listed),
            warning: matches!(found.change, PeerChange::Refused(_)).then_some(NOT_LISTED),
        };
        response.write(out, errand.framing)
    }
}

/// The peers in the form that the client asked for.
fn peers<'a>(
    errand: &'a Errand,
    (family, form): (AddressFamily, PeerForm),
    listed: &'a mut Vec<ListedPeer>,
) -> Peers<'a> {
    let bytes = errand.peers();
    let (v4, v6): (&[CompactIpv4], &[CompactIpv6]) = match family {
        AddressFamily::V4 => (FromBytes::ref_from_bytes(bytes).expect(WHOLE), &[]),
        AddressFamily::V6 => (&[], FromBytes::ref_from_bytes(bytes).expect(WHOLE)),
    };
    if form == PeerForm::Compact {
        return Peers::Compact { v4, v6 };
    }
    let addresses =
        v4.iter().map(|peer| peer.socket_address()).chain(v6.iter().map(|peer| peer.socket_address()));
    let peer_ids = errand.peer_ids.iter().copied().chain(core::iter::repeat(None));
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
