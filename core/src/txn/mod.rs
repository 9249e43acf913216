//! Transactions: which producer may write under which transactional id, to which partitions its open transaction reaches, and how it ends.
//!
//! One [`coordinator::Coordinator`] keeps all transactions of a shard. It is a [`crate::machine::Machine`]: requests come in as
//! [`input::Input`], what must outlive it is written down as [`record::TxnRecord`] in Kafka's schema of `__transaction_state`, and
//! [`answer::Answer`]s go out. The states, and what each answers to each request, stand in [`state`].
//!
//! The coordinator decides; the markers that carry a decision into the partitions are written by whoever owns their logs, once the
//! decision is safe. When all of them are safe too, the coordinator hears of it and lets the transaction be complete.
//! Source: KIP-98, KIP-360, KIP-890; `TransactionCoordinator`.

pub mod answer;
mod begin;
mod check;
pub mod config;
pub mod coordinator;
mod end;
pub mod error;
pub mod input;
pub mod record;
mod replay;
pub mod schema;
pub mod state;
pub mod view;

#[cfg(test)]
#[cfg(feature = "alloc")]
mod txn_tests;
