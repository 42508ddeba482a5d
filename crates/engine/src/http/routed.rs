use crate::now::Now;
use crate::shard::{AnyAnnounce, Ownership, PendingAnnounce, Shard, Torrents};
use crate::ws::{CarriedOut, Replies, Signals, WebRtcRequest};
use access::TorrentRefusal;
use core::net::IpAddr;
use http_protocol::{Framing, PEERS_MAX, PeerForm, SCRAPE_HASHES_MAX, ScrapeFile};
use metrics::{HttpOutcome, MessageOutcome};
use primitives::{
    AddressFamily, CompactIpv4, CompactIpv6, ConnectionToken, InfoHash, PeerId, PeerReference, ShardId,
};
use swarm::{AddressOfSwarm, PeerChange, SwarmCounts};
use zerocopy::FromBytes;

/// Why reading peers from bytes cannot fail.
pub(super) const WHOLE: &str = "the swarms write whole peers";

/// Bytes of the most peers in one answer.
const PEER_BYTES_MAX: usize = PEERS_MAX * CompactIpv6::BYTES;

/// A request or message of an HTTP client on its way to the owners of its torrents and back, with room for their results.
///
/// Its memory is reused: its home takes it from a pool and puts it back.
#[derive(Debug)]
pub struct RoutedRequest {
    /// The connection that waits for it.
    pub token: ConnectionToken,
    /// The core that has it; `None` while it is at home.
    pub(super) owner: Option<ShardId>,
    pub(super) client: IpAddr,
    pub(super) framing: Framing,
    pub(super) question: Question,
    pub(super) found: Found,
    pub(super) files: ScrapedFiles,
    /// Where a page after this one begins, if the shard has more.
    pub(super) next_slot: Option<u32>,
    pub(super) message: RoutedMessage,
}

/// What a request over a WebSocket has besides its question.
#[derive(Debug)]
pub(super) struct RoutedMessage {
    /// The offers or the answer, as received.
    pub(super) received: String,
    /// Frames for the connection that waits for the request.
    pub(super) replies: Vec<u8>,
    pub(super) carried_out: CarriedOut,
}

impl RoutedMessage {
    pub(super) const NONE: Self = Self { received: String::new(), replies: Vec::new(), carried_out: Ok(0) };
}

/// Where a page of swarms begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PagePlace {
    pub(super) shard: ShardId,
    pub(super) slot: u32,
}

/// The operation of a routed request.
#[derive(Debug, Clone, Copy)]
pub(super) enum Question {
    Announce(AnyAnnounce, PeerForm),
    /// Counts of the torrents in [`RoutedRequest::files`], in this family.
    Scrape(AddressFamily),
    /// Counts of the swarms of this family from this place on, as many as [`RoutedRequest::files`] has room for.
    Page(AddressFamily, PagePlace),
    /// Counts of the torrents in [`RoutedRequest::files`], of all their peers.
    ScrapeAll,
    /// With [`RoutedRequest::message`].
    WebRtc(WebRtcRequest),
    /// Nothing: an owner had no room for it. With the outcome, if it is a request.
    GivenUp(HttpOutcome),
}

/// The result of an announce.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) counts: SwarmCounts,
    pub(super) change: PeerChange,
    pub(super) interval_s: u32,
    pub(super) min_interval_s: u32,
    /// Why there is no result.
    pub(super) refusal: Option<TorrentRefusal>,
    peers: [u8; PEER_BYTES_MAX],
    peer_bytes: usize,
    /// The ids of the peers in the same order, as far as they are known. Empty where they are not wanted or not kept.
    pub(super) peer_ids: Vec<Option<PeerId>>,
}

/// The torrents of a scrape, and their counts as far as they are known.
#[derive(Debug)]
pub(super) struct ScrapedFiles {
    files: [ScrapeFile; SCRAPE_HASHES_MAX],
    used: usize,
    /// One bit for each torrent whose counts are known.
    answered: u128,
}

const _: () = assert!(SCRAPE_HASHES_MAX <= 128, "a bit for each hash");

/// Where a routed request goes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoutedStep {
    /// Home: the result is complete.
    Done,
    /// To the owner of the next torrent.
    Onward(ShardId),
}

