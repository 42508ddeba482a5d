use primitives::{AnnounceEvent, InfoHash, PeerId};
use std::fmt::{self, Write};
use std::iter::repeat_with;
use std::net::IpAddr;
use udp_protocol::{AnnounceRequest, ConnectionId, TransactionId, url_data_options};
use url::Url;

/// What a client announces, whatever the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Announce {
    pub info_hash: InfoHash,
    pub peer_id: PeerId,
    /// TCP or uTP port where the client listens.
    pub port: u16,
    pub event: AnnounceEvent,
    /// Bytes left to download.
    pub left: u64,
    pub uploaded: u64,
    pub downloaded: u64,
    /// Peers that the client asks for; otherwise the tracker decides.
    pub numwant: Option<u32>,
    pub key: u32,
    /// The address to announce in place of that of the connection. Over UDP there is room for an IPv4 address only.
    pub ip: Option<IpAddr>,
}

impl Announce {
    /// Returns the announce of BEP 15 without ids.
    #[must_use]
    pub fn udp_request(&self) -> AnnounceRequest {
        let mut request = AnnounceRequest::new(ConnectionId([0; 8]), TransactionId([0; 4]), self.info_hash)
            .with_port(self.port)
            .with_left(self.left)
            .with_event(self.event)
            .with_numwant(self.numwant.map_or(-1, |count| i32::try_from(count).unwrap_or(i32::MAX)));
        request.peer_id = self.peer_id;
        request.uploaded = self.uploaded.into();
        request.downloaded = self.downloaded.into();
        request.key = self.key.into();
        if let Some(IpAddr::V4(ip)) = self.ip {
            request.ip = ip.to_bits().into();
        }
        request
    }

    /// Returns the URL of the announce over HTTP. What the query of `url` contains, such as a passkey, stays in front.
    #[must_use]
    pub fn http_url(&self, url: &Url) -> Url {
        let mut query = query_start(url);
        push_info_hash(&mut query, &self.info_hash);
        query.push_str("&peer_id=");
        for byte in self.peer_id.0 {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                query.push(char::from(byte));
            } else {
                push(&mut query, format_args!("%{byte:02X}"));
            }
        }
        push(&mut query, format_args!("&port={}&uploaded={}", self.port, self.uploaded));
        push(&mut query, format_args!("&downloaded={}&left={}", self.downloaded, self.left));
        if let Some(numwant) = self.numwant {
            push(&mut query, format_args!("&numwant={numwant}"));
        }
        push(&mut query, format_args!("&compact=1&key={:08X}", self.key));
        query.push_str(match self.event {
            AnnounceEvent::None => "",
            AnnounceEvent::Started => "&event=started",
            AnnounceEvent::Completed => "&event=completed",
            AnnounceEvent::Stopped => "&event=stopped",
        });
        match self.ip {
            None => {}
            Some(IpAddr::V4(ip)) => push(&mut query, format_args!("&ip={ip}&ipv4={ip}")),
            Some(IpAddr::V6(ip)) => push(&mut query, format_args!("&ip={ip}&ipv6={ip}")),
        }
        with_query(url, &query)
    }
}

/// Returns path and query of the URL of a UDP tracker as options of an announce (BEP 41).
#[must_use]
pub fn udp_options(url: &Url) -> Vec<u8> {
    let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
    let path_and_query = format!("{}{query}", url.path());
    let path_and_query = if path_and_query == "/" { "" } else { &path_and_query };
    url_data_options(path_and_query.as_bytes()).collect()
}

/// Returns the URL of a scrape of these torrents over HTTP: in place of `announce` at the beginning of the last part of the path
/// is `scrape` (BEP 48). A key may follow as a part of its own. A tracker with another path has none.
#[must_use]
pub fn scrape_url(url: &Url, info_hashes: &[InfoHash]) -> Option<Url> {
    let (folder, rest) = url.path().rsplit_once("/announce")?;
    if rest.rfind('/').is_some_and(|last| last > 0) {
        return None;
    }
    let mut query = query_start(url);
    for (index, info_hash) in info_hashes.iter().enumerate() {
        query.push_str(if index == 0 { "" } else { "&" });
        push_info_hash(&mut query, info_hash);
    }
    let mut scrape = url.clone();
    scrape.set_path(&format!("{folder}/scrape{rest}"));
    Some(with_query(&scrape, &query))
}

