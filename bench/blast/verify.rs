use crate::cli::Options;
use crate::population::Population;
use crate::sources::Sources;
use std::net::SocketAddr;

/// The result of checking a reply.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict<'a> {
    /// A response of the right kind, with this many peers.
    Right { peers: usize },
    /// An error with its text.
    Error(&'a [u8]),
    /// A reply that no working tracker sends, with its fault.
    Wrong(&'static str),
}

/// The values that replies of one target are checked against.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expectations {
    pub(crate) strictness: Strictness,
    pub(crate) sources: Sources,
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
        let sources = Sources::new(options, target);
        Self {
            strictness: if options.verify { Strictness::Full } else { Strictness::Loose },
            sources,
            population: Population::new(options, sources.count()),
            numwant: options.numwant,
            scrape_hashes: usize::from(options.scrape_hashes),
        }
    }

    /// Returns the verdict on a response of the right kind.
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

    /// Returns a fault if there are more seeders and leechers than peers of the load.
    pub(crate) fn fault_of_counts(&self, seeders: u64, leechers: u64) -> Option<&'static str> {
        let is_too_many = seeders.saturating_add(leechers) > self.population.peers;
        is_too_many.then_some("counts above all peers announced")
    }

    /// Returns a fault if there are more peers than the swarm has or than were requested.
    pub(crate) fn fault_of_length(&self, peers: usize, known: u64) -> Option<&'static str> {
        if peers as u64 > known {
            return Some("more peers than the swarm has");
        }
        let is_too_many = usize::try_from(self.numwant).is_ok_and(|numwant| peers > numwant);
        is_too_many.then_some("more peers than asked for")
    }

    /// Returns a fault if a peer is not one of the load.
    pub(crate) fn fault_of_peers(&self, mut peers: impl Iterator<Item = SocketAddr>) -> Option<&'static str> {
        let is_known = |peer: SocketAddr| {
            let source = self.sources.number(peer.ip());
            source.is_some_and(|source| self.population.has(source, peer.port()))
        };
        (!peers.all(is_known)).then_some("a peer that was never announced")
    }

    /// Returns a fault if a scrape response does not have the requested number of torrents.
    pub(crate) fn fault_of_entries(&self, entries: usize) -> Option<&'static str> {
        (entries != self.scrape_hashes).then_some("scrape of another length")
    }
}
