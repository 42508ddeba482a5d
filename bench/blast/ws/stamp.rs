use crate::population::mix;
use ws_protocol::OfferId;

/// What an offer id says about its offer. All threads can read it, so that none keeps a list of its offers. Nanoseconds
/// have 48 bits, which last for days, and connections 24.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// When its announce was due, and when it was sent.
    pub(crate) due_ns: u64,
    pub(crate) sent_ns: u64,
    /// Number of the connection that sent it, over all threads.
    pub(crate) connection: u32,
    /// Number of its description.
    pub(crate) description: u8,
}

impl Stamp {
    /// Returns an id that looks random, as those of clients are, with a check sum that only loads of this seed have.
    pub(crate) fn seal(self, seed: u64) -> OfferId {
        let whole = u128::from(self.due_ns) << 80
            | (u128::from(self.sent_ns) & NS_MASK) << 32
            | u128::from(self.connection & 0xff_ffff) << 8
            | u128::from(self.description);
        let sum = check_sum(whole, seed);
        let mut id = [0; 20];
        id[..16].copy_from_slice(&(whole ^ pad(sum, seed)).to_le_bytes());
        id[16..].copy_from_slice(&sum.to_le_bytes());
        OfferId(id)
    }

    /// Returns the stamp in an id. `None` if no load of this seed has sealed it.
    #[expect(clippy::cast_possible_truncation, reason = "each part has these bits")]
    pub(crate) fn open(id: OfferId, seed: u64) -> Option<Self> {
        let (whole, sum) = id.0.split_first_chunk()?;
        let sum = u32::from_le_bytes(*sum.first_chunk()?);
        let whole = u128::from_le_bytes(*whole) ^ pad(sum, seed);
        (check_sum(whole, seed) == sum).then_some(Self {
            due_ns: (whole >> 80) as u64,
            sent_ns: (whole >> 32 & NS_MASK) as u64,
            connection: (whole >> 8) as u32 & 0xff_ffff,
            description: whole as u8,
        })
    }
}

const NS_MASK: u128 = (1 << 48) - 1;

#[expect(clippy::cast_possible_truncation, reason = "halves of what is mixed")]
const fn check_sum(whole: u128, seed: u64) -> u32 {
    mix(mix(whole as u64 ^ seed) ^ (whole >> 64) as u64) as u32
}

fn pad(sum: u32, seed: u64) -> u128 {
    let high = mix(seed ^ u64::from(sum));
    u128::from(high) << 64 | u128::from(mix(high))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_read_back_only_from_an_id_of_its_load() {
        for number in 0..100_u8 {
            let stamp = Stamp {
                due_ns: u64::from(number) << 39,
                sent_ns: (1 << 48) - 1 - u64::from(number),
                connection: u32::from(number) << 17,
                description: number,
            };
            let id = stamp.seal(7);
            assert_eq!(Stamp::open(id, 7), Some(stamp));
            assert_eq!(Stamp::open(id, 8), None);
            let mut other = id;
            other.0[usize::from(number) % 20] ^= 1;
            assert_eq!(Stamp::open(other, 7), None);
        }
    }
}
