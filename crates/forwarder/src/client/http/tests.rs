use super::*;
use crate::client::UpstreamClient;
use crate::client::tests::{ANNOUNCE, context, upstream};
use crate::forwarder::PrivatePeers;
use crate::limits::PEERS_MAX;
use ::client::{RETRANSMIT_AFTER, Retry};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// A tracker on the loopback interface with the same response to all requests.
struct Tracker {
    address: SocketAddr,
    /// The number of the connection and the head of each request.
    requests: Arc<Mutex<Vec<(usize, String)>>>,
    serving: JoinHandle<()>,
}

/// What a tracker sends.
#[derive(Clone)]
enum Reply {
    Once(Vec<u8>),
    /// The bytes, and then the last of them without end.
    Endless(Vec<u8>),
}

fn response(status: &str, body: &[u8]) -> Reply {
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n", body.len());
    Reply::Once([head.as_bytes(), body].concat())
}

impl Tracker {
    async fn start(reply: Reply, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a socket");
        let address = listener.local_addr().expect("an address");
        let requests = Arc::<Mutex<Vec<(usize, String)>>>::default();
        let log = Arc::clone(&requests);
        let serving = tokio::spawn(async move {
            for connection in 0.. {
                let (stream, _) = listener.accept().await.expect("a connection");
                let (log, reply, tls) = (Arc::clone(&log), reply.clone(), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => serve(stream, connection, &log, &reply).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(stream, connection, &log, &reply).await;
                            }
                        }
                    }
                });
            }
        });
        Self { address, requests, serving }
    }

    async fn with(status: &str, body: &[u8]) -> Self {
        Self::start(response(status, body), None).await
    }

    fn requests(&self) -> Vec<(usize, String)> {
        self.requests.lock().expect("a lock").clone()
    }

    fn client(&self, path: &str) -> UpstreamClient {
        client_of(&format!("http://{}{path}", self.address), None, None)
    }
}

impl Drop for Tracker {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Serves a connection until it ends.
async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    connection: usize,
    log: &Mutex<Vec<(usize, String)>>,
    reply: &Reply,
) {
    let mut head = Vec::new();
    while let Ok(byte) = stream.read_u8().await {
        head.push(byte);
        if head.ends_with(b"\r\n\r\n") {
            let text = String::from_utf8(std::mem::take(&mut head)).expect("ASCII");
            log.lock().expect("a lock").push((connection, text));
            let (Reply::Once(bytes) | Reply::Endless(bytes)) = reply;
            let mut outcome = stream.write_all(bytes).await;
            while outcome.is_ok() && matches!(reply, Reply::Endless(_)) {
                outcome = stream.write_all(&[bytes[bytes.len() - 1]; 1024]).await;
            }
        }
    }
}

fn client_of(uri: &str, ip: Option<&str>, host: Option<&str>) -> UpstreamClient {
    client_with(PrivatePeers::Refused, &upstream(uri.to_owned(), ip, host))
}

fn client_with(private_peers: PrivatePeers, upstream: &Upstream) -> UpstreamClient {
    UpstreamClient::new(&context(private_peers, RETRANSMIT_AFTER), upstream, 2)
}

const BODY: &[u8] = b"d8:completei1e10:incompletei2e8:intervali900e5:peers6:\x0b\0\0\x09\x1a\xe1e";

