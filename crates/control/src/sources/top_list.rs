//! The sources that were refused most, in memory of fixed size.

use super::culprit::Culprit;
use crate::limits::{CULPRIT_LOGGED_EVERY_S, SOURCE_KEPT_S, TOP_SOURCES_MAX};
use crate::time::Moment;
use guard::{Class, Offender, SourceLimits};
use ipnet::IpNet;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// The sources that were refused most.
///
/// While there is no place, a source takes that of the one refused least in the last second, if it was refused more.
#[derive(Debug, Default)]
pub(super) struct TopSources {
    sources: BTreeMap<IpNet, Record>,
}

/// A look at what was refused in the time since the last one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look<'a> {
    pub(super) now: Moment,
    pub(super) elapsed: Duration,
    pub(super) limits: &'a SourceLimits,
    /// How long a source has to send more than twice what it may to be a culprit.
    pub(super) ban_after: Duration,
}

/// What is known of a source.
#[derive(Debug, Clone)]
pub(super) struct Record {
    pub(super) refused: [u64; Class::ALL.len()],
    /// How often it was refused per second at the last look.
    pub(super) refused_per_s: u64,
    pub(super) last_seen: Moment,
    excess: [Excess; Class::ALL.len()],
    logged_at: Option<Instant>,
}

/// The classes in which a source is banned that is far over its limit.
const BANNED_FOR: [Class; 3] = [Class::Requests, Class::Connections, Class::Handshakes];

/// What a source was refused between two looks.
#[derive(Debug, Clone, Copy, Default)]
struct Refusals {
    /// The place of its length among those of its family.
    level: usize,
    by_class: [u64; Class::ALL.len()],
}

/// How long a source has been refused more than it may send, so that it sends more than twice that.
#[derive(Debug, Clone, Copy, Default)]
struct Excess {
    /// Grows while it is, and shrinks while it is not.
    balance: Duration,
    /// The time in which it was, with the refusals, since the balance was zero.
    time: Duration,
    refused: u64,
    allowed_per_s: u64,
}

impl Refusals {
    fn total(&self) -> u64 {
        self.by_class.iter().sum()
    }
}

impl Excess {
    fn note(&mut self, refused: u64, allowed_per_s: Option<u64>, elapsed: Duration) {
        match allowed_per_s {
            Some(allowed_per_s)
                if u128::from(refused) * 1000 > u128::from(allowed_per_s) * elapsed.as_millis() =>
            {
                self.balance += elapsed;
                self.time += elapsed;
                self.refused += refused;
                self.allowed_per_s = allowed_per_s;
            }
            _ => {
                self.balance = self.balance.saturating_sub(elapsed);
                if self.balance.is_zero() {
                    *self = Self::default();
                }
            }
        }
    }

    fn refused_per_s(&self) -> u64 {
        per_s(self.refused, self.time)
    }
}

/// Returns a number of events per second.
fn per_s(number: u64, time: Duration) -> u64 {
    let per_s = u128::from(number) * 1000 / time.as_millis().max(1);
    u64::try_from(per_s).unwrap_or(u64::MAX)
}

impl Record {
    fn new(now: Moment) -> Self {
        Self {
            refused: [0; Class::ALL.len()],
            refused_per_s: 0,
            last_seen: now,
            excess: [Excess::default(); Class::ALL.len()],
            logged_at: None,
        }
    }

    fn note(&mut self, refusals: Refusals, look: &Look<'_>) {
        let total = refusals.total();
        self.refused_per_s = per_s(total, look.elapsed);
        if total > 0 {
            self.last_seen = look.now;
        }
        for class in Class::ALL {
            let (refused, allowed) =
                (refusals.by_class[class as usize], look.limits.per_s(class, refusals.level));
            self.refused[class as usize] += refused;
            self.excess[class as usize].note(refused, allowed, look.elapsed);
        }
    }

    /// Returns the culprit if the source has been one for long enough, by the class in which it is furthest over its limit.
    /// Only classes count whose refusals a client notices: one whose peers or torrents are not stored is answered as usual,
    /// and goes on in good faith.
    fn culprit(&self, network: IpNet, ban_after: Duration) -> Option<Culprit> {
        let classes = BANNED_FOR.into_iter().map(|class| (class, &self.excess[class as usize]));
        let over = classes.filter(|(_, excess)| excess.balance >= ban_after && excess.refused > 0);
        let (class, excess) =
            over.max_by_key(|(_, excess)| excess.refused_per_s() / excess.allowed_per_s.max(1))?;
        Some(Culprit {
            network,
            class,
            sent_per_s: excess.refused_per_s().saturating_add(excess.allowed_per_s),
            allowed_per_s: excess.allowed_per_s,
            lasted: excess.time,
        })
    }
}

