use crate::tag::{ReplyKind, ReplyTag};
use metrics::{ErrorReason, Outcome, Statistics};
use primitives::{AddressFamily, RequestKind};

/// The number of replies of each tag of UDP that a core has written since its start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReplyCounts([u64; ReplyTag::UDP]);

impl ReplyCounts {
    /// Reads the counts from a core's figures.
    pub fn of(statistics: &Statistics) -> Self {
        let mut counts = Self::default();
        for family in AddressFamily::ALL {
            for (kind, request) in ANSWERS {
                let answered = statistics.outcomes(family, request, Outcome::Answered);
                counts.0[ReplyTag::udp(kind, family).slot()] = answered;
            }
            counts.0[ReplyTag::udp(ReplyKind::Error, family).slot()] = errors(statistics, family);
        }
        counts
    }

    /// Returns the tags whose counts have grown since `before`, with the difference.
    pub fn since(self, before: Self) -> impl Iterator<Item = (ReplyTag, u64)> {
        let slots = 0..ReplyTag::UDP;
        slots
            .filter(move |&slot| self.0[slot] > before.0[slot])
            .map(move |slot| (ReplyTag::ALL[slot], self.0[slot] - before.0[slot]))
    }
}

const ANSWERS: [(ReplyKind, RequestKind); 3] = [
    (ReplyKind::Connect, RequestKind::Connect),
    (ReplyKind::Announce, RequestKind::Announce),
    (ReplyKind::Scrape, RequestKind::Scrape),
];

/// Kinds of requests that have a connection id and can therefore be answered with an error.
const PROVED: [RequestKind; 3] = [RequestKind::Announce, RequestKind::Scrape, RequestKind::Unknown];

fn errors(statistics: &Statistics, family: AddressFamily) -> u64 {
    let of_kind =
        |kind| ErrorReason::ALL.map(|reason| statistics.outcomes(family, kind, Outcome::Error(reason)));
    PROVED.map(of_kind).as_flattened().iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reply_is_counted_under_its_tag_and_each_error_as_an_error() {
        let mut statistics = Statistics::default();
        statistics.count(AddressFamily::V4, RequestKind::Connect, Outcome::Answered);
        let before = ReplyCounts::of(&statistics);
        for kind in [RequestKind::Scrape, RequestKind::Scrape, RequestKind::Announce] {
            statistics.count(AddressFamily::V6, kind, Outcome::Answered);
        }
        for kind in PROVED {
            for reason in ErrorReason::ALL {
                statistics.count(AddressFamily::V4, kind, Outcome::Error(reason));
            }
        }
        let more: Vec<_> = ReplyCounts::of(&statistics).since(before).collect();
        let tag = ReplyTag::udp;
        assert_eq!(
            more,
            [
                (tag(ReplyKind::Error, AddressFamily::V4), 12),
                (tag(ReplyKind::Announce, AddressFamily::V6), 1),
                (tag(ReplyKind::Scrape, AddressFamily::V6), 2),
            ]
        );
    }
}
