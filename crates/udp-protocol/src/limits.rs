//! The limits of the protocol, each with its reason.

/// Maximum number of info hashes answered in one scrape. BEP 15: "up to about 74 torrents can be scraped at once"; the
/// response (8 + 12 bytes each) then fits an unfragmented datagram, and so does the request (16 + 20 bytes each).
pub const SCRAPE_HASHES_MAX: usize = 74;
