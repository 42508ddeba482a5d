use super::findings::{Findings, Level};
use super::steps::{
    check_answer, check_listed, check_numwant, check_scrape, check_stopped, leaves_peers_out,
};
use crate::endpoint::{
    Announced, NO_SCRAPE_URL, Note, Scraped, ScrapedTorrent, TorrentCounts, TrackerClient,
};
use crate::error::TrackerError;
use crate::{Families, TrackerUrl, lock, tls_config};
use primitives::InfoHash;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const DAY: u64 = 24 * 3600;

fn answer() -> Announced {
    Announced {
        interval_s: Some(1800),
        min_interval_s: Some(900),
        seeders: 1,
        leechers: 3,
        peers: Vec::new(),
        certificate_until: None,
        notes: Vec::new(),
    }
}

/// Returns the checks that found a fault, each with its level.
fn faults(check: impl FnOnce(&mut Findings)) -> Vec<(&'static str, Level)> {
    let mut findings = Findings::default();
    check(&mut findings);
    let faults = findings.0.iter().filter(|finding| finding.level != Level::Ok);
    faults
        .map(|finding| {
            assert!(finding.hint.is_some_and(|hint| hint.ends_with(['.', '?'])), "{finding:?}");
            (finding.check, finding.level)
        })
        .collect()
}

#[test]
fn an_answer_is_measured_by_what_lists_of_trackers_accept() {
    let with = |note| Announced { notes: vec![note], ..answer() };
    let interval_s = |interval_s| Announced { interval_s, min_interval_s: None, ..answer() };
    for (answer, expected) in [
        (answer(), None),
        (interval_s(Some(300)), None),
        (interval_s(Some(10_800)), None),
        (interval_s(Some(299)), Some(("interval", Level::Error))),
        (interval_s(Some(10_801)), Some(("interval", Level::Error))),
        (interval_s(None), Some(("interval", Level::Error))),
        (Announced { min_interval_s: Some(1801), ..answer() }, Some(("min_interval", Level::Warning))),
        (with(Note::PartialPeer), Some(("peers", Level::Error))),
        (with(Note::ListedPeers), Some(("peers", Level::Warning))),
        (with(Note::NoPeers), Some(("peers", Level::Error))),
        (with(Note::UnsortedKeys), Some(("keys", Level::Warning))),
        (with(Note::RedirectedTo("http://t.example/".to_owned())), Some(("redirect", Level::Warning))),
        (with(Note::Status(206)), Some(("status", Level::Error))),
        (with(Note::Strays(1)), Some(("transaction_id", Level::Warning))),
        (Announced { certificate_until: Some(100 + 30 * DAY), ..answer() }, None),
        (
            Announced { certificate_until: Some(100 + 13 * DAY), ..answer() },
            Some(("certificate", Level::Warning)),
        ),
    ] {
        let found = faults(|findings| check_answer(findings, &answer, 100));
        assert_eq!(found, expected.into_iter().collect::<Vec<_>>(), "{answer:?}");
    }
}

#[test]
fn a_scrape_is_compared_with_the_announce_before_it() {
    let scraped = |counts: Option<(u32, u32)>| {
        let counts = counts.map(|(seeders, leechers)| TorrentCounts { seeders, completed: 0, leechers });
        Ok(Scraped {
            torrents: vec![ScrapedTorrent { info_hash: InfoHash([1; 20]), counts }],
            notes: Vec::new(),
        })
    };
    for (scraped, is_fault) in [
        (scraped(Some((1, 3))), false),
        (scraped(Some((1, 4))), false),
        (scraped(Some((1, 5))), true),
        (scraped(Some((0, 3))), true),
        (scraped(None), true),
        (Err(TrackerError::Timeout), true),
    ] {
        let found = faults(|findings| check_scrape(findings, &answer(), &scraped));
        assert_eq!(found == [("scrape", Level::Warning)], is_fault, "{scraped:?}");
    }
}

#[test]
fn a_peer_is_returned_until_it_stops_and_not_too_often() {
    for (is_listed, is_partial, expected) in
        [(true, false, vec![]), (false, true, vec![]), (false, false, vec![("listed", Level::Error)])]
    {
        assert_eq!(faults(|findings| check_listed(findings, is_listed, is_partial)), expected);
    }
    assert_eq!(faults(|findings| check_numwant(findings, 1)), []);
    assert_eq!(faults(|findings| check_numwant(findings, 2)), [("numwant", Level::Warning)]);
    assert_eq!(faults(|findings| check_stopped(findings, false)), []);
    assert_eq!(faults(|findings| check_stopped(findings, true)), [("stopped", Level::Error)]);
}

#[test]
fn an_answer_may_leave_peers_out() {
    for (count, peers, expected) in [
        (2, 1, false),
        // The tracker has the other peer, and does not return it.
        (2, 0, false),
        (45, 44, false),
        (45, 30, true),
        (51, 50, false),
        (10_000, 50, true),
        // The answer has no counts.
        (0, 49, false),
        (0, 50, true),
    ] {
        let peers = vec![SocketAddr::from(([192, 0, 2, 1], 1)); peers];
        let answer = Announced { seeders: 0, leechers: count, peers, ..answer() };
        assert_eq!(leaves_peers_out(&answer), expected, "{answer:?}");
    }
}

#[test]
fn a_computer_without_a_route_is_not_the_fault_of_the_tracker() {
    for (code, expected) in
        [(97, "route"), (99, "route"), (101, "route"), (111, "announce"), (113, "announce")]
    {
        let error = TrackerError::Connection(io::Error::from_raw_os_error(code).to_string());
        let level = if expected == "route" { Level::Warning } else { Level::Error };
        assert_eq!(faults(|findings| findings.failed("announce", &error)), [(expected, level)]);
    }
}

#[test]
fn a_url_without_a_scrape_has_a_hint_of_its_own() {
    let mut findings = Findings::default();
    check_scrape(&mut findings, &answer(), &Err(NO_SCRAPE_URL));
    assert!(findings.0[0].hint.unwrap().contains("BEP 48"), "{findings:?}");
}

/// A tracker that answers one announce and all that stop, and refuses the others. Collects the heads of the requests.
async fn tracker_that_fails_soon(requests: Arc<Mutex<Vec<String>>>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = [0; 4096];
            let length = stream.read(&mut head).await.unwrap();
            let head = String::from_utf8_lossy(&head[..length]).into_owned();
            let is_answered = lock(&requests).is_empty() || head.contains("event=stopped");
            lock(&requests).push(head);
            let status = if is_answered { "200 OK" } else { "500 Oops" };
            let response = format!("HTTP/1.1 {status}\r\n\r\nd8:intervali900e5:peers0:e");
            stream.write_all(response.as_bytes()).await.unwrap();
        }
    });
    address
}

#[tokio::test]
async fn the_peers_of_a_check_leave_whatever_it_finds() {
    let requests = Arc::default();
    let address = tracker_that_fails_soon(Arc::clone(&requests)).await;
    let url = TrackerUrl::parse(&format!("http://{address}/announce")).unwrap();
    let tls = Arc::new(tls_config(rustls::RootCertStore::empty()));
    let client = TrackerClient::new(tls, Families::Both, Duration::from_secs(10));
    let reports = super::check(&client, &url, None).await;
    assert_eq!(reports.last().map(|report| report.level), Some(Level::Error));
    let stops = lock(&requests).iter().filter(|head| head.contains("event=stopped")).count();
    assert_eq!(stops, 2, "{requests:?}");
}
