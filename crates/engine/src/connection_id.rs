use core::fmt;
use core::net::IpAddr;
use primitives::canonical_ip;
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
/// Time is divided into epochs of one lifetime. An id is the lowest byte of its epoch and 56 bits of SipHash-2-4 over
/// the client's address and the epoch. It is accepted in its own epoch and the next, that is, for one to two lifetimes.
/// It is also accepted in the epoch before, for nodes that share a key but whose clocks differ slightly.
#[derive(Debug, Clone)]
pub struct ConnectionIds {
    key: ConnectionIdKey,
    lifetime_s: u64,
    /// The last two, the latest one first.
    earlier: [Option<EarlierLifetime>; 2],
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
        Self { key, lifetime_s: u64::from(lifetime_s), earlier: [None; 2] }
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
        }
    }

    /// Returns the id for a client at `ip`.
    #[must_use]
    pub fn issue(&self, unix_s: u64, ip: IpAddr) -> ConnectionId {
        self.of_epoch(unix_s / self.lifetime_s, ip)
    }

    /// Checks whether the client at `ip` may use `id`.
    ///
    /// # Errors
    /// When the id has expired or is not the client's.
    pub fn check(&self, unix_s: u64, ip: IpAddr, id: ConnectionId) -> Result<(), ConnectionIdError> {
        let checked = self.check_in_epoch(unix_s / self.lifetime_s, ip, id);
        let still_used = self.earlier.iter().flatten().filter(|earlier| unix_s < earlier.until_unix_s);
        still_used.fold(checked, |checked, earlier| {
            checked
                .or_else(|error| self.check_in_epoch(unix_s / earlier.lifetime_s, ip, id).map_err(|_| error))
        })
    }

    fn check_in_epoch(&self, epoch: u64, ip: IpAddr, id: ConnectionId) -> Result<(), ConnectionIdError> {
        // The id's epoch is the latest one with this lowest byte, up to the next epoch.
        let [low_byte, ..] = id.0;
        let newest = epoch.wrapping_add(1);
        let age = newest.to_le_bytes()[0].wrapping_sub(low_byte);
        if self.of_epoch(newest.wrapping_sub(u64::from(age)), ip) != id {
            return Err(ConnectionIdError::Wrong);
        }
        // 0: the next epoch, 1: this one, 2: the one before.
        if age <= 2 { Ok(()) } else { Err(ConnectionIdError::Expired) }
    }

    fn of_epoch(&self, epoch: u64, ip: IpAddr) -> ConnectionId {
        let hasher = SipHasher24::new_with_key(&self.key.0);
        let epoch = epoch.to_le_bytes();
        // Hashed as one slice of fixed length: feeding several slices costs more than the hashing itself.
        let hash = match canonical_ip(ip) {
            IpAddr::V4(v4) => hasher.hash(&joined::<12>(epoch, &v4.octets())),
            IpAddr::V6(v6) => hasher.hash(&joined::<24>(epoch, &v6.octets())),
        };
        let mut id = hash.to_le_bytes();
        id[0] = epoch[0];
        ConnectionId(id)
    }
}

fn joined<const BYTES: usize>(epoch: [u8; 8], address: &[u8]) -> [u8; BYTES] {
    let mut bytes = [0; BYTES];
    bytes[..8].copy_from_slice(&epoch);
    bytes[8..].copy_from_slice(address);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn an_id_with_any_changed_bit_is_refused() {
        let id = ids(1).issue(1_800_000_000, CLIENT);
        for bit in 0..64 {
            let mut changed = id;
            changed.0[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(ids(1).check(1_800_000_000, CLIENT, changed), Err(ConnectionIdError::Wrong));
        }
    }
}
