use crate::limits::PROBE_TIME_MAX;
use api_contract::v1::Probed;
use axum::body::Body;
use control::management::{ListenerInfo, Preface, Service};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::HOST;
use hyper::{Request, Response as HttpResponse, StatusCode};
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
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use udp_protocol::{ConnectRequest, Response, TransactionId, decode_response};
use zerocopy::IntoBytes as _;

/// Why a probe failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum ProbeError {
    #[error("no answer in {} seconds", .0.as_secs())]
    Late(Duration),
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
pub(super) async fn probe(listener: ListenerInfo) -> Probed {
    let address = reachable(listener.address);
    let (what, scheme, path) = match listener.service {
        Service::Udp => ("the udp tracker", "", ""),
        Service::Http => ("http tracker", "http://", "/health_check"),
        Service::Https => ("http tracker", "https://", "/health_check"),
        Service::Api => ("api", "http://", "/api/health_check"),
        Service::ApiTls => ("api", "https://", "/api/health_check"),
        Service::Figures => ("figures", "http://", "/metrics"),
    };
    let info = format!("checking {what} health check at: {scheme}{address}{path}");
    let probing = async {
        match listener.service {
            Service::Udp => connect_over_udp(address).await,
            Service::Http | Service::Https | Service::Api | Service::ApiTls | Service::Figures => {
                get(ListenerInfo { address, ..listener }, path).await
            }
        }
    };
    let result = timeout(PROBE_TIME_MAX, probing).await.unwrap_or(Err(ProbeError::Late(PROBE_TIME_MAX)));
    Probed { binding: listener.address, info, result: result.map_err(|error| error.to_string()) }
}

/// Replaces a wildcard address with the loopback address.
pub(super) fn reachable(mut bound: SocketAddr) -> SocketAddr {
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
    let mut random = [0; 4];
    getrandom::fill(&mut random).map_err(io::Error::from)?;
    let transaction_id = TransactionId(random);
    socket.send(ConnectRequest::new(transaction_id).as_bytes()).await?;
    let mut answer = [0; 64];
    let bytes = socket.recv(&mut answer).await?;
    match decode_response::<CompactIpv4>(answer.get(..bytes).unwrap_or_default()) {
        Ok(Response::Connect(head)) if head.transaction_id == transaction_id => Ok("Connected".to_owned()),
        _ => Err(ProbeError::OtherAnswer),
    }
}

/// The header that a proxy sends on its own behalf, for example for a health check: PROXY protocol version 2, command
/// LOCAL, without addresses.
const LOCAL_HEADER: [u8; 16] = *b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";

async fn get(listener: ListenerInfo, path: &str) -> Result<String, ProbeError> {
    let address = listener.address;
    let mut stream = TcpStream::connect(address).await?;
    if listener.preface == Preface::ProxyHeader {
        stream.write_all(&LOCAL_HEADER).await?;
    }
    let status = async |response: HttpResponse<_>| Ok(response.status());
    let status = match listener.service {
        Service::Https | Service::ApiTls => {
            let name = ServerName::IpAddress(address.ip().into());
            let stream = TlsConnector::from(Arc::new(client_config()?)).connect(name, stream).await?;
            exchange(stream, address, path, status).await?
        }
        Service::Udp | Service::Http | Service::Api | Service::Figures => {
            exchange(stream, address, path, status).await?
        }
    };
    // The figures may need a token, which a probe does not have.
    let is_refusal = listener.service == Service::Figures && status == StatusCode::UNAUTHORIZED;
    if status.is_success() || is_refusal { Ok(status.to_string()) } else { Err(ProbeError::Status(status)) }
}

/// Sends a request and returns what `read` makes of the response.
pub(super) async fn exchange<T>(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    address: SocketAddr,
    path: &str,
    read: impl AsyncFnOnce(HttpResponse<Incoming>) -> Result<T, ProbeError>,
) -> Result<T, ProbeError> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let mut request = Request::new(Body::empty());
    *request.uri_mut() = path.parse().unwrap_or_default();
    if let Ok(host) = address.to_string().parse() {
        request.headers_mut().insert(HOST, host);
    }
    let answer = async { read(sender.send_request(request).await?).await };
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
