use primitives::{Counter, Statistics};
use tracing::error;

/// Says what found no place at a bound: whoever put it on a list was told that it is there.
#[derive(Debug, Default)]
pub(crate) struct ShortfallWatch {
    /// In the order of [`WATCHED`].
    seen: [u64; WATCHED.len()],
}

/// What may run short, and which key of the configuration bounds it.
const WATCHED: [(Counter, &str); 5] = [
    (
        Counter::ListedTorrentsRefused,
        "torrents of lists found no place: raise access.torrents_max, and reload the lists",
    ),
    (Counter::KeysRefused, "keys found no place on a core: raise access.keys_max, and reload the keys"),
    (
        Counter::CompletedRefused,
        "completed events are not remembered of all torrents: raise access.torrents_max",
    ),
    (
        Counter::SessionReportsRefused,
        "announces with keys are not accounted for: raise access.sessions_max, or look for a key with too many sessions",
    ),
    (Counter::PeerDetailsRefused, "details of peers are not kept of all: raise limits.peers_max"),
];

impl ShortfallWatch {
    /// Says what has run short since the last look.
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
    fn what_runs_short_is_said_once_and_again_when_there_is_more() {
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
