use super::admission::Admission;
use crate::simulator::{CoreEvents, Datagram, Reply, Simulator};
use engine::{EngineSettings, Now};
use metrics::{Counter, ErrorReason, Gauge, Outcome, Statistics};
use primitives::{AddressFamily, InfoHash, KeyId, RequestKind, canonical_ip};
use std::collections::{BTreeMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use udp_protocol::{AnnounceRequest, ConnectionId, Request, decode_request};

/// The traffic of the tracker as seen from outside, and the invariants that follow from it.
#[derive(Debug)]
pub(super) struct Ledger {
    pub(super) settings: EngineSettings,
    received: [u64; 2],
    bytes_received: u64,
    replies: u64,
    bytes_sent: u64,
    /// Connection ids of each address in the order of issue, with the time in Unix seconds.
    pub(super) issued: BTreeMap<IpAddr, Vec<(ConnectionId, u64)>>,
    /// Peers that announced with a proof of their address: only these may be listed.
    pub(super) announced: HashSet<SocketAddr>,
    pub(super) admission: Admission,
    /// Seeding and leeching sessions of each key, summed from the events.
    sessions: BTreeMap<KeyId, (i64, i64)>,
}

impl Ledger {
    pub(super) fn new(settings: EngineSettings) -> Self {
        Self {
            settings,
            received: [0; 2],
            bytes_received: 0,
            replies: 0,
            bytes_sent: 0,
            issued: BTreeMap::new(),
            announced: HashSet::new(),
            admission: Admission::new(settings.access),
            sessions: BTreeMap::new(),
        }
    }

    pub(super) fn datagrams(&self) -> u64 {
        self.received.iter().sum()
    }

    pub(super) fn oldest_id(&self, ip: IpAddr) -> Option<ConnectionId> {
        Some(self.issued.get(&canonical_ip(ip))?.first()?.0)
    }

    /// The id last issued to this address, if that was in this second.
    pub(super) fn id_of_this_second(&self, now: Now, ip: IpAddr) -> Option<ConnectionId> {
        let (id, at_s) = self.issued.get(&canonical_ip(ip))?.last()?;
        (*at_s == now.unix_s).then_some(*id)
    }

    /// Records datagrams and checks their replies.
    pub(super) fn enter(&mut self, now: Now, datagrams: &[Datagram], replies: &[Reply]) {
        for datagram in datagrams {
            self.received[AddressFamily::of(datagram.source.ip()) as usize] += 1;
            self.bytes_received += datagram.bytes.len() as u64;
            self.note_announce(now, datagram);
        }
        for pair in replies.windows(2) {
            assert!(pair[0].request < pair[1].request, "a datagram is answered once");
        }
        for reply in replies {
            self.replies += 1;
            self.bytes_sent += reply.bytes.len() as u64;
            self.check_reply(now, &datagrams[reply.request], reply);
        }
    }

    /// Checks that every datagram has one outcome and every byte is counted.
    pub(super) fn balance(&self, statistics: &Statistics) {
        for family in AddressFamily::ALL {
            assert_eq!(statistics.received(family), self.received[family as usize], "{family:?}");
            assert_eq!(statistics.decided(family), self.received[family as usize], "{family:?}");
        }
        assert_eq!(self.datagrams() - statistics.dropped(), self.replies, "each other datagram is answered");
        assert_eq!(statistics.counter(Counter::BytesReceived), self.bytes_received);
        assert_eq!(statistics.counter(Counter::BytesSent), self.bytes_sent);
        let [seeders, leechers] =
            [[Gauge::SeedersV4, Gauge::SeedersV6], [Gauge::LeechersV4, Gauge::LeechersV6]]
                .map(|gauges| gauges.map(|gauge| statistics.gauge(gauge)).iter().sum::<u64>());
        let refused = AddressFamily::ALL.iter().flat_map(|&family| {
            let refused = Outcome::Error(ErrorReason::Refused);
            [RequestKind::Announce, RequestKind::Scrape]
                .map(|kind| statistics.outcomes(family, kind, refused))
        });
        let why = [
            Counter::RefusedKeys,
            Counter::RefusedTorrents,
            Counter::RefusedClients,
            Counter::RefusedAddresses,
        ];
        let reasons = why.map(|counter| statistics.counter(counter));
        assert_eq!(refused.sum::<u64>(), reasons.iter().sum::<u64>(), "each refusal has one reason");
        let torrents = 256;
        assert!(seeders + leechers <= self.announced.len() as u64 * torrents, "each peer has announced");
    }

    /// Checks that no refused torrent has a swarm.
    pub(super) fn check_swarms(&self, tracker: &mut Simulator) {
        for number in 0..=u8::MAX {
            let torrent = InfoHash([number; 20]);
            let owner = tracker.owner(&torrent);
            let has_swarm = tracker.context(owner).shard.torrents().info(&torrent).is_some();
            assert!(!has_swarm || self.admission.is_served(&torrent), "{torrent} has no swarm");
        }
    }

    /// Adds the events, and checks that no key has a negative number of sessions.
    pub(super) fn enter_events(&mut self, events: CoreEvents) {
        for (key, event) in events.accounts {
            let (seeding, leeching) = self.sessions.entry(key).or_default();
            *seeding += event.seeding;
            *leeching += event.leeching;
            assert!(*seeding >= 0 && *leeching >= 0, "{key:?}: {event:?}");
        }
        assert!(events.completed.values().all(|&completed| completed > 0), "counts are above 0");
    }

    fn note_announce(&mut self, now: Now, datagram: &Datagram) {
        let Some(request) = announce_of(datagram) else { return };
        if request.port.get() != 0 && self.is_proved(now, datagram) {
            let address = SocketAddr::new(canonical_ip(datagram.source.ip()), request.port.get());
            self.announced.insert(address);
        }
    }

    /// Whether the datagram has an id that was issued to its source within two lifetimes.
    pub(super) fn is_proved(&self, now: Now, datagram: &Datagram) -> bool {
        let issued = self.issued.get(&canonical_ip(datagram.source.ip()));
        let oldest_s = now.unix_s - 2 * u64::from(self.settings.connection_id_lifetime_s);
        issued.into_iter().flatten().any(|(id, at_s)| datagram.bytes.starts_with(&id.0) && *at_s > oldest_s)
    }
}

fn announce_of(datagram: &Datagram) -> Option<&AnnounceRequest> {
    match decode_request(&datagram.bytes) {
        Ok(Request::Announce(announce)) => Some(announce.request),
        _ => None,
    }
}
