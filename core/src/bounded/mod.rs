//! Memory with a stated end: lent by the caller, or grown up to a limit under `alloc`.
//!
//! Every insert can say [`Full`]; nothing here allocates unless it was built by a `grown` constructor. The two backings behave
//! alike, so a machine written over them runs on a microcontroller and on a server without knowing which.
//!
//! - [`list::List`]: a vector.
//! - [`slab::Slab`]: entries that keep their place, addressed by [`slab::Slot`]. [`table::Table`]: the same, found by hash.
//! - [`chain::Chain`]: entries of a slab or a table in an order of their own.
//! - [`bytes::ByteHeap`]: byte strings of any length in one run of memory, addressed by [`bytes::Text`].

pub mod bytes;
pub mod chain;
pub mod list;
pub mod slab;
pub mod table;

/// A container has reached the limit it was built with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

impl core::fmt::Display for Full {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("the memory set aside for this is used up")
    }
}

impl core::error::Error for Full {}
