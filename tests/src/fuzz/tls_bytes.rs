mod connection;
mod script;

use self::connection::Connection;
use self::script::{Script, Step};

/// Runs `input` as a script of the bytes that a server's session receives: flights and records of a well-behaved
/// client, whole, garbled and in pieces of any length, and raw bytes from the script.
///
/// The first byte selects the TLS version and how far the handshake has come.
///
/// # Panics
/// If the session holds more bytes than its limit, returns plaintext that its client did not send, refuses a
/// client that did nothing wrong, or continues after an error.
pub fn tls_bytes(input: &[u8]) {
    let Some((&choice, rest)) = input.split_first() else { return };
    let mut connection = Connection::new(choice);
    for step in Script::new(rest) {
        match step {
            Step::PieceBytes(bytes) => connection.deliver_by(bytes),
            Step::Flight(bytes) => connection.client_sends(bytes, None),
            Step::GarbledFlight { bytes, at, flip } => connection.client_sends(bytes, Some((at, flip))),
            Step::Raw(bytes) => connection.stranger_sends(bytes),
            Step::Record { content, bytes } => connection.stranger_sends_record(content, bytes),
            Step::Answer(bytes) => connection.server_answers(bytes),
            Step::NewKeys => connection.client_renews_keys(),
            Step::ClientCloses => connection.client_closes(),
            Step::ServerCloses => connection.server_closes(),
        }
    }
}
