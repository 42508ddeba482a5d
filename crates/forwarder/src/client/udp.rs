//! The client of UDP trackers (BEP 15, with the URL data of BEP 41).

#[cfg(test)]
mod tests;

use super::ClientContext;
use crate::announce::{UpstreamAnnounce, UpstreamAnswer};
use crate::forwarder::lock;
use crate::limits::FAMILY_RETRY_AFTER;
use crate::upstream::Upstream;
use ::client::udp::{UdpAnswer, UdpSession};
use ::client::{FAMILY_PATIENCE, Families, TrackerError, TrackerUrl, first_and_soon, udp_options};
use primitives::{ExternalCounts, PeerAddress};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;
use udp_protocol::AnnounceRequest;

/// Announces to one UDP tracker, over both families if its name has addresses of both.
#[derive(Debug)]
pub(crate) struct UdpClient {
    context: Arc<ClientContext>,
    pub(super) uri: TrackerUrl,
    announced_ip: Option<IpAddr>,
    v4: FamilyClient,
    v6: FamilyClient,
}

/// Announces to the tracker's addresses of one family.
#[derive(Debug, Default)]
struct FamilyClient {
    state: Mutex<FamilyState>,
}

#[derive(Debug, Default)]
struct FamilyState {
    /// The session with one of the addresses. It is replaced after an announce that had no response, because that address, or the
    /// own one that the socket has, may be out of use.
    session: Option<Arc<UdpSession>>,
    /// When the last announce ended, if it had no response.
    failed: Option<Instant>,
}

impl UdpClient {
    pub(super) fn new(context: &Arc<ClientContext>, upstream: &Upstream) -> Self {
        Self {
            context: Arc::clone(context),
            uri: upstream.uri.clone(),
            announced_ip: upstream.announced_ip,
            v4: FamilyClient::default(),
            v6: FamilyClient::default(),
        }
    }

    pub(super) async fn announce(&self, announce: &UpstreamAnnounce) -> Result<UpstreamAnswer, TrackerError> {
        let url = self.uri.url();
        let (host, port) = (url.host_str().unwrap_or_default(), url.port().unwrap_or_default());
        let addresses = self.context.resolver.addresses(host, port, Families::Both, FAMILY_PATIENCE).await?;
        self.announce_to(addresses, announce).await
    }

    async fn announce_to(
        &self,
        addresses: Vec<SocketAddr>,
        announce: &UpstreamAnnounce,
    ) -> Result<UpstreamAnswer, TrackerError> {
        let (v4, v6): (Vec<_>, Vec<_>) = addresses.into_iter().partition(SocketAddr::is_ipv4);
        let request = self.context.announce(announce, self.announced_ip).udp_request();
        let options = &udp_options(self.uri.url());
        let after = self.context.retransmit_after;
        let has_both = !v4.is_empty() && !v6.is_empty();
        let announces = [(&self.v4, &self.v6, v4), (&self.v6, &self.v4, v6)]
            .into_iter()
            .filter(|(_, _, addresses)| !addresses.is_empty())
            .filter(|(family, other, _)| !(has_both && family.gives_way_to(other)))
            .map(|(family, _, addresses)| async move {
                family.announce(&addresses, after, request, options).await
            });
        let heard = first_and_soon(announces.collect(), after).await?;
        Ok(self.merge(announce, &heard))
    }

    /// Joins the answers of both families. The same peers may count in both, so that the larger counts hold.
    fn merge(&self, announce: &UpstreamAnnounce, heard: &[(IpAddr, UdpAnswer)]) -> UpstreamAnswer {
        let own_ips = heard.iter().map(|(own_ip, _)| *own_ip);
        let mut collector = self.context.collector(announce, self.announced_ip, own_ips);
        let peers = heard.iter().flat_map(|(_, heard)| &heard.peers);
        peers
            .filter_map(|peer| PeerAddress::new(peer.ip(), peer.port()).ok())
            .for_each(|peer| collector.add(peer));
        let most = |count: fn(&UdpAnswer) -> u32| {
            heard.iter().map(|(_, heard)| count(heard)).max().unwrap_or_default()
        };
        let counts =
            ExternalCounts { seeders: most(|heard| heard.seeders), leechers: most(|heard| heard.leechers) };
        collector.answer(Some(most(|heard| heard.interval_s)), counts)
    }
}

impl FamilyClient {
    /// Returns whether this family failed lately and the other did not, so that waiting for this one is in vain.
    fn gives_way_to(&self, other: &Self) -> bool {
        let failed = lock(&self.state).failed;
        failed.is_some_and(|failed| failed.elapsed() < FAMILY_RETRY_AFTER)
            && lock(&other.state).failed.is_none()
    }

    /// Returns the own address and what the tracker said.
    async fn announce(
        &self,
        addresses: &[SocketAddr],
        retransmit_after: Duration,
        request: AnnounceRequest,
        options: &[u8],
    ) -> Result<(IpAddr, UdpAnswer), TrackerError> {
        let session = self.session(addresses, retransmit_after)?;
        let mut attempt = Attempt { family: self, session: &session, has_response: false };
        let outcome = session.announce(request, options).await;
        attempt.has_response = !matches!(outcome, Err(TrackerError::Connection(_)));
        outcome.map(|heard| (session.own_ip, heard))
    }

    fn session(
        &self,
        addresses: &[SocketAddr],
        retransmit_after: Duration,
    ) -> Result<Arc<UdpSession>, TrackerError> {
        let mut state = lock(&self.state);
        if let Some(session) = state.session.as_ref().filter(|session| addresses.contains(&session.address)) {
            return Ok(Arc::clone(session));
        }
        let address = fastrand::choice(addresses).copied();
        let address = address.ok_or_else(|| TrackerError::Name("the name has no addresses".to_owned()))?;
        let session = UdpSession::open(address, retransmit_after).map_err(|error| {
            state.failed = Some(Instant::now());
            TrackerError::Connection(error.to_string())
        })?;
        Ok(Arc::clone(state.session.insert(Arc::new(session))))
    }
}

/// An announce under way. It is dropped without a response if it took too long.
struct Attempt<'a> {
    family: &'a FamilyClient,
    session: &'a Arc<UdpSession>,
    has_response: bool,
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        let mut state = lock(&self.family.state);
        state.failed = (!self.has_response).then(Instant::now);
        if !self.has_response {
            state.session.take_if(|current| Arc::ptr_eq(current, self.session));
        }
    }
}
