use crate::cli::{ConnectionUse, Options};
use crate::population::Population;
use crate::target::HttpPlace;
use primitives::{InfoHash, PeerStatus};

/// Writes requests. Parts that are the same in all are built once.
#[derive(Debug)]
pub(crate) struct RequestWriter {
    /// Up to the info hash.
    announce_begin: Vec<u8>,
    /// From the end of `left` on.
    announce_end: Vec<u8>,
    scrape_begin: Vec<u8>,
    scrape_end: Vec<u8>,
    escapes: Box<[Escape; 256]>,
}

/// A byte as it is written in a query.
#[derive(Debug, Clone, Copy)]
struct Escape {
    text: [u8; 3],
    bytes: usize,
}

/// Escapes all but the unreserved characters of RFC 3986, as clients do.
fn escape(byte: u8) -> Escape {
    if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
        return Escape { text: [byte, 0, 0], bytes: 1 };
    }
    let digit = |nibble: u8| b"0123456789ABCDEF"[usize::from(nibble)];
    Escape { text: [b'%', digit(byte >> 4), digit(byte & 15)], bytes: 3 }
}

impl RequestWriter {
    /// Creates a writer for connections of this use.
    pub(crate) fn new(options: &Options, place: &HttpPlace, connection: ConnectionUse) -> Self {
        let end = head_end(connection, &place.authority);
        let numwant =
            if options.numwant < 0 { String::new() } else { format!("&numwant={}", options.numwant) };
        let scrape_path = place.scrape_path().unwrap_or_default();
        Self {
            announce_begin: format!("GET {}info_hash=", with_query(&place.path)).into_bytes(),
            announce_end: format!("&compact=1{numwant}{end}").into_bytes(),
            scrape_begin: format!("GET {}", with_query(&scrape_path)).into_bytes(),
            scrape_end: end.into_bytes(),
            escapes: Box::new(std::array::from_fn(|byte| escape(u8::try_from(byte).unwrap_or(u8::MAX)))),
        }
    }

    /// Replaces the contents of `out` by the announce of a peer.
    pub(crate) fn announce(&self, population: &Population, number: u64, out: &mut Vec<u8>) {
        let peer = population.peer(number);
        out.clear();
        out.extend_from_slice(&self.announce_begin);
        self.escaped(&peer.info_hash.0, out);
        out.extend_from_slice(b"&peer_id=");
        self.escaped(&population.peer_id(number).0, out);
        out.extend_from_slice(b"&port=");
        decimal(peer.port, out);
        out.extend_from_slice(match peer.status {
            PeerStatus::Seeder => b"&uploaded=0&downloaded=0&left=0",
            PeerStatus::Leecher => b"&uploaded=0&downloaded=0&left=1073741824",
        });
        out.extend_from_slice(&self.announce_end);
    }

    /// Replaces the contents of `out` by a scrape of these torrents.
    pub(crate) fn scrape(&self, torrents: impl Iterator<Item = InfoHash>, out: &mut Vec<u8>) {
        out.clear();
        out.extend_from_slice(&self.scrape_begin);
        for (number, torrent) in torrents.enumerate() {
            out.extend_from_slice(if number == 0 { b"info_hash=" } else { b"&info_hash=" });
            self.escaped(&torrent.0, out);
        }
        out.extend_from_slice(&self.scrape_end);
    }

    fn escaped(&self, bytes: &[u8], out: &mut Vec<u8>) {
        for &byte in bytes {
            let Escape { text, bytes } = &self.escapes[usize::from(byte)];
            out.extend_from_slice(&text[..*bytes]);
        }
    }
}

/// Returns the path with the separator before its next parameter.
fn with_query(path: &str) -> String {
    let separator = if path.contains('?') { '&' } else { '?' };
    format!("{path}{separator}")
}

/// Returns the head from the end of the target on.
fn head_end(connection: ConnectionUse, authority: &str) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let close = match connection {
        ConnectionUse::KeepAlive => "",
        ConnectionUse::PerRequest => "Connection: close\r\n",
    };
    format!(" HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: ringtrack-blast/{version}\r\n{close}\r\n")
}

fn decimal(mut number: u16, out: &mut Vec<u8>) {
    let mut digits = [b'0'; 5];
    let mut first = digits.len() - 1;
    for place in (0..digits.len()).rev() {
        if number > 0 {
            first = place;
        }
        digits[place] += (number % 10) as u8;
        number /= 10;
    }
    out.extend_from_slice(&digits[first..]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use http_protocol::{Announce, Connection, HeadSearch, Incoming, KeyInPath, Request, Route, Scrape};
    use primitives::Numwant;

    fn options(arguments: &[&str]) -> Options {
        let target = ["ringtrack-blast", "--target", "http://127.0.0.1:1/announce"];
        Options::parse_from(target.iter().chain(arguments))
    }

    fn writer(options: &Options) -> RequestWriter {
        let place = options.target[0].http().expect("a target over HTTP");
        RequestWriter::new(options, place, options.connection)
    }

    /// Parses a request as a tracker does.
    fn read(bytes: &[u8]) -> Request<'_> {
        match http_protocol::read_request(bytes, &mut HeadSearch::default()) {
            Incoming::Request(request) if request.bytes == bytes.len() => request,
            other => panic!("{other:?}: {}", String::from_utf8_lossy(bytes)),
        }
    }

    #[test]
    fn an_announce_describes_its_peer() {
        let options = options(&["--numwant", "17"]);
        let population = Population::new(&options, options.sources);
        let mut bytes = Vec::new();
        for number in 0..200 {
            writer(&options).announce(&population, number, &mut bytes);
            let request = read(&bytes);
            assert_eq!(request.route, Route::Announce(KeyInPath::Absent));
            let announce = Announce::from_query(request.query).expect("a right query");
            let peer = population.peer(number);
            assert_eq!((announce.info_hash, announce.port), (peer.info_hash, peer.port));
            assert_eq!(announce.peer_id, population.peer_id(number));
            assert_eq!(announce.left == Some(0), peer.status == PeerStatus::Seeder);
            assert_eq!(announce.numwant, Numwant::AtMost(17));
        }
    }

    #[test]
    fn a_scrape_names_its_torrents() {
        let options = options(&[]);
        let torrents = [InfoHash([0; 20]), InfoHash([b'a'; 20]), InfoHash([255; 20])];
        let mut bytes = Vec::new();
        writer(&options).scrape(torrents.into_iter(), &mut bytes);
        let request = read(&bytes);
        assert_eq!(request.route, Route::Scrape(KeyInPath::Absent));
        let scrape = Scrape::from_query(request.query).expect("a right query");
        assert_eq!(scrape.info_hashes().collect::<Vec<_>>(), torrents);
    }

    #[test]
    fn a_connection_for_one_request_is_marked_to_close() {
        for (arguments, connection) in
            [(&[][..], Connection::KeepAlive), (&["--connection", "per-request"], Connection::Close)]
        {
            let options = options(arguments);
            let mut bytes = Vec::new();
            writer(&options).scrape(std::iter::once(InfoHash([1; 20])), &mut bytes);
            assert_eq!(read(&bytes).framing.connection, connection);
        }
    }

    #[test]
    fn a_number_is_written_without_leading_zeros() {
        for number in [0, 1, 10, 6881, 65_535] {
            let mut out = Vec::new();
            decimal(number, &mut out);
            assert_eq!(out, number.to_string().into_bytes());
        }
    }
}
