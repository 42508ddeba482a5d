//! The responses to an announce and a scrape as a client reads them (BEP 3, 7, 23, 31 and 48).

use crate::address::parse_address;
use crate::limits::RECEIVED_DEPTH_MAX;
use crate::response::{Retry, ScrapeFile};
use core::net::SocketAddr;
use primitives::{CompactIpv4, CompactIpv6, InfoHash, PeerAddress};
use thiserror::Error;

/// What a tracker responded to an announce, without its peers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReceivedAnswer<'a> {
    Answer(ReceivedCounts),
    /// The announce was refused.
    Failure {
        reason: &'a [u8],
        retry: Retry,
    },
}

/// The numbers of an answer to an announce. A negative number was read as 0, and one that is too large as the largest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReceivedCounts {
    pub interval_s: Option<u32>,
    pub min_interval_s: Option<u32>,
    /// Number of seeders.
    pub complete: u32,
    /// Number of leechers.
    pub incomplete: u32,
}

/// What a tracker responded to a scrape, without its torrents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReceivedScrape<'a> {
    Files {
        has_sorted_keys: bool,
    },
    /// The scrape was refused for this reason.
    Failure(&'a [u8]),
}

/// A key of a dictionary with the bytes of its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    pub key: &'a [u8],
    pub value: &'a [u8],
}

/// Why bytes are not a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct ReceivedError(pub &'static str);

const CUT_OFF: ReceivedError = ReceivedError("the response is truncated");
const NOT_BENCODED: ReceivedError = ReceivedError("the response is not a bencoded dictionary");
const TOO_DEEP: ReceivedError = ReceivedError("the response has too many nested values");
const TRAILING: ReceivedError = ReceivedError("there are bytes after the response");
const PARTIAL_PEER: ReceivedError = ReceivedError("the last peer is truncated");
const NO_FILES: ReceivedError = ReceivedError("the response has no torrents");
const NO_ANSWER: ReceivedError = ReceivedError("the response has neither peers nor an interval");

/// Reads the body of a response to an announce, and passes each of its peers that has a valid address to `peer`, which
/// may be called before an error is found.
///
/// Trackers differ, so this is tolerant of what does no harm: keys may be in any order, and a known key whose value has
/// an unexpected type is skipped like an unknown one.
///
/// # Errors
/// If the body is not one bencoded dictionary with an answer or a failure.
pub fn read_announce_answer<'a>(
    body: &'a [u8],
    peer: &mut impl FnMut(PeerAddress),
) -> Result<ReceivedAnswer<'a>, ReceivedError> {
    let mut reader = Reader { rest: body };
    let mut entries = Entries::default();
    reader.dictionary(|key, reader| entries.read(key, reader, peer))?;
    if reader.rest.is_empty() { entries.answer() } else { Err(TRAILING) }
}

/// Reads the body of a response to a scrape, as tolerantly, and passes each of its torrents to `file`.
///
/// # Errors
/// If the body is not one bencoded dictionary with torrents or a failure.
pub fn read_scrape_answer<'a>(
    body: &'a [u8],
    file: &mut impl FnMut(ScrapeFile),
) -> Result<ReceivedScrape<'a>, ReceivedError> {
    let (mut files, mut reason) = (None, None);
    let is_sorted = read_dictionary(body, &mut |entry: Entry<'a>| match entry.key {
        b"files" => files = Some(entry.value),
        b"failure reason" => reason = Reader { rest: entry.value }.string().ok(),
        _ => {}
    })?;
    if let Some(reason) = reason {
        return Ok(ReceivedScrape::Failure(reason));
    }
    let mut are_sorted = true;
    let files_sorted = read_dictionary(files.ok_or(NO_FILES)?, &mut |entry| {
        if let Ok(info_hash) = entry.key.try_into() {
            let mut counts =
                ScrapeFile { info_hash: InfoHash(info_hash), complete: 0, downloaded: 0, incomplete: 0 };
            let sorted = read_dictionary(entry.value, &mut |entry| read_count(&mut counts, entry));
            are_sorted &= sorted != Ok(false);
            file(counts);
        }
    })?;
    Ok(ReceivedScrape::Files { has_sorted_keys: is_sorted && files_sorted && are_sorted })
}

