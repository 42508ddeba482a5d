use crate::AddressFamily;
use core::sync::atomic::{AtomicU64, Ordering};

/// The kind of a request in a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestKind {
    /// Asks for a connection id (BEP 15).
    Connect,
    Announce,
    /// Asks for the counts of torrents.
    Scrape,
    /// None of these. Clients do not send such datagrams.
    Unknown,
}

/// Why a request was answered with an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorReason {
    ConnectionIdExpired,
    /// The connection id was not issued to this address, or not by a tracker with this key.
    ConnectionIdWrong,
    /// The client, its user or the torrent is not admitted. Separate counters show which.
    Refused,
    /// An action that BEP 15 does not define, from a client that has proved its address.
    UnknownAction,
}

impl ErrorReason {
    /// All reasons.
    pub const ALL: [Self; 4] =
        [Self::ConnectionIdExpired, Self::ConnectionIdWrong, Self::Refused, Self::UnknownAction];
}

/// Why a datagram was dropped without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DropReason {
    /// Shorter than the fixed part of its request.
    TooShort,
    /// A connect without BEP 15's protocol id.
    WrongProtocolId,
    /// An action that BEP 15 does not define, without proof of the address.
    UnknownAction,
    /// Source port 0, to which nothing can be sent.
    SourcePortZero,
    /// The source's network is banned.
    Banned,
    /// An expired or wrong connection id, if the configuration says not to answer those.
    ConnectionIdSilenced,
    /// The ring to the owner of the info hash was full.
    MeshFull,
}

/// The outcome of a datagram. Each datagram received has exactly one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Answered,
    Error(ErrorReason),
    Dropped(DropReason),
}

/// The outcome of an HTTP request. Each request read has exactly one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpOutcome {
    AnnounceAnswered,
    AnnounceRefused,
    ScrapeAnswered,
    ScrapeRefused,
    /// An announce or scrape answered with a failure because its owner could take no more requests.
    Busy,
    HealthChecked,
    /// `OPTIONS`, or an unknown path.
    Elsewhere,
    /// A request that can only be answered with an HTTP error status.
    BadRequest,
}

