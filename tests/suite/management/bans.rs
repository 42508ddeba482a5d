//! Bans of networks and client software through the API.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::time::Duration;

use serde_json::json;
use socket2::{Domain, Socket, Type};
use sqlx::{Connection as _, SqliteConnection};
use udp_protocol::{ConnectRequest, TransactionId};
use zerocopy::IntoBytes;

use super::api::Api;
use super::{launch, text, torrent};
use crate::http_client::{HttpClient, announce_target};
use crate::patience::{PATIENCE, until};
use crate::tracker::Tracker;
use crate::udp_client::uninterrupted;

const BANNED: Ipv4Addr = Ipv4Addr::new(127, 0, 7, 7);
const BESIDE: Ipv4Addr = Ipv4Addr::new(127, 0, 8, 7);

fn refusal_over_http(tracker: &Tracker, source: Ipv4Addr, client: &str) -> Option<String> {
    let target = announce_target(torrent(1), 2000, 1).replace("-XX", client);
    HttpClient::from(source, tracker.http_v4()).get(&target).reason()
}

/// A client that has sent a connect.
fn ask_over_udp(tracker: &Tracker, source: Ipv4Addr) -> UdpSocket {
    let socket = UdpSocket::bind((source, 0)).unwrap();
    socket.connect(tracker.v4()).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.send(ConnectRequest::new(TransactionId([1; 4])).as_bytes()).unwrap();
    socket
}

#[track_caller]
fn assert_ignored_over_udp(tracker: &Tracker, source: Ipv4Addr) {
    let dropped = "udp_v4_connect_dropped_banned";
    let before = tracker.figures().get(dropped);
    let socket = ask_over_udp(tracker, source);
    // A request that was dropped is not answered later.
    tracker.wait_for_figures(&[(dropped, before + 1)]);
    socket.set_nonblocking(true).unwrap();
    assert_eq!(socket.recv(&mut [0; 64]).unwrap_err().kind(), ErrorKind::WouldBlock);
}

/// Whether a connection is accepted. The packets of one that is dropped are repeated after a second.
fn connects(tracker: &Tracker, source: Ipv4Addr) -> bool {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((source, 0)).into()).unwrap();
    socket.connect_timeout(&tracker.http_v4().into(), Duration::from_millis(500)).is_ok()
}

#[test]
fn a_banned_network_cannot_reach_the_tracker_until_the_ban_is_lifted() {
    let tracker = launch("public").start();
    let api = Api::of(&tracker);
    api.json("POST", "bans", &json!({ "network": "127.0.7.7/24", "reason": "a flood" }).to_string());
    // The kernel has the ban after the next turn of the timer.
    until("connections are dropped", || !connects(&tracker, BANNED));
    assert_eq!(refusal_over_http(&tracker, BESIDE, "-XX"), None);
    let before = tracker.figures().get("kernel_dropped");
    let socket = ask_over_udp(&tracker, BANNED);
    until("the datagram is dropped", || tracker.figures().get("kernel_dropped") > before);
    socket.set_nonblocking(true).unwrap();
    assert_eq!(socket.recv(&mut [0; 64]).unwrap_err().kind(), ErrorKind::WouldBlock);
    api.json("DELETE", "bans?network=127.0.7.0/24", "");
    until("connections are accepted", || connects(&tracker, BANNED));
    assert_eq!(uninterrupted(|| ask_over_udp(&tracker, BANNED).recv(&mut [0; 64])).unwrap(), 16);
}

#[test]
fn a_banned_network_is_refused_with_a_reason_where_the_kernel_drops_nothing() {
    let tracker = launch("public").set("udp.filter", "off").start();
    let api = Api::of(&tracker);
    for prefix in [32, 24] {
        let ban = json!({ "network": format!("127.0.7.7/{prefix}"), "reason": "a flood" });
        api.json("POST", "bans", &ban.to_string());
        let network = api.get("bans")[0]["network"].as_str().unwrap().to_owned();
        assert_ignored_over_udp(&tracker, BANNED);
        assert!(refusal_over_http(&tracker, BANNED, "-XX").is_some(), "{network}");
        assert_eq!(refusal_over_http(&tracker, BESIDE, "-XX"), None);
        api.json("DELETE", &format!("bans?network={network}"), "");
        assert_eq!(uninterrupted(|| ask_over_udp(&tracker, BANNED).recv(&mut [0; 64])).unwrap(), 16);
        assert_eq!(refusal_over_http(&tracker, BANNED, "-XX"), None);
    }
}

#[test]
fn banned_client_software_is_not_served_until_the_ban_is_lifted() {
    let tracker = launch("public").start();
    let api = Api::of(&tracker);
    api.json("POST", "bans", &json!({ "client": "-ZZ", "reason": "it cheats" }).to_string());
    assert!(refusal_over_http(&tracker, BANNED, "-ZZ").is_some());
    assert_eq!(refusal_over_http(&tracker, BANNED, "-XX"), None);
    api.json("DELETE", "bans?client=-ZZ", "");
    assert_eq!(refusal_over_http(&tracker, BANNED, "-ZZ"), None);
    assert_eq!(api.ask("DELETE", "bans?client=-ZZ", "").status, 404);
}

/// Renames a table of the database, so that writes fail.
fn break_database(file: &Path) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut database = SqliteConnection::connect(&format!("sqlite:{}", text(file))).await.unwrap();
        sqlx::raw_sql("ALTER TABLE torrent_lists RENAME TO gone").execute(&mut database).await.unwrap();
    });
}

#[test]
fn a_ban_that_is_refused_changes_nothing() {
    let tracker = launch("listed").set("database.pending_max", "1000").start();
    let api = Api::of(&tracker);
    api.json("POST", "bans", &json!({ "client": "-ZZ", "reason": "it cheats" }).to_string());
    api.put_on("whitelist", torrent(1));
    api.get("whitelist/reload");
    let before = api.get("bans");
    break_database(&tracker.dumps().join("ringtrack.db"));
    let lines =
        |first: u32, count| -> String { (first..first + count).map(|n| format!("{n:040x}\n")).collect() };
    assert_eq!(api.json("POST", "whitelist", &lines(0, 1000))["added"], 1000);
    let refused = [
        api.ask("POST", "bans", &json!({ "client": "-XX", "reason": "late" }).to_string()),
        api.ask("POST", "bans", &json!({ "client": "-ZZ", "reason": "another" }).to_string()),
        api.ask("DELETE", "bans?client=-ZZ", ""),
    ];
    for answer in refused {
        assert_eq!(answer.status, 500, "{}", answer.text());
    }
    assert_eq!(api.get("bans"), before);
    assert!(refusal_over_http(&tracker, BANNED, "-ZZ").is_some());
    // The cores receive all bans at once.
    assert_eq!(refusal_over_http(&tracker, BANNED, "-XX"), None);
}
