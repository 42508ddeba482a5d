use super::decision::Decision;
use super::routed::RoutedAnnounce;
use super::scrape::RoutedScrape;
use core::net::SocketAddr;
use primitives::{CompactIpv4, CompactIpv6, ShardId};
use swarm::SwarmSlot;

/// The datagrams of a batch, at most [`crate::BATCH_DATAGRAMS_MAX`].
pub trait Inbox {
    /// Returns the number of datagrams.
    fn datagrams(&self) -> usize;

    /// Returns the source and payload of the datagram at `index`.
    fn datagram(&self, index: usize) -> (SocketAddr, &[u8]);
}

/// Receives the decisions about a batch.
pub trait Outbox {
    /// Returns room for one reply, at least [`crate::REPLY_BYTES_MAX`] bytes.
    fn buffer(&mut self) -> &mut [u8];

    /// Sends the first `length` bytes of the buffer in reply to the datagram at `index`.
    fn reply(&mut self, index: usize, length: usize);

    /// Sends an announce to its owner.
    fn route_announce(&mut self, index: usize, owner: ShardId, announce: &RoutedAnnounce) -> Routing;

    /// Sends a scrape to the owner of the next of its torrents.
    fn route_scrape(&mut self, index: usize, owner: ShardId, scrape: &RoutedScrape) -> Routing;
}

/// Whether the mesh accepted a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Routing {
    /// The owner answers and counts it.
    Sent,
    /// The ring to its owner is full.
    Full,
}

/// A datagram between the stages.
#[derive(Debug, Clone, Copy)]
pub(super) struct Staged<'a> {
    pub(super) decision: Decision<'a>,
    pub(super) hint: Hint,
}

/// Where the second stage found the swarm of an announce.
#[derive(Debug, Clone, Copy)]
pub(super) enum Hint {
    None,
    V4(SwarmSlot<CompactIpv4>),
    V6(SwarmSlot<CompactIpv6>),
}

impl Hint {
    pub(super) const fn v4(self) -> Option<SwarmSlot<CompactIpv4>> {
        if let Self::V4(slot) = self { Some(slot) } else { None }
    }

    pub(super) const fn v6(self) -> Option<SwarmSlot<CompactIpv6>> {
        if let Self::V6(slot) = self { Some(slot) } else { None }
    }
}

/// Empties the vector of a finished batch for the next one. The sizes of the items match: `collect` reuses the memory.
pub(super) fn recycled<'a>(mut staged: Vec<Staged<'_>>) -> Vec<Staged<'a>> {
    staged.clear();
    staged.into_iter().map(|_| unreachable!("it was cleared")).collect()
}
