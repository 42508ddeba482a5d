use crate::limits::{CLIENT_SLOTS_MAX, CLIENT_SLOTS_MIN, CLIENT_VERSIONS_MAX, CLIENTS_PER_SLOT_MAX};
use primitives::{ClientCounts, ClientTag, CountedClient};
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::time::Duration;
use tokio::time::Instant;

/// Announces by name and version of the client software.
pub(super) type Clients = BTreeMap<&'static str, BTreeMap<String, u64>>;

/// How long announces count for their client software: the mean interval between two announces of a peer, so that
/// they are about as many as there are peers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Windows {
    /// Of peers with addresses.
    pub interval: Duration,
    /// Of peers that are reached over WebRTC.
    pub web_rtc_interval: Duration,
}

/// The client software of recent announces.
#[derive(Debug)]
pub(super) struct RecentClients {
    windows: Windows,
    /// The oldest one first.
    slots: VecDeque<Slot>,
}

/// The announces of a part of the window.
#[derive(Debug)]
struct Slot {
    begun: Instant,
    counts: HashMap<CountedClient, u64>,
}

impl Windows {
    fn of(&self, client: CountedClient) -> Duration {
        if client.is_web_rtc { self.web_rtc_interval } else { self.interval }
    }

    fn slot_length(&self) -> Duration {
        let shorter = self.interval.min(self.web_rtc_interval).as_secs() / CLIENT_SLOTS_MIN;
        let longer = self.interval.max(self.web_rtc_interval).as_secs().div_ceil(CLIENT_SLOTS_MAX);
        Duration::from_secs(shorter.max(longer).max(1))
    }
}

impl RecentClients {
    pub(super) fn new(windows: Windows) -> Self {
        Self { windows, slots: VecDeque::new() }
    }

    /// Replaces the windows. Announces that the old ones have removed stay removed.
    pub(super) const fn use_windows(&mut self, windows: Windows) {
        self.windows = windows;
    }

    /// Adds what a core has counted.
    pub(super) fn add(&mut self, now: Instant, counted: &ClientCounts) {
        let longest = self.windows.interval.max(self.windows.web_rtc_interval);
        while self.slots.front().is_some_and(|slot| slot.begun + longest <= now) {
            self.slots.pop_front();
        }
        if self.slots.back().is_none_or(|slot| slot.begun + self.windows.slot_length() <= now) {
            self.forget_rare_clients();
            self.slots.push_back(Slot { begun: now, counts: HashMap::new() });
        }
        let Some(Slot { counts, .. }) = self.slots.back_mut() else { return };
        for (client, count) in counted.iter() {
            let is_full = counts.len() >= CLIENTS_PER_SLOT_MAX && !counts.contains_key(&client);
            let client = if is_full { CountedClient { tag: ClientTag::UNKNOWN, ..client } } else { client };
            *counts.entry(client).or_default() += count;
        }
    }

    /// Adds the rarest clients up, if the slots together have more than a slot may have, so that invented names and
    /// versions take little memory and time.
    fn forget_rare_clients(&mut self) {
        let mut sums: HashMap<CountedClient, u64> = HashMap::new();
        for (client, count) in self.slots.iter().flat_map(|slot| &slot.counts) {
            *sums.entry(*client).or_default() += count;
        }
        if sums.len() <= CLIENTS_PER_SLOT_MAX {
            return;
        }
        let common: HashSet<_> =
            by_frequency(sums).into_iter().take(CLIENTS_PER_SLOT_MAX).map(|(client, _)| client).collect();
        for Slot { counts, .. } in &mut self.slots {
            let rare: Vec<_> = counts.extract_if(|client, _| !common.contains(client)).collect();
            for (client, count) in rare {
                *counts.entry(CountedClient { tag: ClientTag::UNKNOWN, ..client }).or_default() += count;
            }
            counts.shrink_to_fit();
        }
    }

