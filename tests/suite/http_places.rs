//! Clients that take the places and the memory of HTTP connections for themselves.

use access::{AccessUpdate, BannedNetworks};
use guard::{Class, SourceLimits};
use metrics::{Counter, Gauge};
use primitives::{AddressRange, AddressRanges};
use ringtrack_tests::http_client::{HttpAnswer, request};
use ringtrack_tests::simulator::{Client, Simulator, SimulatorSettings, source_limit};
use ringtrack_tests::web_socket_client::handshake;
use std::net::Ipv4Addr;
use std::sync::Arc;

const HEALTH: &str = "/health_check";

/// Room for all answers of a test.
const ROOM: usize = 1 << 20;

/// The addresses of one attacker.
const ATTACKERS: u8 = 8;

const PLACES: usize = 512;

fn attacker(number: usize) -> Ipv4Addr {
    Ipv4Addr::new(192, 0, 2, number.to_le_bytes()[0] % ATTACKERS)
}

fn newcomer(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(198, 51, 100, number)
}

fn tracker(change: impl FnOnce(&mut SimulatorSettings)) -> Simulator {
    let mut settings = SimulatorSettings::default();
    settings.connections.connections_max = PLACES;
    change(&mut settings);
    Simulator::new(&settings)
}

fn connect(tracker: &mut Simulator, from: Ipv4Addr, room: usize, bytes: &[u8]) -> Client {
    let client = tracker.connect(0, Client::with_room(room).at(from.into()));
    client.send(bytes);
    tracker.run_until_idle();
    client
}

#[track_caller]
fn assert_served(tracker: &mut Simulator, client: &Client) {
    client.send(&request(HEALTH, ""));
    tracker.run_until_idle();
    assert_eq!(HttpAnswer::read(&client.read()).status, 200);
}

fn open(clients: &[Client]) -> usize {
    clients.iter().filter(|client| !client.is_closed()).count()
}

#[test]
fn an_attacker_with_eight_addresses_that_takes_all_places_keeps_out_no_newcomer() {
    let whole = request(HEALTH, "");
    for (holds, bytes, room) in [
        ("nothing", &b""[..], ROOM),
        ("half a request", &whole[..20], ROOM),
        ("an idle connection", &whole, ROOM),
        ("an answer that is not read", &whole, 0),
    ] {
        let mut tracker = tracker(|_| {});
        let held: Vec<Client> =
            (0..PLACES).map(|number| connect(&mut tracker, attacker(number), room, bytes)).collect();
        let newcomers: Vec<Client> =
            (0..64).map(|number| connect(&mut tracker, newcomer(number), ROOM, b"")).collect();
        newcomers.iter().for_each(|client| assert_served(&mut tracker, client));
        assert_eq!((open(&newcomers), open(&held)), (64, PLACES - 64), "{holds}");
        let statistics = tracker.statistics();
        assert_eq!(statistics.counter(Counter::HttpClosedForNewcomer), 64, "{holds}");
        assert_eq!(statistics.counter(Counter::HttpRefusedFull), 0, "{holds}");
        // The attacker gets its places back only from itself.
        for number in 0..PLACES {
            drop(connect(&mut tracker, attacker(number), room, bytes));
        }
        assert_eq!(open(&newcomers), 64, "{holds}");
    }
}

#[test]
fn the_longest_idle_connection_makes_room_and_none_in_the_middle_of_an_answer() {
    const CLIENTS: u8 = 16;
    let mut tracker = tracker(|settings| settings.connections.connections_max = CLIENTS.into());
    let mut clients = Vec::new();
    for number in 0..CLIENTS {
        let room = if number.is_multiple_of(2) { ROOM } else { 0 };
        clients.push(connect(&mut tracker, newcomer(number), room, &request(HEALTH, "")));
        tracker.run_for_ms(250);
    }
    let idle = (0..CLIENTS).filter(|number| number.is_multiple_of(2)).map(usize::from);
    for (number, place) in (100..).zip(idle) {
        let client = connect(&mut tracker, newcomer(number), 0, &request(HEALTH, ""));
        assert!(!client.is_closed() && clients[place].is_closed(), "{place}");
    }
    assert_eq!(open(&clients), usize::from(CLIENTS / 2), "those with an answer");
    let late = connect(&mut tracker, newcomer(200), ROOM, b"");
    assert!(late.is_closed(), "all others are in the middle of an answer");
    assert_eq!(tracker.statistics().counter(Counter::HttpRefusedFull), 1);
    // Some of them have received nothing for a while, which is as good as idle.
    tracker.run_for_ms(5000);
    let late = connect(&mut tracker, newcomer(201), ROOM, b"");
    assert_served(&mut tracker, &late);
}

#[test]
fn the_many_clients_of_an_allowed_network_do_not_make_room_for_others() {
    let mut tracker = tracker(|_| {});
    let allowed = AddressRange { first: attacker(0).to_bits(), last: attacker(0).to_bits() };
    let allow = Arc::new(AddressRanges::new(vec![allowed], Vec::new()));
    tracker.limit_sources(&SourceLimits { allow, ..SourceLimits::none() });
    let idle = |tracker: &mut Simulator, from| connect(tracker, from, ROOM, &request(HEALTH, ""));
    let others: Vec<Client> = (0..=255).map(|number| idle(&mut tracker, newcomer(number))).collect();
    tracker.run_for_ms(2000);
    let allowed: Vec<Client> = (0..256).map(|_| idle(&mut tracker, attacker(0))).collect();
    let late = |number| Ipv4Addr::new(203, 0, 113, number);
    let newcomers: Vec<Client> = (0..64).map(|number| idle(&mut tracker, late(number))).collect();
    assert_eq!((open(&allowed), open(&newcomers), open(&others)), (256, 64, 192));
}

