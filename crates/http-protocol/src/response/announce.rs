use super::frame::{ContentType, frame};
use super::{COUNT_BYTES_MAX, INTEGER_BYTES_MAX, OutOfRoom};
use crate::bencode::{Text, Writer};
use crate::framing::Framing;
use crate::limits::{ADDRESS_TEXT_BYTES_MAX, PEERS_MAX, TEXT_BYTES_MAX};
use crate::status::Status;
use core::net::{IpAddr, SocketAddr};
use core::ops::Range;
use primitives::{CompactIpv4, CompactIpv6, PeerId, canonical_ip};
use zerocopy::IntoBytes;

/// The response to an announce (BEP 3).
#[derive(Debug, Clone, Copy)]
pub struct AnnounceResponse<'a> {
    /// Seeders in the swarm.
    pub complete: u32,
    /// Leechers in the swarm, partial seeds included.
    pub incomplete: u32,
    /// Number of completed downloads of the torrent.
    pub downloaded: u64,
    /// Seconds after which the client should announce again.
    pub interval_s: u32,
    /// Seconds after which the client may announce again.
    pub min_interval_s: Option<u32>,
    /// Address from which the client announced (BEP 24).
    pub external_ip: Option<IpAddr>,
    /// Peers, of which at most [`PEERS_MAX`] of each list are written.
    pub peers: Peers<'a>,
    /// Text for the client's user, truncated to [`TEXT_BYTES_MAX`] bytes.
    pub warning: Option<&'a str>,
}

/// The peers of a response, in one of their forms.
#[derive(Debug, Clone, Copy)]
pub enum Peers<'a> {
    /// Strings (BEP 23). `peers6` (BEP 7) is written if there are IPv6 peers, `peers` always: clients expect it.
    Compact { v4: &'a [CompactIpv4], v6: &'a [CompactIpv6] },
    /// A list of dictionaries (BEP 3), of both families.
    Dictionaries(&'a [ListedPeer]),
}

/// A peer in a list of dictionaries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListedPeer {
    pub address: SocketAddr,
    /// Peer id, if it is known and asked for.
    pub peer_id: Option<PeerId>,
}

impl AnnounceResponse<'_> {
    /// Writes the response and returns its range in `out`.
    pub fn write(&self, out: &mut [u8], framing: Framing) -> Result<Range<usize>, OutOfRoom> {
        frame(out, framing, (Status::Ok, ContentType::Text), |body| self.write_body(body))
    }

    fn write_body(&self, body: &mut Writer<'_>) {
        body.literal("d8:complete");
        body.integer(self.complete);
        body.literal("10:downloaded");
        body.integer(self.downloaded);
        if let Some(ip) = self.external_ip {
            body.literal("11:external ip");
            match canonical_ip(ip) {
                IpAddr::V4(ip) => body.string(&ip.octets()),
                IpAddr::V6(ip) => body.string(&ip.octets()),
            }
        }
        body.literal("10:incomplete");
        body.integer(self.incomplete);
        body.literal("8:interval");
        body.integer(self.interval_s);
        if let Some(seconds) = self.min_interval_s {
            body.literal("12:min interval");
            body.integer(seconds);
        }
        self.peers.write(body);
        if let Some(warning) = self.warning {
            body.literal("15:warning message");
            body.string(Text::<TEXT_BYTES_MAX>::of(warning).as_bytes());
        }
        body.literal("e");
    }
}

impl Peers<'_> {
    fn write(&self, body: &mut Writer<'_>) {
        body.literal("5:peers");
        match self {
            Self::Compact { v4, v6 } => {
                body.string(at_most(v4).as_bytes());
                if !v6.is_empty() {
                    body.literal("6:peers6");
                    body.string(at_most(v6).as_bytes());
                }
            }
            Self::Dictionaries(peers) => {
                body.literal("l");
                at_most(peers).iter().for_each(|peer| peer.write(body));
                body.literal("e");
            }
        }
    }
}

impl ListedPeer {
    fn write(&self, body: &mut Writer<'_>) {
        body.literal("d2:ip");
        body.string(Text::<ADDRESS_TEXT_BYTES_MAX>::of(canonical_ip(self.address.ip())).as_bytes());
        if let Some(peer_id) = &self.peer_id {
            body.literal("7:peer id");
            body.string(&peer_id.0);
        }
        body.literal("4:port");
        body.integer(self.address.port());
        body.literal("e");
    }
}

fn at_most<T>(peers: &[T]) -> &[T] {
    peers.get(..PEERS_MAX).unwrap_or(peers)
}

/// Size of the longest dictionary of a peer.
const LISTED_PEER_BYTES_MAX: usize = "d2:ip39:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff".len()
    + "7:peer id20:".len()
    + PeerId::BYTES
    + "4:porti65535ee".len();

