use super::bencode::{Value, decode};
use super::response::{Response, string_after};
use crate::kind::Kind;
use crate::verify::{Expectations, Strictness, Verdict};
use memchr::memmem::Finder;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Searches for the keys of responses, prepared once.
#[derive(Debug)]
pub(crate) struct Judge {
    peers: Finder<'static>,
    peers6: Finder<'static>,
    failure: Finder<'static>,
}

/// Bytes of a compact peer.
const V4_BYTES: usize = 6;
const V6_BYTES: usize = 18;

impl Judge {
    pub(crate) fn new() -> Self {
        Self {
            peers: Finder::new("5:peers"),
            peers6: Finder::new("6:peers6"),
            failure: Finder::new("14:failure reason"),
        }
    }

    /// Judges the response to a request of `kind`.
    pub(crate) fn judge<'a>(
        &self,
        expectations: &Expectations,
        kind: Kind,
        response: &Response<'a>,
    ) -> Verdict<'a> {
        if response.status != 200 {
            return Verdict::Error(response.status_line);
        }
        match expectations.strictness {
            Strictness::Loose => self.glance(kind, response.body),
            Strictness::Full => examine(expectations, kind, response.body).unwrap_or_else(Verdict::Wrong),
        }
    }

    /// Checks only that the response is one of its kind.
    fn glance<'a>(&self, kind: Kind, body: &'a [u8]) -> Verdict<'a> {
        let peers = if kind == Kind::Scrape {
            body.starts_with(b"d5:files").then_some(0)
        } else {
            string_after(body, &self.peers).map(|peers| peers.len() / V4_BYTES + self.peers6_of(body))
        };
        match (peers, string_after(body, &self.failure)) {
            (_, Some(text)) => Verdict::Error(text),
            (Some(peers), None) => Verdict::Right { peers },
            (None, None) => Verdict::Wrong("neither an answer of its kind nor a failure"),
        }
    }

    fn peers6_of(&self, body: &[u8]) -> usize {
        string_after(body, &self.peers6).map_or(0, |peers| peers.len() / V6_BYTES)
    }
}

/// Decodes and checks the whole body.
fn examine<'a>(expectations: &Expectations, kind: Kind, body: &'a [u8]) -> Result<Verdict<'a>, &'static str> {
    let answer = decode(body)?;
    if let Some(reason) = answer.get("failure reason") {
        return reason.as_string().map(Verdict::Error).ok_or("a failure reason that is no text");
    }
    if kind == Kind::Scrape {
        examine_scrape(expectations, &answer)
    } else {
        examine_announce(expectations, &answer)
    }
}

fn examine_announce<'a>(
    expectations: &Expectations,
    answer: &Value<'_>,
) -> Result<Verdict<'a>, &'static str> {
    if answer.get("interval").and_then(Value::as_count).is_none() {
        return Err("no interval");
    }
    let mut peers = peers_of(answer.get("peers").ok_or("no peers")?)?;
    if let Some(peers6) = answer.get("peers6") {
        peers.extend(compact_v6(peers6.as_string().ok_or("peers6 that are no string")?)?);
    }
    let fault = || fault_of_announce(expectations, answer, &peers);
    Ok(expectations.verdict(fault, peers.len()))
}

/// Counts may be missing, but not wrong.
fn fault_of_announce(
    expectations: &Expectations,
    answer: &Value<'_>,
    peers: &[SocketAddr],
) -> Option<&'static str> {
    let count = |key| answer.get(key).and_then(Value::as_count);
    let known = match (count("complete"), count("incomplete")) {
        (Some(seeders), Some(leechers)) => {
            if let Some(fault) = expectations.fault_of_counts(seeders, leechers) {
                return Some(fault);
            }
            seeders + leechers
        }
        _ => u64::MAX,
    };
    expectations
        .fault_of_length(peers.len(), known)
        .or_else(|| expectations.fault_of_peers(peers.iter().copied()))
}

