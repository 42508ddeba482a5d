//! The client of HTTP trackers (BEP 3, 7, 23 and 31).

#[cfg(test)]
mod tests;

use super::ClientContext;
use super::answer::is_allowed;
use super::connect::Connector;
use super::resolve::PRIVATE_TARGET;
use crate::announce::{UpstreamAnnounce, UpstreamAnswer};
use crate::forwarder::{PrivatePeers, lock};
use crate::limits::{CONNECTION_AGE_MAX, IDLE_CONNECTION_MAX};
use crate::upstream::Upstream;
use ::client::http::{AGENT, check_head, failure, is_redirect, read_announced, read_body, redirect_target};
use ::client::{REDIRECTS_MAX, TrackerError, TrackerUrl};
use http_body_util::Empty;
use http_protocol::ReceivedCounts;
use hyper::body::{Bytes, Incoming};
use hyper::header::{HOST, HeaderValue, LOCATION, USER_AGENT};
use hyper::{Request, Response};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpInfo;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use primitives::ExternalCounts;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, OnceLock};
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
    pub(super) uri: TrackerUrl,
    announced_ip: Option<IpAddr>,
    host: Option<HeaderValue>,
}

type PoolClient = Client<Connector, Empty<Bytes>>;

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

    pub(super) async fn announce(&self, announce: &UpstreamAnnounce) -> Result<UpstreamAnswer, TrackerError> {
        let mut url = self.context.announce(announce, self.announced_ip).http_url(self.uri.url());
        for _ in 0..=REDIRECTS_MAX {
            let response = self.get(&url).await?;
            match response.headers().get(LOCATION).filter(|_| is_redirect(response.status())) {
                Some(location) => url = self.redirect(&url, location)?,
                None => return self.answer(announce, response).await,
            }
        }
        Err(TrackerError::Malformed("the announce was redirected too often"))
    }

    async fn get(&self, url: &Url) -> Result<Response<Incoming>, TrackerError> {
        let mut request = Request::get(url.as_str()).header(USER_AGENT, AGENT);
        let is_configured = self.is_configured(url);
        if let Some(host) = self.host.as_ref().filter(|_| is_configured) {
            request = request.header(HOST, host);
        }
        let request = request.body(Empty::new());
        let request = request.map_err(|_| TrackerError::Malformed("the URL cannot be requested"))?;
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
    fn redirect(&self, url: &Url, location: &HeaderValue) -> Result<Url, TrackerError> {
        let target = redirect_target(url, location)?;
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
    ) -> Result<UpstreamAnswer, TrackerError> {
        let status = response.status();
        check_head(status, response.headers())?;
        let own_ip = response.extensions().get::<HttpInfo>().map(|info| info.local_addr().ip());
        let body = read_body(response).await?;
        let mut collector = self.context.collector(announce, self.announced_ip, own_ip);
        let counts = read_announced(status, &body, &mut |peer| collector.add(peer))?;
        let ReceivedCounts { interval_s, min_interval_s, complete, incomplete } = counts;
        Ok(collector.answer(
            interval_s.max(min_interval_s),
            ExternalCounts { seeders: complete, leechers: incomplete },
        ))
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
