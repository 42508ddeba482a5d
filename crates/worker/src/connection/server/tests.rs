use super::super::limits::TURN;
use super::super::prefixes::PrefixLengths;
use super::*;
use crate::turn::Turn;
use access::{AccessBounds, AccessPolicy, AccountBounds, DetailsBounds, TorrentTableBounds};
use engine::{AnnouncePolicy, ConnectionIdKey, EngineSettings, InvalidConnectionId, Secrets};
use primitives::{Second, ShardCount, SteeringKey, TableSeed};
use std::io::{Read, Write};
use std::net::Ipv4Addr;
use std::os::unix::net::UnixStream;
use swarm::{Seeds, SwarmLimits, SwarmSettings};

const START: Second = Second(1000);
const FIRST_REQUEST_S: u32 = 10;
const IDLE_S: u32 = 60;
const ANSWER_S: u32 = 20;

const REQUEST: &[u8] = b"GET /health_check HTTP/1.1\r\nHost: a\r\n\r\n";

fn shard() -> Shard {
    let limits = SwarmLimits { swarms_max: 1, peers_max: 1, swarm_peers_max: 1, bytes_max: 1 << 20 };
    let settings = EngineSettings {
        shards: ShardCount::ONE,
        shard: ShardId::FIRST,
        announce: AnnouncePolicy {
            interval_s: 1800,
            interval_jitter_s: 0,
            numwant_default: 50,
            numwant_max: 200,
        },
        path_mtu_bytes: 1280,
        connection_id_lifetime_s: 120,
        invalid_connection_id: InvalidConnectionId::Error,
        swarms: SwarmSettings { limits, peer_lifetime_s: 2700 },
        access: AccessPolicy::PUBLIC,
        access_bounds: AccessBounds {
            torrent_table: TorrentTableBounds { entries_max: 1, counted_max: 1 },
            keys_max: 1,
            accounts: AccountBounds { sessions_max: 1, changed_max: 1, lifetime_s: 2700 },
            details: DetailsBounds { peers_max: 1, lifetime_s: 2700 },
        },
    };
    let secrets = Secrets {
        connection_ids: ConnectionIdKey([7; 16]),
        steering: SteeringKey::from_random(&[7; SteeringKey::RANDOM_BYTES]),
        swarms: Seeds { tables: TableSeed([7; 16]), choice: 7 },
        access: TableSeed([7; 16]),
        intervals: 7,
    };
    Shard::new(&settings, &secrets)
}

fn http_server() -> HttpServer {
    let limits = HttpLimits {
        connections_max: 10,
        connections_per_prefix_max: 10,
        prefixes: PrefixLengths { ipv4_bits: 32, ipv6_bits: 64 },
        first_request_s: FIRST_REQUEST_S,
        request_s: 10,
        idle_s: IDLE_S,
        answer_s: ANSWER_S,
    };
    let policy = HttpPolicy { requests_per_connection_max: u32::MAX, ..HttpPolicy::default() };
    let setup = HttpSetup { listeners: Vec::new(), policy, limits, identity: None };
    HttpServer::new(ShardId::FIRST, setup).unwrap()
}

/// A core with one connection.
struct Scene {
    http_server: HttpServer,
    shard: Shard,
    mesh: MeshSenders,
    client: UnixStream,
}

impl Scene {
    fn new() -> Self {
        let (client, socket) = UnixStream::pair().unwrap();
        socket.set_nonblocking(true).unwrap();
        let mut scene = Self {
            http_server: http_server(),
            shard: shard(),
            mesh: MeshSenders::new(ShardId::FIRST, 0),
            client,
        };
        let http = HttpConnection::new(&scene.http_server.service, Ipv4Addr::LOCALHOST.into(), None).unwrap();
        scene.with_context(0, |http_server, core| {
            let deadline = http_server.first_deadline(core);
            let watch = Watch::NotYet;
            http_server.admit(
                Connection { socket: socket.into(), http, prefix: None, watch, is_queued: false, deadline },
                core,
            );
        });
        scene.turn(0);
        scene
    }

