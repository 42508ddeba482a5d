use crate::tls_client::{client, identity};
use rustls::{ClientConnection, ProtocolVersion};
use std::io::{ErrorKind, Read as _, Write as _};
use tls::{HELD_BYTES_MAX, Received, TlsError, TlsSession};

/// Updates of its keys that a client may ask for: rustls takes 32 with nothing in between.
const NEW_KEYS_MAX: usize = 16;

/// What the server's end has to be like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ConnectionState {
    /// The client did nothing wrong, so it is served.
    Sound,
    /// Something else came between: an error is right, and a wrong byte of plaintext is not.
    Foul,
    /// The session has ended.
    Over,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ClientEnd {
    Open,
    Closed,
}

/// A client that means well, a server, and a line on which strangers may send too.
pub(super) struct Connection {
    client: ClientConnection,
    session: TlsSession,
    state: ConnectionState,
    client_end: ClientEnd,
    piece_bytes: usize,
    new_keys: usize,
    /// What the client has sent and the server has not yet given out.
    awaited: Vec<u8>,
    /// The same of the server and the client.
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
        // A new connection, one in its handshake, or one behind it.
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
        let mut flight = self.flight();
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

    fn flight(&mut self) -> Vec<u8> {
        let mut flight = Vec::new();
        while self.client.wants_write() {
            self.client.write_tls(&mut flight).expect("memory takes all");
        }
        flight
    }

    fn deliver(&mut self, bytes: &[u8]) {
        // Ever longer pieces, so that a long flight takes no longer than a short one.
        let piece_bytes =
            if self.piece_bytes == 0 { bytes.len() } else { self.piece_bytes + bytes.len() / 256 };
        for piece in bytes.chunks(piece_bytes.max(1)) {
            self.server_receives(piece);
        }
        if self.state == ConnectionState::Sound {
            assert_eq!(self.awaited, b"", "all of a whole flight is given out");
        }
        self.client_receives();
    }

    fn server_receives(&mut self, piece: &[u8]) {
        let mut plaintext = Vec::new();
        let received = self.session.receive(&mut piece.to_vec(), &mut plaintext, &mut self.to_send);
        assert!(self.session.held_bytes() <= HELD_BYTES_MAX);
        assert!(plaintext.len() <= piece.len() + HELD_BYTES_MAX);
        assert!(self.awaited.starts_with(&plaintext), "only what the client sent is given out");
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

    /// The client reads what it was sent. Once it was spoken for, it has no part in this.
    fn client_receives(&mut self) {
        let to_send = std::mem::take(&mut self.to_send);
        if self.state != ConnectionState::Sound {
            return;
        }
        let mut bytes = to_send.as_slice();
        while !bytes.is_empty() {
            self.client.read_tls(&mut bytes).expect("memory gives all");
            self.client.process_new_packets().expect("the server speaks TLS");
            let mut plaintext = Vec::new();
            match self.client.reader().read_to_end(&mut plaintext) {
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
                Ok(_) => assert!(self.answers.len() == plaintext.len(), "an end behind all"),
            }
            assert!(self.answers.starts_with(&plaintext), "the answers are what was sent");
            self.answers.drain(..plaintext.len());
        }
        assert_eq!(self.answers, b"", "all answers have arrived");
    }
}

fn pattern(bytes: usize) -> Vec<u8> {
    (0..=250).cycle().take(bytes).collect()
}
