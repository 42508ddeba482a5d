use crate::limits::LEVELS_MAX;
use crate::source::Source;
use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use primitives::{AddressFamily, AddressRange, AddressRanges};
use thiserror::Error;

/// The leading bits of an address, the others zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Prefix {
    ip: IpAddr,
    bits: u8,
}

impl Prefix {
    /// Returns the first `bits` bits of a source: all of them where it has no more.
    #[must_use]
    pub const fn of(source: Source, bits: u8) -> Self {
        match source.ip() {
            IpAddr::V4(ip) => {
                let bits = if bits < 32 { bits } else { 32 };
                Self { ip: IpAddr::V4(Ipv4Addr::from_bits(ip.to_bits() & mask_v4(bits))), bits }
            }
            IpAddr::V6(ip) => {
                let bits = if bits < 128 { bits } else { 128 };
                Self { ip: IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & mask_v6(bits))), bits }
            }
        }
    }

    /// Returns the first address.
    #[must_use]
    pub const fn ip(self) -> IpAddr {
        self.ip
    }

    /// Returns the number of leading bits.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.bits
    }

    /// Returns the addresses of some prefixes.
    #[must_use]
    pub fn addresses(prefixes: impl IntoIterator<Item = Self>) -> AddressRanges {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for Self { ip, bits } in prefixes {
            match ip {
                IpAddr::V4(ip) => {
                    let first = ip.to_bits();
                    v4.push(AddressRange { first, last: first | !mask_v4(bits) });
                }
                IpAddr::V6(ip) => {
                    let first = ip.to_bits();
                    v6.push(AddressRange { first, last: first | !mask_v6(bits) });
                }
            }
        }
        AddressRanges::new(v4, v6)
    }

    /// Returns whether the prefix is one of a source.
    #[must_use]
    pub fn contains(self, source: Source) -> bool {
        Self::of(source, self.bits) == self
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.ip, self.bits)
    }
}

/// Returns the mask of the first `bits` bits.
pub(crate) const fn mask_v4(bits: u8) -> u32 {
    match u32::MAX.checked_shr(bits as u32) {
        Some(rest) => !rest,
        None => u32::MAX,
    }
}

/// Returns the mask of the first `bits` bits.
pub(crate) const fn mask_v6(bits: u8) -> u128 {
    match u128::MAX.checked_shr(bits as u32) {
        Some(rest) => !rest,
        None => u128::MAX,
    }
}

/// The numbers of leading bits of the prefixes that have buckets, the narrowest prefix first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PrefixLengths {
    v4: Levels,
    v6: Levels,
}

/// The lengths of one family, as many of them as are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Levels {
    bits: [u8; LEVELS_MAX],
    used: usize,
}

/// Error: the lengths are not one to [`LEVELS_MAX`], not each shorter than the one before, or longer than an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the lengths of prefixes are one to {LEVELS_MAX} numbers of bits, each less than the one before")]
pub struct InvalidPrefixLengths;

impl PrefixLengths {
    /// Each address, and the network of 24 bits; for IPv6 the networks of 64, 56 and 48 bits.
    pub const USUAL: Self =
        Self { v4: Levels { bits: [32, 24, 0], used: 2 }, v6: Levels { bits: [64, 56, 48], used: 3 } };

    /// Returns the lengths, of which each list begins with the longest.
    ///
    /// # Errors
    /// If a list is empty or too long, a length is not shorter than the one before, or longer than an address.
    pub fn new(ipv4_bits: &[u8], ipv6_bits: &[u8]) -> Result<Self, InvalidPrefixLengths> {
        Ok(Self { v4: Levels::new(ipv4_bits, 32)?, v6: Levels::new(ipv6_bits, 128)? })
    }

    /// Returns the lengths of a family, the longest first.
    #[must_use]
    pub fn of_family(&self, family: AddressFamily) -> &[u8] {
        let levels = match family {
            AddressFamily::V4 => &self.v4,
            AddressFamily::V6 => &self.v6,
        };
        &levels.bits[..levels.used]
    }
}

impl Levels {
    fn new(lengths: &[u8], bits_max: u8) -> Result<Self, InvalidPrefixLengths> {
        let mut bits = [0; LEVELS_MAX];
        let Some(used) = bits.get_mut(..lengths.len()).filter(|used| !used.is_empty()) else {
            return Err(InvalidPrefixLengths);
        };
        let are_descending = lengths.windows(2).all(|pair| pair[0] > pair[1]);
        if !are_descending || lengths.iter().any(|length| !(1..=bits_max).contains(length)) {
            return Err(InvalidPrefixLengths);
        }
        used.copy_from_slice(lengths);
        Ok(Self { bits, used: lengths.len() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_the_leading_bits_of_an_address() {
        for (ip, bits, text) in [
            ("192.0.2.7", 32, "192.0.2.7/32"),
            ("192.0.2.7", 24, "192.0.2.0/24"),
            ("192.0.2.255", 25, "192.0.2.128/25"),
            ("192.0.2.7", 0, "0.0.0.0/0"),
            ("192.0.2.7", 200, "192.0.2.7/32"),
            ("::ffff:192.0.2.7", 24, "192.0.2.0/24"),
            ("2001:db8:1:2ff::1", 56, "2001:db8:1:200::/56"),
            ("2001:db8::1", 128, "2001:db8::1/128"),
            ("2001:db8::1", 0, "::/0"),
        ] {
            let source = Source::of(ip.parse().unwrap());
            let prefix = Prefix::of(source, bits);
            assert_eq!(prefix.to_string(), text);
            assert!(prefix.contains(source), "{text}");
            let addresses = Prefix::addresses([prefix]);
            assert!(addresses.contains(prefix.ip()) && addresses.contains(source.ip()), "{text}");
        }
        let prefix = Prefix::of(Source::of("192.0.2.7".parse().unwrap()), 24);
        assert!(!prefix.contains(Source::of("192.0.3.7".parse().unwrap())));
        assert!(!prefix.contains(Source::of("::192.0.2.7".parse().unwrap())));
        let site = Prefix::of(Source::of("2001:db8:1:200::".parse().unwrap()), 56);
        let addresses = Prefix::addresses([prefix, site]);
        for (ip, is_in) in [
            ("192.0.1.255", false),
            ("192.0.2.0", true),
            ("192.0.2.255", true),
            ("192.0.3.0", false),
            ("2001:db8:1:1ff:ffff::", false),
            ("2001:db8:1:2ff:ffff::", true),
            ("2001:db8:1:300::", false),
        ] {
            assert_eq!(addresses.contains(ip.parse().unwrap()), is_in, "{ip}");
        }
    }

    #[test]
    fn lengths_are_few_and_descend() {
        let usual = PrefixLengths::new(&[32, 24], &[64, 56, 48]);
        assert_eq!(usual, Ok(PrefixLengths::USUAL));
        for ipv4_bits in [&[][..], &[33], &[0], &[24, 32], &[24, 24], &[32, 24, 16, 8]] {
            assert_eq!(PrefixLengths::new(ipv4_bits, &[64]), Err(InvalidPrefixLengths), "{ipv4_bits:?}");
        }
        assert_eq!(PrefixLengths::new(&[32], &[129]), Err(InvalidPrefixLengths));
    }
}
