//! Lists of torrents and state dumps: files with a record in each line.

use crate::ImportError;
use crate::files;
use crate::limits::LINE_BYTES_MAX;
use crate::record::Record;
use crate::report::{Part, excerpt};
use database::PAGE_ROWS;
use flate2::bufread::MultiGzDecoder;
use primitives::{InfoHash, TorrentList};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// The beginning of a compressed file: opentracker always compresses its dump.
const GZIP: &[u8] = &[0x1f, 0x8b];

/// What the lines are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lines {
    /// An info hash in each line.
    List(TorrentList),
    /// `INFOHASH:MINUTE:COMPLETED` in each line, from opentracker's `/stats?mode=statedump`.
    StateDump,
}

impl Lines {
    /// Reads a line. Like opentracker, it ignores what follows an info hash after white space.
    fn read(self, line: &[u8]) -> Option<Record> {
        match self {
            Self::List(list) => {
                let word = line.split(u8::is_ascii_whitespace).next()?;
                Some(Record::Listed(list, InfoHash::from_hex(word)?))
            }
            Self::StateDump => {
                let mut fields = str::from_utf8(line).ok()?.split(':');
                let info_hash = InfoHash::from_hex(fields.next()?.as_bytes())?;
                let (_minute, count) = (fields.next()?.parse::<u64>().ok()?, fields.next()?.parse().ok()?);
                fields.next().is_none().then_some(Record::Completed(info_hash, count))
            }
        }
    }
}

/// Reads a file line by line.
pub(crate) struct LineReader {
    file: PathBuf,
    source: Box<dyn BufRead>,
    lines: Lines,
    number: u64,
}

impl LineReader {
    pub(crate) fn open(path: &Path, lines: Lines) -> Result<Self, ImportError> {
        let open = || {
            let mut plain = BufReader::new(files::open(path)?);
            let is_compressed = plain.fill_buf()?.starts_with(GZIP);
            let source: Box<dyn BufRead> = if is_compressed {
                Box::new(BufReader::new(MultiGzDecoder::new(plain)))
            } else {
                Box::new(plain)
            };
            Ok(Self { file: path.to_owned(), source, lines, number: 0 })
        };
        open().map_err(ImportError::file(path))
    }

    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    /// Returns the next records, or `None` at the end.
    pub(crate) fn next(&mut self, part: &mut Part) -> Result<Option<Vec<Record>>, ImportError> {
        let mut records = Vec::new();
        let mut line = Vec::new();
        let before = self.number;
        while records.len() < PAGE_ROWS && self.line(&mut line).map_err(ImportError::file(&self.file))? {
            self.number += 1;
            let text = line.trim_ascii();
            if text.is_empty() || text.starts_with(b"#") {
                continue;
            }
            part.read += 1;
            match self.lines.read(text) {
                Some(record) => records.push(record),
                None => part.add_invalid(|| {
                    format!("line {}: \"{}\"", self.number, excerpt(&String::from_utf8_lossy(text)))
                }),
            }
        }
        Ok((self.number > before).then_some(records))
    }

    /// Reads the next line. Of a longer one than [`LINE_BYTES_MAX`] the beginning is read, and the rest skipped.
    fn line(&mut self, line: &mut Vec<u8>) -> io::Result<bool> {
        line.clear();
        let read = self.source.by_ref().take(LINE_BYTES_MAX as u64).read_until(b'\n', line)?;
        if read == LINE_BYTES_MAX && !line.ends_with(b"\n") {
            self.source.skip_until(b'\n')?;
        }
        Ok(read > 0)
    }
}
