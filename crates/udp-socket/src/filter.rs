//! The filter of a socket: the kernel drops packets before they are queued.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::BorrowedFd;

use libc::sock_filter;
use primitives::{
    AddressFamily, AddressRange, AddressRanges, ConnectionEpoch, FilterRules, HalfSipHash, HotTorrent,
    datagram_layout as layout,
};

use crate::bpf::{Assembler, Place, statement};
use crate::kernel_option::{attach_filter, detach_filter};
use crate::limits::FILTER_INSTRUCTIONS_MAX;

const LOAD_WORD: u32 = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
const LOAD_BYTE: u32 = libc::BPF_LD | libc::BPF_B | libc::BPF_ABS;
const LOAD_LENGTH: u32 = libc::BPF_LD | libc::BPF_W | libc::BPF_LEN;
const LOAD_CONSTANT: u32 = libc::BPF_LD | libc::BPF_IMM;
const LOAD: u32 = libc::BPF_LD | libc::BPF_MEM;
const LOAD_X: u32 = libc::BPF_LDX | libc::BPF_W | libc::BPF_MEM;
const STORE: u32 = libc::BPF_ST;
const SHIFT_LEFT: u32 = libc::BPF_ALU | libc::BPF_LSH | libc::BPF_K;
const SHIFT_RIGHT: u32 = libc::BPF_ALU | libc::BPF_RSH | libc::BPF_K;
const ADD_X: u32 = libc::BPF_ALU | libc::BPF_ADD | libc::BPF_X;
const OR_X: u32 = libc::BPF_ALU | libc::BPF_OR | libc::BPF_X;
const XOR_X: u32 = libc::BPF_ALU | libc::BPF_XOR | libc::BPF_X;
const XOR: u32 = libc::BPF_ALU | libc::BPF_XOR | libc::BPF_K;
const COPY_TO_X: u32 = libc::BPF_MISC | libc::BPF_TAX;
const EQUALS: u32 = libc::BPF_JEQ | libc::BPF_K;
const EQUALS_X: u32 = libc::BPF_JEQ | libc::BPF_X;
const AT_LEAST: u32 = libc::BPF_JGE | libc::BPF_K;

/// The data of a packet begin with the UDP header.
const PAYLOAD_AT: u32 = 8;
/// Added to offsets in the IP header. It is negative.
const NETWORK_HEADER: u32 = libc::SKF_NET_OFF.cast_unsigned();
/// Where a load returns a random number.
const RANDOM_AT: u32 = (libc::SKF_AD_OFF + libc::SKF_AD_RANDOM).cast_unsigned();
/// What the program returns for a packet that is kept whole, and for one that is dropped.
const KEPT: u32 = u32::MAX;
const DROPPED: u32 = 0;

/// The memory of a program: the state of the hash is in the first four words.
const SCRATCH: u32 = 4;
const MESSAGE_WORD: u32 = 5;

/// Makes the kernel drop what `rules` say of the datagrams to a UDP socket of this family, in place of an earlier filter. After
/// an error there is none: an earlier one would drop requests with the ids of later epochs.
/// Returns how many networks were left out.
pub(crate) fn filter_datagrams(
    socket: BorrowedFd<'_>,
    family: AddressFamily,
    rules: &FilterRules,
) -> io::Result<usize> {
    if rules.is_empty() {
        return detach_filter(socket).map(|()| 0);
    }
    attach(socket, rules.networks.count(family), |count| {
        program(family, &networks(&rules.networks, family, count), rules)
    })
}

/// Makes the kernel drop the packets that are sent to a listening TCP socket from these networks, in place of an earlier
/// filter. Connections inherit the filter that their listener has when they begin, which drops none of their packets.
///
/// # Errors
///
/// Those of the kernel.
pub fn filter_connections(
    socket: BorrowedFd<'_>,
    family: AddressFamily,
    refused: &AddressRanges,
) -> io::Result<()> {
    let count = refused.count(family);
    if count == 0 {
        return detach_filter(socket);
    }
    attach(socket, count, |count| program(family, &networks(refused, family, count), &FilterRules::default()))
        .map(drop)
}

