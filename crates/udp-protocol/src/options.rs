/// An option after an announce (BEP 41).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnnounceOption<'a> {
    /// A part of the path and query of the tracker's URL. The parts of an announce are to be concatenated in order.
    UrlData(&'a [u8]),
    /// An option of a type that BEP 41 does not define.
    Unknown {
        kind: u8,
        /// Option data, without type and length.
        data: &'a [u8],
    },
}

/// An iterator over the options after an announce.
///
/// It ends at the end of the datagram, at the option `EndOfOptions`, or at a truncated option: bytes that a client
/// appends are never a reason to refuse its announce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnnounceOptions<'a> {
    rest: &'a [u8],
}

const END_OF_OPTIONS: u8 = 0;
const NOP: u8 = 1;
const URL_DATA: u8 = 2;

impl<'a> AnnounceOptions<'a> {
    /// Reads options from the bytes after the fixed part of an announce.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }
}

/// Returns the bytes of the options that contain the path and query of a tracker's URL. They follow the fixed part of an
/// announce, up to the end of the datagram.
pub fn url_data_options(path_and_query: &[u8]) -> impl Iterator<Item = u8> {
    path_and_query.chunks(usize::from(u8::MAX)).flat_map(|part| {
        let length = u8::try_from(part.len()).unwrap_or(u8::MAX);
        [URL_DATA, length].into_iter().chain(part.iter().copied())
    })
}

impl<'a> Iterator for AnnounceOptions<'a> {
    type Item = AnnounceOption<'a>;

    fn next(&mut self) -> Option<AnnounceOption<'a>> {
        loop {
            let (&kind, after_kind) = self.rest.split_first()?;
            match kind {
                END_OF_OPTIONS => {
                    self.rest = &[];
                    return None;
                }
                NOP => self.rest = after_kind,
                _ => {
                    let (&length, after_length) = after_kind.split_first()?;
                    let (data, rest) = after_length.split_at_checked(usize::from(length))?;
                    self.rest = rest;
                    return Some(match kind {
                        URL_DATA => AnnounceOption::UrlData(data),
                        _ => AnnounceOption::Unknown { kind, data },
                    });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(bytes: &[u8]) -> Vec<AnnounceOption<'_>> {
        AnnounceOptions::new(bytes).collect()
    }

    #[test]
    fn url_data_in_several_parts_is_read_in_order() {
        let bytes = b"\x02\x05/anno\x01\x01\x02\x03unc\x00\x02\x01x";
        assert_eq!(options(bytes), [AnnounceOption::UrlData(b"/anno"), AnnounceOption::UrlData(b"unc")]);
    }

    #[test]
    fn an_unknown_option_is_skipped_by_its_length() {
        let bytes = b"\x63\x02zz\x02\x01a";
        let unknown = AnnounceOption::Unknown { kind: 0x63, data: b"zz" };
        assert_eq!(options(bytes), [unknown, AnnounceOption::UrlData(b"a")]);
    }

    #[test]
    fn a_truncated_option_ends_the_options() {
        assert_eq!(options(b"\x02\x01a\x02\x05abc"), [AnnounceOption::UrlData(b"a")]);
        assert_eq!(options(b"\x02"), []);
        assert_eq!(options(b""), []);
    }

    #[test]
    fn a_path_is_written_in_parts_of_at_most_255_bytes() {
        for (length, parts) in [(0, 0), (1, 1), (255, 1), (256, 2), (600, 3)] {
            let path: Vec<u8> = (b'a'..=b'z').cycle().take(length).collect();
            let bytes: Vec<u8> = url_data_options(&path).collect();
            let read = options(&bytes);
            assert_eq!(read.len(), parts);
            let part = |option: &AnnounceOption<'_>| match option {
                AnnounceOption::UrlData(part) => part.to_vec(),
                AnnounceOption::Unknown { .. } => panic!("another option"),
            };
            assert_eq!(read.iter().flat_map(part).collect::<Vec<u8>>(), path);
        }
    }
}
