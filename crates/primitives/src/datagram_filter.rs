use crate::{AddressRanges, ConnectionEpoch, InfoHash};
use core::net::IpAddr;
use std::sync::Arc;

/// IPv4 networks that the kernel's filter has room for: a network takes two or three of the 4,096 instructions that a classic
/// BPF program has at most, and the check of connection ids 650.
pub const FILTERED_IPV4_MAX: usize = 1500;

/// IPv6 networks that the kernel's filter has room for: a network takes up to eleven instructions, and the check of connection
/// ids 1,100.
pub const FILTERED_IPV6_MAX: usize = 240;

/// Which datagrams the kernel drops before they wake a core. The kernel has the same function as a classic BPF program.
///
/// It drops nothing that would be answered with anything but an error about its connection id, except most requests for a
/// hot torrent, and what a source sends that is far over its limit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FilterRules {
    /// Sources of which all is dropped.
    pub networks: Arc<AddressRanges>,
    /// If present, the epochs of which a request has to have an id of its source.
    pub epochs: Option<[ConnectionEpoch; 3]>,
    pub hot: Option<HotTorrent>,
}

/// A torrent of which only a share of the requests is received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HotTorrent {
    pub info_hash: InfoHash,
    /// The share, of 2^32: a request passes if its random number is less.
    pub passed: u32,
}

/// Where the filter finds what it needs in a request (BEP 15), in bytes.
pub mod datagram_layout {
    /// Of the shortest request: a connect.
    pub const REQUEST_BYTES_MIN: u32 = 16;
    /// Of the connection id.
    pub const CONNECTION_ID_AT: u32 = 0;
    /// Of the action.
    pub const ACTION_AT: u32 = 8;
    /// An action.
    pub const CONNECT: u32 = 0;
    /// An action.
    pub const ANNOUNCE: u32 = 1;
    /// An action.
    pub const SCRAPE: u32 = 2;
    /// What a connect has in place of a connection id.
    pub const PROTOCOL_ID: [u32; 2] = [0x417, 0x2710_1980];
    /// Of the info hash of an announce, and the first one of a scrape.
    pub const INFO_HASH_AT: u32 = 16;
    /// Of the shortest request with an info hash: a scrape of one torrent.
    pub const HASHED_BYTES_MIN: u32 = 36;
}

impl FilterRules {
    /// Whether every datagram passes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.networks.is_empty() && self.epochs.is_none() && self.hot.is_none()
    }

    /// Whether a datagram from `source` passes, with a random number of its own.
    #[must_use]
    pub fn passes(&self, source: IpAddr, payload: &[u8], random: u32) -> bool {
        !self.networks.contains(source)
            && self.epochs.is_none_or(|epochs| is_proved(&epochs, source, payload))
            && self.hot.is_none_or(|hot| torrent_of(payload) != Some(hot.info_hash) || random < hot.passed)
    }
}

/// Returns the first info hash of a request with one.
#[must_use]
pub fn torrent_of(payload: &[u8]) -> Option<InfoHash> {
    use datagram_layout::{ACTION_AT, ANNOUNCE, INFO_HASH_AT, SCRAPE};
    let info_hash = payload.get(INFO_HASH_AT as usize..)?.first_chunk()?;
    matches!(word(payload, ACTION_AT)?, ANNOUNCE | SCRAPE).then_some(InfoHash(*info_hash))
}

/// Whether a datagram is a connect, or has an id of which the filter can see no error: it does not compare all bits.
fn is_proved(epochs: &[ConnectionEpoch], source: IpAddr, payload: &[u8]) -> bool {
    use datagram_layout::{ACTION_AT, CONNECT, CONNECTION_ID_AT, PROTOCOL_ID};
    let Some(action) = word(payload, ACTION_AT) else { return false };
    let Some(last) = word(payload, CONNECTION_ID_AT + ConnectionEpoch::FIRST_WORD_AT) else { return false };
    if word(payload, datagram_layout::REQUEST_BYTES_MIN - 4).is_none() {
        return false;
    }
    if action == CONNECT {
        return [word(payload, CONNECTION_ID_AT), Some(last)] == PROTOCOL_ID.map(Some);
    }
    let epoch = epochs.iter().find(|epoch| payload.first() == Some(&epoch.low_byte()));
    epoch.is_some_and(|epoch| word(&epoch.id_of(source), ConnectionEpoch::FIRST_WORD_AT) == Some(last))
}

fn word(bytes: &[u8], at: u32) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(at as usize..)?.first_chunk()?))
}
