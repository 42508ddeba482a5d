use crate::now::Now;
use access::Access;
use guard::{Class, CoreGuard, Source};
use primitives::{InfoHash, PeerReference};
use swarm::{HostLimit, Newcomers, PeerVerdict, SourceVerdict, TorrentVerdict};

/// The rules for new torrents and peers of a shard: which torrents are served, and what a source may begin and add.
#[derive(Debug)]
pub(super) struct ShardNewcomers<'a> {
    pub(super) access: &'a Access,
    pub(super) guard: &'a mut CoreGuard,
    pub(super) now: Now,
    /// `None` if it is the address of the peer.
    pub(super) source: Option<Source>,
}

impl ShardNewcomers<'_> {
    /// Takes a token of the source of a peer.
    pub(super) fn take(&mut self, class: Class, peer: &impl PeerReference) -> SourceVerdict {
        let Some(source) = self.source_of(peer) else { return SourceVerdict::Admitted };
        match self.guard.admit(self.now.monotonic_ms, class, source) {
            Ok(()) => SourceVerdict::Admitted,
            Err(_) => SourceVerdict::OverLimit,
        }
    }

    fn source_of(&self, peer: &impl PeerReference) -> Option<Source> {
        self.source.or_else(|| peer.address().map(|address| Source::of(address.socket_address().ip())))
    }
}

impl<A: PeerReference> Newcomers<A> for ShardNewcomers<'_> {
    fn torrent(&self, info_hash: &InfoHash) -> TorrentVerdict {
        match self.access.torrent(info_hash) {
            Ok(_) => TorrentVerdict::Served,
            Err(_) => TorrentVerdict::NotServed,
        }
    }

    fn new_swarm(&mut self, peer: &A) -> SourceVerdict {
        self.take(Class::NewTorrents, peer)
    }

    fn new_peer(&mut self, peer: &A) -> PeerVerdict {
        match self.take(Class::NewPeers, peer) {
            SourceVerdict::OverLimit => PeerVerdict::OverLimit,
            SourceVerdict::Admitted => PeerVerdict::Admitted(match self.source_of(peer) {
                Some(source) if self.guard.is_allowed(source) => HostLimit::Exempt,
                _ => HostLimit::Applies,
            }),
        }
    }
}
