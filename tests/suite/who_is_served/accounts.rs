use super::ask::{Announce, IPS, Received, Way, trackers, ways};
use super::{LISTED, PRIVATE, account, assert_accounted, disallow, grant, key_text, revoke, torrent};
use AnnounceEvent::{Completed, None as Nothing, Started, Stopped};
use access::{AccessEvent, AccessPolicy, AccountChange, TorrentAdmission};
use primitives::{AnnounceEvent, PeerId};
use ringtrack_tests::simulator::{CoreEvents, Simulator, SimulatorSettings};
use std::collections::BTreeMap;

/// Private trackers whose users 1 to 3 have keys.
fn trackers_with_users() -> impl Iterator<Item = (Simulator, Way)> {
    trackers(PRIVATE).map(|(mut tracker, way)| {
        (1..=3).for_each(|number| grant(&mut tracker, number, None));
        (tracker, way)
    })
}

/// An announce of a client of user 1 for torrent 1.
fn report(uploaded: u64, downloaded: u64, left: u64, event: AnnounceEvent) -> Announce {
    Announce { uploaded, downloaded, left, event, ..Announce::of(1).with_key(&key_text(1)) }
}

fn send(tracker: &mut Simulator, way: &Way, announce: &Announce) {
    let received = way.announce(tracker, announce);
    assert!(received.swarm().is_some(), "{received:?}");
}

/// The account change reported for user 1: bytes uploaded and downloaded, sessions that seed and leech.
fn told(tracker: &mut Simulator) -> Option<(u64, u64, i64, i64)> {
    let events = tracker.take_events();
    assert!(events.completed.is_empty(), "nothing is remembered of torrents");
    assert!(events.accounts.keys().all(|&key| key == account(1)), "{events:?}");
    events.accounts.get(&account(1)).map(|fact| (fact.uploaded, fact.downloaded, fact.seeding, fact.leeching))
}

#[test]
fn bytes_transferred_between_announces_are_reported_and_those_before_the_first_are_not() {
    for (mut tracker, way) in trackers_with_users() {
        send(&mut tracker, &way, &report(1000, 5000, 9, Nothing));
        assert_eq!(told(&mut tracker), Some((0, 0, 0, 1)), "{way:?}");
        assert_eq!(told(&mut tracker), None, "{way:?}: once");
        send(&mut tracker, &way, &report(1500, 5001, 8, Nothing));
        send(&mut tracker, &way, &report(1501, 5011, 7, Nothing));
        assert_eq!(told(&mut tracker), Some((501, 11, 0, 0)), "{way:?}");
    }
}

#[test]
fn the_last_use_of_a_key_is_reported() {
    for (mut tracker, way) in trackers_with_users() {
        send(&mut tracker, &way, &report(0, 0, 1, Nothing));
        tracker.pass(100);
        send(&mut tracker, &way, &report(0, 0, 1, Nothing));
        let last_seen = tracker.now().monotonic;
        tracker.pass(100);
        assert_eq!(tracker.take_events().accounts[&account(1)].last_seen, Some(last_seen), "{way:?}");
    }
}

#[test]
fn a_client_that_announces_over_both_families_is_one_session() {
    for (mut tracker, way) in trackers_with_users().filter(|(_, way)| way.ip == IPS[0]) {
        let both = |tracker: &mut Simulator, announce: &Announce| {
            IPS.iter().for_each(|&ip| send(tracker, &Way { ip, ..way }, announce));
        };
        both(&mut tracker, &report(0, 0, 1, Started));
        both(&mut tracker, &report(100, 50, 1, Nothing));
        assert_eq!(told(&mut tracker), Some((100, 50, 0, 1)), "{way:?}");
        both(&mut tracker, &report(120, 60, 0, Completed));
        assert_eq!(told(&mut tracker), Some((20, 10, 1, -1)), "{way:?}");
        both(&mut tracker, &report(130, 60, 0, Stopped));
        assert_eq!(told(&mut tracker), Some((10, 0, -1, 0)), "{way:?}");
    }
}

#[test]
fn counting_starts_over_when_counters_go_backwards_or_a_client_starts_again() {
    for (mut tracker, way) in trackers_with_users() {
        for (uploaded, downloaded, event) in [
            (1000, 1000, Started),
            (1010, 1001, Nothing),
            // The client was restarted without announcing that.
            (5, 2000, Nothing),
            (7, 2000, Nothing),
            (100, 3000, Started),
            (103, 3004, Nothing),
        ] {
            send(&mut tracker, &way, &report(uploaded, downloaded, 1, event));
        }
        assert_eq!(told(&mut tracker), Some((10 + 2 + 3, 1 + 4, 0, 1)), "{way:?}");
    }
}

#[test]
fn seeding_and_leeching_follow_the_announces() {
    for (mut tracker, way) in trackers_with_users() {
        send(&mut tracker, &way, &report(0, 0, 1, Started));
        assert_eq!(told(&mut tracker), Some((0, 0, 0, 1)), "{way:?}");
        send(&mut tracker, &way, &report(0, 1, 0, Completed));
        assert_eq!(told(&mut tracker), Some((0, 1, 1, -1)), "{way:?}");
        send(&mut tracker, &way, &report(9, 1, 0, Stopped));
        assert_eq!(told(&mut tracker), Some((9, 0, -1, 0)), "{way:?}");
        send(&mut tracker, &way, &report(9, 1, 0, Stopped));
        assert_eq!(told(&mut tracker), Some((0, 0, 0, 0)), "{way:?}: only the use of the key");
    }
}

