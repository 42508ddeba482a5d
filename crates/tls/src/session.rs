use crate::drive::{Progress, Unwritten, append, drive, send_alerts, unencrypted};
use crate::limits::{HELD_BYTES_MAX, RECORD_OVERHEAD_BYTES_MAX};
use crate::{ServerIdentity, TlsError};
use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::unbuffered::{ConnectionState, WriteTraffic};
use std::fmt;

/// Whether the peer can send more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// The peer can send more.
    Open,
    /// The peer has closed its direction. It may still wait for a response.
    ClosedByPeer,
}

/// The TLS session of a connection.
pub struct TlsSession {
    // Boxed, so that a connection's slot has the same size with and without TLS.
    connection: Box<UnbufferedServerConnection>,
    held: Held,
    phase: Phase,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open,
    ClosedByPeer,
    /// It failed or was closed, and rustls is no longer called.
    Ended,
}

impl TlsSession {
    /// Creates a session that waits for a client hello.
    ///
    /// # Errors
    /// If the system returns no random numbers.
    pub fn new(identity: &ServerIdentity) -> Result<Self, TlsError> {
        let connection = UnbufferedServerConnection::new(identity.config())?;
        Ok(Self { connection: Box::new(connection), held: Held::default(), phase: Phase::Open })
    }

    /// Decrypts bytes from the socket in place. Appends their plaintext to `plaintext`, and bytes for the peer to
    /// `to_send`. Bytes after the peer's close are ignored.
    ///
    /// # Errors
    /// If the session cannot continue. `to_send` may then contain an alert with the reason for the peer.
    pub fn receive(
        &mut self,
        ciphertext: &mut [u8],
        plaintext: &mut Vec<u8>,
        to_send: &mut Vec<u8>,
    ) -> Result<Received, TlsError> {
        match self.phase {
            Phase::Open => self.receive_more(ciphertext, plaintext, to_send).inspect_err(|_| self.end()),
            Phase::ClosedByPeer => Ok(Received::ClosedByPeer),
            Phase::Ended => Err(TlsError::Ended),
        }
    }

    fn receive_more(
        &mut self,
        ciphertext: &mut [u8],
        plaintext: &mut Vec<u8>,
        to_send: &mut Vec<u8>,
    ) -> Result<Received, TlsError> {
        let progress = if self.held.is_empty() {
            let progress = drive(&mut self.connection, ciphertext, plaintext, to_send)?;
            if let Progress::Taken(bytes) = progress {
                self.held.replace(ciphertext.get(bytes..).unwrap_or_default())?;
            }
            progress
        } else {
            self.held.push(ciphertext);
            let progress = drive(&mut self.connection, self.held.bytes_mut(), plaintext, to_send)?;
            if let Progress::Taken(bytes) = progress {
                self.held.take(bytes)?;
            }
            progress
        };
        Ok(match progress {
            Progress::Taken(_) => Received::Open,
            Progress::ClosedByPeer => self.closed_by_peer(),
        })
    }

    fn closed_by_peer(&mut self) -> Received {
        self.held.clear();
        self.phase = Phase::ClosedByPeer;
        Received::ClosedByPeer
    }

    fn end(&mut self) {
        self.held.clear();
        self.phase = Phase::Ended;
    }

    /// Encrypts a response and appends it to `to_send`.
    ///
    /// # Errors
    /// Before the handshake is complete, after the session's end, and when its keys have encrypted all that they may.
    pub fn send(&mut self, plaintext: &[u8], to_send: &mut Vec<u8>) -> Result<(), TlsError> {
        if self.phase == Phase::Ended {
            return Err(TlsError::Ended);
        }
        let Some(mut traffic) = writer(&mut self.connection, &mut self.held) else {
            return Err(TlsError::Handshaking);
        };
        let guess = plaintext.len().saturating_add(RECORD_OVERHEAD_BYTES_MAX);
        let write = |room: &mut [u8]| traffic.encrypt(plaintext, room).map_err(|error| unencrypted(&error));
        append(to_send, guess, write).map_err(|_: Unwritten| {
            send_alerts(&mut self.connection, to_send);
            self.end();
            TlsError::KeysUsedUp
        })
    }

    /// Ends the session and notifies the peer. During a handshake no notification is needed.
    pub fn close(&mut self, to_send: &mut Vec<u8>) {
        if self.phase != Phase::Ended
            && let Some(mut traffic) = writer(&mut self.connection, &mut self.held)
        {
            let alert = append(to_send, RECORD_OVERHEAD_BYTES_MAX, |room| {
                traffic.queue_close_notify(room).map_err(|error| unencrypted(&error))
            });
            debug_assert!(alert.is_ok(), "an alert is always sendable");
        }
        self.end();
    }

    /// Returns whether the handshake is incomplete, so that no data can be received or sent.
    pub fn is_handshaking(&self) -> bool {
        self.connection.is_handshaking()
    }

    /// Returns whether the key exchange is still to come. This step of a handshake takes a signature with the
    /// certificate's key, and thereby nearly all of the handshake's time.
    pub fn is_before_key_exchange(&self) -> bool {
        self.is_handshaking() && self.connection.negotiated_key_exchange_group().is_none()
    }

    /// Returns the number of bytes of an incomplete record or handshake message: at most
    /// [`HELD_BYTES_MAX`](crate::HELD_BYTES_MAX).
    pub fn held_bytes(&self) -> usize {
        self.held.len()
    }

    /// Returns the size of the buffer for these bytes.
    pub fn buffered_bytes(&self) -> usize {
        self.held.0.capacity()
    }
}

/// Returns the writer once the handshake is far enough. Passes the held bytes again, because rustls may have a position
/// in them.
fn writer<'a>(
    connection: &'a mut UnbufferedServerConnection,
    held: &mut Held,
) -> Option<WriteTraffic<'a, ServerConnectionData>> {
    match connection.process_tls_records(held.bytes_mut()).state {
        Ok(ConnectionState::WriteTraffic(traffic)) => Some(traffic),
        _ => None,
    }
}

/// Written by hand, because a connection contains secrets.
impl fmt::Debug for TlsSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsSession")
            .field("phase", &self.phase)
            .field("held_bytes", &self.held_bytes())
            .finish_non_exhaustive()
    }
}

/// Received bytes of an incomplete record or message. An empty one takes no heap memory.
#[derive(Debug, Default)]
struct Held(Vec<u8>);

impl Held {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }

    fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn clear(&mut self) {
        self.0 = Vec::new();
    }

    fn replace(&mut self, rest: &[u8]) -> Result<(), TlsError> {
        self.0 = checked(rest)?.to_vec();
        Ok(())
    }

    /// Removes the first `taken` bytes.
    fn take(&mut self, taken: usize) -> Result<(), TlsError> {
        let rest = checked(self.0.get(taken..).unwrap_or_default())?;
        if taken > 0 {
            // A buffer of the exact size, because it may be held for long.
            self.0 = rest.to_vec();
        }
        Ok(())
    }
}

fn checked(rest: &[u8]) -> Result<&[u8], TlsError> {
    if rest.len() <= HELD_BYTES_MAX { Ok(rest) } else { Err(TlsError::TooLong) }
}
