use crate::AddressFamily;
use core::sync::atomic::{AtomicU64, Ordering};

/// What a datagram asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestKind {
    /// A connection id (BEP 15).
    Connect,
    /// An announce.
    Announce,
    /// A scrape.
    Scrape,
    /// None of these: no client sent it.
    Unknown,
}

/// Why a request was answered with an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorReason {
    /// The connection id was good once.
    ConnectionIdExpired,
    /// The connection id was not issued to this address, or not by a tracker with this key.
    ConnectionIdWrong,
    /// The client, its user or the torrent is not let in. Counters tell which.
    Refused,
    /// An action that BEP 15 does not have, from a client that has proved its address.
    UnknownAction,
}

impl ErrorReason {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::ConnectionIdExpired, Self::ConnectionIdWrong, Self::Refused, Self::UnknownAction];
}

/// Why a datagram got no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DropReason {
    /// Shorter than the fixed part of its request.
    TooShort,
    /// A connect without BEP 15's protocol id.
    WrongProtocolId,
    /// An action that BEP 15 does not have, without a proof of the address.
    UnknownAction,
    /// Source port 0: nothing can be sent there.
    SourcePortZero,
    /// The source's network is banned.
    Banned,
    /// An expired or wrong connection id, where the configuration asks for silence.
    ConnectionIdSilenced,
    /// The ring to the owner of the info hash was full.
    MeshFull,
}

/// What became of a datagram. Each one received gets exactly one outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Answered with what it asked for.
    Answered,
    /// Answered with an error.
    Error(ErrorReason),
    /// Not answered.
    Dropped(DropReason),
}

/// What became of an HTTP request. Each one read gets exactly one outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpOutcome {
    /// An announce, answered with peers.
    AnnounceAnswered,
    /// An announce whose query or key is wrong, answered with a failure.
    AnnounceRefused,
    /// A scrape, answered with counts.
    ScrapeAnswered,
    /// A scrape whose query or key is wrong, answered with a failure.
    ScrapeRefused,
    /// An announce or a scrape that found the way to its owner full, answered with a failure.
    Busy,
    /// A health check.
    HealthChecked,
    /// `OPTIONS`, or a path that leads nowhere.
    Elsewhere,
    /// No request that can be answered but with the status of an error.
    BadRequest,
}

