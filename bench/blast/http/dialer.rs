use super::stream::Stream;
use super::tls::{TlsStream, client_config};
use crate::cli::Options;
use crate::sources::Sources;
use crate::target::{HttpPlace, Security, Target};
use anyhow::Context;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, connect, socket_with, sockopt};
use rustls::ClientConfig;
use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

/// Lowest source port of connections; many servers use lower ones.
const FIRST_PORT: u16 = 10_000;

/// Limit of ports tried for one connection, because some may be in use.
const TRIES: usize = 256;

/// Time within which the tracker must accept a connection before the load begins.
const PROBE: Duration = Duration::from_secs(10);

/// Opens connections to one target.
#[derive(Debug)]
pub(crate) struct Dialer {
    sources: Sources,
    tls: Option<Tls>,
    /// The next port of each source. The kernel would search all ports for a free one each time.
    next_ports: Vec<u16>,
}

#[derive(Debug)]
struct Tls {
    config: Arc<ClientConfig>,
    server: ServerName<'static>,
}

impl Dialer {
    /// Returns an error if the target does not accept connections.
    pub(crate) fn new(options: &Options, target: &Target, place: &HttpPlace) -> anyhow::Result<Self> {
        let probe = TcpStream::connect_timeout(&target.address, PROBE);
        drop(probe.with_context(|| format!("{target} cannot be reached"))?);
        let mut rng = fastrand::Rng::with_seed(unlike_any_other_run());
        let sources = Sources::new(options, target.address);
        Ok(Self {
            sources,
            tls: Tls::of(options, place)?,
            next_ports: (0..sources.count()).map(|_| rng.u16(FIRST_PORT..)).collect(),
        })
    }

    /// Creates the dialers of all targets.
    pub(crate) fn all(options: &Options) -> anyhow::Result<Vec<Self>> {
        let places = options.target.iter().filter_map(|target| Some((target, target.http()?)));
        places.map(|(target, place)| Self::new(options, target, place)).collect()
    }

    /// Makes every further handshake a full one.
    pub(crate) fn forget_sessions(&mut self) {
        if let Some(tls) = &mut self.tls {
            Arc::make_mut(&mut tls.config).resumption = Resumption::disabled();
        }
    }

    /// Begins a connection from the source of this number.
    pub(crate) fn dial(&mut self, source: u32) -> io::Result<Stream> {
        let tcp = TcpStream::from(self.begin(source)?);
        match &self.tls {
            None => Ok(Stream::plain(tcp)),
            Some(Tls { config, server }) => {
                let tls = TlsStream::begin(tcp, Arc::clone(config), server.clone())?;
                Ok(Stream::Tls(Box::new(tls)))
            }
        }
    }

    fn begin(&mut self, source: u32) -> io::Result<OwnedFd> {
        let Some(address) = self.sources.address(source) else {
            let socket = self.socket()?;
            return begin_connect(&socket, self.sources.target).map(|()| socket).map_err(io::Error::from);
        };
        for _ in 0..TRIES {
            let socket = self.socket()?;
            match self.begin_from(&socket, address, source) {
                Ok(()) => return Ok(socket),
                Err(Errno::ADDRINUSE | Errno::ADDRNOTAVAIL) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Errno::ADDRNOTAVAIL.into())
    }

    fn begin_from(&mut self, socket: &OwnedFd, address: Ipv4Addr, source: u32) -> rustix::io::Result<()> {
        // Allows a port that an earlier connection has just left.
        sockopt::set_socket_reuseaddr(socket, true)?;
        bind(socket, &SocketAddr::from((address, self.next_port(source))))?;
        begin_connect(socket, self.sources.target)
    }

    fn socket(&self) -> rustix::io::Result<OwnedFd> {
        let family = if self.sources.target.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        socket_with(family, SocketType::STREAM, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC, None)
    }

    fn next_port(&mut self, source: u32) -> u16 {
        let next = &mut self.next_ports[source as usize];
        let port = *next;
        *next = port.checked_add(1).unwrap_or(FIRST_PORT);
        port
    }
}

impl Tls {
    fn of(options: &Options, place: &HttpPlace) -> anyhow::Result<Option<Self>> {
        if place.security == Security::Plain {
            return Ok(None);
        }
        let server = ServerName::try_from(place.host.clone())
            .with_context(|| format!("{} is not the name of a server", place.host))?;
        Ok(Some(Self { config: client_config(options.ca.as_deref())?, server }))
    }
}

fn begin_connect(socket: &OwnedFd, target: SocketAddr) -> rustix::io::Result<()> {
    match connect(socket, &target) {
        Ok(()) | Err(Errno::INPROGRESS) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Returns a random seed, so that a run does not begin with the ports that the last one has just left.
fn unlike_any_other_run() -> u64 {
    RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use std::collections::HashSet;
    use std::net::{IpAddr, TcpListener};

    fn dialer(listener: &TcpListener) -> anyhow::Result<Dialer> {
        let target = format!("http://{}/announce", listener.local_addr().expect("a bound socket"));
        let options = Options::parse_from(["ringtrack-blast", "--sources", "2", "--target", &target]);
        let target = &options.target[0];
        Dialer::new(&options, target, target.http().expect("a target over HTTP"))
    }

    #[test]
    fn connections_come_from_the_address_of_their_source() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let mut dialer = dialer(&listener).expect("a listener");
        let _streams: Vec<_> = (0..4).map(|number| dialer.dial(number % 2).expect("a connection")).collect();
        let from: HashSet<_> = (0..5).map(|_| listener.accept().expect("a connection").1.ip()).collect();
        let expected: HashSet<IpAddr> =
            [[127, 0, 0, 1], [127, 1, 0, 1], [127, 1, 0, 2]].map(IpAddr::from).into();
        assert_eq!(from, expected);
    }

    #[test]
    fn a_port_in_use_is_skipped() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let mut dialer = dialer(&listener).expect("a listener");
        let first = dialer.dial(0).expect("a connection");
        dialer.next_ports[0] = first.tcp().local_addr().expect("a bound socket").port();
        let second = dialer.dial(0).expect("another connection");
        assert_ne!(first.tcp().local_addr().ok(), second.tcp().local_addr().ok());
    }

    #[test]
    fn no_load_begins_if_no_one_listens() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("a bound socket");
        drop(listener);
        let target = format!("http://{address}/announce");
        let options = Options::parse_from(["ringtrack-blast", "--target", &target]);
        let place = options.target[0].http().expect("a target over HTTP");
        let error = Dialer::new(&options, &options.target[0], place).expect_err("no one listens");
        assert!(format!("{error:#}").contains(&target), "{error:#}");
    }
}
