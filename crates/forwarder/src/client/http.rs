//! The client of HTTP trackers (BEP 3, 7, 23 and 31).

#[cfg(test)]
mod tests;

use super::answer::is_allowed;
use super::connect::Connector;
use super::resolve::PRIVATE_TARGET;
use super::{ClientContext, readable};
use crate::announce::{AnnounceError, Retry, UpstreamAnnounce, UpstreamAnswer};
use crate::forwarder::{PrivatePeers, lock};
use crate::limits::{BODY_BYTES_MAX, CONNECTION_AGE_MAX, IDLE_CONNECTION_MAX, PEERS_MAX, REDIRECTS_MAX};
use crate::upstream::{Upstream, UpstreamUri};
use http_body_util::{BodyExt, Empty};
use http_protocol::{ReceivedAnswer, ReceivedCounts, read_announce_answer};
use hyper::body::{Bytes, Incoming};
use hyper::header::{HOST, HeaderValue, LOCATION, RETRY_AFTER, USER_AGENT};
use hyper::{Request, Response, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpInfo;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use primitives::{AnnounceEvent, ExternalCounts};
use std::error::Error;
use std::fmt::Write;
use std::iter::successors;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, SystemTime};
use tokio::time::Instant;
use url::{Host, Url};

/// Announces to one HTTP tracker. Proxies in the environment are not used: they are meant for programs that a user starts, and an
/// announce through a proxy would name the proxy's address.
#[derive(Debug)]
pub(crate) struct HttpClient {
    context: Arc<ClientContext>,
    /// The client of the configured host, and when it was created.
    configured: Mutex<(Instant, PoolClient)>,
    connections_max: usize,
    /// Follows redirects to other hosts. It keeps no connections: an upstream tracker could name ever new hosts.
    elsewhere: PoolClient,
    /// The port at which the configured host has added TLS: the first one that it named, so that it cannot name ever new ones.
    tls_port: OnceLock<Option<u16>>,
    pub(super) uri: UpstreamUri,
    announced_ip: Option<IpAddr>,
    host: Option<HeaderValue>,
}

type PoolClient = Client<Connector, Empty<Bytes>>;

const AGENT: &str = concat!("Ringtrack/", env!("CARGO_PKG_VERSION"));

impl HttpClient {
    pub(super) fn new(context: &Arc<ClientContext>, upstream: &Upstream, connections_max: usize) -> Self {
        if upstream.uri.url().scheme() == "https" {
            // Says at once if there are no root certificates.
            context.tls();
        }
        Self {
            context: Arc::clone(context),
            configured: Mutex::new((Instant::now(), pool_client(context, None, connections_max))),
            connections_max,
            tls_port: OnceLock::new(),
            elsewhere: pool_client(context, Some(context.private_peers), 0),
            uri: upstream.uri.clone(),
            announced_ip: upstream.announced_ip,
            host: upstream.host.as_deref().and_then(|host| host.parse().ok()),
        }
    }

