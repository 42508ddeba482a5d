/// The version of a request. Answers have HTTP/1.1 always, as RFC 9110 (2.5) asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.0
    Http10,
    /// HTTP/1.1
    Http11,
}

/// What becomes of the connection after an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connection {
    /// It waits for the next request.
    KeepAlive,
    /// It is closed.
    Close,
}

/// Whether an answer has its body with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// It has.
    Sent,
    /// Only the head that it would have: `HEAD` was asked.
    Withheld,
}

/// How the answer to a request is framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Framing {
    /// The request's.
    pub version: Version,
    /// What the client asks for. A server that has had enough may make it [`Connection::Close`].
    pub connection: Connection,
    /// By the request's method.
    pub content: Content,
}

impl Framing {
    /// The last answer of a connection whose bytes cannot be understood any further.
    pub const FINAL: Self =
        Self { version: Version::Http11, connection: Connection::Close, content: Content::Sent };
}
