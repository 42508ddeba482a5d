use super::admission::Expected;
use super::ledger::Ledger;
use crate::simulator::{Datagram, Reply};
use engine::Now;
use primitives::{AddressFamily, AnnounceEvent, CompactAddress, CompactIpv4, CompactIpv6, canonical_ip};
use std::net::{IpAddr, SocketAddr};
use udp_protocol::{
    AnnounceRequest, Numwant, Request, RequestError, Response, decode_request, decode_response,
};

/// Checks of a reply against its request and the earlier traffic.
impl Ledger {
    pub(super) fn check_reply(&mut self, now: Now, request: &Datagram, reply: &Reply) {
        assert_eq!(reply.destination, request.source, "a reply goes to the source of its request");
        assert_ne!(reply.destination.port(), 0, "nothing can be sent to port 0");
        let family = AddressFamily::of(request.source.ip());
        let headers = match family {
            AddressFamily::V4 => 28,
            AddressFamily::V6 => 48,
        };
        let packet = reply.bytes.len() + headers;
        assert!(packet <= usize::from(self.settings.path_mtu_bytes), "{packet} bytes are above the path MTU");
        let is_longer = reply.bytes.len() > request.bytes.len();
        assert!(!is_longer || self.is_proved(now, request), "no amplification: {request:?} {reply:?}");
        match family {
            AddressFamily::V4 => {
                self.check_content(now, request, reply, CompactIpv4::socket_address);
            }
            AddressFamily::V6 => {
                self.check_content(now, request, reply, CompactIpv6::socket_address);
            }
        }
    }

    fn check_content<A: CompactAddress>(
        &mut self,
        now: Now,
        datagram: &Datagram,
        reply: &Reply,
        socket_address: impl Fn(A) -> SocketAddr,
    ) {
        let response = decode_response::<A>(&reply.bytes).expect("a reply is a response of BEP 15");
        assert_eq!(reply.bytes[4..8], datagram.bytes[12..16], "the transaction id is the request's");
        assert!(!self.admission.is_banned(datagram.source.ip()), "a banned source gets no reply");
        let request = match decode_request(&datagram.bytes) {
            Ok(request) => request,
            Err(error) => return self.check_unknown_action(now, (datagram, error), (reply, &response)),
        };
        match (request, response) {
            (Request::Connect(_), Response::Connect(head)) => {
                let issued = self.issued.entry(canonical_ip(datagram.source.ip())).or_default();
                issued.push((head.connection_id, now.unix_s));
            }
            (Request::Announce(announce), Response::Announce(_, peers)) => {
                assert!(self.is_proved(now, datagram), "an announce needs a proof of the address");
                assert_eq!(
                    self.admission.of_announce(now, datagram.source.ip(), &announce),
                    Expected::Served
                );
                let peers: Vec<SocketAddr> = peers.iter().copied().map(socket_address).collect();
                self.check_peers(datagram.source.ip(), announce.request, &peers);
            }
            (Request::Scrape(scrape), Response::Scrape(_, entries)) => {
                assert!(self.is_proved(now, datagram), "a scrape needs a proof of the address");
                assert_eq!(self.admission.of_scrape(), Expected::Served);
                assert!(entries.len() <= scrape.info_hashes.len(), "at most one entry per hash");
            }
            (Request::Announce(announce), Response::Error(_, text)) if self.is_proved(now, datagram) => {
                assert_refused(self.admission.of_announce(now, datagram.source.ip(), &announce), text);
            }
            (Request::Scrape(_), Response::Error(_, text)) if self.is_proved(now, datagram) => {
                assert_refused(self.admission.of_scrape(), text);
            }
            (Request::Announce(_) | Request::Scrape(_), Response::Error(..)) => {}
            (request, _) => panic!("{request:?} is not answered with {:02x?}", reply.bytes),
        }
    }

    /// Of the invalid datagrams, only an unknown action is answered, and only with a proof of the address.
    fn check_unknown_action<A>(
        &self,
        now: Now,
        (datagram, error): (&Datagram, RequestError),
        (reply, response): (&Reply, &Response<'_, A>),
    ) {
        assert!(matches!(error, RequestError::UnknownAction { .. }), "only requests are answered: {error:?}");
        assert!(self.is_proved(now, datagram), "an unknown action needs a proof of the address");
        let Response::Error(_, text) = response else { panic!("expected an error: {:02x?}", reply.bytes) };
        assert!("unknown action".as_bytes().starts_with(text), "{}", text.escape_ascii());
        assert!(reply.bytes.len() <= datagram.bytes.len(), "the error is no longer than the request");
    }

    fn check_peers(&self, ip: IpAddr, request: &AnnounceRequest, peers: &[SocketAddr]) {
        let itself = SocketAddr::new(canonical_ip(ip), request.port.get());
        let wanted = match request.numwant() {
            Numwant::Default => u32::from(self.settings.announce.numwant_default),
            Numwant::AtMost(wanted) => wanted.min(u32::from(self.settings.announce.numwant_max)),
        };
        assert!(peers.len() <= wanted as usize, "{} peers where {wanted} were requested", peers.len());
        assert!(peers.is_empty() || request.event() != AnnounceEvent::Stopped, "stopped gets no peers");
        let mut different = peers.to_vec();
        different.sort_unstable();
        different.dedup();
        assert_eq!(different.len(), peers.len(), "each peer is listed once");
        for peer in peers {
            assert_ne!(*peer, itself, "a client is not listed to itself");
            assert!(self.announced.contains(peer), "{peer} has never announced");
        }
    }
}

/// An issued id may have expired all the same, which is reported before any other error.
fn assert_refused(expected: Expected, text: &[u8]) {
    let text = str::from_utf8(text).expect("an error's text is UTF-8");
    let has_expired = text.to_lowercase().contains("connection id");
    let is_as_expected = matches!(expected, Expected::Refused(words) if text.contains(words));
    assert!(has_expired || is_as_expected, "{text}: {expected:?}");
}
