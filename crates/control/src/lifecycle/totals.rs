use database::{Change, StoredTotal, TooManyWaiting, TotalName, WriteBehind};
use metrics::{Counter, HttpOutcome, Statistics};
use primitives::{AddressFamily, RequestKind};
use std::collections::BTreeMap;

/// Totals over all runs of the tracker.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    /// Totals of the earlier runs, by name; `None` until they have been read. Until then nothing is saved, since it
    /// would be less than the stored total.
    before: Option<BTreeMap<String, u64>>,
    saved: BTreeMap<&'static str, u64>,
}

fn of_run(statistics: &Statistics) -> [(TotalName, u64); 6] {
    let http = |outcome| -> u64 {
        AddressFamily::ALL.iter().map(|&family| statistics.http_outcomes(family, outcome)).sum()
    };
    [
        (const { TotalName::new("completed") }, statistics.counter(Counter::Completed)),
        (const { TotalName::new("udp_connects_answered") }, statistics.answered(RequestKind::Connect)),
        (const { TotalName::new("udp_announces_answered") }, statistics.answered(RequestKind::Announce)),
        (const { TotalName::new("udp_scrapes_answered") }, statistics.answered(RequestKind::Scrape)),
        (const { TotalName::new("http_announces_answered") }, http(HttpOutcome::AnnounceAnswered)),
        (const { TotalName::new("http_scrapes_answered") }, http(HttpOutcome::ScrapeAnswered)),
    ]
}

impl Totals {
    /// Loads the stored totals of earlier runs.
    pub(crate) fn load(&mut self, stored: Vec<StoredTotal>) {
        self.before = Some(stored.into_iter().map(|total| (total.name, total.value)).collect());
    }

    /// Returns the totals of all runs, by name.
    pub(crate) fn now(&self, statistics: &Statistics) -> Vec<(&'static str, u64)> {
        let all = |(name, now): (TotalName, u64)| (name.as_str(), self.all_runs(name, now));
        of_run(statistics).map(all).to_vec()
    }

    /// Passes the totals that have changed to the write-behind.
    pub(crate) fn save(
        &mut self,
        statistics: &Statistics,
        write_behind: &WriteBehind,
    ) -> Result<(), TooManyWaiting> {
        if self.before.is_none() {
            return Ok(());
        }
        for (name, now) in of_run(statistics) {
            let value = self.all_runs(name, now);
            let saved = self.saved.entry(name.as_str()).or_default();
            if *saved != value {
                write_behind.insert(Change::Total(name, value))?;
                *saved = value;
            }
        }
        Ok(())
    }

    fn all_runs(&self, name: TotalName, now: u64) -> u64 {
        let before = self.before.as_ref().and_then(|before| before.get(name.as_str()));
        before.copied().unwrap_or(0).saturating_add(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use database::WriteBehindSettings;
    use metrics::Outcome;

    #[tokio::test]
    async fn a_run_adds_to_the_earlier_totals_and_saves_those_that_changed() {
        let mut totals = Totals::default();
        let write_behind = WriteBehind::start(None, WriteBehindSettings::default());
        let mut early = Statistics::default();
        early.add(Counter::Completed, 1);
        totals.save(&early, &write_behind).unwrap();
        assert!(totals.saved.is_empty(), "the earlier totals are not known yet");
        totals.load(vec![StoredTotal { name: "udp_announces_answered".to_owned(), value: 40 }]);
        let mut statistics = Statistics::default();
        statistics.count(AddressFamily::V6, RequestKind::Announce, Outcome::Answered);
        statistics.count(AddressFamily::V4, RequestKind::Announce, Outcome::Answered);
        statistics.add(Counter::Completed, 3);
        let now = totals.now(&statistics);
        assert!(now.contains(&("udp_announces_answered", 42)) && now.contains(&("completed", 3)), "{now:?}");
        totals.save(&statistics, &write_behind).unwrap();
        assert_eq!(totals.saved["udp_announces_answered"], 42);
    }
}
