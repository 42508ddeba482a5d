use super::{TORRENT, tracker};
use access::{AccessUpdate, TorrentAdmission};
use engine::{BranchCountScan, FirstTorrentsScan, ScanStep, UpdateStep};
use primitives::{FirstTorrents, InfoHash, InfoHashPrefix, PeerStatus, TorrentInfo, TorrentOrder};
use ringtrack_tests::client::Client;
use ringtrack_tests::simulator::{Simulator, SimulatorSettings};

fn torrent(number: u16) -> InfoHash {
    let mut info_hash = TORRENT;
    info_hash.0[..2].copy_from_slice(&number.to_be_bytes());
    info_hash
}

/// Torrent n has n % 7 + 1 leechers and n % 3 seeders; every fourth has one more leecher, over IPv6.
fn filled(torrents: u16) -> Simulator {
    let mut tracker = tracker();
    let clients: Vec<Client> =
        (1..8).map(|host| Client::connected(&mut tracker, &format!("192.0.2.{host}:6881"))).collect();
    let v6 = Client::connected(&mut tracker, "[2001:db8::1]:6881");
    for number in 0..torrents {
        let leechers = usize::from(number % 7 + 1);
        for (port, client) in (1000..).zip(&clients[..leechers]) {
            client.announce(&mut tracker, &client.leeching(torrent(number)).with_port(port));
        }
        for client in &clients[..usize::from(number % 3)] {
            client.announce(&mut tracker, &client.seeding(torrent(number)));
        }
        if number % 4 == 0 {
            v6.announce(&mut tracker, &v6.leeching(torrent(number)));
        }
    }
    v6.announce(&mut tracker, &v6.seeding(torrent(torrents)));
    tracker
}

fn counts(tracker: &mut Simulator, prefix: InfoHashPrefix) -> Vec<u32> {
    let (shard, mut scan) = (tracker.context(0).shard, BranchCountScan::new(prefix));
    while scan.advance(shard.torrents()) == ScanStep::More {}
    scan.finish()
}

/// The first torrents in an order, with an info hash from `from` on.
fn first(tracker: &mut Simulator, order: TorrentOrder, from: u16, torrents_max: usize) -> Vec<TorrentInfo> {
    let wanted = FirstTorrents { order, from: torrent(from), torrents_max };
    let (shard, mut scan) = (tracker.context(0).shard, FirstTorrentsScan::new(wanted));
    while scan.advance(shard.torrents()) == ScanStep::More {}
    let mut found = scan.finish();
    found.sort_by_key(|info| (u64::MAX - order.rank(info), info.info_hash));
    found
}

fn info_of(number: u16) -> TorrentInfo {
    let v6 = u32::from(number.is_multiple_of(4));
    let (seeders, leechers) = (u32::from(number % 3), u32::from(number % 7 + 1) + v6);
    TorrentInfo { info_hash: torrent(number), seeders, leechers, completed: 0 }
}

/// All torrents of [`filled`] in the order of their info hashes.
fn all() -> Vec<TorrentInfo> {
    let only_v6 = TorrentInfo { info_hash: torrent(600), seeders: 1, leechers: 0, completed: 0 };
    (0..600).map(info_of).chain([only_v6]).collect()
}

#[test]
fn a_scan_returns_every_torrent_once_in_order_with_the_peers_of_both_families() {
    let mut tracker = filled(600);
    let all = all();
    assert_eq!(first(&mut tracker, TorrentOrder::InfoHash, 0, 1000), all);
    for from in [0, 1, 299, 501, 600] {
        let expected = &all[from.into()..];
        let expected = &expected[..expected.len().min(100)];
        assert_eq!(first(&mut tracker, TorrentOrder::InfoHash, from, 100), expected, "{from}");
    }
    assert_eq!(first(&mut tracker, TorrentOrder::InfoHash, 601, 100), []);
}

#[test]
fn a_scan_by_a_count_returns_the_highest_and_breaks_ties_by_the_lower_info_hash() {
    let mut tracker = filled(600);
    for order in [TorrentOrder::Seeders, TorrentOrder::Leechers, TorrentOrder::Peers] {
        let mut expected = all();
        expected.sort_by_key(|info| (u64::MAX - order.rank(info), info.info_hash));
        assert_eq!(first(&mut tracker, order, 0, 50), expected[..50], "{order:?}");
    }
}

#[test]
fn a_count_groups_torrents_by_the_next_two_bytes_of_their_info_hashes() {
    let mut tracker = filled(600);
    let of_all = counts(&mut tracker, InfoHashPrefix::default());
    assert!(of_all[..601].iter().all(|&count| count == 1) && of_all[601..].iter().all(|&count| count == 0));
    let five = InfoHashPrefix::default().extended(5);
    let of_five = counts(&mut tracker, five);
    let branch = five.branch_of(&torrent(5)).unwrap();
    assert_eq!((of_five[usize::from(branch)], of_five.iter().sum::<u32>()), (1, 1));
}

#[test]
fn a_scan_for_zero_torrents_returns_none() {
    let mut tracker = filled(3);
    for order in [TorrentOrder::InfoHash, TorrentOrder::Peers] {
        assert_eq!(first(&mut tracker, order, 0, 0), []);
    }
}

#[test]
fn the_peers_of_a_torrent_are_returned_ipv4_first_and_no_more_than_requested() {
    let mut tracker = filled(5);
    tracker.pass(60);
    let core = tracker.context(0);
    let peers = core.shard.torrents().peers(core.now, &torrent(4), 100);
    assert_eq!(peers.len(), 7);
    assert_eq!(peers[0].status, PeerStatus::Seeder);
    assert!((58..=60).contains(&peers[0].heard_s_ago), "{peers:?}");
    assert_eq!(peers[6].address, "[2001:db8::1]:6881".parse().unwrap());
    assert_eq!(core.shard.torrents().peers(core.now, &torrent(4), 6), peers[..6]);
    assert_eq!(core.shard.torrents().peers(core.now, &torrent(9), 6), []);
}

#[test]
fn a_dropped_torrent_has_no_peers_until_they_announce_again() {
    let mut tracker = filled(5);
    assert!(tracker.context(0).shard.drop_torrent(&torrent(4)));
    assert!(!tracker.context(0).shard.drop_torrent(&torrent(4)));
    assert_eq!(tracker.context(0).shard.torrents().info(&torrent(4)), None);
    let client = Client::connected(&mut tracker, "192.0.2.1:6881");
    assert_eq!(client.announce(&mut tracker, &client.leeching(torrent(4))).leechers, 1);
}

#[test]
fn torrents_that_are_not_listed_are_dropped_and_each_step_drops_a_few() {
    let mut tracker = filled(600);
    let mut settings = SimulatorSettings::default();
    settings.engine.access.torrents = TorrentAdmission::Listed;
    tracker.use_settings(&settings);
    let shard = tracker.context(0).shard;
    let (mut place, mut steps) = (0, 0);
    while let UpdateStep::More(next) = shard.apply_update(&AccessUpdate::DropUnserved, place) {
        (place, steps) = (next, steps + 1);
    }
    assert!(steps >= 9, "{steps} for 601 torrents");
    assert_eq!(first(&mut tracker, TorrentOrder::InfoHash, 0, 10), []);
}
