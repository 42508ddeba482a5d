//! The bounds, each with its reason.

/// Bytes of a certificate file and of a key file. Chains are a few KiB; more is another file, or no end of one.
pub const IDENTITY_FILE_BYTES_MAX: u64 = 1 << 20;

/// Certificates of a chain. Real ones have two to four, and each full handshake sends all of them.
pub const CHAIN_CERTIFICATES_MAX: usize = 10;

/// Bytes that a session holds of what its peer began and did not end: a record (RFC 8446, 5.2, and RFC 5246, 6.2.3: a
/// head of 5 bytes, 2^14 of content and 2048 of protection), or the records of one handshake message. The buffer grows
/// with what arrives, to twice as much at most, and is given back as soon as nothing is begun.
pub const HELD_BYTES_MAX: usize = 5 + (1 << 14) + 2048;

/// Bytes to give to a session at a time: as many as the longest head of a request has. More are taken too; only
/// [`PLAINTEXT_BYTES_MAX`] does not hold for them.
pub const READ_BYTES_MAX: usize = 1 << 14;

/// Bytes of plaintext that come out of one call that gets at most [`READ_BYTES_MAX`]: decrypted bytes are fewer than
/// encrypted ones.
pub const PLAINTEXT_BYTES_MAX: usize = HELD_BYTES_MAX + READ_BYTES_MAX;

/// Tickets that a client of TLS 1.3 gets for coming back. A client announces over one connection at a time, and each
/// ticket costs an encryption and some 200 bytes to send.
pub const TICKETS_PER_HANDSHAKE: usize = 1;

/// Bits of an RSA key up to which a signature takes a millisecond at most. With 3072 bits it takes three, with 4096
/// six, and the core that signs does nothing else meanwhile.
pub const FAST_RSA_BITS_MAX: usize = 2048;

/// What a record has beyond its plaintext: TLS 1.2 with AES-GCM has most, a head of 5 bytes, a nonce of 8 and a tag of
/// 16.
pub(crate) const RECORD_OVERHEAD_BYTES_MAX: usize = 5 + 8 + 16;
