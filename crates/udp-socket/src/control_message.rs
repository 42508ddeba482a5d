//! Control messages of a datagram: packet info with the local address, and the kernel's receive time stamp.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use crate::path::LocalEnd;

/// Size of the header of a control message: its length, level and kind.
const HEADER_BYTES: usize = size_of::<libc::cmsghdr>();
const ALIGNMENT_BYTES: usize = align_of::<libc::cmsghdr>();
const V4_PAYLOAD_BYTES: usize = size_of::<libc::in_pktinfo>();
const V6_PAYLOAD_BYTES: usize = size_of::<libc::in6_pktinfo>();
/// `scm_timestamping`: three times, of which the first is the software time stamp.
const STAMP_PAYLOAD_BYTES: usize = 3 * size_of::<libc::timespec>();
/// Room for the larger packet info, but not for a time stamp.
const INFO_ROOM_BYTES: usize = room_bytes(V6_PAYLOAD_BYTES);
/// Room for packet info and a time stamp.
const ROOM_BYTES: usize = INFO_ROOM_BYTES + room_bytes(STAMP_PAYLOAD_BYTES);

const _: () = assert!(HEADER_BYTES == 16 && ALIGNMENT_BYTES == 8);
const _: () = assert!(V4_PAYLOAD_BYTES == 12 && V6_PAYLOAD_BYTES == 20 && STAMP_PAYLOAD_BYTES == 48);

const _: () = assert!(INFO_ROOM_BYTES < room_bytes(STAMP_PAYLOAD_BYTES));

const fn room_bytes(payload_bytes: usize) -> usize {
    HEADER_BYTES + payload_bytes.next_multiple_of(ALIGNMENT_BYTES)
}

/// Buffer for the control messages of one datagram, in plain bytes: every bit pattern is valid.
#[repr(C, align(8))]
#[derive(Clone, Copy, Debug)]
pub(crate) struct ControlMessages {
    bytes: [u8; ROOM_BYTES],
}

const _: () = assert!(align_of::<ControlMessages>() >= ALIGNMENT_BYTES);

/// What the kernel reported about a received datagram.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ControlData {
    /// Local address that it was sent to; none if that cannot be the source of a reply.
    pub(crate) destination: Option<LocalEnd>,
    /// Time of arrival since the Unix epoch.
    pub(crate) arrived: Option<Duration>,
}

impl ControlMessages {
    pub(crate) const EMPTY: Self = Self { bytes: [0; ROOM_BYTES] };

    /// Bytes that the kernel may write, and at most reads.
    pub(crate) const ROOM_BYTES: usize = ROOM_BYTES;

    /// Writes the packet info that makes a datagram leave from `local`. Returns how many bytes the kernel is to read.
    pub(crate) fn set_source(&mut self, local: LocalEnd) -> usize {
        let interface = local.interface_index.to_ne_bytes();
        match local.address {
            IpAddr::V4(address) => {
                self.set_header(V4_PAYLOAD_BYTES, libc::IPPROTO_IP, libc::IP_PKTINFO);
                self.bytes[16..20].copy_from_slice(&interface);
                // `ipi_spec_dst`, the preferred source; `ipi_addr` after it is ignored when sending.
                self.bytes[20..24].copy_from_slice(&address.octets());
                self.bytes[24..28].fill(0);
                room_bytes(V4_PAYLOAD_BYTES)
            }
            IpAddr::V6(address) => {
                self.set_header(V6_PAYLOAD_BYTES, libc::IPPROTO_IPV6, libc::IPV6_PKTINFO);
                self.bytes[16..32].copy_from_slice(&address.octets());
                self.bytes[32..36].copy_from_slice(&interface);
                room_bytes(V6_PAYLOAD_BYTES)
            }
        }
    }

    #[inline]
    fn set_header(&mut self, payload_bytes: usize, level: i32, kind: i32) {
        self.bytes[..8].copy_from_slice(&(HEADER_BYTES + payload_bytes).to_ne_bytes());
        self.bytes[8..12].copy_from_slice(&level.to_ne_bytes());
        self.bytes[12..16].copy_from_slice(&kind.to_ne_bytes());
    }

    /// Whether the `written_bytes` that the kernel wrote contain more than packet info.
    #[inline]
    pub(crate) const fn may_be_stamped(written_bytes: usize) -> bool {
        written_bytes > INFO_ROOM_BYTES
    }