/// Counters besides the outcomes of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counter {
    /// Announces that arrived on a core that does not own their torrent. 0 if steering works.
    AnnouncesOnWrongCore,
    /// Scrapes that another core had to complete.
    ScrapesRouted,
    /// Completed events added to a swarm's download count.
    Completed,
    /// New peers that were answered but not stored because the limit on swarms was reached.
    PeersRefusedSwarms,
    /// New peers not stored because the limit on peers was reached.
    PeersRefusedPeers,
    /// New peers not stored because the limit on the peers of one swarm was reached.
    PeersRefusedSwarmPeers,
    /// New peers not stored because the limit on memory was reached.
    PeersRefusedMemory,
    /// Peers removed because they did not announce within their lifetime.
    PeersExpired,
    /// Bytes of UDP payload received.
    BytesReceived,
    /// Bytes of UDP payload of all replies.
    BytesSent,
    /// Receive calls that returned at least one datagram.
    BatchesReceived,
    /// Replies that the kernel refused because of their destination.
    RepliesRefused,
    /// Replies discarded because the send buffer stayed full.
    RepliesUnsent,
    /// Receive calls that failed.
    ReceiveErrors,
    /// Turns of the cores' timer tasks. A core whose count does not grow is stuck.
    TimerTurns,
    /// Total lateness of those turns, in microseconds.
    TimerLatenessUs,
    /// HTTP connections admitted.
    HttpConnections,
    /// HTTP connections refused because the core had reached its limit.
    HttpRefusedFull,
    /// HTTP connections refused because the prefix of their source had reached its limit.
    HttpRefusedPrefix,
    /// Accept calls that failed.
    HttpAcceptErrors,
    /// HTTP connections closed by their clients.
    HttpClosedByClient,
    /// HTTP connections closed after an answer that announced it.
    HttpClosedAfterAnswer,
    /// HTTP connections closed because the first request was not complete in time.
    HttpClosedFirstRequest,
    /// HTTP connections closed because a later request was not complete in time.
    HttpClosedSlowRequest,
    /// HTTP connections closed because no further request arrived in time.
    HttpClosedIdle,
    /// HTTP connections closed because the client did not read its answer in time.
    HttpClosedSlowAnswer,
    /// HTTP connections closed because the client spoke another protocol.
    HttpClosedNotHttp,
    /// HTTP connections from a proxy without a valid PROXY protocol header.
    HttpClosedProxyHeader,
    /// HTTPS connections closed because of a TLS error.
    HttpClosedTls,
    /// HTTP connections whose socket failed, or that waited too long for the owner of a torrent.
    HttpClosedBroken,
    /// HTTP connections still open when the tracker stopped.
    HttpClosedStop,
    /// Bytes received over HTTP connections.
    HttpBytesReceived,
    /// Bytes sent over HTTP connections.
    HttpBytesSent,
    /// HTTP requests routed to the owners of their torrents on other cores, counted once for each owner.
    RoutedHttpRequests,
    /// Requests refused because their key is missing or not valid, over UDP and HTTP.
    RefusedKeys,
    /// Announces refused because of their torrent.
    RefusedTorrents,
    /// Announces refused because of their client software.
    RefusedClients,
    /// HTTP requests refused because of their source address. Datagrams are dropped instead.
    RefusedNetworks,
    /// Announces refused because no peer can be reached at their address, over UDP and HTTP.
    RefusedAddresses,
    /// List entries rejected because a limit was reached.
    ListedTorrentsRefused,
    /// Completed events and stored counts rejected because a limit was reached.
    CompletedRefused,
    /// Keys rejected because a limit was reached.
    KeysRefused,
    /// Announces not accounted to their keys because the limit on sessions was reached.
    SessionReportsRefused,
    /// Details of peers rejected because a limit was reached.
    PeerDetailsRefused,
}

/// Gauges: values that rise and fall.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gauge {
    /// Torrents that have a swarm in at least one family.
    Torrents,
    SwarmsV4,
    SwarmsV6,
    SeedersV4,
    SeedersV6,
    LeechersV4,
    LeechersV6,
    /// Size of the swarms' tables and peers, in bytes.
    SwarmBytes,
    /// Size of the lists, keys, sessions and details of peers, in bytes.
    AccessBytes,
    HttpConnectionsOpen,
    /// Maximum lateness of a turn of a core's timer task since its start, in microseconds.
    TimerLatenessUsMax,
}

impl Gauge {
    /// All gauges, in the order of their slots.
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

/// The counters and gauges of one core, or the sum of several cores'. Counting uses no atomic operation.
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
    /// Counts received datagrams.
    pub fn count_received(&mut self, family: AddressFamily, datagrams: u64) {
        self.slots[RECEIVED_AT + family as usize] += datagrams;
    }

    /// Counts the outcome of one datagram.
    pub fn count(&mut self, family: AddressFamily, kind: RequestKind, outcome: Outcome) {
        self.slots[outcome_slot(family, kind, outcome)] += 1;
    }

    /// Counts the outcome of one HTTP request.
    pub fn count_http(&mut self, family: AddressFamily, outcome: HttpOutcome) {
        self.slots[http_slot(family, outcome)] += 1;
    }

    /// Returns the number of HTTP requests with this outcome.
    #[must_use]
    pub fn http_outcomes(&self, family: AddressFamily, outcome: HttpOutcome) -> u64 {
        self.slots[http_slot(family, outcome)]
    }

    /// Returns the number of HTTP requests that have an outcome, in both families.
    #[must_use]
    pub fn http_requests(&self) -> u64 {
        self.slots[HTTP_AT..COUNTERS_AT].iter().sum()
    }

    /// Adds `amount` to a counter.
    pub fn add(&mut self, counter: Counter, amount: u64) {
        self.slots[COUNTERS_AT + counter as usize] += amount;
    }

