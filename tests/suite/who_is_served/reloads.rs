use super::ask::{Announce, Received, Way, trackers};
use super::{LISTED, PRIVATE, account, allow, change_list, deny, grant, key, key_text, torrent, tracker};
use ListChange::Add;
use ListSource::{Api, File};
use TorrentList::{Allowed, Denied};
use access::{AccessUpdate, KeyGrant};
use primitives::{InfoHash, ListChange, ListSource, TorrentList};
use ringtrack_tests::simulator::{Simulator, SimulatorSettings};

/// Reloads the list of a source.
fn reload(tracker: &mut Simulator, list: TorrentList, source: ListSource, torrents: &[u8]) {
    tracker.update(&AccessUpdate::BeginList(list, source));
    tracker.update(&change_list(Add, list, source, torrents));
    tracker.update(&AccessUpdate::EndList(list, source));
}

fn is_served(tracker: &mut Simulator, way: &Way, number: u8) -> bool {
    way.announce(tracker, &Announce::of(number)).swarm().is_some()
}

#[test]
fn a_reloaded_list_removes_missing_torrents_and_keeps_the_peers_of_the_others() {
    for (mut tracker, way) in trackers(LISTED) {
        reload(&mut tracker, Allowed, File, &[1, 2, 3]);
        allow(&mut tracker, &[3]);
        for number in [1, 2, 3] {
            assert!(is_served(&mut tracker, &way, number), "{way:?}");
        }
        reload(&mut tracker, Allowed, File, &[2, 4]);
        tracker.sweep();
        let counts = [1, 2, 3].map(|number| way.scrape(&mut tracker, number, ""));
        let stays = Received::counts(0, 0, 1);
        assert_eq!(counts, [Received::counts(0, 0, 0), stays.clone(), stays], "{way:?}: the API lists 3 too");
        let served = [1, 2, 3, 4].map(|number| is_served(&mut tracker, &way, number));
        assert_eq!(served, [false, true, true, true], "{way:?}");
    }
}

#[test]
fn during_a_reload_the_torrents_of_the_old_and_the_new_list_are_served() {
    for (mut tracker, way) in trackers(LISTED) {
        reload(&mut tracker, Allowed, File, &[1]);
        is_served(&mut tracker, &way, 1);
        tracker.update(&AccessUpdate::BeginList(Allowed, File));
        tracker.update(&change_list(Add, Allowed, File, &[2]));
        tracker.sweep();
        assert!(is_served(&mut tracker, &way, 1) && is_served(&mut tracker, &way, 2), "{way:?}");
        tracker.update(&AccessUpdate::EndList(Allowed, File));
        tracker.sweep();
        assert_eq!(way.scrape(&mut tracker, 1, ""), Received::counts(0, 0, 0), "{way:?}");
        assert!(!is_served(&mut tracker, &way, 1) && is_served(&mut tracker, &way, 2), "{way:?}");
    }
}

#[test]
fn a_reloaded_list_that_is_empty_removes_all_torrents() {
    let mut tracker = tracker(4, LISTED);
    let all: Vec<u8> = (0..200).collect();
    reload(&mut tracker, Allowed, Api, &all);
    assert!(all.iter().all(|&number| is_served(&mut tracker, &Way::UDP, number)));
    reload(&mut tracker, Allowed, Api, &[]);
    tracker.sweep();
    assert!(!all.iter().any(|&number| is_served(&mut tracker, &Way::UDP, number)));
    assert_eq!(tracker.statistics().gauge(metrics::Gauge::SwarmsV4), 0);
}

#[test]
fn torrents_that_a_reloaded_ban_list_omits_are_served_again() {
    for (mut tracker, way) in trackers(super::PUBLIC) {
        reload(&mut tracker, Denied, File, &[1, 2]);
        deny(&mut tracker, &[3]);
        is_served(&mut tracker, &way, 4);
        reload(&mut tracker, Denied, File, &[2, 4]);
        assert_eq!(way.scrape(&mut tracker, 4, ""), Received::counts(0, 0, 0), "{way:?}: at once");
        tracker.sweep();
        let served = [1, 2, 3, 4].map(|number| is_served(&mut tracker, &way, number));
        assert_eq!(served, [true, false, false, false], "{way:?}");
    }
}

#[test]
fn a_tracker_that_becomes_listed_keeps_the_swarms_of_the_list_only_and_serves_all_again_when_it_is_public() {
    let public = SimulatorSettings::with_shards(4);
    let mut tracker = Simulator::new(&public);
    let all: Vec<u8> = (0..200).collect();
    assert!(all.iter().all(|&number| is_served(&mut tracker, &Way::UDP, number)));
    let (listed, others): (Vec<u8>, Vec<u8>) = all.iter().partition(|number| **number % 2 == 0);
    reload(&mut tracker, Allowed, Api, &listed);
    tracker.use_settings(&public.with_access(LISTED));
    tracker.update(&AccessUpdate::DropUnserved);
    assert_eq!(tracker.statistics().gauge(metrics::Gauge::SwarmsV4), 100);
    assert!(listed.iter().all(|&number| is_served(&mut tracker, &Way::UDP, number)));
    assert!(!others.iter().any(|&number| is_served(&mut tracker, &Way::UDP, number)));
    tracker.use_settings(&public);
    assert_eq!(tracker.statistics().gauge(metrics::Gauge::SwarmsV4), 100, "no swarm is dropped");
    assert!(all.iter().all(|&number| is_served(&mut tracker, &Way::UDP, number)));
}

#[test]
fn a_list_longer_than_one_step_is_applied_in_full() {
    let mut tracker = tracker(4, LISTED);
    let hash = |number: u32| {
        let mut info_hash = torrent(0);
        info_hash.0[4..8].copy_from_slice(&number.to_be_bytes());
        info_hash
    };
    let torrents: Vec<InfoHash> = (0..20_000).map(hash).collect();
    tracker.update(&AccessUpdate::ChangeList(Add, Allowed, File, torrents.into()));
    let client = Way::UDP.client(&mut tracker);
    for number in (0..20_000).step_by(199) {
        client.announce(&mut tracker, &client.leeching(hash(number)));
    }
}

#[test]
fn keys_that_a_reload_omits_are_refused() {
    for (mut tracker, way) in trackers(PRIVATE) {
        grant(&mut tracker, 1, None);
        grant(&mut tracker, 2, None);
        let ask = |tracker: &mut Simulator, number| {
            way.announce(tracker, &Announce::of(1).with_key(&key_text(number))).swarm().is_some()
        };
        tracker.update(&AccessUpdate::BeginKeys);
        let grant = KeyGrant { key: key(2), id: account(2), valid_until_unix_s: None };
        tracker.update(&AccessUpdate::PutKeys([grant].into()));
        assert!(ask(&mut tracker, 1) && ask(&mut tracker, 2), "{way:?}: the reload is not finished");
        tracker.update(&AccessUpdate::EndKeys);
        tracker.sweep();
        assert!(!ask(&mut tracker, 1) && ask(&mut tracker, 2), "{way:?}");
    }
}