fn read_count(counts: &mut ScrapeFile, entry: Entry<'_>) {
    let count = Reader { rest: entry.value }.integer();
    match (entry.key, count) {
        (b"complete", Ok(count)) => counts.complete = count,
        (b"downloaded", Ok(count)) => counts.downloaded = count.into(),
        (b"incomplete", Ok(count)) => counts.incomplete = count,
        _ => {}
    }
}

/// Passes each entry of a bencoded dictionary to `entry`, and returns whether the keys are sorted and differ (BEP 3).
///
/// # Errors
/// If the bytes are not one bencoded dictionary.
pub fn read_dictionary<'a>(
    bytes: &'a [u8],
    entry: &mut impl FnMut(Entry<'a>),
) -> Result<bool, ReceivedError> {
    let mut reader = Reader { rest: bytes };
    let mut last: Option<&[u8]> = None;
    let mut is_sorted = true;
    reader.dictionary(|key, reader| {
        is_sorted &= last.is_none_or(|last| last < key);
        last = Some(key);
        let before = reader.rest;
        reader.skip()?;
        let length = before.len().saturating_sub(reader.rest.len());
        entry(Entry { key, value: before.get(..length).unwrap_or_default() });
        Ok(())
    })?;
    if reader.rest.is_empty() { Ok(is_sorted) } else { Err(TRAILING) }
}

/// The entries read so far. Of a doubled key the last one counts.
#[derive(Default)]
struct Entries<'a> {
    reason: Option<&'a [u8]>,
    retry: Option<Retry>,
    counts: ReceivedCounts,
    has_peers: bool,
}

impl<'a> Entries<'a> {
    fn read(
        &mut self,
        key: &[u8],
        reader: &mut Reader<'a>,
        peer: &mut impl FnMut(PeerAddress),
    ) -> Result<(), ReceivedError> {
        match key {
            b"failure reason" => self.reason = reader.string_or_skip()?,
            b"retry in" => self.retry = reader.retry()?,
            b"interval" => self.counts.interval_s = reader.count_or_skip()?,
            b"min interval" => self.counts.min_interval_s = reader.count_or_skip()?,
            b"complete" => self.counts.complete = reader.count_or_skip()?.unwrap_or_default(),
            b"incomplete" => self.counts.incomplete = reader.count_or_skip()?.unwrap_or_default(),
            b"peers" => {
                self.has_peers = true;
                reader.peers(|bytes| CompactIpv4(bytes).socket_address(), peer)?;
            }
            b"peers6" => {
                self.has_peers = true;
                reader.peers(|bytes| CompactIpv6(bytes).socket_address(), peer)?;
            }
            _ => reader.skip()?,
        }
        Ok(())
    }

