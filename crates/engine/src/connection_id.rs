use core::fmt;
use core::hash::Hasher as _;
use core::net::IpAddr;
use core::ops::Range;
use primitives::ConnectionEpoch;
use siphasher::sip::SipHasher24;
use thiserror::Error;
use udp_protocol::ConnectionId;

/// The secret of connection ids. Trackers with the same key, lifetime and time accept each other's ids.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ConnectionIdKey(pub [u8; ConnectionIdKey::BYTES]);

impl ConnectionIdKey {
    /// Bytes of a key.
    pub const BYTES: usize = 16;
}

impl fmt::Debug for ConnectionIdKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ConnectionIdKey(secret)")
    }
}

/// Issues and checks connection ids without storing any (BEP 15 requires only that a client cannot guess one).
///
/// Time is divided into epochs of one lifetime. An id is the lowest byte of its epoch and 56 bits of HalfSipHash-2-4 over
/// the epoch and the client's address ([`ConnectionEpoch`]), with a key of the epoch. It is accepted in its own epoch and the next, that is, for one
/// to two lifetimes. It is also accepted in the epoch before, for nodes that share a key but whose clocks differ slightly.
#[derive(Clone)]
pub struct ConnectionIds {
    key: ConnectionIdKey,
    lifetime_s: u64,
    current: Current,
    /// The last two, the latest one first.
    earlier: [Option<EarlierLifetime>; 2],
}

/// The epochs whose ids are accepted at a time, prepared because nearly every id is of one of them.
#[derive(Debug, Clone)]
struct Current {
    /// Of this one.
    number: u64,
    seconds: Range<u64>,
    /// The next one, this one and the one before.
    accepted: [ConnectionEpoch; 3],
}

/// A lifetime that was replaced. The ids of its epochs are accepted for as long as clients may have them.
#[derive(Debug, Clone, Copy)]
struct EarlierLifetime {
    lifetime_s: u64,
    until_unix_s: u64,
}

/// Why a connection id is not accepted. The texts are so short that an error is no longer than the shortest request
/// that it answers, a scrape of one torrent, so that forged sources gain no amplification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ConnectionIdError {
    /// The id was issued to this address, but too long ago.
    #[error("connection id expired")]
    Expired,
    /// The id was not issued to this address, or not by a tracker with this key.
    #[error("connection id mismatch")]
    Wrong,
}

impl ConnectionIds {
    /// Returns an issuer of ids that are accepted for one to two times `lifetime_s`.
    ///
    /// # Panics
    /// When the lifetime is 0.
    #[must_use]
    pub fn new(key: ConnectionIdKey, lifetime_s: u32) -> Self {
        assert!(lifetime_s > 0, "lifetime_s");
        let lifetime_s = u64::from(lifetime_s);
        Self { key, lifetime_s, current: Current::of(key, lifetime_s, 0), earlier: [None; 2] }
    }

    /// Prepares what is the same for all ids at this time, which makes issuing and checking them faster.
    pub fn prepare(&mut self, unix_s: u64) {
        if !self.current.seconds.contains(&unix_s) {
            self.current = Current::of(self.key, self.lifetime_s, unix_s);
        }
    }

    /// Replaces the lifetime. Ids that were issued with it or the one before stay valid for as long as they would have been.
    ///
    /// # Panics
    /// When the lifetime is 0.
    pub fn use_lifetime(&mut self, unix_s: u64, lifetime_s: u32) {
        assert!(lifetime_s > 0, "lifetime_s");
        let old_s = core::mem::replace(&mut self.lifetime_s, u64::from(lifetime_s));
        if old_s != self.lifetime_s {
            let old = EarlierLifetime { lifetime_s: old_s, until_unix_s: unix_s + 2 * old_s };
            self.earlier = [Some(old), self.earlier[0]];
            self.current = Current::of(self.key, self.lifetime_s, unix_s);
        }
    }

    /// Returns the id for a client at `ip`.
    #[must_use]
    pub fn issue(&self, unix_s: u64, ip: IpAddr) -> ConnectionId {
        let [_, this, _] = &self.current.accepted;
        let is_current = self.current.seconds.contains(&unix_s);
        ConnectionId(if is_current { *this } else { epoch(self.key, unix_s / self.lifetime_s) }.id_of(ip))
    }

    /// Checks whether the client at `ip` may use `id`.
    ///
    /// # Errors
    /// When the id has expired or is not the client's.
    pub fn check(&self, unix_s: u64, ip: IpAddr, id: ConnectionId) -> Result<(), ConnectionIdError> {
        let is_current = self.current.seconds.contains(&unix_s);
        let number = if is_current { self.current.number } else { unix_s / self.lifetime_s };
        let checked = self.check_in_epoch(number, ip, id);
        if checked.is_ok() || self.earlier[0].is_none() {
            return checked;
        }
        let still_used = self.earlier.iter().flatten().filter(|earlier| unix_s < earlier.until_unix_s);
        still_used.fold(checked, |checked, earlier| {
            checked
                .or_else(|error| self.check_in_epoch(unix_s / earlier.lifetime_s, ip, id).map_err(|_| error))
        })
    }

