/// The bit of the last frame of a message.
pub(crate) const FIN: u8 = 0x80;
/// The bits for extensions. None is negotiated, so no frame may have one.
pub(crate) const RESERVED: u8 = 0x70;
/// The bit of a frame with a mask.
pub(crate) const MASKED: u8 = 0x80;
/// The values of the length that announce one of 2 or of 8 bytes.
pub(crate) const LENGTH_OF_2_BYTES: u8 = 126;
pub(crate) const LENGTH_OF_8_BYTES: u8 = 127;

/// What a frame is (RFC 6455, 5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opcode {
    /// The next fragment of a message.
    Continuation = 0,
    Text = 1,
    Binary = 2,
    Close = 8,
    Ping = 9,
    Pong = 10,
}

impl Opcode {
    pub(crate) const fn from_bits(bits: u8) -> Option<Self> {
        Some(match bits {
            0 => Self::Continuation,
            1 => Self::Text,
            2 => Self::Binary,
            8 => Self::Close,
            9 => Self::Ping,
            10 => Self::Pong,
            _ => return None,
        })
    }

    pub(crate) const fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

/// Why a connection is closed (RFC 6455, 7.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseCode {
    Normal = 1000,
    /// The tracker serves no more WebSockets.
    GoingAway = 1001,
    ProtocolError = 1002,
    /// A text is not UTF-8.
    InvalidText = 1007,
    PolicyViolation = 1008,
    /// The message is larger than [`MESSAGE_BYTES_MAX`](crate::MESSAGE_BYTES_MAX).
    TooBig = 1009,
    /// The tracker stops. A client that connects again may find another.
    ServiceRestart = 1012,
    /// The tracker has no room for the connection.
    TryAgainLater = 1013,
}

/// Masks the payload of a frame, or removes its mask (RFC 6455, 5.3).
pub(crate) fn apply_mask(payload: &mut [u8], mask: [u8; 4]) {
    let [first, second, third, fourth] = mask;
    let mask = [first, second, third, fourth, first, second, third, fourth];
    let (words, rest) = payload.as_chunks_mut();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ u64::from_ne_bytes(mask)).to_ne_bytes();
    }
    rest.iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
}

/// The head of a whole message or a control frame, with the length in its shortest form.
fn head(opcode: Opcode, mask: Option<[u8; 4]>, payload_bytes: usize) -> impl Iterator<Item = u8> {
    let length = (payload_bytes as u64).to_be_bytes();
    let [.., lowest] = length;
    let (short, zeros) = match payload_bytes {
        0..=125 => (lowest, 8),
        126..=0xffff => (LENGTH_OF_2_BYTES, 6),
        _ => (LENGTH_OF_8_BYTES, 0),
    };
    let masked = if mask.is_some() { MASKED } else { 0 };
    let start = [FIN | opcode as u8, masked | short].into_iter();
    start.chain(length.into_iter().skip(zeros)).chain(mask.into_iter().flatten())
}

/// Appends a frame that is a whole message, or a control frame with at most 125 bytes. A client has to mask its frames,
/// a server must not.
pub fn append_frame(out: &mut Vec<u8>, opcode: Opcode, mask: Option<[u8; 4]>, payload: &[u8]) {
    out.extend(head(opcode, mask, payload.len()));
    let start = out.len();
    out.extend_from_slice(payload);
    if let Some((mask, payload)) = mask.zip(out.get_mut(start..)) {
        apply_mask(payload, mask);
    }
}

/// Appends the close frame of a server.
pub fn append_close(out: &mut Vec<u8>, code: CloseCode) {
    append_frame(out, Opcode::Close, None, &(code as u16).to_be_bytes());
}

/// Appends the text frame of a server whose payload `write` appends.
pub(crate) fn append_text(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    /// The head of a frame with 126 to 65,535 bytes of payload, which most have.
    const USUAL_HEAD: [u8; 4] = [0; 4];
    let start = out.len();
    out.extend(USUAL_HEAD);
    let payload_start = out.len();
    write(out);
    let head = head(Opcode::Text, None, out.len().saturating_sub(payload_start));
    out.splice(start..payload_start, head);
}
