use super::full_scrape::PagePlace;
use crate::Now;
use crate::engine::Engine;
use crate::peer_report::PeerReport;
use crate::scrape::Ownership;
use crate::torrents::Torrents;
use access::TorrentRefusal;
use core::net::IpAddr;
use http_protocol::{Framing, PEERS_MAX, PeerForm, SCRAPE_HASHES_MAX, Scrape, ScrapeFile};
use primitives::{AddressFamily, CompactAddress, CompactIpv4, CompactIpv6, InfoHash, PeerId, ShardId};
use swarm::{AddressOfSwarm, Announce, PeerChange, SwarmCounts};
use zerocopy::FromBytes;

/// Why bytes of peers are read without fail.
pub(super) const WHOLE: &str = "the swarms write whole peers";

/// Bytes of the most peers in one answer.
const PEER_BYTES_MAX: usize = PEERS_MAX * CompactIpv6::BYTES;

/// A request of an HTTP client on its way to the owners of its torrents and back, with room for what they find.
///
/// It is the same piece of memory again and again: its home takes it out of a pool and puts it back.
#[derive(Debug)]
pub struct RoutedRequest {
    /// The connection that waits for it.
    pub token: ConnectionToken,
    /// The core that has it now; none while it is at home.
    pub(super) owner: Option<ShardId>,
    pub(super) client: IpAddr,
    pub(super) framing: Framing,
    pub(super) question: Question,
    /// Who announces, where something of it is kept.
    pub(super) peer_report: Option<PeerReport>,
    pub(super) found: Found,
    pub(super) peers: [u8; PEER_BYTES_MAX],
    /// The ids of the peers in their order, as far as they are known. Empty where nobody asks for them or none are kept.
    pub(super) peer_ids: Vec<Option<PeerId>>,
    pub(super) files: ScrapedFiles,
    /// Where a page after this one begins, if the shard has more.
    pub(super) next_slot: Option<u32>,
}

/// Which connection of which core waits for a routed request. A connection's place may have been given to another one
/// meanwhile: its generation tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionToken {
    /// The core that holds the connection.
    pub home: ShardId,
    /// Its place there.
    pub slot: u32,
    /// Which one of those that have had this place.
    pub generation: u32,
}

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub(super) enum Question {
    AnnounceV4(Announce<CompactIpv4>, PeerForm),
    AnnounceV6(Announce<CompactIpv6>, PeerForm),
    /// For the torrents in [`RoutedRequest::files`], in this family.
    Scrape(AddressFamily),
    /// For the swarms of this family from this place on, as many as [`RoutedRequest::files`] has room for.
    Page(AddressFamily, PagePlace),
    /// Nothing any more: an owner had no room for it.
    GivenUp,
}

/// What the owner of an announce found.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    pub(super) counts: SwarmCounts,
    pub(super) peer_bytes: usize,
    pub(super) change: PeerChange,
    pub(super) interval_s: u32,
    /// Why it found nothing.
    pub(super) refusal: Option<TorrentRefusal>,
}

