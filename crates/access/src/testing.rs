use crate::{
    Access, AccessBounds, AccessPolicy, AccountBounds, CompletedCounts, DetailsBounds, DetailsKept,
    TorrentAdmission, TorrentTableBounds, UserAdmission,
};
use primitives::{AuthenticationKey, InfoHash, TableSeed};

pub(crate) const BOUNDS: AccessBounds = AccessBounds {
    torrent_table: TorrentTableBounds { entries_max: 1_000_000, counted_max: 500_000 },
    keys_max: 1000,
    accounts: AccountBounds { sessions_max: 1000, changed_max: 1000, lifetime_s: 60 },
    details: DetailsBounds { peers_max: 1000, lifetime_s: 60 },
};

pub(crate) const fn policy(users: UserAdmission, torrents: TorrentAdmission) -> AccessPolicy {
    AccessPolicy { users, torrents, completed: CompletedCounts::Forgotten, details: DetailsKept::Dropped }
}

pub(crate) fn access(policy: AccessPolicy) -> Access {
    Access::new(policy, &BOUNDS, TableSeed([7; 16]))
}

pub(crate) fn key(number: u32) -> AuthenticationKey {
    AuthenticationKey::parse(format!("{number:032}").as_bytes()).unwrap()
}

/// Returns an info hash for each number, in another order than the numbers.
pub(crate) fn hash(number: u32) -> InfoHash {
    let mut bytes = [0; InfoHash::BYTES];
    bytes[..4].copy_from_slice(&number.wrapping_mul(0x9e37_79b1).to_be_bytes());
    bytes[16..].copy_from_slice(&number.to_be_bytes());
    InfoHash(bytes)
}

/// Returns 20 different bytes for each number that collide under a hash whose secret the input can cancel: in
/// foldhash with its public constants, each half of the last 16 bytes makes one factor of a product 0.
pub(crate) fn crafted(number: u32) -> [u8; 20] {
    let mut bytes = [0; 20];
    bytes[..4].copy_from_slice(&number.to_ne_bytes());
    bytes[4..].as_chunks_mut::<8>().0.fill(0xc0ac_29b7_c97c_50dd_u64.to_ne_bytes());
    bytes
}
