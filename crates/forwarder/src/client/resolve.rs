//! The addresses of the names of HTTP trackers.

use super::answer::is_allowed;
use crate::forwarder::PrivatePeers;
use ::client::{FAMILY_PATIENCE, Families, Resolver, TrackerError};
use futures_util::future::BoxFuture;
use hyper_util::client::legacy::connect::dns::Name;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::vec;

/// The resolver as the HTTP client uses it. The client sets the port.
#[derive(Debug, Clone)]
pub(super) struct HttpNames {
    pub(super) resolver: Arc<Resolver>,
    /// Which addresses the targets of redirects may have. `None` is for the configured host, which may have any.
    pub(super) redirects: Option<PrivatePeers>,
}

pub(super) const PRIVATE_TARGET: TrackerError =
    TrackerError::Malformed("the announce was redirected to a private address");

impl HttpNames {
    async fn addresses(self, name: Name) -> Result<vec::IntoIter<SocketAddr>, TrackerError> {
        let addresses = self.resolver.addresses(name.as_str(), 0, Families::Both, FAMILY_PATIENCE).await?;
        self.allowed(addresses).map(Vec::into_iter)
    }

    fn allowed(&self, mut addresses: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, TrackerError> {
        // An alias of a name without addresses is resolved without an error.
        if addresses.is_empty() {
            return Err(TrackerError::Name("the name has no addresses".to_owned()));
        }
        if let Some(private_peers) = self.redirects {
            addresses.retain(|address| is_allowed(private_peers, address.ip()));
        }
        if addresses.is_empty() { Err(PRIVATE_TARGET) } else { Ok(addresses) }
    }
}

impl tower::Service<Name> for HttpNames {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = TrackerError;
    type Future = BoxFuture<'static, Result<Self::Response, TrackerError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), TrackerError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        Box::pin(self.clone().addresses(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_without_addresses_fails_otherwise_than_one_with_private_addresses() {
        let [public, private, multicast] = ["1.1.1.1:0", "10.0.0.1:0", "224.0.0.1:0"];
        let no_addresses = Err(TrackerError::Name("the name has no addresses".to_owned()));
        for (redirects, found, outcome) in [
            (None, vec![], no_addresses.clone()),
            (None, vec![private], Ok(vec![private])),
            (Some(PrivatePeers::Accepted), vec![multicast, private], Ok(vec![private])),
            (Some(PrivatePeers::Accepted), vec![multicast], Err(PRIVATE_TARGET)),
            (Some(PrivatePeers::Refused), vec![], no_addresses),
            (Some(PrivatePeers::Refused), vec![private, public], Ok(vec![public])),
            (Some(PrivatePeers::Refused), vec![private], Err(PRIVATE_TARGET)),
        ] {
            let names = HttpNames { resolver: Arc::default(), redirects };
            let addresses = |texts: Vec<&str>| texts.into_iter().map(|text| text.parse().unwrap()).collect();
            let received = names.allowed(addresses(found.clone()));
            assert_eq!(received, outcome.map(addresses), "{redirects:?} {found:?}");
        }
    }
}
