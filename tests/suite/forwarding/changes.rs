//! Changes of the upstream trackers while the tracker runs.

use primitives::AnnounceEvent::Stopped;
use ringtrack_tests::upstream::{Behavior, Upstream};
use rustix::process::Signal;
use serde_json::json;

use super::{Local, Scene, Way, entry, leecher, received, torrent};
use crate::patience::until;

/// An upstream tracker over HTTP with one peer, and its entry.
fn upstream(name: &str, peer: &str) -> (Upstream, String) {
    let upstream = Upstream::http("127.0.0.1", Behavior::peers(&[peer]));
    let entry = entry(name, &upstream.uri("/announce"));
    (upstream, entry)
}

fn wait_for_line(scene: &Scene, part: &str) {
    scene.tracker.wait_for_log(part, |lines| lines.iter().any(|line| line.contains(part)).then_some(()));
}

#[test]
fn the_file_is_reloaded_and_a_wrong_one_leaves_the_upstream_trackers_as_they_are_and_is_named_with_its_line()
{
    let ((first, first_entry), (second, second_entry)) =
        (upstream("first", "192.0.2.1:7001"), upstream("second", "192.0.2.2:7002"));
    // An empty list is allowed.
    let scene = Scene::with(&["[]\n".to_owned()]);
    let client = leecher(torrent(1), 2001);
    scene.announce(Way::UdpV4, client);

    scene.file.replace(&first_entry);
    scene.tracker.signal(Signal::HUP);
    scene.wait_for_peers(Way::UdpV4, client, &["192.0.2.1:7001"]);

    scene.file.replace(&format!("{second_entry}- uri: gopher://tracker.example\n"));
    scene.tracker.signal(Signal::HUP);
    wait_for_line(&scene, "line 3");
    assert!(scene.upstream("first").is_some() && scene.upstream("second").is_none());

    scene.file.replace(&[first_entry, second_entry].concat());
    scene.tracker.signal(Signal::HUP);
    scene.wait_for_peers(Way::UdpV4, client, &["192.0.2.1:7001", "192.0.2.2:7002"]);
    // The unchanged one keeps its state.
    assert_eq!((received(&first, 1).len(), received(&second, 1).len()), (1, 1));

    scene.file.replace("[]\n");
    until("a changed file is noticed by itself", || scene.upstream("first").is_none());
}

#[test]
fn a_file_that_cannot_be_used_prevents_the_start_with_its_line_and_without_its_passkeys() {
    let cases = [
        ("- uri: udp://tracker.example\n  speed: 3\n", "line 2"),
        ("- uri: udp://tracker.example\n- name: nobody\n", "line 2"),
        ("- uri: gopher://tracker.example/secret-passkey\n", "line 1"),
        ("uri: udp://tracker.example\n", "line 1"),
    ];
    for (text, part) in cases {
        let file = super::UpstreamsFile::of(&[text.to_owned()]);
        let ended = crate::tracker::Launch::on_loopback().set("forwarding.file", &file.path()).run_to_end();
        let log = ended.log.join("\n");
        assert!(ended.code != Some(0) && log.contains(&file.path()) && log.contains(part), "{text}: {log}");
        assert!(!log.contains("secret-passkey"), "{log}");
    }
}

#[test]
fn the_api_refuses_what_the_file_may_not_have_either() {
    let (first, entry) = upstream("first", "192.0.2.1:7001");
    let scene = Scene::with(&[entry]);
    let refused = [
        ("first", "udp://127.0.0.1:1", 409),
        ("other", first.uri("/announce").as_str(), 409),
        ("other", "gopher://tracker.example", 400),
    ]
    .map(|(name, uri, status)| (form(name, uri), status));
    for (form, status) in refused {
        assert_eq!(scene.ask("POST", "forwarders", &form), status, "{form}");
    }
    assert!(scene.upstream("other").is_none());
}

fn form(name: &str, uri: &str) -> String {
    json!({ "uri": uri, "name": name }).to_string()
}

#[test]
fn the_api_adds_and_removes_upstream_trackers_and_a_reload_concerns_only_those_of_the_file() {
    let ((first, first_entry), (second, _)) =
        (upstream("first", "192.0.2.1:7001"), upstream("second", "192.0.2.2:7002"));
    let scene = Scene::with(&[first_entry]);
    let client = leecher(torrent(1), 2001);
    scene.announce(Way::UdpV4, client);
    let added = form("second", &second.uri("/announce?passkey=secret"));
    assert_eq!(scene.ask("POST", "forwarders", &added), 200);
    scene.wait_for_peers(Way::UdpV4, client, &["192.0.2.1:7001", "192.0.2.2:7002"]);
    assert!(!scene.api.get("forwarders").to_string().contains("secret"));

    let third = upstream("third", "192.0.2.3:7003");
    scene.file.replace(&third.1);
    scene.tracker.signal(Signal::HUP);
    until("the first one is gone", || scene.upstream("first").is_none());
    assert!(scene.upstream("second").is_some());

    assert_eq!(scene.ask("DELETE", "forwarders?name=second", ""), 200);
    assert!(scene.upstream("second").is_none());
    assert_eq!(scene.ask("DELETE", "forwarders?name=second", ""), 404);
    let other = leecher(torrent(2), 2001);
    for local in [other, Local { event: Stopped, ..other }] {
        scene.announce(Way::UdpV4, local);
        until("it is announced", || third.0.received().iter().any(|last| last.info_hash == torrent(2)));
    }
    until("a later end is announced", || third.0.received().iter().any(|last| last.event == Stopped));
    // Both had only the first torrent. Whoever is removed gets no further announce, not even of its end.
    assert_eq!([first.received().len(), second.received().len()], [1, 1]);
}
