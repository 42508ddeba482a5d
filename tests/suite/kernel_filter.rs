//! What the kernel drops: banned networks, sources that a guard refuses most, a flood of wrong connection ids, and a hot
//! torrent. The simulated sockets drop by the same rules as the kernel's program, which the tests of `udp-socket` compare with them.

use access::{AccessUpdate, BannedNetworks};
use core_loop::KernelFiltering;
use engine::{HttpPolicy, ProxyHeaderKind, ProxyPolicy};
use guard::SourceLimits;
use metrics::{Counter, Gauge};
use primitives::InfoHash;
use ringtrack_tests::client::{Answer, Client, TRANSACTION};
use ringtrack_tests::http_client::HttpClient;
use ringtrack_tests::simulator::{Datagram, Simulator, SimulatorSettings, usual_http};
use std::sync::Arc;
use udp_protocol::{ConnectRequest, ConnectionId};
use zerocopy::IntoBytes;

const LIMIT_PER_S: u32 = 1000;
/// Milliseconds between two batches of a flood: a turn of the timer.
const TURN_MS: u64 = 100;

fn settings() -> SimulatorSettings {
    SimulatorSettings {
        kernel_filtering: KernelFiltering::On { wrong_ids_per_s: LIMIT_PER_S },
        ..SimulatorSettings::default()
    }
}

fn torrent(number: u8) -> InfoHash {
    InfoHash([number; 20])
}

/// Sends some scrapes of one torrent in each turn of the timer, for `turns` of them.
fn flood(tracker: &mut Simulator, connection_id: ConnectionId, per_turn: usize, turns: u32) -> usize {
    let client = Client { connection_id, ..Client::stranger("203.0.113.9:4000") };
    let batch = vec![Datagram::steered(client.source, &client.scraping(&[torrent(9)])); per_turn];
    let mut replies = 0;
    for _ in 0..turns {
        tracker.pass_ms(TURN_MS);
        tracker.serve(&batch, |_, _, _| replies += 1);
    }
    replies
}

fn figures(tracker: &mut Simulator) -> (u64, u64) {
    let statistics = tracker.statistics();
    (statistics.gauge(Gauge::FilterIds), statistics.gauge(Gauge::FilterHotTorrent))
}

#[test]
fn a_flood_of_wrong_ids_is_dropped_while_it_lasts_and_clients_are_served() {
    let mut tracker = Simulator::new(&settings());
    let mut client = Client::connected(&mut tracker, "192.0.2.1:6881");
    let wrong = ConnectionId([7; 8]);
    assert_eq!(flood(&mut tracker, wrong, 90, 20), 20 * 90, "fewer than the limit are answered");
    assert_eq!(figures(&mut tracker), (0, 0));
    assert!(flood(&mut tracker, wrong, 200, 20) <= 12 * 200);
    assert_eq!(figures(&mut tracker), (1, 0));
    // For three lifetimes: the filter follows the epochs. For half a second in each minute, wrong ids are received, to
    // find out whether the flood is over.
    let mut answered = 0;
    for _ in 0..36 {
        answered += flood(&mut tracker, wrong, 200, 100);
        client.connect(&mut tracker);
        client.announce(&mut tracker, &client.leeching(torrent(1)));
        assert_eq!(client.scrape(&mut tracker, &[torrent(1)]).len(), 1);
    }
    let statistics = tracker.statistics();
    assert!((1..=7 * 7 * 200).contains(&answered), "{answered}");
    assert!(statistics.counter(Counter::KernelDropped) >= 3540 * 200);
    flood(&mut tracker, wrong, 0, 70);
    assert_eq!(figures(&mut tracker), (0, 0), "it ends with the flood");
    let stranger = Client { connection_id: wrong, ..client };
    let reply = stranger.send(&mut tracker, stranger.leeching(torrent(1)).as_bytes());
    assert!(matches!(reply, Some(Answer::Error(_))), "{reply:?}");
}

#[test]
fn a_flood_of_expired_ids_is_dropped_like_one_of_wrong_ids() {
    let mut tracker = Simulator::new(&settings());
    let client = Client::connected(&mut tracker, "203.0.113.9:4000");
    tracker.pass(600);
    assert!(flood(&mut tracker, client.connection_id, 200, 20) <= 12 * 200);
    assert_eq!(figures(&mut tracker), (1, 0));
}

