use super::routed::{PagePlace, Question, RoutedRequest};
use http_protocol::FullScrapeResponse;
use primitives::{AddressFamily, Second, ShardCount, ShardId};
use std::rc::Rc;

/// A scrape of all torrents that is under way. It goes from shard to shard and requests page after page of swarms.
#[derive(Debug)]
pub struct FullScrape {
    pub response: FullScrapeResponse,
    family: AddressFamily,
    /// Where the next page begins; `None` after the last one.
    place: Option<PagePlace>,
    shards: ShardCount,
    /// Counted by the gate while the scrape is under way.
    _permit: Rc<()>,
}

/// How often all torrents may be scraped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FullScrapes {
    #[default]
    Refused,
    /// One at a time on each core, and at most one in this many seconds.
    EveryS(u32),
}

/// Decides when a scrape of all torrents may begin.
#[derive(Debug)]
pub(super) struct FullScrapeGate {
    policy: FullScrapes,
    last_begun_at: Option<Second>,
    permit: Rc<()>,
}

/// Whether a scrape of all torrents may begin.
#[derive(Debug)]
pub(super) enum Gate {
    Open,
    /// Not for this many minutes.
    Busy(u32),
    Closed,
}

impl FullScrapeGate {
    pub(super) fn new(policy: FullScrapes) -> Self {
        Self { policy, last_begun_at: None, permit: Rc::new(()) }
    }

    pub(super) const fn use_policy(&mut self, policy: FullScrapes) {
        self.policy = policy;
    }

    pub(super) fn ask(&self, now: Second) -> Gate {
        let FullScrapes::EveryS(every_s) = self.policy else { return Gate::Closed };
        let seconds =
            self.last_begun_at.map_or(0, |begun_at| begun_at.after(every_s).0.saturating_sub(now.0));
        if seconds == 0 && Rc::strong_count(&self.permit) == 1 {
            return Gate::Open;
        }
        Gate::Busy(seconds.div_ceil(60).max(1))
    }

    pub(super) fn begin(
        &mut self,
        now: Second,
        response: FullScrapeResponse,
        family: AddressFamily,
        shards: ShardCount,
    ) -> FullScrape {
        self.last_begun_at = Some(now);
        let place = Some(PagePlace { shard: ShardId::FIRST, slot: 0 });
        FullScrape { response, family, place, shards, _permit: Rc::clone(&self.permit) }
    }
}

impl FullScrape {
    /// Returns the request for the next page; `None` after the last one.
    pub(super) fn next_question(&self) -> Option<Question> {
        self.place.map(|place| Question::Page(self.family, place))
    }

    /// Continues after a page that has come back.
    pub(super) fn note_page(&mut self, routed: &RoutedRequest) {
        let Question::Page(_, place) = routed.question else { return };
        self.place = match routed.next_slot {
            Some(slot) => Some(PagePlace { slot, ..place }),
            None => {
                ShardId::new(place.shard.index() + 1, self.shards).map(|shard| PagePlace { shard, slot: 0 })
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_protocol::{ContentCoding, Framing};

    #[test]
    fn a_shorter_pause_applies_to_the_scrape_that_began_last() {
        let mut gate = FullScrapeGate::new(FullScrapes::EveryS(3600));
        drop(gate.begin(
            Second(5),
            FullScrapeResponse::new(Framing::FINAL, ContentCoding::Identity),
            AddressFamily::V4,
            ShardCount::ONE,
        ));
        assert!(matches!(gate.ask(Second(20)), Gate::Busy(60)));
        gate.use_policy(FullScrapes::EveryS(10));
        assert!(matches!(gate.ask(Second(14)), Gate::Busy(1)));
        assert!(matches!(gate.ask(Second(15)), Gate::Open));
    }
}
