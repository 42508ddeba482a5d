use crate::framing::{Connection, Version};
use crate::headers::elements;
use crate::request::{ContentCoding, Upgrade};
use crate::status::Status;

/// The values of the header lines that affect how a request is handled.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct KnownHeaders {
    hosts: usize,
    connection: Option<Connection>,
    content_bytes: Option<u64>,
    transfer: Transfer,
    expectation: Expectation,
    /// Whether `Connection` lists `Upgrade`.
    upgrades: bool,
    /// Whether `Upgrade` lists `websocket`.
    to_web_socket: bool,
    /// Whether `Sec-WebSocket-Version` is 13.
    web_socket_13: bool,
    pub(crate) accepted_coding: ContentCoding,
}

/// Whether there is a `Transfer-Encoding`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Transfer {
    #[default]
    Plain,
    Coded,
}

/// The expectation in `Expect`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Expectation {
    /// None, or `100-continue`, which does not matter without content.
    #[default]
    None,
    Unknown,
}

impl KnownHeaders {
    pub(crate) fn gather(headers: &[httparse::Header<'_>]) -> Result<Self, Status> {
        let mut facts = Self::default();
        headers.iter().try_for_each(|header| facts.note(header))?;
        Ok(facts)
    }

    fn note(&mut self, header: &httparse::Header<'_>) -> Result<(), Status> {
        let is = |name: &str| header.name.eq_ignore_ascii_case(name);
        if is("Host") {
            self.hosts = self.hosts.saturating_add(1);
        } else if is("Connection") {
            self.note_connection(header.value);
        } else if is("Accept-Encoding") {
            self.note_accepted_coding(header.value);
        } else if is("Content-Length") {
            let bytes = parse_length(header.value).ok_or(Status::BadRequest)?;
            if self.content_bytes.replace(bytes).is_some_and(|before| before != bytes) {
                return Err(Status::BadRequest);
            }
        } else if is("Transfer-Encoding") {
            self.transfer = Transfer::Coded;
        } else if is("Upgrade") {
            self.to_web_socket |= elements(header.value).any(|name| name.eq_ignore_ascii_case(b"websocket"));
        } else if is("Sec-WebSocket-Version") {
            self.web_socket_13 = header.value.trim_ascii() == b"13";
        } else if is("Expect") && !header.value.trim_ascii().eq_ignore_ascii_case(b"100-continue") {
            self.expectation = Expectation::Unknown;
        }
        Ok(())
    }

    /// `close` takes precedence, wherever it is.
    fn note_connection(&mut self, value: &[u8]) {
        for option in elements(value) {
            if option.eq_ignore_ascii_case(b"close") {
                self.connection = Some(Connection::Close);
            } else if option.eq_ignore_ascii_case(b"keep-alive") && self.connection.is_none() {
                self.connection = Some(Connection::KeepAlive);
            } else if option.eq_ignore_ascii_case(b"upgrade") {
                self.upgrades = true;
            }
        }
    }

    fn note_accepted_coding(&mut self, value: &[u8]) {
        let is_gzip_accepted = |element: &[u8]| {
            let mut parts = element.split(|&byte| byte == b';').map(<[u8]>::trim_ascii);
            let coding = parts.next().unwrap_or_default();
            let is_gzip =
                [b"gzip".as_slice(), b"x-gzip", b"*"].iter().any(|name| coding.eq_ignore_ascii_case(name));
            is_gzip && !parts.any(is_weight_zero)
        };
        if elements(value).any(is_gzip_accepted) {
            self.accepted_coding = ContentCoding::Gzip;
        }
    }

    /// Returns an error if a request of this version cannot be answered.
    pub(crate) fn check(&self, version: Version) -> Result<(), Status> {
        if self.transfer == Transfer::Coded {
            return Err(Status::BadRequest);
        }
        if self.content_bytes.is_some_and(|bytes| bytes > 0) {
            return Err(Status::ContentTooLarge);
        }
        match (version, self.hosts, self.expectation) {
            // Several hosts make a request ambiguous. RFC 9112 (3.2) requires one, and every client sends it.
            (_, 2.., _) | (Version::Http11, 0, _) => Err(Status::BadRequest),
            (Version::Http11, _, Expectation::Unknown) => Err(Status::ExpectationFailed),
            _ => Ok(()),
        }
    }

    /// Returns the upgrade that a `GET` request of this version asks for (RFC 6455, 4.2.1).
    pub(crate) const fn upgrade(&self, version: Version) -> Upgrade {
        match (version, self.upgrades && self.to_web_socket, self.web_socket_13) {
            (Version::Http11, true, true) => Upgrade::WebSocket,
            (Version::Http11, true, false) => Upgrade::OtherVersion,
            _ => Upgrade::None,
        }
    }

    /// RFC 9112 (9.3): by default HTTP/1.1 keeps a connection open and HTTP/1.0 closes it.
    pub(crate) fn connection(&self, version: Version) -> Connection {
        self.connection.unwrap_or(match version {
            Version::Http10 => Connection::Close,
            Version::Http11 => Connection::KeepAlive,
        })
    }
}

/// `q=0`, `q=0.0` and so on.
fn is_weight_zero(parameter: &[u8]) -> bool {
    let weight = parameter.strip_prefix(b"q=").or_else(|| parameter.strip_prefix(b"Q="));
    weight.is_some_and(|weight| weight.iter().all(|digit| matches!(digit, b'0' | b'.')))
}

/// Parses a `Content-Length`: digits only, so that no proxy can read another number. A number that does not fit is
/// refused like any other that is not 0.
fn parse_length(value: &[u8]) -> Option<u64> {
    let is_number = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    is_number.then(|| str::from_utf8(value).ok().and_then(|digits| digits.parse().ok()).unwrap_or(u64::MAX))
}
