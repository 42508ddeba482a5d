//! A tracker with swarms of every size, and the recurring requests of its clients.

use access::{
    AccessPolicy, AccessUpdate, CompletedCounts, DetailsKept, KeyGrant, TorrentAdmission, UserAdmission,
};
use engine::ForwardingBounds;
use guard::SourceLimits;
use primitives::{
    AnnounceEvent, AuthenticationKey, CompactIpv4, ExternalCounts, ExternalPeers, InfoHash, KeyId,
    ListChange, ListSource, PeerId, TorrentList,
};
use ringtrack_tests::client::{Client, TRANSACTION, url_data};
use ringtrack_tests::simulator::{Arrival, Datagram, HttpContext, Simulator, SimulatorSettings};
use udp_protocol::{ConnectRequest, ConnectionId};
use zerocopy::IntoBytes;

/// Sizes of swarms: in the slab entry, in a block, with an index, and on both sides of each threshold.
const SWARM_PEERS: [u16; 9] = [1, 2, 3, 40, 1000, 4095, 4096, 4097, 6000];

const SHARDS: usize = 4;

/// One source in each family; its peers differ by their ports.
const SOURCES: [&str; 2] = ["192.0.2.1:6881", "[2001:db8::1]:6881"];

/// Datagrams served at once: few enough for the rings.
const PORTION: usize = 512;

/// Users of a private tracker. Each has a key.
const USERS: u32 = 8;

/// Requires a key and a listed torrent, and keeps everything. Torrents are forwarded.
const STRICT: AccessPolicy = AccessPolicy {
    users: UserAdmission::Private,
    torrents: TorrentAdmission::Listed,
    completed: CompletedCounts::Remembered,
    details: DetailsKept::Kept,
};

/// A tracker and its clients.
pub(crate) struct Traffic {
    pub(crate) tracker: Simulator,
    clients: Vec<Client>,
}

/// Whether peers remain seeders or leechers.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Sides {
    /// One in four is a seeder.
    Kept,
    /// Seeders become leechers, and leechers seeders.
    Changed,
}

fn torrents() -> Vec<InfoHash> {
    (0_u8..).zip(SWARM_PEERS).map(|(swarm, _)| InfoHash([swarm; 20])).collect()
}

/// The key of a user, known to the tracker or not.
fn key(user: u32) -> AuthenticationKey {
    AuthenticationKey::parse(format!("{user:032}").as_bytes()).expect("32 digits")
}

impl Traffic {
    /// A public tracker that knows all peers and has served some of each kind of request.
    pub(crate) fn warmed_up() -> Self {
        let mut traffic = Self::new(AccessPolicy::PUBLIC);
        for arrival in [Arrival::Steered, Arrival::At(0), Arrival::At(1), Arrival::At(2), Arrival::At(3)] {
            traffic.serve(&traffic.announces(arrival, Sides::Kept));
            traffic.serve(&traffic.scrapes(arrival));
        }
        traffic
    }

    /// A private and listed tracker that knows all users, torrents and peers, external ones too, and has reported its events.
    pub(crate) fn warmed_up_for_users() -> Self {
        let mut traffic = Self::new(STRICT);
        let listed = torrents().into();
        let source = ListSource::Api;
        traffic.tracker.update(&AccessUpdate::ChangeList(
            ListChange::Add,
            TorrentList::Allowed,
            source,
            listed,
        ));
        let grant = |user| KeyGrant { key: key(user), id: KeyId(user), valid_until_unix_s: None };
        traffic.tracker.update(&AccessUpdate::PutKeys((0..USERS).map(grant).collect()));
        for uploaded in 0..2 {
            // In the first round no torrent has a peer yet.
            for core in 0..SHARDS {
                torrents().into_iter().for_each(|torrent| traffic.use_external(core, torrent));
            }
            traffic.serve(&traffic.announces_of_users(Arrival::Steered, uploaded));
            traffic.serve(&traffic.announces_of_users(Arrival::At(0), uploaded));
            traffic.tracker.take_events();
        }
        traffic
    }

    fn new(policy: AccessPolicy) -> Self {
        let mut settings = SimulatorSettings::with_shards(SHARDS).with_access(policy);
        settings.engine.forwarding =
            (policy == STRICT).then_some(ForwardingBounds { torrents_max: 100, peers_max: 10_000 });
        let mut tracker = Simulator::new(&settings);
        // Limits that are looked up, and not reached.
        let per_s = [1_000_000; 5];
        tracker.limit_sources(&SourceLimits { per_s, burst_s: 3600, ..SourceLimits::none() });
        let clients = SOURCES.map(|source| Client::connected(&mut tracker, source)).to_vec();
        Self { tracker, clients }
    }

    /// Passes external peers to a core, which ignores them if the torrent has another owner.
    fn use_external(&mut self, core: usize, info_hash: InfoHash) {
        let peers = ExternalPeers {
            info_hash,
            upstream: 1,
            v4: (1..=200).map(|port| CompactIpv4::new([203, 0, 113, 1].into(), port)).collect(),
            v6: Vec::new(),
            counts: ExternalCounts::default(),
            expires: self.tracker.now().monotonic.after(7200),
            counts_expire: self.tracker.now().monotonic.after(7200),
        };
        let HttpContext { shard, now, .. } = self.tracker.context(core);
        shard.use_external(now, &peers);
    }