/// Attaches a program of the networks. The kernel limits the memory of the options of a socket (`net.core.optmem_max`), in
/// which the old filter and the new one are for a moment. If both do not fit, the old one goes first, and if the new one alone
/// does not, or is longer than it may be, it has half of the networks, those given first, and so on. Returns how many were left
/// out.
fn attach(
    socket: BorrowedFd<'_>,
    all_networks: usize,
    program: impl Fn(usize) -> Vec<sock_filter>,
) -> io::Result<usize> {
    let mut networks = all_networks;
    let mut attached = attach_program(socket, &mut program(networks));
    if attached.is_err() {
        detach_filter(socket)?;
    }
    if has_no_room(&attached) {
        attached = attach_program(socket, &mut program(networks));
    }
    while has_no_room(&attached) && networks > 0 {
        networks /= 2;
        attached = attach_program(socket, &mut program(networks));
    }
    attached.map(|()| all_networks - networks)
}

fn attach_program(socket: BorrowedFd<'_>, program: &mut [sock_filter]) -> io::Result<()> {
    if program.len() > FILTER_INSTRUCTIONS_MAX {
        return Err(io::Error::new(io::ErrorKind::ArgumentListTooLong, "the filter is too long"));
    }
    attach_filter(socket, program)
}

fn has_no_room(attached: &io::Result<()>) -> bool {
    attached.as_ref().is_err_and(|error| {
        error.raw_os_error() == Some(libc::ENOMEM) || error.kind() == io::ErrorKind::ArgumentListTooLong
    })
}

/// Returns the ranges of a family that were given first. IPv4 addresses are in the highest bits, as if they were IPv6 prefixes of 32 bits.
fn networks(networks: &AddressRanges, family: AddressFamily, count: usize) -> Vec<AddressRange<u128>> {
    let widened = |range: &AddressRange<u32>| AddressRange {
        first: u128::from(range.first) << 96,
        last: u128::from(range.last) << 96 | u128::MAX >> 32,
    };
    match family {
        AddressFamily::V4 => networks.first_v4(count).map(widened).collect(),
        AddressFamily::V6 => networks.first_v6(count).copied().collect(),
    }
}

/// Returns the classic BPF program that computes [`FilterRules::passes`]. A load beyond the end of a packet would drop it, so
/// that each is preceded by a check of the length. The kernel requires the IP header to be whole before a socket is found.
fn program(family: AddressFamily, networks: &[AddressRange<u128>], rules: &FilterRules) -> Vec<sock_filter> {
    let mut assembler = Assembler::new();
    let dropped = assembler.returned(DROPPED);
    let passed = assembler.returned(KEPT);
    let mut writer = Writer { assembler, source: Source::of(family), dropped };
    let mut first = passed;
    if let Some(hot) = rules.hot {
        first = writer.hot_torrent(&hot, first);
    }
    if let Some(epochs) = &rules.epochs {
        first = writer.connection_ids(epochs, first);
    }
    let first = writer.networks(0, networks, first);
    writer.assembler.finish(first)
}

/// Where the source address is in the IP header.
#[derive(Clone, Copy)]
struct Source {
    at: u32,
    words: u32,
}

impl Source {
    const fn of(family: AddressFamily) -> Self {
        match family {
            AddressFamily::V4 => Self { at: 12, words: 1 },
            AddressFamily::V6 => Self { at: 8, words: 4 },
        }
    }

    const fn load(self, word: u32) -> (u32, u32) {
        (LOAD_WORD, NETWORK_HEADER.wrapping_add(self.at + 4 * word))
    }
}

/// Writes the parts of a program, the last one first. Each returns the place where it begins, and continues at `next` with
/// what passes.
struct Writer {
    assembler: Assembler,
    source: Source,
    dropped: Place,
}

/// What happens to the addresses from one value of a word on.
enum Segment {
    Passed,
    Dropped,
    /// Their next word decides.
    Deeper(Vec<AddressRange<u128>>),
}

impl Writer {
    fn statements(&mut self, instructions: &[(u32, u32)], next: Place) -> Place {
        let instructions: Vec<_> = instructions.iter().map(|&(code, k)| statement(code, k)).collect();
        self.assembler.sequence(&instructions, next)
    }

