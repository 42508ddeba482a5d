use super::frame::{ContentType, frame};
use super::{COUNT_BYTES_MAX, INTEGER_BYTES_MAX, OutOfRoom};
use crate::bencode::Writer;
use crate::framing::Framing;
use crate::limits::SCRAPE_HASHES_MAX;
use crate::status::Status;
use core::ops::Range;
use primitives::InfoHash;

/// The response to a scrape (BEP 48).
#[derive(Debug)]
pub struct ScrapeResponse<'a> {
    /// Torrents in any order, which are sorted by info hash for the response. Duplicates are written once, and at most
    /// [`SCRAPE_HASHES_MAX`] torrents.
    pub files: &'a mut [ScrapeFile],
}

/// The counts of one torrent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScrapeFile {
    pub info_hash: InfoHash,
    /// Seeders in the swarm.
    pub complete: u32,
    /// Number of completed downloads of the torrent.
    pub downloaded: u64,
    /// Leechers in the swarm, partial seeds included.
    pub incomplete: u32,
}

impl ScrapeResponse<'_> {
    /// Writes the response and returns its range in `out`.
    pub fn write(&mut self, out: &mut [u8], framing: Framing) -> Result<Range<usize>, OutOfRoom> {
        frame(out, framing, (Status::Ok, ContentType::Text), |body| self.write_body(body))
    }

    fn write_body(&mut self, body: &mut Writer<'_>) {
        let count = self.files.len().min(SCRAPE_HASHES_MAX);
        let files = self.files.get_mut(..count).unwrap_or_default();
        // The info hashes are keys of a dictionary, and those have to be sorted.
        files.sort_unstable_by_key(|file| file.info_hash);
        body.literal("d5:filesd");
        let mut before = None;
        for file in files {
            if before != Some(file.info_hash) {
                file.write(body);
            }
            before = Some(file.info_hash);
        }
        body.literal("ee");
    }
}

impl ScrapeFile {
    pub(super) fn write(&self, body: &mut Writer<'_>) {
        body.string(&self.info_hash.0);
        body.literal("d8:complete");
        body.integer(self.complete);
        body.literal("10:downloaded");
        body.integer(self.downloaded);
        body.literal("10:incomplete");
        body.integer(self.incomplete);
        body.literal("e");
    }
}

/// Size of the longest entry.
const FILE_BYTES_MAX: usize = "20:".len()
    + InfoHash::BYTES
    + "d8:complete10:downloaded10:incompletee".len()
    + 2 * INTEGER_BYTES_MAX
    + COUNT_BYTES_MAX;

/// Size of the longest body.
pub(super) const BODY_BYTES_MAX: usize = "d5:filesdee".len() + SCRAPE_HASHES_MAX * FILE_BYTES_MAX;

#[cfg(test)]
mod tests {
    use super::super::testing::{ORDINARY, body};
    use super::*;

    fn file(byte: u8) -> ScrapeFile {
        ScrapeFile {
            info_hash: InfoHash([byte; 20]),
            complete: u32::from(byte),
            downloaded: 2,
            incomplete: 3,
        }
    }

    fn text(files: &mut [ScrapeFile]) -> String {
        let mut response = ScrapeResponse { files };
        body(|out| response.write(out, ORDINARY)).escape_ascii().to_string()
    }

    #[test]
    fn one_torrent_has_its_three_counts() {
        let expected = "d5:filesd20:aaaaaaaaaaaaaaaaaaaad8:completei97e10:downloadedi2e10:incompletei3eeee";
        assert_eq!(text(&mut [file(b'a')]), expected);
    }

    #[test]
    fn torrents_are_sorted_by_info_hash_and_written_once() {
        let entry = |byte: char, complete| {
            let hash = byte.to_string().repeat(20);
            format!("20:{hash}d8:completei{complete}e10:downloadedi2e10:incompletei3ee")
        };
        let entries = [entry('a', 97), entry('b', 98), entry('c', 99)].concat();
        let mut files = [file(b'c'), file(b'a'), file(b'b'), file(b'a')];
        assert_eq!(text(&mut files), format!("d5:filesd{entries}ee"));
    }

    #[test]
    fn the_longest_scrape_response_fits_and_has_74_torrents() {
        let mut files: Vec<_> =
            (0..75).map(|byte| ScrapeFile { info_hash: InfoHash([byte; 20]), ..LONGEST }).collect();
        let mut response = ScrapeResponse { files: &mut files };
        assert_eq!(BODY_BYTES_MAX, 7_929);
        assert_eq!(body(|out| response.write(out, ORDINARY)).len(), 7_929);
    }

    const LONGEST: ScrapeFile = ScrapeFile {
        info_hash: InfoHash([0; 20]),
        complete: u32::MAX,
        downloaded: u64::MAX,
        incomplete: u32::MAX,
    };
}
