use crate::{HalfSipHash, canonical_ip};
use core::net::IpAddr;

/// The connection ids of one epoch: which id belongs to which address (BEP 15 requires only that a client cannot guess one).
///
/// The message that is hashed is the epoch and the address, in big-endian words. An id is the lowest byte of the epoch, 24
/// bits of the second word of the hash, and the first word of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionEpoch {
    low_byte: u8,
    /// After the epoch.
    hash: HalfSipHash,
}

impl ConnectionEpoch {
    /// Offset of the first word of the hash in an id.
    pub const FIRST_WORD_AT: u32 = 4;

    /// Prepares the ids of an epoch.
    #[must_use]
    pub const fn new(key: [u32; 2], epoch: u32) -> Self {
        let [low_byte, ..] = epoch.to_le_bytes();
        Self { low_byte, hash: HalfSipHash::new(key).absorb(epoch) }
    }

    /// Returns the first byte of the ids.
    #[must_use]
    pub const fn low_byte(&self) -> u8 {
        self.low_byte
    }

    /// Returns the hash after the epoch. The words of an address follow.
    #[must_use]
    pub const fn hash(&self) -> HalfSipHash {
        self.hash
    }

    /// Returns the id of a client at `ip`. That of an IPv4-mapped address is that of the IPv4 address.
    #[must_use]
    pub fn id_of(&self, ip: IpAddr) -> [u8; 8] {
        let [first, second] = match canonical_ip(ip) {
            IpAddr::V4(v4) => self.hash.absorb(v4.to_bits()).finish(2),
            IpAddr::V6(v6) => words(v6.to_bits()).into_iter().fold(self.hash, HalfSipHash::absorb).finish(5),
        };
        let [_, a, b, c] = second.to_be_bytes();
        let [d, e, f, g] = first.to_be_bytes();
        [self.low_byte, a, b, c, d, e, f, g]
    }
}

fn words(address: u128) -> [u32; 4] {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = address.to_be_bytes();
    [[a, b, c, d], [e, f, g, h], [i, j, k, l], [m, n, o, p]].map(u32::from_be_bytes)
}
