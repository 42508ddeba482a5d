use crate::cli::Options;
use crate::sockets::Kind;
use primitives::CompactAddress;
use udp_protocol::{Response, ResponseError, decode_response};

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

/// What replies are checked against.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expectations {
    strictness: Strictness,
    peers_max: u64,
    numwant: i32,
    scrape_hashes: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Strictness {
    /// Kind only.
    Loose,
    /// Lengths and counts too.
    Full,
}

impl Expectations {
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            strictness: if options.verify { Strictness::Full } else { Strictness::Loose },
            peers_max: options.peers,
            numwant: options.numwant,
            scrape_hashes: usize::from(options.scrape_hashes),
        }
    }

    /// Judges the reply to a request of `kind` from a client of `A`'s family.
    pub(crate) fn judge<'a, A: CompactAddress>(&self, kind: Kind, reply: &'a [u8]) -> Verdict<'a> {
        match (kind, decode_response::<A>(reply)) {
            (_, Ok(Response::Error(_, text))) => Verdict::Error(text),
            (Kind::Connect, Ok(Response::Connect(_))) => Verdict::Right { peers: 0 },
            (Kind::Announce, Ok(Response::Announce(head, peers))) => {
                self.judge_announce([head.seeders.get(), head.leechers.get()], peers.len())
            }
            (Kind::Scrape, Ok(Response::Scrape(_, entries))) => {
                let is_short = entries.len() != self.scrape_hashes;
                if self.is_full() && is_short { Verdict::Wrong("scrape of another length") } else { RIGHT }
            }
            (_, Ok(_)) => Verdict::Wrong("answer of another kind"),
            (_, Err(ResponseError::TooShort)) => Verdict::Wrong("too short"),
            (_, Err(ResponseError::CutOff)) => Verdict::Wrong("no whole number of peers or entries"),
            (_, Err(ResponseError::UnknownAction)) => Verdict::Wrong("unknown action"),
        }
    }

    fn judge_announce(&self, [seeders, leechers]: [u32; 2], peers: usize) -> Verdict<'static> {
        let known = u64::from(seeders) + u64::from(leechers);
        if self.is_full() {
            if known > self.peers_max {
                return Verdict::Wrong("counts above all peers announced");
            }
            if peers as u64 > known {
                return Verdict::Wrong("more peers than the swarm has");
            }
            if usize::try_from(self.numwant).is_ok_and(|numwant| peers > numwant) {
                return Verdict::Wrong("more peers than asked for");
            }
        }
        Verdict::Right { peers }
    }

    fn is_full(&self) -> bool {
        self.strictness == Strictness::Full
    }
}

const RIGHT: Verdict<'static> = Verdict::Right { peers: 0 };

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use primitives::CompactIpv4;
    use udp_protocol::{AnnounceResponse, ErrorResponse, TransactionId};
    use zerocopy::IntoBytes;

    fn strict() -> Expectations {
        let arguments = ["ringtrack-blast", "--target", "127.0.0.1:1", "--verify", "--peers", "10"];
        Expectations::new(&Options::parse_from(arguments))
    }

    fn announce_reply(seeders: u32, leechers: u32, peers: usize) -> Vec<u8> {
        let head = AnnounceResponse::new(TransactionId([0; 4]), 1800, leechers, seeders);
        [head.as_bytes(), &vec![1; 6 * peers]].concat()
    }

    #[test]
    fn an_announce_reply_within_the_counts_is_right() {
        let reply = announce_reply(4, 6, 10);
        assert_eq!(strict().judge::<CompactIpv4>(Kind::Announce, &reply), Verdict::Right { peers: 10 });
    }

    #[test]
    fn fast_nonsense_does_not_count() {
        let judge = |kind, reply: &[u8]| strict().judge::<CompactIpv4>(kind, reply) == RIGHT;
        assert!(!judge(Kind::Announce, &announce_reply(5, 6, 0)));
        assert!(!judge(Kind::Announce, &announce_reply(1, 1, 3)));
        assert!(!judge(Kind::Announce, &announce_reply(1, 1, 1)[..25]));
        assert!(!judge(Kind::Connect, &announce_reply(1, 1, 1)));
        assert!(!judge(Kind::Scrape, &[0, 0, 0, 2, 0, 0, 0, 0]));
    }

    #[test]
    fn an_error_is_kept_with_its_text() {
        let reply = [ErrorResponse::new(TransactionId([0; 4])).as_bytes(), b"no"].concat();
        assert_eq!(strict().judge::<CompactIpv4>(Kind::Announce, &reply), Verdict::Error(b"no"));
    }
}
