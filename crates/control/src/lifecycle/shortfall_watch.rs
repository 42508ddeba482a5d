use metrics::{Counter, Statistics};
use tracing::error;

/// Logs entries that were rejected because a limit was reached: the change that brought them was acknowledged.
#[derive(Debug, Default)]
pub(crate) struct ShortfallWatch {
    /// In the order of [`WATCHED`].
    seen: [u64; WATCHED.len()],
}

/// The counters of rejected entries, each with a text that names the configuration key of the limit, which is
/// lower where its share of the memory has no room (`limits.memory_max_mib`).
const WATCHED: [(Counter, &str); 5] = [
    (
        Counter::ListedTorrentsRefused,
        "listed torrents were rejected: raise access.torrents_max or the memory, and reload the lists",
    ),
    (
        Counter::KeysRefused,
        "keys were rejected by a core: raise access.keys_max or the memory, and reload the keys",
    ),
    (
        Counter::CompletedRefused,
        "completed events are not remembered for all torrents: raise access.torrents_max or the memory",
    ),
    (
        Counter::SessionReportsRefused,
        "announces with keys are not accounted for: raise access.sessions_max or the memory, or look for a key with too many sessions",
    ),
    (Counter::PeerDetailsRefused, "details are not kept for all peers: raise limits.peers_max or the memory"),
];

impl ShortfallWatch {
    /// Logs the entries rejected since the last look.
    pub(crate) fn look(&mut self, statistics: &Statistics) {
        for (count, what) in self.news(statistics) {
            error!(count, "{what}");
        }
    }

    fn news(&mut self, statistics: &Statistics) -> Vec<(u64, &'static str)> {
        let mut news = Vec::new();
        for ((counter, what), seen) in WATCHED.into_iter().zip(&mut self.seen) {
            let now = statistics.counter(counter);
            if now > *seen {
                news.push((now - *seen, what));
            }
            *seen = now;
        }
        news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejected_entries_are_logged_once_and_again_when_there_are_more() {
        let (mut watch, mut statistics) = (ShortfallWatch::default(), Statistics::default());
        assert_eq!(watch.news(&statistics), []);
        statistics.add(Counter::KeysRefused, 3);
        let news = watch.news(&statistics);
        assert!(matches!(news[..], [(3, what)] if what.contains("access.keys_max")), "{news:?}");
        assert_eq!(watch.news(&statistics), []);
        statistics.add(Counter::KeysRefused, 2);
        assert_eq!(watch.news(&statistics).len(), 1);
    }
}
