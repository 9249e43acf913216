//! The log of one partition: batches go in, get their offsets, and come out as ranges of files.
//!
//! The files are Kafka's, bit for bit, so that its tools read them and a directory can change hands. Memory per log is a few hundred
//! bytes and a line per segment; indexes stay on disk. Nothing is created before the first append.
//!
//! - [`partition_log`]: the log itself: append, roll, close. Its other operations stand in [`reading`], [`durability`], [`retain`] and
//!   [`recover`], one concern each; [`scan`] reads a segment through.
//! - [`watermarks`]: the four offsets. [`config`]: the settings. [`error`]: what can go wrong.
//! - [`segment`], [`index`]: one file of batches and the way into it. [`producers`]: who wrote last, for idempotence and transactions;
//!   [`snapshot`] is their file, and [`txn_index`] says whose transactions were aborted. [`epochs`]: whose reign began where.
//! - [`verify`]: looking through a log that is not in use, and repairing it.
//! - [`compact`]: of each key the last record is kept.
//! - [`tier`]: closed segments are copied to an object store, and then need not lie on the disk.
//! - `disk`: the store, with every failure told in words.

pub mod compact;
pub mod config;
mod disk;
pub mod durability;
pub mod epochs;
pub mod error;
pub mod index;
mod mark;
pub mod partition_log;
pub mod producers;
pub mod reading;
pub mod recover;
pub mod retain;
pub mod scan;
pub mod segment;
pub mod snapshot;
pub mod tier;
pub mod txn_index;
pub mod verify;
pub mod watermarks;
pub mod whole;
