use crate::append::{Unwritten, append};
use crate::drive::{Progress, drive, send_alerts};
use crate::held::Held;
use crate::limits::RECORD_OVERHEAD_BYTES_MAX;
use crate::{ServerIdentity, TlsError};
use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::unbuffered::{ConnectionState, WriteTraffic};
use std::fmt;

/// Whether more can come from the peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// It can.
    Open,
    /// The peer has said that nothing more comes. It may still wait for an answer.
    ClosedByPeer,
}

/// The TLS of one connection.
pub struct TlsSession {
    // Boxed, so that a place for a connection costs the same with TLS and without.
    connection: Box<UnbufferedServerConnection>,
    held: Held,
    phase: Phase,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open,
    ClosedByPeer,
    /// It failed or was closed: rustls is not asked any more.
    Ended,
}

impl TlsSession {
    /// A session that waits for a client's hello.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub fn new(identity: &ServerIdentity) -> Result<Self, TlsError> {
        let connection = UnbufferedServerConnection::new(identity.config())?;
        Ok(Self { connection: Box::new(connection), held: Held::default(), phase: Phase::Open })
    }

    /// Takes bytes of the socket, which it decrypts in place. Appends what they say to `plaintext`, and what the peer
    /// has to be sent to `to_send`. What is behind the peer's end is ignored.
    ///
    /// # Errors
    /// When the session cannot go on. Then `to_send` may have an alert that says why to the peer.
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

    /// Encrypts an answer, behind what `to_send` has.
    ///
    /// # Errors
    /// Before the handshake is done, behind the session's end, and when its keys have encrypted all that they may.
    pub fn send(&mut self, plaintext: &[u8], to_send: &mut Vec<u8>) -> Result<(), TlsError> {
        if self.phase == Phase::Ended {
            return Err(TlsError::Ended);
        }
        let Some(mut traffic) = writer(&mut self.connection, &mut self.held) else {
            return Err(TlsError::Handshaking);
        };
        let guess = plaintext.len().saturating_add(RECORD_OVERHEAD_BYTES_MAX);
        append(to_send, guess, |room| traffic.encrypt(plaintext, room)).map_err(|_: Unwritten| {
            send_alerts(&mut self.connection, to_send);
            self.end();
            TlsError::KeysUsedUp
        })
    }

    /// Tells the peer that nothing more comes, and ends the session. In a handshake there is nothing to tell.
    pub fn close(&mut self, to_send: &mut Vec<u8>) {
        if self.phase != Phase::Ended
            && let Some(mut traffic) = writer(&mut self.connection, &mut self.held)
        {
            let alert = append(to_send, RECORD_OVERHEAD_BYTES_MAX, |room| traffic.queue_close_notify(room));
            debug_assert!(alert.is_ok(), "an alert is always sendable");
        }
        self.end();
    }

    /// Whether the handshake is still going on: nothing can be received or sent so long.
    #[must_use]
    pub fn is_handshaking(&self) -> bool {
        self.connection.is_handshaking()
    }

    /// Whether the exchange of keys is still to come: the step of a handshake that takes a signature with the
    /// certificate's key, and with it nearly all of its time.
    #[must_use]
    pub fn is_before_key_exchange(&self) -> bool {
        self.is_handshaking() && self.connection.negotiated_key_exchange_group().is_none()
    }

    /// Bytes that the peer began something with, and that wait for the rest: [`HELD_BYTES_MAX`](crate::HELD_BYTES_MAX)
    /// at most.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.held.len()
    }
}

/// What encrypts, once the handshake is far enough. What is held is shown again, for rustls may have a place in it.
fn writer<'a>(
    connection: &'a mut UnbufferedServerConnection,
    held: &mut Held,
) -> Option<WriteTraffic<'a, ServerConnectionData>> {
    match connection.process_tls_records(held.bytes_mut()).state {
        Ok(ConnectionState::WriteTraffic(traffic)) => Some(traffic),
        _ => None,
    }
}

/// By hand, for a connection has secrets.
impl fmt::Debug for TlsSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsSession")
            .field("phase", &self.phase)
            .field("held_bytes", &self.held_bytes())
            .finish_non_exhaustive()
    }
}