#[test]
fn a_session_without_announces_ends_with_its_lifetime() {
    for (mut tracker, way) in trackers_with_users() {
        send(&mut tracker, &way, &report(0, 0, 0, Started));
        told(&mut tracker);
        tracker.pass(2699);
        tracker.sweep();
        assert_eq!(told(&mut tracker), None, "{way:?}");
        tracker.pass(1);
        tracker.sweep();
        assert_eq!(told(&mut tracker), Some((0, 0, -1, 0)), "{way:?}");
    }
}

#[test]
fn the_sessions_of_a_removed_key_end_within_two_rounds_of_the_sweep() {
    for (mut tracker, way) in trackers_with_users() {
        send(&mut tracker, &way, &report(0, 0, 1, Started));
        told(&mut tracker);
        revoke(&mut tracker, 1);
        tracker.sweep();
        tracker.sweep();
        assert_eq!(told(&mut tracker), Some((0, 0, 0, -1)), "{way:?}");
    }
}

#[test]
fn the_accounts_of_a_user_add_up_over_all_torrents_and_cores() {
    for (mut tracker, way) in trackers_with_users() {
        for round in 0..3 {
            for number in 0..40 {
                let uploaded = round * u64::from(number);
                let left = u64::from(number % 4);
                let reported =
                    Announce { torrent: torrent(number), ..report(uploaded, round, left, Nothing) };
                send(&mut tracker, &way, &reported);
            }
        }
        let uploaded = 2 * (0..40).sum::<u64>();
        assert_eq!(told(&mut tracker), Some((uploaded, 80, 10, 30)), "{way:?}");
    }
}

#[test]
fn each_user_and_each_client_of_a_user_is_counted_separately() {
    for (mut tracker, way) in trackers_with_users() {
        for uploaded in [0, 10] {
            send(&mut tracker, &way, &report(uploaded, 0, 1, Nothing));
            let other_client = PeerId(*b"-XX0001-mnopqrstuvwx");
            let reported = Announce { peer_id: other_client, ..report(uploaded * 2, 0, 0, Nothing) };
            send(&mut tracker, &way, &reported);
            send(&mut tracker, &way, &report(uploaded * 5, 0, 0, Nothing).with_key(&key_text(2)));
        }
        let events = tracker.take_events().accounts;
        let sums = |number| {
            let fact: &AccountChange = &events[&account(number)];
            (fact.uploaded, fact.seeding, fact.leeching)
        };
        assert_eq!([sums(1), sums(2)], [(30, 1, 1), (50, 1, 0)], "{way:?}");
        assert_eq!(events.len(), 2);
    }
}

#[test]
fn unsent_account_changes_are_sent_later_together_with_new_ones() {
    for (mut tracker, way) in trackers_with_users() {
        send(&mut tracker, &way, &report(0, 0, 1, Started));
        send(&mut tracker, &way, &report(10, 0, 1, Nothing));
        let owner = tracker.owner(&torrent(1));
        let unsent = tracker.take_events_of(owner);
        let [AccessEvent::Accounts(accounts)] = &unsent[..] else { panic!("{unsent:?}") };
        assert_eq!(accounts.len(), 1);
        send(&mut tracker, &way, &report(15, 3, 1, Nothing));
        for fact in &unsent {
            tracker.context(owner).shard.return_event(fact);
        }
        assert_eq!(told(&mut tracker), Some((15, 3, 0, 1)), "{way:?}");
    }
}

#[test]
fn refused_announces_are_not_accounted() {
    let policy = AccessPolicy { torrents: TorrentAdmission::Listed, ..PRIVATE };
    assert_eq!(policy.torrents, LISTED.torrents);
    for (mut tracker, way) in trackers(policy) {
        grant(&mut tracker, 1, None);
        disallow(&mut tracker, &[1]);
        let refused = way.announce(&mut tracker, &report(0, 0, 1, Started));
        assert!(matches!(refused, Received::Refused(_)), "{refused:?}");
        way.announce(&mut tracker, &report(0, 0, 1, Started).with_key(&key_text(2)));
        assert_eq!(tracker.take_events(), CoreEvents::default(), "{way:?}");
        assert_accounted(&mut tracker);
    }
}

#[test]
fn announces_beyond_the_session_limit_are_answered_and_counted() {
    for (cores, way) in ways() {
        let mut settings = SimulatorSettings::with_shards(cores).with_access(PRIVATE);
        settings.engine.access_bounds.accounts.sessions_max = 1;
        let mut tracker = Simulator::new(&settings);
        grant(&mut tracker, 1, None);
        send(&mut tracker, &way, &report(0, 0, 1, Started));
        let other = Announce { peer_id: PeerId(*b"-XX0001-mnopqrstuvwx"), ..report(0, 0, 1, Started) };
        send(&mut tracker, &way, &other);
        let refused = tracker.statistics().counter(metrics::Counter::SessionReportsRefused);
        assert_eq!(refused, 1, "{way:?}");
    }
}

#[test]
fn keys_of_a_public_tracker_have_no_accounts() {
    for (mut tracker, way) in trackers(super::PUBLIC) {
        grant(&mut tracker, 1, None);
        send(&mut tracker, &way, &report(0, 0, 1, Started));
        send(&mut tracker, &way, &report(10, 0, 1, Nothing));
        assert_eq!(tracker.take_events().accounts, BTreeMap::new(), "{way:?}");
    }
}
