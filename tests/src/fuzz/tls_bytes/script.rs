/// What happens next.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step<'a> {
    /// From here on, what is sent arrives by so many bytes; all at once if it is 0.
    PieceBytes(usize),
    /// The client sends what it has to, and so many bytes if it may.
    Flight(usize),
    /// The same with one byte changed.
    GarbledFlight { bytes: usize, at: usize, flip: u8 },
    /// These bytes, as they stand.
    Raw(&'a [u8]),
    /// These bytes as a record of this content type.
    Record { content: u8, bytes: &'a [u8] },
    /// The server sends so many bytes.
    Answer(usize),
    /// The client goes on with new keys, and asks the server to do so.
    NewKeys,
    /// The client tells its end.
    ClientCloses,
    /// The server tells its end.
    ServerCloses,
}

/// Steps that are played, so that a long script takes no longer than a short one.
const STEPS_MAX: usize = 64;

pub(super) struct Script<'a> {
    rest: &'a [u8],
    steps: usize,
}

impl<'a> Script<'a> {
    pub(super) const fn new(rest: &'a [u8]) -> Self {
        Self { rest, steps: 0 }
    }

    fn byte(&mut self) -> Option<u8> {
        let (&byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(byte)
    }

    /// Lengths around the small ones and around a whole record.
    fn length(&mut self) -> Option<usize> {
        let byte = usize::from(self.byte()?);
        Some(if byte < 0xc0 { byte } else { (byte - 0xc0) * 300 })
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::from(self.byte()?).min(self.rest.len());
        let (bytes, rest) = self.rest.split_at(length);
        self.rest = rest;
        Some(bytes)
    }
}

impl<'a> Iterator for Script<'a> {
    type Item = Step<'a>;

    fn next(&mut self) -> Option<Step<'a>> {
        self.steps += 1;
        if self.steps > STEPS_MAX {
            return None;
        }
        Some(match self.byte()? % 9 {
            0 => Step::PieceBytes(usize::from(self.byte()?)),
            1 => Step::Flight(self.length()?),
            2 => Step::GarbledFlight {
                bytes: self.length()?,
                at: usize::from(self.byte()?),
                flip: self.byte()?,
            },
            3 => Step::Raw(self.bytes()?),
            4 => Step::Record { content: self.byte()?, bytes: self.bytes()? },
            5 => Step::Answer(self.length()?),
            6 => Step::NewKeys,
            7 => Step::ClientCloses,
            _ => Step::ServerCloses,
        })
    }
}
