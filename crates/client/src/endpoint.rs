use crate::announce::{Announce, scrape_url, udp_options};
use crate::error::TrackerError;
use crate::http::{HttpEndpoint, HttpResponse, read_announced, refused};
use crate::limits::{ADDRESSES_MAX, CLOSE_TIMEOUT, RETRANSMIT_AFTER};
use crate::resolve::{Families, Resolver};
use crate::tracker_url::TrackerUrl;
use crate::udp::UdpSession;
use http_protocol::{Entry, ReceivedScrape, read_dictionary, read_scrape_answer};
use primitives::InfoHash;
use serde::{Serialize, Serializer};
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;
use udp_protocol::SCRAPE_HASHES_MAX;

/// What requests to all trackers share.
#[derive(Debug)]
pub struct TrackerClient {
    resolver: Arc<Resolver>,
    tls: Arc<rustls::ClientConfig>,
    pub(crate) families: Families,
    /// How long each request may take.
    pub(crate) timeout: Duration,
}

/// One address of a tracker.
#[derive(Debug)]
pub struct Endpoint {
    url: TrackerUrl,
    timeout: Duration,
    protocol: Protocol,
}

#[derive(Debug)]
enum Protocol {
    Udp(Box<UdpSession>),
    Http(HttpEndpoint),
}

/// An answer to an announce.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Announced {
    pub interval_s: Option<u32>,
    pub min_interval_s: Option<u32>,
    pub seeders: u32,
    pub leechers: u32,
    pub peers: Vec<SocketAddr>,
    /// When the certificate ends, in Unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_until: Option<u64>,
    pub notes: Vec<Note>,
}

/// An answer to a scrape.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Scraped {
    /// The torrents of the request in its order. One that the answer does not have has no counts.
    pub torrents: Vec<ScrapedTorrent>,
    pub notes: Vec<Note>,
}

/// A torrent in an answer to a scrape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ScrapedTorrent {
    #[serde(serialize_with = "as_text")]
    pub info_hash: InfoHash,
    #[serde(flatten)]
    pub counts: Option<TorrentCounts>,
}

/// The counts of one torrent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct TorrentCounts {
    pub seeders: u32,
    /// Number of completed downloads.
    pub completed: u32,
    pub leechers: u32,
}

/// A peculiarity of an answer that does not make it useless.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// The last peer of a datagram is truncated.
    PartialPeer,
    /// The peers are a list of dictionaries.
    ListedPeers,
    /// There is neither `peers` nor `peers6`.
    NoPeers,
    UnsortedKeys,
    RedirectedTo(String),
    /// A status other than 200.
    Status(u16),
    /// Datagrams with a transaction id of no request.
    Strays(u32),
}

fn as_text<T: fmt::Display, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

impl fmt::Display for Note {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PartialPeer => formatter.write_str("the last peer is truncated"),
            Self::ListedPeers => formatter.write_str("the peers are not in the compact form"),
            Self::NoPeers => formatter.write_str("there is neither peers nor peers6"),
            Self::UnsortedKeys => formatter.write_str("the keys of the dictionary are not sorted"),
            Self::RedirectedTo(url) => write!(formatter, "redirected to {url}"),
            Self::Status(status) => write!(formatter, "the status is {status}"),
            Self::Strays(1) => formatter.write_str("1 datagram had another transaction id"),
            Self::Strays(count) => write!(formatter, "{count} datagrams had another transaction id"),
        }
    }
}

impl Serialize for Note {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The path of the URL is not one from which that of a scrape can be made.
pub(crate) const NO_SCRAPE_URL: TrackerError =
    TrackerError::Malformed("a scrape needs a path like /announce or /announce/KEY");

impl TrackerClient {
    /// Creates a client whose requests take at most `timeout` each.
    #[must_use]
    pub fn new(tls: Arc<rustls::ClientConfig>, families: Families, timeout: Duration) -> Self {
        Self { resolver: Arc::default(), tls, families, timeout }
    }

