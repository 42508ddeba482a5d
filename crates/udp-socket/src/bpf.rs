//! Classic BPF: instructions, and an assembler for programs with long jumps.

use std::collections::HashMap;

use libc::sock_filter;

/// The furthest target of a conditional jump. Its offset has 8 bits, and up to two long jumps may still come before the target.
const NEAR_MAX: usize = 250;

/// Returns an instruction that is no conditional jump.
pub(crate) fn statement(code: u32, k: u32) -> sock_filter {
    sock_filter { code: code_of(code), jt: 0, jf: 0, k }
}

fn code_of(code: u32) -> u16 {
    #[allow(clippy::cast_possible_truncation, reason = "an instruction code has 16 bits by definition")]
    let code = code as u16;
    code
}

/// A program that is written from its end to its beginning: jumps lead forward only, so that each target is known when the
/// jump is written.
pub(crate) struct Assembler {
    reversed: Vec<sock_filter>,
    /// The long jump to each target that was written last.
    long_jumps: HashMap<Place, Place>,
}

/// An instruction in a program, counted from the end.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Place(usize);

impl Assembler {
    pub(crate) fn new() -> Self {
        Self { reversed: Vec::new(), long_jumps: HashMap::new() }
    }

    /// Writes the end of the program with this result.
    pub(crate) fn returned(&mut self, result: u32) -> Place {
        self.push(statement(libc::BPF_RET | libc::BPF_K, result))
    }

    /// Writes instructions that are executed one after another, and then those at `next`.
    pub(crate) fn sequence(&mut self, instructions: &[sock_filter], next: Place) -> Place {
        if self.offset(next) > 0 {
            self.long_jump(next);
        }
        self.reversed.extend(instructions.iter().rev());
        Place(self.reversed.len())
    }

    /// Writes a comparison of A with `k`. The program continues at one place if it is true, and at the other if not.
    pub(crate) fn branch(&mut self, comparison: u32, k: u32, yes: Place, no: Place) -> Place {
        if yes == no {
            return yes;
        }
        let (yes, no) = (self.near(yes), self.near(no));
        let offset =
            |place| u8::try_from(self.offset(place)).expect("a near place is at most NEAR_MAX + 2 away");
        let (jt, jf) = (offset(yes), offset(no));
        self.push(sock_filter { code: code_of(libc::BPF_JMP | comparison), jt, jf, k })
    }

    /// Returns the program, which begins at `first`.
    pub(crate) fn finish(mut self, first: Place) -> Vec<sock_filter> {
        self.sequence(&[], first);
        self.reversed.reverse();
        self.reversed
    }

    /// Returns a place in the reach of a conditional jump that leads to `target`.
    fn near(&mut self, target: Place) -> Place {
        if self.offset(target) <= NEAR_MAX {
            return target;
        }
        match self.long_jumps.get(&target) {
            Some(&jump) if self.offset(jump) <= NEAR_MAX => jump,
            _ => self.long_jump(target),
        }
    }

    fn long_jump(&mut self, target: Place) -> Place {
        let offset = u32::try_from(self.offset(target)).expect("a program is short");
        let jump = self.push(statement(libc::BPF_JMP | libc::BPF_JA, offset));
        self.long_jumps.insert(target, jump);
        jump
    }

    /// The number of instructions between the one that is written next and a place.
    fn offset(&self, place: Place) -> usize {
        self.reversed.len() - place.0
    }

    fn push(&mut self, instruction: sock_filter) -> Place {
        self.reversed.push(instruction);
        Place(self.reversed.len())
    }
}
