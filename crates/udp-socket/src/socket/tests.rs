use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::slice;
use std::time::Duration;

use super::*;
use crate::testing::{XorShift, queue, receive_over, send_all, socket_on, wait_readable};
use crate::{DATAGRAM_BYTES_MAX, Path};

fn receive_one<T>(socket: &BatchSocket, mut each: impl FnMut(crate::Received<'_>) -> T) -> T {
    let mut seen = None;
    receive_over(slice::from_ref(socket), 1, |_, received| {
        seen = Some(each(received));
    });
    seen.expect("one datagram was received")
}

fn round_trip_in_batches(ip: &str) {
    let (server, client) = (socket_on(ip), socket_on(ip));
    let (mut requests, mut replies) = (SendBatch::new(32, 512), SendBatch::new(32, 512));
    let mut random = XorShift::new(1);
    // Several rounds over the same batches with different lengths, so that leftovers of a round would show.
    for round in 0..20 {
        let sent: Vec<Vec<u8>> =
            (0..=round).map(|_| vec![random.next_u64().to_le_bytes()[0]; random.below(513)]).collect();
        sent.iter().for_each(|bytes| queue(&mut requests, bytes, &Path::new(server.local_address())));
        send_all(&client, &mut requests);
        receive_over(slice::from_ref(&server), sent.len(), |_, received| {
            assert_eq!(received.path.remote(), client.local_address());
            assert_eq!(received.path.local, None);
            queue(&mut replies, received.bytes, received.path);
        });
        send_all(&server, &mut replies);
        let mut back = Vec::new();
        receive_over(slice::from_ref(&client), sent.len(), |_, received| {
            assert_eq!(received.path.remote(), server.local_address());
            assert!(!received.truncated);
            back.push(received.bytes.to_vec());
        });
        assert_eq!(back, sent);
    }
}

#[test]
fn batches_of_datagrams_are_sent_and_answered_over_ipv4() {
    round_trip_in_batches("127.0.0.1");
}

#[test]
fn batches_of_datagrams_are_sent_and_answered_over_ipv6() {
    round_trip_in_batches("::1");
}

#[test]
fn a_receive_without_waiting_datagrams_returns_none() {
    let socket = socket_on("127.0.0.1");
    let mut batch = ReceiveBatch::new(4, 64);
    assert_eq!(socket.receive(&mut batch).unwrap(), 0);
    assert!(batch.is_empty() && batch.get(0).is_none());
}

#[test]
fn a_receive_discards_the_datagrams_of_the_last_one() {
    let socket = socket_on("127.0.0.1");
    let mut outgoing = SendBatch::new(1, 8);
    queue(&mut outgoing, b"once", &Path::new(socket.local_address()));
    send_all(&socket, &mut outgoing);
    let mut batch = ReceiveBatch::new(4, 64);
    while socket.receive(&mut batch).unwrap() == 0 {
        wait_readable(slice::from_ref(&socket));
    }
    assert_eq!(batch.get(0).unwrap().bytes, b"once");
    assert!(batch.get(1).is_none());
    assert_eq!(socket.receive(&mut batch).unwrap(), 0);
    assert!(batch.get(0).is_none());
}

#[test]
fn a_datagram_longer_than_the_buffer_is_marked_truncated_and_the_next_is_not() {
    let socket = socket_on("127.0.0.1");
    let path = Path::new(socket.local_address());
    let mut outgoing = SendBatch::new(3, 64);
    [[7_u8; 33].as_slice(), &[8; 32], &[]].iter().for_each(|bytes| queue(&mut outgoing, bytes, &path));
    send_all(&socket, &mut outgoing);
    let mut batch = ReceiveBatch::new(1, 32);
    for (byte, length, truncated) in [(7, 32, true), (8, 32, false), (0, 0, false)] {
        while socket.receive(&mut batch).unwrap() == 0 {
            wait_readable(slice::from_ref(&socket));
        }
        let received = batch.get(0).unwrap();
        assert_eq!((received.bytes, received.truncated), (vec![byte; length].as_slice(), truncated));
    }
}

fn reply_leaves_from_the_address_asked(wildcard: &str, asked: &str, client_ip: &str) {
    let mut options = SocketOptions::new(SocketAddr::new(wildcard.parse().unwrap(), 0));
    options.destination = DestinationInfo::Capture;
    let server = BatchSocket::bind(&options).unwrap();
    let asked: IpAddr = asked.parse().unwrap();
    // A connected socket receives datagrams only from the address that it is connected to.
    let client = UdpSocket::bind((client_ip.parse::<IpAddr>().unwrap(), 0)).unwrap();
    client.connect((asked, server.local_address().port())).unwrap();
    client.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    client.send(b"who are you").unwrap();

    let path = receive_one(&server, |received| *received.path);
    assert_eq!(path.local.map(|end| end.address), Some(asked));
    let mut replies = SendBatch::new(4, 64);
    queue(&mut replies, b"me", &path);
    send_all(&server, &mut replies);
    let mut answer = [0; 16];
    assert_eq!(client.recv(&mut answer).unwrap(), 2);
}

#[test]
fn a_reply_over_ipv4_leaves_from_the_address_of_the_request() {
    reply_leaves_from_the_address_asked("0.0.0.0", "127.0.0.2", "127.0.0.1");
}

#[test]
fn a_reply_over_ipv6_leaves_from_the_address_of_the_request() {
    reply_leaves_from_the_address_asked("::", "::1", "::1");
}

#[test]
fn a_sender_chooses_its_source_address_for_each_datagram() {
    let receiver = socket_on("127.0.0.1");
    let sender = socket_on("0.0.0.0");
    let mut outgoing = SendBatch::new(8, 8);
    let sources: Vec<IpAddr> = (2..10).map(|last| IpAddr::from([127, 0, 9, last])).collect();
    for &source in &sources {
        queue(&mut outgoing, b"hello", &Path::new(receiver.local_address()).with_local(source));
    }
    send_all(&sender, &mut outgoing);
    // The same slots without a source: no earlier one may remain.
    (0..8).for_each(|_| queue(&mut outgoing, b"again", &Path::new(receiver.local_address())));
    send_all(&sender, &mut outgoing);
    let mut seen = Vec::new();
    receive_over(slice::from_ref(&receiver), 16, |_, received| {
        seen.push(received.path.remote().ip());
    });
    assert_eq!(seen[..8], sources);
    assert!(seen[8..].iter().all(|&ip| ip == IpAddr::from([127, 0, 0, 1])));
}

#[test]
fn a_refused_datagram_is_counted_and_delays_no_other() {
    let (receiver, sender) = (socket_on("127.0.0.1"), socket_on("0.0.0.0"));
    let good = Path::new(receiver.local_address());
    let broadcast = Path::new("255.255.255.255:9".parse().unwrap());
    let foreign_source = good.with_local("192.0.2.1".parse().unwrap());
    let other_family = Path::new("[::1]:9".parse().unwrap());
    let mut outgoing = SendBatch::new(16, DATAGRAM_BYTES_MAX);
    let too_long = vec![0; DATAGRAM_BYTES_MAX];
    for bad in [&broadcast, &foreign_source, &other_family] {
        queue(&mut outgoing, b"bad", bad);
        queue(&mut outgoing, b"good", &good);
    }
    queue(&mut outgoing, &too_long, &good);
    queue(&mut outgoing, b"good", &good);
    queue(&mut outgoing, &too_long, &good);
    queue(&mut outgoing, b"bad", &broadcast);
    assert_eq!(sender.send(&mut outgoing), SendReport { sent: 4, refused: 6, unsent: 0 });
    assert!(outgoing.is_empty());
    receive_over(slice::from_ref(&receiver), 4, |_, received| {
        assert_eq!(received.bytes, b"good");
    });
}

#[test]
fn a_full_batch_has_no_free_buffer_until_it_is_cleared_or_sent() {
    let socket = socket_on("127.0.0.1");
    let path = Path::new(socket.local_address());
    let mut batch = SendBatch::new(3, 16);
    (0..3).for_each(|_| queue(&mut batch, b"x", &path));
    assert!(batch.is_full() && batch.next_buffer().is_none());
    batch.clear();
    assert!(batch.is_empty());
    (0..3).for_each(|_| queue(&mut batch, b"y", &path));
    send_all(&socket, &mut batch);
    assert!(batch.next_buffer().is_some());
    receive_over(slice::from_ref(&socket), 3, |_, received| {
        assert_eq!(received.bytes, b"y");
    });
}

#[test]
fn a_closed_port_affects_neither_sending_nor_receiving() {
    let socket = socket_on("127.0.0.1");
    let closed = "127.0.77.103:9".parse().unwrap();
    let mut outgoing = SendBatch::new(8, 16);
    (0..8).for_each(|_| queue(&mut outgoing, b"nobody", &Path::new(closed)));
    send_all(&socket, &mut outgoing);
    queue(&mut outgoing, b"me", &Path::new(socket.local_address()));
    send_all(&socket, &mut outgoing);
    receive_one(&socket, |received| assert_eq!(received.bytes, b"me"));
}

#[test]
fn batches_move_between_calls_and_threads() {
    let (receiver, sender) = (socket_on("127.0.0.1"), socket_on("127.0.0.1"));
    let path = Path::new(receiver.local_address());
    let mut outgoing = SendBatch::new(4, 16);
    queue(&mut outgoing, b"before", &path);
    let moved = Box::new(outgoing);
    let sending = std::thread::spawn(move || {
        let mut outgoing = *moved;
        queue(&mut outgoing, b"after", &path);
        send_all(&sender, &mut outgoing);
    });
    sending.join().unwrap();
    let mut batches = vec![ReceiveBatch::new(1, 16)];
    for expected in [b"before".as_slice(), b"after"] {
        let mut batch = batches.remove(0);
        while receiver.receive(&mut batch).unwrap() == 0 {
            wait_readable(slice::from_ref(&receiver));
        }
        batches.push(batch);
        assert_eq!(batches[0].get(0).unwrap().bytes, expected);
        // Growing moves the batch in memory.
        batches.reserve(64);
        assert_eq!(batches[0].get(0).unwrap().bytes, expected);
    }
}

#[test]
fn sizes_are_clamped_to_their_limits() {
    assert_eq!(ReceiveBatch::new(usize::MAX, 1).capacity(), crate::BATCH_DATAGRAMS_MAX);
    assert_eq!(ReceiveBatch::new(0, 0).capacity(), 1);
    assert_eq!(SendBatch::new(1, usize::MAX).next_buffer().unwrap().len(), DATAGRAM_BYTES_MAX);
}

#[test]
fn the_kernel_grants_twice_the_receive_buffer_asked_for() {
    let mut options = SocketOptions::new("127.0.0.1:0".parse().unwrap());
    options.receive_buffer_bytes = Some(64 * 1_024);
    let socket = BatchSocket::bind(&options).unwrap();
    assert_eq!(socket.effective_receive_buffer_bytes().unwrap(), 2 * 64 * 1_024);
}

#[test]
fn an_exclusive_address_is_bound_once() {
    let first = socket_on("127.0.0.1");
    let error = BatchSocket::bind(&SocketOptions::new(first.local_address())).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
}

#[test]
fn both_families_share_a_port_on_their_wildcard_addresses() {
    // Another test may have the IPv4 port by chance, but not for every port that is tried.
    let shared = (0..16).any(|_| {
        let v6 = socket_on("::");
        let v4 = SocketAddr::from(([0, 0, 0, 0], v6.local_address().port()));
        BatchSocket::bind(&SocketOptions::new(v4)).is_ok()
    });
    assert!(shared, "an IPv6 socket leaves the IPv4 port free");
}

#[test]
fn one_message_leaves_as_datagrams_of_the_segment_size() {
    let server = socket_on("127.0.0.1");
    let options = SocketOptions {
        segment_bytes: std::num::NonZeroU16::new(98),
        ..SocketOptions::new("127.0.0.1:0".parse().unwrap())
    };
    let client = BatchSocket::bind(&options).unwrap();
    let message: Vec<u8> = (0..98 * 5 + 16).map(|at: u32| (at / 98).to_le_bytes()[0]).collect();
    let mut outgoing = SendBatch::new(1, 98 * crate::SEGMENTS_MAX);
    queue(&mut outgoing, &message, &Path::new(server.local_address()));
    send_all(&client, &mut outgoing);
    let mut seen = Vec::new();
    receive_over(slice::from_ref(&server), 6, |_, received| seen.push(received.bytes.to_vec()));
    let expected: Vec<Vec<u8>> = message.chunks(98).map(<[u8]>::to_vec).collect();
    assert_eq!(seen, expected);
}

fn unix_time() -> Duration {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap()
}

/// Sends a datagram from the socket to itself and receives it. Returns its local address and time of arrival.
fn stamped_round_trip(socket: &BatchSocket, between: impl FnOnce()) -> (Option<IpAddr>, Option<Duration>) {
    let (mut outgoing, mut batch) = (SendBatch::new(1, 8), ReceiveBatch::new(4, 64));
    queue(&mut outgoing, b"when", &Path::new(socket.local_address()));
    send_all(socket, &mut outgoing);
    between();
    while socket.receive(&mut batch).unwrap() == 0 {
        wait_readable(slice::from_ref(socket));
    }
    assert_eq!(batch.get(0).unwrap().bytes, b"when");
    assert_eq!(batch.arrived(1), None);
    (batch.get(0).unwrap().path.local.map(|end| end.address), batch.arrived(0))
}

/// Switches stamps on and sends until the first arrives: the kernel may start a moment later.
fn wait_for_stamps(socket: &BatchSocket) -> (Option<IpAddr>, Duration) {
    socket.set_receive_timestamps(ReceiveTimestamps::On).unwrap();
    let deadline = unix_time() + Duration::from_secs(10);
    loop {
        if let (local, Some(arrived)) = stamped_round_trip(socket, || {}) {
            return (local, arrived);
        }
        assert!(unix_time() < deadline, "stamps arrive in time");
    }
}

#[test]
fn a_datagram_has_a_stamp_besides_its_packet_info_while_stamps_are_on() {
    for ip in ["127.0.0.1", "::1"] {
        let options = SocketOptions {
            destination: DestinationInfo::Capture,
            ..SocketOptions::new(SocketAddr::new(ip.parse().unwrap(), 0))
        };
        let socket = BatchSocket::bind(&options).unwrap();
        let local = Some(ip.parse().unwrap());
        assert_eq!(stamped_round_trip(&socket, || {}), (local, None));
        let before = unix_time();
        let (path_local, arrived) = wait_for_stamps(&socket);
        assert!(before <= arrived && arrived <= unix_time(), "{before:?} {arrived:?}");
        assert_eq!(path_local, local);
        socket.set_receive_timestamps(ReceiveTimestamps::Off).unwrap();
        assert_eq!(stamped_round_trip(&socket, || {}), (local, None));
    }
}

#[test]
fn a_datagram_that_waited_when_stamps_ended_still_reports_its_own() {
    for ip in ["127.0.0.1", "::1"] {
        let socket = socket_on(ip);
        wait_for_stamps(&socket);
        let (before, mut ended) = (unix_time(), Duration::ZERO);
        let end = || {
            ended = unix_time();
            socket.set_receive_timestamps(ReceiveTimestamps::ReadOnly).unwrap();
        };
        let arrived = stamped_round_trip(&socket, end).1.expect("the stamp is reported");
        assert!(before <= arrived && arrived <= ended, "{before:?} {arrived:?} {ended:?}");
    }
}

#[test]
fn a_datagram_that_waited_when_stamps_were_switched_off_reports_none() {
    let socket = socket_on("127.0.0.1");
    socket.set_receive_timestamps(ReceiveTimestamps::On).unwrap();
    let off = || socket.set_receive_timestamps(ReceiveTimestamps::Off).unwrap();
    assert_eq!(stamped_round_trip(&socket, off), (None, None));
}