    /// Returns the addresses of a tracker, without duplicates.
    ///
    /// # Errors
    /// If its name has none.
    pub async fn addresses(&self, url: &TrackerUrl) -> Result<Vec<SocketAddr>, TrackerError> {
        let url = url.url();
        let port = url.port_or_known_default().unwrap_or_default();
        let host = url.host_str().unwrap_or_default();
        let found = self.resolver.addresses(host, port, self.families, self.timeout);
        // After the addresses of one family, those of the other may take as long again.
        let limit = self.timeout.saturating_mul(2);
        let mut addresses = timeout(limit, found).await.unwrap_or(Err(TrackerError::Timeout))?;
        addresses.sort_unstable();
        addresses.dedup();
        addresses.truncate(ADDRESSES_MAX);
        if addresses.is_empty() {
            return Err(TrackerError::Name("the name has no such addresses".to_owned()));
        }
        Ok(addresses)
    }

    /// Returns one address of a tracker for requests. Must be called on a tokio runtime.
    ///
    /// # Errors
    /// If the computer has no route to it.
    pub fn endpoint(&self, url: &TrackerUrl, address: SocketAddr) -> Result<Endpoint, TrackerError> {
        let protocol = if url.url().scheme() == "udp" {
            let session = UdpSession::open(address, RETRANSMIT_AFTER);
            let session = session.map_err(|error| TrackerError::Connection(error.to_string()))?;
            Protocol::Udp(Box::new(session))
        } else {
            let (resolver, tls) = (Arc::clone(&self.resolver), Arc::clone(&self.tls));
            Protocol::Http(HttpEndpoint { address, families: self.families, resolver, tls })
        };
        Ok(Endpoint { url: url.clone(), timeout: self.timeout, protocol })
    }
}

impl Endpoint {
    /// Announces.
    ///
    /// # Errors
    /// If there is no answer, or the announce is refused.
    pub async fn announce(&self, announce: &Announce) -> Result<Announced, TrackerError> {
        match &self.protocol {
            Protocol::Udp(session) => self.announce_over_udp(session, announce).await,
            Protocol::Http(endpoint) => {
                let url = announce.http_url(self.url.url());
                read_http_announce(&self.in_time(endpoint.get(&url)).await?)
            }
        }
    }

    /// Scrapes torrents, as many in one request as the protocol allows.
    ///
    /// # Errors
    /// If there is no answer, or the tracker refuses.
    pub async fn scrape(&self, info_hashes: &[InfoHash]) -> Result<Scraped, TrackerError> {
        let mut scraped = Scraped { torrents: Vec::new(), notes: Vec::new() };
        for part in info_hashes.chunks(SCRAPE_HASHES_MAX) {
            match &self.protocol {
                Protocol::Udp(session) => {
                    let counts = self.in_time(session.scrape(part)).await?;
                    let counts = counts.into_iter().map(Some).chain(std::iter::repeat(None));
                    let torrents = part.iter().zip(counts);
                    scraped
                        .torrents
                        .extend(torrents.map(|(&info_hash, counts)| ScrapedTorrent { info_hash, counts }));
                }
                Protocol::Http(endpoint) => {
                    let url = scrape_url(self.url.url(), part).ok_or(NO_SCRAPE_URL)?;
                    read_http_scrape(&self.in_time(endpoint.get(&url)).await?, part, &mut scraped)?;
                }
            }
        }
        Ok(scraped)
    }

    /// Returns whether a plain HTTP port ends a connection that begins with TLS; `None` if this is none, or accepts no connection.
    pub(crate) async fn closes_on_tls(&self) -> Option<bool> {
        let (url, limit) = (self.url.url(), CLOSE_TIMEOUT.min(self.timeout));
        match &self.protocol {
            Protocol::Http(endpoint) if url.scheme() == "http" => {
                endpoint.closes_on_tls(url, limit).await.ok()
            }
            _ => None,
        }
    }

    async fn in_time<T>(
        &self,
        request: impl Future<Output = Result<T, TrackerError>>,
    ) -> Result<T, TrackerError> {
        timeout(self.timeout, request).await.unwrap_or(Err(TrackerError::Timeout))
    }

