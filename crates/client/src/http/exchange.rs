//! Requests to one address of an HTTP tracker, each over a connection of its own.

use super::{AGENT, check_head, failure, is_redirect, read_body, redirect_target};
use crate::certificates::end_of_certificate;
use crate::error::TrackerError;
use crate::limits::{FAMILY_PATIENCE, HEAD_BYTES_MAX, REDIRECTS_MAX};
use crate::resolve::{Families, Resolver};
use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{HOST, LOCATION, USER_AGENT};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use url::{Position, Url};

/// Sends requests to one address of a tracker, and to wherever they are redirected.
#[derive(Debug)]
pub(crate) struct HttpEndpoint {
    pub(crate) address: SocketAddr,
    /// Those of the addresses of other hosts.
    pub(crate) families: Families,
    pub(crate) resolver: Arc<Resolver>,
    pub(crate) tls: Arc<rustls::ClientConfig>,
}

/// The last response to a request.
#[derive(Debug)]
pub(crate) struct HttpResponse {
    pub(crate) status: StatusCode,
    pub(crate) body: Vec<u8>,
    /// Where it came from after a redirect.
    pub(crate) redirected_to: Option<Url>,
    /// When the certificate ends, in Unix seconds.
    pub(crate) certificate_until: Option<u64>,
}

impl HttpEndpoint {
    /// Requests `url`. How long that may take is limited by whoever drops the future.
    pub(crate) async fn get(&self, url: &Url) -> Result<HttpResponse, TrackerError> {
        let (mut url, mut address, mut redirected_to) = (url.clone(), self.address, None);
        for _ in 0..=REDIRECTS_MAX {
            match self.get_once(address, &url).await? {
                Hop::Answer(response) => return Ok(HttpResponse { redirected_to, ..response }),
                Hop::Elsewhere(target) => {
                    address = self.address_of(&target, &url, address).await?;
                    redirected_to = Some(target.clone());
                    url = target;
                }
            }
        }
        Err(TrackerError::Malformed("the request was redirected too often"))
    }

    /// Returns the address for a redirect from `url` at `address`: of another host, one of the same family if it has any.
    async fn address_of(
        &self,
        target: &Url,
        url: &Url,
        address: SocketAddr,
    ) -> Result<SocketAddr, TrackerError> {
        let port = target.port_or_known_default().unwrap_or_default();
        if target.host() == url.host() {
            return Ok(SocketAddr::new(address.ip(), port));
        }
        let resolve = |families| {
            self.resolver.addresses(target.host_str().unwrap_or_default(), port, families, FAMILY_PATIENCE)
        };
        if let Ok([found, ..]) = resolve(Families::of(address)).await.as_deref() {
            return Ok(*found);
        }
        let found = resolve(self.families).await?.first().copied();
        found.ok_or_else(|| TrackerError::Name("the name has no addresses".to_owned()))
    }

    async fn get_once(&self, address: SocketAddr, url: &Url) -> Result<Hop, TrackerError> {
        let stream = TcpStream::connect(address).await.map_err(|error| connection_error(&error))?;
        stream.set_nodelay(true).map_err(|error| connection_error(&error))?;
        if url.scheme() == "http" {
            return send(stream, url, None).await;
        }
        let stream = TlsConnector::from(Arc::clone(&self.tls)).connect(server_name(url)?, stream).await;
        let stream = stream.map_err(|error| connection_error(&error))?;
        let until = end_of_certificate(stream.get_ref().1.peer_certificates().unwrap_or_default());
        send(stream, url, until).await
    }

    /// Begins TLS at the plain port of `url`, and returns whether the tracker ends the connection within `limit`.
    pub(crate) async fn closes_on_tls(&self, url: &Url, limit: Duration) -> Result<bool, TrackerError> {
        let connecting = timeout(limit, TcpStream::connect(self.address)).await;
        let stream =
            connecting.map_err(|_| TrackerError::Timeout)?.map_err(|error| connection_error(&error))?;
        let handshake = TlsConnector::from(Arc::clone(&self.tls)).connect(server_name(url)?, stream);
        Ok(timeout(limit, handshake).await.is_ok_and(|outcome| outcome.is_err()))
    }
}

/// What one request leads to.
enum Hop {
    Answer(HttpResponse),
    Elsewhere(Url),
}

fn server_name(url: &Url) -> Result<ServerName<'static>, TrackerError> {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    ServerName::try_from(host.to_owned()).map_err(|_| TrackerError::Malformed("the host has no valid name"))
}

fn connection_error(error: &io::Error) -> TrackerError {
    TrackerError::Connection(error.to_string())
}

/// Sends a request over a new connection, and receives the whole response.
async fn send(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    url: &Url,
    certificate_until: Option<u64>,
) -> Result<Hop, TrackerError> {
    let request = Request::get(&url[Position::BeforePath..Position::AfterQuery])
        .header(HOST, &url[Position::BeforeHost..Position::AfterPort])
        .header(USER_AGENT, AGENT)
        .header("Connection", "close")
        .body(Empty::<Bytes>::new())
        .map_err(|_| TrackerError::Malformed("the URL cannot be requested"))?;
    let mut builder = http1::Builder::new();
    builder.max_buf_size(HEAD_BYTES_MAX);
    let (mut sender, connection) =
        builder.handshake(TokioIo::new(stream)).await.map_err(|error| failure(&error))?;
    let mut exchange = pin!(async { read(sender.send_request(request).await, url, certificate_until).await });
    tokio::select! {
        biased;
        outcome = &mut exchange => outcome,
        // The exchange still has what arrived before the end.
        end = connection => exchange.await.map_err(|error| match (error, end) {
            (TrackerError::Connection(_), Err(cause)) => failure(&cause),
            (error, _) => error,
        }),
    }
}

async fn read(
    response: hyper::Result<Response<Incoming>>,
    url: &Url,
    certificate_until: Option<u64>,
) -> Result<Hop, TrackerError> {
    let response = response.map_err(|error| failure(&error))?;
    let status = response.status();
    if let Some(location) = response.headers().get(LOCATION).filter(|_| is_redirect(status)) {
        return redirect_target(url, location).map(Hop::Elsewhere);
    }
    check_head(status, response.headers())?;
    let body = read_body(response).await?;
    Ok(Hop::Answer(HttpResponse { status, body, redirected_to: None, certificate_until }))
}
