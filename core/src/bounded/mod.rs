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
pub mod deadlines;
mod full;
pub mod list;
pub mod slab;
pub mod table;

pub use full::Full;
