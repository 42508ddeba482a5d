use super::external::ExternalSwarm;
use crate::limits::{
    FIRST_INTERVAL_S, FORWARDED_SWEEP_EVERY, FORWARDER_PEERS_MAX, REPRESENTATIVES_VISITED_MAX,
    SWARM_CHANGES_MAX,
};
use crate::settings::ForwardingBounds;
use access::PartedMap;
use metrics::{Counter, Gauge, Statistics};
use primitives::{
    CompactIpv4, CompactIpv6, ExternalPeers, InfoHash, PeerAddress, PeerDetails, PeerStatus, Representative,
    Second, SwarmChange, TableSeed,
};
use std::collections::VecDeque;
use swarm::{AddressOfSwarm, Completion, PeerChange, SwarmCounts, Swarms};

/// The torrents of a shard that are announced to upstream trackers, and the peers that these returned.
#[derive(Debug)]
pub(crate) struct Forwarding {
    bounds: ForwardingBounds,
    /// Seconds for which a local peer is kept without an announce.
    peer_lifetime_s: u32,
    torrents: PartedMap<InfoHash, ForwardedTorrent>,
    /// Changes that are not reported yet.
    changes: VecDeque<SwarmChange>,
    external_peers: usize,
    /// Torrents with external peers or counts.
    external_torrents: usize,
    /// Calls of [`Self::sweep`].
    sweeps: u32,
    rejected: Rejected,
}

/// What was rejected because a limit was reached.
#[derive(Debug, Clone, Copy, Default)]
struct Rejected {
    torrents: u64,
    external_peers: u64,
}

#[derive(Debug)]
struct ForwardedTorrent {
    presence: Presence,
    /// The peers that other forwarders announced, which are not local: at most [`FORWARDER_PEERS_MAX`].
    forwarder_peers: Vec<ForwarderPeer>,
    /// `None` once its peer has stopped, until another peer announces.
    representative: Option<Chosen>,
    external: Option<Box<ExternalSwarm>>,
}

/// What the forwarder knows of a torrent's local peers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Presence {
    /// A change to [`SwarmChange::Started`] was reported last, at this time.
    Present { started: Second },
    /// Nothing, or a change to [`SwarmChange::Stopped`].
    Absent,
}

/// The representative of another tracker's peers.
#[derive(Debug)]
struct ForwarderPeer {
    address: PeerAddress,
    heard: Second,
}

/// A representative as it announced last.
#[derive(Debug)]
struct Chosen {
    address: PeerAddress,
    heard: Second,
    figures: Representative,
}

/// An announce of a local peer, once it is applied.
#[derive(Debug, Clone, Copy)]
pub(super) struct LocalAnnounce<'a> {
    pub(super) info_hash: &'a InfoHash,
    pub(super) address: PeerAddress,
    pub(super) details: &'a PeerDetails,
    pub(super) change: PeerChange,
    pub(super) completion: Completion,
}

/// What is known of a torrent after an announce.
#[derive(Debug)]
pub(super) enum Noted<'a> {
    /// It is not forwarded, or no upstream tracker has answered yet.
    Nothing,
    /// Upstream trackers are asked at this moment.
    Asked,
    External(&'a ExternalSwarm),
}

impl Forwarding {
    pub(crate) fn new(bounds: ForwardingBounds, peer_lifetime_s: u32, seed: TableSeed) -> Self {
        Self {
            bounds,
            peer_lifetime_s,
            torrents: PartedMap::new(seed),
            changes: VecDeque::with_capacity(SWARM_CHANGES_MAX),
            external_peers: 0,
            external_torrents: 0,
            sweeps: 0,
            rejected: Rejected::default(),
        }
    }

    pub(super) const fn use_settings(&mut self, bounds: ForwardingBounds, peer_lifetime_s: u32) {
        self.bounds = bounds;
        self.peer_lifetime_s = peer_lifetime_s;
    }

    /// Records the figures.
    pub(super) fn record(&self, statistics: &mut Statistics) {
        statistics.set(Gauge::ForwardedTorrents, self.torrents.len() as u64);
        statistics.set(Gauge::ExternalPeers, self.external_peers as u64);
        for (counter, now) in [
            (Counter::ForwardedTorrentsRefused, self.rejected.torrents),
            (Counter::ExternalPeersRefused, self.rejected.external_peers),
        ] {
            statistics.add(counter, now - statistics.counter(counter));
        }
    }

