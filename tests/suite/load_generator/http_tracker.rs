//! A small tracker over HTTP and HTTPS: a thread for each connection, and answers that a test can change.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use http_protocol::{
    Announce, AnnounceResponse, Connection, HeadSearch, Incoming, Peers, RESPONSE_BYTES_MAX, Request, Route,
    Scrape, ScrapeFile, ScrapeResponse, read_request,
};
use primitives::{CompactIpv4, InfoHash, PeerStatus};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// How the tracker answers.
#[derive(Debug, Clone)]
pub(crate) enum Conduct {
    /// With the correct answer.
    Right,
    /// With these bytes.
    Says(Vec<u8>),
    /// With the correct answer, after which it closes the connection without notice.
    EndsAfter,
    /// Not at all: it closes the connection.
    EndsBefore,
    /// Not at all: it stays silent.
    Silent,
}

/// A running tracker, which ends when it is dropped.
#[derive(Debug)]
pub(crate) struct HttpTracker {
    state: Arc<State>,
    address: SocketAddr,
    accepting: Option<JoinHandle<()>>,
    /// The certificate of the authority, in PEM, if it speaks TLS.
    pub(crate) authority: Option<String>,
}

#[derive(Debug)]
struct State {
    conduct: Conduct,
    tls: Option<Arc<ServerConfig>>,
    is_ending: AtomicBool,
    /// Connections that sent a byte.
    spoken: AtomicUsize,
    requests: AtomicUsize,
    swarms: Mutex<HashMap<InfoHash, Vec<(CompactIpv4, PeerStatus)>>>,
}

impl HttpTracker {
    pub(crate) fn start(conduct: Conduct) -> Self {
        Self::over(conduct, None)
    }

    pub(crate) fn start_with_tls() -> Self {
        let key = rcgen::KeyPair::generate().expect("a key");
        let parameters = rcgen::CertificateParams::new(["127.0.0.1".to_owned()]).expect("a name");
        let certificate = parameters.self_signed(&key).expect("a certificate");
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .expect("a key of its certificate");
        let mut tracker = Self::over(Conduct::Right, Some(Arc::new(config)));
        tracker.authority = Some(certificate.pem());
        tracker
    }

    fn over(conduct: Conduct, tls: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("a bound socket");
        let state = Arc::new(State {
            conduct,
            tls,
            is_ending: AtomicBool::new(false),
            spoken: AtomicUsize::new(0),
            requests: AtomicUsize::new(0),
            swarms: Mutex::new(HashMap::new()),
        });
        let shared = Arc::clone(&state);
        let accepting = std::thread::spawn(move || accept(&listener, &shared));
        Self { state, address, accepting: Some(accepting), authority: None }
    }

    pub(crate) fn url(&self) -> String {
        let scheme = if self.state.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}/announce", self.address)
    }

    /// Connections that sent a byte.
    pub(crate) fn connections(&self) -> usize {
        self.state.spoken.load(Ordering::SeqCst)
    }

    pub(crate) fn requests(&self) -> usize {
        self.state.requests.load(Ordering::SeqCst)
    }

    /// Peers that were announced.
    pub(crate) fn peers(&self) -> usize {
        self.state.swarms.lock().expect("no panic").values().map(Vec::len).sum()
    }
}

impl Drop for HttpTracker {
    fn drop(&mut self) {
        self.state.is_ending.store(true, Ordering::SeqCst);
        // Wakes the accepting thread.
        drop(TcpStream::connect(self.address));
        if let Some(accepting) = self.accepting.take() {
            accepting.join().expect("no panic");
        }
    }
}

/// Accepts connections, each of which ends with its client and thus before the tracker.
fn accept(listener: &TcpListener, state: &Arc<State>) {
    while let Ok((connection, from)) = listener.accept() {
        if state.is_ending.load(Ordering::SeqCst) {
            return;
        }
        let state = Arc::clone(state);
        std::thread::spawn(move || match state.tls.clone() {
            None => serve(connection, from.ip(), &state),
            Some(config) => {
                let session = ServerConnection::new(config).expect("a valid configuration");
                serve(StreamOwned::new(session, connection), from.ip(), &state);
            }
        });
    }
}

