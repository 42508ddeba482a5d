use super::connections::Connections;
use super::ports::Port;
use crate::cli::Options;
use crate::kind::Kind;
use crate::lane::{Lane, Turn};
use crate::outstanding::Clock;
use crate::pace::Pace;
use crate::phases::Phases;
use crate::population::Population;
use crate::sources::Sources;
use anyhow::{Context, bail};
use primitives::AnnounceEvent;
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, MMsgHdr, SendAncillaryBuffer, SendFlags, SocketFlags, SocketType, connect, ipproto,
    sendmmsg, socket_with,
};
use std::io::IoSlice;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::fd::OwnedFd;
use udp_protocol::{AnnounceRequest, ConnectRequest, ScrapeRequest, TransactionId};
use zerocopy::IntoBytes;

/// Datagrams per send call.
const BATCH: usize = 64;

const IP_HEAD_BYTES: usize = 20;
const UDP_HEAD_BYTES: usize = 8;

/// The lane of datagrams from made-up addresses. Responses go to those addresses and are not seen.
///
/// The requests carry the connection id of the load's own address. It is of an accepted epoch, so that the tracker must
/// compute the hash of each datagram to see that the id is not that of the made-up address.
pub(crate) struct SpoofedLane {
    options: Options,
    clock: Clock,
    phases: Phases,
    rng: fastrand::Rng,
    population: Population,
    target: SocketAddrV4,
    socket: OwnedFd,
    /// The port and the connection id of the load's own address.
    port: Port,
    connections: Connections,
    datagrams: Vec<Vec<u8>>,
}

impl SpoofedLane {
    pub(crate) fn open(options: &Options, thread: usize, clock: Clock) -> anyhow::Result<Self> {
        let (&[SocketAddr::V4(target)], &[population]) =
            (options.addresses().collect::<Vec<_>>().as_slice(), Population::of_targets(options).as_slice())
        else {
            bail!("--attack spoofed needs one target over IPv4")
        };
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket = socket_with(AddressFamily::INET, SocketType::RAW, flags, Some(ipproto::RAW))
            .context("a raw socket cannot be created")?;
        connect(&socket, &SocketAddrV4::new(*target.ip(), 0)).context("there is no route to the target")?;
        let mut port = Port::open(Sources::new(options, target.into()), size_of::<ConnectRequest>(), 1)?;
        let connections = Connections::establish(&mut port, clock)?;
        Ok(Self {
            options: options.clone(),
            clock,
            phases: Phases::new(),
            rng: fastrand::Rng::with_seed(options.seed ^ (thread as u64 + 1) << 48),
            population,
            target,
            socket,
            port,
            connections,
            datagrams: vec![Vec::new(); BATCH],
        })
    }

    /// Writes the datagram of this number.
    fn write(&mut self, number: usize, kind: Kind) {
        let from = SocketAddrV4::new(made_up(&mut self.rng), self.rng.u16(1024..));
        let ids = (self.connections.id(0), TransactionId(self.rng.u32(..).to_be_bytes()));
        let datagram = &mut self.datagrams[number];
        datagram.clear();
        datagram.resize(IP_HEAD_BYTES + UDP_HEAD_BYTES, 0);
        match kind {
            Kind::Connect => datagram.extend_from_slice(ConnectRequest::new(ids.1).as_bytes()),
            Kind::Announce | Kind::Offer | Kind::Answer => {
                let torrent = self.population.any_torrent(&mut self.rng);
                let request = AnnounceRequest::new(ids.0, ids.1, torrent)
                    .with_port(from.port())
                    .with_event(AnnounceEvent::None)
                    .with_numwant(self.options.numwant);
                datagram.extend_from_slice(request.as_bytes());
            }
            Kind::Scrape => {
                datagram.extend_from_slice(ScrapeRequest::new(ids.0, ids.1).as_bytes());
                for _ in 0..self.options.scrape_hashes {
                    datagram.extend_from_slice(&self.population.any_torrent(&mut self.rng).0);
                }
            }
        }
        write_heads(datagram, from, self.target);
    }

