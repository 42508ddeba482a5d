use super::super::bytes::Bytes;

/// One step of a script.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step<'a> {
    /// Later bytes arrive in pieces of this length; all at once if it is 0.
    PieceBytes(usize),
    /// The client sends its pending records, and this many bytes of plaintext if it can.
    Flight(usize),
    /// The same with the byte at `at` changed.
    GarbledFlight { bytes: usize, at: usize, flip: u8 },
    /// Raw bytes.
    Raw(&'a [u8]),
    /// Raw bytes in a record of this content type.
    Record { content: u8, bytes: &'a [u8] },
    /// The server sends this many bytes of plaintext.
    Answer(usize),
    /// The client updates its keys and asks the server to do the same.
    NewKeys,
    /// The client sends a close notify.
    ClientCloses,
    /// The server sends a close notify.
    ServerCloses,
}

/// Limit of steps, so that a long script takes no longer than a short one.
const STEPS_MAX: usize = 64;

pub(super) struct Script<'a> {
    bytes: Bytes<'a>,
    steps: usize,
}

impl<'a> Script<'a> {
    pub(super) const fn new(input: &'a [u8]) -> Self {
        Self { bytes: Bytes(input), steps: 0 }
    }

    /// Reads a length: any small one, or a multiple of 300 up to more than a record.
    fn length(&mut self) -> Option<usize> {
        let byte = usize::from(self.bytes.byte()?);
        Some(if byte < 0xc0 { byte } else { (byte - 0xc0) * 300 })
    }
}

impl<'a> Iterator for Script<'a> {
    type Item = Step<'a>;

    fn next(&mut self) -> Option<Step<'a>> {
        self.steps += 1;
        if self.steps > STEPS_MAX {
            return None;
        }
        Some(match self.bytes.byte()? % 9 {
            0 => Step::PieceBytes(usize::from(self.bytes.byte()?)),
            1 => Step::Flight(self.length()?),
            2 => Step::GarbledFlight {
                bytes: self.length()?,
                at: usize::from(self.bytes.byte()?),
                flip: self.bytes.byte()?,
            },
            3 => Step::Raw(self.bytes.counted()?),
            4 => Step::Record { content: self.bytes.byte()?, bytes: self.bytes.counted()? },
            5 => Step::Answer(self.length()?),
            6 => Step::NewKeys,
            7 => Step::ClientCloses,
            _ => Step::ServerCloses,
        })
    }
}
