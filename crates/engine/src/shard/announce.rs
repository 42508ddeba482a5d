use super::external::Room;
use super::forwarding::{LocalAnnounce, Noted};
use super::newcomers::ShardNewcomers;
use super::state::Shard;
use crate::limits::{FIRST_INTERVAL_JITTER_S, FIRST_INTERVAL_S};
use crate::now::Now;
use access::{CompletedDownload, SessionReport, TorrentRefusal};
use guard::{Class, Source};
use metrics::Counter;
use primitives::{
    AddressFamily, AnnounceEvent, ClientTag, CompactIpv4, CompactIpv6, CountedClient, InfoHash, KeyId,
    Numwant, PeerAddress, PeerDetails, PeerStatus, SwarmFamily,
};
use swarm::{
    Announce, Announced, Bound, Completion, Listing, PeerChange, PeerOfSwarm, SourceVerdict, SwarmCounts,
    SwarmSlot,
};

/// A decoded announce, independent of the protocol.
pub(crate) struct AnnounceIn {
    pub(crate) info_hash: InfoHash,
    pub(crate) listing: Listing,
    pub(crate) status: PeerStatus,
    pub(crate) numwant: Numwant,
    pub(crate) details: PeerDetails,
}

/// The client of an announce, once it is admitted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AdmittedClient {
    /// The address at which other peers reach the client.
    pub(crate) address: PeerAddress,
    /// The number of its key, where keys are required.
    pub(crate) key: Option<KeyId>,
}

/// An announce that the owner of its torrent can apply. It may cross cores on the way there.
#[derive(Debug, Clone, Copy)]
pub struct PendingAnnounce<A> {
    pub(crate) announce: Announce<A>,
    /// The source of the announce, if it is not the address of the peer.
    pub(crate) source: Option<Source>,
    /// `None` where client software is not counted.
    client: Option<ClientTag>,
    /// `None` where nothing of it would be used.
    report: Option<PeerReport>,
}

/// A [`PendingAnnounce`] of either address family.
#[derive(Debug, Clone, Copy)]
pub enum AnyAnnounce {
    V4(PendingAnnounce<CompactIpv4>),
    V6(PendingAnnounce<CompactIpv6>),
}

/// What a client reports of itself. It accompanies an announce where accounts or details are kept or torrents are
/// forwarded, and with the event `completed`.
#[derive(Debug, Clone, Copy)]
struct PeerReport {
    key: Option<KeyId>,
    details: PeerDetails,
}

/// The result of an announce.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answered {
    /// Counts of the swarm after the announce, with those of upstream trackers.
    pub(crate) counts: SwarmCounts,
    /// Number of compact peers written.
    pub(crate) peers: usize,
    pub(crate) change: PeerChange,
    /// Seconds until the client should announce again.
    pub(crate) interval_s: u32,
    /// Seconds before which it should not.
    pub(crate) min_interval_s: u32,
}

impl AnyAnnounce {
    /// Sets the source, for a peer at another address.
    pub(crate) const fn set_source(&mut self, source: Source) {
        match self {
            Self::V4(pending) => pending.source = Some(source),
            Self::V6(pending) => pending.source = Some(source),
        }
    }

    /// Returns the family of the peer's address.
    #[must_use]
    pub const fn family(&self) -> AddressFamily {
        match self {
            Self::V4(_) => AddressFamily::V4,
            Self::V6(_) => AddressFamily::V6,
        }
    }
}

impl Shard {
    /// Returns the announce of an admitted client, to be applied by the owner of its torrent.
    pub(crate) fn any_announce(&self, client: AdmittedClient, announce: &AnnounceIn) -> AnyAnnounce {
        match client.address {
            PeerAddress::V4(address) => AnyAnnounce::V4(self.pending(address, client.key, announce)),
            PeerAddress::V6(address) => AnyAnnounce::V6(self.pending(address, client.key, announce)),
        }
    }

    /// Like [`Self::any_announce`], for a known family.
    pub(crate) fn pending<A>(
        &self,
        peer: A,
        key: Option<KeyId>,
        announce: &AnnounceIn,
    ) -> PendingAnnounce<A> {
        let AnnounceIn { info_hash, listing, status, numwant, details } = *announce;
        // The peer id identifies a completed download across the families.
        let is_reported = self.access.keeps_peer_reports()
            || self.forwarding.is_some()
            || details.event == AnnounceEvent::Completed;
        PendingAnnounce {
            announce: Announce {
                info_hash,
                peer,
                status,
                event: details.event,
                listing,
                peers_wanted: usize::from(self.policy.peers_wanted(numwant)),
            },
            source: None,
            client: self.clients.as_ref().map(|_| ClientTag::of(&details.peer_id)),
            report: is_reported.then_some(PeerReport { key, details }),
        }
    }