    /// Drops the sources in ranges that share the words before this one: a binary search of the word.
    fn networks(&mut self, word: u32, ranges: &[AddressRange<u128>], next: Place) -> Place {
        let segments = segments(word, ranges);
        let mut places = Vec::with_capacity(segments.len());
        for (first, segment) in segments {
            let place = match segment {
                Segment::Passed => next,
                Segment::Dropped => self.dropped,
                Segment::Deeper(ranges) => self.networks(word + 1, &ranges, next),
            };
            places.push((first, place));
        }
        let search = self.search(&places);
        if search == next {
            return next;
        }
        self.statements(&[self.source.load(word)], search)
    }

    fn search(&mut self, places: &[(u32, Place)]) -> Place {
        let (low, high) = places.split_at(places.len() / 2);
        match (low, high) {
            (_, [(_, place)]) if low.is_empty() => *place,
            (_, [(first, _), ..]) => {
                let (low, high) = (self.search(low), self.search(high));
                self.assembler.branch(AT_LEAST, *first, high, low)
            }
            (_, []) => self.dropped,
        }
    }

    /// Drops what has no connection id of its source, and is no connect.
    fn connection_ids(&mut self, epochs: &[ConnectionEpoch; 3], next: Place) -> Place {
        let id_at = PAYLOAD_AT + layout::CONNECTION_ID_AT;
        let compare = self.assembler.branch(EQUALS_X, 0, next, self.dropped);
        let load = (LOAD_WORD, id_at + ConnectionEpoch::FIRST_WORD_AT);
        let compare = self.statements(&[(COPY_TO_X, 0), load], compare);
        let hash = self.statements(&hash(self.source), compare);
        let mut request = self.dropped;
        for epoch in epochs {
            let [v0, v1, v2, v3] = epoch.hash().state();
            let state = [(0, v0), (1, v1), (2, v2), (3, v3)];
            let state = state.map(|(place, value)| [(LOAD_CONSTANT, value), (STORE, place)]);
            let state = self.statements(state.as_flattened(), hash);
            request = self.assembler.branch(EQUALS, epoch.low_byte().into(), state, request);
        }
        let request = self.statements(&[(LOAD_BYTE, id_at)], request);
        let [high, low] = layout::PROTOCOL_ID;
        let connect = self.words(id_at, &[high, low], next, self.dropped);
        let action = self.assembler.branch(EQUALS, layout::CONNECT, connect, request);
        let action = self.statements(&[(LOAD_WORD, PAYLOAD_AT + layout::ACTION_AT)], action);
        self.at_least(layout::REQUEST_BYTES_MIN, action, self.dropped)
    }

    /// Drops all but a share of the requests for a torrent.
    fn hot_torrent(&mut self, hot: &HotTorrent, next: Place) -> Place {
        let share = self.assembler.branch(AT_LEAST, hot.passed, self.dropped, next);
        let share = self.statements(&[(LOAD_WORD, RANDOM_AT)], share);
        let (words, _) = hot.info_hash.0.as_chunks();
        let words: Vec<u32> = words.iter().copied().map(u32::from_be_bytes).collect();
        let torrent = self.words(PAYLOAD_AT + layout::INFO_HASH_AT, &words, share, next);
        let scrape = self.assembler.branch(EQUALS, layout::SCRAPE, torrent, next);
        let announce = self.assembler.branch(EQUALS, layout::ANNOUNCE, torrent, scrape);
        let action = self.statements(&[(LOAD_WORD, PAYLOAD_AT + layout::ACTION_AT)], announce);
        self.at_least(layout::HASHED_BYTES_MIN, action, next)
    }

    /// Compares words of the packet.
    fn words(&mut self, at: u32, words: &[u32], equal: Place, other: Place) -> Place {
        (at..).step_by(4).zip(words).collect::<Vec<_>>().into_iter().rev().fold(
            equal,
            |equal, (at, &word)| {
                let compare = self.assembler.branch(EQUALS, word, equal, other);
                self.statements(&[(LOAD_WORD, at)], compare)
            },
        )
    }

    /// Checks the length of the payload.
    fn at_least(&mut self, payload_bytes: u32, enough: Place, too_short: Place) -> Place {
        let compare = self.assembler.branch(AT_LEAST, PAYLOAD_AT + payload_bytes, enough, too_short);
        self.statements(&[(LOAD_LENGTH, 0)], compare)
    }
}