    async fn announce_over_udp(
        &self,
        session: &UdpSession,
        announce: &Announce,
    ) -> Result<Announced, TrackerError> {
        let strays_before = session.strays();
        let options = udp_options(self.url.url());
        let outcome = self.in_time(session.announce(announce.udp_request(), &options)).await;
        let strays = session.strays() - strays_before;
        let answer = match outcome {
            Err(TrackerError::Timeout) if strays > 0 => {
                return Err(TrackerError::Malformed("all responses have another transaction id"));
            }
            outcome => outcome?,
        };
        let mut notes = Vec::new();
        notes.extend(answer.has_partial_peer.then_some(Note::PartialPeer));
        notes.extend((strays > 0).then_some(Note::Strays(strays)));
        Ok(Announced {
            interval_s: Some(answer.interval_s),
            min_interval_s: None,
            seeders: answer.seeders,
            leechers: answer.leechers,
            peers: answer.peers,
            certificate_until: None,
            notes,
        })
    }
}

fn read_http_announce(response: &HttpResponse) -> Result<Announced, TrackerError> {
    let mut peers = Vec::new();
    let counts =
        read_announced(response.status, &response.body, &mut |peer| peers.push(peer.socket_address()))?;
    let mut notes = notes_of(response);
    let (mut has_peers, mut has_list) = (false, false);
    let sorted = read_dictionary(&response.body, &mut |entry: Entry<'_>| {
        let is_peers = [&b"peers"[..], b"peers6"].contains(&entry.key);
        has_peers |= is_peers;
        // An empty list is how a compact answer without peers looks to some trackers.
        has_list |= is_peers && entry.value.starts_with(b"l") && entry.value != b"le";
    });
    notes.extend((sorted == Ok(false)).then_some(Note::UnsortedKeys));
    notes.extend((!has_peers).then_some(Note::NoPeers));
    notes.extend(has_list.then_some(Note::ListedPeers));
    Ok(Announced {
        interval_s: counts.interval_s,
        min_interval_s: counts.min_interval_s,
        seeders: counts.complete,
        leechers: counts.incomplete,
        peers,
        certificate_until: response.certificate_until,
        notes,
    })
}

fn notes_of(response: &HttpResponse) -> Vec<Note> {
    let status = response.status.as_u16();
    let status = (status != 200).then_some(Note::Status(status));
    // The query has the peer id and the rest of the request.
    let target = response.redirected_to.as_ref().map(|url| &url[..url::Position::AfterPath]);
    status.into_iter().chain(target.map(|target| Note::RedirectedTo(target.to_owned()))).collect()
}

fn read_http_scrape(
    response: &HttpResponse,
    info_hashes: &[InfoHash],
    scraped: &mut Scraped,
) -> Result<(), TrackerError> {
    let mut found = Vec::new();
    let outcome = read_scrape_answer(&response.body, &mut |file| found.push(file));
    match outcome {
        Ok(ReceivedScrape::Failure(reason)) => {
            return Err(refused(reason, http_protocol::Retry::Unsaid));
        }
        _ if !response.status.is_success() => return Err(TrackerError::Status(response.status.as_u16())),
        Ok(ReceivedScrape::Files { has_sorted_keys }) => {
            scraped.notes.extend((!has_sorted_keys).then_some(Note::UnsortedKeys));
        }
        Err(error) => return Err(TrackerError::Malformed(error.0)),
    }
    scraped.notes.extend(notes_of(response));
    scraped.torrents.extend(info_hashes.iter().map(|info_hash| {
        let file = found.iter().find(|file| file.info_hash == *info_hash);
        let counts = file.map(|file| TorrentCounts {
            seeders: file.complete,
            completed: u32::try_from(file.downloaded).unwrap_or(u32::MAX),
            leechers: file.incomplete,
        });
        ScrapedTorrent { info_hash: *info_hash, counts }
    }));
    Ok(())
}
