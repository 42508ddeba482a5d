use super::{answer_with, peer, torrents};
use access::{
    AccessPolicy, AccessUpdate, BannedNetworks, ClientRules, KeyGrant, TorrentAdmission, UserAdmission,
};
use engine::OriginRules;
use metrics::{Counter, MessageOutcome};
use primitives::{AuthenticationKey, InfoHash, KeyId, ListChange, ListSource, PeerIdPrefix, TorrentList};
use ringtrack_tests::simulator::{Client, Simulator, SimulatorSettings, usual_http};
use ringtrack_tests::web_socket_client::{WebSocketClient, announce, answer, handshake};
use serde_json::json;
use std::sync::Arc;

const KEY: &str = "0123456789ABCDEFghijklmnopqrstuv";

fn tracker(policy: AccessPolicy) -> Simulator {
    Simulator::new(&SimulatorSettings::with_shards(2).with_access(policy))
}

fn open(tracker: &mut Simulator, path: &str) -> WebSocketClient {
    WebSocketClient::open_at(tracker, 0, Client::with_room(usize::MAX), &handshake(path, ""))
}

#[test]
fn a_private_tracker_takes_the_key_from_the_path_or_the_message() {
    let mut tracker = tracker(AccessPolicy { users: UserAdmission::Private, ..AccessPolicy::PUBLIC });
    let key = AuthenticationKey::parse(KEY.as_bytes()).unwrap();
    let grant = KeyGrant { key, id: KeyId(1), valid_until_unix_s: None };
    tracker.update(&AccessUpdate::PutKeys([grant].into()));
    let torrent = torrents(&tracker)[1];
    let with_key = |key: &str| {
        let mut message = announce(torrent, peer(1), 0, 0);
        message["key"] = json!(key);
        message
    };
    let without = announce(torrent, peer(1), 0, 0);
    let in_path = format!("/announce/{KEY}");
    let missing = "Authentication error: this tracker needs a key in its announce URL";
    let malformed = "Authentication error: the key in the announce URL is malformed";
    let unknown = "Authentication error: the key is not known";
    for (path, message, failure) in [
        ("/", &without, Some(missing)),
        (&*in_path, &without, None),
        ("/", &with_key(KEY), None),
        // Clients send keys of their own.
        ("/", &with_key("1A2B3C4D"), Some(missing)),
        ("/", &with_key(&KEY.replace('0', "1")), Some(unknown)),
        (&in_path, &with_key("x"), None),
        ("/announce/x", &with_key(KEY), Some(malformed)),
    ] {
        let mut client = open(&mut tracker, path);
        let answered = client.exchange(&mut tracker, message);
        match failure {
            Some(failure) => assert_eq!(answered[0]["failure reason"], failure, "{path} {message}"),
            None => assert_eq!(answered, [answer_with(torrent, 1, 0)], "{path} {message}"),
        }
        let scraped = client.exchange(
            &mut tracker,
            &json!({
                "action": "scrape", "info_hash": message["info_hash"], "key": message["key"]
            }),
        );
        assert_eq!(scraped[0].get("files").is_some(), failure.is_none(), "{scraped:?}");
        client.client.end();
        tracker.run_until_idle();
    }
    let statistics = tracker.statistics();
    assert_eq!(statistics.counter(Counter::RefusedKeys), 8);
    assert_eq!(statistics.messages(MessageOutcome::AnnounceRefused), 4);
    assert_eq!(statistics.messages(MessageOutcome::ScrapeRefused), 4);
}

