//! A prefetch hint for memory that will be read soon.
//!
//! The cache misses of many lookups overlap if each line is requested before the first one is used. A plain load would
//! request it too, but the instructions after it wait in the core until the line has arrived.
//!
//! Rust has no safe function for it. This crate is that function and nothing else.

/// Prefetches the cache line that contains the first byte of `value`.
#[inline]
pub fn prefetch_line<T: ?Sized>(value: &T) {
    let pointer = core::ptr::from_ref(value).cast::<u8>();
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch never faults and affects only the caches, whatever the address.
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
