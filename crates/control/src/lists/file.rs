use crate::limits::{
    INVALID_LINE_EXCERPT_CHARACTERS, INVALID_LINES_SHOWN_MAX, LIST_BATCH_TORRENTS, LIST_LINE_BYTES_MAX,
};
use primitives::InfoHash;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// Bytes that are read at once.
const BUFFER_BYTES: usize = 256 * 1024;

/// Some editors write it at the start of a UTF-8 file.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The contents of a list's file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ListReport {
    /// Info hashes, repeated ones included.
    pub(super) torrents: u64,
    /// Lines with anything else.
    pub(super) invalid_lines: u64,
    /// The first of these, at most [`INVALID_LINES_SHOWN_MAX`].
    pub(super) first_invalid: Vec<InvalidLine>,
}

/// A line that is not an info hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct InvalidLine {
    /// Line number, from 1.
    pub(super) number: u64,
    /// Its beginning in printable ASCII.
    pub(super) excerpt: String,
}

/// The error of a list's file that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the list {}: {source}", path.display())]
pub struct ListFileError {
    path: PathBuf,
    source: io::Error,
}

impl ListFileError {
    pub(super) fn new(path: &Path, source: io::Error) -> Self {
        Self { path: path.to_owned(), source }
    }
}

/// Reads a list of torrents: one info hash of 40 hexadecimal digits per line, in either case. A `#` starts a comment;
/// surrounding white space, empty lines, CRLF and a byte order mark are ignored. The info hashes are passed on in
/// batches of [`LIST_BATCH_TORRENTS`]. A line with anything else is counted and skipped.
///
/// Memory is bounded, whatever the file holds. Lines appended during the call are not read. It may block on a disk.
/// When the file is not a regular one or cannot be read, some batches may have been passed on before the error.
pub(super) fn read_list(
    path: &Path,
    batches: &mut impl FnMut(Vec<InfoHash>),
) -> Result<ListReport, ListFileError> {
    let mut read = || {
        let file_bytes = regular_file_bytes(path)?;
        read_lines(BufReader::with_capacity(BUFFER_BYTES, File::open(path)?.take(file_bytes)), batches)
    };
    read().map_err(|source| ListFileError::new(path, source))
}

/// Checks that the file of a list can be read.
///
/// # Errors
/// If it cannot. Lines that are not info hashes are no error.
pub fn check_list_file(path: &Path) -> Result<(), ListFileError> {
    read_list(path, &mut drop).map(drop)
}

/// Returns the file's length. Refuses pipes and devices, which might block their reader forever.
fn regular_file_bytes(path: &Path) -> io::Result<u64> {
    let metadata = fs::metadata(path)?;
    if metadata.is_file() {
        Ok(metadata.len())
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"))
    }
}

fn read_lines(mut source: impl BufRead, batches: &mut impl FnMut(Vec<InfoHash>)) -> io::Result<ListReport> {
    let mut report = ListReport::default();
    let mut batch = Vec::with_capacity(LIST_BATCH_TORRENTS);
    let mut line = Vec::with_capacity(LIST_LINE_BYTES_MAX);
    let mut number = 0;
    loop {
        let extent = read_line(&mut source, &mut line)?;
        if extent == Extent::NoLine {
            break;
        }
        number += 1;
        let text = if number == 1 { line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&line) } else { &line };
        match parse(text, extent) {
            Line::Nothing => {}
            Line::Torrent(info_hash) => batch.push(info_hash),
            Line::Invalid => report.add_invalid(number, text),
        }
        if batch.len() == LIST_BATCH_TORRENTS {
            report.torrents += batch.len() as u64;
            batches(std::mem::replace(&mut batch, Vec::with_capacity(LIST_BATCH_TORRENTS)));
        }
    }
    if !batch.is_empty() {
        report.torrents += batch.len() as u64;
        batches(batch);
    }
    Ok(report)
}

/// How much of a line was read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    /// The file has ended.
    NoLine,
    Whole,
    /// Only the beginning: the line is longer than [`LIST_LINE_BYTES_MAX`].
    CutOff,
}

