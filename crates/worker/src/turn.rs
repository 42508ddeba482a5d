/// The result of a turn of a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Nothing was waiting.
    Idle,
    /// A batch was answered.
    Busy,
    /// The socket failed; it is counted.
    Failed,
}
