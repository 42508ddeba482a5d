//! Admission as clients see it: over UDP and HTTP, IPv4 and IPv6, on one core and several, wherever a request arrives.

mod accounts;
mod ask;
mod completed;
mod equivalence;
mod listed;
mod networks;
mod peers;
mod private;
mod public;
mod reloads;
mod software;

use access::{
    AccessPolicy, AccessUpdate, CompletedCounts, DetailsKept, KeyGrant, TorrentAdmission, UserAdmission,
};
use metrics::{Counter, ErrorReason, HttpOutcome, Outcome, Statistics};
use primitives::{
    AddressFamily, AuthenticationKey, InfoHash, KeyId, ListChange, ListSource, RequestKind, TorrentList,
};
use ringtrack_tests::simulator::{Simulator, SimulatorSettings};

const PUBLIC: AccessPolicy = AccessPolicy::PUBLIC;
const LISTED: AccessPolicy = AccessPolicy { torrents: TorrentAdmission::Listed, ..PUBLIC };
const PRIVATE: AccessPolicy = AccessPolicy { users: UserAdmission::Private, ..PUBLIC };
const REMEMBERING: AccessPolicy = AccessPolicy { completed: CompletedCounts::Remembered, ..PUBLIC };
const DETAILED: AccessPolicy = AccessPolicy { details: DetailsKept::Kept, ..PUBLIC };

fn tracker(cores: usize, policy: AccessPolicy) -> Simulator {
    Simulator::new(&SimulatorSettings::with_shards(cores).with_access(policy))
}

/// A torrent for each number; on four cores the first few have different owners.
const fn torrent(number: u8) -> InfoHash {
    let mut info_hash = [0x9a; 20];
    info_hash[0] = number;
    InfoHash(info_hash)
}

fn change_list(change: ListChange, list: TorrentList, source: ListSource, torrents: &[u8]) -> AccessUpdate {
    let torrents = torrents.iter().map(|&number| torrent(number)).collect();
    AccessUpdate::ChangeList(change, list, source, torrents)
}

/// Adds torrents to the list of the management API.
fn allow(tracker: &mut Simulator, torrents: &[u8]) {
    tracker.update(&change_list(ListChange::Add, TorrentList::Allowed, ListSource::Api, torrents));
}

/// Removes torrents from the list of the management API.
fn disallow(tracker: &mut Simulator, torrents: &[u8]) {
    tracker.update(&change_list(ListChange::Remove, TorrentList::Allowed, ListSource::Api, torrents));
}

fn deny(tracker: &mut Simulator, torrents: &[u8]) {
    tracker.update(&change_list(ListChange::Add, TorrentList::Denied, ListSource::Api, torrents));
}

/// A key for each number.
fn key_text(number: u32) -> String {
    format!("abcdefghABCDEFGH{number:016}")
}

fn key(number: u32) -> AuthenticationKey {
    AuthenticationKey::parse(key_text(number).as_bytes()).expect("32 letters and digits")
}

const fn account(number: u32) -> KeyId {
    KeyId(100 + number)
}

fn grant(tracker: &mut Simulator, number: u32, valid_until_unix_s: Option<u64>) {
    let grant = KeyGrant { key: key(number), id: account(number), valid_until_unix_s };
    tracker.update(&AccessUpdate::PutKeys([grant].into()));
}

fn revoke(tracker: &mut Simulator, number: u32) {
    tracker.update(&AccessUpdate::RemoveKeys([key(number)].into()));
}

fn refused_datagrams(statistics: &Statistics, kind: RequestKind) -> u64 {
    let refused = |family| statistics.outcomes(family, kind, Outcome::Error(ErrorReason::Refused));
    AddressFamily::ALL.map(refused).iter().sum()
}

fn http_outcomes(statistics: &Statistics, outcome: HttpOutcome) -> u64 {
    AddressFamily::ALL.map(|family| statistics.http_outcomes(family, outcome)).iter().sum()
}

/// The counters of refusals: keys, torrents, clients, networks.
fn refusals(tracker: &mut Simulator) -> [u64; 4] {
    let statistics = tracker.statistics();
    [Counter::RefusedKeys, Counter::RefusedTorrents, Counter::RefusedClients, Counter::RefusedNetworks]
        .map(|counter| statistics.counter(counter))
}

/// Asserts that every received datagram has one outcome.
fn assert_accounted(tracker: &mut Simulator) {
    let statistics = tracker.statistics();
    for family in AddressFamily::ALL {
        assert_eq!(statistics.decided(family), statistics.received(family), "{family:?}");
    }
}
