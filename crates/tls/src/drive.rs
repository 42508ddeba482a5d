use crate::TlsError;
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncodeTlsData, EncryptError, ReadTraffic, UnbufferedStatus,
};

/// The result of processing received bytes.
pub(crate) enum Progress {
    /// This many bytes have been processed; the others need more to follow.
    Taken(usize),
    ClosedByPeer,
}

/// Passes received bytes to rustls until it needs more.
pub(crate) fn drive(
    connection: &mut UnbufferedServerConnection,
    received: &mut [u8],
    plaintext: &mut Vec<u8>,
    to_send: &mut Vec<u8>,
) -> Result<Progress, TlsError> {
    let mut taken: usize = 0;
    loop {
        let rest = received.get_mut(taken..).unwrap_or_default();
        let UnbufferedStatus { mut discard, state } = connection.process_tls_records(rest);
        match state {
            Ok(ConnectionState::ReadTraffic(traffic)) => {
                discard = discard.saturating_add(read(traffic, plaintext)?);
            }
            Ok(ConnectionState::EncodeTlsData(data)) => encode(data, to_send),
            Ok(ConnectionState::TransmitTlsData(transmit)) => transmit.done(),
            Ok(ConnectionState::PeerClosed | ConnectionState::Closed) => return Ok(Progress::ClosedByPeer),
            // Blocked, or ready to send. There is no early data, because no ticket allows it.
            Ok(_) => return Ok(Progress::Taken(taken.saturating_add(discard))),
            Err(error) => {
                send_alerts(connection, to_send);
                return Err(error.into());
            }
        }
        taken = taken.saturating_add(discard);
    }
}

/// Returns the number of bytes to discard after the records.
fn read<Data>(mut traffic: ReadTraffic<'_, '_, Data>, plaintext: &mut Vec<u8>) -> Result<usize, TlsError> {
    let mut discard: usize = 0;
    while let Some(record) = traffic.next_record() {
        let record = record?;
        plaintext.extend_from_slice(record.payload);
        discard = discard.saturating_add(record.discard);
    }
    Ok(discard)
}

fn encode<Data>(mut data: EncodeTlsData<'_, Data>, to_send: &mut Vec<u8>) {
    let encoded = append(to_send, 0, |room| data.encode(room).map_err(|error| unencoded(&error)));
    debug_assert!(encoded.is_ok(), "the first attempt returns the size");
}

/// After an error rustls must see no more of the peer's bytes, so it is polled only while it has something to send.
pub(crate) fn send_alerts(connection: &mut UnbufferedServerConnection, to_send: &mut Vec<u8>) {
    while connection.wants_write() {
        match connection.process_tls_records(&mut []).state {
            Ok(ConnectionState::EncodeTlsData(data)) => encode(data, to_send),
            _ => return,
        }
    }
}

/// The bytes that a message takes for which there is no room; `None` if it can never be written.
pub(crate) type Unwritten = Option<usize>;

fn unencoded(error: &EncodeError) -> Unwritten {
    match error {
        EncodeError::InsufficientSize(size) => Some(size.required_size),
        EncodeError::AlreadyEncoded => None,
    }
}

pub(crate) fn unencrypted(error: &EncryptError) -> Unwritten {
    match error {
        EncryptError::InsufficientSize(size) => Some(size.required_size),
        EncryptError::EncryptExhausted => None,
    }
}

/// Appends to `to_send` what `write` writes: into `guess` bytes or, if these are too few, into as many as it asks for.
pub(crate) fn append(
    to_send: &mut Vec<u8>,
    guess: usize,
    mut write: impl FnMut(&mut [u8]) -> Result<usize, Unwritten>,
) -> Result<(), Unwritten> {
    match append_into(to_send, guess, &mut write) {
        Err(Some(bytes)) => append_into(to_send, bytes, &mut write),
        done => done,
    }
}

fn append_into(
    to_send: &mut Vec<u8>,
    room: usize,
    write: impl FnOnce(&mut [u8]) -> Result<usize, Unwritten>,
) -> Result<(), Unwritten> {
    let start = to_send.len();
    to_send.resize(start.saturating_add(room), 0);
    let written = write(to_send.get_mut(start..).unwrap_or_default());
    to_send.truncate(start.saturating_add(*written.as_ref().unwrap_or(&0)));
    written.map(drop)
}
