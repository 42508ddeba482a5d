use crate::limits::PROBE_TIME_MAX;
use api_contract::v1::Probed;
use axum::body::Body;
use control::{ListenerInfo, Preface, Service};
use hyper::client::conn::http1;
use hyper::header::HOST;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use primitives::CompactIpv4;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use udp_protocol::{ConnectRequest, Response, TransactionId, decode_response};
use zerocopy::IntoBytes as _;

/// Why a probe failed.
#[derive(Debug, thiserror::Error)]
enum ProbeError {
    #[error("no answer in {} seconds", PROBE_TIME_MAX.as_secs())]
    Late,
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("{0}")]
    Http(#[from] hyper::Error),
    #[error("{0}")]
    Tls(#[from] rustls::Error),
    #[error("status {0}")]
    Status(StatusCode),
    #[error("another answer than that to a connect")]
    OtherAnswer,
}

/// Sends a listener a request as its clients do.
pub(crate) async fn probe(listener: ListenerInfo) -> Probed {
    let target = Target { address: reachable(listener.address), preface: listener.preface };
    let address = target.address;
    let (info, result) = match listener.service {
        Service::Udp => {
            let info = format!("checking the udp tracker health check at: {address}");
            (info, timeout(PROBE_TIME_MAX, connect_over_udp(address)).await)
        }
        Service::Http => http(target, "http tracker", Scheme::Http, "/health_check").await,
        Service::Https => http(target, "http tracker", Scheme::Https, "/health_check").await,
        Service::Api => http(target, "api", Scheme::Http, "/api/health_check").await,
        Service::ApiTls => http(target, "api", Scheme::Https, "/api/health_check").await,
    };
    let result = result.unwrap_or(Err(ProbeError::Late)).map_err(|error| error.to_string());
    Probed { binding: listener.address, info, result }
}

/// Replaces a wildcard address with the loopback address.
fn reachable(mut bound: SocketAddr) -> SocketAddr {
    if bound.ip().is_unspecified() {
        bound.set_ip(match bound {
            SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
            SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        });
    }
    bound
}

async fn connect_over_udp(address: SocketAddr) -> Result<String, ProbeError> {
    let any = match address {
        SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect(address).await?;
    let transaction_id = random_transaction_id()?;
    socket.send(ConnectRequest::new(transaction_id).as_bytes()).await?;
    let mut answer = [0; 64];
    let bytes = socket.recv(&mut answer).await?;
    match decode_response::<CompactIpv4>(answer.get(..bytes).unwrap_or_default()) {
        Ok(Response::Connect(head)) if head.transaction_id == transaction_id => Ok("Connected".to_owned()),
        _ => Err(ProbeError::OtherAnswer),
    }
}

fn random_transaction_id() -> io::Result<TransactionId> {
    let mut bytes = [0; 4];
    getrandom::fill(&mut bytes).map_err(io::Error::from)?;
    Ok(TransactionId(bytes))
}

#[derive(Debug, Clone, Copy)]
enum Scheme {
    Http,
    Https,
}

type Outcome = Result<Result<String, ProbeError>, tokio::time::error::Elapsed>;

/// The address to connect to, and what the connection starts with.
#[derive(Debug, Clone, Copy)]
struct Target {
    address: SocketAddr,
    preface: Preface,
}

/// The header that a proxy sends on its own behalf, for example for a health check: PROXY protocol version 2, command
/// LOCAL, without addresses.
const LOCAL_HEADER: [u8; 16] = *b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";

async fn http(target: Target, what: &str, scheme: Scheme, path: &'static str) -> (String, Outcome) {
    let name = match scheme {
        Scheme::Http => "http",
        Scheme::Https => "https",
    };
    let info = format!("checking {what} health check at: {name}://{}{path}", target.address);
    (info, timeout(PROBE_TIME_MAX, get_over(target, scheme, path)).await)
}

async fn get_over(target: Target, scheme: Scheme, path: &str) -> Result<String, ProbeError> {
    let Target { address, preface } = target;
    let mut stream = TcpStream::connect(address).await?;
    if preface == Preface::ProxyHeader {
        stream.write_all(&LOCAL_HEADER).await?;
    }
    let status = match scheme {
        Scheme::Http => get(stream, address, path).await?,
        Scheme::Https => {
            let name = ServerName::IpAddress(address.ip().into());
            let stream = TlsConnector::from(Arc::new(client_config()?)).connect(name, stream).await?;
            get(stream, address, path).await?
        }
    };
    if status.is_success() { Ok(status.to_string()) } else { Err(ProbeError::Status(status)) }
}

async fn get(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    address: SocketAddr,
    path: &str,
) -> Result<StatusCode, ProbeError> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let mut request = Request::new(Body::empty());
    *request.uri_mut() = path.parse().unwrap_or_default();
    if let Ok(host) = address.to_string().parse() {
        request.headers_mut().insert(HOST, host);
    }
    let answer = async {
        let response = sender.send_request(request).await?;
        Ok(response.status())
    };
    let mut answer = pin!(answer);
    tokio::select! {
        answer = &mut answer => return answer,
        ended = connection => ended?,
    }
    // The server closed the connection, perhaps directly after its response.
    answer.await
}

/// Accepts any certificate: it is issued for the names that clients use, not for the probed address, and the probe only
/// checks that there is a response.
fn client_config() -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(builder.dangerous().with_custom_certificate_verifier(Arc::new(AnyCertificate)).with_no_client_auth())
}

#[derive(Debug)]
struct AnyCertificate;

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        ring::default_provider().signature_verification_algorithms.supported_schemes()
    }
}