/// Reads the beginning of the next line, without its line end, and skips the rest.
fn read_line(source: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<Extent> {
    line.clear();
    let read = source.by_ref().take(LIST_LINE_BYTES_MAX as u64).read_until(b'\n', line)?;
    if line.pop_if(|byte| *byte == b'\n').is_some() {
        return Ok(Extent::Whole);
    }
    match read {
        0 => Ok(Extent::NoLine),
        LIST_LINE_BYTES_MAX => {
            source.skip_until(b'\n')?;
            Ok(Extent::CutOff)
        }
        _ => Ok(Extent::Whole),
    }
}

enum Line {
    /// Only white space or a comment.
    Nothing,
    Torrent(InfoHash),
    Invalid,
}

fn parse(line: &[u8], extent: Extent) -> Line {
    let comment = line.iter().position(|&byte| byte == b'#');
    if extent == Extent::CutOff && comment.is_none() {
        return Line::Invalid;
    }
    let text = line[..comment.unwrap_or(line.len())].trim_ascii();
    match InfoHash::from_hex(text) {
        Some(info_hash) => Line::Torrent(info_hash),
        None if text.is_empty() => Line::Nothing,
        None => Line::Invalid,
    }
}

impl ListReport {
    fn add_invalid(&mut self, number: u64, line: &[u8]) {
        self.invalid_lines += 1;
        if self.first_invalid.len() < INVALID_LINES_SHOWN_MAX {
            self.first_invalid.push(InvalidLine { number, excerpt: excerpt(line) });
        }
    }
}

fn excerpt(line: &[u8]) -> String {
    let escaped = line.trim_ascii().escape_ascii().map(char::from);
    escaped.take(INVALID_LINE_EXCERPT_CHARACTERS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use tempfile::NamedTempFile;

    fn hash(byte: u8) -> InfoHash {
        InfoHash([byte; InfoHash::BYTES])
    }

    fn file_with(text: impl AsRef<[u8]>) -> NamedTempFile {
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(text.as_ref()).unwrap();
        file
    }

    fn read(text: impl AsRef<[u8]>) -> (Vec<InfoHash>, ListReport) {
        let mut torrents = Vec::new();
        let report = read_list(file_with(text).path(), &mut |batch: Vec<_>| torrents.extend(batch)).unwrap();
        (torrents, report)
    }

    fn line(number: u64, excerpt: &str) -> InvalidLine {
        InvalidLine { number, excerpt: excerpt.to_owned() }
    }

    #[test]
    fn the_usual_forms_of_a_list_are_read() {
        let text = format!(
            "\u{feff}# torrents of ours\r\n{}\r\n\n  \t\n\t{}  # capital digits\n  # indented\n{}#{}\n{}",
            hash(0xa1),
            hash(0xb2).to_string().to_uppercase(),
            hash(0xc3),
            hash(0xff),
            hash(0xd4),
        );
        let expected = [0xa1, 0xb2, 0xc3, 0xd4].map(hash);
        assert_eq!(read(text), (expected.to_vec(), ListReport { torrents: 4, ..ListReport::default() }));
        let marked = format!("\u{feff}{}", hash(1));
        assert_eq!(read(marked).0, [hash(1)]);
    }

    #[test]
    fn an_empty_file_is_an_empty_list() {
        assert_eq!(read(""), (vec![], ListReport::default()));
        assert_eq!(read("# none yet\n").1, ListReport::default());
    }

    #[test]
    fn a_line_that_is_not_an_info_hash_is_reported_with_its_number_and_skipped() {
        let good = hash(7).to_string();
        let text = format!(
            "{good}\n-{good}\n+{good}\n{}\n{good}0\n{good} {good}\n{good}\n\u{feff}{good}\n",
            &good[1..]
        );
        let (torrents, report) = read(text);
        assert_eq!(torrents, [hash(7), hash(7)]);
        assert_eq!((report.torrents, report.invalid_lines), (2, 6));
        let shown = |text: &str| text.chars().take(48).collect::<String>();
        let expected = [
            line(2, &format!("-{good}")),
            line(3, &format!("+{good}")),
            line(4, &good[1..]),
            line(5, &format!("{good}0")),
            line(6, &shown(&format!("{good} {good}"))),
        ];
        assert_eq!(report.first_invalid, expected);
    }

    #[test]
    fn an_excerpt_is_short_and_printable() {
        let (_, report) = read([b"\x1b[31m\0\xff".as_slice(), &[b'x'; 100], b"\n"].concat());
        let expected = format!("\\x1b[31m\\x00\\xff{}", "x".repeat(48 - 16));
        assert_eq!(report.first_invalid, [line(1, &expected)]);
    }

    #[test]
    fn a_line_longer_than_1024_bytes_is_invalid_unless_the_excess_is_a_comment() {
        let good = hash(9).to_string();
        let of_bytes = |bytes: usize| format!("{good}{}", " ".repeat(bytes - good.len()));
        let hidden = format!("{}{good}", " ".repeat(2000));
        let comment = format!("{good} # {}", "name ".repeat(1000));
        let text =
            [of_bytes(1023), of_bytes(1024), of_bytes(1025), hidden, comment, "x".repeat(1 << 20)].join("\n");
        let (torrents, report) = read(format!("{text}\n{good}\n"));
        assert_eq!((torrents.len(), report.torrents), (3, 3));
        let lines: Vec<u64> = report.first_invalid.iter().map(|invalid| invalid.number).collect();
        assert_eq!(lines, [2, 3, 4, 6]);
    }

    #[test]
    fn batches_have_at_most_4096_torrents() {
        let text = |count: usize| format!("{}\n", hash(1)).repeat(count);
        for (count, expected) in [(4095, vec![4095]), (4096, vec![4096]), (4097, vec![4096, 1]), (0, vec![])]
        {
            let mut batches = Vec::new();
            let file = file_with(text(count));
            let report = read_list(file.path(), &mut |batch: Vec<_>| batches.push(batch.len())).unwrap();
            assert_eq!((batches, report.torrents), (expected, count as u64));
        }
    }

    #[test]
    fn a_missing_file_a_directory_and_a_device_are_refused_with_their_path() {
        let directory = tempfile::tempdir().unwrap();
        let missing = directory.path().join("missing");
        for path in [missing.as_path(), directory.path(), Path::new("/dev/zero")] {
            let error = read_list(path, &mut |_| panic!("a batch was read")).unwrap_err();
            let start = format!("cannot read the list {}: ", path.display());
            assert!(error.to_string().starts_with(&start), "{error}");
        }
    }
}