impl RoutedRequest {
    pub(super) fn new() -> Self {
        Self {
            token: ConnectionToken { home: ShardId::FIRST, slot: 0, generation: 0 },
            owner: None,
            client: IpAddr::V4(core::net::Ipv4Addr::UNSPECIFIED),
            framing: Framing::FINAL,
            question: Question::Scrape(AddressFamily::V4),
            found: Found::new(),
            files: ScrapedFiles { files: [NO_FILE; SCRAPE_HASHES_MAX], used: 0, answered: 0 },
            next_slot: None,
            message: RoutedMessage::NONE,
        }
    }

    /// Resets the request for reuse.
    pub(super) fn begin(&mut self, client: IpAddr, framing: Framing, question: Question) {
        (self.client, self.framing, self.question) = (client, framing, question);
        self.found.clear();
    }

    /// Returns the core that has the request; `None` while it is at home.
    #[must_use]
    pub const fn owner(&self) -> Option<ShardId> {
        self.owner
    }

    /// Returns the outcome of a message that its owner has counted, when it is back.
    #[must_use]
    pub const fn message_outcome(&self) -> Option<MessageOutcome> {
        match (&self.question, &self.message.carried_out) {
            (Question::WebRtc(WebRtcRequest::Announce { .. }), Ok(_)) => {
                Some(MessageOutcome::AnnounceAnswered)
            }
            (Question::WebRtc(WebRtcRequest::Announce { .. }), Err(_)) => {
                Some(MessageOutcome::AnnounceRefused)
            }
            _ => None,
        }
    }

    /// Returns the owner of a torrent of a scrape that has not been looked up.
    pub(super) fn next_owner(&self, ownership: &Ownership) -> Option<ShardId> {
        match self.question {
            Question::Scrape(_) | Question::ScrapeAll => {
                self.files.first_unanswered().map(|info_hash| ownership.owner(info_hash))
            }
            _ => None,
        }
    }

    /// Discards the request; it returns home without a result.
    pub const fn give_up(&mut self) {
        self.question = Question::GivenUp(self.busy_outcome());
    }

    /// Returns the outcome of a request for which an owner has no room.
    pub(super) const fn busy_outcome(&self) -> HttpOutcome {
        match self.question {
            Question::Announce(..) => HttpOutcome::AnnounceBusy,
            Question::GivenUp(outcome) => outcome,
            _ => HttpOutcome::ScrapeBusy,
        }
    }

    /// Does the part of another core's request that belongs to this shard.
    pub fn carry_out(&mut self, shard: &mut Shard, now: Now, signals: &mut Signals) {
        if let Question::WebRtc(request) = &self.question {
            let RoutedMessage { received, replies, carried_out } = &mut self.message;
            let mut replies = Replies { own: replies, others: signals };
            *carried_out = request.carry_out(received, shard, now, &mut replies);
        } else {
            self.advance(shard, now);
        }
    }

    /// Does this shard's part of the request.
    pub fn advance(&mut self, shard: &mut Shard, now: Now) -> RoutedStep {
        let Self { question, found, .. } = self;
        match *question {
            Question::Announce(AnyAnnounce::V4(ref pending), form) => {
                found.announce(shard, now, pending, form)
            }
            Question::Announce(AnyAnnounce::V6(ref pending), form) => {
                found.announce(shard, now, pending, form)
            }
            Question::Scrape(AddressFamily::V4) => self.look_up(shard, Torrents::counts::<CompactIpv4>),
            Question::Scrape(AddressFamily::V6) => self.look_up(shard, Torrents::counts::<CompactIpv6>),
            Question::ScrapeAll => self.look_up(shard, Torrents::all_counts),
            Question::Page(_, place) if place.shard != shard.ownership.own => RoutedStep::Onward(place.shard),
            Question::Page(AddressFamily::V4, place) => {
                self.fill_page::<CompactIpv4>(place, shard.torrents())
            }
            Question::Page(AddressFamily::V6, place) => {
                self.fill_page::<CompactIpv6>(place, shard.torrents())
            }
            Question::WebRtc(_) | Question::GivenUp(_) => RoutedStep::Done,
        }
    }

    fn look_up<'a>(
        &mut self,
        shard: &'a Shard,
        counts: impl Fn(Torrents<'a>, &InfoHash) -> SwarmCounts,
    ) -> RoutedStep {
        let ScrapedFiles { answered, files, used } = &mut self.files;
        let (ownership, torrents) = (&shard.ownership, shard.torrents());
        let info_hash = |file: &ScrapeFile| file.info_hash;
        let next = ownership.answer_own(answered, &mut files[..*used], info_hash, |file, info_hash| {
            *file = with_counts(*info_hash, counts(torrents, info_hash));
        });
        next.map_or(RoutedStep::Done, RoutedStep::Onward)
    }

