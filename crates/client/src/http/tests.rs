use crate::endpoint::{Announced, Endpoint, Note, TrackerClient};
use crate::error::TrackerError;
use crate::{Announce, Families, TrackerUrl, tls_config};
use primitives::{AnnounceEvent, InfoHash};
use rustls::RootCertStore;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const ANNOUNCE: Announce = Announce {
    info_hash: InfoHash([7; 20]),
    peer_id: primitives::PeerId([b'x'; 20]),
    port: 6881,
    event: AnnounceEvent::Started,
    left: 1,
    uploaded: 0,
    downloaded: 0,
    numwant: Some(50),
    key: 1,
    ip: None,
};

/// What a tracker does after it has read a request.
#[derive(Clone, Copy)]
enum Lie {
    Send(&'static [u8]),
    /// Sends the bytes, and then their last one again and again.
    Endless(&'static [u8]),
    /// Sends the bytes one by one, with pauses.
    Drip(&'static [u8]),
    /// Sends nothing.
    Silence,
}

async fn tracker(lie: Lie) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            drop(stream.read(&mut [0; 4096]).await);
            tokio::spawn(async move {
                match lie {
                    Lie::Send(bytes) => stream.write_all(bytes).await,
                    Lie::Silence => stream.read(&mut [0; 1]).await.map(|_| ()),
                    Lie::Endless(bytes) => {
                        let mut outcome = stream.write_all(bytes).await;
                        while outcome.is_ok() {
                            outcome = stream.write_all(&[bytes[bytes.len() - 1]; 1024]).await;
                        }
                        outcome
                    }
                    Lie::Drip(bytes) => {
                        for byte in bytes {
                            tokio::time::sleep(Duration::from_secs(1)).await;
                            stream.write_all(&[*byte]).await?;
                        }
                        Ok(())
                    }
                }
            });
        }
    });
    address
}

fn endpoint(address: SocketAddr) -> Endpoint {
    let tls = Arc::new(tls_config(RootCertStore::empty()));
    let url = TrackerUrl::parse(&format!("http://{address}/announce")).unwrap();
    TrackerClient::new(tls, Families::Both, Duration::from_secs(10)).endpoint(&url, address).unwrap()
}

macro_rules! ok {
    ($headers:literal, $body:literal) => {
        concat!("HTTP/1.1 200 OK\r\n", $headers, "\r\n", $body).as_bytes()
    };
}

#[tokio::test]
async fn answers_are_read_with_their_peculiarities() {
    let answer = |notes: Vec<Note>| Announced {
        interval_s: Some(900),
        min_interval_s: None,
        seeders: 0,
        leechers: 0,
        peers: Vec::new(),
        certificate_until: None,
        notes,
    };
    for (bytes, notes) in [
        (ok!("", "d8:intervali900e5:peers0:e"), vec![]),
        (ok!("Transfer-Encoding: chunked\r\n", "1a\r\nd8:intervali900e5:peers0:e\r\n0\r\n\r\n"), vec![]),
        (ok!("", "d8:intervali900e5:peerslee"), vec![]),
        (ok!("", "d8:intervali900e6:peers60:e"), vec![]),
        (ok!("", "d5:peers0:8:intervali900ee"), vec![Note::UnsortedKeys]),
        (ok!("", "d8:intervali900ee"), vec![Note::NoPeers]),
        (ok!("", "d8:intervali900e5:peersldeee"), vec![Note::ListedPeers]),
        (&b"HTTP/1.0 206 Some\r\n\r\nd8:intervali900e5:peers0:e"[..], vec![Note::Status(206)]),
    ] {
        let received = endpoint(tracker(Lie::Send(bytes)).await).announce(&ANNOUNCE).await;
        assert_eq!(received, Ok(answer(notes)), "{}", bytes.escape_ascii());
    }
}

#[tokio::test]
async fn lies_are_errors() {
    let malformed = TrackerError::Malformed;
    for (bytes, error) in [
        (ok!("", "<html>"), malformed("the response is not a bencoded dictionary")),
        (ok!("", "d5:peers99999999999:"), malformed("the response is truncated")),
        (ok!("", "d14:failure reason2:noe"), TrackerError::Refused { reason: "no".to_owned(), retry: None }),
        (b"SSH-2.0-OpenSSH_9.9\r\n", malformed("the response is not HTTP")),
        (b"HTTP/1.1 500 Oops\r\n\r\n", TrackerError::Status(500)),
        (
            b"HTTP/1.1 301 Moved\r\nLocation: /announce\r\n\r\n",
            malformed("the request was redirected too often"),
        ),
        (
            b"HTTP/1.1 301 Moved\r\nLocation: udp://x/\r\n\r\n",
            malformed("the request was redirected to no HTTP URL"),
        ),
    ] {
        let received = endpoint(tracker(Lie::Send(bytes)).await).announce(&ANNOUNCE).await;
        assert_eq!(received, Err(error), "{}", bytes.escape_ascii());
    }
    for bytes in [ok!("", "d5:peers9999999:x"), b"HTTP/1.1 200 OK\r\nX-Endless: x"] {
        let received = endpoint(tracker(Lie::Endless(bytes)).await).announce(&ANNOUNCE).await;
        assert!(matches!(received, Err(TrackerError::Malformed(_))), "{received:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn no_answer_takes_longer_than_the_timeout() {
    for lie in [
        Lie::Silence,
        Lie::Drip(ok!("", "d8:intervali900e5:peers0:e")),
        Lie::Send(ok!("Content-Length: 99999999999\r\n", "d")),
    ] {
        let address = tracker(lie).await;
        let start = tokio::time::Instant::now();
        let received = endpoint(address).announce(&ANNOUNCE).await;
        assert!(start.elapsed() <= Duration::from_secs(11), "{received:?}");
        assert!(received.is_err());
    }
}

#[tokio::test]
async fn a_scrape_has_the_torrents_in_the_order_of_the_request() {
    let hash = [InfoHash(*b"aaaaaaaaaaaaaaaaaaaa"), InfoHash(*b"bbbbbbbbbbbbbbbbbbbb")];
    let body = ok!("", "d5:filesd20:bbbbbbbbbbbbbbbbbbbbd8:completei1e10:downloadedi2e10:incompletei3eeee");
    let scraped = endpoint(tracker(Lie::Send(body)).await).scrape(&hash).await.unwrap();
    let counts: Vec<_> =
        scraped.torrents.iter().map(|torrent| (torrent.info_hash, torrent.counts.is_some())).collect();
    assert_eq!(counts, [(hash[0], false), (hash[1], true)]);
    for (bytes, error) in [
        (ok!("", "d14:failure reason2:noe"), TrackerError::Refused { reason: "no".to_owned(), retry: None }),
        (ok!("", "de"), TrackerError::Malformed("the response has no torrents")),
        (b"HTTP/1.1 404 Not Found\r\n\r\nd5:filesdee", TrackerError::Status(404)),
    ] {
        let received = endpoint(tracker(Lie::Send(bytes)).await).scrape(&hash).await;
        assert_eq!(received, Err(error), "{}", bytes.escape_ascii());
    }
}
