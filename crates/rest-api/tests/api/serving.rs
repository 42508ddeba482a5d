//! How the API is served: TLS, limits, shutdown.

use crate::fake::Fake;
use crate::harness::{TOKEN, answer_of, exchange, request, start, start_with, without_body};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rest_api::{Listener, Transport};
use rustls::pki_types::{PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// TLS configurations of a server with a new self-signed certificate and of a client that trusts only that one.
pub(crate) fn identity() -> (Arc<ServerConfig>, Arc<ClientConfig>) {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = PrivatePkcs8KeyDer::from(signing_key.serialize_der()).into();
    let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(cert.der().clone()).unwrap();
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    (Arc::new(server), Arc::new(client))
}

#[tokio::test]
async fn a_certificate_is_replaced_while_the_api_is_served() {
    let (server, client) = identity();
    let (current, configs) = watch::channel(server);
    let api = start_with(Fake::default(), Transport::Tls(configs));
    let connect = async |client: &Arc<ClientConfig>| {
        let stream = TcpStream::connect(api.address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::clone(client)).connect(name, stream).await
    };
    let wanted = without_body(request("GET", &format!("/api/v1/config?token={TOKEN}")));
    let answer = answer_of(exchange(connect(&client).await.unwrap(), wanted.clone()).await).await;
    assert_eq!(answer.status, 200);
    let (next_server, next_client) = identity();
    current.send_replace(next_server);
    assert!(connect(&client).await.is_err());
    let answer = answer_of(exchange(connect(&next_client).await.unwrap(), wanted).await).await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn a_port_in_use_is_an_error_before_anything_is_served() {
    let api = start();
    let error = Listener::bind(api.address, Transport::Plain).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
}

#[tokio::test]
async fn a_head_that_is_too_long_is_refused() {
    let api = start();
    let mut stream = TcpStream::connect(api.address).await.unwrap();
    let head = format!("GET /api/health_check HTTP/1.1\r\nhost: x\r\nlong: {}\r\n\r\n", "x".repeat(500_000));
    drop(stream.write_all(head.as_bytes()).await);
    let mut answer = Vec::new();
    // The connection may be reset, because the rest of the head is not read.
    drop(stream.read_to_end(&mut answer).await);
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 431"), "{}", answer.escape_ascii());
}

#[tokio::test]
async fn silent_connections_do_not_keep_an_operator_out() {
    let api = start();
    let mut silent = Vec::new();
    for _ in 0..300 {
        silent.push(TcpStream::connect(api.address).await.unwrap());
    }
    let answer = timeout(Duration::from_secs(5), api.get("/api/v1/stats")).await;
    assert_eq!(answer.unwrap().status, 200);
}

#[tokio::test]
async fn an_idle_connection_does_not_delay_shutdown() {
    let api = start();
    let mut stream = TcpStream::connect(api.address).await.unwrap();
    stream.write_all(b"GET /api/health_check HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut begin = [0; 12];
    stream.read_exact(&mut begin).await.unwrap();
    assert_eq!(&begin, b"HTTP/1.1 200");
    api.stop.send_replace(true);
    api.server.await.unwrap().unwrap();
    assert!(TcpStream::connect(api.address).await.is_err());
}
