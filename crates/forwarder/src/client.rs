//! The clients of the protocols in which upstream trackers are asked.

mod answer;
mod connect;
mod http;
mod resolve;
mod udp;

use self::answer::Collector;
use self::connect::tls_config;
use self::http::HttpClient;
use self::resolve::Resolver;
use self::udp::UdpClient;
use crate::announce::{AnnounceError, UpstreamAnnounce, UpstreamAnswer};
use crate::forwarder::PrivatePeers;
use crate::limits::{RETRANSMIT_AFTER, TEXT_CHARS_MAX};
use crate::upstream::{Upstream, UpstreamUri, is_plain};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use primitives::PeerId;
use std::iter::repeat_with;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::time::timeout;

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
        let mut peer_id = [0; PeerId::BYTES];
        let characters = PeerId::FORWARDER_PREFIX.into_iter().chain(repeat_with(random_letter_or_digit));
        peer_id.iter_mut().zip(characters).for_each(|(place, character)| *place = character);
        Self {
            resolver: Arc::default(),
            tls: OnceLock::new(),
            peer_id: PeerId(peer_id),
            key: fastrand::u32(..),
            private_peers,
            retransmit_after: RETRANSMIT_AFTER,
        }
    }

    fn tls(&self) -> Arc<rustls::ClientConfig> {
        Arc::clone(self.tls.get_or_init(|| Arc::new(tls_config())))
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

fn random_letter_or_digit() -> u8 {
    fastrand::alphanumeric().try_into().unwrap_or(b'0')
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
    pub(crate) async fn announce(
        &self,
        announce: &UpstreamAnnounce,
    ) -> Result<UpstreamAnswer, AnnounceError> {
        let (uri, outcome) = match self {
            Self::Udp(client) => (&client.uri, client.announce(announce).await),
            Self::Http(client) => (&client.uri, client.announce(announce).await),
        };
        outcome.map_err(|error| publishable(error, uri))
    }
}

/// Returns what succeeds of what was begun for each address family. After the first success the other has to follow within
/// `patience`: a family whose datagrams are lost must not take away what the other has found. If none succeeds, returns the
/// error that says most about the tracker: a refusal, or else the last one, because a computer without IPv6 finds out at once.
async fn first_and_soon<T>(
    mut families: FuturesUnordered<impl Future<Output = Result<T, AnnounceError>>>,
    patience: Duration,
) -> Result<Vec<T>, AnnounceError> {
    let mut succeeded = Vec::new();
    let mut failure = AnnounceError::Name("the name has no addresses".to_owned());
    loop {
        let wait = if succeeded.is_empty() { Duration::MAX } else { patience };
        match timeout(wait, families.next()).await {
            Ok(Some(Ok(success))) => succeeded.push(success),
            Ok(Some(Err(_))) if matches!(failure, AnnounceError::Refused { .. }) => {}
            Ok(Some(Err(error))) => failure = error,
            Ok(None) | Err(_) => break,
        }
    }
    if succeeded.is_empty() { Err(failure) } else { Ok(succeeded) }
}

/// Returns an error whose text is short and has no passkey, which trackers like to repeat.
fn publishable(mut error: AnnounceError, uri: &UpstreamUri) -> AnnounceError {
    if let AnnounceError::Name(text)
    | AnnounceError::Connection(text)
    | AnnounceError::Refused { reason: text, .. } = &mut error
    {
        *text = uri.without_secrets(text).chars().take(TEXT_CHARS_MAX).collect();
    }
    error
}

/// Returns a text from the network in characters that logs and terminals show as they are.
fn readable(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let characters = text.chars().map(|character| if is_plain(character) { character } else { ' ' });
    characters.collect::<String>().trim().to_owned()
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
    fn texts_have_no_control_or_format_characters() {
        for (text, shown) in [
            (&b" a\r\nb\x1b[31m\xff\n"[..], "a  b [31m"),
            ("\u{e4}\u{202e}\u{65e5}\u{2028}!\u{200b}_".as_bytes(), "\u{e4} \u{65e5} ! _"),
        ] {
            assert_eq!(readable(text), shown);
        }
    }

    #[test]
    fn errors_are_short_and_without_passkey() {
        let upstream = upstream("http://t.example/0123456789/announce?k=abcdefgh".to_owned(), None, None);
        let long = format!("{}0123456789", "x".repeat(TEXT_CHARS_MAX - 5));
        let short = format!("{}...", "x".repeat(TEXT_CHARS_MAX - 5));
        for (text, shown) in [("announce of 0123456789 abcdefgh", "announce of ... ..."), (&long, &short)] {
            let texts = [text, shown].map(str::to_owned);
            for create in [AnnounceError::Name, AnnounceError::Connection, |reason| AnnounceError::Refused {
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