impl TopSources {
    /// Counts what cores and APIs refused since the last look, and returns the culprits.
    ///
    /// A prefix is no culprit as long as a narrower one in it is: what the narrower one sends may be all that is too much.
    /// It takes two more seconds after that one is banned.
    pub(super) fn note<'a>(
        &mut self,
        offenders: impl Iterator<Item = &'a Offender>,
        look: &Look<'_>,
    ) -> Vec<Culprit> {
        let mut refused = merged(offenders);
        for (network, record) in &mut self.sources {
            record.note(refused.remove(network).unwrap_or_default(), look);
        }
        let kept = Duration::from_secs(SOURCE_KEPT_S);
        self.sources.retain(|_, record| record.last_seen.instant + kept > look.now.instant);
        let mut refused: Vec<_> = refused.into_iter().collect();
        refused.sort_by_key(|(_, refusals)| Reverse(refusals.total()));
        for (network, refusals) in refused {
            let mut record = Record::new(look.now);
            record.note(refusals, look);
            if !self.make_room(record.refused_per_s) {
                break;
            }
            self.sources.insert(network, record);
        }
        self.take_culprits(look.ban_after)
    }

    /// Returns the sources with what is known of them, those refused most in the last second first.
    pub(super) fn sorted(&self) -> Vec<(IpNet, Record)> {
        let mut sources: Vec<_> =
            self.sources.iter().map(|(network, record)| (*network, record.clone())).collect();
        sources.sort_by_key(|(_, record)| Reverse((record.refused_per_s, record.last_seen.instant)));
        sources
    }

    /// Returns whether a source may be logged, and notes that it is: it is not again within a minute.
    pub(super) fn note_logged(&mut self, network: &IpNet, now: Instant) -> bool {
        let Some(record) = self.sources.get_mut(network) else { return true };
        let every = Duration::from_secs(CULPRIT_LOGGED_EVERY_S);
        let is_due = record.logged_at.is_none_or(|last| now.saturating_duration_since(last) >= every);
        if is_due {
            record.logged_at = Some(now);
        }
        is_due
    }

    /// Makes room for a source, and returns whether there is any.
    fn make_room(&mut self, refused_per_s: u64) -> bool {
        if self.sources.len() < TOP_SOURCES_MAX {
            return true;
        }
        let rank = |record: &Record| (record.refused_per_s, record.last_seen.instant);
        let least = self.sources.iter().min_by_key(|(_, record)| rank(record));
        let least = least.filter(|(_, record)| record.refused_per_s < refused_per_s);
        let least = least.map(|(network, _)| *network);
        least.is_some_and(|network| self.sources.remove(&network).is_some())
    }

    fn take_culprits(&mut self, ban_after: Duration) -> Vec<Culprit> {
        let all = self.sources.iter().filter_map(|(network, record)| record.culprit(*network, ban_after));
        let mut all: Vec<Culprit> = all.collect();
        all.sort_by_key(|culprit| Reverse(culprit.network.prefix_len()));
        let mut culprits: Vec<Culprit> = Vec::new();
        for culprit in all {
            if !culprits.iter().any(|narrower| culprit.network.contains(&narrower.network)) {
                culprits.push(culprit);
            }
        }
        for (network, record) in &mut self.sources {
            if culprits.iter().any(|culprit| culprit.network == *network) {
                record.excess = Default::default();
            } else if culprits.iter().any(|narrower| network.contains(&narrower.network)) {
                let kept = ban_after.saturating_sub(Duration::from_secs(2));
                record.excess.iter_mut().for_each(|excess| excess.balance = excess.balance.min(kept));
            }
        }
        culprits
    }
}

