//! A scrape of all torrents, where the configuration allows it.

use std::collections::BTreeSet;
use std::io::Read;

use primitives::InfoHash;

use crate::http_client::{HttpClient, announce_target};
use crate::tracker::{Launch, Tracker};

const TORRENTS: u32 = 1000;

fn torrent(number: u32) -> InfoHash {
    let mut hash = [b'h'; 20];
    hash[..4].copy_from_slice(&number.to_be_bytes());
    InfoHash(hash)
}

/// A tracker with [`TORRENTS`] torrents of one seeder each.
fn filled(launch: Launch) -> Tracker {
    let tracker = launch.start();
    let mut http = HttpClient::new(tracker.http_v4());
    for number in 0..TORRENTS {
        assert_eq!(http.get(&announce_target(torrent(number), 1001, 0)).status, 200);
    }
    tracker
}

fn allowed() -> Launch {
    Launch::on_loopback().set("http.full_scrape_every_s", "3600")
}

/// The torrents of a full scrape. Asserts that each has one seeder.
#[track_caller]
fn torrents(body: &[u8]) -> BTreeSet<InfoHash> {
    let files = body.strip_prefix(b"d5:filesd").and_then(|body| body.strip_suffix(b"ee")).expect("all of it");
    let entry = b"20:hhhhhhhhhhhhhhhhhhhhd8:completei1e10:downloadedi0e10:incompletei0ee".len();
    files
        .chunks(entry)
        .map(|file| {
            assert!(
                file.ends_with(b"d8:completei1e10:downloadedi0e10:incompletei0ee"),
                "{}",
                file.escape_ascii()
            );
            InfoHash(file[3..23].try_into().expect("20 bytes"))
        })
        .collect()
}

fn all() -> BTreeSet<InfoHash> {
    (0..TORRENTS).map(torrent).collect()
}

/// The content of all chunks.
fn chunks(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let line = rest.iter().position(|&byte| byte == b'\r').expect("the length of a chunk");
        let length = std::str::from_utf8(&rest[..line]).expect("digits");
        let length = usize::from_str_radix(length, 16).expect("digits");
        body.extend_from_slice(&rest[line + 2..][..length]);
        rest = &rest[line + 2 + length + 2..];
        if length == 0 {
            assert_eq!(rest, b"");
            return body;
        }
    }
}

fn head_and_rest(answer: &[u8]) -> (String, Vec<u8>) {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").expect("a head") + 4;
    (String::from_utf8_lossy(&answer[..end]).into_owned(), answer[end..].to_vec())
}

#[test]
fn a_full_scrape_returns_the_torrents_of_all_cores_in_chunks_and_keeps_the_connection() {
    let tracker = filled(allowed());
    let mut http = HttpClient::new(tracker.http_v4());
    http.send(b"GET /scrape HTTP/1.1\r\nHost: x\r\n\r\nGET /health_check HTTP/1.0\r\n\r\n");
    let answer = http.rest();
    let health = answer.windows(8).rposition(|window| window == b"HTTP/1.1").expect("a second answer");
    assert!(answer.ends_with(br#"{"status":"Ok"}"#));
    let (head, rest) = head_and_rest(&answer[..health]);
    assert!(head.contains("Transfer-Encoding: chunked"), "{head}");
    assert_eq!(torrents(&chunks(&rest)), all());
}

#[test]
fn a_full_scrape_uses_gzip_if_accepted_and_no_chunks_for_http_1_0() {
    let tracker = filled(allowed());
    let mut http = HttpClient::new(tracker.http_v4());
    http.send(b"GET /scrape HTTP/1.0\r\nAccept-Encoding: gzip\r\n\r\n");
    let (head, rest) = head_and_rest(&http.rest());
    assert!(head.contains("Content-Encoding: gzip") && !head.contains("chunked"), "{head}");
    let mut body = Vec::new();
    flate2::read::GzDecoder::new(rest.as_slice()).read_to_end(&mut body).expect("sound gzip");
    assert_eq!(torrents(&body), all());
}

#[test]
fn a_second_full_scrape_on_the_same_core_has_to_wait() {
    let [core, _] = crate::cores::two_cores();
    let tracker = allowed().set("workers.cores", &format!("[{core}]")).start();
    let mut http = HttpClient::new(tracker.http_v4());
    http.send(b"HEAD /scrape HTTP/1.1\r\nHost: x\r\n\r\nGET /scrape HTTP/1.1\r\nHost: x\r\n\r\n");
    let head = http.answer();
    assert_eq!(head.header("transfer-encoding"), Some("chunked"));
    assert_eq!(http.answer().header("transfer-encoding"), Some("chunked"));
    let mut second = HttpClient::new(tracker.http_v4());
    let text = second.get("/scrape").text();
    assert!(text.contains("a short time ago8:intervali3600e8:retry ini60ee"), "{text}");
}