#[test]
fn ids_are_not_filtered_while_those_of_an_earlier_lifetime_are_accepted() {
    let mut tracker = Simulator::new(&settings());
    let client = Client::connected(&mut tracker, "192.0.2.1:6881");
    let mut shorter = settings();
    shorter.engine.connection_id_lifetime_s = 60;
    tracker.use_settings(&shorter);
    for is_filtered in [0, 1] {
        flood(&mut tracker, ConnectionId([7; 8]), 200, 30);
        assert_eq!(figures(&mut tracker), (is_filtered, 0));
        if is_filtered == 0 {
            client.announce(&mut tracker, &client.leeching(torrent(1)));
            tracker.pass(240);
        }
    }
}

/// The kinds of requests beside a hot torrent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    ForHot,
    Connect,
    ForOther,
}

const ASKED: [Asked; 3] = [Asked::ForHot, Asked::Connect, Asked::ForOther];
/// Of each twelve requests, how many are of each kind. A batch is more than a receive queue holds, and is received in seven parts, so
/// that the core samples enough of them.
const OF_TWELVE: [usize; 3] = [10, 1, 1];
const TWELVES: usize = 144;

/// Sends a batch in each of some turns of the timer, the kinds of requests in turn. Returns the share of each kind that
/// was answered, in percent.
fn rush(tracker: &mut Simulator, client: &Client, turns: usize) -> [usize; 3] {
    let datagram = |asked| match asked {
        Asked::ForHot => Datagram::steered(client.source, &client.scraping(&[torrent(9)])),
        Asked::Connect => Datagram::steered(client.source, ConnectRequest::new(TRANSACTION).as_bytes()),
        Asked::ForOther => Datagram::steered(client.source, client.leeching(torrent(1)).as_bytes()),
    };
    let twelve = ASKED.iter().zip(OF_TWELVE).flat_map(|(&asked, count)| std::iter::repeat_n(asked, count));
    let kinds: Vec<_> = twelve.cycle().take(12 * TWELVES).collect();
    let batch: Vec<_> = kinds.iter().copied().map(datagram).collect();
    let mut answered = [0; 3];
    for _ in 0..turns {
        tracker.pass_ms(TURN_MS);
        tracker.serve(&batch, |request, _, _| answered[kinds[request] as usize] += 1);
    }
    let sent = OF_TWELVE.map(|count| count * TWELVES * turns);
    std::array::from_fn(|kind| 100 * answered[kind] / sent[kind])
}

#[test]
fn a_hot_torrent_leaves_room_for_others() {
    let mut tracker = Simulator::new(&settings());
    let client = Client::connected(&mut tracker, "203.0.113.9:4000");
    // All with the right id, until the flood is noticed.
    rush(&mut tracker, &client, 20);
    assert_eq!(figures(&mut tracker), (0, 1));
    let [hot, connects, others] = rush(&mut tracker, &client, 20);
    assert!((1..=75).contains(&hot), "{hot} % of the hot torrent's requests are answered");
    assert_eq!([connects, others], [100; 2], "the others are answered");
    flood(&mut tracker, client.connection_id, 10, 300);
    assert_eq!(figures(&mut tracker), (0, 0));
    assert_eq!(flood(&mut tracker, client.connection_id, 10, 10), 100);
}

#[test]
fn requests_that_anybody_could_have_made_up_make_no_torrent_hot() {
    let kernel_filtering = KernelFiltering::On { wrong_ids_per_s: 0 };
    let mut tracker = Simulator::new(&SimulatorSettings { kernel_filtering, ..settings() });
    rush(&mut tracker, &Client::stranger("203.0.113.9:4000"), 20);
    assert_eq!(figures(&mut tracker), (0, 0));
}

/// A hundred requests a second of each address.
fn hundred_per_s() -> SourceLimits {
    SourceLimits { wider_factor: 8, per_s: [100, 0, 0, 0, 0], ..SourceLimits::none() }
}

#[test]
fn a_source_far_over_its_limit_is_dropped_for_some_seconds_and_others_are_served() {
    const PER_TURN: usize = 1000;
    for kernel_filtering in [KernelFiltering::On { wrong_ids_per_s: 0 }, KernelFiltering::Off] {
        let is_on = kernel_filtering != KernelFiltering::Off;
        let mut tracker = Simulator::new(&SimulatorSettings { kernel_filtering, ..settings() });
        tracker.limit_sources(&hundred_per_s());
        let mut client = Client::connected(&mut tracker, "203.0.113.10:6881");
        let abuser = Client::connected(&mut tracker, "203.0.113.9:4000");
        let is_muted = |tracker: &mut Simulator| tracker.statistics().gauge(Gauge::FilterSources) > 0;
        flood(&mut tracker, abuser.connection_id, 400, 20);
        assert!(!is_muted(&mut tracker), "it is refused less than ten times what it may send");
        for _ in 0..2 {
            flood(&mut tracker, abuser.connection_id, PER_TURN, 3);
            assert_eq!(is_muted(&mut tracker), is_on);
            let before = tracker.statistics().counter(Counter::KernelDropped);
            let answered = flood(&mut tracker, abuser.connection_id, PER_TURN, 40);
            assert_eq!(answered == 0, is_on, "{answered}");
            let dropped = tracker.statistics().counter(Counter::KernelDropped) - before;
            assert_eq!(dropped >= 39 * PER_TURN as u64, is_on, "{dropped}");
            client.connect(&mut tracker);
            client.announce(&mut tracker, &client.leeching(torrent(9)));
            flood(&mut tracker, abuser.connection_id, 0, 60);
            assert!(!is_muted(&mut tracker), "it is released after five seconds");
            assert!(flood(&mut tracker, abuser.connection_id, 1, 10) > 0);
        }
    }
}

