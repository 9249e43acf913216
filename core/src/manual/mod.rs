//! Pages that belong to no single file.
//!
//! - [`turn`]: how a request is decided, written down, believed and answered.
//! - [`offsets`]: the offsets of a log on one axis, and who moves which.
//! - [`durability`]: what is on the disk when, and what a crash takes.
//! - [`disk_format`]: which files there are, whose format they have, and who reads them.
//! - [`transactions`]: what makes a transaction whole, and what of it waits for what.
//! - [`groups`]: the life of a group, and what its members see of it.

#[doc = include_str!("turn.md")]
pub mod turn {}

#[doc = include_str!("offsets.md")]
pub mod offsets {}

#[doc = include_str!("durability.md")]
pub mod durability {}

#[doc = include_str!("disk_format.md")]
pub mod disk_format {}

#[doc = include_str!("transactions.md")]
pub mod transactions {}

#[doc = include_str!("groups.md")]
pub mod groups {}
