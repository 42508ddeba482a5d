use crate::kind::Kind;
use std::time::Instant;
use udp_protocol::TransactionId;

/// A clock in nanoseconds since the load began, the same for all threads.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock(pub(crate) Instant);

impl Clock {
    pub(crate) fn now_ns(self) -> u64 {
        u64::try_from(self.0.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

/// An outstanding request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) kind: Kind,
    /// Times that it has been sent again.
    pub(crate) repeats: u8,
    /// Number of the source port or connection.
    pub(crate) way: u16,
    /// Number of the announced peer; 0 for other kinds.
    pub(crate) peer: u64,
    /// When it was due: the scheduled time in an open loop.
    pub(crate) due_ns: u64,
    pub(crate) sent_ns: u64,
}

/// Limit of outstanding requests per thread. Older ones count as lost.
pub(crate) const CAPACITY: usize = 1 << 18;

/// The unanswered requests of one thread, by transaction id. Ids count up, so that the oldest request is always
/// the next one in the ring.
#[derive(Debug)]
pub(crate) struct Outstanding {
    ring: Vec<Option<Sent>>,
    next: u32,
    oldest: u32,
}

impl Outstanding {
    pub(crate) fn new() -> Self {
        Self { ring: vec![None; CAPACITY], next: 0, oldest: 0 }
    }

    /// Inserts a request. Returns its transaction id and the request that it replaced, if any.
    pub(crate) fn insert(&mut self, sent: Sent) -> (TransactionId, Option<Sent>) {
        let id = self.next;
        self.next = self.next.wrapping_add(1);
        let pushed_out = self.ring[slot(id)].replace(sent);
        if self.next.wrapping_sub(self.oldest) as usize > CAPACITY {
            self.oldest = self.oldest.wrapping_add(1);
        }
        (TransactionId(id.to_be_bytes()), pushed_out)
    }

    /// Takes the request that a response answers.
    pub(crate) fn take(&mut self, id: TransactionId) -> Option<Sent> {
        let id = u32::from_be_bytes(id.0);
        let age = self.next.wrapping_sub(id) as usize;
        if age == 0 || age > CAPACITY { None } else { self.ring[slot(id)].take() }
    }

    /// Removes the newest `count` requests, which were not sent.
    pub(crate) fn take_back(&mut self, count: usize) {
        for _ in 0..count {
            self.next = self.next.wrapping_sub(1);
            self.ring[slot(self.next)] = None;
        }
    }

    /// Takes the oldest request if it was sent before `ns`.
    pub(crate) fn pop_before(&mut self, ns: u64) -> Option<Sent> {
        while self.oldest != self.next {
            let place = &mut self.ring[slot(self.oldest)];
            if place.is_some_and(|sent| sent.sent_ns >= ns) {
                return None;
            }
            let sent = place.take();
            self.oldest = self.oldest.wrapping_add(1);
            if sent.is_some() {
                return sent;
            }
        }
        None
    }
}

const fn slot(id: u32) -> usize {
    id as usize % CAPACITY
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A request that was due at 0.
    fn sent(sent_ns: u64) -> Sent {
        Sent { kind: Kind::Announce, repeats: 0, way: 0, peer: 0, due_ns: 0, sent_ns }
    }

    #[test]
    fn a_response_answers_its_request_once() {
        let mut outstanding = Outstanding::new();
        let (id, _) = outstanding.insert(sent(1));
        assert_eq!(outstanding.take(id), Some(sent(1)));
        assert_eq!(outstanding.take(id), None);
        assert_eq!(outstanding.take(TransactionId([9; 4])), None);
    }

    #[test]
    fn unanswered_requests_are_lost_in_their_order() {
        let mut outstanding = Outstanding::new();
        let ids: Vec<_> = (0..4).map(|sent_ns| outstanding.insert(sent(sent_ns)).0).collect();
        outstanding.take(ids[1]);
        let lost: Vec<_> = std::iter::from_fn(|| outstanding.pop_before(3)).collect();
        assert_eq!(lost, [sent(0), sent(2)]);
        assert_eq!(outstanding.take(ids[3]), Some(sent(3)));
    }

    #[test]
    fn a_full_table_drops_its_oldest_request() {
        let mut outstanding = Outstanding::new();
        for sent_ns in 0..CAPACITY as u64 {
            assert_eq!(outstanding.insert(sent(sent_ns)).1, None);
        }
        assert_eq!(outstanding.insert(sent(7)).1, Some(sent(0)));
    }

    #[test]
    fn an_unsent_request_is_neither_answered_nor_lost() {
        let mut outstanding = Outstanding::new();
        let ids: Vec<_> = (0..3).map(|sent_ns| outstanding.insert(sent(sent_ns)).0).collect();
        outstanding.take_back(2);
        assert_eq!(outstanding.take(ids[2]), None);
        assert_eq!(outstanding.pop_before(9), Some(sent(0)));
        assert_eq!(outstanding.pop_before(9), None);
        assert_eq!(outstanding.insert(sent(4)).0, ids[1]);
    }
}
