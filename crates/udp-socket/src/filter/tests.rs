use super::*;
use crate::testing::{XorShift, queue, send_all, socket_on};
use crate::{BatchSocket, Path, ReceiveBatch, SendBatch};
use primitives::{FILTERED_IPV4_MAX, FILTERED_IPV6_MAX, InfoHash};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

const BATCH: usize = 64;
const PAYLOAD_BYTES_MAX: usize = 120;
const HOT: InfoHash = InfoHash([0xa5; 20]);

/// What the rules of a test are made of.
#[derive(Clone, Copy, Debug)]
enum Part {
    Networks,
    Ids,
    Hot,
}

const PARTS: [&[Part]; 5] = [
    &[Part::Networks],
    &[Part::Ids],
    &[Part::Hot],
    &[Part::Networks, Part::Ids],
    &[Part::Networks, Part::Ids, Part::Hot],
];

fn random_rules(random: &mut XorShift, parts: &[Part], sources: &[IpAddr]) -> FilterRules {
    let mut rules = FilterRules::default();
    for part in parts {
        match part {
            Part::Networks => rules.networks = Arc::new(networks_around(random, sources)),
            Part::Ids => {
                let (key, epoch) = ([random.next_u32(), random.next_u32()], random.next_u32() >> 1);
                rules.epochs =
                    Some([epoch, epoch + 1, epoch + 2].map(|epoch| ConnectionEpoch::new(key, epoch)));
            }
            // A share that is certain, so that the random number does not matter.
            Part::Hot => rules.hot = Some(HotTorrent { info_hash: HOT, passed: 0 }),
        }
    }
    rules
}

/// Ranges that begin and end at or beside some of the addresses.
fn networks_around(random: &mut XorShift, sources: &[IpAddr]) -> AddressRanges {
    let (mut v4, mut v6) = (Vec::new(), Vec::new());
    for source in sources {
        let length_bits = random.below(16);
        let (from, length) = (random.below(4), random.below(1 << length_bits));
        match *source {
            IpAddr::V4(ip) => {
                let first = ip.to_bits() - 2 + u32::try_from(from).unwrap();
                v4.push(AddressRange { first, last: first + u32::try_from(length).unwrap() });
            }
            IpAddr::V6(ip) => {
                let first = ip.to_bits() - 1 + from as u128 % 3;
                let last = first + ((length as u128) << (8 * random.below(14)));
                v6.push(AddressRange { first, last });
            }
        }
    }
    AddressRanges::new(v4, v6)
}

/// Requests of all kinds, with right and wrong ids, some of them truncated.
fn random_payload(random: &mut XorShift, rules: &FilterRules, source: IpAddr) -> Vec<u8> {
    let mut payload = vec![0; PAYLOAD_BYTES_MAX];
    random.fill(&mut payload);
    let action = [0, 1, 1, 2, 3, 0x0100_0000][random.below(6)];
    payload[8..12].copy_from_slice(&u32::to_be_bytes(action));
    if random.below(2) == 0 {
        payload[..8].copy_from_slice(&0x417_2710_1980_u64.to_be_bytes());
    } else if let Some(epochs) = &rules.epochs {
        payload[..8].copy_from_slice(&epochs[random.below(3)].id_of(source));
    }
    if random.below(4) == 0 {
        payload[random.below(8)] ^= 1 << random.below(8);
    }
    if random.below(2) == 0 {
        payload[16..36].copy_from_slice(&HOT.0);
        payload[16 + random.below(20)] ^= u8::from(random.below(4) == 0);
    }
    let length =
        [PAYLOAD_BYTES_MAX, random.below(PAYLOAD_BYTES_MAX), 15 + random.below(3), 35 + random.below(3)];
    payload.truncate(length[random.below(4)]);
    payload
}