/// Divides the values of a word by what happens to addresses with them. The ranges share the words before it.
fn segments(word: u32, ranges: &[AddressRange<u128>]) -> Vec<(u32, Segment)> {
    let shift = 96 - 32 * word;
    let rest = (1_u128 << shift) - 1;
    let value = |address: u128| (address >> shift) & u128::from(u32::MAX);
    let mut segments = BTreeMap::from([(0, Segment::Passed)]);
    for &range in ranges {
        let (first, last) = (value(range.first), value(range.last));
        let (begins_whole, ends_whole) = (range.first & rest == 0, range.last & rest == rest);
        if first == last && !(begins_whole && ends_whole) {
            deepen(&mut segments, first, range);
            continue;
        }
        if !begins_whole {
            deepen(&mut segments, first, AddressRange { first: range.first, last: range.first | rest });
        }
        let whole = first + u128::from(!begins_whole)..last + u128::from(ends_whole);
        if !whole.is_empty() {
            segments.insert(whole.start, Segment::Dropped);
            segments.insert(whole.end, Segment::Passed);
        }
        if !ends_whole {
            deepen(&mut segments, last, AddressRange { first: range.last & !rest, last: range.last });
        }
    }
    segments.into_iter().filter_map(|(first, segment)| Some((u32::try_from(first).ok()?, segment))).collect()
}

/// Adds a part of the addresses with one value.
fn deepen(segments: &mut BTreeMap<u128, Segment>, value: u128, part: AddressRange<u128>) {
    if let Some(Segment::Deeper(parts)) = segments.get_mut(&value) {
        parts.push(part);
        return;
    }
    segments.insert(value, Segment::Deeper(vec![part]));
    segments.entry(value + 1).or_insert(Segment::Passed);
}

/// Computes the first word of the hash of the source address in A. The state after the epoch is in memory.
fn hash(source: Source) -> Vec<(u32, u32)> {
    let mut code = Vec::new();
    for word in 0..source.words {
        code.extend([source.load(word), (STORE, MESSAGE_WORD), (LOAD_X, 3), (XOR_X, 0), (STORE, 3)]);
        rounds(&mut code, 2);
        code.extend([(LOAD, 0), (LOAD_X, MESSAGE_WORD), (XOR_X, 0), (STORE, 0)]);
    }
    let last_word = HalfSipHash::last_word(1 + source.words);
    code.extend([(LOAD, 3), (XOR, last_word), (STORE, 3)]);
    rounds(&mut code, 2);
    code.extend([(LOAD, 0), (XOR, last_word), (STORE, 0)]);
    code.extend([(LOAD, 2), (XOR, HalfSipHash::END), (STORE, 2)]);
    rounds(&mut code, 4);
    code.extend([(LOAD, 1), (LOAD_X, 3), (XOR_X, 0)]);
    code
}

fn rounds(code: &mut Vec<(u32, u32)>, rounds: usize) {
    for _ in 0..rounds {
        add(code, 0, 1);
        rotate_and_xor(code, 1, 5, 0);
        rotate(code, 0, 16);
        add(code, 2, 3);
        rotate_and_xor(code, 3, 8, 2);
        add(code, 0, 3);
        rotate_and_xor(code, 3, 7, 0);
        add(code, 2, 1);
        rotate_and_xor(code, 1, 13, 2);
        rotate(code, 2, 16);
    }
}

fn add(code: &mut Vec<(u32, u32)>, to: u32, from: u32) {
    code.extend([(LOAD, to), (LOAD_X, from), (ADD_X, 0), (STORE, to)]);
}

fn rotate(code: &mut Vec<(u32, u32)>, word: u32, bits: u32) {
    code.extend([(LOAD, word), (SHIFT_LEFT, bits), (STORE, SCRATCH), (LOAD, word)]);
    code.extend([(SHIFT_RIGHT, 32 - bits), (LOAD_X, SCRATCH), (OR_X, 0), (STORE, word)]);
}

fn rotate_and_xor(code: &mut Vec<(u32, u32)>, word: u32, bits: u32, other: u32) {
    rotate(code, word, bits);
    code.extend([(LOAD_X, other), (XOR_X, 0), (STORE, word)]);
}

#[cfg(test)]
mod tests;
