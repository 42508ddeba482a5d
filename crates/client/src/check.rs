//! What lists of public trackers, newTrackon above all, and clients object to: examines each address of a tracker with a few
//! announces for a torrent that has no other peers, and a scrape.

mod findings;
mod steps;
#[cfg(test)]
mod tests;

pub use findings::{Finding, Level, Report};

use self::findings::{Findings, NO_ROUTE};
use self::steps::Steps;
use crate::endpoint::TrackerClient;
use crate::limits::{ADDRESSES_MAX, CHECK_TIMEOUTS};
use crate::resolve::Families;
use crate::tracker_url::TrackerUrl;
use futures_util::{StreamExt, stream};
use primitives::InfoHash;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::time::{Instant, timeout};
use url::Host;

/// Examines a tracker: first its name, then each of its addresses. A random torrent is announced unless the tracker serves only
/// listed ones; then `torrent` should have few other peers.
pub async fn check(client: &TrackerClient, url: &TrackerUrl, torrent: Option<InfoHash>) -> Vec<Report> {
    let start = Instant::now();
    let found = client.addresses(url).await;
    let mut findings = Findings::default();
    let addresses = match found {
        Ok(addresses) => {
            findings.ok("name", format!("addresses: {}", addresses.len()));
            check_families(&mut findings, url, client.families, &addresses);
            addresses
        }
        Err(error) => {
            findings.error(
                "name",
                format!("the name cannot be resolved: {error}"),
                "Check the name and its DNS records.",
            );
            Vec::new()
        }
    };
    let elapsed = start.elapsed();
    // Checks of the same torrent would meet each other's peers.
    let at_once = if torrent.is_some() { 1 } else { ADDRESSES_MAX };
    let checks = addresses.into_iter().map(|address| check_address(client, url, address, torrent));
    let reports: Vec<Report> = stream::iter(checks).buffered(at_once).collect().await;
    if !reports.is_empty() && reports.iter().all(Report::has_no_route) {
        let text = "this computer has no route to any address".to_owned();
        findings.error(NO_ROUTE, text, "Check the tracker from another computer.");
    }
    std::iter::once(Report::new(url, None, elapsed, findings)).chain(reports).collect()
}

fn check_families(findings: &mut Findings, url: &TrackerUrl, families: Families, addresses: &[SocketAddr]) {
    let is_name = matches!(url.url().host_str().map(Host::parse), Some(Ok(Host::Domain(_))));
    if families != Families::Both || !is_name {
        return;
    }
    let hint = "About a third of peers have IPv6, and some have nothing else.";
    match (addresses.iter().any(SocketAddr::is_ipv4), addresses.iter().any(SocketAddr::is_ipv6)) {
        (true, true) => findings.ok("families", "there are IPv4 and IPv6 addresses".to_owned()),
        (true, false) => findings.warn("families", "there is no IPv6 address".to_owned(), hint),
        _ => findings.warn("families", "there is no IPv4 address".to_owned(), "Most peers have only IPv4."),
    }
}

async fn check_address(
    client: &TrackerClient,
    url: &TrackerUrl,
    address: SocketAddr,
    torrent: Option<InfoHash>,
) -> Report {
    let start = Instant::now();
    let mut findings = Findings::default();
    match client.endpoint(url, address) {
        Err(error) => findings.failed("reachable", &error),
        Ok(endpoint) => {
            let limit = client.timeout.saturating_mul(CHECK_TIMEOUTS);
            let mut steps = Steps::new(endpoint, torrent.unwrap_or_else(random_torrent), &mut findings);
            let outcome = timeout(limit, steps.run()).await;
            steps.leave().await;
            if outcome.is_err() {
                too_slow(&mut findings, limit);
            }
        }
    }
    Report::new(url, Some(address), start.elapsed(), findings)
}

fn too_slow(findings: &mut Findings, limit: Duration) {
    let text = format!("the check was not over after {} s", limit.as_secs());
    findings.error("time", text, "The tracker is overloaded, or sends its answers byte by byte.");
}

fn random_torrent() -> InfoHash {
    InfoHash(std::array::from_fn(|_| fastrand::u8(..)))
}
