//! Values of the tracker and their invariants: info hash, peer id, peer address, announce event.
