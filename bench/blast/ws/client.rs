use super::writer::{Announce, Event};
use crate::cli::Options;
use crate::http::stream::Stream;
use crate::kind::Kind;
use crate::population::Population;
use primitives::{InfoHash, PeerId, PeerStatus};
use std::collections::VecDeque;
use udp_protocol::TransactionId;

/// A client: its connection and what it announces over it.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) target: usize,
    /// Its number over all threads.
    pub(crate) number: u32,
    pub(crate) stream: Option<Stream>,
    pub(crate) peer_id: PeerId,
    pub(crate) torrents: Vec<(InfoHash, PeerStatus)>,
    pub(crate) awaited: VecDeque<Awaited>,
}

/// A response that a client waits for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Awaited {
    pub(crate) kind: Kind,
    /// The announced torrent.
    pub(crate) info_hash: Option<InfoHash>,
    /// The request; `None` if the response is to be ignored.
    pub(crate) request: Option<TransactionId>,
}

impl Client {
    /// Creates a client that announces the torrents of these peers under the peer id of the first one.
    pub(crate) fn new(
        target: usize,
        number: u32,
        population: &Population,
        peers: std::ops::Range<u64>,
    ) -> Self {
        let peer_id = population.peer_id(peers.start);
        let torrent = |number| {
            let peer = population.peer(number);
            (peer.info_hash, peer.status)
        };
        let torrents = peers.map(torrent).collect();
        Self { target, number, stream: None, peer_id, torrents, awaited: VecDeque::new() }
    }

    /// Returns an announce for each of its torrents.
    pub(crate) fn announces(&self, event: Event) -> impl Iterator<Item = Announce> {
        let peer_id = self.peer_id;
        self.torrents.iter().map(move |&(info_hash, status)| Announce { info_hash, peer_id, status, event })
    }

    pub(crate) fn is_in(&self, info_hash: InfoHash) -> bool {
        self.torrents.iter().any(|&(torrent, _)| torrent == info_hash)
    }

    /// Takes the oldest response that is awaited for this kind and torrent.
    pub(crate) fn take_awaited(&mut self, kind: Kind, info_hash: Option<InfoHash>) -> Option<Awaited> {
        let is_it = |awaited: &Awaited| {
            awaited.kind == kind && info_hash.is_none_or(|info_hash| awaited.info_hash == Some(info_hash))
        };
        self.awaited.iter().position(is_it).and_then(|place| self.awaited.remove(place))
    }
}

/// Creates the clients of a thread, as many for each target. They use all sources in turn, over all threads.
pub(crate) fn of_thread(options: &Options, thread: usize, populations: &[Population]) -> Vec<Client> {
    let (connections, torrents) = (u32::from(options.connections), u64::from(options.connection_torrents));
    let first_target = u32::try_from(thread * populations.len()).unwrap_or(0);
    let of_target = |(place, (target, population)): (u32, (usize, &Population))| {
        let first = (first_target + place) * connections;
        let client = |number| {
            let peers = u64::from(number) * torrents;
            Client::new(target, number, population, peers..peers + torrents)
        };
        (first..first + connections).map(client).collect::<Vec<_>>()
    };
    (0..).zip(populations.iter().enumerate()).flat_map(of_target).collect()
}
