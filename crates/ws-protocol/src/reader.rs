use crate::frame::{
    CloseCode, FIN, LENGTH_OF_2_BYTES, LENGTH_OF_8_BYTES, MASKED, Opcode, RESERVED, apply_mask,
};
use crate::limits::{CONTROL_BYTES_MAX, MESSAGE_BYTES_MAX};

/// Whose frames are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    /// Its frames have a mask.
    Client,
    /// Its frames have none.
    Server,
}

/// The outcome of reading the frame at the front of some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Incoming<'a> {
    /// The frame is valid so far, and not whole. Nothing was consumed or changed.
    Incomplete,
    /// A whole message, of text or binary. Binary ones are passed on as text too, so they have to be UTF-8.
    Message(&'a str),
    /// A part of a message, which was stored.
    Fragment,
    Ping(&'a [u8]),
    Pong,
    Close,
    /// The connection has to be closed with this code, and nothing more can be read.
    Invalid(CloseCode),
}

const PROTOCOL_ERROR: Incoming<'static> = Incoming::Invalid(CloseCode::ProtocolError);

/// Reads the frames of one direction of a connection.
#[derive(Debug)]
pub struct FrameReader {
    sender: Sender,
    /// Whether the last fragment of a message is still to come.
    is_amid_message: bool,
    /// The fragments so far. A message stays here until the next read.
    fragments: Vec<u8>,
}

/// A valid head of a frame.
#[derive(Debug, Clone, Copy)]
struct Head {
    is_final: bool,
    opcode: Opcode,
    mask: Option<[u8; 4]>,
    payload_bytes: usize,
}

impl FrameReader {
    /// Returns a reader at the beginning of a connection.
    pub const fn new(sender: Sender) -> Self {
        Self { sender, is_amid_message: false, fragments: Vec::new() }
    }

    /// Returns whether the last fragment of a message is still to come.
    pub const fn is_amid_message(&self) -> bool {
        self.is_amid_message
    }

    /// Returns the size of the buffer for fragments.
    pub const fn buffered_bytes(&self) -> usize {
        self.fragments.capacity()
    }

    /// Reads the frame at the front of `bytes`, and removes its mask in place. Returns the size of the frame, which is 0
    /// unless it is whole and valid.
    ///
    /// A message in fragments stays in the reader until the next call, which frees it even if there are no bytes.
    pub fn read<'a>(&'a mut self, bytes: &'a mut [u8]) -> (usize, Incoming<'a>) {
        if !self.is_amid_message {
            self.fragments = Vec::new();
        }
        let (head, head_bytes) = match self.read_head(bytes) {
            Ok(head) => head,
            Err(outcome) => return (0, outcome),
        };
        let end = head_bytes.saturating_add(head.payload_bytes);
        let Some(payload) = bytes.get_mut(head_bytes..end) else { return (0, Incoming::Incomplete) };
        if let Some(mask) = head.mask {
            apply_mask(payload, mask);
        }
        match self.read_payload(&head, payload) {
            Ok(incoming) => (end, incoming),
            Err(code) => (0, Incoming::Invalid(code)),
        }
    }

    /// Returns the head of a frame and its size. Each byte is checked before the next, so that the outcome does not
    /// depend on how many have arrived.
    fn read_head(&self, bytes: &[u8]) -> Result<(Head, usize), Incoming<'static>> {
        let (&first, rest) = bytes.split_first().ok_or(Incoming::Incomplete)?;
        let is_final = first & FIN != 0;
        let opcode = Opcode::from_bits(first & !(FIN | RESERVED)).ok_or(PROTOCOL_ERROR)?;
        let is_in_order = match opcode {
            Opcode::Continuation => self.is_amid_message,
            Opcode::Text | Opcode::Binary => !self.is_amid_message,
            Opcode::Close | Opcode::Ping | Opcode::Pong => is_final,
        };
        if first & RESERVED != 0 || !is_in_order {
            return Err(PROTOCOL_ERROR);
        }
        let (&second, rest) = rest.split_first().ok_or(Incoming::Incomplete)?;
        let is_masked = second & MASKED != 0;
        let length = second & !MASKED;
        if is_masked != (self.sender == Sender::Client) || opcode.is_control() && length > CONTROL_BYTES_MAX {
            return Err(PROTOCOL_ERROR);
        }
        let (length, rest) = read_length(length, rest)?;
        let stored = if opcode.is_control() { 0 } else { self.fragments.len() };
        let payload_bytes = usize::try_from(length).ok().filter(|length| {
            length.checked_add(stored).is_some_and(|message_bytes| message_bytes <= MESSAGE_BYTES_MAX)
        });
        let payload_bytes = payload_bytes.ok_or(Incoming::Invalid(CloseCode::TooBig))?;
        let (mask, rest) = if is_masked {
            let (mask, rest) = rest.split_first_chunk().ok_or(Incoming::Incomplete)?;
            (Some(*mask), rest)
        } else {
            (None, rest)
        };
        Ok((Head { is_final, opcode, mask, payload_bytes }, bytes.len().saturating_sub(rest.len())))
    }

    fn read_payload<'a>(&'a mut self, head: &Head, payload: &'a [u8]) -> Result<Incoming<'a>, CloseCode> {
        match head.opcode {
            Opcode::Ping => Ok(Incoming::Ping(payload)),
            Opcode::Pong => Ok(Incoming::Pong),
            Opcode::Close => check_close(payload).map(|()| Incoming::Close),
            Opcode::Text | Opcode::Binary if head.is_final => Ok(Incoming::Message(utf8(payload)?)),
            Opcode::Text | Opcode::Binary | Opcode::Continuation => {
                self.store(payload);
                self.is_amid_message = !head.is_final;
                if self.is_amid_message {
                    Ok(Incoming::Fragment)
                } else {
                    Ok(Incoming::Message(utf8(&self.fragments)?))
                }
            }
        }
    }

    /// Doubles the room when it is full, but never beyond the limit of a message.
    fn store(&mut self, fragment: &[u8]) {
        let stored = self.fragments.len();
        let needed = stored.saturating_add(fragment.len());
        if needed > self.fragments.capacity() {
            let room = stored.saturating_mul(2).min(MESSAGE_BYTES_MAX).max(needed);
            self.fragments.reserve_exact(room.saturating_sub(stored));
        }
        self.fragments.extend_from_slice(fragment);
    }
}