    /// Sends the first `count` datagrams, and returns how many the kernel took.
    fn send(&self, count: usize) -> anyhow::Result<usize> {
        let pieces: Vec<_> = self.datagrams[..count].iter().map(|bytes| [IoSlice::new(bytes)]).collect();
        let mut control: Vec<_> = (0..count).map(|_| SendAncillaryBuffer::default()).collect();
        let mut messages: Vec<_> =
            pieces.iter().zip(&mut control).map(|(piece, control)| MMsgHdr::new(piece, control)).collect();
        match sendmmsg(&self.socket, &mut messages, SendFlags::DONTWAIT) {
            Ok(sent) => Ok(sent),
            Err(Errno::AGAIN | Errno::NOBUFS | Errno::INTR) => Ok(0),
            Err(error) => Err(error).context("made-up datagrams cannot be sent"),
        }
    }
}

/// Returns a random address of the Internet, without those that a kernel refuses as a source.
fn made_up(rng: &mut fastrand::Rng) -> Ipv4Addr {
    loop {
        let ip = Ipv4Addr::from_bits(rng.u32(..));
        let is_usable = matches!(ip.octets()[0], 1..=126 | 128..=223) && ip.octets()[..2] != [198, 19];
        if is_usable {
            return ip;
        }
    }
}

/// Writes the IPv4 and UDP heads before the payload. The kernel fills in the checksum of the first; the second has
/// none, which UDP allows over IPv4.
fn write_heads(datagram: &mut [u8], from: SocketAddrV4, to: SocketAddrV4) {
    let length = |bytes: usize| u16::try_from(bytes).expect("requests are short").to_be_bytes();
    let (bytes, udp_bytes) = (length(datagram.len()), length(datagram.len() - IP_HEAD_BYTES));
    let (ip, udp) = datagram.split_at_mut(IP_HEAD_BYTES);
    // Version 4 with a head of five words, a time to live of 64, and UDP.
    (ip[0], ip[8], ip[9]) = (0x45, 64, 17);
    ip[2..4].copy_from_slice(&bytes);
    ip[12..16].copy_from_slice(&from.ip().octets());
    ip[16..20].copy_from_slice(&to.ip().octets());
    udp[..2].copy_from_slice(&from.port().to_be_bytes());
    udp[2..4].copy_from_slice(&to.port().to_be_bytes());
    udp[4..6].copy_from_slice(&udp_bytes);
}

impl Lane for SpoofedLane {
    fn turn(&mut self, pace: &mut Pace) -> anyhow::Result<Turn> {
        let due = pace.allowance(self.clock.now_ns(), 0, BATCH).requests;
        if due == 0 {
            return Ok(Turn { replies: 0, sent: 0 });
        }
        if self.connections.are_due(self.clock) {
            self.connections.try_to_renew(&mut self.port, self.clock);
        }
        // One kind, so that the tally of what was sent is exact.
        let kind = self.options.mix().choose(&mut self.rng);
        for number in 0..due {
            self.write(number, kind);
        }
        let sent = self.send(due)?;
        pace.note(sent);
        self.phases.measured.of_mut(kind).sent += sent as u64;
        Ok(Turn { replies: 0, sent })
    }

    fn phases(&mut self) -> &mut Phases {
        &mut self.phases
    }

    fn population(&self, _target: usize) -> Population {
        self.population
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_datagram_names_its_addresses_ports_and_lengths() {
        let mut datagram = vec![0; IP_HEAD_BYTES + UDP_HEAD_BYTES + 16];
        write_heads(
            &mut datagram,
            "192.0.2.7:4660".parse().expect("an address"),
            "198.18.0.1:6969".parse().expect("an address"),
        );
        assert_eq!(datagram[..12], [0x45, 0, 0, 44, 0, 0, 0, 0, 64, 17, 0, 0]);
        assert_eq!(datagram[12..28], [192, 0, 2, 7, 198, 18, 0, 1, 0x12, 0x34, 0x1b, 0x39, 0, 24, 0, 0]);
    }

    #[test]
    fn made_up_addresses_could_be_those_of_clients() {
        let mut rng = fastrand::Rng::with_seed(1);
        for _ in 0..100_000 {
            let ip = made_up(&mut rng);
            assert!(
                !ip.is_loopback() && !ip.is_multicast() && !ip.is_unspecified() && !ip.is_broadcast(),
                "{ip}"
            );
        }
    }
}