    fn check_in_epoch(&self, number: u64, ip: IpAddr, id: ConnectionId) -> Result<(), ConnectionIdError> {
        // The id's epoch is the latest one with this lowest byte, up to the next epoch.
        let [low_byte, ..] = id.0;
        let newest = number.wrapping_add(1);
        let age = newest.to_le_bytes()[0].wrapping_sub(low_byte);
        let expected = match self.current.accepted.get(usize::from(age)) {
            Some(epoch) if number == self.current.number => epoch.id_of(ip),
            _ => epoch(self.key, newest.wrapping_sub(u64::from(age))).id_of(ip),
        };
        if expected != id.0 {
            return Err(ConnectionIdError::Wrong);
        }
        // 0: the next epoch, 1: this one, 2: the one before.
        if age <= 2 { Ok(()) } else { Err(ConnectionIdError::Expired) }
    }

    /// Returns the epochs whose ids are accepted, unless those of an earlier lifetime are accepted too.
    #[must_use]
    pub fn accepted_epochs(&self, unix_s: u64) -> Option<[ConnectionEpoch; 3]> {
        if self.earlier.iter().flatten().any(|earlier| unix_s < earlier.until_unix_s) {
            return None;
        }
        Some(Current::of(self.key, self.lifetime_s, unix_s).accepted)
    }
}

impl Current {
    fn of(key: ConnectionIdKey, lifetime_s: u64, unix_s: u64) -> Self {
        let number = unix_s / lifetime_s;
        let begins_s = number * lifetime_s;
        let numbers = [number.wrapping_add(1), number, number.wrapping_sub(1)];
        Self {
            number,
            seconds: begins_s..begins_s.saturating_add(lifetime_s),
            accepted: numbers.map(|number| epoch(key, number)),
        }
    }
}

/// Returns an epoch. Its lowest 32 bits are hashed: they are all that it has for centuries.
fn epoch(key: ConnectionIdKey, number: u64) -> ConnectionEpoch {
    let [a, b, c, d, ..] = number.to_le_bytes();
    ConnectionEpoch::new(epoch_key(key, number), u32::from_le_bytes([a, b, c, d]))
}

/// Returns the key of `HalfSipHash` in an epoch: SipHash-2-4 of the epoch, with the secret as its key. It is shorter than the
/// secret, and whoever finds it has it for the lifetime of its ids only.
fn epoch_key(key: ConnectionIdKey, number: u64) -> [u32; 2] {
    let mut hasher = SipHasher24::new_with_key(&key.0);
    hasher.write(&number.to_le_bytes());
    let [a, b, c, d, e, f, g, h] = hasher.finish().to_le_bytes();
    [[a, b, c, d], [e, f, g, h]].map(u32::from_le_bytes)
}

impl fmt::Debug for ConnectionIds {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ConnectionIds")
            .field("lifetime_s", &self.lifetime_s)
            .field("earlier", &self.earlier)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use primitives::InfoHash;
    use udp_protocol::{AnnounceRequest, ConnectRequest, ScrapeRequest, TransactionId};
    use zerocopy::IntoBytes as _;

    const CLIENT: IpAddr = IpAddr::V4(core::net::Ipv4Addr::new(192, 0, 2, 7));

    fn ids(key: u8) -> ConnectionIds {
        ConnectionIds::new(ConnectionIdKey([key; 16]), 120)
    }

    #[test]
    fn an_id_is_accepted_for_one_lifetime_at_least_and_two_at_most() {
        for issued_at in [1_800_000_000, 1_800_000_119, 1_800_000_120, 1_800_000_077] {
            let id = ids(1).issue(issued_at, CLIENT);
            for later in 0..=120 {
                assert_eq!(ids(1).check(issued_at + later, CLIENT, id), Ok(()));
            }
            for later in 240..1000 {
                let expired = Err(ConnectionIdError::Expired);
                assert_eq!(ids(1).check(issued_at + later, CLIENT, id), expired);
            }
        }
    }

    #[test]
    fn an_id_outlives_two_changes_of_the_lifetime_and_does_not_live_longer() {
        let start = 1_800_000_000;
        for lifetime_s in [1, 7, 3600] {
            let mut ids = ids(1);
            let id = ids.issue(start, CLIENT);
            ids.use_lifetime(start, lifetime_s + 1);
            ids.use_lifetime(start, lifetime_s);
            for (ago_s, is_accepted) in [(0, true), (119, true), (239, true), (240, false), (1000, false)] {
                assert_eq!(
                    ids.check(start + ago_s, CLIENT, id).is_ok(),
                    is_accepted,
                    "{lifetime_s}: {ago_s}"
                );
            }
            let id = ids.issue(start + 10, CLIENT);
            assert_eq!(ids.check(start + 10, CLIENT, id), Ok(()));
            assert_eq!(
                ids.check(start + 10, "192.0.2.8".parse().unwrap(), id),
                Err(ConnectionIdError::Wrong)
            );
        }
    }