fn query_start(url: &Url) -> String {
    let query = url.query().unwrap_or_default();
    if query.is_empty() { String::new() } else { format!("{query}&") }
}

fn push_info_hash(query: &mut String, info_hash: &InfoHash) {
    query.push_str("info_hash=");
    for byte in info_hash.0 {
        push(query, format_args!("%{byte:02X}"));
    }
}

fn with_query(url: &Url, query: &str) -> Url {
    let mut url = url.clone();
    url.set_query(Some(query));
    url
}

fn push(text: &mut String, part: fmt::Arguments<'_>) {
    text.write_fmt(part).expect("a String accepts any text");
}

/// How the peer ids of `ringtrack-client` begin.
pub const PEER_ID_PREFIX: &[u8] = b"-RC0100-";

/// Returns a peer id that begins with `prefix`, in the style of BEP 20: the rest are random letters and digits.
#[must_use]
pub fn new_peer_id(prefix: &[u8]) -> PeerId {
    let mut peer_id = [0; PeerId::BYTES];
    let characters = prefix.iter().copied().chain(repeat_with(random_letter_or_digit));
    peer_id.iter_mut().zip(characters).for_each(|(place, character)| *place = character);
    PeerId(peer_id)
}

fn random_letter_or_digit() -> u8 {
    fastrand::alphanumeric().try_into().unwrap_or(b'0')
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANNOUNCE: Announce = Announce {
        info_hash: InfoHash([0xab; 20]),
        peer_id: PeerId(*b"-RT0100-\xff 0123456789"),
        port: 6881,
        event: AnnounceEvent::Completed,
        left: 3,
        uploaded: 1,
        downloaded: 2,
        numwant: None,
        key: 0xbeef,
        ip: None,
    };

    #[test]
    fn a_peer_id_of_any_bytes_is_encoded() {
        let url = ANNOUNCE.http_url(&"http://t.example/a?k=1".parse().unwrap());
        let hash = "%AB".repeat(20);
        let query = format!(
            "k=1&info_hash={hash}&peer_id=-RT0100-%FF%200123456789&port=6881&uploaded=1&downloaded=2&left=3\
             &compact=1&key=0000BEEF&event=completed"
        );
        assert_eq!(url.query(), Some(&*query));
    }

    #[test]
    fn a_numwant_that_is_not_said_is_left_to_the_tracker() {
        for (numwant, wire) in
            [(None, udp_protocol::Numwant::Default), (Some(0), udp_protocol::Numwant::AtMost(0))]
        {
            assert_eq!(Announce { numwant, ..ANNOUNCE }.udp_request().numwant(), wire);
        }
    }

    #[test]
    fn the_scrape_url_is_that_of_the_announce_with_another_word() {
        let hash = format!("info_hash={}", "%AB".repeat(20));
        for (announce, scrape) in [
            ("http://t.example/announce", Some("/scrape?")),
            ("http://t.example/x/announce.php?k=1", Some("/x/scrape.php?k=1&")),
            ("http://t.example/x/announce/KEY", Some("/x/scrape/KEY?")),
            ("http://t.example/announce/a/b", None),
            ("http://t.example/announcement/KEY", None),
            ("http://t.example/a", None),
        ] {
            let found = scrape_url(&announce.parse().unwrap(), &[ANNOUNCE.info_hash]);
            let expected = scrape.map(|scrape| format!("http://t.example{scrape}{hash}"));
            assert_eq!(found.map(String::from), expected);
        }
        let two = scrape_url(&"http://t.example/announce".parse().unwrap(), &[ANNOUNCE.info_hash; 2]);
        assert_eq!(two.unwrap().query(), Some(&*format!("{hash}&{hash}")));
    }

    #[test]
    fn a_peer_id_names_its_software_and_is_random() {
        let [one, two] = [(); 2].map(|()| new_peer_id(b"-RT0100-"));
        assert!(one.0.starts_with(b"-RT0100-") && one.0[8..].iter().all(u8::is_ascii_alphanumeric));
        assert_ne!(one, two);
    }
}