impl Found {
    pub(super) const NOTHING: Self = Self {
        counts: SwarmCounts { seeders: 0, leechers: 0, downloaded: 0 },
        peer_bytes: 0,
        change: PeerChange::NotListed,
        interval_s: 0,
        refusal: None,
    };
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

/// Where a routed request goes from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoutedStep {
    /// Home: all is found.
    Done,
    /// To the owner of what is left.
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
            peer_report: None,
            found: Found::NOTHING,
            peers: [0; PEER_BYTES_MAX],
            peer_ids: Vec::new(),
            files: ScrapedFiles { files: [NO_FILE; SCRAPE_HASHES_MAX], used: 0, answered: 0 },
            next_slot: None,
        }
    }

    /// The core that has it; none while it is at home.
    #[must_use]
    pub const fn owner(&self) -> Option<ShardId> {
        self.owner
    }

    /// Of a scrape of several owners, one that it has not been to.
    pub(super) fn next_owner(&self, ownership: Ownership<'_>) -> Option<ShardId> {
        match self.question {
            Question::Scrape(_) => self.files.first_unanswered().map(|info_hash| ownership.owner(info_hash)),
            _ => None,
        }
    }

    /// It comes home without what was asked for.
    pub const fn give_up(&mut self) {
        self.question = Question::GivenUp;
    }

    /// The peers that were found.
    pub(super) fn peers(&self) -> &[u8] {
        &self.peers[..self.found.peer_bytes]
    }

    /// Does this shard's part of what changes nothing.
    fn look_up(&mut self, ownership: Ownership<'_>, torrents: Torrents<'_>) -> RoutedStep {
        match self.question {
            Question::Scrape(AddressFamily::V4) => self.files.look_up::<CompactIpv4>(ownership, torrents),
            Question::Scrape(AddressFamily::V6) => self.files.look_up::<CompactIpv6>(ownership, torrents),
            Question::Page(_, place) if place.shard != ownership.own => RoutedStep::Onward(place.shard),
            Question::Page(AddressFamily::V4, place) => self.fill_page::<CompactIpv4>(place, torrents),
            Question::Page(AddressFamily::V6, place) => self.fill_page::<CompactIpv6>(place, torrents),
            Question::AnnounceV4(..) | Question::AnnounceV6(..) | Question::GivenUp => RoutedStep::Done,
        }
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

const NO_FILE: ScrapeFile = ScrapeFile {
    info_hash: InfoHash([0; InfoHash::BYTES]),
    complete: 0,
    downloaded: 0,
    downloaders: None,
    incomplete: 0,
};

const fn with_counts(info_hash: InfoHash, counts: SwarmCounts) -> ScrapeFile {
    ScrapeFile {
        info_hash,
        complete: counts.seeders,
        downloaded: counts.downloaded,
        downloaders: None,
        incomplete: counts.leechers,
    }
}

impl ScrapedFiles {
    /// Takes the torrents of a scrape, of a longer list the first `torrents_max`.
    pub(super) fn fill(&mut self, scrape: &Scrape<'_>, torrents_max: usize) {
        (self.used, self.answered) = (0, 0);
        for (file, info_hash) in self.files.iter_mut().zip(scrape.info_hashes()).take(torrents_max) {
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

    fn look_up<A: AddressOfSwarm>(&mut self, ownership: Ownership<'_>, torrents: Torrents<'_>) -> RoutedStep {
        let mut next = None;
        for (index, file) in self.files[..self.used].iter_mut().enumerate() {
            if self.answered >> index & 1 == 1 {
                continue;
            }
            let owner = ownership.owner(&file.info_hash);
            if owner != ownership.own {
                next = next.or(Some(owner));
                continue;
            }
            *file = with_counts(file.info_hash, torrents.counts::<A>(&file.info_hash));
            self.answered |= 1 << index;
        }
        next.map_or(RoutedStep::Done, RoutedStep::Onward)
    }
}

impl Engine {
    /// Does this shard's part of a routed request.
    pub fn serve_routed(&mut self, now: Now, routed: &mut RoutedRequest) -> RoutedStep {
        match routed.question {
            Question::AnnounceV4(announce, form) => self.run_announce(now, routed, (&announce, form)),
            Question::AnnounceV6(announce, form) => self.run_announce(now, routed, (&announce, form)),
            Question::Scrape(_) | Question::Page(..) | Question::GivenUp => {
                routed.look_up(self.ownership(), self.torrents())
            }
        }
    }

    fn run_announce<A: AddressOfSwarm>(
        &mut self,
        now: Now,
        routed: &mut RoutedRequest,
        (announce, form): (&Announce<A>, PeerForm),
    ) -> RoutedStep {
        let ownership = self.ownership();
        let owner = ownership.owner(&announce.info_hash);
        if owner != ownership.own {
            return RoutedStep::Onward(owner);
        }
        match self.announce_to_swarm(now, None, (announce, routed.peer_report.as_ref()), &mut routed.peers) {
            Ok(announced) => {
                routed.found = Found {
                    counts: self.torrents().with_completed::<A>(&announce.info_hash, announced.counts),
                    peer_bytes: announced.peers * A::BYTES,
                    change: announced.change,
                    interval_s: self.draw_interval_s(),
                    refusal: None,
                };
            }
            Err(refusal) => routed.found = Found { refusal: Some(refusal), ..Found::NOTHING },
        }
        if form == PeerForm::Dictionaries && !self.access.details().is_empty() {
            self.look_up_peer_ids::<A>(&announce.info_hash, routed);
        }
        RoutedStep::Done
    }

    /// Looks up what the peers that were found call themselves by.
    fn look_up_peer_ids<A: AddressOfSwarm>(&self, info_hash: &InfoHash, routed: &mut RoutedRequest) {
        let peers = <[A]>::ref_from_bytes(&routed.peers[..routed.found.peer_bytes]).expect(WHOLE);
        let details = self.access.details();
        let ids = peers.iter().map(|&peer| Some(details.get(info_hash, peer.into())?.details.peer_id));
        routed.peer_ids.reserve_exact(PEERS_MAX);
        routed.peer_ids.extend(ids);
    }
}
