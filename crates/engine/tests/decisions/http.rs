//! The engine's decisions on HTTP requests.

mod answers;
mod clients;
mod named_addresses;
mod refusals;
mod routed;
mod site;

use super::TORRENT;
use engine::HttpPolicy;
use metrics::HttpOutcome;
use primitives::AddressFamily;
use ringtrack_tests::http_client::{HttpAnnounced, HttpAnswer, HttpClient, announce_target, request};
use ringtrack_tests::simulator::{Simulator, SimulatorSettings, usual_http};
use std::net::{IpAddr, SocketAddr};

fn tracker(set: impl FnOnce(&mut HttpPolicy)) -> Simulator {
    let mut policy = usual_http();
    set(&mut policy);
    Simulator::with_http(&SimulatorSettings::default(), &policy)
}

/// The answer to one request on a connection of its own.
fn get(tracker: &mut Simulator, ip: &str, target: &str, headers: &str) -> HttpAnswer {
    HttpClient::new(0, ip).get_with(tracker, target, headers)
}

/// Announces a leecher of [`TORRENT`].
fn announce(tracker: &mut Simulator, ip: &str, port: u16, more: &str) -> HttpAnnounced {
    get(tracker, ip, &announce_target(TORRENT, port, more), "").announced()
}

/// The peers of [`TORRENT`] in the family of `ip`, as returned to a client that is not a peer itself.
fn peers(tracker: &mut Simulator, ip: &str) -> Vec<SocketAddr> {
    announce(tracker, ip, 0, "&numwant=200").common.peers
}

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address with a port")
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// The outcomes counted so far.
fn outcomes(tracker: &mut Simulator) -> Vec<(AddressFamily, HttpOutcome, u64)> {
    let statistics = tracker.statistics();
    let all =
        AddressFamily::ALL.into_iter().flat_map(|family| HttpOutcome::ALL.map(|outcome| (family, outcome)));
    all.map(|(family, outcome)| (family, outcome, statistics.http_outcomes(family, outcome)))
        .filter(|(_, _, count)| *count > 0)
        .collect()
}

fn request_of(target: &str) -> Vec<u8> {
    request(target, "")
}
