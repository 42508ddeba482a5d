//! The addresses of the names of trackers.

use crate::error::TrackerError;
use crate::lock;
use crate::text::readable;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::ResolverConfig;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{Record, RecordType};
use std::fmt;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::sync::Mutex;
use std::time::{Duration, SystemTime};
use tokio::time::timeout;

/// The files that say how to resolve names.
const SYSTEM_FILES: [&str; 2] = ["/etc/resolv.conf", "/etc/hosts"];

/// When each of [`SYSTEM_FILES`] was changed, if it exists.
type FileTimes = [Option<SystemTime>; SYSTEM_FILES.len()];

/// The address families that are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Families {
    #[default]
    Both,
    V4,
    V6,
}

impl Families {
    /// Returns the family of an address alone.
    pub(crate) const fn of(address: SocketAddr) -> Self {
        if address.is_ipv4() { Self::V4 } else { Self::V6 }
    }

    const fn includes(self, ip: IpAddr) -> bool {
        match self {
            Self::Both => true,
            Self::V4 => ip.is_ipv4(),
            Self::V6 => ip.is_ipv6(),
        }
    }

    const fn record_types(self) -> &'static [RecordType] {
        match self {
            Self::Both => &[RecordType::A, RecordType::AAAA],
            Self::V4 => &[RecordType::A],
            Self::V6 => &[RecordType::AAAA],
        }
    }
}

/// Resolves names as the files of the system say, and remembers the addresses for as long as the DNS says. The files are read
/// again after each change, as the C library does, because a computer may get its network after this process.
#[derive(Default)]
pub struct Resolver {
    current: Mutex<Option<(FileTimes, TokioResolver)>>,
}

impl fmt::Debug for Resolver {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Resolver").finish_non_exhaustive()
    }
}

impl Resolver {
    /// Returns the addresses of a name, and asks only for those of `families`. After those of one family, those of the other have to
    /// arrive within `patience`. An address (an IPv6 one with or without brackets) is its own.
    ///
    /// # Errors
    /// If the name cannot be resolved.
    pub async fn addresses(
        &self,
        host: &str,
        port: u16,
        families: Families,
        patience: Duration,
    ) -> Result<Vec<SocketAddr>, TrackerError> {
        let literal = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let found = match literal.parse::<IpAddr>() {
            Ok(ip) => vec![ip],
            Err(_) => addresses_of(&self.resolver()?, host, families, patience).await?,
        };
        let found = found.into_iter().filter(|&ip| families.includes(ip));
        Ok(found.map(|ip| SocketAddr::new(ip, port)).collect())
    }

    fn resolver(&self) -> Result<TokioResolver, TrackerError> {
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
async fn addresses_of(
    resolver: &TokioResolver,
    host: &str,
    families: Families,
    patience: Duration,
) -> Result<Vec<IpAddr>, TrackerError> {
    let lookups = families.record_types().iter().map(|&family| async move {
        let found = resolver.lookup(host, family).await.map_err(name_error)?;
        let address = |record: &Record| record.data.ip_addr();
        Ok(found.answers().iter().filter_map(address).collect::<Vec<_>>())
    });
    Ok(first_and_soon(lookups.collect(), patience).await?.concat())
}

fn system_resolver() -> Result<TokioResolver, TrackerError> {
    // Without name servers, the names of the hosts file can still be resolved.
    let builder = TokioResolver::builder_tokio().unwrap_or_else(|_| {
        let no_servers = ResolverConfig::from_parts(None, Vec::new(), Vec::new());
        TokioResolver::builder_with_config(no_servers, TokioRuntimeProvider::default())
    });
    builder.build().map_err(name_error)
}

fn name_error(error: impl fmt::Display) -> TrackerError {
    TrackerError::Name(readable(error.to_string().as_bytes()))
}

/// Returns what succeeds of what was begun for each address family. After the first success the other has to follow within
/// `patience`: a family whose datagrams are lost must not take away what the other has found.
///
/// # Errors
/// If none succeeds, the error that says most about the tracker: a refusal, or else the last one, because a computer without IPv6
/// finds out at once.
pub async fn first_and_soon<T>(
    mut families: FuturesUnordered<impl Future<Output = Result<T, TrackerError>>>,
    patience: Duration,
) -> Result<Vec<T>, TrackerError> {
    let mut succeeded = Vec::new();
    let mut failure = TrackerError::Name("the name has no addresses".to_owned());
    loop {
        let wait = if succeeded.is_empty() { Duration::MAX } else { patience };
        match timeout(wait, families.next()).await {
            Ok(Some(Ok(success))) => succeeded.push(success),
            Ok(Some(Err(_))) if matches!(failure, TrackerError::Refused { .. }) => {}
            Ok(Some(Err(error))) => failure = error,
            Ok(None) | Err(_) => break,
        }
    }
    if succeeded.is_empty() { Err(failure) } else { Ok(succeeded) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::FAMILY_PATIENCE;
    use hickory_resolver::Hosts;
    use hickory_resolver::config::NameServerConfig;
    use std::sync::Arc;

    #[tokio::test]
    async fn addresses_and_localhost_need_no_name_server() {
        let resolver = Resolver::default();
        for host in ["192.0.2.1", "[2001:db8::1]", "2001:db8::1"] {
            let ip: IpAddr = host.trim_matches(['[', ']']).parse().unwrap();
            for (families, count) in [
                (Families::Both, 1),
                (Families::V4, ip.is_ipv4().into()),
                (Families::V6, ip.is_ipv6().into()),
            ] {
                let found = resolver.addresses(host, 80, families, FAMILY_PATIENCE).await;
                assert_eq!(found, Ok(vec![SocketAddr::new(ip, 80); count]));
            }
        }
        let localhost = resolver.addresses("localhost", 80, Families::V4, FAMILY_PATIENCE).await.unwrap();
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
        // Who wants one family only does not wait for the other.
        for (families, patience) in [(Families::Both, FAMILY_PATIENCE), (Families::V4, Duration::MAX)] {
            let found = addresses_of(&resolver, "tracker.test", families, patience);
            assert_eq!(timeout(FAMILY_PATIENCE * 4, found).await, Ok(Ok(vec![[192, 0, 2, 7].into()])));
        }
    }

    #[tokio::test]
    async fn a_name_that_cannot_be_resolved_is_an_error() {
        let resolver = Resolver::default();
        for name in ["no-such-host.invalid", "a..b", &"a".repeat(300)] {
            let outcome = resolver.addresses(name, 80, Families::Both, FAMILY_PATIENCE).await;
            assert!(matches!(outcome, Err(TrackerError::Name(_))), "{name}: {outcome:?}");
        }
    }
}
