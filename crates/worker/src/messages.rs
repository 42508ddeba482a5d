use access::{AccessUpdate, ListQuery};
use engine::{RoutedAnnounce, RoutedScrape};
use latency::LatencySet;
use primitives::{Query, Reply, ShardId};
use std::sync::Arc;
use std::time::Instant;
use tls::ServerIdentity;
use udp_socket::Path;

/// What the control plane asks of a worker.
#[derive(Debug)]
pub enum WorkerCommand {
    /// Serve: what has to be known of who is served is known.
    Serve,
    /// Take in no more requests, answer those that have arrived, and end.
    Stop,
    /// Tell the latencies recorded since the last such command, and go on with this empty set.
    TakeLatency(Box<LatencySet>),
    /// Show this certificate to TLS clients from now on.
    UseIdentity(Arc<ServerIdentity>),
}

/// What the control plane wants done beside the requests.
#[derive(Debug)]
pub enum CoreTask {
    /// To look into the core's torrents.
    Query(Query),
    /// To take over a change of who is served, behind those that came before. The answer says that it holds.
    Update(AccessUpdate, Reply<()>),
    /// To tell a page of its part of a list.
    List(ListQuery),
}

/// What a worker tells the control plane.
#[derive(Debug)]
pub enum WorkerEvent {
    /// It serves its sockets.
    Ready(ShardId),
    /// What [`WorkerCommand::TakeLatency`] asked for.
    Latency(ShardId, Box<LatencySet>),
}

/// Which listener a request came to: the owner answers from its own socket of the same address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ListenerIndex(pub(crate) u8);

impl ListenerIndex {
    pub(crate) const fn get(self) -> usize {
        self.0 as usize
    }
}

/// Whom to answer, through which listener, and since when it is waited for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReplyTo {
    pub(crate) listener: ListenerIndex,
    pub(crate) path: Path,
    /// When the core that it came to received it.
    pub(crate) received: Instant,
}

/// An announce for the owner of its torrent.
#[derive(Debug)]
pub(crate) struct AnnounceMessage {
    pub(crate) reply_to: ReplyTo,
    pub(crate) announce: RoutedAnnounce,
}

/// A scrape for the owner of its next torrent.
#[derive(Debug)]
pub(crate) struct ScrapeMessage {
    pub(crate) reply_to: ReplyTo,
    pub(crate) routed_scrape: RoutedScrape,
}
