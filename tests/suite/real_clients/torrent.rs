//! A file to share and its torrents, made by a real client's tools.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::tools::require;

pub(super) type InfoHash = [u8; 20];

/// The name of the shared file.
pub(super) const FILE_NAME: &str = "payload.bin";

/// Some dozens of pieces; not a multiple of the piece size, so the last piece is a short one.
const FILE_LENGTH: u64 = 2 * 1024 * 1024 + 4321;

const PIECE_KIB: &str = "64";

/// Stands for the tracker's URL in a torrent, because transmission-create takes none of a WebSocket.
const ANY_TRACKER: &str = "http://any";

/// A file to share.
pub(super) struct Payload {
    pub(super) content: Vec<u8>,
    file: PathBuf,
}

/// A torrent with one tracker. It is private, so that clients ask no one else for peers.
pub(super) struct Torrent {
    pub(super) path: PathBuf,
    pub(super) info_hash: InfoHash,
}

impl Payload {
    /// Makes a file of random bytes in `folder`.
    pub(super) fn make(folder: &Path) -> Self {
        let (content, file) = (random_bytes(), folder.join(FILE_NAME));
        std::fs::write(&file, &content).expect("the file to share");
        Self { content, file }
    }

    /// Makes a torrent of the file at `path`. All torrents of a file have the same info hash, whatever their trackers.
    pub(super) fn torrent(&self, path: PathBuf, tracker_url: &str) -> Torrent {
        let mut create = Command::new(require("transmission-create"));
        create.args(["--private", "--piecesize", PIECE_KIB, "--tracker", ANY_TRACKER, "--outfile"]);
        output_of(create.arg(&path).arg(&self.file));
        replace_tracker(&path, tracker_url);
        let info_hash = info_hash_of(&path);
        Torrent { path, info_hash }
    }
}

fn replace_tracker(torrent: &Path, tracker_url: &str) {
    let bencoded = |text: &str| format!("8:announce{}:{text}", text.len()).into_bytes();
    let (any, wanted) = (bencoded(ANY_TRACKER), bencoded(tracker_url));
    let made = std::fs::read(torrent).expect("a torrent");
    let at = made.windows(any.len()).position(|part| part == any).expect("a torrent with a tracker");
    let replaced = [&made[..at], &wanted, &made[at + any.len()..]].concat();
    std::fs::write(torrent, replaced).expect("a torrent with another tracker");
}

fn random_bytes() -> Vec<u8> {
    let mut bytes = Vec::new();
    let source = File::open("/dev/urandom").expect("the kernel's random bytes");
    source.take(FILE_LENGTH).read_to_end(&mut bytes).expect("random bytes");
    bytes
}

fn info_hash_of(torrent: &Path) -> InfoHash {
    let shown = output_of(Command::new(require("transmission-show")).arg(torrent));
    let hex =
        shown.lines().find_map(|line| line.trim().strip_prefix("Hash: ")).expect("a line with the hash");
    let mut info_hash = [0; 20];
    for (byte, at) in info_hash.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(&hex[at..at + 2], 16).expect("two hexadecimal digits");
    }
    info_hash
}

/// Runs a tool to its end and returns what it printed.
fn output_of(command: &mut Command) -> String {
    let output = command.env("LC_ALL", "C").output().expect("the tool starts");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{command:?} failed:\n{printed}");
    printed
}