    fn answer(self) -> Result<ReceivedAnswer<'a>, ReceivedError> {
        match self.reason {
            Some(reason) => {
                Ok(ReceivedAnswer::Failure { reason, retry: self.retry.unwrap_or(Retry::Unsaid) })
            }
            None if self.has_peers || self.counts.interval_s.is_some() => {
                Ok(ReceivedAnswer::Answer(self.counts))
            }
            None => Err(NO_ANSWER),
        }
    }
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn next_is(&self, byte: u8) -> bool {
        self.rest.first() == Some(&byte)
    }

    /// Consumes `byte` if it is next.
    fn take(&mut self, byte: u8) -> bool {
        let is_next = self.next_is(byte);
        self.rest = self.rest.get(usize::from(is_next)..).unwrap_or_default();
        is_next
    }

    /// Reads a dictionary. `entry` has to read the value of each key.
    fn dictionary(
        &mut self,
        mut entry: impl FnMut(&'a [u8], &mut Self) -> Result<(), ReceivedError>,
    ) -> Result<(), ReceivedError> {
        if !self.take(b'd') {
            return Err(NOT_BENCODED);
        }
        while !self.take(b'e') {
            let key = self.string()?;
            entry(key, self)?;
        }
        Ok(())
    }

    fn string(&mut self) -> Result<&'a [u8], ReceivedError> {
        let length = usize::try_from(self.digits(b':')?).map_err(|_| CUT_OFF)?;
        let (string, rest) = self.rest.split_at_checked(length).ok_or(CUT_OFF)?;
        self.rest = rest;
        Ok(string)
    }

    /// Reads digits and `end`. A number that is too large becomes the largest.
    fn digits(&mut self, end: u8) -> Result<u64, ReceivedError> {
        let length = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = self.rest.split_at_checked(length).ok_or(CUT_OFF)?;
        self.rest = rest;
        match number(digits) {
            Some(number) if self.take(end) => Ok(number),
            _ if self.rest.is_empty() => Err(CUT_OFF),
            _ => Err(NOT_BENCODED),
        }
    }

    fn integer(&mut self) -> Result<u32, ReceivedError> {
        if !self.take(b'i') {
            return Err(NOT_BENCODED);
        }
        let is_negative = self.take(b'-');
        let number = self.digits(b'e')?;
        Ok(if is_negative { 0 } else { u32::try_from(number).unwrap_or(u32::MAX) })
    }

    /// Skips a value. That the keys of its dictionaries are strings is not checked.
    fn skip(&mut self) -> Result<(), ReceivedError> {
        let mut depth: usize = 0;
        loop {
            if self.take(b'd') || self.take(b'l') {
                depth = depth.saturating_add(1);
                if depth > RECEIVED_DEPTH_MAX {
                    return Err(TOO_DEEP);
                }
            } else if depth > 0 && self.take(b'e') {
                depth = depth.saturating_sub(1);
            } else if self.next_is(b'i') {
                self.integer()?;
            } else {
                self.string()?;
            }
            if depth == 0 {
                return Ok(());
            }
        }
    }

    fn string_or_skip(&mut self) -> Result<Option<&'a [u8]>, ReceivedError> {
        if self.rest.first().is_some_and(u8::is_ascii_digit) {
            self.string().map(Some)
        } else {
            self.skip().map(|()| None)
        }
    }

    fn count_or_skip(&mut self) -> Result<Option<u32>, ReceivedError> {
        if self.next_is(b'i') { self.integer().map(Some) } else { self.skip().map(|()| None) }
    }

    /// Reads when to retry: minutes, some trackers send them as a string, or `never`.
    fn retry(&mut self) -> Result<Option<Retry>, ReceivedError> {
        if self.next_is(b'i') {
            return self.integer().map(Retry::InMinutes).map(Some);
        }
        Ok(match self.string_or_skip()? {
            Some(b"never") => Some(Retry::Never),
            text => text
                .and_then(number)
                .map(|minutes| Retry::InMinutes(u32::try_from(minutes).unwrap_or(u32::MAX))),
        })
    }

    fn peers<const N: usize>(
        &mut self,
        decode: impl Fn([u8; N]) -> SocketAddr,
        peer: &mut impl FnMut(PeerAddress),
    ) -> Result<(), ReceivedError> {
        if self.next_is(b'l') {
            return self.listed_peers(peer);
        }
        let (compact, rest) = self.string_or_skip()?.unwrap_or_default().as_chunks();
        let addresses = compact.iter().map(|&bytes| decode(bytes));
        addresses.filter_map(|address| PeerAddress::new(address.ip(), address.port()).ok()).for_each(peer);
        if rest.is_empty() { Ok(()) } else { Err(PARTIAL_PEER) }
    }

    /// Reads a list of dictionaries with an address and a port each. Peers at a name instead of an address are skipped.
    fn listed_peers(&mut self, peer: &mut impl FnMut(PeerAddress)) -> Result<(), ReceivedError> {
        self.take(b'l');
        while !self.take(b'e') {
            let (mut ip, mut port) = (None, None);
            self.dictionary(|key, reader| {
                match key {
                    b"ip" => ip = reader.string_or_skip()?.and_then(parse_address),
                    b"port" => port = reader.count_or_skip()?.and_then(|port| u16::try_from(port).ok()),
                    _ => reader.skip()?,
                }
                Ok(())
            })?;
            ip.zip(port)
                .and_then(|(ip, port)| PeerAddress::new(ip, port).ok())
                .into_iter()
                .for_each(&mut *peer);
        }
        Ok(())
    }
}

