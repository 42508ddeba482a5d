//! The addresses of the names of upstream trackers.

use super::answer::is_allowed;
use super::{first_and_soon, readable};
use crate::announce::AnnounceError;
use crate::forwarder::{PrivatePeers, lock};
use crate::limits::FAMILY_PATIENCE;
use futures_util::future::BoxFuture;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::ResolverConfig;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{Record, RecordType};
use hyper_util::client::legacy::connect::dns::Name;
use std::fmt;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::SystemTime;
use std::vec;

/// The files that say how to resolve names.
const SYSTEM_FILES: [&str; 2] = ["/etc/resolv.conf", "/etc/hosts"];

/// When each of [`SYSTEM_FILES`] was changed, if it exists.
type FileTimes = [Option<SystemTime>; SYSTEM_FILES.len()];

/// Resolves names as the files of the system say, and remembers the addresses for as long as the DNS says. The files are read
/// again after each change, as the C library does, because a computer may get its network after this process.
#[derive(Default)]
pub(super) struct Resolver {
    current: Mutex<Option<(FileTimes, TokioResolver)>>,
}

impl fmt::Debug for Resolver {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Resolver").finish_non_exhaustive()
    }
}

impl Resolver {
    /// Returns the addresses of a name of either family. An address (an IPv6 one with or without brackets) is its own.
    pub(super) async fn addresses(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, AnnounceError> {
        let literal = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        if let Ok(ip) = literal.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(ip, port)]);
        }
        let found = addresses_of(&self.resolver()?, host).await?;
        Ok(found.into_iter().map(|ip| SocketAddr::new(ip, port)).collect())
    }

    fn resolver(&self) -> Result<TokioResolver, AnnounceError> {
        let times = SYSTEM_FILES.map(|file| fs::metadata(file).and_then(|file| file.modified()).ok());
        let mut current = lock(&self.current);
        if let Some((_, resolver)) = current.as_ref().filter(|(read, _)| *read == times) {
            return Ok(resolver.clone());
        }
        let resolver = system_resolver()?;
        *current = Some((times, resolver.clone()));
        Ok(resolver)
    }
}

/// Returns the addresses of a name. A file of hosts mostly has those of one family, and name servers, which are then asked for
/// the other, may be out of reach.
async fn addresses_of(resolver: &TokioResolver, host: &str) -> Result<Vec<IpAddr>, AnnounceError> {
    let families = [RecordType::A, RecordType::AAAA].map(|family| async move {
        let found = resolver.lookup(host, family).await.map_err(name_error)?;
        let address = |record: &Record| record.data.ip_addr();
        Ok(found.answers().iter().filter_map(address).collect::<Vec<_>>())
    });
    Ok(first_and_soon(families.into_iter().collect(), FAMILY_PATIENCE).await?.concat())
}

fn system_resolver() -> Result<TokioResolver, AnnounceError> {
    // Without name servers, the names of the hosts file can still be resolved.
    let builder = TokioResolver::builder_tokio().unwrap_or_else(|_| {
        let no_servers = ResolverConfig::from_parts(None, Vec::new(), Vec::new());
        TokioResolver::builder_with_config(no_servers, TokioRuntimeProvider::default())
    });
    builder.build().map_err(name_error)
}

fn name_error(error: impl fmt::Display) -> AnnounceError {
    AnnounceError::Name(readable(error.to_string().as_bytes()))
}

/// The resolver as the HTTP client uses it. The client sets the port.
#[derive(Debug, Clone)]
pub(super) struct HttpNames {
    pub(super) resolver: Arc<Resolver>,
    /// Which addresses the targets of redirects may have. `None` is for the configured host, which may have any.
    pub(super) redirects: Option<PrivatePeers>,
}

pub(super) const PRIVATE_TARGET: AnnounceError =
    AnnounceError::Malformed("the announce was redirected to a private address");

impl HttpNames {
    async fn addresses(self, name: Name) -> Result<vec::IntoIter<SocketAddr>, AnnounceError> {
        let addresses = self.resolver.addresses(name.as_str(), 0).await?;
        self.allowed(addresses).map(Vec::into_iter)
    }

    fn allowed(&self, mut addresses: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, AnnounceError> {
        // An alias of a name without addresses is resolved without an error.
        if addresses.is_empty() {
            return Err(name_error("the name has no addresses"));
        }
        if let Some(private_peers) = self.redirects {
            addresses.retain(|address| is_allowed(private_peers, address.ip()));
        }
        if addresses.is_empty() { Err(PRIVATE_TARGET) } else { Ok(addresses) }
    }
}

impl tower::Service<Name> for HttpNames {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = AnnounceError;
    type Future = BoxFuture<'static, Result<Self::Response, AnnounceError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), AnnounceError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        Box::pin(self.clone().addresses(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hickory_resolver::Hosts;
    use hickory_resolver::config::NameServerConfig;
    use tokio::time::timeout;

    #[tokio::test]
    async fn addresses_and_localhost_need_no_name_server() {
        let resolver = Resolver::default();
        for host in ["192.0.2.1", "[2001:db8::1]", "2001:db8::1"] {
            let ip: IpAddr = host.trim_matches(['[', ']']).parse().unwrap();
            assert_eq!(resolver.addresses(host, 80).await, Ok(vec![SocketAddr::new(ip, 80)]));
        }
        let localhost = resolver.addresses("localhost", 80).await.unwrap();
        assert!(localhost.contains(&([127, 0, 0, 1], 80).into()), "{localhost:?}");
    }

    #[tokio::test]
    async fn a_name_in_the_hosts_file_is_known_although_no_name_server_answers_for_its_other_family() {
        let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut server = NameServerConfig::udp([127, 0, 0, 1].into());
        server.connections[0].port = silent.local_addr().unwrap().port();
        let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
        let builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        let mut resolver = builder.build().unwrap();
        let mut hosts = Hosts::default();
        hosts.read_hosts_conf(&b"192.0.2.7 tracker.test\n"[..]).unwrap();
        resolver.set_hosts(Arc::new(hosts));
        let found = timeout(FAMILY_PATIENCE * 4, addresses_of(&resolver, "tracker.test")).await;
        assert_eq!(found, Ok(Ok(vec![[192, 0, 2, 7].into()])));
    }

    #[test]
    fn a_name_without_addresses_fails_otherwise_than_one_with_private_addresses() {
        let [public, private, multicast] = ["1.1.1.1:0", "10.0.0.1:0", "224.0.0.1:0"];
        let no_addresses = Err(AnnounceError::Name("the name has no addresses".to_owned()));
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

    #[tokio::test]
    async fn a_name_that_cannot_be_resolved_is_an_error() {
        let resolver = Resolver::default();
        for name in ["no-such-host.invalid", "a..b", &"a".repeat(300)] {
            let outcome = resolver.addresses(name, 80).await;
            assert!(matches!(outcome, Err(AnnounceError::Name(_))), "{name}: {outcome:?}");
        }
    }
}
