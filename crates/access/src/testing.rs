use crate::{
    Access, AccessBounds, AccessPolicy, AccountBounds, CompletedCounts, DetailsBounds, DetailsKept,
    RegisterBounds, TableSeed, TorrentAdmission, UserAdmission,
};
use primitives::{AuthenticationKey, InfoHash};

pub(crate) const BOUNDS: AccessBounds = AccessBounds {
    register: RegisterBounds { entries_max: 1_000_000, counted_max: 500_000 },
    keys_max: 1000,
    accounts: AccountBounds { sessions_max: 1000, changed_max: 1000, lifetime_s: 60 },
    details: DetailsBounds { peers_max: 1000, lifetime_s: 60 },
};

pub(crate) const fn policy(users: UserAdmission, torrents: TorrentAdmission) -> AccessPolicy {
    AccessPolicy { users, torrents, completed: CompletedCounts::Forgotten, details: DetailsKept::Dropped }
}

pub(crate) fn access(policy: AccessPolicy) -> Access {
    Access::new(policy, &BOUNDS, TableSeed(0x5eed))
}

/// A key for each number.
pub(crate) fn key(number: u32) -> AuthenticationKey {
    AuthenticationKey::parse(format!("{number:032}").as_bytes()).unwrap()
}

/// An info hash for each number, in another order than the numbers.
pub(crate) fn hash(number: u32) -> InfoHash {
    let mut bytes = [0; InfoHash::BYTES];
    bytes[..4].copy_from_slice(&number.wrapping_mul(0x9e37_79b1).to_be_bytes());
    bytes[16..].copy_from_slice(&number.to_be_bytes());
    InfoHash(bytes)
}