    /// Applies an announce of a torrent of this shard and writes compact peers into `peers`.
    ///
    /// # Errors
    /// When the torrent is not served.
    pub(crate) fn announce<A: PeerOfSwarm>(
        &mut self,
        now: Now,
        hint: Option<SwarmSlot<A>>,
        pending: &PendingAnnounce<A>,
        peers: &mut [u8],
    ) -> Result<Answered, TorrentRefusal> {
        let PendingAnnounce { announce, source, client, report } = pending;
        let report = report.as_ref();
        let download = completed_download(announce, report);
        let without_effect = self.without_effect(now, announce, report, download.as_ref());
        let applied = without_effect.as_ref().unwrap_or(announce);
        let mut newcomers =
            ShardNewcomers { access: &self.access, guard: &mut self.guard, now, source: *source };
        let mut announced = self.swarms.announce_if(now.monotonic, hint, applied, peers, &mut newcomers);
        // An early announce costs its source as much as two requests. Above its limit it is told no peers.
        let is_limited = announced.change == PeerChange::Early
            && newcomers.take(Class::Requests, &announce.peer) == SourceVerdict::OverLimit;
        if is_limited {
            announced.peers = 0;
        }
        if let Some(client) = *client {
            self.count_client(CountedClient::new(client, A::SWARM_FAMILY), announce.event, announced.change);
        }
        match announced.change {
            PeerChange::NotServed => drop(self.access.torrent(&announce.info_hash)?),
            PeerChange::Refused(bound) => self.statistics.add(counter_of(bound), 1),
            PeerChange::Early => self.statistics.add(Counter::AnnouncesEarly, 1),
            _ => {}
        }
        if announced.completion == Completion::Counted {
            self.access.count_completed(&announce.info_hash);
            download.into_iter().for_each(|download| self.access.note_completed(now.monotonic, download));
        }
        if let Some(report) = report {
            self.note_report(now, announce, announced.change, report);
        }
        let Announced { counts, peers: own, change, .. } = announced;
        let (interval_s, min_interval_s) = self.draw_interval_s(counts, change);
        let mut answered = Answered { counts, peers: own, change, interval_s, min_interval_s };
        if let (Some(report), Some(address)) = (report, announce.peer.address()) {
            let local = LocalAnnounce {
                info_hash: &announce.info_hash,
                address,
                details: &report.details,
                change,
                completion: announced.completion,
            };
            let peers_max = if is_limited { 0 } else { applied.peers_wanted };
            let bytes_max = peers_max.saturating_mul(A::BYTES).min(peers.len());
            self.forward(now, &local, &mut answered, &mut peers[..bytes_max]);
        }
        Ok(answered)
    }

    /// Returns the seconds until a client of a swarm with these counts should announce again, and those before which it
    /// should not. A peer that its source had no token for comes again soon: a client with thousands of torrents is listed
    /// within minutes.
    fn draw_interval_s(&mut self, counts: SwarmCounts, change: PeerChange) -> (u32, u32) {
        let peers = u64::from(counts.seeders) + u64::from(counts.leechers);
        let interval_s = self.policy.jittered_s(self.policy.interval_s(self.load, peers), &mut self.rng);
        let mut interval_s = interval_s.max(self.swarm_settings.interval_s_min);
        if let PeerChange::Refused(Bound::SourceTorrents | Bound::SourcePeers) = change {
            interval_s = interval_s.min(first_interval_s(self.swarm_settings.interval_s_min, &mut self.rng));
        }
        (interval_s, (interval_s / 2).max(self.swarm_settings.interval_s_min))
    }

    /// Counts the software of a peer that has begun or goes on. The same peer also announces that it is complete.
    fn count_client(&mut self, client: CountedClient, event: AnnounceEvent, change: PeerChange) {
        if let (
            AnnounceEvent::None | AnnounceEvent::Started,
            PeerChange::Added | PeerChange::Refreshed,
            Some(counts),
        ) = (event, change, &mut self.clients)
        {
            counts.count(client);
        }
    }

