use crate::connection_id::ConnectionIdError;
use crate::now::Now;
use crate::refusal::Refusal;
use crate::shard::{AdmittedClient, Shard};
use access::UserAdmission;
use core::net::IpAddr;
use primitives::{KeyId, KeyInPath, PeerAddress, PeerId};

/// Decides whether a client is served, in the same order for every protocol: its network, the proof of its address, its
/// software, its key, and whether other peers can reach it. The owner of the torrent checks last whether the torrent is
/// served, in `Shard::announce`.
///
/// There is one only for a client whose network is admitted.
pub(crate) struct Admission<'a> {
    shard: &'a Shard,
    now: Now,
}

/// What a protocol knows about a client. Each closure is called at most once, after the checks before it have passed.
pub(crate) struct Credentials<'a, P, K> {
    /// Whether the client has proved that the source is its own address.
    pub(crate) proof: P,
    /// Present in announces.
    pub(crate) peer_id: Option<&'a PeerId>,
    /// The key that came with the request, where keys are required and the request has a place for one.
    pub(crate) key: K,
}

impl<'a> Admission<'a> {
    /// Checks the network of a client.
    pub(crate) fn of_source(shard: &'a Shard, now: Now, source: IpAddr) -> Result<Self, Refusal> {
        shard.access.network(source)?;
        Ok(Self { shard, now })
    }

    /// Checks address, software and key, and returns the number of the key where keys are required.
    pub(crate) fn check<P, K>(&self, credentials: Credentials<'_, P, K>) -> Result<Option<KeyId>, Refusal>
    where
        P: FnOnce() -> Result<(), ConnectionIdError>,
        K: FnOnce(UserAdmission) -> Result<KeyInPath, Refusal>,
    {
        let Credentials { proof, peer_id, key } = credentials;
        let access = &self.shard.access;
        proof()?;
        if let Some(peer_id) = peer_id {
            access.client(peer_id)?;
        }
        let key = match key(access.policy().users)? {
            KeyInPath::Malformed => return Err(Refusal::MalformedKey),
            KeyInPath::Absent => None,
            KeyInPath::Present(key) => Some(key),
        };
        Ok(access.key(self.now.unix_s, key.as_ref())?)
    }

    /// The same for a client that announces itself at an address.
    pub(crate) fn check_announce<P, K>(
        &self,
        credentials: Credentials<'_, P, K>,
        ip: IpAddr,
        port: u16,
    ) -> Result<AdmittedClient, Refusal>
    where
        P: FnOnce() -> Result<(), ConnectionIdError>,
        K: FnOnce(UserAdmission) -> Result<KeyInPath, Refusal>,
    {
        let key = self.check(credentials)?;
        Ok(AdmittedClient { address: PeerAddress::new(ip, port)?, key })
    }
}
