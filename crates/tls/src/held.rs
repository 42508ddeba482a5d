use crate::TlsError;
use crate::limits::HELD_BYTES_MAX;

/// Received bytes of an incomplete record or message. An empty one takes no heap memory.
#[derive(Debug, Default)]
pub(crate) struct Held(Vec<u8>);

impl Held {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    pub(crate) fn clear(&mut self) {
        self.0 = Vec::new();
    }

    pub(crate) fn replace(&mut self, rest: &[u8]) -> Result<(), TlsError> {
        self.0 = checked(rest)?.to_vec();
        Ok(())
    }

    /// Removes the first `taken` bytes.
    pub(crate) fn take(&mut self, taken: usize) -> Result<(), TlsError> {
        let rest = checked(self.0.get(taken..).unwrap_or_default())?;
        if taken > 0 {
            // A buffer of the exact size, because it may be held for long.
            self.0 = rest.to_vec();
        }
        Ok(())
    }
}

fn checked(rest: &[u8]) -> Result<&[u8], TlsError> {
    if rest.len() <= HELD_BYTES_MAX { Ok(rest) } else { Err(TlsError::TooLong) }
}
