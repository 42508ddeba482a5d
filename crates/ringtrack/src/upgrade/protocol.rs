//! What the two processes of an upgrade send each other.
//!
//! A message is its length in four bytes, little endian, and JSON. The descriptors follow the introduction, each batch with one byte.

use super::limits::{DESCRIPTORS_MAX, MESSAGE_BYTES_MAX};
use anyhow::{Context, bail, ensure};
use control::{KeyTransfers, PassedOn};
use engine::ConnectionIdKey;
use primitives::{AuthenticationKey, InfoHash, SteeringKey};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use snapshot::Secrets;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream as BlockingStream;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::timeout;
use worker::{InheritedSocket, SocketKind};

/// The version of this protocol. A successor that does not know it refuses.
pub(super) const PROTOCOL: u32 = 1;

/// The byte that comes with a batch of descriptors.
const WITH_DESCRIPTORS: [u8; 1] = *b"d";

/// A step that the other process has to complete.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    pub(super) what: &'static str,
    pub(super) time: Duration,
}

impl Step {
    /// Waits for the step to be completed.
    pub(super) async fn wait<T>(
        self,
        whom: &str,
        done: impl Future<Output = anyhow::Result<T>>,
    ) -> anyhow::Result<T> {
        let Self { what, time } = self;
        timeout(time, done)
            .await
            .with_context(|| format!("{whom} did not {what} within {} s", time.as_secs()))?
    }
}

/// Messages of the predecessor.
#[derive(Serialize, Deserialize)]
pub(super) enum FromPredecessor {
    Introduction(Introduction),
    /// Something that no database has.
    Unstored(Unstored),
    /// The database is free.
    Released,
    /// The successor is the main process of the service.
    MainProcess,
    /// What the cores have reported since the database was released.
    Reported(Reported),
    /// Nothing more comes.
    Finished,
}

/// Messages of the successor.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum FromSuccessor {
    /// It knows the protocol.
    Accepted { version: String },
    /// It needs the stored data.
    Prepared,
    /// It needs the state of the cores.
    Loaded,
    /// It serves, with this much of what it was sent.
    Serving { swarms: u64, peers: u64 },
    /// It ends, for this reason.
    Failed(String),
}

/// Who the predecessor is, and what it hands over at once.
#[derive(Serialize, Deserialize)]
pub(crate) struct Introduction {
    pub(super) protocol: u32,
    pub(super) process: u32,
    pub(super) workers: u16,
    /// Milliseconds since the instant from which its cores count time.
    pub(super) age_ms: u64,
    steering_addend: u32,
    steering_multipliers: [u32; SteeringKey::WORDS],
    connection_ids: [u8; ConnectionIdKey::BYTES],
    pub(super) connection_id_lifetime_s: u32,
    /// The listening sockets, in the order of their descriptors, which follow that of the stream of states.
    pub(super) sockets: Vec<SocketName>,
}

impl Introduction {
    pub(super) fn new(
        workers: u16,
        age: Duration,
        secrets: &Secrets,
        connection_id_lifetime_s: u32,
        sockets: &[InheritedSocket],
    ) -> Self {
        let Secrets { steering, connection_ids } = *secrets;
        Self {
            protocol: PROTOCOL,
            process: std::process::id(),
            workers,
            age_ms: u64::try_from(age.as_millis()).unwrap_or(u64::MAX),
            steering_addend: steering.addend,
            steering_multipliers: steering.multipliers,
            connection_ids,
            connection_id_lifetime_s,
            sockets: sockets.iter().map(SocketName::of).collect(),
        }
    }

    pub(crate) const fn secrets(&self) -> Secrets {
        let steering = SteeringKey { addend: self.steering_addend, multipliers: self.steering_multipliers };
        Secrets { steering, connection_ids: self.connection_ids }
    }
}

/// A listening socket.
#[derive(Serialize, Deserialize)]
pub(super) struct SocketName {
    kind: Kind,
    address: SocketAddr,
    shard: Option<usize>,
}

#[derive(Serialize, Deserialize)]
enum Kind {
    Udp,
    Tcp,
}

impl SocketName {
    fn of(socket: &InheritedSocket) -> Self {
        let kind = match socket.kind {
            SocketKind::Udp => Kind::Udp,
            SocketKind::Tcp => Kind::Tcp,
        };
        Self { kind, address: socket.address, shard: socket.shard }
    }

    pub(super) const fn with(&self, fd: OwnedFd) -> InheritedSocket {
        let kind = match self.kind {
            Kind::Udp => SocketKind::Udp,
            Kind::Tcp => SocketKind::Tcp,
        };
        InheritedSocket { kind, address: self.address, shard: self.shard, fd }
    }
}

