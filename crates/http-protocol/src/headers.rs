use crate::address::parse_address;
use core::iter::from_fn;
use core::net::IpAddr;
use memchr::memchr;

/// The header lines of a request, which are known to be well-formed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Headers<'a> {
    lines: &'a [u8],
}

/// A header line of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header<'a> {
    /// Name, in upper or lower case.
    pub name: &'a [u8],
    /// Value without the white space around it.
    pub value: &'a [u8],
}

impl<'a> Headers<'a> {
    /// Returns the header lines of a head, which follow the request line.
    pub(crate) fn of_head(head: &'a [u8]) -> Self {
        let request_line = memchr(b'\n', head).map_or(head.len(), |newline| newline.saturating_add(1));
        Self { lines: head.get(request_line..).unwrap_or_default() }
    }

    /// Returns all lines in order.
    pub fn iter(self) -> impl Iterator<Item = Header<'a>> + Clone {
        let mut rest = self.lines;
        from_fn(move || {
            let (line, after) = split_at_byte(rest, b'\n')?;
            // The last line is empty and has no colon.
            let (name, value) = split_at_byte(line, b':')?;
            rest = after;
            Some(Header { name, value: value.trim_ascii() })
        })
    }

    /// Returns the values of all lines with this name in order.
    fn all(self, name: &'a str) -> impl Iterator<Item = &'a [u8]> + Clone {
        self.iter()
            .filter(move |header| header.name.eq_ignore_ascii_case(name.as_bytes()))
            .map(|header| header.value)
    }

    /// Returns the element of `X-Forwarded-For` with `index` others to its right: the nearest proxy wrote the one at 0.
    /// Only elements from trusted proxies can be believed, so the configured number of proxies counts from the right.
    /// The elements of all lines are one list. Empty ones count, though RFC 9110 (5.6.1) ignores them: their proxy did
    /// not write its peer, and the element before may be the client's own.
    pub fn forwarded_for_from_right(self, index: usize) -> Option<&'a [u8]> {
        let elements = self.all("X-Forwarded-For").flat_map(places);
        let from_left = elements.clone().count().checked_sub(index)?.checked_sub(1)?;
        elements.into_iter().nth(from_left)
    }

    /// Returns the same element as an address, if it is one.
    pub fn forwarded_address_from_right(self, index: usize) -> Option<IpAddr> {
        parse_address(self.forwarded_for_from_right(index)?)
    }

    /// Returns the address in the last `X-Real-IP` line, because a proxy that adds a line adds it at the end.
    pub fn real_ip(self) -> Option<IpAddr> {
        parse_address(self.all("X-Real-IP").last()?)
    }

    /// Returns the key of a WebSocket handshake, if there is exactly one and it has the form of 16 bytes in base64
    /// (RFC 6455, 4.2.1).
    pub fn web_socket_key(self) -> Option<&'a [u8]> {
        let mut keys = self.all("Sec-WebSocket-Key");
        keys.next().filter(|key| is_web_socket_key(key) && keys.next().is_none())
    }

    /// Returns whether `Accept` prefers JSON to HTML (RFC 9110, 12.5.1).
    pub fn prefers_json(self) -> bool {
        self.weight(b"application/json") > self.weight(b"text/html")
    }

    /// Returns the weight of a media type in `Accept`: that of the most specific range that includes it.
    fn weight(self, media_type: &[u8]) -> f32 {
        let subtypes = media_type.iter().position(|&byte| byte == b'/').unwrap_or_default();
        let mut found = (0, 0.0);
        for element in self.all("Accept").flat_map(elements) {
            let mut parts = element.split(|&byte| byte == b';').map(<[u8]>::trim_ascii);
            let range = parts.next().unwrap_or_default();
            let specificity = match range.strip_suffix(b"/*") {
                _ if range.eq_ignore_ascii_case(media_type) => 3,
                Some(b"*") => 1,
                Some(kind) if Some(kind) == media_type.get(..subtypes) => 2,
                _ => continue,
            };
            if specificity > found.0 {
                found = (specificity, parts.find_map(quality).unwrap_or(1.0));
            }
        }
        found.1
    }

    /// Returns the origin of the page that sent the request (RFC 6454), which browsers name.
    pub fn origin(self) -> Option<&'a [u8]> {
        self.all("Origin").next()
    }
}

/// Returns the weight in a parameter `q` (RFC 9110, 12.4.2), 0 if it is not a number from 0 to 1.
fn quality(parameter: &[u8]) -> Option<f32> {
    let text = parameter.strip_prefix(b"q=").or_else(|| parameter.strip_prefix(b"Q="))?;
    let weight = str::from_utf8(text).ok().and_then(|text| text.parse().ok());
    Some(weight.filter(|weight| (0.0..=1.0).contains(weight)).unwrap_or(0.0))
}

/// Returns the elements of a comma-separated list without the white space around them. Empty elements are ignored
/// (RFC 9110, 5.6.1).
pub(crate) fn elements(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    places(list).filter(|element| !element.is_empty())
}

/// Returns all elements of a comma-separated list, empty ones included.
fn places(list: &[u8]) -> impl Iterator<Item = &[u8]> + Clone {
    list.split(|&byte| byte == b',').map(<[u8]>::trim_ascii)
}