    pub(super) async fn announce(
        &self,
        announce: &UpstreamAnnounce,
    ) -> Result<UpstreamAnswer, AnnounceError> {
        let mut url = self.announce_url(announce);
        for _ in 0..=REDIRECTS_MAX {
            let response = self.get(&url).await?;
            let is_redirect = matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308);
            match response.headers().get(LOCATION).filter(|_| is_redirect) {
                Some(location) => url = self.redirect(&url, location)?,
                None => return self.answer(announce, response).await,
            }
        }
        Err(AnnounceError::Malformed("the announce was redirected too often"))
    }

    /// Returns the URL of the announce. What the query of the URI contains, such as a passkey, stays in front.
    fn announce_url(&self, announce: &UpstreamAnnounce) -> Url {
        let representative = announce.representative;
        let mut query = self.uri.url().query().map(str::to_owned).unwrap_or_default();
        if !query.is_empty() {
            query.push('&');
        }
        query.push_str("info_hash=");
        for byte in announce.info_hash.0 {
            push(&mut query, format_args!("%{byte:02X}"));
        }
        let peer_id = self.context.peer_id.0.escape_ascii();
        push(&mut query, format_args!("&peer_id={peer_id}&port={}", representative.port));
        push(&mut query, format_args!("&uploaded={}", representative.uploaded));
        push(
            &mut query,
            format_args!("&downloaded={}&left={}", representative.downloaded, representative.left),
        );
        push(&mut query, format_args!("&numwant={PEERS_MAX}&compact=1&key={:08X}", self.context.key));
        query.push_str(match announce.event {
            AnnounceEvent::None => "",
            AnnounceEvent::Started => "&event=started",
            AnnounceEvent::Completed => "&event=completed",
            AnnounceEvent::Stopped => "&event=stopped",
        });
        match self.announced_ip {
            None => {}
            Some(IpAddr::V4(ip)) => push(&mut query, format_args!("&ip={ip}&ipv4={ip}")),
            Some(IpAddr::V6(ip)) => push(&mut query, format_args!("&ip={ip}&ipv6={ip}")),
        }
        let mut url = self.uri.url().clone();
        url.set_query(Some(&query));
        url
    }

    async fn get(&self, url: &Url) -> Result<Response<Incoming>, AnnounceError> {
        let mut request = Request::get(url.as_str()).header(USER_AGENT, AGENT);
        let is_configured = self.is_configured(url);
        if let Some(host) = self.host.as_ref().filter(|_| is_configured) {
            request = request.header(HOST, host);
        }
        let request = request.body(Empty::new());
        let request = request.map_err(|_| AnnounceError::Malformed("the URL cannot be requested"))?;
        let client = if is_configured { self.configured() } else { self.elsewhere.clone() };
        client.request(request).await.map_err(|error| failure(&error))
    }

    /// Returns the client of the configured host. After [`CONNECTION_AGE_MAX`] it is replaced, and with it its connections;
    /// requests under way end on the old ones.
    fn configured(&self) -> PoolClient {
        let mut configured = lock(&self.configured);
        if configured.0.elapsed() >= CONNECTION_AGE_MAX {
            *configured = (Instant::now(), pool_client(&self.context, None, self.connections_max));
        }
        configured.1.clone()
    }

    /// Returns whether a URL is at the configured host, which may have a private address. A tracker may have added TLS.
    fn is_configured(&self, url: &Url) -> bool {
        let configured = self.uri.url();
        let adds_tls = configured.scheme() == "http" && url.scheme() == "https";
        url.origin() == configured.origin()
            || adds_tls
                && url.host() == configured.host()
                && *self.tls_port.get_or_init(|| url.port_or_known_default()) == url.port_or_known_default()
    }

    /// Returns where a response from `url` redirects to. Addresses of names are checked when they are resolved.
    fn redirect(&self, url: &Url, location: &HeaderValue) -> Result<Url, AnnounceError> {
        let target = location.to_str().ok().and_then(|location| url.join(location).ok());
        let target = target.filter(|target| ["http", "https"].contains(&target.scheme()));
        let target = target.ok_or(AnnounceError::Malformed("the announce was redirected to no HTTP URL"))?;
        if url.scheme() == "https" && target.scheme() == "http" {
            return Err(AnnounceError::Malformed("the announce was redirected from HTTPS to HTTP"));
        }
        let ip = match target.host() {
            Some(Host::Ipv4(ip)) => Some(IpAddr::V4(ip)),
            Some(Host::Ipv6(ip)) => Some(IpAddr::V6(ip)),
            _ => None,
        };
        let is_allowed = ip.is_none_or(|ip| is_allowed(self.context.private_peers, ip));
        if is_allowed || self.is_configured(&target) { Ok(target) } else { Err(PRIVATE_TARGET) }
    }

    async fn answer(
        &self,
        announce: &UpstreamAnnounce,
        response: Response<Incoming>,
    ) -> Result<UpstreamAnswer, AnnounceError> {
        let status = response.status();
        let retry_after = response.headers().get(RETRY_AFTER).and_then(retry_after);
        let is_overloaded = status == StatusCode::SERVICE_UNAVAILABLE && retry_after.is_some();
        if is_overloaded || status == StatusCode::TOO_MANY_REQUESTS {
            return Err(AnnounceError::Overloaded { retry_after });
        }
        if !status.is_success() && !status.is_client_error() {
            return Err(AnnounceError::Status(status.as_u16()));
        }
        let own_ip = response.extensions().get::<HttpInfo>().map(|info| info.local_addr().ip());
        let body = read_body(response.into_body()).await?;
        let mut collector = self.context.collector(announce, self.announced_ip, own_ip);
        match read_announce_answer(&body, &mut |peer| collector.add(peer)) {
            Ok(ReceivedAnswer::Failure { reason, retry }) => Err(refused(reason, retry)),
            _ if !status.is_success() => Err(AnnounceError::Status(status.as_u16())),
            Ok(ReceivedAnswer::Answer(counts)) => {
                let ReceivedCounts { interval_s, min_interval_s, complete, incomplete } = counts;
                Ok(collector.answer(
                    interval_s.max(min_interval_s),
                    ExternalCounts { seeders: complete, leechers: incomplete },
                ))
            }
            Err(error) => Err(AnnounceError::Malformed(error.0)),
        }
    }
}