    /// Takes note of an announce: it may start the torrent, and its peer may become the representative.
    ///
    /// A regular announce of a known peer takes no look-up while no upstream tracker has answered: then there is nothing to
    /// return, and the representative's figures may be old.
    pub(super) fn note(&mut self, now: Second, swarms: &Swarms, announce: &LocalAnnounce<'_>) -> Noted<'_> {
        let is_regular = matches!(announce.change, PeerChange::Refreshed | PeerChange::Early)
            && announce.completion == Completion::NotCounted;
        let is_forwarder = announce.details.peer_id.is_forwarder();
        if is_regular && self.external_torrents == 0 && !is_forwarder {
            return Noted::Nothing;
        }
        let Self { torrents, changes, rejected, bounds, peer_lifetime_s, .. } = self;
        let is_listed = matches!(announce.change, PeerChange::Added | PeerChange::Refreshed);
        if let Some(torrent) = torrents.get_mut(announce.info_hash) {
            torrent.note(now, *peer_lifetime_s, announce, changes);
            if announce.change == PeerChange::Removed {
                let local = LocalPeers { now, swarms, lifetime_s: *peer_lifetime_s };
                torrent.update(now, announce.info_hash, local.has_some(announce.info_hash, torrent), changes);
            }
            if is_forwarder {
                return Noted::Nothing;
            }
            if torrent.external.is_none() {
                return if torrent.is_asked(now) { Noted::Asked } else { Noted::Nothing };
            }
            return self.external(announce.info_hash).map_or(Noted::Nothing, Noted::External);
        }
        if !is_listed {
            return Noted::Nothing;
        }
        if torrents.len() >= bounds.torrents_max {
            rejected.torrents += 1;
            return Noted::Nothing;
        }
        let mut torrent = ForwardedTorrent::ABSENT;
        torrent.note(now, *peer_lifetime_s, announce, changes);
        torrents.insert_new(*announce.info_hash, torrent);
        if is_forwarder { Noted::Nothing } else { Noted::Asked }
    }

    /// Takes note of a torrent whose first peers are imported. The sweep finds out whether it has local peers, and starts it.
    pub(super) fn note_imported(&mut self, info_hash: &InfoHash) {
        if self.torrents.get(info_hash).is_some() {
            return;
        }
        if self.torrents.len() < self.bounds.torrents_max {
            self.torrents.insert_new(*info_hash, ForwardedTorrent::ABSENT);
        } else {
            self.rejected.torrents += 1;
        }
    }

    /// Returns what upstream trackers returned for a torrent.
    pub(super) fn external(&self, info_hash: &InfoHash) -> Option<&ExternalSwarm> {
        self.torrents.get(info_hash)?.external.as_deref()
    }

    /// Takes the answer of an upstream tracker. It is of no use for a torrent that has no local peers any more.
    pub(crate) fn use_external(&mut self, now: Second, peers: &ExternalPeers) {
        let Some(torrent) = self.torrents.get_mut(&peers.info_hash) else { return };
        self.external_torrents += usize::from(torrent.external.is_none());
        let external = torrent.external.get_or_insert_default();
        let before = external.peers();
        let room = self.bounds.peers_max.saturating_sub(self.external_peers);
        self.rejected.external_peers += external.merge(now, peers, room) as u64;
        self.external_peers = self.external_peers + external.peers() - before;
    }

    /// Returns the representative of a torrent: the chosen one, or a random local peer, whose figures are not known.
    pub(crate) fn representative(
        &self,
        now: Second,
        swarms: &Swarms,
        rng: &mut fastrand::Rng,
        info_hash: &InfoHash,
    ) -> Option<Representative> {
        let torrent = self.torrents.get(info_hash)?;
        let local = LocalPeers { now, swarms, lifetime_s: self.peer_lifetime_s };
        if !local.has_some(info_hash, torrent) {
            return None;
        }
        if let Some(chosen) = torrent.representative.as_ref().filter(|chosen| local.is_fresh(chosen.heard)) {
            return Some(chosen.figures);
        }
        local.any(rng, info_hash, torrent)
    }

    /// Looks for torrents whose last local peer has expired, reports changes for which there was no room, starts torrents whose
    /// peers were imported, and removes what has expired, in a limited part of the torrents. Most calls do nothing, so that
    /// requests wait for few of them.
    pub(super) fn sweep(&mut self, now: Second, swarms: &Swarms, rng: &mut fastrand::Rng) {
        self.sweeps = self.sweeps.wrapping_add(1);
        if self.torrents.is_empty() || !self.sweeps.is_multiple_of(FORWARDED_SWEEP_EVERY) {
            return;
        }
        let local = LocalPeers { now, swarms, lifetime_s: self.peer_lifetime_s };
        let Self { changes, external_peers, external_torrents, .. } = self;
        self.torrents.sweep(1, |info_hash, torrent| {
            *external_peers -= torrent.external_peers();
            *external_torrents -=
                usize::from(torrent.external.take_if(|external| !external.expire(now)).is_some());
            *external_peers += torrent.external_peers();
            let is_local = local.has_some(info_hash, torrent);
            if is_local && torrent.is_unknown() {
                torrent.start(now, info_hash, local.any(rng, info_hash, torrent), changes);
            }
            torrent.update(now, info_hash, is_local, changes);
            torrent.forwarder_peers.retain(|peer| local.is_fresh(peer.heard));
            is_local || torrent.is_remembered()
        });
    }

    /// Takes the first of the changes that have not been reported yet.
    pub(crate) fn take_changes(&mut self, max: usize) -> Vec<SwarmChange> {
        self.changes.drain(..max.min(self.changes.len())).collect()
    }

    /// Takes back changes that could not be reported.
    pub(crate) fn return_changes(&mut self, changes: Vec<SwarmChange>) {
        changes.into_iter().rev().for_each(|change| self.changes.push_front(change));
    }
}

impl ForwardedTorrent {
    const ABSENT: Self = Self {
        presence: Presence::Absent,
        forwarder_peers: Vec::new(),
        representative: None,
        external: None,
    };

