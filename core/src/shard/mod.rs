//! A shard: the catalogue, the groups and the logs of one broker, and the turn that carries a request through them.
//!
//! ```text
//!   decide ──► write down ──► believe ──► hold until durable or due
//!   machine     log            machine     parked
//!   step        append         replay
//! ```
//!
//! Each method of [`shard::Shard`] is a turn: one command in, its answer out, in the types of that command. Nothing waits inside a
//! turn; what must wait is [`parked`], as data, until a later turn releases it. Broker, simulator and embedder drive the same turns.
//!
//! Its turns by whose they are: `load` opens it; `turn` has those of the machines, `clients` those of records, `commit` those of the disk,
//! [`compact`] those of a compaction, which goes on beside it, [`tier`] those of work in the object store,
//! which does too, [`transactions`] those of transactions, whose markers go into many logs.

mod clients;
mod commit;
pub mod compact;
pub mod directory;
pub mod error;
pub mod fetch;
mod lead;
mod load;
mod load_catalog;
pub mod logs;
pub mod parked;
#[expect(clippy::module_inception, reason = "the room is named for what it holds")]
pub mod shard;
pub mod share;
pub mod tier;
pub mod transactions;
mod turn;