fn pool_client(
    context: &Arc<ClientContext>,
    redirects: Option<PrivatePeers>,
    connections_max: usize,
) -> PoolClient {
    Client::builder(TokioExecutor::new())
        .pool_max_idle_per_host(connections_max)
        .pool_idle_timeout(IDLE_CONNECTION_MAX)
        .pool_timer(TokioTimer::new())
        .build(Connector::new(context, redirects))
}

fn push(text: &mut String, part: std::fmt::Arguments<'_>) {
    text.write_fmt(part).expect("a String accepts any text");
}

fn refused(reason: &[u8], retry: http_protocol::Retry) -> AnnounceError {
    let retry = match retry {
        http_protocol::Retry::Unsaid => None,
        http_protocol::Retry::InMinutes(minutes) => {
            Some(Retry::After(Duration::from_secs(60 * u64::from(minutes.max(1)))))
        }
        http_protocol::Retry::Never => Some(Retry::Never),
    };
    AnnounceError::Refused { reason: readable(reason), retry }
}

async fn read_body(mut body: Incoming) -> Result<Vec<u8>, AnnounceError> {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| failure(&error))?;
        bytes.extend_from_slice(frame.data_ref().map(Bytes::as_ref).unwrap_or_default());
        if bytes.len() > BODY_BYTES_MAX {
            return Err(AnnounceError::Malformed("the response is longer than 1 MiB"));
        }
    }
    Ok(bytes)
}

/// Reads seconds or a date.
fn retry_after(value: &HeaderValue) -> Option<Duration> {
    let text = value.to_str().ok()?.trim();
    let until = |date: SystemTime| date.duration_since(SystemTime::now()).unwrap_or_default();
    let seconds = text.parse().ok().map(Duration::from_secs);
    seconds.or_else(|| httpdate::parse_http_date(text).ok().map(until))
}

/// Returns the cause that says most about a failed request. No error contains a URL.
fn failure(error: &(dyn Error + 'static)) -> AnnounceError {
    let mut last = error;
    for cause in successors(Some(error), |error| Error::source(*error)) {
        if let Some(error) = cause.downcast_ref::<AnnounceError>() {
            return error.clone();
        }
        if cause.downcast_ref().is_some_and(hyper::Error::is_parse) {
            return AnnounceError::Malformed("the response is not HTTP");
        }
        last = cause;
    }
    AnnounceError::Connection(readable(last.to_string().as_bytes()))
}
