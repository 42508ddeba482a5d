//! The listener for Prometheus of the running tracker.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use metrics::Figure;
use primitives::InfoHash;
use ringtrack_tests::http_client::announce_target;
use rustix::process::Signal;

use crate::cores::two_cores;
use crate::http_client::{HttpAnswer, HttpClient};
use crate::management::address_in;
use crate::patience::wait_for;
use crate::tracker::{Launch, Tracker};
use crate::udp_client::Client;

const TOKEN: &str = "0123456789abcdef";
const TORRENT: InfoHash = InfoHash([7; 20]);

/// The values of an answer by their series.
type Series = BTreeMap<String, f64>;

fn address_of_figures(tracker: &Tracker) -> SocketAddr {
    address_in(tracker, "figures for Prometheus are at").parse().expect("an address")
}

fn ask(address: SocketAddr, token: &str) -> HttpAnswer {
    let mut client = HttpClient::new(address);
    client.send(
        format!("GET /metrics HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer {token}\r\n\r\n").as_bytes(),
    );
    client.answer()
}

/// Reads the text format. Panics if a line is something else, or its metric has no help and type before it.
fn series(text: &str) -> Series {
    let (mut all, mut declared) = (Series::new(), BTreeSet::new());
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, _) = help.split_once(' ').expect("a help");
            let typed = lines.next().expect("a type");
            assert!(typed.starts_with(&format!("# TYPE {name} ")), "{typed}");
            assert!(declared.insert(name.to_owned()), "{name} is declared twice");
            continue;
        }
        let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line:?}"));
        let name = series.split('{').next().unwrap_or_default();
        let endings = ["", "_bucket", "_sum", "_count"];
        let is_declared =
            endings.iter().filter_map(|end| name.strip_suffix(end)).any(|n| declared.contains(n));
        assert!(is_declared, "{line}");
        let value = value.parse().unwrap_or_else(|_| panic!("{line:?}"));
        assert_eq!(all.insert(series.to_owned(), value), None, "{series} occurs twice");
    }
    all
}

fn sum(all: &Series, parts: &[&str]) -> f64 {
    let has_all = |series: &str| parts.iter().all(|part| series.contains(part));
    all.iter().filter(|(series, _)| has_all(series)).map(|(_, value)| value).sum()
}

/// Announces over UDP and HTTP, and returns the figures when they have both.
fn figures_after_announces(tracker: &Tracker) -> (String, Series) {
    let client = Client::new(tracker.v4());
    client.announce(client.leecher(TORRENT, 1001));
    let answer = HttpClient::new(tracker.http_v6()).get(&announce_target(TORRENT, 1002, ""));
    assert_eq!(answer.status, 200);
    let address = address_of_figures(tracker);
    wait_for(|| {
        let answer = ask(address, TOKEN);
        let text = String::from_utf8(answer.body).expect("text");
        let all = series(&text);
        let reply = "ringtrack_reply_seconds_count{";
        for [protocol, family] in [["udp", "ipv4"], ["http", "ipv6"]] {
            let [protocol, family] = [format!("protocol=\"{protocol}\""), format!("family=\"{family}\"")];
            for name in ["ringtrack_requests_total{", reply] {
                let announces = sum(&all, &[name, &protocol, &family, "kind=\"announce\""]);
                if announces != 1.0 {
                    return Err(format!("{name} {protocol} {family}: {announces}"));
                }
            }
        }
        Ok((text, all))
    })
}

#[test]
fn every_figure_is_there_once_for_each_core() {
    let cores = two_cores();
    let launch = Launch::on_loopback().set("workers.cores", &format!("{cores:?}"));
    let tracker = launch.set("metrics.listen", "127.0.0.1:0").set("metrics.token", TOKEN).start();
    assert_eq!(ask(address_of_figures(&tracker), "0123456789abcdeX").status, 401);
    tracker.signal(Signal::USR2);
    tracker
        .wait_for_log("a snapshot", |lines| lines.iter().any(|line| line.contains("snapshot")).then_some(()));
    let (text, all) = figures_after_announces(&tracker);
    for Figure { metric, labels, .. } in Figure::all().filter(|figure| figure.is_possible) {
        let labels: String = labels.iter().map(|(name, value)| format!("{name}=\"{value}\",")).collect();
        for shard in 0..cores.len() {
            let series = format!("{metric}{{{labels}shard=\"{shard}\"}}");
            assert!(all.contains_key(&series), "{series}\n{text}");
        }
    }
    let without_upstreams = |figure: &Figure| !figure.metric.starts_with("ringtrack_forwarding_");
    for Figure { metric, help, .. } in Figure::others().filter(without_upstreams) {
        assert!(text.contains(&format!("# HELP {metric} {help}\n")), "{metric}\n{text}");
    }
    assert_eq!(sum(&all, &["ringtrack_leechers{"]), 2.0);
    assert_eq!(sum(&all, &["ringtrack_udp_batch_datagrams_sum{"]), 2.0, "a connect and an announce");
    assert_eq!(all["ringtrack_database_up"], 1.0);
    let ended = tracker.stop();
    assert_eq!(ended.code, Some(0), "{:#?}", ended.log);
    assert!(!ended.log.iter().any(|line| line.contains(TOKEN)), "{:#?}", ended.log);
}