/// Returns the number that consists of these digits, or the largest one if it is larger.
fn number(digits: &[u8]) -> Option<u64> {
    let mut number = (!digits.is_empty()).then_some(0_u64)?;
    for byte in digits {
        let digit = byte.checked_sub(b'0').filter(|&digit| digit <= 9)?;
        number = number.saturating_mul(10).saturating_add(u64::from(digit));
    }
    Some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a body, and the addresses of its peers as text.
    fn read(body: &[u8]) -> (Result<ReceivedAnswer<'_>, &'static str>, Vec<String>) {
        let mut peers = Vec::new();
        let answer = read_announce_answer(body, &mut |peer| {
            peers.push(match peer {
                PeerAddress::V4(compact) => compact.socket_address().to_string(),
                PeerAddress::V6(compact) => compact.socket_address().to_string(),
            });
        });
        (answer.map_err(|error| error.0), peers)
    }

    fn answer(
        interval_s: u32,
        min_interval_s: u32,
        complete: u32,
        incomplete: u32,
    ) -> ReceivedAnswer<'static> {
        let [interval_s, min_interval_s] =
            [interval_s, min_interval_s].map(|seconds| (seconds > 0).then_some(seconds));
        ReceivedAnswer::Answer(ReceivedCounts { interval_s, min_interval_s, complete, incomplete })
    }

    #[test]
    fn answers_are_read_in_the_forms_that_trackers_send() {
        let largest = u32::MAX;
        let [one, two] = ["192.0.2.1:6881", "[2001:db8::1]:6881"];
        let v4 = b"5:peers6:\xc0\0\x02\x01\x1a\xe1";
        let v6 = b"6:peers618:\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x1a\xe1";
        let both = [b"d8:intervali1800e".as_slice(), v4, v6, b"e"].concat();
        let unsorted = [b"d".as_slice(), v6, v4, b"8:intervali9ee"].concat();
        let list = b"d8:intervali9e5:peersld2:ip9:192.0.2.17:peer id1:x4:porti6881eed4:porti6881e2:ip11:2001:db8::1eee";
        let odd = b"d8:intervali9e5:peersld2:ip11:example.org4:porti1eed2:ip9:192.0.2.1ed2:ip9:192.0.2.14:porti65536ee\
            de" .iter().chain(b"ee").copied().collect::<Vec<u8>>();
        for (body, expected, peers) in [
            (
                &b"d8:completei1e10:incompletei2e8:intervali1800e12:min intervali900e5:peers0:e"[..],
                answer(1800, 900, 1, 2),
                vec![],
            ),
            (b"d5:peers0:e", answer(0, 0, 0, 0), vec![]),
            (
                b"d8:completei-3e10:incompletei99999999999999999999999e8:intervali9ee",
                answer(9, 0, 0, largest),
                vec![],
            ),
            (b"d8:complete1:38:intervali9e5:peersi7e6:peers6dee", answer(9, 0, 0, 0), vec![]),
            (b"d1:xd1:yll1:zeee8:intervali9e3:zzzi-0ee", answer(9, 0, 0, 0), vec![]),
            (b"d8:intervali1e8:intervali9ee", answer(9, 0, 0, 0), vec![]),
            (b"d8:intervali9e5:peers6:\0\0\0\0\x1a\xe1e", answer(9, 0, 0, 0), vec![]),
            (&both, answer(1800, 0, 0, 0), vec![one, two]),
            (&unsorted, answer(9, 0, 0, 0), vec![two, one]),
            (list, answer(9, 0, 0, 0), vec![one, two]),
            (&odd, answer(9, 0, 0, 0), vec![]),
        ] {
            let peers = peers.into_iter().map(str::to_owned).collect();
            assert_eq!(read(body), (Ok(expected), peers), "{}", body.escape_ascii());
        }
    }

    #[test]
    fn a_failure_says_when_to_retry() {
        for (entry, retry) in [
            ("", Retry::Unsaid),
            ("8:retry ini5e", Retry::InMinutes(5)),
            ("8:retry in2:15", Retry::InMinutes(15)),
            ("8:retry in5:never", Retry::Never),
            ("8:retry in5:later", Retry::Unsaid),
            ("8:retry in0:", Retry::Unsaid),
            ("8:retry ini-5e", Retry::InMinutes(0)),
            ("8:retry inle", Retry::Unsaid),
            ("8:intervali60e5:peers0:", Retry::Unsaid),
        ] {
            let body = format!("d14:failure reason2:no{entry}e");
            let expected = ReceivedAnswer::Failure { reason: b"no", retry };
            assert_eq!(read(body.as_bytes()).0, Ok(expected), "{body}");
        }
    }

    #[test]
    fn other_bytes_are_no_answer() {
        let nested = |depth: usize| format!("d1:x{}{}5:peers0:e", "l".repeat(depth), "e".repeat(depth));
        assert_eq!(read(nested(RECEIVED_DEPTH_MAX).as_bytes()).0, Ok(answer(0, 0, 0, 0)));
        let too_deep = nested(RECEIVED_DEPTH_MAX + 1);
        for (body, error) in [
            ("", NOT_BENCODED),
            ("<html>", NOT_BENCODED),
            ("i1e", NOT_BENCODED),
            ("d8:intervali9e", CUT_OFF),
            ("d8:intervali9ee\n", TRAILING),
            ("d8:intervali9eede", TRAILING),
            ("de", NO_ANSWER),
            ("d8:completei9ee", NO_ANSWER),
            ("d8:intervaliee", NOT_BENCODED),
            ("d8:intervali+1ee", NOT_BENCODED),
            ("d8:intervali9xe", NOT_BENCODED),
            ("d8:interval", CUT_OFF),
            ("d8:intervale", NOT_BENCODED),
            ("di9ei9ee", NOT_BENCODED),
            ("d5:peers7:abcdefge", PARTIAL_PEER),
            ("d6:peers66:abcdefe", PARTIAL_PEER),
            ("d5:peers99999999999999999999:e", CUT_OFF),
            ("d5:peersl3:abcee", NOT_BENCODED),
            ("d5:peersld2:ip", CUT_OFF),
            (too_deep.as_str(), TOO_DEEP),
        ] {
            assert_eq!(read(body.as_bytes()).0, Err(error.0), "{body}");
        }
    }

    fn files(body: &[u8]) -> (Result<ReceivedScrape<'_>, &'static str>, Vec<[u64; 3]>) {
        let mut files = Vec::new();
        let answer = read_scrape_answer(body, &mut |file| {
            assert_eq!(file.info_hash, InfoHash(*b"aaaaaaaaaaaaaaaaaaaa"));
            files.push([file.complete.into(), file.downloaded, file.incomplete.into()]);
        });
        (answer.map_err(|error| error.0), files)
    }

    #[test]
    fn a_scrape_is_read_in_the_forms_that_trackers_send() {
        let hash = "20:aaaaaaaaaaaaaaaaaaaa";
        let file = |counts: &str| format!("d5:filesd{hash}d{counts}eee");
        let counts = "8:completei1e10:downloadedi2e10:incompletei3e";
        let read = |has_sorted_keys| Ok(ReceivedScrape::Files { has_sorted_keys });
        for (body, expected, found) in [
            (file(counts), read(true), vec![[1, 2, 3]]),
            (file("10:incompletei3e8:completei1e"), read(false), vec![[1, 0, 3]]),
            (file("8:complete1:x"), read(true), vec![[0, 0, 0]]),
            (format!("d5:filesd3:abcdee{}e", "5:flagsde"), read(true), vec![]),
            (format!("d5:flagsde5:filesd{hash}leee"), read(false), vec![[0, 0, 0]]),
            ("d14:failure reason2:noe".to_owned(), Ok(ReceivedScrape::Failure(b"no")), vec![]),
            ("de".to_owned(), Err(NO_FILES.0), vec![]),
            ("d5:files0:e".to_owned(), Err(NOT_BENCODED.0), vec![]),
            ("d5:filesdee5:extra".to_owned(), Err(TRAILING.0), vec![]),
            (file("8:complete99999999999:"), Err(CUT_OFF.0), vec![]),
        ] {
            assert_eq!(files(body.as_bytes()), (expected, found), "{body}");
        }
    }
}