/// Size of the longest body: one with a list, which is longer than the strings.
pub(super) const BODY_BYTES_MAX: usize = "d8:complete10:downloaded".len()
    + "11:external ip16:".len()
    + 16
    + "10:incomplete8:interval12:min interval".len()
    + 4 * INTEGER_BYTES_MAX
    + COUNT_BYTES_MAX
    + "5:peersle".len()
    + PEERS_MAX * LISTED_PEER_BYTES_MAX
    + "15:warning message256:".len()
    + TEXT_BYTES_MAX
    + "e".len();

const _: () = assert!(
    "5:peersle".len() + PEERS_MAX * LISTED_PEER_BYTES_MAX
        > "5:peers1200:6:peers63600:".len() + PEERS_MAX * (6 + 18),
    "a list is longer than the strings"
);

#[cfg(test)]
mod tests {
    use super::super::testing::{ORDINARY, body};
    use super::super::{RESPONSE_BYTES_MAX, frame};
    use super::*;

    fn response(peers: Peers<'_>) -> AnnounceResponse<'_> {
        AnnounceResponse {
            complete: 3,
            incomplete: 2,
            downloaded: 7,
            interval_s: 1800,
            min_interval_s: None,
            external_ip: None,
            peers,
            warning: None,
        }
    }

    fn text(response: &AnnounceResponse<'_>) -> String {
        body(|out| response.write(out, ORDINARY)).escape_ascii().to_string()
    }

    const V4: CompactIpv4 = CompactIpv4([192, 0, 2, 1, 0x1a, 0xe1]);
    const V6: CompactIpv6 = CompactIpv6([0x20, 1, 13, 184, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0x1a, 0xe1]);

    #[test]
    fn compact_peers_are_a_string() {
        let expected = "d8:completei3e10:downloadedi7e10:incompletei2e8:intervali1800e\
            5:peers12:\\xc0\\x00\\x02\\x01\\x1a\\xe1\\xc0\\x00\\x02\\x01\\x1a\\xe1e";
        assert_eq!(text(&response(Peers::Compact { v4: &[V4, V4], v6: &[] })), expected);
    }

    #[test]
    fn ipv6_peers_are_a_second_string_after_an_empty_one() {
        let expected = "d8:completei3e10:downloadedi7e10:incompletei2e8:intervali1800e\
            5:peers0:6:peers618: \\x01\\r\\xb8\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x07\\x1a\\xe1e";
        assert_eq!(text(&response(Peers::Compact { v4: &[], v6: &[V6] })), expected);
    }

    #[test]
    fn the_keys_are_sorted_whichever_are_included() {
        let full = AnnounceResponse {
            min_interval_s: Some(900),
            external_ip: "::ffff:192.0.2.1".parse().ok(),
            warning: Some("slow down"),
            ..response(Peers::Compact { v4: &[], v6: &[] })
        };
        let expected = "d8:completei3e10:downloadedi7e11:external ip4:\\xc0\\x00\\x02\\x0110:incompletei2e\
            8:intervali1800e12:min intervali900e5:peers0:15:warning message9:slow downe";
        assert_eq!(text(&full), expected);
        let v6 = AnnounceResponse { external_ip: "2001:db8::7".parse().ok(), ..full };
        assert!(text(&v6).contains("11:external ip16: \\x01\\r\\xb8"));
    }

    #[test]
    fn a_list_has_a_dictionary_for_each_peer() {
        let peers = [
            ListedPeer { address: V4.socket_address(), peer_id: Some(PeerId(*b"-TR3000-abcdefghijkl")) },
            ListedPeer { address: V6.socket_address(), peer_id: None },
        ];
        let expected = "d8:completei3e10:downloadedi7e10:incompletei2e8:intervali1800e5:peersl\
            d2:ip9:192.0.2.17:peer id20:-TR3000-abcdefghijkl4:porti6881ee\
            d2:ip11:2001:db8::74:porti6881eeee";
        assert_eq!(text(&response(Peers::Dictionaries(&peers))), expected);
    }

    #[test]
    fn the_longest_announce_response_fits_and_has_200_peers() {
        assert_eq!(LISTED_PEER_BYTES_MAX, 93);
        let peer = ListedPeer {
            address: "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535".parse().unwrap(),
            peer_id: Some(PeerId([0xff; 20])),
        };
        let longest = AnnounceResponse {
            complete: u32::MAX,
            incomplete: u32::MAX,
            downloaded: u64::MAX,
            interval_s: u32::MAX,
            min_interval_s: Some(u32::MAX),
            external_ip: "ffff::".parse().ok(),
            peers: Peers::Dictionaries(&[peer; 201]),
            warning: Some(&"w".repeat(257)),
        };
        assert_eq!(BODY_BYTES_MAX, 19_053);
        assert_eq!(RESPONSE_BYTES_MAX, 19_053 + frame::HEAD_BYTES_MAX);
        assert_eq!(body(|out| longest.write(out, ORDINARY)).len(), 19_053);
        let compact =
            AnnounceResponse { peers: Peers::Compact { v4: &[V4; 201], v6: &[V6; 201] }, ..longest };
        let text = text(&compact);
        assert!(text.contains("5:peers1200:") && text.contains("6:peers63600:"));
    }
}