/// Things that are counted beside the requests' outcomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counter {
    /// Announces that arrived on a core that does not own their torrent. 0 where steering works.
    AnnouncesOnWrongCore,
    /// Scrapes that another core had to complete.
    ScrapesRouted,
    /// Completed events counted into a swarm's downloads.
    Completed,
    /// New peers that got an answer but no place: the bound on swarms was reached.
    PeersRefusedSwarms,
    /// The bound on peers was reached.
    PeersRefusedPeers,
    /// The bound on the peers of one swarm was reached.
    PeersRefusedSwarmPeers,
    /// The bound on memory was reached.
    PeersRefusedMemory,
    /// Peers forgotten because they were not heard of for their lifetime.
    PeersExpired,
    /// Bytes of UDP payload received.
    BytesReceived,
    /// Bytes of UDP payload of all replies.
    BytesSent,
    /// Calls that received at least one datagram.
    BatchesReceived,
    /// Replies that the kernel refused for their destination.
    RepliesRefused,
    /// Replies given up because the send buffer stayed full.
    RepliesUnsent,
    /// Receive calls that failed.
    ReceiveErrors,
    /// Turns of the cores' timer tasks. A core whose count stands still is stuck.
    TimerTurns,
    /// Microseconds that those turns were late, in all.
    TimerLatenessUs,
    /// HTTP connections taken in.
    HttpConnections,
    /// HTTP connections closed at once: the core had as many as it may have.
    HttpRefusedFull,
    /// HTTP connections closed at once: their source's prefix had as many as it may have.
    HttpRefusedPrefix,
    /// Accept calls that failed.
    HttpAcceptErrors,
    /// HTTP connections that their clients closed.
    HttpClosedByClient,
    /// HTTP connections closed after an answer that said so.
    HttpClosedAfterAnswer,
    /// HTTP connections without a whole request in the time for the first one.
    HttpClosedFirstRequest,
    /// HTTP connections with a later request that took too long to come.
    HttpClosedSlowRequest,
    /// HTTP connections without a further request for too long.
    HttpClosedIdle,
    /// HTTP connections that did not take their answer in time.
    HttpClosedSlowAnswer,
    /// HTTP connections that spoke something else.
    HttpClosedNotHttp,
    /// HTTP connections from a proxy without its header.
    HttpClosedProxyHeader,
    /// HTTPS connections whose TLS went wrong.
    HttpClosedTls,
    /// HTTP connections that the network or the client broke off.
    HttpClosedBroken,
    /// HTTP connections that were open when the tracker stopped.
    HttpClosedStop,
    /// Bytes received over HTTP connections.
    HttpBytesReceived,
    /// Bytes sent over HTTP connections.
    HttpBytesSent,
    /// HTTP requests whose torrents belong to other cores, once for each owner.
    RoutedHttpRequests,
    /// Requests refused for their key, or for the lack of one, over UDP and HTTP.
    RefusedKeys,
    /// Announces refused for their torrent.
    RefusedTorrents,
    /// Announces refused for their client software.
    RefusedClients,
    /// HTTP requests refused for their address. Such datagrams are dropped.
    RefusedNetworks,
    /// Announces refused because no peer can be reached at their address, over UDP and HTTP.
    RefusedAddresses,
    /// Torrents of lists that found no place.
    ListedTorrentsRefused,
    /// Completed events and stored counts of torrents that found no place.
    CompletedRefused,
    /// Keys that found no place.
    KeysRefused,
    /// Announces with keys that are not accounted for: their sessions found no place.
    SessionReportsRefused,
    /// Details of peers that found no place.
    PeerDetailsRefused,
}

/// Things that go up and down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gauge {
    /// Torrents that have a swarm, of whichever family.
    Torrents,
    /// Swarms kept, IPv4.
    SwarmsV4,
    /// Swarms kept, IPv6.
    SwarmsV6,
    /// Seeders, IPv4.
    SeedersV4,
    /// Seeders, IPv6.
    SeedersV6,
    /// Leechers, IPv4.
    LeechersV4,
    /// Leechers, IPv6.
    LeechersV6,
    /// Bytes of the swarms' tables and peers.
    SwarmBytes,
    /// Bytes of lists, keys, their sessions and peers' details.
    AccessBytes,
    /// HTTP connections open.
    HttpConnectionsOpen,
    /// Microseconds that a turn of a core's timer task was late at most, since its start.
    TimerLatenessUsMax,
}

impl Gauge {
    /// All of them, in the order of their names.
    pub const ALL: [Self; GAUGES.len()] = [
        Self::Torrents,
        Self::SwarmsV4,
        Self::SwarmsV6,
        Self::SeedersV4,
        Self::SeedersV6,
        Self::LeechersV4,
        Self::LeechersV6,
        Self::SwarmBytes,
        Self::AccessBytes,
        Self::HttpConnectionsOpen,
        Self::TimerLatenessUsMax,
    ];
}

