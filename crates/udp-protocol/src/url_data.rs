use crate::options::{AnnounceOption, AnnounceOptions};
use primitives::{KeyInPath, path_segments};

/// Number of bytes of the path and query that are read: `/announce/`, a key, and enough to see that the key ends.
const LOOKED_AT_BYTES: usize = 64;

impl AnnounceOptions<'_> {
    /// Returns the key in the tracker's URL, `udp://host:port/announce/{key}`; the options contain its path and query
    /// (BEP 41).
    pub fn key(self) -> KeyInPath {
        let parts = self.filter_map(|option| match option {
            AnnounceOption::UrlData(part) => Some(part),
            AnnounceOption::Unknown { .. } => None,
        });
        let mut text = [0; LOOKED_AT_BYTES];
        let mut length: usize = 0;
        for (place, &byte) in text.iter_mut().zip(parts.flatten()) {
            *place = byte;
            length = length.saturating_add(1);
        }
        key_in_url(text.get(..length).unwrap_or_default())
    }
}

fn key_in_url(url: &[u8]) -> KeyInPath {
    let path = url.split(|&byte| byte == b'?').next().unwrap_or_default();
    let mut segments = path_segments(path);
    let mut next = || segments.next().unwrap_or_default();
    match [next(), next(), next()] {
        [b"announce", key, b""] => KeyInPath::of(key),
        [b"announce", ..] => KeyInPath::Malformed,
        _ => KeyInPath::Absent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use primitives::AuthenticationKey;

    const KEY: &[u8; 32] = b"0123456789ABCDEFghijklmnopqrstuv";

    fn key_of(parts: &[&[u8]]) -> KeyInPath {
        let option = |part: &&[u8]| [&[2, u8::try_from(part.len()).unwrap()], *part].concat();
        let bytes: Vec<u8> = parts.iter().flat_map(option).collect();
        AnnounceOptions::new(&bytes).key()
    }

    #[test]
    fn the_key_follows_announce_in_the_path() {
        let present = KeyInPath::Present(AuthenticationKey::parse(KEY).unwrap());
        let path = [b"/announce/".as_slice(), KEY].concat();
        assert_eq!(key_of(&[&path]), present);
        assert_eq!(key_of(&[&[&path[..], b"?a=b/c"].concat()]), present);
        assert_eq!(key_of(&[&[&path[..], b"/"].concat()]), present);
        assert_eq!(key_of(&[&[b"/", &path[..], b"//?a=//b"].concat()]), present);
        assert_eq!(key_of(&[&[b"/announce//", &KEY[..]].concat()]), present);
        assert_eq!(key_of(&[&path[..5], &path[5..20], b"", &path[20..], b"?a=b"]), present);
    }

    #[test]
    fn a_url_without_a_key_has_none() {
        for url in ["", "/", "/announce", "/announce/", "//announce//", "/announce?key=1", "/scrape", "?a=b"]
        {
            assert_eq!(key_of(&[url.as_bytes()]), KeyInPath::Absent, "{url}");
        }
        assert_eq!(AnnounceOptions::new(b"").key(), KeyInPath::Absent);
    }

    #[test]
    fn anything_longer_or_shorter_than_a_key_is_malformed() {
        let path = [b"/announce/".as_slice(), KEY].concat();
        for url in [
            &path[..41],
            &[&path[..], b"x"].concat(),
            &[&path[..], b"/x"].concat(),
            &[b'/', b'a'].repeat(100),
        ] {
            let expected =
                if url.starts_with(b"/announce/") { KeyInPath::Malformed } else { KeyInPath::Absent };
            assert_eq!(key_of(&[url]), expected);
        }
        let endless = [&path[..], &[b'x'; 200]].concat();
        assert_eq!(key_of(&[&endless, &endless]), KeyInPath::Malformed);
    }
}