/// Sends datagrams, waits until each has arrived or was dropped, and returns those that arrived.
fn exchange(sender: &BatchSocket, receiver: &BatchSocket, payloads: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let deadline = Instant::now() + Duration::from_secs(10);
    let dropped = || receiver.receive_queue().unwrap().dropped;
    let before = dropped();
    let mut batch = SendBatch::new(BATCH, PAYLOAD_BYTES_MAX);
    for payload in payloads {
        queue(&mut batch, payload, &Path::new(receiver.local_address()));
    }
    send_all(sender, &mut batch);
    let (mut arrived, mut incoming) = (Vec::new(), ReceiveBatch::new(BATCH, PAYLOAD_BYTES_MAX));
    while arrived.len() + (dropped().wrapping_sub(before) as usize) < payloads.len() {
        assert!(Instant::now() < deadline, "{} arrived of {}", arrived.len(), payloads.len());
        receiver.receive(&mut incoming).unwrap();
        arrived.extend(incoming.iter().map(|datagram| datagram.bytes.to_vec()));
    }
    arrived
}

/// Sends a batch from each of the senders, and checks that those arrive that pass.
fn only_what_passes_arrives(random: &mut XorShift, senders: &[BatchSocket], parts: &[Part]) {
    let receiver = socket_on(&senders[0].local_address().ip().to_string());
    let sources: Vec<_> = senders.iter().map(|sender| sender.local_address().ip()).collect();
    for _ in 0..16 {
        let rules = random_rules(random, parts, &sources);
        receiver.set_filter(&rules).unwrap();
        for (sender, &source) in senders.iter().zip(&sources) {
            let payloads: Vec<_> = (0..BATCH).map(|_| random_payload(random, &rules, source)).collect();
            let passed = payloads.iter().filter(|payload| rules.passes(source, payload, 0));
            let arrived = exchange(sender, &receiver, &payloads);
            assert!(passed.eq(&arrived), "{source} {parts:?}");
        }
    }
}

#[test]
fn the_kernel_drops_what_the_rules_say_over_ipv4() {
    let mut random = XorShift::new(1);
    let mut address = || {
        let [_, b, c, d, ..] = random.next_u64().to_be_bytes();
        socket_on(&Ipv4Addr::new(127, b, c, d.clamp(2, 254)).to_string())
    };
    let senders: Vec<_> = (0..8).map(|_| address()).collect();
    for parts in PARTS {
        only_what_passes_arrives(&mut random, &senders, parts);
    }
}

#[test]
fn the_kernel_drops_what_the_rules_say_over_ipv6() {
    let mut random = XorShift::new(2);
    let senders: Vec<_> = (0..4).map(|_| socket_on("::1")).collect();
    for parts in PARTS {
        only_what_passes_arrives(&mut random, &senders, parts);
    }
}

#[test]
fn about_the_share_of_a_hot_torrent_passes() {
    let (sender, receiver) = (socket_on("127.0.0.1"), socket_on("127.0.0.1"));
    let hot = Some(HotTorrent { info_hash: HOT, passed: u32::MAX / 4 });
    receiver.set_filter(&FilterRules { hot, ..FilterRules::default() }).unwrap();
    let payload = [&[0; 11][..], &[1, 0, 0, 0, 0], &HOT.0].concat();
    let batch = vec![payload; BATCH];
    let arrived: usize = (0..64).map(|_| exchange(&sender, &receiver, &batch).len()).sum();
    // Of 4,096. The limits are ten standard deviations away.
    assert!((750..1300).contains(&arrived), "{arrived}");
}

#[test]
fn without_rules_there_is_no_filter() {
    let (sender, receiver) = (socket_on("127.0.0.1"), socket_on("127.0.0.1"));
    let everything = AddressRanges::new(vec![AddressRange { first: 0, last: u32::MAX }], Vec::new());
    for (networks, arrives) in [(everything, 0), (AddressRanges::default(), 1), (AddressRanges::default(), 1)]
    {
        receiver.set_filter(&FilterRules { networks: Arc::new(networks), ..FilterRules::default() }).unwrap();
        assert_eq!(exchange(&sender, &receiver, &[b"a datagram".to_vec()]).len(), arrives);
    }
}

