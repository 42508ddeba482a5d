//! The clients of the protocols in which upstream trackers are asked.

mod answer;
mod connect;
mod http;
mod resolve;
mod udp;

use self::answer::Collector;
use self::connect::tls_config;
use self::http::HttpClient;
use self::udp::UdpClient;
use crate::announce::{UpstreamAnnounce, UpstreamAnswer};
use crate::forwarder::PrivatePeers;
use crate::limits::{PEERS_MAX, TEXT_CHARS_MAX};
use crate::upstream::Upstream;
use ::client::{Announce, RETRANSMIT_AFTER, Resolver, TrackerError, TrackerUrl, new_peer_id};
use primitives::PeerId;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// What the clients of all upstream trackers share.
#[derive(Debug)]
pub(crate) struct ClientContext {
    resolver: Arc<Resolver>,
    /// Created for the first upstream tracker that needs it.
    tls: OnceLock<Arc<rustls::ClientConfig>>,
    /// The peer id and key of this process.
    peer_id: PeerId,
    key: u32,
    private_peers: PrivatePeers,
    /// How long a UDP request waits for its response before it is sent again.
    retransmit_after: Duration,
}

/// Announces to one upstream tracker.
#[derive(Debug)]
pub(crate) enum UpstreamClient {
    Udp(UdpClient),
    Http(Box<HttpClient>),
}

impl ClientContext {
    pub(crate) fn new(private_peers: PrivatePeers) -> Self {
        Self {
            resolver: Arc::default(),
            tls: OnceLock::new(),
            peer_id: new_peer_id(&PeerId::FORWARDER_PREFIX),
            key: fastrand::u32(..),
            private_peers,
            retransmit_after: RETRANSMIT_AFTER,
        }
    }

    fn tls(&self) -> Arc<rustls::ClientConfig> {
        Arc::clone(self.tls.get_or_init(|| Arc::new(tls_config())))
    }

    /// Returns what is announced to the upstream tracker.
    fn announce(&self, announce: &UpstreamAnnounce, announced_ip: Option<IpAddr>) -> Announce {
        let representative = announce.representative;
        Announce {
            info_hash: announce.info_hash,
            peer_id: self.peer_id,
            port: representative.port,
            event: announce.event,
            left: representative.left,
            uploaded: representative.uploaded,
            downloaded: representative.downloaded,
            numwant: u32::try_from(PEERS_MAX).ok(),
            key: self.key,
            ip: announced_ip,
        }
    }

    /// Returns a collector of the peers of an answer to `announce`, announced with `announced_ip` in place of ours from sockets
    /// at `own_ips`.
    fn collector(
        &self,
        announce: &UpstreamAnnounce,
        announced_ip: Option<IpAddr>,
        own_ips: impl IntoIterator<Item = IpAddr>,
    ) -> Collector {
        let port = announce.representative.port;
        let own = own_ips.into_iter().map(|ip| SocketAddr::new(ip.to_canonical(), port));
        Collector::new(self.private_peers, announced_ip, own.collect())
    }
}

impl UpstreamClient {
    /// `requests_max` also limits the HTTP connections.
    pub(crate) fn new(context: &Arc<ClientContext>, upstream: &Upstream, requests_max: usize) -> Self {
        if upstream.uri.url().scheme() == "udp" {
            Self::Udp(UdpClient::new(context, upstream))
        } else {
            Self::Http(Box::new(HttpClient::new(context, upstream, requests_max)))
        }
    }

    /// Announces, for as long as it takes: the time is limited by whoever drops the future, which is safe at any time.
    pub(crate) async fn announce(&self, announce: &UpstreamAnnounce) -> Result<UpstreamAnswer, TrackerError> {
        let (uri, outcome) = match self {
            Self::Udp(client) => (&client.uri, client.announce(announce).await),
            Self::Http(client) => (&client.uri, client.announce(announce).await),
        };
        outcome.map_err(|error| publishable(error, uri))
    }
}

/// Returns an error whose text is short and has no passkey, which trackers like to repeat.
fn publishable(mut error: TrackerError, uri: &TrackerUrl) -> TrackerError {
    if let TrackerError::Name(text)
    | TrackerError::Connection(text)
    | TrackerError::Refused { reason: text, .. } = &mut error
    {
        *text = uri.without_secrets(text).chars().take(TEXT_CHARS_MAX).collect();
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream::UpstreamFields;
    use primitives::{AnnounceEvent, InfoHash, Representative};

    pub(super) fn context(private_peers: PrivatePeers, retransmit_after: Duration) -> Arc<ClientContext> {
        Arc::new(ClientContext { retransmit_after, ..ClientContext::new(private_peers) })
    }

    pub(super) fn upstream(uri: String, ip: Option<&str>, host: Option<&str>) -> Upstream {
        let [ip, host] = [ip, host].map(|field| field.map(str::to_owned));
        Upstream::new(&UpstreamFields { uri, name: None, ip, host }).expect("an upstream tracker")
    }

    pub(super) const ANNOUNCE: UpstreamAnnounce = UpstreamAnnounce {
        info_hash: InfoHash(*b"\x00%&=+ \xff0123456789abc"),
        event: AnnounceEvent::Started,
        representative: Representative { port: 6881, uploaded: 1, downloaded: 2, left: 3 },
    };

    #[test]
    fn errors_are_short_and_without_passkey() {
        let upstream = upstream("http://t.example/0123456789/announce?k=abcdefgh".to_owned(), None, None);
        let long = format!("{}0123456789", "x".repeat(TEXT_CHARS_MAX - 5));
        let short = format!("{}...", "x".repeat(TEXT_CHARS_MAX - 5));
        for (text, shown) in [("announce of 0123456789 abcdefgh", "announce of ... ..."), (&long, &short)] {
            let texts = [text, shown].map(str::to_owned);
            for create in [TrackerError::Name, TrackerError::Connection, |reason| TrackerError::Refused {
                reason,
                retry: None,
            }] {
                let [error, expected] = texts.clone().map(create);
                assert_eq!(publishable(error, &upstream.uri), expected);
            }
        }
    }

    #[test]
    fn a_client_shows_no_passkey() {
        for scheme in ["udp", "http"] {
            let upstream = upstream(format!("{scheme}://t.example/KEY?k=KEY"), None, None);
            let client = UpstreamClient::new(&context(PrivatePeers::Refused, RETRANSMIT_AFTER), &upstream, 1);
            assert!(!format!("{client:?}").contains("KEY"), "{client:?}");
        }
    }

    #[test]
    fn root_certificates_are_loaded_for_https_only() {
        let context = context(PrivatePeers::Refused, RETRANSMIT_AFTER);
        for (scheme, are_loaded) in [("udp", false), ("http", false), ("https", true)] {
            let upstream = upstream(format!("{scheme}://t.example/"), None, None);
            drop(UpstreamClient::new(&context, &upstream, 1));
            assert_eq!(context.tls.get().is_some(), are_loaded, "{scheme}");
        }
    }

    #[test]
    fn a_process_has_a_peer_id_of_its_own_that_names_the_forwarder() {
        let [one, two] = [(); 2].map(|()| ClientContext::new(PrivatePeers::Refused));
        assert!(one.peer_id.is_forwarder());
        assert!(one.peer_id.0[8..].iter().all(u8::is_ascii_alphanumeric));
        assert_ne!(one.peer_id, two.peer_id);
    }
}
