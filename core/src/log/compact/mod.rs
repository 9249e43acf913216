//! Compaction: of each key the last record is kept. Source: `LogCleaner`, `Cleaner`; KIP-58, KIP-534, KIP-671.
//!
//! ```text
//!  log start            first dirty                       upper     active
//!  |  clean: one record a key  |  dirty: read into the key map  |  not yet  |
//!  |<------- read once more, and written without what is superseded ------>|
//! ```
//! It is a [`job::Compaction`], a value that does a piece of work at each step, with a store of its own: closed segments never change, so
//! nothing of it needs the log, and appends and reads go on beside it. Only two things are done by the log: to say what there is to be
//! done, and to put a finished segment in the place of those that it stands for.
//!
//! - [`plan`]: what may be compacted, and whether it is worth it. [`job`]: the steps. [`swap`]: the exchange.
//! - [`key_map`]: which offset is the last of a key. `transactions`: which records were aborted, and which markers are still needed.
//! - `clean`: what becomes of one batch. [`error`]: what can go wrong.

pub(super) mod clean;
pub mod error;
pub mod job;
pub mod key_map;
pub mod plan;
pub mod swap;
pub(super) mod transactions;
