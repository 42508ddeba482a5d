use super::*;
use crate::client::tests::{ANNOUNCE, context, upstream};
use crate::forwarder::PrivatePeers;
use futures_util::future::join_all;
use primitives::{AnnounceEvent, CompactIpv4, CompactIpv6, Numwant};
use std::collections::{HashSet, VecDeque};
use std::net::{Ipv4Addr, Ipv6Addr};
use tokio::net::UdpSocket;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;
use udp_protocol::{
    AnnounceOption, AnnounceResponse, ConnectResponse, ConnectionId, ErrorResponse, Request, decode_request,
};
use zerocopy::IntoBytes;

/// How long the clients of these tests wait before they send again: longer than a busy machine takes to respond.
const AFTER: Duration = Duration::from_millis(500);

const V4_PEER: CompactIpv4 = CompactIpv4::new(Ipv4Addr::new(11, 0, 0, 9), 6881);

const V6_PEER: CompactIpv6 = CompactIpv6([0x2a, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0x1a, 0xe1]);

/// How often a tracker returns the same peer.
const MORE_THAN_ASKED_FOR: usize = 1000;

/// What a tracker does about a datagram.
#[derive(Clone, Copy)]
enum Step {
    Respond,
    Lose,
    /// Responds to another request.
    Misdirect,
    Refuse(&'static str),
    /// Responds with a part of a peer at the end.
    CutOff,
    /// Ends the tracker before it receives anything.
    Closed,
}

use Step::{Closed, CutOff, Lose, Misdirect, Refuse, Respond};

/// What a tracker received.
#[derive(Default)]
struct Received {
    /// `c` for each connect and `a` for each announce.
    kinds: String,
    /// The last announce.
    announce: Vec<u8>,
    sources: Vec<SocketAddr>,
}

/// A tracker on the loopback interface.
struct Tracker {
    address: SocketAddr,
    received: Arc<Mutex<Received>>,
    steps: Arc<Mutex<VecDeque<Step>>>,
    serving: JoinHandle<()>,
}

impl Tracker {
    /// Starts one that follows `steps`, and then does as `last` says.
    async fn start(ip: IpAddr, steps: &[Step], last: Step) -> Self {
        let socket = UdpSocket::bind((ip, 0)).await.expect("a socket");
        let address = socket.local_addr().expect("an address");
        let received = Arc::<Mutex<Received>>::default();
        let steps = Arc::new(Mutex::new(VecDeque::from(steps.to_vec())));
        if matches!(last, Closed) {
            drop(socket);
            return Self { address, received, steps, serving: tokio::spawn(async {}) };
        }
        let serving = tokio::spawn(serve(socket, Arc::clone(&received), Arc::clone(&steps), last));
        Self { address, received, steps, serving }
    }