/// Returns the length that the 7 bits in `short` announce, which has to be in its shortest form (RFC 6455, 5.2).
fn read_length(short: u8, rest: &[u8]) -> Result<(u64, &[u8]), Incoming<'static>> {
    let read = match short {
        LENGTH_OF_2_BYTES => rest
            .split_first_chunk()
            .map(|(length, rest)| (u16::from_be_bytes(*length).into(), u64::from(LENGTH_OF_2_BYTES), rest)),
        LENGTH_OF_8_BYTES => {
            rest.split_first_chunk().map(|(length, rest)| (u64::from_be_bytes(*length), 1 << 16, rest))
        }
        _ => Some((short.into(), 0, rest)),
    };
    let (length, shortest, rest) = read.ok_or(Incoming::Incomplete)?;
    // The highest bit of 64 has to be 0.
    if length < shortest || i64::try_from(length).is_err() { Err(PROTOCOL_ERROR) } else { Ok((length, rest)) }
}

fn utf8(bytes: &[u8]) -> Result<&str, CloseCode> {
    str::from_utf8(bytes).map_err(|_| CloseCode::InvalidText)
}

/// Checks the payload of a close frame: nothing, or a code that may be sent (RFC 6455, 7.4, and the registry of IANA)
/// and a reason.
fn check_close(payload: &[u8]) -> Result<(), CloseCode> {
    match payload.split_first_chunk() {
        None if payload.is_empty() => Ok(()),
        None => Err(CloseCode::ProtocolError),
        Some((code, reason)) => match u16::from_be_bytes(*code) {
            1000..=1003 | 1007..=1014 | 3000..=4999 => utf8(reason).map(|_| ()),
            _ => Err(CloseCode::ProtocolError),
        },
    }
}

#[cfg(test)]
mod tests;
