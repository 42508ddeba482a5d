//! The form in which swarms are exported and changes of swarms are recorded.
//!
//! ```text
//! [kind: 1 | family: 1 | info hash: 20 | downloads: 8 | seeders: 4 | leechers: 4 | kept until: 2]
//! [references: 6 or 18 bytes each, seeders first][deadlines: 2 each, in the same order]
//! ```
//!
//! Numbers are little-endian. A record states what is true after a change, so that it has the same effect if it is applied
//! twice before the importing core serves. Records of WebRTC swarms have no peers: the connections that these are reached by belong to one process.

use crate::deadline::Deadline;
use crate::limits::{EMPTY_SWARM_KEPT_S, SWARM_PEERS_MAX};
use crate::swarm::Swarm;
use primitives::{InfoHash, PeerReference, Second, SwarmFamily};
use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// What a record is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RecordKind {
    /// The peers of the record are in the swarm.
    Kept = 1,
    /// They are not in the swarm any more. Their deadlines say when they were heard last.
    Gone = 2,
    /// The swarms of all families have been dropped. The record has no peers.
    Dropped = 3,
    /// As `Kept`, after a completed event was counted.
    Completed = 4,
}

/// The part of a record before its peers.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct RecordHead {
    kind: u8,
    /// The place of the family in [`SwarmFamily::ALL`].
    family: u8,
    info_hash: InfoHash,
    downloaded: U64,
    seeders: U32,
    leechers: U32,
    /// Until when a swarm without peers is kept for its downloads.
    kept_until: Deadline,
}

/// A record, as it is read.
#[derive(Debug)]
pub(crate) struct Record<'a, A> {
    pub(crate) kind: RecordKind,
    pub(crate) info_hash: InfoHash,
    pub(crate) downloaded: u64,
    pub(crate) kept_until: Deadline,
    /// The first of the peers are seeders.
    pub(crate) seeders: usize,
    pub(crate) references: &'a [A],
    pub(crate) deadlines: &'a [Deadline],
}

impl RecordHead {
    /// Returns the family of the record at the front of `bytes`.
    pub(crate) fn family(bytes: &[u8]) -> Option<SwarmFamily> {
        let (head, _) = Self::ref_from_prefix(bytes).ok()?;
        SwarmFamily::ALL.get(usize::from(head.family)).copied()
    }

    fn kind(&self) -> Option<RecordKind> {
        let kinds = [RecordKind::Kept, RecordKind::Gone, RecordKind::Dropped, RecordKind::Completed];
        kinds.into_iter().find(|&kind| kind as u8 == self.kind)
    }
}

impl<'a, A: PeerReference> Record<'a, A> {
    /// Returns the record at the front of `bytes`, if it is well-formed and of this family, and the bytes after it.
    pub(crate) fn read(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (head, bytes) = RecordHead::ref_from_prefix(bytes).ok()?;
        let kind = head.kind().filter(|_| head.family == A::SWARM_FAMILY as u8)?;
        let peers = head.seeders.get().checked_add(head.leechers.get())?;
        let peers_max =
            if has_exported_peers::<A>() && kind != RecordKind::Dropped { SWARM_PEERS_MAX } else { 0 };
        if peers > peers_max {
            return None;
        }
        let (references, rest) = <[A]>::ref_from_prefix_with_elems(bytes, peers as usize).ok()?;
        let (deadlines, rest) = <[Deadline]>::ref_from_prefix_with_elems(rest, peers as usize).ok()?;
        let record = Self {
            kind,
            info_hash: head.info_hash,
            downloaded: head.downloaded.get(),
            kept_until: head.kept_until,
            seeders: head.seeders.get() as usize,
            references,
            deadlines,
        };
        Some((record, rest))
    }
}

/// Whether records have the peers of swarms of this kind.
pub(crate) const fn has_exported_peers<A: PeerReference>() -> bool {
    !matches!(A::SWARM_FAMILY, SwarmFamily::WebRtc)
}

/// Appends a record of the drop of a torrent.
pub(crate) fn write_dropped(info_hash: &InfoHash, out: &mut Vec<u8>) {
    let head = RecordHead {
        kind: RecordKind::Dropped as u8,
        family: 0,
        info_hash: *info_hash,
        downloaded: U64::ZERO,
        seeders: U32::ZERO,
        leechers: U32::ZERO,
        kept_until: Deadline::UNSET,
    };
    out.extend_from_slice(head.as_bytes());
}

impl<A: PeerReference> Swarm<A> {
    /// Appends a record of the swarm with all of its peers, if it has anything to be exported.
    pub(crate) fn write(&self, now: Second, out: &mut Vec<u8>) {
        let peers = if has_exported_peers::<A>() { self.peers() } else { 0 };
        if peers == 0 && self.counts().downloaded == 0 {
            return;
        }
        let seeders = if peers > 0 { self.seeders() } else { 0 };
        out.extend_from_slice(self.head(now, RecordKind::Kept, [seeders, peers - seeders]).as_bytes());
        let columns = self.storage.columns();
        out.extend_from_slice(columns.references[..peers].as_bytes());
        out.extend_from_slice(columns.deadlines[..peers].as_bytes());
    }

    /// Appends a record of the peer at `position` with this deadline.
    pub(crate) fn write_peer(
        &self,
        now: Second,
        kind: RecordKind,
        (position, deadline): (usize, Deadline),
        out: &mut Vec<u8>,
    ) {
        let counts = if position < self.seeders() { [1, 0] } else { [0, 1] };
        out.extend_from_slice(self.head(now, kind, counts).as_bytes());
        out.extend_from_slice(self.storage.columns().references[position].as_bytes());
        out.extend_from_slice(deadline.as_bytes());
    }

    /// Appends a record of a download of the swarm, without its peers.
    pub(crate) fn write_downloads(&self, now: Second, out: &mut Vec<u8>) {
        out.extend_from_slice(self.head(now, RecordKind::Completed, [0, 0]).as_bytes());
    }

    fn head(&self, now: Second, kind: RecordKind, counts: [usize; 2]) -> RecordHead {
        let [seeders, leechers] = counts.map(|count| u32::try_from(count).unwrap_or(SWARM_PEERS_MAX).into());
        // Where the peers are not exported, the importer has a swarm without peers.
        let is_empty = self.peers() == 0;
        RecordHead {
            kind: kind as u8,
            family: A::SWARM_FAMILY as u8,
            info_hash: self.info_hash,
            downloaded: self.counts().downloaded.into(),
            seeders,
            leechers,
            kept_until: if is_empty { self.earliest } else { Deadline::after(now, EMPTY_SWARM_KEPT_S) },
        }
    }
}
