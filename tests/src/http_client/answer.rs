use super::bencode::Value;
use crate::client::{Announced, TorrentCounts};
use primitives::InfoHash;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

/// An HTTP response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpAnswer {
    /// The status code.
    pub status: u16,
    /// The headers, in their order.
    pub headers: Vec<(String, String)>,
    /// The body, of the length in `Content-Length`.
    pub body: Vec<u8>,
}

/// The content of an announce response over HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpAnnounced {
    /// The values that UDP responses have too.
    pub common: Announced,
    /// Number of completed events.
    pub downloaded: u64,
    /// Seconds until the client may announce again.
    pub min_interval_s: u32,
    /// The client's address as the tracker saw it.
    pub external_ip: IpAddr,
    /// The text of `warning message`.
    pub warning: Option<String>,
}

impl HttpAnswer {
    /// Parses one response with nothing after it.
    ///
    /// # Panics
    /// If it is not a response, or bytes follow it.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Self {
        let (answer, rest) = Self::read_first(bytes).expect("a whole response");
        assert_eq!(rest, b"", "nothing follows the response");
        answer
    }

    /// Parses the response at the front, if it is complete, and returns it with the bytes after it.
    ///
    /// # Panics
    /// If it is not a response.
    #[must_use]
    pub fn read_first(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
        let head = str::from_utf8(&bytes[..end]).expect("a head is ASCII");
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.1 ")).expect("a status line");
        let status = status.get(..3).and_then(|code| code.parse().ok()).expect("a status");
        let header = |line: &str| {
            let (name, value) = line.split_once(": ").expect("a header");
            (name.to_owned(), value.to_owned())
        };
        let headers: Vec<(String, String)> = lines.map(header).collect();
        let length = headers.iter().find(|(name, _)| name == "Content-Length");
        let length = length.map_or(0, |(_, length)| length.parse().expect("a length"));
        let body = bytes[end + 4..].get(..length)?.to_vec();
        Some((Self { status, headers, body }, &bytes[end + 4 + length..]))
    }

    /// Returns the value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let is_named = |(other, _): &&(String, String)| other.eq_ignore_ascii_case(name);
        self.headers.iter().find(is_named).map(|(_, value)| value.as_str())
    }

    /// Returns the body, with all but ASCII escaped.
    #[must_use]
    pub fn text(&self) -> String {
        self.body.escape_ascii().to_string()
    }

    /// Decodes its bencoded body.
    ///
    /// # Panics
    /// If the status is not 200, or the body is not bencoded.
    #[must_use]
    pub fn value(&self) -> Value {
        assert_eq!(self.status, 200, "clients read the body of no other status");
        Value::read(&self.body)
    }

    /// Returns `failure reason` and `retry in` (minutes), if the response is a failure.
    #[must_use]
    pub fn failure(&self) -> Option<(String, Option<Value>)> {
        let value = self.value();
        Some((text(value.get("failure reason")?), value.get("retry in").cloned()))
    }

    /// Returns `failure reason`, if the response is a failure.
    #[must_use]
    pub fn reason(&self) -> Option<String> {
        self.failure().map(|(reason, _)| reason)
    }

    /// Returns the peers in the response to an announce, sorted.
    #[must_use]
    pub fn peers(&self) -> Vec<SocketAddr> {
        self.announced().common.peers
    }

    /// Decodes the response to an announce.
    ///
    /// # Panics
    /// If it is not one.
    #[must_use]
    pub fn announced(&self) -> HttpAnnounced {
        assert_eq!(self.failure(), None);
        let value = self.value();
        let number = |key| count(value.get(key).unwrap_or_else(|| panic!("{key}")));
        HttpAnnounced {
            common: Announced {
                interval_s: number("interval"),
                seeders: number("complete"),
                leechers: number("incomplete"),
                peers: peers(&value),
            },
            downloaded: value.get("downloaded").expect("downloaded").integer(),
            min_interval_s: number("min interval"),
            external_ip: ip(value.get("external ip").expect("an external ip").bytes()),
            warning: value.get("warning message").map(text),
        }
    }

    /// Decodes the response to a scrape.
    ///
    /// # Panics
    /// If it is not one.
    #[must_use]
    pub fn scraped(&self) -> BTreeMap<InfoHash, TorrentCounts> {
        assert_eq!(self.failure(), None);
        let value = self.value();
        let files = value.get("files").expect("torrents").dictionary();
        let counts = |(info_hash, file): (&Vec<u8>, &Value)| {
            let number = |key| count(file.get(key).unwrap_or_else(|| panic!("{key}")));
            let counts = TorrentCounts {
                seeders: number("complete"),
                downloaded: file.get("downloaded").expect("downloaded").integer(),
                leechers: number("incomplete"),
            };
            (InfoHash(info_hash.as_slice().try_into().expect("20 bytes")), counts)
        };
        files.iter().map(counts).collect()
    }
}

fn count(value: &Value) -> u32 {
    u32::try_from(value.integer()).expect("a count")
}

fn text(value: &Value) -> String {
    String::from_utf8(value.bytes().to_vec()).expect("text")
}

fn ip(bytes: &[u8]) -> IpAddr {
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).expect("4 or 16 bytes")
}

/// Returns the peers, in compact or dictionary form, sorted.
fn peers(value: &Value) -> Vec<SocketAddr> {
    let mut peers: Vec<SocketAddr> = match value.get("peers").expect("peers") {
        Value::List(list) => list.iter().map(listed).collect(),
        compact => compact.bytes().chunks(6).map(address).collect(),
    };
    if let Some(compact) = value.get("peers6") {
        peers.extend(compact.bytes().chunks(18).map(address));
    }
    peers.sort_unstable();
    peers
}

fn listed(peer: &Value) -> SocketAddr {
    let ip = text(peer.get("ip").expect("an address")).parse().expect("an address");
    let port = u16::try_from(peer.get("port").expect("a port").integer()).expect("a port");
    SocketAddr::new(ip, port)
}

fn address(bytes: &[u8]) -> SocketAddr {
    let (address, port) = bytes.split_at(bytes.len() - 2);
    SocketAddr::new(ip(address), u16::from_be_bytes([port[0], port[1]]))
}
