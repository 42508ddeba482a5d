//! The sources that send more than they may: which they are, and which of them are banned for it.
//!
//! Each core and the APIs record the sources that they refuse ([`guard::Offenders`]). Once a second the records are taken
//! and merged into a list of fixed size. A source that sent more than twice what it may for some time is banned for a
//! time that grows with each repetition, and logged. Private networks are only logged: many clients may share such an
//! address, as behind a proxy that is not listed as trusted.

mod api_guard;
mod culprit;
mod store;
#[cfg(test)]
mod tests;
mod top_list;

pub use api_guard::ApiGuard;
pub use guard::Class;
pub(crate) use store::Sources;

use crate::bans::AppliedBan;
use crate::management::Pending;
use guard::SourceLimits;
use ipnet::IpNet;
use std::time::Duration;

/// The management of the sources that send more than they may.
pub trait SourceManagement: Send + Sync {
    /// Returns the sources that were refused most, those refused most in the last second first.
    fn top(&self) -> Pending<'_, Vec<SourceInfo>>;
}

/// A source that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceInfo {
    pub network: IpNet,
    /// How often it was refused, in the order of [`Class::ALL`].
    pub refused: [u64; Class::ALL.len()],
    /// How often it was refused in the last second.
    pub refused_per_s: u64,
    /// When it was last refused, in Unix seconds.
    pub last_seen_unix_s: u64,
    pub ban: Option<AppliedBan>,
}

/// What sources may do, and when they are banned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceSettings {
    /// The limits, as they apply to the APIs.
    pub limits: SourceLimits,
    /// How long a source has to send more than twice what it may before it is banned.
    pub ban_after: Duration,
    /// How long the first ban of a source lasts. Zero bans none.
    pub ban_first: Duration,
    pub ban_longest: Duration,
    /// Networks that are not banned for what they send, nor any that has addresses of theirs.
    pub exempt: Vec<IpNet>,
}
