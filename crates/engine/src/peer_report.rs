use crate::Now;
use crate::engine::Engine;
use crate::refusal::Refusal;
use access::SessionReport;
use primitives::{AnnounceEvent, KeyId, KeyInPath, PeerDetails};
use swarm::{AddressOfSwarm, Announce, Listing, PeerChange};
use udp_protocol::AnnounceRequest;

/// What an announce says of its client beside its address and status. It goes with the announce to the owner of the
/// torrent where accounts or details are kept, and with the event `completed`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PeerReport {
    /// The key that it came with, where keys are asked for.
    pub(crate) key: Option<KeyId>,
    pub(crate) details: PeerDetails,
}

impl Engine {
    /// Whose key it is, where keys are asked for.
    pub(crate) fn check_key(&self, now: Now, key: KeyInPath) -> Result<Option<KeyId>, Refusal> {
        let key = match key {
            KeyInPath::Malformed => return Err(Refusal::MalformedKey),
            KeyInPath::Absent => None,
            KeyInPath::Present(key) => Some(key),
        };
        Ok(self.access.key(now.unix_s, key.as_ref())?)
    }

    /// What has to be kept of who announces; `None` where nothing is. Who completes a download is told apart by its peer
    /// id in any case.
    pub(crate) fn peer_report(
        &self,
        key: Option<KeyId>,
        event: AnnounceEvent,
        details: impl FnOnce() -> PeerDetails,
    ) -> Option<PeerReport> {
        let is_kept = self.access.keeps_peer_reports() || event == AnnounceEvent::Completed;
        is_kept.then(|| PeerReport { key, details: details() })
    }

    /// A `stopped` of another client than the one that is known to be listed at the address, as one that takes nobody off
    /// the list: its sender had the address before, or has the same one behind a router.
    pub(crate) fn without_stop_of_another<A: AddressOfSwarm>(
        &self,
        announce: &Announce<A>,
        peer_report: &PeerReport,
    ) -> Option<Announce<A>> {
        let Announce { info_hash, address, event, .. } = *announce;
        let is_stop_of_another = event == AnnounceEvent::Stopped
            && self.access.is_of_another(&info_hash, address.into(), &peer_report.details.peer_id);
        is_stop_of_another.then_some(Announce {
            event: AnnounceEvent::None,
            listing: Listing::Unlisted,
            peers_wanted: 0,
            ..*announce
        })
    }

    /// Keeps what has to be kept of who announced.
    pub(crate) fn note_peer_report<A: AddressOfSwarm>(
        &mut self,
        now: Now,
        announce: &Announce<A>,
        change: PeerChange,
        peer_report: &PeerReport,
    ) {
        let PeerReport { key, details } = *peer_report;
        let info_hash = announce.info_hash;
        if let Some(key) = key {
            let report = SessionReport {
                info_hash,
                key,
                peer_id: details.peer_id,
                uploaded: details.uploaded,
                downloaded: details.downloaded,
                status: announce.status,
                event: announce.event,
            };
            self.access.note_session(now.monotonic, &report);
        }
        let address = announce.address.into();
        match change {
            PeerChange::Added | PeerChange::Refreshed => {
                self.access.note_details(now.monotonic, &info_hash, address, &details);
            }
            PeerChange::Removed => self.access.forget_details(&info_hash, address),
            PeerChange::NotListed | PeerChange::Refused(_) | PeerChange::TurnedAway => {}
        }
    }
}

/// What the announce says of its client.
pub(crate) fn details(request: &AnnounceRequest) -> PeerDetails {
    PeerDetails {
        peer_id: request.peer_id,
        uploaded: request.uploaded.get(),
        downloaded: request.downloaded.get(),
        left: request.left.get(),
        event: request.event(),
    }
}
