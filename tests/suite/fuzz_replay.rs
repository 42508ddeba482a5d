//! Replays the inputs that fuzzing has kept, and those made by hand, through the fuzzed functions.

use ringtrack_tests::fuzz;
use std::fs;
use std::path::{Path, PathBuf};

/// The files of one kind of input, in a fixed order.
fn inputs(kind: &str, target: &str) -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(kind).join(target);
    let entries = fs::read_dir(&directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("a file with a name").path()).collect();
    files.sort();
    files
}

fn replay(target: &str, body: fn(&[u8])) {
    for (kind, files_min) in [("seeds", 10), ("corpus", 20)] {
        let files = inputs(kind, target);
        assert!(files.len() >= files_min, "{kind} of {target}: {} files, {files_min} at least", files.len());
        for file in files {
            let input = fs::read(&file).expect("a file that can be read");
            let outcome = std::panic::catch_unwind(|| body(&input));
            assert!(outcome.is_ok(), "{} violates a guarantee", file.display());
        }
    }
}

#[test]
fn the_udp_codec_keeps_its_guarantees_for_every_input_of_its_corpus() {
    replay("udp_codec", fuzz::udp_codec);
}

#[test]
fn the_engine_keeps_its_guarantees_for_every_input_of_its_corpus() {
    replay("engine_datagrams", fuzz::engine_datagrams);
}

#[test]
fn admission_keeps_its_guarantees_for_every_input_of_its_corpus() {
    replay("admission_datagrams", fuzz::admission_datagrams);
}

#[test]
fn http_requests_keep_their_guarantees_for_every_input_of_their_corpus() {
    replay("http_requests", fuzz::http_requests);
}

#[test]
fn http_queries_keep_their_guarantees_for_every_input_of_their_corpus() {
    replay("http_query", fuzz::http_query);
}

#[test]
fn answers_of_other_trackers_keep_their_guarantees_for_every_input_of_their_corpus() {
    replay("announce_answers", fuzz::announce_answers);
}

#[test]
fn proxy_headers_keep_their_guarantees_for_every_input_of_their_corpus() {
    replay("proxy_header", fuzz::proxy_header);
}

#[test]
fn tls_sessions_keep_their_guarantees_for_every_input_of_their_corpus() {
    replay("tls_bytes", fuzz::tls_bytes);
}

#[test]
fn http_connections_keep_their_guarantees_for_every_input_of_their_corpus() {
    replay("http_connection", fuzz::http_connection);
}

#[test]
fn pages_of_state_keep_their_guarantees_for_every_input_of_their_corpus() {
    replay("state_pages", fuzz::state_pages);
}

#[test]
fn websocket_frames_keep_their_guarantees_for_every_input_of_their_corpus() {
    replay("ws_frames", fuzz::ws_frames);
}

#[test]
fn webtorrent_messages_keep_their_guarantees_for_every_input_of_their_corpus() {
    replay("ws_messages", fuzz::ws_messages);
}
