//! The object store in which topics may keep their closed segments.
//!
//! ```text
//! PREFIX/<cluster id>/<topic id>/<partition>/manifest
//!                                           /<20 digits>-<32 hexadecimal digits>.log, .index, .timeindex, .txnindex, .snapshot,
//!                                                                               .leader-epoch-checkpoint
//! ```
//! The files of a segment are Kafka's own, as they lay on the disk; what a partition has here is what its manifest names, whose format
//! stands at [`millpond_core::log::tier::manifest`].
//!
//! - `cold`: the store itself: what is put, listed and deleted. `chunks`: pieces of objects that were read, kept in bounded memory.
//!   `read`: records and offsets out of such pieces. `pace`: so many bytes a second.
//! - `absent`: what there is of it where the program was built without.

pub mod error;

#[cfg(not(feature = "tiered"))]
mod absent;
#[cfg(feature = "tiered")]
mod chunks;
#[cfg(feature = "tiered")]
mod cold;
#[cfg(feature = "tiered")]
mod pace;
#[cfg(feature = "tiered")]
mod read;

#[cfg(not(feature = "tiered"))]
pub use absent::Cold;
#[cfg(feature = "tiered")]
pub use cold::Cold;