    /// Takes note of an announce of a local peer for the forwarder, and adds what upstream trackers returned.
    fn forward(&mut self, now: Now, announce: &LocalAnnounce<'_>, answered: &mut Answered, peers: &mut [u8]) {
        let Some(forwarding) = &mut self.forwarding else { return };
        match forwarding.note(now.monotonic, &self.swarms, announce) {
            Noted::Nothing => {}
            Noted::Asked => {
                let first_s = first_interval_s(self.swarm_settings.interval_s_min, &mut self.rng);
                answered.interval_s = answered.interval_s.min(first_s);
                answered.min_interval_s = answered.min_interval_s.min(answered.interval_s);
            }
            Noted::External(external) => {
                answered.counts = external.combined(answered.counts);
                if announce.details.event != AnnounceEvent::Stopped {
                    let mut room = Room { peers, own: answered.peers, client: announce.address };
                    let port = announce.address.socket_address().port();
                    let mut repeated = fastrand::Rng::with_seed(port.into());
                    let is_early = answered.change == PeerChange::Early;
                    let rng = if is_early { &mut repeated } else { &mut self.rng };
                    answered.peers += external.fill(now.monotonic, rng, &mut room);
                }
            }
        }
    }

    /// Returns the announce without its event if the event must have no effect: a `completed` that was counted over
    /// another family, or a `stopped` of another client than the one listed at the address, which had the address earlier
    /// or shares it through a NAT router.
    fn without_effect<A: PeerOfSwarm>(
        &mut self,
        now: Now,
        announce: &Announce<A>,
        report: Option<&PeerReport>,
        download: Option<&CompletedDownload>,
    ) -> Option<Announce<A>> {
        let Announce { info_hash, peer, event, .. } = *announce;
        let report = report?;
        if download
            .is_some_and(|download| self.access.was_counted_over_another_family(now.monotonic, download))
        {
            return Some(Announce { event: AnnounceEvent::None, ..*announce });
        }
        let is_of_another = |address| self.access.is_of_another(&info_hash, address, &report.details.peer_id);
        let is_stop_of_another = event == AnnounceEvent::Stopped && peer.address().is_some_and(is_of_another);
        is_stop_of_another.then_some(Announce {
            event: AnnounceEvent::None,
            listing: Listing::Unlisted,
            peers_wanted: 0,
            ..*announce
        })
    }

    /// Updates the session and the details of a client.
    fn note_report<A: PeerOfSwarm>(
        &mut self,
        now: Now,
        announce: &Announce<A>,
        change: PeerChange,
        PeerReport { key, details }: &PeerReport,
    ) {
        let info_hash = announce.info_hash;
        // A stop over an older connection than the one that holds the peer does not end its session.
        let is_of_newer = A::SWARM_FAMILY == SwarmFamily::WebRtc
            && announce.event == AnnounceEvent::Stopped
            && change != PeerChange::Removed;
        if let Some(key) = *key {
            let report = SessionReport {
                info_hash,
                key,
                peer_id: details.peer_id,
                uploaded: details.uploaded,
                downloaded: details.downloaded,
                status: announce.status,
                event: if is_of_newer { AnnounceEvent::None } else { announce.event },
            };
            self.access.note_session(now.monotonic, &report);
        }
        let Some(address) = announce.peer.address() else { return };
        match change {
            // A client that has restarted within the minimum interval has another peer id, which its stop will have too.
            PeerChange::Early if details.event != AnnounceEvent::Started => {}
            PeerChange::Added | PeerChange::Refreshed | PeerChange::Early => {
                self.access.note_details(now.monotonic, &info_hash, address, details);
            }
            PeerChange::Removed => self.access.forget_details(&info_hash, address),
            PeerChange::NotListed | PeerChange::Refused(_) | PeerChange::NotServed => {}
        }
    }
}

/// Draws the seconds after which a client is to announce again that received less than there will be.
fn first_interval_s(interval_s_min: u32, rng: &mut fastrand::Rng) -> u32 {
    FIRST_INTERVAL_S.max(interval_s_min) + rng.u32(0..=FIRST_INTERVAL_JITTER_S)
}

/// Returns the download that the announce reports as completed.
fn completed_download<A: PeerOfSwarm>(
    announce: &Announce<A>,
    report: Option<&PeerReport>,
) -> Option<CompletedDownload> {
    let report = report.filter(|_| announce.event == AnnounceEvent::Completed)?;
    let (info_hash, peer_id) = (announce.info_hash, report.details.peer_id);
    Some(CompletedDownload { info_hash, peer_id, family: A::SWARM_FAMILY })
}

const fn counter_of(bound: Bound) -> Counter {
    match bound {
        Bound::Swarms => Counter::PeersRefusedSwarms,
        Bound::Peers => Counter::PeersRefusedPeers,
        Bound::SwarmPeers => Counter::PeersRefusedSwarmPeers,
        Bound::Memory => Counter::PeersRefusedMemory,
        Bound::Host => Counter::PeersRefusedHost,
        Bound::SourceTorrents => Counter::PeersRefusedSourceTorrents,
        Bound::SourcePeers => Counter::PeersRefusedSourcePeers,
    }
}
