use super::*;
use crate::statistics::clients::Clients;
use metrics::{Counter, Gauge, Statistics};
use serde_json::Value;
use std::time::Duration;
use tokio::time::Instant;

fn figures(clients: Clients) -> (Figures, History) {
    let mut statistics = Statistics::default();
    statistics.set(Gauge::Torrents, 1_234_567);
    statistics.set(Gauge::TorrentsActive, 1_000_001);
    statistics.set(Gauge::SeedersV4, 30);
    statistics.set(Gauge::LeechersV6, 9_970);
    statistics.set(Gauge::LeechersWebRtc, 5);
    statistics.add(Counter::Completed, 12_345);
    let mut history = History::new(Instant::now(), Statistics::default());
    history.note(Instant::now() + Duration::from_secs(5), &statistics);
    history.note(Instant::now() + Duration::from_secs(10), &statistics);
    (Figures::new(&statistics, history.rates(), clients, Duration::from_secs(90_000)), history)
}

fn clients(entries: &[(&'static str, &str, u64)]) -> Clients {
    let mut clients = Clients::new();
    for &(name, version, peers) in entries {
        clients.entry(name).or_default().insert(version.to_owned(), peers);
    }
    clients
}

fn html(clients: Clients) -> String {
    let (figures, history) = figures(clients);
    StatisticsHtml { figures: &figures, history: &history }.to_string()
}

#[test]
fn the_page_shows_the_figures_with_separators_and_the_most_frequent_clients_first() {
    let text =
        html(clients(&[("Deluge", "2.1.1", 10), ("qBittorrent", "4.6.5", 20), ("qBittorrent", "5.0.0", 10)]));
    for part in [
        "<dd>1,000,001<small>active, of 1,234,567 known</small>",
        "<dd>10,005<small>in all swarms</small>",
        "<dd>30<small>0.3 %</small>",
        "<th scope=\"row\">WebRTC</th><td>0</td><td>0</td><td>5</td><td>5</td>",
        "up 1 d 1 h",
        "<span>4.6.5 · 5.0.0</span></th><td>30</td><td>75.0 %</td>",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(text.find("qBittorrent") < text.find("Deluge"));
}

#[test]
fn the_page_has_no_script_and_loads_nothing_else_and_its_style_is_the_admitted_one() {
    let text = html(Clients::new());
    for forbidden in ["<script", " style=", "javascript:", "://", " on", "@import", "url("] {
        let found = text.find(forbidden).map(|at| &text[at.saturating_sub(20)..(at + 30).min(text.len())]);
        assert!(found.is_none() || forbidden == " on" && !text.contains(" onload"), "{found:?}");
    }
    let style = text.split_once("<style>").and_then(|(_, rest)| rest.split_once("</style>")).unwrap().0;
    let hash = BASE64_STANDARD.encode(Sha256::digest(style));
    assert!(SECURITY_POLICY.contains(&format!("style-src 'sha256-{hash}';")), "{}", *SECURITY_POLICY);
}

#[test]
fn hostile_names_are_escaped() {
    let text = html(clients(&[("<img src=x>", "1\"&\n", 1)]));
    assert!(!text.contains("<img") && text.contains("&lt;img src=x&gt;"), "{text}");
    assert!(text.contains("1&quot;&amp;\u{fffd}"));
}

#[test]
fn the_page_stays_short_however_many_clients_there_are() {
    let names: Vec<&'static str> = (0..200).map(|number| &*format!("client {number}").leak()).collect();
    let entries: Vec<(&str, String, u64)> = names
        .iter()
        .flat_map(|name| (0..20_u64).map(move |version| (*name, format!("1.{version}"), 1)))
        .collect();
    let entries: Vec<_> =
        entries.iter().map(|(name, version, peers)| (*name, version.as_str(), *peers)).collect();
    let text = html(clients(&entries));
    assert_eq!(text.matches(" and 16 more</span>").count(), 24);
    let hidden = (200 - 24) * 20;
    assert!(text.contains(&format!(", and {} with other clients", Thousands(hidden))), "{text}");
    assert!(text.len() < 100_000);
}

#[test]
fn the_json_has_the_names_of_bittorrent_tracker_and_more() {
    let (figures, _) = figures(clients(&[("qBittorrent", "4.6.5", 20)]));
    let json = serde_json::to_value(&figures).unwrap();
    let expected = serde_json::json!({
        "torrents": 1_234_567, "activeTorrents": 1_000_001, "peersAll": 10_005, "peersSeederOnly": 30,
        "peersLeecherOnly": 9_975, "peersSeederAndLeecher": 0, "peersIPv4": 30, "peersIPv6": 9_970,
        "clients": { "qBittorrent": { "4.6.5": 20 } },
        "peersWebRTC": 5, "completed": 12_345, "uptimeSeconds": 90_000, "software": "Ringtrack",
    });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&json[name], value, "{name}");
    }
    assert_eq!(json["families"]["webRTC"]["leechers"], 5);
    let udp = serde_json::json!({
        "announces": 0, "scrapes": 0, "failed": 0, "announcesPerSecond": 0.0, "scrapesPerSecond": 0.0,
    });
    assert_eq!(json["protocols"]["udp"], udp);
    assert!(json["version"].is_string() && json["time"].as_str().unwrap().ends_with('Z'));
    assert_ne!(json["traffic"]["bytesSentPerSecond"], Value::Null);
}
