use super::*;
use crate::http_listener::bind_http_listeners;
use crate::listener::{BoundListeners, ListenerOptions, SteeringOutcome, SteeringRequest, bind_listeners};
use crate::sockets::CoreSockets;
use crate::take_over::take_over;
use core_loop::{Accept, Event, Security, Sockets};
use primitives::{InfoHash, SteeringKey};
use socket2::{Domain, Socket};
use std::net::{Ipv4Addr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};
use udp_socket::{BatchSocket, DestinationInfo, ReceiveBatch};

const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

const OPTIONS: ListenerOptions = ListenerOptions {
    receive_buffer_bytes: 1 << 17,
    send_buffer_bytes: 1 << 17,
    wildcard_destination: DestinationInfo::Ignore,
    steering: SteeringRequest::Auto,
};

/// Where an announce has its info hash.
const INFO_HASH_AT: usize = 16;

/// How long the kernel may take to deliver something over the loopback interface.
const PATIENCE: Duration = Duration::from_secs(10);

fn shards(count: usize) -> ShardCount {
    ShardCount::new(count).unwrap()
}

/// Returns bytes that differ from each other and from those of other seeds.
fn bytes<const N: usize>(seed: u8) -> [u8; N] {
    let mut bytes = [0; N];
    bytes.iter_mut().zip(0_u8..).for_each(|(byte, number)| *byte = seed.wrapping_mul(157) ^ number);
    bytes
}

fn key(seed: u8) -> SteeringKey {
    SteeringKey::from_random(&bytes(seed))
}

fn listen_udp(
    address: SocketAddr,
    count: usize,
    key: &SteeringKey,
    inherited: Vec<InheritedSocket>,
) -> BoundListeners {
    let mut inherited = InheritedSockets::new(inherited, Giver::ServiceManager);
    let bound = bind_listeners(&[address], shards(count), key, &OPTIONS, &mut inherited).unwrap();
    assert!(matches!(bound.steering, SteeringOutcome::On), "{:?}", bound.steering);
    bound
}

/// Sends an announce for each of 64 torrents, and returns these.
fn announce(to: SocketAddr) -> Vec<InfoHash> {
    let client = UdpSocket::bind(ANY_PORT).unwrap();
    let torrents: Vec<_> = (0..64).map(|number| InfoHash(bytes(number))).collect();
    for torrent in &torrents {
        let mut datagram = [0; 98];
        datagram[INFO_HASH_AT..INFO_HASH_AT + InfoHash::BYTES].copy_from_slice(&torrent.0);
        client.send_to(&datagram, to).unwrap();
    }
    torrents
}

/// Asserts that the socket of each shard receives the torrents that it owns, and no others.
#[track_caller]
fn assert_steered(bound: &BoundListeners, key: &SteeringKey, torrents: &[InfoHash]) {
    let count = bound.sockets_by_shard.len();
    let mut received = vec![Vec::new(); count];
    let mut batch = ReceiveBatch::new(64, 2048);
    let begin = Instant::now();
    while received.iter().map(Vec::len).sum::<usize>() < torrents.len() {
        assert!(begin.elapsed() < PATIENCE, "{received:?}");
        for (received, sockets) in received.iter_mut().zip(&bound.sockets_by_shard) {
            sockets[0].receive(&mut batch).unwrap();
            let info_hash =
                |bytes: &[u8]| InfoHash(bytes[INFO_HASH_AT..][..InfoHash::BYTES].try_into().unwrap());
            received.extend(batch.iter().map(|datagram| info_hash(datagram.bytes)));
        }
    }
    for (shard, received) in shards(count).shards().zip(received) {
        assert!(received.iter().all(|torrent| key.shard_of(torrent, shards(count)) == shard));
    }
}

#[test]
fn a_group_is_adopted_with_what_waits_in_it_and_in_its_order() {
    let (before, after) = (key(1), key(2));
    let old = listen_udp(ANY_PORT, 3, &before, Vec::new());
    let address = old.addresses[0];
    let waiting = announce(address);
    let mut duplicates = old.duplicates().unwrap();
    drop(old);
    duplicates.reverse();
    let group = listen_udp(ANY_PORT, 3, &before, duplicates);
    assert_eq!(group.addresses, [address], "any port is the one of the group");
    assert_steered(&group, &before, &waiting);

    let mut unnumbered = group.duplicates().unwrap();
    drop(group);
    unnumbered.iter_mut().for_each(|socket| socket.shard = None);
    let group = listen_udp(address, 3, &after, unnumbered);
    assert_steered(&group, &after, &announce(address));
}

