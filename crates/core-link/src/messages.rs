use crate::reply::Reply;
use crate::settings::CoreSettings;
use access::{AccessEvent, AccessUpdate, ListQuery, ListedPage};
use guard::Offenders;
use latency::LatencySet;
use primitives::{
    AddressFamily, ChangesLost, ClientCounts, ClockShift, ExportPlace, ExportedPage, ExternalPeers,
    FirstTorrents, Imported, InfoHash, InfoHashPrefix, PeerInfo, Representative, ShardId, StatePage,
    StatisticsPages, SwarmChange, TorrentInfo, TorrentList,
};
use std::sync::Arc;
use tls::ServerIdentity;

/// A command to a core.
#[derive(Debug)]
pub enum CoreCommand {
    /// Serve: lists, keys and bans are complete.
    Serve,
    /// Accept no more requests, and answer those that have arrived. Then only do tasks, until [`Self::End`].
    Stop,
    /// Exit, after the stop, which begins if it has not.
    End,
    /// Receive no more datagrams, accept no more connections, and leave the options of the listening sockets alone: another
    /// process serves them. Connections are closed with their next answers, and WebSockets within seconds. Reply when nothing
    /// more is received from the listening sockets. A core that does not serve only replies.
    Leave(Reply<()>),
    /// Serve the listening sockets again, or still, with this core's options: the other process has failed.
    Resume,
    /// Reply with the latencies recorded since the last such command, and continue with this empty set.
    TakeLatency(Box<LatencySet>, Reply<Box<LatencySet>>),
    /// Reply with the client software counted since the last such command, and continue with this empty table. Without a
    /// table, nothing is counted, and there is none in the next reply.
    TakeClients(Option<Box<ClientCounts>>, Reply<Option<Box<ClientCounts>>>),
    /// Reply with the sources that were refused most since the last such command.
    TakeOffenders(Reply<Box<Offenders>>),
    /// Serve these statistics, or none.
    UseStatistics(Option<Arc<StatisticsPages>>),
    /// Use these settings from the next request on. Reply when they are in use.
    UseSettings(Box<CoreSettings>, Reply<()>),
    /// Let the swarms of the core take this many bytes, until the next such command or the next settings.
    UseSwarmBytes(u64),
    /// Use this certificate for new TLS sessions. Reply when it is in use.
    UseIdentity(Arc<ServerIdentity>, Reply<()>),
    /// Send replies on the wildcard address of this family from there.
    UseReplySource(AddressFamily, ReplySource),
}

/// The address that the replies of a wildcard socket leave from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplySource {
    /// The address that the request was sent to.
    Destination,
    /// The address that the kernel's routing selects, which is the same on a host with one address.
    Kernel,
}

/// Whether a core records its changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeRecording {
    On,
    Off,
}

/// Work of the control plane that a core does beside its requests.
#[derive(Debug)]
pub enum CoreTask {
    /// Apply an update of lists, keys or bans, after those sent before. The reply is sent when it is in effect.
    Update(AccessUpdate, Reply<()>),
    /// Scan all torrents for the first ones of an order, and return them unsorted.
    First(FirstTorrents, Reply<Vec<TorrentInfo>>),
    /// Scan all torrents, and return how many are in each branch of a prefix.
    Count(InfoHashPrefix, Reply<Vec<u32>>),
    /// Return the given torrents that have swarms on the core.
    Torrents(Arc<[InfoHash]>, Reply<Vec<TorrentInfo>>),
    /// Return a torrent with at most this many of its peers.
    Peers(InfoHash, usize, Reply<Option<(TorrentInfo, Vec<PeerInfo>)>>),
    /// Remove a torrent's peers. Return whether it had a swarm.
    Drop(InfoHash, Reply<bool>),
    /// Return a page of the core's part of a list.
    List(ListQuery, Reply<ListedPage>),
    /// Return whether the core's part of a list has a torrent.
    IsListed(TorrentList, InfoHash, Reply<bool>),
    /// Return the representative of a torrent, if it has local peers.
    Representative(InfoHash, Reply<Option<Representative>>),
    /// Return these peers to local peers of their torrent, after the torrent's own.
    UseExternal(Box<ExternalPeers>),
    /// Return a page of the state: swarms and sessions.
    Export(ExportPlace, Reply<ExportedPage>),
    /// Begin or end the record of changes of swarms and sessions. What was recorded is discarded.
    RecordChanges(ChangeRecording, Reply<()>),
    /// Return the changes recorded since they were taken last, and a page of the state after them.
    ExportChanging(ExportPlace, Reply<Result<(StatePage, ExportedPage), ChangesLost>>),
    /// Return the changes recorded since they were taken last.
    TakeChanges(Reply<Result<StatePage, ChangesLost>>),
    /// Import a page of another core or process, as far as its torrents are owned and served.
    Import(Arc<StatePage>, ClockShift, Reply<Imported>),
}

/// What a core reports to the control plane without a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CoreEvent {
    /// The worker has started and waits for [`CoreCommand::Serve`].
    Ready,
    /// What the core recorded of accounts and torrents.
    Access(AccessEvent),
    /// Changes of local peers on the core of this shard, in their order.
    Swarms(ShardId, Vec<SwarmChange>),
}
