//! What the control plane does.

use super::actions::Simulation;
use access::{AccessUpdate, DetailsKept, KeyGrant, TorrentAdmission, UserAdmission};
use core_link::{CoreCommand, CoreSettings, CoreTask, Reply};
use engine::ForwardingBounds;
use primitives::{
    AuthenticationKey, CompactIpv4, ExternalCounts, ExternalPeers, FirstTorrents, InfoHash, InfoHashPrefix,
    KeyId, TorrentOrder,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// The key of all clients.
const KEY: &str = "0123456789ABCDEFghijklmnopqrstuv";

/// Returns the path of the announce URL of all clients.
pub(crate) fn announce_path() -> String {
    format!("/announce/{KEY}")
}

/// Returns the updates that all cores get before they serve, with these counts of completed events.
pub(crate) fn stored(completed: &BTreeMap<InfoHash, u64>) -> [AccessUpdate; 3] {
    let key = AuthenticationKey::parse(KEY.as_bytes()).expect("a sound key");
    let grant = KeyGrant { key, id: KeyId(1), valid_until_unix_s: None };
    let counts = completed.iter().map(|(&torrent, &count)| (torrent, count)).collect();
    [
        AccessUpdate::PutKeys([grant].into()),
        AccessUpdate::RememberCompleted(counts),
        AccessUpdate::EndCompleted,
    ]
}

impl Simulation {
    pub(crate) fn submit(&mut self, core: usize) {
        let replied = Arc::clone(&self.replied);
        let done = move || _ = replied.fetch_add(1, Ordering::Relaxed);
        let task = match self.random.u8(0..8) {
            0 => CoreTask::Drop(self.any_torrent(), Reply::new(move |_| done())),
            1 => CoreTask::Count(InfoHashPrefix::default(), Reply::new(move |_| done())),
            2 => {
                let (order, from) = (TorrentOrder::InfoHash, InfoHash([0; 20]));
                CoreTask::First(FirstTorrents { order, from, torrents_max: 5 }, Reply::new(move |_| done()))
            }
            3 => CoreTask::Peers(self.any_torrent(), 3, Reply::new(move |_| done())),
            4 => CoreTask::Representative(self.any_torrent(), Reply::new(move |_| done())),
            5 => {
                done();
                CoreTask::UseExternal(Box::new(self.external_peers()))
            }
            6 => CoreTask::Update(AccessUpdate::DropUnserved, Reply::new(move |()| done())),
            _ => CoreTask::Update(AccessUpdate::EndCompleted, Reply::new(move |()| done())),
        };
        self.tracker.submit(core, task);
        self.submitted += 1;
        self.run_for_ms(2);
    }

    /// Draws settings that refuse nobody and shorten no life.
    pub(crate) fn vary_settings(&mut self) {
        let (random, settings) = (&mut self.random, &mut self.settings);
        let engine = &mut settings.engine;
        engine.announce.interval_s = random.u32(200..3600);
        engine.announce.interval_s_max = engine.announce.interval_s + random.u32(0..600);
        engine.path_mtu_bytes = random.u16(1280..1500);
        engine.access.details = [DetailsKept::Kept, DetailsKept::Dropped][random.usize(0..2)];
        engine.access_bounds.details.peers_max = random.usize(1..100);
        if let Some(forwarding) = &mut engine.forwarding {
            *forwarding =
                ForwardingBounds { torrents_max: random.usize(1..12), peers_max: random.usize(0..20) };
        }
        settings.coalesce = Duration::from_micros(random.u64(0..500));
    }

    /// Replaces the settings of all cores by random ones, one core after another, under whatever is underway.
    pub(crate) fn replace_settings(&mut self) {
        self.vary_settings();
        let (random, engine) = (&mut self.random, &mut self.settings.engine);
        engine.announce.numwant_max = random.u16(1..=200);
        engine.announce.numwant_default = random.u16(0..=engine.announce.numwant_max);
        engine.connection_id_lifetime_s = random.u32(1..1000);
        engine.swarms.peer_lifetime_s = random.u32(1..=32_000);
        engine.swarms.limits.peers_max = random.u64(1..2000);
        engine.swarms.limits.swarm_peers_max = random.u32(1..200);
        engine.access.users = [UserAdmission::Public, UserAdmission::Private][random.usize(0..2)];
        engine.access.torrents = [TorrentAdmission::Any, TorrentAdmission::Listed][random.usize(0..2)];
        self.peers.use_lifetime(self.settings.engine.swarms.peer_lifetime_s);
        self.use_settings();
    }

    /// Gives the settings to all cores, one after another, under whatever is underway.
    pub(crate) fn use_settings(&mut self) {
        let shards = self.settings.engine.shards;
        for core in 0..self.tracker.cores() {
            let shard = shards.shards().nth(core % usize::from(shards.get())).expect("a shard of each core");
            let replied = Arc::clone(&self.replied);
            let reply = Reply::new(move |()| _ = replied.fetch_add(1, Ordering::Relaxed));
            let sources = self.sources.clone();
            let settings = Box::new(CoreSettings { sources, ..self.settings.of_core(shard) });
            self.tracker.command(core, CoreCommand::UseSettings(settings, reply));
            self.submitted += 1;
            let pause_ms = self.random.u64(1..150);
            self.run_for_ms(pause_ms);
        }
    }

    fn external_peers(&mut self) -> ExternalPeers {
        let addresses =
            (0..self.random.u16(0..20)).map(|port| CompactIpv4::new([203, 0, 113, 1].into(), port));
        let addresses: Vec<_> = addresses.collect();
        let info_hash = self.any_torrent();
        addresses.iter().for_each(|&address| self.peers.note_sent(info_hash, address.socket_address()));
        ExternalPeers {
            info_hash,
            upstream: 1,
            v4: addresses,
            v6: Vec::new(),
            counts: ExternalCounts { seeders: self.random.u32(..), leechers: self.random.u32(..) },
            expires: self.tracker.now().monotonic.after(self.random.u32(0..10)),
            counts_expire: self.tracker.now().monotonic.after(self.random.u32(0..10)),
        }
    }
}
