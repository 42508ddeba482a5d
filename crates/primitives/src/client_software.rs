use crate::PeerId;
use core::fmt::Write;

/// The beginning of a peer id, if it has one of the forms in which client software names itself (BEP 20): letters,
/// digits and dashes only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientTag([u8; ClientTag::BYTES]);

/// How the four characters of a version are written for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Versions {
    /// `4650` is 4.6.5, `20A0` is 2.0.10, and a letter at the end says nothing.
    Dotted,
    /// `0102` is 1.2.
    Pairs,
    /// `2940` is 2.94, and from `4000` on as with dots.
    Transmission,
}

use Versions::{Dotted, Pairs, Transmission};

/// Well-known clients by the two letters after the first dash of their peer ids, in the form `-qB4650-`.
const AZUREUS: &[(&[u8; 2], &str, Versions)] = &[
    (b"7T", "aTorrent", Dotted),
    (b"AG", "Ares", Dotted),
    (b"AZ", "Vuze", Dotted),
    (b"BC", "BitComet", Pairs),
    (b"BE", "BitTorrent SDK", Dotted),
    (b"BI", "BiglyBT", Dotted),
    (b"BL", "BiglyBT", Dotted),
    (b"BN", "Baidu Netdisk", Dotted),
    (b"BT", "BitTorrent", Dotted),
    (b"BW", "BitTorrent Web", Dotted),
    (b"DE", "Deluge", Dotted),
    (b"FD", "Free Download Manager", Dotted),
    (b"FL", "Flud", Dotted),
    (b"FW", "FrostWire", Dotted),
    (b"GT", "GoTorrent (anacrolix)", Dotted),
    (b"HL", "Halite", Dotted),
    (b"KG", "KGet", Dotted),
    (b"KT", "KTorrent", Dotted),
    (b"LT", "libtorrent (Rasterbar)", Dotted),
    (b"MG", "MediaGet", Dotted),
    (b"MO", "MonoTorrent", Dotted),
    (b"PI", "PicoTorrent", Dotted),
    (b"RF", "Ringtrack", Pairs),
    (b"SD", "Thunder", Dotted),
    (b"SZ", "Shareaza", Dotted),
    (b"TB", "Torch", Dotted),
    (b"TL", "Tribler", Dotted),
    (b"TR", "Transmission", Transmission),
    (b"TX", "Tixati", Dotted),
    (b"UE", "uTorrent Embedded", Dotted),
    (b"UM", "uTorrent for Mac", Dotted),
    (b"UT", "uTorrent", Dotted),
    (b"UW", "uTorrent Web", Dotted),
    (b"WD", "WebTorrent Desktop", Pairs),
    (b"WW", "WebTorrent", Pairs),
    (b"XF", "Xfplay", Dotted),
    (b"XL", "Xunlei", Dotted),
    (b"ZO", "Zona", Dotted),
    (b"lt", "libTorrent (rTorrent)", Dotted),
    (b"qB", "qBittorrent", Dotted),
    (b"rQ", "rqbit", Dotted),
];

/// Well-known clients by the letter before their version, in the form `T03I----`.
const SHADOW: &[(u8, &str)] = &[
    (b'A', "ABC"),
    (b'O', "Osprey Permaseed"),
    (b'Q', "BTQueue"),
    (b'R', "Tribler"),
    (b'S', "Shadow's client"),
    (b'T', "BitTornado"),
    (b'U', "UPnP NAT BitTorrent"),
];

/// What a tag says, by its form.
enum Form<'a> {
    Azureus {
        name: &'static str,
        version: [u8; 4],
        versions: Versions,
    },
    /// The numbers of the version with a dash after each, as in `M7-10-5-` and `A2-1-37-`.
    Dashed {
        name: &'static str,
        version: &'a [u8],
    },
    /// One character for each number of the version, as in `T03I----`.
    Shadow {
        name: &'static str,
        version: &'a [u8],
    },
}

impl ClientTag {
    /// Size of a tag in bytes, which holds the client and its version in all forms.
    const BYTES: usize = 8;

    /// The tag of all peer ids that have no such form.
    pub const UNKNOWN: Self = Self([0; Self::BYTES]);

    /// Returns the tag of a peer id.
    pub fn of(peer_id: &PeerId) -> Self {
        let Some(&tag) = peer_id.0.first_chunk::<{ Self::BYTES }>() else { return Self::UNKNOWN };
        let has_form = match tag {
            [b'-', inner @ .., b'-'] => inner.iter().all(u8::is_ascii_alphanumeric),
            [b'A'..=b'Z', rest @ ..] => {
                rest.contains(&b'-') && rest.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
            }
            _ => false,
        };
        if has_form { Self(tag) } else { Self::UNKNOWN }
    }

    /// Returns the tag as a number, for hash tables.
    pub const fn as_u64(self) -> u64 {
        u64::from_le_bytes(self.0)
    }

