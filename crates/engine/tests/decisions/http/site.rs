//! What browsers get.

use super::{get, outcomes, tracker};
use access::{AccessUpdate, BannedNetworks};
use engine::ProxyHeaderKind;
use metrics::{Counter, HttpOutcome};
use primitives::{AddressFamily, CodedPage, StatisticsPages};
use ringtrack_tests::http_client::HttpClient;
use ringtrack_tests::simulator::Simulator;
use std::sync::Arc;

const CLIENT: &str = "192.0.2.1";

fn show_statistics(tracker: &mut Simulator) {
    let page = |identity: &[u8], gzip: &[u8]| CodedPage { identity: identity.into(), gzip: gzip.into() };
    let pages = StatisticsPages {
        html: page(b"<html>", b"html.gz"),
        json: page(b"{}", b"json.gz"),
        security_policy: "default-src 'none'",
    };
    tracker.context(0).service.set_statistics(Some(Arc::new(pages)));
}

#[test]
fn without_a_page_or_a_redirect_there_are_only_the_files_that_browsers_and_robots_look_for() {
    let mut tracker = tracker(|_| {});
    for target in ["/", "/stats", "/stats.json"] {
        assert_eq!(get(&mut tracker, CLIENT, target, "").status, 404, "{target}");
    }
    let robots = get(&mut tracker, CLIENT, "/robots.txt", "");
    assert_eq!(robots.header("content-type"), Some("text/plain"));
    assert_eq!(robots.text(), r"User-agent: *\nAllow: /stats\nDisallow: /announce\nDisallow: /scrape\n");
    let icon = get(&mut tracker, CLIENT, "/favicon.ico", "");
    assert_eq!(icon.header("content-type"), Some("image/svg+xml"));
    assert!(icon.body.starts_with(b"<svg ") && icon.header("cache-control") == Some("max-age=86400"));
    assert_eq!(
        outcomes(&mut tracker),
        [(AddressFamily::V4, HttpOutcome::Elsewhere, 3), (AddressFamily::V4, HttpOutcome::NotFound, 2)]
    );
}

#[test]
fn the_statistics_have_the_form_and_the_coding_that_the_client_prefers() {
    const JSON: &str = "Accept: application/json\r\n";
    const GZIP: &str = "Accept-Encoding: gzip\r\n";
    let mut tracker = tracker(|_| {});
    show_statistics(&mut tracker);
    let cases = [
        ("/stats", String::new(), "text/html; charset=utf-8", "<html>"),
        ("/stats?a=b", "Accept: text/html, */*;q=0.8\r\n".to_owned(), "text/html; charset=utf-8", "<html>"),
        ("/stats", JSON.to_owned(), "application/json", "{}"),
        ("/stats.json", "Accept: text/html\r\n".to_owned(), "application/json", "{}"),
        ("//stats/", GZIP.to_owned(), "text/html; charset=utf-8", "html.gz"),
        ("/stats", format!("{JSON}{GZIP}"), "application/json", "json.gz"),
    ];
    for (target, headers, content_type, body) in &cases {
        let answer = get(&mut tracker, CLIENT, target, headers);
        assert_eq!((answer.status, answer.text().as_str()), (200, *body), "{target} {headers}");
        assert_eq!(answer.header("content-type"), Some(*content_type));
        let coding = body.ends_with("gz").then_some("gzip");
        assert_eq!(answer.header("content-encoding"), coding);
        assert_eq!(answer.header("cache-control"), Some("max-age=1"));
        assert_eq!(answer.header("content-security-policy"), Some("default-src 'none'"));
    }
    let counted = [(AddressFamily::V4, HttpOutcome::Statistics, cases.len() as u64)];
    assert_eq!(outcomes(&mut tracker), counted);
    tracker.context(0).service.set_statistics(None);
    assert_eq!(get(&mut tracker, CLIENT, "/stats", "").status, 404);
}

#[test]
fn clients_of_denied_networks_see_no_statistics_and_are_counted_by_their_own_family() {
    let mut tracker = tracker(|policy| {
        policy.proxy.trusted = vec!["10.0.0.0/8".parse().expect("a network")];
        policy.proxy.header = ProxyHeaderKind::ForwardedFor { from_right: 0 };
    });
    show_statistics(&mut tracker);
    let denied = BannedNetworks::new(&["2001:db8::/32".parse().expect("a network")]).expect("one network");
    tracker.update(&AccessUpdate::UseNetworks(Arc::new(denied)));
    for (client, target, status) in [
        ("X-Forwarded-For: 2001:db8::1\r\n", "/stats", 403),
        ("X-Forwarded-For: 2001:db8::1\r\n", "/stats.json", 403),
        ("X-Forwarded-For: 2001:db9::1\r\n", "/stats", 200),
        ("", "/stats", 400),
        ("X-Forwarded-For: 2001:db8::1\r\n", "/robots.txt", 200),
    ] {
        assert_eq!(get(&mut tracker, "10.0.0.1", target, client).status, status, "{client} {target}");
    }
    let counted = [
        (AddressFamily::V4, HttpOutcome::BadRequest, 1),
        (AddressFamily::V6, HttpOutcome::Statistics, 1),
        (AddressFamily::V6, HttpOutcome::Elsewhere, 1),
        (AddressFamily::V6, HttpOutcome::BadRequest, 2),
    ];
    assert_eq!(outcomes(&mut tracker), counted);
    assert_eq!(tracker.statistics().counter(Counter::RefusedNetworks), 2);
}

#[test]
fn the_root_leads_to_the_configured_place() {
    let mut tracker = tracker(|policy| policy.redirect = Some("https://example.org/".to_owned()));
    for method in ["GET", "HEAD"] {
        let request = format!("{method} / HTTP/1.1\r\nHost: a\r\n\r\n");
        let answer = HttpClient::new(0, CLIENT).exchange(&mut tracker, request.as_bytes());
        let expected = "HTTP/1.1 302 Found\r\nContent-Type: text/plain\r\nLocation: https://example.org/\r\n\
            Content-Length: 0\r\n\r\n";
        assert_eq!(String::from_utf8(answer).unwrap(), expected);
    }
}