    fn kinds(&self) -> String {
        self.received.lock().expect("a lock").kinds.clone()
    }
}

impl Drop for Tracker {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(
    socket: UdpSocket,
    received: Arc<Mutex<Received>>,
    steps: Arc<Mutex<VecDeque<Step>>>,
    last: Step,
) {
    let mut datagram = [0; 4096];
    loop {
        let (length, source) = socket.recv_from(&mut datagram).await.expect("a datagram");
        let datagram = &datagram[..length];
        let step = steps.lock().expect("a lock").pop_front().unwrap_or(last);
        let response = {
            let mut received = received.lock().expect("a lock");
            received.sources.push(source);
            respond(&mut received, datagram, source.ip(), step)
        };
        if let Some(response) = response {
            socket.send_to(&response, source).await.expect("a response is sent");
        }
    }
}

fn respond(received: &mut Received, datagram: &[u8], source: IpAddr, step: Step) -> Option<Vec<u8>> {
    let connects = |received: &Received| u8::try_from(received.kinds.matches('c').count()).expect("a few");
    let (transaction_id, mut response) = match decode_request(datagram).expect("a request") {
        Request::Connect(request) => {
            received.kinds.push('c');
            let id = ConnectionId([connects(received); 8]);
            (request.transaction_id, ConnectResponse::new(request.transaction_id, id).as_bytes().to_vec())
        }
        Request::Announce(announce) => {
            received.kinds.push('a');
            received.announce = datagram.to_vec();
            let id = announce.request.transaction_id;
            let mut response = AnnounceResponse::new(id, 900, 2, 1).as_bytes().to_vec();
            let own = match source {
                IpAddr::V4(ip) => CompactIpv4::new(ip, ANNOUNCE.representative.port).as_bytes().to_vec(),
                IpAddr::V6(ip) => CompactIpv6::new(ip, ANNOUNCE.representative.port).as_bytes().to_vec(),
            };
            let peer = if source.is_ipv4() { V4_PEER.as_bytes() } else { V6_PEER.as_bytes() };
            response.extend([own, peer.repeat(MORE_THAN_ASKED_FOR)].concat());
            (id, response)
        }
        Request::Scrape(_) => panic!("an upstream tracker is not scraped"),
    };
    match step {
        Respond => {}
        Lose | Closed => return None,
        Misdirect => response[4] ^= 1,
        Refuse(text) => response = [ErrorResponse::new(transaction_id).as_bytes(), text.as_bytes()].concat(),
        CutOff => response.push(0),
    }
    Some(response)
}

fn client_of(address: SocketAddr, path: &str) -> UdpClient {
    let context = context(PrivatePeers::Accepted, AFTER);
    UdpClient::new(&context, &upstream(format!("udp://{address}{path}"), Some("11.0.0.1"), None))
}

fn refusal(reason: &str) -> TrackerError {
    TrackerError::Refused { reason: reason.to_owned(), retry: None }
}

fn v4_answer() -> UpstreamAnswer {
    let counts = ExternalCounts { seeders: 1, leechers: 2 };
    UpstreamAnswer { interval_s: 900, counts, v4: vec![V4_PEER], v6: Vec::new() }
}

const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

#[tokio::test]
async fn an_announce_survives_lost_and_wrong_responses() {
    let cases = [
        (&[][..], "ca", Ok(v4_answer())),
        (&[Lose, Lose], "ccca", Ok(v4_answer())),
        (&[Misdirect], "cca", Ok(v4_answer())),
        (&[Respond, Lose], "caca", Ok(v4_answer())),
        (&[Respond, Misdirect], "caca", Ok(v4_answer())),
        (&[Respond, Refuse("Connection ID missmatch")], "caa", Ok(v4_answer())),
        (
            &[Respond, Refuse("bad connection_id"), Refuse("bad connection_id")],
            "caa",
            Err(refusal("bad connection_id")),
        ),
        (&[Refuse("banned")], "c", Err(refusal("banned"))),
        (&[Respond, Refuse("not\nlisted")], "ca", Err(refusal("not listed"))),
        (&[Respond, CutOff], "ca", Ok(v4_answer())),
    ];
    join_all(cases.map(|(steps, kinds, outcome)| async move {
        let tracker = Tracker::start(V4, steps, Respond).await;
        assert_eq!(client_of(tracker.address, "").announce(&ANNOUNCE).await, outcome, "{kinds}");
        assert_eq!(tracker.kinds(), kinds);
    }))
    .await;
}

#[tokio::test]
async fn an_announce_has_the_fields_of_bep_15_and_the_path_of_bep_41() {
    for (path, sent) in
        [("", ""), ("/", ""), ("/announce/KEY", "/announce/KEY"), ("?k=1", "?k=1"), ("/a?k=1", "/a?k=1")]
    {
        let tracker = Tracker::start(V4, &[], Respond).await;
        client_of(tracker.address, path).announce(&ANNOUNCE).await.unwrap();
        let datagram = tracker.received.lock().unwrap().announce.clone();
        let Ok(Request::Announce(announce)) = decode_request(&datagram) else { panic!("an announce") };
        let url = announce.options.flat_map(|option| match option {
            AnnounceOption::UrlData(part) => part.to_vec(),
            AnnounceOption::Unknown { .. } => panic!("URL data"),
        });
        assert_eq!(url.collect::<Vec<u8>>(), sent.as_bytes());
        let request = announce.request;
        assert_eq!(request.connection_id, ConnectionId([1; 8]));
        assert_eq!((request.info_hash, request.event()), (ANNOUNCE.info_hash, AnnounceEvent::Started));
        assert_eq!([request.uploaded, request.downloaded, request.left].map(zerocopy::U64::get), [1, 2, 3]);
        assert_eq!((request.port.get(), request.numwant()), (6881, Numwant::AtMost(200)));
        assert_eq!(request.ip.get(), 0x0b00_0001);
        assert!(request.peer_id.is_forwarder());
    }
}

#[tokio::test]
async fn concurrent_announces_share_a_connection_id() {
    let tracker = Tracker::start(V4, &[Lose], Respond).await;
    let client = Arc::new(client_of(tracker.address, ""));
    let announce = |client: Arc<UdpClient>| async move { client.announce(&ANNOUNCE).await };
    let announces: JoinSet<_> = (0..20).map(|_| announce(Arc::clone(&client))).collect();
    for outcome in announces.join_all().await {
        assert_eq!(outcome, Ok(v4_answer()));
    }
    assert_eq!(tracker.kinds(), format!("cc{}", "a".repeat(20)));
}

#[tokio::test]
async fn a_connection_id_is_replaced_when_it_is_old_or_refused() {
    let tracker = Tracker::start(V4, &[], Respond).await;
    let client = client_of(tracker.address, "");
    let announce = async |kinds: &str| {
        assert_eq!(client.announce(&ANNOUNCE).await, Ok(v4_answer()));
        assert_eq!(tracker.kinds(), kinds);
    };
    announce("ca").await;
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(59)).await;
    tokio::time::resume();
    announce("caa").await;
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(2)).await;
    tokio::time::resume();
    announce("caaca").await;
    tracker.steps.lock().unwrap().push_back(Refuse("invalid connection id"));
    announce("caacaaca").await;
}