fn examine_scrape<'a>(expectations: &Expectations, answer: &Value<'_>) -> Result<Verdict<'a>, &'static str> {
    let Some(Value::Dictionary(files)) = answer.get("files") else { return Err("no files") };
    for (info_hash, file) in files {
        let count = |key| file.get(key).and_then(Value::as_count).ok_or("a file without its counts");
        if info_hash.len() != 20 {
            return Err("a file whose name is no info hash");
        }
        count("downloaded")?;
        if let Some(fault) = expectations.fault_of_counts(count("complete")?, count("incomplete")?) {
            return Err(fault);
        }
    }
    // A torrent may be in a scrape twice, but is in its response once.
    if files.len() > expectations.scrape_hashes {
        return Err("scrape of another length");
    }
    Ok(Verdict::Right { peers: 0 })
}

/// Reads a string or a list: trackers may send either.
fn peers_of(peers: &Value<'_>) -> Result<Vec<SocketAddr>, &'static str> {
    match peers {
        Value::String(peers) => compact_v4(peers),
        Value::List(peers) => peers.iter().map(listed).collect(),
        Value::Integer(_) | Value::Dictionary(_) => Err("peers that are neither a string nor a list"),
    }
}

fn compact_v4(peers: &[u8]) -> Result<Vec<SocketAddr>, &'static str> {
    let (peers, rest) = peers.as_chunks::<V4_BYTES>();
    let address = |&[a, b, c, d, high, low]: &[u8; V4_BYTES]| {
        SocketAddr::from((Ipv4Addr::new(a, b, c, d), u16::from_be_bytes([high, low])))
    };
    whole(rest).map(|()| peers.iter().map(address).collect())
}

fn compact_v6(peers: &[u8]) -> Result<Vec<SocketAddr>, &'static str> {
    let (peers, rest) = peers.as_chunks::<V6_BYTES>();
    let address = |peer: &[u8; V6_BYTES]| {
        let (&ip, port) = peer.split_first_chunk::<16>().expect("longer than an address");
        SocketAddr::from((Ipv6Addr::from(ip), u16::from_be_bytes([port[0], port[1]])))
    };
    whole(rest).map(|()| peers.iter().map(address).collect())
}

fn whole(rest: &[u8]) -> Result<(), &'static str> {
    if rest.is_empty() { Ok(()) } else { Err("no whole number of peers") }
}

