//! Temporary bans of networks, and for how long a source is banned that was banned before. Nothing of it is stored.

use super::{AppliedBan, Ban, BanEnd, Banned, TemporaryBan};
use crate::limits::{REPEATED_BAN_FACTOR, REPEATER_KEPT_S, REPEATERS_MAX};
use crate::time::Moment;
use ipnet::IpNet;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// The temporary bans.
#[derive(Debug, Clone, Default)]
pub(crate) struct TemporaryBans {
    bans: BTreeMap<IpNet, BanUntil>,
    repeaters: BTreeMap<IpNet, Repeater>,
}

/// How long sources are banned for their requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BanTerms {
    pub(crate) first: Duration,
    pub(crate) longest: Duration,
}

/// A source to be banned for its requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SourceBan {
    pub(crate) network: IpNet,
    pub(crate) reason: String,
}

#[derive(Debug, Clone)]
struct BanUntil {
    reason: String,
    begin: Moment,
    duration: Duration,
    level: Option<u32>,
}

/// A source that has been banned for its requests.
#[derive(Debug, Clone, Copy)]
struct Repeater {
    /// Its bans in succession.
    bans: u32,
    forgotten_at: Instant,
}

impl BanUntil {
    fn end(&self) -> Instant {
        self.begin.instant + self.duration
    }

    fn shown_end(&self) -> BanEnd {
        BanEnd { unix_s: self.begin.unix_s + self.duration.as_secs(), level: self.level }
    }

    fn shown(&self, network: IpNet) -> Ban {
        Ban {
            banned: Banned::Network(network),
            reason: self.reason.clone(),
            since_unix_s: self.begin.unix_s,
            end: Some(self.shown_end()),
        }
    }
}

impl TemporaryBans {
    pub(crate) const fn new() -> Self {
        Self { bans: BTreeMap::new(), repeaters: BTreeMap::new() }
    }

    pub(crate) fn bans(&self) -> impl Iterator<Item = Ban> {
        self.bans.iter().map(|(network, ban)| ban.shown(*network))
    }

    pub(crate) fn len(&self) -> usize {
        self.bans.len()
    }

    /// Returns the banned networks, the one banned last first.
    pub(crate) fn networks(&self) -> Vec<IpNet> {
        let mut bans: Vec<_> = self.bans.iter().map(|(network, ban)| (ban.begin.instant, *network)).collect();
        bans.sort_unstable_by(|one, other| other.cmp(one));
        bans.into_iter().map(|(_, network)| network).collect()
    }

    /// Returns the ban of a network, or of a wider one that contains it.
    pub(crate) fn applied(&self, network: IpNet) -> Option<AppliedBan> {
        let mut bans = wider(network).filter_map(|wider| Some((wider, self.bans.get(&wider)?)));
        let (network, ban) = bans.next()?;
        Some(AppliedBan::Temporary { network, end_unix_s: ban.shown_end().unix_s })
    }

    /// Adds the ban of an operator. If there are `bans_max`, one is lifted: of those set for requests, if there are any, the one
    /// that ends first.
    pub(crate) fn add(&mut self, ban: TemporaryBan, bans_max: usize, now: Moment) {
        let TemporaryBan { network, reason, duration } = ban;
        self.insert(network, BanUntil { reason, begin: now, duration, level: None }, bans_max);
    }

    /// Bans a source for its requests, and returns for how long. If there are `bans_max`, one is lifted as in [`Self::add`].
    pub(crate) fn ban_source(
        &mut self,
        ban: SourceBan,
        terms: BanTerms,
        bans_max: usize,
        now: Moment,
    ) -> Duration {
        let SourceBan { network, reason } = ban;
        let before = self.repeaters.get(&network).filter(|repeater| repeater.forgotten_at > now.instant);
        let bans_before = before.map_or(0, |repeater| repeater.bans);
        let factor = REPEATED_BAN_FACTOR.saturating_pow(bans_before);
        let duration = terms.first.saturating_mul(factor).min(terms.longest);
        let bans = bans_before.saturating_add(1);
        let forgotten_at = now.instant + duration + Duration::from_secs(REPEATER_KEPT_S);
        make_room(&mut self.repeaters, &network, REPEATERS_MAX, |repeater| repeater.forgotten_at);
        self.repeaters.insert(network, Repeater { bans, forgotten_at });
        self.insert(network, BanUntil { reason, begin: now, duration, level: Some(bans) }, bans_max);
        duration
    }

    /// Lifts a ban, and forgets what the source did before. Returns whether there was one.
    pub(crate) fn lift(&mut self, network: &IpNet) -> bool {
        self.repeaters.remove(network);
        self.bans.remove(network).is_some()
    }

    /// Ends the bans whose time has passed. Returns whether there were any.
    pub(crate) fn end_expired(&mut self, now: Instant) -> bool {
        let before = self.bans.len();
        self.bans.retain(|_, ban| ban.end() > now);
        self.repeaters.retain(|_, repeater| repeater.forgotten_at > now);
        self.bans.len() < before
    }

    fn insert(&mut self, network: IpNet, ban: BanUntil, bans_max: usize) {
        make_room(&mut self.bans, &network, bans_max, |ban| (ban.level.is_none(), ban.end()));
        self.bans.insert(network, ban);
    }
}

/// Returns the networks that contain a network, the widest one first and itself last.
pub(super) fn wider(network: IpNet) -> impl Iterator<Item = IpNet> {
    let lengths = 0..=network.prefix_len();
    lengths.filter_map(move |bits| IpNet::new(network.addr(), bits).ok()).map(|wider| wider.trunc())
}

