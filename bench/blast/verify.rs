use crate::cli::Options;
use crate::population::Population;
use crate::sockets::{Kind, source_number, sources};
use primitives::{CompactAddress, CompactIpv4, CompactIpv6};
use std::net::{IpAddr, SocketAddr};
use udp_protocol::{AnnounceResponse, Response, ResponseError, ScrapeEntry, decode_response};

/// What a reply is, after the checks.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict<'a> {
    /// The answer to a request of its kind, with so many peers.
    Right { peers: usize },
    /// An error with its text.
    Error(&'a [u8]),
    /// No tracker that works sends it.
    Wrong(&'static str),
}

/// What the replies of one target are checked against.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expectations {
    strictness: Strictness,
    target: SocketAddr,
    population: Population,
    numwant: i32,
    scrape_hashes: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Strictness {
    /// Kind only.
    Loose,
    /// Lengths, counts and peers too.
    Full,
}

impl Expectations {
    pub(crate) fn new(options: &Options, target: SocketAddr) -> Self {
        Self {
            strictness: if options.verify { Strictness::Full } else { Strictness::Loose },
            target,
            population: Population::new(options, sources(options, target)),
            numwant: options.numwant,
            scrape_hashes: usize::from(options.scrape_hashes),
        }
    }

    /// Judges the reply to a request of `kind`.
    pub(crate) fn judge<'a>(&self, kind: Kind, reply: &'a [u8]) -> Verdict<'a> {
        if self.target.is_ipv4() {
            self.judge_of_family(kind, reply, |CompactIpv4([ip @ .., high, low])| {
                SocketAddr::new(IpAddr::from(*ip), u16::from_be_bytes([*high, *low]))
            })
        } else {
            self.judge_of_family(kind, reply, |CompactIpv6([ip @ .., high, low])| {
                SocketAddr::new(IpAddr::from(*ip), u16::from_be_bytes([*high, *low]))
            })
        }
    }

    fn judge_of_family<'a, A: CompactAddress>(
        &self,
        kind: Kind,
        reply: &'a [u8],
        address: impl Fn(&A) -> SocketAddr,
    ) -> Verdict<'a> {
        match (kind, decode_response::<A>(reply)) {
            (_, Ok(Response::Error(_, text))) => Verdict::Error(text),
            (Kind::Connect, Ok(Response::Connect(_))) => Verdict::Right { peers: 0 },
            (Kind::Announce, Ok(Response::Announce(head, peers))) => {
                let fault = || {
                    self.fault_of_announce(head, peers.len()).or_else(|| self.fault_of_peers(peers, &address))
                };
                self.verdict(fault, peers.len())
            }
            (Kind::Scrape, Ok(Response::Scrape(_, entries))) => {
                self.verdict(|| self.fault_of_scrape(entries), 0)
            }
            (_, Ok(_)) => Verdict::Wrong("answer of another kind"),
            (_, Err(ResponseError::TooShort)) => Verdict::Wrong("too short"),
            (_, Err(ResponseError::CutOff)) => Verdict::Wrong("no whole number of peers or entries"),
            (_, Err(ResponseError::UnknownAction)) => Verdict::Wrong("unknown action"),
        }
    }

    /// The verdict on an answer of the right kind.
    fn verdict(&self, fault: impl FnOnce() -> Option<&'static str>, peers: usize) -> Verdict<'static> {
        let right = Verdict::Right { peers };
        match self.strictness {
            Strictness::Loose => right,
            Strictness::Full => fault().map_or(right, Verdict::Wrong),
        }
    }

    fn fault_of_announce(&self, head: &AnnounceResponse, peers: usize) -> Option<&'static str> {
        let known = u64::from(head.seeders.get()) + u64::from(head.leechers.get());
        if known > self.population.peers {
            return Some("counts above all peers announced");
        }
        if peers as u64 > known {
            return Some("more peers than the swarm has");
        }
        let is_too_many = usize::try_from(self.numwant).is_ok_and(|numwant| peers > numwant);
        is_too_many.then_some("more peers than asked for")
    }

    fn fault_of_peers<A>(&self, peers: &[A], address: impl Fn(&A) -> SocketAddr) -> Option<&'static str> {
        let is_known = |peer| {
            let peer = address(peer);
            let source = source_number(self.target, peer.ip());
            source.is_some_and(|source| self.population.has(source, peer.port()))
        };
        (!peers.iter().all(is_known)).then_some("a peer that was never announced")
    }

    fn fault_of_scrape(&self, entries: &[ScrapeEntry]) -> Option<&'static str> {
        if entries.len() != self.scrape_hashes {
            return Some("scrape of another length");
        }
        let known = |entry: &ScrapeEntry| u64::from(entry.seeders.get()) + u64::from(entry.leechers.get());
        let is_too_many = entries.iter().any(|entry| known(entry) > self.population.peers);
        is_too_many.then_some("counts above all peers announced")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use udp_protocol::{ErrorResponse, ScrapeResponse, TransactionId};
    use zerocopy::IntoBytes;

    /// Ten peers of the sources 127.1.0.1 and 127.1.0.2: ports 1 to 5 of each.
    fn strict() -> Expectations {
        let fixed =
            ["ringtrack-blast", "--target", "127.0.0.1:1", "--verify", "--peers", "10", "--sources", "2"];
        let options = Options::parse_from(fixed);
        Expectations::new(&options, options.target[0])
    }

    fn announce_reply(seeders: u32, leechers: u32, peers: &[[u8; 6]]) -> Vec<u8> {
        let head = AnnounceResponse::new(TransactionId([0; 4]), 1800, leechers, seeders);
        [head.as_bytes(), peers.as_bytes()].concat()
    }

    fn scrape_reply(entries: &[[u32; 3]]) -> Vec<u8> {
        let entries = entries.iter().flatten().flat_map(|count| count.to_be_bytes());
        ScrapeResponse::new(TransactionId([0; 4])).as_bytes().iter().copied().chain(entries).collect()
    }

    const FIRST: [u8; 6] = [127, 1, 0, 1, 0, 1];
    const LAST: [u8; 6] = [127, 1, 0, 2, 0, 5];

    #[track_caller]
    fn assert_wrong(kind: Kind, reply: &[u8], what: &'static str) {
        assert_eq!(strict().judge(kind, reply), Verdict::Wrong(what));
    }

    #[test]
    fn answers_within_what_was_announced_are_right() {
        let announce = announce_reply(4, 6, &[FIRST, LAST]);
        assert_eq!(strict().judge(Kind::Announce, &announce), Verdict::Right { peers: 2 });
        let scrape = scrape_reply(&[[4, 99, 6]]);
        assert_eq!(strict().judge(Kind::Scrape, &scrape), Verdict::Right { peers: 0 });
    }

    #[test]
    fn counts_above_the_population_are_wrong() {
        let what = "counts above all peers announced";
        assert_wrong(Kind::Announce, &announce_reply(5, 6, &[]), what);
        assert_wrong(Kind::Scrape, &scrape_reply(&[[5, 0, 6]]), what);
        assert_wrong(Kind::Scrape, &scrape_reply(&[[u32::MAX; 3]]), what);
    }

    #[test]
    fn more_peers_than_there_are_or_were_asked_for_are_wrong() {
        assert_wrong(Kind::Announce, &announce_reply(1, 1, &[FIRST; 3]), "more peers than the swarm has");
        let greedy = Expectations { numwant: 1, ..strict() };
        let reply = announce_reply(1, 1, &[FIRST; 2]);
        assert_eq!(greedy.judge(Kind::Announce, &reply), Verdict::Wrong("more peers than asked for"));
    }

    #[test]
    fn peers_that_were_never_announced_are_wrong() {
        let strangers =
            [[0; 6], [127, 1, 0, 1, 0, 0], [127, 1, 0, 3, 0, 1], [127, 0, 0, 1, 0, 1], [127, 1, 0, 2, 0, 6]];
        for stranger in strangers {
            let reply = announce_reply(2, 0, &[FIRST, stranger]);
            assert_wrong(Kind::Announce, &reply, "a peer that was never announced");
        }
    }

    #[test]
    fn scrapes_of_another_length_are_wrong() {
        assert_wrong(Kind::Scrape, &scrape_reply(&[]), "scrape of another length");
        assert_wrong(Kind::Scrape, &scrape_reply(&[[0; 3]; 2]), "scrape of another length");
    }

    #[test]
    fn what_is_no_answer_to_the_request_is_wrong() {
        let announce = announce_reply(1, 1, &[FIRST]);
        assert_wrong(Kind::Connect, &announce, "answer of another kind");
        assert_wrong(Kind::Announce, &announce[..25], "no whole number of peers or entries");
        assert_wrong(Kind::Announce, &announce[..15], "too short");
        assert_wrong(Kind::Connect, &[9; 16], "unknown action");
    }

    #[test]
    fn an_ipv6_peer_is_one_of_the_loopback_address() {
        let arguments = ["ringtrack-blast", "--target", "[::1]:1", "--verify", "--peers", "10"];
        let options = Options::parse_from(arguments);
        let strict = Expectations::new(&options, options.target[0]);
        let head = AnnounceResponse::new(TransactionId([0; 4]), 1800, 1, 0);
        let mut peer = [0; 18];
        (peer[15], peer[17]) = (1, 10);
        let judge =
            |peer: [u8; 18]| strict.judge(Kind::Announce, &[head.as_bytes(), &peer].concat()) == RIGHT;
        assert!(judge(peer));
        assert!(!judge([0; 18]));
        peer[17] = 11;
        assert!(!judge(peer));
    }

    const RIGHT: Verdict<'static> = Verdict::Right { peers: 1 };

    #[test]
    fn an_error_is_kept_with_its_text() {
        let reply = [ErrorResponse::new(TransactionId([0; 4])).as_bytes(), b"no"].concat();
        assert_eq!(strict().judge(Kind::Announce, &reply), Verdict::Error(b"no"));
    }
}
