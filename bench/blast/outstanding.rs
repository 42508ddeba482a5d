use crate::sockets::Kind;
use std::time::Instant;
use udp_protocol::TransactionId;

/// Nanoseconds since the load began, the same for all threads.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock(pub(crate) Instant);

impl Clock {
    pub(crate) fn now_ns(self) -> u64 {
        u64::try_from(self.0.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

/// A request on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) kind: Kind,
    /// The source port, by number.
    pub(crate) port: u16,
    /// Of an announce, the peer's number.
    pub(crate) peer: u64,
    /// When it was to leave: the schedule's moment in the open loop.
    pub(crate) due_ns: u64,
}

/// Requests on their way at once, in each thread. What is older counts as lost.
const CAPACITY: usize = 1 << 18;

/// The requests of one thread that have no answer yet, by transaction id. Ids count up, so the oldest request is
/// always the next one in the ring.
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

    /// Notes a request; gives its transaction id and the request that it pushed out, if any.
    pub(crate) fn insert(&mut self, sent: Sent) -> (TransactionId, Option<Sent>) {
        let id = self.next;
        self.next = self.next.wrapping_add(1);
        let pushed_out = self.ring[slot(id)].replace(sent);
        if self.next.wrapping_sub(self.oldest) as usize > CAPACITY {
            self.oldest = self.oldest.wrapping_add(1);
        }
        (TransactionId(id.to_be_bytes()), pushed_out)
    }

    /// The request that a response answers, once.
    pub(crate) fn take(&mut self, id: TransactionId) -> Option<Sent> {
        let id = u32::from_be_bytes(id.0);
        let age = self.next.wrapping_sub(id) as usize;
        if age == 0 || age > CAPACITY { None } else { self.ring[slot(id)].take() }
    }

    /// Takes the requests out, oldest first, that were due before `ns`.
    pub(crate) fn expire(&mut self, ns: u64, mut lost: impl FnMut(Sent)) {
        while self.oldest != self.next {
            match self.ring[slot(self.oldest)] {
                Some(sent) if sent.due_ns >= ns => return,
                Some(sent) => lost(sent),
                None => {}
            }
            self.ring[slot(self.oldest)] = None;
            self.oldest = self.oldest.wrapping_add(1);
        }
    }
}

const fn slot(id: u32) -> usize {
    id as usize % CAPACITY
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(due_ns: u64) -> Sent {
        Sent { kind: Kind::Announce, port: 0, peer: 0, due_ns }
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
    fn requests_without_an_answer_are_lost_in_their_order() {
        let mut outstanding = Outstanding::new();
        let ids: Vec<_> = (0..4).map(|due_ns| outstanding.insert(sent(due_ns)).0).collect();
        outstanding.take(ids[1]);
        let mut lost = Vec::new();
        outstanding.expire(3, |sent| lost.push(sent.due_ns));
        assert_eq!(lost, [0, 2]);
        assert_eq!(outstanding.take(ids[3]), Some(sent(3)));
    }

    #[test]
    fn a_full_table_gives_up_its_oldest() {
        let mut outstanding = Outstanding::new();
        for due_ns in 0..CAPACITY as u64 {
            assert_eq!(outstanding.insert(sent(due_ns)).1, None);
        }
        assert_eq!(outstanding.insert(sent(7)).1, Some(sent(0)));
    }
}
