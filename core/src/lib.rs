//! Kafka's log and consumer groups as state machines.
//!
//! A pure core decides, writes down, believes and answers; a thin runtime carries bytes, time and durability to it. Nothing here
//! reads a clock, opens a socket, allocates without being asked, or knows a version or an error number of the wire.
//!
//! Rooms, lowest floor first; a room imports only from floors below its own:
//!
//! | floor | rooms |
//! |---|---|
//! | 5 | [`shard`] |
//! | 4 | [`catalog`] |
//! | 3 | [`log`], [`group`], [`share`] and [`txn`], side by side |
//! | 2 | [`record`], [`store`], [`machine`], [`member`] |
//! | 1 | [`ids`], [`time`], [`bounded`], [`crc`], [`wire`] |
//!
//! What belongs to no single room stands in the [`manual`]: how a turn goes, the offsets of a log, durability, files, groups.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(feature = "alloc")]
extern crate alloc;

pub mod bounded;
pub mod catalog;
pub mod crc;
pub mod envelope;
pub mod group;
pub mod ids;
pub mod log;
pub mod machine;
#[cfg(doc)]
pub mod manual;
pub mod member;
pub mod record;
pub mod shard;
pub mod share;
pub mod store;
pub mod time;
pub mod txn;
pub mod wire;
