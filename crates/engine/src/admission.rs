//! Whether a client is served, checked in the same order for every protocol: its network, the proof of its address, its
//! software and its key. The owner of the torrent checks last whether the torrent is served, in `Shard::announce`.

use crate::connection_id::ConnectionIdError;
use crate::now::Now;
use crate::refusal::Refusal;
use crate::shard::Shard;
use access::UserAdmission;
use core::net::IpAddr;
use primitives::{KeyId, KeyInPath, PeerId};

/// What a protocol knows about a client. Each closure is called at most once, after the checks before it have passed.
pub(crate) struct Credentials<'a, P, K> {
    /// Whether the client has proved that the source is its own address.
    pub(crate) proof: P,
    /// Present in announces.
    pub(crate) peer_id: Option<&'a PeerId>,
    /// The key that came with the request, where keys are required and the request has a place for one.
    pub(crate) key: K,
}

/// Checks the network of a client.
pub(crate) fn check_source(shard: &Shard, source: IpAddr) -> Result<(), Refusal> {
    Ok(shard.access.network(source)?)
}

/// Checks address, software and key, and returns the number of the key where keys are required.
pub(crate) fn check<P, K>(
    shard: &Shard,
    now: Now,
    credentials: Credentials<'_, P, K>,
) -> Result<Option<KeyId>, Refusal>
where
    P: FnOnce() -> Result<(), ConnectionIdError>,
    K: FnOnce(UserAdmission) -> Result<KeyInPath, Refusal>,
{
    let Credentials { proof, peer_id, key } = credentials;
    let access = &shard.access;
    proof()?;
    if let Some(peer_id) = peer_id {
        access.client(peer_id)?;
    }
    let key = match key(access.policy().users)? {
        KeyInPath::Malformed => return Err(Refusal::MalformedKey),
        KeyInPath::Absent => None,
        KeyInPath::Present(key) => Some(key),
    };
    Ok(access.key(now.unix_s, key.as_ref())?)
}
