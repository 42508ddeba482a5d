use crate::{ClientTag, SwarmFamily};

/// Clients that a core counts one by one, in 8 KiB. Even a large tracker has fewer that matter: a few dozen programs
/// in a few versions each.
const PLACES: usize = 512;

/// Places that a client may have, so that counting takes a limited time however full the table is.
const PLACES_PER_CLIENT: usize = 8;

/// What is counted apart: a client software, and whether its peers are reached over WebRTC, since those announce more
/// often.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CountedClient {
    pub tag: ClientTag,
    pub is_web_rtc: bool,
}

/// How many announces came from which client software, in a table of fixed size. It keeps no peer id. When the places
/// of a client are taken, it replaces the rarest one there, so that a flood of invented names does not displace common
/// ones.
#[derive(Debug)]
pub struct ClientCounts {
    places: [Place; PLACES],
    /// Announces of clients that are unknown or were replaced: those over addresses, then those over WebRTC.
    others: [u64; 2],
}

#[derive(Debug, Clone, Copy)]
struct Place {
    client: CountedClient,
    /// 0 if the place is free.
    count: u32,
}

impl Default for ClientCounts {
    fn default() -> Self {
        let client = CountedClient { tag: ClientTag::UNKNOWN, is_web_rtc: false };
        Self { places: [Place { client, count: 0 }; PLACES], others: [0; 2] }
    }
}

impl CountedClient {
    /// Returns the client with this tag that announced to a swarm of this family.
    pub fn new(tag: ClientTag, family: SwarmFamily) -> Self {
        Self { tag, is_web_rtc: family == SwarmFamily::WebRtc }
    }

    /// Returns the number of its first place.
    #[expect(clippy::cast_possible_truncation, reason = "it is less than the number of places")]
    fn home(self) -> usize {
        // Fibonacci hashing: the upper bits of the product depend on all bits of the tag.
        let hash = (self.tag.as_u64() ^ u64::from(self.is_web_rtc)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (hash >> (u64::BITS - PLACES.ilog2())) as usize
    }
}

impl ClientCounts {
    /// Counts an announce.
    pub fn count(&mut self, client: CountedClient) {
        if client.tag == ClientTag::UNKNOWN {
            self.others[usize::from(client.is_web_rtc)] += 1;
            return;
        }
        let home = client.home();
        let mut rarest = home;
        for index in (home..home + PLACES_PER_CLIENT).map(|index| index % PLACES) {
            let place = &mut self.places[index];
            if place.count == 0 || place.client == client {
                *place = Place { client, count: place.count.saturating_add(1) };
                return;
            }
            if place.count < self.places[rarest].count {
                rarest = index;
            }
        }
        let Place { client: replaced, count } = self.places[rarest];
        self.others[usize::from(replaced.is_web_rtc)] += u64::from(count);
        self.places[rarest] = Place { client, count: 1 };
    }

    /// Returns the clients with the number of their announces. All others together have the tag
    /// [`ClientTag::UNKNOWN`].
    pub fn iter(&self) -> impl Iterator<Item = (CountedClient, u64)> {
        let counted = self.places.iter().map(|place| (place.client, u64::from(place.count)));
        let others = [false, true].into_iter().zip(self.others);
        let others =
            others.map(|(is_web_rtc, count)| (CountedClient { tag: ClientTag::UNKNOWN, is_web_rtc }, count));
        counted.chain(others).filter(|(_, count)| *count > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PeerId;
    use std::collections::BTreeMap;

    fn client(number: usize, family: SwarmFamily) -> CountedClient {
        let mut peer_id = PeerId([b'x'; PeerId::BYTES]);
        peer_id.0[..8].copy_from_slice(format!("-Q{number:05}-").as_bytes());
        CountedClient::new(ClientTag::of(&peer_id), family)
    }

    fn other(family: SwarmFamily) -> CountedClient {
        CountedClient::new(ClientTag::UNKNOWN, family)
    }

    #[test]
    fn announces_are_counted_by_client_and_kind_of_swarm() {
        let mut counts = ClientCounts::default();
        for family in [SwarmFamily::V4, SwarmFamily::V6, SwarmFamily::WebRtc] {
            (0..50)
                .flat_map(|number| vec![number; number])
                .for_each(|number| counts.count(client(number, family)));
            counts.count(other(family));
        }
        let counted: BTreeMap<_, _> = counts.iter().collect();
        assert_eq!(counted.len(), 2 * 50);
        for number in 1..50 {
            assert_eq!(counted[&client(number, SwarmFamily::V4)], 2 * number as u64);
            assert_eq!(counted[&client(number, SwarmFamily::WebRtc)], number as u64);
        }
        assert_eq!((counted[&other(SwarmFamily::V6)], counted[&other(SwarmFamily::WebRtc)]), (2, 1));
    }

    #[test]
    fn a_flood_of_names_fills_the_table_and_neither_loses_announces_nor_displaces_common_clients() {
        let mut counts = ClientCounts::default();
        let common = client(99_999, SwarmFamily::V4);
        for number in 0..20_000 {
            counts.count(client(number, SwarmFamily::V4));
            if number % 4 == 0 {
                counts.count(common);
            }
        }
        let counted: BTreeMap<_, _> = counts.iter().collect();
        assert_eq!(counted.values().sum::<u64>(), 25_000);
        assert!(counted.len() > 400 && counted.len() <= 513, "{}", counted.len());
        assert!(counted[&common] > 4990, "{}", counted[&common]);
        assert!(counted[&other(SwarmFamily::V4)] > 19_000);
    }
}
