//! The file of upstream trackers: a YAML list of maps.
//!
//! Only the events of the parser are used, never a tree: whatever is not a list of maps of texts is refused where it begins, so
//! that neither depth nor aliases can cost anything, and every error knows its line.

#[cfg(test)]
mod tests;

use crate::limits::{FILE_BYTES_MAX, KEY_BYTES_SHOWN_MAX, UPSTREAMS_MAX};
use crate::upstream::{Upstream, UpstreamFields};
use saphyr_parser::{Event, Parser, ScalarStyle, StrInput};
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Why a file of upstream trackers cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UpstreamsFileError(String);

/// Parses the list in a file of upstream trackers.
///
/// # Errors
/// Names the line and what is wrong.
pub fn parse_upstreams(text: &str) -> Result<Vec<Upstream>, UpstreamsFileError> {
    let mut reader = Reader { events: Parser::new_from_str(text), line: 1 };
    reader.list().map_err(|reason| UpstreamsFileError(format!("line {}: {reason}", reader.line)))
}

/// Reads a file of upstream trackers.
///
/// # Errors
/// As [`parse_upstreams`], and if the file cannot be read; with its path.
pub fn read_upstreams(file: &Path) -> Result<Vec<Upstream>, UpstreamsFileError> {
    let in_file = |reason: String| UpstreamsFileError(format!("{}: {reason}", file.display()));
    let text = read(file).map_err(|error| in_file(error.to_string()))?;
    parse_upstreams(&text).map_err(|error| in_file(error.0))
}

fn read(file: &Path) -> io::Result<String> {
    let mut text = String::new();
    // One byte beyond the limit reveals a file that is too long, without reading all of it.
    File::open(file)?.take(FILE_BYTES_MAX + 1).read_to_string(&mut text)?;
    if text.len() as u64 > FILE_BYTES_MAX {
        let reason = format!("longer than {FILE_BYTES_MAX} bytes, the limit of a file of upstream trackers");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, reason));
    }
    Ok(text)
}

const LIST_EXPECTED: &str =
    "expected a list of upstream trackers, such as \"- uri: udp://tracker.example:6969/announce\"";
const MAP_EXPECTED: &str = "expected an upstream tracker with the keys uri, name, ip, host, such as \
    \"- uri: udp://tracker.example:6969/announce\"";

struct Reader<'a> {
    events: Parser<'a, StrInput<'a>>,
    /// The line of the last event, or of what is wrong.
    line: usize,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<Event<'a>, String> {
        match self.events.next_event() {
            Some(Ok((event, span))) => {
                self.line = span.start.line();
                Ok(event)
            }
            Some(Err(error)) => {
                self.line = error.marker().line();
                Err(format!("not valid YAML: {}", error.info()))
            }
            None => Ok(Event::StreamEnd),
        }
    }

    /// Reads the only document.
    fn list(&mut self) -> Result<Vec<Upstream>, String> {
        let mut upstreams = Vec::new();
        loop {
            match self.next()? {
                Event::StreamStart | Event::DocumentStart(_) => {}
                Event::SequenceStart(..) => break,
                Event::StreamEnd => return Ok(upstreams),
                // A document of comments alone.
                Event::Scalar(text, style, ..) if is_null(&text, style) => return self.end(upstreams),
                _ => return Err(LIST_EXPECTED.to_owned()),
            }
        }
        let mut lines = HashMap::new();
        loop {
            match self.next()? {
                Event::MappingStart(..) => {}
                Event::SequenceEnd => return self.end(upstreams),
                _ => return Err(MAP_EXPECTED.to_owned()),
            }
            let line = self.line;
            let upstream = self.upstream()?;
            if upstreams.len() == UPSTREAMS_MAX {
                return Err(format!("at most {UPSTREAMS_MAX} upstream trackers are possible"));
            }
            if let Some(other) = lines.insert(upstream.uri.clone(), line) {
                return Err(format!("the same uri as in line {other}: each upstream tracker may occur once"));
            }
            upstreams.push(upstream);
        }
    }

    fn end(&mut self, upstreams: Vec<Upstream>) -> Result<Vec<Upstream>, String> {
        loop {
            match self.next()? {
                Event::DocumentEnd => {}
                Event::StreamEnd => return Ok(upstreams),
                _ => return Err("expected the end of the file: one list is possible".to_owned()),
            }
        }
    }

    /// Reads a map after its start.
    fn upstream(&mut self) -> Result<Upstream, String> {
        let line = self.line;
        let (mut uri, mut name, mut ip, mut host) = (None, None, None, None);
        loop {
            let key = match self.next()? {
                Event::Scalar(key, ..) => key,
                Event::MappingEnd => break,
                _ => return Err(MAP_EXPECTED.to_owned()),
            };
            let field = match &*key {
                "uri" => &mut uri,
                "name" => &mut name,
                "ip" => &mut ip,
                "host" => &mut host,
                _ => return Err(format!("unknown key{}: uri, name, ip, host are possible", shown(&key))),
            };
            if field.is_some() {
                return Err(format!("{key} occurs twice in this upstream tracker"));
            }
            *field = Some(self.value(&key)?);
        }
        // What follows is wrong with the map as a whole.
        self.line = line;
        let uri = uri.flatten().ok_or("uri is missing")?;
        let fields = UpstreamFields { uri, name: name.flatten(), ip: ip.flatten(), host: host.flatten() };
        Upstream::new(&fields).map_err(|error| error.to_string())
    }

    /// Reads a value, or `None` if it is left empty.
    fn value(&mut self, key: &str) -> Result<Option<String>, String> {
        match self.next()? {
            Event::Scalar(text, style, ..) => Ok((!is_null(&text, style)).then(|| text.into_owned())),
            Event::Alias(_) => Err(format!("{key}: aliases are not possible, expected a text")),
            _ => Err(format!("{key}: expected a text")),
        }
    }
}

fn is_null(text: &str, style: ScalarStyle) -> bool {
    style == ScalarStyle::Plain && ["", "~", "null", "Null", "NULL"].contains(&text)
}

/// Returns an unknown key for an error, if it looks like one: without the blank after its colon, `uri:https://...` is a key
/// that may contain a passkey.
fn shown(key: &str) -> String {
    let is_word =
        key.len() <= KEY_BYTES_SHOWN_MAX && key.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'_'));
    if is_word { format!(" {key:?}") } else { String::new() }
}
