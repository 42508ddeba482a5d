//! Off or on.

use crate::values::choice::Choice;

/// Whether something is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Switch {
    /// It is not done.
    Off,
    /// It is done.
    On,
}

impl Choice for Switch {
    const CHOICES: &'static [(&'static str, Self)] = &[("off", Self::Off), ("on", Self::On)];
}