fn listed(peer: &Value<'_>) -> Result<SocketAddr, &'static str> {
    let ip = peer.get("ip").and_then(Value::as_string).and_then(|ip| std::str::from_utf8(ip).ok());
    let ip: Option<IpAddr> = ip.and_then(|ip| ip.parse().ok());
    let port = peer.get("port").and_then(Value::as_count).and_then(|port| u16::try_from(port).ok());
    match (ip, port) {
        (Some(ip), Some(port)) => Ok(SocketAddr::new(ip, port)),
        _ => Err("a listed peer without its address"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Options;
    use crate::http::response::{Persistence, Response};
    use clap::Parser;

    /// Ten peers of the sources 127.1.0.1 and 127.1.0.2: ports 1 to 5 of each.
    fn expectations(arguments: &[&str]) -> Expectations {
        let fixed =
            ["ringtrack-blast", "--target", "http://127.0.0.1:1/announce", "--peers", "10", "--sources", "2"];
        let options = Options::parse_from(fixed.iter().chain(arguments));
        Expectations::new(&options, options.target[0].address)
    }

    fn response(status: u16, body: &[u8]) -> Response<'_> {
        let status_line = b"HTTP/1.1 503 Service Unavailable";
        Response { status_line, status, body, bytes: body.len(), persistence: Persistence::Kept }
    }

    fn announce(counts: &str, peers: &[u8]) -> Vec<u8> {
        let head = format!("d{counts}8:intervali1800e5:peers{}:", peers.len());
        [head.as_bytes(), peers, b"e"].concat()
    }

    const COUNTS: &str = "8:completei4e10:incompletei6e";
    const FIRST: [u8; 6] = [127, 1, 0, 1, 0, 1];
    const LAST: [u8; 6] = [127, 1, 0, 2, 0, 5];

    #[track_caller]
    fn assert_verdict(arguments: &[&str], kind: Kind, body: &[u8], expected: &Verdict<'_>) {
        let judge = Judge::new();
        let response = response(200, body);
        assert_eq!(judge.judge(&expectations(arguments), kind, &response), *expected);
    }

    #[track_caller]
    fn assert_wrong(kind: Kind, body: &[u8], what: &'static str) {
        assert_verdict(&["--verify", "--numwant", "3"], kind, body, &Verdict::Wrong(what));
    }

    #[test]
    fn a_response_within_the_announced_peers_is_right() {
        let body = announce(COUNTS, &[FIRST, LAST].concat());
        for arguments in [&["--verify"][..], &[]] {
            assert_verdict(arguments, Kind::Announce, &body, &Verdict::Right { peers: 2 });
        }
        let listed = b"d8:intervali9e5:peersld2:ip9:127.1.0.17:peer id1:x4:porti1eeee";
        assert_verdict(&["--verify"], Kind::Announce, listed, &Verdict::Right { peers: 1 });
    }

    #[test]
    fn peers_of_both_families_are_counted() {
        let body = [b"d8:intervali1800e5:peers6:", &FIRST[..], b"6:peers636:", &[0; 36], b"e"].concat();
        assert_verdict(&[], Kind::Announce, &body, &Verdict::Right { peers: 3 });
    }

    #[test]
    fn a_failure_and_a_status_are_reported_by_their_texts() {
        let judge = Judge::new();
        for arguments in [&["--verify"][..], &[]] {
            let failure = b"d14:failure reason5:go on8:intervali1ee";
            assert_verdict(arguments, Kind::Announce, failure, &Verdict::Error(b"go on"));
            let refused = response(503, b"");
            let verdict = judge.judge(&expectations(arguments), Kind::Scrape, &refused);
            assert_eq!(verdict, Verdict::Error(b"HTTP/1.1 503 Service Unavailable"));
        }
    }

    #[test]
    fn an_invalid_response_is_wrong() {
        assert_verdict(
            &[],
            Kind::Announce,
            b"hello",
            &Verdict::Wrong("neither an answer of its kind nor a failure"),
        );
        assert_wrong(Kind::Announce, b"d5:peers0:8:intervali9ee", "keys that are not sorted, or doubled");
        assert_wrong(Kind::Announce, b"d5:peers0:e", "no interval");
        assert_wrong(Kind::Announce, b"d8:intervali9ee", "no peers");
        assert_wrong(Kind::Announce, &announce("", &FIRST[..5]), "no whole number of peers");
        assert_wrong(
            Kind::Announce,
            &[&announce("", &[])[..], b"\r\n"].concat(),
            "bytes after the bencoded value",
        );
    }

    #[test]
    fn counts_and_peers_beyond_the_load_are_wrong() {
        let high = "8:completei5e10:incompletei6e";
        assert_wrong(Kind::Announce, &announce(high, &[]), "counts above all peers announced");
        assert_wrong(Kind::Announce, &announce(COUNTS, &FIRST.repeat(4)), "more peers than asked for");
        let few = "8:completei1e10:incompletei0e";
        assert_wrong(Kind::Announce, &announce(few, &FIRST.repeat(2)), "more peers than the swarm has");
        let stranger = announce(COUNTS, &[127, 1, 0, 3, 0, 1]);
        assert_wrong(Kind::Announce, &stranger, "a peer that was never announced");
    }

    #[test]
    fn a_scrape_has_no_more_files_than_requested() {
        let file =
            |byte: u8| [b"20:", &[byte; 20][..], b"d8:completei4e10:downloadedi9e10:incompletei6ee"].concat();
        let scrape = |files: &[Vec<u8>]| [b"d5:filesd".to_vec(), files.concat(), b"ee".to_vec()].concat();
        for files in [&[][..], &[file(1)]] {
            assert_verdict(&["--verify"], Kind::Scrape, &scrape(files), &Verdict::Right { peers: 0 });
        }
        assert_wrong(Kind::Scrape, &scrape(&[file(1), file(2)]), "scrape of another length");
        assert_wrong(
            Kind::Scrape,
            b"d5:filesd1:ad8:completei4e10:downloadedi9e10:incompletei6eeee",
            "a file whose name is no info hash",
        );
        assert_wrong(Kind::Scrape, b"d5:filesd20:aaaaaaaaaaaaaaaaaaaadeee", "a file without its counts");
        assert_verdict(&[], Kind::Scrape, &scrape(&[file(1)]), &Verdict::Right { peers: 0 });
    }
}