/// Adds up what all of them refused.
fn merged<'a>(offenders: impl Iterator<Item = &'a Offender>) -> BTreeMap<IpNet, Refusals> {
    let mut refused = BTreeMap::<IpNet, Refusals>::new();
    for offender in offenders {
        let network = IpNet::new(offender.prefix.ip(), offender.prefix.bits());
        let network = network.expect("a prefix is no longer than an address");
        let refusals = refused.entry(network).or_default();
        refusals.level = usize::from(offender.level);
        refusals.by_class[offender.class as usize] += u64::from(offender.refused);
    }
    refused
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::source_limits;
    use guard::{CoreGuard, Guard, Prefix, Source};
    use primitives::TableSeed;
    use std::net::Ipv4Addr;
    use std::sync::Arc;

    /// A list that is looked at once a second, with limits of ten requests and one connection per second.
    struct Scene {
        top: TopSources,
        now: Moment,
        limits: SourceLimits,
    }

    impl Scene {
        fn new() -> Self {
            Self { top: TopSources::default(), now: Moment::now(), limits: source_limits() }
        }

        /// Looks at these refusals of the next second.
        fn look(&mut self, refused: &[Offender]) -> Vec<String> {
            let elapsed = Duration::from_secs(1);
            self.now = Moment { unix_s: self.now.unix_s + 1, instant: self.now.instant + elapsed };
            let ban_after = Duration::from_secs(10);
            let look = Look { now: self.now, elapsed, limits: &self.limits, ban_after };
            let culprits = self.top.note(refused.iter(), &look);
            culprits.iter().map(|culprit| format!("{}: {culprit}", culprit.network)).collect()
        }

        fn looks(&mut self, seconds: usize, refused: &[Offender]) -> Vec<Vec<String>> {
            (0..seconds).map(|_| self.look(refused)).collect()
        }
    }

    fn offender(prefix: &str, class: Class, refused: u32) -> Offender {
        let network: IpNet = prefix.parse().unwrap();
        let prefix = Prefix::of(Source::of(network.addr()), network.prefix_len());
        Offender { prefix, level: u8::from(network.prefix_len() < 32), class, refused }
    }

    const ADDRESS: &str = "192.0.2.7/32";
    const NONE: [&str; 0] = [];

    #[test]
    fn a_source_that_sends_more_than_twice_its_limit_for_long_enough_is_a_culprit_once() {
        let mut scene = Scene::new();
        let half = offender(ADDRESS, Class::Requests, 12);
        // Two cores refuse it.
        let culprits = scene.looks(11, &[half, half]);
        let expected = ["192.0.2.7/32: 34 requests/s for 10 s, 10 allowed"];
        assert_eq!(
            (&culprits[8][..], &culprits[9][..], &culprits[10][..]),
            (&[][..], &expected.map(str::to_owned)[..], &[][..])
        );
    }

    #[test]
    fn a_source_within_twice_its_limit_or_for_a_moment_is_none() {
        let mut scene = Scene::new();
        assert!(scene.looks(100, &[offender(ADDRESS, Class::Requests, 10)]).concat().is_empty());
        for _ in 0..10 {
            assert!(scene.looks(5, &[offender(ADDRESS, Class::Requests, 1000)]).concat().is_empty());
            assert!(scene.looks(5, &[]).concat().is_empty());
        }
    }

    #[test]
    fn a_source_that_pauses_now_and_then_is_still_one() {
        let (mut scene, mut culprits) = (Scene::new(), Vec::new());
        for _ in 0..3 {
            culprits.extend(scene.looks(5, &[offender(ADDRESS, Class::Requests, 90)]).concat());
            culprits.extend(scene.look(&[]));
        }
        assert_eq!(culprits, ["192.0.2.7/32: 100 requests/s for 12 s, 10 allowed"]);
    }

    #[test]
    fn the_class_that_is_furthest_over_its_limit_is_named() {
        let refused = [offender(ADDRESS, Class::Requests, 20), offender(ADDRESS, Class::Connections, 20)];
        let culprits = Scene::new().looks(10, &refused).concat();
        assert_eq!(culprits, ["192.0.2.7/32: 21 connections/s for 10 s, 1 allowed"]);
    }

    /// The default limits of the configuration.
    const DEFAULTS: [u32; 5] = [500, 200, 200, 200, 100];

    /// Has each host of a network announce 5,000 torrents of its own within half a minute, over a connection and a handshake
    /// each. A host begins this long after the one before. Returns the culprits and the number of refusals.
    fn start_clients(per_s: [u32; 5], hosts: u8, begin_every_ms: u64) -> (Vec<String>, u64) {
        const TORRENTS: u64 = 5000;
        const STEP_MS: u64 = 100;
        let mut scene = Scene::new();
        scene.limits = SourceLimits { per_s, wider_factor: 8, burst_s: 60, ..SourceLimits::none() };
        let shared = Arc::new(Guard::new(TableSeed([7; 16]), 1 << 20));
        let mut guard = CoreGuard::new(shared, scene.limits.clone());
        let (mut culprits, mut refused) = (Vec::new(), 0);
        let end_ms = u64::from(hosts - 1) * begin_every_ms + 30_000;
        for now_ms in (0..end_ms / STEP_MS).map(|step| step * STEP_MS) {
            let is_starting = |&host: &u8| {
                let begin_ms = u64::from(host) * begin_every_ms;
                (begin_ms..begin_ms + 30_000).contains(&now_ms)
            };
            for host in (0..hosts).filter(is_starting) {
                let source = Source::of(Ipv4Addr::new(192, 0, 2, host).into());
                for _ in 0..TORRENTS * STEP_MS / 30_000 + 1 {
                    for class in Class::ALL {
                        refused += u64::from(guard.admit(now_ms, class, source).is_err());
                    }
                }
            }
            if (now_ms + STEP_MS).is_multiple_of(1000) {
                let offenders: Vec<Offender> = guard.take_offenders().iter().copied().collect();
                culprits.extend(scene.look(&offenders));
            }
        }
        (culprits, refused)
    }

    #[test]
    fn nobody_is_banned_whose_client_starts_with_thousands_of_torrents() {
        // One host, and a network of them that restart one after the other: over UDP, HTTP or HTTPS they are not even refused.
        for (hosts, begin_every_ms) in [(1, 0), (250, 8000)] {
            assert_eq!(start_clients(DEFAULTS, hosts, begin_every_ms), (Vec::new(), 0), "{hosts}");
        }
        // A client is not told that its peers and torrents are not stored.
        let [mut peers, mut torrents] = [[0; 5]; 2];
        peers[Class::NewPeers as usize] = 1;
        torrents[Class::NewTorrents as usize] = 1;
        for per_s in [peers, torrents] {
            let (culprits, refused) = start_clients(per_s, 250, 0);
            assert_eq!(culprits, NONE);
            assert!(refused > 1_000_000, "{refused}");
        }
    }

    #[test]
    fn a_prefix_is_a_culprit_only_if_it_is_too_much_without_the_narrower_ones_in_it() {
        let (mut scene, network) = (Scene::new(), offender("192.0.2.0/24", Class::Requests, 100));
        let both = [network, offender(ADDRESS, Class::Requests, 90)];
        let culprits = scene.looks(10, &both).concat();
        assert_eq!(culprits, ["192.0.2.7/32: 100 requests/s for 10 s, 10 allowed"]);
        assert_eq!(scene.look(&[network]), NONE);
        assert_eq!(scene.look(&[network]), ["192.0.2.0/24: 180 requests/s for 12 s, 80 allowed"]);
    }

    #[test]
    fn the_list_has_a_size_and_keeps_those_refused_most() {
        let mut scene = Scene::new();
        let of = |number: u32, refused| {
            let address = Ipv4Addr::from(number);
            offender(&format!("{address}/32"), Class::Requests, refused)
        };
        let many: Vec<Offender> = (0..300).map(|number| of(number, number + 1)).collect();
        scene.look(&many);
        let listed = |scene: &Scene| -> Vec<u64> {
            scene.top.sorted().iter().map(|(_, record)| record.refused_per_s).collect()
        };
        let expected: Vec<u64> = (45..=300).rev().collect();
        assert_eq!(listed(&scene), expected);
        // All of them are still refused, except the first, which gives way to one that is refused less.
        let mut later: Vec<Offender> = (45..300).map(|number| of(number, number + 1)).collect();
        later.extend([of(1000, 2), of(1001, 1)]);
        scene.look(&later);
        let expected: Vec<u64> = (46..=300).rev().chain([2]).collect();
        assert_eq!(listed(&scene), expected);
        scene.now.instant += Duration::from_secs(SOURCE_KEPT_S);
        scene.look(&[of(7, 1)]);
        assert_eq!(listed(&scene), [1], "the others were not refused for an hour");
    }
}
