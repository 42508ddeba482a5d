use http_protocol::{
    ReceivedAnswer, ReceivedError, ReceivedScrape, Retry, ScrapeFile, read_announce_answer, read_dictionary,
    read_scrape_answer,
};
use primitives::PeerAddress;

/// Reads `body` as the response of another tracker to an announce and to a scrape. Only a whole response is accepted, with
/// nothing after it. What was read, written in the plainest form, must be read again as the same.
///
/// # Panics
/// If one of these does not hold.
pub fn announce_answers(body: &[u8]) {
    check_scrape(body);
    let Ok((answer, peers)) = read(body) else { return };
    for length in 0..body.len() {
        assert!(read(&body[..length]).is_err(), "the first {length} bytes are no response");
    }
    assert!(read(&[body, b"e"].concat()).is_err(), "nothing follows a response");
    assert_eq!(read(&plain(answer, &peers)), Ok((answer, peers)));
}

fn check_scrape(body: &[u8]) {
    let Ok((answer, files)) = read_scrape(body) else { return };
    assert!(read_dictionary(body, &mut |_| {}).is_ok(), "a scrape is a dictionary");
    for length in 0..body.len() {
        assert!(read_scrape(&body[..length]).is_err(), "the first {length} bytes are no scrape");
    }
    assert!(read_scrape(&[body, b"e"].concat()).is_err(), "nothing follows a scrape");
    match answer {
        ReceivedScrape::Failure(_) => assert!(files.is_empty(), "a failure has no torrents"),
        ReceivedScrape::Files { .. } => {
            let plain = plain_scrape(&files);
            assert_eq!(read_scrape(&plain).map(|(_, files)| files), Ok(files));
        }
    }
}

fn read_scrape(body: &[u8]) -> Result<(ReceivedScrape<'_>, Vec<ScrapeFile>), ReceivedError> {
    let mut files = Vec::new();
    let answer = read_scrape_answer(body, &mut |file| files.push(file))?;
    Ok((answer, files))
}

fn plain_scrape(files: &[ScrapeFile]) -> Vec<u8> {
    let mut body = b"d5:filesd".to_vec();
    for file in files {
        let ScrapeFile { info_hash, complete, downloaded, incomplete } = file;
        body.extend(b"20:");
        body.extend(info_hash.0);
        let counts =
            format!("d8:completei{complete}e10:downloadedi{downloaded}e10:incompletei{incomplete}ee");
        body.extend(counts.bytes());
    }
    body.extend(b"ee");
    body
}

fn read(body: &[u8]) -> Result<(ReceivedAnswer<'_>, Vec<PeerAddress>), ReceivedError> {
    let mut peers = Vec::new();
    let answer = read_announce_answer(body, &mut |peer| peers.push(peer))?;
    Ok((answer, peers))
}

fn plain(answer: ReceivedAnswer<'_>, peers: &[PeerAddress]) -> Vec<u8> {
    let mut body = b"d".to_vec();
    let mut number = |key: &str, value: Option<u32>| {
        body.extend(value.map(|value| format!("{}:{key}i{value}e", key.len())).unwrap_or_default().bytes());
    };
    match answer {
        ReceivedAnswer::Answer(counts) => {
            number("complete", Some(counts.complete));
            number("incomplete", Some(counts.incomplete));
            number("interval", counts.interval_s);
            number("min interval", counts.min_interval_s);
        }
        ReceivedAnswer::Failure { reason, retry } => {
            if let Retry::InMinutes(minutes) = retry {
                number("retry in", Some(minutes));
            }
            let never = if retry == Retry::Never { "8:retry in5:never" } else { "" };
            body.extend(format!("{never}14:failure reason{}:", reason.len()).bytes());
            body.extend(reason);
        }
    }
    body.extend(b"5:peersl");
    for peer in peers {
        let address = match peer {
            PeerAddress::V4(compact) => compact.socket_address(),
            PeerAddress::V6(compact) => compact.socket_address(),
        };
        let ip = address.ip().to_string();
        body.extend(format!("d2:ip{}:{ip}4:porti{}ee", ip.len(), address.port()).bytes());
    }
    body.extend(b"ee");
    body
}
