use super::accounting::assert_accounted;
use super::requests::{Asked, CLIENTS, Request, TORRENTS, any_announce, any_request, clients, info_hash};
use metrics::{Counter, Statistics};
use primitives::{AnnounceEvent, InfoHash};
use proptest::prelude::*;
use ringtrack_tests::client::{Answer, Client, TorrentCounts};
use ringtrack_tests::simulator::{Arrival, Datagram, Simulator, SimulatorSettings};
use std::collections::BTreeSet;

/// A tracker under test with its clients.
struct Tracker {
    simulator: Simulator,
    clients: Vec<Client>,
    way: Way,
}

/// How datagrams reach the tracker.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Steered,
    Anywhere,
}

impl Tracker {
    fn new(shards: usize, way: Way) -> Self {
        let mut simulator = Simulator::new(&SimulatorSettings::with_shards(shards));
        let clients = clients(&mut simulator);
        Self { simulator, clients, way }
    }

    /// The answers to requests that arrive together, in their order.
    fn ask(&mut self, requests: &[Request]) -> Vec<Option<Answer>> {
        let datagrams: Vec<Datagram> = requests.iter().map(|request| self.datagram(request)).collect();
        let mut answers = vec![None; requests.len()];
        for reply in self.simulator.exchange(&datagrams) {
            let source = datagrams[reply.request].source;
            assert_eq!(reply.destination, source);
            answers[reply.request] = Some(without_chance(Answer::read(source, &reply.bytes)));
        }
        answers
    }

    fn datagram(&self, request: &Request) -> Datagram {
        let client = &self.clients[usize::from(request.client)];
        let arrival = match self.way {
            Way::Steered => Arrival::Steered,
            Way::Anywhere => Arrival::At(request.core),
        };
        Datagram { source: client.source, bytes: request.bytes(client), arrival }
    }

    fn pass_half_a_lifetime(&mut self) {
        self.simulator.pass(1350);
        self.simulator.expire();
        for client in &mut self.clients {
            client.connect(&mut self.simulator);
        }
    }

    /// The counts of all torrents in both families.
    fn counts(&mut self) -> Vec<Vec<TorrentCounts>> {
        let torrents: Vec<InfoHash> = (0..TORRENTS).map(info_hash).collect();
        let mut scrape = |client: usize| self.clients[client].scrape(&mut self.simulator, &torrents);
        vec![scrape(0), scrape(2)]
    }
}

/// The answer without its random parts.
fn without_chance(mut answer: Answer) -> Answer {
    if let Answer::Announced(announced) = &mut answer {
        assert!((1620..=1980).contains(&announced.interval_s));
        announced.interval_s = 0;
    }
    answer
}

/// The figures that must be equal on any number of cores: outcomes, but not routing and turns.
fn figures(statistics: &Statistics) -> Vec<(String, u64)> {
    let about_shards = [
        "announces_on_wrong_core",
        "scrapes_routed",
        "swarm_bytes",
        "access_bytes",
        "batches_received",
        "timer_turns",
        "timer_lateness_us",
        "timer_lateness_us_max",
    ];
    statistics.named().filter(|(name, _)| !about_shards.contains(&name.as_str())).collect()
}

fn assert_equal_figures(one: &mut Tracker, other: &mut Tracker) {
    assert_eq!(figures(&one.simulator.statistics()), figures(&other.simulator.statistics()));
    for tracker in [one, other] {
        assert_accounted(&mut tracker.simulator);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn many_shards_answer_each_request_like_one_shard(
        shards in 2..=8_usize,
        requests in prop::collection::vec((any_request(), prop::bool::weighted(0.02)), 1..150),
    ) {
        let mut one = Tracker::new(1, Way::Steered);
        let mut steered = Tracker::new(shards, Way::Steered);
        let mut anywhere = Tracker::new(shards, Way::Anywhere);
        for (request, is_after_a_while) in &requests {
            let request = core::slice::from_ref(request);
            if *is_after_a_while {
                for tracker in [&mut one, &mut steered, &mut anywhere] {
                    tracker.pass_half_a_lifetime();
                }
            }
            let expected = one.ask(request);
            prop_assert_eq!(&steered.ask(request), &expected);
            prop_assert_eq!(&anywhere.ask(request), &expected);
        }
        assert_equal_figures(&mut one, &mut steered);
        assert_equal_figures(&mut one, &mut anywhere);
        let counts = one.counts();
        prop_assert_eq!(steered.counts(), counts.clone());
        prop_assert_eq!(anywhere.counts(), counts);
        prop_assert_eq!(steered.simulator.statistics().counter(Counter::AnnouncesOnWrongCore), 0);
    }

    #[test]
    fn many_cores_answer_steered_batches_like_one_core(
        shards in 2..=8_usize,
        batches in prop::collection::vec(prop::collection::vec(any_request(), 1..80), 1..6),
    ) {
        let mut one = Tracker::new(1, Way::Steered);
        let mut steered = Tracker::new(shards, Way::Steered);
        for mut batch in batches {
            // A scrape over several cores sees each of them at another moment of the batch, so scrapes are left out.
            batch.retain(|request| !matches!(request.asked, Asked::Scrape { .. }));
            prop_assert_eq!(steered.ask(&batch), one.ask(&batch));
        }
        assert_equal_figures(&mut one, &mut steered);
        prop_assert_eq!(steered.counts(), one.counts());
    }

    #[test]
    fn batches_that_arrive_at_any_core_result_in_the_same_swarms(
        shards in 2..=8_usize,
        requests in prop::collection::vec((0..CLIENTS, 0..8_usize, any_announce()), 1..400),
    ) {
        let requests = one_for_each_peer(requests);
        let mut one = Tracker::new(1, Way::Steered);
        let mut anywhere = Tracker::new(shards, Way::Anywhere);
        let (expected, answers) = (one.ask(&requests), anywhere.ask(&requests));
        // The first client in a batch sees fewer peers, and which client is first depends on the way.
        prop_assert_eq!(answers.iter().flatten().count(), expected.iter().flatten().count());
        assert_accounted(&mut anywhere.simulator);
        prop_assert_eq!(anywhere.counts(), one.counts());
        prop_assert_eq!(everyone_in_each_swarm(&mut anywhere), everyone_in_each_swarm(&mut one));
    }
}

/// Keeps one announce per peer of a torrent, so that their order does not matter.
fn one_for_each_peer(requests: Vec<(u8, usize, Asked)>) -> Vec<Request> {
    let mut seen = BTreeSet::new();
    let mut kept = Vec::new();
    for (client, core, asked) in requests {
        let Asked::Announce { torrent, port, .. } = asked else { continue };
        if seen.insert((client, torrent, port)) {
            kept.push(Request { client, core, asked });
        }
    }
    kept
}

/// The answers to a leecher at port 0, which is not a peer itself, for each torrent in both families.
fn everyone_in_each_swarm(tracker: &mut Tracker) -> Vec<Option<Answer>> {
    let event = AnnounceEvent::None;
    let asked = (0..TORRENTS).map(|torrent| Asked::Announce { torrent, left: 1, event, port: Some(0) });
    let clients = [CLIENTS - 1, 0];
    let requests: Vec<Request> = asked
        .flat_map(|asked| clients.map(|client| (client, asked.clone())))
        .map(|(client, asked)| Request { client, core: client.into(), asked })
        .collect();
    requests.iter().flat_map(|request| tracker.ask(core::slice::from_ref(request))).collect()
}
