use rustls::unbuffered::{EncodeError, EncryptError, InsufficientSizeError};

/// Why a message was not written.
pub(crate) enum Unwritten {
    /// The buffer is too small; the message takes this many bytes.
    Takes(usize),
    Never,
}

impl From<EncodeError> for Unwritten {
    fn from(error: EncodeError) -> Self {
        match error {
            EncodeError::InsufficientSize(InsufficientSizeError { required_size }) => {
                Self::Takes(required_size)
            }
            EncodeError::AlreadyEncoded => Self::Never,
        }
    }
}

impl From<EncryptError> for Unwritten {
    fn from(error: EncryptError) -> Self {
        match error {
            EncryptError::InsufficientSize(InsufficientSizeError { required_size }) => {
                Self::Takes(required_size)
            }
            EncryptError::EncryptExhausted => Self::Never,
        }
    }
}

/// Appends to `to_send` what `write` writes: into `guess` bytes or, if these are too few, into as many as it asks for.
pub(crate) fn append<E: Into<Unwritten>>(
    to_send: &mut Vec<u8>,
    guess: usize,
    mut write: impl FnMut(&mut [u8]) -> Result<usize, E>,
) -> Result<(), Unwritten> {
    match append_into(to_send, guess, &mut write) {
        Err(Unwritten::Takes(bytes)) => append_into(to_send, bytes, &mut write),
        done => done,
    }
}

fn append_into<E: Into<Unwritten>>(
    to_send: &mut Vec<u8>,
    room: usize,
    write: impl FnOnce(&mut [u8]) -> Result<usize, E>,
) -> Result<(), Unwritten> {
    let start = to_send.len();
    to_send.resize(start.saturating_add(room), 0);
    let written = write(to_send.get_mut(start..).unwrap_or_default()).map_err(Into::into);
    to_send.truncate(start.saturating_add(*written.as_ref().unwrap_or(&0)));
    written.map(drop)
}
