/// A point in time: whole seconds since the data plane started. Monotonic; changes of the wall clock do not affect it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Second(pub u32);

impl Second {
    /// Returns the point in time `seconds` later.
    #[must_use]
    pub const fn after(self, seconds: u32) -> Self {
        Self(self.0.wrapping_add(seconds))
    }
}
