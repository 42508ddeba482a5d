use super::routed::{Question, RoutedRequest};
use http_protocol::FullScrapeResponse;
use primitives::{AddressFamily, Second, ShardCount, ShardId};
use std::rc::Rc;

/// A scrape of all torrents, under way: it goes from shard to shard and asks each for one page of swarms after another.
#[derive(Debug)]
pub struct FullScrape {
    /// How it is answered.
    pub response: FullScrapeResponse,
    family: AddressFamily,
    /// Where the next page begins.
    place: Option<PagePlace>,
    shards: ShardCount,
    /// Tells the gate that it is still under way.
    _permit: Rc<()>,
}

/// Where a page begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PagePlace {
    pub(super) shard: ShardId,
    pub(super) slot: u32,
}

/// How often all torrents may be scraped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FullScrapes {
    /// Never.
    #[default]
    Refused,
    /// On each core one at a time, and one in so many seconds.
    EveryS(u32),
}

/// Lets scrapes of all torrents begin.
#[derive(Debug)]
pub(super) struct FullScrapeGate {
    policy: FullScrapes,
    opens_at: Option<Second>,
    permit: Rc<()>,
}

/// Whether one may begin.
#[derive(Debug)]
pub(super) enum Gate {
    Open,
    /// Not before so many minutes.
    Busy(u32),
    Closed,
}

impl FullScrapeGate {
    pub(super) fn new(policy: FullScrapes) -> Self {
        Self { policy, opens_at: None, permit: Rc::new(()) }
    }

    pub(super) fn ask(&self, now: Second) -> Gate {
        let FullScrapes::EveryS(_) = self.policy else { return Gate::Closed };
        let seconds = self.opens_at.map_or(0, |opens_at| opens_at.0.saturating_sub(now.0));
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
        if let FullScrapes::EveryS(seconds) = self.policy {
            self.opens_at = Some(now.after(seconds));
        }
        let place = Some(PagePlace { shard: ShardId::FIRST, slot: 0 });
        FullScrape { response, family, place, shards, _permit: Rc::clone(&self.permit) }
    }
}

impl FullScrape {
    /// What the next page is asked for with; `None` where all were told.
    pub(super) fn next_question(&self) -> Option<Question> {
        self.place.map(|place| Question::Page(self.family, place))
    }

    /// Goes on behind a page that has come back.
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