/// What the cores have reported, with keys as text.
#[derive(Serialize, Deserialize)]
pub(super) enum Reported {
    Transfers(Vec<(String, u64, u64, Option<u64>)>),
    Completed(Vec<([u8; InfoHash::BYTES], u64)>),
}

impl Reported {
    pub(super) fn new(report: PassedOn) -> Self {
        let text = |key: AuthenticationKey| key.reveal().to_owned();
        match report {
            PassedOn::Transfers(transfers) => Self::Transfers(
                transfers
                    .into_iter()
                    .map(|KeyTransfers { key, uploaded, downloaded, last_seen_unix_s }| {
                        (text(key), uploaded, downloaded, last_seen_unix_s)
                    })
                    .collect(),
            ),
            PassedOn::Completed(counts) => {
                Self::Completed(counts.into_iter().map(|(info_hash, count)| (info_hash.0, count)).collect())
            }
        }
    }

    pub(super) fn read(self) -> PassedOn {
        match self {
            Self::Transfers(transfers) => PassedOn::Transfers(
                transfers
                    .into_iter()
                    .filter_map(|(key, uploaded, downloaded, last_seen_unix_s)| {
                        let key = AuthenticationKey::parse(key.as_bytes())?;
                        Some(KeyTransfers { key, uploaded, downloaded, last_seen_unix_s })
                    })
                    .collect(),
            ),
            Self::Completed(counts) => PassedOn::Completed(
                counts.into_iter().map(|(bytes, count)| (InfoHash(bytes), count)).collect(),
            ),
        }
    }
}

/// What the predecessor has in memory only.
#[derive(Serialize, Deserialize)]
pub(super) enum Unstored {
    /// A temporary ban of a network, and for how many seconds more; or without seconds, one that is not stored for lack of a
    /// database.
    Ban { banned: BannedName, reason: String, since_unix_s: u64, seconds: Option<u64> },
    /// Keys that are not stored, for lack of a database.
    Keys(Vec<UnstoredKey>),
    /// Torrents of a list that are not stored, for lack of a database.
    Torrents { is_denied: bool, torrents: Vec<[u8; InfoHash::BYTES]> },
}

#[derive(Serialize, Deserialize)]
pub(super) enum BannedName {
    Network(String),
    Client(String),
}

#[derive(Serialize, Deserialize)]
pub(super) struct UnstoredKey {
    pub(super) key: String,
    pub(super) valid_until_unix_s: Option<u64>,
    pub(super) uploaded: u64,
    pub(super) downloaded: u64,
    pub(super) last_seen_unix_s: Option<u64>,
}

/// Writes messages.
pub(super) struct MessageWriter(OwnedWriteHalf);

/// Reads messages.
pub(super) struct MessageReader {
    stream: OwnedReadHalf,
    /// What has been received and not taken.
    received: Vec<u8>,
}

/// Returns both ends of messages over a socket.
pub(super) fn messages(stream: UnixStream) -> (MessageReader, MessageWriter) {
    let (read, write) = stream.into_split();
    (MessageReader { stream: read, received: Vec::new() }, MessageWriter(write))
}

impl MessageWriter {
    pub(super) async fn send(&mut self, message: &impl Serialize) -> anyhow::Result<()> {
        Ok(self.0.write_all(&encoded(message)?).await?)
    }

    /// Sends descriptors, in batches.
    pub(super) async fn send_descriptors(&self, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        let stream: &UnixStream = self.0.as_ref();
        for batch in descriptors.chunks(DESCRIPTORS_MAX) {
            stream.async_io(Interest::WRITABLE, || send_batch(stream, batch)).await?;
        }
        Ok(())
    }
}

impl MessageReader {
    /// Receives a message. If it is dropped before, nothing is lost.
    pub(super) async fn receive<T: DeserializeOwned>(&mut self) -> anyhow::Result<T> {
        loop {
            if let Some(message) = self.take()? {
                return Ok(message);
            }
            if self.stream.read_buf(&mut self.received).await? == 0 {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it ended").into());
            }
        }
    }

    fn take<T: DeserializeOwned>(&mut self) -> anyhow::Result<Option<T>> {
        let Some((length, rest)) = self.received.split_first_chunk() else { return Ok(None) };
        let length = checked_length(*length)?;
        let Some(text) = rest.get(..length) else { return Ok(None) };
        let message = serde_json::from_slice(text).context(NOT_UNDERSTOOD)?;
        self.received.drain(..size_of::<u32>() + length);
        Ok(Some(message))
    }
}

const NOT_UNDERSTOOD: &str = "a message is not understood";

