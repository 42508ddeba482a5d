/// How far a sweep has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sweep {
    /// It is through, or there was none to do.
    Done,
    /// There is more to do in a later call.
    More,
}

impl Sweep {
    /// What is left to do of two.
    pub(crate) const fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Done, Self::Done) => Self::Done,
            _ => Self::More,
        }
    }
}