#[test]
fn lists_client_rules_and_bans_apply_to_messages() {
    let mut tracker = tracker(AccessPolicy { torrents: TorrentAdmission::Listed, ..AccessPolicy::PUBLIC });
    let (listed, unlisted) = (torrents(&tracker)[0], torrents(&tracker)[1]);
    let list =
        |change| AccessUpdate::ChangeList(change, TorrentList::Allowed, ListSource::Api, [listed].into());
    tracker.update(&list(ListChange::Add));
    let mut client = open(&mut tracker, "/");
    let mut other = open(&mut tracker, "/");
    assert_eq!(client.exchange(&mut tracker, &announce(listed, peer(1), 0, 0)), [answer_with(listed, 1, 0)]);
    other.exchange(&mut tracker, &announce(listed, peer(2), 1, 1));
    let offered = client.messages();
    let refused = client.exchange(&mut tracker, &announce(unlisted, peer(1), 0, 0));
    let unlisted = refused[0]["failure reason"].to_string();
    assert!(unlisted.contains("is not whitelisted"), "{unlisted}");

    let denied = [PeerIdPrefix::parse("-WW").unwrap()];
    tracker.update(&AccessUpdate::UseClients(Arc::new(ClientRules::new(&[], &denied).unwrap())));
    for message in [announce(listed, peer(1), 0, 0), answer(peer(1), &offered[0])] {
        let refused = client.exchange(&mut tracker, &message);
        assert_eq!(refused[0]["failure reason"], "this client software is not allowed here");
    }
    tracker.update(&AccessUpdate::UseClients(Arc::new(ClientRules::default())));

    let banned = BannedNetworks::new(&["192.0.2.0/24".parse().unwrap()]).unwrap();
    tracker.update(&AccessUpdate::UseNetworks(Arc::new(banned)));
    let refused = client.exchange(&mut tracker, &announce(listed, peer(1), 0, 0));
    assert_eq!(refused[0]["failure reason"], "this network is banned here");
    let late = tracker.connect(0, Client::with_room(usize::MAX));
    late.send(handshake("/", "").as_bytes());
    tracker.run_until_idle();
    assert!(late.read().starts_with(b"HTTP/1.1 403 Forbidden\r\n"));
    tracker.update(&AccessUpdate::UseNetworks(Arc::new(BannedNetworks::new(&[]).unwrap())));

    tracker.update(&list(ListChange::Remove));
    assert_eq!(super::peers(&tracker.statistics()), (0, 0), "a torrent that is not served has no swarm");
}

#[test]
fn pages_of_other_origins_are_refused_and_a_tracker_without_web_sockets_serves_http() {
    let mut http = usual_http();
    let origins = OriginRules { allowed: vec!["https://a.example".to_owned()], denied: Vec::new() };
    http.web_socket.iter_mut().for_each(|policy| policy.origins = origins.clone());
    let status = |http: &engine::HttpPolicy, lines: &str| {
        let mut tracker = Simulator::with_http(&SimulatorSettings::default(), http);
        let client = tracker.connect(0, Client::with_room(usize::MAX));
        client.send(handshake("/", lines).as_bytes());
        tracker.run_until_idle();
        String::from_utf8(client.read()).unwrap()[9..12].to_owned()
    };
    assert_eq!(status(&http, "Origin: https://a.example\r\n"), "101");
    assert_eq!(status(&http, "Origin: https://b.example\r\n"), "403");
    assert_eq!(status(&http, ""), "403");
    http.web_socket = None;
    assert_eq!(status(&http, ""), "404");
}

#[test]
fn a_public_tracker_looks_at_no_key() {
    let mut tracker = tracker(AccessPolicy::PUBLIC);
    let torrent = torrents(&tracker)[1];
    for path in ["/", "/announce/room", "/announce/0123456789ABCDEFghijklmnopqrstuv"] {
        let mut client = open(&mut tracker, path);
        let mut message = announce(torrent, peer(1), 0, 0);
        message["key"] = json!("1A2B3C4D");
        assert_eq!(client.exchange(&mut tracker, &message), [answer_with(torrent, 1, 0)], "{path}");
    }
}

#[test]
fn refused_torrents_do_not_count_towards_those_of_a_connection() {
    let mut tracker = tracker(AccessPolicy { torrents: TorrentAdmission::Listed, ..AccessPolicy::PUBLIC });
    let listed = torrents(&tracker)[1];
    let add =
        AccessUpdate::ChangeList(ListChange::Add, TorrentList::Allowed, ListSource::Api, [listed].into());
    tracker.update(&add);
    let mut client = open(&mut tracker, "/");
    for number in 0..200 {
        client.exchange(&mut tracker, &announce(InfoHash([number; 20]), peer(1), 0, 0));
    }
    assert_eq!(client.exchange(&mut tracker, &announce(listed, peer(1), 0, 0)), [answer_with(listed, 1, 0)]);
}
