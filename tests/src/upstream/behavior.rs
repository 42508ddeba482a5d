use std::net::{IpAddr, SocketAddr};

/// What an upstream tracker does with an announce.
#[derive(Debug, Clone)]
pub enum Behavior {
    Answers(Answer),
    /// Sends an error with this text over UDP, or these bencoded entries over HTTP.
    Refuses(&'static str),
    /// Never sends anything, not even the answer to a connect.
    Hangs,
    /// Closes each connection after its first request; over UDP the same as [`Self::Hangs`].
    Closes,
    /// Sends these bytes over a connection, and closes it. Over UDP, the transaction id is inserted after the first 4 of
    /// them, and the datagram is the answer to an announce.
    Sends(Vec<u8>),
    /// Sends the head of an answer and then a body without end; over UDP the largest datagrams.
    SendsForever,
}

/// The answer to an announce. Numbers that its protocol cannot represent are cut.
#[derive(Debug, Clone)]
pub struct Answer {
    pub interval_s: i64,
    pub seeders: i64,
    pub leechers: i64,
    /// Over UDP, only those of the upstream tracker's own family are sent.
    pub peers: Vec<SocketAddr>,
}

impl Behavior {
    /// An answer with these peers, who are leechers.
    ///
    /// # Panics
    /// If one is not an address with a port.
    #[must_use]
    pub fn peers(peers: &[&str]) -> Self {
        let peers: Vec<SocketAddr> =
            peers.iter().map(|peer| peer.parse().expect("an address with a port")).collect();
        let leechers = i64::try_from(peers.len()).expect("few peers");
        Self::Answers(Answer { interval_s: 1800, seeders: 0, leechers, peers })
    }

    /// An HTTP answer without a body, with these lines in its head, each ending in CRLF.
    #[must_use]
    pub fn status(code: u16, lines: &str) -> Self {
        let head =
            format!("HTTP/1.1 {code} Whatever\r\nContent-Length: 0\r\nConnection: close\r\n{lines}\r\n");
        Self::Sends(head.into_bytes())
    }

    /// An HTTP redirection.
    #[must_use]
    pub fn redirect(to: &str) -> Self {
        Self::status(302, &format!("Location: {to}\r\n"))
    }

    /// An HTTP answer with this body.
    #[must_use]
    pub fn body(body: &[u8]) -> Self {
        Self::Sends(response(body))
    }
}

impl Answer {
    /// Encodes it as an HTTP response.
    pub(super) fn http(&self) -> Vec<u8> {
        let mut body = format!(
            "d8:completei{}e10:incompletei{}e8:intervali{}e",
            self.seeders, self.leechers, self.interval_s
        )
        .into_bytes();
        for (key, is_v4) in [("5:peers", true), ("6:peers6", false)] {
            let peers = self.compact(is_v4);
            body.extend_from_slice(format!("{key}{}:", peers.len()).as_bytes());
            body.extend_from_slice(&peers);
        }
        body.push(b'e');
        response(&body)
    }

    /// Encodes what follows the head of a UDP response.
    pub(super) fn udp(&self, is_v4: bool) -> Vec<u8> {
        let counts = [self.interval_s, self.leechers, self.seeders];
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a lie may be too large, and is then another one"
        )]
        let mut body = counts.map(|count| (count as i32).to_be_bytes()).concat();
        body.extend_from_slice(&self.compact(is_v4));
        body
    }

    fn compact(&self, is_v4: bool) -> Vec<u8> {
        let of_family = self.peers.iter().filter(|peer| peer.is_ipv4() == is_v4);
        of_family
            .flat_map(|peer| {
                let ip = match peer.ip() {
                    IpAddr::V4(ip) => ip.octets().to_vec(),
                    IpAddr::V6(ip) => ip.octets().to_vec(),
                };
                [ip, peer.port().to_be_bytes().to_vec()].concat()
            })
            .collect()
    }
}

/// An HTTP response with this body, after which the connection is kept.
pub(super) fn response(body: &[u8]) -> Vec<u8> {
    [format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()).as_bytes(), body].concat()
}