    fn with_context<T>(
        &mut self,
        seconds: u32,
        act: impl FnOnce(&mut HttpServer, &mut CoreContext<'_>) -> T,
    ) -> T {
        let now = Now { monotonic: START.after(seconds), unix_s: 0 };
        // A turn ends after one share.
        let mut core =
            CoreContext { shard: &mut self.shard, mesh: &self.mesh, now, instant: Instant::now() - TURN };
        act(&mut self.http_server, &mut core)
    }

    fn turn(&mut self, seconds: u32) {
        let turn = self.with_context(seconds, HttpServer::take_turn);
        assert!(matches!(turn, Turn::Busy));
    }

    /// The client sends as much as there is room for and reads nothing, until the tracker has no room either.
    fn clog(&mut self, seconds: u32) {
        self.client.set_nonblocking(true).unwrap();
        loop {
            let sent = self.client.write(REQUEST);
            let turn = self.with_context(seconds, HttpServer::take_turn);
            if sent.is_err() && matches!(turn, Turn::Idle) {
                break;
            }
        }
        let (_, connection) = self.http_server.slots.at(0).unwrap();
        assert_eq!(connection.deadline.waits_for, WaitsFor::AnswerTaken);
    }

    /// Checks the connection's deadline and returns whether it is still open.
    fn is_kept(&mut self, seconds: u32) -> bool {
        self.with_context(seconds, |http_server, core| http_server.sweep(core.now, core.shard));
        self.http_server.slots.len() == 1
    }
}

#[test]
fn a_connection_with_more_requests_than_one_turn_serves_is_not_late() {
    let mut scene = Scene::new();
    scene.client.write_all(&REQUEST.repeat(100)).unwrap();
    scene.turn(FIRST_REQUEST_S);
    assert!(!scene.http_server.ready.is_empty(), "more is to be served");
    assert!(scene.is_kept(FIRST_REQUEST_S + 1));
    while !scene.http_server.ready.is_empty() {
        scene.turn(FIRST_REQUEST_S + 1);
    }
    assert!(scene.is_kept(FIRST_REQUEST_S + 1 + IDLE_S));
    assert!(!scene.is_kept(FIRST_REQUEST_S + 2 + IDLE_S));
}

#[test]
fn a_connection_without_a_request_is_late_after_the_time_for_its_first_request() {
    let mut scene = Scene::new();
    assert!(scene.is_kept(FIRST_REQUEST_S));
    assert!(!scene.is_kept(FIRST_REQUEST_S + 1));
    assert_eq!(scene.shard.statistics().counter(Counter::HttpClosedFirstRequest), 1);
}

#[test]
fn a_client_that_receives_its_answers_is_not_late_however_many_follow() {
    let mut scene = Scene::new();
    scene.clog(0);
    let taken = scene.client.read(&mut vec![0; 1 << 20]).unwrap();
    assert!(taken > 10_000, "many answers: {taken}");
    scene.clog(ANSWER_S);
    assert!(scene.is_kept(ANSWER_S + 1));
    assert!(scene.is_kept(2 * ANSWER_S));
    assert!(!scene.is_kept(2 * ANSWER_S + 1));
    assert_eq!(scene.shard.statistics().counter(Counter::HttpClosedSlowAnswer), 1);
}

#[test]
fn a_connection_that_waits_for_an_owner_continues_when_there_is_room_or_after_two_seconds() {
    let mut scene = Scene::new();
    let wait = |scene: &mut Scene, seconds: u32| {
        scene.with_context(seconds, |http_server, core| {
            let (key, _) = http_server.slots.at(0).unwrap();
            http_server.wait_for_owner(key, ShardId::FIRST, core);
        });
        assert!(scene.http_server.ready.is_empty());
    };
    wait(&mut scene, 0);
    scene.http_server.ready.owner_has_room(ShardId::FIRST);
    scene.turn(0);
    wait(&mut scene, 0);
    assert!(scene.is_kept(2));
    assert!(scene.http_server.ready.is_empty(), "it still waits");
    assert!(scene.is_kept(3), "it is not closed");
    scene.turn(3);
    // However often it has continued in vain.
    wait(&mut scene, 10);
    wait(&mut scene, 12);
    assert!(scene.is_kept(13));
    scene.turn(13);
}
