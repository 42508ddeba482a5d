//! What a core exports of its state, and another core imports.

use crate::{InfoHash, PeerId, Second};
use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// A part of a core's state. Times in it are seconds of the exporting core's clock.
///
/// Pages of one core are imported in the order in which they were exported. A page adds to what was imported before, or changes
/// it: no peer is in it twice unless it has changed, but one may be in several pages.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StatePage {
    /// When it was exported.
    pub exported: Second,
    /// Swarms and changes of swarms, as `swarm` encodes them.
    pub swarms: Vec<u8>,
    /// Sessions of keys, each a [`SessionRecord`].
    pub sessions: Vec<u8>,
}

/// The last report of a key's client on a torrent, or the end of its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct SessionRecord {
    /// Number of the key in the exporting process. The control plane of the importing one replaces it by its own number.
    pub key: U32,
    /// When the client reported, or when the session ended.
    pub heard: U32,
    pub uploaded: U64,
    pub downloaded: U64,
    pub info_hash: InfoHash,
    pub peer_id: PeerId,
    /// 0: the session has ended, 1: a leecher, 2: a seeder.
    pub state: u8,
}

/// How far an export of a core's state has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ExportPlace {
    /// Which kind of state: the sessions, or the swarms of a family.
    pub part: u8,
    /// The slot or table part to continue with.
    pub next: u32,
}

impl ExportPlace {
    /// Where the swarms begin, after the sessions.
    pub const SWARMS: Self = Self { part: 1, next: 0 };
}

/// A page, and where the export continues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportedPage {
    pub page: StatePage,
    /// `None` after the last page.
    pub next: Option<ExportPlace>,
}

/// Seconds to add to a time of the exporting core's clock to make it one of the importing core's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockShift(pub i64);

impl ClockShift {
    /// Returns how many seconds after `now` of the importing core a time of the exporting core's clock is.
    #[must_use]
    pub fn ahead_s(self, time: Second, now: Second) -> i64 {
        (i64::from(time.0) - i64::from(now.0)).saturating_add(self.0)
    }
}

/// What becomes of the swarms and sessions of a torrent that a page has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportVerdict {
    Import,
    /// The torrent is not served: they are counted as refused.
    NotServed,
    /// Another core is the owner of the torrent, and imports them.
    NotOwned,
}

/// What a core did with a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Imported {
    /// Swarms, peers and sessions that the core has from it. What changed is counted with each change.
    pub swarms: u64,
    pub peers: u64,
    pub sessions: u64,
    /// Peers and sessions whose lifetime had passed.
    pub expired: u64,
    /// Swarms and sessions of torrents that are not served, and swarms, peers and sessions that limits refused.
    pub refused: u64,
    /// Bytes that are no records: those from the first malformed record on.
    pub malformed_bytes: u64,
}

impl Imported {
    /// Returns the sum of both.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            swarms: self.swarms + other.swarms,
            peers: self.peers + other.peers,
            sessions: self.sessions + other.sessions,
            expired: self.expired + other.expired,
            refused: self.refused + other.refused,
            malformed_bytes: self.malformed_bytes + other.malformed_bytes,
        }
    }
}

/// A core did not record changes, or they were more than it may hold and have been discarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("changes were not recorded, or came faster than they were taken")]
pub struct ChangesLost;

/// The records of changes since they were taken last, while they are recorded.
#[derive(Debug, Default)]
pub enum ChangeLog {
    #[default]
    Off,
    On {
        records: Vec<u8>,
        bytes_max: usize,
    },
    /// More changes came than it may hold.
    Lost,
}

impl ChangeLog {
    /// Returns a log that records changes, at most this many bytes of them.
    #[must_use]
    pub const fn on(bytes_max: usize) -> Self {
        Self::On { records: Vec::new(), bytes_max }
    }

    /// Whether changes are recorded.
    #[must_use]
    pub const fn is_on(&self) -> bool {
        matches!(self, Self::On { .. })
    }

    /// Adds the record that `write` appends, if changes are recorded.
    pub fn record(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let Self::On { records, bytes_max } = self else { return };
        write(records);
        if records.len() > *bytes_max {
            *self = Self::Lost;
        }
    }

    /// Takes the records.
    ///
    /// # Errors
    /// If they were not recorded, or were more than the log may hold. Then it is off.
    pub fn take(&mut self) -> Result<Vec<u8>, ChangesLost> {
        match self {
            Self::On { records, .. } => Ok(core::mem::take(records)),
            Self::Off | Self::Lost => {
                *self = Self::Off;
                Err(ChangesLost)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_holds_changes_while_it_is_on_and_is_off_once_it_has_lost_some() {
        let mut log = ChangeLog::default();
        let record = |log: &mut ChangeLog, byte| log.record(|records| records.extend([byte; 4]));
        record(&mut log, 1);
        assert_eq!(log.take(), Err(ChangesLost));
        log = ChangeLog::on(8);
        for byte in 2..6 {
            record(&mut log, byte);
            assert_eq!(log.take(), Ok(vec![byte; 4]));
        }
        for byte in 6..10 {
            record(&mut log, byte);
        }
        assert!(!log.is_on());
        assert_eq!(log.take(), Err(ChangesLost));
        record(&mut log, 10);
        assert_eq!(log.take(), Err(ChangesLost));
    }

    #[test]
    fn times_are_translated_from_one_clock_to_another() {
        assert_eq!(ClockShift(-1000).ahead_s(Second(5000), Second(3990)), 10);
        assert_eq!(ClockShift(i64::MAX).ahead_s(Second(7), Second(0)), i64::MAX);
        assert_eq!(ClockShift(i64::MIN).ahead_s(Second(0), Second(7)), i64::MIN);
    }
}