/// Answers one request after the other, until either side ends the connection.
fn serve(mut stream: impl Read + Write, from: IpAddr, state: &State) {
    let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
    let mut spoke_before = false;
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        if !std::mem::replace(&mut spoke_before, true) {
            state.spoken.fetch_add(1, Ordering::SeqCst);
        }
        bytes.extend_from_slice(&buffer[..count]);
        let Incoming::Request(request) = read_request(&bytes, &mut HeadSearch::default()) else { continue };
        assert_eq!(request.bytes, bytes.len(), "one request at a time");
        state.requests.fetch_add(1, Ordering::SeqCst);
        let answer = match &state.conduct {
            Conduct::Right | Conduct::EndsAfter => state.answer(&request, from),
            Conduct::Says(answer) => answer.clone(),
            Conduct::EndsBefore => return,
            Conduct::Silent => Vec::new(),
        };
        let is_last =
            matches!(state.conduct, Conduct::EndsAfter) || request.framing.connection == Connection::Close;
        if stream.write_all(&answer).is_err() || is_last {
            return;
        }
        bytes.clear();
    }
}

impl State {
    fn answer(&self, request: &Request<'_>, from: IpAddr) -> Vec<u8> {
        let mut out = vec![0; RESPONSE_BYTES_MAX];
        let written = match request.route {
            Route::Announce(_) => self.announce(request, from, &mut out),
            Route::Scrape(_) => self.scrape(request, &mut out),
            other => panic!("no load requests {other:?}"),
        };
        out[written].to_vec()
    }

    fn announce(&self, request: &Request<'_>, from: IpAddr, out: &mut [u8]) -> std::ops::Range<usize> {
        let announce = Announce::from_query(request.query).expect("a valid announce");
        let IpAddr::V4(ip) = from else { panic!("the tracker listens on an IPv4 address") };
        let [a, b, c, d] = ip.octets();
        let [high, low] = announce.port.to_be_bytes();
        let peer = CompactIpv4([a, b, c, d, high, low]);
        let status = if announce.left == Some(0) { PeerStatus::Seeder } else { PeerStatus::Leecher };
        let mut swarms = self.swarms.lock().expect("no panic");
        let swarm = swarms.entry(announce.info_hash).or_default();
        if !swarm.iter().any(|(known, _)| *known == peer) {
            swarm.push((peer, status));
        }
        let peers: Vec<CompactIpv4> = swarm.iter().take(5).map(|(peer, _)| *peer).collect();
        let (complete, incomplete) = counts(swarm);
        let response = AnnounceResponse {
            complete,
            incomplete,
            downloaded: 0,
            interval_s: 1800,
            min_interval_s: None,
            external_ip: Some(from),
            peers: Peers::Compact { v4: &peers, v6: &[] },
            warning: None,
        };
        response.write(out, request.framing).expect("room")
    }

    fn scrape(&self, request: &Request<'_>, out: &mut [u8]) -> std::ops::Range<usize> {
        let scrape = Scrape::from_query(request.query).expect("a valid scrape");
        let swarms = self.swarms.lock().expect("no panic");
        let file = |info_hash| {
            let (complete, incomplete) = swarms.get(&info_hash).map_or((0, 0), |swarm| counts(swarm));
            ScrapeFile { info_hash, complete, downloaded: 0, incomplete }
        };
        let mut files: Vec<ScrapeFile> = scrape.info_hashes().map(file).collect();
        let mut response = ScrapeResponse { files: &mut files };
        response.write(out, request.framing).expect("room")
    }
}

/// Seeders and leechers.
fn counts(swarm: &[(CompactIpv4, PeerStatus)]) -> (u32, u32) {
    let seeders = swarm.iter().filter(|(_, status)| *status == PeerStatus::Seeder).count();
    let count = |count| u32::try_from(count).expect("a test has few peers");
    (count(seeders), count(swarm.len() - seeders))
}