    /// Returns the destination in the `written_bytes` that the kernel wrote, if these contain packet info alone.
    #[inline]
    pub(crate) fn destination(&self, written_bytes: usize) -> Option<LocalEnd> {
        let (length, rest) = self.bytes.split_first_chunk()?;
        let (level, rest) = rest.split_first_chunk()?;
        let (kind, payload) = rest.split_first_chunk()?;
        let length_bytes = usize::from_ne_bytes(*length).min(written_bytes);
        let whole = |payload_bytes: usize| length_bytes >= HEADER_BYTES + payload_bytes;
        match (i32::from_ne_bytes(*level), i32::from_ne_bytes(*kind)) {
            (libc::IPPROTO_IP, libc::IP_PKTINFO) if whole(V4_PAYLOAD_BYTES) => v4_destination(payload),
            (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) if whole(V6_PAYLOAD_BYTES) => v6_destination(payload),
            _ => None,
        }
    }

    /// Parses the `written_bytes` that the kernel wrote; later bytes are not read.
    pub(crate) fn control_data(&self, written_bytes: usize) -> ControlData {
        let mut rest = &self.bytes[..written_bytes.min(ROOM_BYTES)];
        let mut control_data = ControlData::default();
        while let Some((message, behind)) = split_message(rest) {
            match (message.level, message.kind) {
                (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
                    control_data.destination = v4_destination(message.payload);
                }
                (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
                    control_data.destination = v6_destination(message.payload);
                }
                (libc::SOL_SOCKET, libc::SCM_TIMESTAMPING) => {
                    control_data.arrived = software_stamp(message.payload);
                }
                _ => {}
            }
            rest = behind;
        }
        control_data
    }
}

struct Message<'a> {
    level: i32,
    kind: i32,
    payload: &'a [u8],
}

/// Splits off the first message; returns none if `bytes` contain no complete one.
fn split_message(bytes: &[u8]) -> Option<(Message<'_>, &[u8])> {
    let (header, _) = bytes.split_at_checked(HEADER_BYTES)?;
    let length_bytes = usize::from_ne_bytes(*header.first_chunk()?);
    let level = i32::from_ne_bytes(*header[8..].first_chunk()?);
    let kind = i32::from_ne_bytes(*header[12..].first_chunk()?);
    let payload = bytes.get(HEADER_BYTES..length_bytes)?;
    let behind = bytes.get(length_bytes.next_multiple_of(ALIGNMENT_BYTES)..).unwrap_or_default();
    Some((Message { level, kind, payload }, behind))
}

/// Reads `ipi_spec_dst`, not `ipi_addr`: they are equal for unicast, but only the former can answer a broadcast.
fn v4_destination(payload: &[u8]) -> Option<LocalEnd> {
    let payload: &[u8; V4_PAYLOAD_BYTES] = payload.first_chunk()?;
    let [_, _, _, _, a, b, c, d, ..] = *payload;
    let address = Ipv4Addr::new(a, b, c, d);
    (!address.is_unspecified()).then(|| LocalEnd::new(address.into(), 0))
}

fn v6_destination(payload: &[u8]) -> Option<LocalEnd> {
    let octets: &[u8; 16] = payload.first_chunk()?;
    let interface: &[u8; 4] = payload[16..].first_chunk()?;
    let address = Ipv6Addr::from(*octets);
    let usable = !address.is_multicast() && !address.is_unspecified();
    usable.then(|| LocalEnd::new(address.into(), u32::from_ne_bytes(*interface)))
}