#[tokio::test]
async fn a_response_is_read_by_its_status_and_body() {
    let counts = ExternalCounts { seeders: 1, leechers: 2 };
    let v4 = vec![primitives::CompactIpv4([11, 0, 0, 9, 0x1a, 0xe1])];
    let answer = UpstreamAnswer { interval_s: 900, counts, v4, v6: Vec::new() };
    let patient = UpstreamAnswer { interval_s: 1000, ..UpstreamAnswer::default() };
    let refused = |retry| Err(TrackerError::Refused { reason: "not listed".to_owned(), retry });
    let overloaded = |seconds: Option<u64>| {
        Err(TrackerError::Overloaded { retry_after: seconds.map(Duration::from_secs) })
    };
    let failure = b"d14:failure reason10:not listede".as_slice();
    let minutes = b"d14:failure reason10:not\nlisted8:retry ini5ee".as_slice();
    let never = b"d14:failure reason10:not listed8:retry in5:nevere".as_slice();
    for (status, body, outcome) in [
        ("200 OK", BODY, Ok(answer.clone())),
        ("206 Partial Content", BODY, Ok(answer)),
        ("200 OK", b"d8:intervali9e12:min intervali1000ee", Ok(patient)),
        ("200 OK", failure, refused(None)),
        ("403 Forbidden", minutes, refused(Some(Retry::After(Duration::from_secs(300))))),
        ("400 Bad Request", never, refused(Some(Retry::Never))),
        ("404 Not Found", b"<html>", Err(TrackerError::Status(404))),
        ("404 Not Found", BODY, Err(TrackerError::Status(404))),
        ("304 Not Modified", b"", Err(TrackerError::Status(304))),
        ("500 Internal Server Error", BODY, Err(TrackerError::Status(500))),
        ("503 Service Unavailable", BODY, Err(TrackerError::Status(503))),
        ("503 Service Unavailable\r\nRetry-After: 9", b"", overloaded(Some(9))),
        ("429 Too Many Requests", failure, overloaded(None)),
        ("429 Too Many Requests\r\nRetry-After: 120", b"", overloaded(Some(120))),
        ("429 Too Many Requests\r\nRetry-After: soon", b"", overloaded(None)),
        ("429 Too Many\r\nRetry-After: Sun, 06 Nov 1994 08:49:37 GMT", b"", overloaded(Some(0))),
        ("200 OK", b"<html>", Err(TrackerError::Malformed("the response is not a bencoded dictionary"))),
        ("200 OK", b"", Err(TrackerError::Malformed("the response is not a bencoded dictionary"))),
    ] {
        let tracker = Tracker::with(status, body).await;
        let received = tracker.client("/announce").announce(&ANNOUNCE).await;
        assert_eq!(received, outcome, "{status} {}", body.escape_ascii());
    }
}

#[tokio::test]
async fn the_query_is_added_to_that_of_the_uri() {
    let tracker = Tracker::with("200 OK", BODY).await;
    let uri = |path: &str| format!("http://{}{path}", tracker.address);
    let host = Some("t.example:8080");
    let hash = "info_hash=%00%25%26%3D%2B%20%FF%30%31%32%33%34%35%36%37%38%39%61%62%63&peer_id=-RF0100-";
    for (path, ip, start, end) in [
        ("", None, format!("/?{hash}"), ""),
        ("/a/KEY?", None, format!("/a/KEY?{hash}"), ""),
        ("/a?k=%ff&x", Some("11.0.0.1"), format!("/a?k=%ff&x&{hash}"), "&ip=11.0.0.1&ipv4=11.0.0.1"),
        ("/a", Some("2a00::1"), format!("/a?{hash}"), "&ip=2a00::1&ipv6=2a00::1"),
    ] {
        client_of(&uri(path), ip, host).announce(&ANNOUNCE).await.unwrap();
        let (_, head) = tracker.requests().pop().unwrap();
        assert!(head.starts_with(&format!("GET {start}")), "{head}");
        assert!(
            head.contains("&port=6881&uploaded=1&downloaded=2&left=3&numwant=200&compact=1&key="),
            "{head}"
        );
        assert!(head.contains(&format!("&event=started{end} HTTP/1.1\r\n")), "{head}");
        let head = head.to_ascii_lowercase();
        assert!(
            head.contains("\r\nhost: t.example:8080\r\n") && head.contains("\r\nuser-agent: ringtrack/"),
            "{head}"
        );
    }
}