    /// Returns the announces of the window by name and version. Those of the rarest versions are added up.
    pub(super) fn clients(&self, now: Instant) -> Clients {
        let mut sums: HashMap<ClientTag, u64> = HashMap::new();
        for slot in &self.slots {
            let age = now.duration_since(slot.begun);
            for (client, count) in slot.counts.iter().filter(|(client, _)| age < self.windows.of(**client)) {
                *sums.entry(client.tag).or_default() += count;
            }
        }
        let mut clients = Clients::new();
        for (index, (tag, count)) in by_frequency(sums).into_iter().enumerate() {
            let (name, version) = match (tag.name(), tag.version()) {
                (Some(name), Some(version)) if index < CLIENT_VERSIONS_MAX => (name, version),
                (Some(name), _) => (name, "other".to_owned()),
                (None, _) => ("other", "unknown".to_owned()),
            };
            *clients.entry(name).or_default().entry(version).or_default() += count;
        }
        clients
    }
}

/// Scales the counts down in proportion if there are more than `peers`: clients that announce more often than they should
/// count each time.
pub(super) fn at_most(peers: u64, mut clients: Clients) -> Clients {
    let total: u128 = clients.values().flat_map(BTreeMap::values).map(|&count| u128::from(count)).sum();
    if total > u128::from(peers) {
        // Sums are scaled, not counts, so that rounding does not change the total.
        let (mut sum, mut scaled) = (0, 0);
        for count in clients.values_mut().flat_map(BTreeMap::values_mut) {
            sum += u128::from(*count);
            let until = u64::try_from(sum * u128::from(peers) / total).unwrap_or(peers);
            *count = until - scaled;
            scaled = until;
        }
        clients.values_mut().for_each(|versions| versions.retain(|_, count| *count > 0));
        clients.retain(|_, versions| !versions.is_empty());
    }
    clients
}

