//! Steering: the kernel chooses the socket of a reuseport group by the info hash in a datagram.

use std::os::fd::BorrowedFd;
use std::{fmt, io};

use crate::bpf::statement;
use crate::kernel_option::attach_reuseport_program;
use crate::limits::DATAGRAM_BYTES_MAX;

/// Bytes of a version 1 info hash (SHA-1), in the type of BPF offsets.
const HASH_BYTES: u32 = 20;
/// Half words of an info hash; each has its own key.
const HASH_WORDS: usize = HASH_BYTES as usize / 2;
/// An index outside of any group: the kernel falls back to its hash of addresses and ports, which spreads the
/// datagrams.
const NO_OWNER: u32 = u32::MAX;
/// Fixed instructions: length check 3, start value 1, reduction 3, return 1. Each half word adds four.
const INSTRUCTIONS: usize = 8 + 4 * HASH_WORDS;

/// The kernel's computation of the keyed function from an info hash to the shard that owns it: the high half of a
/// multilinear hash over ten big-endian 16-bit half words with 32-bit keys, as `SteeringKey` in `primitives` describes
/// it. The keys are secret: `Debug` does not show them.
///
/// An owner is an index into the reuseport group; the index of a socket in the group is its bind order.
#[derive(Clone, PartialEq, Eq)]
pub struct SteeringProgram {
    /// Offset of the info hash in the payload, in bytes; 16 in an announce and in a scrape (BEP 15).
    pub hash_offset: u32,
    /// Datagrams with a shorter payload, in bytes, have no owner and are spread; 36 is the shortest with a whole info
    /// hash. Raised to the end of the info hash if it is less.
    pub datagram_bytes_min: u32,
    /// Secret start value of the sum.
    pub addend: u32,
    /// Secret factor of each half word.
    pub multipliers: [u32; HASH_WORDS],
    /// Sockets in the group; owners are `0..shards`. Datagrams of owners that are not bound are spread.
    pub shards: u16,
}

impl SteeringProgram {
    fn bytes_needed(&self) -> u32 {
        self.datagram_bytes_min.max(self.hash_offset.saturating_add(HASH_BYTES))
    }

    /// Returns the classic BPF program. Its packet data begin at the UDP payload. The sum is kept in X, because loads
    /// overwrite A only.
    fn instructions(&self) -> Vec<libc::sock_filter> {
        let mut program = Vec::with_capacity(INSTRUCTIONS);
        program.push(statement(libc::BPF_LD | libc::BPF_W | libc::BPF_LEN, 0));
        let long_enough = libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K;
        program.push(libc::sock_filter { jt: 1, jf: 0, ..statement(long_enough, self.bytes_needed()) });
        program.push(statement(libc::BPF_RET | libc::BPF_K, NO_OWNER));
        program.push(statement(libc::BPF_LDX | libc::BPF_W | libc::BPF_IMM, self.addend));
        for (offset, &multiplier) in (self.hash_offset..).step_by(2).zip(&self.multipliers) {
            program.push(statement(libc::BPF_LD | libc::BPF_H | libc::BPF_ABS, offset));
            program.push(statement(libc::BPF_ALU | libc::BPF_MUL | libc::BPF_K, multiplier));
            program.push(statement(libc::BPF_ALU | libc::BPF_ADD | libc::BPF_X, 0));
            program.push(statement(libc::BPF_MISC | libc::BPF_TAX, 0));
        }
        program.push(statement(libc::BPF_ALU | libc::BPF_RSH | libc::BPF_K, 16));
        program.push(statement(libc::BPF_ALU | libc::BPF_MUL | libc::BPF_K, self.shards.into()));
        program.push(statement(libc::BPF_ALU | libc::BPF_RSH | libc::BPF_K, 16));
        program.push(statement(libc::BPF_RET | libc::BPF_A, 0));
        debug_assert_eq!(program.len(), INSTRUCTIONS);
        program
    }

    /// Attaches the program to the group of `socket`, in place of an earlier one.
    pub(crate) fn attach(&self, socket: BorrowedFd<'_>) -> io::Result<()> {
        self.check()?;
        attach_reuseport_program(socket, &mut self.instructions())
    }

    fn check(&self) -> io::Result<()> {
        let wrong = |what| Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        if self.shards == 0 {
            return wrong("steering needs at least one shard");
        }
        if self.bytes_needed() as usize > DATAGRAM_BYTES_MAX {
            return wrong("steering reads beyond the end of any datagram");
        }
        Ok(())
    }
}

impl fmt::Debug for SteeringProgram {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SteeringProgram")
            .field("hash_offset", &self.hash_offset)
            .field("datagram_bytes_min", &self.datagram_bytes_min)
            .field("shards", &self.shards)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
