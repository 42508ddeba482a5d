//! `ringtrack-echo`: the floor that trackers are measured against. It makes the same batched socket calls as the
//! tracker and replies with datagrams of the same sizes, without the work of a tracker.
#![forbid(unsafe_code)]

use clap::Parser;
use rustix::event::{PollFd, PollFlags, poll};
use std::io::{self, Write};
use std::net::SocketAddr;
use udp_socket::{BatchSocket, DestinationInfo, ReceiveBatch, Received, SendBatch, SocketOptions};

/// Replies to connects with 16 bytes, to announces with 20 and 6 for each of --peers, and to scrapes with 20.
/// Reads only the action of a request.
#[derive(Debug, Parser)]
#[command(name = "ringtrack-echo", version)]
struct Options {
    /// The address to serve
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: SocketAddr,

    /// Peers in each reply to an announce
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u16).range(0..=200))]
    peers: u16,

    /// Datagrams per batch
    #[arg(long, default_value_t = 64)]
    batch: usize,
}

/// Bytes of each socket buffer, the default of the tracker.
const SOCKET_BUFFER_BYTES: usize = 4 << 20;

/// Bytes of a datagram buffer, enough for every reply.
const DATAGRAM_BYTES_MAX: usize = 2048;

fn main() -> io::Result<()> {
    let options = Options::parse();
    let socket = BatchSocket::bind(&SocketOptions {
        receive_buffer_bytes: Some(SOCKET_BUFFER_BYTES),
        send_buffer_bytes: Some(SOCKET_BUFFER_BYTES),
        destination: DestinationInfo::Ignore,
        ..SocketOptions::new(options.listen)
    })?;
    writeln!(io::stderr(), "listening on udp://{}", socket.local_address())?;
    let mut requests = ReceiveBatch::new(options.batch, DATAGRAM_BYTES_MAX);
    let mut replies = SendBatch::new(options.batch, DATAGRAM_BYTES_MAX);
    let announce_bytes = 20 + 6 * usize::from(options.peers);
    loop {
        if socket.receive(&mut requests)? == 0 {
            wait_for_datagrams(&socket)?;
            continue;
        }
        for request in requests.iter() {
            echo(&request, announce_bytes, &mut replies);
        }
        socket.send(&mut replies);
        replies.clear();
    }
}

/// Blocks until the socket is readable. A wait with a timeout would show in the latencies that trackers are
/// measured against.
fn wait_for_datagrams(socket: &BatchSocket) -> io::Result<()> {
    match poll(&mut [PollFd::new(socket, PollFlags::IN)], None) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Queues a reply of the size of a tracker's, with the action and transaction id of the request.
fn echo(request: &Received<'_>, announce_bytes: usize, replies: &mut SendBatch) {
    let Some(&[_, _, _, action, t0, t1, t2, t3]) = request.bytes.get(8..16) else { return };
    let Some(buffer) = replies.next_buffer() else { return };
    buffer[..8].copy_from_slice(&[0, 0, 0, action, t0, t1, t2, t3]);
    let length = match action {
        0 => 16,
        1 => announce_bytes,
        _ => 20,
    };
    replies.commit(length, request.path);
}