fn encoded(message: &impl Serialize) -> anyhow::Result<Vec<u8>> {
    let mut bytes = vec![0; size_of::<u32>()];
    serde_json::to_writer(&mut bytes, message)?;
    let length = bytes.len() - size_of::<u32>();
    ensure!(length <= MESSAGE_BYTES_MAX, "a message has {length} bytes");
    bytes[..size_of::<u32>()].copy_from_slice(&u32::try_from(length)?.to_le_bytes());
    Ok(bytes)
}

fn checked_length(bytes: [u8; size_of::<u32>()]) -> anyhow::Result<usize> {
    let length = u32::from_le_bytes(bytes) as usize;
    ensure!(length <= MESSAGE_BYTES_MAX, NOT_UNDERSTOOD);
    Ok(length)
}

/// Sends a message over a socket that blocks.
pub(super) fn send_blocking(mut stream: impl Write, message: &impl Serialize) -> anyhow::Result<()> {
    Ok(stream.write_all(&encoded(message)?)?)
}

/// Receives a message over a socket that blocks, and not a byte more.
pub(super) fn receive_blocking<T: DeserializeOwned>(mut stream: impl Read) -> anyhow::Result<T> {
    let mut length = [0; size_of::<u32>()];
    stream.read_exact(&mut length)?;
    let mut text = vec![0; checked_length(length)?];
    stream.read_exact(&mut text)?;
    serde_json::from_slice(&text).context(NOT_UNDERSTOOD)
}

fn send_batch(stream: &UnixStream, batch: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    control.push(SendAncillaryMessage::ScmRights(batch));
    sendmsg(stream, &[IoSlice::new(&WITH_DESCRIPTORS)], &mut control, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// Receives this many descriptors over a socket that blocks.
pub(super) fn receive_descriptors(stream: &BlockingStream, count: usize) -> anyhow::Result<Vec<OwnedFd>> {
    let mut descriptors = Vec::new();
    while descriptors.len() < count {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut byte = WITH_DESCRIPTORS;
        recvmsg(stream, &mut [IoSliceMut::new(&mut byte)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
        let before = descriptors.len();
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(batch) = message {
                descriptors.extend(batch);
            }
        }
        if descriptors.len() == before {
            bail!(
                "descriptors of sockets are missing: the limit on open files (RLIMIT_NOFILE) may be too low"
            );
        }
    }
    Ok(descriptors)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    #[tokio::test]
    async fn messages_and_descriptors_arrive_as_they_were_sent() {
        let (near, far) = BlockingStream::pair().unwrap();
        near.set_nonblocking(true).unwrap();
        let (mut reader, mut writer) = messages(UnixStream::from_std(near).unwrap());
        let files: Vec<_> = (0..DESCRIPTORS_MAX + 1).map(|_| tempfile::tempfile().unwrap()).collect();
        let descriptors: Vec<_> = files.iter().map(AsFd::as_fd).collect();
        writer.send(&FromSuccessor::Prepared).await.unwrap();
        writer.send_descriptors(&descriptors).await.unwrap();
        writer.send(&FromSuccessor::Serving { swarms: 1, peers: 2 }).await.unwrap();
        assert!(matches!(receive_blocking(&far).unwrap(), FromSuccessor::Prepared));
        assert_eq!(receive_descriptors(&far, files.len()).unwrap().len(), files.len());
        assert!(matches!(receive_blocking(&far).unwrap(), FromSuccessor::Serving { swarms: 1, peers: 2 }));
        send_blocking(&far, &FromSuccessor::Loaded).unwrap();
        assert!(matches!(reader.receive().await.unwrap(), FromSuccessor::Loaded));
        drop(far);
        assert_eq!(reader.receive::<FromSuccessor>().await.unwrap_err().to_string(), "it ended");
    }

    #[tokio::test]
    async fn a_message_that_is_too_long_or_is_none_is_refused() {
        for bytes in [&[0xff; 8][..], b"\x02\0\0\0{}"] {
            assert!(receive_blocking::<FromSuccessor>(bytes).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn reports_keep_their_keys_and_torrents() {
        let key = AuthenticationKey::parse(&[b'k'; AuthenticationKey::BYTES]).unwrap();
        let transfers = KeyTransfers { key, uploaded: 1, downloaded: 2, last_seen_unix_s: Some(3) };
        for report in
            [PassedOn::Transfers(vec![transfers]), PassedOn::Completed(vec![(InfoHash([7; 20]), 9)])]
        {
            let text = serde_json::to_vec(&Reported::new(report.clone())).unwrap();
            assert_eq!(serde_json::from_slice::<Reported>(&text).unwrap().read(), report);
        }
    }
}
