//! The bounds of the protocol, each with its reason.

/// Bytes of a request line without its line ending. RFC 9112 (3) asks for 8,000 at least; a scrape of
/// [`SCRAPE_HASHES_MAX`] hashes takes 5,300.
pub const REQUEST_LINE_BYTES_MAX: usize = 8192;

/// Bytes of a request, which is its head: a request line and as much again for what proxies and browsers add. What
/// a connection may make a worker hold.
pub const HEAD_BYTES_MAX: usize = 2 * REQUEST_LINE_BYTES_MAX;

/// Header lines of a request. Clients send four or five, browsers and chains of proxies up to thirty.
pub const HEADERS_MAX: usize = 64;

/// Info hashes answered in one scrape: as many as over UDP (BEP 15), so that both take the same way.
pub const SCRAPE_HASHES_MAX: usize = 74;

/// Peers of one family in one answer: as many as over UDP.
pub const PEERS_MAX: usize = 200;

/// Bytes of a failure reason or a warning. They are shown in one line of a client's window; longer ones are cut.
pub const TEXT_BYTES_MAX: usize = 256;

/// Bytes of the textual form of an address with brackets and a port, as `ip` parameters and forwarding headers have
/// it: 39 of the address, `[`, `]`, `:` and 5 digits are 47.
pub(crate) const ADDRESS_TEXT_BYTES_MAX: usize = 64;

/// Bytes of a version 1 header of the PROXY protocol, its line ending included (its section 2.1).
pub const PROXY_V1_BYTES_MAX: usize = 107;

/// Bytes of a version 2 header of the PROXY protocol. It is always smaller than a segment (its section 2.2), of which
/// every host takes 536 bytes (RFC 9293, 3.7.1); addresses take at most 232 of them.
pub const PROXY_V2_BYTES_MAX: usize = 536;

/// Bytes of a wrong value that a failure shows: a whole info hash with each byte encoded, which leaves room for the rest
/// of the text.
pub(crate) const SHOWN_VALUE_BYTES_MAX: usize = 60;
