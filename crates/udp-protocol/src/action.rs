use zerocopy::byteorder::network_endian::U32;

/// The `action` field of BEP 15.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Connect,
    Announce,
    Scrape,
    /// Action 3, in responses only.
    Error,
}

impl Action {
    /// Returns the action with this number, if BEP 15 defines one.
    pub fn from_wire(number: U32) -> Option<Self> {
        match number.get() {
            0 => Some(Self::Connect),
            1 => Some(Self::Announce),
            2 => Some(Self::Scrape),
            3 => Some(Self::Error),
            _ => None,
        }
    }

    pub(crate) const fn to_wire(self) -> U32 {
        U32::new(self as u32)
    }
}
