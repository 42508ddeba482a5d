//! The bounds of the control plane, each with its reason.

/// Milliseconds between two looks at the workers: how late the end of one is noticed.
pub const SUPERVISION_MS: u64 = 100;