#[tokio::test]
async fn after_silence_another_socket_is_used() {
    let tracker = Tracker::start(V4, &[], Lose).await;
    let client = client_of(tracker.address, "");
    assert!(timeout(2 * AFTER, client.announce(&ANNOUNCE)).await.is_err());
    assert_eq!(tracker.kinds(), "cc", "the time doubles");
    tracker.steps.lock().unwrap().extend([Respond, Respond]);
    assert_eq!(client.announce(&ANNOUNCE).await, Ok(v4_answer()));
    let sources = tracker.received.lock().unwrap().sources.clone();
    assert_ne!(sources.first(), sources.last());
}

#[tokio::test]
async fn a_closed_port_is_reported_at_once() {
    let client = client_of(Tracker::start(V4, &[], Closed).await.address, "");
    let announces = [client.announce(&ANNOUNCE), client.announce(&ANNOUNCE)];
    for outcome in join_all(announces).await {
        assert!(matches!(outcome, Err(TrackerError::Connection(_))), "{outcome:?}");
    }
}

#[tokio::test]
async fn both_families_are_asked_and_one_is_enough() {
    let (v4, v6) = (v4_answer(), UpstreamAnswer { v4: Vec::new(), v6: vec![V6_PEER], ..v4_answer() });
    let both = UpstreamAnswer { v6: v6.v6.clone(), ..v4.clone() };
    let cases = [
        (Respond, Respond, Ok(both)),
        (Respond, Lose, Ok(v4.clone())),
        (Lose, Respond, Ok(v6.clone())),
        (Respond, Refuse("no"), Ok(v4)),
        (Refuse("no"), Respond, Ok(v6)),
        (Refuse("no"), Refuse("no"), Err(refusal("no"))),
        (Refuse("no"), Closed, Err(refusal("no"))),
        (Closed, Refuse("no"), Err(refusal("no"))),
    ];
    join_all(cases.map(|(v4_does, v6_does, outcome)| async move {
        let trackers = [Tracker::start(V4, &[], v4_does).await, Tracker::start(V6, &[], v6_does).await];
        let addresses = trackers.each_ref().map(|tracker| tracker.address).to_vec();
        let client = client_of(addresses[0], "");
        assert_eq!(client.announce_to(addresses, &ANNOUNCE).await, outcome);
    }))
    .await;
}

#[tokio::test]
async fn a_family_that_fails_is_left_out_for_a_while() {
    let v4 = Tracker::start(V4, &[], Respond).await;
    let v6 = Tracker::start(V6, &[], Lose).await;
    let client = client_of(v4.address, "");
    let announce = async || client.announce_to(vec![v4.address, v6.address], &ANNOUNCE).await;
    for _ in 0..3 {
        assert_eq!(announce().await, Ok(v4_answer()));
    }
    let asked_from = || v6.received.lock().expect("a lock").sources.iter().copied().collect::<HashSet<_>>();
    assert_eq!(asked_from().len(), 1);
    tokio::time::pause();
    tokio::time::advance(FAMILY_RETRY_AFTER).await;
    tokio::time::resume();
    v6.steps.lock().unwrap().extend([Respond, Respond]);
    assert_eq!(announce().await.map(|answer| answer.v6), Ok(vec![V6_PEER]));
    assert_eq!(asked_from().len(), 2);
}

#[tokio::test]
async fn a_family_that_failed_is_asked_if_the_other_fails_too() {
    let v4 = Tracker::start(V4, &[Respond, Respond], Lose).await;
    let v6 = Tracker::start(V6, &[], Lose).await;
    let client = client_of(v4.address, "");
    let announce = async || client.announce_to(vec![v4.address, v6.address], &ANNOUNCE).await;
    assert_eq!(announce().await, Ok(v4_answer()));
    assert!(timeout(AFTER, announce()).await.is_err());
    v6.steps.lock().unwrap().extend([Respond, Respond]);
    assert_eq!(announce().await.map(|answer| answer.v6), Ok(vec![V6_PEER]));
}
