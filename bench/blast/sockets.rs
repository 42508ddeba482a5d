use crate::cli::Options;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::NonZeroU16;
use udp_socket::{BatchSocket, Path, ReceiveBatch, SEGMENTS_MAX, SendBatch, SocketOptions};

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Connect,
    Announce,
    Scrape,
}

impl Kind {
    pub(crate) const ALL: [Self; 3] = [Self::Connect, Self::Announce, Self::Scrape];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Announce => "announce",
            Self::Scrape => "scrape",
        }
    }
}

/// Bytes of each socket's buffers: a burst of replies waits there while the thread sends.
const SOCKET_BUFFER_BYTES: usize = 8 << 20;

/// Datagrams of one receive call.
const RECEIVE_DATAGRAMS: usize = 64;

/// Bytes of the longest reply that is looked at: 200 IPv6 peers and more.
const REPLY_BYTES_MAX: usize = 4096;

/// One source port: a socket that cuts its messages into requests of one length.
#[derive(Debug)]
pub(crate) struct Port {
    pub(crate) target: SocketAddr,
    pub(crate) request_bytes: usize,
    /// Requests on their way.
    pub(crate) outstanding: u32,
    /// Requests of one message.
    segments: usize,
    socket: BatchSocket,
    send: SendBatch,
}

impl Port {
    fn open(target: SocketAddr, request_bytes: usize, segments: usize) -> io::Result<Self> {
        let any: IpAddr = match target {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let segment_bytes = u16::try_from(request_bytes).ok().filter(|_| segments > 1);
        let options = SocketOptions {
            receive_buffer_bytes: Some(SOCKET_BUFFER_BYTES),
            send_buffer_bytes: Some(SOCKET_BUFFER_BYTES),
            segment_bytes: segment_bytes.and_then(NonZeroU16::new),
            ..SocketOptions::new(SocketAddr::new(any, 0))
        };
        let socket = BatchSocket::bind(&options)?;
        let send = SendBatch::new(SEGMENTS_MAX.div_ceil(segments), segments * request_bytes);
        Ok(Self { target, request_bytes, outstanding: 0, segments, socket, send })
    }

    /// Sends `count` requests from the source address of this number, each written by `request`. Gives the
    /// number sent: fewer where the kernel has no room.
    pub(crate) fn send_run(
        &mut self,
        source: u32,
        count: usize,
        mut request: impl FnMut(&mut [u8]),
    ) -> usize {
        debug_assert!(count <= SEGMENTS_MAX);
        let path = path(self.target, source);
        let mut left = count;
        while left > 0 {
            let of_message = left.min(self.segments);
            let length = of_message * self.request_bytes;
            let Some(buffer) = self.send.next_buffer() else { break };
            for place in buffer[..length].chunks_exact_mut(self.request_bytes) {
                request(place);
            }
            self.send.commit(length, &path);
            left -= of_message;
        }
        (self.flush() * self.segments).min(count)
    }

    /// Sends one request that is no longer than the port's own, as a connect is.
    pub(crate) fn send_one(&mut self, source: u32, request: &[u8]) {
        debug_assert!(request.len() <= self.request_bytes);
        let Some(buffer) = self.send.next_buffer() else { return };
        buffer[..request.len()].copy_from_slice(request);
        self.send.commit(request.len(), &path(self.target, source));
        self.flush();
    }

    /// Sends the messages that are queued. Gives how many the kernel was given: one that it refused is on no way, and
    /// its requests get lost, as on any network.
    fn flush(&mut self) -> usize {
        let report = self.socket.send(&mut self.send);
        self.send.clear();
        report.sent + report.refused
    }

    /// Takes the replies that wait, up to the capacity of the batch.
    pub(crate) fn receive(&self, batch: &mut ReceiveBatch) -> io::Result<usize> {
        self.socket.receive(batch)
    }
}

/// A batch for replies.
pub(crate) fn reply_batch() -> ReceiveBatch {
    ReceiveBatch::new(RECEIVE_DATAGRAMS, REPLY_BYTES_MAX)
}

/// The source ports of one thread: for each target `--ports` for announces, and one each for the rest.
pub(crate) fn open_ports(options: &Options) -> io::Result<Vec<Port>> {
    let segments = usize::from(options.segments);
    let scrape_bytes = 16 + 20 * usize::from(options.scrape_hashes);
    let mut ports = Vec::new();
    for &target in &options.target {
        ports.push(Port::open(target, 16, segments)?);
        ports.push(Port::open(target, scrape_bytes, segments)?);
        for _ in 0..options.ports {
            ports.push(Port::open(target, 98, segments)?);
        }
    }
    Ok(ports)
}

/// Source addresses that a load over this target can have.
pub(crate) fn sources(options: &Options, target: SocketAddr) -> u32 {
    match target.ip() {
        IpAddr::V4(ip) if ip.is_loopback() => options.sources,
        _ => 1,
    }
}

/// From the source of this number to the target. All of 127.0.0.0/8 is this machine; elsewhere the kernel
/// chooses.
fn path(target: SocketAddr, source: u32) -> Path {
    let path = Path::new(target);
    match target.ip() {
        IpAddr::V4(ip) if ip.is_loopback() => path.with_local(loopback_source(source).into()),
        _ => path,
    }
}

/// 127.1.0.1 and on, without 0 and 255 at the end.
fn loopback_source(source: u32) -> Ipv4Addr {
    let [_, _, third, fourth] = (((source / 254) << 8) + source % 254 + 1).to_be_bytes();
    Ipv4Addr::new(127, 1, third, fourth)
}

/// The number of the source that a tracker at `target` knows by this address; none for no address of the load.
/// Away from the loopback, routes and translations decide what the tracker sees.
pub(crate) fn source_number(target: SocketAddr, ip: IpAddr) -> Option<u32> {
    match (target.ip(), ip) {
        (IpAddr::V4(target), IpAddr::V4(ip)) if target.is_loopback() => number_of_loopback_source(ip),
        (IpAddr::V6(target), ip) if target.is_loopback() => (ip == target).then_some(0),
        _ => (!ip.is_unspecified() && !ip.is_multicast()).then_some(0),
    }
}

fn number_of_loopback_source(ip: Ipv4Addr) -> Option<u32> {
    match ip.octets() {
        [127, 1, third, fourth @ 1..=254] => Some(u32::from(third) * 254 + u32::from(fourth) - 1),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_known_again_by_its_address() {
        for source in 0..60_000 {
            assert_eq!(number_of_loopback_source(loopback_source(source)), Some(source));
        }
        let target = SocketAddr::from(([192, 0, 2, 1], 6969));
        assert_eq!(source_number(target, Ipv4Addr::UNSPECIFIED.into()), None);
        assert_eq!(source_number(target, Ipv4Addr::new(198, 51, 100, 7).into()), Some(0));
    }

    #[test]
    fn sources_are_addresses_of_their_own_on_the_loopback() {
        let sources: std::collections::HashSet<_> = (0..60_000).map(loopback_source).collect();
        assert_eq!(sources.len(), 60_000);
        assert!(sources.iter().all(|ip| ip.is_loopback() && !matches!(ip.octets()[3], 0 | 255)));
    }
}