    fn note(
        &mut self,
        now: Second,
        lifetime_s: u32,
        announce: &LocalAnnounce<'_>,
        changes: &mut VecDeque<SwarmChange>,
    ) {
        // Whoever announces next at the address of a peer takes its place.
        self.forwarder_peers.retain(|peer| peer.address != announce.address);
        match announce.change {
            _ if announce.details.peer_id.is_forwarder() => self.note_forwarder(now, announce),
            PeerChange::Added | PeerChange::Refreshed => {
                self.choose(now, lifetime_s, announce);
                let was_present = self.is_present();
                self.update(now, announce.info_hash, true, changes);
                if announce.completion == Completion::Counted
                    && was_present
                    && changes.len() < SWARM_CHANGES_MAX
                {
                    changes.push_back(SwarmChange::Completed(*announce.info_hash, announce.figures()));
                }
            }
            PeerChange::Removed => {
                self.representative.take_if(|chosen| chosen.address == announce.address);
            }
            PeerChange::Early | PeerChange::NotListed | PeerChange::Refused(_) | PeerChange::NotServed => {}
        }
    }

    fn note_forwarder(&mut self, now: Second, announce: &LocalAnnounce<'_>) {
        if matches!(announce.change, PeerChange::Added | PeerChange::Refreshed | PeerChange::Early) {
            if self.forwarder_peers.len() == FORWARDER_PEERS_MAX {
                self.forwarder_peers.remove(0);
            }
            self.forwarder_peers.push(ForwarderPeer { address: announce.address, heard: now });
        }
    }

    const fn is_present(&self) -> bool {
        matches!(self.presence, Presence::Present { .. })
    }

    /// Returns whether it has not been reported, and no peer of it has announced.
    const fn is_unknown(&self) -> bool {
        !self.is_present() && self.representative.is_none()
    }

    /// Returns whether there is something to remember, even if there are no local peers.
    const fn is_remembered(&self) -> bool {
        self.is_present() || self.external.is_some() || !self.forwarder_peers.is_empty()
    }

    /// Returns whether upstream trackers are asked for the first time.
    fn is_asked(&self, now: Second) -> bool {
        matches!(self.presence, Presence::Present { started } if now < started.after(FIRST_INTERVAL_S))
    }

