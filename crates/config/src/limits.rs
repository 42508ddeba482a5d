//! Limits that are not the range of a single key; those are declared with their keys.
//!
//! A limit is either what a protocol field or the kernel can represent, or the point past which a value can only be a
//! mistake (a wrong unit, an extra digit).

/// A configuration file is far smaller; the limit keeps a wrong path (a device, a log) from filling the memory.
pub const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// The kernel's fixed-size CPU mask (`cpu_set_t`) ends at core 1023.
pub const CORE_NUMBER_MAX: u64 = 1023;
/// Each address is one socket on every core; hosts with more addresses use a wildcard.
pub const ADDRESSES_MAX: usize = 16;
/// A list is searched linearly for each connection or request that it concerns.
pub const NETWORKS_MAX: usize = 256;
/// A request looks up its source once for each.
pub const PREFIX_LEVELS_MAX: usize = 3;
/// A list is searched linearly for each WebSocket that is opened.
pub const ORIGINS_MAX: usize = 256;
/// Browsers accept longer ones, but a redirect leads to a page, not to a search.
pub const LOCATION_CHARACTERS_MAX: usize = 1024;
/// Each client's peer id is compared with each prefix of a list.
pub const CLIENTS_MAX: usize = 256;

/// 16 random letters and digits have 95 bits and cannot be guessed over a network; shorter tokens are words.
pub const API_TOKEN_CHARACTERS_MIN: usize = 16;
/// Longer tokens are no safer, and must fit into a line of a request with everything else.
pub const API_TOKEN_CHARACTERS_MAX: usize = 256;
/// A label is a short name for people to read.
pub const API_LABEL_CHARACTERS_MAX: usize = 64;
/// Each request's token is compared with all of them.
pub const API_TOKENS_MAX: usize = 64;
/// All tokens with their labels, and about as much for comments and white space.
pub const API_TOKENS_FILE_BYTES_MAX: u64 = 64 * 1024;

/// The key length of a 128-bit message authentication code: a shorter key could be guessed.
pub const CONNECTION_ID_KEY_BYTES_MIN: usize = 16;
/// The delay of a client that announces on time but has to retry: its first resend comes after 15 s, its second 30 s
/// later.
pub const ANNOUNCE_PEER_LIFETIME_SLACK_S: u64 = 60;