/// Returns the most frequent ones first.
fn by_frequency<T: Ord + Copy>(counts: HashMap<T, u64>) -> Vec<(T, u64)> {
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_unstable_by_key(|&(counted, count)| (Reverse(count), counted));
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use primitives::{PeerId, SwarmFamily};

    fn counts(announces: &[(&str, SwarmFamily)]) -> ClientCounts {
        let mut counts = ClientCounts::default();
        for (start, family) in announces {
            let mut peer_id = [b'x'; PeerId::BYTES];
            peer_id[..start.len()].copy_from_slice(start.as_bytes());
            counts.count(CountedClient::new(ClientTag::of(&PeerId(peer_id)), *family));
        }
        counts
    }

    fn text(clients: &Clients) -> String {
        serde_json::to_string(clients).unwrap()
    }

    #[test]
    fn announces_count_for_one_interval_of_their_protocol() {
        let windows =
            Windows { interval: Duration::from_secs(1800), web_rtc_interval: Duration::from_secs(120) };
        let mut recent = RecentClients::new(windows);
        let start = Instant::now();
        let (qbittorrent, webtorrent) = ("-qB4650-", "-WW0208-");
        recent.add(start, &counts(&[(qbittorrent, SwarmFamily::V4), (webtorrent, SwarmFamily::WebRtc)]));
        recent.add(
            start,
            &counts(&[
                (qbittorrent, SwarmFamily::V6),
                ("-qB5000-", SwarmFamily::V6),
                ("\0", SwarmFamily::V4),
            ]),
        );
        let all = r#"{"WebTorrent":{"2.8":1},"other":{"unknown":1},"qBittorrent":{"4.6.5":2,"5.0.0":1}}"#;
        assert_eq!(text(&recent.clients(start)), all);
        let later = start + Duration::from_secs(120);
        let older = r#"{"other":{"unknown":1},"qBittorrent":{"4.6.5":2,"5.0.0":1}}"#;
        assert_eq!(text(&recent.clients(later)), older);
        recent.add(later, &counts(&[(webtorrent, SwarmFamily::V4)]));
        let end = start + Duration::from_secs(1800);
        assert_eq!(text(&recent.clients(end)), r#"{"WebTorrent":{"2.8":1}}"#);
        recent.add(end, &counts(&[]));
        assert_eq!(recent.slots.len(), 2, "the first one is forgotten");
    }

    #[test]
    fn there_are_never_more_clients_than_peers_and_their_shares_stay() {
        let counted = || {
            let versions = |counts: &[(&str, u64)]| {
                counts.iter().map(|&(version, count)| (version.to_owned(), count)).collect()
            };
            let rtorrent = ("rTorrent", versions(&[("0.9.8", 1)]));
            let qbittorrent = ("qBittorrent", versions(&[("4.6.5", 5999), ("5.0.0", 4000)]));
            Clients::from([rtorrent, qbittorrent])
        };
        let all = r#"{"qBittorrent":{"4.6.5":5999,"5.0.0":4000},"rTorrent":{"0.9.8":1}}"#;
        let scaled = r#"{"qBittorrent":{"4.6.5":599,"5.0.0":400},"rTorrent":{"0.9.8":1}}"#;
        for (peers, expected) in [(10_001, all), (10_000, all), (1000, scaled), (0, "{}")] {
            assert_eq!(text(&at_most(peers, counted())), expected, "{peers}");
        }
        let flood = [("other", BTreeMap::from([("unknown".to_owned(), u64::MAX)]))];
        assert_eq!(text(&at_most(6011, Clients::from(flood))), r#"{"other":{"unknown":6011}}"#);
    }

    #[test]
    fn a_flood_of_names_is_counted_in_limited_memory() {
        let windows =
            Windows { interval: Duration::from_secs(60), web_rtc_interval: Duration::from_secs(60) };
        let mut recent = RecentClients::new(windows);
        let start = Instant::now();
        for second in 0..120_u32 {
            let names: Vec<String> = (0..300).map(|name| format!("-{:06}-", second * 300 + name)).collect();
            let announces: Vec<_> = names.iter().map(|name| (name.as_str(), SwarmFamily::V4)).collect();
            recent.add(start + Duration::from_secs(second.into()), &counts(&announces));
        }
        assert!(recent.slots.len() <= 13 && recent.slots.iter().all(|slot| slot.counts.len() <= 513));
        let clients = recent.clients(start + Duration::from_secs(119));
        let total: u64 = clients.values().flat_map(BTreeMap::values).sum();
        assert!((55 * 300..=60 * 300).contains(&total), "{total}");
    }

    #[test]
    fn a_flood_of_versions_leaves_those_that_are_frequent() {
        let windows =
            Windows { interval: Duration::from_secs(1800), web_rtc_interval: Duration::from_secs(120) };
        let mut recent = RecentClients::new(windows);
        let start = Instant::now();
        for second in 0..600 {
            let versions: Vec<String> =
                (0..100).map(|number| format!("-qB{:04}-", (second * 100 + number) % 10_000)).collect();
            let invented = versions.iter().map(|version| (version.as_str(), SwarmFamily::V4));
            let announces: Vec<_> = invented.chain([("-TR4060-", SwarmFamily::V4); 7]).collect();
            recent.add(start + Duration::from_secs(second), &counts(&announces));
        }
        let kept: HashSet<_> = recent.slots.iter().flat_map(|slot| slot.counts.keys()).collect();
        assert!(recent.slots.len() == 60 && kept.len() <= 2 * 513, "{}", kept.len());
        let clients = recent.clients(start + Duration::from_secs(599));
        let shown = clients.values().map(BTreeMap::len).sum::<usize>();
        assert!(shown <= CLIENT_VERSIONS_MAX + clients.len(), "{shown}");
        let of = |name: &str| clients[name].values().sum::<u64>();
        assert_eq!(clients["Transmission"]["4.0.6"], 600 * 7);
        assert_eq!(of("qBittorrent") + of("other"), 600 * 100);
        assert!(clients["qBittorrent"]["other"] > 0, "{:?}", clients["qBittorrent"]);
    }
}