    fn fill_page<A: AddressOfSwarm>(&mut self, place: PagePlace, torrents: Torrents<'_>) -> RoutedStep {
        let files = &mut self.files;
        files.used = 0;
        self.next_slot = torrents.swarms.page::<A>(place.slot, SCRAPE_HASHES_MAX, |info_hash, counts| {
            let counts = torrents.with_completed::<A>(&info_hash, counts);
            files.files[files.used] = with_counts(info_hash, counts);
            files.used += 1;
        });
        RoutedStep::Done
    }
}

impl Found {
    const fn new() -> Self {
        Self {
            counts: SwarmCounts { seeders: 0, leechers: 0, downloaded: 0 },
            change: PeerChange::NotListed,
            interval_s: 0,
            min_interval_s: 0,
            refusal: None,
            peers: [0; PEER_BYTES_MAX],
            peer_bytes: 0,
            peer_ids: Vec::new(),
        }
    }

    fn clear(&mut self) {
        (self.change, self.refusal, self.peer_bytes) = (PeerChange::NotListed, None, 0);
        self.peer_ids.clear();
    }

    /// Returns the peers in compact form.
    pub(super) fn peers(&self) -> &[u8] {
        &self.peers[..self.peer_bytes]
    }

    fn announce<A: AddressOfSwarm>(
        &mut self,
        shard: &mut Shard,
        now: Now,
        pending: &PendingAnnounce<A>,
        form: PeerForm,
    ) -> RoutedStep {
        let info_hash = &pending.announce.info_hash;
        let owner = shard.ownership.owner(info_hash);
        if owner != shard.ownership.own {
            return RoutedStep::Onward(owner);
        }
        match shard.announce(now, None, pending, &mut self.peers) {
            Ok(announced) => {
                self.counts = shard.torrents().with_completed::<A>(info_hash, announced.counts);
                self.peer_bytes = announced.peers * A::BYTES;
                self.change = announced.change;
                self.interval_s = announced.interval_s;
                self.min_interval_s = announced.min_interval_s;
            }
            Err(refusal) => self.refusal = Some(refusal),
        }
        if form == PeerForm::Dictionaries && !shard.access.details().is_empty() {
            self.look_up_peer_ids::<A>(info_hash, shard);
        }
        RoutedStep::Done
    }

    fn look_up_peer_ids<A: AddressOfSwarm>(&mut self, info_hash: &InfoHash, shard: &Shard) {
        let peers = <[A]>::ref_from_bytes(&self.peers[..self.peer_bytes]).expect(WHOLE);
        let details = shard.access.details();
        let ids = peers.iter().map(|&peer| Some(details.get(info_hash, peer.into())?.peer_id));
        self.peer_ids.reserve_exact(PEERS_MAX);
        self.peer_ids.extend(ids);
    }
}

const NO_FILE: ScrapeFile =
    ScrapeFile { info_hash: InfoHash([0; InfoHash::BYTES]), complete: 0, downloaded: 0, incomplete: 0 };

const fn with_counts(info_hash: InfoHash, counts: SwarmCounts) -> ScrapeFile {
    ScrapeFile {
        info_hash,
        complete: counts.seeders,
        downloaded: counts.downloaded,
        incomplete: counts.leechers,
    }
}

impl ScrapedFiles {
    /// Replaces the torrents with the first `torrents_max` of a scrape.
    pub(super) fn fill(&mut self, info_hashes: impl Iterator<Item = InfoHash>, torrents_max: usize) {
        (self.used, self.answered) = (0, 0);
        for (file, info_hash) in self.files.iter_mut().zip(info_hashes).take(torrents_max) {
            *file = ScrapeFile { info_hash, ..NO_FILE };
            self.used += 1;
        }
    }

    pub(super) fn files(&self) -> &[ScrapeFile] {
        &self.files[..self.used]
    }

    pub(super) fn files_mut(&mut self) -> &mut [ScrapeFile] {
        &mut self.files[..self.used]
    }

    fn first_unanswered(&self) -> Option<&InfoHash> {
        let mut files = self.files().iter().enumerate();
        files.find(|&(index, _)| self.answered >> index & 1 == 0).map(|(_, file)| &file.info_hash)
    }
}
