//! The one control message of a datagram: packet info, which tells the local address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::path::LocalEnd;

/// Bytes of the header of a control message.
const HEADER_BYTES: usize = size_of::<libc::cmsghdr>();
/// Room for the larger packet info (IPv6, 20 bytes), rounded up to the alignment of a control message.
const PAYLOAD_BYTES: usize = size_of::<libc::in6_pktinfo>().next_multiple_of(align_of::<usize>());
const V4_PAYLOAD_BYTES: usize = size_of::<libc::in_pktinfo>();
const V6_PAYLOAD_BYTES: usize = size_of::<libc::in6_pktinfo>();

/// A `cmsghdr` and its payload. Only packet info is ever asked of the kernel, so there is never a second
/// message behind the first, and plain integers describe it: every byte pattern is a valid value.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct ControlMessage {
    /// Header and payload, without the padding at the end.
    length_bytes: usize,
    level: i32,
    kind: i32,
    payload: [u8; PAYLOAD_BYTES],
}

const _: () = assert!(HEADER_BYTES == 16 && size_of::<ControlMessage>() == HEADER_BYTES + PAYLOAD_BYTES);
const _: () = assert!(align_of::<ControlMessage>() >= align_of::<libc::cmsghdr>());
const _: () = assert!(V4_PAYLOAD_BYTES == 12 && V6_PAYLOAD_BYTES == 20);

impl ControlMessage {
    pub(crate) const EMPTY: Self = Self { length_bytes: 0, level: 0, kind: 0, payload: [0; PAYLOAD_BYTES] };

    /// Room that the kernel may write, and the most that it may read.
    pub(crate) const ROOM_BYTES: usize = size_of::<Self>();

    /// Makes this the packet info that lets a datagram leave from `local`; returns the bytes that the kernel
    /// is to read.
    pub(crate) fn set_source(&mut self, local: LocalEnd) -> usize {
        self.payload = [0; PAYLOAD_BYTES];
        let interface = local.interface_index.to_ne_bytes();
        let payload_bytes = match local.address {
            IpAddr::V4(address) => {
                (self.level, self.kind) = (libc::IPPROTO_IP, libc::IP_PKTINFO);
                self.payload[..4].copy_from_slice(&interface);
                // The preferred source, `ipi_spec_dst`; `ipi_addr` behind it has no meaning when sending.
                self.payload[4..8].copy_from_slice(&address.octets());
                V4_PAYLOAD_BYTES
            }
            IpAddr::V6(address) => {
                (self.level, self.kind) = (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO);
                self.payload[..16].copy_from_slice(&address.octets());
                self.payload[16..20].copy_from_slice(&interface);
                V6_PAYLOAD_BYTES
            }
        };
        self.length_bytes = HEADER_BYTES + payload_bytes;
        self.length_bytes.next_multiple_of(align_of::<usize>())
    }

    /// The local address that a datagram was sent to, out of the `written_bytes` that the kernel wrote here.
    /// `None` where the kernel wrote no packet info, or an address that cannot be the source of a reply.
    pub(crate) fn destination(&self, written_bytes: usize) -> Option<LocalEnd> {
        let whole =
            |payload_bytes: usize| self.length_bytes.min(written_bytes) >= HEADER_BYTES + payload_bytes;
        match (self.level, self.kind) {
            (libc::IPPROTO_IP, libc::IP_PKTINFO) if whole(V4_PAYLOAD_BYTES) => self.v4_destination(),
            (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) if whole(V6_PAYLOAD_BYTES) => self.v6_destination(),
            _ => None,
        }
    }

    /// `ipi_spec_dst` and not `ipi_addr`: the same for unicast, but for a broadcast it is the address to
    /// reply from.
    fn v4_destination(&self) -> Option<LocalEnd> {
        let [_, _, _, _, a, b, c, d, ..] = self.payload;
        let address = Ipv4Addr::new(a, b, c, d);
        (!address.is_unspecified()).then(|| LocalEnd::new(address.into(), 0))
    }

    fn v6_destination(&self) -> Option<LocalEnd> {
        let octets: &[u8; 16] = self.payload.first_chunk()?;
        let interface: &[u8; 4] = self.payload[16..].first_chunk()?;
        let address = Ipv6Addr::from(*octets);
        let usable = !address.is_multicast() && !address.is_unspecified();
        usable.then(|| LocalEnd::new(address.into(), u32::from_ne_bytes(*interface)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn there_and_back(local: LocalEnd) -> Option<LocalEnd> {
        let mut message = ControlMessage::EMPTY;
        let length_bytes = message.set_source(local);
        assert!(length_bytes <= ControlMessage::ROOM_BYTES);
        message.destination(length_bytes)
    }

    #[test]
    fn a_source_reads_back_as_the_destination_it_answers() {
        for address in ["127.0.0.2", "203.0.113.9", "::1", "2001:db8::5", "fe80::77"] {
            let local = LocalEnd::new(address.parse().unwrap(), 4);
            assert_eq!(there_and_back(local), Some(local));
        }
    }

    #[test]
    fn an_address_that_cannot_be_a_source_is_left_out() {
        for address in ["0.0.0.0", "::", "ff02::1"] {
            assert_eq!(there_and_back(LocalEnd::new(address.parse().unwrap(), 4)), None);
        }
    }

    #[test]
    fn what_the_kernel_did_not_write_is_not_read() {
        let mut message = ControlMessage::EMPTY;
        assert_eq!(message.destination(ControlMessage::ROOM_BYTES), None);
        message.set_source(LocalEnd::new("127.0.0.1".parse().unwrap(), 0));
        assert_eq!(message.destination(0), None);
        assert_eq!(message.destination(HEADER_BYTES + V4_PAYLOAD_BYTES - 1), None);
        assert!(message.destination(HEADER_BYTES + V4_PAYLOAD_BYTES).is_some());
    }
}
