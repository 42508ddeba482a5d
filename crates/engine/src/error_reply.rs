use primitives::ErrorReason;
use udp_protocol::{ErrorResponse, TransactionId};
use zerocopy::IntoBytes;

/// The texts stay so short that an error is no longer than the shortest request it answers, a scrape of one
/// torrent: a forged source gets nothing amplified.
const EXPIRED_TEXT: &[u8] = b"connection id expired";
const WRONG_TEXT: &[u8] = b"connection id mismatch";
const SHORTEST_PROVED_REQUEST_BYTES: usize = 16 + 20;
const _: () = assert!(ErrorResponse::BYTES + EXPIRED_TEXT.len() <= SHORTEST_PROVED_REQUEST_BYTES);
const _: () = assert!(ErrorResponse::BYTES + WRONG_TEXT.len() <= SHORTEST_PROVED_REQUEST_BYTES);

/// Writes an error into `out`; gives its length.
pub(crate) fn write_error(transaction_id: TransactionId, reason: ErrorReason, out: &mut [u8]) -> usize {
    let text = match reason {
        ErrorReason::ConnectionIdExpired => EXPIRED_TEXT,
        ErrorReason::ConnectionIdWrong => WRONG_TEXT,
    };
    let (head, rest) = out.split_at_mut(ErrorResponse::BYTES);
    head.copy_from_slice(ErrorResponse::new(transaction_id).as_bytes());
    rest[..text.len()].copy_from_slice(text);
    ErrorResponse::BYTES + text.len()
}
