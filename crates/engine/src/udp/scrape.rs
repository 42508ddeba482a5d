use crate::shard::{Ownership, Torrents};
use primitives::{AddressFamily, InfoHash, ShardId};
use udp_protocol::{SCRAPE_HASHES_MAX, Scrape, ScrapeEntry, ScrapeResponse, TransactionId};
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout, Unaligned};

/// A scrape whose torrents belong to several shards. It goes from owner to owner, and each replaces the info hashes of
/// its torrents by their counts. The last one answers, so that no core waits for another.
#[derive(Debug, Clone)]
pub struct RoutedScrape {
    transaction_id: TransactionId,
    family: AddressFamily,
    hashes: u8,
    /// One bit for each hash whose counts are known.
    answered: u128,
    places: [Place; SCRAPE_HASHES_MAX],
}

/// An info hash, or the counts of its torrent, in the same bytes.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Place {
    counts: ScrapeEntry,
    rest: [u8; InfoHash::BYTES - size_of::<ScrapeEntry>()],
}

const _: () = assert!(SCRAPE_HASHES_MAX <= 128, "a bit for each hash");

/// The next step of a routed scrape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScrapeStep {
    /// All counts are known and the answer, of this length, is written.
    Reply(usize),
    /// This shard owns the first of the remaining torrents.
    Route(ShardId),
}

impl RoutedScrape {
    /// Returns a scrape of a client of `family`, without any counts yet.
    pub(crate) fn new(family: AddressFamily, scrape: &Scrape<'_>) -> Self {
        let mut places = [Place::new_zeroed(); SCRAPE_HASHES_MAX];
        for (place, info_hash) in places.iter_mut().zip(scrape.info_hashes) {
            *place = zerocopy::transmute!(*info_hash);
        }
        let hashes = scrape.info_hashes.len().min(SCRAPE_HASHES_MAX);
        #[expect(clippy::cast_possible_truncation, reason = "at most SCRAPE_HASHES_MAX")]
        Self {
            transaction_id: scrape.request.transaction_id,
            family,
            hashes: hashes as u8,
            answered: 0,
            places,
        }
    }

    /// Returns the address family of the client.
    #[must_use]
    pub const fn family(&self) -> AddressFamily {
        self.family
    }

    /// Looks up this shard's torrents, and writes the answer into `out` if none remain.
    pub(crate) fn advance(
        &mut self,
        ownership: &Ownership,
        torrents: Torrents<'_>,
        out: &mut [u8],
    ) -> ScrapeStep {
        let Self { answered, places, family, .. } = self;
        let places = &mut places[..usize::from(self.hashes)];
        let info_hash = |place: &Place| zerocopy::transmute!(*place);
        let next = ownership.answer_own(answered, places, info_hash, |place, info_hash| {
            place.counts = counts(torrents, *family, info_hash);
        });
        next.map_or_else(|| ScrapeStep::Reply(self.encode(out)), ScrapeStep::Route)
    }

    fn encode(&self, out: &mut [u8]) -> usize {
        let entries = self.places[..usize::from(self.hashes)].iter().map(|place| place.counts);
        encode(self.transaction_id, entries, out)
    }
}

/// Answers a scrape whose torrents all belong to this shard, without copying it.
pub(crate) fn answer(
    torrents: Torrents<'_>,
    family: AddressFamily,
    scrape: &Scrape<'_>,
    out: &mut [u8],
) -> usize {
    let entries = scrape.info_hashes.iter().map(|info_hash| counts(torrents, family, info_hash));
    encode(scrape.request.transaction_id, entries, out)
}

/// The field of completed events has 32 bits; larger counts are reported as its maximum.
fn counts(torrents: Torrents<'_>, family: AddressFamily, info_hash: &InfoHash) -> ScrapeEntry {
    let counts = torrents.counts_in(family, info_hash);
    ScrapeEntry {
        seeders: counts.seeders.into(),
        downloaded: u32::try_from(counts.downloaded).unwrap_or(u32::MAX).into(),
        leechers: counts.leechers.into(),
    }
}

/// Writes as many entries as `out` has room for and returns the length of the answer.
fn encode(
    transaction_id: TransactionId,
    entries: impl Iterator<Item = ScrapeEntry>,
    out: &mut [u8],
) -> usize {
    let (head, rest) = out.split_at_mut(size_of::<ScrapeResponse>());
    head.copy_from_slice(ScrapeResponse::new(transaction_id).as_bytes());
    let mut length = size_of::<ScrapeResponse>();
    for (entry, place) in entries.zip(rest.chunks_exact_mut(size_of::<ScrapeEntry>())) {
        place.copy_from_slice(entry.as_bytes());
        length += size_of::<ScrapeEntry>();
    }
    length
}
