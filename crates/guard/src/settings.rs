use crate::limits::LEVELS_MAX;
use crate::prefix::PrefixLengths;
use primitives::AddressRanges;
use std::sync::Arc;
use thiserror::Error;

/// What a source is limited in. Each class has buckets of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// Requests with a proved address, over all protocols.
    Requests,
    /// Peers added to swarms.
    NewPeers,
    /// Torrents begun.
    NewTorrents,
    /// TCP connections accepted.
    Connections,
    /// TLS handshakes begun.
    Handshakes,
}

impl Class {
    /// All classes, in the order of their rates.
    pub const ALL: [Self; 5] =
        [Self::Requests, Self::NewPeers, Self::NewTorrents, Self::Connections, Self::Handshakes];
}

/// The limits of each source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceLimits {
    pub prefixes: PrefixLengths,
    /// How many times the rates of a prefix apply to the next wider one.
    pub wider_factor: u32,
    /// The tokens of the narrowest prefix per second, in the order of [`Class::ALL`]; 0 sets no limit.
    pub per_s: [u32; Class::ALL.len()],
    /// Seconds of tokens that a bucket holds, at most 3600.
    pub burst_s: u32,
    /// Requests of unproved sources per second on one core; 0 sets no limit.
    pub unproved_per_s: u32,
    /// Addresses without limits.
    pub allow: Arc<AddressRanges>,
}

impl SourceLimits {
    /// No limit.
    #[must_use]
    pub fn none() -> Self {
        Self {
            prefixes: PrefixLengths::USUAL,
            wider_factor: u32::MAX,
            per_s: [0; Class::ALL.len()],
            burst_s: 1,
            unproved_per_s: 0,
            allow: Arc::default(),
        }
    }

    /// Returns the tokens per second of the prefixes of a level, of which 0 is the narrowest; `None` where there is no
    /// limit.
    #[must_use]
    pub fn per_s(&self, class: Class, level: usize) -> Option<u64> {
        let wider = u64::from(self.wider_factor).saturating_pow(u32::try_from(level).unwrap_or(u32::MAX));
        match self.per_s[class as usize] {
            0 => None,
            per_s => Some(u64::from(per_s).saturating_mul(wider)),
        }
    }

    /// Returns how many times the limits of the narrowest prefix apply to that of each level.
    pub(crate) fn factors(&self) -> [u32; LEVELS_MAX] {
        let mut factors = [1; LEVELS_MAX];
        for level in 1..LEVELS_MAX {
            factors[level] = self.wider_factor.max(1).saturating_mul(factors[level - 1]);
        }
        factors
    }

    /// Returns what [`Self::per_s`] returns for each level.
    pub(crate) fn per_s_of_levels(&self, class: Class) -> Option<[u64; LEVELS_MAX]> {
        let mut rates = [0; LEVELS_MAX];
        for (level, rate) in rates.iter_mut().enumerate() {
            *rate = self.per_s(class, level)?;
        }
        Some(rates)
    }
}

/// Error: a source is over its limit. The text is sent to clients; each protocol has its own way to say when to retry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("too many requests from this network")]
pub struct OverLimit {
    pub class: Class,
    /// Seconds after which the source is within its limit, at least 1.
    pub retry_s: u32,
}
