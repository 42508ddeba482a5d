/// The version of a request. Responses always have HTTP/1.1, as RFC 9110 (2.5) recommends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    Http10,
    Http11,
}

/// Whether the connection stays open after a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connection {
    KeepAlive,
    Close,
}

/// Whether the body of a response is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    Sent,
    /// Only the head of the full response is sent, as `HEAD` asks for.
    Withheld,
}

/// How the response to a request is framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Framing {
    pub version: Version,
    /// What the client asks for. The server may change it to [`Connection::Close`].
    pub connection: Connection,
    /// Depends on the method of the request.
    pub content: Content,
}

impl Framing {
    /// The framing of the last response on a connection whose next bytes cannot be parsed.
    pub const FINAL: Self =
        Self { version: Version::Http11, connection: Connection::Close, content: Content::Sent };
}
