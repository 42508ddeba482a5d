use super::SessionReport;
use super::changes::Delta;
use primitives::{AnnounceEvent, InfoHash, KeyId, PeerId, PeerStatus, Second};

/// Identifies a session: one client on one torrent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct SessionKey {
    pub(super) key: KeyId,
    info_hash: InfoHash,
    peer_id: PeerId,
}

impl SessionKey {
    pub(super) const fn of(report: &SessionReport) -> Self {
        Self { key: report.key, info_hash: report.info_hash, peer_id: report.peer_id }
    }
}

/// The last report of a client.
#[derive(Debug, Clone, Copy)]
pub(super) struct Session {
    uploaded: u64,
    downloaded: u64,
    pub(super) heard: Second,
    pub(super) status: PeerStatus,
}

impl Session {
    pub(super) const fn new(now: Second, report: &SessionReport) -> Self {
        Self { uploaded: report.uploaded, downloaded: report.downloaded, heard: now, status: report.status }
    }

    /// Records a report and returns the difference to the last one.
    pub(super) fn advance(&mut self, now: Second, report: &SessionReport) -> Delta {
        let is_baseline = report.event == AnnounceEvent::Started
            || report.uploaded < self.uploaded
            || report.downloaded < self.downloaded;
        let mut delta = if is_baseline {
            Delta::NONE
        } else {
            Delta {
                uploaded: report.uploaded - self.uploaded,
                downloaded: report.downloaded - self.downloaded,
                ..Delta::NONE
            }
        };
        if report.status != self.status {
            delta = delta.with_end(self.status).with_begin(report.status);
        }
        *self = Self::new(now, report);
        delta
    }
}
