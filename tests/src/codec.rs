//! What a client sends and receives over a connection, with TLS or without.

use crate::tls_client::{self, flight};
use rustls::ClientConnection;
use std::io::{ErrorKind, Read as _, Write as _};

/// A client's end of a session: it encodes the plaintext that the client sends, and decodes the bytes that it receives.
#[derive(Debug)]
pub enum Codec {
    /// The bytes are the plaintext.
    Plain,
    /// They are records of TLS.
    Tls(Box<ClientConnection>),
}

impl Codec {
    /// Creates a session over TLS, which [`tls_client::client`] describes.
    #[must_use]
    pub fn over_tls(version: u8) -> Self {
        let mut client = Box::new(tls_client::client(version));
        client.set_buffer_limit(None);
        Self::Tls(client)
    }

    /// Returns the bytes on the wire for this plaintext, which may be empty, and for pending TLS records.
    ///
    /// # Panics
    /// Never, because memory takes all bytes.
    pub fn send(&mut self, said: &[u8]) -> Vec<u8> {
        match self {
            Self::Plain => said.to_vec(),
            Self::Tls(client) => {
                client.writer().write_all(said).expect("the buffer has no limit");
                flight(client)
            }
        }
    }

    /// Returns the bytes of a TLS close notify, if the client can send one.
    pub fn send_end(&mut self) -> Vec<u8> {
        match self {
            Self::Tls(client) if !client.is_handshaking() => {
                client.send_close_notify();
                flight(client)
            }
            _ => Vec::new(),
        }
    }

    /// Decodes received bytes to plaintext.
    ///
    /// # Panics
    /// If they are no TLS of the server that all tests trust.
    pub fn receive(&mut self, mut sent: &[u8]) -> Vec<u8> {
        let Self::Tls(client) = self else { return sent.to_vec() };
        let mut told = Vec::new();
        while !sent.is_empty() {
            client.read_tls(&mut sent).expect("reading from memory does not fail");
            client.process_new_packets().expect("the server speaks TLS");
            if let Err(error) = client.reader().read_to_end(&mut told) {
                assert_eq!(error.kind(), ErrorKind::WouldBlock, "TLS ends no earlier than the wire");
            }
        }
        told
    }
}
