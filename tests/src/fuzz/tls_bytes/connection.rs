use crate::tls_client::{client, flight, identity};
use rustls::{ClientConnection, ProtocolVersion};
use std::io::{ErrorKind, Read as _, Write as _};
use tls::{HELD_BYTES_MAX, Received, TlsError, TlsSession};

/// Limit of key updates by the client: rustls accepts 32 in a row.
const NEW_KEYS_MAX: usize = 16;

/// What is required of the server's session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ConnectionState {
    /// All bytes are those of the client, so it is served.
    Sound,
    /// Other bytes were inserted: an error is allowed, wrong plaintext is not.
    Foul,
    /// The session has ended.
    Over,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ClientEnd {
    Open,
    Closed,
}

/// A well-behaved client, a server, and a line into which other bytes can be inserted.
pub(super) struct Connection {
    client: ClientConnection,
    session: TlsSession,
    state: ConnectionState,
    client_end: ClientEnd,
    piece_bytes: usize,
    new_keys: usize,
    /// Plaintext of the client that the server has not returned yet.
    awaited: Vec<u8>,
    /// Plaintext of the server that the client has not read yet.
    answers: Vec<u8>,
    to_send: Vec<u8>,
}

impl Connection {
    pub(super) fn new(choice: u8) -> Self {
        let mut connection = Self {
            client: client(choice),
            session: TlsSession::new(identity()).expect("random numbers"),
            state: ConnectionState::Sound,
            client_end: ClientEnd::Open,
            piece_bytes: 0,
            new_keys: 0,
            awaited: Vec::new(),
            answers: Vec::new(),
            to_send: Vec::new(),
        };
        // A new connection, one in its handshake, or one after it.
        for _ in 0..(choice >> 1) % 3 {
            connection.client_sends(0, None);
        }
        connection
    }

    pub(super) fn deliver_by(&mut self, piece_bytes: usize) {
        self.piece_bytes = piece_bytes;
    }

    pub(super) fn client_sends(&mut self, bytes: usize, garble: Option<(usize, u8)>) {
        if !self.client.is_handshaking() && self.client_end == ClientEnd::Open {
            let plaintext = pattern(bytes);
            self.client.writer().write_all(&plaintext).expect("it fits");
            self.awaited.extend(plaintext);
        }
        let mut flight = flight(&mut self.client);
        if let Some((at, flip)) = garble
            && flip != 0
            && !flight.is_empty()
        {
            let at = at % flight.len();
            flight[at] ^= flip;
            self.foul();
        }
        self.deliver(&flight);
    }

    pub(super) fn stranger_sends(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.foul();
            self.deliver(bytes);
        }
    }

    pub(super) fn stranger_sends_record(&mut self, content: u8, bytes: &[u8]) {
        let length = u8::try_from(bytes.len()).expect("its length has one byte");
        self.stranger_sends(&[&[content, 3, 3, 0, length], bytes].concat());
    }

    pub(super) fn server_answers(&mut self, bytes: usize) {
        let plaintext = pattern(bytes);
        match self.session.send(&plaintext, &mut self.to_send) {
            Ok(()) => self.answers.extend(plaintext),
            Err(TlsError::Handshaking) => assert!(self.session.is_handshaking()),
            Err(error) => assert_eq!((self.state, error), (ConnectionState::Over, TlsError::Ended)),
        }
        self.client_receives();
    }

    pub(super) fn client_renews_keys(&mut self) {
        let is_possible = !self.client.is_handshaking()
            && self.client_end == ClientEnd::Open
            && self.client.protocol_version() == Some(ProtocolVersion::TLSv1_3)
            && self.new_keys < NEW_KEYS_MAX;
        if is_possible && self.client.refresh_traffic_keys().is_ok() {
            self.new_keys += 1;
        }
        self.client_sends(0, None);
    }

    pub(super) fn client_closes(&mut self) {
        if !self.client.is_handshaking() {
            self.client.send_close_notify();
            self.client_end = ClientEnd::Closed;
            self.client_sends(0, None);
        }
    }

    pub(super) fn server_closes(&mut self) {
        self.session.close(&mut self.to_send);
        self.client_receives();
        self.state = ConnectionState::Over;
    }

    fn foul(&mut self) {
        if self.state == ConnectionState::Sound {
            self.state = ConnectionState::Foul;
        }
    }

    fn deliver(&mut self, bytes: &[u8]) {
        // The pieces grow with the flight, so that a long one takes no longer than a short one.
        let piece_bytes =
            if self.piece_bytes == 0 { bytes.len() } else { self.piece_bytes + bytes.len() / 256 };
        for piece in bytes.chunks(piece_bytes.max(1)) {
            self.server_receives(piece);
        }
        if self.state == ConnectionState::Sound {
            assert_eq!(self.awaited, b"", "a whole flight is decrypted completely");
        }
        self.client_receives();
    }

    fn server_receives(&mut self, piece: &[u8]) {
        let mut plaintext = Vec::new();
        let received = self.session.receive(&mut piece.to_vec(), &mut plaintext, &mut self.to_send);
        assert!(self.session.held_bytes() <= HELD_BYTES_MAX);
        assert!(plaintext.len() <= piece.len() + HELD_BYTES_MAX);
        assert!(self.awaited.starts_with(&plaintext), "the plaintext is what the client sent");
        self.awaited.drain(..plaintext.len());
        match received {
            Ok(Received::Open | Received::ClosedByPeer) => assert_ne!(self.state, ConnectionState::Over),
            Err(error) => {
                assert_ne!(self.state, ConnectionState::Sound, "{error}");
                assert!(self.state == ConnectionState::Foul || error == TlsError::Ended, "{error}");
                assert_eq!(self.session.held_bytes(), 0);
                self.state = ConnectionState::Over;
            }
        }
    }

    /// Lets the client read what the server sent, unless other bytes were inserted before.
    fn client_receives(&mut self) {
        let to_send = std::mem::take(&mut self.to_send);
        if self.state != ConnectionState::Sound {
            return;
        }
        let mut bytes = to_send.as_slice();
        while !bytes.is_empty() {
            self.client.read_tls(&mut bytes).expect("reading from memory does not fail");
            self.client.process_new_packets().expect("the server speaks TLS");
            let mut plaintext = Vec::new();
            match self.client.reader().read_to_end(&mut plaintext) {
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
                Ok(_) => assert!(self.answers.len() == plaintext.len(), "the end comes after all"),
            }
            assert!(self.answers.starts_with(&plaintext), "the plaintext is what the server sent");
            self.answers.drain(..plaintext.len());
        }
        assert_eq!(self.answers, b"", "all responses have arrived");
    }
}

fn pattern(bytes: usize) -> Vec<u8> {
    (0..=250).cycle().take(bytes).collect()
}
