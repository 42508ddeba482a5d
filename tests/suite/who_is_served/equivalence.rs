use super::ask::{Announce, CoreOf, IPS, Protocol, Received, Way};
use super::{
    account, allow, assert_accounted, change_list, deny, disallow, grant, key_text, revoke, tracker,
};
use access::{AccessPolicy, CompletedCounts, DetailsKept, TorrentAdmission, UserAdmission};
use metrics::Statistics;
use primitives::{AnnounceEvent, ListChange, ListSource, PeerId, TorrentList};
use proptest::prelude::*;
use ringtrack_tests::simulator::{CoreEvents, Simulator};

/// The policy with all checks and all records.
const STRICT: AccessPolicy = AccessPolicy {
    users: UserAdmission::Private,
    torrents: TorrentAdmission::Listed,
    completed: CompletedCounts::Remembered,
    details: DetailsKept::Kept,
};

const TORRENTS: u8 = 6;

/// A request to a tracker, or a change of its state.
#[derive(Debug, Clone)]
enum Step {
    Announce(Asked),
    Scrape { torrent: u8, family: usize },
    Allow(u8),
    Disallow(u8),
    Deny(u8),
    Undeny(u8),
    Grant(u32),
    Revoke(u32),
    Pass(u32),
}

#[derive(Debug, Clone)]
struct Asked {
    torrent: u8,
    key: u32,
    family: usize,
    port: u16,
    peer_id: u8,
    counters: (u64, u64, u64),
    event: AnnounceEvent,
}

fn any_event() -> impl Strategy<Value = AnnounceEvent> {
    prop_oneof![
        4 => Just(AnnounceEvent::None),
        2 => Just(AnnounceEvent::Started),
        1 => Just(AnnounceEvent::Completed),
        1 => Just(AnnounceEvent::Stopped),
    ]
}

fn any_asked() -> impl Strategy<Value = Asked> {
    let counters = (0..20_u64, 0..20_u64, 0..2_u64);
    let client = (0..4_u32, 0..2_usize, 0..4_u16, b'a'..=b'b');
    (0..TORRENTS, client, counters, any_event()).prop_map(
        |(torrent, (key, family, port, peer_id), counters, event)| Asked {
            torrent,
            key,
            family,
            port,
            peer_id,
            counters,
            event,
        },
    )
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        20 => any_asked().prop_map(Step::Announce),
        4 => (0..TORRENTS, 0..2_usize).prop_map(|(torrent, family)| Step::Scrape { torrent, family }),
        2 => (0..TORRENTS).prop_map(Step::Allow),
        1 => (0..TORRENTS).prop_map(Step::Disallow),
        1 => (0..TORRENTS).prop_map(Step::Deny),
        1 => (0..TORRENTS).prop_map(Step::Undeny),
        1 => (0..4_u32).prop_map(Step::Grant),
        1 => (0..4_u32).prop_map(Step::Revoke),
        1 => (1..2000_u32).prop_map(Step::Pass),
    ]
}

/// A tracker and the way in which requests reach it.
struct Asking {
    tracker: Simulator,
    way: Way,
}

impl Asking {
    fn new(cores: usize, protocol: Protocol, core: CoreOf) -> Self {
        let mut tracker = tracker(cores, STRICT);
        allow(&mut tracker, &[0, 1, 2, 3]);
        for number in 0..3 {
            grant(&mut tracker, number, None);
        }
        Self { tracker, way: Way { protocol, core, ip: IPS[0] } }
    }

    fn play(&mut self, step: &Step) -> Option<Received> {
        let Self { tracker, way } = self;
        match *step {
            Step::Announce(ref asked) => return Some(self.announce(asked)),
            Step::Scrape { torrent, family } => return Some(self.scrape(torrent, family)),
            Step::Allow(torrent) => allow(tracker, &[torrent]),
            Step::Disallow(torrent) => disallow(tracker, &[torrent]),
            Step::Deny(torrent) => deny(tracker, &[torrent]),
            Step::Undeny(torrent) => {
                let lifted =
                    change_list(ListChange::Remove, TorrentList::Denied, ListSource::Api, &[torrent]);
                tracker.update(&lifted);
            }
            Step::Grant(number) => grant(tracker, number, None),
            Step::Revoke(number) => {
                revoke(tracker, number);
                // Each core has swept another part by itself.
                tracker.sweep();
            }
            Step::Pass(seconds) => {
                tracker.pass(seconds);
                tracker.expire();
                tracker.sweep();
                way.client(tracker);
            }
        }
        None
    }

    fn announce(&mut self, asked: &Asked) -> Received {
        let (uploaded, downloaded, left) = asked.counters;
        let announce = Announce {
            uploaded,
            downloaded,
            left,
            port: asked.port,
            peer_id: PeerId([asked.peer_id; 20]),
            ..Announce::of(asked.torrent).with_key(&key_text(asked.key)).with_event(asked.event)
        };
        let received = Way { ip: IPS[asked.family], ..self.way }.announce(&mut self.tracker, &announce);
        match received {
            Received::Peers { seeders, leechers, peers, .. } => {
                Received::Peers { seeders, leechers, peers, downloaded: None }
            }
            other => other,
        }
    }

    /// Scrapes over HTTP with a key that is never removed, because scrapes over UDP are always refused.
    fn scrape(&mut self, torrent: u8, family: usize) -> Received {
        grant(&mut self.tracker, 9, None);
        let way = Way { ip: IPS[family], protocol: Protocol::Http, ..self.way };
        way.scrape(&mut self.tracker, torrent, &format!("/{}", key_text(9)))
    }
}

/// The figures that must be equal whatever the protocol and the number of cores.
fn figures(statistics: &Statistics) -> Vec<(String, u64)> {
    let is_same = |name: &str| {
        name.starts_with("refused_")
            || name.ends_with("_refused") && name != "replies_refused"
            || ["completed", "peers_expired"].contains(&name)
            || ["swarms_v", "seeders_v", "leechers_v"].iter().any(|prefix| name.starts_with(prefix))
    };
    let is_of_one_protocol = |name: &str| name.starts_with("http_") || name.starts_with("udp_");
    statistics.named().filter(|(name, _)| is_same(name) && !is_of_one_protocol(name)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn a_private_and_listed_tracker_answers_the_same_with_one_core_and_with_many(
        cores in 2..=8_usize,
        steps in prop::collection::vec(any_step(), 1..120),
    ) {
        let mut one = Asking::new(1, Protocol::Udp, CoreOf::Owner);
        let mut others = [
            Asking::new(cores, Protocol::Udp, CoreOf::Owner),
            Asking::new(cores, Protocol::Udp, CoreOf::Another),
            Asking::new(1, Protocol::Http, CoreOf::Owner),
            Asking::new(cores, Protocol::Http, CoreOf::Another),
        ];
        for step in &steps {
            let expected = one.play(step);
            for other in &mut others {
                prop_assert_eq!(&other.play(step), &expected, "{:?}", other.way);
            }
        }
        let events = one.tracker.take_events();
        prop_assert!(events.accounts.keys().all(|&key| key < account(4)));
        for other in &mut others {
            let received: CoreEvents = other.tracker.take_events();
            prop_assert_eq!(&received, &events, "{:?}", other.way);
            prop_assert_eq!(figures(&other.tracker.statistics()), figures(&one.tracker.statistics()));
            assert_accounted(&mut other.tracker);
        }
    }
}