/// Executes a program for a packet from `source` with an empty payload.
fn execute(program: &[sock_filter], source: IpAddr) -> u32 {
    let header: Vec<u8> = match source {
        IpAddr::V4(ip) => [&[0; 12][..], &ip.octets()].concat(),
        IpAddr::V6(ip) => [&[0; 8][..], &ip.octets()].concat(),
    };
    let (mut a, mut at) = (0, 0);
    loop {
        let sock_filter { code, jt, jf, k } = program[at];
        at += 1;
        let code = u32::from(code);
        if code == LOAD_WORD {
            let offset = k.wrapping_sub(NETWORK_HEADER) as usize;
            a = u32::from_be_bytes(*header[offset..].first_chunk().unwrap());
        } else if code == libc::BPF_JMP | AT_LEAST {
            at += usize::from(if a >= k { jt } else { jf });
        } else if code == libc::BPF_JMP | libc::BPF_JA {
            at += k as usize;
        } else {
            assert_eq!(code, libc::BPF_RET | libc::BPF_K);
            return k;
        }
    }
}

/// Networks of random lengths, and addresses in and beside them.
fn many_networks(random: &mut XorShift, count: usize, shared_bits: usize) -> (AddressRanges, Vec<IpAddr>) {
    let (mut v4, mut v6, mut sources) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..count {
        let high = u128::from(random.next_u64()) << 64 | u128::from(random.next_u64());
        let address = 0x2001_0db8 << 96 | high << shared_bits >> shared_bits;
        let bits = [0, 0, 32, 40, 64, 80][random.below(6)];
        let (first, last) = (address >> bits << bits, address | ((1 << bits) - 1));
        v6.push(AddressRange { first, last });
        let edges = [first.wrapping_sub(1), first, address, last, last.wrapping_add(1)];
        sources.extend(edges.map(|edge| IpAddr::V6(Ipv6Addr::from_bits(edge))));
        let address = random.next_u32();
        let bits = random.below(9);
        let (first, last) = (address >> bits << bits, address | ((1 << bits) - 1));
        v4.push(AddressRange { first, last });
        let edges = [first.wrapping_sub(1), first, last, last.wrapping_add(1)];
        sources.extend(edges.map(|edge| IpAddr::V4(Ipv4Addr::from_bits(edge))));
    }
    (AddressRanges::new(v4, v6), sources)
}

#[test]
fn a_program_finds_the_same_networks_as_the_rules() {
    let mut random = XorShift::new(3);
    for (count, shared_bits) in
        [(1, 32), (2, 32), (7, 32), (200, 32), (200, 0), (200, 60), (200, 120), (3000, 0)]
    {
        let (refused, sources) = many_networks(&mut random, count, shared_bits);
        let all = |family| networks(&refused, family, usize::MAX);
        let program = |family| program(family, &all(family), &FilterRules::default());
        let programs = AddressFamily::ALL.map(program);
        for source in sources {
            let expected = if refused.contains(source) { DROPPED } else { KEPT };
            assert_eq!(execute(&programs[AddressFamily::of(source) as usize], source), expected, "{source}");
        }
    }
}

#[test]
fn the_most_networks_fit_beside_everything_else() {
    let mut random = XorShift::new(4);
    let (v4, _) = many_networks(&mut random, FILTERED_IPV4_MAX, 0);
    // The longest program is of single addresses.
    let mut single = || u128::from(random.next_u64()) << 64 | u128::from(random.next_u64());
    let v6 =
        (0..FILTERED_IPV6_MAX).map(|_| single()).map(|ip| AddressRange { first: ip, last: ip }).collect();
    let both = AddressRanges::new(v4.v4().to_vec(), v6);
    let rules = random_rules(&mut random, &[Part::Ids, Part::Hot], &[]);
    for (family, ip) in AddressFamily::ALL.into_iter().zip(["127.0.0.1", "::1"]) {
        let length = program(family, &networks(&both, family, usize::MAX), &rules).len();
        assert!(length <= FILTER_INSTRUCTIONS_MAX, "{family:?}: {length}");
        let rules = FilterRules { networks: Arc::new(both.clone()), ..rules.clone() };
        socket_on(ip).set_filter(&rules).unwrap();
    }
}