/// Removes the entries of the lowest ranks until another fits, unless it replaces one.
fn make_room<T, R: Ord>(
    entries: &mut BTreeMap<IpNet, T>,
    network: &IpNet,
    entries_max: usize,
    rank: impl Fn(&T) -> R,
) {
    while entries.len() >= entries_max
        && !entries.contains_key(network)
        && let Some(first) = entries.iter().min_by_key(|(_, entry)| rank(entry)).map(|(network, _)| *network)
    {
        entries.remove(&first);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TERMS: BanTerms = BanTerms { first: Duration::from_secs(60), longest: Duration::from_secs(3600) };

    fn network(text: &str) -> IpNet {
        text.parse().unwrap()
    }

    /// Returns this many seconds after `begin`.
    fn after(begin: Moment, seconds: u64) -> Moment {
        let instant = begin.instant + Duration::from_secs(seconds);
        Moment { unix_s: begin.unix_s + seconds, instant }
    }

    fn source(text: &str) -> SourceBan {
        SourceBan { network: network(text), reason: format!("a flood of {text}") }
    }

    fn by_operator(text: &str, seconds: u64) -> TemporaryBan {
        let duration = Duration::from_secs(seconds);
        TemporaryBan { network: network(text), reason: "a test".to_owned(), duration }
    }

    #[test]
    fn each_further_ban_of_a_source_lasts_four_times_as_long_until_a_day_has_passed() {
        let (begin, mut bans) = (Moment::now(), TemporaryBans::default());
        let mut seconds = 0;
        for expected_s in [60, 240, 960, 3600, 3600] {
            let now = after(begin, seconds);
            assert_eq!(bans.ban_source(source("192.0.2.7/32"), TERMS, 10, now).as_secs(), expected_s);
            // The other family, and the prefix of the source, have nothing to do with it.
            assert!(
                bans.applied(network("192.0.2.7/32")).is_some()
                    && bans.applied(network("192.0.2.0/24")).is_none()
            );
            seconds += expected_s + 86_399;
            bans.end_expired(after(begin, seconds).instant);
        }
        let level = |bans: &TemporaryBans| bans.bans().next().unwrap().end.unwrap().level;
        bans.ban_source(source("192.0.2.7/32"), TERMS, 10, after(begin, seconds));
        assert_eq!(level(&bans), Some(6));
        let forgotten = after(begin, seconds + 3600 + 86_400);
        assert_eq!(bans.ban_source(source("192.0.2.7/32"), TERMS, 10, forgotten).as_secs(), 60);
        assert_eq!(level(&bans), Some(1));
        assert!(bans.lift(&network("192.0.2.7/32")));
        assert_eq!(bans.ban_source(source("192.0.2.7/32"), TERMS, 10, forgotten).as_secs(), 60);
    }

    #[test]
    fn a_ban_is_shown_with_its_end_and_ends_then() {
        let (begin, mut bans) = (Moment { unix_s: 1000, ..Moment::now() }, TemporaryBans::default());
        bans.add(by_operator("2001:db8::/48", 100), 10, begin);
        let shown = Ban {
            banned: Banned::Network(network("2001:db8::/48")),
            reason: "a test".to_owned(),
            since_unix_s: 1000,
            end: Some(BanEnd { unix_s: 1100, level: None }),
        };
        assert_eq!(bans.bans().collect::<Vec<_>>(), [shown]);
        let applied = AppliedBan::Temporary { network: network("2001:db8::/48"), end_unix_s: 1100 };
        assert_eq!(bans.applied(network("2001:db8:0:7::/64")), Some(applied));
        assert_eq!(bans.applied(network("2001:db8::/47")), None);
        assert!(!bans.end_expired(after(begin, 99).instant));
        assert!(bans.end_expired(after(begin, 100).instant));
        assert_eq!(bans.len(), 0);
    }

    #[test]
    fn at_the_limit_the_ban_that_ends_first_gives_way() {
        let (begin, mut bans) = (Moment::now(), TemporaryBans::default());
        for (number, seconds) in [300, 100, 200].into_iter().enumerate() {
            let now = after(begin, number as u64);
            bans.add(by_operator(&format!("192.0.2.{number}/32"), seconds), 3, now);
        }
        bans.add(by_operator("192.0.2.0/32", 400), 3, after(begin, 3));
        assert_eq!(bans.len(), 3, "one was replaced");
        bans.ban_source(source("192.0.2.9/32"), TERMS, 3, after(begin, 4));
        let networks = ["192.0.2.9/32", "192.0.2.0/32", "192.0.2.2/32"].map(network);
        assert_eq!(bans.networks(), networks, "the one banned last comes first");
    }

    #[test]
    fn at_the_limit_the_bans_of_operators_outlast_those_for_requests() {
        let (begin, mut bans) = (Moment::now(), TemporaryBans::default());
        bans.add(by_operator("192.0.2.0/32", 10), 2, begin);
        for number in 1..4 {
            bans.ban_source(source(&format!("192.0.2.{number}/32")), TERMS, 2, after(begin, number));
        }
        assert_eq!(bans.networks(), ["192.0.2.3/32", "192.0.2.0/32"].map(network));
    }

    #[test]
    fn the_memory_of_sources_that_were_banned_has_a_limit() {
        let (begin, mut bans) = (Moment::now(), TemporaryBans::default());
        for number in 0..REPEATERS_MAX + 7 {
            let address = std::net::Ipv4Addr::from(u32::try_from(number).unwrap());
            bans.ban_source(source(&format!("{address}/32")), TERMS, 1, begin);
        }
        assert_eq!((bans.repeaters.len(), bans.len()), (REPEATERS_MAX, 1));
    }
}
