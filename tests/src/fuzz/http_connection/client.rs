use crate::tls_client;
use rustls::ClientConnection;
use std::io::{ErrorKind, Read as _, Write as _};

/// A client that means well: what it says becomes what it sends, and what it is sent becomes what it is told.
pub(super) enum Client {
    Plain,
    Tls(Box<ClientConnection>),
}

impl Client {
    pub(super) fn over_tls(version: u8) -> Self {
        let mut client = Box::new(tls_client::client(version));
        client.set_buffer_limit(None);
        Self::Tls(client)
    }

    /// What goes onto the line when the client says this, or has nothing to say but for TLS.
    pub(super) fn send(&mut self, said: &[u8]) -> Vec<u8> {
        match self {
            Self::Plain => said.to_vec(),
            Self::Tls(client) => {
                client.writer().write_all(said).expect("there is no limit");
                flight(client)
            }
        }
    }

    /// The client tells its end, where it has a way to.
    pub(super) fn send_end(&mut self) -> Vec<u8> {
        match self {
            Self::Tls(client) if !client.is_handshaking() => {
                client.send_close_notify();
                flight(client)
            }
            _ => Vec::new(),
        }
    }

    /// What the client understands.
    pub(super) fn receive(&mut self, mut sent: &[u8]) -> Vec<u8> {
        let Self::Tls(client) = self else { return sent.to_vec() };
        let mut told = Vec::new();
        while !sent.is_empty() {
            client.read_tls(&mut sent).expect("memory gives all");
            client.process_new_packets().expect("the server speaks TLS");
            if let Err(error) = client.reader().read_to_end(&mut told) {
                assert_eq!(error.kind(), ErrorKind::WouldBlock, "an end of TLS before that of the wire");
            }
        }
        told
    }
}

fn flight(client: &mut ClientConnection) -> Vec<u8> {
    let mut flight = Vec::new();
    while client.wants_write() {
        client.write_tls(&mut flight).expect("memory takes all");
    }
    flight
}
