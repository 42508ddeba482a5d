//! A heap slice whose elements may be pointed to while the owner is moved and borrowed.

use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

/// An owned slice that never moves. Unlike with a `Box`, a raw pointer into it stays valid when the owner is moved or
/// the slice is borrowed later: every access is derived from the one raw pointer created in [`Self::new`].
pub(crate) struct StableSlice<T> {
    elements: NonNull<[T]>,
}

impl<T> StableSlice<T> {
    pub(crate) fn new(elements: Box<[T]>) -> Self {
        Self { elements: NonNull::from(Box::leak(elements)) }
    }

    /// Returns a pointer to the element at `index`, valid as long as the slice. It must not be used while a reference
    /// to the element is in use.
    ///
    /// # Panics
    ///
    /// If `index` is outside of the slice.
    pub(crate) fn pointer_to(&mut self, index: usize) -> *mut T {
        assert!(index < self.elements.len(), "a pointer is only taken to an element of the slice");
        // SAFETY: the assertion guarantees that the element is inside of the allocation.
        unsafe { self.elements.cast::<T>().as_ptr().add(index) }
    }
}

impl<T> Deref for StableSlice<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: the elements are owned and initialised, and borrowed for as long as the owner is.
        unsafe { self.elements.as_ref() }
    }
}

impl<T> DerefMut for StableSlice<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as in `deref`, and the owner is borrowed exclusively.
        unsafe { self.elements.as_mut() }
    }
}

impl<T> Drop for StableSlice<T> {
    fn drop(&mut self) {
        // SAFETY: the pointer came from a leaked box in `new` and is freed only here.
        drop(unsafe { Box::from_raw(self.elements.as_ptr()) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_stays_valid_across_moves_and_borrows() {
        let mut slice = StableSlice::new(vec![1_u8, 2, 3].into());
        let pointer = slice.pointer_to(1);
        slice[1] = 5;
        let moved = Box::new(slice);
        // SAFETY: the slice is alive, and no reference to its elements is in use.
        unsafe { *pointer += 1 };
        assert_eq!(moved[..], [1, 6, 3]);
    }

    #[test]
    #[should_panic(expected = "only taken to an element")]
    fn a_pointer_past_the_end_is_never_created() {
        StableSlice::new(vec![0_u8; 4].into()).pointer_to(4);
    }
}
