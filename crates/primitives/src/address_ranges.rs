use crate::{AddressFamily, canonical_ip};
use core::net::IpAddr;

/// An inclusive range of addresses, as numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct AddressRange<A> {
    pub first: A,
    pub last: A,
}

/// A set of addresses, as ranges of each family that are sorted and do not overlap.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AddressRanges {
    v4: Ranked<u32>,
    v6: Ranked<u128>,
}

/// Ranges that are sorted and do not overlap.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Ranked<A> {
    ranges: Box<[AddressRange<A>]>,
    /// The place of each in the order in which they were given: of the first one that is part of it.
    ranks: Box<[u32]>,
}

impl<A> Default for Ranked<A> {
    fn default() -> Self {
        Self { ranges: Box::default(), ranks: Box::default() }
    }
}

impl AddressRanges {
    /// Returns the set of the addresses in these ranges.
    #[must_use]
    pub fn new(v4: Vec<AddressRange<u32>>, v6: Vec<AddressRange<u128>>) -> Self {
        Self { v4: Ranked::new(v4), v6: Ranked::new(v6) }
    }

    /// Whether an address is in the set. An IPv4-mapped IPv6 address counts as IPv4.
    #[must_use]
    pub fn contains(&self, ip: IpAddr) -> bool {
        match canonical_ip(ip) {
            IpAddr::V4(ip) => contains(self.v4(), ip.into()),
            IpAddr::V6(ip) => contains(self.v6(), ip.into()),
        }
    }

    /// Whether there is no address in the set.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.v4().is_empty() && self.v6().is_empty()
    }

    /// Returns the IPv4 addresses.
    #[must_use]
    pub const fn v4(&self) -> &[AddressRange<u32>] {
        &self.v4.ranges
    }

    /// Returns the IPv6 addresses.
    #[must_use]
    pub const fn v6(&self) -> &[AddressRange<u128>] {
        &self.v6.ranges
    }

    /// Returns how many ranges of a family there are.
    #[must_use]
    pub const fn count(&self, family: AddressFamily) -> usize {
        match family {
            AddressFamily::V4 => self.v4().len(),
            AddressFamily::V6 => self.v6().len(),
        }
    }

    /// Returns the `count` ranges of IPv4 that were given first, sorted by address.
    pub fn first_v4(&self, count: usize) -> impl Iterator<Item = &AddressRange<u32>> {
        self.v4.first(count)
    }

    /// Returns the `count` ranges of IPv6 that were given first, sorted by address.
    pub fn first_v6(&self, count: usize) -> impl Iterator<Item = &AddressRange<u128>> {
        self.v6.first(count)
    }

    /// Returns the addresses of both, as if the ranges of `later` had been given after these.
    #[must_use]
    pub fn followed_by(&self, later: &Self) -> Self {
        Self { v4: self.v4.followed_by(&later.v4), v6: self.v6.followed_by(&later.v6) }
    }

    /// Returns the ranges that have no address in common with `others`.
    #[must_use]
    pub fn apart_from(&self, others: &Self) -> Self {
        Self { v4: self.v4.apart_from(&others.v4), v6: self.v6.apart_from(&others.v6) }
    }
}

impl<A: Copy + Ord> Ranked<A> {
    fn new(ranges: Vec<AddressRange<A>>) -> Self {
        Self::merged(ranges.into_iter().zip(0..).collect())
    }

    /// Sorts ranges and merges those that overlap.
    fn merged(mut ranked: Vec<(AddressRange<A>, u32)>) -> Self {
        ranked.sort_unstable();
        ranked.dedup_by(|(next, next_rank), (range, rank)| {
            let overlaps = next.first <= range.last;
            if overlaps {
                range.last = range.last.max(next.last);
                *rank = (*rank).min(*next_rank);
            }
            overlaps
        });
        ranked.into_iter().collect()
    }

    fn first(&self, count: usize) -> impl Iterator<Item = &AddressRange<A>> {
        let mut ranks = self.ranks.to_vec();
        ranks.sort_unstable();
        let end = ranks.get(count).copied().unwrap_or(u32::MAX);
        self.ranges.iter().zip(&self.ranks).filter(move |(_, rank)| **rank < end).map(|(range, _)| range)
    }

    fn ranked(&self) -> impl Iterator<Item = (AddressRange<A>, u32)> {
        self.ranges.iter().copied().zip(self.ranks.iter().copied())
    }

    fn followed_by(&self, later: &Self) -> Self {
        let next = self.ranks.iter().max().map_or(0, |last| last + 1);
        let later = later.ranked().map(|(range, rank)| (range, next + rank));
        Self::merged(self.ranked().chain(later).collect())
    }

    fn apart_from(&self, others: &Self) -> Self {
        let is_apart = |range: &AddressRange<A>| {
            let begun = others.ranges.partition_point(|other| other.first <= range.last);
            begun.checked_sub(1).is_none_or(|last| others.ranges[last].last < range.first)
        };
        self.ranked().filter(|(range, _)| is_apart(range)).collect()
    }
}

impl<A> FromIterator<(AddressRange<A>, u32)> for Ranked<A> {
    fn from_iter<I: IntoIterator<Item = (AddressRange<A>, u32)>>(ranked: I) -> Self {
        let (ranges, ranks): (Vec<_>, Vec<_>) = ranked.into_iter().unzip();
        Self { ranges: ranges.into(), ranks: ranks.into() }
    }
}

fn contains<A: Copy + Ord>(ranges: &[AddressRange<A>], address: A) -> bool {
    let begun = ranges.partition_point(|range| range.first <= address);
    begun.checked_sub(1).is_some_and(|last| address <= ranges[last].last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_that_follow_others_come_after_them() {
        let ranges = |pairs: &[(u32, u32)]| {
            let ranges = pairs.iter().map(|&(first, last)| AddressRange { first, last });
            AddressRanges::new(ranges.collect(), Vec::new())
        };
        let both = ranges(&[(50, 59), (30, 39)]).followed_by(&ranges(&[(70, 79), (10, 19), (35, 45)]));
        let firsts = |count| both.first_v4(count).map(|range| (range.first, range.last)).collect::<Vec<_>>();
        assert_eq!(firsts(1), [(50, 59)]);
        assert_eq!(firsts(2), [(30, 45), (50, 59)], "with what overlaps it");
        assert_eq!(firsts(3), [(30, 45), (50, 59), (70, 79)]);
        assert_eq!(firsts(9), [(10, 19), (30, 45), (50, 59), (70, 79)]);
    }

    #[test]
    fn a_range_that_shares_an_address_with_others_is_left_out() {
        let range = |(first, last)| AddressRange { first, last };
        let ranges = AddressRanges::new([(10, 19), (30, 39), (50, 59)].map(range).to_vec(), Vec::new());
        for (others, left) in [
            (vec![], vec![10, 30, 50]),
            (vec![(0, 9), (20, 29), (60, 99)], vec![10, 30, 50]),
            (vec![(0, 10)], vec![30, 50]),
            (vec![(19, 19), (59, 70)], vec![30]),
            (vec![(32, 33)], vec![10, 50]),
            (vec![(0, 99)], vec![]),
        ] {
            let others = AddressRanges::new(others.into_iter().map(range).collect(), Vec::new());
            let apart = ranges.apart_from(&others);
            assert_eq!(apart.v4().iter().map(|range| range.first).collect::<Vec<_>>(), left);
        }
    }
}
