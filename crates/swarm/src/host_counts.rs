use crate::hashing::HostHash;

/// How many peers each host has in a big swarm, in one byte per counter.
///
/// A host has a counter in each of two rows, and the lower one counts. Hosts whose hashes meet share a counter, so a count
/// may be too high, never too low. Each row has at least a counter for each peer, so that at a limit of four peers at most
/// four new hosts in ten thousand are counted as full by mistake.
#[derive(Debug, Default)]
pub(crate) struct HostCounts {
    /// The rows one after the other: empty, or twice a power of two.
    counters: Box<[u8]>,
}

/// A counter that has reached this does not change any more: it has lost count.
const SATURATED: u8 = u8::MAX;

impl HostCounts {
    /// Counts the hosts of `peers` peers.
    pub(crate) fn of(peers: usize, hosts: impl Iterator<Item = HostHash>) -> Self {
        let mut counts = Self { counters: vec![0; 2 * (peers + 1).next_power_of_two()].into_boxed_slice() };
        hosts.for_each(|host| counts.add(host));
        counts
    }

    /// Whether there are too few counters for this number of peers, or far more than it needs.
    pub(crate) fn is_unfit_for(&self, peers: usize) -> bool {
        let counters = self.counters.len();
        counters > 0 && (counters / 2 < peers || counters / 16 > peers)
    }

    pub(crate) fn count(&self, host: HostHash) -> u8 {
        let counts = self.places(host).map(|place| self.counters.get(place).copied().unwrap_or_default());
        counts[0].min(counts[1])
    }

    pub(crate) fn add(&mut self, host: HostHash) {
        for place in self.places(host) {
            if let Some(count) = self.counters.get_mut(place) {
                *count = count.saturating_add(1);
            }
        }
    }

    pub(crate) fn remove(&mut self, host: HostHash) {
        for place in self.places(host) {
            if let Some(count) = self.counters.get_mut(place).filter(|count| **count != SATURATED) {
                debug_assert!(*count > 0, "every peer of an indexed swarm is counted");
                *count = count.saturating_sub(1);
            }
        }
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.counters.len()
    }

    /// Returns the places of the host in both rows, which depend on different halves of its hash.
    fn places(&self, host: HostHash) -> [usize; 2] {
        let row = self.counters.len() / 2;
        #[expect(clippy::cast_possible_truncation, reason = "a half of the hash each")]
        let halves = [host.0 as u32 as usize, (host.0 >> 32) as usize];
        let [one, other] = halves.map(|half| half & row.wrapping_sub(1));
        [one, row + other]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(number: u64) -> HostHash {
        HostHash(fastrand::Rng::with_seed(number).u64(..))
    }

    #[test]
    fn a_count_is_never_too_low_and_seldom_too_high() {
        let hosts = 10_000;
        let mut counts = HostCounts::of(hosts, (0..hosts as u64).map(host));
        for _ in 0..3 {
            counts.add(host(7));
        }
        assert!(counts.count(host(7)) >= 4);
        let too_high = (100_000..110_000).filter(|&number| counts.count(host(number)) >= 4).count();
        assert!(too_high <= 10, "{too_high} of 10,000");
        (0..hosts as u64).chain([7; 3]).for_each(|number| counts.remove(host(number)));
        assert!(counts.counters.iter().all(|&count| count == 0));
    }

    #[test]
    fn a_counter_that_lost_count_stays() {
        let mut counts = HostCounts::of(1, core::iter::repeat_n(host(1), 300));
        for _ in 0..300 {
            counts.remove(host(1));
        }
        assert_eq!(counts.count(host(1)), SATURATED);
    }

    #[test]
    fn a_swarm_without_hosts_takes_no_memory() {
        let mut counts = HostCounts::default();
        counts.add(host(1));
        assert_eq!((counts.count(host(1)), counts.heap_bytes(), counts.is_unfit_for(9)), (0, 0, false));
    }
}
