use super::super::bytes::Bytes;
use super::changes::{Change, key_text, software_of};
use crate::client::{unknown_option, url_data};
use primitives::{AnnounceEvent, InfoHash};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// One step of a script.
#[derive(Debug)]
pub(super) enum Step<'a> {
    Send(Shape<'a>),
    /// Announces of this many leechers of one torrent, each from a port of its own.
    Burst {
        source: SocketAddr,
        torrent: InfoHash,
        peers: u8,
    },
    /// Advances the clock and runs expiry.
    Pass {
        seconds: u32,
    },
    /// Delivers the datagrams waiting at the sockets.
    Flush,
    Change(Change),
}

/// A datagram and how it reaches the tracker.
#[derive(Debug)]
pub(super) struct Shape<'a> {
    pub(super) source: SocketAddr,
    /// The core whose socket receives it; `None` leaves that to steering.
    pub(super) core: Option<usize>,
    pub(super) id: IdChoice,
    pub(super) content: Content<'a>,
}

/// The connection id inserted into a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IdChoice {
    /// The bytes stay unchanged.
    AsItStands,
    /// An id just issued to its source.
    Fresh,
    /// The first id ever issued to its source.
    Oldest,
    /// An id just issued to another address.
    OfAnother,
}

#[derive(Debug)]
pub(super) enum Content<'a> {
    Raw(&'a [u8]),
    Connect,
    Announce {
        torrent: InfoHash,
        left: u64,
        event: AnnounceEvent,
        port: u16,
        numwant: i32,
        /// The byte that its peer id repeats.
        software: u8,
        options: Vec<u8>,
    },
    Scrape {
        first: u8,
        hashes: u8,
    },
}

/// The meaning of the bytes of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    Public,
    /// Operations from `FIRST_CHANGE` on change admission, and announces carry keys.
    Admission,
}

/// The host whose addresses no peer can have: multicast over IPv4, link-local over IPv6.
const UNREACHABLE_HOST: u8 = 14;

/// The first operation that is a change in the language `Admission`.
const FIRST_CHANGE: u8 = 224;

/// Iterator over the steps of an input.
#[derive(Debug)]
pub(super) struct Script<'a> {
    bytes: Bytes<'a>,
    language: Language,
}

impl<'a> Script<'a> {
    pub(super) const fn new(input: &'a [u8], language: Language) -> Self {
        Self { bytes: Bytes(input), language }
    }

    fn step(&mut self) -> Option<Step<'a>> {
        let bytes = &mut self.bytes;
        let operation = bytes.byte()?;
        if self.language == Language::Admission && operation >= FIRST_CHANGE {
            return Change::read(operation, bytes).map(Step::Change);
        }
        Some(match operation % 8 {
            0 => Step::Send(Shape { content: Content::Connect, ..shape(bytes)? }),
            1 => Step::Send(raw(bytes)?),
            2 | 3 => Step::Send(announce(bytes, self.language)?),
            4 => Step::Send(scrape(bytes)?),
            5 => Step::Pass { seconds: u32::from(bytes.byte()?) * 16 },
            6 => Step::Flush,
            _ => {
                let (source, torrent) = (source(bytes.byte()?), InfoHash([bytes.byte()?; 20]));
                Step::Burst { source, torrent, peers: bytes.byte()? }
            }
        })
    }
}

impl<'a> Iterator for Script<'a> {
    type Item = Step<'a>;

    fn next(&mut self) -> Option<Step<'a>> {
        self.step()
    }
}

/// Reads the source, core and connection id choice of a datagram, without its content.
fn shape<'a>(bytes: &mut Bytes<'_>) -> Option<Shape<'a>> {
    let source = source(bytes.byte()?);
    let way = bytes.byte()?;
    let id = match way >> 6 {
        0 => IdChoice::Fresh,
        1 => IdChoice::AsItStands,
        2 => IdChoice::Oldest,
        _ => IdChoice::OfAnother,
    };
    let core = (way & 7 < 4).then_some(usize::from(way & 7));
    Some(Shape { source, core, id, content: Content::Raw(&[]) })
}

fn raw<'a>(bytes: &mut Bytes<'a>) -> Option<Shape<'a>> {
    let shape = shape(bytes)?;
    Some(Shape { content: Content::Raw(bytes.counted()?), ..shape })
}

fn announce<'a>(bytes: &mut Bytes<'_>, language: Language) -> Option<Shape<'a>> {
    let shape = shape(bytes)?;
    let torrent = InfoHash([bytes.byte()?; 20]);
    let what = bytes.byte()?;
    let event = match what >> 1 & 3 {
        0 => AnnounceEvent::None,
        1 => AnnounceEvent::Completed,
        2 => AnnounceEvent::Started,
        _ => AnnounceEvent::Stopped,
    };
    let (left, tail) = (u64::from(what & 1), what >> 3);
    let port = u16::from(bytes.byte()?);
    let numwant = i32::from(bytes.word()?.cast_signed());
    let (software, options) = match language {
        Language::Public => (0, vec![2; tail.into()]),
        Language::Admission => (software_of(port), key_options(tail)),
    };
    let content = Content::Announce { torrent, left, event, port, numwant, software, options };
    Some(Shape { content, ..shape })
}

/// Encodes a key in one of four forms. Some choices have no key or a malformed one.
fn key_options(choice: u8) -> Vec<u8> {
    let number = choice & 7;
    let path = match number {
        0 => return Vec::new(),
        7 => "/announce/short".to_owned(),
        _ => format!("/announce/{}", key_text(number)),
    };
    let path = path.as_bytes();
    match choice >> 3 {
        0 => url_data(&[path]),
        1 => path.chunks(5).flat_map(|part| [&[1][..], &url_data(&[part])].concat()).collect(),
        2 => url_data(&[path, b"?a=/announce/b", &[b'x'; 200]]),
        _ => [&url_data(&[&path[..9]])[..], &unknown_option(path), &url_data(&[&path[9..]]), &[0, 2, 9]]
            .concat(),
    }
}

fn scrape<'a>(bytes: &mut Bytes<'_>) -> Option<Shape<'a>> {
    let shape = shape(bytes)?;
    Some(Shape { content: Content::Scrape { first: bytes.byte()?, hashes: bytes.byte()? }, ..shape })
}

/// Returns an IPv4, IPv4-mapped or IPv6 address: a few of each so that they meet, some that no peer can have;
/// sometimes port 0.
fn source(choice: u8) -> SocketAddr {
    let host = choice >> 4;
    let (net, prefix) = if host == UNREACHABLE_HOST { (224, 0xfe80) } else { (10, 0x2001) };
    let v4 = Ipv4Addr::new(net, 0, 0, host);
    let ip = match choice & 3 {
        0 | 1 => IpAddr::V4(v4),
        2 => IpAddr::V6(v4.to_ipv6_mapped()),
        _ => IpAddr::V6(Ipv6Addr::new(prefix, 0xdb8, 0, 0, 0, 0, 0, host.into())),
    };
    let port = if choice >> 2 & 3 == 3 && host == 15 { 0 } else { 1000 + u16::from(choice >> 2 & 3) };
    SocketAddr::new(ip, port)
}