    /// Returns the name of the software, if it is a well-known one.
    pub fn name(&self) -> Option<&'static str> {
        self.form().map(|form| match form {
            Form::Azureus { name, .. } | Form::Dashed { name, .. } | Form::Shadow { name, .. } => name,
        })
    }

    /// Returns the version of a well-known software as its makers write it. It has letters, digits and dots only.
    pub fn version(&self) -> Option<String> {
        Some(match self.form()? {
            Form::Azureus { version, versions, .. } => versions.text(version),
            Form::Dashed { version, .. } => {
                let numbers = version.split(|byte| *byte == b'-').filter(|number| !number.is_empty());
                let numbers: Vec<_> = numbers.map(String::from_utf8_lossy).collect();
                numbers.join(".")
            }
            Form::Shadow { version, .. } => dotted(version.iter().copied()),
        })
    }

    fn form(&self) -> Option<Form<'_>> {
        match &self.0 {
            [b'-', a, b, version @ .., b'-'] => {
                let known = AZUREUS.iter().find(|(letters, ..)| **letters == [*a, *b]);
                let &(_, name, versions) = known?;
                Some(Form::Azureus { name, version: *version.first_chunk()?, versions })
            }
            [b'A', b'2', b'-', version @ ..] if has_dashed_numbers(version) => {
                Some(Form::Dashed { name: "aria2", version })
            }
            [b'M', version @ ..] if has_dashed_numbers(version) => {
                Some(Form::Dashed { name: "BitTorrent Mainline", version })
            }
            [letter, rest @ ..] => {
                let (_, name) = SHADOW.iter().find(|(known, _)| known == letter)?;
                let version = rest.split(|byte| *byte == b'-').next()?;
                let has_padding = rest.iter().skip(version.len()).all(|byte| *byte == b'-');
                (has_padding && !version.is_empty()).then_some(Form::Shadow { name, version })
            }
        }
    }
}

/// Returns whether a version begins with a digit and has digits and dashes only.
fn has_dashed_numbers(version: &[u8]) -> bool {
    version.first().is_some_and(u8::is_ascii_digit)
        && version.iter().all(|byte| byte.is_ascii_digit() || *byte == b'-')
}

impl Versions {
    fn text(self, version: [u8; 4]) -> String {
        let [a, b, c, d] = version;
        let numbers = [a, b, c].into_iter().chain(d.is_ascii_digit().then_some(d).filter(|d| *d != b'0'));
        match self {
            Pairs => format!("{}.{}", number(a) * 10 + number(b), number(c) * 10 + number(d)),
            Transmission if a < b'4' => format!("{}.{}{}", number(a), number(b), number(c)),
            Dotted | Transmission => dotted(numbers),
        }
    }
}

/// Returns the value of a character: digits, then upper case letters, then lower case ones.
const fn number(character: u8) -> u32 {
    let value = match character {
        b'0'..=b'9' => character - b'0',
        b'A'..=b'Z' => character - b'A' + 10,
        b'a'..=b'z' => character - b'a' + 36,
        _ => 0,
    };
    value as u32
}

/// Writes the values of characters with dots between them.
fn dotted(characters: impl Iterator<Item = u8>) -> String {
    characters.fold(String::new(), |mut text, character| {
        let dot = if text.is_empty() { "" } else { "." };
        // Writing to a string cannot fail.
        let _written = write!(text, "{dot}{}", number(character));
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(start: &str) -> ClientTag {
        let mut peer_id = [b'x'; PeerId::BYTES];
        peer_id[..start.len()].copy_from_slice(start.as_bytes());
        ClientTag::of(&PeerId(peer_id))
    }

    #[test]
    fn the_software_and_its_version_are_read_from_each_form() {
        for (start, name, version) in [
            ("-qB4650-", "qBittorrent", "4.6.5"),
            ("-qB5112-", "qBittorrent", "5.1.1.2"),
            ("-lt0D60-", "libTorrent (rTorrent)", "0.13.6"),
            ("-LT20A0-", "libtorrent (Rasterbar)", "2.0.10"),
            ("-DE13F0-", "Deluge", "1.3.15"),
            ("-DE211s-", "Deluge", "2.1.1"),
            ("-UT360S-", "uTorrent", "3.6.0"),
            ("-TR2940-", "Transmission", "2.94"),
            ("-TR3000-", "Transmission", "3.00"),
            ("-TR4060-", "Transmission", "4.0.6"),
            ("-WW0102-", "WebTorrent", "1.2"),
            ("-BC0213-", "BitComet", "2.13"),
            ("-BI3500-", "BiglyBT", "3.5.0"),
            ("M7-10-5--", "BitTorrent Mainline", "7.10.5"),
            ("A2-1-37-0-", "aria2", "1.37"),
            ("T03I-----", "BitTornado", "0.3.18"),
            ("S58B-----", "Shadow's client", "5.8.11"),
        ] {
            let tag = tag(start);
            assert_eq!((tag.name(), tag.version().as_deref()), (Some(name), Some(version)), "{start}");
        }
    }

    #[test]
    fn other_peer_ids_have_no_name_and_mostly_the_same_tag() {
        for start in ["-??4650-", "-qB4650x", "-<b>0001", "\0\0", "-qB\n650-", "abcdefgh", "M7.10.5.", "xx--"]
        {
            assert_eq!(tag(start), ClientTag::UNKNOWN, "{start:?}");
        }
        for start in [
            "-ZZ4650-", "Zab-----", "T-------", "T1-2----", "M-------", "M-7-----", "Mother--", "A2-----0",
            "A2-x----",
        ] {
            assert_eq!((tag(start).name(), tag(start).version()), (None, None), "{start}");
            assert_ne!(tag(start), ClientTag::UNKNOWN);
        }
        assert_eq!(ClientTag::UNKNOWN.name(), None);
    }

    #[test]
    fn each_client_has_one_entry() {
        assert!(AZUREUS.is_sorted_by(|one, other| one.0 < other.0));
        assert!(SHADOW.is_sorted_by(|one, other| one.0 < other.0));
    }
}
