use primitives::InfoHash;

/// Decides whether a torrent may get a swarm and a swarm another peer. An announce of a known peer asks nothing.
///
/// A torrent that has a swarm is not asked about. This requires that swarms are dropped as soon as their torrent is not
/// served any more.
pub trait Newcomers<A> {
    /// Asked about every torrent without a swarm, whatever its announce is.
    fn torrent(&self, info_hash: &InfoHash) -> TorrentVerdict;

    /// Asked before a peer is added.
    fn new_peer(&mut self, peer: &A) -> PeerVerdict;

    /// Asked before a swarm begins with `peer`, which [`Self::new_peer`] has admitted.
    fn new_swarm(&mut self, peer: &A) -> SourceVerdict;
}

/// Whether a torrent is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TorrentVerdict {
    Served,
    NotServed,
}

/// Whether a source may begin a torrent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceVerdict {
    Admitted,
    /// It has begun as many as it may at present.
    OverLimit,
}

/// Whether a source may add a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeerVerdict {
    Admitted(HostLimit),
    /// It has added as many as it may at present.
    OverLimit,
}

/// Whether the limit on the peers of one host in a swarm applies to a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostLimit {
    Applies,
    Exempt,
}

/// Every torrent is served, and every source admitted.
impl<A> Newcomers<A> for () {
    fn torrent(&self, _: &InfoHash) -> TorrentVerdict {
        TorrentVerdict::Served
    }

    fn new_peer(&mut self, _: &A) -> PeerVerdict {
        PeerVerdict::Admitted(HostLimit::Applies)
    }

    fn new_swarm(&mut self, _: &A) -> SourceVerdict {
        SourceVerdict::Admitted
    }
}