#[test]
fn a_flood_that_lasts_is_received_for_milliseconds_each_time_its_source_is_released() {
    const PER_MS: usize = 120;
    let mut tracker = Simulator::new(&settings());
    tracker.limit_sources(&hundred_per_s());
    let abuser = Client::connected(&mut tracker, "203.0.113.9:4000");
    let batch = vec![Datagram::steered(abuser.source, &abuser.scraping(&[torrent(9)])); PER_MS];
    let flood = |tracker: &mut Simulator, ms: usize| {
        let before = tracker.statistics().counter(Counter::KernelDropped);
        for _ in 0..ms {
            tracker.pass_ms(1);
            tracker.serve(&batch, |_, _, _| {});
        }
        // Drops are counted in the next turn.
        tracker.run_for_ms(TURN_MS);
        (ms * PER_MS) as u64 - (tracker.statistics().counter(Counter::KernelDropped) - before)
    };
    flood(&mut tracker, 500);
    let received_ms = flood(&mut tracker, 20_000) / PER_MS as u64;
    assert!((4 * 2..=4 * 4).contains(&received_ms), "{received_ms}");
}

fn ban(tracker: &mut Simulator, networks: &[&str]) {
    let networks: Vec<_> = networks.iter().map(|network| network.parse().expect("a network")).collect();
    let networks = BannedNetworks::new(&networks).expect("few networks");
    tracker.update(&AccessUpdate::UseNetworks(Arc::new(networks)));
    tracker.run_for_ms(2 * TURN_MS);
}

#[test]
fn banned_networks_are_dropped_until_the_ban_is_lifted_or_the_filter_is_off() {
    let proxy = ProxyPolicy {
        trusted: vec!["192.0.2.7/32".parse().unwrap()],
        header: ProxyHeaderKind::ForwardedFor { from_right: 0 },
    };
    let mut tracker = Simulator::with_http(&settings(), &HttpPolicy { proxy, ..usual_http() });
    let is_served = |tracker: &mut Simulator, source: &str| {
        let client = Client::stranger(source);
        client.send(tracker, ConnectRequest::new(TRANSACTION).as_bytes()).is_some()
    };
    let connects = |tracker: &mut Simulator, ip| {
        !HttpClient::new(0, ip).exchange(tracker, b"GET /health_check HTTP/1.1\r\nHost: x\r\n\r\n").is_empty()
    };
    for (networks, is_passed) in
        [(&["192.0.2.0/30", "192.0.2.7/32", "2001:db8::/32"][..], false), (&[], true)]
    {
        ban(&mut tracker, networks);
        assert_eq!(tracker.statistics().gauge(Gauge::FilterNetworks), u64::from(!is_passed));
        for (ip, udp) in [("192.0.2.1", "192.0.2.1:6881"), ("2001:db8::1", "[2001:db8::1]:6881")] {
            let before = tracker.statistics().counter(Counter::KernelDropped);
            assert_eq!(is_served(&mut tracker, udp), is_passed, "{ip}");
            assert_eq!(connects(&mut tracker, ip), is_passed, "{ip}");
            tracker.run_for_ms(2 * TURN_MS);
            let dropped = tracker.statistics().counter(Counter::KernelDropped) - before;
            assert_eq!(dropped, u64::from(!is_passed));
        }
        assert!(is_served(&mut tracker, "198.51.100.1:6881"));
        assert!(connects(&mut tracker, "192.0.2.7"), "a trusted proxy");
    }
    ban(&mut tracker, &["192.0.2.0/30"]);
    assert!(!connects(&mut tracker, "192.0.2.1"));
    tracker.use_settings(&SimulatorSettings { kernel_filtering: KernelFiltering::Off, ..settings() });
    tracker.run_for_ms(2 * TURN_MS);
    assert!(connects(&mut tracker, "192.0.2.1"), "it is refused with a reason instead");
}
