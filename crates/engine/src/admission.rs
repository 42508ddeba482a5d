use crate::connection_id::ConnectionIdError;
use crate::limits::REFUSED_REQUESTS_MAX;
use crate::now::Now;
use crate::refusal::Refusal;
use crate::shard::{AdmittedClient, Shard};
use access::UserAdmission;
use core::net::IpAddr;
use guard::{Class, Source};
use primitives::{KeyId, KeyInPath, PeerAddress, PeerId};

/// A source whose network is not banned, that has proved its address, and that was within its limit of requests.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AdmittedSource(());

/// The requests of a connection, in a row, whose source was not admitted.
#[derive(Debug)]
pub(crate) struct RefusedRequests(u32);

impl RefusedRequests {
    pub(crate) const NONE: Self = Self(0);

    /// Counts a request.
    pub(crate) fn note(&mut self, admitted: Result<AdmittedSource, Refusal>) {
        self.0 = if admitted.is_ok() { 0 } else { self.0 + 1 };
    }

    /// Returns whether the connection is to be closed.
    pub(crate) const fn are_too_many(&self) -> bool {
        self.0 >= REFUSED_REQUESTS_MAX
    }
}

/// Checks network, proof of the address and limit of a source, in the same order for every protocol. The proof is asked for
/// at most once, after the network has passed.
pub(crate) fn admit_source(
    shard: &mut Shard,
    now: Now,
    source: Source,
    proof: impl FnOnce() -> Result<(), ConnectionIdError>,
) -> Result<AdmittedSource, Refusal> {
    shard.access.network(source.ip())?;
    proof()?;
    shard.guard.admit(now.monotonic_ms, Class::Requests, source)?;
    Ok(AdmittedSource(()))
}

/// Decides whether a client is served, in the same order for every protocol: its software, its key, and whether other peers
/// can reach it. The owner of the torrent checks last whether the torrent is served, in `Shard::announce`.
///
/// There is one only for a client whose source is admitted.
pub(crate) struct Admission<'a> {
    shard: &'a Shard,
    now: Now,
}

/// What a protocol knows about a client.
pub(crate) struct Credentials<'a, K> {
    /// Present in announces.
    pub(crate) peer_id: Option<&'a PeerId>,
    /// Returns the key that came with the request, where keys are required and the request has a place for one. Called at
    /// most once, after the software has passed.
    pub(crate) key: K,
}

impl<'a> Admission<'a> {
    /// Returns the admission of a client.
    pub(crate) const fn of(shard: &'a Shard, now: Now, _: AdmittedSource) -> Self {
        Self { shard, now }
    }

    /// Checks software and key, and returns the number of the key where keys are required.
    pub(crate) fn check<K>(&self, credentials: Credentials<'_, K>) -> Result<Option<KeyId>, Refusal>
    where
        K: FnOnce(UserAdmission) -> Result<KeyInPath, Refusal>,
    {
        let Credentials { peer_id, key } = credentials;
        let access = &self.shard.access;
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
    pub(crate) fn check_announce<K>(
        &self,
        credentials: Credentials<'_, K>,
        ip: IpAddr,
        port: u16,
    ) -> Result<AdmittedClient, Refusal>
    where
        K: FnOnce(UserAdmission) -> Result<KeyInPath, Refusal>,
    {
        let key = self.check(credentials)?;
        Ok(AdmittedClient { address: PeerAddress::new(ip, port)?, key })
    }
}
