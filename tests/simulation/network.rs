//! The network between the tracker and its clients over UDP.

use fastrand::Rng;
use primitives::AddressFamily;
use ringtrack_tests::client::Answer;
use ringtrack_tests::simulator::{Arrival, Datagram, Reply, Simulator};
use std::collections::{BTreeMap, HashSet};
use std::net::{IpAddr, SocketAddr};

/// What happens to datagrams on their way, in both directions.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Weather {
    pub(crate) lost_percent: u8,
    pub(crate) doubled_percent: u8,
    /// Each datagram takes up to this long, so that later ones overtake it.
    pub(crate) delay_ms_max: u64,
}

/// A datagram that was sent to the tracker.
#[derive(Debug)]
struct Sent {
    source: SocketAddr,
    bytes: usize,
    /// Whether it has a connection id that was issued to its source.
    is_proved: bool,
    /// How many copies have arrived, and how many replies were sent to them.
    arrivals: usize,
    replies: usize,
}

#[derive(Debug, Clone)]
enum Flight {
    ToTracker(usize, Datagram),
    ToClient(Reply),
}

/// What has arrived at both ends.
#[derive(Debug, Default)]
pub(crate) struct Arrivals {
    pub(crate) datagrams: Vec<Datagram>,
    pub(crate) replies: Vec<Reply>,
}

#[derive(Debug)]
pub(crate) struct Network {
    random: Rng,
    pub(crate) weather: Weather,
    /// By the millisecond of their arrival, and in the order in which they were sent.
    flights: BTreeMap<(u64, usize), Flight>,
    flown: usize,
    sent: Vec<Sent>,
    /// The connection ids that the tracker has issued, whether or not they have arrived.
    issued: HashSet<(IpAddr, [u8; 8])>,
    /// Datagrams that the tracker's sockets have taken, by family.
    delivered: [u64; AddressFamily::ALL.len()],
    /// Replies that the tracker has sent.
    pub(crate) replies: u64,
}

impl Network {
    pub(crate) fn new(random: Rng, weather: Weather) -> Self {
        Self {
            random,
            weather,
            flights: BTreeMap::new(),
            flown: 0,
            sent: Vec::new(),
            issued: HashSet::new(),
            delivered: [0; 2],
            replies: 0,
        }
    }

    /// Returns how many datagrams of a family the tracker's sockets have taken.
    pub(crate) const fn delivered(&self, family: AddressFamily) -> u64 {
        self.delivered[family as usize]
    }

    /// Sends a datagram to the socket of a core.
    pub(crate) fn send(&mut self, now_ms: u64, source: SocketAddr, bytes: Vec<u8>, core: usize) {
        let id = bytes.first_chunk().copied().unwrap_or_default();
        let is_proved = self.issued.contains(&(source.ip(), id));
        self.sent.push(Sent { source, bytes: bytes.len(), is_proved, arrivals: 0, replies: 0 });
        let datagram = Datagram { source, bytes, arrival: Arrival::At(core) };
        self.launch(now_ms, &Flight::ToTracker(self.sent.len() - 1, datagram));
    }

    fn launch(&mut self, now_ms: u64, flight: &Flight) {
        let Weather { lost_percent, doubled_percent, delay_ms_max } = self.weather;
        let copies = if self.random.u8(0..100) < lost_percent {
            0
        } else {
            1 + usize::from(self.random.u8(0..100) < doubled_percent)
        };
        for _ in 0..copies {
            let arrival_ms = now_ms + self.random.u64(0..=delay_ms_max);
            self.flights.insert((arrival_ms, self.flown), flight.clone());
            self.flown += 1;
        }
    }

    /// Takes the replies of the tracker, and lets arrive what is due.
    pub(crate) fn exchange(&mut self, tracker: &mut Simulator) -> Arrivals {
        let now_ms = tracker.now().monotonic_ms;
        for reply in tracker.take_replies() {
            self.note_reply(&reply);
            self.launch(now_ms, &Flight::ToClient(reply));
        }
        let later = self.flights.split_off(&(now_ms + 1, 0));
        let mut arrivals = Arrivals::default();
        for flight in std::mem::replace(&mut self.flights, later).into_values() {
            match flight {
                Flight::ToTracker(number, datagram) => {
                    if tracker.deliver(number, &datagram) {
                        self.sent[number].arrivals += 1;
                        self.delivered[AddressFamily::of(datagram.source.ip()) as usize] += 1;
                        arrivals.datagrams.push(datagram);
                    }
                }
                Flight::ToClient(reply) => arrivals.replies.push(reply),
            }
        }
        arrivals
    }

    /// Whether nothing is on its way.
    pub(crate) fn is_empty(&self) -> bool {
        self.flights.is_empty()
    }

    /// Checks what must hold of each reply.
    fn note_reply(&mut self, reply: &Reply) {
        let sent = &mut self.sent[reply.request];
        sent.replies += 1;
        assert_eq!(reply.destination, sent.source, "a reply goes to the source of its request");
        assert!(sent.replies <= sent.arrivals, "at most one reply to a request");
        assert!(
            sent.is_proved || reply.bytes.len() <= sent.bytes,
            "{} bytes to a source that has proved nothing with {}",
            reply.bytes.len(),
            sent.bytes
        );
        if let (_, Answer::Connected(id)) = Answer::decode(reply.destination, &reply.bytes) {
            self.issued.insert((reply.destination.ip(), id.0));
        }
        self.replies += 1;
    }
}