#[test]
fn a_filter_that_the_kernel_refuses_leaves_none() {
    let (sender, receiver) = (socket_on("127.0.0.1"), socket_on("127.0.0.1"));
    let arrivals = || exchange(&sender, &receiver, &[b"a datagram".to_vec()]).len();
    let socket = std::os::fd::AsFd::as_fd(&receiver);
    let dropping = |_| vec![statement(libc::BPF_RET | libc::BPF_K, DROPPED)];
    let too_long = vec![statement(libc::BPF_RET | libc::BPF_K, KEPT); FILTER_INSTRUCTIONS_MAX + 1];
    for (refused, because) in
        [(Vec::new(), io::ErrorKind::InvalidInput), (too_long, io::ErrorKind::ArgumentListTooLong)]
    {
        attach(socket, 0, dropping).unwrap();
        assert_eq!(arrivals(), 0);
        let error = attach(socket, 0, |_| refused.clone()).unwrap_err();
        assert_eq!(error.kind(), because);
        assert_eq!(arrivals(), 1);
    }
}

#[test]
fn more_networks_than_fit_are_left_out() {
    let single = |ip: u128| AddressRange { first: ip << 64 | 1, last: ip << 64 | 1 };
    let networks = AddressRanges::new(Vec::new(), (1..=1000).map(single).collect());
    let rules = FilterRules { networks: Arc::new(networks), ..FilterRules::default() };
    let left_out = socket_on("::1").set_filter(&rules).unwrap();
    assert!((500..1000).contains(&left_out), "{left_out}");
}

#[test]
fn the_networks_given_first_stay_if_memory_is_scarce() {
    let v4 = [30, 10, 40, 20].map(|first| AddressRange { first, last: first + 1 });
    let v6 = [7, 1, 4].map(|first| AddressRange { first, last: first + 1 });
    let given = AddressRanges::new(v4.to_vec(), v6.to_vec());
    for (count, v4, v6) in [(0, vec![], vec![]), (1, vec![30], vec![7]), (2, vec![10, 30], vec![1, 7])] {
        let first = |family| networks(&given, family, count).into_iter().map(|range| range.first);
        assert_eq!(first(AddressFamily::V4).map(|first| first >> 96).collect::<Vec<_>>(), v4);
        assert_eq!(first(AddressFamily::V6).collect::<Vec<_>>(), v6);
    }
}

#[test]
fn a_listener_refuses_the_connections_of_networks_and_no_others() {
    use std::net::{SocketAddr, TcpListener, TcpStream};
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let banned = Ipv4Addr::new(127, 9, 9, 9);
    let refused = AddressRanges::new(
        vec![AddressRange { first: banned.to_bits(), last: banned.to_bits() }],
        Vec::new(),
    );
    let connect = |from: Ipv4Addr| {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::new(from.into(), 0).into()).unwrap();
        socket.connect_timeout(&address.into(), Duration::from_millis(300)).map(|()| TcpStream::from(socket))
    };
    let before = connect(banned).unwrap();
    filter_connections(std::os::fd::AsFd::as_fd(&listener), AddressFamily::V4, &refused).unwrap();
    assert_eq!(connect(banned).unwrap_err().kind(), io::ErrorKind::TimedOut);
    let beside = connect(Ipv4Addr::LOCALHOST).unwrap();
    // A connection that was accepted before a ban, and one that inherits the filter, both work.
    for mut client in [before, beside] {
        use std::io::{Read as _, Write as _};
        let (mut accepted, _) = listener.accept().unwrap();
        for bytes in [b"there", b"again"] {
            client.write_all(bytes).unwrap();
            let mut received = [0; 5];
            accepted.read_exact(&mut received).unwrap();
            accepted.write_all(&received).unwrap();
            client.read_exact(&mut received).unwrap();
            assert_eq!(&received, bytes);
        }
    }
    filter_connections(std::os::fd::AsFd::as_fd(&listener), AddressFamily::V4, &AddressRanges::default())
        .unwrap();
    connect(banned).unwrap();
}