    /// Sets a gauge.
    pub fn set(&mut self, gauge: Gauge, value: u64) {
        self.slots[GAUGES_AT + gauge as usize] = value;
    }

    /// Returns the number of datagrams received.
    #[must_use]
    pub fn received(&self, family: AddressFamily) -> u64 {
        self.slots[RECEIVED_AT + family as usize]
    }

    /// Returns the number of datagrams of this kind with this outcome.
    #[must_use]
    pub fn outcomes(&self, family: AddressFamily, kind: RequestKind, outcome: Outcome) -> u64 {
        self.slots[outcome_slot(family, kind, outcome)]
    }

    /// Returns the number of datagrams of this family that have an outcome, of any kind.
    #[must_use]
    pub fn decided(&self, family: AddressFamily) -> u64 {
        let per_family = KINDS.len() * OUTCOMES.len();
        self.slots[family as usize * per_family..][..per_family].iter().sum()
    }

    /// Returns the number of datagrams of this kind answered as requested, in both families.
    #[must_use]
    pub fn answered(&self, kind: RequestKind) -> u64 {
        AddressFamily::ALL.map(|family| self.outcomes(family, kind, Outcome::Answered)).iter().sum()
    }

    /// Returns the number of datagrams answered with an error, in both families.
    #[must_use]
    pub fn errors(&self) -> u64 {
        self.sum_of_outcomes(1..5)
    }

    /// Returns the number of datagrams not answered, in both families.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.sum_of_outcomes(5..OUTCOMES.len())
    }

    /// Returns the value of a counter.
    #[must_use]
    pub fn counter(&self, counter: Counter) -> u64 {
        self.slots[COUNTERS_AT + counter as usize]
    }

    /// Returns the value of a gauge.
    #[must_use]
    pub fn gauge(&self, gauge: Gauge) -> u64 {
        self.slots[GAUGES_AT + gauge as usize]
    }

    /// Raises a gauge to `value` if that is larger, for gauges that hold a maximum.
    pub fn raise(&mut self, gauge: Gauge, value: u64) {
        let slot = &mut self.slots[GAUGES_AT + gauge as usize];
        *slot = (*slot).max(value);
    }

    /// Adds another core's figures. Of a maximum, the larger is kept.
    pub fn merge(&mut self, other: &Self) {
        let lateness = GAUGES_AT + Gauge::TimerLatenessUsMax as usize;
        for (slot, (mine, &theirs)) in self.slots.iter_mut().zip(&other.slots).enumerate() {
            *mine = if slot == lateness { (*mine).max(theirs) } else { mine.wrapping_add(theirs) };
        }
    }

    /// Returns every figure with its name in a fixed order, zeros included.
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

/// One core's figures, stored by the core and loaded by any thread. Each figure is read atomically, but several read
/// together may be from different moments.
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

    /// Returns the figures that were published last.
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
    fn every_figure_has_its_own_name() {
        let names: HashSet<String> = Statistics::default().named().map(|(name, _)| name).collect();
        assert_eq!(names.len(), SLOTS);
        assert!(names.contains("udp_v6_scrape_dropped_mesh_full"));
        assert!(names.contains("udp_v4_received"));
        assert!(names.contains("http_v6_bad_request"));
        assert!(names.contains("timer_lateness_us"));
        assert!(names.contains("timer_lateness_us_max"));
    }

    #[test]
    fn each_name_belongs_to_the_slot_that_is_counted() {
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
    fn every_gauge_and_every_error_has_its_own_slot() {
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
    fn the_sum_of_two_cores_keeps_the_larger_lateness() {
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
    fn published_figures_are_loaded_unchanged() {
        let published = PublishedStatistics::default();
        let mut statistics = Statistics::default();
        statistics.count(AddressFamily::V4, RequestKind::Connect, Outcome::Answered);
        published.publish(&statistics);
        assert_eq!(published.load(), statistics);
    }
}
