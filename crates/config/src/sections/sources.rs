//! `[sources]`: what one source of requests may do, and when it is banned.

use std::ops::RangeInclusive;

use ipnet::IpNet;
use serde::de::Error;

use crate::declare::section;
use crate::limits::{NETWORKS_MAX, PREFIX_LEVELS_MAX};
use crate::values::integer::integer;
use crate::values::list::list;
use crate::values::{Fault, Json, Value, Written, networks, wrong_type};

section! {
    /// Limits for each source of requests: an address, and the prefixes that contain it.
    pub struct Sources;

    /// The lengths of the prefixes of IPv4 addresses to which the limits below apply, the longest first.
    ///
    /// Allowed: a list of 1 to 3 lengths of 8 to 32 bits, each shorter than the one before.
    ///
    /// A source must be within its limits at each length; `wider_prefix_factor` raises them for the second and the
    /// third. The first also applies to `http.connections_per_prefix_max`. 32 limits each address separately; 24 also
    /// limits those who have a whole network of addresses.
    ipv4_prefix_bits: PrefixBits = PrefixBits(vec![32, 24]), PrefixBits::reader(8..=32);

    /// The lengths of the prefixes of IPv6 addresses to which the limits below apply, the longest first.
    ///
    /// Allowed: a list of 1 to 3 lengths of 16 to 128 bits, each shorter than the one before.
    ///
    /// A household has at least 2^64 addresses, and usually a network of 56 or 48 bits. With only longer prefixes, one
    /// client can count as many; with only shorter ones, neighbours share one limit.
    ipv6_prefix_bits: PrefixBits = PrefixBits(vec![64, 56, 48]), PrefixBits::reader(16..=128);

    /// How many times the limits of a prefix apply to the next shorter one.
    ///
    /// Allowed: 1 to 65536 times.
    ///
    /// With the default, all addresses of an IPv4 network of 24 bits together may send 8 times what one address may.
    /// Raise it where many clients share a network; with 1, the shorter prefix has the same limits as one address.
    // Minimum: a prefix sends at least what one of its addresses sends.
    // Maximum: the number of addresses in an IPv4 network of 16 bits: no limit of an address is reached before.
    wider_prefix_factor: u32 = 8, integer(1..=65_536);

    /// The maximum number of requests per second of one source, over all protocols and cores.
    ///
    /// Allowed: 0 to 10000000 requests per second; 0 sets no limit.
    ///
    /// UDP requests beyond the limit are dropped; HTTP and WebSocket clients are told when to retry. A client sends two
    /// requests an hour for each torrent: the default serves hundreds of clients with thousands of torrents each behind
    /// one address.
    // Maximum: no machine answers more.
    requests_per_s: u32 = 500, integer(0..=RATE_MAX);

    /// The maximum number of peers per second that one source may add to swarms.
    ///
    /// Allowed: 0 to 10000000 peers per second; 0 sets no limit.
    ///
    /// A peer beyond the limit receives peers, but is not stored; nobody is banned for that. An honest client adds each of
    /// its torrents once after it was started: with the default, one with 12,000 torrents may add them all at once.
    new_peers_per_s: u32 = 200, integer(0..=RATE_MAX);

    /// The maximum number of torrents per second that one source may begin: torrents that have no peers yet.
    ///
    /// Allowed: 0 to 10000000 torrents per second; 0 sets no limit.
    ///
    /// A torrent beyond the limit is answered without peers, and not stored; nobody is banned for that. This keeps one host
    /// from filling the memory with made-up torrents. A seeder that is alone begins each of its torrents after it was
    /// started: with the default, 12,000 at once.
    new_torrents_per_s: u32 = 200, integer(0..=RATE_MAX);

    /// The maximum number of TCP connections per second from one source.
    ///
    /// Allowed: 0 to 10000000 connections per second; 0 sets no limit. It does not apply to the networks in
    /// `proxy.trusted`.
    ///
    /// Connections beyond the limit are closed at once. It also applies to the management API. Many clients open a connection
    /// for each announce: with the default, one with 12,000 torrents may announce them all at once.
    connections_per_s: u32 = 200, integer(0..=RATE_MAX);

    /// The maximum number of TLS handshakes per second of one source.
    ///
    /// Allowed: 0 to 10000000 handshakes per second; 0 sets no limit. It does not apply to the networks in
    /// `proxy.trusted`.
    ///
    /// Connections beyond the limit are closed before the handshake begins. A handshake costs up to a millisecond of a
    /// core, depending on the type of the certificate's key. With the default, a client with 6,000 torrents may announce them
    /// all at once, with a connection for each.
    handshakes_per_s: u32 = 100, integer(0..=RATE_MAX);

    /// How long a source may be idle and then use at once what it did not use before.
    ///
    /// Allowed: 1 to 3600 seconds of each of the limits above.
    ///
    /// With the default, a source that was idle for a minute may send 60 times `requests_per_s` at once. A longer time
    /// admits clients that announce thousands of torrents together, such as after their start, and admits an attacker's
    /// beginning as well.
    // Minimum: the limits are per second.
    // Maximum: clients announce about twice an hour.
    burst_s: u32 = 60, integer(1..=3600);

    /// The maximum number of UDP requests per second without a valid connection id on each core, from all sources
    /// together.
    ///
    /// Allowed: 0 to 100000000 requests per second; 0 sets no limit.
    ///
    /// A core answers about 250,000 of them per second, and the default leaves it some time for announces and scrapes. A
    /// lower limit leaves it more, and makes more clients wait for a connection id during a flood.
    ///
    /// The source of such requests may be made up, so they count against no address. Where there are more, sources
    /// whose shortest prefix sends most of them are dropped first; others still obtain a connection id.
    // Maximum: no machine receives more.
    unproved_per_s: u32 = 200_000, integer(0..=100_000_000);

    /// The number of limits that the tracker remembers. Each source takes one for each kind of request and each length
    /// of its prefixes.
    ///
    /// Allowed: 65536 to 134217728 limits, of 8 bytes each. They are allocated at the start.
    ///
    /// When more are in use, the least active sources are forgotten, and may begin again with a whole burst.
    // Minimum: a few thousand sources at a time.
    // Maximum: 1 GiB, which remembers more than ten million sources.
    sources_max: usize = 1_048_576, integer(65_536..=134_217_728);

    /// The networks whose clients have no limits and are never banned temporarily.
    ///
    /// Allowed: a list of 0 to 256 different networks such as `["10.0.0.0/8", "2001:db8::/32"]`, or single addresses.
    ///
    /// List monitoring and the hosts of your own services. Networks in `proxy.trusted` need not be listed: the limits apply
    /// to the clients that a proxy reports, and not to its connections or its use of the management API. Private networks are
    /// never banned temporarily, but have limits unless they are listed.
    allow: Vec<IpNet> = networks::loopback(), list(0..=NETWORKS_MAX);

    /// How long a source must send more than twice what it may before it is banned temporarily.
    ///
    /// Allowed: 1 to 3600 seconds.
    ///
    /// Only requests with a proved address count. A shorter time bans sooner; a longer one forgives clients that are
    /// misconfigured for a moment.
    // Minimum: sources are looked at once a second.
    ban_after_s: u32 = 10, integer(1..=3600);

    /// How long the first temporary ban of a source lasts. Each further ban within a day after the end of the last one
    /// lasts four times as long.
    ///
    /// Allowed: 0 to 2592000 seconds (30 days); 0 bans no source. At most `ban_s_max`.
    ///
    /// Requests of a banned source are dropped before they cost anything. Temporary bans are listed and lifted through
    /// the management API; they are forgotten when the tracker stops.
    // Maximum: the owner of an address changes.
    ban_s: u32 = 60, integer(0..=2_592_000);

    /// The longest temporary ban.
    ///
    /// Allowed: 1 to 2592000 seconds (30 days).
    ///
    /// Many addresses get a different owner every day: a longer ban is more likely to concern someone else. Bans of the
    /// management API may last longer.
    // Maximum: the owner of an address changes.
    ban_s_max: u32 = 86_400, integer(1..=2_592_000);

    /// The maximum number of temporary bans.
    ///
    /// Allowed: 1 to 16384 bans.
    ///
    /// Beyond it, the automatic ban that ends first gives way to the next one, and an operator's only if there is no
    /// automatic one. Every core searches them for each request, and the kernel's filter holds as many as fit.
    // Maximum: a quarter of the networks that the cores can refuse; the others are for stored bans.
    bans_max: usize = 4096, integer(1..=16_384);
}