/// Returns the bytes before and after the first `byte`.
pub(crate) fn split_at_byte(bytes: &[u8], byte: u8) -> Option<(&[u8], &[u8])> {
    let (before, from) = bytes.split_at_checked(memchr(byte, bytes)?)?;
    Some((before, from.get(1..)?))
}

/// Sixteen bytes are 22 characters and two of padding.
fn is_web_socket_key(key: &[u8]) -> bool {
    let is_of_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    key.strip_suffix(b"==").is_some_and(|digits| digits.len() == 22 && digits.iter().all(is_of_base64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &'static str) -> Headers<'static> {
        Headers { lines: lines.as_bytes() }
    }

    #[test]
    fn json_is_preferred_only_if_it_has_the_greater_weight() {
        let prefers = |accept: &str| {
            let lines = format!("Accept: {accept}\r\n\r\n");
            Headers { lines: lines.as_bytes() }.prefers_json()
        };
        let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
        for html in [
            "",
            "*/*",
            browser,
            "text/html, application/json",
            "application/json;q=0",
            "text/*",
            "application/json;q=0.4, */*;q=0.5",
            "application/json;q=nan",
            "application/json;q=2",
        ] {
            assert!(!prefers(html), "{html}");
        }
        for json in [
            "application/json",
            "Application/JSON",
            "text/html;q=0.9, application/json",
            "application/*",
            "application/json, text/plain, */*;q=0.9",
            "text/html;q=0,*/*",
            "text/html; level=1; q=0.2, application/*;q=0.3",
        ] {
            assert!(prefers(json), "{json}");
        }
        assert!(!headers("Host: a\r\n\r\n").prefers_json());
        assert!(headers("Accept: text/html;q=0.5\r\nAccept: application/json\r\n\r\n").prefers_json());
    }

    #[test]
    fn lines_are_read_up_to_the_empty_one() {
        let head = b"GET / HTTP/1.1\r\nHost: a\r\nX-Empty:\nLast:\t b c \r\n\r\n";
        let read: Vec<_> = Headers::of_head(head).iter().map(|header| (header.name, header.value)).collect();
        assert_eq!(read, [(b"Host".as_slice(), b"a".as_slice()), (b"X-Empty", b""), (b"Last", b"b c")]);
    }

    #[test]
    fn forwarded_addresses_of_all_lines_count_from_the_right() {
        let headers =
            headers("x-forwarded-for: spoofed, 192.0.2.1\r\nX-FORWARDED-FOR:\t2001:db8::1 \r\n\r\n");
        assert_eq!(headers.forwarded_for_from_right(0), Some(b"2001:db8::1".as_slice()));
        assert_eq!(headers.forwarded_for_from_right(1), Some(b"192.0.2.1".as_slice()));
        assert_eq!(headers.forwarded_for_from_right(2), Some(b"spoofed".as_slice()));
        assert_eq!(headers.forwarded_for_from_right(3), None);
        assert_eq!(headers.forwarded_address_from_right(0), "2001:db8::1".parse().ok());
        assert_eq!(headers.forwarded_address_from_right(2), None);
    }

    #[test]
    fn an_element_without_an_address_is_not_replaced_by_the_one_before() {
        for nobody in [
            ",",
            ", ",
            ",\t\t",
            ", ,",
            "\r\nX-Forwarded-For:",
            "\r\nX-Forwarded-For: \t",
            "\r\nX-Forwarded-For: ,",
            ", unknown",
            ", \"unknown\"",
            ", _hidden",
            ", -",
            ", \"192.0.2.2\"",
            ", 192.0.2.2:",
            ", 192.0.2.2:65536",
            ", [192.0.2.2]",
            ", [2001:db8::1",
            ", 2001:db8::1]:80",
            ", for=192.0.2.2",
            "; 192.0.2.2",
            " 192.0.2.2",
        ] {
            let lines = format!("X-Forwarded-For: 192.0.2.1{nobody}\r\n\r\n");
            let headers = Headers { lines: lines.as_bytes() };
            assert_eq!(headers.forwarded_address_from_right(0), None, "{lines:?}");
        }
        let empty = headers("X-Forwarded-For: 192.0.2.1, ,\r\nX-Forwarded-For: \r\n\r\n");
        let seen: Vec<_> = (0..5).map(|index| empty.forwarded_address_from_right(index)).collect();
        assert_eq!(seen, [None, None, None, "192.0.2.1".parse().ok(), None]);
    }

    #[test]
    fn the_real_ip_is_the_one_of_the_last_line() {
        let headers = headers("X-Real-IP: 192.0.2.1\r\nx-real-ip: 192.0.2.2\r\n\r\n");
        assert_eq!(headers.real_ip(), "192.0.2.2".parse().ok());
        assert_eq!(headers.forwarded_for_from_right(0), None);
        for nobody in ["", " ", ",", "192.0.2.3,", "192.0.2.3, 192.0.2.4", "unknown", "\"192.0.2.3\""] {
            let lines = format!("X-Real-IP: 192.0.2.1\r\nX-Real-IP: {nobody}\r\n\r\n");
            assert_eq!(Headers { lines: lines.as_bytes() }.real_ip(), None, "{lines:?}");
        }
    }
}