const FAMILIES: [&str; 2] = ["v4", "v6"];
const KINDS: [&str; 4] = ["connect", "announce", "scrape", "unknown"];
const OUTCOMES: [&str; 12] = [
    "answered",
    "error_connection_id_expired",
    "error_connection_id_wrong",
    "error_refused",
    "error_unknown_action",
    "dropped_too_short",
    "dropped_wrong_protocol_id",
    "dropped_unknown_action",
    "dropped_source_port_zero",
    "dropped_banned",
    "dropped_connection_id_silenced",
    "dropped_mesh_full",
];
const COUNTERS: [&str; 44] = [
    "announces_on_wrong_core",
    "scrapes_routed",
    "completed",
    "peers_refused_swarms",
    "peers_refused_peers",
    "peers_refused_swarm_peers",
    "peers_refused_memory",
    "peers_expired",
    "bytes_received",
    "bytes_sent",
    "batches_received",
    "replies_refused",
    "replies_unsent",
    "receive_errors",
    "timer_turns",
    "timer_lateness_us",
    "http_connections",
    "http_refused_full",
    "http_refused_prefix",
    "http_accept_errors",
    "http_closed_by_client",
    "http_closed_after_answer",
    "http_closed_first_request",
    "http_closed_slow_request",
    "http_closed_idle",
    "http_closed_slow_answer",
    "http_closed_not_http",
    "http_closed_proxy_header",
    "http_closed_tls",
    "http_closed_broken",
    "http_closed_stop",
    "http_bytes_received",
    "http_bytes_sent",
    "http_errands",
    "refused_keys",
    "refused_torrents",
    "refused_clients",
    "refused_networks",
    "refused_addresses",
    "listed_torrents_refused",
    "completed_refused",
    "keys_refused",
    "session_reports_refused",
    "peer_details_refused",
];
const GAUGES: [&str; 11] = [
    "torrents",
    "swarms_v4",
    "swarms_v6",
    "seeders_v4",
    "seeders_v6",
    "leechers_v4",
    "leechers_v6",
    "swarm_bytes",
    "access_bytes",
    "http_connections_open",
    "timer_lateness_us_max",
];

const HTTP_OUTCOMES: [&str; 8] = [
    "announce_answered",
    "announce_refused",
    "scrape_answered",
    "scrape_refused",
    "busy",
    "health_checked",
    "elsewhere",
    "bad_request",
];

const OUTCOME_SLOTS: usize = FAMILIES.len() * KINDS.len() * OUTCOMES.len();
const RECEIVED_AT: usize = OUTCOME_SLOTS;
const HTTP_AT: usize = RECEIVED_AT + FAMILIES.len();
const COUNTERS_AT: usize = HTTP_AT + FAMILIES.len() * HTTP_OUTCOMES.len();
const GAUGES_AT: usize = COUNTERS_AT + COUNTERS.len();
const SLOTS: usize = GAUGES_AT + GAUGES.len();

impl Outcome {
    const fn slot(self) -> usize {
        match self {
            Self::Answered => 0,
            Self::Error(ErrorReason::ConnectionIdExpired) => 1,
            Self::Error(ErrorReason::ConnectionIdWrong) => 2,
            Self::Error(ErrorReason::Refused) => 3,
            Self::Error(ErrorReason::UnknownAction) => 4,
            Self::Dropped(reason) => 5 + reason as usize,
        }
    }
}

const fn outcome_slot(family: AddressFamily, kind: RequestKind, outcome: Outcome) -> usize {
    (family as usize * KINDS.len() + kind as usize) * OUTCOMES.len() + outcome.slot()
}

/// The counters and gauges of one core, or the sum of several. A core counts with no atomic operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statistics {
    slots: [u64; SLOTS],
}

impl Default for Statistics {
    fn default() -> Self {
        Self { slots: [0; SLOTS] }
    }
}

impl Statistics {
    /// Counts a datagram received.
    pub fn count_received(&mut self, family: AddressFamily, datagrams: u64) {
        self.slots[RECEIVED_AT + family as usize] += datagrams;
    }

    /// Counts what became of one datagram.
    pub fn count(&mut self, family: AddressFamily, kind: RequestKind, outcome: Outcome) {
        self.slots[outcome_slot(family, kind, outcome)] += 1;
    }

    /// Counts what became of one HTTP request.
    pub fn count_http(&mut self, family: AddressFamily, outcome: HttpOutcome) {
        self.slots[http_slot(family, outcome)] += 1;
    }

    /// HTTP requests with this outcome.
    #[must_use]
    pub fn http_outcomes(&self, family: AddressFamily, outcome: HttpOutcome) -> u64 {
        self.slots[http_slot(family, outcome)]
    }

    /// HTTP requests that have an outcome, in both families.
    #[must_use]
    pub fn http_requests(&self) -> u64 {
        self.slots[HTTP_AT..COUNTERS_AT].iter().sum()
    }