#[tokio::test]
async fn a_connection_is_used_again() {
    let tracker = Tracker::with("200 OK", BODY).await;
    let client = Arc::new(tracker.client("/announce"));
    for _ in 0..3 {
        let client = Arc::clone(&client);
        tokio::spawn(async move { client.announce(&ANNOUNCE).await }).await.unwrap().unwrap();
    }
    let connections: Vec<usize> = tracker.requests().into_iter().map(|(connection, _)| connection).collect();
    assert_eq!(connections, [0, 0, 0]);
}

#[tokio::test]
async fn a_connection_in_use_is_replaced_after_a_while() {
    const ANNOUNCES: u32 = 12;
    let tracker = Tracker::with("200 OK", BODY).await;
    let client = tracker.client("/announce");
    for _ in 0..=ANNOUNCES {
        client.announce(&ANNOUNCE).await.unwrap();
        // Less than a connection may be idle.
        tokio::time::pause();
        tokio::time::advance(CONNECTION_AGE_MAX / ANNOUNCES).await;
        tokio::time::resume();
    }
    let connections: Vec<usize> = tracker.requests().into_iter().map(|(connection, _)| connection).collect();
    assert_eq!(connections, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
}

/// Returns the outcome of an announce that is redirected, and the number of requests before the redirect is followed.
async fn redirected(
    private_peers: PrivatePeers,
    location: String,
) -> (Result<UpstreamAnswer, TrackerError>, usize) {
    let tracker = Tracker::with(&format!("301 Moved\r\nLocation: {location}"), b"").await;
    let upstream = upstream(format!("http://{}/announce", tracker.address), None, Some("t.example"));
    let outcome = client_with(private_peers, &upstream).announce(&ANNOUNCE).await;
    (outcome, tracker.requests().len())
}

#[tokio::test]
async fn redirects_are_followed_a_few_times_and_to_http_only() {
    let target = Tracker::with("200 OK", BODY).await;
    let from = |location: String| redirected(PrivatePeers::Accepted, location);
    assert!(from(format!("http://{}/moved?x=y", target.address)).await.0.is_ok());
    let (_, head) = target.requests().pop().unwrap();
    assert!(head.starts_with("GET /moved?x=y HTTP/1.1\r\n"), "{head}");
    assert!(head.to_ascii_lowercase().contains(&format!("\r\nhost: {}\r\n", target.address)), "{head}");
    assert!(!head.to_ascii_lowercase().contains("referer"), "{head}");

    let too_often = Err(TrackerError::Malformed("the announce was redirected too often"));
    assert_eq!(from("/announce".to_owned()).await, (too_often, REDIRECTS_MAX + 1));
    for elsewhere in ["ftp://127.0.0.1/", "udp://127.0.0.1:1", "file:///etc/passwd", "http://"] {
        let (outcome, requests) = from(elsewhere.to_owned()).await;
        assert!(matches!(outcome, Err(TrackerError::Malformed(_))), "{elsewhere}: {outcome:?}");
        assert_eq!(requests, 1);
    }
}

#[tokio::test]
async fn a_redirect_leads_to_no_private_address() {
    let target = Tracker::with("200 OK", BODY).await;
    let port = target.address.port();
    for host in ["127.0.0.1", "[::ffff:127.0.0.1]", "localhost"] {
        let outcome = redirected(PrivatePeers::Refused, format!("http://{host}:{port}/")).await;
        assert_eq!(outcome, (Err(PRIVATE_TARGET), 1), "{host}");
    }
    assert_eq!(target.requests(), []);
}

#[test]
fn a_redirect_leads_to_a_public_host_or_back_and_keeps_https() {
    let ok = Ok(());
    let to_http = Err(TrackerError::Malformed("the request was redirected from HTTPS to HTTP"));
    for (configured, target, outcome) in [
        ("http://t.example/a", "https://u.example/b", &ok),
        ("http://t.example/a", "http://1.1.1.1/", &ok),
        ("http://10.0.0.1/a", "/b", &ok),
        ("http://10.0.0.1/a", "http://10.0.0.1:81/a", &Err(PRIVATE_TARGET)),
        ("http://10.0.0.1/a", "https://10.0.0.1/a", &ok),
        ("http://10.0.0.1:81/a", "https://10.0.0.1:444/a", &ok),
        ("http://10.0.0.1/a", "https://10.0.0.2/a", &Err(PRIVATE_TARGET)),
        ("http://t.example/a", "http://224.0.0.1/", &Err(PRIVATE_TARGET)),
        ("http://t.example/a", "http://0.0.0.0/", &Err(PRIVATE_TARGET)),
        ("http://t.example/a", "http://[ff02::1]/", &Err(PRIVATE_TARGET)),
        ("http://t.example/a", "http://169.254.169.254/", &Err(PRIVATE_TARGET)),
        ("http://t.example/a", "//[::1]/", &Err(PRIVATE_TARGET)),
        ("https://t.example/a", "http://t.example/a", &to_http),
        ("https://t.example/a", "https://t.example/b", &ok),
    ] {
        let upstream = upstream(configured.to_owned(), None, None);
        let client = HttpClient::new(&context(PrivatePeers::Refused, RETRANSMIT_AFTER), &upstream, 1);
        let received = client.redirect(upstream.uri.url(), &target.parse().unwrap()).map(|_| ());
        assert_eq!(&received, outcome, "{configured} {target}");
    }
}

#[tokio::test]
async fn a_redirect_leaves_no_connection() {
    let target = Tracker::with("200 OK", BODY).await;
    let location = format!("302 Found\r\nLocation: http://{}/", target.address);
    let tracker = Tracker::with(&location, b"").await;
    let upstream = upstream(format!("http://{}/", tracker.address), None, None);
    let client = client_with(PrivatePeers::Accepted, &upstream);
    for _ in 0..2 {
        assert!(client.announce(&ANNOUNCE).await.is_ok());
    }
    let connections = |tracker: &Tracker| tracker.requests().into_iter().map(|(connection, _)| connection);
    assert_eq!(connections(&tracker).collect::<Vec<_>>(), [0, 0]);
    assert_eq!(connections(&target).collect::<Vec<_>>(), [0, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_tls_handshake_does_not_take_for_ever() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("https://{}/", silent.local_addr().unwrap());
    let outcome = client_of(&uri, None, None).announce(&ANNOUNCE).await;
    assert_eq!(outcome, Err(TrackerError::Timeout));
}

#[tokio::test]
async fn the_address_of_the_connection_is_our_own() {
    let body = b"d8:intervali900e5:peers12:\x7f\0\0\x01\x1a\xe1\x7f\0\0\x01\x1a\xe2e";
    let tracker = Tracker::with("200 OK", body).await;
    let upstream = upstream(format!("http://{}/", tracker.address), None, None);
    let answer = client_with(PrivatePeers::Accepted, &upstream).announce(&ANNOUNCE).await.unwrap();
    assert_eq!(answer.v4, [primitives::CompactIpv4([127, 0, 0, 1, 0x1a, 0xe2])]);
}

#[tokio::test]
async fn endless_and_foreign_responses_are_refused() {
    let too_long = TrackerError::Malformed("the response is longer than 1 MiB");
    let no_http = TrackerError::Malformed("the response is not HTTP");
    for (bytes, outcome) in [
        (&b"HTTP/1.1 200 OK\r\n\r\nd5:peers9999999:"[..], too_long.clone()),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 99999999999\r\n\r\nd", too_long),
        (b"SSH-2.0-OpenSSH_9.9\r\n", no_http.clone()),
        (b"HTTP/1.1 200 OK\r\nX-Endless: x", no_http),
    ] {
        let tracker = Tracker::start(Reply::Endless(bytes.to_vec()), None).await;
        assert_eq!(tracker.client("/").announce(&ANNOUNCE).await, Err(outcome), "{}", bytes.escape_ascii());
    }
}

#[tokio::test]
async fn of_10000_peers_200_are_kept() {
    let ports = 1..=10_000_u16;
    let compact = ports.clone().flat_map(|port| [[11, 0, 0, 9].as_slice(), &port.to_be_bytes()].concat());
    let compact: Vec<u8> = [b"d5:peers60000:".to_vec(), compact.collect(), b"e".to_vec()].concat();
    let peer = |port| format!("d2:ip8:11.0.0.97:peer id20:-XX0000-abcdefghijkl4:porti{port}ee");
    let dictionaries = format!("d5:peersl{}ee", ports.map(peer).collect::<String>()).into_bytes();
    for body in [compact, dictionaries] {
        let answer = Tracker::with("200 OK", &body).await.client("/").announce(&ANNOUNCE).await.unwrap();
        assert_eq!(answer.v4.len(), PEERS_MAX);
    }
}

#[tokio::test]
async fn a_name_that_fails_is_not_reported_as_a_connection() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let outcome = client_of(&format!("http://{closed}/KEY"), None, None).announce(&ANNOUNCE).await;
    assert!(
        matches!(&outcome, Err(TrackerError::Connection(text)) if text.contains("refused")),
        "{outcome:?}"
    );
    let outcome = client_of("http://no-such-host.invalid/KEY", None, None).announce(&ANNOUNCE).await;
    assert!(matches!(&outcome, Err(TrackerError::Name(text)) if !text.contains("KEY")), "{outcome:?}");
}

/// Returns a server's TLS with a certificate of its own for localhost, and a context that trusts it.
fn tls_of_localhost() -> (TlsAcceptor, Arc<ClientContext>) {
    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let server = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider));
    let key = signing_key.serialize_der().try_into().expect("a key");
    let server = server.with_safe_default_protocol_versions().expect("versions").with_no_client_auth();
    let server = server.with_single_cert(vec![cert.der().clone()], key).expect("a server");

    let mut roots = rustls::RootCertStore::empty();
    roots.add(cert.der().clone()).expect("a root");
    let client = rustls::ClientConfig::builder_with_provider(provider);
    let client =
        client.with_safe_default_protocol_versions().expect("versions").with_root_certificates(roots);
    let mut context = ClientContext::new(PrivatePeers::Refused);
    context.tls = Arc::new(client.with_no_client_auth()).into();
    (TlsAcceptor::from(Arc::new(server)), Arc::new(context))
}