/// Seconds and nanoseconds, 64 bits each; zero if only the hardware stamped the datagram.
fn software_stamp(payload: &[u8]) -> Option<Duration> {
    let payload: &[u8; STAMP_PAYLOAD_BYTES] = payload.first_chunk()?;
    let seconds = u64::try_from(i64::from_ne_bytes(*payload.first_chunk()?)).ok()?;
    let nanoseconds = u32::try_from(i64::from_ne_bytes(*payload[8..].first_chunk()?)).ok()?;
    (seconds > 0 && nanoseconds < 1_000_000_000).then(|| Duration::new(seconds, nanoseconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOPBACK: &str = "127.0.0.1";

    fn destination_of(messages: &ControlMessages, written_bytes: usize) -> Option<LocalEnd> {
        let destination = messages.destination(written_bytes);
        assert_eq!(messages.control_data(written_bytes), ControlData { destination, arrived: None });
        destination
    }

    fn there_and_back(local: LocalEnd) -> Option<LocalEnd> {
        let mut messages = ControlMessages::EMPTY;
        let length_bytes = messages.set_source(local);
        assert!(
            length_bytes <= ControlMessages::ROOM_BYTES && !ControlMessages::may_be_stamped(length_bytes)
        );
        destination_of(&messages, length_bytes)
    }

    fn stamp(seconds: i64, nanoseconds: i64) -> Vec<u8> {
        let mut payload = vec![0; STAMP_PAYLOAD_BYTES];
        payload[..8].copy_from_slice(&seconds.to_ne_bytes());
        payload[8..16].copy_from_slice(&nanoseconds.to_ne_bytes());
        payload
    }

    /// Returns a time stamp followed by the packet info of `local`, as the kernel writes them, and their length.
    fn stamp_and_info(stamp: &[u8], local: LocalEnd) -> (ControlMessages, usize) {
        let (mut both, mut info) = (ControlMessages::EMPTY, ControlMessages::EMPTY);
        both.set_header(stamp.len(), libc::SOL_SOCKET, libc::SCM_TIMESTAMPING);
        let stamp_bytes = room_bytes(stamp.len());
        both.bytes[HEADER_BYTES..stamp_bytes].copy_from_slice(stamp);
        let info_bytes = info.set_source(local);
        both.bytes[stamp_bytes..][..info_bytes].copy_from_slice(&info.bytes[..info_bytes]);
        (both, stamp_bytes + info_bytes)
    }

    #[test]
    fn a_source_reads_back_as_the_destination() {
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
    fn bytes_that_the_kernel_did_not_write_are_not_read() {
        let mut messages = ControlMessages::EMPTY;
        assert_eq!(messages.control_data(ControlMessages::ROOM_BYTES), ControlData::default());
        messages.set_source(LocalEnd::new(LOOPBACK.parse().unwrap(), 0));
        for written_bytes in 0..HEADER_BYTES + V4_PAYLOAD_BYTES {
            assert_eq!(destination_of(&messages, written_bytes), None);
        }
        assert!(destination_of(&messages, HEADER_BYTES + V4_PAYLOAD_BYTES).is_some());
        assert!(destination_of(&messages, usize::MAX).is_some());
    }

    #[test]
    fn a_time_stamp_and_packet_info_of_either_family_fit_together() {
        for address in [LOOPBACK, "fe80::77"] {
            let local = LocalEnd::new(address.parse().unwrap(), 4);
            let (messages, written_bytes) = stamp_and_info(&stamp(1_700_000_000, 999_999_999), local);
            assert!(written_bytes <= ControlMessages::ROOM_BYTES);
            assert!(ControlMessages::may_be_stamped(written_bytes));
            let arrived = Some(Duration::new(1_700_000_000, 999_999_999));
            assert_eq!(
                messages.control_data(written_bytes),
                ControlData { destination: Some(local), arrived }
            );
            let cut = messages.control_data(room_bytes(STAMP_PAYLOAD_BYTES));
            assert_eq!(cut, ControlData { destination: None, arrived });
        }
    }

    #[test]
    fn an_invalid_time_is_left_out() {
        let local = LocalEnd::new(LOOPBACK.parse().unwrap(), 4);
        for (seconds, nanoseconds) in [(0, 0), (-1, 0), (1, -1), (1, 1_000_000_000)] {
            let (messages, written_bytes) = stamp_and_info(&stamp(seconds, nanoseconds), local);
            assert_eq!(
                messages.control_data(written_bytes),
                ControlData { destination: Some(local), arrived: None }
            );
        }
    }

    #[test]
    fn an_invalid_length_ends_the_parsing() {
        let local = LocalEnd::new(LOOPBACK.parse().unwrap(), 4);
        for length_bytes in [0, 1, HEADER_BYTES - 1, ROOM_BYTES + 1, usize::MAX - 3, usize::MAX] {
            let (mut messages, written_bytes) = stamp_and_info(&stamp(1, 1), local);
            messages.bytes[..8].copy_from_slice(&length_bytes.to_ne_bytes());
            assert_eq!(messages.control_data(written_bytes), ControlData::default());
        }
    }
}
