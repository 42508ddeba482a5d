use core::fmt::Display;
use std::io::{Cursor, Write};
use udp_protocol::{ErrorResponse, TransactionId};
use zerocopy::IntoBytes;

/// Writes an error into `out` and returns its length. A text that is too long for `out` is truncated.
pub(crate) fn write_error(transaction_id: TransactionId, text: &impl Display, out: &mut [u8]) -> usize {
    let (head, rest) = out.split_at_mut(size_of::<ErrorResponse>());
    head.copy_from_slice(ErrorResponse::new(transaction_id).as_bytes());
    let mut rest = Cursor::new(rest);
    let _cut_off = write!(rest, "{text}");
    size_of::<ErrorResponse>() + usize::try_from(rest.position()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection_id::ConnectionIdError;

    #[test]
    fn an_error_about_a_connection_id_is_no_longer_than_a_scrape_of_one_torrent() {
        for error in [ConnectionIdError::Expired, ConnectionIdError::Wrong] {
            let mut out = [0; 100];
            let length = write_error(TransactionId([1, 2, 3, 4]), &error, &mut out);
            assert!(length <= 16 + 20, "{error}: {length}");
            assert_eq!(out[..8], [0, 0, 0, 3, 1, 2, 3, 4]);
            assert_eq!(&out[8..length], error.to_string().as_bytes());
        }
    }

    #[test]
    fn a_text_that_is_too_long_is_truncated() {
        assert_eq!(write_error(TransactionId([0; 4]), &"x".repeat(100), &mut [0; 20]), 20);
    }
}