#[tokio::test]
async fn https_needs_a_trusted_certificate() {
    let (tls, context) = tls_of_localhost();
    let tracker = Tracker::start(response("200 OK", BODY), Some(tls)).await;
    let upstream = upstream(format!("https://localhost:{}/", tracker.address.port()), None, None);

    let unknown = UpstreamClient::new(&Arc::new(ClientContext::new(PrivatePeers::Refused)), &upstream, 1);
    let outcome = unknown.announce(&ANNOUNCE).await;
    assert!(
        matches!(&outcome, Err(TrackerError::Connection(text)) if text.contains("certificate")),
        "{outcome:?}"
    );

    let trusting = UpstreamClient::new(&context, &upstream, 1);
    assert_eq!(trusting.announce(&ANNOUNCE).await.map(|answer| answer.interval_s), Ok(900));
}

#[tokio::test]
async fn a_tracker_that_redirects_to_its_own_https_is_the_configured_one() {
    let (tls, context) = tls_of_localhost();
    let target = Tracker::start(response("200 OK", BODY), Some(tls)).await;
    let location = format!("301 Moved\r\nLocation: https://localhost:{}/", target.address.port());
    let tracker = Tracker::with(&location, b"").await;
    let uri = format!("http://localhost:{}/", tracker.address.port());
    let client = UpstreamClient::new(&context, &upstream(uri, None, Some("t.example")), 1);
    for requests in 1..3 {
        assert_eq!(client.announce(&ANNOUNCE).await.map(|answer| answer.interval_s), Ok(900));
        let (connection, head) = target.requests().pop().unwrap();
        assert_eq!((connection, target.requests().len()), (0, requests));
        assert!(head.to_ascii_lowercase().contains("\r\nhost: t.example\r\n"), "{head}");
    }
}