    /// Adds to a counter.
    pub fn add(&mut self, counter: Counter, amount: u64) {
        self.slots[COUNTERS_AT + counter as usize] += amount;
    }

    /// Sets a gauge.
    pub fn set(&mut self, gauge: Gauge, value: u64) {
        self.slots[GAUGES_AT + gauge as usize] = value;
    }

    /// Datagrams received.
    #[must_use]
    pub fn received(&self, family: AddressFamily) -> u64 {
        self.slots[RECEIVED_AT + family as usize]
    }

    /// Datagrams of this kind with this outcome.
    #[must_use]
    pub fn outcomes(&self, family: AddressFamily, kind: RequestKind, outcome: Outcome) -> u64 {
        self.slots[outcome_slot(family, kind, outcome)]
    }

    /// Datagrams of this family that have an outcome, of any kind.
    #[must_use]
    pub fn decided(&self, family: AddressFamily) -> u64 {
        let per_family = KINDS.len() * OUTCOMES.len();
        self.slots[family as usize * per_family..][..per_family].iter().sum()
    }

    /// Datagrams of this kind answered with what they asked for, in both families.
    #[must_use]
    pub fn answered(&self, kind: RequestKind) -> u64 {
        AddressFamily::ALL.map(|family| self.outcomes(family, kind, Outcome::Answered)).iter().sum()
    }

    /// Datagrams answered with an error, in both families.
    #[must_use]
    pub fn errors(&self) -> u64 {
        self.sum_of_outcomes(1..5)
    }

    /// Datagrams not answered, in both families.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.sum_of_outcomes(5..OUTCOMES.len())
    }

    /// The value of a counter.
    #[must_use]
    pub fn counter(&self, counter: Counter) -> u64 {
        self.slots[COUNTERS_AT + counter as usize]
    }

    /// The value of a gauge.
    #[must_use]
    pub fn gauge(&self, gauge: Gauge) -> u64 {
        self.slots[GAUGES_AT + gauge as usize]
    }

    /// Raises a gauge that keeps the most.
    pub fn raise(&mut self, gauge: Gauge, value: u64) {
        let slot = &mut self.slots[GAUGES_AT + gauge as usize];
        *slot = (*slot).max(value);
    }

    /// Adds another core's figures; of a maximum, the larger stays.
    pub fn merge(&mut self, other: &Self) {
        let lateness = GAUGES_AT + Gauge::TimerLatenessUsMax as usize;
        for (slot, (mine, &theirs)) in self.slots.iter_mut().zip(&other.slots).enumerate() {
            *mine = if slot == lateness { (*mine).max(theirs) } else { mine.wrapping_add(theirs) };
        }
    }

    /// Every figure with its name, zeros too, in a fixed order.
    pub fn named(&self) -> impl Iterator<Item = (String, u64)> {
        (0..SLOTS).map(slot_name).zip(self.slots)
    }

    fn sum_of_outcomes(&self, outcomes: core::ops::Range<usize>) -> u64 {
        self.slots[..OUTCOME_SLOTS]
            .chunks_exact(OUTCOMES.len())
            .map(|of_kind| of_kind[outcomes.clone()].iter().sum::<u64>())
            .sum()
    }
}

const fn http_slot(family: AddressFamily, outcome: HttpOutcome) -> usize {
    HTTP_AT + family as usize * HTTP_OUTCOMES.len() + outcome as usize
}

fn slot_name(slot: usize) -> String {
    if let Some(gauge) = slot.checked_sub(GAUGES_AT) {
        return GAUGES[gauge].to_owned();
    }
    if let Some(counter) = slot.checked_sub(COUNTERS_AT) {
        return COUNTERS[counter].to_owned();
    }
    if let Some(http) = slot.checked_sub(HTTP_AT) {
        let (family, outcome) = (http / HTTP_OUTCOMES.len(), http % HTTP_OUTCOMES.len());
        return format!("http_{}_{}", FAMILIES[family], HTTP_OUTCOMES[outcome]);
    }
    if let Some(family) = slot.checked_sub(RECEIVED_AT) {
        return format!("udp_{}_received", FAMILIES[family]);
    }
    let (of_kind, outcome) = (slot / OUTCOMES.len(), slot % OUTCOMES.len());
    let (family, kind) = (of_kind / KINDS.len(), of_kind % KINDS.len());
    format!("udp_{}_{}_{}", FAMILIES[family], KINDS[kind], OUTCOMES[outcome])
}