    /// Makes the peer the representative if there is none. It stays until it is gone, because upstream trackers list one peer
    /// for each port that is announced.
    fn choose(&mut self, now: Second, lifetime_s: u32, announce: &LocalAnnounce<'_>) {
        let is_of_other =
            |chosen: &Chosen| chosen.address != announce.address && now < chosen.heard.after(lifetime_s);
        if !self.representative.as_ref().is_some_and(is_of_other) {
            self.representative =
                Some(Chosen { address: announce.address, heard: now, figures: announce.figures() });
        }
    }

    /// Reports a change of whether there are local peers. If there is no room, the next sweep does it.
    fn update(
        &mut self,
        now: Second,
        info_hash: &InfoHash,
        is_local: bool,
        changes: &mut VecDeque<SwarmChange>,
    ) {
        if changes.len() >= SWARM_CHANGES_MAX {
            return;
        }
        match (self.presence, &self.representative) {
            (Presence::Absent, Some(chosen)) if is_local => {
                self.start(now, info_hash, Some(chosen.figures), changes);
            }
            (Presence::Present { .. }, _) if !is_local => {
                changes.push_back(SwarmChange::Stopped(*info_hash));
                (self.presence, self.representative) = (Presence::Absent, None);
            }
            _ => {}
        }
    }

    /// Reports that there are local peers, if there is a representative and room.
    fn start(
        &mut self,
        now: Second,
        info_hash: &InfoHash,
        figures: Option<Representative>,
        changes: &mut VecDeque<SwarmChange>,
    ) {
        if let Some(figures) = figures.filter(|_| changes.len() < SWARM_CHANGES_MAX) {
            changes.push_back(SwarmChange::Started(*info_hash, figures));
            self.presence = Presence::Present { started: now };
        }
    }

    fn external_peers(&self) -> usize {
        self.external.as_ref().map_or(0, |external| external.peers())
    }
}

/// The local peers of a shard at a moment.
#[derive(Clone, Copy)]
struct LocalPeers<'a> {
    now: Second,
    swarms: &'a Swarms,
    lifetime_s: u32,
}

impl LocalPeers<'_> {
    fn has_some(self, info_hash: &InfoHash, torrent: &ForwardedTorrent) -> bool {
        let not_local = torrent.forwarder_peers.iter().filter(|peer| self.is_fresh(peer.heard)).count();
        self.count::<CompactIpv4>(info_hash) + self.count::<CompactIpv6>(info_hash) > not_local
    }

    /// Returns whether a peer that announced then is kept.
    fn is_fresh(self, heard: Second) -> bool {
        self.now < heard.after(self.lifetime_s)
    }

    fn count<A: AddressOfSwarm>(self, info_hash: &InfoHash) -> usize {
        let SwarmCounts { seeders, leechers, .. } = self.swarms.scrape::<A>(info_hash);
        seeders as usize + leechers as usize
    }

    /// Returns a random local peer, of IPv4 if there is one.
    fn any(
        self,
        rng: &mut fastrand::Rng,
        info_hash: &InfoHash,
        torrent: &ForwardedTorrent,
    ) -> Option<Representative> {
        let v4 = self.random::<CompactIpv4>(rng, info_hash, torrent);
        v4.or_else(|| self.random::<CompactIpv6>(rng, info_hash, torrent))
    }

    /// Returns a random local peer of one family, among the first of its swarm.
    fn random<A: AddressOfSwarm>(
        self,
        rng: &mut fastrand::Rng,
        info_hash: &InfoHash,
        torrent: &ForwardedTorrent,
    ) -> Option<Representative> {
        let (mut chosen, mut local) = (None, 0);
        self.swarms.peers::<A>(self.now, info_hash, REPRESENTATIVES_VISITED_MAX, |address, status, _| {
            let (address, left): (PeerAddress, _) =
                (address.into(), u64::from(status == PeerStatus::Leecher));
            if torrent.forwarder_peers.iter().any(|peer| peer.address == address) {
                return;
            }
            local += 1;
            if rng.usize(0..local) == 0 {
                let port = address.socket_address().port();
                chosen = Some(Representative { port, uploaded: 0, downloaded: 0, left });
            }
        });
        chosen
    }
}

impl LocalAnnounce<'_> {
    fn figures(&self) -> Representative {
        let PeerDetails { uploaded, downloaded, left, .. } = *self.details;
        Representative { port: self.address.socket_address().port(), uploaded, downloaded, left }
    }
}
