//! A switch: off or on.

use crate::values::choice::Choice;

/// Whether a function is active.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Switch {
    /// Inactive.
    Off,
    /// Active.
    On,
}

impl Choice for Switch {
    const CHOICES: &'static [(&'static str, Self)] = &[("off", Self::Off), ("on", Self::On)];
}