    /// Serves the datagrams and returns the number of replies.
    pub(crate) fn serve(&mut self, datagrams: &[Datagram]) -> usize {
        let mut replies = 0;
        for portion in datagrams.chunks(PORTION) {
            self.tracker.serve(portion, |_, _, _| replies += 1);
        }
        replies
    }

    pub(crate) fn connects(&self) -> Vec<Datagram> {
        let connect = ConnectRequest::new(TRANSACTION);
        let datagram = |client: &Client| Datagram::steered(client.source, connect.as_bytes());
        self.clients.iter().map(datagram).collect()
    }

    /// One announce of each peer of all swarms.
    pub(crate) fn announces(&self, arrival: Arrival, sides: Sides) -> Vec<Datagram> {
        let mut datagrams = Vec::new();
        for (client, (torrent, peers)) in self.clients_and_swarms() {
            for port in 1..=peers {
                let is_seeder = (port % 4 == 0) == matches!(sides, Sides::Kept);
                let request = client.seeding(torrent).with_port(port).with_left(u64::from(!is_seeder));
                let numwant = [-1, 0, 200, 30][usize::from(port) % 4];
                let bytes = request.with_numwant(numwant).as_bytes().to_vec();
                datagrams.push(Datagram { source: client.source, bytes, arrival });
            }
        }
        datagrams
    }

    /// One announce of each peer of all swarms, each with the key of a user. Some stop, start again and complete.
    pub(crate) fn announces_of_users(&self, arrival: Arrival, uploaded: u64) -> Vec<Datagram> {
        let mut datagrams = Vec::new();
        for (client, (torrent, peers)) in self.clients_and_swarms() {
            for port in 1..=peers {
                let url = url_data(&[b"/announce/", key(u32::from(port) % USERS).reveal().as_bytes()]);
                let ways: &[(u64, AnnounceEvent)] = match port % 5 {
                    0 => &[
                        (0, AnnounceEvent::Stopped),
                        (1, AnnounceEvent::Started),
                        (0, AnnounceEvent::Completed),
                    ],
                    _ => &[(0, AnnounceEvent::None)],
                };
                for &(left, event) in ways {
                    let mut request =
                        client.seeding(torrent).with_port(port).with_event(event).with_left(left);
                    request.peer_id = PeerId([b'a' + (port % 26) as u8; PeerId::BYTES]);
                    request.uploaded = uploaded.into();
                    let bytes = [request.as_bytes(), &url].concat();
                    datagrams.push(Datagram { source: client.source, bytes, arrival });
                }
            }
        }
        datagrams
    }

    /// Requests that a private, listed tracker refuses: without or with a wrong key, of an unlisted torrent, scrapes.
    pub(crate) fn refused(&self, arrival: Arrival) -> Vec<Datagram> {
        let mut datagrams = Vec::new();
        let unlisted = InfoHash([0xee; 20]);
        for (client, (torrent, _)) in self.clients_and_swarms() {
            for (torrent, user) in [(torrent, Some(USERS)), (torrent, None), (unlisted, Some(1))] {
                let url = user
                    .map(|user| url_data(&[b"/announce/", key(user).reveal().as_bytes()]))
                    .unwrap_or_default();
                let bytes = [client.leeching(torrent).as_bytes(), &url].concat();
                datagrams.push(Datagram { source: client.source, bytes, arrival });
            }
            let bytes = client.scraping(&[torrent]);
            datagrams.push(Datagram { source: client.source, bytes, arrival });
        }
        datagrams
    }

    /// Scrapes of one torrent, thus of one shard, and of all torrents and shards.
    pub(crate) fn scrapes(&self, arrival: Arrival) -> Vec<Datagram> {
        let mut datagrams = Vec::new();
        for (client, (torrent, _)) in self.clients_and_swarms() {
            for torrents in [&[torrent][..], &torrents()] {
                let bytes = client.scraping(torrents);
                datagrams.push(Datagram { source: client.source, bytes, arrival });
            }
        }
        datagrams
    }

    /// Requests with a connection id that was never issued.
    pub(crate) fn unproved(&self) -> Vec<Datagram> {
        let mut datagrams = Vec::new();
        for client in &self.clients {
            let stranger = Client { connection_id: ConnectionId([1; 8]), ..*client };
            let [torrent, ..] = torrents()[..] else { continue };
            datagrams.push(Datagram::steered(client.source, stranger.leeching(torrent).as_bytes()));
            datagrams.push(Datagram::steered(client.source, &stranger.scraping(&torrents())));
        }
        datagrams
    }

    /// Datagrams that are dropped: too short, with an unknown action, or from port 0.
    pub(crate) fn junk(&self) -> Vec<Datagram> {
        let mut datagrams = Vec::new();
        for client in &self.clients {
            let mut nowhere = client.source;
            nowhere.set_port(0);
            datagrams.push(Datagram::steered(client.source, b"short"));
            datagrams.push(Datagram::steered(client.source, &[0xff; 98]));
            datagrams.push(Datagram::steered(nowhere, ConnectRequest::new(TRANSACTION).as_bytes()));
        }
        datagrams
    }

    fn clients_and_swarms(&self) -> impl Iterator<Item = (Client, (InfoHash, u16))> {
        let swarms = move || torrents().into_iter().zip(SWARM_PEERS);
        self.clients.iter().flat_map(move |client| swarms().map(|swarm| (*client, swarm)))
    }
}
