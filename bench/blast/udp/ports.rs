use super::url_data::UrlData;
use crate::cli::Options;
use crate::sources::Sources;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::NonZeroU16;
use std::os::fd::{AsFd, BorrowedFd};
use udp_protocol::AnnounceRequest;
use udp_socket::{BatchSocket, Path, ReceiveBatch, SEGMENTS_MAX, SendBatch, SocketOptions};

/// Bytes of each socket buffer, which holds a burst of replies while the thread sends.
const SOCKET_BUFFER_BYTES: usize = 8 << 20;

/// Datagrams per receive call.
const RECEIVE_DATAGRAMS: usize = 64;

/// Limit of bytes per reply: room for more than 200 IPv6 peers.
const REPLY_BYTES_MAX: usize = 4096;

/// A source port: a socket that splits its messages into requests of one length.
#[derive(Debug)]
pub(crate) struct Port {
    pub(crate) sources: Sources,
    pub(crate) request_bytes: usize,
    pub(crate) outstanding: u32,
    /// Requests per message.
    segments: usize,
    socket: BatchSocket,
    send: SendBatch,
}

impl Port {
    pub(super) fn open(sources: Sources, request_bytes: usize, segments: usize) -> io::Result<Self> {
        let any: IpAddr = match sources.target {
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
        Ok(Self { sources, request_bytes, outstanding: 0, segments, socket, send })
    }

    /// Sends `count` requests from the source address of this number, each written by `request`. Returns the
    /// number of requests sent, fewer if the kernel has no room.
    pub(crate) fn send_run(
        &mut self,
        source: u32,
        count: usize,
        mut request: impl FnMut(&mut [u8]),
    ) -> usize {
        debug_assert!(count <= SEGMENTS_MAX);
        let path = self.path(source);
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

    /// Sends one request that is at most as long as the port's own, such as a connect.
    pub(crate) fn send_one(&mut self, source: u32, request: &[u8]) {
        debug_assert!(request.len() <= self.request_bytes);
        let Some(buffer) = self.send.next_buffer() else { return };
        buffer[..request.len()].copy_from_slice(request);
        self.send.commit(request.len(), &self.path(source));
        self.flush();
    }

    /// Returns the path from the source of this number to the target.
    fn path(&self, source: u32) -> Path {
        let path = Path::new(self.sources.target);
        match self.sources.address(source) {
            Some(address) => path.with_local(address.into()),
            None => path,
        }
    }

    /// Sends the queued messages. Returns how many were passed to the kernel, including those that it refused:
    /// their requests are lost, as on any network.
    fn flush(&mut self) -> usize {
        let report = self.socket.send(&mut self.send);
        self.send.clear();
        report.sent + report.refused
    }

    /// Receives pending replies, up to the capacity of the batch.
    pub(crate) fn receive(&self, batch: &mut ReceiveBatch) -> io::Result<usize> {
        self.socket.receive(batch)
    }
}

impl AsFd for Port {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

pub(crate) fn reply_batch() -> ReceiveBatch {
    ReceiveBatch::new(RECEIVE_DATAGRAMS, REPLY_BYTES_MAX)
}

/// Opens the source ports of one thread: for each target `--ports` for announces, and one each for connects and
/// scrapes.
pub(crate) fn open_ports(options: &Options) -> io::Result<Vec<Port>> {
    let segments = usize::from(options.segments);
    let scrape_bytes = 16 + 20 * usize::from(options.scrape_hashes);
    let announce_bytes = size_of::<AnnounceRequest>() + UrlData::of(options).bytes();
    let mut ports = Vec::new();
    for target in options.addresses() {
        let sources = Sources::new(options, target);
        ports.push(Port::open(sources, 16, segments)?);
        ports.push(Port::open(sources, scrape_bytes, segments)?);
        for _ in 0..options.ports {
            ports.push(Port::open(sources, announce_bytes, segments)?);
        }
    }
    Ok(ports)
}
