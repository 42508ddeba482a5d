//! The limits of the protocol, each with its reason.

/// Maximum size of a request line without its line ending, in bytes. RFC 9112 (3) recommends at least 8,000; a scrape
/// of [`SCRAPE_HASHES_MAX`] hashes takes 5,300.
pub const REQUEST_LINE_BYTES_MAX: usize = 8192;

/// Maximum size of a request, which is only a head, in bytes: a request line and as much again for the headers that
/// proxies and browsers add. It limits the memory that a connection takes in a worker.
pub const HEAD_BYTES_MAX: usize = 2 * REQUEST_LINE_BYTES_MAX;

/// Maximum number of header lines. Clients send four or five, browsers and chains of proxies up to thirty.
pub const HEADERS_MAX: usize = 64;

/// Maximum number of info hashes answered in one scrape: as many as over UDP (BEP 15), so that both are handled alike.
pub const SCRAPE_HASHES_MAX: usize = 74;

/// Maximum number of peers of one family in a response: as many as over UDP.
pub const PEERS_MAX: usize = 200;

/// Maximum size of a failure reason or warning, in bytes. Longer ones are truncated: clients show them in one line.
pub const TEXT_BYTES_MAX: usize = 256;

/// Maximum size of an address with brackets and a port as text, in bytes, in `ip` parameters and forwarding headers.
/// The longest is 47: 39 of the address, `[`, `]`, `:` and 5 digits.
pub(crate) const ADDRESS_TEXT_BYTES_MAX: usize = 64;

/// Maximum size of a version 1 header of the PROXY protocol with its line ending, in bytes (its section 2.1).
pub const PROXY_V1_BYTES_MAX: usize = 107;

/// Maximum size of a version 2 header of the PROXY protocol, in bytes. It is always smaller than a segment (its section
/// 2.2), and every host accepts segments of 536 bytes (RFC 9293, 3.7.1). Addresses take at most 232 of them.
pub const PROXY_V2_BYTES_MAX: usize = 536;

/// Maximum size of a wrong value in a failure reason, in bytes: an info hash with each byte encoded, which leaves room
/// for the rest of the text.
pub(crate) const SHOWN_VALUE_BYTES_MAX: usize = 60;

/// Maximum depth of lists and dictionaries in an entry of another tracker's response that is skipped. The entries that
/// BEPs define have two levels.
pub(crate) const RECEIVED_DEPTH_MAX: usize = 16;
