//! The limits of sessions and of certificate files, each with its reason.

/// Maximum size of a certificate file and of a key file, in bytes. Chains take a few KiB; anything larger is the wrong
/// file, or an endless one.
pub const IDENTITY_FILE_BYTES_MAX: u64 = 1 << 20;

/// Maximum number of certificates of a chain. Real ones have two to four, and each full handshake sends all of them.
pub const CHAIN_CERTIFICATES_MAX: usize = 10;

/// Maximum number of bytes that a session holds of an incomplete record (RFC 8446, 5.2, and RFC 5246, 6.2.3: a header
/// of 5 bytes, 2^14 of content and 2048 of protection), or of the records of an incomplete handshake message. The
/// buffer grows with the bytes received, to at most twice their size, and is freed when nothing is incomplete.
pub const HELD_BYTES_MAX: usize = 5 + (1 << 14) + 2048;

/// Number of bytes to pass to a session at a time: the size of the longest head of a request. More are accepted too,
/// but [`PLAINTEXT_BYTES_MAX`] does not apply to them.
pub const READ_BYTES_MAX: usize = 1 << 14;

/// Maximum size of the plaintext from one call with at most [`READ_BYTES_MAX`]: plaintext is shorter than ciphertext.
pub const PLAINTEXT_BYTES_MAX: usize = HELD_BYTES_MAX + READ_BYTES_MAX;

/// Number of tickets that a TLS 1.3 client gets to resume its session. A client announces over one connection at a
/// time, and each ticket costs an encryption and some 200 bytes to send.
pub const TICKETS_PER_HANDSHAKE: usize = 1;

/// Maximum length in bits of an RSA key for which a signature takes at most a millisecond. With 3072 bits it takes
/// three, with 4096 six, and the core does nothing else meanwhile.
pub const FAST_RSA_BITS_MAX: usize = 2048;

/// Maximum overhead of a record over its plaintext, in bytes. TLS 1.2 with AES-GCM has the most: a header of 5, a nonce
/// of 8 and a tag of 16.
pub(crate) const RECORD_OVERHEAD_BYTES_MAX: usize = 5 + 8 + 16;
