//! The server side of TLS 1.2 and 1.3, sans-IO.
//!
//! Converts ciphertext to plaintext and back. The owner of a connection moves the bytes:
//!
//! 1. [`ServerIdentity::load`] reads certificate and key, at the start and when the files change. One identity serves
//!    all cores; a session keeps the one that it was created with.
//! 2. [`TlsSession::new`] creates the session of a connection.
//! 3. [`TlsSession::receive`] decrypts bytes from the socket in place. It appends plaintext, and bytes to be sent.
//! 4. [`TlsSession::send`] encrypts a response and appends it to the bytes to be sent.
//! 5. [`TlsSession::close`] ends the session before the socket is closed.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let read_from_socket = |_: &mut [u8]| 0;
//! use tls::{READ_BYTES_MAX, Received, ServerIdentity, TlsSession};
//!
//! let identity = ServerIdentity::load("certificate.pem".as_ref(), "key.pem".as_ref())?;
//! let mut session = TlsSession::new(&identity)?;
//! let (mut read, mut plaintext, mut to_send) = (vec![0; READ_BYTES_MAX], Vec::new(), Vec::new());
//! let bytes = read_from_socket(&mut read);
//! match session.receive(&mut read[..bytes], &mut plaintext, &mut to_send) {
//!     Ok(Received::Open) if plaintext.ends_with(b"\r\n\r\n") => {
//!         session.send(b"HTTP/1.1 204 No Content\r\n\r\n", &mut to_send)?;
//!     }
//!     Ok(Received::Open) => {}
//!     Ok(Received::ClosedByPeer) => session.close(&mut to_send),
//!     // Send the alert that is in `to_send`, and close the socket.
//!     Err(_) => {}
//! }
//! # Ok(())
//! # }
//! ```
//!
//! The crate does no IO except reading the two files, and reads no clock except for the age of tickets in rustls.
//! Nothing that a peer sends makes it panic, or makes a session hold more than [`HELD_BYTES_MAX`] of it.
//!
//! # Memory of a session
//!
//! A session is an unbuffered connection of rustls: a record is decrypted where it was received, and only the bytes of
//! an incomplete one are copied and held. An idle session has about 3.2 KiB of heap, less than half of a buffered
//! connection. A request and its response take one short-lived allocation each, both by rustls.
//! `tests/sessions/memory.rs` measures this.
//!
//! # Resumption
//!
//! Sessions are resumed by tickets, which the clients store. The keys of the tickets belong to the identity and are
//! replaced every six hours. A handshake takes a read lock on them: the only lock that cores share, and never on the
//! path of a request.

#![forbid(unsafe_code)]
#![deny(
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::panic,
    clippy::unreachable,
    clippy::arithmetic_side_effects,
    reason = "this crate parses untrusted bytes"
)]

mod drive;
mod error;
mod identity;
mod limits;
mod session;

pub use error::{IdentityError, TlsError};
pub use identity::{Fingerprint, ServerIdentity};
pub use limits::{
    CHAIN_CERTIFICATES_MAX, FAST_RSA_BITS_MAX, HELD_BYTES_MAX, IDENTITY_FILE_BYTES_MAX, PLAINTEXT_BYTES_MAX,
    READ_BYTES_MAX, TICKETS_PER_HANDSHAKE,
};
pub use session::{Received, TlsSession};