/// More than any machine serves.
const RATE_MAX: u64 = 10_000_000;

/// The lengths of prefixes in bits, the longest first. There are one to [`PREFIX_LEVELS_MAX`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrefixBits(Vec<u8>);

impl PrefixBits {
    /// Returns the lengths, the longest first.
    pub fn lengths(&self) -> &[u8] {
        &self.0
    }

    /// Reads a list of lengths within the range; a single one needs no list.
    fn reader(range: RangeInclusive<u64>) -> impl FnOnce(&Value<'_>) -> Result<Self, Fault> {
        move |value: &Value<'_>| {
            let expected = format!(
                "a list of 1 to {PREFIX_LEVELS_MAX} lengths from {} to {} bits, each shorter than the one before",
                range.start(),
                range.end()
            );
            let length = |value: &Value<'_>| integer(range.clone())(value);
            let lengths: Vec<u8> = match value {
                Value::Array(values) => {
                    values.iter().map(|value| length(value.get_ref())).collect::<Result<_, _>>()?
                }
                Value::Integer(_) => vec![length(value)?],
                _ => return Err(wrong_type(value, &expected)),
            };
            if !(1..=PREFIX_LEVELS_MAX).contains(&lengths.len()) {
                return Err(Fault::invalid_length(lengths.len(), &expected.as_str()));
            }
            match lengths.windows(2).find(|pair| pair[0] <= pair[1]) {
                Some(pair) => {
                    let reason = format!("{} is not shorter than {}", pair[1], pair[0]);
                    Err(Fault::custom(format_args!("{reason}, expected {expected}")))
                }
                None => Ok(Self(lengths)),
            }
        }
    }
}

