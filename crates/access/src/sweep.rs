/// How far a sweep has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sweep {
    /// It is through, or there was none to do.
    Done,
    /// There is more to do in a later call.
    More,
}
