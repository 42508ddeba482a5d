/// Whether a sweep is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sweep {
    /// It is complete, or there was nothing to sweep.
    Done,
    /// A later call has to continue it.
    More,
}

impl Sweep {
    /// Combines two sweeps: done if both are.
    pub(crate) const fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Done, Self::Done) => Self::Done,
            _ => Self::More,
        }
    }
}