    #[test]
    fn prepared_ids_are_the_same() {
        let start = 1_800_000_000;
        let (plain, mut prepared) = (ids(1), ids(1));
        for unix_s in (start..start + 1000).step_by(20) {
            prepared.prepare(unix_s);
            for at in [unix_s, unix_s + 130, unix_s - 130] {
                let id = plain.issue(at, CLIENT);
                assert_eq!(prepared.issue(at, CLIENT), id);
                for now in [unix_s, at] {
                    assert_eq!(prepared.check(now, CLIENT, id), plain.check(now, CLIENT, id));
                }
            }
        }
    }

    #[test]
    fn the_accepted_epochs_have_the_accepted_ids_once_no_earlier_lifetime_has() {
        let start = 1_800_000_000;
        let mut ids = ids(1);
        let accepted = ids.accepted_epochs(start).unwrap();
        for issued_at in (start - 600..start + 600).step_by(30) {
            let id = ids.issue(issued_at, CLIENT);
            let is_accepted = accepted.iter().any(|epoch| epoch.id_of(CLIENT) == id.0);
            assert_eq!(is_accepted, ids.check(start, CLIENT, id).is_ok(), "{issued_at}");
        }
        ids.use_lifetime(start, 60);
        assert_eq!(ids.accepted_epochs(start + 239), None);
        assert!(ids.accepted_epochs(start + 240).is_some());
    }

    #[test]
    fn a_node_whose_clock_is_slightly_slow_accepts_the_ids_of_other_nodes() {
        let id = ids(1).issue(1_800_000_120, CLIENT);
        assert_eq!(ids(1).check(1_800_000_119, CLIENT, id), Ok(()));
    }

    #[test]
    fn an_id_of_another_address_or_key_is_wrong() {
        let id = ids(1).issue(1_800_000_000, CLIENT);
        let wrong = Err(ConnectionIdError::Wrong);
        assert_eq!(ids(1).check(1_800_000_000, "192.0.2.8".parse().unwrap(), id), wrong);
        assert_eq!(ids(2).check(1_800_000_000, CLIENT, id), wrong);
        assert_eq!(ids(1).check(1_800_000_000, "::ffff:192.0.2.7".parse().unwrap(), id), Ok(()));
    }

    #[test]
    fn the_kernels_filter_reads_the_fields_of_requests_where_they_are() {
        use core::mem::offset_of;
        use primitives::datagram_layout as layout;
        let word =
            |request: &[u8], at: u32| u32::from_be_bytes(*request[at as usize..].first_chunk().unwrap());
        let (id, transaction, hash) =
            (ConnectionId([0xff; 8]), TransactionId([0xff; 4]), InfoHash([0xa5; 20]));
        let connect = ConnectRequest::new(transaction);
        let announce = AnnounceRequest::new(id, transaction, hash);
        let scrape = ScrapeRequest::new(id, transaction);
        for (request, action) in [
            (connect.as_bytes(), layout::CONNECT),
            (announce.as_bytes(), layout::ANNOUNCE),
            (scrape.as_bytes(), layout::SCRAPE),
        ] {
            assert_eq!(word(request, layout::ACTION_AT), action);
        }
        let id_at = layout::CONNECTION_ID_AT;
        assert_eq!([id_at, id_at + 4].map(|at| word(connect.as_bytes(), at)), layout::PROTOCOL_ID);
        assert_eq!(layout::REQUEST_BYTES_MIN as usize, size_of::<ConnectRequest>());
        for (at, expected) in [
            (offset_of!(AnnounceRequest, connection_id), layout::CONNECTION_ID_AT),
            (offset_of!(ScrapeRequest, connection_id), layout::CONNECTION_ID_AT),
            (offset_of!(AnnounceRequest, info_hash), layout::INFO_HASH_AT),
            (size_of::<ScrapeRequest>(), layout::INFO_HASH_AT),
            (size_of::<ScrapeRequest>() + size_of::<InfoHash>(), layout::HASHED_BYTES_MIN),
        ] {
            assert_eq!(at, expected as usize);
        }
    }

    #[test]
    fn each_epoch_has_a_key_of_its_own() {
        let [first, second] = [1, 2].map(|number| epoch_key(ConnectionIdKey([1; 16]), number));
        assert_ne!(first, second);
        let epoch_with = |key| ConnectionEpoch::new(key, 2).id_of(CLIENT);
        assert_eq!(epoch(ConnectionIdKey([1; 16]), 2).id_of(CLIENT), epoch_with(second));
        assert_ne!(epoch_with(first), epoch_with(second));
    }

    #[test]
    fn an_id_with_any_changed_bit_is_refused() {
        let id = ids(1).issue(1_800_000_000, CLIENT);
        for bit in 0..64 {
            let mut changed = id;
            changed.0[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(ids(1).check(1_800_000_000, CLIENT, changed), Err(ConnectionIdError::Wrong));
        }
    }
}