#[test]
fn sockets_that_a_group_lacks_are_bound_at_its_end() {
    let key = key(3);
    let old = listen_udp(ANY_PORT, 2, &key, Vec::new());
    let address = old.addresses[0];
    let group = listen_udp(address, 3, &key, old.duplicates().unwrap());
    drop(old);
    assert_steered(&group, &key, &announce(address));
}

#[test]
fn a_core_sees_at_once_what_waits_in_adopted_sockets() {
    let security = Security::Plain;
    let listen = |address, inherited| {
        let mut inherited = InheritedSockets::new(inherited, Giver::ServiceManager);
        bind_http_listeners(&[(address, security)], ShardCount::ONE, 16, &mut inherited).unwrap()
    };
    let key = key(4);
    let (old_udp, old_http) = (listen_udp(ANY_PORT, 2, &key, Vec::new()), listen(ANY_PORT, Vec::new()));
    let address = old_http.listeners[0].address;
    let client = TcpStream::connect(address).unwrap();
    announce(old_udp.addresses[0]);
    let udp = listen_udp(old_udp.addresses[0], 2, &key, old_udp.duplicates().unwrap());
    let http = listen(address, old_http.duplicates().unwrap());
    drop((old_udp, old_http));

    let (udp, http) = (udp.sockets_by_shard.into_iter().next(), http.sockets_by_shard.into_iter().next());
    let mut sockets = CoreSockets::new(udp.unwrap(), http.unwrap()).unwrap();
    assert_eq!(sockets.poll(), 0, "a core that does not serve is not woken");
    for _ in 0..2 {
        sockets.resume_receiving();
        sockets.resume_accepting().unwrap();
        let events: Vec<_> = (0..sockets.poll()).map(|index| sockets.event(index)).collect();
        assert!(events.iter().any(|event| matches!(event, Event::Datagrams(_))), "{events:?}");
        assert!(events.contains(&Event::Connections(0)), "{events:?}");
        sockets.pause_receiving();
        sockets.pause_accepting();
        assert_eq!(sockets.poll(), 0);
    }
    let Accept::Accepted(_, ip, accepted) = sockets.accept(0) else { panic!("a client waits") };
    assert_eq!((ip, accepted), (client.local_addr().unwrap().ip(), security));
}

#[test]
fn a_listener_that_is_closed_here_and_open_elsewhere_has_no_events() {
    let mut inherited = InheritedSockets::default();
    let bound =
        bind_http_listeners(&[(ANY_PORT, Security::Plain)], ShardCount::ONE, 16, &mut inherited).unwrap();
    let _elsewhere = bound.duplicates().unwrap();
    let address = bound.listeners[0].address;
    let http = bound.sockets_by_shard.into_iter().next();
    let mut sockets = CoreSockets::new(Vec::new(), http.unwrap()).unwrap();
    sockets.resume_accepting().unwrap();
    let _client = TcpStream::connect(address).unwrap();
    assert_eq!(sockets.poll(), 1);
    sockets.close_listeners();
    assert_eq!(sockets.poll(), 0);
}

/// Returns a bound socket as it might come from a service manager.
fn bound(kind: Type, address: &str, prepare: impl FnOnce(&Socket)) -> (OwnedFd, SocketAddr) {
    let address: SocketAddr = address.parse().unwrap();
    let socket = Socket::new(Domain::for_address(address), kind, None).unwrap();
    prepare(&socket);
    socket.bind(&address.into()).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    (socket.into(), address)
}

#[test]
fn a_socket_that_is_not_what_it_is_said_to_be_is_refused() {
    const LOCAL: &str = "127.0.0.1:0";
    let share = |socket: &Socket| socket.set_reuse_port(true).unwrap();
    let udp = || bound(Type::DGRAM, LOCAL, share);
    let tcp = || bound(Type::STREAM, LOCAL, share);
    let claim = |kind, (fd, address)| InheritedSocket { kind, address, shard: None, fd };
    let other_port = |(fd, _)| (fd, "127.0.0.1:1".parse().unwrap());
    let both_families = bound(Type::DGRAM, "[::]:0", |socket| {
        share(socket);
        socket.set_only_v6(false).unwrap();
    });
    let cases = [
        (claim(SocketKind::Tcp, udp()), "it has another protocol"),
        (claim(SocketKind::Udp, tcp()), "it has another protocol"),
        (claim(SocketKind::Tcp, tcp()), "it does not listen"),
        (claim(SocketKind::Udp, other_port(udp())), "it is bound to 127.0.0.1:"),
        (claim(SocketKind::Udp, bound(Type::DGRAM, LOCAL, |_| {})), "it does not share its port"),
        (claim(SocketKind::Udp, both_families), "it receives IPv4 too"),
    ];
    for (socket, reason) in cases {
        let (kind, address) = (socket.kind, socket.address);
        let mut refused = InheritedSockets::new(vec![socket], Giver::ServiceManager);
        let refused = refused.take(kind, address, shards(2)).unwrap_err();
        assert!(refused.to_string().starts_with(reason), "{refused} instead of {reason}");
    }
}

