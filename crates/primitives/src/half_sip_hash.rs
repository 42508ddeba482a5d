use core::fmt;

/// HalfSipHash-2-4 of messages of whole 32-bit words: a keyed function in 32-bit additions, xors and rotations, so that classic
/// BPF can compute it too.
///
/// A value is the state after the words that were absorbed so far.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct HalfSipHash([u32; 4]);

impl HalfSipHash {
    /// What the third word of the state is combined with after the last word of a message.
    pub const END: u32 = 0xff;

    /// Returns the state before the first word.
    #[must_use]
    pub const fn new([first, second]: [u32; 2]) -> Self {
        Self([first, second, 0x6c79_6765 ^ first, 0x7465_6462 ^ second])
    }

    /// Absorbs the next word of the message: four bytes, the lowest first.
    #[must_use]
    pub const fn absorb(mut self, word: u32) -> Self {
        self.0[3] ^= word;
        self = self.round().round();
        self.0[0] ^= word;
        self
    }

    /// Returns the hash of a message of `words` words, all of which were absorbed: the 32 bits of HalfSipHash-2-4, and 32 more of
    /// the same state. The variant with 64 bits would take four rounds more for these.
    #[must_use]
    pub const fn finish(self, words: u32) -> [u32; 2] {
        let mut state = self.absorb(Self::last_word(words));
        state.0[2] ^= Self::END;
        let Self([v0, v1, v2, v3]) = state.round().round().round().round();
        [v1 ^ v3, v0 ^ v2]
    }

    /// Returns the word with the length, which follows those of the message.
    #[must_use]
    pub const fn last_word(words: u32) -> u32 {
        (4 * words) << 24
    }

    /// Returns the four words of the state.
    #[must_use]
    pub const fn state(self) -> [u32; 4] {
        self.0
    }

    const fn round(self) -> Self {
        let Self([v0, v1, v2, v3]) = self;
        let v0 = v0.wrapping_add(v1);
        let v1 = v1.rotate_left(5) ^ v0;
        let v0 = v0.rotate_left(16);
        let v2 = v2.wrapping_add(v3);
        let v3 = v3.rotate_left(8) ^ v2;
        let v0 = v0.wrapping_add(v3);
        let v3 = v3.rotate_left(7) ^ v0;
        let v2 = v2.wrapping_add(v1);
        let v1 = v1.rotate_left(13) ^ v2;
        Self([v0, v1, v2.rotate_left(16), v3])
    }
}

impl fmt::Debug for HalfSipHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("HalfSipHash(secret)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The hashes in `vectors_hsip32` of the reference implementation of messages of whole words: the bytes 0, 1, 2 and so
    /// on, with the key 0 to 7.
    const HASHES: [u32; 16] = [
        0x5b9f_35a9,
        0x8946_6e2a,
        0x8f84_b8d0,
        0x2f87_f057,
        0x84ac_b5d9,
        0x4510_4de3,
        0x630c_4027,
        0x0040_64b0,
        0x1221_e7fe,
        0xecc6_5ce7,
        0x4018_bcb6,
        0x48d5_0577,
        0xe32c_e169,
        0xd4f3_853b,
        0x40b9_c5a5,
        0x736c_e7d4,
    ];

    #[test]
    fn hashes_are_those_of_the_reference_implementation() {
        let key = [0x0302_0100, 0x0706_0504];
        for (words, hash) in (0_u32..).zip(HASHES) {
            let message = (0..words).map(|word| 0x0302_0100 + 0x0404_0404 * word);
            let [first, _] = message.fold(HalfSipHash::new(key), HalfSipHash::absorb).finish(words);
            assert_eq!(first, hash, "{words}");
        }
    }

    #[test]
    fn debug_output_does_not_show_the_state() {
        assert_eq!(format!("{:?}", HalfSipHash::new([1, 2])), "HalfSipHash(secret)");
    }
}
