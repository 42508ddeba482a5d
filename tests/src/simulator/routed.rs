use engine::RoutedRequest;
use primitives::{ShardCount, ShardId};
use std::collections::VecDeque;

/// Rings for routed requests: a bounded one from each core to each, and one back to each core with room for all of
/// its own.
#[derive(Debug)]
pub(super) struct RoutedRequestRings {
    shards: usize,
    slots: usize,
    onward: Vec<VecDeque<Box<RoutedRequest>>>,
    home: Vec<VecDeque<Box<RoutedRequest>>>,
}

impl RoutedRequestRings {
    pub(super) fn new(shards: ShardCount, slots: usize) -> Self {
        let shards = usize::from(shards.get());
        Self {
            shards,
            slots,
            onward: (0..shards * shards).map(|_| VecDeque::with_capacity(slots)).collect(),
            home: (0..shards).map(|_| VecDeque::with_capacity(shards * slots)).collect(),
        }
    }

    pub(super) fn send(
        &mut self,
        (from, to): (ShardId, ShardId),
        routed: Box<RoutedRequest>,
    ) -> Result<(), Box<RoutedRequest>> {
        assert_ne!(from, to, "a core's own requests do not cross the mesh");
        let ring = &mut self.onward[from.index() * self.shards + to.index()];
        if ring.len() >= self.slots {
            return Err(routed);
        }
        ring.push_back(routed);
        Ok(())
    }

    pub(super) fn send_home(&mut self, routed: Box<RoutedRequest>) {
        self.home[routed.token.home.index()].push_back(routed);
    }

    /// Takes the next routed request for `core`, from any other core.
    pub(super) fn next_for(&mut self, core: usize) -> Option<Box<RoutedRequest>> {
        self.onward.iter_mut().skip(core).step_by(self.shards).find_map(VecDeque::pop_front)
    }

    pub(super) fn next_home(&mut self, core: usize) -> Option<Box<RoutedRequest>> {
        self.home[core].pop_front()
    }
}