#[test]
fn connections_hold_no_more_bytes_than_they_may_however_many_there_are() {
    const BYTES_MAX: usize = 1 << 20;
    let long_header = format!("X: {}\r\n", "x".repeat(15_000));
    let fragment = [&[0x01, 0xfe, 0xfd, 0xe8, 0, 0, 0, 0][..], &[b'x'; 65_000]].concat();
    for (holds, bytes, room) in [
        ("half a request", request(HEALTH, &long_header), ROOM),
        ("requests that wait", request(HEALTH, "").repeat(300), 0),
        ("a fragment", [handshake("/", "").as_bytes(), &fragment].concat(), ROOM),
    ] {
        let mut tracker = tracker(|settings| {
            settings.connections.connections_max = 1000;
            settings.connections.buffer_bytes_max = BYTES_MAX;
        });
        let honest = connect(&mut tracker, newcomer(1), ROOM, &request(HEALTH, "")[..30]);
        let attackers: Vec<Client> = (0..200)
            .map(|number| connect(&mut tracker, attacker(number), room, &bytes[..bytes.len() - 2]))
            .collect();
        tracker.run_for_ms(200);
        let statistics = tracker.statistics();
        let held = usize::try_from(statistics.gauge(Gauge::HttpBufferedBytes)).expect("a size");
        assert!(held <= BYTES_MAX && held > BYTES_MAX / 2, "{holds}: {held}");
        let closed = 200 - open(&attackers);
        assert_eq!(statistics.counter(Counter::HttpClosedBuffersFull), closed as u64, "{holds}");
        assert!(closed > 100, "{holds}: {closed}");
        assert!(!honest.is_closed(), "{holds}");
        honest.send(&request(HEALTH, "")[30..]);
        tracker.run_until_idle();
        assert_eq!(HttpAnswer::read(&honest.read()).status, 200, "{holds}");
        tracker.run_for_ms(60_000);
        assert_eq!(tracker.statistics().gauge(Gauge::HttpBufferedBytes), 0, "{holds}: all have ended");
    }
}

#[test]
fn the_connections_of_a_source_are_counted_over_all_cores() {
    let mut settings = SimulatorSettings::with_shards(4);
    settings.connections.connections_per_prefix_max = 6;
    let mut tracker = Simulator::new(&settings);
    let admitted = |tracker: &mut Simulator, core, from: Ipv4Addr| {
        let client = tracker.connect(core, Client::with_room(ROOM).at(from.into()));
        tracker.run_until_idle();
        (!client.is_closed()).then_some(client)
    };
    let held: Vec<Client> =
        (0..8).filter_map(|number| admitted(&mut tracker, number % 4, attacker(0))).collect();
    assert_eq!(held.len(), 6);
    assert!(admitted(&mut tracker, 0, attacker(1)).is_some(), "another address");
    held[3].end();
    tracker.run_until_idle();
    assert!(admitted(&mut tracker, 1, attacker(0)).is_some(), "one has ended");
    assert!(admitted(&mut tracker, 2, attacker(0)).is_none());
    assert_eq!(tracker.statistics().counter(Counter::HttpRefusedPrefix), 3);
}

#[test]
fn a_source_that_opens_too_many_connections_is_refused_until_it_slows_down() {
    for (class, client, refusal) in [
        (Class::Connections, Client::with_room as fn(usize) -> Client, Counter::HttpRefusedRate),
        (Class::Handshakes, |room| Client::with_room(room).over_tls(), Counter::HttpRefusedHandshakes),
    ] {
        let mut tracker = tracker(|_| {});
        tracker.limit_sources(&source_limit(class, 3));
        let admitted = |tracker: &mut Simulator, from: Ipv4Addr, count: u8| {
            let clients: Vec<Client> =
                (0..count).map(|_| tracker.connect(0, client(ROOM).at(from.into()))).collect();
            tracker.run_until_idle();
            open(&clients)
        };
        assert_eq!(admitted(&mut tracker, newcomer(1), 5), 3);
        assert_eq!(admitted(&mut tracker, newcomer(2), 1), 1);
        tracker.pass(2);
        assert_eq!(admitted(&mut tracker, newcomer(1), 5), 2);
        assert_eq!(tracker.statistics().counter(refusal), 5, "{class:?}");
    }
}

#[test]
fn a_client_of_a_banned_network_gets_no_handshake_and_a_reason_without_one() {
    let mut tracker = tracker(|_| {});
    let networks = BannedNetworks::new(&["192.0.2.0/24".parse().expect("a network")]).expect("one network");
    tracker.update(&AccessUpdate::UseNetworks(Arc::new(networks)));
    let [plain, tls] = [Client::with_room(ROOM), Client::with_room(ROOM).over_tls()]
        .map(|client| tracker.connect(0, client.at(attacker(0).into())));
    tracker.run_until_idle();
    assert_eq!([plain.is_closed(), tls.is_closed()], [false, true]);
    assert_eq!(tracker.statistics().counter(Counter::HttpRefusedBanned), 1);
}
