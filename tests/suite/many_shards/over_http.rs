use super::requests::{Asked, CLIENTS, Request, TORRENTS, any_announce, clients, info_hash};
use metrics::{Counter, HttpOutcome, Statistics};
use primitives::{AddressFamily, AnnounceEvent, InfoHash};
use proptest::prelude::*;
use ringtrack_tests::client::{Announced, Answer, Client, TorrentCounts};
use ringtrack_tests::http_client::{HttpClient, announce_target};
use ringtrack_tests::simulator::{Datagram, Simulator, SimulatorSettings};
use std::collections::BTreeMap;

/// The same clients on two trackers: with one core over UDP, and with several over HTTP.
struct Pair {
    udp: Simulator,
    clients: Vec<Client>,
    http: Simulator,
}

/// An answer without its random and its protocol-specific parts.
#[derive(Debug, PartialEq, Eq)]
enum Received {
    Announced(Announced),
    Scraped(BTreeMap<InfoHash, TorrentCounts>),
}

impl Pair {
    fn new(shards: usize) -> Self {
        let mut udp = Simulator::new(&SimulatorSettings::with_shards(1));
        let clients = clients(&mut udp);
        Self { udp, clients, http: Simulator::new(&SimulatorSettings::with_shards(shards)) }
    }

    fn over_udp(&mut self, request: &Request) -> Received {
        let client = &self.clients[usize::from(request.client)];
        let replies = self.udp.exchange(&[Datagram::steered(client.source, &request.bytes(client))]);
        match (&request.asked, Answer::read(client.source, &replies[0].bytes)) {
            (_, Answer::Announced(announced)) => Received::Announced(without_chance(announced)),
            (Asked::Scrape { torrents }, Answer::Scraped(counts)) => {
                Received::Scraped(torrents.iter().copied().map(info_hash).zip(counts).collect())
            }
            other => panic!("not the answer to the request: {other:?}"),
        }
    }

    fn over_http(&mut self, request: &Request) -> Received {
        let source = self.clients[usize::from(request.client)].source;
        let mut client = HttpClient::new(request.core, &source.ip().to_string());
        match &request.asked {
            Asked::Announce { torrent, left, event, port } => {
                let event = event_parameter(*event);
                let more = format!("&left={left}&numwant=200&compact=1{event}");
                let target = announce_target(info_hash(*torrent), port.unwrap_or(source.port()), &more);
                let announced = client.announce(&mut self.http, &target);
                assert_eq!(announced.external_ip, source.ip().to_canonical());
                assert_eq!(announced.min_interval_s, announced.common.interval_s / 2);
                Received::Announced(without_chance(announced.common))
            }
            Asked::Scrape { torrents } => {
                let torrents: Vec<InfoHash> = torrents.iter().copied().map(info_hash).collect();
                Received::Scraped(client.scrape(&mut self.http, &torrents))
            }
            other => panic!("no request of HTTP: {other:?}"),
        }
    }

    fn pass(&mut self, seconds: u32) {
        for tracker in [&mut self.udp, &mut self.http] {
            tracker.pass(seconds);
            tracker.expire();
        }
        for client in &mut self.clients {
            client.connect(&mut self.udp);
        }
    }

    /// All peers of each torrent in both families, as returned to a client at port 0.
    fn everyone(&mut self, ask: impl Fn(&mut Self, &Request) -> Received) -> Vec<Received> {
        let (left, event, port) = (1, AnnounceEvent::None, Some(0));
        let asked = (0..TORRENTS).map(|torrent| Asked::Announce { torrent, left, event, port });
        let requests = asked.flat_map(|asked| [(0, asked.clone()), (CLIENTS - 1, asked)]);
        requests.map(|(client, asked)| ask(self, &Request { client, core: 3, asked })).collect()
    }
}

fn without_chance(mut announced: Announced) -> Announced {
    assert!((1620..=1980).contains(&announced.interval_s));
    announced.interval_s = 0;
    announced
}

const fn event_parameter(event: AnnounceEvent) -> &'static str {
    match event {
        AnnounceEvent::None => "",
        AnnounceEvent::Started => "&event=started",
        AnnounceEvent::Stopped => "&event=stopped",
        AnnounceEvent::Completed => "&event=completed",
    }
}

/// The figures about swarms, without those about protocols and routing.
fn totals(statistics: &Statistics) -> Vec<(String, u64)> {
    let other = [
        "bytes_received",
        "bytes_sent",
        "announces_on_wrong_core",
        "scrapes_routed",
        "swarm_bytes",
        "access_bytes",
        "batches_received",
    ];
    let is_total = |name: &str| {
        !["udp_", "http_", "timer_"].iter().any(|prefix| name.starts_with(prefix)) && !other.contains(&name)
    };
    statistics.named().filter(|(name, _)| is_total(name)).collect()
}

fn any_of_both() -> impl Strategy<Value = Request> {
    let scraped = prop::collection::vec(0..TORRENTS + 2, 1..=76);
    let asked =
        prop_oneof![8 => any_announce(), 2 => scraped.prop_map(|torrents| Asked::Scrape { torrents })];
    (0..CLIENTS, 0..8_usize, asked).prop_map(|(client, core, asked)| Request { client, core, asked })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn http_clients_of_many_cores_get_the_same_answers_as_udp_clients_of_one_core(
        shards in 1..=8_usize,
        requests in prop::collection::vec((any_of_both(), prop::option::weighted(0.03, 1..3000_u32)), 1..150),
    ) {
        let mut pair = Pair::new(shards);
        for (request, seconds) in &requests {
            if let Some(seconds) = seconds {
                pair.pass(*seconds);
            }
            prop_assert_eq!(pair.over_http(request), pair.over_udp(request));
        }
        prop_assert_eq!(pair.everyone(Pair::over_http), pair.everyone(Pair::over_udp));
        let (http, udp) = (pair.http.statistics(), pair.udp.statistics());
        prop_assert_eq!(totals(&http), totals(&udp));
        prop_assert_eq!(http.http_requests(), requests.len() as u64 + 2 * u64::from(TORRENTS));
        let is_answer = [HttpOutcome::AnnounceAnswered, HttpOutcome::ScrapeAnswered];
        let answered = AddressFamily::ALL
            .iter()
            .flat_map(|&family| is_answer.map(|outcome| http.http_outcomes(family, outcome)));
        prop_assert_eq!(answered.sum::<u64>(), http.http_requests());
        prop_assert_eq!(pair.http.routed_underway(), 0);
        prop_assert!(shards > 1 || http.counter(Counter::RoutedHttpRequests) == 0);
    }
}
