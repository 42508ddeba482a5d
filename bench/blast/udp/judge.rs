use crate::kind::Kind;
use crate::verify::{Expectations, Verdict};
use primitives::{CompactAddress, CompactIpv4, CompactIpv6};
use std::net::{IpAddr, SocketAddr};
use udp_protocol::{AnnounceResponse, Response, ResponseError, ScrapeEntry, decode_response};

/// Judges the reply to a request of `kind`.
pub(crate) fn judge<'a>(expectations: &Expectations, kind: Kind, reply: &'a [u8]) -> Verdict<'a> {
    if expectations.sources.target.is_ipv4() {
        judge_of_family(expectations, kind, reply, |CompactIpv4([ip @ .., high, low])| {
            SocketAddr::new(IpAddr::from(*ip), u16::from_be_bytes([*high, *low]))
        })
    } else {
        judge_of_family(expectations, kind, reply, |CompactIpv6([ip @ .., high, low])| {
            SocketAddr::new(IpAddr::from(*ip), u16::from_be_bytes([*high, *low]))
        })
    }
}

fn judge_of_family<'a, A: CompactAddress>(
    expectations: &Expectations,
    kind: Kind,
    reply: &'a [u8],
    address: impl Fn(&A) -> SocketAddr,
) -> Verdict<'a> {
    match (kind, decode_response::<A>(reply)) {
        (_, Ok(Response::Error(_, text))) => Verdict::Error(text),
        (Kind::Connect, Ok(Response::Connect(_))) => Verdict::Right { peers: 0 },
        (Kind::Announce, Ok(Response::Announce(head, peers))) => {
            let fault = || {
                fault_of_announce(expectations, head, peers.len())
                    .or_else(|| expectations.fault_of_peers(peers.iter().map(&address)))
            };
            expectations.verdict(fault, peers.len())
        }
        (Kind::Scrape, Ok(Response::Scrape(_, entries))) => {
            expectations.verdict(|| fault_of_scrape(expectations, entries), 0)
        }
        (_, Ok(_)) => Verdict::Wrong("answer of another kind"),
        (_, Err(ResponseError::TooShort)) => Verdict::Wrong("too short"),
        (_, Err(ResponseError::CutOff)) => Verdict::Wrong("no whole number of peers or entries"),
        (_, Err(ResponseError::UnknownAction)) => Verdict::Wrong("unknown action"),
    }
}

fn fault_of_announce(
    expectations: &Expectations,
    head: &AnnounceResponse,
    peers: usize,
) -> Option<&'static str> {
    let (seeders, leechers) = (u64::from(head.seeders.get()), u64::from(head.leechers.get()));
    expectations
        .fault_of_counts(seeders, leechers)
        .or_else(|| expectations.fault_of_length(peers, seeders + leechers))
}

fn fault_of_scrape(expectations: &Expectations, entries: &[ScrapeEntry]) -> Option<&'static str> {
    expectations.fault_of_entries(entries.len()).or_else(|| {
        entries.iter().find_map(|entry| {
            expectations.fault_of_counts(entry.seeders.get().into(), entry.leechers.get().into())
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Options;
    use clap::Parser;
    use udp_protocol::{ErrorResponse, ScrapeResponse, TransactionId};
    use zerocopy::IntoBytes;

    /// Ten peers of the sources 127.1.0.1 and 127.1.0.2: ports 1 to 5 of each.
    fn strict_with(arguments: &[&str]) -> Expectations {
        let fixed =
            ["ringtrack-blast", "--target", "127.0.0.1:1", "--verify", "--peers", "10", "--sources", "2"];
        let options = Options::parse_from(fixed.iter().chain(arguments));
        Expectations::new(&options, options.target[0].address)
    }

    fn strict() -> Expectations {
        strict_with(&[])
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
        assert_eq!(judge(&strict(), kind, reply), Verdict::Wrong(what));
    }

    #[test]
    fn responses_within_the_announced_peers_are_right() {
        let announce = announce_reply(4, 6, &[FIRST, LAST]);
        assert_eq!(judge(&strict(), Kind::Announce, &announce), Verdict::Right { peers: 2 });
        let scrape = scrape_reply(&[[4, 99, 6]]);
        assert_eq!(judge(&strict(), Kind::Scrape, &scrape), Verdict::Right { peers: 0 });
    }

    #[test]
    fn counts_above_the_population_are_wrong() {
        let what = "counts above all peers announced";
        assert_wrong(Kind::Announce, &announce_reply(5, 6, &[]), what);
        assert_wrong(Kind::Scrape, &scrape_reply(&[[5, 0, 6]]), what);
        assert_wrong(Kind::Scrape, &scrape_reply(&[[u32::MAX; 3]]), what);
    }

    #[test]
    fn more_peers_than_exist_or_were_requested_are_wrong() {
        assert_wrong(Kind::Announce, &announce_reply(1, 1, &[FIRST; 3]), "more peers than the swarm has");
        let greedy = strict_with(&["--numwant", "1"]);
        let reply = announce_reply(1, 1, &[FIRST; 2]);
        assert_eq!(judge(&greedy, Kind::Announce, &reply), Verdict::Wrong("more peers than asked for"));
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
    fn a_reply_that_does_not_fit_its_request_is_wrong() {
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
        let strict = Expectations::new(&options, options.target[0].address);
        let head = AnnounceResponse::new(TransactionId([0; 4]), 1800, 1, 0);
        let mut peer = [0; 18];
        (peer[15], peer[17]) = (1, 10);
        let judge =
            |peer: [u8; 18]| judge(&strict, Kind::Announce, &[head.as_bytes(), &peer].concat()) == RIGHT;
        assert!(judge(peer));
        assert!(!judge([0; 18]));
        peer[17] = 11;
        assert!(!judge(peer));
    }

    const RIGHT: Verdict<'static> = Verdict::Right { peers: 1 };

    #[test]
    fn an_error_is_kept_with_its_text() {
        let reply = [ErrorResponse::new(TransactionId([0; 4])).as_bytes(), b"no"].concat();
        assert_eq!(judge(&strict(), Kind::Announce, &reply), Verdict::Error(b"no"));
    }
}
