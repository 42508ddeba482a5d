use crate::deadline::Deadline;
use crate::limits::INLINE_PEERS;
use crate::peer_index::PeerIndex;
use core::marker::PhantomData;
use primitives::PeerReference;
use zerocopy::{FromBytes, IntoBytes};

/// Where the peers of a swarm are stored.
#[derive(Debug)]
pub(crate) enum Storage<A> {
    /// In the swarm itself, without an allocation.
    Inline(InlinePeers<A>),
    /// In one heap block.
    Block(PeerBlock<A>),
}

#[derive(Debug)]
pub(crate) struct InlinePeers<A> {
    references: [A; INLINE_PEERS],
    deadlines: [Deadline; INLINE_PEERS],
}

/// One allocation with three columns of the same capacity: references, deadlines, tags.
#[derive(Debug)]
pub(crate) struct PeerBlock<A> {
    bytes: Box<[u8]>,
    pub(crate) index: Option<Box<PeerIndex>>,
    family: PhantomData<A>,
}

/// The columns of a swarm's peers, as long as its capacity. Inline peers have no tags.
#[derive(Debug)]
pub(crate) struct Columns<'a, A> {
    pub(crate) references: &'a [A],
    pub(crate) deadlines: &'a [Deadline],
    pub(crate) tags: &'a [u8],
}

/// Mutable [`Columns`].
#[derive(Debug)]
pub(crate) struct ColumnsMut<'a, A> {
    pub(crate) references: &'a mut [A],
    pub(crate) deadlines: &'a mut [Deadline],
    pub(crate) tags: &'a mut [u8],
    pub(crate) index: Option<&'a mut PeerIndex>,
}

impl<A: PeerReference> Storage<A> {
    pub(crate) const EMPTY: Self = Self::Inline(InlinePeers {
        references: [A::UNSPECIFIED; INLINE_PEERS],
        deadlines: [Deadline::UNSET; INLINE_PEERS],
    });

    pub(crate) fn capacity(&self) -> usize {
        match self {
            Self::Inline(_) => INLINE_PEERS,
            Self::Block(block) => block.capacity(),
        }
    }

    /// Memory outside of the swarm itself, in bytes.
    pub(crate) fn heap_bytes(&self) -> usize {
        match self {
            Self::Inline(_) => 0,
            Self::Block(block) => {
                block.bytes.len() + block.index.as_ref().map_or(0, |index| index.heap_bytes())
            }
        }
    }

    pub(crate) fn index(&self) -> Option<&PeerIndex> {
        match self {
            Self::Inline(_) => None,
            Self::Block(block) => block.index.as_deref(),
        }
    }

    pub(crate) fn columns(&self) -> Columns<'_, A> {
        match self {
            Self::Inline(inline) => {
                Columns { references: &inline.references, deadlines: &inline.deadlines, tags: &[] }
            }
            Self::Block(block) => block.columns(),
        }
    }

    pub(crate) fn columns_mut(&mut self) -> ColumnsMut<'_, A> {
        match self {
            Self::Inline(inline) => ColumnsMut {
                references: &mut inline.references,
                deadlines: &mut inline.deadlines,
                tags: &mut [],
                index: None,
            },
            Self::Block(block) => block.columns_mut(),
        }
    }

    /// Moves the first `peers` into storage for at least `capacity`. `tag` computes tags for peers that had none.
    pub(crate) fn resize(&mut self, peers: usize, capacity: usize, tag: impl Fn(&A) -> u8) {
        debug_assert!(peers <= capacity, "the peers fit the new capacity");
        let mut target =
            if capacity <= INLINE_PEERS { Self::EMPTY } else { Self::Block(PeerBlock::new(capacity)) };
        let from = self.columns();
        let to = target.columns_mut();
        to.references[..peers].copy_from_slice(&from.references[..peers]);
        to.deadlines[..peers].copy_from_slice(&from.deadlines[..peers]);
        if from.tags.is_empty() {
            for (to, peer) in to.tags.iter_mut().zip(&from.references[..peers]) {
                *to = tag(peer);
            }
        } else if !to.tags.is_empty() {
            to.tags[..peers].copy_from_slice(&from.tags[..peers]);
        }
        if let (Self::Block(from), Self::Block(to)) = (&mut *self, &mut target) {
            to.index = from.index.take();
        }
        *self = target;
    }
}

