use primitives::{AnnounceEvent, InfoHash, PeerId};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// An announce as an upstream tracker received it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    pub from: SocketAddr,
    pub info_hash: InfoHash,
    pub peer_id: PeerId,
    pub port: u16,
    pub uploaded: u64,
    pub downloaded: u64,
    pub left: u64,
    pub event: AnnounceEvent,
    /// The address to be listed in place of the sender's.
    pub ip: Option<IpAddr>,
    /// The HTTP header `Host`.
    pub host: Option<String>,
    /// Path and query, over UDP those of the URL data.
    pub target: String,
}

const UDP_BYTES: usize = 98;

impl Received {
    /// Decodes a UDP announce (BEP 15) with its options (BEP 41). `None` if it is none.
    pub(super) fn from_datagram(from: SocketAddr, datagram: &[u8]) -> Option<Self> {
        let (fixed, options) = datagram.split_at_checked(UDP_BYTES)?;
        let number = |at: usize| Some(u64::from_be_bytes(fixed.get(at..at + 8)?.try_into().ok()?));
        let ip = Ipv4Addr::from(<[u8; 4]>::try_from(fixed.get(84..88)?).ok()?);
        let events =
            [AnnounceEvent::None, AnnounceEvent::Completed, AnnounceEvent::Started, AnnounceEvent::Stopped];
        Some(Self {
            from,
            info_hash: InfoHash(fixed.get(16..36)?.try_into().ok()?),
            peer_id: PeerId(fixed.get(36..56)?.try_into().ok()?),
            downloaded: number(56)?,
            left: number(64)?,
            uploaded: number(72)?,
            event: *events.get(usize::from(*fixed.get(83)?))?,
            ip: (!ip.is_unspecified()).then_some(ip.into()),
            port: u16::from_be_bytes(fixed.get(96..98)?.try_into().ok()?),
            host: None,
            target: url_data(options),
        })
    }

    /// Parses the head of an HTTP request. `None` if it is no announce.
    pub(super) fn from_head(from: SocketAddr, head: &str) -> Option<Self> {
        let mut lines = head.lines();
        let target = lines.next()?.strip_prefix("GET ")?.strip_suffix(" HTTP/1.1")?;
        let (_, query) = target.split_once('?')?;
        let value = |wanted: &str| {
            let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs.filter(|(name, _)| *name == wanted).map(|(_, value)| percent_decoded(value)).next()
        };
        let text = |name: &str| String::from_utf8(value(name)?).ok();
        let number = |name: &str| text(name)?.parse::<u64>().ok();
        let host = lines
            .filter_map(|line| line.split_once(": "))
            .find_map(|(name, value)| name.eq_ignore_ascii_case("host").then(|| value.to_owned()));
        Some(Self {
            from,
            info_hash: InfoHash(value("info_hash")?.try_into().ok()?),
            peer_id: PeerId(value("peer_id")?.try_into().ok()?),
            downloaded: number("downloaded")?,
            left: number("left")?,
            uploaded: number("uploaded")?,
            event: match text("event").unwrap_or_default().as_str() {
                "started" => AnnounceEvent::Started,
                "completed" => AnnounceEvent::Completed,
                "stopped" => AnnounceEvent::Stopped,
                _ => AnnounceEvent::None,
            },
            ip: text("ip").and_then(|ip| ip.parse().ok()),
            port: text("port")?.parse().ok()?,
            host,
            target: target.to_owned(),
        })
    }
}

/// The URL data in the options of a datagram.
fn url_data(mut options: &[u8]) -> String {
    let mut url = Vec::new();
    while let [2, length, rest @ ..] = options {
        let (data, rest) = rest.split_at(usize::from(*length).min(rest.len()));
        url.extend_from_slice(data);
        options = rest;
    }
    String::from_utf8_lossy(&url).into_owned()
}

fn percent_decoded(text: &str) -> Vec<u8> {
    let (mut bytes, mut decoded) = (text.bytes(), Vec::new());
    while let Some(byte) = bytes.next() {
        let digits = if byte == b'%' { bytes.next().zip(bytes.next()) } else { None };
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let escaped = digits.and_then(|(high, low)| Some(digit(high)? << 4 | digit(low)?));
        decoded.push(escaped.unwrap_or(byte));
    }
    decoded
}
