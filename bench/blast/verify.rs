use crate::cli::Options;
use crate::population::Population;
use crate::sources::{source_number, sources};
use std::net::SocketAddr;

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
    pub(crate) strictness: Strictness,
    pub(crate) target: SocketAddr,
    population: Population,
    numwant: i32,
    pub(crate) scrape_hashes: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strictness {
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

    /// The verdict on an answer of the right kind.
    pub(crate) fn verdict(
        &self,
        fault: impl FnOnce() -> Option<&'static str>,
        peers: usize,
    ) -> Verdict<'static> {
        let right = Verdict::Right { peers };
        match self.strictness {
            Strictness::Loose => right,
            Strictness::Full => fault().map_or(right, Verdict::Wrong),
        }
    }

    /// Whether an answer may tell of so many seeders and leechers.
    pub(crate) fn fault_of_counts(&self, seeders: u64, leechers: u64) -> Option<&'static str> {
        let is_too_many = seeders.saturating_add(leechers) > self.population.peers;
        is_too_many.then_some("counts above all peers announced")
    }

    /// Whether an answer may have so many peers, of a swarm of so many.
    pub(crate) fn fault_of_length(&self, peers: usize, known: u64) -> Option<&'static str> {
        if peers as u64 > known {
            return Some("more peers than the swarm has");
        }
        let is_too_many = usize::try_from(self.numwant).is_ok_and(|numwant| peers > numwant);
        is_too_many.then_some("more peers than asked for")
    }

    /// Whether these peers are of the load.
    pub(crate) fn fault_of_peers(&self, mut peers: impl Iterator<Item = SocketAddr>) -> Option<&'static str> {
        let is_known = |peer: SocketAddr| {
            let source = source_number(self.target, peer.ip());
            source.is_some_and(|source| self.population.has(source, peer.port()))
        };
        (!peers.all(is_known)).then_some("a peer that was never announced")
    }

    /// Whether the answer to a scrape may speak of so many torrents.
    pub(crate) fn fault_of_entries(&self, entries: usize) -> Option<&'static str> {
        (entries != self.scrape_hashes).then_some("scrape of another length")
    }
}