#[test]
fn sockets_of_other_listeners_are_left_and_too_many_are_refused() {
    let old = listen_udp(ANY_PORT, 3, &key(5), Vec::new());
    let mut inherited = InheritedSockets::new(old.duplicates().unwrap(), Giver::Predecessor);
    let address = old.addresses[0];
    assert!(inherited.take(SocketKind::Tcp, address, shards(3)).unwrap().is_none());
    let elsewhere = SocketAddr::new(Ipv4Addr::new(127, 0, 0, 2).into(), address.port());
    assert!(inherited.take(SocketKind::Udp, elsewhere, shards(3)).unwrap().is_none());
    let mut copy = inherited.try_clone().unwrap();
    assert_eq!(copy.take(SocketKind::Udp, address, shards(3)).unwrap().unwrap().sockets.len(), 3);
    assert!(copy.take(SocketKind::Udp, address, shards(3)).unwrap().is_none(), "they were taken");
    let refused = inherited.take(SocketKind::Udp, address, shards(2)).unwrap_err();
    assert_eq!(refused.to_string(), "there are 3, but only 2 workers");
}

#[test]
fn sockets_of_a_predecessor_change_only_when_they_are_taken_over() {
    let (before, after) = (key(7), key(8));
    let udp = listen_udp(ANY_PORT, 3, &before, Vec::new());
    let address = udp.addresses[0];
    let security = Security::Plain;
    let listen =
        |at, mut inherited| bind_http_listeners(&[(at, security)], ShardCount::ONE, 16, &mut inherited);
    let http = listen(ANY_PORT, InheritedSockets::default()).unwrap();
    let sockets = [udp.sockets_by_shard[2][0].as_fd(), http.sockets_by_shard[0][0].as_fd()];
    let buffer_bytes = || sockets.map(|socket| SockRef::from(&socket).recv_buffer_size().unwrap());
    let wanted_bytes = buffer_bytes();
    for socket in sockets {
        SockRef::from(&socket).set_recv_buffer_size(1 << 13).unwrap();
    }

    let given = |sockets| InheritedSockets::new(sockets, Giver::Predecessor);
    let mut inherited = given(udp.duplicates().unwrap());
    let adopted = bind_listeners(&[address], shards(3), &after, &OPTIONS, &mut inherited).unwrap();
    let adopted_http = listen(http.listeners[0].address, given(http.duplicates().unwrap())).unwrap();
    assert_eq!(buffer_bytes(), [2 << 13; 2]);
    assert_steered(&udp, &before, &announce(address));

    let mut taken = adopted.duplicates().unwrap();
    taken.extend(adopted_http.duplicates().unwrap());
    let steering = take_over(&taken, shards(3), &after, &OPTIONS, 16).unwrap();
    assert!(matches!(steering, SteeringOutcome::On), "{steering:?}");
    assert_eq!(buffer_bytes(), wanted_bytes);
    assert_steered(&adopted, &after, &announce(address));
}

/// An adopted socket is not what `BatchSocket::bind` has made, and is as good.
#[test]
fn an_adopted_socket_has_the_options_of_a_bound_one() {
    let (fd, address) = bound(Type::DGRAM, "127.0.0.1:0", |socket| socket.set_reuse_port(true).unwrap());
    let socket = InheritedSocket { kind: SocketKind::Udp, address, shard: None, fd };
    let adopted = listen_udp(address, 2, &key(6), vec![socket]);
    let [adopted, own] = &adopted.sockets_by_shard[..] else { panic!("two shards") };
    let options = |socket: &BatchSocket| {
        let socket = SockRef::from(socket);
        (
            socket.recv_buffer_size().unwrap(),
            socket.send_buffer_size().unwrap(),
            socket.nonblocking().unwrap(),
        )
    };
    assert_eq!(options(&adopted[0]), options(&own[0]));
    assert!(options(&own[0]).2);
}
