//! Announces of the running program to upstream trackers, and what clients get of their peers.

mod announces;
mod answers;
mod chains;
mod changes;
mod misbehavior;
mod outages;

use std::net::SocketAddr;

use primitives::{AnnounceEvent, InfoHash};
use ringtrack_tests::upstream::Upstream;
use serde_json::Value;
use tempfile::TempDir;

use crate::http_client::{HttpClient, percent_encode};
use crate::management::TOKEN;
use crate::management::api::Api;
use crate::patience::wait_for;
use crate::tracker::{Launch, Tracker};
use crate::udp_client::{Announced, Client};

/// The tracker under test, with a file of upstream trackers.
struct Scene {
    tracker: Tracker,
    api: Api,
    file: UpstreamsFile,
}

/// A file of upstream trackers.
struct UpstreamsFile(TempDir);

/// The protocol and address family of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    UdpV4,
    UdpV6,
    HttpV4,
    HttpV6,
}

const WAYS: [Way; 4] = [Way::UdpV4, Way::UdpV6, Way::HttpV4, Way::HttpV6];

/// The announce of a local client.
#[derive(Debug, Clone, Copy)]
struct Local {
    torrent: InfoHash,
    port: u16,
    left: u64,
    event: AnnounceEvent,
    numwant: i32,
}

const fn torrent(number: u8) -> InfoHash {
    InfoHash([number; 20])
}

const fn leecher(torrent: InfoHash, port: u16) -> Local {
    Local { torrent, port, left: 1, event: AnnounceEvent::None, numwant: 50 }
}

/// An entry of the file.
fn entry(name: &str, uri: &str) -> String {
    format!("- uri: \"{uri}\"\n  name: {name}\n")
}

impl UpstreamsFile {
    fn of(entries: &[String]) -> Self {
        let file = Self(tempfile::tempdir().unwrap());
        file.replace(&entries.concat());
        file
    }

    fn path(&self) -> String {
        self.0.path().join("forwarders.yml").to_str().unwrap().to_owned()
    }

    /// Replaces the file by renaming a new one, as the documentation advises.
    fn replace(&self, text: &str) {
        let new = self.0.path().join("new");
        std::fs::write(&new, text).unwrap();
        std::fs::rename(new, self.path()).unwrap();
    }
}

impl Scene {
    /// A tracker that accepts external peers of private networks, because upstream trackers are on the loopback.
    fn with(entries: &[String]) -> Self {
        Self::start(entries, |launch| launch.set("forwarding.private_peers", "accept"))
    }

    fn start(entries: &[String], configure: impl FnOnce(Launch) -> Launch) -> Self {
        let file = UpstreamsFile::of(entries);
        let launch = Launch::on_loopback().set("forwarding.file", &file.path());
        let launch = launch.set("api.listen", "127.0.0.1:0").set("api.tokens", &format!("tests={TOKEN}"));
        let tracker = configure(launch).start();
        let api = Api::of(&tracker);
        Self { tracker, api, file }
    }

    /// What the management API shows of an upstream tracker.
    #[track_caller]
    fn upstream(&self, name: &str) -> Option<Value> {
        let listed = self.api.get("forwarders");
        let mut all = listed.as_array().expect("a list").iter();
        all.find(|upstream| upstream["name"] == name).cloned()
    }

    /// Waits until a condition on what the management API shows of an upstream tracker holds.
    #[track_caller]
    fn wait_for_upstream(&self, name: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        wait_for(|| {
            let shown = self.upstream(name).unwrap_or_default();
            if is_so(&shown) { Ok(shown) } else { Err(format!("{name} is {shown}")) }
        })
    }

    #[track_caller]
    fn wait_for_state(&self, name: &str, state: &str) {
        self.wait_for_upstream(name, |shown| shown["state"] == state);
    }

    /// The status of a request to the management API about an upstream tracker.
    fn ask(&self, method: &str, path: &str, body: &str) -> u16 {
        self.api.ask(method, path, body).status
    }

    fn announce(&self, way: Way, local: Local) -> Announced {
        match way {
            Way::UdpV4 => over_udp(self.tracker.v4(), local),
            Way::UdpV6 => over_udp(self.tracker.v6(), local),
            Way::HttpV4 => over_http(self.tracker.http_v4(), local),
            Way::HttpV6 => over_http(self.tracker.http_v6(), local),
        }
    }

    /// Announces until the answer has exactly these peers, and returns it.
    #[track_caller]
    fn wait_for_peers(&self, way: Way, local: Local, peers: &[&str]) -> Announced {
        let mut wanted: Vec<SocketAddr> = peers.iter().map(|peer| peer.parse().unwrap()).collect();
        wanted.sort_unstable();
        wait_for(|| {
            let answer = self.announce(way, local);
            let is_so = answer.peers == wanted;
            if is_so { Ok(answer) } else { Err(format!("{way:?}: {answer:?}, not {peers:?}")) }
        })
    }
}

/// Waits until an upstream tracker has received this many announces, and returns them.
#[track_caller]
fn received(upstream: &Upstream, number: usize) -> Vec<ringtrack_tests::upstream::Received> {
    wait_for(|| {
        let received = upstream.received();
        if received.len() >= number { Ok(received) } else { Err(format!("{received:?}")) }
    })
}

fn over_udp(tracker: SocketAddr, local: Local) -> Announced {
    let client = Client::new(tracker);
    let request = client.leecher(local.torrent, local.port).with_left(local.left);
    client.announce(request.with_event(local.event).with_numwant(local.numwant))
}

fn over_http(tracker: SocketAddr, local: Local) -> Announced {
    let Local { torrent, port, left, event, numwant } = local;
    let event = match event {
        AnnounceEvent::None => "",
        AnnounceEvent::Started => "&event=started",
        AnnounceEvent::Completed => "&event=completed",
        AnnounceEvent::Stopped => "&event=stopped",
    };
    let hash = percent_encode(&torrent.0);
    let target = format!(
        "/announce?info_hash={hash}&peer_id=-XX0001-{port:012}&port={port}&left={left}&numwant={numwant}{event}\
         &uploaded=5&downloaded=6&compact=1"
    );
    HttpClient::new(tracker).get(&target).announced().common
}