impl<A: PeerReference> PeerBlock<A> {
    /// Bytes of one peer in all columns.
    const PEER_BYTES: usize = A::BYTES + size_of::<Deadline>() + 1;

    fn new(capacity: usize) -> Self {
        let bytes = allocation_class(capacity * Self::PEER_BYTES);
        Self { bytes: vec![0; bytes].into_boxed_slice(), index: None, family: PhantomData }
    }

    fn capacity(&self) -> usize {
        self.bytes.len() / Self::PEER_BYTES
    }

    pub(crate) fn columns(&self) -> Columns<'_, A> {
        let capacity = self.capacity();
        let (references, rest) = self.bytes.split_at(capacity * A::BYTES);
        let (deadlines, rest) = rest.split_at(capacity * size_of::<Deadline>());
        Columns {
            references: <[A]>::ref_from_bytes(references).expect("a whole number of references, unaligned"),
            deadlines: <[Deadline]>::ref_from_bytes(deadlines)
                .expect("a whole number of deadlines, unaligned"),
            tags: &rest[..capacity],
        }
    }

    fn columns_mut(&mut self) -> ColumnsMut<'_, A> {
        let capacity = self.capacity();
        let (references, rest) = self.bytes.split_at_mut(capacity * A::BYTES);
        let (deadlines, rest) = rest.split_at_mut(capacity * size_of::<Deadline>());
        ColumnsMut {
            references: <[A]>::mut_from_bytes(references).expect("a whole number of references, unaligned"),
            deadlines: <[Deadline]>::mut_from_bytes(deadlines)
                .expect("a whole number of deadlines, unaligned"),
            tags: &mut rest[..capacity],
            index: self.index.as_deref_mut(),
        }
    }
}

impl<A: PeerReference> Columns<'_, A> {
    /// Returns the bytes of the references at `positions`, in the form that replies have.
    pub(crate) fn compact(&self, positions: core::ops::Range<usize>) -> &[u8] {
        self.references[positions].as_bytes()
    }
}

/// The size that the allocator uses for `bytes` anyway: multiples of 16, and from 128 on four steps per power of two.
/// A smaller block would waste the rest of its size class. A step of 14 to 25 % is also how a swarm grows.
fn allocation_class(bytes: usize) -> usize {
    let step = (bytes.next_power_of_two() / 8).max(16);
    bytes.next_multiple_of(step)
}

#[cfg(test)]
mod tests {
    use super::*;
    use primitives::{CompactIpv4, CompactIpv6};

    #[test]
    fn allocation_classes_are_16_bytes_apart_and_then_four_to_a_power_of_two() {
        let classes = [(1, 16), (27, 32), (36, 48), (63, 64), (65, 80), (128, 128), (129, 160), (1000, 1024)];
        for (bytes, class) in classes {
            assert_eq!(allocation_class(bytes), class, "{bytes}");
        }
        assert_eq!(allocation_class(1025), 1280);
    }

    #[test]
    fn a_block_of_ipv4_peers_takes_9_bytes_a_peer_and_one_of_ipv6_peers_21() {
        assert_eq!(PeerBlock::<CompactIpv4>::new(7).bytes.len(), 64);
        assert_eq!(PeerBlock::<CompactIpv4>::new(7).capacity(), 7);
        assert_eq!(PeerBlock::<CompactIpv6>::new(3).bytes.len(), 64);
        assert_eq!(PeerBlock::<CompactIpv6>::new(3).capacity(), 3);
    }
}