impl Written for PrefixBits {
    fn written(&self) -> Json {
        self.0.as_slice().into()
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{assert_refused, load_environment, load_text};

    #[test]
    fn one_to_three_lengths_are_accepted_and_a_single_one_needs_no_list() {
        for (written, lengths) in [("[32, 24, 16]", &[32, 24, 16][..]), ("[8]", &[8]), ("24", &[24])] {
            let sources = load_text(&format!("sources.ipv4_prefix_bits = {written}")).unwrap().sources;
            assert_eq!(sources.ipv4_prefix_bits.lengths(), lengths);
        }
        let variable = ("RINGTRACK_SOURCES_IPV6_PREFIX_BITS", "128,64");
        assert_eq!(load_environment(&[variable]).unwrap().sources.ipv6_prefix_bits.lengths(), [128, 64]);
    }

    #[test]
    fn other_lists_of_lengths_are_refused_with_what_is_allowed() {
        let list = "a list of 1 to 3 lengths from 8 to 32 bits, each shorter than the one before";
        for (written, part) in [
            ("[]", list),
            ("[32, 24, 16, 8]", list),
            ("\"32\"", list),
            ("[24, 32]", "32 is not shorter than 24"),
            ("[24, 24]", list),
            ("[33]", "an integer from 8 to 32"),
            ("7", "an integer from 8 to 32"),
        ] {
            let text = format!("[sources]\nipv4_prefix_bits = {written}\n");
            assert_refused(&text, 2, &["sources.ipv4_prefix_bits", part]);
        }
        let text = "[sources]\nipv6_prefix_bits = [129, 64]\n";
        assert_refused(text, 2, &["sources.ipv6_prefix_bits", "an integer from 16 to 128"]);
    }
}
