//! The health-check API, which probes each listener as its clients would.

use crate::fake::Fake;
use crate::figures::start_figures;
use crate::harness::{request, send, start, start_with, without_body};
use crate::serving::identity;
use control::management::{ListenerInfo, Preface, Service};
use rest_api::{Listener, Transport, ask_health, serve_health_checks};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpSocket, TcpStream, UdpSocket};
use tokio::sync::watch;
use udp_protocol::{ConnectResponse, ConnectionId, Request, decode_request};
use zerocopy::IntoBytes as _;

/// Serves health checks of these listeners and returns the address.
fn start_checks(listeners: Vec<(Service, SocketAddr)>) -> SocketAddr {
    let fake = Fake::default();
    *fake.listeners.lock().unwrap() = listeners
        .into_iter()
        .map(|(service, address)| ListenerInfo { service, address, preface: Preface::None })
        .collect();
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap(), Transport::Plain).unwrap();
    let address = listener.local_address().unwrap();
    tokio::spawn(async move {
        let (_stop, stopped) = watch::channel(false);
        serve_health_checks(listener, Arc::new(fake), stopped).await
    });
    address
}

async fn check(address: SocketAddr) -> serde_json::Value {
    let answer = send(address, without_body(request("GET", "/health_check"))).await;
    assert_eq!((answer.status, answer.content_type.as_str()), (200, "application/json"));
    answer.json()
}

/// A UDP tracker that answers connects and counts them.
async fn udp_tracker(bound: &str) -> (SocketAddr, Arc<AtomicU64>) {
    let socket = UdpSocket::bind(bound).await.unwrap();
    let address = socket.local_addr().unwrap();
    let connects = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&connects);
    tokio::spawn(async move {
        let mut datagram = [0; 64];
        loop {
            let (bytes, from) = socket.recv_from(&mut datagram).await.unwrap();
            let Ok(Request::Connect(connect)) = decode_request(&datagram[..bytes]) else { continue };
            counted.fetch_add(1, Ordering::Relaxed);
            let answer = ConnectResponse::new(connect.transaction_id, ConnectionId([7; 8]));
            socket.send_to(answer.as_bytes(), from).await.unwrap();
        }
    });
    (address, connects)
}

#[tokio::test]
async fn without_listeners_the_status_is_none() {
    let expected = serde_json::json!({ "status": "None", "message": "", "details": [] });
    assert_eq!(check(start_checks(Vec::new())).await, expected);
}

#[tokio::test]
async fn each_listener_is_probed_as_its_clients_would() {
    let (udp, _) = udp_tracker("0.0.0.0:0").await;
    let (udp_v6, _) = udp_tracker("[::]:0").await;
    let api = start();
    let (server, _client) = identity();
    let (_current, configs) = watch::channel(server);
    let api_tls = start_with(Fake::default(), Transport::Tls(configs));
    let ((figures, ..), (guarded, ..)) = (start_figures(None), start_figures(Some("0123456789abcdef")));
    let checks = start_checks(vec![
        (Service::Udp, udp),
        (Service::Udp, udp_v6),
        (Service::Api, api.address),
        (Service::ApiTls, api_tls.address),
        (Service::Figures, figures),
        (Service::Figures, guarded),
    ]);
    let detail = |binding: SocketAddr, info: String, result: &str| serde_json::json!({ "binding": binding, "info": info, "result": { "Ok": result } });
    let expected = serde_json::json!({ "status": "Ok", "message": "", "details": [
        detail(udp, format!("checking the udp tracker health check at: 127.0.0.1:{}", udp.port()), "Connected"),
        detail(udp_v6, format!("checking the udp tracker health check at: [::1]:{}", udp_v6.port()), "Connected"),
        detail(api.address, format!("checking api health check at: http://{}/api/health_check", api.address), "200 OK"),
        detail(
            api_tls.address,
            format!("checking api health check at: https://{}/api/health_check", api_tls.address),
            "200 OK"
        ),
        detail(figures, format!("checking figures health check at: http://{figures}/metrics"), "200 OK"),
        detail(guarded, format!("checking figures health check at: http://{guarded}/metrics"), "401 Unauthorized"),
    ] });
    assert_eq!(check(checks).await, expected);
}

#[tokio::test]
async fn a_listener_that_is_closed_silent_or_wrong_is_an_error() {
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    // A reserved port without a listener.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let gone = socket.local_addr().unwrap();
    // The API has no `/health_check`, the path probed on a tracker's HTTP listener.
    let other = start();
    let checks = start_checks(vec![
        (Service::Udp, silent.local_addr().unwrap()),
        (Service::Api, gone),
        (Service::Http, other.address),
        (Service::Https, other.address),
        (Service::Api, other.address),
    ]);
    let report = check(checks).await;
    assert_eq!((&report["status"], &report["message"]), (&"Error".into(), &"health check failed".into()));
    let error = |at: usize| report["details"][at]["result"]["Err"].as_str().unwrap_or("none").to_owned();
    assert_eq!(error(0), "no answer in 2 seconds");
    assert!(error(1).contains("refused"), "{}", error(1));
    assert_eq!(error(2), "status 404 Not Found");
    assert_ne!(error(3), "none");
    assert_eq!(error(4), "none");
}

#[tokio::test]
async fn clients_that_disconnect_early_cause_no_more_probes() {
    let silent = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let checks = start_checks(vec![(Service::Udp, silent.local_addr().unwrap())]);
    let begin = std::time::Instant::now();
    for _ in 0..5 {
        let mut stream = TcpStream::connect(checks).await.unwrap();
        stream.write_all(b"GET /health_check HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    }
    assert_eq!(check(checks).await["details"][0]["result"]["Err"], "no answer in 2 seconds");
    let looks = std::iter::from_fn(|| silent.try_recv(&mut [0; 64]).ok()).count() as u64;
    // Each probe times out after two seconds.
    let looks_max = 1 + begin.elapsed().as_secs() / 2;
    assert!((1..=looks_max).contains(&looks), "{looks} probes, expected at most {looks_max}");
}

#[tokio::test]
async fn a_listener_is_probed_at_most_once_a_second() {
    let (udp, connects) = udp_tracker("127.0.0.1:0").await;
    let checks = start_checks(vec![(Service::Udp, udp)]);
    let begin = std::time::Instant::now();
    for _ in 0..20 {
        check(checks).await;
    }
    let seconds_begun = begin.elapsed().as_secs() + 1;
    assert!(connects.load(Ordering::Relaxed) <= seconds_begun);
}

#[tokio::test]
async fn whoever_asks_for_the_health_learns_which_listener_failed() {
    let (udp, _) = udp_tracker("0.0.0.0:0").await;
    let other = start();
    ask_health(start_checks(vec![(Service::Udp, udp)])).await.unwrap();
    let checks = start_checks(vec![(Service::Udp, udp), (Service::Http, other.address)]);
    let failed = format!(
        "checking http tracker health check at: http://{}/health_check: status 404 Not Found",
        other.address
    );
    assert_eq!(ask_health(checks).await.unwrap_err().to_string(), failed);
    // The API has no `/health_check`.
    let failed = format!("the health check at {} does not answer: status 404 Not Found", other.address);
    assert_eq!(ask_health(other.address).await.unwrap_err().to_string(), failed);
}