/// One core's figures as the control plane sees them: the core stores, anyone loads. Each figure is whole,
/// several read together may be of different moments.
#[derive(Debug)]
pub struct PublishedStatistics {
    slots: [AtomicU64; SLOTS],
}

impl Default for PublishedStatistics {
    fn default() -> Self {
        Self { slots: [const { AtomicU64::new(0) }; SLOTS] }
    }
}

impl PublishedStatistics {
    /// Makes the figures visible to other threads.
    pub fn publish(&self, statistics: &Statistics) {
        for (slot, &value) in self.slots.iter().zip(&statistics.slots) {
            slot.store(value, Ordering::Relaxed);
        }
    }

    /// What was published last.
    #[must_use]
    pub fn load(&self) -> Statistics {
        Statistics { slots: core::array::from_fn(|slot| self.slots[slot].load(Ordering::Relaxed)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_figure_has_a_name_of_its_own() {
        let names: HashSet<String> = Statistics::default().named().map(|(name, _)| name).collect();
        assert_eq!(names.len(), SLOTS);
        assert!(names.contains("udp_v6_scrape_dropped_mesh_full"));
        assert!(names.contains("udp_v4_received"));
        assert!(names.contains("http_v6_bad_request"));
        assert!(names.contains("timer_lateness_us"));
        assert!(names.contains("timer_lateness_us_max"));
    }

    #[test]
    fn a_name_belongs_to_the_slot_that_is_counted() {
        let mut statistics = Statistics::default();
        statistics.count(AddressFamily::V6, RequestKind::Scrape, Outcome::Dropped(DropReason::MeshFull));
        statistics.add(Counter::TimerLatenessUs, 2);
        statistics.set(Gauge::TimerLatenessUsMax, 3);
        let counted: Vec<_> = statistics.named().filter(|(_, value)| *value > 0).collect();
        assert_eq!(
            counted,
            [
                ("udp_v6_scrape_dropped_mesh_full".to_owned(), 1),
                ("timer_lateness_us".to_owned(), 2),
                ("timer_lateness_us_max".to_owned(), 3)
            ]
        );
    }

    #[test]
    fn all_gauges_and_all_errors_are_each_there_once() {
        assert!(Gauge::ALL.iter().enumerate().all(|(slot, &gauge)| gauge as usize == slot));
        let mut statistics = Statistics::default();
        for reason in ErrorReason::ALL {
            statistics.count(AddressFamily::V4, RequestKind::Announce, Outcome::Error(reason));
        }
        let counted = statistics.named().filter(|(name, value)| name.contains("_error_") && *value == 1);
        let names = OUTCOMES.iter().filter(|name| name.starts_with("error_")).count();
        assert_eq!((counted.count(), statistics.errors()), (names, names as u64));
    }

    #[test]
    fn the_sum_of_two_cores_keeps_the_worse_lateness() {
        let mut one = Statistics::default();
        one.count_received(AddressFamily::V4, 5);
        one.set(Gauge::TimerLatenessUsMax, 700);
        let mut two = one.clone();
        two.set(Gauge::TimerLatenessUsMax, 300);
        two.merge(&one);
        assert_eq!(two.received(AddressFamily::V4), 10);
        assert_eq!(two.gauge(Gauge::TimerLatenessUsMax), 700);
    }

    #[test]
    fn what_is_published_is_what_is_loaded() {
        let published = PublishedStatistics::default();
        let mut statistics = Statistics::default();
        statistics.count(AddressFamily::V4, RequestKind::Connect, Outcome::Answered);
        published.publish(&statistics);
        assert_eq!(published.load(), statistics);
    }
}
