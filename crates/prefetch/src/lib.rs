//! The hint that memory will be read soon.
//!
//! It lets the cache misses of many lookups overlap: each is asked for before the first is used. A load does so too,
//! but what follows it waits in the core until its line has arrived.
//!
//! The language has no safe function for it yet. This crate is that function and nothing else.

/// Asks for the cache line of the first byte of `value`.
#[inline]
pub fn prefetch_line<T: ?Sized>(value: &T) {
    let pointer = core::ptr::from_ref(value).cast::<u8>();
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch neither faults nor changes anything but the caches, whatever the address.
    #[allow(unsafe_code, reason = "the instruction takes a raw pointer")]
    unsafe {
        core::arch::x86_64::_mm_prefetch::<{ core::arch::x86_64::_MM_HINT_T0 }>(pointer.cast());
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: as above.
    #[allow(unsafe_code, reason = "the instruction takes a raw pointer")]
    unsafe {
        core::arch::asm!("prfm pldl1keep, [{}]", in(reg) pointer, options(nostack, preserves_flags, readonly));
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let _ = pointer;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_about_any_memory_does_nothing_that_a_program_can_see() {
        let bytes = [7_u8; 1000];
        prefetch_line(&bytes);
        prefetch_line(&[0_u8; 0]);
        assert_eq!(bytes, [7; 1000]);
    }
}
